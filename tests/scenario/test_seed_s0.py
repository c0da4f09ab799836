# SPDX-License-Identifier: GPL-3.0-or-later
"""An application written for { type, payload } runs unchanged: tests/clients/s0, against itself and XMPP."""
import pytest

from harness.described import commands, operations
from harness.node import NodeClient

MESSAGE = {"id", "conversation_id", "sender", "content", "message_type", "delivered_at", "read_at", "created_at"}
CONVERSATION = {"id", "participant1", "participant2", "last_message", "last_message_at", "unread_count", "created_at",
                "participant1_id", "participant2_id", "updated_at"}
USER = {"id": str, "username": (str, type(None)), "email": str}


def needs(*names):
    """Skips until a command or route is there."""
    there = {*commands(), *(str(o) for o in operations())}
    missing = [name for name in names if name not in there]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} yet")


@pytest.fixture
def client(app):
    opened = []

    def start(name, connect=True):
        opened.append(NodeClient("s0", app(name, username=None, name=name.title())))
        if connect:
            opened[-1].connect()
            opened[-1].expect("hello")
        return opened[-1]
    yield start
    for one in opened:
        one.close()


def test_two_people_talk(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])
    assert CONVERSATION <= set(talk) and talk["id"] == bob.openConversation(alice.user["id"])["id"]
    assert {talk["participant1"]["id"], talk["participant2"]["id"]} == {alice.user["id"], bob.user["id"]}
    assert all(talk[f"participant{n}_id"] == talk[f"participant{n}"]["id"] for n in (1, 2))
    sent = alice.sendMessage(talk["id"], "Hello Bob")
    assert MESSAGE <= set(sent) and sent["message_type"] == "text"
    for one in (alice, bob):
        shown = one.expect("message", id=sent["id"])["data"]
        assert MESSAGE <= set(shown) and shown["sender"]["id"] == alice.user["id"]
        for member, kinds in USER.items():
            assert isinstance(shown["sender"][member], kinds)
    state = bob.state()
    assert [m["content"] for m in state["messages"][talk["id"]]] == ["Hello Bob"]
    assert state["unreadCounts"][talk["id"]] == 1 and alice.state()["unreadCounts"].get(talk["id"], 0) == 0


def test_sends_over_the_socket_too(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.emit("message", {"conversation_id": talk, "content": "By socket"})
    bob.expect("message", content="By socket")
    alice.expect("message", content="By socket")


def test_list_history_and_read(client):
    alice, bob = client("alice"), client("bob", connect=False)
    talk = alice.openConversation(bob.user["id"])["id"]
    for number in range(3):
        alice.sendMessage(talk, f"m{number}")
    bob.setConversations()
    state = bob.state()
    assert state["conversations"][0]["last_message"]["content"] == "m2" and state["unreadCounts"][talk] == 3
    bob.loadMessages(talk)
    assert [m["content"] for m in bob.state()["messages"][talk]] == ["m0", "m1", "m2"]
    bob.read(talk)
    bob.setConversations()
    assert bob.state()["unreadCounts"][talk] == 0
    alice.expect("message.read", user_id=bob.user["id"])
    assert all(m["read_at"] for m in alice.getMessages(talk)["items"])


def test_reconnects_by_itself(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    bob.drop()
    bob.expect("hello")
    alice.sendMessage(talk, "Back?")
    bob.expect("message", content="Back?")


def test_with_somebody_on_xmpp(client, xmpp, stack):
    alice, carol = client("alice"), xmpp("carol")
    talk = alice.openConversationByJid(carol.bare)["id"]
    alice.sendMessage(talk, "Hello from the app")
    stanza = carol.expect_message("Hello from the app")
    carol.send_message(stanza.sender, "Hello from XMPP")
    shown = alice.expect("message", content="Hello from XMPP")["data"]
    assert shown["conversation_id"] == talk and shown["sender"]["jid"] == carol.bare
    assert [m["content"] for m in alice.state()["messages"][talk]] == ["Hello from the app", "Hello from XMPP"]


def test_typing(client):
    needs("typing")
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.sendMessage(talk, "Hi")
    alice.emit("typing", {"conversation_id": talk, "is_typing": True})
    bob.expect("typing", user_id=alice.user["id"], is_typing=True)
    assert bob.state()["typingUsers"][talk] == [alice.user["id"]]
    alice.emit("typing", {"conversation_id": talk, "is_typing": False})
    bob.expect("typing", user_id=alice.user["id"], is_typing=False)
    assert bob.state()["typingUsers"][talk] == []


def test_presence(client):
    needs("presence")
    alice = client("alice")
    bob = client("bob", connect=False)
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.sendMessage(talk, "Hi")
    bob.sendMessage(talk, "Hi")
    bob.connect()
    shown = alice.expect("presence", user_id=bob.user["id"], status="online")["data"]
    assert {"user_id", "status", "last_seen_at", "updated_at"} <= set(shown)
    assert bob.user["id"] in alice.state()["onlineUsers"]
    bob.disconnect()
    alice.expect("presence", user_id=bob.user["id"], status="offline", timeout=60)


def test_search_block_and_delete(client):
    needs("GET /api/users/search", "POST /api/users/{user_id}/block", "DELETE /api/conversations/{conversation_id}")
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.blockUser(bob.user["id"])
    assert alice.listBlocked()["items"]
    assert "error" in bob.ask("sendMessage", talk, "Hello?")
    alice.unblockUser(bob.user["id"])
    assert alice.listBlocked()["items"] == []
    bob.sendMessage(talk, "Hello!")
    alice.expect("message", content="Hello!")
    alice.deleteConversation(talk)
    alice.setConversations()
    assert talk not in [c["id"] for c in alice.state()["conversations"]]
    assert "error" not in alice.ask("searchUsers", "bob")
