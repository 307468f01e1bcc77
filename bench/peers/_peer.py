"""What the foreign drivers in Python share; bench/peers/README.md says what a driver is."""

import json
import os
import sys
import time


def rounds():
    return int(os.environ.get("BENCH_ROUNDS", 5))


def tasks(count):
    return min(count, int(os.environ.get("BENCH_TASKS_MAX", count)))


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def report(row, peer, value):
    print(json.dumps({"name": row, "peer": peer, "value": float(f"{value:.4g}")}), flush=True)


def each_round():
    """At least one round, at most BENCH_ROUNDS, none after five seconds."""
    begin = time.monotonic()
    yield 0
    for number in range(1, rounds()):
        if time.monotonic() - begin > 5:
            return
        yield number


def main(about, sections):
    """`sections` is {name: (rows, function)}. Arguments: --list, or the sections to run."""
    if sys.argv[1:] == ["--list"]:
        rows = {name: section[0] for name, section in sections.items()}
        print(json.dumps({"about": about, "sections": rows}))
        return
    for name, (_, function) in sections.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            function()
