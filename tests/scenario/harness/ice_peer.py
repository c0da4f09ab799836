# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/media/ice_peer: one end of a call without a browser, a libnice agent."""
import os
import subprocess
import threading
from pathlib import Path

import pytest

from .inbox import Inbox
from .stack import TOP

# Neither DTLS nor RTP runs over these agents: descriptions carry a fingerprint that nothing checks.
FINGERPRINT = ":".join(["AB"] * 32)


class IcePeer:
    """`with IcePeer("controlling") as peer:` has gathered: `ufrag`, `password`, `candidates` (lines of SDP)."""

    def __init__(self, role, turn=None, relay=False):
        program = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "tests/media/ice_peer"
        if not program.exists():
            pytest.skip(f"{program} was not built (--disable-ice)")
        self.inbox, self.told = Inbox(f"{role} agent"), set()
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, daemon=True).start()
        if turn:
            host, port, name, password = turn
            self.tell(f"turn {host} {port} {name} {password}")
        if relay:
            self.tell("relay")
        self.tell(f"gather {role}")
        _, self.ufrag, self.password = self.expect("credentials").split(" ")
        self.expect("gathered")
        self.candidates = [line.partition(" ")[2] for line in self.inbox.received if line.startswith("candidate ")]

    def _read(self):
        for line in self._process.stdout:
            self.inbox.put(line.rstrip("\n"))
        self.inbox.put("ended")

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def expect(self, start):
        return self.inbox.expect(start, lambda line: line == start or line.startswith(start + " "))

    def meet(self, ufrag, password, candidates):
        self.tell(f"remote {ufrag} {password}")
        for candidate in candidates:
            self.tell(f"candidate {candidate.removeprefix('a=')}")

    def is_connected(self):
        return any(line.startswith("pair ") for line in self.inbox.received)

    def connected(self):
        """Waits for a way; ((own type, own address), (other type, other address))."""
        words = self.expect("pair").split(" ")
        self.expect("state ready")
        return (words[1], words[2]), (words[3], words[4])

    def hears(self, other, count=20):
        """The other sends so many datagrams, and they come, but for few that may get lost."""
        before = self.received()
        other.tell(f"send {count}")
        self.inbox.expect("datagrams", lambda line: line.startswith("received ")
                          and int(line.split(" ")[1]) >= before + count * 9 // 10)

    def received(self):
        return max((int(line.split(" ")[1]) for line in self.inbox.received if line.startswith("received ")), default=0)

    def sdp(self, media="audio"):
        """A description as a browser would write it, with this agent's transport."""
        return "\r\n".join([
            "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
            f"m={media} 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}", "a=ice-options:trickle", f"a=fingerprint:sha-256 {FINGERPRINT}",
            "a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2",
            *[f"a={candidate}" for candidate in self.candidates], ""])

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
