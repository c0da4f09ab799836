# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations of more than two app users: made, written, read, resumed; who may not be in one."""
import uuid
from urllib.parse import quote

import pytest

from harness.dialect import DialectSocket



@pytest.fixture
def three(app):
    """Three users, and a conversation that the first has made of them."""
    users = [app(name) for name in ("alice", "bella", "clara")]
    made = users[0].call(201, "POST", "/api/groups", {
        "name": "Three", "description": "of us", "members": [{"user_id": user.me()["id"]} for user in users[1:]]})
    return users, made


def test_every_member_has_it_and_hears_everything_once(three):
    users, made = three
    assert (made["type"], made["name"], made["description"]) == ("group", "Three", "of us")
    assert made["jid"].partition("@")[2].startswith("rooms.")
    assert [(p["user"]["id"], p["role"]) for p in made["participants"]] == \
        [(user.me()["id"], role) for user, role in zip(users, ("owner", "member", "member"))]
    sockets = [user.ws().__enter__() for user in users]
    sent = [user.send(made, f"{n} of three") for n, user in enumerate(users)]
    for socket in sockets:
        heard = [socket.expect("message.new", id=message["id"])["payload"] for message in sent]
        assert [m["content"] for m in heard] == [m["content"] for m in sent]
        assert [m["seq"] for m in heard] == [1, 2, 3]
        socket.sync()
        assert len([f for f in socket.inbox.received if f["type"] == "message.new"]) == 3
        socket.__exit__(None, None, None)
    for user in users:
        assert [m["id"] for m in user.messages(made)["items"]] == [m["id"] for m in sent]
        listed, = user.conversations()["items"]
        assert listed["last_message"]["id"] == sent[2]["id"]
        read = user.conversation(made)
        # What reached a socket may be marked as delivered between the two.
        assert {**listed, "last_message": None} == {**read, "last_message": None}


def test_reading_is_counted_for_each_and_told_to_all(three):
    (alice, bella, clara), made = three
    for text in ("one", "two"):
        alice.send(made, text)
    mine = bella.send(made, "three")
    assert [user.conversation(made)["unread_count"] for user in (alice, bella, clara)] == [1, 2, 3]
    with alice.ws() as at_alice, clara.ws() as at_clara:
        bella.read(made)
        clara.read(made, mine)
        for socket in (at_alice, at_clara):
            for reader in (bella, clara):
                socket.expect("message.read", user_id=reader.me()["id"])
    assert [user.conversation(made)["unread_count"] for user in (alice, bella, clara)] == [1, 0, 0]
    assert [m["status"] for m in alice.messages(made)["items"][:2]] == ["read", "read"]
    assert bella.messages(made)["items"][2]["status"] != "read" # alice has not


def test_who_was_away_resumes_it(three):
    (alice, bella, clara), made = three
    with clara.ws() as socket:
        cursor = socket.hello["cursor"]
    sent = [alice.send(made, "one"), bella.send(made, "two")]
    with clara.ws(resume=cursor) as socket:
        for message in sent:
            got = socket.expect("message.new", id=message["id"])["payload"]
            assert (got["content"], got["sender"]) == (message["content"], message["sender"])
        socket.expect("resumed")


def test_the_new_group_is_told_to_its_members(app):
    alice, bella = app("alice"), app("bella")
    with bella.ws() as at_bella:
        made = alice.call(201, "POST", "/api/groups", {"name": "Two", "members": [{"user_id": bella.me()["id"]}]})
        shown = at_bella.expect("conversation.new")["payload"]
    assert shown == bella.conversation(made) and shown["id"] == made["id"]
    # It is another conversation than the one that the two have by themselves.
    assert alice.conversation_with(participant_id=bella.sub)["id"] != made["id"]


def test_dialects_of_two_hear_nothing_of_many(app):
    alice, bella = app("alice"), app("bella")
    with DialectSocket(bella, "s0") as s0, DialectSocket(bella, "s1") as s1:
        made = alice.call(201, "POST", "/api/groups", {"name": "Two", "members": [{"user_id": bella.sub}]})
        said = alice.send(made, "in the group")
        alice.call(200, "PUT", f"/api/messages/{said['id']}/reactions/{quote('🎉')}")
        bella.read(made)
        alice.send(alice.conversation_with(participant_id=bella.sub), "for her alone")
        s0.expect("message", content="for her alone")
        s1.expect("private_message")
        for socket in (s0, s1):
            assert not [frame for frame in socket.inbox.received if made["id"] in str(frame) or "in the group" in str(frame)]


def test_nobody_is_brought_in_who_does_not_want_to(stack, app, xmpp):
    alice, bella, clara, dora = (app(name) for name in ("alice", "bella", "clara", "dora"))
    dora.me()
    clara.me()
    bella.call(200, "POST", f"/api/users/{alice.me()['id']}/block")
    clara.call(200, "PATCH", "/api/settings/privacy", {"messages": "contacts"})
    refused = [alice.request("POST", "/api/groups", {"name": "No", "members": [{"user_id": dora.sub}, {"user_id": who}]})
               for who in (bella.sub, clara.sub, "nobody", str(uuid.uuid4()))]
    assert {reply.status for reply in refused} == {403}
    assert len({str({**reply.json, "request_id": None}) for reply in refused}) == 1
    assert dora.conversations()["items"] == []
    # Somebody whom alice knows, but who is not of this service.
    bob = xmpp("bob")
    known = alice.conversation_with(jid=bob.bare)
    peer, = (p["user"]["id"] for p in known["participants"] if p["user"]["jid"] == bob.bare)
    reply = alice.request("POST", "/api/groups", {"name": "No", "members": [{"user_id": dora.sub}, {"user_id": peer}]})
    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/members/1")


@pytest.mark.parametrize("members", [[], [{}], [{"user_id": ""}], [{"user_id": 7}], ["bella"], {"user_id": "bella"}, None,
                                     [{"user_id": "bella", "role": "owner"}], [{"user_id": "x" * 256}], [{"user_id": "a\0b"}],
                                     [{"user_id": "bella"}] * 64])
def test_what_is_no_list_of_users_is_said(app, members):
    alice = app("alice")
    reply = alice.request("POST", "/api/groups", {"name": "Bad", "members": members})
    assert reply.status in (400, 422) and reply.json["errors"][0]["pointer"] == "/members"
    assert alice.conversations()["items"] == []


@pytest.mark.parametrize("name", ["", " ", "\u200b", "two\nlines", "rtl\u202eol", "x" * 257, None, 7])
def test_a_name_is_one_line_that_can_be_seen(app, name):
    alice, bella = app("alice"), app("bella")
    reply = alice.request("POST", "/api/groups", {"name": name, "members": [{"user_id": bella.me()["id"]}]})
    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/name")


def test_names_lose_the_spaces_around_them(app):
    alice, bella = app("alice"), app("bella")
    made = alice.call(201, "POST", "/api/groups", {
        "name": "  Of  us ", "description": " one\ntwo ", "members": [{"user_id": bella.me()["id"]}]})
    assert (made["name"], made["description"]) == ("Of us", "one\ntwo")
