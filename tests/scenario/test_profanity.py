# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at Profanity and an app user; the person's side is what is on the screen."""
from harness.files import upload
from harness.profanity import Profanity
from harness.xmpp import XmppUser
from test_files import attach


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


def befriend(alice, erin, socket):
    """Each sees the other's presence; the chat window is open."""
    name = alice.me()["jid"]
    erin.type(f"/sub request {name}")
    talk = socket.expect("request.new", subscription=True)["payload"]["conversation"]
    alice.call(200, "POST", f"/api/conversations/{talk['id']}/accept")
    erin.expect(f"Received authorization request from {name}")
    erin.type(f"/sub allow {name}")
    erin.type(f"/msg {name}")
    erin.expect_title(name, "[online]")
    return talk


def test_profanity_shows_presence(stack, app):
    alice = app("alice")
    with Profanity(stack, "erin") as erin:
        with alice.ws() as socket:
            befriend(alice, erin, socket)
            socket.expect("presence", status="online", away=False)
            for status, shown in (("away", "[away]"), ("in_call", "[dnd]"), ("online", "[online]")):
                socket.command("presence", status=status)
                erin.expect_title(shown)
            erin.type("/status set away")
            socket.expect("presence", status="online", away=True)
        erin.expect_title("[offline]")


def test_profanity_shows_typing_both_ways(stack, app):
    alice = app("alice")
    with Profanity(stack, "erin") as erin, alice.ws() as socket:
        talk = befriend(alice, erin, socket)
        socket.command("typing", conversation_id=talk["id"], active=True)
        erin.expect_title("(typing...)")
        alice.send(talk, "Well?")  # Profanity takes back what it shows for a message, or after ten seconds
        erin.expect("Well?")
        erin.expect_title(without=["(typing...)"])
        erin.hold("Let me think")
        socket.expect("typing", conversation_id=talk["id"], active=True)
        erin.type(" no")
        socket.expect("typing", conversation_id=talk["id"], active=False)
        socket.expect("message.new", content="Let me think no")


def test_profanity_shows_receipts(stack, app):
    alice = app("alice")
    with Profanity(stack, "erin") as erin, XmppUser(stack, "dave") as dave, alice.ws() as socket:
        dave.receipts = False
        erin.type(f"/msg {dave.bare} Answer me")
        dave.expect_message("Answer me")
        assert erin.wait("message", lambda: erin.unacknowledged("Answer me"))
        erin.type(f"/msg {alice.me()['jid']} Have you got this?")
        socket.expect("message.new", content="Have you got this?")
        erin.wait("receipt", lambda: erin.unacknowledged("Have you got this?") is False)


def test_profanity_shows_where_a_file_is_and_sends_such_a_link(stack, app):
    alice = app("alice")
    with Profanity(stack, "erin") as erin, alice.ws() as socket:
        talk, name = alice.conversation_with(jid=erin.account["jid"]), alice.me()["jid"]
        attach(alice, talk, upload(alice, b"what we meet for", "plans.txt", "text/plain"), content="The plans")
        erin.expect(name)
        erin.type(f"/msg {name}")
        erin.expect("The plans")
        erin.expect("/plans.txt")
        link = "https://files.example.net/a/cat.jpg"
        erin.type(f"See {link}")
        came = socket.expect("message.new", conversation_id=talk["id"], content=f"See {link}")["payload"]
        assert came["message_type"] == "text", "a link in a text is no file"
