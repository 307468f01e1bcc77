#!/bin/sh
# What the library exports, and how large its public structs are, is what the lists in tools/abi
# say; nothing internal is visible from outside.
set -eu
if [ ! -f "$SOURCE_DIR/tools/abi/symbols.txt" ]; then
    echo "skipped: there is no list yet; 'make abi-update' writes it"
    exit 77
fi
exec python3 "$SOURCE_DIR/tools/abi.py" "$BUILD_DIR"
