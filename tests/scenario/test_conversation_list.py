# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of conversations: filters, search, pins, a thousand at once, and the events that keep it up to date."""
import pytest

from harness.database import database
from harness.inbox import wait_for
from harness.watch import metrics

pytestmark = pytest.mark.one_server

THOUSAND = 1000


def ids(user, **query):
    return [c["id"] for c in user.conversations(**query)["items"]]


def keep(user, talk, status=200, **fields):
    return user.call(status, "PATCH", f"/api/conversations/{talk['id']}", fields)


def test_a_conversation_is_new_to_each_when_it_enters_the_list(app):
    alice, bella = app("alice"), app("bella")
    her = bella.me()
    with alice.ws() as first, alice.ws() as second, bella.ws() as hers:
        cursor = hers.hello["cursor"]
        talk = alice.conversation_with(participant_id=her["id"], status=201)
        assert first.expect("conversation.new")["payload"] == second.expect("conversation.new")["payload"] == talk
        alice.conversation_with(participant_id=her["id"], status=200)
        assert ids(bella) == []
        sent = alice.send(talk, "Hello")
        told = hers.expect("conversation.new", id=talk["id"])["payload"]
        assert told["last_message"]["id"] == sent["id"] and told["unread_count"] == 1 and told["jid"] == alice.me()["jid"]
        bella.send(talk, "Hello yourself")
        first.expect("message.new", content="Hello yourself")
        for socket in (first, second, hers):
            socket.sync()
            assert len(socket.frames("conversation.new")) == 1
    assert ids(bella) == [talk["id"]]
    with bella.ws(resume=cursor) as again:
        again.expect("resumed")
        assert again.expect("conversation.new")["payload"] == told


def test_a_message_from_outside_makes_a_conversation_appear(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    with alice.ws() as socket:
        bob.send_message(alice.me()["jid"], "Hello")
        message = socket.expect("message.new", content="Hello")["payload"]
        told = socket.expect("conversation.new")["payload"]
        assert told["id"] == message["conversation_id"] and told["jid"] == bob.bare
        bob.send_message(alice.me()["jid"], "Again")
        socket.expect("message.new", content="Again")
        socket.sync()
        assert len(socket.frames("conversation.new")) == 1


def test_pin_archive_and_mute_are_the_callers_own(app):
    alice, bella, cleo = app("alice"), app("bella"), app("cleo")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    other = alice.conversation_with(participant_id=cleo.me()["id"])
    alice.send(talk, "Hello")
    with alice.ws() as socket, bella.ws() as hers:
        pinned = keep(alice, talk, pinned=True, muted_until="forever")
        assert pinned["pinned"] and pinned["muted_until"] == "forever" and not pinned["archived"]
        assert socket.expect("conversation.updated")["payload"] == pinned == alice.conversation(talk)
        alice.send(other, "newer")
        assert ids(alice) == [talk["id"], other["id"]]
        later = keep(alice, talk, muted_until="2040-05-04T10:00:00+02:00", pinned=False)
        assert later["muted_until"] == "2040-05-04T08:00:00.000Z" and not later["pinned"]
        assert ids(alice) == [other["id"], talk["id"]]
        assert keep(alice, talk, muted_until=None)["muted_until"] is None
        keep(alice, talk, archived=True)
        bella.send(talk, "Are you there?")
        socket.expect("message.new", content="Are you there?")
        hers.expect("message.delivered")
        assert ids(alice) == [other["id"]] and ids(alice, filter="archived") == [talk["id"]]
        assert keep(alice, talk, archived=False)["archived"] is False
        assert keep(alice, talk) == alice.conversation(talk)
        socket.sync(), hers.sync()
        assert len(socket.frames("conversation.updated")) == 5 and not hers.frames("conversation.updated")
    theirs = bella.conversation(talk)
    assert (theirs["pinned"], theirs["archived"], theirs["muted_until"]) == (False, False, None)


@pytest.mark.parametrize("fields", [
    {"pinned": "yes"}, {"archived": 1}, {"muted_until": "tomorrow"}, {"muted_until": 5}, {"muted_until": ""},
    {"muted_until": "2026-13-01T00:00:00Z"}, {"muted_until": "9" * 41}, {"unread_count": 0}, {"muted_until": "Forever"}])
def test_what_cannot_be_kept(app, fields):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    assert keep(alice, talk, 422, **fields)["errors"][0]["pointer"] == "/" + next(iter(fields))
    assert alice.conversation(talk) == talk


def test_filters_and_search(stack, app, xmpp):
    alice, bella = app("alice"), app("bella", name="Bélla Smith")
    quiet, asked = alice.conversation_with(jid="quiet@example.org"), alice.conversation_with(jid="asked@example.org")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    bella.send(talk, "unread")
    with database(stack) as query:
        query("UPDATE members SET request = 'pending' WHERE conversation_id = %s", asked["id"])
    assert ids(alice) == ids(alice, filter="all") == [talk["id"], quiet["id"]]
    assert ids(alice, filter="unread") == [talk["id"]] and ids(alice, filter="requests") == [asked["id"]]
    assert ids(alice, q="bélla S") == ids(alice, q="SMITH") == [talk["id"]]
    assert ids(alice, q="quie") == ids(alice, q="quiet@EXAMPLE") == [quiet["id"]]
    assert ids(alice, q="%") == ids(alice, q="example") == ids(alice, q="smith", filter="archived") == []
    assert ids(alice, q="@example.org", limit=1) == [quiet["id"]]
    alice.read(talk)
    assert ids(alice, filter="unread") == []


def full(thing, users):
    """`thing` of a compact page, with each user in its place again."""
    if isinstance(thing, list):
        return [full(one, users) for one in thing]
    if not isinstance(thing, dict):
        return thing
    return {key: users.get(value, value) if key in ("user", "sender", "participant1", "participant2") else full(value, users)
            for key, value in thing.items()}


def test_the_compact_view_says_each_user_once(app, xmpp):
    alice, bella, carol = app("alice"), app("bella"), app("carol")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    bella.send(talk, "Hello")
    alice.conversation_with(jid="nobody@example.org")
    group = alice.call(201, "POST", "/api/groups", {"name": "Three", "members": [
        {"user_id": bella.me()["id"]}, {"user_id": carol.me()["id"]}]})
    carol.call(200, "POST", f"/api/conversations/{group['id']}/join") if carol.conversations(filter="requests")["items"] else None
    alice.send(group, "Both of you")
    page = alice.conversations(view="compact")
    users = {user["id"]: user for user in page["users"]}
    assert len(users) == len(page["users"]) and {alice.me()["id"], bella.me()["id"]} < set(users)
    assert full(page["items"], users) == alice.conversations()["items"] and not page["has_more"]
    first = alice.conversations(view="compact", limit=1)
    assert first["has_more"] and len(first["users"]) <= 3
    assert app("dora").conversations(view="compact") == {"items": [], "users": [], "has_more": False, "next": None}
    assert alice.call(422, "GET", "/api/conversations", view="tiny")["errors"][0]["pointer"] == "/view"


def test_what_is_unread_is_counted_in_all_conversations(app):
    alice, bella, carol = app("alice"), app("bella"), app("carol")
    assert alice.call(200, "GET", "/api/unread") == {"messages": 0, "conversations": 0, "requests": 0, "mentions": 0, "missed_calls": 0}
    one, other = (alice.conversation_with(participant_id=user.me()["id"]) for user in (bella, carol))
    for _ in range(3):
        bella.send(one, "text")
    carol.send(other, "text")
    count = alice.call(200, "GET", "/api/unread")
    assert (count["messages"], count["conversations"]) == (4, 2)
    with alice.ws() as socket:
        alice.read(one, bella.messages(one)["items"][1])
        assert socket.expect("message.read", conversation_id=one["id"])["payload"]["unread_count"] == 1
        assert socket.command("unread")["messages"] == 2
        cursor = socket.cursor
        alice.read(one)
        socket.expect("message.read", conversation_id=one["id"], unread_count=0)
    with bella.ws(resume=cursor) as socket:
        assert "unread_count" not in socket.expect("message.read", user_id=alice.me()["id"])["payload"], "that is nobody else's business"
    with alice.ws(resume=cursor) as socket:
        assert socket.expect("message.read", user_id=alice.me()["id"])["payload"]["unread_count"] == 0
    keep(alice, other, muted_until="forever")
    assert alice.call(200, "GET", "/api/unread")["messages"] == 0
    keep(alice, one, unread=True)
    assert alice.call(200, "GET", "/api/unread")["conversations"] == 1


def test_the_other_name_of_the_routes(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    alias = f"/api/messages/conversations/{talk['id']}"
    assert alice.call(200, "GET", "/api/messages/conversations") == alice.conversations()
    assert alice.call(200, "GET", alias) == talk
    assert alice.call(200, "PATCH", alias, {"pinned": True}) == alice.conversation(talk)
    assert alice.call(200, "DELETE", alias) == {"conversation_id": talk["id"]}
    assert ids(alice) == []


def strangers(stack, me, count):
    """`count` people on XMPP, each of whom has said hello to `me`."""
    with database(stack) as query:
        head, = query("UPDATE log_head SET position = position + %s RETURNING position - %s", count, count)[0]
        query("INSERT INTO users (id, kind, jid) SELECT gen_random_uuid(), 'remote', 'p' || n || '-' || %s"
              " FROM generate_series(1, %s) n", f"{me}@example.org", count)
        query("WITH made AS (INSERT INTO conversations (id, member_ids, member_numbers, remote_user, remote_jid,"
              " position, created_at) SELECT gen_random_uuid(), pair_key(a.id, b.id), ARRAY[1, 2], b.id,"
              " b.jid, %s + row_number() OVER (ORDER BY b.number), now() FROM users a, users b WHERE a.id = %s"
              " AND b.jid LIKE 'p%%-' || %s RETURNING *)"
              " INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at)"
              " SELECT made.id, u.id, u.kind, u.jid, u.number, now() FROM made JOIN users u ON u.id = ANY (member_ids)",
              head, me, f"{me}@example.org")
        query("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
              " SELECT gen_random_uuid(), c.id, 1, c.position, c.remote_user, now(), 'hello', 1"
              " FROM conversations c JOIN members m ON m.conversation_id = c.id WHERE m.user_id = %s AND c.remote_user IS NOT NULL", me)


def test_a_thousand_conversations_come_in_one_statement(stack, app):
    alice = app("alice")
    strangers(stack, alice.me()["id"], THOUSAND)
    before = metrics(stack)["trestle_archive_statements_total"]
    page = alice.conversations(limit=1000)
    after = metrics(stack)["trestle_archive_statements_total"]
    assert len(page["items"]) == THOUSAND and not page["has_more"] and after - before < 200  # others run beside it
    assert all(c["unread_count"] == 1 and c["last_message"]["content"] == "hello" for c in page["items"])
    assert len({c["id"] for c in page["items"]}) == THOUSAND
    half = alice.conversations(limit=600)
    rest = alice.conversations(limit=600, before=half["next"])
    assert [c["id"] for c in half["items"] + rest["items"]] == [c["id"] for c in page["items"]]


def test_what_has_long_been_quiet_rests_and_the_list_stays_as_it_is(stack, app):
    alice, bella = app("alice"), app("bella")
    talk, other = (alice.conversation_with(participant_id=user.me()["id"]) for user in (bella, app("carol")))
    for sender in (alice, bella, alice):
        sender.send(talk, "Hello")
    strangers(stack, alice.me()["id"], 120)

    def resting():
        with database(stack) as query:
            return query("SELECT count(*) FROM members WHERE user_id = %s AND rested IS NOT NULL", alice.me()["id"])[0][0]
    assert resting() == 0
    first = [alice.conversations(limit=200, filter=filter)["items"] for filter in ("all", "unread")]
    count = alice.call(200, "GET", "/api/unread")
    wait_for("the oldest rest", lambda: resting() == 72)
    assert [alice.conversations(limit=200, filter=filter)["items"] for filter in ("all", "unread")] == first
    assert alice.call(200, "GET", "/api/unread") == count
    page = alice.conversations(limit=30)
    while page["has_more"]:
        page = {**(more := alice.conversations(limit=30, before=page["next"])), "items": page["items"] + more["items"]}
    assert page["items"] == first[0] and ids(alice, limit=200)[-2:] == [talk["id"], other["id"]]
    with alice.ws() as socket:
        sent = bella.send(talk, "Are you still there?")
        socket.expect("message.new", id=sent["id"])
    top = alice.conversations(limit=1)["items"][0]
    assert (top["id"], top["last_message"]["id"]) == (talk["id"], sent["id"]) and resting() == 71
    alice.send(other, "And you?")
    assert ids(alice, limit=2) == [other["id"], talk["id"]] and resting() == 70
    bella.send(talk, "Once more") # as all messages in it from now on
    assert ids(alice, limit=2) == [talk["id"], other["id"]] and resting() == 70
