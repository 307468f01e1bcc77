"""The `agent` command from outside: what it prints where, exit codes, bad input, help, completion,
the manual page, `init`, `validate` and `tools`. Runs are in cli_run_test.py."""

import json
import os
import re
import shutil
import subprocess
import unittest

from _cli import AGENT, SOURCE, CommandTest

VERBS = ["run", "replay", "trace ls", "trace show", "session ls", "session show",
         "session rm", "costs", "models", "tools", "validate", "init", "completion",
         "version", "help"]
HEAD = ("version: 1\n"
        "models: {m: {provider: scripted, script: {version: 1, rules: []}}}\n")
AGENTS = "agents: {a: {}}\n"


class Help(CommandTest):
    def test_version(self):
        self.assertRegex(self.agent("version")[0], r"^agent \d+\.\d+\.\d+\n$")
        self.assertEqual(self.agent("version"), self.agent("--version"))
        version = self.json("version")
        self.assertEqual(version["schema"], "agent.version/1")
        self.assertEqual(version["command"], version["library"])

    def test_nothing_asked(self):
        out, err = self.agent(code=2)
        self.assertEqual(out, "")
        self.assertIn("Usage: agent COMMAND", err)

    def test_help_of_everything(self):
        out, err = self.agent("--help")
        self.assertEqual(err, "")
        self.assertEqual(out, self.agent("help")[0])
        for verb in VERBS:
            self.assertIn(f"  {verb}", out)
            own, err = self.agent("help", *verb.split())
            self.assertEqual(own, self.agent(*verb.split(), "--help")[0])
            self.assertTrue(own.startswith(f"Usage: agent {verb}"), own)
            self.assertEqual(err, "")

    def test_help_is_as_wide_as_the_terminal(self):
        for columns in (60, 80, 100, 300):
            out, _ = self.agent("run", "--help", env={"COLUMNS": str(columns)})
            self.assertLessEqual(max(map(len, out.splitlines())), min(columns, 100))

    def test_the_manual_page_is_that_of_the_tables(self):
        out, _ = self.agent("help", "--man")
        page = SOURCE / "docs" / "man" / "agent.1"
        self.assertEqual(out, page.read_text(),
                         "write it anew: build/dev/bin/agent help --man >docs/man/agent.1")
        if shutil.which("man"):
            result = subprocess.run(["man", "--warnings", "-l", "-Tutf8", page], text=True,
                                    env={**self.env, "MANWIDTH": "80"}, capture_output=True)
            self.assertEqual(result.stderr, "")
            self.assertIn("agent - run teams of LLM agents", result.stdout)

    def test_the_manual_page_says_what_help_says(self):
        """Each command with its operands, and each option with its words, in its section."""
        page = (SOURCE / "docs" / "man" / "agent.1").read_text().replace("\\-", "-")
        page = re.sub(r"(?m)^\.\w+ ?", "", page)
        out, _ = self.agent("help")
        verbs = re.findall(r"(?m)^  ([a-z]+(?: [a-z]+)?)((?: \[?[A-Z]+\]?)*)  ", out)
        self.assertEqual(len(verbs), 15, out)
        common = page[page.index("OPTIONS OF ALL COMMANDS"):page.index("EXIT STATUS")]
        for name, operands in verbs:
            heading = f"\nagent {name}{operands}\n"
            self.assertIn(heading, page)
            section = re.split(r"\n(?:agent |OPTIONS)", page[page.index(heading) + 1:])[0]
            # One line per option, however wide.
            shown, _ = self.agent(*name.split(), "--help", env={"COLUMNS": "100"})
            options = re.findall(r"(?m)^ +(?:-\w, )?(--[a-z-]+)(=[A-Z]+)? ", shown)
            self.assertGreaterEqual(len(options), 4, shown)
            for option, value in options:
                self.assertTrue(f"{option}{value}\n" in section + common, (name, option))
        for code, meaning in re.findall(r"(?m)^  ([0-9]+) +(.+)$", out):
            self.assertIn(f"\n{code}\n{meaning}\n", page)

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script, _ = self.agent("completion", shell)
            self.assertIn("validate", script)
            if shutil.which(shell):
                subprocess.run([shell, "-n", self.write(shell, script)], check=True)
        _, err = self.agent("completion", "tcsh", code=2)
        self.assertIn("expected bash, zsh or fish", err)

    def complete(self, *words):
        script = self.write("completion", self.agent("completion", "bash")[0])
        quoted = " ".join(f"'{word}'" for word in words)
        program = (f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
                   "_agent; printf '%s\\n' \"${COMPREPLY[@]}\"")
        result = subprocess.run(["bash", "-c", program], cwd=self.folder, env=self.env, check=True,
                                capture_output=True, text=True)
        return result.stdout.split()

    def test_completion_of_bash_completes(self):
        self.write("team.yaml", "")
        self.assertEqual(self.complete("agent", "val"), ["validate"])
        self.assertEqual(self.complete("agent", "trace", ""), ["ls", "show"])
        self.assertEqual(self.complete("agent", "run", "tea"), ["team.yaml"])
        self.assertEqual(self.complete("agent", "costs", "--by", "=", "mo"), ["model"])
        self.assertIn("--budget=", self.complete("agent", "run", "--b"))
        self.assertNotIn("--budget=", self.complete("agent", "costs", "--b"))


class Mistakes(CommandTest):
    def mistake(self, *arguments):
        out, err = self.agent(*arguments, code=2)
        self.assertEqual(out, "")
        self.assertIn("\nTry 'agent ", err)
        return err.split("\nTry")[0]

    def test_what_was_meant(self):
        for arguments, message in [
                (["rnu"], "agent: there is no command 'rnu'; did you mean 'run'?"),
                (["elephant"], "agent: there is no command 'elephant'"),
                (["trace", "lss"], "agent: there is no command 'trace lss'; did you mean "
                                   "'trace ls'?"),
                (["run", "--bugdet", "1"], "agent: there is no option --bugdet; did you mean "
                                           "--budget?"),
                (["costs", "--budget", "1"], "agent: costs: there is no option --budget"),
                (["trace", "xyz"], "agent: there is no command 'trace xyz', expected trace "
                                   "ls|show"),
                (["show"], "agent: there is no command 'show'; did you mean 'trace show'?"),
                (["help", "vaildate"], "agent: there is no command 'vaildate'; did you mean "
                                       "'validate'?"),
                (["help", "trace", "sohw"], "agent: there is no command 'trace sohw'; did you "
                                            "mean 'trace show'?"),
                (["help", "run", "x"], "agent: there is no command 'run x'"),
                (["run", "-qx"], "agent: there is no option -x"),
                (["run", "-é"], "agent: there is no option -é"),
                (["run", "--"], "agent: run: found no operand, expected [TEAM] [INPUT], or "
                                "--prompt TEXT"),
                (["run", "--=5"], "agent: there is no option --"),
                (["run", "t", "--timeout=0s"], "agent: --timeout: found '0s', expected a duration "
                                               "above 0, with a unit, such as 250ms, 5s, 2m or "
                                               "1h, of at most 1193h"),
                (["costs", "-x"], "agent: there is no option -x"),
                (["run", "--json=yes"], "agent: the option --json takes no value, found 'yes'"),
                (["run", "--budget"], "agent: the option --budget needs a value: USD"),
                (["run", "t", "--budget", "much"], "agent: --budget: found 'much', expected an "
                                                   "amount of USD above 0, such as 0.05"),
                (["run", "t", "--budget=0"], "agent: --budget: found '0', expected an amount of "
                                             "USD above 0, such as 0.05"),
                (["run", "t", "--timeout", "5"], "agent: --timeout: found '5', expected a duration "
                                                 "above 0, with a unit, such as 250ms, 5s, 2m or "
                                                 "1h, of at most 1193h"),
                (["run", "t", "-j", "0"], "agent: --parallel: found '0', expected a whole number "
                                          "from 1 to 1000000"),
                (["costs", "--by", "week"], "agent: --by: found 'week', expected "
                                            "agent|model|run|day"),
                (["run"], "agent: run: found no operand, expected [TEAM] [INPUT], or --prompt "
                          "TEXT"),
                (["run", "t", "two", "words"], "agent: run: found the operand 'words' too many, "
                                               "expected [TEAM] [INPUT]; a text with spaces needs "
                                               "quotes"),
                (["version", "x"], "agent: version: found the operand 'x' too many, expected none"),
        ]:
            self.assertEqual(self.mistake(*arguments), message)

    def test_flags_together(self):
        team = self.team({"text": "answer"})
        self.assertEqual(self.agent("run", team, "x", "-qj2"), ("answer\n", ""))
        self.assertEqual(self.agent("run", "-qj", "2", team, "x"), ("answer\n", ""))
        self.assertEqual(self.agent("trace", "ls", "-qn1"), self.agent("trace", "ls", "-n", "1"))

    def test_a_variable_is_named_when_it_is_wrong(self):
        _, err = self.agent("run", "t", "x", code=2, env={"AGENT_TIMEOUT": "soon"})
        self.assertIn("agent: AGENT_TIMEOUT: found 'soon', expected a duration", err)
        self.agent("costs", env={"AGENT_TIMEOUT": "soon"})

    def test_what_comes_from_outside_does_nothing_to_a_terminal(self):
        err = self.mistake("\033[31mred\u202e")
        self.assertIn(r"'\x1b[31mred\u202e'", err)


class Output(CommandTest):
    def test_a_reader_that_goes_away_is_no_failure(self):
        reader, writer = os.pipe()
        os.close(reader)
        _, err = self.agent("help", stdout=writer)
        os.close(writer)
        self.assertEqual(err, "")

    def test_a_full_disk_is(self):
        with open("/dev/full", "wb") as full:
            _, err = self.agent("help", stdout=full, code=1)
        self.assertEqual(err, "agent: cannot write to standard output: No space left on device\n")

    def test_color_only_where_it_is_wanted(self):
        self.write("team.yaml", HEAD + "tools: {t: {command: [ls]}}\n" + AGENTS)
        for arguments, env, is_colored in [
                ([], {}, True),
                ([], {"NO_COLOR": "1"}, False),
                ([], {"TERM": "dumb"}, False),
                (["--color=never"], {}, False),
                (["--color=always"], {"NO_COLOR": "1", "TERM": "dumb"}, True)]:
            code, shown = self.on_terminal("tools", *arguments, env=env)
            self.assertEqual(code, 0)
            self.assertEqual("\033[" in shown, is_colored, (arguments, env, shown))
        for arguments, env, is_colored in [
                ([], {}, False),
                ([], {"CLICOLOR_FORCE": "1"}, True),
                ([], {"CLICOLOR_FORCE": "0"}, False),
                ([], {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
                (["--color=always"], {}, True)]:
            out, _ = self.agent("tools", *arguments, env=env)
            self.assertEqual("\033[" in out, is_colored, (arguments, env, out))


class Init(CommandTest):
    def test_the_starter_is_fine(self):
        out, err = self.agent("init")
        self.assertEqual(out, "./team.yaml\n./script.yaml\n")
        self.assertIn("agent run ./team.yaml", err)
        self.assertEqual(self.agent("validate", "team.yaml")[0],
                         "team.yaml: ok (models: 1, tools: 2, agents: 2)\n")

    def test_nothing_is_overwritten(self):
        self.write("script.yaml", "mine")
        out, err = self.agent("init", code=3)
        self.assertEqual(out, "")
        self.assertEqual(err, "agent: ./script.yaml is there already: nothing was written\n")
        self.assertEqual((self.folder / "script.yaml").read_text(), "mine")
        self.assertFalse((self.folder / "team.yaml").exists())

    def test_a_link_to_nowhere_is_not_followed(self):
        (self.folder / "team.yaml").symlink_to("elsewhere.yaml")
        self.agent("init", code=3)
        self.assertFalse((self.folder / "elsewhere.yaml").exists())

    def test_a_directory_is_made(self):
        self.agent("init", "new", "--quiet")
        self.assertTrue((self.folder / "new" / "team.yaml").exists())

    def test_a_directory_that_cannot_be_made(self):
        self.write("file", "")
        _, err = self.agent("init", "file/below", code=3)
        self.assertEqual(err, "agent: cannot create the directory file/below: Not a directory\n")


class Validate(CommandTest):
    def bad(self, name, *messages):
        out, err = self.agent("validate", name, code=3)
        self.assertEqual(out, "")
        self.assertEqual(err, "".join(f"agent: {message}\n" for message in messages))

    def test_files_that_are_none(self):
        self.write("empty.yaml", "")
        self.write("binary.yaml", bytes(range(256)))
        self.write("text.yaml", "nothing to see here\n")
        self.bad("nowhere.yaml", "cannot read nowhere.yaml: No such file or directory")
        self.bad(".", "cannot read .: Is a directory")
        self.bad("empty.yaml", "empty.yaml:1:1: found nothing, expected a document")
        self.bad("binary.yaml", "binary.yaml:1:1: found the control character U+0000, expected "
                                "text: is this a YAML file?")
        self.bad("text.yaml", 'text.yaml:1:1: found "nothing to see here", expected an object with '
                              "version, models and agents")

    def test_every_error_has_a_line(self):
        self.write("team.yaml", HEAD + "tools:\n"
                   "  a: {comand: [x]}\n"
                   "  b: {command: [x], timeout: soon}\n"
                   "agents:\n"
                   "  c: {tools: a}\n")
        self.bad("team.yaml",
                 'team.yaml:4:7: tools.a: found the unknown member "comand"; did you mean '
                 '"command"?',
                 'team.yaml:5:30: tools.b.timeout: found "soon", expected a duration such as '
                 '"250ms", "5s", "2m" or "1h", a number of milliseconds, or "none"',
                 'team.yaml:7:14: agents.c.tools: found "a", expected a list of different names')

    def test_names_that_lead_nowhere(self):
        self.write("team.yaml", HEAD + "tools: {churn: {command: [x], depends_on: [chrun]}}\n"
                   "agents: {a: {tools: [sizes]}}\n")
        self.bad("team.yaml",
                 'team.yaml:3:44: tools.churn.depends_on[0]: found the unknown tool "chrun"; did '
                 'you mean "churn"?',
                 'team.yaml:4:22: agents.a.tools[0]: found the unknown tool "sizes", expected one '
                 "of those in the file: churn")

    def test_what_only_building_finds(self):
        self.write("team.yaml", "version: 1\nmodels: {m: {provider: scripted, script: s.yaml}}\n"
                   + AGENTS)
        self.bad("team.yaml", "team.yaml:2:10: models.m: cannot read s.yaml: No such file or "
                              "directory")
        self.write("s.yaml", "a: [\n")
        self.bad("team.yaml", "team.yaml:2:10: models.m: s.yaml:2:1: found the end of the file, "
                              "expected a value")
        self.write("s.yaml", "version: 1\nrules: [{txt: hello}]\n")
        _, err = self.agent("validate", "team.yaml", code=3)
        self.assertIn("team.yaml:2:10: models.m: s.yaml: ", err)
        self.assertIn("txt", err)

    def test_json(self):
        self.write("team.yaml", HEAD + "agents: {a: {modle: m}}\n")
        result = self.json("validate", "team.yaml", code=3)
        self.assertEqual(result, {
            "schema": "agent.validate/1", "ok": False, "exit_code": 3, "warnings": [], "errors": [{
                "code": "schema", "line": 3, "column": 14,
                "message": 'team.yaml:3:14: agents.a: found the unknown member "modle"; did you '
                           'mean "model"?'}]})
        self.write("team.yaml", HEAD + AGENTS)
        self.assertEqual(self.json("validate", "team.yaml"), {
            "schema": "agent.validate/1", "ok": True, "exit_code": 0, "errors": [], "warnings": []})

    def test_validate_needs_no_keys(self):
        self.write("team.yaml", "version: 1\nmodels:\n  m: {provider: openai, model: x}\n"
                                "agents: {a: {}}\n")
        message = ("team.yaml:3:3: models.m: there is no key for openai: set OPENAI_API_KEY in the "
                   "environment, or name a file that has it (api_key_file)")
        out, err = self.agent("validate", "team.yaml")
        self.assertEqual(out, "team.yaml: ok (models: 1, tools: 0, agents: 1)\n")
        self.assertEqual(err, f"agent: warning: {message}\n")
        self.assertEqual(self.agent("validate", "-q", "team.yaml"), ("", ""))
        warnings = self.json("validate", "team.yaml")["warnings"]
        self.assertEqual([warning["message"] for warning in warnings], [message])
        self.assertEqual(self.agent("validate", "team.yaml", env={"OPENAI_API_KEY": "sk-1"})[1],
                         "")
        self.assertEqual(self.agent("run", "team.yaml", "x", code=3), ("", f"agent: {message}\n"))

    def test_all_team_files_of_the_project(self):
        # Files beside a main.c name tools that only that program has.
        found = [path for folder in ("examples", "docs", "src") for pattern in ("team*.yaml",)
                 for path in (SOURCE / folder).rglob(pattern)
                 if not (path.parent / "main.c").exists()]
        self.assertTrue(found)
        for path in found:
            self.agent("validate", path)


class Tools(CommandTest):
    TEAM = (HEAD + "tools:\n"
            "  churn: {command: [git, log], effect: pure, timeout: 1500,\n"
            "          description: \"Lines\\nthat changed.\"}\n"
            "  hot: {http: {url: \"http://localhost\"}, depends_on: [churn]}\n"
            "agents:\n"
            "  a: {tools: [churn, hot]}\n"
            "  b: {tools: [hot]}\n"
            "team: {lead: a}\n")

    def test_table(self):
        self.write("team.yaml", self.TEAM)
        out, err = self.agent("tools")
        self.assertEqual(err, "")
        self.assertEqual([line.split() for line in out.splitlines()], [
            "NAME KIND EFFECT TIMEOUT USED BY DEPENDS ON DESCRIPTION".split(),
            ["churn", "process", "pure", "1500ms", "a", r"Lines\nthat", "changed."],
            ["hot", "http", "effect", "30s", "a,", "b", "churn"]])

    def test_json(self):
        self.write("team.yaml", self.TEAM)
        tools = self.json("tools", "team.yaml")
        self.assertEqual(tools["schema"], "agent.tools/1")
        self.assertEqual(tools["tools"][1], {
            "name": "hot", "kind": "http", "effect": "effect", "timeout": "30s", "description": "",
            "used_by": ["a", "b"], "depends_on": ["churn"], "input_schema": None})

    def test_a_bad_file_says_what_validate_says(self):
        self.write("team.yaml", "version: 2\n")
        self.assertEqual(self.agent("tools", code=3), self.agent("validate", "team.yaml", code=3))

    def test_without_tools_there_is_nothing_to_list(self):
        self.write("team.yaml", HEAD + AGENTS)
        self.assertEqual(self.agent("tools"), ("", ""))


class Nothing(CommandTest):
    def test_nothing_is_kept_yet(self):
        for verb in (["trace", "ls"], ["costs"]):
            out, err = self.agent(*verb)
            self.assertEqual(out, "")
            self.assertIn("agent: nothing is kept yet: there is no ", err)
            self.assertEqual(self.agent(*verb, "--quiet"), ("", ""))
        self.assertEqual(self.json("trace", "ls"), {"schema": "agent.trace.list/1", "runs": []})
        self.assertEqual(self.json("costs")["rows"], [])
        self.assertFalse((self.folder / "data").exists())

    def test_a_store_that_was_named_has_to_be_there(self):
        _, err = self.agent("costs", "--store", "nowhere.db", code=3)
        self.assertIn("nowhere.db", err)
        self.write("text.db", "this is no store, " * 100)
        _, err = self.agent("trace", "ls", "--store", "text.db", code=3)
        self.assertIn("text.db", err)

    def test_a_path_with_control_characters_is_shown_clean(self):
        path = self.team({"text": "x"}, name="a\x1b[31m\nb.json")
        out, _ = self.agent("validate", path)
        self.assertNotIn("\x1b", out)
        self.assertEqual(out.count("\n"), 1)
        self.assertTrue(out.endswith("b.json: ok (models: 1, tools: 0, agents: 1)\n"), out)

    def test_more_agents_than_a_pool_has_room_for(self):
        team = self.team({"text": "x"}, agents={f"a{n}": {} for n in range(4097)},
                         team={"lead": "a0"})
        _, err = self.agent("validate", team, code=3)
        self.assertIn("a pool has at most 4096 members", err)


if __name__ == "__main__":
    unittest.main()
