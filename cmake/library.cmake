# The library, the `agent` command and the supervisor.
#
# The sources are compiled once (position independent, hidden visibility) and linked twice. What a
# public header marks AGT_API is exported by the shared library; the internal agt__ functions have
# hidden visibility, so they stay inside it, while the unit tests, which link the static library,
# can call them.

# The order of the rooms is the order of their dependencies; tools/tidy.py checks it.
set(AGENT_SDK_ROOMS base telemetry store net export runtime exec llm agents interop team)

set(library_sources)
foreach(room IN LISTS AGENT_SDK_ROOMS)
    file(GLOB_RECURSE room_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.c)
    list(APPEND library_sources ${room_sources})
endforeach()
if(NOT library_sources)
    message(FATAL_ERROR "no sources below src/")
endif()

# Files inside the library.
agent_sdk_embed(library_sources
    ${PROJECT_SOURCE_DIR}/schemas/team.schema.json agt__team_schema)

# Where the supervisor is installed; only the room that starts it needs to know.
set(supervisor_path ${CMAKE_INSTALL_FULL_LIBEXECDIR}/agent_sdk/agent-supervisor)
set(net_sources ${library_sources})
list(FILTER net_sources INCLUDE REGEX "/src/net/")
set_source_files_properties(${net_sources} PROPERTIES
    COMPILE_DEFINITIONS "AGT_SUPERVISOR_PATH=\"${supervisor_path}\"")

# One set of objects for both libraries.
add_library(agent_sdk_objects OBJECT ${library_sources})
target_include_directories(agent_sdk_objects PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(agent_sdk_objects PRIVATE
    agent_sdk_flags agent_sdk_sanitize PkgConfig::AGENT_SDK_DEPS Threads::Threads)

# libagent_sdk.so
set(version_script ${PROJECT_SOURCE_DIR}/cmake/agent_sdk.map)
add_library(agent_sdk SHARED $<TARGET_OBJECTS:agent_sdk_objects>)
add_library(agent_sdk::agent_sdk ALIAS agent_sdk)
set_target_properties(agent_sdk PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE C LINK_DEPENDS ${version_script})
target_include_directories(agent_sdk PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_options(agent_sdk PRIVATE
    -Wl,--version-script=${version_script} -Wl,-Bsymbolic-functions)
if(NOT sanitizing)
    target_link_options(agent_sdk PRIVATE -Wl,-z,defs)
endif()
target_link_libraries(agent_sdk PRIVATE
    $<BUILD_INTERFACE:agent_sdk_flags> $<BUILD_INTERFACE:agent_sdk_sanitize>
    $<BUILD_INTERFACE:PkgConfig::AGENT_SDK_DEPS> Threads::Threads)

# libagent_sdk.a
add_library(agent_sdk_static STATIC $<TARGET_OBJECTS:agent_sdk_objects>)
add_library(agent_sdk::static ALIAS agent_sdk_static)
set_target_properties(agent_sdk_static PROPERTIES
    OUTPUT_NAME agent_sdk EXPORT_NAME static LINKER_LANGUAGE C)
target_include_directories(agent_sdk_static PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(agent_sdk_static PUBLIC
    $<BUILD_INTERFACE:agent_sdk_sanitize> PkgConfig::AGENT_SDK_DEPS Threads::Threads)

# bin/agent. Its parts, without main.c, are a library so that unit tests can reach them.
file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cli/*.c)
list(FILTER cli_sources EXCLUDE REGEX "/main\\.c$")
if(cli_sources)
    agent_sdk_embed(cli_sources
        ${PROJECT_SOURCE_DIR}/src/cli/starter/team.yaml cli_starter_team
        ${PROJECT_SOURCE_DIR}/src/cli/starter/script.yaml cli_starter_script)
endif()
if(cli_sources)
    add_library(agent_cli STATIC ${cli_sources})
    target_include_directories(agent_cli PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(agent_cli PRIVATE agent_sdk_flags PUBLIC agent_sdk_static)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/src/cli/main.c)
    add_executable(agent ${PROJECT_SOURCE_DIR}/src/cli/main.c)
    target_include_directories(agent PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(agent PRIVATE agent_sdk_flags agent_sdk_static)
    if(TARGET agent_cli)
        target_link_libraries(agent PRIVATE agent_cli)
    endif()
endif()

# libexec/agent_sdk/agent-supervisor: nothing but the C library, and no sanitizer: it runs tools
# under limits (address space, descriptors) that a sanitizer's runtime would not survive.
file(GLOB helper_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/helper/*.c)
if(helper_sources)
    add_executable(agent-supervisor ${helper_sources})
    target_include_directories(agent-supervisor PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(agent-supervisor PRIVATE agent_sdk_flags)
    set_target_properties(agent-supervisor PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/libexec/agent_sdk)
endif()
