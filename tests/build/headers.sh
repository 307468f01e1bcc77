#!/bin/sh
# Each public header compiles by itself, twice in one file, as pedantic C11 and as C++17.
set -eu
strict='-Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only'
status=0
for header in "$SOURCE_DIR"/include/agent_sdk/*.h; do
    name=agent_sdk/${header##*/}
    twice=$(printf '#include "%s"\n#include "%s"\nint agt_headers_test;\n' "$name" "$name")
    # shellcheck disable=SC2086 # a list of words
    for language in "${CC:-cc} -std=c11 -x c" "${CXX:-c++} -std=c++17 -x c++"; do
        if ! echo "$twice" | $language $strict -I"$SOURCE_DIR/include" -; then
            echo "$name does not compile with: $language"
            status=1
        fi
    done
done
exit $status
