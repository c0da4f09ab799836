# SPDX-License-Identifier: GPL-3.0-or-later
"""What a socket gets by resuming counts as delivered, and hello is never ahead of the replay."""


def test_resumed_messages_are_delivered(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    bella.send(talk, "one")
    last = bella.send(talk, "two")
    with bella.ws() as hers, alice.ws(resume=cursor) as socket:
        assert socket.hello["cursor"] == cursor
        socket.expect("resumed")
        hers.expect("message.delivered", user_id=alice.me()["id"], message_id=last["id"])
    assert [m["status"] for m in bella.messages(talk)["items"]] == ["delivered", "delivered"]
