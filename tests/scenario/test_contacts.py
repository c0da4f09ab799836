# SPDX-License-Identifier: GPL-3.0-or-later
"""Contacts: subscriptions as the app's user makes and ends them, towards XMPP and among app users."""
import uuid
from xml.etree.ElementTree import Element

import pytest
from harness.xmpp import ROSTER, XmppError

LAST = "jabber:iq:last"


@pytest.fixture
def bob(xmpp):
    client = xmpp("bob")
    client.decide_subscriptions()
    client.iq(None, Element(f"{{{ROSTER}}}query"))
    return client


def add(user, status=201, **named):
    return user.call(status, "POST", "/api/contacts", named)


def remove(user, id, status=200):
    return user.call(status, "DELETE", f"/api/contacts/{id}")


def contacts(user, **query):
    return user.call(200, "GET", "/api/contacts", **query)


def state(contact):
    return contact["subscription"], contact["ask"], contact["pending"]


def test_a_contact_on_xmpp_from_first_to_last(alice, bob):
    with alice.ws() as socket:
        made = add(alice, jid=bob.bare.upper())
        assert state(made) == ("none", True, False)
        asked = bob.expect_presence(alice.jid, "subscribe")
        assert asked.child("http://jabber.org/protocol/nick", "nick").text == "Alice"
        assert state(add(alice, status=200, jid=bob.bare)) == ("none", True, False)
        bob.send_presence(to=alice.jid, type="subscribed")
        socket.expect("user.updated", contact={"subscription": "to", "ask": False})
        bob.send_presence(to=alice.jid, type="subscribe")  # whom she has asked is let in
        bob.expect_roster(alice.jid, subscription="both")
        bob.expect_presence(alice.jid + "/rest")
        contact, = contacts(alice)["items"]
        assert state(contact) == ("both", False, False) and contact["user"]["jid"] == bob.bare
        assert state(remove(alice, contact["user"]["id"])) == ("none", False, False)
        bob.expect_presence(alice.jid + "/rest", "unavailable")
        bob.expect_roster(alice.jid, subscription="none")
        remove(alice, contact["user"]["id"], status=404)
    with pytest.raises(XmppError) as caught:
        bob.iq(alice.jid, Element(f"{{{LAST}}}query"))
    assert caught.value.condition == "forbidden"
    assert contacts(alice)["items"] == []


def test_a_contact_who_refuses(alice, bob):
    with alice.ws() as socket:
        add(alice, jid=bob.bare)
        bob.expect_presence(alice.jid, "subscribe")
        bob.send_presence(to=alice.jid, type="unsubscribed")
        socket.expect("user.updated", contact={"subscription": "none", "ask": False})
    assert contacts(alice)["items"] == []


def test_what_was_not_asked_for_means_nothing(alice, bob):
    bob.send_presence(to=alice.jid, type="subscribed")
    bob.barrier(alice.jid)
    assert contacts(alice)["items"] == []


def test_adding_who_has_asked_is_accepting(alice, bob):
    with alice.ws() as socket:
        bob.send_presence(to=alice.jid, type="subscribe")
        talk = socket.expect("request.new")["payload"]["conversation"]
        assert state(contacts(alice)["items"][0]) == ("none", False, True)
        assert state(add(alice, jid=bob.bare)) == ("from", True, False)
        bob.expect_roster(alice.jid, subscription="to")
        assert alice.conversation(talk)["request"] == "accepted"


def test_subscriptions_wait_for_the_link(stack, alice, bob):
    stack.kill("xmpp")
    try:
        assert state(add(alice, jid=bob.bare)) == ("none", True, False)
    finally:
        stack.restart("xmpp")
    again = bob.__class__(stack, "bob").connect()
    try:
        again.expect_presence(alice.jid, "subscribe")
    finally:
        again.close()


# -- among app users


def test_app_users_ask_each_other(alice, bella):
    with bella.ws() as socket, alice.ws() as asker:
        assert state(add(alice, user_id=bella.id)) == ("none", True, False)
        request = socket.expect("request.new")["payload"]
        assert request["subscription"] is True
        assert state(contacts(bella)["items"][0]) == ("none", False, True)
        talk = request["conversation"]["id"]
        bella.call(200, "POST", f"/api/conversations/{talk}/accept")
        asker.expect("user.updated", contact={"subscription": "both"})
    assert [state(contacts(user)["items"][0]) for user in (alice, bella)] == [("both", False, False)] * 2
    remove(bella, alice.me()["id"])
    assert contacts(alice)["items"] == contacts(bella)["items"] == []


def test_an_app_user_declines(alice, bella):
    with bella.ws() as socket, alice.ws() as asker:
        add(alice, user_id=bella.id)
        talk = socket.expect("request.new")["payload"]["conversation"]["id"]
        bella.call(200, "POST", f"/api/conversations/{talk}/decline")
        asker.expect("user.updated", contact={"subscription": "none", "ask": False})
    assert contacts(alice)["items"] == contacts(bella)["items"] == []


def test_whom_one_writes_to_may_see_at_once(alice, bella):
    bella.send(bella.conversation_with(participant_id=alice.me()["id"]), "hello")
    assert state(add(alice, user_id=bella.id)) == ("to", False, False)


# -- names and groups


def test_a_contact_is_called_and_grouped_as_the_user_likes(alice, bella):
    bella_id, alice_id = bella.id, alice.me()["id"]
    path = f"/api/contacts/{bella_id}"
    assert add(alice, user_id=bella_id)["groups"] == [] and contacts(alice)["items"][0]["name"] is None
    with alice.ws() as socket, bella.ws() as hers:
        changed = alice.call(200, "PATCH", path, {"name": "  My   sister ", "groups": ["Kin", "<b>&amp;</b>"]})
        assert (changed["name"], changed["groups"]) == ("My sister", ["<b>&amp;</b>", "Kin"])
        told = socket.expect("user.updated")["payload"]
        assert (told["id"], told["contact"]["name"], told["contact"]["groups"]) == (bella_id, "My sister", ["<b>&amp;</b>", "Kin"])
        assert told["name"] == changed["user"]["name"] == bella.me()["name"], "what she calls herself is hers"
        assert contacts(alice)["items"] == [changed]
        assert alice.call(200, "PATCH", path, {"groups": ["Kin", "<b>&amp;</b>"], "name": "My sister"}) == changed
        assert alice.call(200, "PATCH", path, {}) == changed
        socket.sync()
        assert socket.count("user.updated") == 1, "nothing has changed"
        cleared = alice.call(200, "PATCH", path, {"name": None, "groups": []})
        assert (cleared["name"], cleared["groups"]) == (None, [])
        socket.expect("user.updated", contact={"name": None, "groups": []})
        hers.sync()
        assert hers.count("user.updated", id=alice_id) == 0, "nobody else is told"


@pytest.mark.parametrize("body", [{"name": ""}, {"name": " "}, {"name": "x" * 256}, {"name": "a\u202eb"}, {"name": 7}, {"name": "a\x00b"},
                                  {"groups": "Kin"}, {"groups": [""]}, {"groups": ["a", "a"]}, {"groups": ["a  b", "a b"]}, {"groups": ["x" * 256]},
                                  {"groups": ["a\nb"]}, {"groups": [f"g{n}" for n in range(33)]}, {"groups": [1]}, {"group": ["a"]}],
                         ids=lambda body: str(body)[:40])
def test_hostile_names_and_groups_are_refused(alice, body):
    carol = add(alice, jid="carol@nowhere.example")["user"]["id"]
    reply = alice.request("PATCH", f"/api/contacts/{carol}", body)
    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, f"/{next(iter(body))}")
    assert (contacts(alice)["items"][0]["name"], contacts(alice)["items"][0]["groups"]) == (None, [])


def test_only_a_contact_has_a_name(alice, bella):
    alice.conversation_with(participant_id=bella.id)
    for id in (bella.id, str(uuid.uuid4()), "x", alice.me()["id"]):
        assert alice.request("PATCH", f"/api/contacts/{id}", {"name": "B"}).status == 404
    assert contacts(alice)["items"] == []


def test_who_has_a_name_stays_when_the_subscription_ends(alice, bob):
    with alice.ws() as socket:
        id = add(alice, jid=bob.bare)["user"]["id"]
        bob.expect_presence(alice.jid, "subscribe")
        alice.call(200, "PATCH", f"/api/contacts/{id}", {"name": "Bobby"})
        bob.send_presence(to=alice.jid, type="unsubscribed")
        socket.expect("user.updated", contact={"subscription": "none", "ask": False, "name": "Bobby"})
    assert [(c["name"], *state(c)) for c in contacts(alice)["items"]] == [("Bobby", "none", False, False)]
    remove(alice, id)
    assert contacts(alice)["items"] == []


# -- pages and bad input


def test_contacts_come_in_pages(alice):
    for n in range(5):
        add(alice, jid=f"p{n}@nowhere.example")
    seen, after = [], None
    while True:
        page = contacts(alice, limit=2, **({"after": after} if after else {}))
        seen += [c["user"]["jid"] for c in page["items"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert seen == [f"p{n}@nowhere.example" for n in range(5)]


@pytest.mark.parametrize("body", [{}, {"jid": "a@b.example", "user_id": "x"}, {"jid": ""}, {"jid": "example.org"},
                                  {"jid": "a@b/c"}, {"jid": "<x>@b.example"}, {"jid": 1}, {"user_id": ""},
                                  {"jid": "x" * 1100 + "@example.org"}, {"name": "Bob"}, {"jid": "a\x00@b.example"}],
                         ids=lambda body: str(body)[:40])
def test_hostile_contacts_are_refused(alice, body):
    assert alice.request("POST", "/api/contacts", body).status == 422
    assert contacts(alice)["items"] == []


def test_oneself_unknown_and_blocked(stack, alice, bella):
    add(alice, status=422, user_id=alice.me()["id"])
    add(alice, status=403, user_id=str(uuid.uuid4()))
    add(alice, status=403, jid=f"nobody-{uuid.uuid4().hex}@{stack.app_domain}")
    alice.call(200, "POST", f"/api/users/{bella.id}/block")
    add(alice, status=409, user_id=bella.id)
    remove(alice, bella.id, status=404)
    remove(alice, "x", status=404)
