# SPDX-License-Identifier: GPL-3.0-or-later
"""Privacy settings: what each keeps from whom. Who may write is in test_requests.py."""
from xml.etree.ElementTree import Element

import pytest
from harness.stack import Stack
from harness.xmpp import DISCO_INFO, MARKERS, RECEIPTS, XmppError

LAST, VCARD = "jabber:iq:last", "vcard-temp"
OPEN = {"messages": "everyone", "presence": "everyone", "last_seen": "everyone", "receipts": True,
        "profile": "everyone", "location": "everyone"}


def privacy(user, status=200, **settings):
    return user.call(status, "PATCH", "/api/settings/privacy", settings)


def ask(client, to, namespace, name="query"):
    try:
        return client.iq(to, Element(f"{{{namespace}}}{name}")).child(namespace, name)
    except XmppError as error:
        return error.condition


def befriend(alice, bob):
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "hello")
    bob.send_presence(to=alice.jid, type="subscribe")
    return talk


def test_everything_is_open_until_it_is_closed(alice):
    assert alice.call(200, "GET", "/api/settings/privacy") == OPEN
    assert privacy(alice) == OPEN
    changed = privacy(alice, last_seen="nobody", receipts=False)
    assert changed == {**OPEN, "last_seen": "nobody", "receipts": False}
    assert alice.call(200, "GET", "/api/settings/privacy") == changed
    assert privacy(alice, receipts=True, last_seen="everyone") == OPEN


@pytest.mark.parametrize("settings", [
    {"messages": "strangers"}, {"presence": ""}, {"profile": "nobody"}, {"receipts": "yes"},
    {"receipts": 1}, {"messages": ["everyone"]}, {"unknown": "everyone"}, {"messages": "EVERYONE"},
    {"presence": "nobody\x00"}, {"presence": "x" * 100000}], ids=lambda settings: str(settings)[:40])
def test_bad_settings_change_nothing(alice, settings):
    privacy(alice, status=422, **settings)
    assert alice.call(200, "GET", "/api/settings/privacy") == OPEN


def test_last_seen_is_kept_back(alice, bob):
    befriend(alice, bob)
    with alice.ws():
        bob.expect_presence(alice.jid + "/rest")
        assert ask(bob, alice.jid, LAST).get("seconds") == "0"
        for tier, told in (("nobody", False), ("contacts", True)):
            privacy(alice, last_seen=tier)
            answer = ask(bob, alice.jid, LAST)
            assert (answer == "forbidden") != told, tier
        privacy(alice, last_seen="nobody")
    bob.expect_presence(alice.jid + "/rest", "unavailable")
    bob.send_presence(to=alice.jid, type="probe")
    got = bob.expect_stanza("unavailable", lambda s: s.name == "presence" and s.sender == alice.jid
                            and s.type == "unavailable")
    assert not got.has("urn:xmpp:delay", "delay")


def test_presence_for_nobody_looks_like_being_away(alice, bob, xmpp):
    befriend(alice, bob)
    with alice.ws():
        bob.expect_presence(alice.jid + "/rest")
        privacy(alice, presence="nobody")
        bob.expect_presence(alice.jid + "/rest", "unavailable")
        other = xmpp("bob")
        other.send_presence(to=alice.jid, type="probe")
        other.expect_presence(type="unavailable", sender=alice.jid + "/rest")
        assert ask(bob, alice.jid, LAST) == "forbidden"
        assert ask(bob, alice.jid, DISCO_INFO).find(f"{{{DISCO_INFO}}}feature") is None
        privacy(alice, presence="everyone")
        bob.expect_presence(alice.jid + "/rest")


def test_who_signs_in_while_hidden_is_not_announced(alice, bob):
    befriend(alice, bob)
    bob.expect_presence(alice.jid, "unavailable")
    privacy(alice, presence="nobody")
    with alice.ws():
        bob.barrier(alice.jid)
        assert not bob.inbox.count(lambda s: s.name == "presence" and s.sender == alice.jid + "/rest"
                                   and s.type is None)
        privacy(alice, presence="everyone")
        bob.expect_presence(alice.jid + "/rest")


def test_the_profile_is_for_contacts(alice, bob):
    assert ask(bob, alice.jid, VCARD, "vCard").findtext(f"{{{VCARD}}}FN") == "Alice"
    privacy(alice, profile="contacts")
    assert ask(bob, alice.jid, VCARD, "vCard") == "service-unavailable"
    alice.call(201, "POST", "/api/contacts", {"jid": bob.bare})
    assert ask(bob, alice.jid, VCARD, "vCard").findtext(f"{{{VCARD}}}FN") == "Alice"


def test_a_live_message_shows_of_the_sender_what_history_does(app, alice):
    bella = app("bella")
    alice.call(200, "PATCH", "/api/users/me", {"bio": "For friends."})
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as own, bella.ws() as socket:
        def said(text, bio):
            sent = alice.send(talk, text)
            assert sent["sender"]["bio"] == "For friends."
            assert own.expect("message.new", content=text)["payload"]["sender"] == sent["sender"]
            shown = bella.call(200, "GET", f"/api/messages/{sent['id']}")["sender"]
            assert (shown["bio"], shown["id"]) == (bio, sent["sender"]["id"])
            assert socket.expect("message.new", content=text)["payload"]["sender"] == shown

        said("open", "For friends.")
        privacy(alice, profile="contacts")
        said("closed", None)
        alice.call(201, "POST", "/api/contacts", {"user_id": bella.me()["id"]})
        said("to a contact", "For friends.")


def test_without_receipts_nothing_is_told(alice, bob):
    privacy(alice, receipts=False)
    with alice.ws() as socket:
        quiet = bob.send_message(alice.jid, "seen?", receipt=True, markable=True)
        talk = {"id": socket.expect("message.new", content="seen?")["payload"]["conversation_id"]}
        alice.read(talk)
        socket.expect("message.read")  # her own devices know
        privacy(alice, receipts=True)
        told = bob.send_message(alice.jid, "and now?", receipt=True, markable=True)
        socket.expect("message.new", content="and now?")
        bob.expect_receipt(told)
        alice.read(talk)
        bob.expect_displayed(told)
    for namespace, name in ((RECEIPTS, "received"), (MARKERS, "displayed")):
        assert not bob.inbox.count(lambda s, n=namespace, m=name: s.has(n, m) and s.child(n, m).get("id") == quiet)


def test_without_receipts_app_users_are_told_nothing_either(app, alice):
    bella = app("bella")
    privacy(alice, receipts=False)
    talk = bella.conversation_with(participant_id=alice.me()["id"])
    with bella.ws() as socket, alice.ws() as reader:
        cursor = socket.hello["payload"]["cursor"]
        bella.send(talk, "seen?")
        reader.expect("message.new", content="seen?")
        alice.read(talk)
        reader.expect("message.read")
        socket.sync()
        assert not socket.frames("message.read", "message.delivered")
        assert bella.messages(talk)["items"][0]["status"] == "sent"
        readers = {p["user"]["id"]: p["last_read_seq"] for p in bella.conversation(talk)["participants"]}
        assert readers[alice.me()["id"]] == 0
    with bella.ws(resume=cursor) as socket:
        socket.expect("resumed")
        assert not socket.frames("message.read", "message.delivered")


def test_a_deployment_sets_the_defaults(request, tmp_path):
    from harness.rest import App
    conf = tmp_path / "more.ini"
    conf.write_text("[privacy]\nmessages = contacts\nprofile = contacts\nreceipts = off\n")
    stack = Stack.start("--server", request.config.getoption("--server"), "--conf", str(conf))
    try:
        alice, bella = App(stack, "alice"), App(stack, "bella")
        assert alice.call(200, "GET", "/api/settings/privacy") == {
            **OPEN, "messages": "contacts", "profile": "contacts", "receipts": False}
        with alice.ws() as socket:
            bella.send(bella.conversation_with(participant_id=alice.me()["id"]), "hello")
            socket.expect("request.new")
    finally:
        stack.stop(purge=True)
