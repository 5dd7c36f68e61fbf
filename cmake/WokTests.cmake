# WokTests - test programs and test scripts, each one as a ctest test.
#
# tests/ mirrors the source: tests/runtime/sched/test_queue.c becomes bin/tests/runtime/sched/test_queue
# and the ctest test of the same path, and sees the private includes of its own layer only.  Scripts get
# the programs that they try in WOK_SERVER, WOK_EXAMPLES and WOK_BIN, and what is installed from
# WOK_BUILD, where the shared library is built, as in the release preset.  A script that cannot run on this
# machine says why and exits with 77, which counts as skipped, never as passed.

set(sanitizer_environment
  "ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0:$ENV{ASAN_OPTIONS}"
  "UBSAN_OPTIONS=print_stacktrace=1:$ENV{UBSAN_OPTIONS}"
  "TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:$ENV{TSAN_OPTIONS}")
if(WOK_SANITIZE)
  # With several tests at a time Criterion's runner itself sometimes leaks 48 bytes, and is reported.
  list(APPEND sanitizer_environment "CRITERION_JOBS=1")
endif()
# Criterion 2.4.1 counts a test as passed whose process reports a leak when it exits.
set(sanitizer_reports "ERROR: LeakSanitizer;ERROR: AddressSanitizer;runtime error:;WARNING: ThreadSanitizer")

# What all tests have in common; `label` is what `ctest -L` selects by.
function(wok_test_properties name label)
  set_tests_properties("${name}" PROPERTIES
    LABELS "${label}" TIMEOUT "${WOK_TEST_TIMEOUT}" SKIP_RETURN_CODE 77
    ENVIRONMENT "${sanitizer_environment};${ARGN}")
endfunction()

if(WOK_TESTS)
  file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
  list(FILTER support_sources EXCLUDE REGEX "/(standin|test_[^/]*)\\.c$")
  add_library(wok_test_support INTERFACE)
  target_include_directories(wok_test_support INTERFACE tests)
  if(WOK_TEST_STANDIN)
    add_library(wok_test_standin STATIC tests/support/standin.c)
    target_include_directories(wok_test_standin PRIVATE tests)
    target_link_libraries(wok_test_standin PRIVATE wok_flags)
    target_compile_definitions(wok_test_support INTERFACE WOK_TEST_STANDIN=1)
    target_link_libraries(wok_test_support INTERFACE wok_test_standin)
  else()
    pkg_check_modules(criterion REQUIRED IMPORTED_TARGET criterion>=2.4)
    target_link_libraries(wok_test_support INTERFACE PkgConfig::criterion)
  endif()

  if(support_sources AND TARGET wok)
    add_library(wok_test_helpers STATIC ${support_sources})
    target_include_directories(wok_test_helpers PRIVATE runtime)
    target_link_libraries(wok_test_helpers PUBLIC wok_test_support wok_runtime_api PRIVATE wok_flags)
  endif()

  file(GLOB_RECURSE test_sources RELATIVE "${CMAKE_SOURCE_DIR}/tests" CONFIGURE_DEPENDS
    tests/test_*.c)
  list(FILTER test_sources EXCLUDE REGEX "^(model|consumer|fuzz)/")
  foreach(source IN LISTS test_sources)
    string(REGEX REPLACE "/.*" "" layer "${source}")
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET source STEM stem)
    set(private "")
    set(extra "")
    set(links wok_runtime_api)
    if(layer STREQUAL "runtime")
      set(needs wok)
      set(private runtime)
    elseif(layer STREQUAL "semantics") # the public headers, and nothing else
      set(needs wok)
    elseif(source MATCHES "^server/http/")
      set(needs wok_http_codec)
      set(private server)
      list(PREPEND links wok_http_codec)
    elseif(layer STREQUAL "server")
      set(needs wok_server_lib)
      set(private server runtime) # the hooks of the simulated network
      list(PREPEND links wok_server_lib wok_atomics)
    elseif(layer STREQUAL "handlers")
      set(needs wok_handlers)
      # Handlers run against a fake exchange, which builds its requests as the codec does.  It has to
      # be an object and not in a library: it stands in for what wok_server_lib also has.
      set(private handlers server)
      set(extra tests/handlers/fake_exchange.c)
      pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson>=2.10)
      list(PREPEND links wok_handlers PkgConfig::jansson)
    elseif(layer STREQUAL "loadtest") # headers of the generator
      set(needs wok)
      set(private loadtest runtime) # the runtime's random numbers
      list(APPEND links m)
    elseif(layer STREQUAL "faults") # all of the server, and memory that is refused
      set(needs wok_handlers)
      set(private server runtime)
      set(extra tests/faults/allocations.c)
      pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson>=2.10)
      list(PREPEND links wok_handlers wok_server_lib PkgConfig::jansson OpenSSL::SSL
        -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=mmap,--wrap=wok__slab_take,--wrap=wok__stack_take)
    else() # support, e2e
      set(needs "")
    endif()
    if(needs AND NOT TARGET ${needs})
      message(STATUS "tests/${source} waits for the sources of ${needs}")
      continue()
    endif()

    if(source STREQUAL "runtime/test_visitors.c")
      list(PREPEND links -Wl,--wrap=wok__driver_wake,--wrap=wok__driver_done)
    elseif(source STREQUAL "runtime/test_last_block.c")
      list(PREPEND links -Wl,--wrap=wok__slab_give,--wrap=wok__slab_done,--wrap=wok__driver_done)
    elseif(source STREQUAL "handlers/test_busy.c")
      list(PREPEND links -Wl,--wrap=wok_worker_metrics_get m)
    endif()
    string(MAKE_C_IDENTIFIER "${folder}_${stem}" target)
    add_executable(${target} "tests/${source}" ${extra})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME "${stem}"
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/tests/${folder}")
    target_include_directories(${target} PRIVATE ${private})
    if(TARGET wok_test_helpers)
      list(PREPEND links wok_test_helpers)
    endif()
    target_link_libraries(${target} PRIVATE wok_flags wok_test_support ${links})
    add_test(NAME "${folder}/${stem}" COMMAND ${target})
    wok_test_properties("${folder}/${stem}" "${layer}")
    set_tests_properties("${folder}/${stem}" PROPERTIES FAIL_REGULAR_EXPRESSION "${sanitizer_reports}")
  endforeach()

  # Which machine the checker runs on makes no difference to it.
  if(NOT CMAKE_CROSSCOMPILING)
    add_subdirectory(tests/model)
  endif()
endif()
if((WOK_TESTS OR WOK_FUZZ) AND TARGET wok_handlers AND TARGET wok_server_lib)
  add_subdirectory(tests/fuzz)
endif()

# Scripts: they try programs, so they also exist in presets that build no test program.
file(GLOB test_scripts RELATIVE "${CMAKE_SOURCE_DIR}/tests" CONFIGURE_DEPENDS
  tests/e2e/test_*.sh tests/e2e/test_*.py tests/examples/*.sh tests/support/test_*.sh
  tests/consumer/test_*.sh tests/loadtest/test_*.sh)
foreach(script IN LISTS test_scripts)
  string(REGEX REPLACE "/.*" "" label "${script}")
  if((label STREQUAL "e2e" AND NOT TARGET wok-server) OR (label STREQUAL "examples" AND NOT TARGET wok)
     OR (label STREQUAL "consumer" AND (WOK_SANITIZE OR NOT TARGET wok_shared))
     OR (label STREQUAL "loadtest" AND (WOK_SANITIZE OR NOT TARGET wok))
     OR (label STREQUAL "support" AND (WOK_SANITIZE OR NOT WOK_TESTS)))
    continue()
  endif()
  cmake_path(REMOVE_EXTENSION script LAST_ONLY OUTPUT_VARIABLE name)
  add_test(NAME "${name}" COMMAND "${CMAKE_SOURCE_DIR}/tests/${script}"
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  wok_test_properties("${name}" "${label}"
    "WOK_BUILD=${CMAKE_BINARY_DIR}"
    "WOK_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}"
    "WOK_SERVER=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/wok-server"
    "WOK_EXAMPLES=${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/examples"
    "WOK_SANITIZE=${WOK_SANITIZE}" "CC=${CMAKE_C_COMPILER}")
  if(label STREQUAL "consumer") # two dozen compilations and links
    set_tests_properties("${name}" PROPERTIES TIMEOUT 300)
  endif()
  if(name MATCHES "/test_(manifests|rolling|sandbox)$") # schemas are fetched once; replicas drain; suites run again
    set_tests_properties("${name}" PROPERTIES TIMEOUT 240)
  endif()
  if(name STREQUAL "e2e/test_testssl") # some thousand handshakes, by a shell
    set_tests_properties("${name}" PROPERTIES TIMEOUT 450)
  endif()
  if(name STREQUAL "e2e/test_floods") # deadlines that have to pass, and the heap's, one flood after the other
    set_tests_properties("${name}" PROPERTIES TIMEOUT 300)
  endif()
  # They measure time or use the network of the machine: one at a time.
  set_tests_properties("${name}" PROPERTIES RUN_SERIAL TRUE)
endforeach()
