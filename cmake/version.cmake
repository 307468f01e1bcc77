# The version is written once, in include/agent_sdk/base.h; this reads it from there.
set(version_header ${CMAKE_CURRENT_LIST_DIR}/../include/agent_sdk/base.h)
file(STRINGS ${version_header} version_lines
     REGEX "^#define AGT_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
foreach(part MAJOR MINOR PATCH)
    if(NOT "${version_lines}" MATCHES "AGT_VERSION_${part} +([0-9]+)")
        message(FATAL_ERROR "no AGT_VERSION_${part} in ${version_header}")
    endif()
    list(APPEND version_numbers ${CMAKE_MATCH_1})
endforeach()
list(JOIN version_numbers . AGENT_SDK_VERSION)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${version_header})
