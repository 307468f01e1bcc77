"""tools/bench.py: figures of made-up benchmarks and peers are merged, shown and written; the
drivers of this machine's peers keep their side of the agreement.

Nothing is measured here: counts are tiny, and no figure is looked at.
"""

import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["SOURCE_DIR"])
BUILD = Path(os.environ["BUILD_DIR"])
TOOL = SOURCE / "tools/bench.py"
PEERS = SOURCE / "bench/peers"
KEYS = ["name", "value", "unit", "better", "target", "peers"]

BENCHMARK = """#!/bin/sh
echo "rounds ${BENCH_ROUNDS:-all}"
echo '{"name": "fast", "value": 50, "unit": "ns", "better": "lower", "target": 60, "peers": {}}'
echo '{"name": "wide", "value": 9, "unit": "MB/s", "better": "higher", "target": 10,
"peers": {}}' | tr '\\n' ' '
echo
"""
SCRIPT = """
import json
print(json.dumps({"peers": {"inside": 4}, "name": "own", "value": 2, "unit": "s",
                  "better": "lower", "target": None}))
"""
PEER = """
import json, sys
if sys.argv[1] == "--list":
    print(json.dumps({"about": "other 1.2", "sections": {
        "fast": ["fast", "wide"], "unknown": ["nobody"]}}))
else:
    assert sys.argv[1] == "fast"
    for row, peer, value in (("fast", "other", 200), ("fast", "another", 100), ("wide", "other", 3),
                             ("nobody", "other", 1), ("fast", "negative", -1)):
        print(json.dumps({"name": row, "peer": peer, "value": value}))
    print("a remark")
"""
SKIPPED = "import sys\nprint('skipped: it is not installed')\nsys.exit(77)\n"
BROKEN = "import sys\nsys.exit(3)\n"


class MadeUp(unittest.TestCase):
    """A folder with two benchmarks and four peers."""

    def setUp(self):
        # pylint: disable=consider-using-with
        self.top = tempfile.TemporaryDirectory()
        self.addCleanup(self.top.cleanup)
        top = Path(self.top.name)
        self.build, self.folder, self.output = top / "build", top / "bench", top / "out/b.jsonl"
        self.page = top / "page.md"
        (self.build / "bench").mkdir(parents=True)
        (self.folder / "peers").mkdir(parents=True)
        self.put(self.build / "bench/program", BENCHMARK)
        self.put(self.folder / "script.py", SCRIPT)
        self.put(self.folder / "peers/other.py", PEER)
        self.put(self.folder / "peers/absent.py", SKIPPED)
        self.put(self.folder / "peers/broken.py", BROKEN)
        self.put(self.folder / "peers/compiled.c", "int main(void) { return 0; }\n")
        self.put(self.folder / "peers/_shared.py", BROKEN)

    def put(self, path, text):
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run_tool(self, *arguments):
        return subprocess.run([sys.executable, TOOL, *arguments, "--folder", self.folder,
                               "--output", self.output, "--page", self.page],
                              capture_output=True, text=True, check=False)

    def figures(self):
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def test_merges(self):
        result = self.run_tool(self.build)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        fast, wide, own = self.figures()
        for figure in (fast, wide, own):
            self.assertEqual(list(figure), KEYS)
        self.assertEqual(fast, {"name": "fast", "value": 50, "unit": "ns", "better": "lower",
                                "target": 60, "peers": {"another": 100, "other": 200}})
        self.assertEqual(wide["peers"], {"other": 3})
        self.assertEqual(own["peers"], {"inside": 4})
        self.assertIn("rounds all", result.stdout)
        self.assertRegex(result.stdout, r"fast +50 ns +<= 60 met +another 100 \(2x\)")
        self.assertRegex(result.stdout, r"wide +9 MB/s +>= 10 MISSED +other 3 \(3x\)")
        self.assertRegex(result.stdout, r"own +2 s +inside 4 \(2x\)")
        self.assertIn("1 of 2 targets met", result.stdout)
        self.assertIn("peer skipped: absent: it is not installed", result.stdout)
        self.assertIn("peer skipped: broken: status 3", result.stdout)
        self.assertIn("peer skipped: compiled: not built", result.stdout)
        self.assertNotIn("_shared", result.stdout)

    def test_page(self):
        self.page.write_text("before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n")
        self.assertEqual(self.run_tool(self.build, "--markdown").returncode, 0)
        page = self.page.read_text()
        self.assertTrue(page.startswith("before\n<!-- bench: begin -->\n\nMeasured by "))
        self.assertTrue(page.endswith("|\n\n<!-- bench: end -->\nafter\n"))
        self.assertNotIn("old", page)
        self.assertIn("| `fast` | 50 ns | ≤ 60 met | another 100 (2x), other 200 (4x) |", page)
        self.assertIn("Peers: other 1.2.", page)
        self.assertIn("absent (it is not installed)", page)
        # From the last run, the same but for nothing.
        self.assertEqual(self.run_tool("--no-run", "--markdown").returncode, 0)
        self.assertEqual(self.page.read_text(), page)

    def test_page_wants_all_figures(self):
        self.page.write_text("<!-- bench: begin --><!-- bench: end -->")
        self.assertEqual(self.run_tool(self.build, "--quick", "--markdown").returncode, 2)
        quick = self.run_tool(self.build, "--quick", "program")
        self.assertEqual(quick.returncode, 0)
        self.assertIn("rounds 1", quick.stdout)
        self.assertEqual([figure["name"] for figure in self.figures()], ["fast", "wide"])
        self.assertEqual(self.run_tool("--no-run", "--markdown").returncode, 1)
        self.assertEqual(self.page.read_text(), "<!-- bench: begin --><!-- bench: end -->")

    def test_not_a_figure(self):
        self.put(self.folder / "script.py", 'print(\'{"name": "own", "value": 1}\')\n')
        result = self.run_tool(self.build, "--no-peers", "script")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not a figure", result.stdout)
        self.assertEqual(self.figures(), [])

    def test_unknown_benchmark(self):
        result = self.run_tool(self.build, "none")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no benchmark none; there are: program script", result.stderr)


class Drivers(unittest.TestCase):
    """The peers that are there list what they measure, and measure what they list."""

    def run_driver(self, command, argument):
        environment = {**os.environ, "BENCH_ROUNDS": "1", "BENCH_TASKS_MAX": "120"}
        result = subprocess.run([*command, argument], env=environment, capture_output=True,
                                text=True, check=False)
        self.assertEqual(result.returncode, 0, f"{command} {argument}: {result.stderr}")
        return [json.loads(line) for line in result.stdout.splitlines()]

    def check(self, *command):
        (about,) = self.run_driver(command, "--list")
        self.assertRegex(about["about"], r"^\w+ \d+\.")
        for section, rows in about["sections"].items():
            if "sleep" in section:
                continue
            found = self.run_driver(command, section)
            self.assertEqual({line["name"] for line in found}, set(rows), section)
            for line in found:
                self.assertEqual(set(line), {"name", "peer", "value"})

    def test_asyncio(self):
        self.check(sys.executable, str(PEERS / "python_asyncio.py"))

    def test_node(self):
        try:
            subprocess.run(["node", "--version"], stdout=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("no node")
        self.check("node", str(PEERS / "node.mjs"))

    def test_compiled(self):
        programs = list((BUILD / "bench/peers").glob("*"))
        if not programs:
            self.skipTest("no driver is built")
        for program in programs:
            self.check(str(program))


if __name__ == "__main__":
    unittest.main(verbosity=2)
