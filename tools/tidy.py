#!/usr/bin/env python3
"""The project's own lint: what a compiler and clang-tidy do not know about this code base.

    tools/tidy.py [--root DIR] [FILE...]      checks the tracked and new files, or those given
    tools/tidy.py --list                      lists the rules

Prints `file:line: rule: what is wrong` and exits with 1 when there is anything to print. Where
breaking a rule is right, say so on the same line or on the line before:

    /* tidy: allow banned-call: the C library's allocator is what this file wraps */

It reads C with regular expressions after taking comments and strings out, and relies on the format
that clang-format gives: the braces of a function stand alone in column 1.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

# A room may include those before it, and itself.
ROOMS = ["base", "telemetry", "store", "net", "export", "runtime", "exec", "llm", "agents",
         "interop", "team", "cli"]
# Public headers that are not named after their room.
HEADER_ROOMS = {"value": "base", "schema": "base"}
# The supervisor links nothing but the C library; it may share declarations with these.
HELPER_MAY_INCLUDE = {"helper", "base", "net"}
# Room folders whose code prints: what is left is the library, and the library never does.
PRINTING = {"cli", "helper"}
# The headers that a public header may include, besides others of ours.
STANDARD_HEADERS = {"stdarg.h", "stdbool.h", "stddef.h", "stdint.h"}

# What the whole library means by these verbs is written once, in agent_sdk/base.h.
OBVIOUS_PUBLIC = re.compile(r"_(free|ref|unref)$")
OBVIOUS_INTERNAL = re.compile(r"_(new|init|deinit|free|ref|unref)$")

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

BANNED = {
    "strcpy": "has no bound", "strcat": "has no bound", "sprintf": "has no bound; snprintf",
    "vsprintf": "has no bound; vsnprintf", "gets": "has no bound",
    "strncpy": "may leave out the NUL; memcpy or snprintf",
    "strtok": "keeps global state; strcspn", "system": "starts a shell",
    "popen": "starts a shell", "localtime": "static result; localtime_r or gmtime_r",
    "gmtime": "static result; gmtime_r", "ctime": "static result", "asctime": "static result",
    "tmpnam": "a race; mkstemp", "mktemp": "a race; mkstemp", "alloca": "no bound on the stack",
    "atoi": "no error; strtol", "atol": "no error; strtol", "atoll": "no error; strtoll",
}
BANNED_IN_SOURCES = {
    "setenv": "not safe with threads", "putenv": "not safe with threads",
    "unsetenv": "not safe with threads", "strerror": "not safe with threads; strerror_r",
    "getenv": "trusted in a setuid program; secure_getenv", "rand": "agt_random",
    "srand": "agt_random", "random": "agt_random", "sleep": "blocks; a timer",
    "usleep": "blocks; a timer", "nanosleep": "blocks; a timer",
    "pthread_cancel": "leaves locks held; a cancel token",
}
BANNED_IN_LIBRARY = {
    "malloc": "agt__alloc", "calloc": "agt__calloc", "realloc": "agt__realloc",
    "reallocarray": "agt__realloc", "strdup": "agt__strdup", "strndup": "agt__strndup",
    "asprintf": "the caller's allocator", "vasprintf": "the caller's allocator",
    "exit": "a library returns", "_exit": "a library returns", "abort": "AGT_ASSERT",
    "signal": "the host's business", "sigaction": "the host's business",
    "atof": "depends on the locale", "strtod": "depends on the locale",
    "setlocale": "the host's business",
    "printf": "a library does not print", "vprintf": "a library does not print",
    "puts": "a library does not print", "putchar": "a library does not print",
    "perror": "a library does not print",
}
BANNED_IN_TESTS = {
    "sleep": "tests do not wait; virtual time or an event",
    "usleep": "tests do not wait; virtual time or an event",
    "nanosleep": "tests do not wait; virtual time or an event",
}

RULES = {
    "layers": "a room includes only rooms before it: " + " < ".join(ROOMS),
    "banned-call": "functions with a better replacement",
    "printing": "library rooms write to no standard stream",
    "file-length": f"at most {FILE_LINES_MAX} lines",
    "function-length": f"at most {FUNCTION_LINES_MAX} lines (main() of a test excepted)",
    "columns": f"at most {COLUMNS_MAX} columns",
    "whitespace": "no tabs, trailing blanks or carriage returns; one newline at the end",
    "to-do": "no notes about work to be done: do it, or open an issue",
    "opening-comment": "every C file begins by saying what it is",
    "header-guard": "every header has an include guard",
    "documented": "every function in a header has a comment; a group without empty lines "
                  "shares one",
    "public-header": "public headers include each other and the basic standard headers only, and "
                     "declare C linkage",
}


def strip_c(text):
    """The text with comments and the contents of literals blanked out; lines stay lines."""
    pattern = re.compile(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)

    def blank(match):
        token = match.group()
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return pattern.sub(blank, text)


class File:
    """One file to check: its text, and where it belongs."""

    def __init__(self, root, path):
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.split("\n")
        parts = Path(path).parts
        self.top = parts[0] if len(parts) > 1 else ""
        self.is_c = path.endswith((".c", ".h"))
        self.is_header = path.endswith(".h")
        self.code = strip_c(self.text) if self.is_c else ""
        self.code_lines = self.code.split("\n")
        self.room = None
        if self.top == "src" and len(parts) > 2:
            self.room = parts[1]
        elif path.startswith("include/agent_sdk/"):
            self.room = room_of_header(Path(path).stem)
        self.is_library = self.top == "src" and self.room not in PRINTING


def room_of_header(stem):
    """The room a public header belongs to; None for agent_sdk.h, which includes them all."""
    return None if stem == "agent_sdk" else HEADER_ROOMS.get(stem, stem)


def includes(file):
    """(line number, path, whether quoted) of each include."""
    for number, line in enumerate(file.lines, 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match and file.code_lines[number - 1].strip():
            yield number, match.group(2), match.group(1) == '"'


def check_layers(file):
    if file.room is None:
        return
    if file.room not in ROOMS and file.room != "helper":
        yield 1, "layers", f"there is no room '{file.room}'; tools/tidy.py knows the rooms"
        return
    for number, target, _ in includes(file):
        parts = target.split("/")
        if parts[0] == "agent_sdk" and len(parts) == 2:
            room = room_of_header(parts[1].removesuffix(".h"))
            if room is None:
                yield number, "layers", "agent_sdk.h is for programs; include the room's header"
                continue
        elif parts[0] in ROOMS or parts[0] == "helper":
            room = parts[0]
        elif parts[0] in ("tests", "support"):
            yield number, "layers", "the library includes nothing of the tests"
            continue
        else:
            continue
        if file.room == "helper":
            if room not in HELPER_MAY_INCLUDE:
                yield number, "layers", f"the supervisor must not include '{room}'"
        elif room not in ROOMS:
            yield number, "layers", f"nothing includes '{room}'"
        elif ROOMS.index(room) > ROOMS.index(file.room):
            yield number, "layers", f"'{file.room}' must not include '{room}', which is above it"


def banned_for(file):
    banned = dict(BANNED)
    if file.top in ("src", "include"):
        banned.update(BANNED_IN_SOURCES)
    if file.is_library:
        banned.update(BANNED_IN_LIBRARY)
    if file.path.startswith(("tests/unit/", "tests/integration/", "tests/support/")):
        banned.update(BANNED_IN_TESTS)
    return banned


def check_calls(file):
    banned = banned_for(file)
    name = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    stream = re.compile(r"\b(?:v?fprintf|fputs|fputc|putc|fwrite|fflush)\b[^;]*\bstd(?:out|err)\b"
                        r"|\b(?:write|dprintf)\s*\(\s*(?:[12]\b|STD(?:OUT|ERR)_FILENO)")
    for number, line in enumerate(file.code_lines, 1):
        for match in name.finditer(line):
            yield number, "banned-call", f"{match.group(1)}(): {banned[match.group(1)]}"
        if file.is_library and stream.search(line):
            yield number, "printing", "a library does not print; records go to a sink"


def check_lengths(file):
    if len(file.lines) - 1 > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, "file-length", f"{len(file.lines) - 1} lines"
    start = None
    for number, line in enumerate(file.code_lines, 1):
        if line.rstrip() == "{":
            start = number
        elif start and line.rstrip() == "}":
            length = number - start + 1
            head = " ".join(file.code_lines[max(0, start - 4):start - 1])
            is_test_main = file.top == "tests" and re.search(r"\bint main\(", head)
            if length > FUNCTION_LINES_MAX and not is_test_main:
                yield start, "function-length", f"{length} lines"
            start = None


def check_text(file):
    width_matters = file.path.endswith((".c", ".h", ".py", ".cmake", ".sh", "CMakeLists.txt"))
    for number, line in enumerate(file.lines, 1):
        if width_matters and len(line) > COLUMNS_MAX:
            yield number, "columns", f"{len(line)} columns"
        if line != line.rstrip() or ("\t" in line and Path(file.path).name != "Makefile"):
            yield number, "whitespace", "tab, trailing blank or carriage return"
        if re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", line):
            yield number, "to-do", line.strip()
    if file.text and (not file.text.endswith("\n") or file.text.endswith("\n\n")):
        yield len(file.lines), "whitespace", "a file ends with one newline"


def check_opening(file):
    if file.path.endswith(".c") and not file.text.startswith("/*"):
        yield 1, "opening-comment", "begin with a comment: what it is, its invariants, why so"
    if file.is_header and not re.search(r"^#ifndef (\w+)\n#define \1\n", file.text, re.MULTILINE):
        yield 1, "header-guard", "no #ifndef NAME, #define NAME"


def check_documented(file):
    """A prototype needs a comment before it; those without an empty line between share one."""
    if not file.is_header or file.top not in ("src", "include"):
        return
    prototype = re.compile(r"^(?!typedef|_Static_assert|static)[A-Za-z_][^=;{}#()]*?"
                           r"\b(\w+)\([^;{}]*;$", re.DOTALL)
    obvious = OBVIOUS_PUBLIC if file.top == "include" else OBVIOUS_INTERNAL
    documented = False
    chunk, start = "", 0
    for number, line in enumerate(file.lines, 1):
        code = file.code_lines[number - 1].rstrip()
        if not code.strip():
            if line.strip():
                documented = True       # a comment
            elif not chunk:
                documented = False      # an empty line ends a group
            continue
        if code[0] == "#" and not chunk:
            documented = False
            continue
        if not chunk:
            if code[0] in " }":
                continue                # inside a struct or an inline function
            start = number
        chunk += code + "\n"
        if not code.endswith((";", "}", "{")):
            continue
        match = prototype.match(chunk.strip())
        if match and not documented and not obvious.search(match.group(1)):
            yield start, "documented", f"{match.group(1)}() has no comment"
        chunk = ""


def check_public_header(file):
    if not file.path.startswith("include/"):
        return
    for number, target, quoted in includes(file):
        if not (target.startswith("agent_sdk/") if quoted else target in STANDARD_HEADERS):
            yield number, "public-header", f"must not include {target}"
    if "extern \"C\"" not in file.text and "AGT_API" in file.code:
        yield 1, "public-header", "declares no C linkage"


def check(file):
    checks = [check_text]
    if file.is_c:
        checks += [check_layers, check_calls, check_lengths, check_opening, check_documented,
                   check_public_header]
    elif file.path.endswith(".py"):
        checks += [check_lengths]
    for function in checks:
        for number, rule, message in function(file):
            near = file.lines[max(0, number - 2):number]
            if not any(f"tidy: allow {rule}:" in line for line in near):
                yield number, rule, message


def list_files(root):
    """Tracked and new files of the kinds that are checked; data of the tests is left alone."""
    # The checkout may belong to another user, as in a container.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z",
               "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
    kinds = (".c", ".h", ".py", ".sh", ".cmake", ".md", ".yaml", "CMakeLists.txt", "Makefile")
    data = re.compile(r"^(tests/(.*/)?(data|fixtures|corpus)/|fuzz/corpus/)")
    return sorted(name for name in set(names)
                  if name.endswith(kinds) and not data.match(name) and (root / name).is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true", help="list the rules")
    parser.add_argument("files", nargs="*", help="paths below the root")
    arguments = parser.parse_args()
    if arguments.list:
        for rule, meaning in RULES.items():
            print(f"{rule:16} {meaning}")
        return 0
    files = arguments.files or list_files(arguments.root)
    findings = 0
    for path in files:
        for number, rule, message in check(File(arguments.root, path)):
            print(f"{path}:{number}: {rule}: {message}")
            findings += 1
    print(f"tidy: {len(files)} files, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
