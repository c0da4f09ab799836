# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups as rooms for XMPP clients: entering, being there, talking, leaving; and what survives."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness import fault
from harness.database import database
from harness.inbox import wait_for
from harness.muc import DELAY, MUC, Seat, codes, item, occupant_id, stanza_id
from harness.xmpp import CHATSTATES, DISCO_INFO, DISCO_ITEMS, MARKERS, ORIGIN_ID, PING, VERSION, XmppError

REACTIONS = "urn:xmpp:reactions:0"
REPLY = "urn:xmpp:reply:0"


class Group:
    """A group of two app users, alice and ann, and those on XMPP whom alice asks to come."""

    def __init__(self, stack, app, *invited, **settings):
        self.stack = stack
        self.alice, self.ann = app("alice"), app("ann")
        for user, name in ((self.alice, "Alice"), (self.ann, "Ann")):
            user.call(200, "PATCH", "/api/users/me", {"name": name})
        self.made = self.alice.call(201, "POST", "/api/groups", {
            "name": "Team", "description": "of ours", "settings": settings,
            "members": [{"user_id": self.ann.me()["id"]}, *({"jid": user.bare} for user in invited)]})
        self.room = self.made["jid"]
        self.jids = [user.me()["jid"] for user in (self.alice, self.ann)]

    def invite(self, user):
        self.alice.call(200, "POST", f"/api/conversations/{self.made['id']}/members", {"members": [{"jid": user.bare}]})

    def member(self, user):
        return next(p for p in self.alice.call(200, "GET", f"/api/conversations/{self.made['id']}/members")["items"]
                    if p["user"]["jid"] == user.bare)

    def set(self, user, **changes):
        return self.alice.call(200, "PUT", f"/api/conversations/{self.made['id']}/members/{self.member(user)['user']['id']}", changes)

    def remove(self, user):
        self.alice.call(200, "DELETE", f"/api/conversations/{self.made['id']}/members/{self.member(user)['user']['id']}")

    def seat(self, user, nick):
        return Seat(user, self.room, nick)


@pytest.fixture
def group(stack, app, bob):
    return Group(stack, app, bob)


def test_entering_a_room(group, bob):
    sent = [group.alice.send(group.made, f"earlier {n}") for n in range(3)]
    seat = group.seat(bob, "Bob")
    followed = seat.enter()
    presences = [s for s in followed if s.name == "presence"]
    messages = [s for s in followed if s.name == "message"]
    assert followed == presences + messages
    assert [p.sender for p in presences] == [f"{group.room}/{nick}" for nick in ("Alice", "Ann", "Bob")]
    assert [item(p) for p in presences] == [
        {"affiliation": "owner", "role": "moderator", "jid": f"{group.jids[0]}/rest"},
        {"affiliation": "member", "role": "participant", "jid": f"{group.jids[1]}/rest"},
        {"affiliation": "member", "role": "participant", "jid": bob.jid}]
    assert [sorted(codes(p)) for p in presences] == [[], [], [100, 110, 170]]
    assert len({occupant_id(p) for p in presences}) == 3
    assert [(m.body, m.sender, m.id, m.type) for m in messages[:-1]] == \
        [(s["content"], f"{group.room}/Alice", s["id"], "groupchat") for s in sent]
    assert [stanza_id(m) for m in messages[:-1]] == [[(group.room, s["id"])] for s in sent]
    assert all(m.has(DELAY, "delay") and occupant_id(m) == occupant_id(presences[0]) for m in messages[:-1])
    assert (group.member(bob)["state"], group.member(bob)["role"]) == ("joined", "member")
    left = seat.leave()
    assert codes(left) == [110] and item(left)["role"] == "none"
    followed = seat.enter(maxstanzas=1)
    assert [m.body for m in followed if m.name == "message"] == ["earlier 2", None]


def test_everybody_hears_everybody_once_in_one_order(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    with group.alice.ws() as socket:
        seats = [group.seat(bob, "Bob"), group.seat(carol, "Carol")]
        for seat in seats:
            seat.enter()
        seats[0].see("Carol")
        own = seats[0].say("from bob")
        heard = [seat.hear("from bob") for seat in seats]
        said = socket.expect("message.new", content="from bob")["payload"]
        assert said["conversation_id"] == group.made["id"] and said["sender"]["jid"] == bob.bare
        assert [(h.id, h.sender, stanza_id(h), h.to) for h in heard] == \
            [(own, f"{group.room}/Bob", [(group.room, said["id"])], seat.user.jid) for seat in seats]
        answer = group.ann.send(group.made, "from ann")
        for seat in seats:
            reply = seat.hear("from ann", "Ann")
            assert (reply.id, stanza_id(reply)) == (answer["id"], [(group.room, answer["id"])])
        texts = [f"{who} {n}" for n in range(10) for who in ("bob", "carol", "alice")]
        for text in texts:
            who = text.split()[0]
            if who == "alice":
                group.alice.send(group.made, text)
            else:
                seats[0 if who == "bob" else 1].say(text)
        order = []
        for seat in seats:
            for text in texts:
                seat.hear(text)
            order.append([s.body for s in seat.user.inbox.received if s.name == "message" and s.sender.startswith(group.room)
                          and s.body in texts])
        assert order[0] == order[1] == [m["content"] for m in group.ann.messages(group.made, limit=100)["items"] if m["content"] in texts]
        assert sorted(order[0]) == sorted(texts)


def test_what_only_the_room_says_is_not_taken_from_others(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    extra = [Element(f"{{{ORIGIN_ID}}}stanza-id", {"by": group.room, "id": "forged"}), Element("{urn:xmpp:occupant-id:0}occupant-id", {"id": "forged"}),
             Element(f"{{{MUC}#user}}x"), Element("{urn:example}own", {"a": "b"})]
    SubElement(extra[2], f"{{{MUC}#user}}status", {"code": "301"})
    seat.say("believe me", extra=extra)
    heard = seat.hear("believe me")
    said = group.alice.messages(group.made)["items"][-1]
    assert stanza_id(heard) == [(group.room, said["id"])] and codes(heard) == [] and occupant_id(heard) != "forged"
    assert heard.has("urn:example", "own"), "what else was in it is passed on"


def test_a_repetition_is_one_message(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    id = seat.say("once")
    seat.hear("once")
    seat.say("once", id)
    seat.say("then")
    seat.hear("then")
    assert [m["content"] for m in group.alice.messages(group.made)["items"] if m["message_type"] == "text"] == ["once", "then"]
    assert sum(s.body == "once" and s.sender.startswith(group.room) for s in bob.inbox.received) == 1


def test_who_may_not_enter(group, bob, xmpp):
    carol = xmpp("carol")
    seat = group.seat(carol, "Carol")
    assert seat.refused() == "registration-required"
    assert group.seat(bob, "alice").refused() == "conflict"
    assert group.seat(bob, "Аlice").refused() == "conflict", "a Cyrillic letter"
    nowhere = Seat(carol, f"nowhere@{group.stack.rooms_domain}", "Carol")
    assert seat.error(seat.say("from outside")) == seat.error(nowhere.say("from outside", to=nowhere.room)) == "not-acceptable"
    assert group.seat(bob, "Bob").refused(muc=False) == "not-acceptable", "who thinks to be in the room is told"
    assert [m for m in group.alice.messages(group.made)["items"] if m["sender"]] == []
    group.set(bob, banned=True)
    assert group.seat(bob, "Bob").refused() == "forbidden"


def test_presence_and_nicks(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    one.see("Carol")
    bob.send_presence(one.place, show="dnd", status="busy")
    seen = other.see("Bob")
    shown = carol.expect_stanza("what bob shows", lambda s: s.sender == one.place and s.xml.findtext("{jabber:client}show") == "dnd")
    assert shown.xml.findtext("{jabber:client}status") == "busy" and occupant_id(shown) == occupant_id(seen)
    one.ask("Robert", muc=False)
    gone = other.see("Bob", "unavailable")
    assert (codes(gone), item(gone)["nick"]) == ([303], "Robert")
    assert item(other.see("Robert"))["jid"] == bob.jid
    one.nick = "Robert"
    assert 110 in codes(one.see("Robert"))
    assert one.refused("Carol", muc=False) == "conflict"
    one.say("renamed")
    other.hear("renamed", "Robert")
    one.leave()
    assert codes(other.see("Robert", "unavailable")) == []


def test_two_sessions_of_one_user_share_a_nick(group, bob, xmpp):
    again = xmpp("bob", resource="second")
    one, other = group.seat(bob, "Bob"), group.seat(again, "Bobby")
    one.enter()
    own = [p for p in other.enter() if p.name == "presence" and 110 in codes(p)]
    assert [(p.sender, 210 in codes(p)) for p in own] == [(f"{group.room}/Bob", True)]
    other.say("from the second")
    one.hear("from the second", "Bob")
    other.nick = "Bob"
    other.leave()
    one.say("still here")
    one.hear("still here")


def test_what_rooms_answer(group, bob, xmpp):
    carol = xmpp("carol")
    seat = group.seat(bob, "Bob")
    identities, features = bob.disco_info(group.room)
    assert identities == {"conference/text"}
    assert {MUC, f"{MUC}#stable_id", f"{MUC}#self-ping-optimization", DISCO_INFO, ORIGIN_ID, "urn:xmpp:occupant-id:0", "muc_membersonly",
            "muc_nonanonymous", "muc_hidden", "muc_persistent", "muc_unmoderated", "muc_unsecured"} <= features
    assert bob.disco_items(group.room) == [] and group.room not in bob.disco_items(group.stack.rooms_domain)
    info = bob.iq(group.room, Element(f"{{{DISCO_INFO}}}query"))
    assert "of ours" in repr(info) and "Team" in repr(info)
    assert "Team" not in repr(carol.iq(group.room, Element(f"{{{DISCO_INFO}}}query"))), "not for strangers"

    def ping(user, place, namespace=PING, name="ping"):
        try:
            return user.iq(place, Element(f"{{{namespace}}}{name}")).type
        except XmppError as error:
            return error.condition
    assert ping(bob, seat.place) == "not-acceptable"
    seat.enter()
    assert ping(bob, seat.place) == "result" and ping(bob, f"{group.room}/Alice") == "service-unavailable"
    assert ping(carol, seat.place) == "not-acceptable"
    assert ping(bob, f"{group.room}/Alice", VERSION, "query") == "service-unavailable"
    assert ping(bob, f"nowhere-else@{group.stack.rooms_domain}") == "item-not-found"


def test_private_messages(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    assert one.error(one.say("psst", to=f"{group.room}/Alice", type="chat")) == "not-acceptable"
    one.enter()
    other.enter()
    one.say("psst", to=other.place, type="chat")
    heard = carol.expect_message("psst", one.place, type="chat")
    assert heard.has(f"{MUC}#user", "x") and group.room not in dict(stanza_id(heard))
    id = one.say("psst", to=f"{group.room}/Alice", type="chat")
    refusal = bob.expect_stanza("refusal", lambda s: s.type == "error" and s.id == id)
    assert f"Write to {group.jids[0]}" in repr(refusal)
    assert one.error(one.say("psst", to=f"{group.room}/Nobody", type="chat")) == "item-not-found"
    assert one.error(one.say("aloud", to=other.place)) == "bad-request"


def test_marks_and_states_in_a_room(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    sent = group.alice.send(group.made, "read me")
    with group.alice.ws() as socket:
        heard = one.hear("read me")
        assert heard.has(MARKERS, "markable")
        one.say(None, extra=[Element(f"{{{MARKERS}}}displayed", {"id": sent["id"]})])
        read = socket.expect("message.read", message_id=sent["id"])["payload"]
        assert read["conversation_id"] == group.made["id"]
    carol.expect_displayed(sent["id"])
    said = one.say("and me", origin=False)
    heard = one.hear("and me")
    group.ann.read(group.made)
    shown = carol.expect_displayed(dict(stanza_id(heard))[group.room])
    assert (shown.sender, shown.type, said == heard.id) == (f"{group.room}/Ann", "groupchat", True)
    one.say(None, extra=[Element(f"{{{CHATSTATES}}}composing")])
    carol.expect_stanza("composing", lambda s: s.has(CHATSTATES, "composing") and s.sender == one.place)


def test_who_types_in_a_group_is_shown_to_all(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    who = group.member(bob)["user"]["id"]
    with group.alice.ws() as alice, group.ann.ws() as ann:
        seat.say(None, extra=[Element(f"{{{CHATSTATES}}}composing")])
        for socket in (alice, ann):
            socket.expect("typing", conversation_id=group.made["id"], user_id=who, active=True)
        seat.say("typed")
        for socket in (alice, ann):
            socket.expect("typing", user_id=who, active=False)
        alice.command("typing", conversation_id=group.made["id"], active=True)
        ann.expect("typing", conversation_id=group.made["id"], user_id=group.alice.me()["id"], active=True)
        bob.expect_stanza("composing", lambda s: s.has(CHATSTATES, "composing") and s.sender == f"{group.room}/Alice" and s.type == "groupchat")
        alice.command("typing", conversation_id=group.made["id"], active=False)
        ann.expect("typing", user_id=group.alice.me()["id"], active=False)
        bob.expect_stanza("paused", lambda s: s.has(CHATSTATES, "paused") and s.sender == f"{group.room}/Alice")
        alice.sync()
        assert not any(f["type"] == "typing" and f["payload"]["user_id"] == group.alice.me()["id"] for f in alice.inbox.received)


def test_answers_name_the_rooms_ids(group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    seat.say("lunch?")
    asked, = stanza_id(seat.hear("lunch?"))
    answer = group.alice.call(201, "POST", f"/api/conversations/{group.made['id']}/messages", {"content": "at noon", "reply_to": asked[1]})
    heard = bob.expect_stanza("the answer", lambda s: s.name == "message" and s.body and s.body.endswith("at noon"))
    assert heard.child(REPLY, "reply").attrib == {"id": asked[1], "to": f"{group.room}/Bob"} and heard.has("urn:xmpp:fallback:0", "fallback")
    with group.alice.ws() as socket:
        seat.say("fine", extra=[Element(f"{{{REPLY}}}reply", {"id": answer["id"], "to": f"{group.room}/Alice"})])
        assert socket.expect("message.new", content="fine")["payload"]["reply_to"] == answer["id"]
    assert seat.hear("fine").child(REPLY, "reply").get("id") == answer["id"]
    seat.leave()
    again = [m for m in seat.enter() if m.has(REPLY, "reply")]
    assert [m.body.rpartition("\n")[2] for m in again] == ["at noon", "fine"], "in history, too"


def test_reactions_in_a_room(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    sent = group.alice.send(group.made, "cake!")
    one.hear("cake!")

    def reactions(seat, nick, *emoji):
        heard = seat.user.expect_stanza(f"{emoji} of {nick}", lambda s: s.has(REACTIONS, "reactions") and s.sender == f"{group.room}/{nick}")
        found = heard.child(REACTIONS, "reactions")
        assert (found.get("id"), [e.text for e in found]) == (sent["id"], list(emoji)) and heard.type == "groupchat"
        assert [by for by, _ in stanza_id(heard)] == [group.room]
        return heard
    with group.ann.ws() as socket:
        payload = Element(f"{{{REACTIONS}}}reactions", {"id": sent["id"]})
        SubElement(payload, f"{{{REACTIONS}}}reaction").text = "🎉"
        id = one.say(None, extra=[payload], origin=False)
        assert reactions(one, "Bob", "🎉").id == id
        reactions(other, "Bob", "🎉")
        told = socket.expect("message.reaction", message_id=sent["id"])["payload"]
        assert (told["emoji"], told["user_id"]) == ("🎉", group.member(bob)["user"]["id"])
        group.ann.call(200, "PUT", f"/api/messages/{sent['id']}/reactions/%F0%9F%91%8D", {})
        for seat in (one, other):
            reactions(seat, "Ann", "👍")


def test_the_subject(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    group.set(bob, role="admin")
    other.see("Bob", affiliation="admin", role="moderator")

    def subject(seat, text):
        message = Element("{jabber:client}message", {"to": group.room, "type": "groupchat", "id": uuid.uuid4().hex})
        SubElement(message, "{jabber:client}subject").text = text
        seat.user.send_element(message)
        return message.get("id")
    assert other.error(subject(other, "mine")) == "forbidden"
    subject(one, "Lunch")
    carol.expect_stanza("subject", lambda s: s.xml.findtext("{jabber:client}subject") == "Lunch" and s.sender == one.place)
    other.leave()
    last = other.enter()[-1]
    assert last.xml.findtext("{jabber:client}subject") == "Lunch" and last.has(DELAY, "delay")


def test_who_is_added_is_asked_in(stack, app, bob):
    group = Group(stack, app, bob)
    direct = bob.expect_stanza("direct invitation", lambda s: s.has("jabber:x:conference", "x") and s.sender.startswith(group.jids[0]))
    assert direct.child("jabber:x:conference", "x").get("jid") == group.room and direct.body
    mediated = bob.expect_stanza("mediated invitation", lambda s: s.sender == group.room and s.has(f"{MUC}#user", "x"))
    invite = mediated.child(f"{MUC}#user", "x").find(f"{{{MUC}#user}}invite")
    assert (invite.get("from"), invite.findtext(f"{{{MUC}#user}}reason")) == (group.jids[0], "Team")
    assert group.member(bob)["state"] == "invited"


def test_who_is_taken_out_hears_no_more(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    group.remove(bob)
    gone = one.see("Bob", "unavailable")
    assert sorted(codes(gone)) == [110, 321] and item(gone)["affiliation"] == "none"
    assert codes(other.see("Bob", "unavailable")) == [321]
    group.alice.send(group.made, "without bob")
    other.hear("without bob")
    bob.barrier(group.room)
    assert not any(s.body == "without bob" for s in bob.inbox.received)
    assert one.error(one.say("still here?")) == "not-acceptable"
    group.ann.call(200, "POST", f"/api/conversations/{group.made['id']}/leave", {})
    assert item(other.see("Ann", "unavailable"))["role"] == "none"
    group.alice.call(200, "PATCH", f"/api/conversations/{group.made['id']}", {"name": "Crew"})
    carol.expect_stanza("104", lambda s: s.name == "message" and codes(s) == [104])
    group.alice.call(200, "DELETE", f"/api/groups/{group.made['id']}")
    last = other.see("Carol", "unavailable")
    assert last.child(f"{MUC}#user", "x").find(f"{{{MUC}#user}}destroy") is not None
    assert other.refused() == "item-not-found"


def test_who_has_no_voice_is_told(stack, app, bob):
    group = Group(stack, app, bob, who_can_send="admins_only")
    seat = group.seat(bob, "Bob")
    own, = (p for p in seat.enter() if p.name == "presence" and 110 in codes(p))
    assert item(own)["role"] == "visitor" and "muc_moderated" in bob.disco_info(group.room)[1]
    assert seat.error(seat.say("may I?")) == "forbidden"
    group.set(bob, permissions=["send_messages"])
    seat.see("Bob", role="participant")
    seat.say("I may")
    seat.hear("I may")


def test_a_public_room(stack, app, bob, xmpp):
    carol = xmpp("carol")
    group = Group(stack, app, public=True)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    assert group.room in bob.disco_items(stack.rooms_domain)
    assert {"muc_public", "muc_open", "muc_semianonymous"} <= bob.disco_info(group.room)[1]
    own, = (p for p in one.enter() if p.name == "presence" and 110 in codes(p))
    assert sorted(codes(own)) == [110, 170]
    followed = other.enter()
    assert [item(p).get("jid") for p in followed if p.name == "presence"] == [None, None, None, carol.jid]
    assert "jid" not in item(one.see("Carol"))
    one.say("hello all")
    other.hear("hello all", "Bob")
    assert group.member(bob)["state"] == "joined"


def test_who_closes_the_client_is_gone(group, bob, xmpp):
    carol = xmpp("carol")
    group.invite(carol)
    one, other = group.seat(bob, "Bob"), group.seat(carol, "Carol")
    one.enter()
    other.enter()
    bob.close()
    assert codes(other.see("Bob", "unavailable")) == []


def occupants(stack, room):
    with database(stack) as query:
        return [jid for jid, in query("SELECT address FROM occupants o JOIN conversations c ON c.id = o.conversation_id"
                                      " WHERE c.room = %s ORDER BY 1", room.partition("@")[0])]


@pytest.mark.parametrize("part", ["bridge", "postgres"])
def test_rooms_survive(stack, group, bob, part):
    """A part is killed: who was in the room is there still, and gets what is said, without entering again."""
    seat = group.seat(bob, "Bob")
    seat.enter()
    own = seat.say("before")
    seat.hear("before")
    sent = group.alice.send(group.made, "in flight")
    stack.kill(part)
    stack.restart(part)
    fault.wait_ready(stack)
    assert seat.hear("in flight", "Alice").id == sent["id"]
    after = group.ann.send(group.made, "after")
    assert seat.hear("after", "Ann").id == after["id"]
    seat.say("me, too")
    seat.hear("me, too", "Bob")
    assert [m["content"] for m in group.alice.messages(group.made)["items"] if m["sender"]] == ["before", "in flight", "after", "me, too"]
    heard = [s.id for s in bob.inbox.received if s.sender.startswith(f"{group.room}/") and s.body]
    assert list(dict.fromkeys(heard))[:3] == [own, sent["id"], after["id"]], "one order; what is sent again has the same id"


def test_sessions_that_their_server_lost_are_noticed(stack, group, bob):
    seat = group.seat(bob, "Bob")
    seat.enter()
    assert occupants(stack, group.room) == [bob.jid]
    stack.kill("xmpp")
    stack.restart("xmpp")
    fault.wait_ready(stack)
    wait_for("the ghost is gone", lambda: occupants(stack, group.room) == [])
    assert group.member(bob)["state"] == "joined", "as a member who is away"
