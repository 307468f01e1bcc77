"""Git repositories for tests, made by git fast-import: any name, date and content, and fast."""

import os
import random
import string
import subprocess
from pathlib import Path

DAY_S = 86400
# Nothing of the machine the tests run on.
GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(folder, *arguments, data=None):
    return subprocess.run(["git", "-C", str(folder), *arguments], check=True, input=data,
                          env=GIT_ENVIRONMENT, capture_output=True).stdout


def quote(path):
    """A path as fast-import reads it."""
    text = "".join(chr(b) if 32 < b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in path)
    return f'"{text}"'.encode()


class History:
    """Commits to come: each has an author, a time, and files to write (bytes) or delete (None)."""

    def __init__(self):
        self.commits = []

    def commit(self, author, time_s, files, modes=None):
        self.commits.append((author, time_s, files, modes or {}))

    def stream(self):
        parts = []
        for number, (author, time_s, files, modes) in enumerate(self.commits):
            name = author if isinstance(author, bytes) else author.encode()
            parts.append(b"commit refs/heads/main\n"
                         b"author " + name + b" <a@example.org> " + f"{time_s} +0000\n".encode() +
                         b"committer C <c@example.org> " + f"{time_s} +0000\n".encode() +
                         f"data {len(str(number))}\n{number}\n".encode())
            for path, content in files.items():
                raw = path if isinstance(path, bytes) else path.encode()
                if content is None:
                    parts.append(b"D " + quote(raw) + b"\n")
                    continue
                mode = modes.get(path, "100644")
                if mode == "160000":
                    parts.append(b"M 160000 " + content + b" " + quote(raw) + b"\n")
                else:
                    parts.append(f"M {mode} inline ".encode() + quote(raw) + b"\n" +
                                 f"data {len(content)}\n".encode() + content + b"\n")
        return b"".join(parts) + b"done\n"

    def write(self, folder, *options):
        """Make the repository; its work tree stays empty."""
        folder.mkdir(parents=True)
        git(folder, "init", "-q", *options)
        git(folder, "symbolic-ref", "HEAD", "refs/heads/main")
        git(folder, "fast-import", "--quiet", "--done", data=self.stream())
        return folder


def word(rng, length=8):
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(length))


class Planted:
    """A repository with facts at random places. What was planted is in its members."""

    # Language, name in the report, line. `@` is an opening parenthesis: this file is reviewed, too.
    UNSAFE = [("c", "strcpy", "    strcpy@a, b);"), ("c", "gets", "    gets@line);"),
              ("c", "sprintf", '    x = sprintf@a, "%d", 1);'),
              ("py", "eval", "value = eval@text)"),
              ("py", "os.system", "os.system@command)"),
              ("py", "shell=True", "run@command, shell" "=True)"),
              ("js", "eval", "let x = eval@y);"), ("js", "innerHTML", "element.innerHTML = text;"),
              ("sh", "eval", 'eval "$1"'), ("sh", "| sh", "fetch | sh")]
    MARKERS = ["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]
    COMMENT = {"c": "/* {} */", "py": "# {}", "js": "// {}", "sh": "# {}"}

    def __init__(self, seed, keeps_hotspot=True):
        self.rng = random.Random(seed)
        rng = self.rng
        self.authors = {f"{word(rng).title()} {word(rng).title()}": rng.randint(1, 6)
                        for _ in range(rng.randint(2, 5))}
        self.first_day = rng.randint(10000, 19000)
        self.unsafe, self.markers = [], []
        self.files = self.make_files()
        self.hotspot = f"src/{word(rng)}_core.c"
        self.big = f"data/{word(rng)}.json"
        self.big_size = rng.randint(200_000, 300_000)
        self.changes = {}
        self.history = self.make_history(keeps_hotspot)

    def make_files(self):
        """Source files, some lines of which are unsafe or unfinished."""
        rng, files = self.rng, {}
        for number in range(rng.randint(6, 10)):
            ending = ("c", "py", "js", "sh")[number % 4]
            path = f"src/{word(rng)}.{ending}"
            lines = [f"line {i}" for i in range(rng.randint(20, 60))]
            for _ in range(rng.randint(0, 3)):
                call = rng.choice([c for c in self.UNSAFE if c[0] == ending])
                self.unsafe.append((path, self.plant(lines, call[2].replace("@", "(")), call[1]))
            for _ in range(rng.randint(0, 2)):
                marker = rng.choice(self.MARKERS)
                line = self.plant(lines, self.COMMENT[ending].format(f"{marker}: {word(rng)}"))
                self.markers.append((path, line, marker))
            files[path] = ("\n".join(lines) + "\n").encode()
        return files

    def plant(self, lines, text):
        """Put @text on a line that is free; its number."""
        free = [i for i, line in enumerate(lines) if line.startswith("line ")]
        at = self.rng.choice(free)
        lines[at] = text
        return at + 1

    def make_history(self, keeps_hotspot):
        rng, history = self.rng, History()
        authors = [a for a, count in self.authors.items() for _ in range(count)]
        rng.shuffle(authors)
        while len(authors) < 8:
            name = rng.choice(list(self.authors))
            self.authors[name] += 1
            authors.append(name)
        self.days = sorted(rng.sample(range(self.first_day, self.first_day + 900), len(authors)))
        # Large but not long: the audit counts per line.
        body = b"/* " + b"padding " * 9000 + b"*/\n"
        for number, (author, day) in enumerate(zip(authors, self.days)):
            files = {}
            if number == 0:
                files.update(self.files)
                files[self.big] = b"0" * (self.big_size - 1) + b"\n"
            files[self.hotspot] = b"/* version %04d */\n" % number + body
            if number > 0 and rng.random() < 0.3:
                path = rng.choice(list(self.files))
                self.files[path] += b"more\n"
                files[path] = self.files[path]
            if number == len(authors) - 1 and not keeps_hotspot:
                files[self.hotspot] = None
            for path in files:
                self.changes[path] = self.changes.get(path, 0) + 1
            history.commit(author, day * DAY_S + 3600, files)
        self.commits = len(authors)
        return history

    def write(self, folder, *options):
        return self.history.write(folder, *options)

    @property
    def bus_factor(self):
        made, factor = 0, 0
        for count in sorted(self.authors.values(), reverse=True):
            if made * 2 >= self.commits:
                break
            made += count
            factor += 1
        return factor

    @property
    def longest_silence(self):
        return max((b - a for a, b in zip(self.days, self.days[1:])), default=0)
