# SPDX-License-Identifier: GPL-3.0-or-later
"""Typing among apps, and between apps and chat states on XMPP."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.database import database
from harness.watch import most_run, statements
from harness.xmpp import CHATSTATES, CLIENT

HINTS = "urn:xmpp:hints"
STATES = ("composing", "paused", "active", "inactive", "gone")


@pytest.fixture
def alice(app):
    user = app("alice")
    user.me_json = user.me()
    user.id, user.jid = user.me_json["id"], user.me_json["jid"]
    return user


def state_of(stanza):
    return next((name for name in STATES if stanza.has(CHATSTATES, name)), None)


def is_state(stanza, sender):
    return stanza.name == "message" and stanza.body is None and stanza.sender == sender and state_of(stanza)


def expect_state(client, sender, state, timeout=None):
    return client.expect_stanza(f"{state} from {sender}",
                                lambda s: is_state(s, sender) and state_of(s) == state, timeout)


def states(client, sender):
    return [state_of(s) for s in client.inbox.received if is_state(s, sender)]


def send_state(client, to, state, body=None):
    message = Element(f"{{{CLIENT}}}message", {"to": to, "type": "chat"})
    if body is not None:
        SubElement(message, f"{{{CLIENT}}}body").text = body
    SubElement(message, f"{{{CHATSTATES}}}{state}")
    client.send_element(message)


def peer_of(alice, conversation):
    return next(p["user"]["id"] for p in conversation["participants"] if p["user"]["id"] != alice.id)


def acquainted(alice, bob):
    """A conversation in which Bob has written: he may be sent chat states."""
    conversation = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        bob.send_message(alice.jid, "hi")
        socket.expect("message.new", content="hi")
    return conversation


# -- among apps


def test_the_other_one_sees_a_start_and_a_stop(alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with alice.ws() as phone, alice.ws() as laptop, bella.ws() as socket:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        started = socket.expect("typing", active=True)
        assert started["payload"] == {"conversation_id": conversation["id"], "user_id": alice.id, "active": True}
        assert "cursor" not in started
        phone.command("typing", conversation_id=conversation["id"], active=True)
        phone.command("typing", recipient_id=bella.id, active=False)
        socket.expect("typing", active=False)
        laptop.sync()
        assert socket.count("typing") == 2
        assert phone.count("typing") == laptop.count("typing") == 0


def test_a_burst_is_gathered_and_the_last_state_gets_out(alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with alice.ws() as phone, bella.ws() as socket:
        for number in range(101):
            phone.send("typing", conversation_id=conversation["id"], active=number % 2 == 0)
        socket.expect("typing", active=True)
        phone.sync()
        phone.command("typing", conversation_id=conversation["id"], active=False)
        socket.expect("typing", active=False)
        assert socket.count("typing") <= 4


def test_a_message_clears_it_first(alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with alice.ws() as phone, bella.ws() as socket:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        phone.message(conversation, "done")
        socket.expect("message.new", content="done")
        kinds = [(f["type"], f["payload"].get("active")) for f in socket.frames("typing", "message.new")]
        assert kinds == [("typing", True), ("typing", False), ("message.new", None)]


def test_silence_ends_it(alice, bella):
    alice.conversation_with(participant_id=bella.id)
    with alice.ws() as phone, bella.ws() as socket:
        phone.command("typing", recipient_id=bella.id, active=True)
        socket.expect("typing", active=True)
        socket.expect("typing", active=False)


def test_a_socket_that_closes_ends_it(alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with bella.ws() as socket:
        with alice.ws(), alice.ws() as phone:
            phone.command("typing", conversation_id=conversation["id"], active=True)
            socket.expect("typing", active=True)
            phone.close()
            socket.expect("typing", active=False, timeout=7)  # before typing.app_silence has passed


def test_strangers_and_random_ids_get_one_answer(alice, bella, app):
    conversation = alice.conversation_with(participant_id=bella.id)
    mallory = app("mallory")
    mallory.me()
    with mallory.ws() as socket, bella.ws() as victim:
        problems = [socket.refused("typing", active=True, **where) for where in (
            {"conversation_id": conversation["id"]}, {"conversation_id": str(uuid.uuid4())},
            {"recipient_id": bella.id}, {"recipient_id": str(uuid.uuid4())}, {"recipient_id": "no such user"})]
        for problem in problems:
            problem.pop("request_id")
        assert all(problem == problems[0] for problem in problems) and problems[0]["status"] == 404
        victim.sync()
        assert victim.count("typing") == 0


@pytest.mark.parametrize("payload", [
    {}, {"active": True}, {"active": "yes", "recipient_id": "x"}, {"active": True, "conversation_id": "x"},
    {"active": None, "recipient_id": "x"}, {"active": True, "recipient_id": ""},
    {"active": True, "recipient_id": "x" * 300}, {"active": True, "recipient_id": 7.5}, {"active": True, "recipient_id": ["x"]},
    {"active": True, "recipient_id": "a\u0001b"}, {"active": True, "recipient_id": "x", "more": 1},
    {"active": True, "recipient_id": "x", "conversation_id": str(uuid.uuid4())}])
def test_bad_frames_are_refused(alice, payload):
    with alice.ws() as socket:
        assert socket.refused("typing", **payload)["status"] == 422
        socket.sync()


def test_typing_before_the_first_message_does_no_harm(alice, bella):
    with alice.ws() as phone, bella.ws() as socket:
        assert phone.refused("typing", recipient_id=bella.id, active=False)["status"] == 404
        phone.message(alice.conversation_with(participant_id=bella.id), "hello")
        phone.command("typing", recipient_id=bella.id, active=True)
        socket.expect("typing", active=True)


def test_requests_that_wait_let_nothing_through(stack, alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with database(stack) as query:
        query("UPDATE members SET request = 'pending' WHERE conversation_id = %s AND user_id = %s",
              conversation["id"], bella.id)
    with alice.ws() as phone, bella.ws() as socket:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        socket.command("typing", conversation_id=conversation["id"], active=True)
        phone.sync()
        socket.sync()
        assert socket.count("typing") == phone.count("typing") == 0


def test_a_block_lets_nothing_through(alice, bella, bob):
    conversation = alice.conversation_with(participant_id=bella.id)
    alice.send(conversation, "hello")
    abroad = acquainted(alice, bob)
    with alice.ws() as phone, bella.ws() as socket:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        socket.expect("typing", active=True)
        phone.command("typing", conversation_id=conversation["id"], active=False)
        socket.expect("typing", active=False)
        bella.call(200, "POST", f"/api/users/{alice.id}/block")
        alice.call(200, "POST", f"/api/users/{peer_of(alice, abroad)}/block")
        phone.command("typing", conversation_id=conversation["id"], active=True)
        phone.command("typing", conversation_id=abroad["id"], active=True)
        socket.command("typing", conversation_id=conversation["id"], active=True)
        send_state(bob, alice.jid, "composing")
        bob.barrier(alice.jid)
        phone.sync()
        socket.sync()
        assert socket.count("typing") == 2 and phone.count("typing") == 0
    assert states(bob, alice.jid + "/rest") == []


def test_typing_costs_no_statement(stack, alice, bella):
    conversation = alice.conversation_with(participant_id=bella.id)
    with alice.ws() as phone, bella.ws() as socket:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        phone.command("typing", recipient_id=bella.id, active=False)
        socket.expect("typing", active=False)
        fewest = None
        for _ in range(6):  # others may ask something meanwhile, but not as often
            before = statements(stack)
            for number in range(40):
                phone.command("typing", conversation_id=conversation["id"], active=number % 2 == 0)
                phone.command("typing", recipient_id=bella.id, active=number % 2 == 0)
                socket.command("typing", conversation_id=conversation["id"], active=number % 2 == 0)
            spent = most_run(stack, before)
            fewest = spent if fewest is None else min(fewest, spent)
        assert fewest < 20


# -- to XMPP


def test_a_peer_sees_composing_and_its_end_not_stored(alice, bob):
    conversation = acquainted(alice, bob)
    full = alice.jid + "/rest"
    with alice.ws() as phone:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        stanza = expect_state(bob, full, "composing")
        assert stanza.type == "chat" and stanza.has(HINTS, "no-store")
        phone.command("typing", conversation_id=conversation["id"], active=False)
        expect_state(bob, full, "active")
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(bob, full, "composing")
        expect_state(bob, full, "paused")  # silence
    assert states(bob, full) == ["composing", "active", "composing", "paused"]


def test_a_burst_becomes_few_stanzas(alice, bob):
    conversation = acquainted(alice, bob)
    full = alice.jid + "/rest"
    with alice.ws() as phone:
        for number in range(100):
            phone.send("typing", conversation_id=conversation["id"], active=number % 2 == 0)
        expect_state(bob, full, "composing")
        expect_state(bob, full, "active")
        phone.message(conversation, "after it")
        bob.expect_message("after it")
    assert len(states(bob, full)) <= 4


def test_a_message_stands_for_the_state(alice, bob):
    conversation = acquainted(alice, bob)
    full = alice.jid + "/rest"
    with alice.ws() as phone:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(bob, full, "composing")
        phone.message(conversation, "done")
        assert state_of(bob.expect_message("done")) == "active"
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(bob, full, "composing")
    assert states(bob, full)[:2] == ["composing", "composing"]


def test_a_socket_that_closes_is_told(alice, bob):
    conversation = acquainted(alice, bob)
    full = alice.jid + "/rest"
    with alice.ws():
        phone = alice.ws()
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(bob, full, "composing")
        phone.close()
        expect_state(bob, full, "inactive")
    with alice.ws() as phone:
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(bob, full, "composing")
    expect_state(bob, full, "gone")


def test_who_was_never_heard_of_is_not_told(alice, xmpp):
    carol = xmpp("carol", presence=False)
    carol.receipts = False
    carol.send_presence()
    conversation = alice.conversation_with(jid=carol.bare)
    full = alice.jid + "/rest"
    with alice.ws() as phone:
        phone.message(conversation, "hello")
        carol.expect_message("hello")
        phone.command("typing", conversation_id=conversation["id"], active=True)
        phone.message(conversation, "still there?")
        carol.expect_message("still there?")
        assert states(carol, full) == []
        send_state(carol, alice.jid, "composing")  # she knows chat states
        phone.expect("typing", active=True)
        phone.command("typing", conversation_id=conversation["id"], active=True)
        expect_state(carol, full, "composing")


# -- from XMPP


def test_a_peers_states_become_events(alice, bob):
    conversation = acquainted(alice, bob)
    peer = next(p["user"]["id"] for p in conversation["participants"] if p["user"]["id"] != alice.id)
    with alice.ws() as phone:
        for end in ("paused", "active", "inactive", "gone"):
            send_state(bob, alice.jid, "composing")
            seen = phone.expect("typing", active=True)
            assert seen["payload"] == {"conversation_id": conversation["id"], "user_id": peer, "active": True}
            send_state(bob, alice.jid + "/rest", "composing")
            send_state(bob, alice.jid, end)
            phone.expect("typing", active=False)
        assert phone.count("typing") == 8


def test_a_body_clears_a_peers_state_first(alice, bob):
    acquainted(alice, bob)
    with alice.ws() as phone:
        send_state(bob, alice.jid, "composing")
        phone.expect("typing", active=True)
        send_state(bob, alice.jid, "active", body="written")
        phone.expect("message.new", content="written")
        kinds = [(f["type"], f["payload"].get("active")) for f in phone.frames("typing", "message.new")]
        assert kinds == [("typing", True), ("typing", False), ("message.new", None)]


def test_a_peer_who_falls_silent_or_leaves_stops(alice, bob, xmpp):
    acquainted(alice, bob)
    with alice.ws() as phone:
        send_state(bob, alice.jid, "composing")
        phone.expect("typing", active=True)
        phone.expect("typing", active=False)  # typing.peer_silence
        send_state(bob, alice.jid, "composing")
        phone.expect("typing", active=True)
        bob.send_presence(to=alice.jid, type="unavailable")
        phone.expect("typing", active=False, timeout=7)  # before typing.peer_silence has passed


def test_hostile_states_are_nothing(alice, bob):
    acquainted(alice, bob)
    with alice.ws() as phone:
        for xml in (f"<message to='{alice.jid}' type='groupchat'><composing xmlns='{CHATSTATES}'/></message>",
                    f"<message to='{alice.jid}' type='chat'><composing xmlns='urn:other'/></message>",
                    f"<message to='{alice.jid}' type='chat'><typing xmlns='{CHATSTATES}'/></message>",
                    f"<message to='nobody-{alice.jid}' type='chat'><composing xmlns='{CHATSTATES}'/></message>",
                    f"<message to='{alice.jid}' type='chat'><composing xmlns='{CHATSTATES}'/>"
                    "<delay xmlns='urn:xmpp:delay' stamp='2026-05-04T09:00:00Z'/></message>"):
            bob.send_raw(xml)
        for number in range(200):
            send_state(bob, alice.jid, "composing" if number % 2 else "paused")
        bob.send_message(alice.jid, "enough")
        phone.expect("message.new", content="enough")
        assert phone.count("typing") <= 6
