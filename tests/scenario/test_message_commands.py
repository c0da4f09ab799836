# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to messages by commands of the socket, and by the other names of routes."""


def test_commands_do_what_routes_do(alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    path = f"/api/messages/conversations/{talk['id']}/messages"
    first = alice.call(201, "POST", path, {"content": "by another name"})
    assert alice.call(200, "GET", path)["items"] == [first]
    with alice.ws() as at_alice, bella.ws() as at_bella:
        answer = bella.send(talk, "an answer", thread_id=first["id"])
        thread = at_alice.command("thread.update", thread_id=answer["thread_id"], topic="names", is_resolved=True)
        assert (thread["topic"], thread["is_resolved"]) == ("names", True)
        assert at_bella.expect("thread.updated", topic="names")
        forwarded = at_alice.command("message.forward", message_id=first["id"], conversation_ids=[talk["id"]],
                                     client_id="once")["items"]
        assert [m["content"] for m in forwarded] == ["by another name"]
        assert at_bella.expect("message.new", content="by another name", is_forwarded=True)
        at_alice.command("message.delete", message_id=first["id"])
        assert at_bella.expect("message.deleted")["payload"]["message_id"] == first["id"]


def test_a_vote_is_taken_back(alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    asked = alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {
        "message_type": "poll", "poll": {"question": "When?", "options": ["now", "later"], "multiple": False}})
    path = f"/api/messages/{asked['id']}/vote"
    option = asked["metadata"]["poll"]["options"][0]["id"]
    bella.call(200, "PUT", path, {"options": [option]})
    shown = bella.call(200, "DELETE", path)["metadata"]["poll"]
    assert [o["votes"] for o in shown["options"]] == [0, 0] and shown["voters"] == 0
