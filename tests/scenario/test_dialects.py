# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialects s0 and s1 on the wire: who gets which, the same events side by side, spellings, bad frames."""
import base64
import json
import os

import pytest

from harness.dialect import DialectSocket
from harness.raw import RawHttp

pytestmark = pytest.mark.one_server


def pair(app):
    alice, bella = app("alice"), app("bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def key():
    return base64.b64encode(os.urandom(16)).decode()


def number_of(talk, user):
    id = user.me()["id"]
    return next(p["user"]["number"] for p in talk["participants"] if p["user"]["id"] == id)


def test_one_event_in_three_dialects(app):
    alice, bella, talk = pair(app)
    with alice.ws() as native, DialectSocket(alice, "s0") as s0, DialectSocket(alice, "s1") as s1:
        sent = bella.send(talk, 'Tabs\tand "quotes" \u2028 \U0001f600 </script>')
        frame = native.expect("message.new")
        assert s0.expect("message")["payload"] == frame["payload"]
        flat = s1.expect("private_message")
        assert flat["cursor"] == frame["cursor"]
        assert flat["message"] == {
            "id": int(frame["cursor"].rpartition("-")[2]), "content": sent["content"], "created_at": sent["created_at"],
            "sender_id": number_of(talk, bella), "receiver_id": number_of(talk, alice), "is_read": False,
            "uuid": sent["id"], "conversation_id": talk["id"], "client_id": sent["client_id"]}
        alice.read(talk, sent)
        mark = native.expect("message.read")
        assert s0.expect("message.read")["payload"] == mark["payload"]
        assert s1.expect("message_read", user_id=number_of(talk, alice))["uuid"] == sent["id"]


def test_subprotocol_goes_before_query(app):
    alice, bella, talk = pair(app)
    import websockets

    from harness.inbox import run

    async def first(url, *names):
        async with websockets.connect(url, subprotocols=list(names), compression=None,
                                      extra_headers=alice.headers()) as socket:
            return socket.subprotocol, json.loads(await socket.recv())

    assert run(first(alice.ws_url + "?dialect=s0", "trestle.s1"))[0] == "trestle.s1"
    assert run(first(alice.ws_url + "?dialect=s0", "trestle.s1"))[1]["type"] == "system"
    assert run(first(alice.ws_url, "chat", "trestle.s0"))[0] == "trestle.s0"
    assert run(first(alice.ws_url + "?dialect=trestle.s0"))[1]["type"] == "hello"
    assert run(first(alice.ws_url + "?dialect=%73%31"))[1]["type"] == "system"
    assert run(first(alice.ws_url, "chat"))[0] is None, "a subprotocol is an offer"


@pytest.mark.parametrize("dialect", ["nonsense", "", "S0", "s1x", "trestle.v2", "s0%00", "x" * 2000])
def test_an_unknown_dialect_is_refused(stack, app, dialect):
    alice = app("alice")
    receiver = alice.me()["id"]
    raw = RawHttp(stack)
    raw.send(f"GET /ws?dialect={dialect} HTTP/1.1\r\nHost: {raw.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key()}\r\nSec-WebSocket-Protocol: trestle.v1\r\n"
             f"Authorization: Bearer {alice.token}\r\n\r\n".encode())
    status, _, body = raw.reply()
    problem = json.loads(body)
    assert (status, problem["code"]) == (422, "unprocessable")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/dialect"]
    for path in ("/api/sync", "/api/events"):
        assert alice.request("GET", f"{path}?dialect={dialect}").status == 422
    assert alice.request("POST", f"/api/messages?dialect={dialect}",
                         {"receiver_id": receiver, "content": "x"}).status == 422


def test_resume_shows_the_same_numbers(app):
    alice, bella, talk = pair(app)
    with DialectSocket(alice, "s1") as socket:
        start = socket.greeting["cursor"]
        for n in range(5):
            bella.send(talk, f"m{n}")
        live = [socket.expect("private_message", message={"content": f"m{n}"}) for n in range(5)]
    with DialectSocket(alice, "s1") as socket:
        socket.put("resume", cursor=start)
        assert socket.expect("resumed")["count"] >= 5
        again = socket.events("private_message")
        assert [f["message"] for f in again] == [f["message"] for f in live]


def test_frames_are_understood_in_every_spelling_on_every_socket(app):
    alice, bella, talk = pair(app)
    sent = bella.send(talk, "Read me")
    for dialect in ("s0", "s1"):
        with DialectSocket(alice, dialect) as socket:
            for members in ({"payload": {"conversation_id": talk["id"], "content": "x"}},
                            {"conversation_id": talk["id"], "content": "x"},
                            {"conversationId": talk["id"], "content": "x"}):
                assert socket.ask("message", **members)["type"] == "ack"
            for type, members in (("read", {"payload": {"conversation_id": talk["id"]}}),
                                  ("read", {"conversation_id": talk["id"], "message_id": sent["id"]}),
                                  ("message:read", {"messageId": sent["id"]}),
                                  ("message:read", {"payload": {"messageId": sent["id"]}})):
                assert socket.ask(type, **members)["type"] == "ack", (type, members)


def problem(answer):
    return answer.get("problem") or answer["payload"]["problem"]


@pytest.mark.parametrize("dialect", ["s0", "s1"])
def test_bad_frames(app, dialect):
    alice, bella, talk = pair(app)
    stranger = app("stranger")
    sent = bella.send(talk, "Secret")
    with DialectSocket(alice, dialect) as socket:
        for type, members, pointer in (
                ("message", {"conversation_id": talk["id"]}, "/content"),
                ("message", {"conversation_id": talk["id"], "content": 7}, "/content"),
                ("message", {"conversation_id": talk["id"], "content": "x", "more": 1}, "/more"),
                ("message", {"conversationId": 7, "content": "x"}, "/conversationId"),
                ("message", {"conversationId": talk["id"], "conversation_id": talk["id"], "content": "x"},
                 "/conversationId"),
                ("message", {"conversation_id": talk["id"], "content": "x", "sender_id": bella.me()["id"]}, "/sender_id"),
                ("message", {"payload": {"conversation_id": talk["id"], "content": "x"}, "content": "y"}, None),
                ("message", {"payload": []}, "/payload"),
                ("message:read", {}, "/conversation_id"),
                ("message:read", {"messageId": 12}, "/messageId"),
                ("no:such", {}, "/type")):
            answer = socket.ask(type, **members)
            assert answer["type"] == "error" and problem(answer)["code"] == "unprocessable", (type, members, answer)
            if pointer:
                assert problem(answer)["errors"][0]["pointer"] == pointer
    with DialectSocket(stranger, dialect) as socket:
        answers = [problem(socket.ask("message:read", messageId=id)) for id in
                   (sent["id"], "00000000-0000-7000-8000-000000000000")]
        for one in answers:
            one.pop("request_id")
        assert answers[0] == answers[1] and answers[0]["code"] == "not_found"
