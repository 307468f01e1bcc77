#!/bin/sh
# The sources keep the rules of tools/tidy.py: the order of the rooms, banned calls, lengths.
exec python3 "$SOURCE_DIR/tools/tidy.py"
