"""`agent run` with models that somebody serves: with and without a team file, in pipes, from the
settings; what is said when it does not work; and that keys stay where they belong."""

import json
import signal
import subprocess
import unittest

from _cli import PATIENCE_S, CommandTest
from _models import Answer, ModelServer

KEY = "sk-test-abcdef0123456789"
ECHO = {"command": ["cat"], "effect": "pure"}


class ModelTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.server = ModelServer().__enter__()
        self.addCleanup(self.server.__exit__)
        self.env["OPENAI_API_KEY"] = KEY
        self.env["OPENAI_BASE_URL"] = self.server.url + "/v1"
        self.env["ANTHROPIC_API_KEY"] = KEY
        self.env["ANTHROPIC_BASE_URL"] = self.server.url

    def sent(self, number=-1):
        return self.server.requests[number]["body"]


class OneShot(ModelTest):
    def test_a_question(self):
        for model, path in [("openai/gpt-5", "/v1/chat/completions"),
                            ("anthropic/claude-sonnet-4-6", "/v1/messages")]:
            self.server.answers.append(Answer(text="Because of the air."))
            out, err = self.agent("run", "--model", model, "Why is the sky blue?")
            self.assertEqual(out, "Because of the air.\n")
            self.assertIn("1 model call · 18 tokens · $", err)
            request = self.server.requests[-1]
            self.assertEqual(request["path"], path)
            self.assertEqual(request["body"]["model"], model.split("/")[1])
            self.assertTrue(request["body"]["stream"])
            self.assertIn("Why is the sky blue?", json.dumps(request["body"]))

    def test_material_in_a_pipe(self):
        model = ["--model", "openai/gpt-5", "-q"]
        for arguments, seen in [(["-p", "review this"], "review this\n\n+a line\n"),
                                (["review this"], "review this\n\n+a line\n"),
                                ([], "+a line\n")]:
            self.assertEqual(self.agent("run", *model, *arguments, input=b"+a line\n")[0],
                             seen.rstrip("\n") + "\n")
            self.assertEqual(self.sent()["messages"][-1]["content"], seen)
        _, err = self.agent("run", *model, "-p", "x", input=b"x" * (9 << 20), code=2)
        self.assertEqual(err, "agent: found more than 8 MiB on standard input, expected less\n")

    def test_system(self):
        self.agent("run", "-q", "-m", "openai/gpt-5", "--system", "Be brief.", "x")
        self.assertIn("Be brief.", json.dumps(self.sent()["messages"][0]))

    def test_where_the_model_comes_from(self):
        def asked(*arguments, **variables):
            self.agent("run", "-q", *arguments, "-p", "x", env=variables)
            return self.sent()["model"]

        settings = self.folder / "config" / "agent"
        settings.mkdir(parents=True)
        (settings / "config.yaml").write_text(
            f"model: compatible/mine\nbase_url: {self.server.url}\n")
        place = {"XDG_CONFIG_HOME": str(self.folder / "config")}
        self.assertEqual(asked(**place), "mine")
        self.assertEqual(asked(AGENT_MODEL="openai/other", **place), "other")
        self.assertEqual(asked("--model=openai/third", AGENT_MODEL="openai/other", **place),
                         "third")
        _, err = self.agent("run", "-p", "x", code=3)
        self.assertIn("agent: there is no model to ask: give --model PROVIDER/NAME", err)
        _, err = self.agent("run", "what is it?", code=3)
        self.assertIn("agent: 'what is it?' is no team file, and there is no model to ask", err)

    def test_settings_that_are_wrong(self):
        settings = self.folder / ".config" / "agent"
        settings.mkdir(parents=True)
        for text, message in [("modle: openai/x\n", "config.yaml: "),
                              ("model: [", "config.yaml:2:1: "),
                              ("model: gpt-5\n", "it may say \"model: PROVIDER/NAME\"")]:
            (settings / "config.yaml").write_text(text)
            _, err = self.agent("run", "-p", "x", code=3)
            self.assertIn(message, err)
            self.agent("run", "-q", "-m", "openai/x", "-p", "x")  # which does not need them

    def test_pieces_are_shown_as_they_come(self):
        self.server.answers.append(Answer(text="onetwothree", hold=True))
        process = self.start("run", "-q", "-m", "openai/gpt-5", "x", bufsize=0)
        self.assertTrue(self.server.is_holding.wait(PATIENCE_S))
        self.assertEqual(process.stdout.read(4) + process.stdout.read(4), b"onetwoth"[:8])
        self.server.go_on()
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual((out, process.returncode), (b"ree\n", 0))

    def test_what_was_said_before_an_interruption_is_kept(self):
        self.server.answers.append(Answer(text="onetwothree", hold=True))
        process = self.start("run", "-q", "-m", "openai/gpt-5", "x", bufsize=0)
        self.assertTrue(self.server.is_holding.wait(PATIENCE_S))
        self.assertEqual(process.stdout.read(1), b"o")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(out, b"netwoth\n"[:len(out) - 1] + b"\n")

    def test_json(self):
        result = self.json("run", "-q", "-m", "openai/gpt-5", "hello")
        self.assertEqual((result["team"], result["output"], result["simulated"]),
                         (None, "hello", False))
        self.assertEqual(result["usage"]["total_tokens"], 18)

    def test_a_budget(self):
        _, err = self.agent("run", "-q", "-m", "openai/gpt-4o", "--budget", "0.000001", "x",
                            code=5)
        self.assertEqual(self.server.requests, [])

    def test_a_session(self):
        self.agent("run", "-q", "-m", "openai/gpt-5", "--session", "s", "one")
        self.agent("run", "-q", "-m", "openai/gpt-5", "-c", "two")
        self.assertEqual([message["content"] for message in self.sent()["messages"]],
                         ["one", "one", "two"])


    def test_a_recording_needs_neither_key_nor_server(self):
        self.server.answers.append(Answer(text="Because of the air."))
        out, _ = self.agent("run", "-q", "-m", "openai/gpt-5", "--system", "Be brief.",
                            "--record", "rec", "Why?")
        self.assertNotIn(KEY, (self.folder / "rec").read_text())
        self.server.requests.clear()
        again, _ = self.agent("replay", "-q", "rec", env={"OPENAI_API_KEY": ""})
        self.assertEqual((out, again), ("Because of the air.\n", out))
        self.write("team.json", {"version": 1, "agents": {"a": {}}, "models": {
            "m": {"provider": "openai", "model": "gpt-5"}}})
        out, _ = self.agent("run", "-q", "team.json", "--record", "rec2", "Why?")
        again, _ = self.agent("replay", "-q", "rec2", env={"OPENAI_API_KEY": ""})
        self.assertEqual((out, again), ("Why?\n", out))
        self.assertEqual(len(self.server.requests), 1)


class Teams(ModelTest):
    def setUp(self):
        super().setUp()
        self.document = {
            "version": 1, "models": {"far": {"provider": "openai", "model": "gpt-5"},
                                     "near": {"provider": "compatible", "model": "small",
                                              "base_url": self.server.url + "/v1"}},
            "tools": {"echo": ECHO},
            "agents": {"solo": {"model": "far", "tools": ["echo"]}}}
        self.write("team.json", self.document)

    def test_tools_are_run(self):
        self.server.answers += [Answer(text="Let me see.", tool_calls=[("echo", {"a": 1})]),
                                Answer(text="It is 1.")]
        out, err = self.agent("run", "team.json", "x")
        self.assertEqual(out, "It is 1.\n")
        self.assertIn("tool echo: ok", err)
        self.assertIn("2 model calls", err)

    def test_the_model_can_be_replaced(self):
        for arguments, model in [(["-m", "near"], "small"), (["-m", "anthropic/claude"], "claude"),
                                 ([], "gpt-5")]:
            self.agent("run", "-q", "team.json", "x", *arguments)
            self.assertEqual(self.sent()["model"], model)
        self.agent("run", "-q", "team.json", "x", env={"AGENT_MODEL": "openai/else"})
        self.assertEqual(self.sent()["model"], "gpt-5")  # the file says which
        self.agent("run", "-q", "team.json", "x", env={"AGENT_MODEL": "near"})
        self.assertEqual(self.sent()["model"], "small")
        self.agent("run", "-q", "team.json", "x", "-m", "compatible/q", "--base-url",
                   self.server.url)
        self.assertEqual(self.sent()["model"], "q")

    def test_on_a_terminal_words_before_tools_are_shown(self):
        self.server.answers += [Answer(text="Let me see.", tool_calls=[("echo", {"a": 1})]),
                                Answer(text="It\033[31m is 1.")]
        _, shown = self.on_terminal("run", "-q", "team.json", "x")
        self.assertEqual(shown, "Let me see.\r\nIt\\x1b[31m is 1.\r\n")

    def test_options_that_do_not_fit(self):
        for arguments, message in [(["--system", "x"], "found --system and a team file"),
                                   (["--base-url", "http://x"], "found --base-url, expected it "
                                    "with --model PROVIDER/NAME only"),
                                   (["-p", "y"], "found --prompt and INPUT")]:
            _, err = self.agent("run", "team.json", "x", *arguments, code=2)
            self.assertIn(message, err)


class Failures(ModelTest):
    def fails(self, message, *arguments, code=4, model="openai/gpt-5", **options):
        out, err = self.agent("run", "-q", "-m", model, *arguments, "x", code=code, **options)
        self.assertEqual(out, "")
        self.assertIn(message, err)
        self.assertNotIn(KEY, err)

    def test_before_anything_is_sent(self):
        self.fails("there is no key for openai: set OPENAI_API_KEY", code=3,
                   env={"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""})
        self.fails('there is no provider "opnai"; did you mean "openai"?', code=3,
                   model="opnai/gpt-5")
        self.fails("expected PROVIDER/NAME", code=2, model="gpt-5")
        self.fails("base_url is missing", code=3, model="compatible/x")
        self.fails("without TLS", "--base-url", "http://example.org", code=3)
        self.assertEqual(self.server.requests, [])

    def test_what_servers_say(self):
        for status, body, message in [
                (401, {"error": {"message": f"Incorrect key {KEY}"}}, "the key was refused"),
                (404, {"error": {"message": "The model x does not exist"}}, "does not exist"),
                (400, {"error": {"message": "too long"}}, "too long")]:
            self.server.answers.append(Answer(status=status, body=json.dumps(body)))
            self.fails(message)
        self.server.answers.append(Answer(body="<html>hello", content_type="text/html"))
        self.fails("HTML page instead of JSON: is the base URL right?")

    def test_nobody_there(self):
        port = self.server.http.server_address[1]
        self.fails("no secure connection", "--base-url", f"https://127.0.0.1:{port}")
        self.fails("cannot connect to", "--base-url", "http://127.0.0.1:1", "--timeout=60s")


class Lists(ModelTest):
    def test_providers(self):
        out, _ = self.agent("models")
        self.assertRegex(out, r"openai +OPENAI_API_KEY is set +http://127.0.0.1")
        self.assertRegex(out, r"mistral +MISTRAL_API_KEY is not set +https://api.mistral.ai/v1")
        self.assertRegex(out, r"ollama +none needed +http://127.0.0.1:11434/v1")
        out, _ = self.agent("models", env={"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": KEY})
        self.assertRegex(out, r"anthropic +ANTHROPIC_AUTH_TOKEN is set")
        self.assertNotIn(KEY, out)
        providers = {entry["provider"]: entry for entry in self.json("models")["providers"]}
        self.assertEqual(providers["openai"], {
            "provider": "openai", "key_variable": "OPENAI_API_KEY", "has_key": True,
            "base_url": self.server.url + "/v1"})
        self.assertEqual(providers["compatible"], {
            "provider": "compatible", "key_variable": None, "has_key": False, "base_url": None})

    def test_models_of_one(self):
        self.server.models["/v1/models"] = (200, {"data": [
            {"id": "mine", "context_length": 4096}, {"id": "gpt-4o"}]})
        out, _ = self.agent("models", "openai")
        self.assertRegex(out, r"gpt-4o +- +\$2.50 +\$10.00")
        self.assertRegex(out, r"mine +4,096 +- +-")
        self.assertEqual(self.json("models", "openai")["models"][1], {
            "id": "mine", "name": None, "context_tokens": 4096, "input_million_nanousd": None,
            "input_million_usd": None, "output_million_nanousd": None, "output_million_usd": None})
        self.agent("models", "compatible", "--base-url", self.server.url + "/v1")

    def test_failures(self):
        for arguments, code, message in [
                (["opnai"], 3, 'did you mean "openai"?'), (["mistral"], 3, "set MISTRAL_API_KEY"),
                (["openai", "--base-url", "http://127.0.0.1:1"], 4, "cannot connect to"),
                (["openai"], 4, "HTTP 404")]:
            out, err = self.agent("models", *arguments, code=code)
            self.assertEqual(out, "")
            self.assertIn(message, err)


class Keys(ModelTest):
    def test_a_key_is_nowhere(self):
        self.server.answers.append(Answer(text="onetwothree", hold=True))
        process = self.start("run", "--jsonl", "-m", "openai/gpt-5", "x")
        self.assertTrue(self.server.is_holding.wait(PATIENCE_S))
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            self.assertNotIn(KEY.encode(), file.read())
        self.server.go_on()
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0)
        self.assertNotIn(KEY.encode(), out + err)
        self.assertEqual(self.server.requests[0]["headers"]["authorization"], f"Bearer {KEY}")
        self.server.answers.append(Answer(status=401, body=json.dumps(
            {"error": {"message": f"Incorrect API key provided: {KEY}"}})))
        out, err = self.agent("run", "--json", "-m", "openai/gpt-5", "x", code=4)
        self.assertNotIn(KEY, out + err)
        shown = "".join(self.agent("trace", "show") + self.agent("trace", "show", "--json"))
        self.assertNotIn(KEY, shown)
        for path in (self.folder / "data").rglob("*"):
            if path.is_file():
                self.assertNotIn(KEY.encode(), path.read_bytes(), path)

    def test_tools_do_not_get_keys(self):
        self.write("team.json", {
            "version": 1, "models": {"m": {"provider": "openai", "model": "x"}},
            "tools": {"env": {"command": ["env"], "input": "none", "output": "text"}},
            "agents": {"solo": {"tools": ["env"]}}})
        self.server.answers += [Answer(tool_calls=[("env", {})]), Answer(text="done")]
        self.agent("run", "-q", "team.json", "x")
        self.assertIn("PATH=", json.dumps(self.sent()))
        self.assertNotIn(KEY, json.dumps(self.sent()))

    def test_a_key_in_the_file_is_refused_and_not_shown(self):
        for member in ("api_key", "api_key_env"):
            self.write("team.json", {"version": 1, "agents": {"a": {}}, "models": {"m": {
                "provider": "openai", "model": "x", member: KEY}}})
            for verb in (["validate"], ["validate", "--json"], ["run"], ["run", "--json"]):
                operands = ["team.json", "x"] if verb[0] == "run" else ["team.json"]
                out, err = self.agent(*verb, *operands, code=3)
                self.assertIn("api_key_env", out + err)
                self.assertNotIn(KEY, out + err)

    def test_a_key_file(self):
        self.write("key", KEY + "-of-the-file\n")
        self.write("team.json", {"version": 1, "agents": {"a": {}}, "models": {"m": {
            "provider": "openai", "model": "x", "api_key_file": "key"}}})
        self.agent("run", "-q", "team.json", "x")
        self.assertEqual(self.server.requests[0]["headers"]["authorization"],
                         f"Bearer {KEY}-of-the-file")


if __name__ == "__main__":
    unittest.main()
