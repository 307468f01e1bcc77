#!/usr/bin/env python3
"""Runs clang-tidy over the sources, two at a time (or as many as there are processors).

    tools/lint.py BUILD_DIR [FILE...]     BUILD_DIR has a compile_commands.json made for clang

What passed is remembered in BUILD_DIR/lint by the contents of the file, of all our headers and of
.clang-tidy, so that a second run looks only at what changed.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
# The misbehaving tools misbehave.
SKIPPED = ("tests/zoo/",)


def files_of(build):
    """The sources that the build compiles, relative to the top, each once."""
    entries = json.loads((build / "compile_commands.json").read_text())
    paths = {os.path.relpath(entry["file"], SOURCE) for entry in entries}
    return sorted(path for path in paths if not path.startswith((*SKIPPED, "..", "build/")))


def digest_of_all_headers(build):
    digest = hashlib.sha256((SOURCE / ".clang-tidy").read_bytes())
    for folder in ("include", "src", "tests", "bench"):
        for header in sorted((SOURCE / folder).rglob("*.h")):
            digest.update(str(header.relative_to(SOURCE)).encode() + header.read_bytes())
    return digest.hexdigest()


def lint(tidy, build, path, headers):
    """(path, passed, output)"""
    key = hashlib.sha256((SOURCE / path).read_bytes() + path.encode() + headers.encode())
    stamp = build / "lint" / key.hexdigest()
    if stamp.exists():
        return path, True, ""
    result = subprocess.run([tidy, "--quiet", "-p", str(build), path], cwd=SOURCE,
                            capture_output=True, text=True)
    if result.returncode == 0:
        stamp.touch()
    return path, result.returncode == 0, result.stdout + result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    tidy = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if not tidy:
        print("tools/lint.py: skipped: needs clang-tidy (apt-get install clang-tidy)")
        return 77
    (arguments.build / "lint").mkdir(exist_ok=True)
    headers = digest_of_all_headers(arguments.build)
    files = arguments.files or files_of(arguments.build)
    failures = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, passed, output in pool.map(
                lambda path: lint(tidy, arguments.build, path, headers), files):
            if not passed:
                failures += 1
                print(output, flush=True)
    print(f"clang-tidy: {len(files)} files, {failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
