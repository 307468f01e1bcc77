#!/usr/bin/env python3
"""Write src/base/unicode_table.c: the general category of every code point, as sorted runs.

Usage: tools/unicode_table.py > src/base/unicode_table.c

The facts come from the unicodedata module of the Python that runs this. One 32-bit word per run:
the first code point in the upper bits, the number of the category in the lower five.
"""

import unicodedata

CATEGORIES = (
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn"
).split()


def main():
    words = []
    before = None
    for point in range(0x110000):
        category = unicodedata.category(chr(point))
        if category != before:
            words.append(point << 5 | CATEGORIES.index(category))
            before = category
    print(f"""/*
 * The general category of every code point, Unicode {unicodedata.unidata_version}: one word per
 * run of code points that share it, `first << 5 | category`, sorted. Written by
 * tools/unicode_table.py; do not edit.
 * src/base/unicode.c searches it. Sixteen kilobytes of constant data, no state.
 */
#include "base/unicode.h"

/* clang-format off */
const uint32_t agt__unicode_runs[] = {{""")
    for start in range(0, len(words), 8):
        print("    " + " ".join(f"{word:#x}," for word in words[start:start + 8]))
    print("""};
/* clang-format on */

const size_t agt__unicode_run_count = sizeof(agt__unicode_runs) / sizeof(agt__unicode_runs[0]);""")


if __name__ == "__main__":
    main()
