# SPDX-License-Identifier: GPL-3.0-or-later
"""Stanzas that claim to be what only an account's server says: wrappers of sessions, carbons, pushes, events, archives, answers.

Whoever sends them, and wherever they arrive, they change nothing. First with a server that says what a test wants, then with real ones.
"""
import contextlib
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from conftest import stack_of
from harness.administer import administer
from harness.bound import Link
from harness.fake_host import BIND, BLOCKING, ROSTER
from harness.inbox import wait_for
from harness.watch import metrics
from harness.xmpp import CLIENT, MAM
from test_bound import RECEIPTS, SID, contents, count, make_world, message, presence_of, sign_in
from test_bound_accounts import bob, carol  # noqa: F401

CARBONS, FORWARD = "urn:xmpp:carbons:2", "urn:xmpp:forward:0"
EVENT, BOOKMARKS, DISPLAYED = "http://jabber.org/protocol/pubsub#event", "urn:xmpp:bookmarks:1", "urn:xmpp:mds:displayed:0"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


def forwarded(inner):
    return f"<forwarded xmlns='{FORWARD}'>{inner}</forwarded>"


def carbon(way, inner):
    return f"<{way} xmlns='{CARBONS}'>{forwarded(inner)}</{way}>"


def archived(inner, id=None):
    return f"<result xmlns='{MAM}' queryid='q' id='{id or uuid.uuid4()}'>{forwarded(inner)}</result>"


def event(node, id, payload):
    return f"<event xmlns='{EVENT}'><items node='{node}'><item id='{id}'>{payload}</item></items></event>"


def bookmark(room):
    return event(BOOKMARKS, room, f"<conference xmlns='{BOOKMARKS}' autojoin='false' name='A room'/>")


def displayed(account, peer, id):
    return event(DISPLAYED, peer, f"<displayed xmlns='{DISPLAYED}'><stanza-id xmlns='{SID}' by='{account}' id='{id}'/></displayed>")


def contacts(user):
    return {c["user"]["jid"] for c in user.call(200, "GET", "/api/contacts")["items"]}


# ---- A server that says what a test wants

@pytest.fixture(scope="module")
def bridge(running_stack):
    with make_world(running_stack) as world:
        yield world


@pytest.fixture
def world(bridge):
    """The fake host, an account that nobody has used yet, with a socket, and how to make sure that what it was sent is done."""
    host, daemon = bridge
    user = sign_in(daemon, "f" + uuid.uuid4().hex[:8])
    with user.ws() as socket:
        host.expect_injected("presence", presence_of(user, 0))

        def settle(text="that was all"):
            text = f"{text} {uuid.uuid4().hex[:6]}"
            host.to_session(user.name, message(user, text, f"<body>{text}</body><stanza-id xmlns='{SID}' by='{user.jid}' id='{uuid.uuid4()}'/>"))
            told = socket.expect("message.new", content=text)["payload"]
            socket.sync()
            return told
        user.socket, user.settle = socket, settle
        yield host, daemon, user


def others(user):
    """Who is not the account: a stranger, a contact's client, a client of the account itself, a room, a name like its own."""
    return ("eve@example.org", "carol@example.org/x", f"{user.jid}/phone", "room@conference.example.org", f"{user.jid}.example")


@pytest.mark.one_server
def test_carbons_are_the_accounts_own_servers(world):
    host, daemon, user = world
    talk = user.conversation_with("carol@example.org")
    sent = user.send(talk, "hi")
    host.expect_injected("the message", lambda s: s.user == user.name and s.body == "hi")
    receipt = message(user, "r", f"<received xmlns='{RECEIPTS}' id='{sent['id']}'/>")
    own = f"<message xmlns='{CLIENT}' type='chat' id='o' from='{user.jid}/phone' to='carol@example.org'><body>forged</body></message>"
    lies = [carbon("received", receipt), carbon("received", message(user, "b", "<body>forged</body>")), carbon("sent", own)]
    before = count(daemon, "trestle_bound_refused_total")
    for sender in (*others(user), host.domain):
        for lie in lies:
            host.to_session(user.name, message(user, "c", lie, sender))
    # Also from the right one they are about the account itself, each in its own way.
    for lie in (carbon("received", own), carbon("sent", message(user, "b", "<body>forged</body>")), f"<received xmlns='{CARBONS}'/>"):
        host.to_session(user.name, message(user, "c", lie, user.jid))
    wait_for("all were dropped", lambda: count(daemon, "trestle_bound_refused_total") - before == 6 * 3 + 3)
    user.settle()
    assert user.socket.count("message.new", content="forged") == user.socket.count("message.delivered") == 0
    host.to_session(user.name, message(user, "c", lies[0], user.jid))
    user.socket.expect("message.delivered", message_id=sent["id"])


@pytest.mark.one_server
def test_what_is_forwarded_is_said_by_nobody(world):
    """Neither by a plain forward (XEP-0297) nor in a result of an archive that nobody has asked."""
    host, _, user = world
    inner = message(user, "i", "<body>forged</body>")
    for wrap in (forwarded, archived):
        for sender in (*others(user), host.domain, user.jid):
            host.to_session(user.name, message(user, "w", wrap(inner), sender))
    told = user.settle()
    assert user.socket.count("message.new", content="forged") == 0
    assert contents(user, told["conversation_id"]) == [told["content"]]


@pytest.mark.one_server
def test_what_clients_of_the_account_share_is_told_by_its_own_nodes_alone(world):
    host, _, user = world
    first = user.settle("unread")
    talk = first["conversation_id"]
    lies = (bookmark("forged@conference.example.org"), displayed(user.jid, "carol@example.org", first["id"]))
    for sender in (*others(user), host.domain):
        for lie in lies:
            host.to_session(user.name, message(user, "e", lie, sender).replace("type='chat'", "type='headline'"))
    user.settle()
    assert user.socket.count("account.rooms") == 0 and user.conversation(talk)["unread_count"] == 2
    for truth in (bookmark("true@conference.example.org"), lies[1]):
        host.to_session(user.name, message(user, "e", truth, user.jid).replace("type='chat'", "type='headline'"))
    user.socket.expect("account.rooms")
    wait_for("the first is read", lambda: user.conversation(talk)["unread_count"] == 1)


@pytest.mark.one_server
def test_lists_are_pushed_by_the_accounts_own_server(world):
    """RFC 6121, 2.1.6; XEP-0191 in the same way."""
    host, _, user = world
    pushes = {"contacts": f"<query xmlns='{ROSTER}'><item jid='eve@example.org' subscription='both'/></query>",
              "block": f"<block xmlns='{BLOCKING}'><item jid='carol@example.org'/></block>"}

    def push(id, sender, what):
        source = f" from='{sender}'" if sender else ""
        host.to_session(user.name, f"<iq xmlns='{CLIENT}' type='set' id='{id}'{source} to='{user.jid}/{host.bound[user.name]}'>{what}</iq>")
        return host.expect_injected("an answer", lambda s: s.user == user.name and s.id == id)
    for number, sender in enumerate((*others(user), host.domain)):
        for name, what in pushes.items():
            answer = push(f"{name}{number}", sender, what)
            assert (answer.type, answer.to) == ("error", sender), (name, sender)
    user.settle()
    assert contacts(user) == set() and user.call(200, "GET", "/api/users/blocked")["items"] == []
    for id, sender in (("own", user.jid), ("none", None)):
        assert push(id, sender, pushes["contacts"]).type == "result"
    wait_for("a contact", lambda: contacts(user) == {"eve@example.org"})


@pytest.mark.one_server
def test_questions_of_a_session_are_answered_by_whom_they_were_for(bridge):
    host, daemon = bridge
    user = sign_in(daemon, "f" + uuid.uuid4().hex[:8])
    host.mute.add(user.name)
    try:
        with user.ws():
            asked = host.expect_injected("the question", lambda s: s.user == user.name and s.has(ROSTER, "query"))

            def answer(contact, sender):
                host.to_session(user.name, f"<iq xmlns='{CLIENT}' type='result' id='{asked.id}' from='{sender}' to='{user.jid}/x'>"
                                f"<query xmlns='{ROSTER}'><item jid='{contact}' subscription='both'/></query></iq>")
            for sender in (*others(user), host.domain):
                answer("eve@example.org", sender)
            answer("dave@example.org", user.jid)
            answer("eve@example.org", user.jid)  # it was answered
            wait_for("the contact", lambda: contacts(user) == {"dave@example.org"})
    finally:
        host.mute.discard(user.name)


# ---- Real servers

@contextlib.contextmanager
def nothing_changed(stack, bob, carol, talk, sent):
    """The account is in, its session is the same one, and nobody has said, heard or become anything."""
    before = metrics(stack)["trestle_bound_sessions"], contacts(bob), len(bob.messages(talk, limit=100)["items"])
    yield
    bob.send(talk, "still here")
    assert carol.expect_message("still here").sender == sent.sender
    carol.send_message(sent.sender, "yes")
    bob.socket.expect("message.new", content="yes")
    bob.socket.sync()
    assert bob.socket.count("message.new", content="forged") == bob.socket.count("message.delivered") == 0
    assert (metrics(stack)["trestle_bound_sessions"], contacts(bob), len(bob.messages(talk, limit=100)["items"]) - 2) == before
    assert bob.call(200, "GET", "/api/users/blocked")["items"] == []


@pytest.fixture
def talk(bob, carol):
    """A conversation, and a message in it as carol has it: without a receipt."""
    carol.receipts = False
    talk = bob.conversation_with(carol.bare)
    text = f"hi {uuid.uuid4().hex[:6]}"
    bob.send(talk, text)
    return talk, carol.expect_message(text)


def wrappers(resource, sent):
    """What a server could say of a session of bob's, and of an account that was never bound."""
    inner = [f"<message xmlns='{CLIENT}' from='carol@example.org/x' to='{{}}' type='chat'>{inside}</message>"
             for inside in (f"<received xmlns='{RECEIPTS}' id='{sent.id}'/>", "<body>forged</body>")]
    inner.append(f"<iq xmlns='{CLIENT}' from='{{}}' to='{{}}' type='set' id='p'><query xmlns='{ROSTER}'>"
                 "<item jid='eve@example.org' subscription='both'/></query></iq>")
    for user, name in (("bob", resource), ("grace", "trestle-x7")):
        place = f"xmlns='{BIND}' user='{user}' resource='{name}'"
        jid = f"{user}@example.org"
        yield from (f"<stanza {place}>{each.format(jid, jid)}</stanza>" for each in inner)
        yield f"<unbound {place} reason='deleted'/>"


@pytest.mark.parametrize("who", ["a client", "another server", "another component"])
def test_who_claims_to_be_the_server_of_a_session_changes_nothing(stack, bob, carol, talk, who):
    lies = list(wrappers(talk[1].sender.partition("/")[2], talk[1]))
    refused = metrics(stack)["trestle_bound_refused_total"]
    with nothing_changed(stack, bob, carol, *talk), contextlib.ExitStack() as open_:
        other = open_.enter_context(Link(stack, stack.info["component"]["other"])) if who == "another component" else None
        for lie in lies:
            if who == "a client":
                carol.send_raw(f"<message to='app.example.org'>{lie}</message>")
            elif who == "another server":
                administer(stack).hear("far.example", "app.example.org", lie)
            else:
                other.send(f"<message from='{other.domain}' to='app.example.org'>{lie}</message>")
        wait_for("all were dropped", lambda: metrics(stack)["trestle_bound_refused_total"] - refused == len(lies))
        if other:  # the secret is right, and the name is not its own: the server ends the stream
            other.send(f"<message from='example.org' to='app.example.org'>{lies[1]}</message>")
            assert other.ended.wait(20)


def test_another_server_has_no_part_in_sessions(stack, bob, carol, talk):
    """What it sends to the host, as the component does."""
    place = f"xmlns='{BIND}' user='bob' resource='{talk[1].sender.partition('/')[2]}'"
    admin = administer(stack)
    with nothing_changed(stack, bob, carol, *talk):
        for sender in ("far.example", "root@far.example/x"):
            admin.hear(sender, "example.org", f"<inject {place}><message xmlns='{CLIENT}' to='carol@example.org' type='chat'><body>forged"
                       "</body></message></inject>")
            for request in ("unbind", "bind"):
                admin.hear(sender, "example.org", f"<{request} {place}/>", "iq")
        admin.hear("root@far.example/x", talk[1].sender, "<body>from afar</body>")  # it is heard where it has a say
        assert bob.socket.expect("message.new", content="from afar")["payload"]["sender"]["jid"] == "root@far.example"
        assert not carol.inbox.count(lambda s: s.body == "forged")


def test_what_anybody_sends_to_an_account_is_of_that_sender(stack, bob, carol, talk, xmpp):
    erin = xmpp("erin")
    sent = talk[1]
    here = f"<message xmlns='{CLIENT}' from='carol@example.org/x' to='{bob.jid}' type='chat' id='i'>"
    inner = [f"{here}<received xmlns='{RECEIPTS}' id='{sent.id}'/></message>", f"{here}<body>forged</body></message>"]
    with nothing_changed(stack, bob, carol, *talk):
        for to in (bob.jid, sent.sender):
            for each in inner:
                for lie in (carbon("received", each), carbon("sent", each), forwarded(each), archived(each)):
                    erin.send_raw(f"<message to='{to}' type='chat'>{lie}</message>")
            for lie in (bookmark("forged@conference.example.org"), displayed(bob.jid, "carol@example.org", sent.id)):
                erin.send_raw(f"<message to='{to}' type='headline'>{lie}</message>")
        push = Element(f"{{{ROSTER}}}query")
        SubElement(push, f"{{{ROSTER}}}item", {"jid": "eve@example.org", "subscription": "both"})
        block = Element(f"{{{BLOCKING}}}block")
        SubElement(block, f"{{{BLOCKING}}}item", {"jid": carol.bare})
        for lie in (push, block):
            with pytest.raises(Exception, match="service-unavailable|not-allowed|forbidden"):
                erin.iq(sent.sender, lie, "set")
        assert bob.socket.count("account.rooms") == 0
