# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at Profanity and an app user; the person's side is what is on the screen."""
from harness.profanity import Profanity
from harness.xmpp import XmppUser


def test_profanity_reads_and_answers(stack, app):
    alice = app("alice")
    name = alice.me()["jid"]
    with Profanity(stack, "erin") as erin, alice.ws() as socket:
        talk = alice.conversation_with(jid=erin.account["jid"])
        sent = alice.send(talk, "Can you read this?")
        erin.expect(name)
        erin.type(f"/msg {name}")
        erin.expect("Can you read this?")
        socket.expect("message.delivered", message_id=sent["id"])
        erin.type("Yes, on my screen")
        socket.expect("message.new", content="Yes, on my screen", conversation_id=talk["id"])


def test_profanity_talks_to_another_xmpp_user(stack):
    """The harness itself: no bridge in between."""
    with Profanity(stack, "erin") as erin, XmppUser(stack, "dave") as dave:
        erin.type(f"/msg {dave.bare} Hello Dave")
        dave.expect_message("Hello Dave", sender=erin.account["jid"])
        dave.send_message(erin.account["jid"], "Hello Erin")
        erin.expect("Hello Erin")
