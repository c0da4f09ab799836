# SPDX-License-Identifier: GPL-3.0-or-later
"""What rooms have besides people and texts: a picture, hats, voice that is asked for, timers, votes, mentions, and edits
in the history that follows on entering."""
import base64
import hashlib
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.inbox import wait_for
from harness.muc import DELAY, MUC, Seat, codes, condition, occupant_id
from harness.pictures import png, size_of_png
from harness.rest import Api
from harness.xmpp import CLIENT, DISCO_INFO, XmppError
from test_room_admin import Manager
from test_rooms import REACTIONS, REPLY, Group

VCARD, UPDATE, HATS = "vcard-temp", "vcard-temp:x:update", "urn:xmpp:hats:0"
FORM, REQUEST = "jabber:x:data", f"{MUC}#request"
EPHEMERAL, CORRECTION, REFERENCE = "urn:xmpp:ephemeral:0", "urn:xmpp:message-correct:0", "urn:xmpp:reference:0"


@pytest.fixture
def group(stack, app, bob):
    return Group(stack, app, bob)


def card(photo=None):
    element = Element(f"{{{VCARD}}}vCard")
    if photo is not None:
        part = SubElement(element, f"{{{VCARD}}}PHOTO")
        SubElement(part, f"{{{VCARD}}}TYPE").text = "image/png"
        SubElement(part, f"{{{VCARD}}}BINVAL").text = base64.b64encode(photo).decode()
    return element


def photo_of(stanza):
    found = stanza.child(VCARD, "vCard").find(f"{{{VCARD}}}PHOTO/{{{VCARD}}}BINVAL")
    return found is not None and base64.b64decode(found.text)


def told_picture(seat):
    """The digest in the next presence of the room itself."""
    presence = seat.user.expect_stanza("picture of the room", lambda s: s.name == "presence" and s.sender == seat.room)
    return presence.child(UPDATE, "x").findtext(f"{{{UPDATE}}}photo")


def test_a_room_has_the_picture_of_its_group(stack, group, bob, xmpp):
    carol = xmpp("carol")
    seat = group.seat(bob, "Bob")
    seat.enter()
    path = f"/api/conversations/{group.made['id']}/icon"
    shown = group.alice.call(200, "PUT", path, png(96, 64), {"Content-Type": "image/png"})
    digest = shown["icon_url"].rpartition("/")[2]
    assert told_picture(seat) == digest
    bob.expect_stanza("104", lambda s: s.name == "message" and s.sender == group.room and codes(s) == [104])
    answer = bob.iq(group.room, card())
    picture = photo_of(answer)
    assert hashlib.sha1(picture).hexdigest() == digest and size_of_png(picture) == (96, 64)
    assert answer.child(VCARD, "vCard").findtext(f"{{{VCARD}}}FN") == "Team"
    fields = {f.get("var"): f.findtext(f"{{{FORM}}}value") for f in bob.iq(group.room, Element(f"{{{DISCO_INFO}}}query")).xml.iter(f"{{{FORM}}}field")}
    assert fields["muc#roominfo_avatarhash"] == digest
    seat.leave()
    followed = seat.enter()
    own = [s for s in followed if s.name == "presence" and s.sender == group.room]
    assert len(own) == 1 and followed.index(own[0]) == 3, "behind the people, before what was said"
    assert told_picture(seat) == digest
    # Who may not set it, and who is nobody there.
    for user, to, wanted in ((bob, card(png(8, 8)), "forbidden"), (carol, card(png(8, 8)), "forbidden")):
        with pytest.raises(XmppError) as caught:
            user.iq(group.room, to, "set")
        assert caught.value.condition == wanted
    with pytest.raises(XmppError) as caught:
        carol.iq(group.room, card())
    assert caught.value.condition == "forbidden"
    # Who may sets it for all.
    group.set(bob, permissions=["send_messages", "change_settings"])
    with group.alice.ws() as socket:
        bob.iq(group.room, card(png(32, 32, (1, 2, 3))), "set")
        new = told_picture(seat)
        assert socket.expect("conversation.updated", icon_url=f"/api/avatars/{new}")
        assert Api(stack).request("GET", f"/api/avatars/{new}").status == 200 and new != digest
        with pytest.raises(XmppError) as caught:
            bob.iq(group.room, card(b"no picture"), "set")
        assert caught.value.condition == "bad-request"
        bob.iq(group.room, card(), "set")
        assert told_picture(seat) in ("", None) and socket.expect("conversation.updated", icon_url=None)
    assert photo_of(bob.iq(group.room, card())) is False


def hats_of(presence):
    return [(h.get("uri"), h.get("title")) for h in presence.xml.iter(f"{{{HATS}}}hat")]


def test_hats_are_the_rooms_to_give(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    seat, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    seat.enter()
    other.enter()
    presence = Element(f"{{{CLIENT}}}presence", {"to": other.place})
    SubElement(SubElement(presence, f"{{{HATS}}}hats"), f"{{{HATS}}}hat", {"uri": "urn:x:boss", "title": "The boss"})
    SubElement(presence, "{urn:xmpp:occupant-id:0}occupant-id", {"id": "forged"})
    user = SubElement(presence, f"{{{MUC}}}user")
    SubElement(presence, f"{{{CLIENT}}}status").text = "believe me"
    carol.send_element(presence)
    shown = bob.expect_stanza("status", lambda s: s.name == "presence" and s.sender == other.place
                              and s.xml.findtext(f"{{{CLIENT}}}status") == "believe me")
    assert hats_of(shown) == [] and occupant_id(shown) != "forged" and user is not None
    assert len(list(shown.xml.iter("{urn:xmpp:occupant-id:0}occupant-id"))) == 1
    mark = len(bob.inbox.received)
    for rights in (["send_messages", "delete_messages"], ["send_messages"]):
        group.set(carol, permissions=rights)
    group.alice.send(group.made, "done")
    seat.hear("done")
    seen = [hats_of(s) for s in bob.inbox.received[mark:] if s.name == "presence" and s.sender == other.place]
    assert seen == [[("urn:trestle:hat:moderator", "Moderator")], []]


def voice(**fields):
    form = Element(f"{{{FORM}}}x", {"type": "submit"})
    for name, value in {"FORM_TYPE": REQUEST, **fields}.items():
        SubElement(SubElement(form, f"{{{FORM}}}field", {"var": name}), f"{{{FORM}}}value").text = value
    return form


def test_voice_is_asked_for_and_given(stack, app, bob, xmpp):
    carol = xmpp("carol")
    group = Group(stack, app, bob, carol, who_can_send="admins_only")
    seat, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    ask = Manager(bob, group.room)
    assert condition(bob.expect_stanza("refusal", lambda s, id=ask.message(voice(**{"muc#role": "participant"})):
                                       s.id == id and s.type == "error")) == "not-acceptable", "is not in the room"
    seat.enter()
    other.enter()
    group.set(carol, role="admin")
    other.see("Carol", role="moderator")
    seat.see("Bob", role="visitor")
    with group.alice.ws() as socket:
        ask.message(voice(**{"muc#role": "participant"}))
        asked = socket.expect("member.voice_asked")["payload"]
        assert asked["conversation_id"] == group.made["id"] and asked["user"]["jid"] == bob.bare
        shown = carol.expect_stanza("form", lambda s: s.name == "message" and s.sender == group.room and s.has(FORM, "x"))
        fields = {f.get("var"): f.findtext(f"{{{FORM}}}value") for f in shown.xml.iter(f"{{{FORM}}}field")}
        assert (fields["FORM_TYPE"], fields["muc#roomnick"], fields["muc#jid"]) == (REQUEST, "Bob", bob.bare)
        Manager(carol, group.room).message(voice(**{"muc#role": "participant", "muc#roomnick": "Bob", "muc#request_allow": "true"}))
        seat.see("Bob", role="participant")
        seat.say("now I may")
        assert socket.expect("message.new", content="now I may")
    # Once more it is not asked, and who may not give it gives nothing.
    assert condition(bob.expect_stanza("refusal", lambda s, id=ask.message(voice(**{"muc#role": "participant"})):
                                       s.id == id and s.type == "error")) == "not-allowed"
    group.set(bob, permissions=[])
    seat.see("Bob", role="visitor")
    given = ask.message(voice(**{"muc#role": "participant", "muc#roomnick": "Bob", "muc#request_allow": "true"}))
    assert condition(bob.expect_stanza("refusal", lambda s: s.id == given and s.type == "error")) == "forbidden"


def ephemeral(seconds):
    return Element(f"{{{EPHEMERAL}}}ephemeral", {"timer": str(seconds)})


def test_a_timer_set_in_a_room(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    refused = seat.say(None, extra=[ephemeral(3600)], origin=False)
    assert seat.error(refused) == "forbidden"
    group.set(bob, permissions=["send_messages", "change_settings"])
    with group.alice.ws() as socket:
        id = seat.say(None, extra=[ephemeral(3600)], origin=False)
        told = bob.expect_stanza("timer", lambda s: s.name == "message" and s.has(EPHEMERAL, "ephemeral") and s.sender == seat.place)
        assert (told.id, told.child(EPHEMERAL, "ephemeral").get("timer")) == (id, "3600")
        assert socket.expect("conversation.updated", disappearing_seconds=3600)
        said = group.alice.send(group.made, "goes")
        assert said["expires_at"] and seat.hear("goes").child(EPHEMERAL, "ephemeral").get("timer") == "3600"
    group.alice.call(200, "PATCH", f"/api/conversations/{group.made['id']}", {"disappearing_seconds": 0})
    assert bob.expect_stanza("no timer", lambda s: s.name == "message" and s.has(EPHEMERAL, "ephemeral") and s.body is None
                             and s.child(EPHEMERAL, "ephemeral").get("timer") == "0").sender == f"{group.room}/Alice"


def test_votes_and_mentions_of_who_is_in_a_room(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    poll = group.alice.call(201, "POST", f"/api/conversations/{group.made['id']}/messages", {
        "message_type": "poll", "poll": {"question": "Lunch?", "options": ["Noon", "One"]}})
    bob.expect_stanza("poll", lambda s: s.name == "message" and s.id == poll["id"] and "Lunch?" in (s.body or ""))

    def votes():
        return [o["votes"] for o in group.alice.call(200, "GET", f"/api/messages/{poll['id']}")["metadata"]["poll"]["options"]]

    with group.alice.ws() as socket:
        seat.say("2", extra=[Element(f"{{{REPLY}}}reply", {"to": f"{group.room}/Alice", "id": poll["id"]})])
        socket.expect("message.updated", id=poll["id"])
        assert votes() == [0, 1]
        reactions = Element(f"{{{REACTIONS}}}reactions", {"id": poll["id"]})
        SubElement(reactions, f"{{{REACTIONS}}}reaction").text = "1\ufe0f\u20e3"
        seat.say(None, extra=[reactions], origin=False)
        wait_for("the other vote", lambda: votes() == [1, 0])
        text = "look, Ann"
        seat.say(text, extra=[Element(f"{{{REFERENCE}}}reference", {"type": "mention", "begin": "6", "end": "9",
                                                                   "uri": f"xmpp:{group.room}/Ann"})])
        said = socket.expect("message.new", content=text)["payload"]
        assert [(m["user_id"], m["start"], m["end"]) for m in said["mentions"]] == [(group.ann.me()["id"], 6, 9)]
    assert group.ann.conversation(group.made)["unread_mentions"] == 1


def test_the_history_has_edits_as_the_archive_has(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    own = seat.say("from bbo")
    seat.hear("from bbo")
    for text in ("from bob", "from Bob"):
        seat.say(text, extra=[Element(f"{{{CORRECTION}}}replace", {"id": own})])
        seat.hear(text)
    said = group.alice.send(group.made, "from alcie")
    group.alice.call(200, "PATCH", f"/api/messages/{said['id']}", {"content": "from Alice"})
    seat.hear("from Alice")
    seat.leave()
    followed = [s for s in seat.enter() if s.name == "message" and s.body]
    corrections = {s.child(CORRECTION, "replace").get("id"): s for s in followed if s.has(CORRECTION, "replace")}
    assert {id: s.body for id, s in corrections.items()} == {own: "from Bob", said["id"]: "from Alice"}
    assert [s.sender for s in corrections.values()] == [f"{group.room}/Bob", f"{group.room}/Alice"]
    assert all(s.has(DELAY, "delay") for s in followed) and len({s.id for s in followed}) == len(followed)
    group.alice.call(200, "DELETE", f"/api/messages/{said['id']}")
    seat.leave()
    assert [s.body for s in seat.enter() if s.name == "message" and s.body] == ["from bbo", "from Bob"]
