# Examples and benchmarks.
#
# Each examples/<name>.c and examples/<folder>/<name>.c is a program; it uses public headers only
# and links the shared library, as a user's program would. Where a file <name>.test stands beside
# it, that is a shell script which CTest runs with EXAMPLE set to the program; without one the
# program is only compiled. A folder with a CMakeLists.txt of its own is left to that.
if(AGENT_SDK_EXAMPLES)
    file(GLOB example_sources CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/examples
        ${PROJECT_SOURCE_DIR}/examples/*.c ${PROJECT_SOURCE_DIR}/examples/*/*.c)
    file(GLOB example_tests CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/examples
        ${PROJECT_SOURCE_DIR}/examples/*.test ${PROJECT_SOURCE_DIR}/examples/*/*.test)
    file(GLOB example_builds CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/examples/*/CMakeLists.txt)
    foreach(source IN LISTS example_sources)
        cmake_path(GET source PARENT_PATH folder)
        if(folder AND EXISTS ${PROJECT_SOURCE_DIR}/examples/${folder}/CMakeLists.txt)
            continue()
        endif()
        cmake_path(REMOVE_EXTENSION source LAST_ONLY OUTPUT_VARIABLE path)
        cmake_path(GET source STEM name)
        string(REPLACE "/" "_" target "example_${path}")
        add_executable(${target} ${PROJECT_SOURCE_DIR}/examples/${source})
        target_link_libraries(${target} PRIVATE
            agent_sdk_flags agent_sdk_sanitize agent_sdk Threads::Threads)
        set_target_properties(${target} PROPERTIES
            OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples/${folder})
    endforeach()
    foreach(build IN LISTS example_builds)
        cmake_path(GET build PARENT_PATH folder)
        add_subdirectory(${folder})
    endforeach()
    if(AGENT_SDK_TESTS)
        foreach(script IN LISTS example_tests)
            cmake_path(REMOVE_EXTENSION script LAST_ONLY OUTPUT_VARIABLE path)
            add_test(NAME examples/${path} COMMAND sh ${PROJECT_SOURCE_DIR}/examples/${script})
            agent_sdk_test_properties(examples/${path} 300 integration examples)
            set_property(TEST examples/${path} APPEND PROPERTY
                ENVIRONMENT EXAMPLE=${CMAKE_BINARY_DIR}/examples/${path})
        endforeach()
    endif()
endif()

# Each bench/<name>.c is a program at build/<preset>/bench/<name>; the target `bench` builds them.
file(GLOB bench_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/*.c)
set(bench_targets)
foreach(source IN LISTS bench_sources)
    cmake_path(GET source STEM name)
    add_executable(bench_${name} ${source})
    target_include_directories(bench_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(bench_${name} PRIVATE agent_sdk_flags agent_sdk_static)
    set_target_properties(bench_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
    if(NOT AGENT_SDK_BENCH)
        set_target_properties(bench_${name} PROPERTIES EXCLUDE_FROM_ALL TRUE)
    endif()
    list(APPEND bench_targets bench_${name})
endforeach()
add_custom_target(bench DEPENDS ${bench_targets})
if(PROJECT_IS_TOP_LEVEL AND NOT sanitizing AND NOT AGENT_SDK_COVERAGE)
    include(peers)
endif()
