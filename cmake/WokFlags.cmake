# WokFlags - what every C file of ours is compiled with, as the target `wok_flags`.
#
# -fexceptions is not a matter of taste: a panic unwinds the task's stack, and a file without unwind
# tables has its cleanup handlers skipped silently.  It is global, so that third-party sources that
# we compile ourselves (llhttp) can be unwound through as well.
#
# No -fPIC for the static libraries: the compiler's default (PIE here) gives local-exec
# thread-locals, which the context lookup of every await uses.

add_compile_options(-fexceptions)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-O2 -g") # optimised as shipped, with asserts; the sanitizers use -O1

# The same library wherever it is built: file names in messages (__FILE__, spawn sites) begin at the source
# tree, those in debug information at a folder of no machine, archives have no dates, and gcc names the parts
# of its bytecode by the file, not at random (wok_random_seeds).  tests/consumer/test_reproducible.sh compares
# two builds.  A debugger finds the sources with `set substitute-path /usr/src/wok FOLDER`; a build for
# developers needs no such thing.
add_compile_options("-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=")
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(debug_maps "-fdebug-prefix-map=${CMAKE_SOURCE_DIR}=/usr/src/wok"
    "-fdebug-prefix-map=${CMAKE_BINARY_DIR}=/usr/src/wok/build")
  add_compile_options(${debug_maps})
  add_link_options(${debug_maps}) # link-time optimisation writes some there
endif()
set(CMAKE_C_ARCHIVE_CREATE "<CMAKE_AR> qcD <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_C_ARCHIVE_APPEND "<CMAKE_AR> qD <TARGET> <LINK_FLAGS> <OBJECTS>")
set(CMAKE_C_ARCHIVE_FINISH "<CMAKE_RANLIB> -D <TARGET>")
if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # with link-time optimisation, which needs gcc's own
  set(CMAKE_C_ARCHIVE_CREATE_IPO "\"${CMAKE_C_COMPILER_AR}\" qcD <TARGET> <LINK_FLAGS> <OBJECTS>")
  set(CMAKE_C_ARCHIVE_APPEND_IPO "\"${CMAKE_C_COMPILER_AR}\" qD <TARGET> <LINK_FLAGS> <OBJECTS>")
  set(CMAKE_C_ARCHIVE_FINISH_IPO "\"${CMAKE_C_COMPILER_RANLIB}\" -D <TARGET>")
endif()
function(wok_random_seeds) # sources...
  foreach(source IN LISTS ARGN)
    cmake_path(ABSOLUTE_PATH source NORMALIZE)
    file(RELATIVE_PATH seed "${CMAKE_SOURCE_DIR}" "${source}")
    set_property(SOURCE "${source}" APPEND PROPERTY
      COMPILE_OPTIONS "$<$<C_COMPILER_ID:GNU>:-frandom-seed=${seed}>")
  endforeach()
endfunction()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_library(wok_flags INTERFACE)
target_compile_options(wok_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:
  -fvisibility=hidden -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wpointer-arith -Wundef>)
target_compile_definitions(wok_flags INTERFACE _GNU_SOURCE "WOK_VERSION=\"${PROJECT_VERSION}\"")
if(WOK_WERROR)
  target_compile_options(wok_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()

if(WOK_FUZZ) # what clang's fuzzer follows an input by; tests/fuzz links the fuzzer itself
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# For what reads the bytes of others: frames with buffers are checked when they are left, copies into buffers of
# known size as they are made, and no frame steps over a guard page.  libwok is what is measured in
# nanoseconds, reads nothing, and goes without.  tests/e2e/test_hardening.sh looks at the program.
add_library(wok_hardened INTERFACE)
if(NOT WOK_SANITIZE)
  target_compile_options(wok_hardened INTERFACE $<$<COMPILE_LANGUAGE:C>:
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()

if(WOK_SANITIZE)
  add_compile_options(-O1 -fsanitize=${WOK_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${WOK_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # gcc's flow warnings see the sanitizers' extra branches and report what cannot happen (its manual,
    # -fsanitize).  The plain builds judge the same lines.
    add_compile_options(-Wno-maybe-uninitialized -Wno-format-truncation -Wno-stringop-overflow
      -Wno-array-bounds)
  endif()
  if(WOK_SANITIZE MATCHES "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # gcc warns at each fence that TSan does not model it.  The two fences of the parking protocol
    # are checked by tests/model/ instead.
    add_compile_options(-Wno-tsan)
  endif()
else()
  # Free at run time: immediate binding, read-only relocations, no executable stack.
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(WOK_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT lto_works OUTPUT lto_why LANGUAGES C)
  if(lto_works)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
    if(WOK_WERROR AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
      # Two declarations of one name that do not agree, in files that no compiler sees together.
      add_link_options(-Werror=lto-type-mismatch)
    endif()
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
      # gcc writes the table of lines itself: in an object with bytecode the assembler's would begin with
      # the folder that it was started in.
      add_compile_options($<$<COMPILE_LANGUAGE:C>:-gno-as-loc-support>)
      add_link_options(-gno-as-loc-support)
    endif()
  else()
    message(WARNING "WOK_LTO is on, but this compiler cannot: ${lto_why}")
  endif()
endif()
