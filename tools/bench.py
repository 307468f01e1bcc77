#!/usr/bin/env python3
"""Runs the benchmarks of a build, and the same shapes on those peers that are there.

    tools/bench.py BUILD_DIR [NAME...]             all benchmarks, or those named
    tools/bench.py --quick BUILD_DIR [NAME...]     one round of fewer tasks: does it work?
    tools/bench.py --markdown BUILD_DIR            also writes the table of docs/benchmarks.md
    tools/bench.py --no-run [--markdown]           only the table, of the last run

A benchmark is a program BUILD_DIR/bench/<name> (from bench/<name>.c) or a script bench/<name>.py,
which finds BUILD_DIR, AGENT_BIN and AGENT_SUPERVISOR in its environment. It prints one JSON object
per figure:

    {"name": "call", "value": 87, "unit": "ns", "better": "lower", "target": 120, "peers": {}}

`target` may be null; `peers` has what the benchmark itself compared with. Any other line is passed
on as it is. BENCH_ROUNDS and BENCH_TASKS_MAX ask for less than usual (bench/bench.h).

The drivers of bench/peers measure other software; their figures are added to the row of the same
name (bench/peers/README.md). Those that cannot be run here are named.

All of it becomes build/bench.jsonl, a figure per line, and a table; build/bench-machine.json says
where and when. Every process has a time limit.
"""

import argparse
import contextlib
import datetime
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
KEYS = ["name", "value", "unit", "better", "target", "peers"]
PEER_KEYS = {"name", "peer", "value"}
BENCHMARK_LIMIT_S = 600
PEER_LIMIT_S = 60   # per section
LIST_LIMIT_S = 20
QUICK = {"BENCH_ROUNDS": "1", "BENCH_TASKS_MAX": "100000"}
SKIPPED = 77
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


# ---- running ------------------------------------------------------------------------------------

def run(command, environment, limit_s, take_line):
    """Runs a command and hands over each line of its output; what went wrong, or None."""
    too_late = threading.Event()

    def stop():
        too_late.set()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    with subprocess.Popen(command, cwd=SOURCE, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, errors="replace",
                          start_new_session=True) as process:
        timer = threading.Timer(limit_s, stop)
        timer.start()
        for line in process.stdout:
            take_line(line.rstrip("\n"))
        process.wait()
        timer.cancel()
    if too_late.is_set():
        return f"not done after {limit_s} s"
    if process.returncode != 0:
        return "skipped" if process.returncode == SKIPPED else f"status {process.returncode}"
    return None


def parse(line):
    """The JSON object of a line, or None."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_figure(found):
    return set(found) == set(KEYS) and found["better"] in ("lower", "higher") \
        and is_number(found["value"]) and isinstance(found["peers"], dict) \
        and (found["target"] is None or is_number(found["target"]))


def benchmarks(folder, build, names):
    """(name, command) of each benchmark."""
    found = {path.name: [str(path)] for path in (build / "bench").glob("*")
             if path.is_file() and os.access(path, os.X_OK)}
    for script in folder.glob("[a-z]*.py"):
        found[script.stem] = [sys.executable, str(script)]
    missing = [name for name in names if name not in found]
    if missing:
        sys.exit(f"no benchmark {missing[0]}; there are: {' '.join(sorted(found))}")
    return [(name, found[name]) for name in (names or sorted(found))]


def run_benchmark(name, command, environment, figures):
    """Adds its figures; whether all went well."""
    well = True

    def take_line(line):
        nonlocal well
        found = parse(line) if line.startswith("{") else None
        if found is not None and is_figure(found):
            figures.append({key: found[key] for key in KEYS})
            print(f"  {found['name']:40} {found['value']:>12g} {found['unit']}", flush=True)
            return
        well = well and not line.startswith("{")
        print(f"  {'not a figure: ' if line.startswith('{') else ''}{line}", flush=True)

    print(name, flush=True)
    failure = run(command, environment, BENCHMARK_LIMIT_S, take_line)
    if failure:
        print(f"  {name}: {failure}")
    return well and failure in (None, "skipped")


# ---- peers --------------------------------------------------------------------------------------

def peer_drivers(folder, build, output):
    """(name, command, or None and why not) of each driver. Those of packages that come from npm are
    run from a copy, in the folder where the packages are."""
    peers, modules = folder / "peers", output.parent / "peers"
    node = shutil.which("node")
    found = []
    for path in sorted([*peers.glob("[a-z]*.*"), *peers.glob("js/[a-z]*.mjs")]):
        command, reason = None, ""
        if path.suffix in (".c", ".cpp"):
            program = build / "bench/peers" / path.stem
            command, reason = [str(program)], "not built: pkg-config does not find it"
            command = command if program.exists() else None
        elif path.suffix == ".py":
            command = [sys.executable, str(path)]
        elif path.suffix == ".mjs":
            script = modules / "js" / path.name if path.parent.name == "js" else path
            command, reason = [node, str(script)], "no node in PATH"
            command = command if node else None
        else:
            continue
        found.append((path.stem, command, reason))
    if node and (peers / "js").is_dir():
        shutil.copytree(peers / "js", modules / "js", dirs_exist_ok=True)
        shutil.copy(peers / "_peer.mjs", modules)
    return found


def describe_peer(command, environment):
    """(what the driver says of itself, None), or (None, why it cannot be run)."""
    lines = []
    failure = run([*command, "--list"], environment, LIST_LIMIT_S, lines.append)
    about = parse(lines[-1]) if lines and not failure else None
    if about is None or not isinstance(about.get("sections"), dict):
        said = [line.removeprefix("skipped: ") for line in lines if line.startswith("skipped: ")]
        return None, said[0] if said else failure or "no list of sections"
    return about, None


def run_section(command, section, rows, environment):
    """What went wrong with one section of a driver, or None; adds to the rows."""
    def take_line(line):
        found = parse(line)
        if found is None or set(found) != PEER_KEYS:
            print(f"  {line}", flush=True)
        elif found["name"] in rows and is_number(found["value"]) and found["value"] >= 0:
            rows[found["name"]]["peers"][found["peer"]] = found["value"]
            print(f"  {found['name']:40} {found['value']:>12g} ({found['peer']})", flush=True)
    return run([*command, section], environment, PEER_LIMIT_S, take_line)


def run_peers(drivers, figures, environment):
    """Adds what the peers measure; (versions of those that ran, {name: why not})."""
    rows = {figure["name"]: figure for figure in figures}
    versions, skipped = [], {}
    for name, command, reason in drivers:
        about, reason = describe_peer(command, environment) if command else (None, reason)
        if about is None:
            skipped[name] = reason
            continue
        wanted = [section for section, names in about["sections"].items() if rows.keys() & names]
        if wanted:
            print(f"peer {name}: {about['about']}", flush=True)
            versions.append(about["about"])
        for section in wanted:
            failure = run_section(command, section, rows, environment)
            if failure:
                skipped[f"{name} {section}"] = failure
    return versions, skipped


# ---- where and when -----------------------------------------------------------------------------

def first_line(*command):
    try:
        result = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.split("\n", 1)[0].strip()


def describe_machine(build):
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGESIZE") * os.sysconf("SC_PHYS_PAGES")
    cache = build / "CMakeCache.txt"
    settings = dict(re.findall(r"^(CMAKE_\w+):\w+=(.*)$", cache.read_text(), re.MULTILINE)) \
        if cache.exists() else {}
    compiler = settings.get("CMAKE_C_COMPILER", "cc")
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": first_line(compiler, "--version"),
        "build_type": settings.get("CMAKE_BUILD_TYPE", "unknown"),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        "date": datetime.date.today().isoformat(),
        "load": round(os.getloadavg()[0], 2),
        "command": "make bench",
    }


def machine_line(machine):
    return f"{machine['cores']} x {machine['cpu']}, {machine['memory_gib']} GiB, " \
           f"{machine['kernel']}, {machine['compiler']}, {machine['build_type']}"


# ---- tables -------------------------------------------------------------------------------------

def is_met(figure):
    value, target = figure["value"], figure["target"]
    return value <= target if figure["better"] == "lower" else value >= target


def ratio(figure, peer_value):
    """How many times better than the peer, or None: a peer of zero has no ratio."""
    ours, theirs = figure["value"], peer_value
    if figure["better"] == "higher":
        ours, theirs = theirs, ours
    return theirs / ours if ours > 0 and theirs > 0 else None


def best_first(figure):
    """(name, value) of the peers."""
    return sorted(figure["peers"].items(), key=lambda item: item[1],
                  reverse=figure["better"] == "higher")


def number(value):
    """Three digits, without an exponent where that is readable."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def target_text(figure, signs):
    if figure["target"] is None:
        return ""
    sign = signs[figure["better"]]
    return f"{sign} {number(figure['target'])} {'met' if is_met(figure) else 'MISSED'}"


def peer_text(figure, name, value):
    times = ratio(figure, value)
    return f"{name} {number(value)}" + (f" ({number(times)}x)" if times is not None else "")


def print_table(figures):
    lines = [("figure", "value", "target", "best peer (how many times better than it)")]
    for figure in figures:
        peers = best_first(figure)
        lines.append((figure["name"], f"{number(figure['value'])} {figure['unit']}",
                      target_text(figure, {"lower": "<=", "higher": ">="}),
                      peer_text(figure, *peers[0]) if peers else ""))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    print()
    for line in lines:
        print(f"{line[0]:{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:{widths[2]}}  {line[3]}"
              .rstrip())
    targets = [figure for figure in figures if figure["target"] is not None]
    print(f"\n{len(figures)} figures; {sum(map(is_met, targets))} of {len(targets)} targets met")


def markdown(figures, machine):
    lines = [f"Measured by `{machine['command']}` at {machine['commit']} on {machine['date']}: "
             f"{machine_line(machine)}; load {machine['load']} before the run.", ""]
    if machine["peers"]:
        lines += [f"Peers: {', '.join(machine['peers'])}.", ""]
    if machine["skipped"]:
        reasons = (f"{name} ({reason})" for name, reason in machine["skipped"].items())
        lines += [f"Not measured: {', '.join(reasons)}.", ""]
    lines += ["| figure | value | target | peers, best first (how many times better ours is) |",
              "|---|---:|---|---|"]
    for figure in figures:
        peers = ", ".join(peer_text(figure, *peer) for peer in best_first(figure))
        lines.append(f"| `{figure['name']}` | {number(figure['value'])} {figure['unit']} "
                     f"| {target_text(figure, {'lower': '≤', 'higher': '≥'})} | {peers} |")
    return "\n".join(lines)


def write_page(page, text):
    """Puts the text between the two markers of the page."""
    before, found, rest = page.read_text().partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found or not found_end:
        sys.exit(f"{page}: no line '{BEGIN}' with '{END}' after it")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


# ---- the command --------------------------------------------------------------------------------

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("build", type=Path, nargs="?")
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--quick", action="store_true", help="one round of fewer tasks")
    parser.add_argument("--no-peers", action="store_true", help="only our own figures")
    parser.add_argument("--no-run", action="store_true", help="show the last run again")
    parser.add_argument("--markdown", action="store_true", help="write the table into the page")
    parser.add_argument("--page", type=Path, default=SOURCE / "docs/benchmarks.md")
    parser.add_argument("--folder", type=Path, default=SOURCE / "bench",
                        help="where scripts and peers are")
    parser.add_argument("--output", type=Path, default=SOURCE / "build/bench.jsonl")
    arguments = parser.parse_intermixed_args()
    if arguments.no_run == (arguments.build is not None):
        parser.error("either a build or --no-run")
    if arguments.markdown and (arguments.quick or arguments.names):
        parser.error("the page wants all figures, and not quick ones")
    return arguments


def measure(arguments, machine_file):
    """Runs all that is wanted and writes the two files; whether all went well."""
    build = arguments.build.resolve()
    environment = {**os.environ, "BUILD_DIR": str(build), "AGENT_BIN": str(build / "bin/agent"),
                   "AGENT_SUPERVISOR": str(build / "libexec/agent_sdk/agent-supervisor"),
                   "PYTHONDONTWRITEBYTECODE": "1", **(QUICK if arguments.quick else {})}
    machine = {**describe_machine(build), "peers": [], "skipped": {},
               "complete": not arguments.quick and not arguments.names}
    print(machine_line(machine))
    if machine["load"] > 0.15 * machine["cores"]:
        print(f"The load is {machine['load']}: something else is running, figures will be worse.")
    figures, well = [], True
    for name, command in benchmarks(arguments.folder, build, arguments.names):
        well = run_benchmark(name, command, environment, figures) and well
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    if not arguments.no_peers:
        drivers = peer_drivers(arguments.folder, build, arguments.output)
        machine["peers"], machine["skipped"] = run_peers(drivers, figures, environment)
    arguments.output.write_text("".join(json.dumps(figure) + "\n" for figure in figures))
    machine_file.write_text(json.dumps(machine, indent=2) + "\n")
    return well


def main():
    arguments = parse_arguments()
    machine_file = arguments.output.with_name("bench-machine.json")
    well = True
    if not arguments.no_run:
        well = measure(arguments, machine_file)
    elif not arguments.output.exists():
        sys.exit(f"no {arguments.output}; run the benchmarks first")
    figures = [json.loads(line) for line in arguments.output.read_text().splitlines()]
    machine = json.loads(machine_file.read_text())
    print_table(figures)
    for name, reason in machine["skipped"].items():
        print(f"peer skipped: {name}: {reason}")
    print(f"written to {os.path.relpath(arguments.output)}")
    if arguments.markdown:
        if not machine["complete"]:
            sys.exit("the last run was quick or of some benchmarks only: not for the page")
        write_page(arguments.page, markdown(figures, machine))
        print(f"the table is in {os.path.relpath(arguments.page)}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
