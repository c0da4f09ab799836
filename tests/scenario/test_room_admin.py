# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms made and managed by XMPP clients: configuration, affiliations, roles, invitations, the end."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.muc import MUC, Seat, codes, condition, item
from harness.xmpp import CLIENT, XmppError

ADMIN, OWNER, USER = f"{MUC}#admin", f"{MUC}#owner", f"{MUC}#user"
FORM, REGISTER = "jabber:x:data", "jabber:iq:register"


def refusal(client, *args, **kwargs):
    with pytest.raises(XmppError) as caught:
        client(*args, **kwargs)
    return caught.value.condition


class Manager:
    """What somebody asks of a room."""

    def __init__(self, user, room):
        self.user, self.room = user, room

    def iq(self, payload, type="get"):
        return self.user.iq(self.room, payload, type)

    def people(self, **which):
        query = Element(f"{{{ADMIN}}}query")
        SubElement(query, f"{{{ADMIN}}}item", which)
        answer = self.iq(query).child(ADMIN, "query")
        return {i.get("jid"): (i.get("nick"), i.get("affiliation"), i.get("role")) for i in answer}

    def change(self, *items):
        query = Element(f"{{{ADMIN}}}query")
        for attributes in items:
            reason = attributes.pop("reason", None)
            part = SubElement(query, f"{{{ADMIN}}}item", attributes)
            if reason:
                SubElement(part, f"{{{ADMIN}}}reason").text = reason
        return self.iq(query, "set")

    def form(self):
        fields = self.iq(Element(f"{{{OWNER}}}query")).child(OWNER, "query").iter(f"{{{FORM}}}field")
        return {f.get("var").rpartition("_")[2]: [v.text for v in f.iter(f"{{{FORM}}}value")] for f in fields}

    def configure(self, **fields):
        query = Element(f"{{{OWNER}}}query")
        form = SubElement(query, f"{{{FORM}}}x", {"type": "submit"})
        for name, value in {"FORM_TYPE": f"{MUC}#roomconfig"}.items() if fields else ():
            SubElement(SubElement(form, f"{{{FORM}}}field", {"var": name, "type": "hidden"}), f"{{{FORM}}}value").text = value
        for name, value in fields.items():
            field = SubElement(form, f"{{{FORM}}}field", {"var": f"muc#roomconfig_{name}"})
            SubElement(field, f"{{{FORM}}}value").text = value
        return self.iq(query, "set")

    def destroy(self, reason):
        query = Element(f"{{{OWNER}}}query")
        SubElement(SubElement(query, f"{{{OWNER}}}destroy"), f"{{{OWNER}}}reason").text = reason
        return self.iq(query, "set")

    def message(self, *children):
        id = uuid.uuid4().hex
        stanza = Element(f"{{{CLIENT}}}message", {"to": self.room, "id": id})
        stanza.extend(children)
        self.user.send_element(stanza)
        return id

    def invite(self, jid, reason="come"):
        x = Element(f"{{{USER}}}x")
        SubElement(SubElement(x, f"{{{USER}}}invite", {"to": jid}), f"{{{USER}}}reason").text = reason
        return self.message(x)


@pytest.fixture
def room(stack, bob):
    """One that bob has made, and is in."""
    seat = Seat(bob, f"r{uuid.uuid4().hex[:12]}@{stack.rooms_domain}", "Bob")
    first = seat.enter()
    assert sorted(codes(first[0])) == [110, 170, 201] and item(first[0])["affiliation"] == "owner"
    Manager(bob, seat.room).configure(membersonly="1")
    return seat


def invitation(user, room):
    message = user.expect_stanza(f"invitation to {room}", lambda s: s.name == "message" and s.sender == room
                                 and s.child(USER, "x") is not None and s.child(USER, "x").find(f"{{{USER}}}invite") is not None)
    return message.child(USER, "x").find(f"{{{USER}}}invite")


def test_making_and_configuring_a_room(stack, bob, xmpp, alice):
    carol = xmpp("carol")
    seat = Seat(bob, f"r{uuid.uuid4().hex[:12]}@{stack.rooms_domain}", "Bob")
    manage = Manager(bob, seat.room)
    seat.enter()
    assert Seat(carol, seat.room, "Carol").refused() == "item-not-found", "nobody enters before it is configured"
    form = manage.form()
    assert form["membersonly"] == ["0"] and form["publicroom"] == ["1"] and form["maxusers"] == ["256"]
    manage.configure(roomname="Books", roomdesc="What we read", moderatedroom="0", membersonly="1")
    assert Seat(carol, seat.room, "Carol").refused() == "registration-required"
    assert manage.form()["roomname"] == ["Books"]
    assert refusal(manage.configure, passwordprotectedroom="1", roomsecret="x") == "not-acceptable"
    assert refusal(manage.configure, maxusers="many") == "bad-request"
    assert refusal(Manager(carol, seat.room).form) == refusal(Manager(carol, seat.room).configure, roomname="Mine") == "forbidden"
    manage.change({"affiliation": "member", "jid": alice.jid})
    talk = next(c for c in alice.conversations()["items"] + alice.conversations(filter="requests")["items"] if c["jid"] == seat.room)
    assert talk["name"] == "Books" and talk["description"] == "What we read"
    manage.configure(membersonly="0")
    other = Seat(carol, seat.room, "Carol")
    assert 170 in codes(next(p for p in other.enter() if p.sender == other.place))


def test_a_room_that_is_not_configured_is_given_up(stack, bob):
    seat = Seat(bob, f"r{uuid.uuid4().hex[:12]}@{stack.rooms_domain}", "Bob")
    seat.enter()
    query = Element(f"{{{OWNER}}}query")
    SubElement(query, f"{{{FORM}}}x", {"type": "cancel"})
    Manager(bob, seat.room).iq(query, "set")
    assert seat.see("Bob", "unavailable").child(USER, "x").find(f"{{{USER}}}destroy") is not None
    assert refusal(Manager(bob, seat.room).form) == "item-not-found"


def test_affiliations(room, bob, xmpp, alice, stack):
    carol, manage = xmpp("carol"), Manager(bob, room.room)
    manage.change({"affiliation": "member", "jid": carol.bare}, {"affiliation": "member", "jid": alice.jid})
    assert invitation(carol, room.room).get("from") == bob.bare
    assert manage.people(affiliation="member").keys() >= {carol.bare}
    seat = Seat(carol, room.room, "Carol")
    seat.enter()
    room.see("Carol")
    assert refusal(Manager(carol, room.room).change, {"affiliation": "admin", "jid": carol.bare}) == "forbidden"
    assert refusal(Manager(carol, room.room).people, affiliation="outcast") == "forbidden"
    assert bob.bare in Manager(carol, room.room).people(affiliation="owner"), "members of a private room see who is one"
    manage.change({"affiliation": "admin", "jid": carol.bare})
    assert item(room.see("Carol")) | {"jid": ""} == {"affiliation": "admin", "role": "moderator", "jid": ""}
    assert refusal(manage.change, {"affiliation": "member", "jid": bob.bare}) == "conflict", "the last owner"
    bad = ({"affiliation": "king", "jid": carol.bare}, {"affiliation": "member"}, {"jid": carol.bare}, {"affiliation": "member", "jid": "@@"})
    assert {refusal(manage.change, one) for one in bad} == {"bad-request"}
    nobody = f"nobody-{uuid.uuid4().hex}@{stack.app_domain}"
    assert refusal(manage.change, {"affiliation": "none", "jid": carol.bare}, {"affiliation": "member", "jid": nobody}) == "item-not-found"
    assert carol.bare in manage.people(affiliation="admin"), "all or nothing"
    manage.change({"affiliation": "none", "jid": carol.bare, "reason": "moved on"})
    gone = room.see("Carol", "unavailable")
    assert codes(gone) == [321] and gone.child(USER, "x").find(f"{{{USER}}}item/{{{USER}}}reason").text == "moved on"
    assert seat.refused() == "registration-required"


def test_bans_and_kicks(room, bob, xmpp):
    carol, manage = xmpp("carol"), Manager(bob, room.room)
    manage.change({"affiliation": "member", "jid": carol.bare})
    seat = Seat(carol, room.room, "Carol")
    seat.enter()
    assert refusal(Manager(carol, room.room).change, {"nick": "Bob", "role": "none"}) == "forbidden"
    manage.change({"nick": "Carol", "role": "none", "reason": "calm down"})
    told = seat.see("Carol", "unavailable")
    assert sorted(codes(told)) == [110, 307] and sorted(codes(room.see("Carol", "unavailable"))) == [307]
    seat.enter()
    room.see("Carol")
    manage.change({"affiliation": "outcast", "jid": carol.bare})
    assert sorted(codes(seat.see("Carol", "unavailable"))) == [110, 301]
    assert seat.refused() == "forbidden" and manage.people(affiliation="outcast") == {carol.bare: (None, "outcast", "none")}
    manage.change({"affiliation": "none", "jid": carol.bare})
    assert manage.people(affiliation="outcast") == {} and seat.refused() == "registration-required"
    assert refusal(manage.change, {"affiliation": "outcast", "jid": bob.bare}) in ("forbidden", "conflict")


def test_voice(room, bob, xmpp):
    carol, manage = xmpp("carol"), Manager(bob, room.room)
    manage.change({"affiliation": "member", "jid": carol.bare})
    seat = Seat(carol, room.room, "Carol")
    seat.enter()
    manage.change({"nick": "Carol", "role": "visitor"})
    bob.expect_stanza("no voice", lambda s: s.name == "presence" and s.sender == seat.place and item(s)["role"] == "visitor")
    assert seat.error(seat.say("may I?")) == "forbidden"
    manage.change({"nick": "Carol", "role": "participant"})
    seat.say("thank you")
    room.hear("thank you")
    manage.change({"nick": "Carol", "role": "moderator"})
    assert carol.bare in manage.people(role="moderator") and carol.bare not in manage.people(role="participant")


def test_invitations(room, bob, xmpp, alice):
    carol, dave, manage = xmpp("carol"), xmpp("dave"), Manager(bob, room.room)
    manage.invite(carol.bare, "we talk of books")
    invite = invitation(carol, room.room)
    assert (invite.get("from"), invite.find(f"{{{USER}}}reason").text) == (bob.bare, "we talk of books")
    x = Element(f"{{{USER}}}x")
    SubElement(SubElement(x, f"{{{USER}}}decline", {"to": bob.bare}), f"{{{USER}}}reason").text = "no time"
    Manager(carol, room.room).message(x)
    declined = bob.expect_stanza("refusal of an invitation", lambda s: s.name == "message" and s.child(USER, "x") is not None
                                 and s.child(USER, "x").find(f"{{{USER}}}decline") is not None)
    assert declined.child(USER, "x").find(f"{{{USER}}}decline").get("from") == carol.bare
    assert Seat(carol, room.room, "Carol").refused() == "registration-required"
    stranger = Manager(dave, room.room)
    assert condition(dave.expect_stanza("refusal", lambda s, id=stranger.invite(dave.bare): s.id == id and s.type == "error")) == "forbidden"
    with alice.ws() as socket:
        manage.invite(alice.jid)
        assert socket.expect("conversation.new")["payload"]["jid"] == room.room


def test_registering_a_nick(room, bob, xmpp):
    carol, manage = xmpp("carol"), Manager(bob, room.room)

    def register(name=None, remove=False, type="set"):
        query = Element(f"{{{REGISTER}}}query")
        if remove:
            SubElement(query, f"{{{REGISTER}}}remove")
        elif name:
            form = SubElement(query, f"{{{FORM}}}x", {"type": "submit"})
            for var, value in (("FORM_TYPE", f"{MUC}#register"), ("muc#register_roomnick", name)):
                SubElement(SubElement(form, f"{{{FORM}}}field", {"var": var}), f"{{{FORM}}}value").text = value
        return Manager(carol, room.room).iq(query, type)

    assert refusal(register, "Carol") == "registration-required"
    manage.change({"affiliation": "member", "jid": carol.bare})
    assert refusal(register, "Bob") == "conflict"
    register("Carolina")
    assert manage.people(affiliation="member")[carol.bare][0] == "Carolina"
    register(remove=True)
    assert carol.bare not in manage.people(affiliation="member")


def test_the_end_of_a_room(room, bob, xmpp, alice):
    carol, manage = xmpp("carol"), Manager(bob, room.room)
    manage.change({"affiliation": "member", "jid": carol.bare}, {"affiliation": "member", "jid": alice.jid})
    seat = Seat(carol, room.room, "Carol")
    seat.enter()
    assert refusal(Manager(carol, room.room).destroy, "mine") == "forbidden"
    with alice.ws() as socket:
        manage.destroy("we are done")
        end = seat.see("Carol", "unavailable").child(USER, "x")
        assert end.find(f"{{{USER}}}destroy/{{{USER}}}reason").text == "we are done"
        assert socket.expect("conversation.removed")["payload"]["reason"] == "destroyed"
    assert refusal(manage.form) == "item-not-found"
    assert Seat(bob, room.room, "Bob").refused() == "item-not-found", "nobody else gets its name"


def test_a_group_of_the_api_ends_in_its_room(stack, app, bob):
    from test_rooms import Group
    group = Group(stack, app, bob)
    seat = group.seat(bob, "Bob")
    seat.enter()
    group.alice.call(200, "DELETE", f"/api/groups/{group.made['id']}")
    assert seat.see("Bob", "unavailable").child(USER, "x").find(f"{{{USER}}}destroy") is not None
