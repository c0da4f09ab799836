# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations of more than two app users: made, written, read, resumed; who may not be in one."""
import uuid
from urllib.parse import quote

import pytest

from harness.dialect import DialectSocket
from harness.pictures import png
from harness.rest import Api, Backend

pytestmark = pytest.mark.one_server



def members(user, conversation, **query):
    return user.call(200, "GET", f"/api/conversations/{conversation['id']}/members", **query)["items"]


def member_path(conversation, user):
    return f"/api/conversations/{conversation['id']}/members/{user.me()['id']}"


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
        alice.call(200, "PATCH", f"/api/conversations/{made['id']}", {"name": "Renamed"})
        alice.call(200, "DELETE", member_path(made, bella))
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
    clara.call(200, "PATCH", "/api/settings/privacy", {"messages": "nobody"})
    refused = [alice.request("POST", "/api/groups", {"name": "No", "members": [{"user_id": dora.sub}, {"user_id": who}]})
               for who in (bella.sub, clara.sub, "nobody", str(uuid.uuid4()))]
    assert {reply.status for reply in refused} == {403}
    assert len({str({**reply.json, "request_id": None}) for reply in refused}) == 1
    assert dora.conversations()["items"] == []
    # Somebody whom alice knows, but who is not of this service.
    bob = xmpp("bob")
    known = alice.conversation_with(jid=bob.bare)
    peer, = (p["user"]["id"] for p in known["participants"] if p["user"]["jid"] == bob.bare)
    made = alice.call(201, "POST", "/api/groups", {"name": "Yes", "members": [{"user_id": dora.sub}, {"user_id": peer}]})
    assert {m["user"]["id"]: m["state"] for m in members(alice, made)} == {
        alice.me()["id"]: "joined", dora.me()["id"]: "joined", peer: "invited"} and made["member_count"] == 2


@pytest.mark.parametrize("members", [[], [{}], [{"user_id": ""}], [{"user_id": 7}], ["bella"], {"user_id": "bella"}, None,
                                     [{"user_id": "bella", "role": "owner"}], [{"user_id": "x" * 256}], [{"user_id": "a\0b"}],
                                     [{"jid": "@"}], [{"jid": "a@b", "user_id": "bella"}], [{"user_id": "bella"}] * 256])
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


# ---- Members ------------------------------------------------------------------------------------------------------

def test_membership_is_told_and_taken_away(stack, app, three):
    """Added, made an admin, removed: what each of them hears, and that whoever is out has nothing any more."""
    (alice, bella, clara), made = three
    dora = app("dora")
    dora.me()
    path = f"/api/conversations/{made['id']}"
    with bella.ws() as at_bella, clara.ws() as at_clara, dora.ws() as at_dora:
        shown = alice.call(200, "POST", f"{path}/members", {"members": [{"user_id": dora.sub}]})
        assert shown["member_count"] == 4
        assert at_dora.expect("conversation.new")["payload"]["id"] == made["id"]
        added = at_bella.expect("member.added")["payload"]
        assert (added["user"]["id"], added["by"], added["state"], added["role"]) == (dora.me()["id"], alice.me()["id"], "joined", "member")
        said = at_bella.expect("message.new", message_type="system")["payload"]
        assert (said["sender"], said["content"]) == (None, None)
        assert said["metadata"] == {"system_type": "member_added", "actor": alice.me()["id"], "target": dora.me()["id"],
                                    "targets": [dora.me()["id"]]}
        member = alice.call(200, "PUT", member_path(made, bella), {"role": "admin"})
        assert member["permissions"] == ["send_messages", "add_members", "remove_members", "change_settings", "delete_messages"]
        assert at_clara.expect("member.updated", role="admin")["payload"]["user"]["id"] == bella.me()["id"]
        cursor = dora.ws().__enter__().hello["cursor"]
        gone = at_bella.command("member.remove", conversation_id=made["id"], user_id=dora.me()["id"])
        assert gone == {"conversation_id": made["id"], "user_id": dora.me()["id"], "state": "removed"}
        assert at_dora.expect("conversation.removed")["payload"] == {"conversation_id": made["id"], "reason": "removed"}
        assert at_clara.expect("member.removed")["payload"]["state"] == "removed"
        later = alice.send(made, "without dora")
        at_dora.sync()
        assert not [f for f in at_dora.inbox.received if "without dora" in str(f) or f["type"] == "member.removed"]
    with dora.ws(resume=cursor) as socket:
        socket.expect("conversation.removed")
        socket.expect("resumed")
        assert not [f for f in socket.inbox.received if f["type"].startswith(("message", "member"))]
    assert dora.conversations()["items"] == []
    for reply in (dora.request("GET", path), dora.request("GET", f"{path}/messages"), dora.request("GET", f"{path}/members"),
                  dora.request("GET", f"/api/messages/{later['id']}"), dora.request("GET", f"/api/messages/{later['id']}/receipts"),
                  dora.request("POST", f"{path}/messages", {"content": "still here"}), dora.request("PUT", f"{path}/read", {}),
                  dora.request("PUT", f"/api/messages/{later['id']}/reactions/{quote('🎉')}")):
        assert (reply.status, reply.json["code"]) == (404, "not_found")


def test_who_may_do_what(app):
    """Every route for {stranger, member, admin, owner, removed, banned, invited}. A stranger's answer is that of a random id."""
    owner, admin, member, other, removed, banned, invited, stranger = (app(name) for name in (
        "owner", "admin", "member", "other", "removed", "banned", "invited", "stranger"))
    invited.call(200, "PATCH", "/api/settings/privacy", {"messages": "contacts"})
    made = owner.call(201, "POST", "/api/groups", {"name": "All", "members": [
        {"user_id": user.me()["id"]} for user in (admin, member, other, removed, banned, invited)]})
    stranger.me()
    owner.call(200, "PUT", member_path(made, admin), {"role": "admin"})
    owner.call(200, "DELETE", member_path(made, removed))
    owner.call(200, "PUT", member_path(made, banned), {"banned": True, "reason": "spam"})
    message = owner.send(made, "for members")
    path = f"/api/conversations/{made['id']}"
    rows = [ # method, path, body, who may besides owner
        ("GET", path, None, {"admin", "member", "invited"}),
        ("GET", f"{path}/messages", None, {"admin", "member"}),
        ("GET", f"{path}/members", None, {"admin", "member"}),
        ("GET", member_path(made, other), None, {"admin", "member"}),
        ("GET", f"/api/messages/{message['id']}/receipts", None, {"admin", "member"}),
        ("POST", f"{path}/messages", {"content": "hello"}, {"admin", "member"}),
        ("PATCH", path, {"name": "New"}, {"admin"}),
        ("PATCH", path, {"settings": {"who_can_add": "admins_only"}}, {"admin"}),
        ("PUT", member_path(made, other), {"permissions": ["send_messages"]}, {"admin"}),
        ("PUT", member_path(made, stranger), {"banned": True}, {"admin"}),
        ("PUT", member_path(made, other), {"role": "member"}, set()), # it would take back what was given in person
        ("PUT", member_path(made, other), {"role": "owner"}, set()),
        ("PUT", member_path(made, owner), {"role": "member"}, set()),
        ("POST", f"{path}/members", {"members": [{"user_id": app("new").me()["id"]}]}, {"admin"}),
        ("DELETE", member_path(made, owner), None, set()),
        ("DELETE", f"/api/groups/{made['id']}", None, set())]
    for method, where, body, may in rows:
        for name, user in (("stranger", stranger), ("removed", removed), ("banned", banned), ("invited", invited),
                           ("member", member), ("admin", admin)):
            reply = user.request(method, where, body)
            wanted = "ok" if name in may else "forbidden" if name in ("member", "admin") else "not_found"
            assert ("ok" if reply.status < 300 else reply.json["code"]) == wanted, (name, method, where, body, reply)
            if wanted == "not_found":
                unknown = user.request(method, where.replace(made["id"], str(uuid.uuid4())).replace(message["id"], str(uuid.uuid4())), body)
                assert {**reply.json, "request_id": None} == {**unknown.json, "request_id": None}
    assert owner.request("PUT", member_path(made, other), {"role": "owner"}).status == 200


def test_invited_users_accept_or_decline(app, three):
    (alice, bella, clara), made = three
    dora, erin = app("dora"), app("erin")
    for user in (dora, erin):
        user.call(200, "PATCH", "/api/settings/privacy", {"messages": "contacts"})
    with dora.ws() as at_dora, bella.ws() as at_bella:
        alice.call(200, "POST", f"/api/conversations/{made['id']}/members", {"members": [{"user_id": u.sub} for u in (dora, erin)]})
        asked = at_dora.expect("request.new")["payload"]["conversation"]
        assert asked["request"] == "pending" and asked == dora.conversation(made) and asked["last_message"] is None
        assert dora.conversations(filter="requests")["items"] == [asked]
        accepted = dora.call(200, "POST", f"/api/conversations/{made['id']}/accept")
        assert accepted["request"] == "accepted" and at_dora.expect("conversation.new")["payload"]["id"] == made["id"]
        joined = at_bella.expect("member.updated", state="joined")["payload"]
        assert joined["user"]["id"] == joined["by"] == dora.me()["id"]
        declined = erin.call(200, "POST", f"/api/conversations/{made['id']}/decline")
        assert declined["request"] == "declined" and erin.request("GET", f"/api/conversations/{made['id']}").status == 404
        at_bella.expect("member.removed", state="left")
    assert {m["user"]["id"] for m in members(alice, made)} == {u.me()["id"] for u in (alice, bella, clara, dora)}
    found = members(alice, made, q=dora.me()["name"][:5])
    assert [m["user"]["id"] for m in found] == [dora.me()["id"]]


def test_leaving_needs_a_successor_and_settings_hold(app, three):
    (alice, bella, clara), made = three
    path = f"/api/conversations/{made['id']}"
    with bella.ws() as socket:
        alice.call(200, "PATCH", path, {"name": "Ours", "settings": {"who_can_send": "admins_only"}})
        updated = socket.expect("conversation.updated", name="Ours")["payload"]
        # What reached the socket may be marked as delivered between the two.
        assert updated["settings"]["who_can_send"] == "admins_only"
        assert {**updated, "last_message": None} == {**bella.conversation(made), "last_message": None}
        kinds = [socket.expect("message.new", message_type="system")["payload"]["metadata"]["system_type"] for _ in range(2)]
        assert kinds == ["name_changed", "settings_changed"]
        assert socket.refused("message", conversation_id=made["id"], content="may I?")["code"] == "forbidden"
        refused = alice.request("POST", f"{path}/leave", {})
        assert (refused.status, refused.json["code"], refused.json["error_reason"]) == (409, "conflict", "last_admin")
        assert alice.call(200, "POST", f"{path}/leave", {"successor": bella.me()["id"]}) == {
            "conversation_id": made["id"], "reason": "left"}
        assert socket.expect("member.updated", role="owner")["payload"]["user"]["id"] == bella.me()["id"]
        assert socket.command("message", conversation_id=made["id"], content="I may")
    assert alice.conversations()["items"] == [] and bella.conversation(made)["member_count"] == 2
    wrong = bella.request("PATCH", path, {"settings": {"max_members": 1}})
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/settings/max_members")
    with clara.ws() as socket:
        bella.call(200, "DELETE", f"/api/groups/{made['id']}")
        assert socket.expect("conversation.removed")["payload"]["reason"] == "destroyed"


def test_256_are_in_a_group(stack, app, backend):
    owner, first, last = (app(name) for name in ("owner", "first", "last"))
    others = [f"m-{uuid.uuid4()}" for _ in range(253)]
    for id in others:
        backend.call(201, "POST", "/api/users", {"external_id": id})
    with first.ws() as at_first, last.ws() as at_last:
        made = Backend(stack, owner.me()).call(201, "POST", "/api/groups", {
            "name": "Everybody", "members": [{"user_id": id} for id in (first.sub, *others, last.sub)]})
        assert made["member_count"] == 256
        for socket, user in ((at_first, first), (at_last, last)):
            shown = socket.expect("conversation.new")["payload"]
            assert shown["id"] == made["id"] and user.me()["id"] in {p["user"]["id"] for p in shown["participants"]}
        sent = owner.send(made, "hello, all")
        for socket in (at_first, at_last):
            socket.expect("message.new", id=sent["id"])
    full = owner.request("POST", f"/api/conversations/{made['id']}/members", {"members": [{"user_id": app("more").me()["id"]}]})
    assert (full.status, full.json["error_reason"]) == (409, "full")


def test_a_group_has_an_icon(stack, three):
    (alice, bella, _), made = three
    path = f"/api/conversations/{made['id']}/icon"
    with bella.ws() as socket:
        shown = alice.call(200, "PUT", path, png(color=(9, 8, 7)), {"Content-Type": "image/png"})
        assert socket.expect("conversation.updated")["payload"]["icon_url"] == shown["icon_url"] == bella.conversation(made)["icon_url"]
        assert socket.expect("message.new", message_type="system")["payload"]["metadata"]["system_type"] == "icon_changed"
        assert Api(stack).request("GET", shown["icon_url"]).status == 200
        assert bella.request("DELETE", path).json["code"] == "forbidden"
        assert alice.call(200, "DELETE", path)["icon_url"] is None
        socket.expect("conversation.updated", icon_url=None)
    assert Api(stack).request("GET", shown["icon_url"]).status == 404 # nobody has it any more


def test_the_same_by_the_socket(app):
    alice, bella, clara, dora = (app(name) for name in ("alice", "bella", "clara", "dora"))
    ids = {user: user.me()["id"] for user in (alice, bella, clara, dora)}
    with alice.ws() as socket, clara.ws() as at_clara:
        made = socket.command("group.create", name="By socket", members=[{"user_id": bella.sub}], settings={"public": True})
        at = {"conversation_id": made["id"]}
        assert made["settings"]["public"] and made["member_count"] == 2
        assert at_clara.command("group.join", **at)["member_count"] == 3
        assert dora.call(200, "POST", f"/api/conversations/{made['id']}/join")["member_count"] == 4
        assert socket.command("member.set", **at, user_id=ids[clara], role="admin")["role"] == "admin"
        assert socket.command("member.remove", **at, user_id=ids[dora])["state"] == "removed"
        assert socket.command("member.add", **at, members=[{"user_id": ids[dora]}])["member_count"] == 4
        assert at_clara.command("group.leave", **at) == {**at, "reason": "left"}
        assert bella.call(200, "GET", member_path(made, dora))["state"] == "joined"
        assert socket.command("group.destroy", **at) == {**at, "reason": "destroyed"}
        assert socket.refused("group.join", **at)["code"] == "not_found"


def test_memberships_survive_a_restart(stack, app, three):
    (alice, bella, clara), made = three
    path = f"/api/conversations/{made['id']}"
    with bella.ws() as socket:
        cursor = socket.hello["cursor"]
    alice.call(200, "PUT", member_path(made, bella), {"permissions": []})
    alice.call(200, "DELETE", member_path(made, clara))
    shown = bella.conversation(made)
    stack.restart("bridge")
    assert bella.conversation(made) == shown and clara.request("GET", path).status == 404
    assert bella.request("POST", f"{path}/messages", {"content": "no"}).json["code"] == "forbidden"
    with bella.ws(resume=cursor) as socket:
        assert socket.expect("member.updated")["payload"]["permissions"] == []
        assert socket.expect("member.removed")["payload"]["user"]["id"] == clara.me()["id"]


def test_receipts_of_one_message(three):
    (alice, bella, clara), made = three
    sent = alice.send(made, "who has read this?")
    with clara.ws() as socket:
        bella.read(made)
        socket.expect("message.read", user_id=bella.me()["id"])
    items = alice.call(200, "GET", f"/api/messages/{sent['id']}/receipts")["items"]
    assert {i["user"]["id"]: i["read_at"] is not None for i in items} == {bella.me()["id"]: True, clara.me()["id"]: False}
