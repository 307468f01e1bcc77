"""`agent run --record` and `agent replay`: the same events byte for byte, without the tools; what
has changed is shown."""

import json
import os
import unittest

from _cli import CommandTest, call

RULES = [{"step": 1, "text": "let me see", "delay_ms": 4, "stream": 3,
          "tool_calls": [call("echo", path="a"), call("wrong"), call("note", text="x")]},
         {"text": "{{input}}: {{results.echo}}"}]


class Recordings(CommandTest):
    def setUp(self):
        super().setUp()
        self.note = self.folder / "note"
        self.tools = {
            "echo": {"command": ["echo", "-n", "{path}"], "input": "none", "output": "text",
                     "effect": "pure"},
            "wrong": {"command": ["false"], "input": "none", "output": "none", "effect": "pure"},
            "note": {"command": ["tee", "-a", str(self.note)], "input": "text", "output": "text"},
        }
        self.tape = self.folder / "run.tape"

    def record(self, *more, **options):
        team = self.team(*RULES, tools=self.tools)
        out, _ = self.agent("run", "--record", self.tape, "--jsonl", "-q", *more, team, "go",
                            **options)
        return team, out

    def test_events_are_the_same_byte_for_byte(self):
        for _ in range(3):
            self.tape.unlink(missing_ok=True)
            _, first = self.record()
            noted = self.note.read_text()
            again, err = self.agent("replay", self.tape, "--jsonl", env={"PATH": "/nowhere"})
            self.assertEqual(again, first)
            self.assertIn("no model and no tool is called", err)
            self.assertEqual(self.note.read_text(), noted)
        self.assertIn('"tool.end"', first)
        self.assertIn("go: a", first)

    def test_the_answer_is_the_same(self):
        self.record()
        out, _ = self.agent("replay", "-q", self.tape)
        self.assertEqual(out, "go: a\n")
        self.assertEqual(self.json("replay", "-q", self.tape)["output"], "go: a")

    def test_nothing_is_kept_of_a_replay(self):
        self.record("--no-store")
        self.agent("replay", "-q", self.tape)
        self.assertFalse((self.folder / "data" / "agent" / "agent.db").exists())

    def test_a_changed_request_shows_where(self):
        team, _ = self.record()
        document = json.loads(team.read_text())
        document["tools"]["echo"]["description"] = "says it again"
        team.write_text(json.dumps(document))
        _, err = self.agent("replay", "-q", self.tape, code=1)
        self.assertIn("has changed since it was recorded", err)
        self.assertIn("at /tools/0/description: recorded nothing, now \"says it again\"", err)

    def test_a_team_file_elsewhere(self):
        team, first = self.record()
        moved = self.folder / "moved.json"
        os.rename(team, moved)
        self.agent("replay", "-q", self.tape, code=3)
        again, _ = self.agent("replay", "-q", "--jsonl", self.tape, moved)
        self.assertEqual(again, first)

    def test_a_recording_is_not_overwritten(self):
        self.record()
        before = self.tape.read_bytes()
        team = self.team(*RULES, tools=self.tools)
        _, err = self.agent("run", "-q", "--record", self.tape, team, "go", code=3)
        self.assertIn("is there already", err)
        self.assertEqual(self.tape.read_bytes(), before)
        self.agent("run", "-q", "--record", self.tape, "--force", team, "go")
        self.assertNotEqual(self.tape.read_bytes(), before)
        self.assertEqual(self.tape.stat().st_mode & 0o777, 0o600)

    def test_what_is_no_recording(self):
        for text, part in [("", "is not a recording"), ("{}\n", "is not a recording"),
                           ('{"agent_sdk_recording": 1, "seed": 1}\n', "was not recorded by"),
                           ('{"agent_sdk_recording": 2}\n', "format 2")]:
            self.tape.write_text(text)
            _, err = self.agent("replay", "-q", self.tape, code=3)
            self.assertIn(part, err)
        _, err = self.agent("replay", "-q", "nothing.tape", code=3)
        self.assertIn("nothing.tape cannot be read", err)

    def test_a_disk_that_is_full(self):
        team = self.team(*RULES, tools=self.tools)
        out, err = self.agent("run", "-q", "--record", "/dev/full", "--force", team, "go", code=3)
        self.assertEqual(out, "")
        self.assertIn("cannot be written", err)

    def test_options_are_those_of_the_run(self):
        _, first = self.record("--parallel", "1", "--budget", "0.5", "--timeout", "1m")
        again, _ = self.agent("replay", "-q", "--jsonl", self.tape)
        self.assertEqual(again, first)
        _, err = self.agent("run", "--record", self.tape, "--session", "x", "team.json", "go",
                            code=2)
        self.assertIn("found --session and --record", err)


if __name__ == "__main__":
    unittest.main()
