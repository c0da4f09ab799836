# SPDX-License-Identifier: GPL-3.0-or-later
"""The XMPP user, or the link, is away while the app user writes."""
from harness.database import database
from harness.fault import wait_ready

DELAY = "{urn:xmpp:delay}delay"


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


def test_what_waited_for_the_link_shows_when_it_was_sent(stack, app, xmpp):
    alice = app("alice")
    talk = alice.conversation_with(jid="erin@example.org")
    with alice.ws() as socket:
        stack.kill("xmpp")
        try:
            sent = alice.send(talk, "An hour ago")
            with database(stack) as query:
                query("UPDATE messages SET created_at = created_at - interval '1 hour' WHERE id = %s", sent["id"])
                stamp = query("SELECT json_time(created_at) FROM messages WHERE id = %s", sent["id"])[0][0]
        finally:
            stack.restart("xmpp")
            wait_ready(stack)
        erin = xmpp("erin")
        got = erin.expect_message("An hour ago", id=sent["id"])
        delay, = [d for d in got.xml.iter(DELAY) if d.get("from") == stack.app_domain]
        assert delay.get("stamp") == stamp.strip('"')
        now = alice.send(talk, "Just now")
        assert erin.expect_message("Just now", id=now["id"]).xml.find(DELAY) is None
        socket.expect("message.delivered", message_id=now["id"])
