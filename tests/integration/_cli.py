"""What the tests of the `agent` command share: a place of its own for each test, running the
command with and without a terminal, and team files."""

import json
import os
import pty
import select
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

AGENT = os.environ["AGENT_BIN"]
SOURCE = Path(os.environ["SOURCE_DIR"])
# Nothing here may hang; no test waits for time to pass.
PATIENCE_S = 120
BANNER = "scripted model: no LLM called; prose is templated, tokens and cost simulated\n"


def rules(*entries):
    """A scripted model that answers by these rules."""
    return {"provider": "scripted", "script": {"version": 1, "name": "scripted",
                                               "rules": list(entries)}}


def call(tool, **arguments):
    return {"name": tool, "arguments": arguments}


class CommandTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="agent_cli_"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        keep = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH")
        self.env = {name: os.environ[name] for name in keep if name in os.environ}
        self.env.update(HOME=str(self.folder), XDG_DATA_HOME=str(self.folder / "data"),
                        LANG="C.UTF-8", TERM="xterm", TZ="UTC")

    def start(self, *arguments, stdin=subprocess.DEVNULL, env=None, **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([AGENT, *map(str, arguments)], stdin=stdin, cwd=self.folder,
                                env={**self.env, **(env or {})}, **options)

    def agent(self, *arguments, code=0, input=None, env=None, **options):
        """Runs the command to its end; (stdout, stderr) as text."""
        stdin = subprocess.PIPE if input is not None else subprocess.DEVNULL
        process = self.start(*arguments, stdin=stdin, env=env, **options)
        out, err = process.communicate(input, timeout=PATIENCE_S)
        out, err = (out or b"").decode(), (err or b"").decode()
        if code is not None:
            self.assertEqual(process.returncode, code, f"agent {arguments}\n{out}\n{err}")
        return out, err

    def json(self, *arguments, **options):
        out, _ = self.agent(*arguments, "--json", **options)
        return json.loads(out)

    def on_terminal(self, *arguments, env=None, columns=80):
        """Runs the command with a terminal for all three streams; (exit code, what it showed)."""
        try:
            pid, terminal = pty.fork()
        except OSError as error:
            self.skipTest(f"no pseudo-terminal to be had here: {error}")
        if pid == 0:
            try:
                os.chdir(self.folder)
                os.execve(AGENT, [AGENT, *map(str, arguments)],
                          {**self.env, "COLUMNS": str(columns), **(env or {})})
            finally:
                os._exit(127)
        shown = b""
        while select.select([terminal], [], [], PATIENCE_S)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def write(self, name, content):
        path = self.folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def team(self, *entries, tools=None, name="team.json", **members):
        """A team of one agent that may call all tools."""
        document = {"version": 1, "name": "test", "models": {"m": rules(*entries)},
                    "agents": {"solo": {"tools": list(tools or {})}}, **members}
        if tools:
            document["tools"] = tools
        return self.write(name, document)
