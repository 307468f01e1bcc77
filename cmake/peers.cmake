# The foreign drivers of the benchmarks that are compiled, bench/peers/*.c and *.cpp, at
# build/<preset>/bench/peers/<name>. Nothing depends on these libraries: a driver is there if
# pkg-config finds what it is about, and built by the target `bench` only.
#
# They are compiled as their users would: optimised, without our warnings and hardening.
function(agent_sdk_add_peer source module)
    cmake_path(GET source STEM name)
    pkg_check_modules(PEER_${name} QUIET IMPORTED_TARGET ${module})
    if(NOT PEER_${name}_FOUND)
        return()
    endif()
    add_executable(peer_${name} EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/bench/peers/${source})
    target_compile_definitions(peer_${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(peer_${name} PRIVATE PkgConfig::PEER_${name} Threads::Threads)
    set_target_properties(peer_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench/peers
        CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON)
    add_dependencies(bench peer_${name})
endfunction()

agent_sdk_add_peer(libuv.c libuv)

include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    agent_sdk_add_peer(onetbb.cpp tbb)
endif()
