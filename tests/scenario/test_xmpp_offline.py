# SPDX-License-Identifier: GPL-3.0-or-later
"""The XMPP user is away while the app user writes."""


def test_several_messages_wait_in_order_and_show_when_they_were_sent(stack, app, xmpp):
    alice = app("alice")
    talk = alice.conversation_with(jid="dave@example.org")
    with alice.ws() as socket:
        sent = [alice.send(talk, f"While you were away {number}") for number in range(5)]
        xmpp("erin").ping(stack.app_domain)
        assert {m["status"] for m in alice.messages(talk)["items"]} == {"sent"}
        dave = xmpp("dave")
        got = [dave.expect_message(m["content"], sender=alice.me()["jid"]) for m in sent]
        assert [g.id for g in got] == [m["id"] for m in sent]
        assert all(g.has("urn:xmpp:delay", "delay") for g in got)
        socket.expect("message.delivered", message_id=sent[-1]["id"])
        dave.send_message(got[0].sender, "Back again")
        socket.expect("message.new", content="Back again", conversation_id=talk["id"])
    archived = [m.body for m in dave.history(alice.me()["jid"]) if m.body]
    assert archived == [m["content"] for m in sent] + ["Back again"]
