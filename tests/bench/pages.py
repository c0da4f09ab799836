# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of archives by XMPP: a client of plain bytes, and what the parts of a system spend on a page."""
import base64
import contextlib
import pathlib
import random
import socket
import sys
import time

PAGE = 50
TEXT = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt ut labore et dolore " \
       "magna aliquyam erat, sed diam voluptua. At vero eos et accusam et justo duo."


class Client:
    """A session of plain bytes."""

    def __init__(self, address, jid, password):
        self.socket = socket.create_connection(address, 30)
        self.buffer = b""
        user, _, domain = jid.partition("@")
        self.say(f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{domain}'>")
        self.until(b"</stream:features>")
        plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.say(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
        self.until(b"<success", b"<failure")
        self.say(f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='{domain}'>")
        self.until(b"</stream:features>")
        self.say("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        self.until(b"</iq>")
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.say("</stream:stream>")
        self.socket.close()

    def say(self, text):
        self.socket.sendall(text.encode())

    def until(self, *marks):
        """All up to and with the first of the marks."""
        seen = 0
        while True:
            for mark in marks:
                at = self.buffer.find(mark, max(0, seen - len(mark)))
                if at >= 0:
                    got, self.buffer = self.buffer[:at + len(mark)], self.buffer[at + len(mark):]
                    return got
            seen = len(self.buffer)
            more = self.socket.recv(1 << 18)
            if not more:
                sys.exit(f"the server hung up: {self.buffer[-500:]}")
            self.buffer += more

    def page(self, room, after):
        """Of the archive of a room, None: of one's own."""
        self.number += 1
        name, to = f"q{self.number}", f" to='{room}'" if room else ""
        self.say(f"<iq type='set' id='{name}'{to}><query xmlns='urn:xmpp:mam:2' queryid='{name}'>"
                 f"<set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max><after>{after}</after></set></query></iq>")
        got = self.until(b"</iq>")
        if got.count(b"<result ") != PAGE or b"<fin " not in got:
            sys.exit(f"no page: {got[:1000]}")
        return len(got)


def cpu(processes):
    """Seconds that groups of processes, and their children, have run."""
    ran = {}
    for name, pids in processes.items():
        ran[name] = 0
        for pid in pids:
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in [pid, *children]:
                with contextlib.suppress(OSError):
                    ran[name] += sum(map(int, pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:13])) / 100
    return ran


def measure(client, room, afters, seconds, processes):
    for after in afters[:20]:
        client.page(room, after)
    before, times, size, start = cpu(processes), [], 0, time.monotonic()
    while time.monotonic() < start + seconds:
        at = time.monotonic()
        size += client.page(room, random.choice(afters))
        times.append((time.monotonic() - at) * 1000)
    spent = {name: (ran - before[name]) / len(times) * 1e6 for name, ran in cpu(processes).items()}
    times.sort()
    return {"rate": len(times) / seconds, "p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100],
            "bytes": size // len(times), "cpu_us": spent}
