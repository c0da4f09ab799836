# SPDX-License-Identifier: GPL-3.0-or-later
"""Existing accounts in the app: Prosody and ejabberd with their module and our archive, real clients, the bridge."""
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import Element, SubElement

import pytest

from conftest import stack_of
from harness.account import Person
from harness.adhoc import Commands
from harness.inbox import wait_for
from harness.rest import Api, App, Backend
from harness.xmpp import CHATSTATES, MARKERS, ROSTER

CORRECT = "urn:xmpp:message-correct:0"
REACTIONS = "urn:xmpp:reactions:0"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


@pytest.fixture
def bob(stack):
    person = Person(stack, "bob")
    with person.ws() as socket:
        person.socket = socket
        wait_for("the session is bound", lambda: person.call(200, "GET", "/api/session")["host_up"])
        yield person


@pytest.fixture
def carol(xmpp):
    return xmpp("carol")


def test_a_password_lets_an_account_in_and_a_wrong_one_does_not(stack):
    person = Person(stack, "bob")
    assert person.me()["jid"] == "bob@example.org" and person.me()["kind"] == "bound"
    assert person.session["features"][0] == "full" and person.session["host_up"]
    api = Api(stack)
    for jid, password in (("bob@example.org", "wrong"), ("nobody@example.org", "wrong"), ("bob@elsewhere.example", "wrong")):
        reply = api.request("POST", "/api/session", {"jid": jid, "password": password})
        assert (reply.status, reply.json["detail"]) == (401, "the account or its password is not right")
    api.call(422, "POST", "/api/session", {"jid": "bob@example.org"})
    api.call(422, "POST", "/api/session", {"jid": "bob@example.org", "password": "x", "token": "y"})
    person.call(204, "DELETE", "/api/session")
    person.call(401, "GET", "/api/users/me")


def test_what_the_app_says_reaches_the_peer_and_the_accounts_own_client_once(bob, carol, xmpp):
    phone = xmpp("bob")
    phone.iq(None, Element("{urn:xmpp:carbons:2}enable"), "set")
    talk = bob.conversation_with("carol@example.org")
    sent = bob.send(talk, "from the app")
    came = carol.expect_message("from the app")
    assert came.id == sent["id"] and came.sender.startswith("bob@example.org/trestle-")
    own = came.xml.findall("{urn:xmpp:sid:0}stanza-id")
    assert [int(e.get("id")) if e.get("id").isdigit() else e.get("id") for e in own if e.get("by") == "carol@example.org"] in (
        [sent["id"]], [int(sent["id"].replace("-", ""), 16)])
    copy = phone.expect_stanza("a carbon", lambda s: s.has("urn:xmpp:carbons:2", "sent"))
    assert "from the app" in repr(copy)
    carol.send_receipt(came)
    bob.socket.expect("message.delivered", message_id=sent["id"])
    carol.send_displayed(came)
    bob.socket.expect("message.read", message_id=sent["id"])


def test_what_comes_is_there_live(bob, carol):
    carol.send_message("bob@example.org", "to the app", id="c1", receipt=True)
    told = bob.socket.expect("message.new", content="to the app")
    assert told["payload"]["sender"]["jid"] == "carol@example.org"
    talk = bob.conversation_with("carol@example.org")
    assert [m["content"] for m in bob.messages(talk)["items"]].count("to the app") == 1


def test_what_another_client_of_the_account_says_is_an_own_message(bob, carol, xmpp):
    phone = xmpp("bob")
    phone.send_message("carol@example.org", "from the phone", id="p1")
    carol.expect_message("from the phone")
    told = bob.socket.expect("message.new", content="from the phone")
    assert told["payload"]["sender"]["jid"] == "bob@example.org"


def test_typing_goes_both_ways(bob, carol):
    talk = bob.conversation_with("carol@example.org")
    carol.send_message("bob@example.org", "hello")
    bob.send(talk, "hello")
    carol.expect_message("hello")
    carol.send_raw(f"<message to='bob@example.org' type='chat'><composing xmlns='{CHATSTATES}'/></message>")
    bob.socket.expect("typing", conversation_id=talk["id"], active=True)
    bob.socket.command("typing", conversation_id=talk["id"], active=True)
    carol.expect_stanza("typing", lambda s: s.name == "message" and s.has(CHATSTATES, "composing"))


def test_who_types_at_another_client_of_the_account_types_in_the_app(bob, carol, xmpp):
    """Copies of chat states are the peer's; what the account's own other client types is nobody's."""
    def state(sender, to, name):
        sender.send_raw(f"<message to='{to}' type='chat'><{name} xmlns='{CHATSTATES}'/></message>")
    phone, talk = xmpp("bob"), bob.conversation_with("carol@example.org")
    bob.send(talk, "typing")
    carol.send_message(phone.jid, "typing")
    phone.expect_message("typing")
    bob.socket.expect("message.new", content="typing", sender_id=next(p["user"]["id"] for p in talk["participants"]
                                                                    if p["user"]["jid"] == "carol@example.org"))
    state(phone, "carol@example.org", "composing")
    carol.expect_stanza("the phone types", lambda s: s.sender == phone.jid and s.has(CHATSTATES, "composing"))
    state(carol, phone.jid, "composing")
    bob.socket.expect("typing", conversation_id=talk["id"], active=True)
    state(carol, phone.jid, "paused")
    bob.socket.expect("typing", conversation_id=talk["id"], active=False)
    assert bob.socket.count("typing", user_id=bob.me()["id"]) == 0 and bob.socket.count("typing", active=True) == 1
    bob.socket.command("typing", conversation_id=talk["id"], active=True)
    carol.expect_stanza("the app types", lambda s: s.sender != phone.jid and s.has(CHATSTATES, "composing"))
    bob.socket.command("typing", conversation_id=talk["id"], active=False)
    carol.expect_stanza("the app has stopped", lambda s: s.sender != phone.jid and (s.has(CHATSTATES, "paused") or s.has(CHATSTATES, "active")))


def test_a_hosted_user_and_an_account_talk_and_each_message_is_there_once(bob, alice, xmpp, app):
    phone = xmpp("bob")
    with alice.ws() as hers:
        talk = bob.conversation_with(alice.jid)
        sent = bob.send(talk, "to alice")
        hers.expect("message.new", content="to alice", id=sent["id"])
        back = alice.send(alice.conversation_with("bob@example.org"), "to bob")
        phone.expect_message("to bob")
        bob.socket.expect("message.new", content="to bob", id=back["id"])
        bob.socket.sync()
        hers.sync()
        for who in (bob, alice):
            assert [m["id"] for m in who.messages(talk)["items"]] == [sent["id"], back["id"]]


def test_what_is_done_to_messages_goes_both_ways(bob, carol):
    talk = bob.conversation_with("carol@example.org")
    sent = bob.send(talk, "helo")
    came = carol.expect_message("helo")
    edited = bob.call(200, "PATCH", f"/api/messages/{sent['id']}", {"content": "hello"})
    assert edited["content"] == "hello"
    correction = carol.expect_message("hello")
    assert correction.child(CORRECT, "replace").get("id") == sent["id"] and correction.sender == came.sender
    bob.call(200, "PUT", f"/api/messages/{sent['id']}/reactions/%F0%9F%91%8D")
    carol.expect_stanza("a reaction", lambda s: s.has(REACTIONS, "reactions") and s.child(REACTIONS, "reactions").get("id") == sent["id"])
    carol.send_raw(f"<message to='bob@example.org' type='chat' id='r1'><reactions xmlns='{REACTIONS}' id='{sent['id']}'>"
                   "<reaction>👎</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>")
    bob.socket.expect("message.reaction", message_id=sent["id"], emoji="👎")
    carol.send_message("bob@example.org", "wrnog", id="w1")
    wrong = bob.socket.expect("message.new", content="wrnog")["payload"]
    carol.send_raw(f"<message to='bob@example.org' type='chat' id='w2'><body>wrong</body><replace xmlns='{CORRECT}' id='w1'/></message>")
    bob.socket.expect("message.updated", id=wrong["id"], content="wrong")


def test_what_the_phone_has_read_is_read_in_the_app(bob, carol, xmpp):
    phone = xmpp("bob")
    phone.iq(None, Element("{urn:xmpp:carbons:2}enable"), "set")
    carol.send_message("bob@example.org", "read me", id="rm1", markable=True)
    told = bob.socket.expect("message.new", content="read me")["payload"]
    phone.expect_stanza("the message, or a copy", lambda s: "read me" in repr(s))
    phone.send_raw(f"<message to='carol@example.org' type='chat' id='d1'><displayed xmlns='{MARKERS}' id='rm1'/>"
                   "<store xmlns='urn:xmpp:hints'/></message>")
    bob.socket.expect("message.read", message_id=told["id"], user_id=bob.me()["id"])


def test_what_was_said_while_the_bridge_or_the_server_was_away_is_there_once(stack, bob, carol, xmpp):
    phone = xmpp("bob")
    bob.call(200, "POST", "/api/bound")
    talk = bob.conversation_with("carol@example.org")
    stack.kill("bridge")
    carol.send_message("bob@example.org", "bridge away")
    phone.expect_message("bridge away")
    phone.send_message("carol@example.org", "from the phone, bridge away")
    stack.restart("bridge")

    def contents():
        reply = bob.request("GET", f"/api/conversations/{talk['id']}/messages")
        return [m["content"] for m in reply.json["items"]] if reply.status == 200 else []
    wait_for("both are there", lambda: {"bridge away", "from the phone, bridge away"} <= set(contents()))
    bob.send(talk, "after the bridge")
    carol.expect_message("after the bridge")
    stack.kill("xmpp")
    wait_for("the host is away", lambda: not bob.call(200, "GET", "/api/session")["host_up"])
    sent = bob.send(talk, "server away")
    stack.restart("xmpp")
    again = xmpp("carol")
    wait_for("the host is back", lambda: bob.call(200, "GET", "/api/session")["host_up"], 60)
    history, _ = wait_for("it is in the archive", lambda: [
        m for m in again.history("bob@example.org") if "server away" in repr(m)], 60)
    assert [m.id for m in history] == [sent["id"]]
    for text in ("bridge away", "from the phone, bridge away", "after the bridge", "server away"):
        assert contents().count(text) == 1
    bob.call(204, "DELETE", "/api/bound")


def subscription(person, jid):
    return next((c["subscription"] for c in person.call(200, "GET", "/api/contacts")["items"] if c["user"]["jid"] == jid), None)


def test_contacts_and_presence_are_the_servers(bob, xmpp):
    dave = xmpp("dave")
    dave.decide_subscriptions()
    bob.call((200, 201), "POST", "/api/contacts", {"jid": dave.bare})
    dave.expect_presence("bob@example.org", "subscribe")
    dave.send_presence("bob@example.org", "subscribed")
    wait_for("bob sees dave", lambda: subscription(bob, dave.bare) == "to")
    bob.conversation_with(dave.bare)
    dave_id = next(c["user"]["id"] for c in bob.call(200, "GET", "/api/contacts")["items"] if c["user"]["jid"] == dave.bare)
    bob.socket.expect("presence", user_id=dave_id, status="online")
    dave.close()
    bob.socket.expect("presence", user_id=dave_id, status="offline")
    bob.call(200, "DELETE", f"/api/contacts/{dave_id}")
    wait_for("no contact", lambda: subscription(bob, dave.bare) in (None, "none"))


def test_the_contacts_of_another_client_are_the_apps(bob, xmpp):
    """Who is put on the list there, or taken off it, whether or not that one has answered."""
    phone, dave = xmpp("bob"), xmpp("dave")
    dave.decide_subscriptions()

    def asks(jid):
        return next((c["ask"] for c in bob.call(200, "GET", "/api/contacts")["items"] if c["user"]["jid"] == jid), None)
    phone.iq(None, Element("{jabber:iq:roster}query"))
    phone.send_presence(dave.bare, "subscribe")
    dave.expect_presence("bob@example.org", "subscribe")
    wait_for("the app has asked, too", lambda: asks(dave.bare))
    dave.send_presence("bob@example.org", "subscribed")
    wait_for("the app sees dave", lambda: subscription(bob, dave.bare) == "to" and asks(dave.bare) is False)
    change = Element("{jabber:iq:roster}query")
    SubElement(change, "{jabber:iq:roster}item", {"jid": dave.bare, "subscription": "remove"})
    phone.iq(None, change, "set")
    wait_for("no contact", lambda: subscription(bob, dave.bare) in (None, "none"))


def put_item(phone, jid, *groups, **attributes):
    change = Element(f"{{{ROSTER}}}query")
    item = SubElement(change, f"{{{ROSTER}}}item", {"jid": jid, **attributes})
    for group in groups:
        SubElement(item, f"{{{ROSTER}}}group").text = group
    phone.iq(None, change, "set")


def called(person, jid):
    return next(((c["name"], c["groups"]) for c in person.call(200, "GET", "/api/contacts")["items"] if c["user"]["jid"] == jid), None)


def expect_item(phone, jid, name, groups):
    """The account's server tells the phone how it has the contact now."""
    def fits(stanza):
        query = stanza.child(ROSTER, "query") if stanza.name == "iq" and stanza.type == "set" else None
        return query is not None and any(
            item.get("jid") == jid and (item.get("name") or None, sorted(g.text for g in item)) == (name, groups) for item in query)
    return phone.expect_stanza(f"{jid} is {name} in {groups}", fits)


def test_a_contact_is_called_the_same_in_all_clients(stack, bob, xmpp):
    phone = xmpp("bob")
    phone.iq(None, Element(f"{{{ROSTER}}}query"))  # who has asked is told of changes
    fred = "fred@elsewhere.example"
    put_item(phone, fred, "Kin", "Work", name="Fred & <Co>")
    told = bob.socket.expect("user.updated", jid=fred)["payload"]["contact"]
    assert (told["name"], told["groups"], told["subscription"]) == ("Fred & <Co>", ["Kin", "Work"], "none")
    put_item(phone, fred, "Kin", name="Freddy")
    bob.socket.expect("user.updated", jid=fred, contact={"name": "Freddy", "groups": ["Kin"]})
    path = next(f"/api/contacts/{c['user']['id']}" for c in bob.call(200, "GET", "/api/contacts")["items"] if c["user"]["jid"] == fred)
    bob.call(200, "PATCH", path, {"name": "Frederick"})
    expect_item(phone, fred, "Frederick", ["Kin"])
    bob.call(200, "PATCH", path, {"groups": ["B & <b>", "A"]})
    expect_item(phone, fred, "Frederick", ["A", "B & <b>"])
    # What asks for presence, and takes it back, leaves name and groups alone.
    bob.call((200, 201), "POST", "/api/contacts", {"jid": fred})
    phone.expect_roster(fred, ask="subscribe")
    wait_for("the last change has come back to the app, too", lambda: called(bob, fred) == ("Frederick", ["A", "B & <b>"]), 60)
    # What is done while the server is away waits, and a restart of the bridge changes nothing.
    stack.kill("xmpp")
    wait_for("the host is away", lambda: not bob.call(200, "GET", "/api/session")["host_up"])
    bob.call(200, "PATCH", path, {"name": "Fritz"})
    assert called(bob, fred) == ("Fritz", ["A", "B & <b>"])
    stack.restart("xmpp")
    again = xmpp("bob")
    wait_for("the host is back", lambda: bob.call(200, "GET", "/api/session")["host_up"], 60)

    def at_the_server():
        items = again.iq(None, Element(f"{{{ROSTER}}}query")).xml.iter(f"{{{ROSTER}}}item")
        return next(((i.get("name"), sorted(g.text for g in i)) for i in items if i.get("jid") == fred), None)
    wait_for("the server has it", lambda: at_the_server() == ("Fritz", ["A", "B & <b>"]), 60)
    wait_for("the app has it", lambda: called(bob, fred) == ("Fritz", ["A", "B & <b>"]), 60)
    stack.kill("bridge")
    stack.restart("bridge")
    wait_for("the bridge is back", lambda: bob.request("GET", "/api/session").status == 200 and bob.call(200, "GET", "/api/session")["host_up"], 60)
    assert called(bob, fred) == ("Fritz", ["A", "B & <b>"])
    bob.call(200, "DELETE", path)
    wait_for("it is gone from the server's list", lambda: at_the_server() is None, 60)
    wait_for("and from the app's", lambda: called(bob, fred) is None, 60)


def test_who_asks_to_see_an_account_waits_for_the_app(bob, xmpp):
    erin = xmpp("erin")
    erin.decide_subscriptions()
    erin.send_presence("bob@example.org", "subscribe")

    def asked():
        return next((c["user"]["id"] for c in bob.call(200, "GET", "/api/contacts")["items"]
                     if c["user"]["jid"] == erin.bare and c["pending"]), None)
    erin_id, _ = wait_for("erin asks", asked)
    bob.call((200, 201), "POST", "/api/contacts", {"user_id": erin_id})
    wait_for("erin is let in", lambda: subscription(bob, erin.bare) == "from")
    erin.send_presence("bob@example.org", "unsubscribe")
    bob.call(200, "DELETE", f"/api/contacts/{erin_id}")


def test_a_block_is_the_servers_both_ways(bob, xmpp):
    phone, erin = xmpp("bob"), xmpp("erin")
    phone.iq(None, Element("{urn:xmpp:blocking}blocklist"))  # who has asked is told of changes
    talk = bob.conversation_with(erin.bare)
    peer = next(p["user"]["id"] for p in talk["participants"] if p["user"]["jid"] == erin.bare)
    bob.call(200, "POST", f"/api/users/{peer}/block")
    phone.expect_stanza("the block", lambda s: s.has("urn:xmpp:blocking", "block"))
    change = Element("{urn:xmpp:blocking}unblock")
    SubElement(change, "{urn:xmpp:blocking}item", {"jid": erin.bare})
    phone.iq(None, change, "set")
    wait_for("nobody is blocked", lambda: bob.call(200, "GET", "/api/users/blocked")["items"] == [])


def test_a_token_lets_an_account_in_that_its_claim_names(stack, app):
    assert App(stack, "claims-dave", account="DAVE@example.org").me()["jid"] == "dave@example.org"
    for name in ("erin", "nobody"):
        assert App(stack, f"claims-{name}", account=f"{name}@example.org").request("GET", "/api/users/me").status == 403


def test_the_backend_lets_an_account_in_by_the_apps_own_id(stack, app):
    Backend(stack).call(204, "PUT", "/api/bound/login", {"external_id": "sso-frank", "jid": "frank@example.org"})
    frank = App(stack, "sso-frank")
    assert frank.me()["jid"] == "frank@example.org"
    assert frank.call(200, "POST", "/api/bound")["host_up"]
    frank.call(204, "DELETE", "/api/bound")


def test_what_an_account_does_by_command(stack, bob, xmpp, app):
    """From its own client, whatever it is: requests, polls, what is said later, where it is signed in."""
    def signed_in():
        return {row["id"] for row in phone.go(mine + "sessions").rows}
    phone, alice, mine = Commands(xmpp("bob")), app("alice"), "urn:trestle:user:"
    for verb, joined in (("accept", True), ("decline", False)):
        group = alice.call(201, "POST", "/api/groups", {"name": verb, "members": [{"jid": bob.jid}]})
        bob.socket.inbox.expect("the invitation", lambda f, group=group: f.get("type") == "request.new" and
                                f["payload"]["conversation"]["id"] == group["id"])
        assert group["id"] in str(phone.go(mine + "requests").rows)
        phone.go(mine + verb, {"conversation_id": group["id"]})
        assert group["id"] not in str(phone.go(mine + "requests").rows)
        assert (group["id"] in [one["id"] for one in bob.conversations()["items"]]) == joined
    talk = bob.conversation_with(alice.me()["jid"])
    with alice.ws() as socket:
        phone.go(mine + "poll", {"conversation_id": talk["id"], "poll": '{"question": "Lunch?", "options": ["Pizza", "Soup"]}'})
        asked = socket.expect("message.new", sender_id=bob.me()["id"])["payload"]
        assert asked["metadata"]["poll"]["question"] == "Lunch?"
        phone.go(mine + "poll-close", {"message_id": asked["id"]})
        assert socket.expect("message.updated", id=asked["id"])["payload"]["metadata"]["poll"]["closed"]
    later = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    phone.go(mine + "schedule", {"conversation_id": talk["id"], "content": "Later", "scheduled_for": later})
    planned, = phone.go(mine + "scheduled", {"conversation_id": talk["id"]}).rows
    phone.go(mine + "unschedule", {"scheduled_id": planned["id"]})
    assert not phone.go(mine + "scheduled", {"conversation_id": talk["id"]}).rows
    known, other = signed_in(), Person(stack, "bob")
    new, = signed_in() - known
    phone.go(mine + "end-session", {"session_id": new})
    assert signed_in() == known
    other.call(401, "GET", "/api/users/me")
