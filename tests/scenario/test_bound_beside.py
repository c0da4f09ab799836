# SPDX-License-Identifier: GPL-3.0-or-later
"""One account in the app and in XMPP clients at once: what is written anywhere is everywhere, once, with one id, also after
parts were away. Real servers with their module and our archive."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from conftest import stack_of
from harness import fault
from harness.administer import administer
from harness.dino import Dino
from harness.gajim import Gajim
from harness.inbox import wait_for
from harness.mam import everything, page, plain
from harness.profanity import Profanity
from harness.xmpp import XmppError
from test_bound_accounts import Person

BLOCKING, CARBONS = "urn:xmpp:blocking", "urn:xmpp:carbons:2"
REACTIONS, CORRECT, RETRACT = "urn:xmpp:reactions:0", "urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


@pytest.fixture
def bob(stack):
    """The account in the app, with a socket; its session is bound."""
    person = Person(stack, "bob")
    with person.ws() as socket:
        person.socket = socket
        wait_for("the session is bound", lambda: person.call(200, "GET", "/api/session")["host_up"])
        yield person


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


@pytest.fixture
def phone(xmpp):
    phone = xmpp("bob")
    phone.iq(None, Element(f"{{{CARBONS}}}enable"), "set")
    wait_for("the archive is open", lambda: is_open(phone), 40)
    return phone


def is_open(client):
    try:
        return page(client, max="0") is not None
    except XmppError:
        return False


def words(what):
    return f"{what} {uuid.uuid4().hex[:8]}"


def shown(person, peer, *texts):
    """(id, content, jid of who said it) of these messages in the app, in order."""
    talk = person.conversation_with(peer)
    return [(m["id"], m["content"], m["sender"]["jid"]) for m in person.messages(talk, limit=100)["items"]
            if m["content"] in texts]


def kept(client, *texts):
    """(id, body) of these messages in the account's archive, in order."""
    return [(plain(id), body) for id, body in zip(*everything(client, max=50)) if body in texts]


def agree(person, client, peer, *texts):
    """The app and the archive have these messages, each once, in this order, with the same ids."""
    wait_for("the app has all", lambda: [m[1] for m in shown(person, peer, *texts)] == list(texts))
    assert [m[:2] for m in shown(person, peer, *texts)] == kept(client, *texts)


def test_written_anywhere_it_is_everywhere_once(phone, bob, carol):
    texts = [words(place) for place in ("app", "phone", "carol", "carol to the phone")]
    bob.send(bob.conversation_with(carol.bare), texts[0])
    carol.expect_message(texts[0])
    phone.expect_stanza("the carbon", lambda s: s.has(CARBONS, "sent") and texts[0] in repr(s))
    phone.send_message(carol.bare, texts[1])
    carol.expect_message(texts[1])
    bob.socket.expect("message.new", content=texts[1])
    carol.send_message(bob.jid, texts[2])
    bob.socket.expect("message.new", content=texts[2])
    phone.expect_stanza("the message", lambda s: texts[2] in repr(s))
    carol.send_message(phone.jid, texts[3])
    phone.expect_message(texts[3])
    bob.socket.expect("message.new", content=texts[3])
    agree(bob, phone, carol.bare, *texts)
    assert [m[2] for m in shown(bob, carol.bare, *texts)] == [bob.jid, bob.jid, carol.bare, carol.bare]
    bob.socket.sync()
    for text in texts[1:]:
        assert bob.socket.inbox.count(lambda f: f.get("type") == "message.new" and f["payload"]["content"] == text) == 1


def test_reactions_edits_and_retractions_are_whose_they_are(bob, phone, carol):
    theirs, ours = words("theirs"), words("ours")
    id = carol.send_message(bob.jid, theirs)
    message = bob.socket.expect("message.new", content=theirs)["payload"]
    phone.send_raw(f"<message to='{carol.bare}' type='chat' id='{uuid.uuid4()}'><reactions xmlns='{REACTIONS}' id='{id}'>"
                   "<reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>")
    event = bob.socket.expect("message.reaction", message_id=message["id"], emoji="👍")
    assert event["payload"]["user_id"] == bob.me()["id"]
    id = phone.send_message(carol.bare, ours)
    message = bob.socket.expect("message.new", content=ours)["payload"]
    phone.send_message(carol.bare, ours + "!", extra=[Element(f"{{{CORRECT}}}replace", {"id": id})])
    bob.socket.expect("message.updated", id=message["id"], content=ours + "!")
    phone.send_raw(f"<message to='{carol.bare}' type='chat' id='{uuid.uuid4()}'><body>/me took it back</body>"
                   f"<retract xmlns='{RETRACT}' id='{id}'/><fallback xmlns='urn:xmpp:fallback:0' for='{RETRACT}'/></message>")
    bob.socket.expect("message.deleted", message_id=message["id"])


def test_what_the_phone_reads_is_read_in_the_app(bob, phone, carol):
    text = words("unread")
    carol.send_message(bob.jid, text, markable=True)
    seen = phone.expect_message(text)
    bob.socket.expect("message.new", content=text)
    talk = bob.conversation_with(carol.bare)
    assert bob.conversation(talk)["unread_count"] > 0
    phone.send_displayed(seen)
    wait_for("it is read", lambda: bob.conversation(talk)["unread_count"] == 0)


def test_blocking_is_one_list(bob, phone, carol):
    def change(user, action):
        element = Element(f"{{{BLOCKING}}}{action}")
        SubElement(element, f"{{{BLOCKING}}}item", {"jid": carol.bare})
        user.iq(None, element, "set")

    def blocked():
        return [entry["user"]["jid"] if "user" in entry else entry["jid"]
                for entry in bob.call(200, "GET", "/api/users/blocked")["items"]]
    phone.iq(None, Element(f"{{{BLOCKING}}}blocklist"))
    change(phone, "block")
    wait_for("the app knows", lambda: blocked() == [carol.bare])
    change(phone, "unblock")
    wait_for("the app knows", lambda: blocked() == [])
    peer = next(p["user"]["id"] for p in bob.conversation_with(carol.bare)["participants"] if p["user"]["jid"] == carol.bare)
    bob.call(200, "POST", f"/api/users/{peer}/block")
    phone.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "block"))
    bob.call(200, "DELETE", f"/api/users/{peer}/block")
    phone.expect_stanza("the push", lambda s: s.name == "iq" and s.type == "set" and s.has(BLOCKING, "unblock"))


def test_while_the_bridge_is_away_the_rest_goes_on(stack, phone, carol):
    texts = [words(n) for n in ("first", "second", "third")]
    stack.kill("bridge")
    carol.send_message(phone.bare, texts[0])
    phone.expect_message(texts[0])
    phone.send_message(carol.bare, texts[1])
    carol.expect_message(texts[1])
    assert [body for _, body in kept(phone, *texts)] == texts[:2]
    stack.restart("bridge")
    fault.wait_ready(stack, 40)
    bob = Person(stack, "bob")
    with bob.ws() as socket:
        carol.send_message(phone.bare, texts[2])
        socket.expect("message.new", content=texts[2])
        agree(bob, phone, carol.bare, *texts)


def test_while_postgres_is_away_the_clients_go_on(stack, bob, phone, carol):
    before, during, after = words("before"), words("during"), words("after")
    carol.send_message(phone.bare, before)
    bob.socket.expect("message.new", content=before)
    stack.stop("postgres")
    carol.send_message(phone.bare, during)
    phone.expect_message(during)
    stack.restart("postgres")
    fault.wait_ready(stack, 40)
    wait_for("the archive is open again", lambda: is_open(phone), 40)
    carol.send_message(phone.bare, after)
    phone.expect_message(after)
    agree(bob, phone, carol.bare, before, during, after)


def test_after_the_server_was_away_the_account_is_bound_again(stack, bob, xmpp):
    outbox, back = words("meanwhile"), words("back")
    stack.stop("xmpp")
    wait_for("the app is told", lambda: not bob.call(200, "GET", "/api/session")["host_up"])
    bob.send(bob.conversation_with("carol@example.org"), outbox)
    stack.restart("xmpp")
    carol, phone = xmpp("carol"), xmpp("bob")
    carol.expect_message(outbox)
    wait_for("the session is bound", lambda: bob.call(200, "GET", "/api/session")["host_up"])
    carol.send_message(bob.jid, back)
    bob.socket.expect("message.new", content=back)
    wait_for("the archive is open", lambda: is_open(phone), 40)
    wait_for("it has both, with the app's ids", lambda: sorted(kept(phone, outbox, back))
             == sorted(m[:2] for m in shown(bob, carol.bare, outbox, back)))  # in the order in which it took them


def test_a_deleted_account_is_signed_out(stack, xmpp):
    admin = administer(stack)
    admin.register("grace", "secret")
    stack.info["accounts"].append({"jid": "grace@example.org", "password": "secret"})
    phone, grace = xmpp("grace"), Person(stack, "grace")
    with grace.ws() as socket:
        phone.expect_stanza("the app's presence", lambda s: s.name == "presence" and "/trestle-" in s.sender and not s.type)
        admin.unregister("grace")
        socket.expect_close()
    grace.call(401, "GET", "/api/users/me")


def test_profanity_beside_the_app(stack, bob, carol):
    said, typed = words("app"), words("profanity")
    talk = bob.conversation_with(carol.bare)
    with Profanity(stack, "bob") as screen:
        screen.type("/carbons on")
        screen.type(f"/msg {carol.bare}")
        bob.send(talk, said)
        screen.expect(said)
        screen.type(typed)
        carol.expect_message(typed)
        bob.socket.expect("message.new", content=typed)
        back = words("carol")
        carol.send_message(bob.jid, back)
        screen.expect(back)
        bob.socket.expect("message.new", content=back)
    wait_for("all, once", lambda: [m[1] for m in shown(bob, carol.bare, said, typed, back)] == [said, typed, back])


@pytest.mark.long
@pytest.mark.parametrize("client", [Dino, Gajim])
def test_a_desktop_client_beside_the_app(stack, bob, carol, client):
    said, back, typed = words("app"), words("carol"), words("desktop")
    talk = bob.conversation_with(carol.bare)
    with client(stack, "bob") as desktop:
        desktop.open(carol.bare)
        bob.send(talk, said)
        carol.expect_message(said)
        carol.send_message(bob.jid, back)
        bob.socket.expect("message.new", content=back)
        if client is Dino:
            desktop.expect_message(carol.bare, True, said)
            desktop.expect_message(carol.bare, False, back)
        else:
            desktop.expect_row(carol.bare, said)
            desktop.expect_row(carol.bare, back)
        desktop.send(typed)
        carol.expect_message(typed)
        bob.socket.expect("message.new", content=typed)
    wait_for("all, once", lambda: [m[1] for m in shown(bob, carol.bare, said, back, typed)] == [said, back, typed])
