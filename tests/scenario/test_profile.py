# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and notes: changed by their owner, seen by others, told to partners and to XMPP contacts."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.pictures import png
from harness.xmpp import XmppError
from test_hosted_account import befriend

CAPS = "http://jabber.org/protocol/caps"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
METADATA = "urn:xmpp:avatar:metadata"
EVENT = "http://jabber.org/protocol/pubsub#event"
NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"
VCARD = "vcard-temp"
VCARD4 = "urn:ietf:params:xml:ns:vcard-4.0"
VCARD4_NODE = "urn:xmpp:vcard4"


def change(user, status=200, **fields):
    return user.call(status, "PATCH", "/api/users/me", fields)


def items(client, to, node, item=None):
    """{item id: payload element} of a node."""
    query = Element(f"{{{PUBSUB}}}pubsub")
    wanted = SubElement(query, f"{{{PUBSUB}}}items", {"node": node})
    if item:
        SubElement(wanted, f"{{{PUBSUB}}}item", {"id": item})
    found = client.iq(to, query).child(PUBSUB, "pubsub").find(f"{{{PUBSUB}}}items")
    return {entry.get("id"): entry[0] for entry in found}


def expect_event(client, sender, node, fits=lambda payload: True):
    def matches(stanza):
        event = stanza.child(EVENT, "event") if stanza.name == "message" and stanza.sender == sender else None
        found = event.find(f"{{{EVENT}}}items[@node='{node}']") if event is not None else None
        return found is not None and len(found) == 1 and fits(found[0][0])
    return client.expect_stanza(f"event of {node} from {sender}", matches)


def watch(client, to, *nodes):
    """Shows presence with capabilities that ask for these nodes, and answers what they are."""
    from harness.caps import answer_caps, caps_of
    features = [DISCO_INFO, *(node + "+notify" for node in nodes)]
    answer_caps(client, features)
    presence = Element("{jabber:client}presence", {"to": to})
    SubElement(presence, f"{{{CAPS}}}c", {"hash": "sha-1", "node": "urn:test:" + uuid.uuid4().hex,
                                          "ver": caps_of(features)})
    client.send_element(presence)


def test_a_profile_is_changed_and_cleared(alice, app):
    user = change(alice, name="Älice ☃", bio="line one\nline two")
    assert (user["name"], user["bio"]) == ("Älice ☃", "line one\nline two") and user == alice.me()
    assert change(alice, bio=None)["bio"] is None and alice.me()["name"] == "Älice ☃"
    assert change(alice) == alice.me()
    assert change(alice, name=" Zoe\u0308  ❤️\u200d🔥 ")["name"] == "Zoë ❤️\u200d🔥"
    assert change(alice, name="Älice ☃")["name"] == "Älice ☃"
    other = app("bella")
    assert other.call(200, "GET", f"/api/users/{user['id']}") == alice.me()
    assert change(alice, name=None)["name"] == user["username"] and alice.me()["jid"] == alice.jid


@pytest.mark.parametrize("field", [{"name": ""}, {"name": "x" * 256}, {"name": "a\nb"}, {"name": " \u200b "}, {"name": 7},
                                   {"name": "a\u202eb"}, {"name": "ad\u200bmin"}, {"name": "\u3164"}, {"bio": "a\u202eb"}, {"bio": "\u2800"},
                                   {"name": "a\u0000"}, {"name": "\ufffe"}, {"bio": "x" * 2001}, {"bio": []},
                                   {"username": "bob"}, {"jid": "x@y"}, {"avatar_url": "http://x/"}, {"nope": None}])
def test_bad_fields_change_nothing(alice, field):
    before = alice.me()
    change(alice, 422, **field)
    assert alice.me() == before


def test_unknown_users_are_not_found(alice, app):
    answers = {str((reply.status, reply.json["code"], len(reply.raw))) for reply in (
        alice.request("GET", f"/api/users/{id}") for id in (uuid.uuid4(), "x", "%00"))}
    assert len(answers) == 1 and "404" in answers.pop()


def test_partners_hear_of_it_and_strangers_do_not(alice, app):
    bella, stranger = app("bella"), app("stranger")
    alice.send(alice.conversation_with(participant_id=bella.me()["id"]), "hello")
    alice.conversation_with(participant_id=stranger.me()["id"])  # of which the stranger knows nothing
    with alice.ws() as own, bella.ws() as partner, stranger.ws() as other:
        user = change(alice, name="Another")
        for socket in (own, partner):
            assert socket.expect("user.updated")["payload"] == user
        other.sync()
        assert not other.frames("user.updated")


def test_xmpp_sees_the_profile(alice, xmpp):
    bob = xmpp("bob")
    change(alice, name="Alice A.", bio="Hello\nthere")
    card = bob.iq(alice.jid, Element(f"{{{VCARD}}}vCard")).child(VCARD, "vCard")
    assert card.findtext(f"{{{VCARD}}}FN") == "Alice A." and card.findtext(f"{{{VCARD}}}DESC") == "Hello\nthere"
    card4 = bob.iq(alice.jid, Element(f"{{{VCARD4}}}vcard")).child(VCARD4, "vcard")
    assert card4.findtext(f"{{{VCARD4}}}fn/{{{VCARD4}}}text") == "Alice A."
    assert items(bob, alice.jid, NICK)["current"].text == "Alice A."
    assert items(bob, alice.jid, VCARD4_NODE)["current"].findtext(f"{{{VCARD4}}}note/{{{VCARD4}}}text") \
        == "Hello\nthere"
    assert items(bob, alice.jid, NICK, "other") == {}


def refused(client, to, payload, type="get"):
    with pytest.raises(XmppError) as caught:
        client.iq(to, payload, type)
    return caught.value.condition


def pubsub(child, **attributes):
    query = Element(f"{{{PUBSUB}}}pubsub")
    SubElement(query, f"{{{PUBSUB}}}{child}", attributes)
    return query


def test_nodes_are_read_only_and_unknown_ones_are_not_there(alice, xmpp, stack):
    bob = xmpp("bob")
    assert refused(bob, alice.jid, pubsub("items", node="urn:x")) == "item-not-found"
    assert refused(bob, alice.jid, pubsub("items", node="urn:xmpp:avatar:metadata")) == "item-not-found"
    assert refused(bob, alice.jid, pubsub("items")) == "feature-not-implemented"
    assert refused(bob, alice.jid, pubsub("subscriptions")) == "feature-not-implemented"
    assert refused(bob, alice.jid, pubsub("publish", node=NICK), "set") == "forbidden"
    assert refused(bob, alice.jid, pubsub("subscribe", node=NICK, jid=bob.bare), "set") == "forbidden"
    nobody = f"nobody-{uuid.uuid4().hex}@{stack.app_domain}"
    for payload in (pubsub("items", node=NICK), pubsub("items", node="urn:x"), Element(f"{{{VCARD}}}vCard")):
        assert refused(bob, nobody, payload) == "service-unavailable"


def test_contacts_who_want_to_know_are_told(alice, xmpp):
    bob = xmpp("bob")
    with alice.ws():
        befriend(alice, bob)
        watch(bob, alice.jid, NICK, VCARD4_NODE)
        expect_event(bob, alice.jid, NICK, lambda nick: nick.text == "Alice")
        expect_event(bob, alice.jid, VCARD4_NODE)
        change(alice, name="New name")
        expect_event(bob, alice.jid, NICK, lambda nick: nick.text == "New name")
        expect_event(bob, alice.jid, VCARD4_NODE,
                     lambda card: card.findtext(f"{{{VCARD4}}}fn/{{{VCARD4}}}text") == "New name")


def test_strangers_are_not_told_and_not_asked(alice, xmpp):
    carol = xmpp("carol")
    watch(carol, alice.jid, NICK)
    carol.barrier(alice.jid)
    change(alice, name="New name")
    carol.barrier(alice.jid)
    assert not [s for s in carol.inbox.received if s.sender.startswith(alice.jid)
                and (s.name == "message" or s.child(DISCO_INFO, "query") is not None)]


def nicks(client, sender):
    """Of all events that came from there; None for one of another node."""
    return [s.xml.findtext(f".//{{{NICK}}}nick") for s in client.inbox.received
            if s.name == "message" and s.sender == sender and s.child(EVENT, "event") is not None]


def test_a_blocked_contact_is_not_told(alice, xmpp):
    bob = xmpp("bob")
    with alice.ws():
        befriend(alice, bob)
        watch(bob, alice.jid, NICK, METADATA)
        expect_event(bob, alice.jid, NICK, lambda nick: nick.text == "Alice")
        alice.call(200, "POST", "/api/users/block", {"jid": bob.bare})
        change(alice, name="While blocked")
        alice.call(200, "PUT", "/api/users/me/avatar", png(9, 9), {"Content-Type": "image/png"})
        alice.call(200, "DELETE", "/api/users/block", jid=bob.bare)
        change(alice, name="Afterwards")
        expect_event(bob, alice.jid, NICK, lambda nick: nick.text == "Afterwards")
        assert nicks(bob, alice.jid) == ["Alice", "Afterwards"], "and no avatar among them"


@pytest.mark.parametrize("lose", ["removed", "hidden"])
def test_a_contact_who_no_longer_sees_presence_is_not_told(alice, xmpp, lose):
    bob, carol = xmpp("bob"), xmpp("carol")
    with alice.ws():
        for contact in (bob, carol):
            befriend(alice, contact)
            watch(contact, alice.jid, NICK)
            expect_event(contact, alice.jid, NICK)
        if lose == "removed":
            found = alice.conversation_with(jid=bob.bare)
            peer = next(p["user"]["id"] for p in found["participants"] if p["user"]["kind"] == "remote")
            alice.call(200, "DELETE", f"/api/contacts/{peer}")
        else:
            alice.call(200, "PATCH", "/api/settings/privacy", {"presence": "nobody"})
        change(alice, name="Not for him")
        if lose == "removed":
            expect_event(carol, alice.jid, NICK, lambda nick: nick.text == "Not for him")
        for contact in (bob, carol):
            contact.barrier(alice.jid.partition("@")[2])
        assert nicks(bob, alice.jid) == ["Alice"]
        assert nicks(carol, alice.jid) == (["Alice", "Not for him"] if lose == "removed" else ["Alice"])
