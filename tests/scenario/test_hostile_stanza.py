# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile stanzas on the component link, from a fake server that passes on anything.

After each one the next good stanza still works, another app user is served meanwhile, no turn of the
loop takes over 20 ms and memory does not grow.
"""
import uuid

import pytest

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.rest import App
from harness.watch import metrics, never_stalls, resident

EVE = "eve@example.org/x"
STANZA_MAX = 262144


@pytest.fixture(scope="module")
def world(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        yield server, daemon, alice, bella, talk


def message(inside="", attributes="type='chat'", body=None, sender=EVE):
    body = "" if body is None else f"<body>{body}</body>"
    return (f"<message from='{sender}' to='alice@app.example.org' id='{uuid.uuid4()}' {attributes}>"
            f"{body}{inside}</message>")


def good_stanza_works(world):
    """A message and its receipt: all that was sent before has been dealt with."""
    server, _, alice, _, _ = world
    id = str(uuid.uuid4())
    with alice.ws() as socket:
        server.send(f"<message from='carol@example.org/x' to='alice@app.example.org' id='{id}' type='chat'>"
                    f"<body>{id}</body><request xmlns='urn:xmpp:receipts'/></message>")
        socket.expect("message.new", content=id)
    server.expect(f"receipt {id}", lambda s: s.has("urn:xmpp:receipts", "received")
                  and s.child("urn:xmpp:receipts", "received").get("id") == id)


def others_are_served(world):
    _, _, alice, bella, talk = world
    with bella.ws() as socket:
        sent = alice.send(talk, "Others go on")
        socket.expect("message.new", id=sent["id"])


def strike(world, data, streams=0):
    """Sends it without a stall; `streams`: how many new streams the bridge has to open because of it."""
    server, daemon, _, _, _ = world

    def attack():
        wanted = server.streams + streams
        server.send(data)
        others_are_served(world)
        server.wait_stream(wanted)
        good_stanza_works(world)
    never_stalls(daemon, attack)


NEST = "<a xmlns='urn:x'>"
OVER = {
    "50,000 children": message("<a/>" * 50_000), "1,001 children": message("<a/>" * 1001),
    "6,000 levels": message("<a>" * 6000 + "</a>" * 6000), "65 levels": message("<a>" * 64 + "</a>" * 64),
    "5,000 elements": message("".join(f"<a>{'<b/>' * 999}</a>" for _ in range(5))),
    "65 attributes": message("<a " + " ".join(f"a{n}='x'" for n in range(65)) + "/>"),
    "a stanza of one byte too many": message(body="x" * STANZA_MAX),
    "a body of newlines": message(body="\n" * STANZA_MAX), "a long attribute": message(f"<a x='{'x' * STANZA_MAX}'/>"),
    "a long name": message(f"<{'a' * STANZA_MAX}/>"), "1 MB of text": message(body="y" * 1_000_000),
    "entities": message(body="&lt;" * 80_000),
}


@pytest.mark.parametrize("what", OVER)
def test_a_stanza_over_a_limit_is_skipped_and_answered(world, what):
    server, daemon, alice, _, _ = world
    before, memory = metrics(daemon)["trestle_stanzas_over_limit_total"], resident(daemon)
    conversations = len(alice.conversations()["items"])
    strike(world, OVER[what])
    strike(world, OVER[what])
    assert metrics(daemon)["trestle_stanzas_over_limit_total"] >= before + 2
    id = OVER[what].partition("id='")[2].partition("'")[0]
    answer = server.expect("the error", lambda s: s.name == "message" and s.id == id and s.type == "error")
    assert answer.to == EVE and answer.body is None
    assert len(alice.conversations()["items"]) <= conversations + 1, "only Carol's"
    assert resident(daemon) - memory < 4 * 1024 * 1024


def test_right_at_the_limits(world):
    server, _, alice, _, _ = world
    plain = message(body="")
    most = STANZA_MAX - len(plain)
    with alice.ws() as socket:
        for inside in ("<a xmlns='urn:x'/>" * 990, "<a>" * 60 + "</a>" * 60):
            server.send(message(inside, body="at the limit", sender="mallory@example.org/x"))
            socket.expect("message.new", content="at the limit")
    strike(world, message(body="z" * most))
    strike(world, message(body="\n" * (most - 10)))


WELL_FORMED_ENOUGH = {
    "no from": "<message to='alice@app.example.org' type='chat'><body>x</body></message>",
    "no to": f"<message from='{EVE}' type='chat'><body>x</body></message>",
    "neither": "<message><body>x</body></message><presence/><iq/><iq type='get'/><iq type='get' id='1'/>",
    "empty addresses": "<message from='' to='' type='chat'><body>x</body></message><presence from='' to=''/>",
    "from our own domain": message(body="forged", sender="bella@app.example.org/rest"),
    "from our own domain in capitals": message(body="forged", sender="bella@APP.Example.ORG/rest"),
    "from our bare domain": message(body="forged", sender="app.example.org"),
    "to somebody else": f"<message from='{EVE}' to='bob@example.org' type='chat'><body>x</body></message>",
    "to a longer domain": f"<message from='{EVE}' to='alice@app.example.org.evil.example' type='chat'><body>x</body></message>",
    "bad addresses": "".join(f"<message from='{a}' to='alice@app.example.org' type='chat'><body>x</body></message>"
                             for a in ("@", "/", "a@", "@b", "a@b@c", "a b@c", "&#x7f;@c", "x" * 4000, "a@" + "b" * 1100)),
    "other namespaces": "<message xmlns='urn:other' to='alice@app.example.org' from='e@example.org'><body>x</body></message>"
                        "<features xmlns='http://etherx.jabber.org/streams'/><unknown/>",
    "carbons": message("<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
                       "<message xmlns='jabber:client' from='bob@example.org' to='alice@app.example.org' type='chat'>"
                       "<body>forged</body></message></forwarded></received>"),
    "MAM results": message("<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><message "
                           "xmlns='jabber:client' from='bob@example.org'><body>forged</body></message></forwarded></result>"),
    "IQ results": "".join(f"<iq type='{t}' id='{n}' from='{f}' to='app.example.org'/>"
                          for t in ("result", "error") for n in range(50) for f in (EVE, "example.org", "app.example.org")),
    "errors": "".join(message("<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
                              "type='error'") for _ in range(200)),
    "errors without an error": message("", "type='error'") * 50,
    "odd types": "".join(message(attributes=f"type='{t}'") for t in ("", "x" * 1000, "CHAT", "&#10;")),
    "text between stanzas": " \n" * 5000 + "text" * 1000,
    "empty bodies": message(body="") * 100, "many bodies": message("<body>a</body>" * 900),
    "chat states": message("<composing xmlns='http://jabber.org/protocol/chatstates'/>") * 300,
    "marks of nothing": "".join(message(f"<received xmlns='urn:xmpp:receipts' id='{i}'/><displayed "
                                        f"xmlns='urn:xmpp:chat-markers:0' id='{i}'/>")
                                for i in ("", "x", "0" * 36, uuid.uuid4(), "x" * 5000)),
    "presence": "".join(f"<presence from='eve{n}@example.org/x' to='alice@app.example.org' {t}/>" for n in range(30)
                        for t in ("", "type='probe'", "type='error'", "type='unavailable'", "type='nonsense'")),
    "IQ flood": "".join(f"<iq type='get' id='{n}' from='{EVE}' to='alice@app.example.org'><query xmlns='urn:x{n}'/></iq>"
                        for n in range(2000)),
    "garbage localparts": "".join(
        f"<message from='{EVE}' to='{local}@app.example.org' type='chat' id='g{n}'><body>x</body></message>"
        for n, local in enumerate(("nobody", "a.b", "x" * 1000, "&#x1F600;", "&#x202E;", "alice&#xAD;", "%00", "..",
                                   "u'; DROP TABLE users; --", "ALICE ", "&#x212A;elvin"))),
}


@pytest.mark.parametrize("what", WELL_FORMED_ENOUGH)
def test_odd_stanzas_change_nothing_and_cost_no_stream(world, what):
    server, daemon, alice, bella, talk = world
    memory, streams = resident(daemon), server.streams
    bodies = {"x", "forged", "a"}
    strike(world, WELL_FORMED_ENOUGH[what])
    seen = [m["content"] for c in alice.conversations(limit=100)["items"] if "eve" not in (c["jid"] or "")
            for m in alice.messages(c, limit=100)["items"]]
    assert not bodies & set(seen)
    forged = [c for c in alice.conversations(limit=100)["items"] if (c["jid"] or "").startswith("bob@")]
    assert forged == [] and server.streams == streams
    assert resident(daemon) - memory < 8 * 1024 * 1024


def test_no_answer_to_an_error(world):
    server = world[0]
    strike(world, WELL_FORMED_ENOUGH["errors"] + WELL_FORMED_ENOUGH["errors without an error"])
    ids = [part.partition("'")[0] for part in WELL_FORMED_ENOUGH["errors"].split("id='")[1:]]
    assert server.inbox.count(lambda s: s.id in ids) == 0


def test_requests_get_exactly_one_answer_each(world):
    server = world[0]
    run = uuid.uuid4().hex[:6]
    server.send("".join(f"<iq type='{t}' id='{run}-{t}-{n}' from='{EVE}' to='{to}'><q xmlns='urn:x'/></iq>"
                        for t in ("get", "set") for n in range(20) for to in ("alice@app.example.org",)))
    server.send(f"<iq type='get' id='{run}-none' from='{EVE}' to='alice@app.example.org'/>")
    good_stanza_works(world)
    answers = [s for s in server.inbox.received if (s.id or "").startswith(run)]
    assert len(answers) == 41 and {s.type for s in answers} == {"error"} and {s.to for s in answers} == {EVE}


LAUGHS = ("<!DOCTYPE lolz [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)) + "]>")
BROKEN = {
    "a DTD": "<!DOCTYPE x>", "billion laughs": LAUGHS + message(body="&j;"), "an entity": message(body="&unknown;"),
    "a comment": "<!-- x -->", "a comment inside": message("<!-- x -->"), "an instruction": "<?x y?>",
    "an instruction inside": message("<?php x?>"), "a second declaration": "<?xml version='1.0'?>",
    "not XML": "\x01\x02", "NUL": "\0", "bad UTF-8": b"<message><body>\xff</body></message>",
    "wrong end": "<message></presence>", "end of stream": "</stream:stream>", "a stray end": "</message>",
    "two attributes": "<message a='1' a='2'/>", "an unknown prefix": "<x:message/>",
    "a second stream": "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>"
                       + "</stream:stream>" * 2,
    "a stream error": "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    "character references": message(body="&#0;"), "an external entity": "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_xml_costs_the_stream_and_nothing_else(world, what):
    server, daemon, _, _, _ = world
    memory = resident(daemon)
    strike(world, BROKEN[what], streams=1)
    assert resident(daemon) - memory < 4 * 1024 * 1024


def test_a_spoofed_answer_to_the_bridges_ping_is_not_one(running_stack):
    """The bridge pings the server's domain; somebody else's result with the same id proves nothing."""
    with FakeXmpp() as server:
        options = {"xmpp": {"ping_interval": 1, "ping_timeout": 2}}
        with Daemon(running_stack, server.port, options, secret=server.secret) as daemon:
            server.wait_stream()
            server.answer_pings = False
            ping = server.expect("a ping", lambda s: s.has("urn:xmpp:ping", "ping"))
            for sender in (EVE, "evil.example", "bob@example.org", "app.example.org", "example.org/x"):
                server.send(f"<iq type='result' id='{ping.id}' from='{sender}' to='{ping.sender}'/>")
            server.answer_pings = True
            server.wait_stream(2)
            assert daemon.process.poll() is None


def test_a_stanza_byte_by_byte(world):
    server, _, alice, _, _ = world
    with alice.ws() as socket:
        for byte in message(body="slowly", sender="carol@example.org/x").encode():
            server.send(bytes([byte]))
        socket.expect("message.new", content="slowly")
