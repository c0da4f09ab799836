# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stanzas are messages, what is taken of them, what they look like on the way out, and which requests
nobody here serves."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.xmpp import CHATSTATES, CLIENT, MARKERS, ORIGIN_ID, RECEIPTS, XmppError

HINTS = "urn:xmpp:hints"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def send(client, to, inside, **attributes):
    id = attributes.setdefault("id", str(uuid.uuid4()))
    text = "".join(f" {name}='{value}'" for name, value in attributes.items() if value)
    client.send_raw(f"<message to='{to}'{text}>{inside}</message>")
    return id


# -- in


def test_chat_and_normal_messages_are_messages_whatever_they_are_addressed_to(alice, bob):
    with alice.ws() as socket:
        for n, (type, to) in enumerate((("chat", alice.jid), ("normal", alice.jid), (None, alice.jid), ("odd", alice.jid),
                                        ("chat", alice.jid + "/rest"), ("normal", alice.jid + "/a phone of old"))):
            send(bob, to, f"<body>{n}</body>", type=type)
            socket.expect("message.new", content=str(n))


def test_what_says_nothing_is_no_message(alice, bob):
    with alice.ws() as socket:
        for inside in ("<body/>", "", "<thread>t</thread>",
                       f"<request xmlns='{RECEIPTS}'/>", "<x xmlns='urn:example:unknown'><body>inside</body></x>",
                       "<body xmlns='urn:example:unknown'>another body</body>",
                       "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>"):
            for type in ("chat", "normal", "headline"):
                send(bob, alice.jid, inside, type=type)
        bob.barrier(alice.jid)
        socket.sync()
        assert socket.count("message.new") == 0 and socket.count("conversation.new") == 0
    assert alice.conversations()["items"] == []


def test_what_has_no_body_is_shown_in_words(alice, bob):
    """All kinds are in tests/vectors/xep/message_text."""
    shown = {"<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AA==</payload></encrypted>":
             "This message is encrypted (OMEMO) and cannot be read here.",
             "<subject>only a subject</subject>": "only a subject"}
    file = "<x xmlns='jabber:x:oob'><url>https://files.example.org/cat.jpg</url></x>"
    with alice.ws() as socket:
        for inside, text in shown.items():
            asked = send(bob, alice.jid, inside + f"<request xmlns='{RECEIPTS}'/>", type="chat")
            assert socket.expect("message.new")["payload"]["content"] == text
            bob.expect_receipt(asked)
        asked = send(bob, alice.jid, file + f"<request xmlns='{RECEIPTS}'/>", type="chat")
        message = socket.expect("message.new")["payload"]
        assert (message["content"], message["attachments"][0]["remote_url"]) == (None, "https://files.example.org/cat.jpg")
        bob.expect_receipt(asked)


def test_a_headline_is_shown_and_owes_nothing(alice, bob):
    with alice.ws() as socket:
        send(bob, alice.jid, f"<subject>Maintenance</subject><body>at noon</body><request xmlns='{RECEIPTS}'/>", type="headline")
        assert socket.expect("message.new")["payload"]["content"] == "Maintenance\nat noon"
        bob.barrier(alice.jid)
    assert not [s for s in bob.inbox.received if s.has(RECEIPTS, "received")]


def test_a_subject_is_the_first_line(alice, bob):
    with alice.ws() as socket:
        send(bob, alice.jid, "<subject>Lunch</subject><body>At noon?</body>", type="normal")
        assert socket.expect("message.new")["payload"]["content"] == "Lunch\nAt noon?"


def test_of_several_bodies_the_one_without_language_is_shown(alice, bob):
    with alice.ws() as socket:
        send(bob, alice.jid, "<body xml:lang='cs'>Ahoj</body><body>Hello</body><body xml:lang='de'>Hallo</body>",
             type="chat")
        assert socket.expect("message.new")["payload"]["content"] == "Hello"


def test_a_text_with_hints_is_kept_all_the_same(alice, bob):
    """Storing is how an app user gets it; there is no other device it could be meant for."""
    with alice.ws() as socket:
        send(bob, alice.jid, f"<body>off the record</body><no-store xmlns='{HINTS}'/><no-copy xmlns='{HINTS}'/>",
             type="chat")
        message = socket.expect("message.new", content="off the record")["payload"]
    assert alice.call(200, "GET", f"/api/messages/{message['id']}")["content"] == "off the record"


@pytest.mark.parametrize("name, status", [("received", "delivered"), ("displayed", "read"), ("acknowledged", "read")])
def test_markers_of_older_clients_are_understood(alice, bob, name, status):
    bob.receipts = False
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "mark me")
        got = bob.expect_message("mark me", sender=alice.jid)
        send(bob, got.sender, f"<{name} xmlns='{MARKERS}' id='{got.id}'/>", type="chat")
        socket.expect(f"message.{status}", message_id=sent["id"])
        assert alice.messages(talk)["items"][-1]["status"] == status


@pytest.mark.parametrize("type", ["headline", "groupchat", "error"])
def test_marks_count_in_chats_only(alice, bob, type):
    bob.receipts = False
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        sent = alice.send(talk, "mark me")
        got = bob.expect_message("mark me", sender=alice.jid)
        error = f"<error type='wait'><recipient-unavailable xmlns='{STANZA_ERRORS}'/></error>" if type == "error" else ""
        send(bob, got.sender, f"<received xmlns='{RECEIPTS}' id='{got.id}'/><displayed xmlns='{MARKERS}' id='{got.id}'/>"
             + error, type=type)
        bob.send_message(alice.jid, "after it")
        socket.expect("message.new", content="after it")
        socket.sync()
        assert socket.count("message.delivered", message_id=sent["id"]) == 0
        assert socket.count("message.read", message_id=sent["id"]) == 0


def test_a_receipt_is_owed_once_per_request_and_never_for_a_receipt(alice, bob):
    """XEP-0184 section 5.3 against loops."""
    send(bob, alice.jid, f"<body>ack of an ack</body><request xmlns='{RECEIPTS}'/>"
                                   f"<received xmlns='{RECEIPTS}' id='x'/>", type="chat")
    send(bob, alice.jid, f"<body>no id</body><request xmlns='{RECEIPTS}'/>", type="chat", id="")
    asked = send(bob, alice.jid, f"<body>owed</body><request xmlns='{RECEIPTS}'/>", type="chat")
    bob.expect_receipt(asked)
    bob.barrier(alice.jid)
    receipts = [s.child(RECEIPTS, "received").get("id") for s in bob.inbox.received if s.has(RECEIPTS, "received")]
    assert receipts == [asked]


# -- out


def shape(stanza):
    """All but what Bob's own server has added."""
    of_archives = {tag(ORIGIN_ID, "stanza-id"), tag("urn:xmpp:mam:tmp", "archived")}
    return sorted(child.tag for child in stanza.xml if child.tag not in of_archives)


def tag(namespace, name):
    return f"{{{namespace}}}{name}"


def test_what_goes_out_has_what_clients_expect_and_nothing_else(alice, bob):
    full = alice.jid + "/rest"
    asked = bob.send_message(alice.jid, "hello", receipt=True, markable=True)
    receipt = bob.expect_receipt(asked)
    assert (receipt.type, receipt.sender, receipt.to) == ("chat", full, bob.jid)
    assert shape(receipt) == [tag(HINTS, "store"), tag(RECEIPTS, "received")]
    with alice.ws() as socket:
        talk = alice.conversations()["items"][0]
        alice.read(talk)
        marker = bob.expect_displayed(asked)
        assert (marker.type, marker.sender) == ("chat", full)
        assert shape(marker) == [tag(MARKERS, "displayed"), tag(HINTS, "store")]
        socket.command("typing", conversation_id=talk["id"], active=True)
        typing = bob.expect_stanza("composing", lambda s: s.has(CHATSTATES, "composing"))
        assert (typing.type, typing.sender, typing.id) == ("chat", full, None)
        assert shape(typing) == [tag(CHATSTATES, "composing"), tag(HINTS, "no-store")]
        sent = alice.send(talk, "the whole shape")
        got = bob.expect_message("the whole shape")
        assert (got.type, got.sender, got.id) == ("chat", full, sent["id"])
        assert shape(got) == sorted([
            tag(CLIENT, "body"), tag(CHATSTATES, "active"), tag(ORIGIN_ID, "origin-id"), tag(RECEIPTS, "request"),
            tag(MARKERS, "markable")])
        assert got.child(ORIGIN_ID, "origin-id").get("id") == sent["id"]


# -- requests that are nobody's to serve


FOREIGN = [("get", "jabber:iq:roster", "query"), ("set", "jabber:iq:roster", "query"), ("get", "jabber:iq:private", "query"),
           ("set", "jabber:iq:private", "query"), ("get", "jabber:iq:register", "query"),
           ("set", "jabber:iq:register", "query"), ("get", "urn:xmpp:blocking", "blocklist"),
           ("set", "urn:xmpp:blocking", "block"), ("set", "urn:xmpp:carbons:2", "enable"),
           ("get", "http://jabber.org/protocol/pubsub#owner", "pubsub"), ("get", "jabber:iq:gateway", "query"),
           ("set", "http://jabber.org/protocol/commands", "command"),
           ("set", "urn:xmpp:http:upload:0", "request"), ("set", "urn:xmpp:ping", "ping")]


@pytest.mark.parametrize("type, namespace, name", FOREIGN)
def test_what_is_for_the_owner_alone_is_refused_as_for_nobody(stack, alice, bob, type, namespace, name):
    answers = set()
    for target in (alice.jid, alice.jid + "/rest", stack.app_domain, f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"):
        with pytest.raises(XmppError) as caught:
            bob.iq(target, Element(f"{{{namespace}}}{name}"), type)
        error = caught.value.stanza.child(CLIENT, "error")
        answers.add((caught.value.condition, error.get("type")))
    assert answers == {("service-unavailable", "cancel")}


def test_links_of_a_conversation_are_listed(alice, bob):
    talk = alice.conversation_with(jid=bob.bare)
    path = f"/api/conversations/{talk['id']}/media"
    sent = alice.send(talk, "See https://a.example/1 and https://a.example/2.")
    alice.send(talk, "no link")
    with alice.ws() as socket:
        send(bob, alice.jid, "<body>mine: http://b.example/x?y=1&amp;z=2</body>", type="chat")
        came = socket.expect("message.new", content="mine: http://b.example/x?y=1&z=2")["payload"]
    first = alice.call(200, "GET", path, kind="link", limit=2)
    assert [(i["message_id"], i["url"], "file" in i) for i in first["items"]] == [
        (came["id"], "http://b.example/x?y=1&z=2", False), (sent["id"], "https://a.example/2", False)] and first["has_more"]
    rest = alice.call(200, "GET", path, kind="link", before=first["next"])
    assert [i["url"] for i in rest["items"]] == ["https://a.example/1"] and not rest["has_more"]
    assert alice.call(200, "GET", path)["items"] == [], "files only"
    for wrong in ("x", "1.x", "99999999999999999999.1", "1.99999999999"):
        alice.call(422, "GET", path, kind="link", before=wrong)
