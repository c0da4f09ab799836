# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are rooms of another service (the server's own): app users are asked into them, talk, read and leave."""
import uuid
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.inbox import wait_for
from harness.muc import MUC, MUC_USER, Seat, codes, stanza_id
from harness.xmpp import CHATSTATES, CLIENT, MARKERS

INVITATION = "jabber:x:conference"
OWNER = f"{MUC}#owner"


class Room:
    """A room of the server's, made by an XMPP user, who is in it."""

    def __init__(self, stack, owner, nick="Bob", **fields):
        self.stack, self.owner = stack, owner
        self.jid = f"room-{uuid.uuid4().hex[:10]}@{stack.conference}"
        self.seat = Seat(owner, self.jid, nick)
        self.seat.enter()
        self.configure(**fields)

    def configure(self, **fields):
        query = Element(f"{{{OWNER}}}query")
        form = SubElement(query, "{jabber:x:data}x", {"type": "submit"})
        for name, value in {"FORM_TYPE": f"{MUC}#roomconfig", **{f"muc#roomconfig_{n}": v for n, v in fields.items()}}.items():
            SubElement(SubElement(form, "{jabber:x:data}field", {"var": name}), "{jabber:x:data}value").text = value
        self.owner.iq(self.jid, query, "set")

    def invite(self, user, reason="Come in"):
        """By way of the room."""
        message = Element(f"{{{CLIENT}}}message", {"to": self.jid, "id": uuid.uuid4().hex})
        invite = SubElement(SubElement(message, f"{{{MUC_USER}}}x"), f"{{{MUC_USER}}}invite", {"to": user.me()["jid"]})
        SubElement(invite, f"{{{MUC_USER}}}reason").text = reason
        self.owner.send_element(message)

    def ask(self, user, reason="Come in"):
        """Directly."""
        message = Element(f"{{{CLIENT}}}message", {"to": user.me()["jid"], "id": uuid.uuid4().hex})
        SubElement(message, f"{{{INVITATION}}}x", {"jid": self.jid, "reason": reason})
        self.owner.send_element(message)

    def say(self, text):
        return self.seat.say(text)


def shown(user, conversation):
    return user.call(200, "GET", f"/api/conversations/{conversation['id']}")


def texts(user, conversation):
    return [m["content"] for m in user.messages(conversation, limit=100)["items"] if m["message_type"] == "text"]


def is_in(user, conversation):
    return wait_for(f"{user} to be in", lambda: shown(user, conversation)["elsewhere"]["state"] == "in")


def enter(user, room, **more):
    made = user.call(201, "POST", "/api/groups/join", {"jid": room.jid, **more})
    is_in(user, made)
    return made


@pytest.fixture
def room(stack, bob):
    return Room(stack, bob, whois="anyone")


def test_invited_in_talking_and_out(room, app):
    alice = app("alice", name="Alice")
    room.say("before")
    room.seat.hear("before")
    with alice.ws() as socket:
        room.invite(alice)
        asked = socket.expect("request.new")["payload"]
        made = asked["conversation"]
        assert (made["type"], made["jid"], made["request"], made["elsewhere"]["state"]) == ("group", room.jid, "pending", "invited")
        assert asked["note"] == "Come in"
        assert [c["id"] for c in alice.call(200, "GET", "/api/conversations?filter=requests")["items"]] == [made["id"]]
        alice.call(200, "POST", f"/api/conversations/{made['id']}/accept")
        room.seat.see("Alice")
        socket.expect("message.new", content="before")
        room.say("hello Alice")
        said = socket.expect("message.new", content="hello Alice")["payload"]
        assert said["sender"]["jid"] == room.owner.bare and said["conversation_id"] == made["id"]
        sent = alice.send(made, "hello Bob")
        assert sent["status"] == "sending"
        heard = room.seat.hear("hello Bob", "Alice")
        assert heard.id == sent["id"]
        assert socket.expect("message.updated", id=sent["id"])["payload"]["status"] == "sent"
        assert texts(alice, made) == ["before", "hello Alice", "hello Bob"]
        assert {p["user"]["jid"] for p in shown(alice, made)["participants"]} == {room.owner.bare, alice.me()["jid"]}
        alice.call(200, "POST", f"/api/conversations/{made['id']}/leave")
        room.seat.see("Alice", "unavailable")
        socket.expect("conversation.removed", conversation_id=made["id"], reason="left")
        assert alice.call(200, "GET", "/api/conversations")["items"] == []


def test_two_of_ours_are_two_occupants_and_one_group(room, app):
    alice, ann = app("alice", name="Alice"), app("ann", name="Ann")
    made = enter(alice, room)
    assert enter(ann, room)["id"] == made["id"]
    seats = [room.seat.see(nick) for nick in ("Alice", "Ann")]
    assert len(seats) == 2
    with alice.ws() as first, ann.ws() as other:
        room.say("to both")
        for socket in (first, other):
            assert socket.expect("message.new", content="to both")
        sent = [ann.send(made, "from Ann"), alice.send(made, "from Alice")]
        for message, nick in zip(sent, ("Ann", "Alice")):
            assert room.seat.hear(message["content"], nick).id == message["id"]
        first.expect("message.new", content="from Ann")
        for socket, message in ((other, sent[0]), (first, sent[1])):
            assert socket.expect("message.updated", id=message["id"])["payload"]["status"] in ("sent", "delivered")
        room.say("last")
        for socket in (first, other):
            socket.expect("message.new", content="last")
            assert socket.count("message.new", content="to both") == 1
    for user in (alice, ann):
        assert sorted(texts(user, made)) == ["from Alice", "from Ann", "last", "to both"]
        # Marks of what was delivered are gathered before they are stored.
        wait_for("what alice's socket got to count as delivered", lambda user=user: [("Ann", "delivered")] == [
            (m["sender"]["name"], m["status"]) for m in user.messages(made)["items"] if m["content"] == "from Ann"])


def test_what_is_done_to_messages_goes_both_ways(room, app):
    alice = app("alice", name="Alice")
    made = enter(alice, room)
    with alice.ws() as socket:
        theirs = room.say("a first txt")
        first = socket.expect("message.new", content="a first txt")["payload"]
        wire = stanza_id(room.seat.hear("a first txt"))[0][1]
        mine = alice.send(made, "from Alice")
        own = stanza_id(room.seat.hear("from Alice"))[0][1]
        socket.expect("message.updated", id=mine["id"])
        # From there.
        correction = Element("{urn:xmpp:message-correct:0}replace", {"id": theirs})
        room.seat.say("a first text", extra=[correction])
        assert socket.expect("message.updated", id=first["id"])["payload"]["content"] == "a first text"
        reaction = Element("{urn:xmpp:reactions:0}reactions", {"id": own})
        SubElement(reaction, "{urn:xmpp:reactions:0}reaction").text = "👍"
        room.seat.say(None, extra=[reaction])
        assert socket.expect("message.reaction", message_id=mine["id"])["payload"]["reactions"][0]["emoji"] == "👍"
        answer = Element("{urn:xmpp:reply:0}reply", {"id": own, "to": f"{room.jid}/Alice"})
        room.seat.say("an answer", extra=[answer])
        assert socket.expect("message.new", content="an answer")["payload"]["reply_to"] == mine["id"]
        # From here.
        alice.call(200, "PUT", f"/api/messages/{first['id']}/reactions/{quote('🎉')}")
        heard = room.owner.expect_stanza("reaction", lambda s: s.has("urn:xmpp:reactions:0", "reactions") and s.sender == f"{room.jid}/Alice")
        assert heard.child("urn:xmpp:reactions:0", "reactions").get("id") == wire
        alice.call(200, "PATCH", f"/api/messages/{mine['id']}", {"content": "from Alice, better"})
        heard = room.seat.hear("from Alice, better", "Alice")
        assert heard.child("urn:xmpp:message-correct:0", "replace").get("id") == mine["id"]
        sent = alice.send(made, "Yes", reply_to=first["id"])
        heard = room.owner.expect_stanza("answer", lambda s: s.has("urn:xmpp:reply:0", "reply") and s.sender == f"{room.jid}/Alice")
        assert (heard.id, heard.child("urn:xmpp:reply:0", "reply").get("id")) == (sent["id"], wire)
        alice.call(200, "DELETE", f"/api/messages/{mine['id']}")
        heard = room.owner.expect_stanza("retraction", lambda s: s.has("urn:xmpp:message-retract:1", "retract") and s.sender == f"{room.jid}/Alice")
        assert heard.child("urn:xmpp:message-retract:1", "retract").get("id") == own
        retraction = Element("{urn:xmpp:message-retract:1}retract", {"id": wire})
        room.seat.say("/me retracted", extra=[retraction])
        socket.expect("message.deleted", message_id=first["id"])
        room.say("last")
        socket.expect("message.new", content="last")
        assert texts(alice, made) == [None, None, "an answer", "Yes", "last"]


def test_put_out_banned_and_destroyed(room, app):
    users = [app(name, name=name.title()) for name in ("alice", "ann", "amy")]
    made = [enter(user, room) for user in users][0]
    for user in users:
        room.seat.see(user.me()["name"])
    for number, (user, change, reason) in enumerate(zip(users, ({"role": "none"}, {"affiliation": "outcast"}, None), ("removed", "banned", "destroyed"))):
        with user.ws() as socket:
            if change:
                query = Element(f"{{{MUC}#admin}}query")
                who = {"nick": "Alice"} if number == 0 else {"jid": user.me()["jid"]}
                SubElement(query, f"{{{MUC}#admin}}item", {**change, **who})
            else:
                query = Element(f"{{{OWNER}}}query")
                SubElement(query, f"{{{OWNER}}}destroy")
            room.owner.iq(room.jid, query, "set")
            assert socket.expect("conversation.removed", conversation_id=made["id"])["payload"]["reason"] == reason
        user.call(404, "GET", f"/api/conversations/{made['id']}/messages")


def test_what_keeps_out(room, stack, app):
    alice = app("alice", name="Bob")
    made = enter(alice, room)  # somebody else is called so
    assert shown(alice, made)["elsewhere"]["nick"] == "Bob 2"
    room.seat.see("Bob 2")
    for jid, condition in ((f"no-{room.jid}", "item-not-found"), ("room@nowhere.example", None)):
        with alice.ws() as socket:
            lost = socket.command("group.enter", jid=jid)
            if condition:
                gone = socket.expect("conversation.removed", conversation_id=lost["id"])["payload"]
                assert (gone["reason"], gone["condition"]) == ("removed", condition)
    room.configure(passwordprotectedroom="1", roomsecret="sesame")
    ann = app("ann", name="Ann")
    with ann.ws() as socket:
        asked = ann.call(201, "POST", "/api/groups/join", {"jid": room.jid})
        assert socket.expect("conversation.removed", conversation_id=asked["id"])["payload"]["condition"] == "not-authorized"
    enter(ann, room, password="sesame")
    for change in ({"name": "Other"}, {"settings": {"public": True}}):
        assert alice.call(403, "PATCH", f"/api/conversations/{made['id']}", change)["error_reason"] == "elsewhere"
    assert alice.call(403, "DELETE", f"/api/groups/{made['id']}")["error_reason"] == "elsewhere"


def test_declined(room, app):
    alice = app("alice", name="Alice")
    with alice.ws() as socket:
        room.invite(alice)
        made = socket.expect("request.new")["payload"]["conversation"]
        alice.call(200, "POST", f"/api/conversations/{made['id']}/decline")
        declined = room.owner.expect_stanza("declined", lambda s: s.name == "message" and s.has(MUC_USER, "x")
                                            and s.child(MUC_USER, "x").find(f"{{{MUC_USER}}}decline") is not None)
        assert declined.child(MUC_USER, "x").find(f"{{{MUC_USER}}}decline").get("from").partition("/")[0] == alice.me()["jid"]
        room.ask(alice)
        room.owner.barrier(alice.me()["jid"])
        socket.sync()
        assert socket.count("request.new") == 1
    assert alice.call(200, "GET", "/api/conversations?filter=requests")["items"] == []


def test_who_may_not_speak_is_told(room, app):
    alice = app("alice", name="Alice")
    made = enter(alice, room)
    sent = alice.send(made, "with a voice")
    room.seat.hear("with a voice")
    room.configure(moderatedroom="1")
    query = Element(f"{{{MUC}#admin}}query")
    SubElement(query, f"{{{MUC}#admin}}item", {"nick": "Alice", "role": "visitor"})
    room.owner.iq(room.jid, query, "set")
    wait_for("no voice", lambda: "send_messages" not in next(
        p for p in shown(alice, made)["participants"] if p["user"]["id"] == alice.me()["id"])["permissions"])
    alice.send(made, "without", status=403)
    assert texts(alice, made) == ["with a voice"] and sent["content"] == "with a voice"


def test_nothing_is_lost_or_twice_over_restarts(room, stack, app):
    alice = app("alice", name="Alice")
    made = enter(alice, room)
    said = []

    def talk(text):
        """From here, and from there."""
        alice.send(made, f"Alice {text}")
        room.say(f"Bob {text}")
        room.seat.hear(f"Bob {text}")
        said.extend((f"Alice {text}", f"Bob {text}"))

    talk("at first")
    stack.stop("bridge")
    for number in range(60):  # more than a page of an archive
        room.say(f"Bob meanwhile {number}")
        said.append(f"Bob meanwhile {number}")
    room.seat.hear("Bob meanwhile 59")
    stack.restart("bridge")
    sent = alice.send(made, "Alice before she is in again")
    said.append("Alice before she is in again")
    is_in(alice, made)
    talk("after a stop")
    stack.kill("bridge")
    room.say("Bob after a kill")
    said.append("Bob after a kill")
    stack.restart("bridge")
    talk("after a restart")
    wait_for("all said", lambda: sorted(texts(alice, made)) == sorted(said))
    order = [text for text in texts(alice, made) if text.startswith("Bob")]
    assert order == [text for text in said if text.startswith("Bob")]
    wait_for("all heard", lambda: all(m["status"] == "sent" for m in alice.messages(made, limit=100)["items"] if m["sender_id"] == alice.me()["id"]))
    room.say("end")
    room.seat.hear("end")
    heard = [s.body for s in room.owner.inbox.received if s.name == "message" and s.sender == f"{room.jid}/Alice" and s.body]
    assert sorted(heard) == sorted(t for t in said if t.startswith("Alice"))
    assert sent["id"] in [s.id for s in room.owner.inbox.received]


def test_typing_and_reading_pass(room, app):
    alice = app("alice", name="Alice")
    made = enter(alice, room)
    bob = {p["user"]["jid"]: p["user"]["id"] for p in shown(alice, made)["participants"]}[room.owner.bare]
    with alice.ws() as socket:
        room.seat.say(None, extra=[Element(f"{{{CHATSTATES}}}composing")])
        socket.expect("typing", conversation_id=made["id"], user_id=bob, active=True)
        socket.command("typing", conversation_id=made["id"], active=True)
        room.owner.expect_stanza("Alice types", lambda s: s.sender == f"{room.jid}/Alice" and s.has(CHATSTATES, "composing"))
        sent = alice.send(made, "read me")
        wire = stanza_id(room.seat.hear("read me", "Alice"))[0][1]
        room.seat.say(None, extra=[Element(f"{{{MARKERS}}}displayed", {"id": wire})])
        assert socket.expect("message.read", user_id=bob)["payload"]["message_id"] == sent["id"]
        room.say("read me, too")
        wire = stanza_id(room.seat.hear("read me, too"))[0][1]
        socket.expect("message.new", content="read me, too")
        alice.read(made)
        seen = room.owner.expect_stanza("Alice has read", lambda s: s.sender == f"{room.jid}/Alice" and s.has(MARKERS, "displayed"))
        assert seen.child(MARKERS, "displayed").get("id") == wire


def test_people_who_show_no_address(stack, app, bob, xmpp):
    room = Room(stack, bob, whois="moderators")
    alice = app("alice", name="Alice")
    carol = Seat(xmpp("carol"), room.jid, "Carol")
    made = enter(alice, room)
    carol.enter()
    with alice.ws() as socket:
        carol.say("who am I?")
        said = socket.expect("message.new", content="who am I?")["payload"]
        assert said["sender"]["name"] == "Carol" and carol.user.bare not in said["sender"]["jid"]
        wait_for("Carol in the list", lambda: [p["user"]["id"] for p in alice.call(
            200, "GET", f"/api/conversations/{made['id']}/members")["items"] if p["user"]["name"] == "Carol"] == [said["sender_id"]])
        for path, body in (("/api/conversations", {"participant_id": said["sender_id"]}), ("/api/contacts", {"user_id": said["sender_id"]}),
                           ("/api/groups", {"name": "x", "members": [{"user_id": said["sender_id"]}]})):
            assert alice.request("POST", path, body).status in (403, 404, 422)
        carol.leave()
        socket.expect("member.removed", conversation_id=made["id"], state="left")
        other = Seat(xmpp("dave"), room.jid, "Carol")
        other.enter()
        other.say("I am another")
        again = socket.expect("message.new", content="I am another")["payload"]
        if stack.server == "prosody":  # which gives ids to occupants (XEP-0421); else a nick is who has it
            assert again["sender_id"] != said["sender_id"]


def test_the_server_with_the_room_goes_away(room, stack, app):
    alice = app("alice", name="Alice")
    made = enter(alice, room)
    alice.send(made, "before")
    room.seat.hear("before")
    stack.stop("xmpp")
    alice.send(made, "while it is away")
    stack.restart("xmpp")
    room.owner.close()
    room.owner.connect()
    room.seat.enter()
    room.say("back")
    wait_for("all said", lambda: sorted(texts(alice, made)) == ["back", "before", "while it is away"])
    wait_for("all heard", lambda: all(m["status"] != "sending" for m in alice.messages(made)["items"]))
    room.say("end")
    room.seat.hear("end")
    heard = [s for s in room.owner.inbox.received if s.name == "message" and s.sender == f"{room.jid}/Alice"]
    assert sum(s.body == "while it is away" for s in heard) == 1


def test_one_leaves_and_the_other_hears_on(room, app):
    alice, ann = app("alice", name="Alice"), app("ann", name="Ann")
    made = enter(alice, room)
    enter(ann, room)
    alice.call(200, "POST", f"/api/conversations/{made['id']}/leave")
    room.seat.see("Alice", "unavailable")
    with ann.ws() as socket:
        room.say("who hears?")
        socket.expect("message.new", content="who hears?")
    assert texts(ann, made) == ["who hears?"]
    assert {p["user"]["jid"] for p in shown(ann, made)["participants"]} == {ann.me()["jid"], room.owner.bare}


def test_asking_others_in_and_as_whom(room, stack, app, xmpp):
    room.configure(passwordprotectedroom="1", roomsecret="sesame", allowinvites="1")
    alice, ann, carol = app("alice", name="Alice"), app("ann", name="Ann"), xmpp("carol")
    made = enter(alice, room, password="sesame", nick="Queen")
    assert shown(alice, made)["elsewhere"]["nick"] == "Queen"
    with ann.ws() as socket:
        alice.call(200, "POST", f"/api/conversations/{made['id']}/members", {"members": [{"user_id": ann.me()["id"]}, {"jid": carol.bare}]})
        assert socket.expect("request.new")["payload"]["conversation"]["id"] == made["id"]
        ann.call(200, "POST", f"/api/conversations/{made['id']}/accept", {"nick": "Princess", "password": "sesame"})
        room.seat.see("Princess")
    carol.expect_stanza("the invitation", lambda s: s.name == "message" and s.sender == room.jid and s.has(MUC_USER, "x"))
    is_in(ann, made)


def test_who_manages_the_room_puts_people_out(room, app, xmpp):
    alice, carol = app("alice", name="Alice"), Seat(xmpp("carol"), room.jid, "Carol")
    made = enter(alice, room)
    carol.enter()
    wait_for("Carol to be there", lambda: len(shown(alice, made)["participants"]) == 3)
    them = {p["user"]["jid"]: p["user"]["id"] for p in shown(alice, made)["participants"]}
    path = f"/api/conversations/{made['id']}/members"
    assert alice.call(403, "DELETE", f"{path}/{them[carol.user.bare]}")["error_reason"] == "elsewhere"
    query = Element(f"{{{MUC}#admin}}query")
    SubElement(query, f"{{{MUC}#admin}}item", {"jid": alice.me()["jid"], "affiliation": "owner"})
    room.owner.iq(room.jid, query, "set")
    wait_for("Alice an owner", lambda: [p["role"] for p in shown(alice, made)["participants"] if p["user"]["id"] == alice.me()["id"]] == ["owner"])
    with alice.ws() as socket:
        alice.call(200, "DELETE", f"{path}/{them[carol.user.bare]}")
        assert 307 in codes(carol.see("Carol", "unavailable"))
        socket.expect("member.removed", conversation_id=made["id"], state="removed")
        carol.enter()
        socket.expect("member.added", conversation_id=made["id"])
        alice.call(200, "PUT", f"{path}/{them[carol.user.bare]}", {"banned": True})
        assert 301 in codes(carol.see("Carol", "unavailable"))
        socket.expect("member.removed", conversation_id=made["id"], state="banned")
    assert alice.call(403, "PUT", f"{path}/{them[room.owner.bare]}", {"role": "member"})["error_reason"] == "elsewhere"
