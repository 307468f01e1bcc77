# The system libraries, by pkg-config. `tools/deps` knows the packages they come in.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# Also written into agent_sdk.pc, for programs that link the static library.
set(AGENT_SDK_PC_MODULES
    libevent_core libevent_extra libevent_pthreads libcurl sqlite3 libcrypto zlib yaml-0.1
    smartcols)
set(AGENT_SDK_PC_MINIMUM
    "libevent_core >= 2.1" "libevent_extra >= 2.1" "libevent_pthreads >= 2.1" "libcurl >= 7.88"
    "sqlite3 >= 3.40" libcrypto zlib yaml-0.1 smartcols)
pkg_check_modules(AGENT_SDK_DEPS REQUIRED IMPORTED_TARGET ${AGENT_SDK_PC_MINIMUM})
