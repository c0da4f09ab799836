# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients of dialect s2 see: every object in camelCase, events with colons, 400 for what is invalid."""
import pytest
from harness.dialect import DialectSocket
from harness.rest import App


class Client(App):
    """Says with each request which dialect it is in."""

    def headers(self):
        return {**super().headers(), "Trestle-Dialect": "s2"}


@pytest.fixture
def alice(stack, app):
    user = app("alice")
    client = Client(stack, user.sub)
    client.id = user.me()["id"]
    return client


def test_replies_and_requests(alice, bella):
    talk = alice.call(201, "POST", "/api/conversations", {"participantId": bella.id})
    assert {"lastMessage", "unreadCount", "isPinned", "isArchived", "mutedUntil"} <= set(talk) and "_" not in "".join(talk)
    sent = alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {"content": "hi", "clientId": "one"})
    assert (sent["type"], sent["conversationId"], sent["senderId"]) == ("text", talk["id"], alice.id)
    assert sent["updatedAt"] == sent["createdAt"] and "avatarUrl" in sent["sender"]
    page = alice.call(200, "GET", f"/api/messages/conversations/{talk['id']}/messages")["items"]
    assert page == [sent]
    pinned = alice.call(200, "PATCH", f"/api/messages/conversations/{talk['id']}", {"pinned": True})
    assert pinned["isPinned"] is True


def test_what_is_invalid_is_400(alice):
    for path, body, code in (("/api/conversations", {"nonsense": 1}, "unprocessable"), ("/api/groups", {}, "unprocessable")):
        problem = alice.call(400, "POST", path, body)
        assert (problem["code"], problem["status"]) == (code, 400)
    assert alice.call(404, "GET", "/api/conversations/01a223be-7e49-7386-9fc1-c010a55f7148")["status"] == 404


def test_the_socket(alice, bella):
    talk = bella.conversation_with(participant_id=alice.id)["id"]
    with DialectSocket(alice, "s2") as at_alice, bella.ws() as at_bella:
        sent = bella.send(talk, "hello")
        shown = at_alice.expect("message:new")["payload"]
        assert (shown["id"], shown["conversationId"], shown["sender"]["id"]) == (sent["id"], talk, bella.id)
        at_bella.command("typing", conversation_id=talk, active=True)
        assert at_alice.expect("typing:start")["payload"]["userId"] == bella.id
        at_bella.command("typing", conversation_id=talk, active=False)
        assert at_alice.expect("typing:stop")["payload"]["conversationId"] == talk
        answer = at_alice.ask("message", payload={"conversationId": talk, "content": "and you?"})
        assert answer["payload"]["message"]["conversationId"] == talk
        assert at_bella.expect("message.new", content="and you?")
        assert at_alice.ask("message:read", payload={"conversationId": talk, "messageId": sent["id"]})["type"] == "ack"
        assert at_bella.expect("message.read")["payload"]["message_id"] == sent["id"]
        bella.call(200, "PUT", f"/api/messages/{sent['id']}/reactions/%F0%9F%91%8D")
        told = at_alice.expect("message:reaction")["payload"]
        assert (told["messageId"], told["userId"], told["emoji"]) == (sent["id"], bella.id, "\U0001f44d")
        at_alice.put("typing:start", payload={"conversationId": talk})
        assert at_bella.expect("typing", active=True)
