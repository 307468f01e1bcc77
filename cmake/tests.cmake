# The tests, all found by pattern. Names in CTest are paths: unit/base/value, integration/install,
# fuzz/json. Labels: unit + the room, integration, reliability, fuzz, build; `slow` when the name
# says so. tests/build looks at the sources and at what was built, so it is left out of instrumented
# builds.
# Exit status 77 means "skipped" and is reported as such.

find_program(AGENT_SDK_PYTHON python3 REQUIRED)

# Misbehaving tool programs, at ZOO_DIR/<name>; compiled without sanitizers.
set(zoo_dir ${CMAKE_BINARY_DIR}/zoo)
file(GLOB zoo_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/zoo/*.c)
foreach(source IN LISTS zoo_sources)
    cmake_path(GET source STEM name)
    add_executable(zoo_${name} ${source})
    set_target_properties(zoo_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${zoo_dir})
    target_link_libraries(zoo_${name} PRIVATE agent_sdk_flags Threads::Threads)
endforeach()

# What every test finds in its environment; tests/support/env.h gives it to C, with the same
# defaults for a test that is started by hand.
set(test_environment
    AGENT_BIN=${CMAKE_BINARY_DIR}/bin/agent
    AGENT_SUPERVISOR=${CMAKE_BINARY_DIR}/libexec/agent_sdk/agent-supervisor
    BUILD_DIR=${CMAKE_BINARY_DIR}
    SOURCE_DIR=${PROJECT_SOURCE_DIR}
    ZOO_DIR=${zoo_dir}
    PYTHONDONTWRITEBYTECODE=1
    PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/support
    "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=second_deadlock_stack=1")

# Common properties. Timeouts are for a test that hangs, not for one that is slow.
function(agent_sdk_test_properties test timeout)
    set(labels ${ARGN})
    if(test MATCHES "slow")
        list(APPEND labels slow)
        set(timeout 600)
    endif()
    if(sanitizing)
        math(EXPR timeout "${timeout} * 4")
    endif()
    set_tests_properties(${test} PROPERTIES
        LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        ENVIRONMENT "${test_environment}" WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
endfunction()

# Fuzz targets. With AGENT_SDK_FUZZ they are libFuzzer programs; otherwise each is linked with a
# driver that runs the files it is given, and its corpus is replayed as a unit test.
file(GLOB fuzz_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/*_fuzz.c)
foreach(source IN LISTS fuzz_sources)
    cmake_path(GET source STEM name)
    string(REGEX REPLACE "_fuzz$" "" subject ${name})
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} PRIVATE agent_sdk_flags agent_sdk_static)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    if(AGENT_SDK_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/standalone_main.c)
        add_test(NAME fuzz/${subject}
                 COMMAND ${name} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${subject})
        agent_sdk_test_properties(fuzz/${subject} 60 unit fuzz)
    endif()
endforeach()
if(NOT AGENT_SDK_TESTS)
    return()
endif()

pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

# tests/support/*.c: helpers that every test is linked with.
file(GLOB support_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/support/*.c)
add_library(agent_test_support STATIC ${support_sources})
target_include_directories(agent_test_support PUBLIC
    ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(agent_test_support
    PUBLIC agent_sdk_flags agent_sdk_static PkgConfig::CMOCKA)
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/support/env.c PROPERTIES
    COMPILE_DEFINITIONS
    "TEST_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\";TEST_BUILD_DIR=\"${CMAKE_BINARY_DIR}\"")

# One executable and one CTest entry per C file. `folder` is below tests/.
function(agent_sdk_add_c_tests folder)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/${folder}/*_test.c)
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM stem)
        string(REGEX REPLACE "_test$" "" name ${stem})
        string(REPLACE "/" "_" target "test_${folder}_${name}")
        add_executable(${target} ${source})
        target_link_libraries(${target} PRIVATE agent_test_support)
        if(TARGET agent_cli)
            target_link_libraries(${target} PRIVATE agent_cli)
        endif()
        set_target_properties(${target} PROPERTIES
            OUTPUT_NAME ${stem} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/${folder})
        add_test(NAME ${folder}/${name} COMMAND ${target})
        agent_sdk_test_properties(${folder}/${name} 120 ${ARGN})
    endforeach()
endfunction()

# Python and shell tests; a file whose name begins with `_` is a helper of others.
function(agent_sdk_add_script_tests folder)
    file(GLOB scripts CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/tests/${folder}/[a-z]*.py
        ${PROJECT_SOURCE_DIR}/tests/${folder}/[a-z]*.sh)
    foreach(script IN LISTS scripts)
        cmake_path(GET script STEM name)
        cmake_path(GET script EXTENSION LAST_ONLY extension)
        if(extension STREQUAL ".py")
            add_test(NAME ${folder}/${name} COMMAND ${AGENT_SDK_PYTHON} ${script})
        else()
            add_test(NAME ${folder}/${name} COMMAND sh ${script})
        endif()
        agent_sdk_test_properties(${folder}/${name} 300 ${ARGN})
    endforeach()
endfunction()

foreach(room IN LISTS AGENT_SDK_ROOMS ITEMS cli helper support)
    agent_sdk_add_c_tests(unit/${room} unit ${room})
endforeach()
foreach(kind integration reliability)
    agent_sdk_add_c_tests(${kind} ${kind})
    agent_sdk_add_script_tests(${kind} ${kind})
endforeach()
if(NOT sanitizing AND NOT AGENT_SDK_COVERAGE)
    agent_sdk_add_script_tests(build build)
endif()
