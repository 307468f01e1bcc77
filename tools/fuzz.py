#!/usr/bin/env python3
"""Runs the libFuzzer targets of a build for some seconds each.

    tools/fuzz.py BUILD_DIR [--seconds N] [NAME...]     BUILD_DIR was configured with `fuzz`

Each target begins with fuzz/corpus/<name>, and with fuzz/<name>.dict if there is one; what it finds
is kept in BUILD_DIR/found/<name>, so that longer runs continue. An input that crashes is written to
BUILD_DIR/crashes and its path printed: put it into the corpus with the fix.

The target `canary` crashes on purpose: it must be found, or the others prove nothing.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent


def run(build, name, seconds):
    """(name, crashed, one line about it, whole output)"""
    found = build / "found" / name
    crashes = build / "crashes"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    folders = [folder for folder in (found, SOURCE / "fuzz" / "corpus" / name) if folder.exists()]
    command = [build / "fuzz" / f"{name}_fuzz", f"-max_total_time={seconds}", "-timeout=10",
               "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={crashes}/{name}-"]
    dictionary = SOURCE / "fuzz" / f"{name}.dict"
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    result = subprocess.run([*map(str, command), *map(str, folders)], cwd=build, text=True,
                            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    runs = re.search(r"stat::number_of_executed_units:\s+(\d+)", result.stdout)
    covered = re.findall(r"\bcov: (\d+)", result.stdout)
    line = f"{int(runs.group(1)) if runs else 0:>10} runs, {covered[-1] if covered else 0} edges"
    return name, result.returncode != 0, line, result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    names = arguments.names or sorted(
        path.name.removesuffix("_fuzz") for path in (build / "fuzz").glob("*_fuzz"))
    failures = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, crashed, line, output in pool.map(
                lambda name: run(build, name, arguments.seconds), names):
            expected = name == "canary"
            print(f"{name:20} {line}{', found as it must be' if expected and crashed else ''}")
            if crashed != expected:
                failures += 1
                print("the canary was not found" if expected else output[-6000:], flush=True)
    print(f"fuzz: {len(names)} targets, {arguments.seconds} s each, {failures} failed")
    return 1 if failures or not names else 0


if __name__ == "__main__":
    sys.exit(main())
