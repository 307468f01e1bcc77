#!/usr/bin/env python3
"""Runs the unit tests of a build under valgrind memcheck, without failing allocations.

    tools/valgrind.py BUILD_DIR

An invalid access or a use of what was not initialised fails a test. Leaks are not looked for: that
is what LeakSanitizer and the heaps of tests/support/torture.h are for, and a forked child has lost
its parent's memory by definition. Tests that are `slow` are left out, and those in LEFT_OUT.
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
TIMEOUT_S = 600
# Why a test cannot be run by valgrind.
LEFT_OUT = {}


def unit_tests(build):
    """(name, command, environment) of each unit test that CTest knows."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1", "-L",
                              "unit", "-LE", "slow"], check=True, capture_output=True)
    for test in json.loads(listing.stdout)["tests"]:
        properties = {item["name"]: item["value"] for item in test["properties"]}
        environment = dict(item.split("=", 1) for item in properties.get("ENVIRONMENT", []))
        if test["name"] in LEFT_OUT:
            print(f"left out: {test['name']}: {LEFT_OUT[test['name']]}")
        else:
            yield test["name"], test["command"], environment


def run(build, name, command, environment):
    """(name, exit status or None after a timeout, output)"""
    valgrind = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=no",
                f"--suppressions={SOURCE / 'tools' / 'valgrind.supp'}"]
    try:
        result = subprocess.run(
            valgrind + command, cwd=build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, errors="replace", text=True,
            env={**os.environ, **environment, "AGT_TORTURE": "none", "UNDER_VALGRIND": "1"})
        return name, result.returncode, result.stdout
    except subprocess.TimeoutExpired as expired:
        return name, None, (expired.output or b"").decode(errors="replace")


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    if not shutil.which("valgrind"):
        print("tools/valgrind.py: skipped: needs valgrind (apt-get install valgrind)")
        return 77
    build = Path(sys.argv[1]).resolve()
    tests = list(unit_tests(build))
    failures = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, status, output in pool.map(lambda test: run(build, *test), tests):
            if status == 77:
                print(f"skipped: {name}")
            elif status != 0:
                failures += 1
                print(f"FAILED: {name} ({'timeout' if status is None else status})\n{output}",
                      flush=True)
    print(f"valgrind: {len(tests)} unit tests, {failures} failed")
    return 1 if failures or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
