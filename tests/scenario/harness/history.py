# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a run: what each client tried, learned and saw, in one order.

A line is a dict: `t` (monotonic seconds), `client`, `kind` (invoke: tried; ok: acknowledged; fail: refused,
nothing done; info: outcome unknown; event: seen), `op` (send, stanza, read, message.new, arrive, …) and
what belongs to it. harness.checker reads it; tests wait on it to do something at the n-th line.
"""
import json
import threading
import time

from .inbox import DEADLINE


class History:
    def __init__(self, file=None):
        self.lines = []
        self._changed = threading.Condition()
        self._file = open(file, "a", buffering=1) if file else None

    def add(self, client, kind, op, **values):
        line = {"t": time.monotonic(), "client": client, "kind": kind, "op": op, **values}
        with self._changed:
            self.lines.append(line)
            if self._file:
                self._file.write(json.dumps(line) + "\n")
            self._changed.notify_all()
        return line

    def wait(self, what, fits, count=1, since=0, timeout=DEADLINE):
        """Returns when `count` lines from index `since` on fit; fails after the deadline."""
        deadline = time.monotonic() + timeout
        found, looked = 0, since
        with self._changed:
            while True:
                for line in self.lines[looked:]:
                    found += bool(fits(line))
                    if found >= count:
                        return line
                looked = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{what}: {found} of {count} within {timeout:g} s")
                self._changed.wait(left)

    def wait_acknowledged(self, count, timeout=DEADLINE):
        """Returns when so many more messages have been acknowledged."""
        return self.wait(f"{count} acknowledged messages", is_acknowledged, count, len(self.lines), timeout)

    def count(self, kind, op):
        return sum(1 for line in list(self.lines) if line["kind"] == kind and line["op"] == op)


def is_acknowledged(line):
    return line["kind"] == "ok" and line["op"] in ("send", "stanza")
