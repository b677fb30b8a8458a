# `cpack -G DEB` and `cpack -G RPM` in a build tree: what `cmake --install` installs, below /usr, and what stage.cmake adds for a
# package. Each is made for the release that it is built on, whose libraries it names.

set(WKV_MAINTAINER "The wascc-keyvalue authors <maintainers@wascc-keyvalue.invalid>" CACHE STRING
    "Who answers for the packages: a name and a mail address")
set(WKV_HOMEPAGE "" CACHE STRING "The address of the project's page, for the packages")

set(CPACK_PACKAGE_NAME wascc-keyvalue)
set(CPACK_PACKAGE_VENDOR "The wascc-keyvalue authors")
set(CPACK_PACKAGE_CONTACT "${WKV_MAINTAINER}")
set(CPACK_PACKAGE_HOMEPAGE_URL "${WKV_HOMEPAGE}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "key-value capability provider for waSCC lattices, on NATS")
set(CPACK_PACKAGE_DESCRIPTION_FILE ${CMAKE_CURRENT_LIST_DIR}/description)
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_RELOCATABLE OFF)
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/stage.cmake)
# Umask and owner of whoever builds it are not the package's.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# For stage.cmake.
set(CPACK_WKV_SOURCE ${CMAKE_SOURCE_DIR})
set(CPACK_WKV_MAINTAINER "${WKV_MAINTAINER}")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS nats-server)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/conffiles ${CMAKE_CURRENT_LIST_DIR}/postinst ${CMAKE_CURRENT_LIST_DIR}/prerm
    ${CMAKE_CURRENT_LIST_DIR}/postrm)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_GROUP System/Daemons)
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
set(CPACK_RPM_PACKAGE_SUGGESTS nats-server)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) %attr(0600, root, root) /etc/wascc-keyvalue/wascc-keyvalue.env")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /usr/lib/systemd /usr/lib/systemd/system /usr/share/bash-completion /usr/share/bash-completion/completions
    /usr/share/man /usr/share/man/man1 /usr/share/zsh /usr/share/zsh/site-functions /usr/share/zsh/vendor-completions
    /usr/share/fish /usr/share/fish/vendor_completions.d)
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_LIST_DIR}/rpm-post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_LIST_DIR}/rpm-preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_LIST_DIR}/rpm-postun)

include(CPack)
