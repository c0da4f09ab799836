# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of GET /api/events: what a browser's EventSource does, without coming back by itself."""
import http.client
import json
import socket
import threading
import urllib.parse

from . import described
from .inbox import Inbox
from .ws import fits


class Ended:
    """In the inbox after the last event."""

    def __repr__(self):
        return "the stream has ended"


class EventStream:
    """`last` is sent as Last-Event-ID. `reading` False: it does not read yet."""

    def __init__(self, user, last=None, reading=True, buffer=None, **query):
        address = urllib.parse.urlsplit(user.rest)
        self.inbox = Inbox("event stream")
        self.cursor = None
        self.retry = None
        self.comments = 0
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.connect((address.hostname, address.port))
        self._connection = http.client.HTTPConnection(address.hostname, address.port)
        self._connection.sock = self._socket
        headers = {**user.headers(), **({"Last-Event-ID": last} if last else {})}
        self._connection.request("GET", "/api/events?" + urllib.parse.urlencode(query), headers=headers)
        self.reply = None
        if reading:
            self.read()

    def read(self):
        """Begins to read."""
        self.reply = self._connection.getresponse()
        self.status, self.type = self.reply.status, self.reply.getheader("Content-Type")
        if self.status == 200:
            described.seen.add("routes", ("GET", "/api/events"))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = {}
        try:
            for line in self.reply:
                line = line.decode().rstrip("\n")
                if not line and "data" in event:
                    self.cursor = event.get("id", self.cursor)
                    self.inbox.put({"type": event["event"], "id": event.get("id"), "data": json.loads(event["data"])})
                if not line:
                    event = {}
                elif line.startswith(":"):
                    self.comments += 1
                elif line.startswith("retry:"):
                    self.retry = int(line[6:])
                else:
                    name, _, value = line.partition(": ")
                    event[name] = value
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        self.inbox.put(Ended())

    def expect(self, type, timeout=None, **match):
        """The next event of this type whose data have these values."""
        return self.inbox.expect(f"event {type} {match or ''}", lambda e: isinstance(e, dict)
                                 and e["type"] == type and fits(e["data"], match), timeout)

    def expect_end(self, timeout=None):
        return self.inbox.expect("end of the stream", lambda e: isinstance(e, Ended), timeout)

    def events(self, *types):
        return [e for e in self.inbox.received if isinstance(e, dict) and e["type"] in types]

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
