# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms and people of other servers, from a fake server that passes on anything: what is forged, what bounces, what is too much."""
import contextlib
import signal
import uuid

import pytest
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.muc import MUC, codes, condition, item, occupant_id, stanza_id
from harness.rest import App, http_request

ROOMS = "rooms.app.example.org"
CAROL, DAVE = "carol@remote.example", "dave@elsewhere.example"


class TwoLinks(FakeXmpp):
    """Says everything on all links: a stanza for one domain is dropped by that of another."""

    def __init__(self):
        super().__init__()
        self.links = []

    def _on_element(self, connection, element):
        if connection not in self.links:
            self.links.append(connection)
        super()._on_element(connection, element)

    def send(self, xml):
        for connection in list(self.links):
            with self._sending, contextlib.suppress(OSError):
                connection.sendall(xml.encode())

    def enter(self, room, address, nick, inside=""):
        self.send(f"<presence from='{address}' to='{room}/{nick}'><x xmlns='{MUC}'/>{inside}</presence>")
        return self.expect(f"subject for {address}", lambda s: s.to == address and s.has("jabber:client", "subject"))

    def told(self, address, what, fits):
        return self.expect(what, lambda s: s.to == address and fits(s))


@pytest.fixture(scope="module")
def world(running_stack):
    with TwoLinks() as server, Daemon(running_stack, server.port, {"xmpp": {"rooms_domain": ROOMS}}, secret=server.secret) as daemon:
        server.wait_stream(2)
        wait_for("both links", lambda: http_request(daemon.info["admin"], "GET", "/readyz").json["parts"].get("rooms_link") == "up")
        alice = App(daemon, "alice")
        alice.daemon = daemon
        yield server, alice


@pytest.fixture
def room(world):
    """A new group of alice's, who asks carol and dave to come."""
    _, alice = world
    return alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"jid": CAROL}, {"jid": DAVE}]})


def texts(alice, room):
    return [m["content"] for m in alice.messages(room)["items"] if m["sender"]]


def test_who_is_of_another_server_is_in_the_room(world, room):
    server, alice = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    server.enter(room["jid"], f"{DAVE}/x", "Dave")
    id = uuid.uuid4().hex
    server.send(f"<message from='{CAROL}/x' to='{room['jid']}' type='groupchat' id='{id}'><body>hello</body></message>")
    for address in (f"{CAROL}/x", f"{DAVE}/x"):
        heard = server.told(address, "hello", lambda s: s.body == "hello" and s.sender.startswith(room["jid"]))
        assert (heard.id, heard.sender, stanza_id(heard)) == (id, f"{room['jid']}/Carol", [(room["jid"], alice.messages(room)["items"][-1]["id"])])


def test_a_server_that_is_lost_is_noticed(world, room):
    server, alice = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    server.enter(room["jid"], f"{DAVE}/x", "Dave")
    alice.send(room, "is anybody there?")
    server.told(f"{DAVE}/x", "the question", lambda s: s.body == "is anybody there?")
    server.send(f"<message from='{DAVE}/x' to='{room['jid']}/{alice.me()['username']}' type='error' id='e'><error type='cancel'>"
                "<remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
    gone = server.told(f"{CAROL}/x", "dave's leaving", lambda s: s.type == "unavailable" and s.sender == f"{room['jid']}/Dave")
    assert sorted(codes(gone)) == [307, 333]
    # An error of somebody who only refuses something is none of those.
    server.send(f"<message from='{CAROL}/x' to='{room['jid']}' type='error' id='e'><error type='wait'>"
                "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
    alice.send(room, "carol stays")
    server.told(f"{CAROL}/x", "what is said then", lambda s: s.body == "carol stays")


def test_nobody_speaks_for_others(world, room):
    server, alice = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    mallory = "mallory@evil.example/x"
    for sender in (mallory, f"{CAROL}/other", CAROL):
        id = uuid.uuid4().hex
        server.send(f"<message from='{sender}' to='{room['jid']}' type='groupchat' id='{id}'><body>forged</body></message>")
        assert condition(server.expect("refusal", lambda s: s.type == "error" and s.id == id)) == "not-acceptable"
    server.send(f"<message from='{room['jid']}/Carol' to='{room['jid']}' type='groupchat' id='own'><body>forged</body></message>"
                f"<presence from='{mallory}' to='{room['jid']}/Carol' type='unavailable'/>"
                f"<presence from='{mallory}' to='{room['jid']}/Carol'/>")
    refused = server.told(mallory, "refusal", lambda s: s.name == "presence" and s.type == "error")
    assert condition(refused) == "not-acceptable"
    server.send(f"<message from='{CAROL}/x' to='{room['jid']}' type='groupchat' id='{uuid.uuid4().hex}'><body>it is me</body></message>")
    server.told(f"{CAROL}/x", "the own words", lambda s: s.body == "it is me")
    assert texts(alice, room) == ["it is me"]


def test_rooms_take_nothing_while_messages_are_switched_off(world, room):
    """Neither what is for everybody, nor a subject, nor what is for one; each is told, and nothing is kept or passed on."""
    server, alice = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    server.enter(room["jid"], f"{DAVE}/x", "Dave")

    def switch(value):
        seen = alice.daemon.logged().count("event=features-switched")
        alice.daemon.configure({"features": {"messages": value}})
        alice.daemon.process.send_signal(signal.SIGHUP)
        wait_for("the switch", lambda: alice.daemon.logged().count("event=features-switched") > seen)
    switch("off")
    try:
        for to, type, inside in ((room["jid"], "groupchat", "<body>off</body>"), (room["jid"], "groupchat", "<subject>off</subject>"),
                                 (f"{room['jid']}/Dave", "chat", "<body>off</body>")):
            id = uuid.uuid4().hex
            server.send(f"<message from='{CAROL}/x' to='{to}' type='{type}' id='{id}'>{inside}</message>")
            refusal = server.told(f"{CAROL}/x", "the refusal", lambda s, id=id: s.type == "error" and s.id == id)
            assert condition(refusal) == "service-unavailable", inside
    finally:
        switch("on")
    server.send(f"<message from='{CAROL}/x' to='{room['jid']}' type='groupchat' id='{uuid.uuid4().hex}'><body>on again</body></message>")
    heard = server.told(f"{DAVE}/x", "what is said", lambda s: s.body in ("off", "on again"))
    assert heard.body == "on again" and texts(alice, room) == ["on again"]


def test_what_a_presence_claims_is_not_believed(world, room):
    server, _ = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    server.enter(room["jid"], f"{DAVE}/x", "Dave", "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator'/>"
                 "<status code='110'/></x><occupant-id xmlns='urn:xmpp:occupant-id:0' id='stolen'/><status>here</status>"
                 "<hats xmlns='urn:xmpp:hats:0'><hat title='Boss' uri='urn:boss'/></hats>")
    seen = server.told(f"{CAROL}/x", "dave", lambda s: s.name == "presence" and s.sender == f"{room['jid']}/Dave")
    assert item(seen) == {"affiliation": "member", "role": "participant", "jid": f"{DAVE}/x"} and codes(seen) == []
    assert occupant_id(seen) != "stolen" and "Boss" not in repr(seen) and "here" in repr(seen)


@pytest.mark.parametrize("nick, refusal", [("", "jid-malformed"), ("x" * 300, "not-acceptable"), ("\u2060", "not-acceptable"), ("Carоl", "conflict")])
def test_nicks_that_are_none(world, room, nick, refusal):
    server, _ = world
    server.enter(room["jid"], f"{CAROL}/x", "Carol")
    to = f"{room['jid']}/{nick}" if nick else room["jid"]
    server.send(f"<presence from='{DAVE}/x' to='{to}' id='{uuid.uuid4()}'><x xmlns='{MUC}'/></presence>")
    assert condition(server.told(f"{DAVE}/x", "refusal", lambda s: s.name == "presence" and s.type == "error")) == refusal


def test_many_at_once(world):
    """40 people with two sessions each, who enter and speak: all see one order, and nobody misses anything."""
    server, alice = world
    people = [f"p{n}@remote.example" for n in range(40)]
    group = alice.call(201, "POST", "/api/groups", {"name": "Many", "members": [{"jid": jid} for jid in people]})
    addresses = [f"{jid}/{resource}" for jid in people for resource in ("a", "b")]
    server.send("".join(f"<presence from='{address}' to='{group['jid']}/{address.partition('@')[0]}'><x xmlns='{MUC}'/></presence>"
                        for address in addresses))
    for address in addresses:
        server.told(address, f"subject for {address}", lambda s: s.has("jabber:client", "subject") and s.sender == group["jid"])
    server.send("".join(f"<message from='{jid}/a' to='{group['jid']}' type='groupchat' id='{uuid.uuid4().hex}'><body>{jid}</body></message>"
                        for jid in people))
    order = wait_for("all is stored", lambda: texts(alice, group) if len(texts(alice, group)) == len(people) else None)[0]
    for address in addresses:
        server.told(address, "the last", lambda s: s.body == order[-1])
    heard = {address: [s.body for s in server.inbox.received if s.to == address and s.body in people and s.type == "groupchat"] for address in addresses}
    assert all(list(dict.fromkeys(bodies)) == order for bodies in heard.values())
