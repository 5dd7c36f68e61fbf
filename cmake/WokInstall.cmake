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

# With link-time optimisation gcc's objects hold machine code and gcc's own form of it, which any gcc reads
# first and only the same gcc can read.  libwok.a is installed without it, for every compiler, and
# libwok_lto.a with it, for who asks: docs/decisions/0027-installed-archive.md.
set(WOK_LTO_GCC "")
set(pc_static_lto "")
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" WOK_LTO_GCC "${CMAKE_C_COMPILER_VERSION}")
  set(pc_static_lto "# The same, for gcc ${WOK_LTO_GCC} to optimise together with the program.
static_lto=\${libdir}/libwok_lto.a\n")
  install(FILES "$<TARGET_FILE:wok>" DESTINATION "${CMAKE_INSTALL_LIBDIR}" RENAME libwok_lto.a
    COMPONENT development)
  install(CODE "
    set(archive \"${CMAKE_INSTALL_LIBDIR}/libwok.a\")
    if(NOT IS_ABSOLUTE \"\${archive}\")
      set(archive \"\${CMAKE_INSTALL_PREFIX}/\${archive}\")
    endif()
    execute_process(COMMAND \"${CMAKE_OBJCOPY}\" -D -R .gnu.lto_* -R .gnu.debuglto_*
      -N __gnu_lto_slim -N __gnu_lto_v1 \"\$ENV{DESTDIR}\${archive}\" RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR \"could not take gcc's own form out of \${archive}: \${failed}\")
    endif()" COMPONENT development)
endif()

# ---- find_package(wok) ---------------------------------------------------------------------------

install(EXPORT wokTargets NAMESPACE wok:: DESTINATION "${cmake_dir}" COMPONENT development)
configure_package_config_file(cmake/wokConfig.cmake.in "${CMAKE_BINARY_DIR}/generated/wokConfig.cmake"
  INSTALL_DESTINATION "${cmake_dir}" PATH_VARS CMAKE_INSTALL_LIBDIR NO_SET_AND_CHECK_MACRO)
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
