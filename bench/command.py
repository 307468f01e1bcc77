#!/usr/bin/env python3
"""What the `agent` command costs before it does anything: its start, and its size on disk.

The start is the wall time of `agent version`, from starting the process to having its exit status.
The size is that of the stripped program, which contains our library; the system's shared libraries
are not counted.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

AGENT = os.environ["AGENT_BIN"]
RUNS = 20


def start_ms(null):
    """Wall time of one run."""
    begin = time.perf_counter_ns()
    child = os.posix_spawn(AGENT, [AGENT, "version"], os.environ,
                           file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status = os.waitpid(child, 0)
    end = time.perf_counter_ns()
    if status != 0:
        sys.exit(f"agent version: status {os.waitstatus_to_exitcode(status)}")
    return (end - begin) / 1e6


def stripped_bytes():
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "agent")
        subprocess.run(["strip", "-o", copy, AGENT], check=True)
        return os.path.getsize(copy)


def report(name, value, unit, target):
    print(json.dumps({"name": name, "value": float(f"{value:.4g}"), "unit": unit,
                      "better": "lower", "target": target, "peers": {}}), flush=True)


def main():
    if not os.access(AGENT, os.X_OK):
        print(f"skipped: no {AGENT}")
        return 77
    with open(os.devnull, "wb") as null:
        times = [start_ms(null.fileno()) for _ in range(RUNS)]
    report("command_version_min", min(times), "ms", 10)
    report("command_version_median", statistics.median(times), "ms", 10)
    if shutil.which("strip"):
        report("command_stripped_size", stripped_bytes() / 1e6, "MB", 3)
    else:
        print("no strip (binutils): the size is not measured")
    return 0


if __name__ == "__main__":
    sys.exit(main())
