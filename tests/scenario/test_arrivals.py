# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes by XMPP, from anybody at any server: shown, told to its sender, or both alike for all addresses."""
import uuid

import pytest

from harness.daemon import Daemon, psql
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App
from harness.sse import EventStream
from harness.watch import metrics
from test_hostile_stanza import make_world

ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
MUC_USER = "http://jabber.org/protocol/muc#user"
DELAY = "urn:xmpp:delay"
NICK = "http://jabber.org/protocol/nick"
RECEIPTS = "urn:xmpp:receipts"


@pytest.fixture(scope="module")
def bridge(running_stack):
    with make_world(running_stack) as (server, daemon, _, _, _):
        yield server, daemon


@pytest.fixture
def world(bridge):
    """The fake server, its bridge, and a user whom nobody knows yet."""
    server, daemon = bridge
    app = App(daemon, "u" + uuid.uuid4().hex[:12])
    app.jid = app.me()["jid"]
    return server, app


def send(server, to, inside, sender="bob@example.org/x", attributes="type='chat'", id=None):
    id = id or str(uuid.uuid4())
    server.send(f"<message from='{sender}' to='{to}' id='{id}' {attributes}>{inside}</message>")
    return id


def error_of(server, id):
    answer = server.expect(f"an error for {id}", lambda s: s.name == "message" and s.id == id and s.type == "error")
    error = answer.child("jabber:client", "error")
    return error.get("type"), next(e.tag.partition("}")[2] for e in error), error.findtext(f"{{{ERRORS}}}text")


def contents(app):
    return {talk["jid"]: [m["content"] for m in app.messages(talk)["items"]]
            for filter in ("all", "requests") for talk in app.conversations(filter=filter)["items"] if talk["type"] == "direct"}


def ident_of(app, talk, seq):
    """The id of the message with this seq, 0 for the first."""
    oldest = app.messages(talk, limit=1)["items"][0]
    while oldest["seq"] > seq + 1:
        oldest = app.messages(talk, limit=100, before=oldest["id"])["items"][0]
    return oldest["id"]


def settle(server, app, sender="carol@example.org/x"):
    """What was sent before has been read, and what SENDER said is stored; others' transactions may still be under way."""
    server.expect("a receipt", lambda s, id=send(
        server, app.jid, f"<body>last</body><request xmlns='{RECEIPTS}'/>", sender):
        s.has(RECEIPTS, "received") and s.child(RECEIPTS, "received").get("id") == id)


def test_what_is_refused_says_why_alike_for_everybody(world):
    server, app = world
    refused = {
        f"<body>psst</body><x xmlns='{MUC_USER}'/>": ("cancel", "service-unavailable", "Private messages of rooms are not taken here"),
        "<body> \u2800\u200b </body>": ("modify", "bad-request", "The message shows nothing"),
        f"<body>{chr(92) * 65537}</body>": ("modify", "policy-violation", "The text is longer than 65536 bytes"),
        "<jingle xmlns='urn:xmpp:jingle:1' sid='c'/>": ("cancel", "service-unavailable",
                                                               "Calls and direct transfers are not taken here")}
    for inside, expected in refused.items():
        for to in (app.jid, "nobody@app.example.org"):
            assert error_of(server, send(server, to, inside)) == expected
    settle(server, app)
    assert contents(app) == {"carol@example.org": ["last"]}


def test_occupants_of_a_room_are_nobody_that_one_talks_with(world):
    server, app = world
    for nick in ("Ann", "Ben"):
        assert error_of(server, send(server, app.jid, f"<body>I am {nick}</body><x xmlns='{MUC_USER}'/>",
                                     f"team@rooms.example.org/{nick}"))[1] == "service-unavailable"
    invite = f"<body>come in</body><x xmlns='{MUC_USER}'><invite from='{{}}'/></x>"
    send(server, app.jid, invite.format("bob@example.org/x"), "team@rooms.example.org", "")
    send(server, app.jid, invite.format("boss@example.org"), "team@rooms.evil.example", "")
    send(server, app.jid, invite.format(app.jid), "team@rooms.app.example.org", "")
    send(server, app.jid, "<subject>Down</subject><body>at noon</body>", "example.org", "type='headline'")
    settle(server, app)
    wait_for("both texts", lambda: contents(app) == {"carol@example.org": ["last"], "example.org": ["Down\nat noon"]})
    expected = {"team@rooms.example.org": {"bob@example.org"}, "team@rooms.evil.example": {"rooms.evil.example"},
                "team@rooms.app.example.org": {"rooms.app.example.org"}}
    wait_for("whose word is good", lambda: expected == {
        c["jid"]: {p["user"]["jid"] for p in c["participants"]} - {app.jid}
        for c in app.conversations(filter="requests")["items"] if c["type"] == "group"})


def test_repetitions_are_of_one_resource(world):
    server, app = world
    body = "<body>ok</body>"
    for resource in ("x", "x", "y"):
        send(server, app.jid, body, f"bob@example.org/{resource}", id="counted-17")
    settle(server, app, "bob@example.org/z")
    assert contents(app) == {"bob@example.org": ["ok", "ok", "last"]}


def test_the_better_witness_says_when_it_was_sent(world):
    server, app = world
    stamps = {
        "foreign, own": ("eve@evil.example", "2026-05-04T08:00:00Z", "example.org", "2026-05-04T09:00:00Z"),
        "own, foreign": ("example.org", "2026-05-04T09:00:00Z", "eve@evil.example", "2026-05-04T08:00:00Z"),
        "to come, past": ("example.org", "9999-12-31T23:59:59Z", "bob@example.org", "2026-05-04T09:00:00Z"),
        "year 1, past": ("example.org", "0001-01-01T00:00:00Z", "example.org", "2026-05-04T09:00:00Z")}
    with app.ws() as socket:
        for text, (one, at_one, other, at_other) in stamps.items():
            send(server, app.jid, f"<body>{text}</body><delay xmlns='{DELAY}' from='{one}' stamp='{at_one}'/>"
                                  f"<delay xmlns='{DELAY}' from='{other}' stamp='{at_other}'/>")
            message = socket.expect("message.new", content=text)["payload"]
            assert message["metadata"] == {"sent_at": "2026-05-04T09:00:00.000Z"}, text


@pytest.mark.parametrize("type", ["headline", "normal", None])
def test_an_event_is_one_whatever_its_type(world, type):
    server, app = world
    jid = f"dora-{uuid.uuid4().hex[:8]}@example.org"
    with app.ws() as socket:
        send(server, app.jid, "<body>hello</body>", jid + "/x")
        socket.expect("message.new", content="hello")
        send(server, app.jid, "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='%s'><item id='current'>"
             "<nick xmlns='%s'>Dora of %s</nick></item></items></event>" % (NICK, NICK, type), jid,
             f"type='{type}'" if type else "")
        assert socket.expect("user.updated", jid=jid)["payload"]["name"] == f"Dora of {type}"


def test_a_flood_of_one_sender_is_refused_and_hurts_nobody_else(running_stack):
    limits = {"xmpp_messages": "5/3600", "xmpp_stanzas": "20/3600", "xmpp_domain": "30/3600"}
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"limits": limits}, secret=server.secret) as daemon:
        server.wait_stream()
        app = App(daemon, "alice")
        app.jid = app.me()["jid"]
        busy = ("wait", "policy-violation", None)
        eve, evan, good = "eve@evil.example/x", "evan@evil.example/x", "bob@example.org/x"
        sent = [send(server, app.jid, f"<body>{n}</body>", eve) for n in range(7)]
        assert [error_of(server, id) for id in sent[5:]] == [busy] * 2
        for _ in range(13):
            server.send(f"<presence from='{eve}' to='{app.jid}'/>")
        server.send(f"<iq type='get' from='{eve}' to='{app.jid}' id='over'><ping xmlns='urn:xmpp:ping'/></iq>")
        answer = server.expect("an error", lambda s: s.name == "iq" and s.id == "over")
        assert answer.type == "error" and answer.child("jabber:client", "error").get("type") == "wait"
        for n in range(10):  # the domain's thirty with eve's twenty
            send(server, app.jid, f"<received xmlns='{RECEIPTS}' id='{n}'/>", evan)
        assert error_of(server, send(server, app.jid, "<body>over</body>", evan)) == busy
        settle(server, app)
        wait_for("what is within bounds", lambda: contents(app) == {
            "eve@evil.example": ["0", "1", "2", "3", "4"], "carol@example.org": ["last"]})
        assert metrics(daemon)["trestle_stanzas_limited_total"] == 4
        sent = app.send(app.conversation_with(jid="bob@example.org"), "out")
        server.expect("our own", lambda s: s.id == sent["id"])
        with app.ws() as socket:
            send(server, app.jid, "<body>hello</body>", good)
            socket.expect("message.new", content="hello")


def test_what_was_accepted_once_can_be_read_for_ever(world, bridge):
    """Of a time when stanzas alone had a bound; each is more than half a megabyte of JSON."""
    server, app = world
    start = app.call(200, "GET", "/api/sync")["cursor"]
    for n in range(40):
        send(server, app.jid, f"<body>needle {n}</body>")
    wait_for("all forty", lambda: len(contents(app).get("bob@example.org", ())) == 40)
    psql(bridge[1].info["database"], "UPDATE messages SET body = body || repeat(chr(92), 255000) WHERE body LIKE 'needle%'")
    names = [f"needle {n}" for n in range(40)]

    def walk(read, cursor, forward=False):
        seen, pages, page = [], 0, read()
        while True:
            found = [m["content"].strip(chr(92)) for m in page["items"]]
            assert found
            seen, pages = (seen + found) if forward else (found + seen), pages + 1
            if not page["has_more"]:
                return seen, pages
            page = read(**{cursor: page["next"]})
    talk = next(t for t in app.conversations()["items"] if t["jid"] == "bob@example.org")
    assert talk["last_message"]["content"].startswith("needle 39")
    first = app.call(200, "GET", f"/api/conversations/{talk['id']}/messages", limit=1, around=ident_of(app, talk, 0))
    assert walk(lambda **q: app.messages(talk, **q), "before") == (names, 3)
    assert walk(lambda **q: app.messages(talk, **{"after": first["items"][0]["id"], **q}), "after", True) == (names[1:], 3)
    assert walk(lambda **q: app.call(200, "GET", "/api/messages/search", q="needle", **q), "before", True) == (names[::-1], 3)
    synced, since = [], start
    while True:
        page = app.call(200, "GET", "/api/sync", since=since)
        synced += [f["payload"]["content"].strip(chr(92)) for f in page["items"] if f["type"] == "message.new"]
        since = page["cursor"]
        if not page["has_more"]:
            break
    assert synced == names
    with app.ws(resume=start) as socket, EventStream(app, last=start) as stream:
        for name in names:
            assert socket.expect("message.new")["payload"]["content"] == name + chr(92) * 255000
            assert stream.expect("message.new")["data"]["payload"]["content"] == name + chr(92) * 255000
