# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP and WebSocket as plain bytes, for what no well-behaved client would send."""
import base64
import os
import socket
import struct
import urllib.parse
import zlib

from .inbox import DEADLINE


class RawHttp:
    """A connection to the API listener; bytes in, replies out."""

    def __init__(self, stack, timeout=DEADLINE):
        address = urllib.parse.urlsplit(stack.info["rest"])
        self.host = address.netloc
        self.socket = socket.create_connection((address.hostname, address.port), timeout)
        self.buffer = b""

    def send(self, data):
        """Sends all; a peer that has closed already is no error."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def end(self):
        """Tells the peer that nothing more follows."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has hung up already

    def _more(self):
        try:
            got = self.socket.recv(65536)
        except ConnectionResetError:
            got = b""
        self.buffer += got
        return bool(got)

    def reply(self):
        """(status, headers, body) of the next reply; None when the connection ended without one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(self.buffer) < length:
            if not self._more():
                return None
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split()[1]), headers, body

    def ended(self):
        """Waits for the end of the connection; True if nothing more came before it."""
        while self._more():
            pass
        return not self.buffer

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def frame(opcode, payload=b"", fin=True, mask=True, reserved=0, length=None):
    """One WebSocket frame of a client; `length` lies about the payload's."""
    size = len(payload) if length is None else length
    first = (0x80 if fin else 0) | reserved | opcode
    flag = 0x80 if mask else 0
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))


def packed(data):
    """The payload of a compressed message (RFC 7692)."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (coder.compress(data) + coder.flush(zlib.Z_SYNC_FLUSH))[:-4]


CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class RawSocket(RawHttp):
    """A WebSocket after its handshake, signed in with `token` (or not, if it is None)."""

    def __init__(self, stack, token=None, timeout=DEADLINE, receive_buffer=None, headers=()):
        super().__init__(stack, timeout)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        fields = [f"Host: {self.host}", "Upgrade: websocket", "Connection: Upgrade",
                  f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
                  "Sec-WebSocket-Version: 13", *headers]
        if token:
            fields.append(f"Authorization: Bearer {token}")
        self.send(("GET /ws HTTP/1.1\r\n" + "\r\n".join(fields) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            assert self._more(), "the handshake was not answered"
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        self.head, self.status = head.decode(), int(head.split()[1])
        if token and self.status == 101:
            assert b'"hello"' in self.next()[1]

    def _take(self, count):
        while len(self.buffer) < count:
            if not self._more():
                return None
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def next(self):
        """(opcode, payload) of the next frame, unpacked if it is compressed; None at the end of the connection."""
        head = self._take(2)
        if head is None:
            return None
        size = head[1] & 127
        if size >= 126:
            more = self._take(2 if size == 126 else 8)
            size = int.from_bytes(more, "big")
        payload = self._take(size)
        if payload is not None and head[0] & 0x40:
            payload = zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")
        return None if payload is None else (head[0] & 15, payload)

    def close_code(self):
        """Reads to the end: the code of the server's close frame, or None if there was none."""
        while True:
            got = self.next()
            if got is None:
                return None
            if got[0] == CLOSE:
                return struct.unpack("!H", got[1][:2])[0] if got[1] else 1005
