#!/bin/sh
# A program outside the tree builds and runs against an installed one: found by pkg-config and by
# CMake, linked with the shared and with the static library. The tree is installed below a prefix
# that the build did not know, so it can be moved too.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage
consumer=$SOURCE_DIR/tests/build/consumer

cmake --install "$BUILD_DIR" --prefix "$stage" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
pc=$(find "$stage" -name agent_sdk.pc)
lib=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
version=$(sed -n 's/^#define AGT_VERSION_STRING "\(.*\)"/\1/p' \
    "$stage/include/agent_sdk/base.h")

# run PROGRAM WHAT: it must print the version of the headers.
run() {
    if [ "$(LD_LIBRARY_PATH=$lib "$1")" = "$version" ]; then
        echo "ok: $2"
    else
        echo "failed: $2"
        exit 1
    fi
}

[ "$(pkg-config --modversion agent_sdk)" = "$version" ] || { echo "agent_sdk.pc: version"; exit 1; }

# shellcheck disable=SC2046 # lists of words
{
    ${CC:-cc} -o "$work/shared" "$consumer/main.c" $(pkg-config --cflags --libs agent_sdk)
    run "$work/shared" "pkg-config, shared"
    mv "$lib/libagent_sdk.so" "$work/"
    ${CC:-cc} -o "$work/static" "$consumer/main.c" $(pkg-config --cflags --libs --static agent_sdk)
    mv "$work/libagent_sdk.so" "$lib/"
    run "$work/static" "pkg-config, static"
}

cmake -G Ninja -S "$consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$stage" \
    -DWANT="$version" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
run "$work/cmake/shared" "CMake, shared"
run "$work/cmake/static" "CMake, static"

# The larger example is a project of its own, too.
cmake -G Ninja -S "$SOURCE_DIR/examples/repo_review" -B "$work/example" \
    -DCMAKE_PREFIX_PATH="$stage" >"$work/log" 2>&1 &&
    cmake --build "$work/example" >>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
LD_LIBRARY_PATH=$lib "$work/example/repo_review" --help >/dev/null
echo "ok: examples/repo_review"

# What else an installation contains.
if [ -x "$BUILD_DIR/bin/agent" ]; then
    "$stage/bin/agent" version >/dev/null
    echo "ok: agent"
fi
if [ -x "$BUILD_DIR/libexec/agent_sdk/agent-supervisor" ]; then
    test -x "$stage/libexec/agent_sdk/agent-supervisor"
    echo "ok: agent-supervisor"
fi
