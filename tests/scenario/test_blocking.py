# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is blocked cannot tell it from writing to somebody who does not exist, in bytes or in time."""
import statistics
import time
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.database import database
from harness.xmpp import CHATSTATES, CLIENT, DISCO_INFO, MARKERS, ORIGIN_ID, PING, RECEIPTS, XmppError

LAST, VCARD, PUBSUB = "jabber:iq:last", "vcard-temp", "http://jabber.org/protocol/pubsub"
QUERIES = ((PING, "ping"), (DISCO_INFO, "query"), (LAST, "query"), (VCARD, "vCard"), (PUBSUB, "pubsub"),
           ("urn:example:unknown", "query"))


def nobody(stack):
    return f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"


def block(user, status=200, **named):
    if "id" in named:
        return user.call(status, "POST", f"/api/users/{named['id']}/block")
    return user.call(status, "POST", "/api/users/block", named)


def unblock(user, status=200, **named):
    if "id" in named:
        return user.call(status, "DELETE", f"/api/users/{named['id']}/block")
    return user.call(status, "DELETE", "/api/users/block", **named)


def without(text, *secrets):
    for secret in secrets:
        text = text.replace(secret, "X")
    return text


def bounce(client, to, body="are you there?"):
    """The error that a message comes back with, without what differs between any two."""
    id = client.send_message(to, body, receipt=True, markable=True)
    got = client.expect_stanza(f"a bounce of {id}", lambda s: s.name == "message" and s.type == "error" and s.id == id)
    for archived in got.xml.findall(f"{{{ORIGIN_ID}}}stanza-id"):
        got.xml.remove(archived)  # the client's own server's
    return without(repr(got), id, to, to.partition("@")[0], client.jid)


def refusal(client, to, namespace, name):
    with pytest.raises(XmppError) as caught:
        client.iq(to, Element(f"{{{namespace}}}{name}"))
    return without(repr(caught.value.stanza), caught.value.stanza.id, to, client.jid)


def problem(reply):
    return reply.status, without(reply.raw.decode(), reply.headers["request-id"])


def test_a_blocked_message_bounces_like_one_to_nobody(stack, alice, bob):
    with alice.ws() as socket:
        first = bob.send_message(alice.jid, "before", receipt=True)
        talk = socket.expect("message.new", content="before")["payload"]["conversation_id"]
        bob.expect_receipt(first)
        expected = bounce(bob, nobody(stack))
        assert "service-unavailable" in expected
        block(alice, jid=bob.bare)
        assert bounce(bob, alice.jid) == expected
        assert bounce(bob, alice.jid + "/rest") == bounce(bob, nobody(stack) + "/rest")
        unblock(alice, jid=bob.bare)
        bob.send_message(alice.jid, "after")
        socket.expect("message.new", content="after")
        assert socket.count("message.new") == 2
    assert [m["content"] for m in alice.messages(talk)["items"]] == ["before", "after"]


def test_a_stranger_who_is_blocked_leaves_no_trace(stack, alice, bob):
    with database(stack) as query:
        block(alice, jid=bob.bare)
        rows = "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM conversations)"
        before = query(rows)
        assert bounce(bob, alice.jid) == bounce(bob, nobody(stack))
        assert query(rows) == before


@pytest.mark.parametrize("namespace,name", QUERIES)
def test_a_blocked_request_is_refused_like_one_to_nobody(stack, alice, bob, namespace, name):
    block(alice, jid=bob.bare)
    for resource in ("", "/rest", "/elsewhere"):
        assert refusal(bob, alice.jid + resource, namespace, name) == refusal(
            bob, nobody(stack) + resource, namespace, name)


def presence_from(client, jid):
    return [s.type for s in client.inbox.received if s.name == "presence" and s.sender.startswith(jid)]


def befriend(alice, bob):
    alice.send(alice.conversation_with(jid=bob.bare), "hello")
    bob.send_presence(to=alice.jid, type="subscribe")


def test_presence_is_taken_away_and_given_back(stack, alice, bob):
    with alice.ws() as socket:
        befriend(alice, bob)
        bob.expect_presence(alice.jid + "/rest")
        block(alice, jid=bob.bare)
        bob.expect_presence(alice.jid + "/rest", "unavailable")
        bob.send_presence(to=alice.jid, type="probe")
        bob.send_presence(to=alice.jid, type="subscribe")
        with pytest.raises(XmppError):
            bob.ping(alice.jid)
        socket.sync()
        assert not socket.frames("request.new")
        unblock(alice, jid=bob.bare)
        bob.expect_presence(alice.jid + "/rest")
    assert presence_from(bob, alice.jid + "/rest").count(None) == 2


def test_a_probe_of_who_blocks_is_answered_like_one_of_nobody(stack, alice, bob):
    block(alice, jid=bob.bare)
    bob.iq(None, Element("{jabber:iq:roster}query"))  # who has not asked for it is told of no refusal by Prosody
    with database(stack) as query:
        def shape(jid):
            """A server hands an answer to a probe on while it waits for one to a subscription; to that there is none."""
            bob.send_presence(to=jid, type="subscribe")
            bob.barrier(jid)
            bob.send_presence(to=jid, type="probe")
            bob.expect_presence(jid, "unsubscribed")
            bob.barrier(jid)
            return presence_from(bob, jid)
        assert shape(alice.jid) == shape(nobody(stack))
        assert not query("SELECT FROM contacts WHERE peer = %s AND pending_in AND user_id = %s", bob.bare,
                         alice.me()["id"])


def test_chat_states_and_marks_of_a_blocked_peer_are_nothing(alice, bob):
    with alice.ws() as socket:
        talk = alice.conversation_with(jid=bob.bare)
        bob.receipts = False
        message = alice.send(talk, "seen?")
        got = bob.expect_message("seen?")
        bob.send_element(chat_state(alice.jid, "composing"))
        block(alice, jid=bob.bare)
        bob.send_element(chat_state(alice.jid, "composing"))
        bob.send_receipt(got)
        bob.send_displayed(got)
        assert "service-unavailable" in bounce(bob, alice.jid)
        socket.sync()
        assert not socket.frames("message.delivered", "message.read")
    assert alice.messages(talk)["items"][0]["status"] == "sent"
    assert message["status"] == "sent"


def chat_state(to, state):
    message = Element(f"{{{CLIENT}}}message", {"to": to, "type": "chat", "id": uuid.uuid4().hex})
    message.append(Element(f"{{{CHATSTATES}}}{state}"))
    return message


def test_reading_what_a_blocked_peer_wrote_tells_them_nothing(alice, bob):
    with alice.ws() as socket:
        id = bob.send_message(alice.jid, "read me", markable=True)
        talk = socket.expect("message.new", content="read me")["payload"]["conversation_id"]
        block(alice, jid=bob.bare)
        alice.read(talk)
        assert alice.conversation(talk)["unread_count"] == 0 and alice.conversation(talk)["blocked"] is True
        bob.barrier(alice.jid)
    assert not bob.inbox.count(lambda s: s.name == "message" and s.has(MARKERS, "displayed")
                               and s.child(MARKERS, "displayed").get("id") == id)


# -- app users


def test_between_app_users(app, alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    alice.send(talk, "hello")
    unknown = problem(alice.request("POST", "/api/conversations", {"participant_id": str(uuid.uuid4())}))
    with bella.ws() as socket:
        block(bella, id=alice.me()["id"])
        body = {"content": "hello?"}
        refused = alice.request("POST", f"/api/conversations/{talk['id']}/messages", body)
        assert problem(refused) == unknown and unknown[0] == 403
        opened = alice.request("POST", "/api/conversations", {"participant_id": bella.id})
        assert problem(opened) == unknown
        assert problem(alice.request("POST", "/api/contacts", {"user_id": bella.id})) == unknown
        assert alice.conversation(talk)["blocked"] is False
        assert len(alice.messages(talk)["items"]) == 1
        alice.read(talk)
        own = bella.request("POST", f"/api/conversations/{talk['id']}/messages", body)
        direct = bella.request("POST", "/api/messages", {"receiver_id": alice.me()["id"], "content": "hello?"})
        for reply in (own, direct):
            assert reply.status == 409 and reply.json["code"] == "conflict"
        socket.sync()
        assert not socket.frames("message.new", "message.read")
        unblock(bella, id=alice.me()["id"])
        alice.send(talk, "again")
        socket.expect("message.new", content="again")


def test_a_repeated_send_yields_its_first_result_even_when_blocked(alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    first = alice.send(talk, "hello", client_id="c1")
    block(bella, id=alice.me()["id"])
    assert alice.send(talk, "hello", client_id="c1", status=200)["id"] == first["id"]


def test_both_block_each_other(alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    block(alice, id=bella.id)
    block(bella, id=alice.me()["id"])
    for user in (alice, bella):
        user.send(talk, "no", status=409)
    unblock(alice, id=bella.id)
    alice.send(talk, "no", status=403)
    bella.send(talk, "no", status=409)
    unblock(bella, id=alice.me()["id"])
    alice.send(talk, "yes")


def test_a_block_holds_for_conversations_that_do_not_exist_yet(alice, bella):
    block(bella, id=alice.me()["id"])
    alice.call(403, "POST", "/api/conversations", {"participant_id": bella.id})
    talk = bella.conversation_with(participant_id=alice.me()["id"])
    alice.send(talk, "no", status=403)


def contact_of(user):
    return [(c["subscription"], c["ask"], c["pending"]) for c in user.call(200, "GET", "/api/contacts")["items"]]


def test_who_accepts_a_request_does_not_see_that_the_asker_blocks_by_now(alice, bella):
    her = alice.me()["id"]
    alice.call(201, "POST", "/api/contacts", {"user_id": bella.id})
    talk = bella.conversations(filter="requests")["items"][0]
    with alice.ws() as asker, bella.ws() as socket:
        block(alice, id=bella.id)
        asker.expect("conversation.updated", blocked=True)
        assert bella.call(200, "POST", f"/api/conversations/{talk['id']}/accept")["request"] == "accepted"
        assert socket.expect("user.updated", id=her)["payload"]["contact"]["subscription"] == "both"
        assert contact_of(bella) == [("both", False, False)]  # as she would see it without the block
        assert bella.call(200, "GET", f"/api/users/{her}/presence")["status"] == "offline"
        assert contact_of(alice) == [("none", True, False)]
        bella.call(200, "POST", f"/api/conversations/{talk['id']}/accept")
        for end in (asker, socket):
            end.sync()
        assert not asker.frames("user.updated") and not socket.frames("presence")
        unblock(alice, id=bella.id)
        asker.expect("user.updated", id=bella.id, contact={"subscription": "both", "ask": False})
        socket.expect("presence", user_id=her, status="online")
    assert contact_of(alice) == contact_of(bella) == [("both", False, False)]


def test_blocks_are_listed_and_idempotent(alice, bella, bob):
    one = block(alice, id=bella.id)
    assert one == block(alice, id=bella.id) and one["user"]["id"] == bella.id and one["blocked"] is True
    block(alice, jid=bob.bare.upper())
    evil = block(alice, jid="Evil.Example")
    assert evil == {"jid": "evil.example", "user": None, "blocked": True, "blocker_id": alice.me()["id"],
                    "blocked_id": None, "created_at": evil["created_at"]}
    page = alice.call(200, "GET", "/api/users/blocked", limit=1)
    assert [u["jid"] for u in page["items"]] == [bob.bare] and page["has_more"] and page["domains"] == ["evil.example"]
    rest = alice.call(200, "GET", "/api/users/blocked", limit=1, before=page["next"])
    assert [u["id"] for u in rest["items"]] == [bella.id] and not rest["has_more"] and rest["domains"] == []
    for _ in range(2):
        assert unblock(alice, id=bella.id)["blocked"] is False
    unblock(alice, jid="evil.example")
    page = alice.call(200, "GET", "/api/users/blocked")
    assert [u["jid"] for u in page["items"]] == [bob.bare] and page["domains"] == []


def test_a_blocked_domain_is_everybody_there(stack, alice, bob, xmpp):
    carol = xmpp("carol")
    domain = bob.bare.partition("@")[2]
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "hello")
    bob.expect_message("hello")
    block(alice, jid=domain)
    expected = bounce(bob, nobody(stack))
    assert bounce(bob, alice.jid) == expected
    assert bounce(carol, alice.jid) == bounce(carol, nobody(stack))
    alice.send(talk, "no", status=409)
    unblock(alice, jid=domain)
    alice.send(talk, "yes")
    bob.expect_message("yes")


@pytest.mark.parametrize("jid", ["", "@", "a@", "@b", "a@b/c", "a b@c", "a@b@c", "\x00", "x" * 1100 + "@example.org",
                                 "a@" + "b" * 1100, "<a>@example.org", "a@exa mple.org", 5, None, ["a@b.example"]])
def test_hostile_addresses_are_refused(alice, jid):
    reply = alice.request("POST", "/api/users/block", {"jid": jid})
    assert reply.status == 422, reply


def test_oneself_and_ones_own_domain_cannot_be_blocked(stack, alice):
    block(alice, id=alice.me()["id"], status=422)
    block(alice, jid=alice.jid, status=422)
    block(alice, jid=stack.app_domain, status=422)
    block(alice, jid=nobody(stack), status=404)
    block(alice, id=str(uuid.uuid4()), status=404)
    assert alice.call(200, "GET", "/api/users/blocked")["items"] == []


# -- time


def seconds_of(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_a_block_cannot_be_timed(stack, alice, bob):
    """Medians of many, taken in turns, so that what else the machine does meets all alike."""
    block(alice, jid=bob.bare)
    strangers = [nobody(stack) for _ in range(3)]
    samples = {"blocked": [], "unknown": []}
    for turn in range(120):
        for kind, to in (("blocked", alice.jid), ("unknown", strangers[turn % 3])):
            samples[kind].append(seconds_of(lambda to=to: bounce(bob, to)))
    blocked, unknown = (statistics.median(samples[kind]) for kind in ("blocked", "unknown"))
    assert abs(blocked - unknown) < 0.5 * max(blocked, unknown) + 0.001, (blocked, unknown)


def test_ids_that_repeat_are_blocked_too(alice, bob):
    with alice.ws() as socket:
        id = bob.send_message(alice.jid, "once")
        socket.expect("message.new", content="once")
        block(alice, jid=bob.bare)
        message = Element(f"{{{CLIENT}}}message", {"to": alice.jid, "type": "chat", "id": id})
        body = Element(f"{{{CLIENT}}}body")
        body.text = "once"
        message.extend([body, Element(f"{{{ORIGIN_ID}}}origin-id", {"id": id}), Element(f"{{{RECEIPTS}}}request")])
        bob.send_element(message)
        bob.expect_stanza("a bounce", lambda s: s.name == "message" and s.type == "error" and s.id == id)
