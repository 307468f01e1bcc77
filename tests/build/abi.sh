#!/bin/sh
# What the library exports, and how large its public structs are, is what the lists in tools/abi
# say; nothing internal is visible from outside.
set -eu
exec python3 "$SOURCE_DIR/tools/abi.py" "$BUILD_DIR"
