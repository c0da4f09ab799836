# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery receipts (XEP-0184) and displayed markers (XEP-0333), as watermarks."""
from harness.xmpp import MARKERS, RECEIPTS


def last(user, talk):
    return user.messages(talk, limit=1)["items"][0]


def test_delivered_then_read_with_their_times(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "Follow me")
        assert (sent["status"], sent["delivered_at"], sent["read_at"]) == ("sent", None, None)
        got = bob.expect_message("Follow me")
        delivered = socket.expect("message.delivered", message_id=sent["id"])["payload"]
        shown = last(alice, talk)
        assert (shown["status"], shown["delivered_at"]) == ("delivered", delivered["at"])
        bob.send_displayed(got)
        read = socket.expect("message.read", message_id=sent["id"])["payload"]
        shown = last(alice, talk)
        assert (shown["status"], shown["delivered_at"], shown["read_at"]) == ("read", delivered["at"], read["at"])
        assert read["user_id"] not in (alice.me()["id"], None) and read["seq"] == sent["seq"]


def test_a_marker_covers_everything_before_and_never_goes_back(stack, app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    bob.receipts = False
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        for number in range(4):
            alice.send(talk, f"m{number}")
        got = [bob.expect_message(f"m{number}") for number in range(4)]
        bob.send_displayed(got[2])
        socket.expect("message.read", seq=3)
        assert [m["status"] for m in alice.messages(talk)["items"]] == ["read"] * 3 + ["sent"]
        bob.send_displayed(got[0])
        bob.send_receipt(got[1])
        bob.send_displayed(got[2])
        bob.send_receipt(got[3])
        socket.expect("message.delivered", seq=4)
        assert [m["status"] for m in alice.messages(talk)["items"]] == ["read"] * 3 + ["delivered"]
        assert len(socket.frames("message.read")) == 1


def test_marks_of_somebody_who_is_not_the_peer_change_nothing(app, xmpp):
    alice, bob, carol = app("alice"), xmpp("bob"), xmpp("carol")
    bob.receipts = False
    talk, name = alice.conversation_with(jid=bob.bare), alice.me()["jid"]
    other = alice.conversation_with(jid=carol.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "For Bob")
        bob.expect_message("For Bob")
        for kind, tag in ((RECEIPTS, "received"), (MARKERS, "displayed")):
            carol._send_mark(name, kind, tag, sent["id"])
            carol._send_mark(name, kind, tag, "00000000-0000-7000-8000-000000000000")
            carol._send_mark(name, kind, tag, "no id at all")
        carol.send_message(name, "done")
        socket.expect("message.new", content="done", conversation_id=other["id"])
        marks = [f for f in socket.inbox.received if f["type"] in ("message.read", "message.delivered")
                 and f["payload"]["conversation_id"] == talk["id"]]
        assert marks == []
    assert last(alice, talk)["status"] == "sent"


def test_the_app_users_marks_reach_the_xmpp_user(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    ids = [bob.send_message(name, f"m{n}", receipt=True, markable=True) for n in range(3)]
    for id in ids:
        assert bob.expect_receipt(id).sender.partition("/")[0] == name
    talk = alice.conversation_with(jid=bob.bare)
    items = alice.messages(talk)["items"]
    assert alice.read(talk, items[1])["unread_count"] == 1
    bob.expect_displayed(ids[1])
    assert alice.read(talk, items[0])["last_read_seq"] == items[1]["seq"]
    assert alice.read(talk)["unread_count"] == 0
    bob.expect_displayed(ids[2])
    assert bob.inbox.count(lambda s: s.name == "message" and s.has(MARKERS, "displayed")) == 2


def test_nothing_is_sent_to_those_who_did_not_ask(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    bob.send_message(name, "plain", receipt=False, markable=False)
    asked = bob.send_message(name, "asks", receipt=True)
    bob.expect_receipt(asked)
    talk = alice.conversation_with(jid=bob.bare)
    alice.read(talk)
    alice.send(talk, "after that")
    bob.expect_message("after that")
    assert bob.inbox.count(lambda s: s.has(MARKERS, "displayed")) == 0
    assert bob.inbox.count(lambda s: s.has(RECEIPTS, "received")) == 1


def test_two_app_users_see_each_others_marks(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        sent = alice.send(talk, "Hello")
        with bella.ws() as others:
            second = alice.send(talk, "You are online")
            others.expect("message.new", id=second["id"])
            socket.expect("message.delivered", message_id=second["id"], user_id=bella.me()["id"])
        bella.read(talk, sent)
        socket.expect("message.read", message_id=sent["id"], user_id=bella.me()["id"])
    assert [m["status"] for m in alice.messages(talk)["items"]] == ["read", "delivered"]


def test_a_message_of_another_conversation_marks_nothing(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    one = alice.conversation_with(participant_id=bella.me()["id"])
    two = alice.conversation_with(participant_id=cleo.me()["id"])
    foreign = cleo.send(two, "elsewhere")
    bella.send(one, "here")
    assert alice.read(one, foreign, status=404)["code"] == "not_found"
    assert alice.conversation(one)["unread_count"] == 1
