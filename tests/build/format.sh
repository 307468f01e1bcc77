#!/bin/sh
# The C sources have the format of .clang-format.
exec "$SOURCE_DIR/tools/fmt" --check
