"""The `agent` command and files that are no files, are too large, may not be read, or lie on a disk
that is full: one error that names them, the right exit code, and no waiting."""

import json
import os
import shutil
import subprocess
import unittest

from _cli import AGENT, PATIENCE_S, CommandTest, call

ECHO = {"command": ["cat"], "effect": "pure"}
NOBODY = 65534


class OddFiles(CommandTest):
    def setUp(self):
        super().setUp()
        self.good = self.team({"text": "answer"}, name="good.json")
        os.mkfifo(self.folder / "pipe")
        os.mkdir(self.folder / "folder")
        with open(self.write("large", b""), "r+b") as file:
            file.truncate(2 << 30)

    def check(self, arguments, message, code=3):
        out, err = self.agent(*arguments, code=code)
        self.assertEqual((out, err), ("", f"agent: {message}\n"))

    def test_team_files(self):
        large = "found a larger file, expected at most 8388608 bytes"
        for name, message in [("pipe", "cannot read pipe: found a pipe, expected a file"),
                              ("folder", "cannot read folder: Is a directory"),
                              ("/dev/zero", "cannot read /dev/zero: found a device, expected a "
                                            "file"),
                              ("large", f"large: {large}"),
                              ("none", "cannot read none: No such file or directory"),
                              ("good.json/x", "cannot read good.json/x: Not a directory")]:
            for arguments in (["validate", name], ["run", name, "x"], ["tools", name]):
                self.check(arguments, message)
            result = json.loads(self.agent("validate", "--json", name, code=3)[0])
            self.assertEqual([error["message"] for error in result["errors"]], [message])

    def test_standard_input_is_no_team_file(self):
        for verb in ("validate", "run", "tools"):
            process = self.start(verb, "/dev/stdin", stdin=subprocess.PIPE)
            _, err = process.communicate(self.good.read_bytes())
            self.assertEqual((process.returncode, err.decode()),
                             (3, "agent: cannot read /dev/stdin: found a pipe, expected a file\n"))

    def test_scripts_of_models(self):
        for name, message in [("pipe", "cannot read pipe: found a pipe, expected a file"),
                              ("folder", "cannot read folder: Is a directory"),
                              ("large", "large: found a larger file")]:
            team = self.write("team.json", {
                "version": 1, "agents": {"a": {}},
                "models": {"m": {"provider": "scripted", "script": name}}})
            for arguments in (["validate", team.name], ["run", team.name, "x"]):
                out, err = self.agent(*arguments, code=3)
                self.assertEqual((out, err.count("\n")), ("", 1), err)
                self.assertIn(message, err)

    def test_stores(self):
        for name in ("pipe", "folder", "/dev/zero"):
            path = name if name.startswith("/") else self.folder / name
            for arguments in (["run", "-q", self.good, "x"], ["trace", "ls"], ["trace", "show"],
                              ["costs"]):
                self.check([*arguments, "--store", name], f"{path} is no store: it is no file")
        for name in ("large", "good.json"):
            for arguments in (["run", "-q", self.good, "x"], ["trace", "ls"], ["costs"]):
                self.check([*arguments, "--store", name],
                           f"{self.folder / name} is no store: it is no SQLite database; use "
                           "another path")

    def test_without_permission(self):
        """As somebody else where the tests run as root, whom no permission stops."""
        secret = self.write("secret.json", self.good.read_bytes())
        secret.chmod(0)
        self.folder.chmod(0o755)
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        try:
            subprocess.run([AGENT, "version"], check=True, capture_output=True, **options)
        except (OSError, subprocess.CalledProcessError) as error:
            self.skipTest(f"the command cannot be run as somebody else: {error}")
        for arguments in (["validate", "secret.json"], ["run", "secret.json", "x"],
                          ["tools", "secret.json"]):
            out, err = self.agent(*arguments, code=3, **options)
            self.assertEqual((out, err), ("", "agent: cannot read secret.json: Permission "
                                              "denied\n"))
        self.folder.chmod(0o555)
        for arguments in (["run", "-q", "good.json", "x", "--store", "new.db"],
                          ["run", "-q", "good.json", "x", "--store", "new/new.db"],
                          ["init", "new"]):
            out, err = self.agent(*arguments, code=None, **options)
            self.assertEqual((out, err.count("agent: ")), ("", 1), err)
            self.assertIn("Permission denied", err)
            self.assertIn("new", err)


class FullOutput(CommandTest):
    """Standard output on a full disk: what could not be said is a failure, whatever the verb."""

    def test_every_verb(self):
        team = self.team({"text": "answer"}, tools={"echo": ECHO})
        self.agent("run", "-q", team, "x")
        run = ["run", "-q", team, "x"]
        for arguments in [run, [*run, "--json"], [*run, "--jsonl"], ["trace", "ls"],
                          ["trace", "ls", "--json"], ["trace", "show"], ["trace", "show", "--json"],
                          ["costs"], ["costs", "--json"], ["tools", team],
                          ["tools", team, "--json"], ["validate", team],
                          ["validate", team, "--json"], ["init", "made"], ["completion", "bash"],
                          ["completion", "zsh"], ["completion", "fish"], ["version"],
                          ["version", "--json"], ["help"], ["help", "run"], ["help", "--man"],
                          ["run", "--help"]]:
            with open("/dev/full", "wb") as full:
                _, err = self.agent(*arguments, stdout=full, code=1)
            self.assertEqual([line for line in err.splitlines() if line.startswith("agent: ")],
                             ["agent: cannot write to standard output: No space left on device"],
                             arguments)


class FullStore(CommandTest):
    """A store on a file system of a few kilobytes, in a name space of its own."""
    SCRIPT = ('mount -t tmpfs -o "size=$1k" none small || exit 77; agent=$2; shift 2; '
              '"$agent" "$@"; code=$?; '
              '"$agent" trace ls -q --json --store small/s.db >listed 2>&1; exit "$code"')

    def setUp(self):
        super().setUp()
        (self.folder / "small").mkdir()
        if not shutil.which("unshare") or self.on_small_disk(1000, "version")[0] != 0:
            self.skipTest("mounting in a user name space is not permitted here")

    def on_small_disk(self, kilobytes, *arguments):
        """(exit code, stdout, stderr, what `agent trace ls` says after it)"""
        process = subprocess.run(["unshare", "-Urm", "sh", "-c", self.SCRIPT, "sh", str(kilobytes),
                                  AGENT, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, cwd=self.folder, env=self.env,
                                 timeout=PATIENCE_S)
        listed = self.folder / "listed"
        return (process.returncode, process.stdout, process.stderr,
                listed.read_text() if listed.exists() else "")

    def test_the_answer_is_kept_and_the_loss_is_said(self):
        team = self.team({"step": 1, "tool_calls": [call("echo", n=n) for n in range(150)]},
                         {"text": "answer"}, tools={"echo": ECHO})
        message = (f"agent: store {self.folder}/small/s.db cannot be written: make room, or use "
                   "another path: No space left on device\n")
        seen = set()
        for kilobytes in (4, 8, 40, 80, 100, 120, 160, 240, 4000):
            code, out, err, listed = self.on_small_disk(kilobytes, "run", "-q", team, "x",
                                                        "--store", "small/s.db")
            seen.add(code)
            expected = {0: ("answer\n", ""), 3: ("", message), 8: ("answer\n", message)}
            self.assertEqual((out, err), expected[code], f"{kilobytes} kB")
            if code == 3:  # nothing was begun
                self.assertIn("is empty: nothing was written to it yet", listed)
            else:  # what is there is whole
                runs = json.loads(listed)["runs"]
                self.assertTrue(all(run["status"] in ("ok", "lost") for run in runs), runs)
                self.assertEqual(code == 0, [run["spans"] for run in runs] == [156], runs)
        self.assertEqual(seen, {0, 3, 8})


if __name__ == "__main__":
    unittest.main()
