# WokServerPages - the manual page and the completions of wok-server, which it makes itself from the table of
# its options.
#
# They are made beside the program each time it is linked, and so are always there when it is installed.
# Where it cannot run, in a cross build without an emulator, there are none; a build with sanitizers,
# which is never installed, makes none.

if((CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR) OR WOK_SANITIZE)
  return()
endif()
set(pages "${CMAKE_BINARY_DIR}/generated/pages")
file(MAKE_DIRECTORY "${pages}")
add_custom_command(TARGET wok-server POST_BUILD
  COMMAND wok-server --help=man > "${pages}/wok-server.1"
  COMMAND wok-server --completions bash > "${pages}/wok-server.bash"
  COMMAND wok-server --completions zsh > "${pages}/_wok-server"
  COMMAND wok-server --completions fish > "${pages}/wok-server.fish"
  COMMENT "Making the manual page and the completions of wok-server" VERBATIM)

install(FILES "${pages}/wok-server.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT server)
# The places where the shells look, those of a prefix that is not /usr after a line in their start-up files.
install(FILES "${pages}/wok-server.bash" RENAME wok-server
  DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" COMPONENT server)
install(FILES "${pages}/_wok-server"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" COMPONENT server)
install(FILES "${pages}/wok-server.fish"
  DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" COMPONENT server)
