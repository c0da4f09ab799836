# SPDX-License-Identifier: GPL-3.0-or-later
"""The XMPP server cannot deliver what an app user sends."""


def test_a_message_to_nobody_fails_with_the_condition(app):
    alice = app("alice")
    talk = alice.conversation_with(jid="nobody@example.org")
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
        sent = alice.send(talk, "Anybody there?", client_id="mine")
        event = socket.expect("message.failed", message_id=sent["id"])
        assert event["payload"] == {"conversation_id": talk["id"], "message_id": sent["id"], "client_id": "mine",
                                    "code": "xmpp_unreachable", "xmpp_condition": "service-unavailable"}
        socket.sync()
        assert len(socket.frames("message.failed")) == 1
    assert alice.messages(talk)["items"][0]["status"] == "failed"
    with alice.ws(resume=cursor) as again:
        again.expect("resumed")
        assert again.expect("message.failed")["payload"] == event["payload"]


def test_a_message_to_a_domain_that_is_not_there_fails(app):
    alice = app("alice")
    talk = alice.conversation_with(jid="somebody@nowhere.invalid")
    with alice.ws() as socket:
        sent = alice.send(talk, "Anybody there?")
        condition = socket.expect("message.failed", message_id=sent["id"])["payload"]["xmpp_condition"]
        assert condition.startswith("remote-server-") or condition in ("service-unavailable", "item-not-found",
                                                                         "not-allowed"), condition


def test_an_error_from_somebody_else_changes_nothing(stack, app, xmpp):
    alice, bob, carol = app("alice"), xmpp("bob"), xmpp("carol")
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "For Bob")
        bob.expect_message("For Bob")
        carol.send_raw(f"<message to='{alice.me()['jid']}' type='error' id='{sent['id']}'>"
                       "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
        carol.ping(stack.app_domain)
        carol.send_message(alice.me()["jid"], "done")
        socket.expect("message.new", content="done")
        assert len(socket.frames("message.failed")) == 0
    assert alice.messages(talk)["items"][0]["status"] == "delivered"


def test_what_one_device_has_another_cannot_lose(app, xmpp):
    """Pages, the log and live events agree: what was delivered stays so, what failed too."""
    alice, bob = app("alice"), xmpp("bob")
    bob.receipts = False
    talk, full = alice.conversation_with(jid=bob.bare), alice.me()["jid"] + "/rest"
    error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    with alice.ws() as socket:
        first, second, third = (alice.send(talk, text) for text in ("one", "two", "three"))
        for text in ("one", "two", "three"):
            got = bob.expect_message(text)
            if text == "one":
                bob.send_receipt(got)
                socket.expect("message.delivered", message_id=first["id"])
            if text != "three":
                bob.send_raw(f"<message to='{full}' type='error' id='{got.id}'>{error}</message>")
        bob.send_displayed(got)
        socket.expect("message.read", message_id=third["id"])
        socket.sync()
        assert [f["payload"]["message_id"] for f in socket.frames("message.failed")] == [second["id"]]
    assert [m["status"] for m in alice.messages(talk)["items"]] == ["read", "failed", "read"]
