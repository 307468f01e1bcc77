"""A store that another process writes to for longer than the command waits: the answer is there,
the trace is not, and the exit code says so. Slow, because the command does wait."""

import fcntl
import os
import struct
import unittest

from _cli import CommandTest


class Locked(CommandTest):
    def test_the_answer_comes_without_a_trace(self):
        team = self.team({"text": "answer"})
        self.agent("run", "-q", team, "x", "--store", "s.db")
        with open(self.folder / "s.db-lock", "r+b") as lock:
            # struct flock: the whole file, exclusively
            fcntl.fcntl(lock, fcntl.F_OFD_SETLK,
                        struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            out, err = self.agent("run", "-q", team, "x", "--store", "s.db", code=8)
        self.assertEqual(out, "answer\n")
        self.assertRegex(err, r"^agent: store .*/s\.db is being written by another process")
        self.assertEqual(len(self.json("trace", "ls", "--store", "s.db")["runs"]), 1)


if __name__ == "__main__":
    unittest.main()
