# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/messages, the life of a message, and a hundred of them at once."""
import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.database import database
from harness.raw import RawHttp

HUNDRED = 100


def direct(user, status=201, query=None, **fields):
    return user.call(status, "POST", "/api/messages", {"content": "Hello", **fields}, **(query or {}))


@pytest.fixture
def number(stack):
    with database(stack) as query:
        yield lambda user: query("SELECT number FROM users WHERE id = %s", user.me()["id"])[0][0]


def test_a_message_to_a_user_makes_the_conversation(app):
    alice, bella = app("alice"), app("bella")
    her = bella.me()
    with alice.ws() as mine, bella.ws() as hers:
        sent = direct(alice, receiver_id=her["id"], client_id="c1")
        assert sent["content"] == "Hello" and sent["client_id"] == "c1" and sent["seq"] == 1
        assert mine.expect("conversation.new")["payload"]["id"] == sent["conversation_id"]
        assert mine.expect("message.new")["payload"] == hers.expect("message.new")["payload"] == sent
        hers.expect("conversation.new", id=sent["conversation_id"])
    again = direct(alice, 200, recipient_id=bella.sub, client_id="c1")
    assert again["id"] == sent["id"]
    assert direct(alice, 422, receiver_id=her["id"], client_id="c1", content="another")["errors"][0]["pointer"] \
        == "/client_id"
    assert len(alice.messages({"id": sent["conversation_id"]})["items"]) == 1
    assert alice.call(200, "GET", f"/api/messages/{sent['id']}")["client_id"] == "c1"


def test_whole_numbers_are_answered_with_whole_numbers(app, number):
    alice, bella = app("alice"), app("bella")
    mine, hers = number(alice), number(bella)
    sent = direct(alice, receiver_id=hers, client_id="temp-1")
    assert {k: sent[k] for k in ("content", "sender_id", "receiver_id", "is_read", "client_id")} == {
        "content": "Hello", "sender_id": mine, "receiver_id": hers, "is_read": False, "client_id": "temp-1"}
    assert isinstance(sent["id"], int)
    back = direct(bella, recipient_id=alice.me()["id"], query={"dialect": "s1"})
    assert (back["sender_id"], back["receiver_id"]) == (hers, mine) and back["id"] > sent["id"]
    assert back["conversation_id"] == sent["conversation_id"]
    assert direct(alice, 200, receiver_id=hers, client_id="temp-1") == sent
    assert alice.call(200, "GET", f"/api/messages/{sent['uuid']}")["content"] == "Hello"
    native = direct(alice, receiver_id=bella.me()["id"], query={"dialect": "native"})
    assert native["conversation_id"] == sent["conversation_id"] and native["seq"] == 3


def test_on_a_socket(app, number):
    alice, bella = app("alice"), app("bella")
    with alice.ws() as socket:
        sent = socket.command("private_message", receiver_id=number(bella), content="Hello", client_id="x")["message"]
        assert sent["receiver_id"] == number(bella) and sent["client_id"] == "x"
        echo = socket.expect("message.new", client_id="x")["payload"]
        assert echo["id"] == sent["uuid"]


def test_to_oneself_to_nobody_and_to_what_is_no_user(app, number):
    alice = app("alice")
    for name in (alice.me()["id"], alice.sub, number(alice)):
        for field in ("receiver_id", "recipient_id"):
            assert direct(alice, 422, **{field: name})["errors"][0]["pointer"] == "/" + field
    refusals = [direct(alice, 403, receiver_id=name) for name in (str(uuid.uuid4()), "nobody", 2**62)]
    assert {problem["code"] for problem in refusals} == {"refused"}
    for name in (0, -1, 1.5, True, [], {}, "", "x" * 256, 10**30, None):
        assert alice.request("POST", "/api/messages", {"content": "x", "receiver_id": name}).status in (400, 422), name
    both = {"receiver_id": "a", "recipient_id": "a"}
    for fields in ({}, both, {"receiver_id": "a", "message_type": "file"}, {"receiver_id": "a", "content": ""},
                   {"receiver_id": "a", "sender_id": 1}):
        direct(alice, 422, **fields)
    direct(alice, 422, receiver_id="a", query={"dialect": "s9"})
    assert direct(alice, 413, receiver_id="a", content="x" * 65537)["code"] == "too_large"
    assert alice.conversations()["items"] == []


def test_one_message_is_shown_to_members_alone(app):
    alice, bella, mallory = app("alice"), app("bella"), app("mallory")
    sent = direct(alice, receiver_id=bella.me()["id"])
    path = f"/api/messages/{sent['id']}"
    assert bella.call(200, "GET", path)["content"] == "Hello"
    for user, where in ((mallory, path), (alice, f"/api/messages/{uuid.uuid4()}"), (alice, "/api/messages/1")):
        assert user.call(404, "GET", where)["code"] == "not_found"


def test_the_life_of_a_message(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)

    def status(sent):
        one = alice.call(200, "GET", f"/api/messages/{sent['id']}")
        return one["status"], one["delivered_at"] is not None, one["read_at"] is not None

    with alice.ws() as socket:
        sent = alice.send(talk, "Hello")
        assert (sent["status"], sent["delivered_at"], sent["read_at"]) == ("sent", None, None)
        stanza = bob.expect_message("Hello")
        socket.expect("message.delivered", message_id=sent["id"])
        assert status(sent) == ("delivered", True, False)
        bob.send_displayed(stanza)
        socket.expect("message.read", message_id=sent["id"])
        assert status(sent) == ("read", True, True)
        lost = alice.send(alice.conversation_with(jid="nobody@example.org"), "Hello?")
        failed = socket.expect("message.failed", message_id=lost["id"])["payload"]
        assert failed["xmpp_condition"] == "service-unavailable" and status(lost) == ("failed", False, False)
        other = alice.send(talk, "And now?")
        bob.expect_message("And now?")
        assert status(other)[0] in ("sent", "delivered")


@pytest.mark.parametrize("condition", ["service-unavailable", "item-not-found", "remote-server-not-found",
                                       "remote-server-timeout", "not-allowed", "policy-violation",
                                       "resource-constraint"])
def test_a_bounce_from_a_full_jid_fails_the_message_with_its_condition(app, xmpp, condition):
    alice, bob = app("alice"), xmpp("bob")
    bob.receipts = False
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "Hello")
        bob.expect_message("Hello")
        bob.send_raw(f"<message to='{alice.me()['jid']}' type='error' id='{sent['id']}'><error type='cancel'>"
                     f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        assert socket.expect("message.failed", message_id=sent["id"])["payload"]["xmpp_condition"] == condition


def order(items):
    return [m["content"] for m in items]


def check_same_order(alice, bella, talk, sockets, wanted=None):
    """History on both sides and what every socket saw are one order."""
    history = order(alice.messages(talk, limit=100)["items"])
    assert len(set(history)) == HUNDRED and history == order(bella.messages(talk, limit=100)["items"])
    assert wanted in (None, history)
    for socket in sockets:
        for text in history:
            socket.expect("message.new", content=text)
        assert order(f["payload"] for f in socket.frames("message.new")) == history
    return history


def test_a_hundred_on_one_connection_without_waiting(stack, app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as mine, bella.ws() as hers, bella.ws() as other:
        connection = RawHttp(stack)
        for n in range(HUNDRED):
            body = json.dumps({"receiver_id": bella.me()["id"] if n == 0 else bella.sub, "content": f"m{n}",
                               "client_id": f"temp-{n}"}).encode()
            connection.send(b"POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                            b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                            % (alice.token.encode(), len(body), body))
        for n in range(HUNDRED):
            status, _, body = connection.reply()
            assert status == 201 and json.loads(body)["client_id"] == f"temp-{n}"
        check_same_order(alice, bella, talk, (mine, hers, other), [f"m{n}" for n in range(HUNDRED)])


def test_a_hundred_on_many_connections_have_one_order_everywhere(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as mine, bella.ws() as hers, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (alice, bella)[n % 2].send(talk, f"m{n}"), range(HUNDRED)))
        check_same_order(alice, bella, talk, (mine, hers))


def test_a_hundred_on_a_socket_arrive_in_order_there_and_over_xmpp(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as mine, alice.ws() as other:
        for n in range(HUNDRED):
            mine.send("message", conversation_id=talk["id"], content=f"m{n}", client_id=f"temp-{n}")
        for n in range(HUNDRED):
            assert bob.expect_message().body == f"m{n}"
        wanted = [f"m{n}" for n in range(HUNDRED)]
        for socket in (mine, other):
            socket.expect("message.new", content=wanted[-1])
            assert order(f["payload"] for f in socket.frames("message.new")) == wanted
            assert [f["payload"]["client_id"] for f in socket.frames("message.new")] == [f"temp-{n}" for n in range(HUNDRED)]
        assert order(alice.messages(talk, limit=100)["items"]) == wanted
