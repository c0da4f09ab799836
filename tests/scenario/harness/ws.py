# SPDX-License-Identifier: GPL-3.0-or-later
"""A WebSocket client in the native dialect, on python3-websockets."""
import asyncio
import json
import uuid

import websockets

from .described import Conversation
from .inbox import DEADLINE, Inbox, run, wait_for


def fits(value, wanted):
    """Whether `value` has all that `wanted` has, at any depth."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(k in value and fits(value[k], v) for k, v in wanted.items())
    return value == wanted


class Closed:
    """In the inbox after the last frame: how the socket ended."""

    def __init__(self, code, reason):
        self.code, self.reason = code, reason

    def __repr__(self):
        return f"closed {self.code} {self.reason!r}"


class Socket:
    """`token` None: connect without signing in. `header`: send the token in the handshake.

    In the native dialect every frame must be as described. The last cursor seen is in `cursor`; pass it as
    `resume` to get what was missed.
    """

    def __init__(self, url, token=None, header=False, resume=None, headers=None, connect=True, native=True,
                 compression=None):
        self.url, self.token, self.header = url, token, header
        self.inbox = Inbox("socket")
        self.cursor = None
        self.hello = None
        self._extra, self._resume = dict(headers or {}), resume
        self._connection = self._reader = None
        self._described = Conversation()
        self._compression = compression  # "deflate": offered
        self._native = native  # False: the server's own default is another dialect
        if connect:
            self.connect()

    # -- session

    def connect(self, timeout=DEADLINE):
        run(self._connect(timeout), timeout + 5)
        if self.token:
            if not self.header:
                self.auth(self.token, self._resume)
            self.hello = self.expect("hello", timeout=timeout)
            if self._resume and self.header:
                self.send("resume", cursor=self._resume)
        return self

    async def _connect(self, timeout):
        headers = dict(self._extra)
        if self.token and self.header:
            headers["Authorization"] = f"Bearer {self.token}"
        self._connection = await websockets.connect(
            self.url, extra_headers=headers, open_timeout=timeout, ping_interval=None, max_size=None,
            close_timeout=5, compression=self._compression)
        self._described.native = (self._native and "dialect=" not in self.url
                                  and self._connection.subprotocol in (None, "trestle.v1"))
        self._reader = asyncio.ensure_future(self._read(self._connection))

    async def _read(self, connection):
        try:
            async for text in connection:
                frame = json.loads(text)
                self.cursor = frame.get("cursor", self.cursor)
                self._described.received(frame)
                self.inbox.put(frame)
        except websockets.ConnectionClosed:
            pass
        self.inbox.put(Closed(connection.close_code, connection.close_reason))

    def close(self):
        if self._connection:
            connection, self._connection = self._connection, None
            run(self._close(connection))

    async def _close(self, connection):
        await connection.close()
        await asyncio.wait({self._reader}, timeout=5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def extensions(self):
        return [extension.name for extension in self._connection.extensions]

    # -- sending

    def send_raw(self, data):
        """Text or bytes, as one frame."""
        self._described.sent(data)
        run(self._connection.send(data))

    def send(self, type, /, id=None, **payload):
        frame = {"type": type, "payload": payload}
        if id:
            frame["id"] = id
        self.send_raw(json.dumps(frame))

    def auth(self, token, cursor=None):
        self.send("auth", token=token, **({"cursor": cursor} if cursor else {}))

    def command(self, type, /, **payload):
        """Sends with an id and returns the payload of the `ack`, or fails with the `error`."""
        frame = self.ask(type, **payload)
        assert frame["type"] == "ack", f"{type}: {frame}"
        return frame["payload"]

    def refused(self, type, /, **payload):
        """Sends with an id and returns the problem of the `error`."""
        frame = self.ask(type, **payload)
        assert frame["type"] == "error", f"{type} was not refused: {frame}"
        return frame["payload"]["problem"]

    def ask(self, type, /, **payload):
        id = uuid.uuid4().hex
        self.send(type, id, **payload)
        return self.inbox.expect(f"answer to {type}", lambda f: isinstance(f, dict) and f.get("id") == id
                                 and f["type"] in ("ack", "error"))

    def message(self, conversation, content, client_id=None):
        """Sends a message and returns the stored Message."""
        return self.command("message", conversation_id=conversation["id"], content=content,
                            client_id=client_id or str(uuid.uuid4()))["message"]

    def sync(self):
        """Returns when the server has handled everything sent before: a ping came back."""
        self.send("ping")
        self.expect("pong")

    # -- receiving

    def frames(self, *types):
        """All frames of these types that have come, in order."""
        return [f for f in self.inbox.received if isinstance(f, dict) and f["type"] in types]

    def wait_presence(self, user, status):
        """Until the newest presence of that user is this: what is told may be told twice."""
        def newest():
            told = [f["payload"]["status"] for f in self.frames("presence") if f["payload"]["user_id"] == user]
            return told[-1:] == [status]
        wait_for(f"{user} is shown {status}", newest)

    def expect(self, type, /, timeout=None, **match):
        """The next frame of this type whose payload has these values; other frames are kept."""
        return self.inbox.expect(
            f"frame {type} {match or ''}",
            lambda f: isinstance(f, dict) and f["type"] == type and fits(f.get("payload", {}), match), timeout)

    def expect_close(self, code=None, timeout=None):
        return self.inbox.expect(f"close {code or ''}", lambda f: isinstance(f, Closed)
                                 and code in (None, f.code), timeout)

    def count(self, type, /, **match):
        """How many such frames have come so far."""
        return self.inbox.count(lambda f: isinstance(f, dict) and f["type"] == type
                                and fits(f.get("payload", {}), match))

    def events(self, type=None):
        """All frames so far, or those of one type, in order."""
        return [f for f in self.inbox.received if isinstance(f, dict) and type in (None, f["type"])]
