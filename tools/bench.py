#!/usr/bin/env python3
"""Runs the benchmarks of a build and gathers their figures.

    tools/bench.py BUILD_DIR [NAME...]

A benchmark is a program BUILD_DIR/bench/<name> (from bench/<name>.c) or a script bench/<name>.py,
which finds BUILD_DIR and AGENT_BIN in its environment. It prints one JSON object per figure:

    {"name": "call_inline_ns", "value": 87, "unit": "ns", "better": "lower", "target": 120,
     "peers": {"oneTBB": 130}}

`target` may be null and `peers` empty. All of them together become build/bench.jsonl, and a table
on the terminal. Any other line is passed on as it is.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
KEYS = {"name", "value", "unit", "better", "target", "peers"}


def commands(build, names):
    """(name, command) of each benchmark."""
    found = {path.name: [str(path)] for path in (build / "bench").glob("*")
             if path.is_file() and os.access(path, os.X_OK)}
    for script in (SOURCE / "bench").glob("[a-z]*.py"):
        found[script.stem] = [sys.executable, str(script)]
    missing = [name for name in names if name not in found]
    if missing:
        sys.exit(f"no benchmark {missing[0]}; there are: {' '.join(sorted(found))}")
    return [(name, found[name]) for name in (names or sorted(found))]


def show(figure):
    target = figure["target"]
    verdict = ""
    if target is not None:
        better = figure["value"] <= target if figure["better"] == "lower" \
            else figure["value"] >= target
        verdict = f"  target {target:g}: {'met' if better else 'MISSED'}"
    peers = "".join(f"  {name} {value:g}" for name, value in figure["peers"].items())
    print(f"  {figure['name']:40} {figure['value']:>12g} {figure['unit']:8}{verdict}{peers}",
          flush=True)


def run(name, command, environment):
    """(figures, whether all went well) of one benchmark; prints as it goes."""
    figures, well = [], True
    with subprocess.Popen(command, cwd=SOURCE, env=environment, stdout=subprocess.PIPE,
                          text=True) as process:
        for line in process.stdout:
            if not line.startswith("{"):
                print(f"  {line}", end="", flush=True)
                continue
            figure = json.loads(line)
            if set(figure) != KEYS or figure["better"] not in ("lower", "higher"):
                print(f"  not a figure: {line}", end="")
                well = False
                continue
            figures.append(figure)
            show(figure)
    if process.returncode != 0:
        print(f"  {name} ended with status {process.returncode}")
    return figures, well and process.returncode == 0


def machine():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
             if line.startswith("model name")]
    return f"{os.cpu_count()} x {model[0] if model else platform.machine()}, " \
           f"Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    environment = {**os.environ, "BUILD_DIR": str(build), "AGENT_BIN": str(build / "bin/agent")}
    print(machine())
    figures, well = [], True
    for name, command in commands(build, arguments.names):
        print(name, flush=True)
        found, fine = run(name, command, environment)
        figures += found
        well = well and fine
    output = SOURCE / "build" / "bench.jsonl"
    output.write_text("".join(json.dumps(figure) + "\n" for figure in figures))
    print(f"{len(figures)} figures in {output.relative_to(SOURCE)}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
