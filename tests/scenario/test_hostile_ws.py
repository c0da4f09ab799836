# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile input at the WebSocket entrance: one close code for each mistake, others unaffected."""
import json
import struct

import pytest

from harness import alerts
from harness.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawSocket, frame
from harness.watch import metrics, never_stalls, resident

pytestmark = pytest.mark.one_server


def command(type, **payload):
    return json.dumps({"type": type, "id": "1", "payload": payload}).encode()


PINGED = command("ping")
FRAMES = {
    "one-byte fragments": ((1008, 1009), frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", fin=False) * 10_000),
    "empty fragments": ((1008, 1009), frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 10_000),
    "2^63 bytes": ((1002, 1009), frame(TEXT, b"xxxx", length=2**63)),
    "2^62 bytes": ((1002, 1009), frame(TEXT, b"xxxx", length=2**62)),
    "long form of a short length": ((1002,), struct.pack("!BBH", 0x81, 0xFE, 5) + b"\0" * 9),
    "not masked": ((1002,), frame(TEXT, PINGED, mask=False)),
    "RSV1": ((1002,), frame(TEXT, PINGED, reserved=0x40)), "RSV3": ((1002,), frame(TEXT, PINGED, reserved=0x10)),
    "reserved opcode": ((1002,), frame(3, b"x")), "reserved control": ((1002,), frame(11, b"x")),
    "continuation of nothing": ((1002,), frame(CONTINUATION, b"x")),
    "text inside of text": ((1002,), frame(TEXT, b"{", fin=False) + frame(TEXT, b"}")),
    "long ping": ((1002,), frame(PING, b"x" * 126)), "fragmented ping": ((1002,), frame(PING, b"x", fin=False)),
    "close of one byte": ((1002,), frame(CLOSE, b"x")), "close code 1005": ((1002,), frame(CLOSE, b"\x03\xed")),
    "close code 0": ((1002,), frame(CLOSE, b"\0\0")),
    "close with bad text": ((1002, 1007), frame(CLOSE, b"\x03\xe8\xff")),
    "bad UTF-8": ((1007,), frame(TEXT, b'{"type":"\xff"}')),
    "UTF-8 surrogate": ((1007,), frame(TEXT, b'{"type":"\xed\xa0\x80"}')),
    "UTF-8 cut by a fragment": ((1007,), frame(TEXT, b"\xe2\x98", fin=False) + frame(CONTINUATION, b"x")),
    "binary": ((1003,), frame(BINARY, PINGED)), "empty binary": ((1003,), frame(BINARY)),
    "ping flood": ((1008,), frame(PING, b"x" * 125) * 20_000), "pong flood": ((1008,), frame(PONG) * 20_000),
    "pings between fragments": ((1008, 1009), frame(TEXT, b"x", fin=False)
                                + (frame(PING) + frame(CONTINUATION, b"x", fin=False)) * 5_000),
    "huge text": ((1009,), frame(TEXT, b"x" * 300_000)), "huge in fragments": ((1009,), frame(TEXT, b"x" * 60_000, fin=False)
                                                                              + frame(CONTINUATION, b"x" * 60_000, fin=False) * 5),
    "garbage": ((1002, 1003, 1008, 1009), bytes(range(255, -1, -1)) * 20),
}


@pytest.fixture
def pair(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    return alice, bella, talk


@pytest.mark.parametrize("what", FRAMES)
def test_frames(stack, pair, what):
    alice, bella, talk = pair
    codes, data = FRAMES[what]

    def attack():
        with RawSocket(stack, alice.token) as raw:
            raw.send(data)
            return raw.close_code()
    with alice.ws() as other:
        assert never_stalls(stack, attack) in codes
        sent = bella.send(talk, "Others go on")
        other.expect("message.new", id=sent["id"])
        other.sync()


ENVELOPES = {
    "not JSON": ("bad_request", b"hello"), "empty": ("bad_request", b""), "cut": ("bad_request", b'{"type":'),
    "deep": ("bad_request", b"[" * 100_000), "twice": ("bad_request", b'{"type":"ping","type":"ping"}'),
    "many values": ("bad_request", b"[0" + b",0" * 100_000 + b"]"),
    "list": ("unprocessable", b"[]"), "null": ("unprocessable", b"null"), "number": ("unprocessable", b"5"),
    "no type": ("unprocessable", b'{"payload":{}}'), "type number": ("unprocessable", b'{"type":5}'),
    "unknown type": ("unprocessable", b'{"type":"message.new","payload":{}}'),
    "NUL type": ("unprocessable", rb'{"type":"ping\u0000"}'), "NUL": ("unprocessable", rb'{"type":"message","payload":{"content":"\u0000"}}'),
    "surrogate": ("unprocessable", rb'{"type":"\ud800"}'), "list payload": ("unprocessable", b'{"type":"ping","payload":[]}'),
    "no payload": ("unprocessable", b'{"type":"message","id":"7"}'),
    "unknown field": ("unprocessable", command("ping", x=1)), "unknown member": ("unprocessable", b'{"type":"ping","seq":1}'),
    "long id": ("unprocessable", b'{"type":"ping","id":"' + b"x" * 129 + b'"}'), "id list": ("unprocessable", b'{"type":"ping","id":[]}'),
    "bad id": ("unprocessable", command("message", conversation_id="x", content="y")),
    "no content": ("unprocessable", command("message", conversation_id="00000000-0000-7000-8000-000000000000")),
    "no cursor": ("unprocessable", command("resume")), "long cursor": ("unprocessable", command("resume", cursor="9" * 200)),
    "number cursor": ("unprocessable", command("resume", cursor=9)),
}


def test_envelopes_get_a_problem_and_the_socket_stays(stack, pair):
    alice, _, talk = pair
    with RawSocket(stack, alice.token) as raw:
        for what, (code, data) in ENVELOPES.items():
            def attack(data=data):
                raw.send(frame(TEXT, data))
                return json.loads(raw.next()[1])
            answer = never_stalls(stack, attack)
            assert answer["type"] == "error", what
            assert answer["payload"]["problem"]["code"] == code, (what, answer)
        raw.send(frame(TEXT, PINGED))
        assert json.loads(raw.next()[1])["type"] == "pong"
    assert alice.messages(talk)["items"] == []


@pytest.mark.parametrize("frames", ["unauthenticated flood", "half a handshake"])
def test_sockets_without_a_token_get_little(stack, pair, frames):
    alice = pair[0]
    before = resident(stack)
    sockets = []
    for _ in range(100):
        raw = RawSocket(stack)
        if frames == "unauthenticated flood":
            raw.send(frame(TEXT, b"x" * 200_000))
        else:
            raw.send(frame(TEXT, b'{"type":"auth","payload":{"token":"' + b"x" * 5000, fin=False))
        sockets.append(raw)
    if frames == "unauthenticated flood":
        assert {raw.close_code() for raw in sockets} == {1009}
    alice.me()
    assert resident(stack) - before < 8 * 1024 * 1024
    for raw in sockets:
        raw.close()


def test_readers_who_never_read_are_closed_and_resume(stack, pair):
    alice, bella, talk = pair
    seen, before = alerts.read(stack), metrics(stack)["trestle_ws_slow_readers_closed_total"]
    with RawSocket(stack, alice.token) as slow, RawSocket(stack, alice.token), alice.ws() as other, bella.ws() as hers:
        memory, closed, sent = resident(stack), False, 0
        while not closed and sent < 1000:
            for _ in range(20):
                hers.send("message", conversation_id=talk["id"], content="x" * 50_000)
                sent += 1
            hers.sync()
            closed = metrics(stack)["trestle_ws_slow_readers_closed_total"] >= before + 2
        assert closed, sent
        assert "TrestleSlowReaders" in alerts.firing(seen, alerts.read(stack)), "two each minute"
        other.expect("message.new", seq=sent)
        assert [f["payload"]["seq"] for f in other.frames("message.new")] == list(range(1, sent + 1))
        assert resident(stack) - memory < 32 * 1024 * 1024
        assert slow.close_code() in (1013, None)  # None: the server did not wait for it that long


def test_a_client_that_does_not_read_its_answers_is_not_read_from(stack, pair):
    alice = pair[0]
    memory = resident(stack)
    with RawSocket(stack, alice.token, timeout=2, receive_buffer=4096) as raw:
        try:
            for _ in range(400):
                raw.socket.sendall(frame(TEXT, PINGED) * 500)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("200,000 commands were read from a client that reads nothing")
        assert resident(stack) - memory < 4 * 1024 * 1024
        assert alice.me()


def test_origins(stack, pair):
    alice = pair[0]
    host = stack.info["rest"].partition("//")[2]
    origins = {"http://evil.example": 403, "null": 403, "https://" + host + ".evil.example": 403, "file://": 403,
               "http://127.0.0.1:1": 403, "http://" + host: 101, "": 403}
    for origin, status in origins.items():
        with RawSocket(stack, headers=[f"Origin: {origin}"]) as raw:
            assert raw.status == status, origin
    with RawSocket(stack, headers=[f"Origin: http://{host}", "Origin: http://evil.example"]) as raw:
        assert raw.status in (400, 403)
    with RawSocket(stack, alice.token) as raw:
        assert raw.status == 101


def test_handshakes_that_are_not_good(stack):
    from harness.raw import RawHttp
    good = ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")
    for old, new in (("13", "8"), ("GET", "POST"), ("AAAA==", "A=="), ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", ""),
                     ("websocket", "h2c"), ("Connection: Upgrade", "Connection: close"), ("HTTP/1.1", "HTTP/1.0"),
                     ("/ws", "/wss"), ("Host: x\r\n", "")):
        with RawHttp(stack) as raw:
            raw.send(good.replace(old, new, 1).encode())
            reply = raw.reply()
            assert reply is None or 400 <= reply[0] < 500, (new, reply)
