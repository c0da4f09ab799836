# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound sessions: who may not, what is refused, and ids that nobody but the server and its component may write."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.bound import BIND, Link
from harness.xmpp import CLIENT, XmppError

SID = "urn:xmpp:sid:0"
ALICE = "alice@app.example.org"
REQUESTS = {"hello": f"<hello xmlns='{BIND}' min='1' max='1'/>",
            "bind": f"<bind xmlns='{BIND}' user='bob' resource='stolen'/>",
            "unbind": f"<unbind xmlns='{BIND}' user='bob' resource='victim'/>",
            "login": f"<login xmlns='{BIND}' user='bob'><password>x</password></login>"}


@pytest.fixture(scope="module")
def running_stack(plugin_stack):
    return plugin_stack


@pytest.fixture
def link(stack):
    with Link(stack) as link:
        yield link


@pytest.fixture
def bob(link):
    return link.bind("bob", "victim").start()


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


def message(body, to="carol@example.org", **attributes):
    extra = "".join(f" {name.strip('_')}='{value}'" for name, value in attributes.items())
    return f"<message xmlns='{CLIENT}' to='{to}' type='chat'{extra}><body>{body}</body></message>"


def as_injected(inner, user="bob", resource="victim"):
    return f"<inject xmlns='{BIND}' user='{user}' resource='{resource}'>{inner}</inject>"


def refused(call, *args, **options):
    with pytest.raises(XmppError) as caught:
        call(*args, **options)
    return caught.value.condition


def unmoved(link, bob, *watchers):
    """Nothing was bound, nothing ended, nothing was said in bob's name."""
    link.wait_sessions(1)
    bob.ping()
    for watcher in watchers:
        watcher.barrier(watcher.bare)
        assert not watcher.inbox.count(lambda s: s.sender.startswith("bob@") and s.body)


# ---- Others than the component

def test_a_client_may_not(link, bob, carol):
    for name, request in REQUESTS.items():
        carol.send_raw(f"<iq type='{'get' if name == 'hello' else 'set'}' id='x-{name}' to='example.org'>{request}</iq>")
        answer = carol.expect_stanza("the answer", lambda s: s.id == f"x-{name}")
        assert (answer.type, answer.child(CLIENT, "error")[0].tag.rpartition("}")[2]) == ("error", "forbidden")
    unmoved(link, bob, carol)


def test_a_client_may_not_inject(link, bob, carol, xmpp):
    dave = xmpp("dave")
    carol.send_raw(f"<message id='x1' to='example.org'>{as_injected(message('forged', dave.jid))}</message>")
    error = carol.expect_stanza("the answer", lambda s: s.id == "x1" and s.type == "error").child(CLIENT, "error")
    assert error[0].tag.endswith("}forbidden")
    # Neither the account itself nor the session takes it from anybody.
    carol.send_raw(f"<message id='x2' to='{bob.jid}' type='chat'>{as_injected(message('forged', dave.jid))}</message>")
    bob.expect_stanza("a plain message", lambda s: s.id == "x2")
    unmoved(link, bob, dave)


def test_a_client_says_what_the_server_says(link, bob, carol):
    """Whatever carol writes in a wrapper reaches the component in her name, not in the server's."""
    carol.send_raw(f"<message id='w1' to='app.example.org'><stanza xmlns='{BIND}' user='bob' resource='victim'>"
                   f"{message('forged', bob.bare, _from='dave@example.org')}</stanza></message>")
    link.sessions.pop(("bob", "victim"))
    seen = link.inbox.expect("her message", lambda s: s.id == "w1")
    assert seen.sender == carol.jid
    bob.close()


def test_users_of_the_component_may_not(link, bob, carol):
    for sender in (ALICE, f"{ALICE}/rest", "app.example.org/x"):
        for name, request in REQUESTS.items():
            assert refused(link.iq, request, "get" if name == "hello" else "set", sender=sender) == "forbidden"
        id = link.inject("bob", "victim", message("forged"), sender=sender)
        assert link.refusal(id) == ("auth", "forbidden")
    unmoved(link, bob, carol)


def test_another_component_may_not(stack, link, bob, carol):
    with Link(stack, stack.info["component"]["rooms"]) as rooms:
        for name, request in REQUESTS.items():
            assert refused(rooms.iq, request, "get" if name == "hello" else "set") == "forbidden"
        assert rooms.refusal(rooms.inject("bob", "victim", message("forged"))) == ("auth", "forbidden")
        # In the other's name: Prosody ends the stream; ejabberd lets domains of one listener speak for each other.
        id = rooms.inject("bob", "victim", message("forged"), sender=link.domain)
        if stack.server == "prosody":
            assert rooms.ended.wait(20)
        else:
            assert link.refusal(id) == ("auth", "forbidden")
    unmoved(link, bob, carol)


def test_only_the_host_itself_is_asked(link, bob, carol):
    for to in ("example.org/x", bob.bare, bob.jid, "nobody@example.org"):
        link.inject("bob", "victim", message("forged"), to=to)
    assert refused(link.iq, REQUESTS["bind"], to="carol@example.org") in ("service-unavailable", "forbidden")
    unmoved(link, bob, carol)


# ---- What cannot be injected

BAD = {
    "two": message("a") + message("b"),
    "none": "",
    "text": message("a") + "text",
    "foreign namespace": "<message xmlns='urn:example:x' to='carol@example.org'><body>a</body></message>",
    "no namespace": "<message to='carol@example.org'><body>a</body></message>",
    "no stanza": f"<stream xmlns='{CLIENT}'/>",
    "iq without id": f"<iq xmlns='{CLIENT}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    "iq of no type": f"<iq xmlns='{CLIENT}' type='ask' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    "somebody else": message("a", _from="dave@example.org"),
    "another resource": message("a", _from="bob@example.org/phone"),
    "no address": message("a", _from="@"),
}


def test_bad_stanzas(link, bob, carol):
    for what, inner in BAD.items():
        assert link.refusal(link.inject("bob", "victim", inner)) == ("modify", "bad-request"), what
    unmoved(link, bob, carol)


def test_its_own_address_may_be_there(link, bob, carol):
    for number, sender in enumerate((bob.jid, bob.bare, "Bob@Example.org/victim")):
        link.inject("bob", "victim", message(f"from {number}", _from=sender))
        assert carol.expect_message(f"from {number}").sender == bob.jid


def test_uids(link, bob):
    for bad in ("1", "01a22234-7769-7187-b1ff-ed870e1476cg", "01a22234-7769-7187-b1ff-ed870e1476ce0"):
        assert link.refusal(link.inject("bob", "victim", message("a"), uid=bad)) == ("modify", "bad-request")
    presence = link.inject("bob", "victim", f"<presence xmlns='{CLIENT}'/>", uid=str(uuid.uuid4()))
    assert link.refusal(presence) == ("modify", "bad-request")


def test_large_stanzas(link, bob, carol):
    assert link.refusal(link.inject("bob", "victim", message("x" * 300_000))) == ("modify", "policy-violation")
    bob.send_message(carol.jid, "y" * 200_000)
    carol.expect_message("y" * 200_000)


def test_names(link, bob):
    for user, resource in (("bob", "other"), ("carol", "victim"), ("nobody", "x"), ("BOB", "victim")):
        id = link.inject(user, resource, message("a"))
        assert link.refusal(id) == ("cancel", "item-not-found")
    assert link.refusal(link.inject("", "victim", message("a"))) == ("modify", "bad-request")
    assert link.refusal(link.inject("b@d", "victim", message("a"))) == ("modify", "bad-request")
    link.send("<message id='z1' from='app.example.org' to='example.org'>"
              f"<inject xmlns='{BIND}' user='bob' resource='victim' later='1'>{message('new')}</inject></message>")
    link.hello()
    assert not link.inbox.count(lambda s: s.id == "z1"), "an attribute of a later version is no error"


def test_errors_are_not_answered(link, bob):
    for inner in (as_injected(message("a")), f"<stanza xmlns='{BIND}' user='bob' resource='victim'/>", "<body>no</body>"):
        link.send(f"<message type='error' id='e1' from='app.example.org' to='example.org'>{inner}<error type='cancel'>"
                  "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
    unmoved(link, bob)
    assert not link.inbox.count(lambda s: s.id == "e1")


# ---- Ids

def forged(by):
    given, found = Element(f"{{{BIND}}}uid", {"id": str(uuid.uuid4())}), []
    for owner in by:
        found.append(Element(f"{{{SID}}}stanza-id", {"by": owner, "id": "forged"}))
    return [given, *found]


def ids_in(stanza):
    return [(e.get("by"), e.get("id")) for e in stanza.xml.iter(f"{{{SID}}}stanza-id")]


def test_forged_ids_do_not_arrive(link, bob, carol):
    carol.send_message(bob.bare, "forged", extra=forged([bob.bare, carol.bare]))
    seen = bob.expect_message("forged")
    assert not seen.has(BIND, "uid") and ("forged" not in [id for by, id in ids_in(seen) if by == bob.bare])
    assert len([by for by, id in ids_in(seen) if by == bob.bare]) == 1
    bob.send_message(carol.bare, "forged back", extra=forged([bob.bare, carol.bare]))
    seen = carol.expect_message("forged back")
    assert not seen.has(BIND, "uid") and (carol.bare, "forged") not in ids_in(seen)
    bob.ping()
    assert [m.body for m in carol.history(bob.bare, limit=1000) if (carol.bare, "forged") in ids_in(m)] == []


def test_forged_uids_do_not_reach_the_component(link, carol):
    lie = forged([])
    carol.send_message(ALICE, "forged", extra=lie)
    seen = link.inbox.expect("her message", lambda s: s.body == "forged")
    assert [e.get("id") for e in seen.xml.iter(f"{{{BIND}}}uid")] not in ([], [lie[0].get("id")])  # the archive's alone


def test_the_components_uid_is_taken_and_removed(link, bob, carol):
    uid = str(uuid.uuid4())
    link.send(f"<message from='{ALICE}' to='{bob.bare}' type='chat'><body>from the app</body>"
              f"<uid xmlns='{BIND}' id='{uid}'/></message>")
    assert not bob.expect_message("from the app", ALICE).has(BIND, "uid")


def test_the_uid_of_an_injected_message_goes_to_the_component(link, bob):
    uid = str(uuid.uuid4())
    bob.send_message(ALICE, "with its uid", uid=uid.upper())
    seen = link.inbox.expect("the message", lambda s: s.body == "with its uid")
    assert seen.sender == bob.jid and seen.child(BIND, "uid").get("id") == uid
    bob.send_message(ALICE, "without")
    seen = link.inbox.expect("the message", lambda s: s.body == "without")
    assert seen.child(BIND, "uid").get("id") != uid, "the uid of another message"
