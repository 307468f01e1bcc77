"""tools/tidy.py finds a violation of each of its rules, and nothing where there is none.

A lint that silently stopped matching would look like a clean source tree; so every rule is shown
something it must refuse.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TIDY = Path(os.environ["SOURCE_DIR"]) / "tools" / "tidy.py"
OPENING = "/* A file. */\n"
GUARD = OPENING + "#ifndef X_H\n#define X_H\n%s\n#endif\n"
TO_DO = "TO" + "DO"

# (rule that must be reported, path, text); None: nothing may be reported.
CASES = [
    ("layers", "src/base/a.c", OPENING + '#include "exec/graph.h"\n'),
    ("layers", "src/net/a.c", OPENING + '#include "agent_sdk/agents.h"\n'),
    ("layers", "src/net/a.c", OPENING + '#include "agent_sdk/agent_sdk.h"\n'),
    ("layers", "src/llm/a.c", OPENING + '#include "support/torture.h"\n'),
    ("layers", "src/helper/a.c", OPENING + '#include "exec/graph.h"\n'),
    ("layers", "src/kitchen/a.c", OPENING),
    ("layers", "include/agent_sdk/net.h", GUARD % '#include "agent_sdk/exec.h"'),
    (None, "src/exec/a.c", OPENING + '#include "base/mem.h"\n#include "agent_sdk/value.h"\n'),
    (None, "src/base/a.c", OPENING + '/* #include "exec/graph.h" */\n'),
    ("banned-call", "src/base/a.c", OPENING + "int f(char *a) { return strcpy(a, a) != 0; }\n"),
    ("banned-call", "src/exec/a.c", OPENING + "void *f(void) { return malloc(1); }\n"),
    ("banned-call", "src/cli/a.c", OPENING + "int f(void) { return system(0); }\n"),
    ("banned-call", "tests/unit/base/a_test.c", OPENING + "void f(void) { usleep(1); }\n"),
    (None, "src/exec/a.c", OPENING + '/* malloc() */ const char *s = "malloc(1)";\n'),
    (None, "src/exec/a.c", OPENING + "int f(struct a *a) { return a->malloc(1); }\n"),
    (None, "src/exec/a.c", OPENING + "/* tidy: allow banned-call: because */\n"
                                     "void *f(void) { return malloc(1); }\n"),
    ("printing", "src/llm/a.c", OPENING + 'void f(void) { fprintf(stderr, "x"); }\n'),
    (None, "src/cli/a.c", OPENING + 'void f(void) { fprintf(stderr, "x"); }\n'),
    ("file-length", "src/base/a.c", OPENING + "int x;\n" * 800),
    ("function-length", "src/base/a.c", OPENING + "int f(void)\n{\n" + "    x;\n" * 70 + "}\n"),
    (None, "src/base/a.c", OPENING + "int f(void)\n{\n" + "    x;\n" * 68 + "}\n"),
    (None, "tests/unit/base/a_test.c", OPENING + "int main(void)\n{\n" + "    x;\n" * 90 + "}\n"),
    ("columns", "src/base/a.c", OPENING + "int " + "x" * 97 + ";\n"),
    (None, "src/base/a.c", OPENING + "/* " + "ä" * 94 + " */\n"),
    ("whitespace", "src/base/a.c", OPENING + "int x; \n"),
    ("whitespace", "src/base/a.c", OPENING + "\tint x;\n"),
    ("whitespace", "src/base/a.c", OPENING + "int x;"),
    ("to-do", "src/base/a.c", OPENING + f"/* {TO_DO}: more */\n"),
    ("opening-comment", "src/base/a.c", "int x;\n"),
    ("header-guard", "src/base/a.h", OPENING + "int x;\n"),
    ("documented", "src/base/a.h", GUARD % "int agt__f(int a);"),
    ("documented", "include/agent_sdk/net.h",
     GUARD % '/* extern "C" */\n\nAGT_API int agt_f(int a,\n       int b);'),
    (None, "src/base/a.h", GUARD % "\n/** Two. */\nint agt__f(int a);\nint agt__g(int a);"),
    ("documented", "src/base/a.h", GUARD % "\n/** One. */\nint agt__f(int a);\n\nint agt__g(int);"),
    (None, "src/base/a.h", GUARD % "void agt__f_free(int *a);"),
    ("public-header", "include/agent_sdk/net.h", GUARD % "#include <sqlite3.h>"),
    ("public-header", "include/agent_sdk/net.h", GUARD % "/** F. */\nAGT_API int agt_f(void);"),
]


def findings(path, text):
    """The rules reported for one file."""
    with tempfile.TemporaryDirectory() as root:
        file = Path(root) / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
        result = subprocess.run([sys.executable, TIDY, "--root", root, path],
                                capture_output=True, text=True)
    lines = result.stdout.splitlines()[:-1]
    assert result.returncode == (1 if lines else 0), result
    return {line.split(": ")[1] for line in lines}


def main():
    failures = 0
    for rule, path, text in CASES:
        found = findings(path, text)
        if found != ({rule} if rule else set()):
            print(f"expected {rule}, found {sorted(found)} in {path}:\n{text[:300]}")
            failures += 1
    listed = subprocess.run([sys.executable, TIDY, "--list"], capture_output=True, text=True)
    tested = {rule for rule, _, _ in CASES}
    for line in listed.stdout.splitlines():
        if line.split()[0] not in tested:
            print(f"no case for the rule {line.split()[0]}")
            failures += 1
    print(f"{len(CASES)} cases, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
