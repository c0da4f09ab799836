# SPDX-License-Identifier: GPL-3.0-or-later
"""An app user and an XMPP user talk; both see it at once and find it again."""
from xml.etree.ElementTree import Element


def test_rest_to_xmpp_and_back(stack, app, xmpp):
    alice, bob = app("alice", name="Alice"), xmpp("bob")
    with alice.ws() as socket:
        talk = alice.conversation_with(jid=bob.bare)
        sent = alice.send(talk, "Hello Bob <&> ☃")
        got = bob.expect_message("Hello Bob <&> ☃", sender=alice.me()["jid"])
        assert got.id == sent["id"]
        socket.expect("message.new", id=sent["id"], content="Hello Bob <&> ☃")

        bob.send_message(got.sender, "Hello Alice")
        event = socket.expect("message.new", content="Hello Alice", conversation_id=talk["id"])
    page = alice.messages(talk)
    assert [m["id"] for m in page["items"]] == [sent["id"], event["payload"]["id"]]
    assert [m["seq"] for m in page["items"]] == sorted(m["seq"] for m in page["items"])
    heard = [m.body for m in bob.history(got.sender.partition("/")[0]) if m.body]
    assert heard == ["Hello Bob <&> ☃", "Hello Alice"]


def test_receipt_and_displayed_marker_of_the_xmpp_user_become_events(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    with alice.ws() as socket:
        talk = alice.conversation_with(jid=bob.bare)
        sent = alice.send(talk, "Did you get this?")
        got = bob.expect_message("Did you get this?")
        socket.expect("message.delivered", conversation_id=talk["id"], message_id=sent["id"])
        bob.send_displayed(got)
        socket.expect("message.read", conversation_id=talk["id"], message_id=sent["id"])
    assert alice.messages(talk)["items"][-1]["status"] == "read"


def test_the_app_user_sends_a_receipt_and_a_displayed_marker(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    with alice.ws() as socket:
        name = alice.me()["jid"]
        id = bob.send_message(name, "Are you there?", receipt=True, markable=True)
        event = socket.expect("message.new", content="Are you there?")
        bob.expect_receipt(id)
        talk = alice.conversation(event["payload"]["conversation_id"])
        assert talk["unread_count"] == 1
        assert alice.read(talk, event["payload"])["unread_count"] == 0
        bob.expect_displayed(id)
        socket.expect("message.read", conversation_id=talk["id"], message_id=event["payload"]["id"])


def test_websocket_to_xmpp(stack, app, xmpp):
    alice, carol = app("alice"), xmpp("carol")
    with alice.ws() as socket:
        talk = alice.conversation_with(jid=carol.bare)
        stored = socket.message(talk, "From the socket")
        assert carol.expect_message("From the socket").id == stored["id"]
        socket.expect("message.new", id=stored["id"])


def test_the_xmpp_user_was_away(stack, app, xmpp):
    alice = app("alice")
    talk = alice.conversation_with(jid="dave@example.org")
    sent = alice.send(talk, "Read this later")
    xmpp("erin").barrier(alice.me()["jid"])
    dave = xmpp("dave")
    assert dave.expect_message("Read this later", sender=alice.me()["jid"]).id == sent["id"]


def delayed(stamp, by=None):
    return Element("{urn:xmpp:delay}delay", {"stamp": stamp, **({"from": by} if by else {})})


def test_a_message_that_came_late_tells_when_it_was_sent_and_stands_where_it_came(app, xmpp):
    """XEP-0203: believed of the sender's side, shown, never used for the order."""
    alice, bob = app("alice"), xmpp("bob")
    to, domain = alice.me()["jid"], bob.bare.partition("@")[2]
    early, sent_at = "2026-05-04T09:12:44.031Z", {"sent_at": "2026-05-04T09:12:44.031Z"}
    cases = [("now", (), None), ("his client", (delayed(early),), sent_at),
             ("himself", (delayed(early, bob.bare),), sent_at),
             ("with an offset", (delayed("2026-05-04T11:12:44.031+02:00"),), sent_at),
             ("somebody else", (delayed(early, "carol@" + domain),), None),
             ("the future", (delayed("2999-01-01T00:00:00Z"),), None),
             ("before time", (delayed("0001-01-01T00:00:00Z"),), None),
             ("nonsense", (delayed("yesterday"),), None)]
    with alice.ws() as socket:
        for text, extra, _ in cases:
            bob.send_message(to, text, extra=extra)
        frames = [socket.expect("message.new", content=text)["payload"] for text, _, _ in cases]
    assert [f["metadata"] for f in frames] == [wanted for _, _, wanted in cases]
    page = alice.messages({"id": frames[0]["conversation_id"]})["items"]
    assert [(m["content"], m["metadata"]) for m in page] == [(text, wanted) for text, _, wanted in cases]
    assert alice.call(200, "GET", f"/api/messages/{frames[1]['id']}")["metadata"] == sent_at
    assert [m["created_at"] for m in page] == sorted(m["created_at"] for m in page)
