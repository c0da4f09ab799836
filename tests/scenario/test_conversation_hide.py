# SPDX-License-Identifier: GPL-3.0-or-later
"""DELETE takes a conversation away from the caller alone; the next message brings it back without its past."""
import uuid


def hide(user, talk, status=200):
    return user.call(status, "DELETE", f"/api/conversations/{talk['id']}")


def listed(user):
    return [c["id"] for c in user.conversations()["items"]]


def test_hide_and_return(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    old = [bella.send(talk, f"old {n}") for n in range(3)]
    with alice.ws() as one, alice.ws() as other, bella.ws() as hers:
        cursor = one.hello["cursor"]
        assert hide(alice, talk) == {"conversation_id": talk["id"]}
        for socket in (one, other):
            assert socket.expect("conversation.removed")["payload"] == {"conversation_id": talk["id"]}
        assert hide(alice, talk) == {"conversation_id": talk["id"]}
        assert listed(alice) == [] and listed(bella) == [talk["id"]]
        gone = alice.conversation(talk)
        assert (gone["unread_count"], gone["last_message"]) == (0, None)
        assert gone["last_message_at"] == gone["created_at"]
        assert alice.messages(talk)["items"] == [] and len(bella.messages(talk)["items"]) == 3
        for direction in ("before", "after", "around"):
            assert alice.messages(talk, 404, **{direction: old[1]["id"]})["code"] == "not_found"
        alice.call(404, "GET", f"/api/messages/{old[1]['id']}")
        assert bella.call(200, "GET", f"/api/messages/{old[1]['id']}")["content"] == "old 1"
        new = bella.send(talk, "new")
        back = one.expect("conversation.new")["payload"]
        assert back["id"] == talk["id"] and back["unread_count"] == 1 and back["last_message"]["id"] == new["id"]
        assert listed(alice) == [talk["id"]]
        assert [m["content"] for m in alice.messages(talk)["items"]] == ["new"]
        one.sync(), hers.sync()
        assert len(one.frames("conversation.removed")) == 1
        assert not hers.frames("conversation.removed", "conversation.updated", "message.read")
    assert bella.messages(talk)["items"][0]["status"] != "read"
    with alice.ws(resume=cursor) as again:
        again.expect("resumed")
        kinds = [f["type"] for f in again.frames("conversation.removed", "conversation.new", "message.new")]
        assert kinds == ["conversation.removed", "message.new", "conversation.new"]


def test_who_has_hidden_a_conversation_is_not_seen_from_there_until_it_returns(app):
    alice, bella = app("alice"), app("bella")
    her = alice.me()["id"]
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    alice.send(talk, "hello")
    with alice.ws(), bella.ws() as socket:
        socket.expect("presence", user_id=her, status="online")
        hide(alice, talk)
        socket.expect("presence", user_id=her, status="offline")
        bella.send(talk, "are you there?")
        socket.expect("presence", user_id=her, status="online")
        hide(alice, talk)
        socket.expect("presence", user_id=her, status="offline")
        alice.conversation_with(participant_id=bella.me()["id"], status=200)
        socket.expect("presence", user_id=her, status="online")


def test_own_message_and_opening_bring_it_back(app):
    alice, bella = app("alice"), app("bella")
    her = bella.me()["id"]
    talk = alice.conversation_with(participant_id=her)
    alice.send(talk, "old")
    with alice.ws() as socket:
        hide(alice, talk)
        again = alice.conversation_with(participant_id=her, status=200)
        assert again["id"] == talk["id"] and again["last_message"] is None and listed(alice) == [talk["id"]]
        assert socket.expect("conversation.new")["payload"] == again
        hide(alice, talk)
        sent = alice.send(talk, "mine")
        assert socket.expect("conversation.new")["payload"]["last_message"]["id"] == sent["id"]
        assert listed(alice) == [talk["id"]]


def test_what_was_cleared_is_not_replayed(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    for number in range(5):
        bella.send(talk, f"m{number}")
    hide(alice, talk)
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
        assert not socket.frames("message.new") and len(socket.frames("conversation.removed")) == 1


def test_a_message_from_outside_brings_it_back(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    with alice.ws() as socket:
        bob.send_message(alice.me()["jid"], "one")
        talk = socket.expect("conversation.new")["payload"]
        hide(alice, talk)
        socket.expect("conversation.removed")
        bob.send_message(alice.me()["jid"], "two")
        assert socket.expect("conversation.new")["payload"]["last_message"]["content"] == "two"
        assert [m["content"] for m in alice.messages(talk)["items"]] == ["two"]


def test_strangers_and_random_ids_are_alike(app):
    alice, bella, mallory = app("alice"), app("bella"), app("mallory")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    assert hide(mallory, talk, 404)["code"] == hide(alice, {"id": str(uuid.uuid4())}, 404)["code"] == "not_found"
    assert listed(alice) == [talk["id"]]
