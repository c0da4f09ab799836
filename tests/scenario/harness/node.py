# SPDX-License-Identifier: GPL-3.0-or-later
"""The Node programs of tests/clients: commands in, what they tell out."""
import itertools
import json
import os
import shutil
import subprocess
import threading

import pytest

from .inbox import Inbox
from .stack import TOP
from .ws import fits


class NodeClient:
    """`NodeClient("s0", user)`: `client.open(7)` calls the action `open`; `expect` waits for what it tells."""

    def __init__(self, kind, user, ws=None, delay=200):
        if not shutil.which("node") or not os.path.isdir("/usr/share/nodejs/ws"):
            pytest.skip("needs Debian's nodejs and node-ws")
        self.inbox = Inbox(f"{kind} client of {user.sub}")
        self._numbers = itertools.count(1)
        self._process = subprocess.Popen(
            ["node", str(TOP / "tests" / "clients" / kind / "main.js"), user.rest, ws or user.ws_url, user.token,
             str(delay)], env={**os.environ, "NODE_PATH": "/usr/share/nodejs"}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()
        self.user = self.expect("ready")["data"]

    def _read(self):
        for line in self._process.stdout:
            self.inbox.put(json.loads(line))
        self.inbox.put("the program has ended")

    def ask(self, action, *args):
        """The answer to a command, whether it went well or not."""
        id = next(self._numbers)
        self._process.stdin.write(json.dumps({"id": id, "do": action, "args": args}) + "\n")
        self._process.stdin.flush()
        return self.inbox.expect(f"answer to {action}", lambda i: isinstance(i, dict) and i.get("id") == id)

    def __getattr__(self, action):
        if action.startswith("_"):
            raise AttributeError(action)

        def do(*args):
            answer = self.ask(action, *args)
            assert "error" not in answer, f"{action}{args}: {answer}"
            return answer["result"]
        return do

    def expect(self, event, timeout=None, **match):
        return self.inbox.expect(f"{event} {match or ''}", lambda i: isinstance(i, dict)
                                 and i.get("event") == event and fits(i["data"], match), timeout)

    def told(self, *events):
        """What it has told so far."""
        return [i["data"] for i in self.inbox.received if isinstance(i, dict) and i.get("event") in events]

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
