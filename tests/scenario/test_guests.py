# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are rooms of another service (the server's own): app users are asked into them, talk, read and leave."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.inbox import wait_for
from harness.muc import MUC, MUC_USER, Seat, codes
from harness.xmpp import CLIENT

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
