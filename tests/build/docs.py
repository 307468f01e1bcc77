"""The documents are true: links lead somewhere, and code blocks compile, run and validate.

Each tracked *.md page is gone through from the top, in an empty folder of its own. What the tag of
a code block makes of it:

    c       compiled as a user would, warnings being errors; with a main() it is run too
    yaml    written to team.yaml and given to `agent validate`
    json    parsed
    sh      run by `sh -e`, with `agent` in PATH and the team.yaml of the page in the folder
    text    left alone; so are makefile, diff and cmake

A block without a tag is an error, and so is a relative link to a file, or to a heading, that is
not there. Each page of docs is linked from the page that is its index.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ["SOURCE_DIR"])
BUILD = Path(os.environ["BUILD_DIR"])
AGENT = Path(os.environ["AGENT_BIN"])
LEFT_ALONE = {"text", "makefile", "diff", "cmake"}
TIMEOUT_S = 60
# The pages of a folder, and where a reader would look for them.
INDEXES = {"docs/guide": "docs/guide/README.md", "docs/internals": "ARCHITECTURE.md",
           "docs/decisions": "ARCHITECTURE.md"}


def pages():
    # The checkout may belong to another user, as in a container.
    command = ["git", "-c", f"safe.directory={SOURCE}", "-C", str(SOURCE), "ls-files", "-z", "*.md"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return [SOURCE / name for name in names if name and (SOURCE / name).exists()]


def blocks(text):
    """(line, tag, content) of each fenced block."""
    tag, start, content = None, 0, []
    for number, line in enumerate(text.split("\n"), 1):
        fence = re.match(r"^ *```(\S*)", line)
        if fence and tag is None:
            tag, start, content = fence.group(1), number, []
        elif fence:
            yield start, tag, "\n".join(content) + "\n"
            tag = None
        elif tag is not None:
            content.append(line)


def run(command, folder):
    """What went wrong, or None."""
    environment = {**os.environ, "PATH": f"{AGENT.parent}:{os.environ['PATH']}",
                   "LD_LIBRARY_PATH": str(BUILD / "lib"), "HOME": str(folder)}
    try:
        result = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"{command[0]}: not done after {TIMEOUT_S} s"
    if result.returncode != 0:
        return f"{Path(command[0]).name}: status {result.returncode}\n" \
               f"{result.stdout[-2000:]}{result.stderr[-2000:]}"
    return None


def check_c(content, folder):
    (folder / "block.c").write_text(content)
    is_program = re.search(r"\bint main\(", content)
    command = [os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror",
               f"-I{SOURCE / 'include'}", "block.c"]
    if not is_program:
        return run([*command, "-fsyntax-only"], folder)
    return (run([*command, "-o", "block", f"-L{BUILD / 'lib'}", "-lagent_sdk", "-pthread"], folder)
            or run(["./block"], folder))


def check_yaml(content, folder):
    (folder / "team.yaml").write_text(content)
    return run([str(AGENT), "validate", "team.yaml"], folder)


def check_json(content, _):
    try:
        json.loads(content)
    except ValueError as error:
        return str(error)
    return None


def check_sh(content, folder):
    (folder / "block.sh").write_text(content)
    return run(["sh", "-e", "block.sh"], folder)


CHECKS = {"c": check_c, "yaml": check_yaml, "json": check_json, "sh": check_sh}


def prose(text):
    """(line, text) of each line outside of code blocks."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"^ *```", line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def links(page, text):
    """(line, link, path, heading) of each link to something in the project."""
    for number, line in prose(text):
        for link in re.findall(r"\]\(([^)\s]+)\)", line):
            path, _, heading = link.partition("#")
            if not re.match(r"^[a-z]+:", path):
                yield number, link, (page.parent / path if path else page).resolve(), heading


def headings(path):
    """What a link to a heading of @path may say after the #."""
    for _, line in prose(path.read_text()):
        if re.match(r"^#+ ", line):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            yield title.replace(" ", "-")


def broken_links(page, text):
    """(line, link) of each link to nothing."""
    for number, link, path, heading in links(page, text):
        if not path.exists() or (heading and heading not in headings(path)):
            yield number, link


def missing_in_indexes(names):
    """A complaint for each page that its index does not link to."""
    for folder, index in INDEXES.items():
        page = SOURCE / index
        linked = {path for _, _, path, _ in links(page, page.read_text())}
        for name in names:
            if name.parent == SOURCE / folder and name != page and name.resolve() not in linked:
                yield f"{index}: no link to {name.relative_to(SOURCE)}"


def check_page(page):
    """(complaints, number of blocks checked)"""
    text = page.read_text()
    name = page.relative_to(SOURCE)
    complaints = [f"{name}:{line}: a link to nothing: {target}"
                  for line, target in broken_links(page, text)]
    checked = 0
    with tempfile.TemporaryDirectory() as folder:
        for line, tag, content in blocks(text):
            if tag in LEFT_ALONE:
                continue
            checked += 1
            if tag in CHECKS:
                complaint = CHECKS[tag](content, Path(folder))
            else:
                complaint = f"no such tag: '{tag}'; one of {' '.join([*CHECKS, *LEFT_ALONE])}"
            if complaint:
                complaints.append(f"{name}:{line}: {complaint}")
    return complaints, checked


def main():
    complaints, checked = list(missing_in_indexes(pages())), 0
    for page in pages():
        found, count = check_page(page)
        complaints += found
        checked += count
    for complaint in complaints:
        print(complaint)
    print(f"{len(pages())} pages, {checked} blocks, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
