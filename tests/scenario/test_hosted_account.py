# SPDX-License-Identifier: GPL-3.0-or-later
"""What the component answers as the XMPP server of its users: requests to the domain, to a user, to /rest."""
import base64
import hashlib
import time
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.database import database
from harness.xmpp import DISCO_INFO, DISCO_ITEMS, PING, ROSTER, VERSION, XmppError

CAPS = "http://jabber.org/protocol/caps"
CLIENT = "jabber:client"
DATA = "jabber:x:data"
DELAY = "urn:xmpp:delay"
LAST = "jabber:iq:last"
NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"
TIME = "urn:xmpp:time"
VCARD = "vcard-temp"
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"


@pytest.fixture
def alice(app):
    user = app("alice", name="Alice")
    user.jid = user.me()["jid"]
    user.full = user.jid + "/rest"
    return user


def ask(client, to, namespace, name="query", type="get", **attributes):
    return client.iq(to, Element(f"{{{namespace}}}{name}", attributes), type).child(namespace, name)


def refusal(client, to, namespace, name="query", type="get", **attributes):
    with pytest.raises(XmppError) as caught:
        ask(client, to, namespace, name, type, **attributes)
    return caught.value.condition


def send_subscription(client, to, type):
    client.send_presence(to=to, type=type)


def befriend(alice, bob):
    """Bob sees Alice's presence: she has written to him, so he may."""
    ask(bob, None, ROSTER)
    alice.send(alice.conversation_with(jid=bob.bare), "hello")
    send_subscription(bob, alice.jid, "subscribe")
    bob.expect_roster(alice.jid, subscription="to", ask=None)


# -- discovery


def test_the_domain_is_a_server(stack, bob):
    identities, features = bob.disco_info(stack.app_domain)
    assert identities == {"server/im", "store/file"}
    assert {DISCO_INFO, PING, VERSION, LAST, TIME} <= features
    assert bob.disco_items(stack.app_domain) == []
    assert refusal(bob, stack.app_domain, DISCO_INFO, node="nowhere") == "item-not-found"


def test_a_user_is_an_account_and_strangers_learn_no_more(alice, bob):
    assert bob.disco_info(alice.jid) == ({"account/registered"}, set())
    befriend(alice, bob)
    identities, features = bob.disco_info(alice.jid)
    assert identities == {"account/registered", "pubsub/pep"}
    assert {DISCO_INFO, VCARD} <= features
    assert set(bob.disco_items(alice.jid)) == {alice.jid}
    assert refusal(bob, alice.jid, DISCO_INFO, node="nowhere") == "item-not-found"


def test_the_nodes_of_a_user_are_leaves_with_their_items(alice, bob):
    befriend(alice, bob)
    nodes = {item.get("node") for item in ask(bob, alice.jid, DISCO_ITEMS)}
    assert nodes == {NICK, "urn:xmpp:vcard4"}
    for node in nodes:
        info = ask(bob, alice.jid, DISCO_INFO, node=node)
        assert info.get("node") == node
        assert [(e.get("category"), e.get("type")) for e in info.iter(f"{{{DISCO_INFO}}}identity")] == [
            ("pubsub", "leaf")]
        items = ask(bob, alice.jid, DISCO_ITEMS, node=node)
        assert items.get("node") == node
        (item,) = items
        assert item.get("jid") == alice.jid and item.get("node") is None
        query = Element(f"{{{PUBSUB}}}pubsub")
        wanted = SubElement(query, f"{{{PUBSUB}}}items", {"node": node})
        SubElement(wanted, f"{{{PUBSUB}}}item", {"id": item.get("name")})
        assert len(bob.iq(alice.jid, query).child(PUBSUB, "pubsub").find(f"{{{PUBSUB}}}items")) == 1
    assert {PUBSUB + "#access-open", PUBSUB + "#filtered-notifications"} <= bob.disco_info(alice.jid)[1]
    for query in (DISCO_INFO, DISCO_ITEMS):
        assert refusal(bob, alice.jid, query, node="urn:xmpp:avatar:metadata") == "item-not-found"  # no picture
        assert refusal(bob, alice.full, query, node=NICK) == "item-not-found"


def caps_of(query):
    identities = sorted("/".join((e.get("category"), e.get("type"), "", e.get("name", ""))) + "<"
                        for e in query.iter(f"{{{DISCO_INFO}}}identity"))
    features = [var + "<" for var in sorted(e.get("var") for e in query.iter(f"{{{DISCO_INFO}}}feature"))]
    text = "".join(identities + features)
    for form in query.iter(f"{{{DATA}}}x"):
        fields = form_of(form)
        text += "".join(v + "<" for v in fields.pop("FORM_TYPE"))
        text += "".join(name + "<" + "".join(v + "<" for v in sorted(fields[name])) for name in sorted(fields))
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()


def form_of(form):
    return {field.get("var"): [value.text for value in field.iter(f"{{{DATA}}}value")]
            for field in form.iter(f"{{{DATA}}}field")}


def test_capabilities_in_presence_are_those_of_the_resource(alice, bob):
    with alice.ws():
        befriend(alice, bob)
        caps = bob.expect_presence(alice.full).child(CAPS, "c")
        assert caps.get("hash") == "sha-1"
        plain = ask(bob, alice.full, DISCO_INFO)
        assert {e.get("category") for e in plain.iter(f"{{{DISCO_INFO}}}identity")} == {"client"}
        node = f"{caps.get('node')}#{caps.get('ver')}"
        asked = ask(bob, alice.full, DISCO_INFO, node=node)
        assert asked.get("node") == node
        assert caps_of(plain) == caps_of(asked) == caps.get("ver")
        software = form_of(plain.find(f"{{{DATA}}}x"))
        assert software.pop("FORM_TYPE") == ["urn:xmpp:dataforms:softwareinfo"]
        assert software == {"software": ["Trestle"], "software_version": [bob.version(alice.full)["version"]]}
    assert refusal(bob, alice.full, DISCO_INFO, node=node + "x") == "item-not-found"


# -- small services


def test_ping_of_domain_user_and_resource(stack, alice, bob):
    for target in (stack.app_domain, alice.jid, alice.full):
        assert bob.ping(target).sender == target
    assert refusal(bob, alice.jid + "/elsewhere", PING, "ping") == "service-unavailable"


def test_version_tells_no_operating_system(stack, alice, bob):
    for target in (stack.app_domain, alice.full):
        assert set(bob.version(target)) == {"name", "version"}


def test_time_is_that_of_the_domain_alone(stack, alice, bob):
    answer = ask(bob, stack.app_domain, TIME, "time")
    assert answer.findtext(f"{{{TIME}}}tzo") in ("Z", "+00:00")
    assert answer.findtext(f"{{{TIME}}}utc").endswith("Z")
    for target in (alice.jid, alice.full):
        assert refusal(bob, target, TIME, "time") == "service-unavailable"


def test_last_activity_is_for_those_who_see_the_presence(stack, alice, bob):
    assert int(ask(bob, stack.app_domain, LAST).get("seconds")) >= 0
    for target in (alice.jid, alice.full):
        assert refusal(bob, target, LAST) == "forbidden"
    befriend(alice, bob)
    with database(stack) as query:
        query("UPDATE users SET last_seen_at = now() - interval '1 hour' WHERE jid = %s", alice.jid)
    assert 3600 <= int(ask(bob, alice.jid, LAST).get("seconds")) < 3700
    with alice.ws():
        for target in (alice.jid, alice.full):
            assert ask(bob, target, LAST).get("seconds") == "0"


def test_vcard_shows_the_name_and_cannot_be_written(alice, bob):
    card = ask(bob, alice.jid, VCARD, "vCard")
    assert card.findtext(f"{{{VCARD}}}FN") == "Alice"
    assert card.findtext(f"{{{VCARD}}}NICKNAME") == alice.jid.partition("@")[0]
    assert refusal(bob, alice.jid, VCARD, "vCard", "set") == "forbidden"


# -- refusals


def error_bytes(client, to, namespace, name):
    with pytest.raises(XmppError) as caught:
        ask(client, to, namespace, name)
    stanza = caught.value.stanza
    return repr(stanza).replace(stanza.id, "ID").replace(stanza.sender, "WHO")


def test_an_unknown_user_looks_like_a_request_nobody_handles(stack, alice, bob):
    nobody = f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"
    expected = error_bytes(bob, alice.jid, "urn:example:unknown", "query")
    assert "service-unavailable" in expected
    for namespace, name in ((PING, "ping"), (DISCO_INFO, "query"), (LAST, "query"), (VCARD, "vCard"),
                            ("urn:example:unknown", "query")):
        for target in (nobody, nobody + "/rest"):
            assert error_bytes(bob, target, namespace, name) == expected
    assert error_bytes(bob, stack.app_domain, "urn:example:unknown", "query") == expected


def answer_to(client, xml, id):
    client.send_raw(xml)
    return client.inbox.expect(f"answer {id}", lambda s: s.name == "iq" and s.id == id)


def test_a_request_with_two_payloads_is_a_bad_one(stack, bob):
    id = uuid.uuid4().hex
    got = answer_to(bob, f"<iq type='get' id='{id}' to='{stack.app_domain}'><ping xmlns='{PING}'/>"
                         f"<ping xmlns='{PING}'/></iq>", id)
    assert got.type == "error"
    assert got.child(CLIENT, "error").find(f"{{{STANZA_ERRORS}}}bad-request") is not None


def test_errors_and_results_are_not_answered(stack, alice, bob):
    error = (f"<error type='cancel'><gone xmlns='{STANZA_ERRORS}'/></error>")
    ids = [uuid.uuid4().hex for _ in range(5)]
    for target in (stack.app_domain, alice.jid, alice.full):
        for stanza in (f"<iq type='error' id='{ids[0]}' to='{target}'>{error}</iq>",
                       f"<iq type='result' id='{ids[1]}' to='{target}'/>",
                       f"<message type='error' id='{ids[2]}' to='{target}'>{error}</message>",
                       f"<presence type='error' id='{ids[3]}' to='{target}'>{error}</presence>",
                       f"<presence type='unsubscribed' id='{ids[4]}' to='{target}'/>"):
            bob.send_raw(stanza)
        bob.ping(target)
    assert bob.inbox.count(lambda s: s.id in ids) == 0
    assert bob.inbox.count(lambda s: s.name == "presence" and s.sender.startswith(alice.jid)) == 0


def bounce(client, id):
    stanza = client.expect_stanza(f"error {id}", lambda s: s.name == "message" and s.id == id)
    error = stanza.child(CLIENT, "error")
    return stanza.type, stanza.sender, error.get("type"), [child.tag.rpartition("}")[2] for child in error]


def test_room_messages_and_those_to_the_domain_bounce_whoever_they_are_for(stack, alice, bob):
    """Users are in no rooms; there is nobody at the domain itself."""
    nobody = f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"
    with alice.ws() as socket:
        for type, to in (("groupchat", alice.jid), ("groupchat", alice.full), ("groupchat", nobody),
                         ("groupchat", stack.app_domain), ("chat", stack.app_domain), ("normal", stack.app_domain),
                         ("headline", stack.app_domain), ("headline", nobody)):
            id = uuid.uuid4().hex
            bob.send_raw(f"<message type='{type}' to='{to}' id='{id}'><body>hello room</body></message>")
            assert bounce(bob, id) == ("error", to, "cancel", ["service-unavailable"])
        bob.send_message(alice.jid, "after them")
        socket.expect("message.new", content="after them")
        bob.ping(stack.app_domain)
        assert socket.count("message.new") == 1


# -- subscriptions


def contact(stack, alice, bob):
    with database(stack) as query:
        rows = query("SELECT to_peer, from_peer, ask, pending_in FROM contacts c "
                     "JOIN users u ON u.id = c.user_id WHERE u.jid = %s AND peer = %s", alice.jid, bob.bare)
    names = ("to", "from", "ask", "pending")
    return {name for name, on in zip(names, rows[0]) if on} if rows else None


def presence_count(client, sender):
    return client.inbox.count(lambda s: s.name == "presence" and s.sender.startswith(sender))


def await_contact(stack, alice, bob, wanted):
    """Presence and IQ take different ways through the bridge: ask until it is so."""
    for _ in range(200):
        bob.ping(alice.jid)
        if contact(stack, alice, bob) == wanted:
            return
    assert contact(stack, alice, bob) == wanted


def test_a_strangers_request_waits_and_can_be_taken_back(stack, alice, bob):
    with alice.ws():
        send_subscription(bob, alice.jid, "subscribe")
        await_contact(stack, alice, bob, {"pending"})
        send_subscription(bob, alice.jid, "unsubscribe")
        await_contact(stack, alice, bob, None)
    assert presence_count(bob, alice.jid) == 0


def test_who_was_written_to_may_see_the_presence(stack, alice, bob):
    send_subscription(bob, alice.jid, "subscribe")
    await_contact(stack, alice, bob, {"pending"})
    with alice.ws():
        befriend(alice, bob)
        assert bob.expect_presence(alice.full).type is None
        assert contact(stack, alice, bob) == {"from"}


def test_being_written_to_is_no_consent(stack, alice, bob):
    with alice.ws() as socket:
        bob.send_message(alice.jid, "let me in")
        socket.expect("message.new", content="let me in")
        send_subscription(bob, alice.jid, "subscribe")
        await_contact(stack, alice, bob, {"pending"})
    assert presence_count(bob, alice.jid) == 0


def test_unsubscribing_ends_it(stack, alice, bob):
    with alice.ws():
        befriend(alice, bob)
        bob.expect_presence(alice.full)
        send_subscription(bob, alice.jid, "unsubscribe")
        bob.expect_presence(alice.full, "unavailable")
        await_contact(stack, alice, bob, None)
        assert refusal(bob, alice.jid, LAST) == "forbidden"


def test_presence_follows_the_sockets(alice, bob):
    befriend(alice, bob)
    assert bob.expect_presence(alice.jid, "unavailable")
    with alice.ws():
        bob.expect_presence(alice.full)
        with alice.ws():
            pass
    bob.expect_presence(alice.full, "unavailable")
    assert presence_count(bob, alice.full) == 2


def test_a_new_session_of_the_contact_learns_the_presence(alice, bob, xmpp):
    with alice.ws():
        befriend(alice, bob)
        bob.expect_presence(alice.full)
        assert xmpp("bob").expect_presence(alice.full).type is None


def test_who_comes_later_learns_when_the_user_was_last_seen(alice, bob, xmpp):
    befriend(alice, bob)
    with alice.ws():
        bob.expect_presence(alice.full)
    bob.expect_presence(alice.full, "unavailable")
    again = xmpp("bob")
    again.send_presence(to=alice.jid, type="probe")
    again.expect_stanza("unavailable since", lambda s: s.name == "presence" and s.sender == alice.jid
                        and s.type == "unavailable" and s.has(DELAY, "delay"))


def test_a_bridge_that_was_killed_takes_back_what_it_had_shown(stack, alice, bob):
    befriend(alice, bob)
    socket = alice.ws()
    bob.expect_presence(alice.full)
    stack.kill("bridge")
    socket.close()
    stack.restart("bridge")
    bob.expect_presence(alice.full, "unavailable")
    with alice.ws():
        bob.expect_presence(alice.full)


def await_refusal(bob, to, condition):
    """Backends outlive a killed server for a moment, its return is noticed after one, and an address that
    nobody has is remembered for five seconds: ask until it is so."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with pytest.raises(XmppError) as caught:
            bob.ping(to)
        if caught.value.condition == condition:
            return caught.value.stanza.child(CLIENT, "error").get("type")
    return pytest.fail(f"{to} never answered {condition}")


def test_without_the_database_a_request_is_to_be_repeated(stack, bob):
    nobody = f"nobody-{uuid.uuid4().hex[:8]}@{stack.app_domain}"
    stack.kill("postgres")
    try:
        assert await_refusal(bob, nobody, "resource-constraint") == "wait"
        bob.ping(stack.app_domain)
    finally:
        stack.restart("postgres")
    assert await_refusal(bob, nobody, "service-unavailable") == "cancel"
