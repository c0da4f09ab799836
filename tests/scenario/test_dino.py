# SPDX-License-Identifier: GPL-3.0-or-later
"""A person in Dino and an app user. Dino's marks, order and pictures are those of its own database."""
from xml.etree.ElementTree import Element

import pytest
from harness.dino import Dino
from harness.files import upload
from harness.pictures import png
from test_files import attach


@pytest.fixture(scope="module")
def carol(running_stack):
    """One Dino for all tests here; its chats are with app users nobody else has."""
    with Dino(running_stack, "carol") as client:
        yield client


def test_text_in_order_with_receipts_and_markers_both_ways(app, alice, carol):
    talk = alice.conversation_with(jid=carol.jid)
    carol.open(app("bella").me()["jid"])  # what comes from others is not read at once
    with alice.ws() as socket:
        first = alice.send(talk, "Grüße & <tags/> ✓")
        socket.expect("message.delivered", message_id=first["id"])
        carol.expect_message(alice.jid, False, "Grüße & <tags/> ✓")
        assert alice.messages(talk)["items"][-1]["status"] == "delivered"
        carol.open(alice.jid)
        socket.expect("message.read", message_id=first["id"])
        carol.send("Hello <b>&amp;")
        got = socket.expect("message.new", content="Hello <b>&amp;")["payload"]
        carol.expect_message(alice.jid, True, "Hello <b>&amp;", "received")
        alice.read(talk, got)
        carol.expect_message(alice.jid, True, "Hello <b>&amp;", "read")
        for number in range(10):
            alice.send(talk, f"burst {number}")
        carol.expect_message(alice.jid, False, "burst 9")
        me = alice.me()["id"]
        assert [(mine, text) for mine, text, _ in carol.messages(alice.jid)] == [
            (m["sender_id"] != me, m["content"]) for m in alice.messages(talk)["items"]]


def test_typing_in_dino(alice, carol):
    talk = alice.conversation_with(jid=carol.jid)
    with alice.ws() as socket:
        question = alice.send(talk, "What do you think?")
        carol.expect_message(alice.jid, False, "What do you think?")
        carol.open(alice.jid)
        socket.expect("message.read", message_id=question["id"])
        carol.type("Let me ")
        socket.expect("typing", conversation_id=talk["id"], active=True)
        carol.send("think")
        socket.expect("message.new", content="Let me think")
        socket.expect("typing", conversation_id=talk["id"], active=False)


def test_dino_gets_the_picture(alice, carol, xmpp):
    """Carol has made Alice a contact with another of her clients."""
    phone = xmpp("carol")
    phone.iq(None, Element("{jabber:iq:roster}query"))
    with alice.ws() as socket:
        phone.send_presence(to=alice.jid, type="subscribe")
        request = socket.expect("request.new", subscription=True)["payload"]["conversation"]
        alice.call(200, "POST", f"/api/conversations/{request['id']}/accept")
        phone.expect_presence(alice.jid, "subscribe")
        phone.send_presence(to=alice.jid, type="subscribed")
        user = alice.call(200, "PUT", "/api/users/me/avatar", png(300, 300), {"Content-Type": "image/png"})
        hash = user["avatar_url"].rpartition("/")[2]
        carol.expect("her picture", lambda: carol.picture(alice.jid) == hash)


def test_a_reaction_in_dino(alice, carol):
    """Dino keeps the sets of others by the message that they are about."""
    talk = alice.conversation_with(jid=carol.jid)
    carol.open(alice.jid)
    with alice.ws() as socket:
        carol.send("What a day")
        theirs = socket.expect("message.new", content="What a day")["payload"]
        alice.call(200, "PUT", f"/api/messages/{theirs['id']}/reactions/%F0%9F%8E%89")
        carol.expect("the reaction", lambda: any("🎉" in emojis for emojis, in carol.query(
            "SELECT emojis FROM reaction JOIN jid ON jid.id = jid_id WHERE bare_jid = ?", alice.jid)))


def test_a_picture_of_a_message_is_shown(app, alice, carol, xmpp):
    """Carol knows Alice, or Dino would ask before it fetches anything."""
    phone = xmpp("carol")
    phone.iq(None, Element("{jabber:iq:roster}query"))
    with alice.ws() as socket:
        phone.send_presence(to=alice.jid, type="subscribe")
        request = socket.expect("request.new", subscription=True)["payload"]["conversation"]
        talk = alice.call(200, "POST", f"/api/conversations/{request['id']}/accept")
        carol.expect("her in its roster", lambda: carol.query(
            "SELECT 1 FROM roster WHERE jid = ? AND subscription IN ('to', 'both')", alice.jid))
        # Not to the chat with her: the spinner that is drawn there starves what fetches the file.
        carol.open(app("bella").me()["jid"])
        data = png(200, 150)
        attach(alice, talk, upload(alice, data, "cat picture.png"), content="Look!")
        carol.expect("the picture", lambda: carol.file(alice.jid) == ("cat-picture.png", "image/png", data))
        carol.expect_message(alice.jid, False, "Look!")
