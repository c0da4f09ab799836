# SPDX-License-Identifier: GPL-3.0-or-later
"""A person in Gajim and an app user: what each sees of the other on the screen and in the API."""
import secrets

import pytest
from harness.files import upload
from harness.gajim import Gajim
from harness.inbox import wait_for
from harness.pictures import png
from harness.rest import Api
from test_files import attach


@pytest.fixture(scope="module")
def bob(running_stack):
    """One Gajim for all tests here; its chats and contacts are with app users nobody else has."""
    with Gajim(running_stack, "bob") as client:
        yield client


def befriend(alice, bob, socket):
    """Bob adds Alice, she accepts and asks in return, which Gajim grants: both see each other."""
    bob.subscribe(alice.jid)
    request = socket.expect("request.new", subscription=True)["payload"]["conversation"]
    assert request["participant2"]["jid"] == bob.jid or request["participant1"]["jid"] == bob.jid
    talk = alice.call(200, "POST", f"/api/conversations/{request['id']}/accept")
    bob.expect("a contact", lambda seen: seen["subscription"] == "both", alice.jid)
    return talk


def expect_show(bob, alice, show):
    return bob.expect(f"{alice.jid} {show}", lambda seen: seen["show"] == show, alice.jid)


def test_presence_as_gajim_shows_it(alice, bob):
    with alice.ws() as socket:
        befriend(alice, bob, socket)
        expect_show(bob, alice, "online")
        for status, show in (("away", "away"), ("in_call", "dnd"), ("online", "online")):
            socket.command("presence", status=status)
            expect_show(bob, alice, show)
    expect_show(bob, alice, "offline")
    with alice.ws():
        expect_show(bob, alice, "online")


def test_the_name_and_its_change(alice, bob):
    with alice.ws() as socket:
        befriend(alice, bob, socket)
        bob.open(alice.jid)
        bob.expect("her name", lambda seen: seen["chat"]["headline"] == "Alice", alice.jid)
        alice.call(200, "PATCH", "/api/users/me", {"name": "Alice <&> Ä"})
        bob.expect("her new name", lambda seen: seen["chat"]["headline"] == "Alice <&> Ä", alice.jid)


def change_picture(alice, socket, bob):
    """Bob takes another picture; returns its path when Alice's app hears of it."""
    with_old = {alice.conversation_with(jid=bob.jid)["icon_url"], None}
    bob.set_avatar(png(96, 96, color=secrets.token_bytes(3)))
    while True:
        url = socket.expect("user.updated", jid=bob.jid)["payload"]["avatar_url"]
        if url not in with_old:
            return url


def test_pictures_both_ways(stack, alice, bob):
    with alice.ws() as socket:
        befriend(alice, bob, socket)
        user = alice.call(200, "PUT", "/api/users/me/avatar", png(300, 300), {"Content-Type": "image/png"})
        hash = user["avatar_url"].rpartition("/")[2]
        bob.expect("her picture", lambda seen: seen["avatar"] == hash, alice.jid)
        url = change_picture(alice, socket, bob)
        assert Api(stack).request("GET", url).status == 200
        alice.call(200, "DELETE", "/api/users/me/avatar")
        bob.expect("no picture", lambda seen: seen["avatar"] is None, alice.jid)


def test_receipts_and_displayed_markers_both_ways(alice, bob):
    with alice.ws() as socket:
        talk = befriend(alice, bob, socket)
        bob.leave()
        sent = alice.send(talk, "Have you got this?")
        socket.expect("message.delivered", message_id=sent["id"])
        assert alice.messages(talk)["items"][-1]["status"] == "delivered"
        bob.open(alice.jid)
        bob.expect_row(alice.jid, "Have you got this?", mine=False)
        socket.expect("message.read", message_id=sent["id"])
        assert alice.messages(talk)["items"][-1]["status"] == "read"
        bob.send("Yes, and you?")
        got = socket.expect("message.new", content="Yes, and you?")["payload"]
        rows = bob.expect_row(alice.jid, "Yes, and you?", mine=True, receipt=True)
        assert not rows[-1]["displayed"]
        alice.read(talk, got)
        bob.expect_row(alice.jid, "Yes, and you?", displayed=True)


def test_typing_both_ways(alice, bob):
    with alice.ws() as socket:
        talk = befriend(alice, bob, socket)
        expect_show(bob, alice, "online")
        bob.open(alice.jid)
        bob.type("I am think")
        socket.expect("typing", conversation_id=talk["id"], active=True)
        bob.send("ing")
        socket.expect("message.new", content="I am thinking")
        socket.expect("typing", conversation_id=talk["id"], active=False)
        socket.command("typing", conversation_id=talk["id"], active=True)
        seen = bob.expect("that she types", lambda seen: seen["typing"], alice.jid)
        assert "composing" in seen["typing"] and "composing" in seen["chat"]["headline"]
        socket.command("typing", conversation_id=talk["id"], active=False)
        bob.expect("that she does not", lambda seen: "composing" not in seen["chat"]["headline"], alice.jid)


def test_text_both_ways_in_order_and_the_same_history(alice, bob):
    texts = ["Grüße & <tags/> ✓", "two\nlines", "👩‍👩‍👧 *no* markup"]
    with alice.ws() as socket:
        talk = befriend(alice, bob, socket)
        bob.open(alice.jid)
        for number, text in enumerate(texts):
            alice.send(talk, text)
            bob.expect_row(alice.jid, text)
            bob.send(f"answer {number}: <b>&amp;")
            socket.expect("message.new", content=f"answer {number}: <b>&amp;")
        for number in range(10):
            alice.send(talk, f"burst {number}")
        shown = bob.expect_row(alice.jid, "burst 9")
        me = alice.me()["id"]
        assert [(row["text"], row["mine"]) for row in shown] == [
            (m["content"], m["sender_id"] != me) for m in alice.messages(talk)["items"]]


def test_a_picture_of_a_message_is_shown(alice, bob):
    with alice.ws() as socket:
        talk = befriend(alice, bob, socket)
        bob.open(alice.jid)
        data = png(200, 150)
        attach(alice, talk, upload(alice, data, "cat picture.png"), content="Look!")
        bob.expect_row(alice.jid, "Look!")
        wait_for("the picture that Gajim shows", lambda: bob.file("cat-picture") == data)


def test_a_call_to_gajim_is_refused_for_it_encrypts_none(alice, bob):
    """It makes calls (by Farstream), but without DTLS, which browsers do not go without, and it is rung by no message (XEP-0353)."""
    told = bob.ask("calls")
    assert told["able"] and "urn:xmpp:jingle:apps:rtp:1" in told["features"]
    assert not {"urn:xmpp:jingle:apps:dtls:0", "urn:xmpp:jingle-message:0"} & set(told["features"])
    with alice.ws() as socket:
        talk = befriend(alice, bob, socket)
        expect_show(bob, alice, "online")

        def refused():
            reply = alice.request("POST", "/api/calls/initiate", {"conversation_id": talk["id"], "call_type": "audio"})
            if reply.status == 201:  # what it can do is not known yet
                alice.call(200, "POST", f"/api/calls/{reply.json['id']}/end", {})
            return reply.status == 409 and reply.json["error_reason"] == "offline"
        wait_for("the call is refused", refused)
