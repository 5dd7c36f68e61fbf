# WokInstall - what `cmake --install` puts where, for programs that are built on libwok.
#
# Headers, libwok.a, libwok.so, what pkg-config and find_package() read, and the documents.  Nothing in
# the tree names its own prefix, so that it can be moved.  The components are server, runtime (the
# shared library), development and documentation.

if(NOT TARGET wok)
  return()
endif()
include(CMakePackageConfigHelpers)
set(cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/wok")

install(DIRECTORY runtime/include/wok DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT development FILES_MATCHING PATTERN "*.h")

set_target_properties(wok PROPERTIES EXPORT_NAME wok_static)
set(libraries wok)
if(TARGET wok_shared)
  list(APPEND libraries wok_shared)
endif()
install(TARGETS ${libraries} EXPORT wokTargets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT development)

# ---- find_package(wok) ---------------------------------------------------------------------------

install(EXPORT wokTargets NAMESPACE wok:: DESTINATION "${cmake_dir}" COMPONENT development)
set(WOK_LTO_GCC "")
if(WOK_LTO AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" WOK_LTO_GCC "${CMAKE_C_COMPILER_VERSION}")
endif()
configure_package_config_file(cmake/wokConfig.cmake.in "${CMAKE_BINARY_DIR}/generated/wokConfig.cmake"
  INSTALL_DESTINATION "${cmake_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${CMAKE_BINARY_DIR}/generated/wokConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/generated/wokConfig.cmake"
  "${CMAKE_BINARY_DIR}/generated/wokConfigVersion.cmake"
  DESTINATION "${cmake_dir}" COMPONENT development)

# ---- pkg-config ----------------------------------------------------------------------------------

# From the folder of wok.pc; absolute folders, which a distribution may ask for, stay absolute.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
  set(pc_prefix "\${pcfiledir}/${pc_up}")
endif()
foreach(dir LIB INCLUDE)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}DIR}")
    set(pc_${dir} "${CMAKE_INSTALL_${dir}DIR}")
  else()
    set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}DIR}")
  endif()
endforeach()
configure_file(cmake/wok.pc.in "${CMAKE_BINARY_DIR}/generated/wok.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/generated/wok.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

# ---- documents -----------------------------------------------------------------------------------

install(FILES LICENSE README.md CHANGELOG.md
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT documentation)
install(DIRECTORY docs examples
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT documentation
  FILES_MATCHING PATTERN "*.md" PATTERN "*.c")
