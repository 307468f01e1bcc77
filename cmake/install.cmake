# Installation, the files by which other builds find the library, and the .deb.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/agent_sdk DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
install(TARGETS agent_sdk EXPORT agent_sdkTargets)
install(TARGETS agent_sdk_static EXPORT agent_sdkStaticTargets)
if(TARGET agent)
    install(TARGETS agent)
endif()
if(TARGET agent-supervisor)
    install(TARGETS agent-supervisor RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/agent_sdk)
endif()
file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schemas/*.json)
install(FILES ${schemas} DESTINATION ${CMAKE_INSTALL_DATADIR}/agent_sdk)
file(GLOB man_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.1)
if(man_pages)
    install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
        DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/agent-sdk RENAME copyright)

# pkg-config
#
# The libraries underneath are named one by one, not as Requires.private: `pkg-config --static` then
# gives what is needed to link our static library with the shared ones of the system, without the
# private dependencies of libcurl, whose development packages nobody has.
list(JOIN AGENT_SDK_PC_MODULES " " AGENT_SDK_PC_REQUIRES)
list(JOIN AGENT_SDK_DEPS_LDFLAGS " " AGENT_SDK_PC_LIBS)
# Relative to the file itself, so that an installed tree may be moved.
file(RELATIVE_PATH AGENT_SDK_PC_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/agent_sdk.pc.in ${CMAKE_BINARY_DIR}/agent_sdk.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/agent_sdk.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# find_package(agent_sdk)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/agent_sdk)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/agent_sdkConfig.cmake.in
    ${CMAKE_BINARY_DIR}/agent_sdkConfig.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/agent_sdkConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/agent_sdkConfig.cmake
    ${CMAKE_BINARY_DIR}/agent_sdkConfigVersion.cmake DESTINATION ${config_dir})
install(EXPORT agent_sdkTargets NAMESPACE agent_sdk:: DESTINATION ${config_dir})
install(EXPORT agent_sdkStaticTargets NAMESPACE agent_sdk:: DESTINATION ${config_dir})

# .deb: one package with everything; `make package` builds it with the prefix /usr.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME agent-sdk)
set(CPACK_PACKAGE_CONTACT "agent_sdk maintainers <maintainers@agent-sdk.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
