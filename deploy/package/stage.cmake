# Run by cpack between installing and packing: adds what belongs into a package and not into /usr/local.
set(root ${CPACK_TEMPORARY_DIRECTORY})
set(docs ${root}/usr/share/doc/wascc-keyvalue)

# add(FROM TO PERMISSION...): a file of the source tree, as TO in the package.
function(add from to)
  get_filename_component(folder ${root}${to} DIRECTORY)
  get_filename_component(name ${root}${to} NAME)
  configure_file(${CPACK_WKV_SOURCE}/${from} ${folder}/${name} COPYONLY)
  file(CHMOD ${folder}/${name} PERMISSIONS ${ARGN})
endfunction()

# press(FILE): with no time of day in it, so that the same source gives the same package.
function(press file)
  execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
  file(CHMOD ${file}.gz PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

# A password may stand in it.
add(deploy/systemd/wascc-keyvalue.env /etc/wascc-keyvalue/wascc-keyvalue.env OWNER_READ OWNER_WRITE)
press(${root}/usr/share/man/man1/wascc-keyvalue.1)
add(LICENSE /usr/share/doc/wascc-keyvalue/LICENSE OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

if(CPACK_GENERATOR STREQUAL "DEB")
  file(REMOVE ${docs}/LICENSE) # Debian's is in common-licenses, to which the copyright points.
  add(deploy/package/copyright /usr/share/doc/wascc-keyvalue/copyright OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  add(deploy/package/lintian-overrides /usr/share/lintian/overrides/wascc-keyvalue OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
  file(WRITE ${docs}/changelog.Debian
       "wascc-keyvalue (${CPACK_PACKAGE_VERSION}-1) unstable; urgency=medium\n\n"
       "  * Version ${CPACK_PACKAGE_VERSION}: deploy/CHANGELOG.md of the source says what changes.\n\n"
       " -- ${CPACK_WKV_MAINTAINER}  ${now}\n")
  press(${docs}/changelog.Debian)
endif()
