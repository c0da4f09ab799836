# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that signs in by cookie and speaks flat frames with whole numbers runs unchanged:
tests/clients/s1, against itself and XMPP."""
import pytest

from harness.daemon import Daemon
from harness.node import NodeClient
from harness.rest import App
from test_seed_s0 import needs

FRAME = {"type", "sender_id", "recipient_id", "message"}
MESSAGE = {"id": int, "content": str, "sender_id": int, "receiver_id": int, "created_at": str, "is_read": bool}


@pytest.fixture
def client(app):
    opened = []

    def start(user, connect=True, ws=None):
        user = app(user) if isinstance(user, str) else user
        opened.append(NodeClient("s1", user, ws=ws or user.ws_url + "?dialect=s1"))
        if connect:
            opened[-1].connect()
            opened[-1].expect("system")
        return opened[-1]
    yield start
    for one in opened:
        one.close()


def two(client):
    alice, bob = client("alice"), client("bob")
    alice.open(bob.user["id"])
    bob.open(alice.user["id"])
    return alice, bob


def test_is_welcomed(client):
    alice = client("alice")
    (welcome,) = alice.told("system")
    assert welcome["message"] == "Welcome to the chat!" and welcome["user_id"] == alice.user["id"]


def test_optimistic_messages_are_replaced(client):
    needs("POST /api/messages")
    alice, bob = two(client)
    temporary = alice.send("Hello!")
    frame = bob.expect("private_message")["data"]
    assert FRAME <= set(frame)
    assert (frame["sender_id"], frame["recipient_id"]) == (alice.user["id"], bob.user["id"])
    for member, kind in MESSAGE.items():
        assert isinstance(frame["message"][member], kind), member
    echo = alice.expect("private_message")["data"]
    assert echo["message"] == frame["message"]
    for one in (alice, bob):
        shown = one.area()["messageList"]
        assert [m["id"] for m in shown] == [frame["message"]["id"]] and temporary not in shown


def test_failed_messages_are_removed(client):
    needs("POST /api/messages")
    alice = client("alice")
    alice.open(2**40)
    assert "error" in alice.ask("send", "Anybody?")
    area = alice.area()
    assert area["messageList"] == [] and area["failed"] == ["Anybody?"]


def test_sends_over_the_socket_too(client):
    needs("POST /api/messages")
    alice, bob = two(client)
    for content in ("flat", "nested"):
        body = {"content": content} if content == "flat" else {"message": {"content": content, "is_read": False}}
        alice.emit({"type": "private_message", "sender_id": alice.user["id"], "recipient_id": bob.user["id"], **body})
        assert bob.expect("private_message")["data"]["message"]["content"] == content
    alice.emit({"type": "private_message", "sender_id": bob.user["id"], "recipient_id": bob.user["id"], "content": "x"})
    assert alice.expect("error")["data"]["code"] == "unprocessable"


def test_typing_is_shown_and_clears_itself(client):
    needs("typing", "POST /api/messages")
    alice, bob = two(client)
    alice.send("Hi")
    bob.expect("private_message")
    alice.type(True)
    frame = bob.expect("typing_indicator", is_typing=True)["data"]
    assert frame == {"type": "typing_indicator", "user_id": alice.user["id"], "recipient_id": bob.user["id"],
                     "is_typing": True}
    assert bob.area()["isTyping"] is True
    bob.expect("typing_indicator", is_typing=False, timeout=7)  # three seconds, and it is on its way
    assert bob.area()["isTyping"] is False
    alice.type(True)
    bob.expect("typing_indicator", is_typing=True)
    alice.type(False)
    bob.expect("typing_indicator", is_typing=False)
    alice.type(True)
    bob.expect("typing_indicator", is_typing=True)
    alice.send("Done")
    bob.expect("private_message")
    assert bob.area()["isTyping"] is False, "the message has cleared it before it came"
    assert not alice.told("typing_indicator"), "who types is not told"


def test_two_pages_of_one_user_show_the_same(client, app):
    needs("POST /api/messages")
    user = app("alice")
    bob, here, there = client("bob"), client(user), client(user)
    here.open(bob.user["id"])
    there.open(bob.user["id"])
    bob.open(here.user["id"])
    for content in ("one", "two", "three"):
        here.send(content)
    bob.send("four")
    shown = []
    for one in (here, there, bob):
        while len(one.told("private_message")) < 4:
            one.expect("private_message")
        shown.append(one.area()["messageList"])
    assert shown[0] == shown[1] == shown[2] and [m["content"] for m in shown[0]] == ["one", "two", "three", "four"]


def test_a_hundred_sent_at_once_arrive_once_and_in_the_order_of_the_ids(client):
    needs("POST /api/messages")
    alice, bob = two(client)
    alice.sendAtOnce([f"n{n}" for n in range(100)])
    for one in (alice, bob):
        while len(one.told("private_message")) < 100:
            one.expect("private_message")
    shown = [one.area()["messageList"] for one in (alice, bob)]
    assert [m["id"] for m in shown[1]] == sorted(m["id"] for m in shown[1])
    assert {m["content"] for m in shown[0]} == {m["content"] for m in shown[1]} == {f"n{n}" for n in range(100)}
    assert all(isinstance(m["id"], int) for m in shown[0]), "each optimistic one was replaced"


def test_typing_to_somebody_new_is_no_harm(client):
    needs("typing", "POST /api/messages")
    alice, bob = two(client)
    alice.type(True)
    alice.send("Now you know me")
    assert bob.expect("private_message")["data"]["message"]["content"] == "Now you know me"
    assert not bob.told("typing_indicator")


def test_online_status(client, app):
    needs("presence", "POST /api/messages")
    alice, bob = two(client)
    alice.send("Hi")
    bob.expect("private_message")
    bob.send("Hi")
    bob.close()
    alice.expect("user_online_status", user_id=bob.user["id"], is_online=False, timeout=60)
    assert alice.area()["isOnline"] is False


def test_reconnects_and_numbers_stay(client):
    needs("POST /api/messages")
    alice, bob = two(client)
    alice.send("Before")
    before = bob.expect("private_message")["data"]
    cursor = before["cursor"]
    bob.drop()
    alice.send("Meanwhile")
    bob.expect("system")
    missed = bob.poll(cursor)["items"]
    assert [i["message"]["content"] for i in missed if i["type"] == "private_message"] == ["Meanwhile"]
    echo = [m for m in alice.told("private_message") if m["message"]["content"] == "Meanwhile"]
    wanted = alice.expect("private_message", message={"content": "Meanwhile"}) if not echo else {"data": echo[0]}
    assert missed[0]["message"]["id"] == wanted["data"]["message"]["id"] > before["message"]["id"]


def test_read_marks_are_told(client, app):
    needs("POST /api/messages")
    bella = app("bella")
    alice, bob = client("alice"), client(bella)
    alice.open(bob.user["id"])
    alice.send("Read me")
    message = bob.expect("private_message")["data"]["message"]
    bob.emit({"type": "message:read", "messageId": message["uuid"]})
    frame = alice.expect("message_read")["data"]
    assert (frame["user_id"], frame["recipient_id"]) == (bob.user["id"], alice.user["id"])
    assert frame["uuid"] == message["uuid"]


def test_with_somebody_on_xmpp(client, app, xmpp):
    user, carol = app("alice"), xmpp("carol")
    talk = user.conversation_with(jid=carol.bare)
    number = next(p["user"]["number"] for p in talk["participants"] if p["user"]["jid"] == carol.bare)
    alice = client(user)
    alice.open(number)
    user.send(talk, "A flat hello from the app")
    stanza = carol.expect_message("A flat hello from the app")
    alice.expect("private_message", recipient_id=number)
    carol.send_message(stanza.sender, "A flat hello from XMPP")
    frame = alice.expect("private_message", sender_id=number)["data"]
    assert frame["message"]["content"] == "A flat hello from XMPP"
    assert [m["content"] for m in alice.area()["messageList"]] == ["A flat hello from the app", "A flat hello from XMPP"]


def test_a_deployment_for_such_an_application_needs_no_choice(stack, client):
    with Daemon(stack, options={"websocket": {"dialect": "s1", "welcome": "Hi there"}}) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        one = client(alice, ws=alice.ws_url)
        assert one.told("system")[0]["message"] == "Hi there"
        bella.send(talk, "Hello")
        assert one.expect("private_message")["data"]["message"]["content"] == "Hello"


def test_signing_out_ends_the_socket(client):
    alice = client("alice")
    alice.logout()
    assert alice.ask("send", "x").get("error")
