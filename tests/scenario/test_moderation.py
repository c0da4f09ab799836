# SPDX-License-Identifier: GPL-3.0-or-later
"""Moderators on XMPP take away what others said in a room (XEP-0425), by both forms of the request."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.muc import Seat, stanza_id
from harness.xmpp import DISCO_INFO, XmppError

MODERATE, RETRACT = "urn:xmpp:message-moderate:1", "urn:xmpp:message-retract:1"
OLD, RETRACT_OLD, FASTEN = "urn:xmpp:message-moderate:0", "urn:xmpp:message-retract:0", "urn:xmpp:fasten:0"
OCCUPANT_ID = "urn:xmpp:occupant-id:0"


def request(id, reason=None):
    moderate = Element(f"{{{MODERATE}}}moderate", {"id": id})
    SubElement(moderate, f"{{{RETRACT}}}retract")
    if reason:
        SubElement(moderate, f"{{{MODERATE}}}reason").text = reason
    return moderate


def old_request(id, reason):
    fastened = Element(f"{{{FASTEN}}}apply-to", {"id": id})
    moderate = SubElement(fastened, f"{{{OLD}}}moderate")
    SubElement(moderate, f"{{{RETRACT_OLD}}}retract")
    SubElement(moderate, f"{{{OLD}}}reason").text = reason
    return fastened


def refusal(user, room, payload):
    with pytest.raises(XmppError) as caught:
        user.iq(room, payload, "set")
    return caught.value.condition


def told(user, room, id):
    """What the room says of message ID: (by whom, why) in the new form, and in the old one."""
    message = user.expect_stanza(f"moderation of {id}", lambda s: s.type == "groupchat" and s.sender == room
                                 and s.has(RETRACT, "retract") and s.child(RETRACT, "retract").get("id") == id)
    new, fastened = message.child(RETRACT, "retract"), message.child(FASTEN, "apply-to")
    moderated, old = new.find(f"{{{MODERATE}}}moderated"), fastened.find(f"{{{OLD}}}moderated")
    assert fastened.get("id") == id and old.find(f"{{{RETRACT_OLD}}}retract") is not None
    assert moderated.find(f"{{{OCCUPANT_ID}}}occupant-id").get("id")
    return [(moderated.get("by"), new.findtext(f"{{{RETRACT}}}reason")), (old.get("by"), old.findtext(f"{{{OLD}}}reason"))]


def test_a_moderator_on_xmpp_takes_messages_away(app, xmpp):
    alice, bob, carol = app("alice"), xmpp("bob"), xmpp("carol")
    talk = alice.call(201, "POST", "/api/groups", {"name": "Us", "members": [{"jid": bob.bare}, {"jid": carol.bare}]})
    room = talk["jid"]
    at_bob, at_carol = Seat(bob, room, "Bob"), Seat(carol, room, "Carol")
    for seat in (at_bob, at_carol):
        seat.enter()
    people = alice.call(200, "GET", f"/api/conversations/{talk['id']}/members")["items"]
    ids = {p["user"]["jid"]: p["user"]["id"] for p in people}
    alice.call(200, "PUT", f"/api/conversations/{talk['id']}/members/{ids[bob.bare]}", {"role": "admin"})
    features = {f.get("var") for f in bob.iq(room, Element(f"{{{DISCO_INFO}}}query")).child(DISCO_INFO, "query")}
    assert {MODERATE, OLD, RETRACT} <= features
    with alice.ws() as socket:
        first = alice.send(talk, "From an app")
        at_carol.say("From carol")
        second = stanza_id(at_bob.hear("From carol"))[0][1]
        assert refusal(carol, room, request(first["id"])) == "forbidden"
        assert refusal(carol, room, request(str(uuid.uuid4()))) == "forbidden"
        assert refusal(bob, room, request(str(uuid.uuid4()))) == refusal(bob, room, request("x")) == "item-not-found"
        assert refusal(bob, room, Element(f"{{{MODERATE}}}moderate", {"id": second})) == "bad-request"
        bob.iq(room, request(second, "rude"), "set")
        assert told(carol, room, second) == told(bob, room, second) == [(at_bob.place, "rude")] * 2
        gone = socket.expect("message.deleted", message_id=second)["payload"]
        assert (gone["reason"], gone["by"]) == ("moderator", ids[bob.bare])
        bob.iq(room, old_request(first["id"], "spam"), "set")
        assert told(carol, room, first["id"]) == [(at_bob.place, "spam")] * 2
        socket.expect("message.deleted", message_id=first["id"])
        bob.iq(room, request(second), "set")  # it is away already
        at_bob.leave()
        third = alice.send(talk, "Not for who has left")
        assert refusal(bob, room, request(third["id"])) == "item-not-found"
    assert [m["content"] for m in alice.messages(talk)["items"] if m["message_type"] != "system"] \
        == [None, None, "Not for who has left"]


@pytest.mark.parametrize("rule, body, file", [({"media": "none"}, "https://files.example.net/a.png", True), ({"filter": "links"}, "see https://x.example", False)])
def test_what_a_group_does_not_want_is_refused_to_people_on_xmpp(app, xmpp, rule, body, file):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.call(201, "POST", "/api/groups", {"name": "Us", "members": [{"jid": bob.bare}], "settings": {"moderation": rule}})
    room = talk["jid"]
    Seat(bob, room, "Bob").enter()
    id = str(uuid.uuid4())
    oob = f"<x xmlns='jabber:x:oob'><url>{body}</url></x>" if file else ""
    bob.send_raw(f"<message xmlns='jabber:client' to='{room}' type='groupchat' id='{id}'><body>{body}</body>{oob}</message>")
    refused = bob.expect_stanza("the refusal", lambda s: s.name == "message" and s.type == "error" and s.id == id)
    assert "policy-violation" in repr(refused)
    bob.send_raw(f"<message xmlns='jabber:client' to='{room}' type='groupchat' id='x{id}'><body>A word</body></message>")
    bob.expect_stanza("the word", lambda s: s.type == "groupchat" and s.body == "A word")
    assert [m["content"] for m in alice.messages(talk)["items"] if m["message_type"] == "text"] == ["A word"]
