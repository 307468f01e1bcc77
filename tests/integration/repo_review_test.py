"""examples/repo_review, from outside: what is in a repository is in the report, and nothing that is
in a repository is ever run.

Repositories are generated; the seed is printed, and REPO_REVIEW_SEED=n repeats a run.
"""

import builtins
import os
import pty
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from _repositories import DAY_S, History, Planted, git

BUILD = Path(os.environ["BUILD_DIR"])
AGENT = os.environ["AGENT_BIN"]
PROGRAM = BUILD / "examples/repo_review/repo_review"
BANNER = "scripted model: no LLM called; prose is templated, tokens and cost simulated"
MARKER = Planted.MARKERS[0]
calculate = getattr(builtins, "eval")
SEED = int(os.environ.get("REPO_REVIEW_SEED", random.SystemRandom().randrange(10**9)))
TIMEOUT_S = 120


class Review:
    """One run of the program; the report taken apart."""

    def __init__(self, result):
        self.status = result.returncode
        self.text = result.stdout.decode()
        self.errors = result.stderr.decode()
        self.sections = {}
        name = ""
        for line in self.text.split("\n"):
            if line.startswith("## "):
                name = line[3:]
            self.sections.setdefault(name, []).append(line)

    def table(self, section):
        """The rows of the first table of a section, cells as they stand."""
        rows = [line for line in self.sections.get(section, []) if line.startswith("|")]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]

    def failures(self):
        """The outcome of each tool that did not work."""
        return dict(re.findall(r"(?m)^- `([a-z_]+)` \*\*([a-z_\\]+)\*\*: ",
                               self.body("What did not work")))

    def body(self, section):
        return "\n".join(self.sections.get(section, []))

    def score(self, specialist=None):
        if specialist is None:
            return float(re.search(r"\*\*Risk: ([0-9.]+) of 100", self.text).group(1))
        return next(float(row[1]) for row in self.table("Who said what") if row[0] == specialist)


def code(text):
    return f"`{text}`"


class RepoReviewTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"seed: REPO_REVIEW_SEED={SEED}", flush=True)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="repo_review_test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()

    def run_program(self, *arguments, environment=None, **options):
        """The program as it is; by default one run, with everything at once."""
        full = {**os.environ, "TMPDIR": str(self.temporary), "AGENT_BIN": AGENT,
                **(environment or {})}
        store = self.folder / "trace.db"
        return subprocess.run([str(PROGRAM), "--store", str(store), *map(str, arguments)],
                              env=full, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                              **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})

    def review(self, *arguments, status=0):
        review = Review(self.run_program("--slots", "0", *arguments))
        self.assertEqual(review.status, status, review.errors)
        return review

    # ---- what is there is in the report ---------------------------------------------------------

    def check_planted(self, planted, review):
        history = dict(review.table("History"))
        self.assertEqual(int(history["Commits"]), planted.commits)
        self.assertEqual(int(history["Days from first to last"]),
                         planted.days[-1] - planted.days[0])
        self.assertEqual(int(history["Days with a commit"]), planted.commits)
        self.assertEqual(int(history["Longest silence, days"]), planted.longest_silence)
        first, last = (time.strftime("%Y-%m-%d", time.gmtime(day * DAY_S))
                       for day in (planted.days[0], planted.days[-1]))
        self.assertIn(f"{planted.commits} commits from {first} to {last}", review.text)

        self.assertEqual({row[0]: int(row[1]) for row in review.table("Authors")}, planted.authors)
        self.assertIn(f"Bus factor: **{planted.bus_factor}**", review.body("Authors"))

        churn = {row[0]: int(row[1]) for row in review.table("Churn")}
        for path, count in churn.items():
            self.assertEqual(count, planted.changes[path.strip("`")], path)
        self.assertEqual(churn[code(planted.hotspot)], planted.commits)
        self.assertIn(f"Without merges: {planted.commits} commits changed {len(planted.changes)} "
                      "files;", review.body("Churn"))

        self.assertEqual(review.table("Largest files")[0],
                         [code(planted.big), f"{planted.big_size / 1024:.1f} KiB"])
        self.assertEqual(review.table("Hotspots")[0][0], code(planted.hotspot))

    def check_planted_code(self, planted, review):
        self.assertIn(f"**{len(planted.markers)}**", review.body("Unfinished work"))
        found = {(row[0], row[1]) for row in review.table("Unfinished work")}
        expected = {(code(f"{path}:{line}"), marker) for path, line, marker in planted.markers}
        self.assertEqual(found, expected)
        for kind in {marker for _, _, marker in planted.markers}:
            count = sum(marker == kind for _, _, marker in planted.markers)
            self.assertIn(f"{count} × `{kind}`", review.body("Unfinished work"))

        self.assertIn(f"**{len(planted.unsafe)}**", review.body("Unsafe calls"))
        found = {(row[0], row[1]) for row in review.table("Unsafe calls")}
        expected = {(code(f"{path}:{line}"), code(call.replace("|", "\\x7c")))
                    for path, line, call in planted.unsafe}
        self.assertTrue(found <= expected, found - expected)
        self.assertEqual(len(found), min(len(expected), 20))

    def test_planted_facts(self):
        for number in range(3):
            with self.subTest(seed=SEED + number):
                planted = Planted(SEED + number)
                review = self.review(planted.write(self.folder / f"planted{number}"))
                self.check_planted(planted, review)
                self.check_planted_code(planted, review)

    def test_different_repositories_differ(self):
        first = self.review(Planted(SEED).write(self.folder / "one/repo"))
        second = self.review(Planted(SEED + 1).write(self.folder / "two/repo"))
        self.assertNotEqual(first.text, second.text)
        self.assertNotEqual(first.table("Authors"), second.table("Authors"))

    def test_without_the_hotspot_the_risk_is_lower(self):
        hot = self.review(Planted(SEED).write(self.folder / "hot/repo"))
        cool = self.review(Planted(SEED, keeps_hotspot=False).write(self.folder / "cool/repo"))
        self.assertLess(cool.score("report"), hot.score("report"))
        self.assertLess(cool.score(), hot.score())
        self.assertEqual(cool.score("history"), hot.score("history"))

    def test_formulas_add_up(self):
        """Every line with an equals sign and numbers only is true."""
        review = self.review(Planted(SEED).write(self.folder / "repo"))
        checked = 0
        for line in review.body("Who said what").split("\n"):
            match = re.match(r"    (?:[a-z ]+ = | +=)?\s*([0-9(][^=a-z]*) = ([0-9.]+)(?:, as.*)?$",
                             line.replace(" d /", " /").replace(" d)", ")"))
            if match:
                # Digits and operators only, as the pattern says.
                value = calculate(match.group(1).replace("×", "*"), {"__builtins__": {}})
                self.assertAlmostEqual(value, float(match.group(2)), delta=0.06, msg=line)
                checked += 1
        self.assertEqual(checked, 7, review.body("Who said what"))

    def test_same_repository_same_report(self):
        planted = Planted(SEED)
        here = self.review(planted.write(self.folder / "here/repo"))
        again = self.review(self.folder / "here/repo")
        there = self.review(planted.write(self.folder / "there/repo"))
        one_slot = Review(self.run_program("--slots", "1", self.folder / "here/repo"))
        self.assertEqual(here.text, again.text)
        self.assertEqual(here.text, there.text)
        self.assertEqual(here.text, one_slot.text)

    # ---- what does not work ---------------------------------------------------------------------

    def test_killed_and_refused(self):
        repo = Planted(SEED).write(self.folder / "repo")
        review = self.review(repo)
        self.assertEqual(review.failures(), {"watch": "timeout", "deep_scan": "budget_denied"},
                         review.body("What did not work"))
        # Nobody that the tool has started is left.
        self.assertEqual(find_processes(repo), [])
        self.assertEqual(list(self.temporary.iterdir()), [], "temporary files are left")

    def test_larger_budget(self):
        history = History()
        history.commit("A", DAY_S, {"key": b"-----BEGIN RSA PRIVATE KEY-----\n"})
        history.commit("A", 2 * DAY_S, {"key": None, "a.c": b"int a;\n"})
        review = self.review("--budget", "5", history.write(self.folder / "repo"))
        self.assertIn("2 of the newest", review.body("Secrets"))
        # Its price is invented: nobody pays it.
        self.assertRegex(review.errors, r"(?m)^cost +2\.[0-9]+ USD simulated; 0\.0000 USD real$")
        self.assertEqual(list(review.failures()), ["watch"])

    def test_objects_that_are_missing(self):
        """The tools that need them fail, everything else is there."""
        history = History()
        history.commit("A", DAY_S, {"a.c": b"int a;\n", "b.c": b"int b;\n"})
        repo = history.write(self.folder / "repo")
        blob = git(repo, "rev-parse", "HEAD:b.c").decode().strip()
        (repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
        review = self.review(repo, status=8)
        self.assertLessEqual({"churn", "hotspots", "risk_of_structure"}, set(review.failures()))
        self.assertIn("**1 file could not be read", review.text)
        self.assertEqual(dict(review.table("History"))["Commits"], "1")
        self.assertIn("abstains", review.body("Who said what"))

    # ---- repositories of other kinds ------------------------------------------------------------

    def check_refused(self, path, status, words):
        result = self.run_program(path)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertIn(words, result.stderr.decode())
        self.assertNotIn(b"\x1b", result.stderr)

    def test_no_repository(self):
        (self.folder / "plain").mkdir()
        (self.folder / "file").write_text("x")
        repo = Planted(SEED).write(self.folder / "repo")
        (repo / "sub").mkdir()
        self.check_refused(self.folder / "plain", 2, "not a Git repository")
        self.check_refused(self.folder / "nowhere", 2, "no such directory")
        self.check_refused(self.folder / "file", 2, "not a directory")
        self.check_refused(repo / "sub", 2, "only lies in one")
        self.check_refused(self.folder / "no\x1b[31mwhere", 2, "no such directory")

    def test_empty(self):
        git(self.folder, "init", "-q", "empty")
        self.check_refused(self.folder / "empty", 1, "no commit yet")

    def test_damaged(self):
        """Git's own words, where it has some."""
        repo = Planted(SEED).write(self.folder / "repo")
        settings = repo / ".git/config"
        good = settings.read_text()
        settings.write_text("[core\n")
        self.check_refused(repo, 1, "bad config line 1")
        settings.write_text(good.replace("formatversion = 0", "formatversion = 99"))
        self.check_refused(repo, 1, "repo version <= 1, found 99")
        settings.write_text(good)
        git(repo, "update-ref", "--no-deref", "-d", "refs/heads/main")
        (repo / ".git/refs/heads/main").write_text("1" * 40 + "\n")
        self.check_refused(repo, 1, "bad object HEAD")

    def test_bare(self):
        planted = Planted(SEED)
        review = self.review(planted.write(self.folder / "repo.git", "--bare"))
        self.assertIn("A bare repository.", review.text)
        self.check_planted(planted, review)

    def test_shallow(self):
        planted = Planted(SEED)
        full = planted.write(self.folder / "full")
        git(self.folder, "clone", "-q", "--no-checkout", "--depth", "3", full.as_uri(), "shallow")
        review = self.review(self.folder / "shallow")
        self.assertIn("A shallow clone", review.text)
        self.assertEqual(dict(review.table("History"))["Commits"], "3")
        # Of the oldest of the three nobody knows what it changed.
        self.assertIn("Without merges: 2 commits changed", review.body("Churn"))
        self.assertEqual(review.table("Churn")[0][:2], [code(planted.hotspot), "2"])
        git(self.folder, "clone", "-q", "--no-checkout", "--depth", "1", full.as_uri(), "one")
        review = self.review(self.folder / "one")
        self.assertIn("Without merges: 0 commits changed 0 files", review.body("Churn"))
        self.assertEqual(review.table("Hotspots"), [])
        self.assertRegex(review.body("Who said what"), r"(?m)^\| report +\|.*\*\*abstains\*\*")

    def test_binary_files(self):
        """They are counted, but no place where the next defect is likely to be."""
        history = History()
        for number in range(4):
            history.commit("A", DAY_S * (number + 1), {
                "image": b"\0%d" % number * 100_000, "a.c": b"int a = %d;\n" % number})
        review = self.review(history.write(self.folder / "repo"))
        self.assertEqual([row[0] for row in review.table("Hotspots")], ["`a.c`"])
        self.assertEqual(review.table("Largest files")[0][0], "`image`")
        self.assertIn(["`image`", "4", "0", "0"], review.table("Churn"))

    def test_sha256(self):
        planted = Planted(SEED)
        review = self.review(planted.write(self.folder / "repo", "--object-format=sha256"))
        self.check_planted(planted, review)

    def test_linked_work_tree(self):
        planted = Planted(SEED)
        repo = planted.write(self.folder / "repo")
        git(repo, "worktree", "add", "-q", "--detach", str(self.folder / "linked"))
        self.check_planted(planted, self.review(self.folder / "linked"))

    def test_one_commit_without_files(self):
        history = History()
        history.commit("A", 0, {})
        review = self.review(history.write(self.folder / "repo"))
        self.assertEqual(dict(review.table("History"))["Commits"], "1")

    def test_long_history_is_cut(self):
        history = History()
        for number in range(5100):
            history.commit("A", DAY_S + number, {"a.c": b"%d\n" % number})
        review = self.review(history.write(self.folder / "repo"))
        self.assertEqual(dict(review.table("History"))["Commits"], "5100")
        self.assertIn("Without merges: 5000 commits", review.body("Churn"))
        self.assertIn("Older commits were not looked at", review.body("Churn"))

    # ---- hostile repositories -------------------------------------------------------------------

    def test_hostile_names(self):
        names = [b"plain.c", b"with space.c", b"new\nline.c", b"tab\t.c", b'quo"te.c',
                 b"back\\slash.c",
                 b"\x1b[31mred\x1b[0m.c", b"`code`.c", b"a|b|c.c", b"[link](http:example.org).c",
                 b"<script>alert(1)</script>.c", b"-rf.c", b"--help", b"HEAD:3:x.c",
                 b"not\xffutf8.c",
                 "r\u202etl.c".encode(), "\u00e4\u00f6.c".encode(), b"*.c", b"{input}.c",
                 b"{{x}}.c",
                 b"$(touch canary).c", b"'; touch canary; '.c", b"# heading.c", b"x" * 200 + b".c"]
        authors = [b"Eve \x1b]0;owned\x07", b"| Eve | 9 | 9 |", b"&lt;b&gt;Eve", b"[Eve](http://x)",
                   b"Latin \xe4\xf6", b"**bold** _under_ `code`", b"http://evil.example"]
        history = History()
        for number in range(len(names)):
            history.commit(authors[number % len(authors)], DAY_S * (number + 1),
                           {names[number]: f"/* {MARKER} */ gets(x);\n".encode() + b"y\n" * number})
        review = self.review(history.write(self.folder / "repo"))
        self.check_is_plain_markdown(review.text)
        self.assertIn(f"**{len(names)}**: {len(names)} × `{MARKER}`",
                      review.body("Unfinished work"))
        self.assertEqual(len(review.table("Authors")), len(authors))
        self.assertEqual(len(review.table("Hotspots")), 10)
        self.assertEqual(len(review.table("Churn")), 10)
        for row in review.table("Hotspots") + review.table("Churn"):
            self.assertIn(len(row), (4, 5), row)
            self.assertRegex(row[0], r"^`[^`]*`$")
        for text in ("\\x1b[31mred\\x1b[0m.c", "\\x60code\\x60.c", "a\\x7cb\\x7cc.c",
                     "new\\nline.c"):
            self.assertIn(text, review.text)
        words = re.sub("`[^`]*`", "", review.text)
        self.assertNotRegex(words, r"(?<!\\)<(script|b)>|(?<!\\)\[[^\]]*\]\(|http://")
        self.assertEqual(list(self.folder.glob("**/canary")), [])

    def check_is_plain_markdown(self, text):
        self.assertTrue(text.startswith("# Review of `"), text[:80])
        for line in text.split("\n"):
            self.assertRegex(line, r"^[^\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]*$")

    def test_nothing_of_the_repository_runs(self):
        planted = Planted(SEED)
        repo = planted.write(self.folder / "repo")
        before = self.review(repo)
        canary = self.folder / "canary"
        make_malicious(repo, self.folder, canary)
        files = snapshot(repo)
        review = self.review(repo)
        self.assertFalse(canary.exists(), canary.exists() and canary.read_text())
        self.assertEqual(snapshot(repo), files, "the repository was changed")
        # Its configuration is not obeyed either: no colours, no other formats, nothing hidden.
        self.check_is_plain_markdown(review.text)
        self.assertEqual(dict(review.table("History"))["Commits"], str(planted.commits + 1))
        self.assertEqual(review.table("Unfinished work"), before.table("Unfinished work"))
        self.assertNotIn("outside-secret", review.text)
        self.assertIn("1 symbolic link, 1 submodule ", review.text)

    def test_malicious_repository_is_malicious(self):
        """The canary is alive: git alone, in the same repository, does set it off."""
        repo = Planted(SEED).write(self.folder / "repo")
        canary = self.folder / "canary"
        make_malicious(repo, self.folder, canary)
        self.assertFalse(canary.exists(), "making the repository has set it off")
        for verb in (["log", "-p", "-1"], ["status"]):
            subprocess.run(["git", "-C", str(repo), *verb], check=False, timeout=TIMEOUT_S,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        self.assertTrue(canary.exists())

    # ---- the command ----------------------------------------------------------------------------

    def test_streams(self):
        """The report alone is on stdout; figures are on stderr, without escapes."""
        repo = Planted(SEED).write(self.folder / "repo")
        review = Review(self.run_program(repo))
        self.assertEqual(review.status, 0, review.errors)
        self.check_is_plain_markdown(review.text)
        self.assertIn(f"> {BANNER}", review.text)
        self.assertTrue(review.errors.startswith(BANNER + "\n"))
        self.assertNotIn("\x1b", review.errors)
        for figure in ("wall time", "one slot", "speed-up", "critical path", "tokens", "cost"):
            self.assertRegex(review.errors, rf"(?m)^{figure} +[0-9.]+ ")
        self.assertRegex(review.errors,
                         r"(?m)^cost +0\.0[0-9]*[1-9][0-9]* USD simulated; 0\.0000 USD")
        self.assertEqual(review.text, self.review(repo).text)

    def test_commands_reproduce_figures(self):
        """Each command line that is printed runs, and gives the figure above it."""
        for name, shell in (("odd 'name' $x", "sh"), ("new\nline '\\ ", "bash"), ("-dash", "sh")):
            repo = Planted(SEED).write(self.folder / name)
            # With an option, to see that the commands repeat it.
            result = self.run_program("--budget", "0.75", "--", repo.name, cwd=self.folder)
            review = Review(result)
            self.assertEqual(review.status, 0, review.errors)
            lines = [line.strip() for line in review.errors.split("\n")
                     if line.startswith("       ")]
            self.assertEqual(len(lines), 4, review.errors)
            shown = [self.run_command(shell, line) for line in lines]
            self.check_reproduced(review.errors, *shown)

    def run_command(self, shell, line):
        result = subprocess.run([shell, "-c", line], capture_output=True, timeout=TIMEOUT_S,
                                cwd=self.folder, check=False,
                                env={**os.environ, "TMPDIR": str(self.temporary)})
        self.assertEqual(result.returncode, 0, (line, result.stderr))
        return (result.stdout + result.stderr).decode()

    def check_reproduced(self, figures, everything, one_slot, trace, costs):
        tools = re.search(r"(?m)^wall time .* ([0-9]+) tool calls", figures).group(1)
        self.assertRegex(everything, rf"(?m)^wall time +[0-9.]+ s +{tools} tool calls, as parallel "
                         r"as their dependencies allow\n  answering +[0-9.]+ s")
        self.assertRegex(one_slot, rf"(?m)^wall time +[0-9.]+ s +{tools} tool calls, "
                         r"as parallel as the slots allow\n  answering +[0-9.]+ s")
        # These two are about the very run, though there were others since.
        path = float(re.search(r"(?m)^critical path +([0-9.]+) s", figures).group(1))
        match = re.search(r"critical path ([0-9.]+) (m?s) ", trace)
        self.assertAlmostEqual(path, float(match[1]) / (1000 if match[2] == "ms" else 1), delta=.01)
        self.assertNotIn("at most 1 at a time", trace)
        tokens = int(re.search(r"(?m)^tokens +([0-9]+)", figures).group(1))
        cost = float(re.search(r"(?m)^cost +([0-9.]+) USD", figures).group(1))
        total = re.search(r"(?m)^total .* ([0-9,]+) +\$([0-9.]+)$", costs)
        self.assertEqual(int(total[1].replace(",", "")), tokens)
        self.assertAlmostEqual(float(total[2]), cost, delta=0.0001)
        wall = {name: float(re.search(rf"(?m)^{name} +([0-9.]+) ", figures)[1])
                for name in ("wall time", "one slot", "speed-up")}
        self.assertAlmostEqual(wall["one slot"] / wall["wall time"], wall["speed-up"], delta=0.05)

    def test_progress_on_a_terminal(self):
        repo = Planted(SEED).write(self.folder / "repo")
        try:
            master, slave = pty.openpty()
        except OSError as error:
            self.skipTest(f"no pseudo-terminal to be had here: {error}")
        result = self.run_program("--slots", "0", repo, stderr=slave)
        os.close(slave)
        shown = b""
        try:
            while chunk := os.read(master, 65536):
                shown += chunk
        except OSError: # all of it was read
            pass
        os.close(master)
        self.check_is_plain_markdown(result.stdout.decode())
        for name in (b"manager", b"hotspots", b"watch"):
            self.assertIn(name, shown)

    def test_closed_output(self):
        repo = Planted(SEED).write(self.folder / "repo")
        with open("/dev/full", "wb") as full:
            result = self.run_program("--slots", "0", repo, stdout=full)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(b"the report cannot be written", result.stderr)

    def test_reader_that_has_gone(self):
        repo = Planted(SEED).write(self.folder / "repo")
        reader, writer = os.pipe()
        os.close(reader)
        result = self.run_program("--slots", "0", repo, stdout=writer)
        os.close(writer)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"\nwall time ", result.stderr)
        self.assertNotIn(b"repo_review: ", result.stderr)
        self.assertEqual(list(self.temporary.iterdir()), [], "temporary files are left")

    def test_closed_streams(self):
        """What is meant for them does not end up in a file that was opened since."""
        repo = Planted(SEED).write(self.folder / "repo")
        for number, status in ((0, 0), (1, 1), (2, 0)):
            result = self.run_program("--slots", "0", repo,
                                      preexec_fn=lambda n=number: os.close(n))
            self.assertEqual(result.returncode, status, (number, result.stderr))
        subprocess.run([AGENT, "trace", "--store", self.folder / "trace.db"], check=True,
                       stdout=subprocess.DEVNULL)
        self.assertNotIn(BANNER.encode(), (self.folder / "trace.db").read_bytes())

    def test_interrupted(self):
        """Children end, temporary files go, and the program ends by the signal."""
        history = History()
        for number in range(5000):
            history.commit("A", DAY_S + number, {"a.c": b"%d\n" % number})
        repo = history.write(self.folder / "repo")
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen(
                [PROGRAM, "--store", self.folder / "trace.db", repo], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "TMPDIR": str(self.temporary)})
            while process.poll() is None and not any(self.temporary.iterdir()):
                pass
            process.send_signal(number)
            output, _ = process.communicate(timeout=TIMEOUT_S)
            self.assertEqual(process.returncode, -number)
            self.assertEqual(output, b"")
            # ThreadSanitizer leaves a file of its own in a process that a signal ends early.
            left = [path for path in self.temporary.iterdir() if not path.name.startswith("tsan.")]
            self.assertEqual(left, [])
            self.assertEqual(find_processes(repo), [])

    def test_wrong_command_lines(self):
        for arguments, status in ((["--slots", "x"], 2), (["--slots", "-1"], 2),
                                   (["--nonsense"], 2),
                                  (["a", "b"], 2), (["--budget", "-3"], 2), (["--help"], 0)):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, status, arguments)
        bad = self.folder / "bad.yaml"
        bad.write_text("version: 1\nmodels: 3\n")
        repo = Planted(SEED).write(self.folder / "repo")
        result = self.run_program("--team", bad, repo)
        self.assertEqual(result.returncode, 3)
        self.assertEqual(result.stdout, b"")
        self.assertRegex(result.stderr, rb"bad\.yaml:[0-9]+:[0-9]+: ")


def find_processes(repo):
    """Processes with the name of the repository in their arguments or environment."""
    return [p for p in Path("/proc").glob("[0-9]*/cmdline")
            if os.fsencode(repo) in read_or_empty(p) or
            os.fsencode(repo) in read_or_empty(p.with_name("environ"))]


def read_or_empty(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def snapshot(folder):
    """Every file below @folder: its size and when it was changed."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in folder.rglob("*")}


def make_malicious(repo, folder, canary):
    """Let @repo name a program wherever git takes one; it leaves a line in @canary."""
    program = folder / "evil"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {shlex.quote(str(canary))}\n'
                       'exit 1\n')
    program.chmod(0o755)
    evil = str(program)
    included = folder / "included.config"
    included.write_text(f"[core]\n\tfsmonitor = {evil}\n\tpager = {evil}\n")
    outside = folder / "outside"
    outside.write_text(f"outside-secret {MARKER} gets(x);\n")
    # A commit with a signature, attributes, a link to the outside and a submodule.
    history = History()
    parent = git(repo, "rev-parse", "HEAD").decode().strip()
    history.commit("Mallory", 20000 * DAY_S, {
        ".gitattributes": b"* diff=evil filter=evil merge=evil text=auto\n*.c textconv=evil\n",
        ".gitmodules": b'[submodule "sub"]\n\tpath = sub\n\turl = ext::evil\n',
        "link": os.fsencode(outside), "sub": b"1" * 40},
        {"link": "120000", "sub": "160000"})
    stream = history.stream().replace(
        b"data 1\n0\n", b"data 1\n0\nfrom " + parent.encode() + b"\n", 1)
    git(repo, "fast-import", "--quiet", "--done", data=stream)
    commit = git(repo, "cat-file", "commit", "HEAD")
    head, message = commit.split(b"\n\n", 1)
    signed = head + b"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----" \
        + b"\n\n" + message
    name = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", data=signed).decode().strip()
    git(repo, "update-ref", "--no-deref", "refs/heads/main", name)
    hooks = repo / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction",
                 "fsmonitor-watchman", "post-merge", "pre-auto-gc", "update", "post-rewrite"):
        (hooks / name).unlink(missing_ok=True)
        (hooks / name).symlink_to(program)
    settings = {
        "core.hooksPath": str(hooks), "core.fsmonitor": evil, "core.pager": evil,
        "core.editor": evil, "core.askPass": evil, "core.sshCommand": evil, "core.gitProxy": evil,
        "core.alternateRefsCommand": evil, "core.attributesFile": str(folder / "attributes"),
        "pager.log": evil, "pager.grep": evil, "pager.ls-tree": evil, "pager.rev-parse": evil,
        "diff.external": evil, "diff.evil.command": evil, "diff.evil.textconv": evil,
        "filter.evil.clean": evil, "filter.evil.smudge": evil, "filter.evil.process": evil,
        "filter.evil.required": "true", "merge.evil.driver": evil, "gpg.program": evil,
        "log.showSignature": "true", "alias.log": "!" + evil, "alias.grep": "!" + evil,
        "alias.rev-parse": "!" + evil, "include.path": str(included),
        "includeIf.gitdir:/.path": str(included), "uploadpack.packObjectsHook": evil,
        "credential.helper": "!" + evil, "remote.origin.url": "ext::" + evil,
        "remote.origin.promisor": "true", "remote.origin.partialclonefilter": "blob:none",
        "protocol.allow": "always", "protocol.ext.allow": "always",
        "interactive.diffFilter": evil, "trailer.x.command": evil, "color.ui": "always",
        "color.grep": "always", "log.showRoot": "false", "log.date": "relative",
        "format.pretty": "fuller", "diff.noprefix": "true", "diff.renames": "copies",
        "grep.patternType": "fixed", "grep.column": "true", "core.quotePath": "false",
        "core.bare": "false", "i18n.logOutputEncoding": "UTF-16", "core.abbrev": "4",
    }
    (folder / "attributes").write_text("* diff=evil filter=evil\n")
    for key, value in settings.items():
        git(repo, "config", key, value)


if __name__ == "__main__":
    if not PROGRAM.exists():
        print(f"{PROGRAM} was not built")
        sys.exit(77)
    unittest.main(verbosity=1)
