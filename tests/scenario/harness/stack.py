# SPDX-License-Identifier: GPL-3.0-or-later
"""A running stack: what `scripts/stack` printed, and its commands."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
COMMAND = TOP / "scripts" / "stack"


def stack_command(*words):
    done = subprocess.run([COMMAND, *map(str, words)], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=180)
    if done.returncode != 0:
        raise RuntimeError(f"scripts/stack {' '.join(map(str, words))}:\n{done.stderr}")
    return done.stdout


def reports_in(lines):
    """The lines of a bridge's log that no run may have: of the sanitizers, and of GLib, which says what its caller
    does wrong and goes on."""
    marks = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "CRITICAL **:", "WARNING **:")
    return [line for line in lines if any(mark in line for mark in marks)]


class Stack:
    """`info` is the object of design: addresses, accounts, secrets, pids."""

    def __init__(self, info):
        self.info = info
        self.dir = Path(info["dir"])
        self.killed = set()

    @classmethod
    def start(cls, *options):
        return cls(json.loads(stack_command("start", "--memory", *options)))

    @classmethod
    def reuse(cls, directory):
        return cls(json.loads((Path(directory) / "stack.json").read_text()))

    @property
    def server(self):
        return self.info["server"]

    @property
    def app_domain(self):
        return self.info["component"]["domain"]

    @property
    def rooms_domain(self):
        return self.info["component"]["rooms"]

    @property
    def conference(self):
        """The server's own rooms, which are elsewhere for us."""
        return f"conference.{self.info['c2s']['domain']}"

    def account(self, user):
        return next(a for a in self.info["accounts"] if a["jid"].partition("@")[0] == user)

    def stop(self, part=None, purge=False):
        stack_command("stop", *([part] if part else []), *(["--purge"] if purge else []),
                      "--dir", self.dir)
        self.killed |= self._processes(part) if part else set()

    def restart(self, part):
        self.info = json.loads(stack_command("restart", part, "--dir", self.dir))
        self.killed -= self._processes(part)

    def kill(self, part):
        """kill -9 of one part: bridge, bridge.N, postgres, xmpp or redis."""
        for process in self._processes(part):
            self.killed.add(process)
            os.kill(self.pids()[process], signal.SIGKILL)

    def configure_prosody(self, text):
        """Restarts Prosody with this text at the end of its host, in place of that of an earlier call."""
        file = Path(self.dir) / "state.json"
        state = json.loads(file.read_text())
        state["xmpp_more"] = text
        file.write_text(json.dumps(state))
        self.kill("xmpp")
        self.restart("xmpp")

    def configure(self, section, options):
        """Restarts the bridges with these options of the section, in place of those of an earlier call."""
        file = Path(self.dir) / "state.json"
        state = json.loads(file.read_text())
        state.setdefault("extra", {})[section] = options
        file.write_text(json.dumps(state))
        self.kill("bridge")
        self.restart("bridge")

    def pids(self):
        """Process → pid; bridges are bridge.0, bridge.1, …"""
        bridges = {f"bridge.{n}": pid for n, pid in enumerate(self.info["pids"]["bridge"])}
        return {**bridges, **{name: pid for name, pid in self.info["pids"].items() if name != "bridge"}}

    def _processes(self, part):
        return {name for name in self.pids() if part in (name, name.partition(".")[0])}

    def dead(self):
        """The processes that do not run."""
        def runs(pid):
            try:
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                return False
        return {name for name, pid in self.pids().items() if not runs(pid)}

    # -- logs

    def log_sizes(self):
        return {name: os.path.getsize(file) for name, file in self.info["logs"].items()
                if os.path.exists(file)}

    def logs_since(self, sizes, lines=120):
        """Part → the last lines that its log gained since `log_sizes`."""
        found = {}
        for name, file in self.info["logs"].items():
            try:
                with open(file, "rb") as stream:
                    stream.seek(sizes.get(name, 0))
                    found[name] = stream.read().decode(errors="replace").splitlines()[-lines:]
            except OSError as error:
                found[name] = [str(error)]
        return found

    def sanitizer_reports(self):
        return [line for name, text in self.logs_since({}, sys.maxsize).items()
                if name.startswith("bridge") for line in reports_in(text)]
