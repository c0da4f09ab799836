# SPDX-License-Identifier: GPL-3.0-or-later
"""A service whose rooms say what they like: of what it makes up, nothing is believed that is not its own. The server is a
fake one, and plays the room."""
import itertools
import re
from xml.sax.saxutils import quoteattr

import pytest
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App

DISCO = "http://jabber.org/protocol/disco#info"
MUC = "http://jabber.org/protocol/muc"
MAM = "urn:xmpp:mam:2"
SID = "urn:xmpp:sid:0"
OCCUPANT = "urn:xmpp:occupant-id:0"
names = itertools.count()


class FakeRoom:
    """The room that Alice is in, or wants to be in."""

    def __init__(self, server, alice, archived=True, jid="den@muc.example.net"):
        self.server, self.alice, self.archived, self.jid = server, alice, archived, jid
        self.to = f"{alice.jid}/rest"

    def join(self):
        self.made = self.alice.call(201, "POST", "/api/groups/join", {"jid": self.jid})
        self.describe()

    def describe(self):
        asked = self.server.expect("what are you", lambda s: s.name == "iq" and s.to == self.jid and s.has(DISCO, "query"))
        features = "".join(f"<feature var='{f}'/>" for f in (MUC, SID, *([MAM] if self.archived else [])))
        self.server.send(f"<iq type='result' id='{asked.id}' from='{self.jid}' to='{self.to}'><query xmlns='{DISCO}'>"
                         f"<identity category='conference' type='text' name='The den'/>{features}</query></iq>")
        return self.server.expect("entering", lambda s: s.name == "presence" and s.to.startswith(f"{self.jid}/") and s.has(MUC, "x"))

    def present(self, nick, type="", codes=(), room=None, occupant=None, **item):
        item = {"affiliation": "none", "role": "participant", **item}
        self.server.send(
            f"<presence from={quoteattr(f'{room or self.jid}/{nick}')} to='{self.to}' {type and f'type={quoteattr(type)}'}>"
            f"<x xmlns='{MUC}#user'><item {' '.join(f'{k}={quoteattr(v)}' for k, v in item.items())}/>"
            + "".join(f"<status code='{c}'/>" for c in codes) + "</x>"
            + (f"<occupant-id xmlns='{OCCUPANT}' id='{occupant}'/>" if occupant else "") + "</presence>")

    def let_in(self, *results, nick="alice"):
        self.present(nick, codes=(110,), occupant="own")
        if self.archived:
            self.archive(*results)

    def archive(self, *results):
        asked = self.server.expect("the archive", lambda s: s.name == "iq" and s.to == self.jid and s.has(MAM, "query"))
        for id, xml in results:
            self.result(asked.child(MAM, "query").get("queryid"), id, xml)
        last = f"<last>{results[-1][0]}</last>" if results else ""
        self.server.send(f"<iq type='result' id='{asked.id}' from='{self.jid}' to='{self.to}'><fin xmlns='{MAM}' complete='true'>"
                         f"<set xmlns='http://jabber.org/protocol/rsm'>{last}</set></fin></iq>")
        return asked

    def result(self, query, id, xml, sender=None):
        self.server.send(f"<message from='{sender or self.jid}' to='{self.to}'><result xmlns='{MAM}' queryid='{query}' id='{id}'>"
                         f"<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>{xml}"
                         "</forwarded></result></message>")

    def text(self, nick, body, id, more="", archived=False, room=None):
        to = "" if archived else f"to='{self.to}'"
        return (f"<message xmlns='jabber:client' type='groupchat' from='{room or self.jid}/{nick}' {to} id='{id}'><body>{body}</body>"
                f"{more}</message>")

    def say(self, nick, body, id, wire=None, more="", room=None):
        named = f"<stanza-id xmlns='{SID}' by='{room or self.jid}' id='{wire}'/>" if wire else ""
        self.server.send(self.text(nick, body, id, named + more, room=room))

    def texts(self):
        return [m["content"] for m in self.alice.messages(self.made, limit=100)["items"]]

    def said(self, body):
        wait_for(f"{body} is there", lambda: body in self.texts())


@pytest.fixture(scope="module")
def world(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        yield server, daemon


def user(world, name="alice"):
    app = App(world[1], f"{name}{next(names)}", name=name)
    app.jid = app.me()["jid"]
    return app


@pytest.fixture
def room(world):
    return FakeRoom(world[0], user(world), jid=f"den{next(names)}@muc.example.net")


def test_rooms_that_nobody_asked_for(world, room):
    alice, server = room.alice, world[0]
    room.present("Eve")
    room.present("alice", codes=(110,))
    room.say("Eve", "Hello stranger", "f1", "w1")
    refused = server.expect("refused", lambda s: s.name == "message" and s.type == "error" and s.id == "f1")
    assert refused.to == f"{room.jid}/Eve"
    room.result("q", "w2", room.text("Eve", "from an archive", "f2", archived=True))
    assert alice.conversations(filter="all")["items"] == [] == alice.conversations(filter="requests")["items"]


def test_what_an_archive_was_not_asked_for(room):
    room.join()
    room.present("alice", codes=(110,), occupant="own")
    asked = room.server.expect("the archive", lambda s: s.name == "iq" and s.to == room.jid and s.has(MAM, "query"))
    query = asked.child(MAM, "query").get("queryid")
    room.result("another", "w1", room.text("Eve", "of another question", "f1", archived=True))
    room.result(query, "w2", room.text("Eve", "of another archive", "f2", archived=True), sender="eve@example.net")
    room.result(query, "w3", room.text("Eve", "of another room", "f3", archived=True, room="other@muc.example.net"))
    room.result(query, "w4", room.text("Eve", "right", "f4", archived=True))
    room.result(query, "w4", room.text("Eve", "twice", "f5", archived=True))
    room.server.send(f"<iq type='result' id='{asked.id}' from='eve@example.net' to='{room.to}'><fin xmlns='{MAM}' complete='true'/></iq>")
    room.say("Eve", "meanwhile", "f6", "w5")
    room.server.send(f"<iq type='result' id='{asked.id}' from='{room.jid}' to='{room.to}'><fin xmlns='{MAM}' complete='true'>"
                     "<set xmlns='http://jabber.org/protocol/rsm'><last>w4</last></set></fin></iq>")
    room.said("right")
    assert room.texts() == ["right"]
    again = room.archive(("w5", room.text("Eve", "meanwhile", "f6", archived=True)))
    assert "w4" in [e.text for e in again.xml.iter("{http://jabber.org/protocol/rsm}after")]
    room.say("Eve", "now", "f7", "w6")
    room.said("now")
    assert room.texts() == ["right", "meanwhile", "now"]
    assert room.alice.messages(room.made)["items"][0]["metadata"]["sent_at"].startswith("2026-01-02T03:04:05")


def test_ids_and_words_of_others(room):
    room.join()
    room.present("Eve", occupant="eve")
    room.let_in()
    sent = room.alice.send(room.made, "mine")
    room.server.expect("the message", lambda s: s.name == "message" and s.to == room.jid and s.id == sent["id"])
    room.say("Eve", "mine", sent["id"], "w1", f"<occupant-id xmlns='{OCCUPANT}' id='eve'/>")
    room.say("Eve", "spoofed", "f2", None, f"<stanza-id xmlns='{SID}' by='elsewhere.example' id='w9'/><stanza-id xmlns='{SID}' by='{room.jid}' id='w2'/>")
    room.say("Eve", "once", "f3", "w3")
    room.say("Eve", "once more", "f3", "w3")
    for xml in (f"<retract xmlns='urn:xmpp:message-retract:1' id='w3'><moderated xmlns='urn:xmpp:message-moderate:1' by='{room.jid}/Eve'/></retract>",):
        room.say("Eve", "moderated", "f4", "w4", xml)
    room.say("Eve", "end", "f5", "w5")
    room.said("end")
    messages = room.alice.messages(room.made)["items"]
    assert [(m["content"], m["status"]) for m in messages if m["id"] == sent["id"]] == [("mine", "sending")]
    assert [m["content"] for m in messages].count("once") == 1 and "once more" not in room.texts()
    room.server.send(f"<message type='groupchat' from='{room.jid}' to='{room.to}' id='f6'><retract xmlns='urn:xmpp:message-retract:1' id='w3'>"
                     f"<moderated xmlns='urn:xmpp:message-moderate:1' by='{room.jid}/Eve'/><reason>spam</reason></retract></message>")
    wait_for("taken away", lambda: "once" not in room.texts())
    room.say("alice", "mine", sent["id"], "w7", f"<occupant-id xmlns='{OCCUPANT}' id='own'/>")
    wait_for("said", lambda: [m["status"] for m in room.alice.messages(room.made)["items"] if m["id"] == sent["id"]] == ["sent"])
    assert room.texts().count("mine") == 2


def test_more_people_than_are_kept(room):
    room.join()
    for n in range(400):
        room.present(f"Crowd {n}", occupant=f"o{n}")
    room.let_in()
    room.say("Crowd 399", "I am not in the list", "f1", "w1", f"<occupant-id xmlns='{OCCUPANT}' id='o399'/>")
    room.said("I am not in the list")
    shown = room.alice.call(200, "GET", f"/api/conversations/{room.made['id']}")
    assert shown["member_count"] == 257 and shown["name"] == "The den"
    for n in range(400):
        room.present(f"Crowd {n}", "unavailable", occupant=f"o{n}", role="none")
    room.say("alice", "alone", "f2", "w2", f"<occupant-id xmlns='{OCCUPANT}' id='own'/>")
    wait_for("all gone", lambda: room.alice.call(200, "GET", f"/api/conversations/{room.made['id']}")["member_count"] == 1)


def test_a_bounce_fails_the_message_and_being_out_does_not(room):
    room.join()
    room.let_in()
    for condition, status in (("forbidden", "failed"), ("not-acceptable", "sending")):
        sent = room.alice.send(room.made, condition)
        heard = room.server.expect("the message", lambda s: s.name == "message" and s.to == room.jid and s.id == sent["id"])
        room.server.send(f"<message type='error' from='{room.jid}' to='{room.to}' id='{heard.id}'><error type='auth'>"
                         f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        wait_for(status, lambda: [m["status"] for m in room.alice.messages(room.made)["items"] if m["id"] == sent["id"]] == [status])
    room.describe()
    room.let_in()
    room.server.expect("said again", lambda s: s.name == "message" and s.to == room.jid and s.id == sent["id"])


def invite(room, inviter="carol@example.net", by_room=False):
    inside = (f"<x xmlns='{MUC}#user'><invite from='{inviter}'/></x>" if by_room
              else f"<x xmlns='jabber:x:conference' jid='{room.jid}'/>")
    room.server.send(f"<message from='{room.jid if by_room else inviter}' to='{room.alice.jid}' id='inv{next(names)}'>{inside}</message>")


def requests(alice):
    return alice.call(200, "GET", "/api/conversations?filter=requests&limit=100")["items"]


def test_invitations_of_those_who_are_blocked_and_floods(world):
    alice = user(world)
    fake = FakeRoom(world[0], alice)
    made = alice.call(201, "POST", "/api/conversations", {"jid": "carol@example.net"})
    carol = next(p["user"] for p in made["participants"] if p["user"]["jid"] == "carol@example.net")
    alice.call(200, "POST", f"/api/users/{carol['id']}/block")
    invite(fake)
    for n in range(60):
        invite(FakeRoom(world[0], alice, jid=f"flood{n}@muc.example.net"), f"eve{n}@example.net", by_room=n % 2 == 0)
    invite(FakeRoom(world[0], alice, jid="flood1@muc.example.net"), "eve@example.net")
    world[0].expect("refused", lambda s: s.name == "message" and s.type == "error" and s.sender.startswith(alice.jid))
    wait_for("fifty", lambda: len(requests(alice)) == 50)
    assert all(re.fullmatch(r"flood\d+@muc\.example\.net", c["jid"]) for c in requests(alice))


def test_a_room_without_an_archive_tells_by_itself(world):
    room = FakeRoom(world[0], user(world), archived=False, jid="old@muc.example.net")
    room.join()
    room.present("Eve")
    room.let_in()
    delay = f"<delay xmlns='urn:xmpp:delay' from='{room.jid}' stamp='2026-01-02T03:04:05Z'/>"
    room.server.send(room.text("Eve", "long ago", "f1", delay))
    room.server.send(f"<message type='groupchat' from='{room.jid}/Eve' to='{room.to}' id='s1'><subject>Old times</subject></message>")
    room.say("Eve", "now", "f2")
    room.said("now")
    assert room.texts() == ["long ago", "now"]
    assert room.alice.call(200, "GET", f"/api/conversations/{room.made['id']}")["elsewhere"]["subject"] == "Old times"
    sent = room.alice.send(room.made, "mine")
    room.server.expect("the message", lambda s: s.name == "message" and s.to == room.jid and s.id == sent["id"])
