# What is installed beside the program: the unit, its example of an environment file and of a drop-in, the operators' documents, the man page and the completion.

set(WKV_UNIT_TEMPLATE ${CMAKE_CURRENT_LIST_DIR}/systemd/wascc-keyvalue.service.in)
set(WKV_UNIT ${CMAKE_CURRENT_BINARY_DIR}/wascc-keyvalue.service)

set(WKV_PROGRAM ${CMAKE_INSTALL_FULL_BINDIR}/wascc-keyvalue)
configure_file(${WKV_UNIT_TEMPLATE} ${WKV_UNIT} @ONLY)

# `cmake --install --prefix` may name another place than the one that was configured, and the unit must name the program.
install(CODE "
  get_filename_component(WKV_PROGRAM \"${CMAKE_INSTALL_BINDIR}/wascc-keyvalue\" ABSOLUTE
                         BASE_DIR \"\${CMAKE_INSTALL_PREFIX}\")
  configure_file(\"${WKV_UNIT_TEMPLATE}\" \"${WKV_UNIT}\" @ONLY)")
install(FILES ${WKV_UNIT} DESTINATION lib/systemd/system)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/systemd/wascc-keyvalue.env ${CMAKE_CURRENT_LIST_DIR}/systemd/jetstream.conf
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

# The messages, for whoever writes a client.
install(FILES ${CMAKE_SOURCE_DIR}/proto/keyvalue.proto ${CMAKE_SOURCE_DIR}/proto/core.proto ${CMAKE_SOURCE_DIR}/proto/operator.proto
        DESTINATION ${CMAKE_INSTALL_DATADIR}/wascc-keyvalue/proto)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/wascc-keyvalue/proto
        PATTERN target EXCLUDE)

# The man page is man/wascc-keyvalue.1.in with the options and operations of the program's own tables.
set(WKV_PAGE ${CMAKE_CURRENT_BINARY_DIR}/wascc-keyvalue.1)
add_executable(wascc-keyvalue-page ${CMAKE_CURRENT_LIST_DIR}/man/page.c)
target_link_libraries(wascc-keyvalue-page PRIVATE wascc_keyvalue)
add_custom_command(OUTPUT ${WKV_PAGE}
  COMMAND wascc-keyvalue-page <${CMAKE_CURRENT_LIST_DIR}/man/wascc-keyvalue.1.in >${WKV_PAGE}.new
  COMMAND ${CMAKE_COMMAND} -E rename ${WKV_PAGE}.new ${WKV_PAGE}
  DEPENDS wascc-keyvalue-page ${CMAKE_CURRENT_LIST_DIR}/man/wascc-keyvalue.1.in)
add_custom_target(page ALL DEPENDS ${WKV_PAGE})
install(FILES ${WKV_PAGE} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_CURRENT_LIST_DIR}/completion/wascc-keyvalue.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME wascc-keyvalue)
# Below /usr, Debian's zsh looks in vendor-completions and others' in site-functions.
foreach(folder site-functions vendor-completions)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/completion/_wascc-keyvalue DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${folder})
endforeach()
install(FILES ${CMAKE_CURRENT_LIST_DIR}/completion/wascc-keyvalue.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
