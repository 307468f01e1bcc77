#!/usr/bin/env python3
"""What programs compiled against the library rely on: exported symbols and public structs.

    tools/abi.py BUILD_DIR            compares with tools/abi/*.txt and checks what is exported
    tools/abi.py --update BUILD_DIR   writes tools/abi/*.txt anew (`make abi-update`)

symbols.txt lists each function that libagent_sdk.so exports; structs.txt the size of each struct
that a public header defines (64-bit Linux). A line that goes away or changes breaks programs: it
needs a new SONAME. Lines that are new are welcome, and are put there by --update.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
INCLUDE = SOURCE / "include"
LISTS = SOURCE / "tools" / "abi"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def headers():
    return sorted((INCLUDE / "agent_sdk").glob("*.h"))


def exported(build):
    """The dynamic symbols, without their version."""
    lines = run("nm", "-D", "--defined-only", str(build / "lib" / "libagent_sdk.so")).splitlines()
    names = {line.split()[-1].split("@")[0] for line in lines}
    return sorted(names - {"AGENT_SDK_0"})


def archived(build):
    """The global symbols of the static library, where internal functions are visible too."""
    lines = run("nm", "-g", "--defined-only", str(build / "lib" / "libagent_sdk.a")).splitlines()
    return sorted({line.split()[2] for line in lines if len(line.split()) == 3})


def declared():
    """The functions that a public header marks AGT_API."""
    names = set()
    for header in headers():
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
        names |= set(re.findall(r"^AGT_API\b[^;(]*?\b(agt_\w+)\(", text, re.MULTILINE))
    return names


def struct_sizes():
    """`name size` for each struct with a public definition."""
    names = set()
    for header in headers():
        names |= set(re.findall(r"^typedef struct (agt_\w+) \{", header.read_text(), re.MULTILINE))
    lines = "".join(f'    printf("%s %zu\\n", "{name}", sizeof({name}));\n'
                    for name in sorted(names))
    includes = "".join(f'#include "agent_sdk/{header.name}"\n' for header in headers())
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "sizes"
        source = program.with_suffix(".c")
        source.write_text(f"#include <stdio.h>\n{includes}int main(void)\n{{\n{lines}}}\n")
        compiler = os.environ.get("CC", "cc")
        run(compiler, "-std=c11", f"-I{INCLUDE}", "-o", str(program), str(source))
        return run(str(program)).splitlines()


def padded_configs():
    """The sized structs that end in padding: a member added there would change no size."""
    found = []
    for header in headers():
        result = subprocess.run(
            [os.environ.get("CC", "cc"), "-std=c11", f"-I{INCLUDE}", "-x", "c", "-fsyntax-only",
             "-Wpadded", str(header)], capture_output=True, text=True, env={**os.environ,
                                                                            "LC_ALL": "C"})
        lines = header.read_text().split("\n")
        pattern = re.escape(str(header)) + r":(\d+):\d+: warning: padding struct size"
        for number in re.findall(pattern, result.stderr):
            end = int(number)
            start = end
            while start > 1 and not lines[start - 1].startswith("typedef struct"):
                start -= 1
            if "size_t struct_size;" in "\n".join(lines[start - 1:end]):
                found.append(f"{header.name}:{end}: {lines[end - 1].strip(' };')}")
    return found


def check_list(name, actual):
    """Complaints about the difference between a list in the sources and what is."""
    path = LISTS / name
    listed = path.read_text().splitlines()
    complaints = [f"{name}: gone: {line}" for line in listed if line not in actual]
    complaints += [f"{name}: new: {line} (make abi-update)" for line in actual
                   if line not in listed]
    return complaints


def check(build):
    symbols = exported(build)
    complaints = check_list("symbols.txt", symbols) + check_list("structs.txt", struct_sizes())
    complaints += [f"exported, but not agt_: {name}" for name in symbols
                   if not name.startswith("agt_") or name.startswith("agt__")]
    complaints += [f"exported, but in no public header: {name}" for name in symbols
                   if name not in declared()]
    complaints += [f"in a public header, but not exported: {name}" for name in sorted(declared())
                   if name not in symbols]
    complaints += [f"a global name without our prefix: {name}" for name in archived(build)
                   if not name.startswith("agt_")]
    complaints += [f"a sized struct with padding at its end: {name}" for name in padded_configs()]
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true")
    parser.add_argument("build", type=Path)
    arguments = parser.parse_args()
    if arguments.update:
        LISTS.mkdir(exist_ok=True)
        for name, lines in (("symbols.txt", exported(arguments.build)),
                            ("structs.txt", struct_sizes())):
            (LISTS / name).write_text("".join(line + "\n" for line in lines))
        return 0
    complaints = check(arguments.build)
    for complaint in complaints:
        print(complaint)
    print(f"abi: {len(exported(arguments.build))} symbols, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
