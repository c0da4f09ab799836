# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound sessions: an account's session whose other end is the component is one more client of it. No bridge runs."""
import threading
import uuid
from xml.etree.ElementTree import Element, SubElement, fromstring

import pytest
from harness.administer import administer
from harness.bound import BIND, Link
from harness.caps import caps_of
from harness.xmpp import CLIENT, DISCO_INFO, FORWARD, PING, ROSTER, VERSION, XmppError

CARBONS, BLOCKING, DELAY = "urn:xmpp:carbons:2", "urn:xmpp:blocking", "urn:xmpp:delay"
NICK = "http://jabber.org/protocol/nick"
PUBSUB = "http://jabber.org/protocol/pubsub"


@pytest.fixture(scope="module")
def running_stack(plugin_stack):
    return plugin_stack


@pytest.fixture
def link(stack):
    with Link(stack) as link:
        yield link


@pytest.fixture
def admin(stack):
    return administer(stack)


def refused(call, *args, **options):
    with pytest.raises(XmppError) as caught:
        call(*args, **options)
    return caught.value.condition


def befriended(bound, client):
    """Both see each other's presence; the client's library says yes to everything."""
    bound.send_presence(client.bare, "subscribe")
    bound.expect_presence(client.bare, "subscribed")
    bound.expect_presence(client.bare, "subscribe")
    bound.send_presence(client.bare, "subscribed")
    client.expect_presence(bound.jid)


def parted(bound, client):
    roster_change(bound, client.bare, subscription="remove")
    roster_change(client, bound.bare, subscription="remove")


def roster_change(user, jid, **attributes):
    query = Element(f"{{{ROSTER}}}query")
    SubElement(query, f"{{{ROSTER}}}item", {"jid": jid, **attributes})
    user.iq(None, query, "set")


def carbon(user, kind, body):
    """The message inside the next carbon of this kind that has this body."""
    def inner(stanza):
        copy = stanza.child(CARBONS, kind) if stanza.name == "message" else None
        return None if copy is None else copy.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message")

    def fits(stanza):
        message = inner(stanza)
        return message is not None and message.findtext(f"{{{CLIENT}}}body") == body
    found = user.expect_stanza(f"{kind} carbon of {body}", fits)
    assert found.sender == user.bare
    return inner(found)


def bodies(user):
    return [s.body for s in user.inbox.received if s.name == "message" and s.body]


def block(user, jid, action="block"):
    change = Element(f"{{{BLOCKING}}}{action}")
    SubElement(change, f"{{{BLOCKING}}}item", {"jid": jid})
    user.iq(None, change, "set")


# ---- Requests

def test_hello(link):
    hello = link.hello()
    assert hello.get("version") == "1" and hello.get("epoch") and hello.get("server") == link.stack.server
    assert {"bind", "uid"} <= {has.text for has in hello.iter(f"{{{BIND}}}has")}
    assert link.hello().get("epoch") == hello.get("epoch")
    assert link.hello(0, 9).get("version") == "1"
    assert refused(link.hello, 2, 3) == "feature-not-implemented"
    assert refused(link.hello, "two", 3) == "bad-request"
    assert refused(link.hello, 3, 1) == "bad-request"


def test_who_can_be_bound(link):
    assert refused(link.bind, "nobody") == "item-not-found"
    assert refused(link.bind, "erin") == "not-allowed"
    assert refused(link.bind, "") == "bad-request"
    assert refused(link.iq, f"<bind xmlns='{BIND}' user='bob'/>") == "bad-request"
    assert refused(link.iq, f"<bind xmlns='{BIND}' user='bob@example.org' resource='x'/>") == "bad-request"
    bob = link.bind("BOB", "Trestle")
    assert (bob.user, bob.resource) == ("bob", "Trestle")
    link.wait_sessions(1)
    link.unbind(bob)
    assert refused(link.unbind, bob) == "item-not-found"
    link.wait_sessions(0)


def login(link, user, password=None):
    """Asks for it, and whether it was said to be so; else the condition of the refusal."""
    inside = "" if password is None else f"<password>{password}</password>"
    try:
        link.iq(f"<login xmlns='{BIND}' user='{user}'>{inside}</login>")
    except XmppError as error:
        return error.condition
    return "right"


def test_passwords_are_tried(link):
    assert "login" in {has.text for has in link.hello().iter(f"{{{BIND}}}has")}
    password = {name: link.stack.account(name)["password"] for name in ("bob", "erin")}
    assert [login(link, user) for user in ("bob", "BOB", "erin", "nobody")] == ["right", "right", "not-allowed", "item-not-found"]
    assert login(link, "bob", password["bob"]) == login(link, "Bob", password["bob"]) == "right"
    # Whatever is wrong, the answer is one.
    for user, tried in (("bob", "wrong"), ("bob", ""), ("bob", password["bob"].upper()), ("nobody", "wrong"), ("erin", password["erin"]),
                        ("bob", "x" * 4000), ("bob", "&lt;&#x1F511;&gt;")):
        assert login(link, user, tried) == "not-authorized", (user, tried)
    for inside in ("", " user=''", " user='a@b'"):
        assert refused(link.iq, f"<login xmlns='{BIND}'{inside}><password>x</password></login>") == "bad-request"
    for inside in ("<password>x</password><password>y</password>", "<else/>"):
        assert refused(link.iq, f"<login xmlns='{BIND}' user='bob'>{inside}</login>") == "bad-request"
    link.wait_sessions(0)


def test_binding_again_replaces(link, xmpp):
    carol, first = xmpp("carol"), link.bind("bob", "again").start()
    second = link.bind("bob", "again").start()
    link.wait_sessions(1)
    carol.send_message(second.jid, "to the new one")
    assert second.expect_message("to the new one")
    assert not first.inbox.count(lambda s: s.name == "unbound" or s.body)


def test_what_was_injected_is_sent_before_the_end(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    for number in range(50):
        bob.send_message(carol.jid, f"last words {number}")
    link.unbind(bob)
    for number in range(50):
        carol.expect_message(f"last words {number}")


# ---- A client like any other

def test_presence(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    befriended(bob, carol)
    phone = xmpp("bob")
    phone.expect_presence(bob.jid)
    bob.expect_presence(phone.jid)
    bob.expect_presence(carol.jid)
    bob.send_presence(show="away", status="gone fishing")
    assert carol.expect_stanza("away", lambda s: s.name == "presence" and s.sender == bob.jid
                               and s.xml.findtext(f"{{{CLIENT}}}show") == "away")
    late = xmpp("carol")  # she probes
    assert late.expect_presence(bob.jid).xml.findtext(f"{{{CLIENT}}}status") == "gone fishing"
    carol.send_presence(show="dnd")
    bob.expect_stanza("dnd", lambda s: s.name == "presence" and s.sender == carol.jid
                      and s.xml.findtext(f"{{{CLIENT}}}show") == "dnd")
    link.unbind(bob)
    for watcher in (carol, phone):
        watcher.expect_presence(bob.jid, "unavailable")
    phone.iq(None, Element(f"{{{ROSTER}}}query"))
    parted(phone, carol)


def test_directed_presence_ends_with_the_session(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    bob.send_presence(carol.jid)
    carol.expect_presence(bob.jid)
    link.unbind(bob)
    carol.expect_presence(bob.jid, "unavailable")


def test_roster(link, xmpp):
    bob, phone = link.bind("bob").start(), xmpp("bob")
    phone.iq(None, Element(f"{{{ROSTER}}}query"))
    roster_change(phone, "somebody@elsewhere.example", name="Some Body")
    bob.expect_roster("somebody@elsewhere.example", name="Some Body", subscription="none")
    roster_change(bob, "somebody@elsewhere.example", subscription="remove")
    phone.expect_roster("somebody@elsewhere.example", subscription="remove")


def test_messages(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    id = carol.send_message(bob.bare, "to the account")
    assert bob.expect_message("to the account", carol.jid).id == id
    carol.send_message(bob.jid, "to the resource")
    assert bob.expect_message("to the resource").to == bob.jid
    bob.send_message(carol.bare, "from the resource")
    assert carol.expect_message("from the resource").sender == bob.jid
    bob.send_message("nobody@example.org", "to nobody")
    error = bob.expect_stanza("the error", lambda s: s.name == "message" and s.type == "error")
    assert error.sender == "nobody@example.org"


def test_carbons(link, xmpp):
    carol, bob, phone = xmpp("carol"), link.bind("bob").start(), xmpp("bob")
    phone.iq(None, Element(f"{{{CARBONS}}}enable"), "set")
    carol.send_message(phone.jid, "for the phone")
    assert carbon(bob, "received", "for the phone").get("from") == carol.jid
    phone.send_message(carol.jid, "by phone")
    assert carbon(bob, "sent", "by phone").get("to") == carol.jid
    bob.send_message(carol.jid, "by the app")
    assert carbon(phone, "sent", "by the app").get("to") == carol.jid
    bob.ping()
    assert not bob.inbox.count(lambda s: "by the app" in repr(s)), "a copy of its own message"


def test_iqs(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    bob.ping("example.org")
    with pytest.raises(XmppError) as caught:
        bob.ping(carol.jid)  # which her library does not know
    assert caught.value.stanza.sender == carol.jid
    bob.features = {DISCO_INFO, "urn:example:x"}
    assert carol.disco_info(bob.jid) == ({"client/bot"}, {DISCO_INFO, "urn:example:x"})
    bob.answers = False
    carol.send_raw(f"<iq type='get' id='v1' to='{bob.jid}'><query xmlns='{VERSION}'/></iq>")
    asked = bob.expect_stanza("the question", lambda s: s.name == "iq" and s.has(VERSION, "query"))
    assert (asked.sender, asked.id) == (carol.jid, "v1")
    bob.send_raw(f"<iq xmlns='{CLIENT}' type='error' id='v1' to='{carol.jid}'><error type='cancel'>"
                 "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    assert carol.expect_stanza("the answer", lambda s: s.id == "v1").type == "error"
    link.unbind(bob)
    assert refused(carol.disco_info, bob.jid) == "service-unavailable"


def test_blocking(link, xmpp):
    carol, bob, phone = xmpp("carol"), link.bind("bob").start(), xmpp("bob")
    phone.iq(None, Element(f"{{{BLOCKING}}}blocklist"))
    block(bob, carol.bare)
    for user in (bob, phone):
        user.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "block"))
    id = bob.send_message(carol.bare, "into the void")
    error = bob.expect_stanza("the refusal", lambda s: s.id == id and s.type == "error").child(CLIENT, "error")
    assert error[0].tag.endswith("}not-acceptable")
    id = carol.send_message(bob.bare, "let me in")
    carol.expect_stanza("the bounce", lambda s: s.id == id and s.type == "error")
    block(phone, carol.bare, "unblock")
    bob.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "unblock"))
    bob.send_message(carol.bare, "forgiven")
    carol.expect_message("forgiven")
    assert "let me in" not in bodies(bob) and "into the void" not in bodies(carol)


def test_events_of_those_whose_notify_it_has(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob")
    bob.features = {DISCO_INFO, NICK, f"{NICK}+notify"}
    ver = caps_of(bob.features)
    bob.start()
    befriended(bob, carol)
    caps = (f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:app' ver='{ver}'/>")
    bob.send_raw(f"<presence xmlns='{CLIENT}'>{caps}</presence>")
    bob.expect_stanza("the server's question", lambda s: s.name == "iq" and s.type == "get" and s.has(DISCO_INFO, "query"))
    bob.ping()
    carol.iq(None, fromstring(f"<pubsub xmlns='{PUBSUB}'><publish node='{NICK}'><item id='current'>"
                              f"<nick xmlns='{NICK}'>Caz</nick></item></publish></pubsub>"), "set")
    event = bob.expect_stanza("the event", lambda s: s.name == "message" and s.has(f"{PUBSUB}#event", "event")
                              and "Caz" in repr(s))
    assert event.sender == carol.bare
    parted(bob, carol)


def test_archive_of_the_account(link, xmpp):
    dave, bob = xmpp("dave"), link.bind("bob").start()
    words = uuid.uuid4().hex
    dave.send_message(bob.bare, f"{words} in")
    live = bob.expect_message(f"{words} in")
    bob.send_message(dave.bare, f"{words} out")
    dave.expect_message(f"{words} out")
    assert [m.body for m in bob.history(dave.bare) if words in (m.body or "")] == [f"{words} in", f"{words} out"]
    assert live.child("urn:xmpp:sid:0", "stanza-id").get("by") == bob.bare


@pytest.mark.parametrize("priority", [-1, 0])
def test_nobody_reads(link, xmpp, priority):
    """With a negative priority the app hears of a message, and the phone finds it in the offline store."""
    carol, bob, words = xmpp("carol"), link.bind("bob").start(priority), uuid.uuid4().hex
    id = carol.send_message(bob.bare, words)
    if priority < 0 and link.stack.server == "prosody":
        assert carbon(bob, "received", words).get("id") == id
    else:
        seen = bob.expect_message(words)
        assert (seen.id in bob.offline) == (priority < 0) and seen.has("urn:xmpp:sid:0", "stanza-id")
    bob.ping()
    assert bob.inbox.count(lambda s: words in repr(s)) == 1
    phone = xmpp("bob")
    if priority < 0:
        assert phone.expect_message(words).has(DELAY, "delay")
    phone.ping()
    assert phone.inbox.count(lambda s: s.body == words) == (1 if priority < 0 else 0)


# ---- The end of a session

def test_real_clients_come_first(link, xmpp):
    phone = xmpp("bob", resource="phone")
    assert refused(link.bind, "bob", "phone") == "conflict"
    phone.ping()
    bob = link.bind("bob", "shared").start()
    newcomer = xmpp("bob", resource="shared")
    assert bob.expect_unbound() == "conflict"
    newcomer.ping()
    assert link.refusal(link.inject("bob", "shared", f"<presence xmlns='{CLIENT}'/>")) == ("cancel", "item-not-found")
    assert refused(link.bind, "bob", "shared") == "conflict"


def test_kick(link, admin, xmpp):
    bob, phone = link.bind("bob").start(), xmpp("bob")
    phone.expect_presence(bob.jid)
    admin.kick("bob", bob.resource)
    assert bob.expect_unbound() == "kicked"
    phone.expect_presence(bob.jid, "unavailable")
    link.bind("bob", bob.resource)


def test_password_and_deletion(link, admin):
    admin.register("frank", "first")
    frank = link.bind("frank").start()
    admin.change_password("frank", "second")
    told = "password-changed" in {has.text for has in link.hello().iter(f"{{{BIND}}}has")}
    assert told == (link.stack.server == "prosody")
    if told:
        assert frank.expect_unbound() == "password-changed"
        frank = link.bind("frank").start()
    admin.unregister("frank")
    assert frank.expect_unbound() == "deleted"
    assert refused(link.bind, "frank") == "item-not-found"


def test_link_lost(stack, xmpp):
    carol, link = xmpp("carol"), Link(stack)
    epoch = link.hello().get("epoch")
    bob = link.bind("bob").start()
    bob.send_presence(carol.jid)
    carol.expect_presence(bob.jid)
    link.cut()
    carol.expect_presence(bob.jid, "unavailable")
    carol.send_message(bob.bare, "nobody is there")
    carol.ping()
    with Link(stack) as again:
        assert again.hello().get("epoch") == epoch
        again.wait_sessions(0)
        id = again.inject("bob", bob.resource, f"<presence xmlns='{CLIENT}'/>")
        assert again.refusal(id) == ("cancel", "item-not-found")
        again.bind("bob", bob.resource).start().expect_message("nobody is there")  # from the offline store


def test_sessions_belong_to_their_link(stack, xmpp):
    """A second link: Prosody ends the first, ejabberd has both. A session ends with its own."""
    carol, first = xmpp("carol"), Link(stack)
    old = first.bind("bob").start()
    with Link(stack) as second:
        new = second.bind("bob").start()
        if stack.server == "prosody":
            assert first.ended.wait(20)
        else:
            carol.send_message(old.jid, "on the first")
            old.expect_message("on the first")
        first.cut()
        carol.send_message(new.jid, "on the second")
        new.expect_message("on the second")
        second.wait_sessions(1)


def test_server_restart(stack):
    with Link(stack) as link:
        epoch = link.hello().get("epoch")
        bob = link.bind("bob").start()
        stack.stop("xmpp")
        assert link.ended.wait(20)
        assert {s.xml.get("reason") for s in bob.inbox.received if s.name == "unbound"} <= {"shutdown"}
    stack.restart("xmpp")
    with Link(stack) as link:
        assert link.hello().get("epoch") != epoch
        link.bind("bob", bob.resource).start()


def test_reload_under_load(link, admin, xmpp):
    """Each message arrives or is refused, none is silently lost; and the plugin says that it is new."""
    carol, bob, ids = xmpp("carol"), link.bind("bob").start(), []
    epoch, stop = link.hello().get("epoch"), threading.Event()

    def talk():
        while not stop.is_set():
            id = f"r{len(ids)}"
            ids.append((id, link.inject("bob", bob.resource, f"<message xmlns='{CLIENT}' to='{carol.jid}' type='chat' "
                                        f"id='{id}'><body>{id}</body></message>")))
            stop.wait(0.001)
    talker = threading.Thread(target=talk)
    talker.start()
    carol.expect_message("r20")
    admin.reload_plugin()
    assert bob.expect_unbound() == "shutdown"
    # ejabberd tells of itself when a link comes, too
    news = link.inbox.expect("news of the plugin", lambda s: s.name == "message" and s.has(BIND, "hello")
                             and s.child(BIND, "hello").get("epoch") != epoch)
    assert news.child(BIND, "hello").get("epoch") == link.hello().get("epoch")
    stop.set()
    talker.join()
    link.hello()
    carol.ping()
    refusals = {s.id for s in link.inbox.received if s.type == "error"}
    arrived = set(bodies(carol))
    assert [id for id, wrapper in ids if id not in arrived and wrapper not in refusals] == []
    bob = link.bind("bob", bob.resource).start()
    bob.send_message(carol.jid, "afterwards")
    carol.expect_message("afterwards")


def test_accounts_that_are_no_longer_allowed(link, admin):
    bob, carol = link.bind("bob").start(), link.bind("carol").start()
    with admin.nobody_but("carol"):
        assert bob.expect_unbound() == "disabled"
        assert refused(link.bind, "bob") == "not-allowed"
        carol.ping()
    link.bind("bob")


def test_a_thousand_sessions(stack, xmpp):
    dave = xmpp("dave")
    with Link(stack) as link:
        sessions = [link.start_bind(user, f"many-{number}") for number in range(334) for user in ("bob", "carol", "dave")]
        for session in sessions:
            session.bound()
        link.wait_sessions(len(sessions))
        for session in sessions[::25]:
            dave.send_message(session.jid, session.jid)
            session.expect_message(session.jid)
            session.send_message(dave.jid, f"by {session.jid}")
        for session in sessions[::25]:
            dave.expect_message(f"by {session.jid}", session.jid)
    dave.ping()
    with Link(stack) as again:
        again.wait_sessions(0)
