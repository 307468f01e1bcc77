"""docs/mission.md is true as far as a script can tell.

Each row of its tables says what was promised, how far it is, and which functions, tests and page
belong to it. What is done, or partly done, names all three; what is not yet names none. Functions
and types are in the public headers, tests and pages exist, so do make targets and commands.
"""

import os
import re
import sys
from pathlib import Path

SOURCE = Path(os.environ["SOURCE_DIR"])
PAGE = SOURCE / "docs" / "mission.md"
HEADER = ["promise", "state", "functions", "tests", "page"]
STATE = re.compile(r"^(done|partly; not yet: .+|not yet(: .+)?|left out: .+)$")
ROWS_MIN = 145  # the lines of the plan: a row that disappears is noticed


def rows(text):
    """(line, cells) of each row of a table, without its head."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("|") and not line.startswith("|---"):
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def links(text):
    return re.findall(r"\]\(([^)\s]+)\)", text)


def is_test(path):
    relative = path.relative_to(SOURCE).as_posix()
    return relative.startswith("tests/") or re.match(r"examples/.*\.test$", relative)


def check_row(cells):
    """What is wrong with one row."""
    if len(cells) != len(HEADER):
        yield f"{len(cells)} cells; {len(HEADER)} expected"
        return
    _, state, functions, tests, page = cells
    if not STATE.match(state):
        yield f"no such state: {state}"
    if state.startswith(("done", "partly")):
        for name, cell in zip(HEADER[2:], cells[2:]):
            if not cell:
                yield f"nothing under '{name}', though it is {state.split(';')[0]}"
    elif functions or tests or page:
        yield f"names functions, tests or a page, though it is {state.split(':')[0]}"
    for target in links(tests):
        path = (PAGE.parent / target).resolve()
        if path.exists() and not is_test(path):
            yield f"not a test: {target}"


def check_names(text):
    """Names in backquotes that do not exist."""
    headers = "".join(path.read_text() for path in (SOURCE / "include/agent_sdk").glob("*.h"))
    public = set(re.findall(r"\bagt_\w+", re.sub(r"/\*.*?\*/", "", headers, flags=re.DOTALL)))
    targets = set(re.findall(r"^([a-z-]+):", (SOURCE / "Makefile").read_text(), re.MULTILINE))
    verbs = (SOURCE / "src/cli/verbs.c").read_text()
    for code in re.findall(r"`([^`]+)`", text):
        if re.match(r"^agt_\w+$", code) and code not in public:
            yield f"not in the public headers: {code}"
        command = re.match(r"^(make|agent) ([a-z-]+)", code)
        if command and command[1] == "make" and command[2] not in targets:
            yield f"no such target of make: {command[2]}"
        if command and command[1] == "agent" and f'{{"{command[2]}' not in verbs:
            yield f"no such command: {code}"


def main():
    text = PAGE.read_text()
    complaints, count = [], 0
    for number, cells in rows(text):
        if cells == HEADER:
            continue
        count += 1
        complaints += [f"docs/mission.md:{number}: {wrong}" for wrong in check_row(cells)]
    for target in links(text):
        if not (PAGE.parent / target.split("#")[0]).exists():
            complaints.append(f"docs/mission.md: a link to nothing: {target}")
    complaints += [f"docs/mission.md: {wrong}" for wrong in check_names(text)]
    if count < ROWS_MIN:
        complaints.append(f"docs/mission.md: {count} rows; the plan has {ROWS_MIN}")
    for complaint in complaints:
        print(complaint)
    print(f"{count} rows, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
