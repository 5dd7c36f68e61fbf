# WokBuildInfo - the git commit as the header <wok_commit.h>, visible through `wok_build_info`.
#
# The header is looked at on each build and written only when the commit changed, so a commit
# recompiles the one file that includes it and nothing else.

set(build_info_dir "${CMAKE_BINARY_DIR}/generated")
add_custom_target(wok_commit
  COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${CMAKE_SOURCE_DIR}" "-DGIVEN=${WOK_COMMIT}"
          "-DHEADER=${build_info_dir}/wok_commit.h" -P "${CMAKE_SOURCE_DIR}/cmake/commit.cmake"
  BYPRODUCTS "${build_info_dir}/wok_commit.h"
  COMMENT "Looking at the git commit" VERBATIM)
add_library(wok_build_info INTERFACE)
target_include_directories(wok_build_info INTERFACE "${build_info_dir}")
add_dependencies(wok_build_info wok_commit)
