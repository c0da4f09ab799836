# SPDX-License-Identifier: GPL-3.0-or-later
"""The list, the exact count of what is unread, and what a member keeps to himself."""
import json

import pytest

from conftest import DOMAIN, new_id


@pytest.fixture
def pair(db):
    alice, bob = db.user("alice"), db.user("bob")
    return alice, bob, db.conversation(alice, reference="bob")


def say(db, conversation, sender, count=1):
    return [row["id"] for row in db.store(*({"conversation": conversation, "sender": sender} for _ in range(count)))]


def seen(db, user, conversation):
    return db.get(user, conversation)


def listed(db, user, **query):
    return [item["id"] for item in db.conversations(user, **query)["items"]]


def appear(db, conversation):
    return db.change("conversation_appear", None, conversation_ids=[conversation])


def events(db, user, before):
    return [row["type"] for row in sorted(db.resume(user, before), key=lambda row: row["position"]) if row["type"]]


# -- counting

def test_unread_is_exact_whoever_writes_in_whatever_batches(db, pair):
    """Against counting the rows, after each of many steps."""
    alice, bob, conversation = pair
    batches = [(alice, 3), (bob, 1), (bob, 4), (alice, 1), (bob, 2), (alice, 5)]
    ids = []
    for number, (sender, count) in enumerate(batches * 3):
        ids += say(db, conversation, sender, count)
        if number % 2:
            db.store(*({"conversation": conversation, "sender": s} for s in (alice, bob, alice, bob, bob)))
        if number % 3 == 1:
            db.mark("read", user=alice, message=ids[len(ids) // 2])
        if number % 4 == 1:
            assert db.mark("read", user=bob, message=ids[-1])["unread"] == count_unread(db, bob, conversation)
        for user in (alice, bob):
            assert seen(db, user, conversation)["unread_count"] == count_unread(db, user, conversation)


def count_unread(db, user, conversation):
    return db.one("SELECT count(*) FROM messages m JOIN members o ON o.conversation_id = m.conversation_id"
                  " WHERE m.conversation_id = %s AND o.user_id = %s AND m.sender_id <> o.user_id"
                  " AND m.seq > greatest(o.read_seq, o.cleared_seq)", conversation, user)


def test_a_repetition_is_not_counted_twice(db, pair):
    alice, bob, conversation = pair
    first = {"conversation": conversation, "sender": bob, "id": new_id(), "client_id": "c", "dedupe": new_id()}
    db.store(first)
    db.store({**first, "id": new_id()}, {"conversation": conversation, "sender": bob})
    assert seen(db, alice, conversation)["unread_count"] == 2


def test_counting_costs_the_same_with_a_hundred_thousand_unread(db, pair):
    alice, bob, conversation = pair
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
            " SELECT gen_random_uuid(), %s, n, 1000000 + n, %s, now(), 'x', n FROM generate_series(1, 100000) n",
            conversation, bob)
    db.rows("UPDATE log_head SET position = 2000000")
    db.rows("VACUUM ANALYZE messages")
    assert seen(db, alice, conversation)["unread_count"] == 100_000
    assert listed(db, alice, filter="unread") == [conversation]
    for statement in ("SELECT conversation_get(%s, %s)", "SELECT * FROM conversation_list(%s, 50, NULL, NULL,"
                      " 'unread', NULL) WHERE (conversation).id = %s"):
        for _ in range(2):
            plan = db.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", alice, conversation)
        assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 100, statement
    message = db.one("SELECT id FROM messages WHERE seq = 40000")
    assert db.mark("read", user=alice, message=message)["unread"] == 60_000
    assert db.mark("read", user=alice, conversation=conversation)["unread"] == 0
    assert listed(db, alice, filter="unread") == []


# -- the list

def test_the_peer_sees_a_new_conversation_with_its_first_message(db, pair):
    alice, bob, conversation = pair
    assert listed(db, alice) == [conversation] and listed(db, bob) == []
    before = db.head()
    row, = db.store({"conversation": conversation, "sender": alice})
    assert row["awaited"] and listed(db, bob) == [conversation]
    told = appear(db, conversation)
    assert [(e["type"], e["users"]) for e in told["events"]] == [("conversation.new", [bob])]
    assert told["events"][0]["payload"]["last_message"]["id"] == row["id"]
    assert events(db, bob, before) == ["message.new", "conversation.new"]
    assert events(db, alice, before) == ["message.new"]
    later, = db.store({"conversation": conversation, "sender": bob})
    assert not later["awaited"] and appear(db, conversation)["events"] is None


def test_a_batch_whose_answer_was_lost_still_makes_the_conversation_appear(db, pair):
    alice, bob, conversation = pair
    message = {"conversation": conversation, "sender": alice, "dedupe": new_id(), "id": new_id()}
    db.store(message)
    again, = db.store(message)
    assert again["outcome"] == 1 and again["awaited"]
    assert [e["users"] for e in appear(db, conversation)["events"]] == [[bob]]
    again, = db.store(message)
    assert again["outcome"] == 1 and not again["awaited"]


def test_a_message_from_outside_makes_the_conversation_appear(db):
    alice = db.user("alice")
    row, = db.receive({"to": f"alice@{DOMAIN}"})
    assert row["awaited"] and listed(db, alice) == [row["conversation_id"]]
    assert [e["users"] for e in appear(db, row["conversation_id"])["events"]] == [[alice]]
    row, = db.receive({"to": f"alice@{DOMAIN}"})
    assert not row["awaited"]


def test_a_remote_peer_awaits_nothing(db):
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    row, = db.store({"conversation": conversation, "sender": alice})
    assert not row["awaited"]


def test_open_tells_the_one_who_opens_and_only_once(db):
    alice, bob = db.user("alice"), db.user("bob")
    before = db.head()
    made = db.opened(alice, reference="bob")
    assert [(e["type"], e["users"]) for e in made["events"]] == [("conversation.new", [alice])]
    assert db.opened(alice, reference="bob")["events"] is None
    other = db.opened(bob, reference="alice")
    assert other["outcome"] == 1 and [e["users"] for e in other["events"]] == [[bob]]
    assert events(db, bob, before) == ["conversation.new"]


def test_filters(db):
    alice, bob = db.user("alice"), db.user("bob")
    made = {name: db.conversation(alice, jid=f"{name}@example.org") for name in ("plain", "loud", "old", "asked", "no")}
    romeo = db.one("SELECT id FROM users WHERE jid = 'loud@example.org'")
    say(db, made["loud"], romeo)
    db.change("conversation_update", alice, conversation_id=made["old"], archived=True)
    for name, request in (("asked", "pending"), ("no", "declined"), ("plain", "accepted")):
        db.rows("UPDATE members SET request = %s WHERE conversation_id = %s AND user_id = %s", request, made[name],
                alice)
    assert set(listed(db, alice)) == {made["plain"], made["loud"]}
    assert listed(db, alice, filter="unread") == [made["loud"]]
    assert listed(db, alice, filter="archived") == [made["old"]]
    assert listed(db, alice, filter="requests") == [made["asked"]]
    assert listed(db, bob) == listed(db, bob, filter="requests") == []


def test_search_in_the_list(db):
    alice = db.user("alice")
    db.provision("b", "bella", "Bella.99", "Bélla Óne")
    one = db.conversation(alice, reference="b")
    two = db.conversation(alice, jid="bello@example.org")
    three = db.conversation(alice, jid="carol@bell.example")
    assert set(listed(db, alice, q="BELL")) == {one, two}
    assert listed(db, alice, q="óNE") == [one] and listed(db, alice, q=".99") == [one]
    assert listed(db, alice, q="carol@bell") == [three] and listed(db, alice, q="@example.org") == [two]
    for nothing in ("%", "_", "\\", "example", "'; --", "x" * 255):
        assert listed(db, alice, q=nothing) == [], nothing


def test_the_list_is_searched_as_messages_are(db):
    """Text of the query and of the name in each spelling; before the daemon has folded the names, too."""
    alice = db.user("alice")
    names = {"de": "Jo\u0308rg Groß", "zh": "我的王伟", "gr": "ΟΔΥΣΣΕΎΣ", "full": "Ｏ’Ｂｒｉｅｎ 🎉", "soft": "Co\u00adop"}
    made = {}
    for key, name in names.items():
        db.provision(key, key, None, name)
        made[key] = db.conversation(alice, reference=key)
    for folded in (True, False):
        for query, key in (("jörg GROSS", "de"), ("öRG", "de"), ("王伟", "zh"), ("伟", "zh"), ("οδυσσεύς", "gr"), ("o'bri", "full"), ("🎉", "full"),
                           ("coop", "soft")):
            assert listed(db, alice, q=query) == [made[key]], (query, folded)
        db.rows("UPDATE users SET folded = NULL")


def test_pinned_ones_come_first_on_every_page(db):
    alice = db.user("alice")
    made = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(6)]
    for n in (1, 3):
        db.change("conversation_update", alice, conversation_id=made[n], pinned=True)
    order = [made[n] for n in (3, 1, 5, 4, 2, 0)]
    found, before = [], None
    while True:
        page = db.conversations(alice, limit=1, before=before)
        found += [c["id"] for c in page["items"]]
        if not page["has_more"]:
            break
        before = int(page["next"])
    assert found == order and listed(db, alice, limit=1000) == order


def test_a_page_of_long_texts_ends_early_and_loses_nothing(db):
    alice = db.user("alice")
    made = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(90)]
    db.store(*({"conversation": c, "sender": alice, "body": "x" * 65536} for c in made))
    page = db.conversations(alice, limit=1000)
    assert page["has_more"] and len(page["items"]) == 4_000_000 // 65536
    rest = db.conversations(alice, limit=1000, before=int(page["next"]))
    assert [c["id"] for c in page["items"] + rest["items"]] == made[::-1]


def test_the_list_says_what_the_conversation_says(db, pair):
    alice, bob, conversation = pair
    sent = say(db, conversation, alice, 2) + say(db, conversation, bob, 2)
    for step in (lambda: None, lambda: db.mark("delivered", user=alice, message=sent[2]),
                 lambda: db.mark("delivered", user=alice, message=sent[3]),
                 lambda: db.mark("read", user=alice, message=sent[3]),
                 lambda: say(db, conversation, alice), lambda: db.mark("delivered", user=bob, conversation=conversation),
                 lambda: db.mark("read", user=bob, conversation=conversation)):
        step()
        for user in (alice, bob):
            item, = db.conversations(user)["items"]
            assert item == seen(db, user, conversation)
            page = db.page(user, conversation, limit=1)["items"]
            assert item["last_message"] == page[0]
            assert page[0] == db.message(user, page[0]["id"])


# -- keeping and hiding

def test_hide_takes_the_history_from_one_and_the_next_message_brings_it_back(db, pair):
    alice, bob, conversation = pair
    old = say(db, conversation, bob, 3)
    appear(db, conversation)
    before = db.head()
    hidden = db.change("conversation_hide", alice, conversation_id=conversation)
    assert hidden["outcome"] == 0 and [e["type"] for e in hidden["events"]] == ["conversation.removed"]
    assert hidden["events"][0]["users"] == [alice]
    assert db.change("conversation_hide", alice, conversation_id=conversation)["outcome"] == 1
    assert listed(db, alice) == [] and listed(db, bob) == [conversation]
    mine = seen(db, alice, conversation)
    assert mine["unread_count"] == 0 and mine["last_message"] is None
    assert mine["last_message_at"] == mine["created_at"]
    assert db.page(alice, conversation)["items"] == [] and len(db.page(bob, conversation)["items"]) == 3
    for direction in ("before", "after", "around"):
        assert db.page(alice, conversation, **{direction: old[2]}) is None
    assert db.message(alice, old[2]) is None
    assert db.message(bob, old[2]) is not None
    new, = say(db, conversation, bob)
    assert listed(db, alice) == listed(db, alice, filter="unread") == [conversation]
    assert appear(db, conversation)["events"][0]["users"] == [alice]
    mine = seen(db, alice, conversation)
    assert mine["unread_count"] == 1 and mine["last_message"]["id"] == new
    assert [m["id"] for m in db.page(alice, conversation)["items"]] == [new]
    assert events(db, alice, before) == ["conversation.removed", "message.new", "conversation.new"]


def test_what_was_cleared_is_not_replayed(db, pair):
    alice, bob, conversation = pair
    before = db.head()
    say(db, conversation, alice)
    say(db, conversation, bob, 2)
    db.mark("read", user=bob, conversation=conversation)
    assert "message.read" in events(db, alice, before)
    db.change("conversation_hide", alice, conversation_id=conversation)
    assert events(db, alice, before) == ["conversation.removed"]
    assert events(db, bob, before).count("message.new") == 3


def test_own_message_brings_a_hidden_conversation_back_too(db, pair):
    alice, bob, conversation = pair
    say(db, conversation, alice)
    appear(db, conversation)
    db.change("conversation_hide", alice, conversation_id=conversation)
    row, = db.store({"conversation": conversation, "sender": alice})
    assert row["awaited"] and [e["users"] for e in appear(db, conversation)["events"]] == [[alice]]


def test_opening_brings_a_hidden_conversation_back_without_its_history(db, pair):
    alice, bob, conversation = pair
    say(db, conversation, bob)
    db.change("conversation_hide", alice, conversation_id=conversation)
    again = db.opened(alice, reference="bob")
    assert again["outcome"] == 1 and again["result"]["last_message"] is None
    assert [e["type"] for e in again["events"]] == ["conversation.new"] and listed(db, alice) == [conversation]


def test_hiding_does_not_tell_the_other_that_it_was_read(db, pair):
    alice, bob, conversation = pair
    say(db, conversation, bob)
    before = db.head()
    db.change("conversation_hide", alice, conversation_id=conversation)
    assert events(db, bob, before) == [] and db.page(bob, conversation)["items"][0]["status"] == "sent"


def test_what_a_member_keeps(db, pair):
    alice, bob, conversation = pair
    before = db.head()
    kept = db.change("conversation_update", alice, conversation_id=conversation, pinned=True, archived=True,
                     muted_until="forever")
    assert [(e["type"], e["users"]) for e in kept["events"]] == [("conversation.updated", [alice])]
    assert (kept["result"]["pinned"], kept["result"]["archived"], kept["result"]["muted_until"]) == (True, True, "forever")
    again = db.change("conversation_update", alice, conversation_id=conversation, pinned=True)
    assert again["outcome"] == 1 and again["events"] is None
    db.change("conversation_update", alice, conversation_id=conversation, muted_until="2040-01-02T03:04:05.678Z")
    assert seen(db, alice, conversation)["muted_until"] == "2040-01-02T03:04:05.678Z"
    db.change("conversation_update", alice, conversation_id=conversation, muted_until="2001-01-01T00:00:00Z",
              archived=False, pinned=False)
    mine = seen(db, alice, conversation)
    assert (mine["pinned"], mine["archived"], mine["muted_until"]) == (False, False, None)
    row, = db.rows("SELECT * FROM change_conversation_update(%s, %s)", alice,
                   json.dumps({"conversation_id": conversation, "muted_until": None}))
    assert row["outcome"] == 0 and row["result"]["muted_until"] is None
    theirs = seen(db, bob, conversation)
    assert (theirs["pinned"], theirs["archived"], theirs["muted_until"]) == (False, False, None)
    assert events(db, alice, before) == ["conversation.updated"] * 4 and events(db, bob, before) == []


def test_archived_stays_archived_when_a_message_comes(db, pair):
    alice, bob, conversation = pair
    db.change("conversation_update", alice, conversation_id=conversation, archived=True)
    say(db, conversation, bob)
    appear(db, conversation)
    assert listed(db, alice) == [] and listed(db, alice, filter="archived") == [conversation]


def test_strangers_change_nothing(db, pair):
    mallory = db.user("mallory")
    before = db.head()
    for conversation in (pair[2], new_id()):
        for name, arguments in (("hide", {}), ("update", {"pinned": True})):
            row = db.change(f"conversation_{name}", mallory, conversation_id=conversation, **arguments)
            assert (row["outcome"], row["result"], row["events"], row["position"]) == (2, None, None, before)
