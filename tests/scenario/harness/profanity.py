# SPDX-License-Identifier: GPL-3.0-or-later
"""Profanity, the console client, driven the way a person drives it: keys in, screen out, in tmux."""
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .inbox import DEADLINE

ACCOUNT = """\
[{name}]
enabled=true
jid={jid}
password={password}
resource=profanity
server={host}
port={port}
tls.policy=disable
auth.policy=default
"""
SETTINGS = """\
[connection]
account={name}
receipts.request=true
receipts.send=true

[ui]
splash=false
wrap=true
beep=false

[logging]
chlog=true

[chatstates]
enabled=true
"""


class Profanity:
    """`with Profanity(stack, "bob") as screen:` is logged in. Private folders, private tmux server."""

    def __init__(self, stack, user, width=160, height=48):
        self.account, self.c2s = stack.account(user), stack.info["c2s"]
        self.size = (str(width), str(height))
        self.home = Path(tempfile.mkdtemp(prefix="trestle-profanity-"))

    def _tmux(self, *words):
        done = subprocess.run(["tmux", "-u", "-f", "/dev/null", "-S", self.home / "tmux", *words], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, f"tmux {' '.join(words)}: {done.stdout}"
        return done.stdout

    def __enter__(self):
        try:
            self._start()
            self.expect(f"{self.account['jid']}/profanity logged in successfully")
        except BaseException:
            self.close()
            raise
        return self

    def _start(self):
        name = "stack"
        for folder, file, text in (
                ("config", "profrc", SETTINGS),
                ("data", "accounts", ACCOUNT)):
            target = self.home / folder / "profanity"
            target.mkdir(parents=True, mode=0o700)
            (target / file).write_text(text.format(
                name=name, jid=self.account["jid"], password=self.account["password"],
                host=self.c2s["host"], port=self.c2s["port"]))
            (target / file).chmod(0o600)
        settings = {"XDG_CONFIG_HOME": self.home / "config", "XDG_DATA_HOME": self.home / "data",
                    "HOME": self.home, "LANG": "C.UTF-8", "TERM": "screen-256color",
                    "PATH": os.environ["PATH"]}
        self._tmux("new-session", "-d", "-x", self.size[0], "-y", self.size[1], "env", "-i",
                   *(f"{key}={value}" for key, value in settings.items()), "profanity", "--account", name)

    def screen(self):
        return self._tmux("capture-pane", "-p", "-J")

    def title(self):
        """The line on top: whom the window is with, and what that person does."""
        return self.screen().partition("\n")[0]

    def unacknowledged(self, text):
        """Whether the text is on the screen in red, as messages are until their receipt comes; None: not there."""
        for line in self._tmux("capture-pane", "-p", "-J", "-e").splitlines():
            before, found, _ = line.partition(text)
            if found:
                return "\033[31mme: " in before
        return None

    def expect(self, text, timeout=DEADLINE):
        """Waits until the text is on the screen; returns the screen."""
        return self.wait(f"{text!r} on the screen", lambda: text in self.screen(), timeout)

    def expect_title(self, *words, without=()):
        self.wait(f"title with {words}, without {without}", lambda: all(word in self.title() for word in words)
                  and not any(word in self.title() for word in without))

    def people(self):
        """The panel on the right of a room: its groups, and who is in them."""
        lines = (line[int(self.size[0]) * 85 // 100:].strip() for line in self.screen().splitlines()[1:-2])
        return [line for line in lines if line]

    def expect_people(self, *names):
        self.wait(f"panel with {names}", lambda: self.people() == list(names))

    def wait(self, what, fits, timeout=DEADLINE):
        deadline = time.monotonic() + timeout
        while not fits():
            assert time.monotonic() < deadline, f"Profanity: no {what}:\n{self.screen()}"
            time.sleep(0.05)
        return self.screen()

    def hold(self, text):
        """Types without sending."""
        self._tmux("send-keys", "-l", text)

    def type(self, text):
        """Types a line: a command, or a message in a chat window."""
        self.hold(text)
        self._tmux("send-keys", "Enter")

    def close(self):
        subprocess.run(["tmux", "-S", self.home / "tmux", "kill-server"], stderr=subprocess.DEVNULL,
                       timeout=20, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def __exit__(self, *_):
        self.close()
