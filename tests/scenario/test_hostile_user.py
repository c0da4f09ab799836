# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile user of the real XMPP server, with whatever that server lets through."""
import uuid

import pytest

from harness.daemon import Daemon
from harness.rest import App
from harness.sse import EventStream
from harness.watch import never_stalls, resident
from harness.xmpp import CLIENT

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


@pytest.fixture
def meeting(app, xmpp):
    """(app user, honest XMPP user, hostile session that nobody expects to survive)"""
    return app("alice"), xmpp("bob"), xmpp("carol")


def chat(to, inside, body="<body>hostile</body>", attributes="type='chat'"):
    return f"<message to='{to}' id='{uuid.uuid4()}' {attributes}>{body}{inside}</message>"


def honest_talk_goes_on(alice, bob):
    with alice.ws() as socket:
        text = str(uuid.uuid4())
        bob.send_message(alice.me()["jid"], text, receipt=True)
        socket.expect("message.new", content=text)


LARGE = {
    "wide": "<a xmlns='urn:x'/>" * 1001, "deep": "<a>" * 70 + "</a>" * 70, "deeper": "<a>" * 2000 + "</a>" * 2000,
    "wide and short": "<a/>" * 45_000, "newlines": "", "attributes": "<a " + " ".join(f"a{n}='1'" for n in range(90)) + "/>",
}


@pytest.mark.parametrize("what", LARGE)
def test_large_stanzas(stack, meeting, what):
    """Over the bridge's limits: an error comes back. Over the server's: it ends the session itself."""
    alice, bob, eve = meeting
    name, memory = alice.me()["jid"], resident(stack)
    body = "<body>" + "\n" * 200_000 + "</body>" if what == "newlines" else "<body>hostile</body>"

    def attack():
        data = chat(name, LARGE[what], body)
        id = data.partition("id='")[2].partition("'")[0]
        eve.send_raw(data)
        honest_talk_goes_on(alice, bob)
        return id
    id = never_stalls(stack, attack)
    if what in ("wide", "deep", "attributes"):
        answer = eve.expect_stanza("the error", lambda s: s.name == "message" and s.id == id and s.type == "error")
        assert answer.sender == name
        assert not [c for c in alice.conversations()["items"] if c["jid"] == eve.bare]
    assert resident(stack) - memory < 16 * 1024 * 1024


def test_forged_carbons_archives_and_ids(stack, meeting):
    alice, bob, eve = meeting
    name, domain = alice.me()["jid"], stack.app_domain
    inner = (f"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{bob.bare}/x' to='{name}' "
             "type='chat'><body>forged</body></message></forwarded>")
    forged_id = str(uuid.uuid4())
    with alice.ws() as socket:
        for kind in ("received", "sent"):
            eve.send_raw(chat(name, f"<{kind} xmlns='urn:xmpp:carbons:2'>{inner}</{kind}>", ""))
        eve.send_raw(chat(name, f"<result xmlns='urn:xmpp:mam:2' id='1'>{inner}</result>", ""))
        eve.send_raw(chat(name, f"<stanza-id xmlns='urn:xmpp:sid:0' id='{forged_id}' by='{domain}'/>"
                                f"<stanza-id xmlns='urn:xmpp:sid:0' id='{forged_id}' by='{name}'/>", "<body>mine</body>"))
        event = socket.expect("message.new", content="mine")["payload"]
        assert event["id"] != forged_id and event["sender"]["jid"] == eve.bare
        assert [f["payload"]["content"] for f in socket.frames("message.new")] == ["mine"]
    assert [c["jid"] for c in alice.conversations()["items"]] == [eve.bare]


def test_spoofed_senders(stack, app, meeting):
    alice, bob, eve = meeting
    name = alice.me()["jid"]
    with alice.ws() as socket:
        for sender in (bob.bare, f"{bob.bare}/x", f"x@{stack.app_domain}", stack.app_domain, "example.org"):
            eve.send_raw(f"<message from='{sender}' to='{name}' type='chat' id='s'><body>spoofed</body></message>")
        honest_talk_goes_on(alice, bob)
        assert not [f for f in socket.frames("message.new") if f["payload"]["content"] == "spoofed"
                    and f["payload"]["sender"]["jid"] != eve.bare]


def test_stanzas_to_nobody_are_answered_and_make_nothing(stack, meeting):
    alice, bob, eve = meeting
    for local in ("nobody", "a.b.c", "x" * 900, "%00", "\U0001f600", "u%27--"):
        id = str(uuid.uuid4())
        eve.send_raw(f"<message to='{local}@{stack.app_domain}' type='chat' id='{id}'><body>x</body></message>")
        eve.expect_stanza(f"an error for {local[:20]}", lambda s, id=id: s.id == id and s.type == "error")
    honest_talk_goes_on(alice, bob)


def test_floods_of_requests_presence_and_errors(stack, meeting):
    alice, bob, eve = meeting
    name, run = alice.me()["jid"], uuid.uuid4().hex[:8]

    def attack():
        eve.send_raw("".join(f"<iq type='get' id='{run}{n}' to='{name}'><query xmlns='urn:x'/></iq>" for n in range(500)))
        eve.send_raw(f"<presence to='{name}' type='probe'/><presence to='{name}'/>" * 100)
        eve.send_raw("".join(chat(name, f"<error type='cancel'><gone xmlns='{STANZAS}'/></error>", "", "type='error'")
                             for _ in range(200)))
        honest_talk_goes_on(alice, bob)
    never_stalls(stack, attack)
    eve.expect_stanza("the last answer", lambda s: s.name == "iq" and s.id == f"{run}499")
    assert eve.inbox.count(lambda s: s.name == "message" and s.type == "error") == 0
    assert eve.inbox.count(lambda s: s.id == f"{run}7") in range(1, 5)


def test_a_message_repeated_by_its_sender_is_stored_once(meeting):
    alice, bob, _ = meeting
    name = alice.me()["jid"]
    with alice.ws() as socket:
        for _ in range(3):
            bob.send_message(name, "again", id="4f2e8d3c-once", receipt=True)
        bob.send_message(name, "done")
        socket.expect("message.new", content="done")
        assert [f["payload"]["content"] for f in socket.frames("message.new")] == ["again", "done"]
    for _ in range(3):
        bob.expect_receipt("4f2e8d3c-once")
    assert bob.inbox.count(lambda s: s.xml.tag == f"{{{CLIENT}}}message" and s.type == "error") == 0


def by_sync(user, cursor):
    got = []
    while True:
        page = user.call(200, "GET", f"/api/sync?since={cursor}&limit=1000")
        assert not page["resync"]
        got += [item["payload"]["content"] for item in page["items"] if item["type"] == "message.new"]
        cursor = page["cursor"]
        if not page["has_more"]:
            return got


def by_stream(user, cursor):
    with EventStream(user, last=cursor) as stream:
        stream.expect("resumed", timeout=60)
        return [event["data"]["payload"]["content"] for event in stream.events("message.new")]


def by_socket(user, cursor):
    with user.ws(resume=cursor) as socket:
        socket.expect("resumed", timeout=60)
        return [frame["payload"]["content"] for frame in socket.frames("message.new")]


def test_who_was_sent_very_much_still_catches_up(stack):
    """Hundreds of the longest messages are too much for one answer of the database, and for one reader's memory."""
    with Daemon(stack) as bridge:
        alice, eve = App(bridge, "alice"), App(bridge, "eve")
        talk = eve.conversation_with(participant_id=alice.me()["id"])
        cursor = alice.call(200, "GET", "/api/sync")["cursor"]
        for number in range(900):
            eve.send(talk, f"{number} " + '"' * 60_000)
        before = resident(bridge)
        slow = [EventStream(alice, last=cursor, reading=False, buffer=4096) for _ in range(8)]
        for road in (by_sync, by_stream, by_socket):
            assert [text.split()[0] for text in road(alice, cursor)] == [str(n) for n in range(900)], road.__name__
        assert resident(bridge) - before < 128 * 1024 * 1024
        for stream in slow:
            stream.close()
