# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account's clients say and hear is in the app, once, under the ids of the archive: while the bridge is there, and
when it comes back."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from conftest import stack_of
from harness import fault
from harness.database import database
from harness.inbox import wait_for
from harness.mam import everything, is_open, plain
from harness.rest import App
from harness.xmpp import CLIENT, MARKERS

REACTIONS = "urn:xmpp:reactions:0"
CORRECT = "urn:xmpp:message-correct:0"
RETRACT = "urn:xmpp:message-retract:1"
HINTS = "urn:xmpp:hints"
SID = "urn:xmpp:sid:0"


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    conf = tmp_path_factory.mktemp("fold") / "more.ini"
    conf.write_text("[bound]\nhosts=example.org\n")
    yield from stack_of(request, "--archive", "--plugin", "--conf", conf)


@pytest.fixture
def phone(xmpp):
    """bob's own client, whose archive is open."""
    client = xmpp("bob")
    wait_for("the archive is open", lambda: is_open(client))
    return client


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


@pytest.fixture
def bob(stack, phone):
    """bob in the app."""
    with database(stack) as sql:
        sql("SELECT bound_link('bob-in-the-app', %s)", phone.bare)
    return App(stack, "bob-in-the-app")


def unique(word, count=1):
    key = uuid.uuid4().hex[:8]
    return [f"{word} {n} {key}" for n in range(count)]


def talk(app, peer):
    """The conversation with that address, as the app has it; NULL: not yet."""
    found = [c for c in app.call(200, "GET", "/api/conversations")["items"]
             if any(p["user"]["jid"] == peer for p in c["participants"])]
    return found[0] if found else None


def messages(app, peer):
    conversation = talk(app, peer)
    return app.messages(conversation, limit=100)["items"] if conversation else []


def shown(app, peer, *bodies, timeout=None):
    """The messages with those texts, when all are there."""
    def there():
        found = [m for m in messages(app, peer) if m["content"] in bodies]
        return len(found) >= len(bodies) and found
    return wait_for(f"{bodies} in the app", there, *([timeout] if timeout else []))[0]


def special(client, to, *payload, body=None):
    """A message with these elements, which archives keep."""
    message = Element(f"{{{CLIENT}}}message", {"to": to, "type": "chat", "id": str(uuid.uuid4())})
    if body:
        SubElement(message, f"{{{CLIENT}}}body").text = body
    message.extend(payload)
    SubElement(message, f"{{{HINTS}}}store")
    client.send_element(message)
    return message.get("id")


def test_both_directions_have_the_archive_s_ids(bob, phone, carol):
    heard, said = unique("heard"), unique("said")
    carol.send_message(phone.bare, heard[0])
    phone.expect_message(heard[0])
    phone.send_message(carol.bare, said[0])
    carol.expect_message(said[0])
    found = shown(bob, carol.bare, *heard, *said)
    assert [m["content"] for m in found] == heard + said
    ids, bodies = everything(phone)
    assert [plain(ids[bodies.index(m["content"])]) for m in found] == [m["id"] for m in found]
    assert [m["sender"]["jid"] for m in found] == [carol.bare, phone.bare]


def test_what_is_done_to_messages(bob, phone, carol):
    first, second, third, fourth = unique("done", 4)
    ids = [carol.send_message(phone.bare, first), phone.send_message(carol.bare, second), carol.send_message(phone.bare, third)]
    shown(bob, carol.bare, first, second, third)
    special(carol, phone.bare, Element(f"{{{CORRECT}}}replace", {"id": ids[0]}), body=fourth)
    reaction = Element(f"{{{REACTIONS}}}reactions", {"id": ids[1]})
    SubElement(reaction, f"{{{REACTIONS}}}reaction").text = "👍"
    special(carol, phone.bare, reaction)
    own = Element(f"{{{REACTIONS}}}reactions", {"id": ids[2]})
    SubElement(own, f"{{{REACTIONS}}}reaction").text = "🎉"
    special(phone, carol.bare, own)
    edited, = shown(bob, carol.bare, fourth)
    assert edited["is_edited"]

    def reacted():
        rows = {m["content"]: [(r["emoji"], r["me"]) for r in m["reactions"]] for m in messages(bob, carol.bare)}
        return rows[second] == [("👍", False)] and rows[third] == [("🎉", True)]
    wait_for("both reactions", reacted)
    special(carol, phone.bare, Element(f"{{{RETRACT}}}retract", {"id": ids[2]}), body="/me retracted a previous message")
    wait_for("the deletion", lambda: any(m["id"] and m["deleted_at"] for m in messages(bob, carol.bare)))
    assert all(body in everything(carol)[1] for body in (first, second, third)), "archives replay what was said"


def test_read_on_the_phone_is_read_in_the_app(bob, phone, carol):
    body, = unique("unread")
    id = carol.send_message(phone.bare, body, markable=True)
    shown(bob, carol.bare, body)
    assert talk(bob, carol.bare)["unread_count"] >= 1
    special(phone, carol.bare, Element(f"{{{MARKERS}}}displayed", {"id": id}))
    wait_for("it is read", lambda: talk(bob, carol.bare)["unread_count"] == 0)


def test_catching_up_once(stack, bob, phone, carol):
    bodies = unique("away", 150)
    stack.stop("bridge")
    for n, body in enumerate(bodies):
        (carol if n % 3 else phone).send_message((phone if n % 3 else carol).bare, body)
    phone.expect_message([b for n, b in enumerate(bodies) if n % 3][-1])
    carol.expect_message([b for n, b in enumerate(bodies) if not n % 3][-1])
    stack.restart("bridge")
    for wanted in (1, 40, 90):
        def some(wanted=wanted):
            with database(stack) as sql:
                return sql("SELECT count(*) >= %s FROM messages WHERE body LIKE 'away%%'", wanted)[0][0]
        wait_for(f"{wanted} are there", some)
        stack.kill("bridge")
        stack.restart("bridge")
    fault.wait_ready(stack)
    with database(stack) as sql:
        def folded():
            return sql("SELECT count(*) FROM bound_queue") == [(0,)]
        wait_for("all is folded", folded)
        rows = sql("SELECT id::text, body FROM messages WHERE body LIKE 'away%%' ORDER BY seq")
    ids, shown_bodies = everything(phone, max=50)
    wanted = [(plain(id), body) for id, body in zip(ids, shown_bodies) if body in bodies]
    assert len(wanted) == 150 and rows == wanted, "each once, in the archive's order"


def test_history_is_read(stack, xmpp, phone):
    """What was said before somebody uses the app is there, and is no news."""
    dave, erin = xmpp("dave"), xmpp("carol")
    before, after = unique("before"), unique("after")
    dave.send_message(erin.bare, before[0])
    erin.expect_message(before[0])
    with database(stack) as sql:
        sql("SELECT bound_link('carol-in-the-app', %s)", erin.bare)
    app = App(stack, "carol-in-the-app")
    shown(app, dave.bare, *before)
    wait_for("it is read", lambda: talk(app, dave.bare)["unread_count"] == 0)
    dave.send_message(erin.bare, after[0])
    shown(app, dave.bare, *after)
    assert talk(app, dave.bare)["unread_count"] == 1


def test_with_a_user_of_our_own(stack, bob, phone, alice):
    """Both ends are in the app, and one of them has a phone: each message is one, whoever is told of it first."""
    from_phone, from_alice, from_app = unique("phone"), unique("alice"), unique("app")
    phone.send_message(alice.jid, from_phone[0])
    first, = shown(bob, alice.jid, *from_phone)
    heard, = shown(alice, phone.bare, *from_phone)
    assert heard["id"] == first["id"]
    second = alice.send(talk(alice, phone.bare), from_alice[0])
    phone.expect_message(from_alice[0])
    third = bob.send(talk(bob, alice.jid), from_app[0])
    bodies = [*from_phone, *from_alice, *from_app]
    for app, peer in ((bob, alice.jid), (alice, phone.bare)):
        assert [m["id"] for m in shown(app, peer, *bodies)] == [first["id"], second["id"], third["id"]]

    def archived():
        ids, texts = everything(phone)
        return {plain(ids[n]) for n, text in enumerate(texts) if text in bodies}
    wait_for("the archive has them under the same ids", lambda: archived() == {first["id"], second["id"], third["id"]})
    with database(stack) as sql:
        wait_for("all is folded", lambda: sql("SELECT count(*) FROM bound_queue") == [(0,)])
        assert sql("SELECT count(*) FROM messages WHERE body = ANY (%s)", bodies) == [(3,)]


def test_what_cannot_be_folded_stays_in_the_archive(stack, bob, phone, carol):
    body, broken = unique("fine")[0], unique("broken")[0]
    with database(stack) as sql:
        for stanza in (f"<message xmlns='jabber:client' from='{carol.bare}/x' to='{phone.bare}'><body>{broken}</body>",
                       f"<iq xmlns='jabber:client'>{broken}</iq>", broken):
            sql("SELECT mam_put(mam_owner_lock(%s), gen_random_uuid(), false, %s, %s, NULL, %s, now(), 'chat', NULL)",
                phone.bare, carol.bare, carol.bare + "/x", stanza)
    carol.send_message(phone.bare, body)
    shown(bob, carol.bare, body)
    assert not any(broken in (m["content"] or "") for m in messages(bob, carol.bare))


def test_an_archive_speaks_for_its_owner_alone(stack, bob, phone, carol, alice):
    """A server can write down what it likes; nothing comes of it in others' names."""
    fine, forged = unique("fine")[0], unique("forged")[0]
    carol.send_message(phone.bare, fine)
    shown(bob, carol.bare, fine)
    with database(stack) as sql:
        for outgoing, sender, to in ((False, alice.jid, phone.bare), (False, phone.bare, alice.jid), (True, carol.bare, phone.bare)):
            stanza = f"<message xmlns='jabber:client' from='{sender}' to='{to}' type='chat'><body>{forged}</body></message>"
            sql("SELECT mam_put(mam_owner_lock(%s), gen_random_uuid(), %s, %s, %s, NULL, %s, now(), 'chat', NULL)",
                phone.bare, outgoing, to if outgoing else sender, sender, stanza)
        wait_for("all is folded", lambda: sql("SELECT count(*) FROM bound_queue") == [(0,)])
        assert sql("SELECT count(*) FROM messages WHERE body = %s", forged) == [(0,)]
