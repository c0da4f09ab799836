# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound sessions and the archive: one id for a message, live and kept, at both ends, given by either side. No bridge runs."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.bound import BIND, Link
from harness.inbox import wait_for
from harness.mam import everything, page, plain
from harness.xmpp import CLIENT, FORWARD, XmppError

SID, CARBONS = "urn:xmpp:sid:0", "urn:xmpp:carbons:2"
ALICE = "alice@app.example.org"


@pytest.fixture(scope="module")
def running_stack(plugin_stack):
    return plugin_stack


@pytest.fixture
def link(stack):
    with Link(stack) as link:
        yield link


@pytest.fixture
def carol(xmpp):
    carol = xmpp("carol")

    def opened():
        try:
            return page(carol, max="0") is not None
        except XmppError:
            return False
    wait_for("the archive is open", opened)
    return carol


@pytest.fixture
def bob(link, carol):
    return link.bind("bob").start()


def live_id(message, owner):
    id, = [e.get("id") for e in message.iter(f"{{{SID}}}stanza-id") if e.get("by") == owner]
    return plain(id)


def kept_id(user, body):
    """The id in the user's own archive, which has the message once."""
    id, = [plain(id) for id, text in zip(*everything(user)) if text == body]
    return id


def words():
    return uuid.uuid4().hex


def new_uid():
    """A UUIDv7, as the bridge makes them: the archive is in their order no more than in that of arrival."""
    raw = uuid.uuid4().int & ~(0xf << 76) | 0x7 << 76
    return str(uuid.UUID(int=raw & (1 << 80) - 1 | int(0x01a22234) << 96 | 0x7769 << 80))


def test_hello_says_whose_the_archive_is(link, carol):
    assert link.hello().get("archive") == "trestle"


def test_the_components_id_is_the_archives(link, bob, carol):
    uid, body = new_uid(), words()
    bob.send_message(carol.bare, body, uid=uid)
    assert live_id(carol.expect_message(body).xml, carol.bare) == uid
    assert kept_id(carol, body) == kept_id(bob, body) == uid


def test_the_archives_id_goes_to_the_component(link, bob, carol):
    body = words()
    bob.send_message(ALICE, body)
    seen = link.inbox.expect("the message", lambda s: s.body == body)
    assert seen.child(BIND, "uid").get("id") == kept_id(bob, body)
    assert not seen.has(SID, "stanza-id"), "an id of bob's archive is nobody else's"


def test_the_id_of_the_components_user_is_the_archives(link, bob):
    uid, body = new_uid(), words()
    link.send(f"<message from='{ALICE}/rest' to='{bob.bare}' type='chat'><body>{body}</body>"
              f"<uid xmlns='{BIND}' id='{uid}'/></message>")
    seen = bob.expect_message(body)
    assert live_id(seen.xml, bob.bare) == kept_id(bob, body) == uid and not seen.has(BIND, "uid")


def test_carbons_have_the_archives_id(link, bob, carol, xmpp):
    phone, out, back = xmpp("bob"), words(), words()
    bob.expect_presence(phone.jid)
    phone.send_message(carol.bare, out)
    carol.expect_message(out)
    carol.send_message(phone.jid, back)
    for kind, body in (("sent", out), ("received", back)):
        carbon = bob.expect_stanza(f"{kind} carbon", lambda s, kind=kind, body=body: s.name == "message"
                                   and s.has(CARBONS, kind) and body in repr(s))
        inner = carbon.child(CARBONS, kind).find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message")
        assert live_id(inner, bob.bare) == kept_id(bob, body)


def test_what_nobody_reads_has_the_archives_id(link, carol):
    bob, body = link.bind("bob").start(-1), words()
    carol.send_message(bob.bare, body)
    seen = bob.expect_stanza("the message", lambda s: s.name == "message" and body in repr(s))
    assert live_id(seen.xml, bob.bare) == kept_id(bob, body)


def test_a_message_to_oneself_has_one_id(link, bob, xmpp):
    phone, uid, body = xmpp("bob"), new_uid(), words()
    bob.expect_presence(phone.jid)
    bob.send_message(bob.bare, body, uid=uid)
    assert live_id(phone.expect_message(body).xml, bob.bare) == uid
    assert set(plain(id) for id, text in zip(*everything(bob)) if text == body) == {uid}


def test_messages_with_one_id_of_their_senders_are_two(link, bob, carol):
    first, second = words(), words()
    for body in (first, second):
        bob.send_message(carol.bare, body, id="used-again")
        carol.expect_message(body)
    assert kept_id(carol, first) != kept_id(carol, second)


def test_no_id_is_of_the_message_before(link, bob, carol):
    """Two messages, only one of which came with an id; and one that is not archived between them."""
    uid, first, second = new_uid(), words(), words()
    bob.send_message(carol.bare, first, uid=uid)
    bob.send_element(Element(f"{{{CLIENT}}}message", {"to": carol.bare, "type": "chat"}))
    bob.send_message(carol.bare, second)
    carol.expect_message(second)
    assert kept_id(bob, first) == uid != kept_id(bob, second)
