# SPDX-License-Identifier: GPL-3.0-or-later
"""An application written for { type, payload } runs unchanged: tests/clients/s0, against itself and XMPP."""
import pytest

from harness.daemon import Daemon
from harness.described import commands, operations
from harness.node import NodeClient
from harness.rest import App, http_request
from harness.ws import Socket

# What such an application declares. Members with ? may be null or absent, the others never are.
USER = {"id": str, "name": str, "username": str, "avatar_url?": str, "email": str, "bio?": str}
MESSAGE = {"id": str, "conversation_id": str, "sender": USER, "sender_id": str, "content": str, "message_type": str,
           "delivered_at?": str, "read_at?": str, "created_at": str}
CONVERSATION = {"id": str, "participant1": USER, "participant2": USER, "participant1_id": str, "participant2_id": str,
                "last_message?": MESSAGE, "last_message_at": str, "unread_count": int, "created_at": str,
                "updated_at": str}
PRESENCE = {"user_id": str, "status": str, "last_seen_at": str, "updated_at": str}
BLOCKED = {"blocker_id": str, "blocked_id": str, "created_at": str}


def declared(value, shape, where=""):
    """Fails unless `value` is what the application takes it for; returns it."""
    for member, kind in shape.items():
        name, found = member.rstrip("?"), value.get(member.rstrip("?"))
        if member.endswith("?") and found is None:
            continue
        if isinstance(kind, dict):
            assert isinstance(found, dict), f"{where}/{name} is {found!r}"
            declared(found, kind, f"{where}/{name}")
        else:
            assert type(found) is kind, f"{where}/{name} is {found!r}"
    return value


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
        user = app(name, username=None, name=name.title()) if isinstance(name, str) else name
        opened.append(NodeClient("s0", user, ws=user.ws_url + "?dialect=s0"))
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
    declared(talk, CONVERSATION)
    assert talk["id"] == bob.openConversation(alice.user["id"])["id"]
    assert {talk["participant1"]["id"], talk["participant2"]["id"]} == {alice.user["id"], bob.user["id"]}
    assert all(talk[f"participant{n}_id"] == talk[f"participant{n}"]["id"] for n in (1, 2))
    sent = alice.sendMessage(talk["id"], "Hello Bob")
    assert declared(sent, MESSAGE)["message_type"] == "text"
    for one in (alice, bob):
        shown = one.expect("message", id=sent["id"])["data"]
        assert declared(shown, MESSAGE)["sender"]["id"] == alice.user["id"]
    state = bob.state()
    assert [m["content"] for m in state["messages"][talk["id"]]] == ["Hello Bob"]
    assert state["unreadCounts"][talk["id"]] == 1 and alice.state()["unreadCounts"].get(talk["id"], 0) == 0


def test_sends_over_the_socket_too(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.emit("message", {"conversation_id": talk, "content": "By socket"})
    bob.expect("message", content="By socket")
    alice.expect("message", content="By socket")


def test_nobody_is_without_a_name(client, app, stack):
    """Neither whoever's token says none nor anybody on XMPP: the application draws initials."""
    one = app("nameless", username=None, name=None)
    alice, nameless = client("alice"), client(one)
    declared(nameless.user, USER)
    for talk in (alice.openConversation(nameless.user["id"]), alice.openConversationByJid("nobody@example.org")):
        declared(talk, CONVERSATION)
        declared(alice.sendMessage(talk["id"], "Who are you?"), MESSAGE)
    remote = next(u for u in (talk["participant1"], talk["participant2"]) if u["kind"] == "remote")
    assert remote["name"] == remote["username"] == "nobody@example.org"
    assert nameless.user["name"] == nameless.user["username"] == nameless.user["jid"].partition("@")[0]


def test_whole_objects_may_be_sent(client):
    """Frames are typed by what they are about, so such an application may send all that it has declared."""
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    now = "2026-01-01T00:00:00Z"
    alice.emit("message", {"id": "temp-1", "conversation_id": talk, "sender": alice.user, "sender_id": alice.user["id"],
                           "content": "All of it", "message_type": "text", "delivered_at": None, "read_at": None,
                           "created_at": now})
    shown = bob.expect("message", content="All of it")["data"]
    assert shown["id"] != "temp-1" and shown["created_at"] != now, "what the server says of it is not the client's"
    alice.emit("presence", {"user_id": alice.user["id"], "status": "in_call", "last_seen_at": now, "updated_at": now})
    declared(bob.expect("presence", user_id=alice.user["id"], status="in_call")["data"], PRESENCE)
    alice.emit("message", {"conversation_id": talk, "sender": bob.user, "content": "As somebody else"})
    assert alice.expect("error")["data"]["problem"]["errors"][0]["pointer"] == "/sender"


def test_lists_are_arrays_for_who_asks(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    for number in range(3):
        alice.sendMessage(talk, f'"] {number}')
    alice.blockUser(bob.user["id"])
    for path, shape in (("/api/conversations", CONVERSATION), (f"/api/conversations/{talk}/messages", MESSAGE),
                        ("/api/users/blocked", USER)):
        found = alice.listArray(path)
        assert isinstance(found, list) and found, path
        for one in found:
            declared(one, shape)
    alice.unblockUser(bob.user["id"])
    assert alice.listArray("/api/users/blocked") == []
    assert alice.listArray("/api/users/search?q=nobodyofthatname") == []


def test_calls_go_by_its_frames(client):
    """What such an application sends and reads; the rest is in test_calls.py."""
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.sendMessage(talk, "Shall I call?")
    bob.expect("message", content="Shall I call?")
    alice.emit("call_request", {"from": alice.user["id"], "to": bob.user["id"], "call_type": "audio"})
    asked = bob.expect("call_request", call_type="audio")["data"]
    assert asked["from"] == alice.user["id"]
    bob.emit("call_response", {"call_id": asked["call_id"], "accepted": True})
    assert alice.expect("call_response", call_id=asked["call_id"])["data"]["accepted"] is True
    for type in ("offer", "answer", "ice-candidate"):
        alice.emit(type, {"from_user_id": alice.user["id"], "to_user_id": bob.user["id"], "call_id": asked["call_id"], "sdp": "x"})
        assert alice.expect("error")["data"]["problem"]["code"] == "unprocessable"
    for type in ("call_start", "call_end"):
        alice.emit("message", {"conversation_id": talk, "content": "x", "message_type": type})
        assert alice.expect("error")["data"]["problem"]["errors"][0]["pointer"] == "/message_type"
    alice.emit("call_end", {"call_id": asked["call_id"]})
    bob.expect("call.ended", call_id=asked["call_id"])


def test_a_deployment_for_such_an_application_needs_no_choice(stack, client):
    with Daemon(stack, options={"websocket": {"dialect": "s0", "token_in_address": "true"}}) as bridge:
        alice, bella = App(bridge, "alice"), App(bridge, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        for address in (alice.ws_url, alice.ws_url + "?token="):
            one = NodeClient("s0", alice, ws=address)
            one.connect()
            one.expect("hello")
            bella.send(talk, "Hello")
            assert declared(one.expect("message")["data"], MESSAGE)["content"] == "Hello"
            one.close()
        with Socket(alice.ws_url + "?token=x.y.z", native=False) as socket:
            assert socket.expect_close().code == 4401
        by_address = http_request(alice.rest, "GET", f"/api/users/me?token={alice.token}")
        assert by_address.status == 422, "sockets alone cannot set headers"


def test_a_token_in_the_address_counts_for_nothing_unless_wanted(app):
    alice = app("alice")
    with Socket(f"{alice.ws_url}?token={alice.token}") as socket:
        socket.auth("x.y.z")
        assert socket.expect_close().code == 4401


def test_list_history_and_read(client):
    alice, bob = client("alice"), client("bob", connect=False)
    talk = alice.openConversation(bob.user["id"])["id"]
    for number in range(3):
        alice.sendMessage(talk, f"m{number}")
    bob.setConversations()
    state = bob.state()
    declared(state["conversations"][0], CONVERSATION)
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


def test_what_was_said_meanwhile_is_there_after_a_refresh(client):
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    alice.sendMessage(talk, "Before")
    bob.expect("message", content="Before")
    bob.disconnect()
    for number in range(3):
        alice.sendMessage(talk, f"Meanwhile {number}")
    bob.connect()
    bob.expect("hello")
    alice.sendMessage(talk, "After")
    bob.expect("message", content="After")
    bob.setConversations()
    bob.loadMessages(talk)
    state = bob.state()
    assert sorted(m["seq"] for m in state["messages"][talk]) == [1, 2, 3, 4, 5], "each once"
    assert state["conversations"][0]["unread_count"] == 5
    bob.read(talk)
    assert alice.expect("message.read", user_id=bob.user["id"])["data"]["seq"] == 5


def test_with_somebody_on_xmpp(client, xmpp, stack):
    alice, carol = client("alice"), xmpp("carol")
    talk = alice.openConversationByJid(carol.bare)["id"]
    alice.sendMessage(talk, "Hello from the app")
    stanza = carol.expect_message("Hello from the app")
    carol.send_message(stanza.sender, "Hello from XMPP")
    shown = alice.expect("message", content="Hello from XMPP")["data"]
    assert declared(shown, MESSAGE)["conversation_id"] == talk and shown["sender"]["jid"] == carol.bare
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
    declared(alice.expect("presence", user_id=bob.user["id"], status="online")["data"], PRESENCE)
    assert bob.user["id"] in alice.state()["onlineUsers"]
    bob.disconnect()
    declared(alice.expect("presence", user_id=bob.user["id"], status="offline", timeout=60)["data"], PRESENCE)


def test_search_block_and_delete(client):
    needs("GET /api/users/search", "POST /api/users/{user_id}/block", "DELETE /api/conversations/{conversation_id}")
    alice, bob = client("alice"), client("bob")
    talk = alice.openConversation(bob.user["id"])["id"]
    block = declared(alice.blockUser(bob.user["id"]), BLOCKED)
    assert (block["blocker_id"], block["blocked_id"]) == (alice.user["id"], bob.user["id"])
    (listed,) = alice.listBlocked()["items"]
    declared(listed, {**USER, **BLOCKED})
    assert {name: listed[name] for name in BLOCKED} == {name: block[name] for name in BLOCKED}
    assert "error" in bob.ask("sendMessage", talk, "Hello?")
    alice.unblockUser(bob.user["id"])
    assert alice.listBlocked()["items"] == []
    bob.sendMessage(talk, "Hello!")
    alice.expect("message", content="Hello!")
    alice.deleteConversation(talk)
    alice.setConversations()
    assert talk not in [c["id"] for c in alice.state()["conversations"]]
    assert "error" not in alice.ask("searchUsers", "bob")
