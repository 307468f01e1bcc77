# Compiler and linker flags, as two interface libraries:
#
#   agent_sdk_flags     warnings and hardening: for every target of ours
#   agent_sdk_sanitize  sanitizers and coverage: for everything but the supervisor and the
#                       misbehaving tools of tests/zoo, which run under limits of their own
#
# Flags that not every compiler of our floor (gcc 12, clang 14) knows are probed, never assumed.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)

add_library(agent_sdk_flags INTERFACE)
add_library(agent_sdk_sanitize INTERFACE)

set(sanitizing FALSE)
if(AGENT_SDK_SANITIZE OR AGENT_SDK_FUZZ)
    set(sanitizing TRUE)
endif()

# Adds each flag that the compiler accepts.
function(agent_sdk_add_flags)
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "flag${flag}" name)
        check_c_compiler_flag("-Werror ${flag}" ${name})
        if(${name})
            target_compile_options(agent_sdk_flags INTERFACE ${flag})
        endif()
    endforeach()
endfunction()

# Adds each flag that the linker accepts.
function(agent_sdk_add_link_flags)
    foreach(flag IN LISTS ARGN)
        string(MAKE_C_IDENTIFIER "link${flag}" name)
        check_linker_flag(C ${flag} ${name})
        if(${name})
            target_link_options(agent_sdk_flags INTERFACE ${flag})
        endif()
    endforeach()
endfunction()

# Linux is the platform: pidfd, eventfd, accept4 and the like are used where they are useful.
target_compile_definitions(agent_sdk_flags INTERFACE _GNU_SOURCE)
target_include_directories(agent_sdk_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)

# Warnings.
target_compile_options(agent_sdk_flags INTERFACE
    -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Wshadow -Wvla
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wundef
    -Wwrite-strings -Wno-missing-field-initializers
    -Werror=format-security -Werror=implicit -Werror=incompatible-pointer-types
    -Werror=int-conversion -Werror=return-type)
agent_sdk_add_flags(-Wtrampolines -Wbidi-chars=any -Wlogical-op -Wduplicated-cond)
if(AGENT_SDK_WERROR)
    target_compile_options(agent_sdk_flags INTERFACE -Werror)
endif()

# Hardening. -z nodlopen is left out: bindings load the library with dlopen.
target_compile_options(agent_sdk_flags INTERFACE
    -fvisibility=hidden -fno-strict-aliasing -fno-strict-overflow -fno-delete-null-pointer-checks
    -fexceptions -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
agent_sdk_add_flags(-fno-semantic-interposition -fstack-protector-strong
    -fstack-clash-protection -fcf-protection=full)
if(NOT sanitizing)
    # Hides from a sanitizer what it looks for. -fzero-call-used-regs is left out: it costs a tenth
    # of all instructions on the path of a call (callgrind), for functions that hold no secrets.
    agent_sdk_add_flags(-ftrivial-auto-var-init=zero)
    target_compile_options(agent_sdk_flags INTERFACE
        -U_FORTIFY_SOURCE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
else()
    target_compile_options(agent_sdk_flags INTERFACE -U_FORTIFY_SOURCE -fno-omit-frame-pointer)
endif()
agent_sdk_add_link_flags(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed
    -Wl,--no-copy-dt-needed-entries)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

# Optimisation: dev compiles fast, keeps assert() and is debuggable; release is what is shipped.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
target_compile_definitions(agent_sdk_flags INTERFACE $<$<NOT:$<CONFIG:Release>>:AGT_DEBUG>)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

# Sanitizers and coverage.
if(AGENT_SDK_SANITIZE)
    target_compile_options(agent_sdk_sanitize INTERFACE -fsanitize=${AGENT_SDK_SANITIZE})
    target_link_options(agent_sdk_sanitize INTERFACE -fsanitize=${AGENT_SDK_SANITIZE})
    if(AGENT_SDK_SANITIZE MATCHES "undefined")
        target_compile_options(agent_sdk_sanitize INTERFACE -fno-sanitize-recover=all)
    endif()
endif()
if(AGENT_SDK_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "AGENT_SDK_FUZZ needs clang (this is ${CMAKE_C_COMPILER_ID})")
    endif()
    target_compile_options(agent_sdk_sanitize INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(agent_sdk_sanitize INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(AGENT_SDK_COVERAGE)
    target_compile_options(agent_sdk_sanitize INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(agent_sdk_sanitize INTERFACE --coverage)
endif()
