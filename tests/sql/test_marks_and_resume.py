# SPDX-License-Identifier: GPL-3.0-or-later
"""Watermarks only rise and are exact; what was missed since a position is exactly what happened."""
import json

import pytest

from conftest import DOMAIN, new_id


@pytest.fixture
def talk(db):
    """Alice (hosted) and Romeo (remote): Romeo's messages 1, 2 and 4, hers is 3."""
    alice = db.user("alice")
    rows = db.receive({"to": f"alice@{DOMAIN}", "foreign_id": "r1", "markable": True},
                      {"to": f"alice@{DOMAIN}", "foreign_id": "r2", "markable": False})
    conversation = rows[0]["conversation_id"]
    mine, = db.store({"conversation": conversation, "sender": alice})
    last, = db.receive({"to": f"alice@{DOMAIN}", "foreign_id": "r4", "markable": True})
    db.rows("DELETE FROM outbox")
    romeo = last["sender_id"]
    return {"alice": alice, "romeo": romeo, "conversation": conversation,
            "ids": [rows[0]["id"], rows[1]["id"], mine["id"], last["id"]]}


def watermarks(db, user):
    return db.rows("SELECT delivered_seq, read_seq FROM members WHERE user_id = %s", user)[0]


def test_marks_rise_and_never_fall(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    row = db.mark("delivered", user=alice, message=ids[1])
    assert row["outcome"] == 0 and row["seq"] == 2 and row["message_id"] == ids[1]
    assert row["conversation_id"] == talk["conversation"]
    assert db.mark("delivered", user=alice, message=ids[0])["outcome"] == 1
    assert db.mark("delivered", user=alice, message=ids[1])["outcome"] == 1
    assert watermarks(db, alice) == {"delivered_seq": 2, "read_seq": 0}
    db.mark("read", user=alice, message=ids[3])
    late = db.mark("read", user=alice, message=ids[0])
    assert late["outcome"] == 1 and late["seq"] == 4
    assert watermarks(db, alice) == {"delivered_seq": 4, "read_seq": 4}


def test_reading_implies_delivery_once(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    db.mark("delivered", user=alice, message=ids[2])
    db.mark("read", user=alice, message=ids[1])
    assert watermarks(db, alice) == {"delivered_seq": 3, "read_seq": 2}
    db.mark("read", user=alice, message=ids[3])
    assert db.rows("SELECT kind, seq FROM marks ORDER BY kind, seq") == [
        {"kind": "delivered", "seq": 3}, {"kind": "delivered", "seq": 4},
        {"kind": "read", "seq": 2}, {"kind": "read", "seq": 4}]


def test_unread_is_exact(db, talk):
    alice, ids, conversation = talk["alice"], talk["ids"], talk["conversation"]
    assert db.get(alice, conversation)["unread_count"] == 3
    db.mark("delivered", user=alice, message=ids[3])
    assert db.mark("read", user=alice, message=ids[0])["unread"] == 2
    assert db.mark("read", user=alice, message=ids[2])["unread"] == 1
    assert db.mark("read", user=alice, conversation=conversation)["unread"] == 0
    assert db.get(alice, conversation)["unread_count"] == 0
    assert db.mark("read", user=talk["romeo"], message=ids[0])["unread"] == 1


def test_newest_message_is_meant_when_none_is_named(db, talk):
    row = db.mark("read", user=talk["alice"], conversation=talk["conversation"])
    assert row["outcome"] == 0 and row["message_id"] == talk["ids"][3] and row["seq"] == 4
    quiet = db.conversation(talk["alice"], jid="juliet@example.org")
    empty = db.mark("read", user=talk["alice"], conversation=quiet)
    assert empty["outcome"] == 1 and empty["message_id"] is None and empty["unread"] == 0


def test_strangers_foreign_messages_and_random_ids_are_alike(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    mallory = db.user("mallory")
    other = db.conversation(mallory, jid="romeo@example.org")
    foreign, = db.store({"conversation": other, "sender": mallory})
    refused = [db.mark("read", user=mallory, conversation=talk["conversation"]),
               db.mark("read", user=mallory, conversation=talk["conversation"], message=ids[0]),
               db.mark("read", user=mallory, message=ids[0]),
               db.mark("read", user=alice, conversation=talk["conversation"], message=foreign["id"]),
               db.mark("read", user=alice, conversation=talk["conversation"], message=new_id()),
               db.mark("read", user=alice, conversation=new_id()),
               db.mark("read", user=alice, message=new_id()),
               db.mark("read", jid="nobody@example.org", message=ids[2])]
    assert {row["outcome"] for row in refused} == {2}
    assert {(row["unread"], row["marker_to"], row["marker_reference"]) for row in refused} == {
        (None, None, None)}
    assert db.one("SELECT count(*) FROM marks") == 0


def test_remote_member_marks_by_address(db, talk):
    row = db.mark("delivered", jid="romeo@example.org", message=talk["ids"][2])
    assert row["outcome"] == 0 and row["user_id"] == talk["romeo"] and row["marker_to"] is None
    item = next(i for i in db.page(talk["alice"], talk["conversation"])["items"] if i["seq"] == 3)
    assert item["status"] == "delivered" and item["delivered_at"] and item["read_at"] is None
    db.mark("read", jid="romeo@example.org", message=talk["ids"][2])
    item = next(i for i in db.page(talk["alice"], talk["conversation"])["items"] if i["seq"] == 3)
    assert item["status"] == "read" and item["read_at"]
    assert db.outbox() == []


def test_marker_names_the_peers_newest_markable_message(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    assert db.mark("delivered", user=alice, message=ids[3])["marker_to"] is None
    second = db.mark("read", user=alice, message=ids[1])
    assert (second["marker_to"], second["marker_reference"]) == ("romeo@example.org", "r1")
    last = db.mark("read", user=alice, message=ids[3])
    assert last["marker_reference"] == "r4"
    entries = db.outbox()
    assert [(e["kind"], e["reference"], e["to_address"], e["from_jid"], e["position"]) for e in entries] == [
        ("displayed", "r1", "romeo@example.org", f"alice@{DOMAIN}", second["position"]),
        ("displayed", "r4", "romeo@example.org", f"alice@{DOMAIN}", last["position"])]


def test_no_marker_for_messages_that_did_not_ask(db):
    alice = db.user("alice")
    row, = db.receive({"to": f"alice@{DOMAIN}", "markable": False})
    assert db.mark("read", user=alice, message=row["id"])["marker_to"] is None
    row, = db.receive({"to": f"alice@{DOMAIN}", "markable": True, "foreign_id": None})
    assert db.mark("read", user=alice, message=row["id"])["marker_to"] is None
    assert db.outbox() == []


def test_several_marks_of_one_member_in_one_batch(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    rows = db.rows("SELECT * FROM mark_store(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])",
                   [alice] * 4, [None] * 4, [None] * 4, [ids[0], ids[3], ids[1], ids[3]],
                   ["read", "delivered", "read", "read"])
    # The furthest of each kind moves; every answer tells where the batch has left the member.
    assert [row["outcome"] for row in rows] == [1, 0, 1, 0]
    assert [row["seq"] for row in rows] == [4, 4, 4, 4]
    assert [row["unread"] for row in rows] == [0, None, 0, 0]
    assert watermarks(db, alice) == {"delivered_seq": 4, "read_seq": 4}


@pytest.mark.parametrize("kinds", [("read", "delivered"), ("delivered", "read")])
def test_both_marks_in_one_batch_are_resumed(db, talk, kinds):
    """Delivered further than read, whichever row comes first: both events are in the other's log; her
    own log has the read mark only, what was delivered to her she knows."""
    alice, romeo, ids = talk["alice"], talk["romeo"], talk["ids"]
    before = db.head()
    reach = {"read": ids[1], "delivered": ids[3]}
    db.rows("SELECT * FROM mark_store(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])",
            [alice] * 2, [None] * 2, [None] * 2, [reach[kind] for kind in kinds], list(kinds))
    told, own = ({row["type"]: json.loads(row["payload"])["seq"]
                  for row in db.resume(user, before) if row["type"]} for user in (romeo, alice))
    assert told == {"message.delivered": 4, "message.read": 2}
    assert own == {"message.read": 2}
    again = db.mark("read", user=alice, message=ids[3])
    assert again["outcome"] == 0 and watermarks(db, alice) == {"delivered_seq": 4, "read_seq": 4}


# -- resuming

def events(rows):
    return sorted((row["position"], row["type"]) for row in rows if row["type"])


def test_resume_is_exactly_what_came_after(db, talk):
    alice, ids = talk["alice"], talk["ids"]
    before = db.head()
    assert [row["type"] for row in db.resume(alice, before)] == [None]
    sent, = db.store({"conversation": talk["conversation"], "sender": alice})
    arrived, = db.receive({"to": f"alice@{DOMAIN}", "sender": "juliet@example.org"})
    delivered = db.mark("delivered", jid="romeo@example.org", message=ids[2])
    read = db.mark("read", user=alice, message=ids[3])
    failed = db.fail(sent["id"], "romeo@example.org")
    bob = db.user("bob")
    db.store({"conversation": db.conversation(bob, jid="romeo@example.org"), "sender": bob})
    rows = db.resume(alice, before)
    assert rows[0]["type"] is None and rows[0]["position"] == db.head()
    assert events(rows) == [
        (sent["position"], "message.new"), (arrived["position"], "message.new"),
        (delivered["position"], "message.delivered"), (read["position"], "message.read"),
        (failed["position"], "message.failed")]
    for position, kind in events(rows):
        assert (position, kind) not in events(db.resume(alice, position))
    payloads = {row["type"]: json.loads(row["payload"]) for row in rows if row["type"]}
    assert payloads["message.failed"]["xmpp_condition"] == "service-unavailable"
    assert payloads["message.read"]["message_id"] == ids[3] and payloads["message.read"]["user_id"] == alice


def test_watermarks_appear_once_where_they_stand(db, talk):
    before = db.head()
    for message in talk["ids"]:
        db.mark("delivered", user=talk["alice"], message=message)
        last = db.mark("read", user=talk["alice"], message=message)
    # The read mark moved the delivered one in its own step only if it was ahead of it.
    kinds = [kind for _, kind in events(db.resume(talk["romeo"], before))]
    assert kinds == ["message.delivered", "message.read"]
    assert max(position for position, _ in events(db.resume(talk["romeo"], before))) == last["position"]


def test_more_than_the_limit_is_told_and_nothing_follows(db, talk):
    before = db.head()
    db.store(*[{"conversation": talk["conversation"], "sender": talk["alice"]}] * 10)
    assert len(events(db.resume(talk["alice"], before, 10))) == 10
    assert [row["type"] for row in db.resume(talk["alice"], before, 9)] == ["resync"]
    assert [row["type"] for row in db.resume(talk["alice"], before, 3)] == ["resync"]
    assert len(events(db.resume(talk["alice"], 0, 1000))) == 14


def test_long_texts_are_resumed_in_parts(db, talk):
    """Whatever the size of a part: together they are what was missed, in order, each once."""
    alice, romeo, before = talk["alice"], talk["romeo"], db.head()
    for number in range(9):
        db.rows("SELECT * FROM message_store(ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s]::uuid[], ARRAY[%s],"
                " ARRAY[NULL]::text[], ARRAY[%s]::uuid[], false)", (id := new_id()), talk["conversation"], romeo, "x" * 1000, id)
        db.rows("SELECT event_add('conversation.removed', 'user', NULL, %s, %s)", alice, json.dumps({"x": "y" * 500}))
    wanted = sorted(events(db.resume(alice, before)))
    assert len(wanted) == 18
    for size in (0, 1, 999, 1000, 1700, 4000, 1_000_000):
        got, position, parts = [], before, 0
        while True:
            rows = db.resume(alice, position, bytes=size)
            cut, parts = rows[0]["actor"], parts + 1
            part = sorted(e for e in events(rows) if cut is None or e[0] <= cut)
            got += part
            if cut is None:
                break
            assert cut == part[-1][0] > position
            position = cut
        assert got == wanted, size
        assert (parts == 1) == (size == 1_000_000)


def test_strangers_resume_nothing(db, talk):
    mallory = db.user("mallory")
    assert events(db.resume(mallory, 0)) == []
    assert events(db.resume(new_id(), 0)) == []


def test_a_hundred_thousand_missed_messages_cost_no_more_than_the_limit(db, talk):
    alice, conversation = talk["alice"], talk["conversation"]
    before = db.head()
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
            " SELECT gen_random_uuid(), %s, 4 + n, %s + n, %s, now(), 'x', n FROM generate_series(1, 100000) n",
            conversation, before, talk["romeo"])
    db.rows("UPDATE log_head SET position = position + 100000")
    db.rows("VACUUM ANALYZE messages")
    row, = db.resume(alice, before)
    assert row["type"] == "resync" and row["position"] == before + 100_000
    plan = db.one("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM event_resume(%s, %s, 1000, 1000000)", alice, before)
    assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 1500
    assert [row["type"] for row in db.resume(alice, before + 100_000)] == [None]
    assert len(db.resume(alice, before + 99_500)) == 501


@pytest.mark.parametrize("missed", [1, 7, 8, 9, 63, 64, 65, 200])
def test_few_missed_messages_cost_the_same_after_a_long_history(db, talk, missed):
    alice, conversation = talk["alice"], talk["conversation"]
    before = db.head()
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
            " SELECT gen_random_uuid(), %s, 4 + n, %s + n, %s, now(), 'x', n FROM generate_series(1, 50000) n",
            conversation, before, talk["romeo"])
    db.rows("UPDATE log_head SET position = position + 50000")
    db.rows("VACUUM ANALYZE messages")
    arguments = (alice, before + 50_000 - missed)
    assert len(events(db.resume(*arguments))) == missed
    for call in ("event_unseen(%s, %s, 1000)", "event_resume(%s, %s, 1000, 1000000)"):
        plan = db.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {call}", *arguments)
        assert plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"] < 100 + 15 * missed, call


@pytest.mark.parametrize("others", [10, 1500])
def test_events_of_others_are_passed_over_whether_few_or_many(db, talk, others):
    alice, mallory = talk["alice"], db.user("mallory")
    bob = db.user("bob")
    db.conversation(alice, reference="bob")
    before = db.head()
    db.rows("SELECT count(event_add('conversation.removed', 'user', NULL, %s, '{}')) FROM generate_series(1, %s)", mallory,
            others)
    for audience, conversation, user in (("user", None, alice), ("members", talk["conversation"], None),
                                         ("partners", None, bob), ("partners", None, alice), ("user", None, bob),
                                         ("partners", None, mallory)):
        db.rows("SELECT event_add('conversation.removed', %s, %s, %s, '{}')", audience, conversation, user)
    assert [position for position, _ in events(db.resume(alice, before))] \
        == [before + others + n for n in (1, 2, 3, 4)]


def test_events_that_tell_nothing_any_more_hide_nothing_behind_them(db, talk):
    """However many of them are among the first that are looked at: what is behind is reached, or a resync said."""
    alice, before = talk["alice"], db.head()
    for number in range(20):
        if number % 5:
            db.rows("SELECT event_add('conversation.updated', 'user', %s, %s)", new_id(), alice)
        else:
            db.rows("SELECT event_add('conversation.removed', 'user', NULL, %s, '{}')", alice)
    wanted = [(before + n, "conversation.removed") for n in (1, 6, 11, 16)]
    for limit in (1, 2, 3, 5, 19, 20):
        got, position = [], before
        for _ in range(20):
            rows = db.resume(alice, position, limit)
            cut = rows[0]["actor"]
            assert rows[0]["type"] is None and (cut is None or cut > position)
            got += events(rows)
            if cut is None:
                break
            position = cut
        assert cut is None and got == wanted, limit
