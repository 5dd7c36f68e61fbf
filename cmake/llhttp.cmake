# llhttp - the HTTP/1 parser, as the target `wok_llhttp`.
#
# In this order: the system's library (libllhttp-dev, Debian 13 on); the C sources of Debian's
# node-llhttp, installed or unpacked into the cache by cmake/get-llhttp.sh; a pinned upstream release.
# The sources are compiled here in strict mode, a switch that has to agree between the library and
# whoever includes its header; releases from 9 on ignore it and are strict by themselves.

# Sets WOK_LLHTTP_VERSION, for /version.
macro(wok_read_llhttp_version header)
  file(READ "${header}" llhttp_header)
  set(WOK_LLHTTP_VERSION "")
  foreach(part MAJOR MINOR PATCH)
    if(llhttp_header MATCHES "define LLHTTP_VERSION_${part} ([0-9]+)")
      string(APPEND WOK_LLHTTP_VERSION ".${CMAKE_MATCH_1}")
    endif()
  endforeach()
  string(REGEX REPLACE "^\\." "" WOK_LLHTTP_VERSION "${WOK_LLHTTP_VERSION}")
endmacro()

find_path(LLHTTP_INCLUDE_DIR llhttp.h)
find_library(LLHTTP_LIBRARY NAMES llhttp)
if(LLHTTP_INCLUDE_DIR AND LLHTTP_LIBRARY)
  add_library(wok_llhttp INTERFACE)
  target_include_directories(wok_llhttp SYSTEM INTERFACE "${LLHTTP_INCLUDE_DIR}")
  target_compile_definitions(wok_llhttp INTERFACE LLHTTP_STRICT_MODE=1)
  target_link_libraries(wok_llhttp INTERFACE "${LLHTTP_LIBRARY}")
  wok_read_llhttp_version("${LLHTTP_INCLUDE_DIR}/llhttp.h")
  message(STATUS "llhttp: the system's ${LLHTTP_LIBRARY}, ${WOK_LLHTTP_VERSION}")
  return()
endif()

execute_process(COMMAND sh "${CMAKE_SOURCE_DIR}/cmake/get-llhttp.sh" "${WOK_CACHE_DIR}/llhttp"
  OUTPUT_VARIABLE llhttp_root OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_VARIABLE llhttp_why RESULT_VARIABLE llhttp_failed)
if(llhttp_failed)
  message(STATUS "llhttp: no Debian package (${llhttp_why}); fetching the pinned release 8.1.2")
  include(FetchContent)
  FetchContent_Declare(llhttp
    GIT_REPOSITORY https://github.com/nodejs/llhttp.git
    GIT_TAG fa2e12ede9c15c54295327c5aeeed1e1615ef34e) # release/v8.1.2; a commit is its own hash
  FetchContent_GetProperties(llhttp)
  if(NOT llhttp_POPULATED)
    FetchContent_Populate(llhttp) # not MakeAvailable: its own build would not be strict
  endif()
  set(llhttp_sources "${llhttp_SOURCE_DIR}/src")
  set(llhttp_include "${llhttp_SOURCE_DIR}/include")
else()
  set(llhttp_sources "${llhttp_root}/usr/share/llhttp")
  set(llhttp_include "${llhttp_root}/usr/share/include/llhttp")
  message(STATUS "llhttp: compiled from ${llhttp_sources}")
endif()

wok_read_llhttp_version("${llhttp_include}/llhttp.h")
if(WOK_LLHTTP_VERSION VERSION_LESS 8.1)
  message(FATAL_ERROR "llhttp 8.1 or later is needed, found: ${WOK_LLHTTP_VERSION}")
endif()

add_library(wok_llhttp STATIC
  "${llhttp_sources}/llhttp.c" "${llhttp_sources}/api.c" "${llhttp_sources}/http.c")
target_include_directories(wok_llhttp SYSTEM PUBLIC "${llhttp_include}")
target_compile_definitions(wok_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(wok_llhttp PRIVATE -w) # not our source
target_link_libraries(wok_llhttp PRIVATE wok_hardened)
