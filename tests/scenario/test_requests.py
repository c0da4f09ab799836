# SPDX-License-Identifier: GPL-3.0-or-later
"""Message requests: what a stranger learns while one waits (nothing), and what accepting and declining do."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.database import database
from harness.xmpp import CHATSTATES, CLIENT, DISCO_INFO, MARKERS, PING, RECEIPTS, ROSTER, XmppError

LAST, VCARD = "jabber:iq:last", "vcard-temp"


def privacy(user, **settings):
    return user.call(200, "PATCH", "/api/settings/privacy", settings)


def decide(user, conversation, how, status=200):
    return user.call(status, "POST", f"/api/conversations/{conversation['id']}/{how}")


@pytest.fixture
def alice(app):
    user = app("alice", name="Alice")
    user.jid = user.me()["jid"]
    privacy(user, messages="contacts")
    return user


def request_of(socket):
    return socket.expect("request.new")["payload"]


def what_a_stranger_sees(client, jid):
    """Answers to all that can be asked, without what differs between any two."""
    seen = []
    for target in (jid, jid + "/rest"):
        for namespace, name in ((PING, "ping"), (DISCO_INFO, "query"), (LAST, "query"), (VCARD, "vCard")):
            try:
                stanza = client.iq(target, Element(f"{{{namespace}}}{name}"))
            except XmppError as error:
                stanza = error.stanza
            seen.append(repr(stanza).replace(stanza.id, "ID"))
    return seen


def from_alice(client, alice):
    return [s for s in client.inbox.received if s.name in ("message", "presence") and s.sender.startswith(alice.jid)]


def test_a_strangers_first_message_is_a_request_and_leaks_nothing(alice, bob):
    before = what_a_stranger_sees(bob, alice.jid)
    with alice.ws() as socket:
        id = bob.send_message(alice.jid, "let me in", receipt=True, markable=True)
        request = request_of(socket)
        talk = request["conversation"]
        assert talk["request"] == "pending" and request["subscription"] is False
        assert talk["last_message"]["content"] == "let me in" and talk["unread_count"] == 1
        bob.send_message(alice.jid, "please", receipt=True)
        state = Element(f"{{{CLIENT}}}message", {"to": alice.jid, "type": "chat"})
        state.append(Element(f"{{{CHATSTATES}}}composing"))
        bob.send_element(state)
        assert what_a_stranger_sees(bob, alice.jid) == before
        alice.read(talk)
        bob.barrier(alice.jid)
        socket.sync()
        assert not socket.frames("message.new", "conversation.new", "typing")
        assert socket.count("request.new") == 1
        assert [m["content"] for m in alice.messages(talk)["items"]] == ["let me in", "please"]
        assert from_alice(bob, alice) == []
        accepted = decide(alice, talk, "accept")
        assert accepted["request"] == "accepted"
        bob.expect_receipt(id)
        bob.send_message(alice.jid, "thanks", receipt=True)
        socket.expect("message.new", content="thanks")
        assert decide(alice, talk, "accept")["request"] == "accepted"


def test_a_socket_that_was_away_gets_the_request_and_not_its_messages(alice, bob):
    with alice.ws() as socket:
        cursor = socket.hello["payload"]["cursor"]
    bob.send_message(alice.jid, "while you were out")
    bob.barrier(alice.jid)
    with alice.ws(resume=cursor) as socket:
        talk = request_of(socket)["conversation"]
        socket.expect("resumed")
        assert not socket.frames("message.new")
    assert alice.conversation(talk)["request"] == "pending"


def test_declined_stays_silent(alice, bob):
    with alice.ws() as socket:
        bob.send_message(alice.jid, "hello")
        talk = request_of(socket)["conversation"]
        assert decide(alice, talk, "decline")["request"] == "declined"
        assert decide(alice, talk, "decline")["request"] == "declined"
        bob.send_message(alice.jid, "hello again", receipt=True)
        bob.barrier(alice.jid)
        socket.sync()
        assert not socket.frames("message.new") and socket.count("request.new") == 1
    assert from_alice(bob, alice) == []


def test_writing_accepts(alice, bob):
    with alice.ws() as socket:
        bob.send_message(alice.jid, "hello")
        talk = request_of(socket)["conversation"]
        alice.send(talk, "hello yourself")
        bob.expect_message("hello yourself")
        socket.expect("conversation.updated", request="accepted")
        bob.send_message(alice.jid, "nice")
        socket.expect("message.new", content="nice")


def test_whoever_was_written_to_is_no_stranger(alice, bob):
    with alice.ws() as socket:
        alice.send(alice.conversation_with(jid=bob.bare), "hello")
        bob.expect_message("hello")
        bob.send_message(alice.jid, "oh, hello")
        socket.expect("message.new", content="oh, hello")


def test_between_app_users_the_sender_sees_only_sent(app, alice):
    bella = app("bella")
    with alice.ws() as socket, bella.ws() as sender:
        talk = bella.conversation_with(participant_id=alice.me()["id"])
        first = bella.send(talk, "hi")
        request_of(socket)
        sender.expect("message.new", content="hi")
        alice.read(talk)
        bella.send(talk, "hi again")
        assert bella.conversation(talk)["request"] is None
        assert {m["status"] for m in bella.messages(talk)["items"]} == {"sent"}
        readers = {p["user"]["id"]: p["last_read_seq"] for p in bella.conversation(talk)["participants"]}
        assert readers[alice.me()["id"]] == 0
        decide(alice, talk, "accept")
        sender.expect("message.delivered")
        assert bella.messages(talk)["items"][0]["status"] == "delivered"
        assert first["status"] == "sent"
        alice.read(talk)
        sender.expect("message.read")
        assert not socket.frames("message.new")


def test_nobody_is_refused_like_somebody_unknown(stack, app, alice, bob):
    privacy(alice, messages="nobody")
    bella = app("bella")
    unknown = bella.request("POST", "/api/conversations", {"participant_id": str(uuid.uuid4())})
    refused = bella.request("POST", "/api/conversations", {"participant_id": alice.me()["id"]})
    bodies = [r.raw.replace(r.headers["request-id"].encode(), b"") for r in (unknown, refused)]
    assert refused.status == 403 and bodies[0] == bodies[1]
    id = bob.send_message(alice.jid, "hello")
    bob.expect_stanza("a bounce", lambda s: s.type == "error" and s.id == id and "service-unavailable" in repr(s))
    with database(stack) as query:
        assert not query("SELECT FROM members WHERE user_id = %s", alice.me()["id"])
    with alice.ws() as socket:
        alice.send(alice.conversation_with(jid=bob.bare), "but I may")
        bob.expect_message("but I may")
        bob.send_message(alice.jid, "thank you")
        socket.expect("message.new", content="thank you")


def test_a_conversation_that_was_opened_before_the_setting_is_no_way_in(app, alice):
    bella = app("bella")
    talk = bella.conversation_with(participant_id=alice.me()["id"])
    privacy(alice, messages="nobody")
    bella.send(talk, "hello", status=403)


# -- subscriptions


def ask_to_see(bob, alice):
    bob.iq(None, Element(f"{{{ROSTER}}}query"))
    bob.send_presence(to=alice.jid, type="subscribe")


def test_a_subscription_request_is_accepted(alice, bob):
    with alice.ws() as socket:
        ask_to_see(bob, alice)
        request = request_of(socket)
        assert request["subscription"] is True and request["conversation"]["request"] == "pending"
        assert from_alice(bob, alice) == []
        decide(alice, request["conversation"], "accept")
        bob.expect_roster(alice.jid, subscription="to")
        bob.expect_presence(alice.jid + "/rest")
        bob.expect_presence(alice.jid, "subscribe")  # and she asks for his
        bob.send_presence(to=alice.jid, type="subscribed")
        bob.expect_roster(alice.jid, subscription="both")
        socket.expect("user.updated", contact={"subscription": "both"})


def test_what_somebody_writes_with_a_request_and_calls_themselves_is_shown_meanwhile(stack, app, alice, bob):
    """RFC 6121 section 3.1.3, XEP-0172 section 4.1."""
    with database(stack) as query:  # other tests have named Bob
        query("UPDATE users SET name = NULL WHERE jid = %s", bob.bare)
    note = "It is me, Bob from the \u00fcbung" + "g" * 1000
    with alice.ws() as socket:
        bob.send_raw(f"<presence to='{alice.jid}' type='subscribe'><status>{note}</status>"
                     "<nick xmlns='http://jabber.org/protocol/nick'> Bobby\n</nick></presence>")
        request = request_of(socket)
        assert note.startswith(request["note"]) and 990 <= len(request["note"].encode()) <= 1000
        assert request["conversation"]["name"] == "Bobby"
        contact, = alice.call(200, "GET", "/api/contacts")["items"]
        assert contact["note"] == request["note"] and contact["user"]["name"] == "Bobby"
        decide(alice, request["conversation"], "accept")
        assert alice.call(200, "GET", "/api/contacts")["items"][0]["note"] is None
    bella = app("bella")
    with bella.ws() as socket:
        bob.send_raw(f"<presence to='{bella.me()['jid']}' type='subscribe'>"
                     "<nick xmlns='http://jabber.org/protocol/nick'>Her boss</nick></presence>")
        request = request_of(socket)
        assert request["note"] is None and request["conversation"]["name"] == "Bobby", "a name is not taken over"


def test_a_subscription_request_is_declined(alice, bob):
    with alice.ws() as socket:
        ask_to_see(bob, alice)
        request = request_of(socket)
        decide(alice, request["conversation"], "decline")
        bob.expect_roster(alice.jid, subscription="none", ask=None)
    assert all(s.type == "unsubscribed" for s in from_alice(bob, alice))


def test_for_everyone_a_message_after_a_subscription_request_is_an_ordinary_one(alice, bob):
    privacy(alice, messages="everyone")
    with alice.ws() as socket:
        ask_to_see(bob, alice)
        talk = request_of(socket)["conversation"]
        bob.send_message(alice.jid, "hello", receipt=True)
        socket.expect("message.new", content="hello")
        assert alice.conversation(talk)["request"] is None
        decide(alice, talk, "accept")
        bob.expect_roster(alice.jid, subscription="to")


def test_nobody_hears_no_subscription_requests(alice, bob):
    privacy(alice, messages="nobody")
    with alice.ws() as socket:
        ask_to_see(bob, alice)
        bob.barrier(alice.jid)
        socket.sync()
        assert not socket.frames("request.new")
    assert from_alice(bob, alice) == []


# -- bad input


@pytest.mark.parametrize("how", ["accept", "decline"])
def test_what_is_not_ones_own_cannot_be_decided(app, alice, how):
    stranger, bella = app("stranger"), app("bella")
    talk = bella.conversation_with(participant_id=stranger.me()["id"])
    decide(alice, talk, how, status=404)
    decide(alice, {"id": str(uuid.uuid4())}, how, status=404)
    decide(alice, {"id": "x"}, how, status=404)


def test_an_ordinary_conversation_cannot_be_declined(app, alice):
    talk = alice.conversation_with(participant_id=app("bella").me()["id"])
    decide(alice, talk, "decline", status=409)
    assert decide(alice, talk, "accept")["request"] is None


def test_marks_of_nobody_are_told(alice, bob):
    """A displayed marker for a message in a request is not sent on acceptance either."""
    with alice.ws() as socket:
        id = bob.send_message(alice.jid, "hello", markable=True)
        talk = request_of(socket)["conversation"]
        alice.read(talk)
        decide(alice, talk, "accept")
        second = bob.send_message(alice.jid, "again", markable=True)
        socket.expect("message.new", content="again")
        alice.read(talk)
        bob.expect_displayed(second)
    assert not bob.inbox.count(lambda s: s.has(MARKERS, "displayed") and s.child(MARKERS, "displayed").get("id") == id)
    assert not bob.inbox.count(lambda s: s.has(RECEIPTS, "received"))
