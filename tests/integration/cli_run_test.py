"""`agent run`, `agent trace` and `agent costs` from outside: the answer and nothing else on
standard output, JSON and events, exit codes, signals, the progress display, and stores that cannot
be used.

Tools are real programs. A test that needs a tool to be under way waits for the event that says so.
"""

import fcntl
import json
import os
import resource
import signal
import sqlite3
import struct
import subprocess
import time
import unittest

from _cli import BANNER, PATIENCE_S, CommandTest, call

ECHO = {"command": ["cat"], "effect": "pure"}
WAIT = {"command": ["sleep", "600"], "input": "none", "output": "none", "timeout": "none",
        "grace": "100ms", "effect": "pure"}


class Conversations(CommandTest):
    def setUp(self):
        super().setUp()
        self.team_file = self.team({"text": "[{{input}}]"})

    def test_goes_on(self):
        out, _ = self.agent("run", "-q", self.team_file, "one", "--session", "talk")
        self.assertEqual(out, "[one]\n")
        self.agent("run", "-q", self.team_file, "alone")
        result = self.json("run", "-q", self.team_file, "two", "--continue")
        self.assertEqual(result["session"]["name"], "talk")
        self.assertEqual(result["output"], "[two]")
        self.agent("run", "-q", self.team_file, "three", "-S", "other")
        sessions = self.json("session", "ls")
        self.assertEqual(sessions["schema"], "agent.session.list/1")
        self.assertEqual([(one["name"], one["turns"], one["messages"], one["agent"])
                          for one in sessions["sessions"]],
                         [("other", 1, 2, "solo"), ("talk", 2, 4, "solo")])
        self.assertRegex(self.agent("session", "ls")[0], r"(?m)^talk +01\w+ .* solo +2 +4 ")
        out, _ = self.agent("session", "show", "talk")
        self.assertEqual(out, "1 user:\none\n1 assistant:\n[one]\n"
                              "2 user:\ntwo\n2 assistant:\n[two]\n")
        shown = self.json("session", "show", result["session"]["id"][:20])
        self.assertEqual(shown["schema"], "agent.session/1")
        self.assertEqual([line["message"]["role"] for line in shown["messages"]],
                         ["user", "assistant"] * 2)
        self.agent("session", "rm", "talk")
        _, err = self.agent("session", "show", "talk", code=3)
        self.assertIn('has no session "talk"', err)
        self.assertEqual(len(self.json("session", "ls")["sessions"]), 1)

    def test_nothing_to_go_on_with(self):
        _, err = self.agent("run", self.team_file, "x", "-c", code=3)
        self.assertIn("begin one with --session NAME", err)
        self.assertEqual(self.json("session", "ls")["sessions"], [])
        for wrong in (["-c", "--session", "x"], ["-c", "--no-store"]):
            _, err = self.agent("run", self.team_file, "x", *wrong, code=2)
            self.assertIn("expected one of them", err)
        _, err = self.agent("run", self.team_file, "x", "--session", "last", code=3)
        self.assertIn('is not "last"', err)
        _, err = self.agent("session", "rm", "nobody", "--store", self.folder / "none.db", code=3)
        self.assertFalse((self.folder / "none.db").exists())

    def test_a_killed_run_leaves_a_conversation(self):
        team = self.team({"step": 1, "tool_calls": [call("wait")]}, {"text": "x"},
                         tools={"wait": WAIT})
        process = self.start("run", "--jsonl", team, "first", "--session", "talk")
        for line in process.stdout:
            if json.loads(line)["type"] == "tool.start":
                break
        _, err = self.agent("run", team, "second", "--session", "talk", code=None)
        self.assertIn("one run at a time", err)
        shown = ""
        while '"first"' not in shown: # it is written behind the run's back, but soon
            shown, _ = self.agent("session", "show", "talk", "--json", code=None)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        team = self.team({"text": "[{{input}}]"})
        out, _ = self.agent("run", "-q", team, "third", "--session", "talk")
        self.assertEqual(out, "[third]\n")
        roles = [line["message"]["role"]
                 for line in self.json("session", "show", "talk")["messages"]]
        self.assertEqual(roles, ["user", "user", "assistant"])


class Answers(CommandTest):
    def test_standard_output_carries_the_answer_alone(self):
        team = self.team({"text": "Hello, {{input}}."})
        out, err = self.agent("run", team, "world")
        self.assertEqual(out, "Hello, world.\n")
        self.assertTrue(err.startswith(BANNER), err)
        self.assertIn("agent solo: started", err)
        self.assertEqual(self.agent("run", team, "world", "--quiet"), ("Hello, world.\n", ""))
        _, err = self.agent("run", team, "world", "--no-progress")
        self.assertEqual(len(err.splitlines()), 2)

    def test_input(self):
        team = self.team({"text": "[{{input}}]"})
        for operand, piped, seen in [("a b", b"", "a b"), ("-", b"piped\n", "piped\n"),
                                     ("ask", b"piped", "ask\n\npiped"), (None, b"piped", "piped"),
                                     ("\u00e9\n", b"", "\u00e9\n")]:
            operands = [operand] if operand is not None else []
            out, _ = self.agent("run", "-q", team, *operands, input=piped)
            self.assertEqual(out, f"[{seen}]\n")

    def test_input_that_is_none(self):
        team = self.team({"text": "x"})
        for piped in (None, b""):
            out, err = self.agent("run", team, input=piped, code=2)
            self.assertEqual(out, "")
            self.assertIn("found no input, expected INPUT or something on standard input", err)
        _, err = self.agent("run", team, "-", input=b"a\0b", code=2)
        self.assertIn("found a NUL byte on standard input", err)
        _, err = self.agent("run", team, "-", input=b"x" * (9 << 20), code=2)
        self.assertIn("found more than 8 MiB on standard input", err)

    def test_typed_answers_are_json(self):
        team = self.team({"json": {"score": 0.5, "confidence": 1}},
                         agents={"solo": {"output_schema": {"type": "object"}}})
        out, _ = self.agent("run", "-q", team, "x")
        self.assertEqual(json.loads(out), {"score": 0.5, "confidence": 1})
        self.assertEqual(self.json("run", "-q", team, "x")["value"],
                         {"score": 0.5, "confidence": 1})

    def test_a_terminal_is_not_at_the_mercy_of_an_answer(self):
        answer = "a\033]0;owned\007b\u202ec\td\ne"
        team = self.team({"text": answer})
        out, _ = self.agent("run", "-q", team, "x")
        self.assertEqual(out, answer + "\n")
        _, shown = self.on_terminal("run", "-q", "--no-progress", team, "x")
        self.assertEqual(shown, "a\\x1b]0;owned\\x07b\\u202ec\td\r\ne\r\n")

    def test_tools_run_and_agents_delegate(self):
        self.agent("init", "-q")
        out, err = self.agent("run", "team.yaml", "What is here?")
        self.assertIn("You asked: What is here?", out)
        self.assertIn("script.yaml\nteam.yaml\n", out)
        for line in ("agent lead: started", "agent scout: started", "tool list_files: ok",
                     "tool disk_usage: ok", "agent scout: ok", "agent lead: ok"):
            self.assertIn(line, err)
        self.assertNotIn("tool scout", err)


class Json(CommandTest):
    def test_one_object(self):
        team = self.team({"step": 1, "tool_calls": [call("echo", a=1)]},
                         {"text": "{{results.echo.a}}"}, tools={"echo": ECHO},
                         pricing={"scripted": {"input": "1000", "output": "1000"}})
        result = self.json("run", "-q", team, "x")
        for member, value in {"schema": "agent.run/1", "exit_code": 0, "team": "test",
                              "agent": "solo", "outcome": "ok", "output": "1", "value": None,
                              "simulated": True, "steps": 2, "tool_calls": 1,
                              "error": None}.items():
            self.assertEqual(result[member], value, member)
        self.assertRegex(result["trace_id"], "^[0-9a-f]{32}$")
        usage = result["usage"]
        self.assertEqual(usage["total_tokens"], 0)
        self.assertEqual(usage["cost_usd"], "0.00")
        self.assertGreater(usage["simulated_tokens"], 0)
        self.assertEqual(usage["simulated_nanousd"], usage["simulated_tokens"] * 1000000)
        self.assertEqual(float(usage["simulated_usd"]), usage["simulated_nanousd"] / 1e9)

    def test_failures_are_objects_too(self):
        self.write("bad.yaml", "version: 1\nmodels: {}\n")
        out, err = self.agent("run", "--json", "bad.yaml", "x", code=3)
        result = json.loads(out)
        self.assertEqual(result["exit_code"], 3)
        self.assertEqual(result["error"]["code"], "schema")
        self.assertEqual((result["error"]["line"], result["error"]["column"]), (1, 1))
        self.assertIn(result["error"]["message"], err)
        team = self.team({"error": {"status": "timeout", "message": "too slow"}})
        result = self.json("run", "-q", team, "x", code=6)
        self.assertEqual((result["exit_code"], result["error"]["code"], result["outcome"]),
                         (6, "timeout", "timeout"))

    def test_events(self):
        team = self.team({"step": 1, "tool_calls": [call("echo"), call("none")]}, {"text": "done"},
                         tools={"echo": ECHO, "none": {"command": ["false"]}})
        out, err = self.agent("run", "--jsonl", "-q", team, "x")
        self.assertEqual(err, "")
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([event["seq"] for event in events], list(range(1, len(events) + 1)))
        self.assertEqual(events[0]["type"], "run.start")
        self.assertEqual(events[0]["schema"], "agent.run/1")
        result = events[-1]
        self.assertEqual((result["type"], result["output"], result["events_dropped"]),
                         ("run.result", "done", 0))
        for event in events:
            self.assertEqual(event.get("trace_id", result["trace_id"]), result["trace_id"])
            self.assertRegex(event["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        ends = {(event["type"], event["name"]): event for event in events[1:-1]
                if event["type"].endswith(".end")}
        self.assertEqual(ends["tool.end", "echo"]["outcome"], "ok")
        self.assertEqual(ends["tool.end", "none"]["outcome"], "error")
        self.assertTrue(ends["model.end", "scripted"]["simulated"])
        spans = {kind: sorted(event["span_id"] for event in events[1:-1]
                              if event["type"].endswith(kind)) for kind in (".start", ".end")}
        self.assertEqual(spans[".start"], spans[".end"])

    def test_one_form_at_a_time(self):
        _, err = self.agent("run", "t", "x", "--json", "--jsonl", code=2)
        self.assertIn("found --json and --jsonl, expected one of them", err)


class ExitCodes(CommandTest):
    def test_ends_of_a_run(self):
        for status, code in [("error", 4), ("rate_limited", 4), ("breaker_open", 4),
                             ("timeout", 6), ("budget_denied", 5), ("denied", 7), ("rejected", 1)]:
            team = self.team({"error": {"status": status, "message": "so it is"}})
            out, err = self.agent("run", "-q", team, "x", code=code)
            self.assertEqual(out, "")
            self.assertIn("so it is", err)

    def test_configuration(self):
        team = self.team({"text": "x"})
        for arguments, message in [
                (["nowhere.yaml", "x"], "agent: cannot read nowhere.yaml: No such file"),
                ([".", "x"], "agent: cannot read .: Is a directory"),
                ([team, "x", "--model", "gpt"], 'agent: the team file has no model "gpt", but '
                                               'for example "m"'),
                ([team, "x", "--store", self.folder], "agent: ")]:
            out, err = self.agent("run", *arguments, code=3)
            self.assertEqual(out, "")
            self.assertIn(message, err)

    def test_limits(self):
        team = self.team({"tool_calls": [call("echo", n="{{step}}")]}, tools={"echo": ECHO},
                         agents={"solo": {"tools": ["echo"], "limits": {"steps": 3}}})
        result = self.json("run", "-q", team, "x", code=5)
        self.assertEqual(result["steps"], 3)

    def test_budgets(self):
        prices = {"scripted": {"input": "1000", "output": "1000"}}
        team = self.team({"text": "x"}, pricing=prices, team={"budget": "0.000001"})
        self.assertEqual(self.json("run", "-q", team, "x", code=5)["error"]["code"],
                         "budget_denied")
        # the command line counts before the environment, that before the file
        self.agent("run", "-q", team, "x", "--budget", "100", env={"AGENT_BUDGET": "0.000001"})
        self.agent("run", "-q", team, "x", env={"AGENT_BUDGET": "100"})
        self.agent("run", "-q", team, "x", code=5)

    def test_time(self):
        team = self.team({"step": 1, "tool_calls": [call("wait")]}, {"text": "x"},
                         tools={"wait": WAIT}, team={"timeout": "100ms"})
        out, err = self.agent("run", "-q", team, "x", code=6)
        self.assertEqual(out, "")
        self.assertIn("deadline", err)
        self.agent("run", "-q", team, "x", "--timeout=50ms", code=6, env={"AGENT_TIMEOUT": "1h"})

    def test_parallel(self):
        wait = {**WAIT, "command": ["sleep", "0.05"]}
        team = self.team({"step": 1, "tool_calls": [call("a"), call("b"), call("c")]},
                         {"text": "x"}, tools={"a": wait, "b": wait, "c": wait})
        self.agent("run", "-q", team, "x", "--parallel=2")
        self.assertLessEqual(self.json("trace", "show")["profile"]["parallel_max"], 2)


class Signals(CommandTest):
    def run_until_waiting(self, *arguments):
        """Starts a team and answers its process once its tool is under way."""
        team = self.team({"step": 1, "tool_calls": [call("echo", a="kept"), call("wait")]},
                         {"text": "never"}, tools={"echo": ECHO, "wait": WAIT})
        process = self.start("run", "--jsonl", team, "x", *arguments)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "tool.start" and event["name"] == "wait":
                return process
        self.fail("the tool never started: " + process.stderr.read().decode())

    def test_a_signal_ends_the_run_with_what_there_is(self):
        for number, code in [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]:
            process = self.run_until_waiting()
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE_S)
            self.assertEqual(process.returncode, code, err)
            result = json.loads(out.splitlines()[-1])
            self.assertEqual((result["type"], result["exit_code"], result["outcome"]),
                             ("run.result", code, "cancelled"))
            self.assertIn(b"agent: stopping; once more to stop at once\n", err)
            # what was done so far is kept
            names = {span["name"] for span in self.json("trace", "show")["spans"]}
            self.assertIn("execute_tool wait", names)

    def test_a_second_one_ends_it_at_once(self):
        stubborn = {**WAIT, "command": ["sh", "-c", "trap '' TERM; echo; sleep 600"],
                    "grace": "10m"}
        team = self.team({"step": 1, "tool_calls": [call("wait")]}, {"text": "never"},
                         tools={"wait": stubborn})
        process = self.start("run", "--jsonl", team, "x")
        for line in process.stdout:
            if json.loads(line)["type"] == "tool.start":
                break
        process.send_signal(signal.SIGINT)
        self.assertIn(b"scripted model", process.stderr.readline())
        for line in process.stderr:
            if b"once more" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 130)

    def test_no_tool_outlives_a_killed_command(self):
        process = self.run_until_waiting()
        watched = []
        for pid in self.descendants(process.pid):
            try:
                watched.append(os.pidfd_open(pid))
            except ProcessLookupError:
                pass  # the other tool, which has just ended
        self.assertTrue(watched)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        for descriptor in watched:
            # a process that has ended makes its descriptor readable
            self.assertTrue(select_one(descriptor), "a tool is still running")
            os.close(descriptor)

    def descendants(self, pid):
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as file:
                        parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
                except OSError:
                    pass
        found = {pid}
        while True:
            more = {child for child, parent in parents.items() if parent in found} - found
            if not more:
                return found - {pid}
            found |= more


def select_one(descriptor):
    import select
    return bool(select.select([descriptor], [], [], PATIENCE_S)[0])


class Progress(CommandTest):
    def setUp(self):
        super().setUp()
        # Long enough for a frame to be drawn.
        self.path = self.team({"agent": "lead", "step": 1, "tool_calls": [call("solo", query="x")]},
                              {"agent": "solo", "step": 1, "tool_calls": [call("wait")]},
                              {"text": "answer"},
                              tools={"wait": {**WAIT, "command": ["sleep", "0.5"]}},
                              agents={"lead": {}, "solo": {"tools": ["wait"]}},
                              team={"lead": "lead"})

    def test_live_lines(self):
        code, shown = self.on_terminal("run", self.path, "x")
        self.assertEqual(code, 0)
        before, *frames = shown.split("\033[J")
        self.assertIn(BANNER.strip(), before)
        self.assertGreaterEqual(len(frames), 2)
        self.assertIn("tools 0/2", shown)
        for name in ("lead", "  solo", "    wait"):
            self.assertRegex(shown, rf"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]\S* \S*{name}")
        self.assertTrue(frames[-1].lstrip().startswith("answer"), frames[-1])

    def test_narrow_terminals_do_not_wrap(self):
        _, shown = self.on_terminal("run", "--color=never", self.path, "x", columns=30)
        for frame in shown.split("\033[J")[1:-1]:
            for line in frame.split("\r\n")[:-1]:
                self.assertLess(len(line), 30, repr(line))

    def test_lines_do_not_move_where_they_cannot(self):
        for arguments, env in [([], {"TERM": "dumb"}), ([], {"CI": "true"}),
                               (["--no-progress"], {}), (["--quiet"], {})]:
            code, shown = self.on_terminal("run", self.path, "x", *arguments, env=env)
            self.assertEqual(code, 0)
            self.assertNotIn("\033[J", shown)
            self.assertEqual("agent lead: started" in shown, not arguments, (arguments, shown))

    def test_ascii(self):
        _, shown = self.on_terminal("run", "--color=never", self.path, "x", env={"LANG": "C"})
        self.assertTrue(shown.isascii(), shown)


class History(CommandTest):
    def setUp(self):
        super().setUp()
        self.path = self.team({"step": 1, "tool_calls": [call("echo", a="{{input}}"), call("no")]},
                              {"text": "done"},
                              tools={"echo": ECHO, "no": {"command": ["false"]}},
                              pricing={"scripted": {"input": "1000", "output": "1000"}})

    def test_runs_are_kept(self):
        self.agent("run", "-q", self.path, "one")
        trace = self.json("run", "-q", self.path, "two")["trace_id"]
        folder = self.folder / "data" / "agent"
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual((folder / "agent.db").stat().st_mode & 0o777, 0o600)
        runs = self.json("trace", "ls")["runs"]
        self.assertEqual(len(runs), 2)
        self.assertEqual(runs[0]["trace_id"], trace)
        self.assertEqual(len(self.json("trace", "ls", "-n1")["runs"]), 1)
        out, _ = self.agent("trace")
        self.assertEqual(out.split()[:2], ["TRACE", "STARTED"])
        self.assertIn(trace[:12], out)
        self.assertRegex(out, r" ~\d+ +\$0\.00")  # simulated tokens are no tokens

    def test_a_run_is_shown_as_a_tree(self):
        trace = self.json("run", "-q", self.path, "x")["trace_id"]
        out, err = self.agent("trace", "show")
        self.assertEqual(err, "")
        self.assertEqual(out, self.agent("trace", "show", trace)[0])
        self.assertEqual(out, self.agent("trace", "show", trace[:8])[0])
        for text in ("└─ solo", "├─ step 1", "├─ model scripted", "├─ echo", "└─ no [error]",
                     "critical path", "simulated (~): ", "✗ no: "):
            self.assertIn(text, out)
        self.assertNotIn("\033[", out)
        out, _ = self.agent("trace", "show", env={"LANG": "C"})
        self.assertTrue(out.isascii())
        for columns in (40, 80, 200):
            out, _ = self.agent("trace", "show", env={"COLUMNS": str(columns)})
            tree = out.split("\n\n")[1]
            self.assertLessEqual(max(map(len, tree.splitlines())), max(columns, 60))

    def test_a_run_as_json(self):
        self.agent("run", "-q", self.path, "x")
        run = self.json("trace", "show")
        self.assertEqual(run["schema"], "agent.trace/1")
        spans = {span["name"]: span for span in run["spans"]}
        self.assertTrue(spans["execute_tool no"]["error"])
        self.assertGreater(spans["execute_tool echo"]["self_ns"], 0)
        self.assertGreater(run["profile"]["critical_path_ns"], 0)
        self.assertLessEqual(run["profile"]["critical_path_ns"], run["profile"]["wall_ns"])

    def test_names_of_runs(self):
        self.agent("run", "-q", self.path, "x")
        for name, message in [("ffffffffffff", "ffffffffffff"), ("", "")]:
            _, err = self.agent("trace", "show", name, code=3)
            self.assertIn(message, err)
        self.agent("trace", "show", "last")

    def test_costs(self):
        usage = self.json("run", "-q", self.path, "x")["usage"]
        for by, key in [("agent", "solo"), ("model", "scripted")]:
            costs = self.json("costs", "--by", by)
            self.assertEqual((costs["schema"], costs["by"]), ("agent.costs/1", by))
            self.assertEqual(costs["rows"][0]["key"], key)
            self.assertEqual(costs["total"]["simulated_nanousd"], usage["simulated_nanousd"])
            self.assertEqual(costs["total"]["cost_nanousd"], 0)
        self.agent("run", "-q", self.path, "x")
        self.assertEqual(len(self.json("costs", "--by=run")["rows"]), 2)
        self.assertEqual(len(self.json("costs", "--by=day")["rows"]), 1)
        self.assertEqual(self.json("costs", "--run=last")["total"]["simulated_nanousd"],
                         usage["simulated_nanousd"])
        self.assertEqual(self.json("costs", "--since=1h")["total"]["simulated_nanousd"],
                         2 * usage["simulated_nanousd"])
        out, _ = self.agent("costs")
        self.assertIn("SIMULATED COST", out)

    def test_nothing_is_kept_if_not_wanted(self):
        self.agent("run", "-q", "--no-store", self.path, "x")
        self.assertFalse((self.folder / "data").exists())


class BadStores(CommandTest):
    def setUp(self):
        super().setUp()
        self.path = self.team({"text": "answer"})

    def test_a_store_of_a_newer_version(self):
        self.agent("run", "-q", self.path, "x", "--store", "s.db")
        with sqlite3.connect(self.folder / "s.db") as database:
            database.execute("PRAGMA user_version = 9999")
        database.close()
        for arguments in (["run", self.path, "x"], ["trace", "ls"], ["costs"]):
            out, err = self.agent(*arguments, "--store", "s.db", code=3)
            self.assertEqual(out, "")
            self.assertRegex(err, "agent: .*s\\.db.*9999")

    def test_a_file_that_is_none(self):
        self.write("s.db", "no store at all\n" * 1000)
        out, err = self.agent("run", self.path, "x", "--store", "s.db", code=3)
        self.assertEqual(out, "")
        self.assertRegex(err, "agent: .*s\\.db")

    def test_a_place_that_is_none(self):
        self.write("file", "")
        for store in ("file/s.db", "."):
            _, err = self.agent("run", self.path, "x", "--store", store, code=3)
            self.assertRegex(err, "agent: .*" + store.replace(".", r"\."))
        _, err = self.agent("run", self.path, "x", code=3,
                            env={"XDG_DATA_HOME": str(self.folder / "file")})
        self.assertIn("agent: cannot make the directory", err)
        self.assertIn("--no-store", err)
        self.agent("run", "-q", "--no-store", self.path, "x",
                   env={"XDG_DATA_HOME": str(self.folder / "file")})

    def test_no_home_at_all(self):
        del self.env["HOME"], self.env["XDG_DATA_HOME"]
        _, err = self.agent("run", self.path, "x", code=3)
        self.assertIn("found neither XDG_DATA_HOME nor HOME, expected one, or --store FILE or "
                      "--no-store", err)

    def test_a_full_disk_loses_the_trace_and_not_the_answer(self):
        team = self.team({"step": 1, "tool_calls": [call("echo", n=n) for n in range(150)]},
                         {"text": "answer"}, tools={"echo": ECHO})
        self.agent("run", "-q", self.path, "x", "--store", "s.db")

        def no_room():
            # SQLite is told EFBIG instead of ENOSPC: the only way to run out of room as any user.
            # Room enough to open the store, and not for all of the trace.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (48 << 10, 48 << 10))
        out, err = self.agent("run", "-q", team, "x", "--store", "s.db", code=8,
                              preexec_fn=no_room)
        self.assertEqual(out, "answer\n")
        self.assertRegex(err, "agent: .*s\\.db")

    def test_a_store_that_somebody_holds(self):
        self.agent("run", "-q", self.path, "x", "--store", "s.db")
        locks = [path for path in self.folder.iterdir() if path.name.startswith("s.db")
                 and "lock" in path.name]
        self.assertEqual(len(locks), 1, list(self.folder.iterdir()))
        with open(locks[0], "r+b") as lock:
            # struct flock: the whole file, exclusively
            fcntl.fcntl(lock, fcntl.F_OFD_SETLK,
                        struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            self.assertEqual(len(self.json("trace", "ls", "--store", "s.db")["runs"]), 1)


class Killed(CommandTest):
    """A run whose process is killed, as by the kernel that has no memory left."""

    def wait_for(self, *names):
        """The trace, once it has spans of these names that have not ended."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            # While the store is being made there is a moment when it is none yet.
            out, _ = self.agent("trace", "ls", "-q", "--json", code=None)
            if out and json.loads(out)["runs"]:
                run = self.json("trace", "show")
                open_spans = {span["name"] for span in run["spans"] if span["end_unix_ns"] is None}
                if open_spans >= set(names):
                    return run
        self.fail(f"no spans {names}: {run}")

    def test_it_is_lost_and_says_what_it_was_at(self):
        team = self.team({"step": 1, "tool_calls": [call("echo"), call("wait")]},
                         tools={"echo": ECHO, "wait": WAIT},
                         pricing={"scripted": {"input": "1000", "output": "1000"}})
        process = self.start("run", "-q", team, "x")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        run = self.wait_for("invoke_agent solo", "execute_tool wait")
        self.assertEqual(run["status"], "running")
        out, _ = self.agent("trace", "show")
        self.assertIn("─ wait [running]", out)

        process.kill()
        process.wait(PATIENCE_S)
        before = self.json("trace", "show")
        self.assertEqual(before["status"], "lost")
        self.assertIsNone(before["duration_ns"])
        self.assertGreater(before["simulated_nanousd"], 0)
        self.assertEqual([run["status"] for run in self.json("trace", "ls")["runs"]], ["lost"])
        out, _ = self.agent("trace", "show")
        for text in ("test  lost  ", "─ solo [unfinished]", "─ wait [unfinished]", "─ echo ",
                     "the process of this run is gone; this is what it had written"):
            self.assertIn(text, out)
        self.assertGreater(self.json("costs")["total"]["simulated_calls"], 0)

        self.agent("run", "-q", self.team({"text": "fine"}, name="other.json"), "x")
        self.assertEqual([run["status"] for run in self.json("trace", "ls")["runs"]],
                         ["ok", "lost"])
        self.assertEqual(self.json("trace", "show", before["trace_id"]), before)


class Pipes(CommandTest):
    def test_a_reader_that_goes_away_does_not_stop_the_run(self):
        team = self.team({"text": "answer"})
        for form in ([], ["--json"], ["--jsonl"]):
            reader, writer = os.pipe()
            os.close(reader)
            _, err = self.agent("run", "-q", team, "x", *form, stdout=writer)
            os.close(writer)
            self.assertEqual(err, "")
        self.assertEqual(len(self.json("trace", "ls")["runs"]), 3)

    def test_closed_streams(self):
        team = self.team({"text": "answer"})
        process = subprocess.run(["sh", "-c", '"$0" run -q "$1" x <&- 2>&-',
                                  os.environ["AGENT_BIN"], str(team)], cwd=self.folder,
                                 env=self.env, capture_output=True, text=True)
        self.assertEqual((process.returncode, process.stdout), (0, "answer\n"))

    def test_closed_streams_are_not_taken_by_other_files(self):
        """What takes the place of a closed stream would get what is written to it."""
        team = self.team({"text": "answer"})
        for close, expected in ((">&-", "agent: cannot write to standard output: "
                                        "Bad file descriptor\n"), ("<&- >&- 2>&-", "")):
            process = subprocess.run(["sh", "-c", f'exec "$0" run -q "$1" x {close}',
                                      os.environ["AGENT_BIN"], str(team)], cwd=self.folder,
                                     env=self.env, capture_output=True, text=True)
            self.assertEqual((process.returncode, process.stderr), (1, expected), close)

    def test_an_input_that_is_no_text(self):
        team = self.team({"text": "answer"})
        for form in ({}, {"input": b"\xff\xfe"}):
            operands = ["-"] if form else [b"\xff\xfe".decode(errors="surrogateescape")]
            out, err = self.agent("run", "-q", team, *operands, code=2, **form)
            self.assertEqual((out, err),
                             ("", "agent: found an input that is not UTF-8, expected text\n"))

    def test_the_summary_counts_the_calls_of_the_whole_team(self):
        team = self.team({"agent": "solo", "step": 1,
                          "tool_calls": [call("other", query="x")]}, {"text": "answer"},
                         agents={"solo": {"delegates": ["other"]}, "other": {}},
                         team={"lead": "solo"})
        _, err = self.agent("run", "--no-progress", team, "x")
        self.assertIn(" · 3 model calls · ", err)

    def test_a_limit_on_the_size_of_files(self):
        team = self.team({"text": "answer"})
        process = subprocess.run(["sh", "-c", 'ulimit -f 8; exec "$0" run -q "$1" x',
                                  os.environ["AGENT_BIN"], str(team)], cwd=self.folder,
                                 env=self.env, capture_output=True, text=True)
        self.assertIn(process.returncode, (3, 8), process.stderr)
        self.assertEqual(process.stderr.count("agent: "), 1, process.stderr)


if __name__ == "__main__":
    unittest.main()
