# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets in other dialects than the native one; the descriptions say nothing about their frames."""
import json
import uuid

from .ws import Socket, fits


class Unchecked:
    def sent(self, text):
        pass

    def received(self, frame):
        pass


class DialectSocket(Socket):
    """`dialect` None: the deployment's own. Signed in with the handshake; `greeting` is the first frame."""

    def __init__(self, user, dialect="s1", url=None, **options):
        self.dialect, self.flat = dialect, dialect not in ("s0", "s2")
        query = f"?dialect={dialect}" if dialect else ""
        super().__init__((url or user.ws_url) + query, user.token, header=True, connect=False, **options)
        self._described = Unchecked()
        self.connect()

    def connect(self, timeout=None):
        token, self.token = self.token, None
        self._extra["Authorization"] = f"Bearer {token}"
        super().connect()
        self.greeting = self.expect("hello" if self.dialect in ("s0", "s2", "s3") else "system")
        return self

    def put(self, type, id=None, **members):
        """A frame as it stands: flat, or with `payload` among its members."""
        self.send_raw(json.dumps({"type": type, **({"id": id} if id else {}), **members}))

    def ask(self, type, /, **members):
        """The answer to a frame."""
        id = uuid.uuid4().hex
        self.put(type, id, **members)
        return self.inbox.expect(f"answer to {type}", lambda f: isinstance(f, dict) and f.get("id") == id
                                 and f["type"] in ("ack", "error"))

    def expect(self, type, /, timeout=None, **match):
        if not self.flat:
            return super().expect(type, timeout, **match)
        return self.inbox.expect(f"frame {type} {match or ''}", lambda f: isinstance(f, dict)
                                 and f["type"] == type and fits(f, match), timeout)
