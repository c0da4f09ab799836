# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile input at the REST entrance: a clear error or a closed connection, nothing stored, nobody
else disturbed, no turn of the loop over 20 ms."""
import json
import threading
import time

import pytest

from harness.daemon import Daemon
from harness.raw import RawHttp
from harness.rest import App, http_request
from harness.watch import never_stalls, resident

pytestmark = pytest.mark.one_server


@pytest.fixture
def talk(app):
    alice, bella = app("alice"), app("bella")
    alice.peer = bella
    alice.talk = alice.conversation_with(participant_id=bella.me()["id"])
    return alice


def post(user, body, headers=None):
    return user.request("POST", f"/api/conversations/{user.talk['id']}/messages", body,
                        {"Content-Type": "application/json", **(headers or {})})


def assert_unharmed(user):
    """Nothing was stored by what came before, and the next good message is."""
    before = user.messages(user.talk)["items"]
    assert [m["content"] for m in before] == []
    with user.peer.ws() as socket:
        sent = user.send(user.talk, "good")
        assert socket.expect("message.new", id=sent["id"])["payload"] == sent


BODIES = {
    "NUL": (422, rb'{"content":"a\u0000b"}'),
    "NUL key": (422, rb'{"content":"a","x\u0000":1}'),
    "raw NUL": (400, b'{"content":"a\0b"}'),
    "high surrogate": (422, rb'{"content":"\ud800"}'),
    "low surrogate": (422, rb'{"content":"\udc00x"}'),
    "swapped surrogates": (422, rb'{"content":"\udc00\ud800"}'),
    "surrogate key": (422, rb'{"\ud800":"x"}'),
    "not a character": (422, rb'{"content":"\ufffe"}'),
    "control": (422, rb'{"content":"\u0001"}'),
    "escape": (422, rb'{"content":"\u001b[31m"}'),
    "bad UTF-8": (400, b'{"content":"\xff"}'),
    "overlong": (400, b'{"content":"\xc0\xaf"}'),
    "UTF-8 surrogate": (400, b'{"content":"\xed\xa0\x80"}'),
    "cut UTF-8": (400, b'{"content":"\xe2\x98"}'),
    "UTF-16": (400, '{"content":"x"}'.encode("utf-16")),
    "BOM": (400, b'\xef\xbb\xbf{"content":"x"}'),
    "deep arrays": (400, b'{"content":' + b"[" * 60000 + b"]" * 60000 + b"}"),
    "deep objects": (400, b'{"content":' + b'{"a":' * 20000 + b"1" + b"}" * 20000 + b"}"),
    "open arrays": (400, b"[" * 200000),
    "twice": (400, b'{"content":"a","content":"b"}'),
    "escaped twice": (400, rb'{"content":"a","c\u006fntent":"b"}'),
    "unknown": (422, b'{"content":"a","seq":1}'),
    "path field": (422, b'{"content":"a","conversation_id":"x"}'),
    "prototype": (422, b'{"content":"a","__proto__":{}}'),
    "number": (422, b'{"content":5}'), "true": (422, b'{"content":true}'), "list": (422, b'{"content":["a"]}'),
    "object": (422, b'{"content":{"a":"b"}}'), "null": (422, b'{"content":null}'), "missing": (422, b"{}"),
    "empty": (422, b'{"content":""}'), "client_id": (422, b'{"content":"a","client_id":5}'),
    "long client_id": (422, b'{"content":"a","client_id":"' + b"x" * 129 + b'"}'),
    "type": (422, b'{"content":"a","message_type":"system"}'),
    "array": (422, b'[{"content":"a"}]'), "string": (422, b'"content"'), "bare null": (422, b"null"),
    "no body": (422, b""), "not JSON": (400, b"content=a"), "cut": (400, b'{"content":"a'),
    "trailing": (400, b'{"content":"a"} x'), "two": (400, b'{"content":"a"}{"content":"b"}'),
    "comma": (400, b'{"content":"a",}'), "single quotes": (400, b"{'content':'a'}"), "NaN": (400, b'{"content":NaN}'),
    "huge number": (400, b'{"content":1e999999}'), "long number": (400, b'{"content":' + b"9" * 100000 + b"}"),
    "20,000 members": (400, b'{"content":"a"' + b"".join(b',"%d":1' % n for n in range(20000)) + b"}"),
    "130,000 elements": (400, b'{"content":[0' + b",0" * 129_000 + b"]}"),
    "4,000 members": (422, b'{"content":"a"' + b"".join(b',"%d":1' % n for n in range(4000)) + b"}"),
    "escapes": (422, b'{"content":"' + rb"\u0001" * 40_000 + b'"}'),
    "70,000 newlines": (413, json.dumps({"content": "\n" * 70000}).encode()),
}


@pytest.mark.parametrize("what", BODIES)
def test_bodies(stack, talk, what):
    status, body = BODIES[what]
    reply = never_stalls(stack, lambda: post(talk, body))
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    assert set(reply.json) >= {"type", "title", "status", "code", "detail", "request_id"}
    assert reply.json["request_id"] == reply.headers["request-id"]
    assert_unharmed(talk)


@pytest.mark.parametrize("size", [100_000, 2_000_000, 8_000_000])
def test_a_client_that_writes_all_before_it_reads_learns_why_it_was_refused(stack, talk, size):
    body = b'{"content":"' + b"x" * size + b'"}'
    assert never_stalls(stack, lambda: post(talk, body)).status == 413
    stranger = {"Authorization": "Bearer nobody", "Content-Type": "application/json"}
    refused = never_stalls(stack, lambda: http_request(talk.rest, "POST", "/api/messages", body, stranger))
    assert refused.status == (413 if size > 262144 else 401)
    assert_unharmed(talk)


def test_who_asks_before_sending_need_not_send(talk, stack):
    with RawHttp(stack) as raw:
        raw.send(head(talk, "Content-Length: 2000014", "Expect: 100-continue"))
        assert raw.reply()[0] == 413 and raw.ended()


def test_more_than_anybody_waits_for(stack, talk):
    """Refused from the head alone; the connection ends with most of the body unread."""
    def attack():
        with RawHttp(stack) as raw:
            raw.send(head(talk, "Content-Length: 20000014"))
            assert raw.reply()[0] == 413
            raw.send(b'{"content":"' + b"x" * 2_000_000 + b'"}')
            assert raw.ended()
    never_stalls(stack, attack)
    assert_unharmed(talk)


def test_a_body_that_is_not_called_json(talk):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
                 "application/jsonx", "application/json-patch+json"):
        assert post(talk, b'{"content":"a"}', {"Content-Type": kind}).status in (400, 415, 422), kind
    assert_unharmed(talk)
    assert post(talk, b'{"content":"a"}', {"Content-Type": "application/json; charset=utf-8"}).status == 201


def head(user, *lines, method="POST", path=None, version="HTTP/1.1"):
    path = path or f"/api/conversations/{user.talk['id']}/messages"
    fixed = [f"{method} {path} {version}", "Host: x", f"Authorization: Bearer {user.token}",
             "Content-Type: application/json"]
    return "\r\n".join([*fixed, *lines, "", ""]).encode("latin-1")


BODY = b'{"content":"smuggled"}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def smuggles(user):
    size = f"Content-Length: {len(BODY)}"
    good = head(user, size)
    target = f"/api/conversations/{user.talk['id']}/messages"
    return {
        "CL and TE": head(user, size, "Transfer-Encoding: chunked") + CHUNKED,
        "TE and CL": head(user, "Transfer-Encoding: chunked", "Content-Length: 0") + CHUNKED,
        "TE list": head(user, "Transfer-Encoding: gzip, chunked") + CHUNKED,
        "TE in HTTP/1.0": head(user, "Transfer-Encoding: chunked", version="HTTP/1.0") + CHUNKED,
        "TE xchunked": head(user, "Transfer-Encoding: xchunked", size) + BODY,
        "TE twice": head(user, "Transfer-Encoding: identity", "Transfer-Encoding: chunked") + CHUNKED,
        "TE space": head(user, "Transfer-Encoding : chunked", size) + BODY,
        "TE tab": head(user, "Transfer-Encoding:\tchunked", size) + BODY,
        "two CLs": head(user, size, "Content-Length: 5") + BODY, "equal CLs": head(user, size, size) + BODY,
        "CL list": head(user, f"{size}, {len(BODY)}") + BODY, "CL sign": head(user, size.replace(": ", ": +")) + BODY,
        "CL hex": head(user, "Content-Length: 0x16") + BODY, "CL minus": head(user, "Content-Length: -1") + BODY,
        "CL space": head(user, size.replace(":", " :")) + BODY, "CL empty": head(user, "Content-Length:") + BODY,
        "CL huge": head(user, "Content-Length: 99999999999999999999999999") + BODY,
        "CL large": head(user, "Content-Length: 18446744073709551615") + BODY,
        "bare LF": good.replace(b"\r\n", b"\n") + BODY,
        "one bare LF": good.replace(b"Host: x\r\n", b"Host: x\n") + BODY,
        "LF in the end": good[:-2] + b"\n" + BODY, "bare CR": good.replace(b"x\r\n", b"x\r", 1) + BODY,
        "fold": head(user, "X-A: b", " folded", size) + BODY, "fold tab": head(user, "X-A: b", "\tfolded", size) + BODY,
        "first folded": good.replace(b"Host", b" Host", 1) + BODY,
        "NUL value": head(user, "X-A: a\0b", size) + BODY, "NUL name": head(user, "X\0A: a", size) + BODY,
        "control": head(user, "X-A: a\x01b", size) + BODY, "no colon": head(user, "nonsense", size) + BODY,
        "no name": head(user, ": x", size) + BODY, "bad name": head(user, "X(A: x", size) + BODY,
        "two hosts": head(user, "Host: y", size) + BODY, "two tokens": head(user, "Authorization: x", size) + BODY,
        "no host": good.replace(b"Host: x\r\n", b"") + BODY,
        "huge head": head(user, "X-A: " + "x" * 100_000, size) + BODY,
        "many heads": head(user, *(f"X-{n}: {n}" for n in range(5000)), size) + BODY,
        "huge target": head(user, size, path=target + "?limit=" + "1" * 70_000) + BODY,
        "absolute form": head(user, size, path="http://evil.example" + target) + BODY,
        "authority form": head(user, size, path="evil.example:80") + BODY, "asterisk": head(user, size, path="*") + BODY,
        "space in target": head(user, size, path=target + " x") + BODY, "control target": head(user, size, path=target + "\x7f") + BODY,
        "bad escape": head(user, size, path=target + "%zz") + BODY, "HTTP/2": head(user, size, version="HTTP/2.0") + BODY,
        "HTTP/0.9": f"GET {target}\r\n\r\n".encode(), "HTTP/1.2": head(user, size, version="HTTP/1.2") + BODY,
        "version": head(user, size, version="HTTP/1.1x") + BODY, "method": head(user, size, method="PO\x01ST") + BODY,
        "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "TLS": bytes.fromhex("1603010200010001fc0303") + b"\0" * 505,
        "binary": bytes(range(256)) * 64, "empty lines": b"\r\n" * 5000,
    }


def test_smuggling(stack, talk):
    """What two parsers could read in two ways is refused, and the connection with it: the request that
    follows on it is never taken."""
    follower = head(talk, f"Content-Length: {len(BODY)}") + BODY

    def attack(data):
        with RawHttp(stack) as raw:
            raw.send(data + follower)
            raw.end()
            first = raw.reply()
            return first, raw.reply() if first else None
    for what, data in smuggles(talk).items():
        first, second = attack(data)
        if what == "empty lines":
            continue  # may be skipped; what matters is below
        assert first is None or 400 <= first[0] < 506, (what, first)
        assert second is None, (what, first, second)
        stored = [m["content"] for m in talk.messages(talk.talk)["items"]]
        assert stored == [], what
    for data in smuggles(talk).values():
        never_stalls(stack, lambda data=data: attack(data[:-5]))


def test_chunks_are_read_and_what_follows_them_is_not(stack, talk):
    good = head(talk, f"Content-Length: {len(BODY)}") + BODY
    with RawHttp(stack) as raw:
        raw.send(head(talk, "Transfer-Encoding: chunked") + CHUNKED + good)
        assert raw.reply()[0] == 201
        assert raw.reply() is None
    assert [m["content"] for m in talk.messages(talk.talk)["items"]] == ["smuggled"]


def test_pipelined_requests_are_answered_in_order(stack, talk):
    one = [head(talk, f"Content-Length: {len(b)}") + b for b in (b'{"content":"m%d"}' % n for n in range(30))]
    with RawHttp(stack) as raw:
        raw.send(b"".join(one))
        replies = [raw.reply() for _ in one]
    assert [json.loads(body)["content"] for _, _, body in replies] == [f"m{n}" for n in range(30)]
    assert [m["content"] for m in talk.messages(talk.talk)["items"]] == [f"m{n}" for n in range(30)]


def test_a_bad_request_in_a_pipeline_ends_it(stack, talk):
    good = head(talk, f"Content-Length: {len(BODY)}") + BODY
    with RawHttp(stack) as raw:
        raw.send(good + head(talk, "Content-Length: x") + good)
        assert raw.reply()[0] == 201
        assert raw.reply()[0] == 400
        assert raw.reply() is None
    assert len(talk.messages(talk.talk)["items"]) == 1


def test_slow_clients_are_hung_up_on_and_others_do_not_wait(stack):
    with Daemon(stack, options={"http": {"idle_timeout": 5}}) as daemon:
        alice = App(daemon, "alice")
        alice.me()
        before = resident(daemon)
        whole = b"GET /api/users/me HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * 1000
        slow = [RawHttp(daemon).send(whole[:n % 60]) for n in range(200)]
        body = RawHttp(daemon).send(b"POST /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
                                                b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        waits = []
        ended = threading.Event()

        def drip():
            """A byte now and then must not keep a connection for ever."""
            n = 60
            while not ended.wait(0.25) and n < len(whole):
                for raw in slow[:20]:
                    raw.send(whole[n:n + 1])
                n += 1
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            for raw in [*slow, body]:
                while raw._more():
                    pass
                started = time.monotonic()
                alice.me()
                waits.append(time.monotonic() - started)
        finally:
            ended.set()
            thread.join()
        assert sorted(waits)[len(waits) // 2] < 2, "the slow ones have five seconds"
        assert resident(daemon) - before < 16 * 1024 * 1024
