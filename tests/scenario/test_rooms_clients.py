# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups as people at clients in use see them: one test for each client, by what it shows."""
from types import SimpleNamespace

from harness.dino import Dino
from harness.gajim import Gajim
from harness.profanity import Profanity
from harness.xmpp import XmppUser
from test_rooms import Group


def account(stack, user):
    """A person of the server, before their client runs. What other tests have left for them to read is read: a client that shows it
    first does not come to what this test is about."""
    with XmppUser(stack, user) as person:
        person.ping()
    return SimpleNamespace(bare=stack.account(user)["jid"])


def edited(group, message, content):
    group.alice.call(200, "PATCH", f"/api/messages/{message['id']}", {"content": content})


def test_profanity_in_a_room(stack, app):
    """Ann is removed and Bob banned; Profanity closes the window then and says why in the first one."""
    bob = account(stack, "bob")
    group = Group(stack, app, bob)
    group.alice.send(group.made, "Before you came")
    with Profanity(stack, "bob") as screen, group.alice.ws() as socket:
        screen.expect(f"Use '/join {group.room}' to accept the invitation")
        screen.type(f"/join {group.room} nick Bob")
        screen.expect("You have joined the room as Bob, role: participant, affiliation: member")
        screen.expect("Alice: Before you came")
        screen.expect_people("Moderators", "Alice", "Participants", "Ann", "Bob", "Visitors")
        screen.type("Hello all")
        assert socket.expect("message.new", content="Hello all")["payload"]["sender"]["jid"] == bob.bare
        screen.expect("Bob: Hello all")
        screen.type("/correct Hello everybody")
        socket.expect("message.updated", content="Hello everybody")
        screen.expect("+ Bob: Hello everybody")
        sent = group.alice.send(group.made, "Lunhc?")
        screen.expect("- Alice: Lunhc?")
        edited(group, sent, "Lunch?")
        screen.expect("+ Alice: Lunch?")
        group.alice.call(200, "PATCH", f"/api/conversations/{group.made['id']}", {"name": "Crew"})
        screen.expect_title("Crew")
        group.alice.call(200, "DELETE", f"/api/conversations/{group.made['id']}/members/{group.ann.me()['id']}")
        screen.expect_people("Moderators", "Alice", "Participants", "Bob", "Visitors")
        group.set(bob, banned=True)
        screen.expect(f"Banned from {group.room} by Alice")
        screen.type(f"/join {group.room} nick Bob")
        screen.expect("You are banned from this room")


def test_gajim_in_a_room(stack, app):
    carol = account(stack, "carol")
    group = Group(stack, app, carol)
    group.alice.send(group.made, "Before you came")
    with Gajim(stack, "carol") as gajim, group.alice.ws() as socket:
        gajim.join(group.room, "Carol")
        gajim.expect_row(group.room, "Before you came", who="Alice", mine=False)
        seen = gajim.look(group.room)
        assert seen["chat"]["headline"] == "Team"
        assert seen["people"] == {"Alice": ["owner", "moderator"], "Ann": ["member", "participant"], "Carol": ["member", "participant"]}
        gajim.send("Hello all")
        assert socket.expect("message.new", content="Hello all")["payload"]["sender"]["jid"] == carol.bare
        gajim.expect_row(group.room, "Hello all", who="Carol", mine=True)
        gajim.correct("Hello everybody")
        socket.expect("message.updated", content="Hello everybody")
        gajim.expect_row(group.room, "Hello all", corrected="Hello everybody")
        sent = group.alice.send(group.made, "Lunhc?")
        gajim.expect_row(group.room, "Lunhc?", who="Alice")
        edited(group, sent, "Lunch?")
        rows = gajim.expect_row(group.room, "Lunhc?", corrected="Lunch?")
        assert [row["corrected"] for row in rows] == ["Before you came", "Hello everybody", "Lunch?"]
        group.remove(carol)
        gajim.expect("that she is out", lambda seen: not seen["joined"] and not seen["people"] and
                     "You have been removed from the group chat by Alice: Affiliation changed" in seen["said"], group.room)


def test_dino_in_a_room(stack, app):
    """Dino stores what is said in the room, but not who is there. That he is out Dave sees by what he then says."""
    dave = account(stack, "dave")
    group = Group(stack, app, dave)
    group.alice.send(group.made, "Before you came")
    with Dino(stack, "dave") as dino, group.alice.ws() as socket:
        dino.join(group.room)
        dino.expect("the history", lambda: dino.said(group.room) == [("Alice", "Before you came")])
        dino.send("Hello all")
        got = socket.expect("message.new", content="Hello all")["payload"]
        assert got["sender"]["jid"] == dave.bare
        dino.expect_message(group.room, True, "Hello all", "received")
        group.ann.call(200, "PUT", f"/api/messages/{got['id']}/reactions/%F0%9F%8E%89")
        dino.expect("Ann's reaction", lambda: dino.reactions() == [(group.jids[1], "Hello all", "🎉")])
        dino.react_too()
        socket.expect("message.reaction", message_id=got["id"], user_id=group.member(dave)["user"]["id"], emoji="🎉")
        dino.correct("Hello everybody")
        assert socket.expect("message.updated", content="Hello everybody")["payload"]["id"] == got["id"]
        sent = group.alice.send(group.made, "Lunhc?")
        dino.expect("what Alice says", lambda: ("Alice", "Lunhc?") in dino.said(group.room))
        edited(group, sent, "Lunch?")
        dino.expect("both corrections", lambda: dino.corrected() == [("Hello all", "Hello everybody"), ("Lunhc?", "Lunch?")])
        group.remove(dave)
        dino.send("Am I out?")
        dino.expect_message(group.room, True, "Am I out?", "error")
