# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of accounts whose server leaves them to the bridge (XEP-0355), which answers from what it has of them (XEP-0356)."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from conftest import stack_of
from harness.account import Person
from harness.inbox import wait_for
from harness.mam import everything, page, plain, query, refused
from harness.xmpp import MAM, XmppError


@pytest.fixture(scope="module")
def running_stack(request):
    if request.config.getoption("--server") != "ejabberd":
        pytest.skip("Debian's Prosody has no module that leaves a namespace to a component")
    yield from stack_of(request, "--plugin", "--archive", "--delegated")


@pytest.fixture
def bob(xmpp):
    bob = xmpp("bob")

    def ours():
        try:
            form = bob.iq(None, Element(f"{{{MAM}}}query"), "get")
        except XmppError:
            return False
        return "after-id" in repr(form)  # which the server's own module does not know
    wait_for("the bridge answers", ours)
    return bob


def test_pages_are_what_the_app_has(stack, bob, xmpp):
    carol, dave, person = xmpp("carol"), xmpp("dave"), Person(stack, "bob")
    wait_for("the session is bound", lambda: person.call(200, "GET", "/api/session")["features"][0] == "full")
    word = uuid.uuid4().hex[:6]
    texts = [f"{word} {n}" for n in range(7)]
    for n, text in enumerate(texts):
        sender, receiver = (bob, carol) if n % 2 else (carol, bob)
        sender.send_message(receiver.bare, text)
        receiver.expect_message(text)
    dave.send_message(bob.bare, f"{word} dave")
    bob.expect_message(f"{word} dave")
    talk = person.conversation_with(carol.bare)

    def in_app():
        return [(m["id"], m["content"]) for m in person.messages(talk, limit=100)["items"] if (m["content"] or "").startswith(word)]
    wait_for("the app has all", lambda: len(in_app()) == 7)
    wait_for("the archive has all", lambda: len(everything(bob, ("with", carol.bare))[0]) >= 7)
    ids, bodies = everything(bob, ("with", carol.bare), max=3)
    kept = [(plain(id), body) for id, body in zip(ids, bodies) if (body or "").startswith(word)]
    assert kept == in_app() and [body for _, body in kept] == texts
    # As the server spells them in what it delivers.
    assert all(id.isdigit() for id in ids)
    live = next(s for s in bob.inbox.received if s.name == "message" and s.body == texts[0])
    assert live.child("urn:xmpp:sid:0", "stanza-id").get("id") in ids
    # Backwards, flipped, by id, by both ends; nothing of others.
    last = page(bob, ("with", carol.bare), max="2", before="")
    assert last.bodies == texts[-2:] and not last.complete and (last.first, last.last) == tuple(last.ids)
    assert page(bob, ("with", carol.bare), max="2", before="", flip=True).bodies == texts[:-3:-1]
    assert page(bob, ("with", carol.bare), max="2", before=last.first).bodies == texts[-4:-2]
    chosen = [ids[bodies.index(texts[1])], plain(ids[bodies.index(texts[4])])]
    assert page(bob, ("ids", chosen)).bodies == [texts[1], texts[4]]
    assert page(bob, ("after-id", chosen[0]), ("before-id", chosen[1])).bodies == texts[2:4]
    assert [b for b in everything(bob)[1] if (b or "").startswith(word)] == [*texts, f"{word} dave"]
    assert [b for b in everything(carol)[1] if (b or "").startswith(word)] == texts
    assert page(bob, ("with", "nobody@example.org")).ids == []
    assert page(bob, max="0").ids == []
    assert page(bob, ("end", "2001-01-01T00:00:00Z")).ids == [] and page(bob, ("start", "2001-01-01T00:00:00Z"), max="1").ids


def test_what_cannot_be_had(bob, xmpp):
    for rsm in ({"after": str(uuid.uuid4())}, {"before": "4711"}, {"after": "nothing"}):
        assert refused(bob, **rsm) == "item-not-found"
    assert refused(bob, ("ids", [str(uuid.uuid4()), "x"])) == "item-not-found"
    assert refused(bob, ("with", "@@")) == "jid-malformed"
    assert refused(bob, ("{urn:xmpp:fulltext:0}fulltext", "x")) == "feature-not-implemented"
    for to in ("carol@example.org", "nobody@example.org"):
        with pytest.raises(XmppError) as caught:
            bob.iq(to, query(), "set")
        assert caught.value.condition in ("forbidden", "service-unavailable", "not-allowed"), caught.value.condition
    prefs = Element(f"{{{MAM}}}prefs")
    assert bob.iq(None, prefs, "get").child(MAM, "prefs").get("default") == "always"
    with pytest.raises(XmppError):
        bob.iq(None, Element(f"{{{MAM}}}prefs", {"default": "never"}), "set")
    # Nobody but the server itself hands requests on: from a client it is no request that the bridge knows.
    inner = f"<iq xmlns='jabber:client' type='set' id='i' from='carol@example.org/x' to='carol@example.org'><query xmlns='{MAM}'/></iq>"
    bob.send_raw("<iq type='set' id='forged' to='app.example.org'><delegation xmlns='urn:xmpp:delegation:1'><forwarded xmlns='urn:xmpp:forward:0'>"
                 f"{inner}</forwarded></delegation></iq>")
    assert bob.expect_stanza("the refusal", lambda s: s.name == "iq" and s.id == "forged").type == "error"


def test_after_the_bridge_was_away_it_answers_again(stack, bob, xmpp):
    stack.kill("bridge")
    stack.restart("bridge")
    again = xmpp("bob")

    def answers():
        try:
            return "after-id" in repr(again.iq(None, Element(f"{{{MAM}}}query"), "get"))
        except XmppError:
            return False
    wait_for("the bridge answers again", answers)
    assert everything(again)
