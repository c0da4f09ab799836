# SPDX-License-Identifier: GPL-3.0-or-later
"""Presence: of app users to apps and to XMPP, of XMPP users to apps."""
import contextlib
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.database import database
from harness.fault import wait_ready
from harness.rest import App
from harness.watch import most_run, statements
from harness.xmpp import CLIENT

IDLE = "urn:xmpp:idle:1"
IN_CALL = "urn:trestle:presence:0"


def talk(user, other):
    """They have talked; opening a conversation alone shows the other nothing, nor oneself to the other."""
    conversation = user.conversation_with(participant_id=other)
    user.send(conversation, "hello")
    return conversation


def presence(user, other, status=200):
    return user.call(status, "GET", f"/api/users/{other}/presence")


def offline(user, last_seen_at=None):
    return {"user_id": user, "status": "offline", "away": False, "last_seen_at": last_seen_at}


def peer_id(alice, conversation):
    return next(p["user"]["id"] for p in conversation["participants"] if p["user"]["id"] != alice.id)


def direct(client, to, show=None, in_call=False, idle=None, type=None):
    element = Element(f"{{{CLIENT}}}presence", {"to": to, **({"type": type} if type else {})})
    if show:
        SubElement(element, f"{{{CLIENT}}}show").text = show
    if in_call:
        SubElement(element, f"{{{IN_CALL}}}in-call")
    if idle:
        SubElement(element, f"{{{IDLE}}}idle", {"since": idle})
    client.send_element(element)


@contextlib.contextmanager
def open_socket(alice):
    """A socket of Alice's, when the bridge knows whose presence she may see: a friend was told that she is there."""
    friend = App(alice.stack, f"friend-{uuid.uuid4().hex}")
    talk(alice, friend.me()["id"])
    with friend.ws() as other, alice.ws() as socket:
        other.expect("presence", user_id=alice.me()["id"])
        yield socket


@pytest.fixture
def watched(stack, alice, xmpp):
    """Alice sees Bob's presence; he tells it by hand, so no server has to agree."""
    bob = xmpp("bob")
    conversation = alice.conversation_with(jid=bob.bare)
    with database(stack) as query:
        query("INSERT INTO contacts (user_id, peer, to_peer) VALUES (%s, %s, true)", alice.id, bob.bare)
    bob.id = peer_id(alice, conversation)
    return bob


# -- among apps


def test_partners_see_each_other_come_and_go(alice, bella):
    talk(alice, bella.id)
    with alice.ws() as hers:
        with bella.ws() as socket:
            hers.expect("presence", user_id=bella.id, status="online")
            greeting = socket.expect("presence", user_id=alice.id)
            assert greeting["payload"] == {"user_id": alice.id, "status": "online", "away": False,
                                           "last_seen_at": None}
            assert "cursor" not in greeting
            assert [f["type"] for f in socket.events()].index("hello") == 0
            assert presence(alice, bella.id)["status"] == "online"
        gone = hers.expect("presence", user_id=bella.id, status="offline")
        assert gone["payload"]["last_seen_at"] == presence(alice, bella.id)["last_seen_at"] is not None or \
            presence(alice, bella.id)["status"] == "offline"


def test_a_second_socket_is_greeted_too_and_is_no_news(alice, bella):
    talk(alice, bella.id)
    with open_socket(bella) as socket, alice.ws() as first:
        socket.expect("presence", user_id=alice.id, status="online")
        first.expect("presence", user_id=bella.id, status="online")
        before = socket.count("presence", user_id=alice.id)
        with alice.ws() as second:
            second.expect("presence", user_id=bella.id, status="online")
        socket.sync()
        assert socket.count("presence", user_id=alice.id) == before


def test_away_and_in_call(alice, bella):
    talk(alice, bella.id)
    with bella.ws() as socket, alice.ws() as hers:
        socket.expect("presence", user_id=alice.id, status="online")
        hers.command("presence", status="away")
        socket.expect("presence", user_id=alice.id, status="online", away=True)
        assert presence(bella, alice.id)["away"] is True
        hers.command("presence", status="in_call")
        socket.expect("presence", user_id=alice.id, status="in_call", away=False)
        hers.command("presence", status="online")
        socket.expect("presence", user_id=alice.id, status="online", away=False)


def test_flapping_is_told_at_a_pace(alice, bella):
    talk(alice, bella.id)
    with bella.ws() as socket, alice.ws() as hers:
        socket.expect("presence", user_id=alice.id, status="online")
        for _ in range(30):
            hers.command("presence", status="away")
            hers.command("presence", status="in_call")
        socket.expect("presence", user_id=alice.id, status="in_call")
        assert socket.count("presence", user_id=alice.id) <= 4


def test_who_begins_to_talk_begins_to_see(alice, bella):
    with bella.ws() as socket, alice.ws() as hers:
        conversation = alice.conversation_with(participant_id=bella.id)
        assert presence(alice, bella.id) == offline(bella.id)
        hers.message(conversation, "hello")
        socket.expect("presence", user_id=alice.id, status="online")
        hers.expect("presence", user_id=bella.id, status="online")


def test_strangers_see_nothing(stack, alice, bella, app):
    conversation = talk(alice, bella.id)
    mallory = app("mallory")
    mallory.me()
    random_id = str(uuid.uuid4())
    with mallory.ws() as stranger, bella.ws() as socket, alice.ws():
        socket.expect("presence", user_id=alice.id)
        assert presence(mallory, alice.id) == offline(alice.id)
        assert presence(mallory, random_id) == offline(random_id)
        stranger.sync()
        assert stranger.count("presence") == 0
        with database(stack) as query:
            query("UPDATE members SET request = 'pending' WHERE conversation_id = %s AND user_id = %s",
                  conversation["id"], bella.id)
        assert presence(bella, alice.id) == offline(alice.id)
    presence(alice, "not-an-id", status=404)


def test_a_block_shows_nothing(alice, bella):
    talk(alice, bella.id)
    with bella.ws() as socket, alice.ws() as hers:
        socket.expect("presence", user_id=alice.id, status="online")
        hers.expect("presence", user_id=bella.id, status="online")
        bella.call(200, "POST", f"/api/users/{alice.id}/block")
        hers.expect("presence", user_id=bella.id, status="offline", last_seen_at=None)
        assert presence(alice, bella.id) == offline(bella.id)
        assert presence(bella, alice.id) == offline(alice.id)
        bella.call(200, "DELETE", f"/api/users/{alice.id}/block")
        hers.expect("presence", user_id=bella.id, status="online")


def test_settings_hide_presence_and_last_seen(alice, bella):
    talk(alice, bella.id)
    with bella.ws() as socket:
        with alice.ws() as hers:
            socket.expect("presence", user_id=alice.id, status="online")
            alice.call(200, "PATCH", "/api/settings/privacy", {"presence": "nobody"})
            socket.expect("presence", user_id=alice.id, status="offline", last_seen_at=None)
            assert presence(bella, alice.id) == offline(alice.id)
            alice.call(200, "PATCH", "/api/settings/privacy", {"presence": "everyone", "last_seen": "nobody"})
            socket.wait_presence(alice.id, "online")
            hers.sync()
        socket.expect("presence", user_id=alice.id, status="offline", last_seen_at=None)
        assert presence(bella, alice.id) == offline(alice.id)


@pytest.mark.parametrize("payload", [{}, {"status": "offline"}, {"status": 1}, {"status": "online", "x": 1},
                                     {"status": "busy" * 1000}, {"status": None}])
def test_bad_frames_are_refused(alice, payload):
    with alice.ws() as socket:
        assert socket.refused("presence", **payload)["status"] == 422
        socket.sync()


def test_messages_cost_no_look_at_presence(stack, alice, bella):
    conversation = talk(alice, bella.id)
    with alice.ws() as hers, bella.ws() as socket:
        socket.expect("presence", user_id=alice.id)
        hers.message(conversation, "first")
        socket.expect("message.new", content="first")
        fewest = None
        for _ in range(6):  # others may ask something meanwhile, but not as often
            before = statements(stack)
            for _ in range(20):
                hers.command("presence", status="away")
                hers.command("presence", status="online")
            spent = most_run(stack, before)
            fewest = spent if fewest is None else min(fewest, spent)
        assert fewest < 20


# -- of app users, to XMPP


def test_contacts_on_xmpp_see_away_and_in_call(stack, alice, xmpp):
    bob = xmpp("bob")
    alice.send(alice.conversation_with(jid=bob.bare), "hello")
    full = alice.jid + "/rest"
    with alice.ws() as hers:
        bob.send_presence(to=alice.jid, type="subscribe")
        plain = bob.expect_presence(full)
        assert not plain.has(CLIENT, "show")
        hers.command("presence", status="in_call")
        busy = bob.expect_stanza("in call", lambda s: s.name == "presence" and s.has(IN_CALL, "in-call"))
        assert busy.xml.findtext(f"{{{CLIENT}}}show") == "dnd" and busy.has(CLIENT, "status")
        assert IN_CALL in bob.disco_info(full)[1]
        hers.command("presence", status="away")
        away = bob.expect_stanza("away", lambda s: s.name == "presence" and s.sender == full
                                 and s.xml.findtext(f"{{{CLIENT}}}show") == "away")
        assert away.has(IDLE, "idle") and not away.has(IN_CALL, "in-call")
        bob.send_presence(to=alice.jid, type="probe")
        bob.expect_stanza("away, probed", lambda s: s.name == "presence" and s.sender == full
                          and s.xml.findtext(f"{{{CLIENT}}}show") == "away")
    bob.expect_presence(full, "unavailable")


# -- of XMPP users, to apps


def test_a_contact_is_seen(alice, watched):
    with open_socket(alice) as hers:
        direct(watched, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online", away=False)
        assert presence(alice, watched.id)["status"] == "online"
        direct(watched, alice.jid, show="xa")
        hers.expect("presence", user_id=watched.id, status="online", away=True)
        direct(watched, alice.jid, show="dnd")
        hers.expect("presence", user_id=watched.id, status="online", away=False)
        direct(watched, alice.jid, show="dnd", in_call=True)
        hers.expect("presence", user_id=watched.id, status="in_call")
        direct(watched, alice.jid, type="unavailable")
        gone = hers.expect("presence", user_id=watched.id, status="offline")
        assert gone["payload"]["last_seen_at"] is not None
        assert presence(alice, watched.id) == gone["payload"]


def test_a_contact_whose_server_cannot_be_reached_is_offline_and_stays_a_contact(alice, watched, xmpp):
    second = xmpp("bob")
    error = "<error type='cancel'><remote-server-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
    with open_socket(alice) as hers:
        direct(watched, alice.jid, show="away")
        direct(second, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online", away=False)
        second.send_raw(f"<presence type='error' to='{alice.jid}/rest'>{error}</presence>")
        hers.expect("presence", user_id=watched.id, status="online", away=True)
        watched.send_raw(f"<presence type='error' to='{alice.jid}'>{error}</presence>")
        hers.expect("presence", user_id=watched.id, status="offline")
        assert alice.call(200, "GET", "/api/contacts")["items"][0]["subscription"] == "to"
        direct(watched, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online")


def test_two_resources_are_added_up(alice, watched, xmpp):
    second = xmpp("bob")
    with open_socket(alice) as hers:
        direct(watched, alice.jid, show="away")
        hers.expect("presence", user_id=watched.id, status="online", away=True)
        direct(second, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online", away=False)
        direct(second, alice.jid, type="unavailable")
        hers.expect("presence", user_id=watched.id, status="online", away=True)
        direct(watched, alice.jid, type="unavailable")
        hers.expect("presence", user_id=watched.id, status="offline")


def test_a_new_socket_is_greeted_with_contacts(alice, watched):
    with open_socket(alice) as hers:
        direct(watched, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online")
        with alice.ws() as second:
            second.expect("presence", user_id=watched.id, status="online")


def test_without_subscription_nothing_is_shown(stack, alice, xmpp):
    carol = xmpp("carol")
    conversation = alice.conversation_with(jid=carol.bare)
    with open_socket(alice) as hers:
        direct(carol, alice.jid, in_call=True)
        carol.send_message(alice.jid, "after it")
        hers.expect("message.new", content="after it")
        hers.sync()
        assert hers.count("presence", user_id=peer_id(alice, conversation)) == 0
    assert presence(alice, peer_id(alice, conversation))["status"] == "offline"


def test_a_link_that_is_lost(stack, alice, watched):
    with open_socket(alice) as hers:
        direct(watched, alice.jid)
        hers.expect("presence", user_id=watched.id, status="online")
        stack.stop("xmpp")
        try:
            hers.expect("presence", user_id=watched.id, status="offline", last_seen_at=None)
            assert presence(alice, watched.id) == offline(watched.id)
        finally:
            stack.restart("xmpp")
            wait_ready(stack)


def test_hostile_presence_is_nothing(alice, watched):
    with open_socket(alice) as hers:
        for number in range(40):
            watched.send_raw(f"<presence to='{alice.jid}' id='p{number}'><show>{'x' * 2000}</show>"
                             f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='{'v' * 500}'/>"
                             f"<idle xmlns='{IDLE}' since='tomorrow'/><priority>999999</priority></presence>")
        watched.send_raw(f"<presence to='{alice.jid}'><c xmlns='http://jabber.org/protocol/caps'/></presence>")
        watched.send_raw(f"<presence to='{alice.jid}' type='nonsense'/>")
        watched.send_raw(f"<presence to='nobody-{alice.jid}'/>")
        hers.expect("presence", user_id=watched.id, status="online", away=False)
        watched.send_message(alice.jid, "enough")
        hers.expect("message.new", content="enough")
        assert hers.count("presence", user_id=watched.id) == 1
