"""What was built has the hardening that was asked for, as readelf sees it.

Full RELRO, immediate binding, no executable stack, position-independent programs, and an SONAME
with our version; the supervisor needs no library but the C library.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

BUILD = Path(os.environ["BUILD_DIR"])


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, str(path)], check=True, capture_output=True,
                          text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def check(path):
    segments = readelf(path, "-l")
    dynamic = readelf(path, "-d")
    if "GNU_RELRO" not in segments:
        yield "no RELRO"
    if "BIND_NOW" not in dynamic and not re.search(r"FLAGS_1.*NOW", dynamic):
        yield "symbols are not bound at the start"
    if re.search(r"GNU_STACK\s.*\bRWE\b", segments):
        yield "executable stack"
    if "TEXTREL" in dynamic:
        yield "text relocations"
    if "(RPATH)" in dynamic:
        yield "RPATH"
    if not re.search(r"Type:\s+DYN", readelf(path, "-h")):
        yield "not position independent"


def needed(path):
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", readelf(path, "-d")))


def main():
    library = BUILD / "lib" / "libagent_sdk.so"
    supervisor = BUILD / "libexec" / "agent_sdk" / "agent-supervisor"
    programs = [path for path in (library, BUILD / "bin" / "agent", supervisor) if path.exists()]
    failures = [f"{path.name}: {complaint}" for path in programs for complaint in check(path)]
    if "[libagent_sdk.so.0]" not in readelf(library, "-d"):
        failures.append("libagent_sdk.so: its SONAME is not libagent_sdk.so.0")
    if not readelf(library, "-V").count("AGENT_SDK_0"):
        failures.append("libagent_sdk.so: its symbols carry no version")
    if supervisor in programs:
        others = {name for name in needed(supervisor) if not name.startswith(("libc.", "ld-"))}
        failures += [f"agent-supervisor needs {name}" for name in sorted(others)]
    for failure in failures:
        print(failure)
    print(f"{len(programs)} files, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
