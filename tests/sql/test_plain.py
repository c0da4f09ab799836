# SPDX-License-Identifier: GPL-3.0-or-later
"""The short way of messages and marks: it stores what the long one would, or nothing."""
import threading

import psycopg2
import pytest

from conftest import DOMAIN, new_id
from test_schema import named_queries

TEXTS = dict(named_queries())
SAME = ("conversation_id, seq, sender_id, body, kind, metadata, many, sender_seq, markable, details, reply_to, thread_id, stanza,"
        " sender_address, foreign_id, failed_condition, expires_at, client_id")


def run(db, name, *columns, on=None):
    """Prepares the very statement, once a connection, and runs it with these arrays."""
    connection = on or db.main
    there = db.one("SELECT count(*) FROM pg_prepared_statements WHERE name = %s", name, on=connection)
    if not there:
        db.rows(f"PREPARE {name} AS {TEXTS[name]}", on=connection)
    kinds = {"message_put": ["uuid", "uuid", "uuid", "text", "text", "uuid", "bigint", "bigint"], "mark_put": ["uuid"] * 3}[name]
    return db.rows(f"EXECUTE {name}(" + ", ".join(f"%s::{kind}[]" for kind in kinds) + ")", *columns, on=connection)


def put(db, *messages, on=None):
    """messages: (conversation, sender, seq, sender_seq) and what differs."""
    rows = [{"id": new_id(), "dedupe": new_id(), "body": "short", "client_id": "c", **m} for m in messages]
    return run(db, "message_put", *([row[key] for row in rows] for key in
               ("id", "conversation", "sender", "body", "client_id", "dedupe", "seq", "sender_seq")), on=on)


def appear(db, *conversations):
    db.change("conversation_appear", None, conversation_ids=list(conversations))


@pytest.fixture
def talk(db):
    """Two users who have each written: nothing has to be asked."""
    alice, bob = db.user("alice"), db.user("bob")
    conversation = db.conversation(alice, reference="bob")
    db.store({"conversation": conversation, "sender": alice, "body": "first"}, {"conversation": conversation, "sender": bob})
    appear(db, conversation)
    return {"alice": alice, "bob": bob, "conversation": conversation}


def test_it_stores_what_the_long_way_stores(db, talk):
    carol, dave = db.user("carol"), db.user("dave")
    one, other = talk["conversation"], db.conversation(carol, reference="dave")
    db.store({"conversation": other, "sender": carol, "body": "first"}, {"conversation": other, "sender": dave})
    appear(db, other)
    said = [("alice", "one", "k1"), ("alice", "two", None), ("bob", "three", "k2")]
    before = db.head()
    stored = put(db, *({"conversation": one, "sender": talk[who], "body": body, "client_id": client, "seq": 3 + n, "sender_seq": of}
                       for (n, (who, body, client)), of in zip(enumerate(said), (2, 3, 2))))
    assert [row["position"] for row in stored] == [before + 1, before + 2, before + 3] and db.head() == before + 3
    long = db.store(*({"conversation": other, "sender": {"alice": carol, "bob": dave}[who], "body": body, "client_id": client}
                      for who, body, client in said))
    assert [row["sender_seq"] for row in long] == [2, 3, 2]

    def rows(conversation, first):
        return [{**row, "conversation_id": None, "sender_id": row["sender_id"] == first} for row in db.rows(
            f"SELECT {SAME} FROM messages WHERE conversation_id = %s ORDER BY seq", conversation)]
    assert rows(one, talk["alice"]) == rows(other, carol)
    assert db.one("SELECT bool_and(created_at <= (SELECT stamp FROM log_head)) FROM messages")


@pytest.mark.parametrize("columns", ["guarded = true", "awaited = true", "closed = true", "disappearing = 60", "base_seq = 3",
                                     "plain = false", "remote_user = member_ids[1], remote_jid = 'r@example.org'"])
def test_nothing_is_stored_where_something_has_to_be_asked(db, talk, columns):
    db.rows(f"UPDATE conversations SET {columns}")
    carol, _ = db.user("carol"), db.user("dave")
    other = db.conversation(carol, reference="dave")
    db.rows("UPDATE conversations SET guarded = false, awaited = false WHERE id = %s", other)
    row, = put(db, {"conversation": talk["conversation"], "sender": talk["alice"], "seq": 3, "sender_seq": 2},
               {"conversation": other, "sender": carol, "seq": 1, "sender_seq": 1})
    assert row["position"] == db.head(), "its neighbour is stored, in its place"
    assert db.one("SELECT count(*) FROM messages") == 3


def test_neither_a_stranger_nor_a_group_has_a_row(db, talk):
    group = new_id()
    assert db.change("group_create", talk["alice"], id=group, name="g", participants=[], domain=DOMAIN)["outcome"] == 0
    for conversation, sender in ((talk["conversation"], db.user("mallory")), (new_id(), talk["alice"]),
                                 (group, talk["alice"])):
        assert put(db, {"conversation": conversation, "sender": sender, "seq": 3, "sender_seq": 1}) == []
    assert db.one("SELECT count(*) FROM messages WHERE body = 'short'") == 0


def test_a_block_counts_from_its_commit_on(db, talk):
    jid = db.one("SELECT jid FROM users WHERE id = %s", talk["alice"])
    db.change("block", talk["bob"], jid=jid, domain=DOMAIN)
    for sender in (talk["alice"], talk["bob"]):
        assert put(db, {"conversation": talk["conversation"], "sender": sender, "seq": 3, "sender_seq": 2}) == []
    db.change("unblock", talk["bob"], jid=jid, domain=DOMAIN)
    assert put(db, {"conversation": talk["conversation"], "sender": talk["alice"], "seq": 3, "sender_seq": 2})


@pytest.mark.parametrize("wrong", [{"seq": 2}, {"dedupe": "again"}])
def test_a_number_or_a_key_given_out_fails_the_batch(db, talk, wrong):
    first = {"conversation": talk["conversation"], "sender": talk["alice"], "seq": 3, "sender_seq": 2, "dedupe": new_id()}
    put(db, first)
    again = {**first, "seq": 4, "sender_seq": 3, "dedupe": new_id(), **wrong}
    if again["dedupe"] == "again":
        again["dedupe"] = first["dedupe"]
    head = db.head()
    with pytest.raises(psycopg2.errors.UniqueViolation):
        put(db, {**first, "seq": 9, "dedupe": new_id()}, again)
    assert db.head() == head and db.one("SELECT max(seq) FROM messages") == 3


def test_instances_wait_for_each_other_and_see_what_was_decided(db, talk):
    """As the writer frames it: log_before first, in the same transaction."""
    one, other = db.connect(autocommit=False), db.connect(autocommit=False)
    db.rows(TEXTS["log_before"], on=one)
    db.rows("UPDATE conversations SET guarded = true", on=one)
    got = []

    def second():
        db.rows(TEXTS["log_before"], on=other)
        got.append(put(db, {"conversation": talk["conversation"], "sender": talk["alice"], "seq": 3, "sender_seq": 2}, on=other))
        other.commit()
    thread = threading.Thread(target=second)
    thread.start()
    while thread.is_alive() and not db.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass
    assert got == [], "it has not waited"
    one.commit()
    thread.join()
    assert got == [[]], "it has seen the change, and stored nothing"


MARKED = "delivered_seq, delivered_position > 0 AS placed, read_seq, others_seen, quiet, unread_own"


def test_marks_move_as_the_long_way_moves_them(db, talk):
    newest = db.one("SELECT id FROM messages ORDER BY position DESC LIMIT 1")
    head = db.head()
    row, = run(db, "mark_put", [talk["alice"]], [talk["conversation"]], [newest])
    short = db.rows(f"SELECT {MARKED} FROM members ORDER BY user_id = %s", talk["alice"])
    history = db.rows("SELECT conversation_id, user_id, kind, seq FROM marks")
    assert (row["seq"], row["position"], row["user_id"]) == (2, head + 1, talk["alice"])
    db.rows("UPDATE members SET delivered_seq = 0, delivered_position = 0")
    db.rows("DELETE FROM marks")
    long = db.mark("delivered", user=talk["alice"], conversation=talk["conversation"], message=newest)
    assert {key: long[key] for key in ("seq", "member_ids", "member_numbers")} == {
        key: row[key] for key in ("seq", "member_ids", "member_numbers")} and long["outcome"] == 0 and long["tells"]
    assert short == db.rows(f"SELECT {MARKED} FROM members ORDER BY user_id = %s", talk["alice"])
    assert history == db.rows("SELECT conversation_id, user_id, kind, seq FROM marks")


def test_marks_that_move_nothing_or_need_more_have_no_row(db, talk):
    first, second = (row["id"] for row in db.rows("SELECT id FROM messages ORDER BY position"))
    alice, bob, conversation = talk["alice"], talk["bob"], talk["conversation"]
    assert run(db, "mark_put", [db.user("mallory")], [conversation], [second]) == []
    assert run(db, "mark_put", [alice], [new_id()], [second]) == []
    assert len(run(db, "mark_put", [alice, bob], [conversation] * 2, [second, first])) == 2
    assert run(db, "mark_put", [alice], [conversation], [first]) == [], "never back"
    db.rows("UPDATE members SET delivered_seq = 0; DELETE FROM marks")
    db.change("privacy", bob, receipts=False)
    row, = run(db, "mark_put", [bob, alice], [conversation] * 2, [second] * 2)
    assert row["user_id"] == alice, "who tells nobody is asked the long way"
    db.rows("UPDATE members SET delivered_seq = 0; UPDATE conversations SET guarded = true")
    assert run(db, "mark_put", [alice], [conversation], [second]) == []
    assert db.one("SELECT count(*) FROM marks") == 1


def scanned(plan):
    """The tables that are read as a whole."""
    own = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return own.union(*(scanned(child) for child in plan.get("Plans", ())))


def test_each_is_found_by_key(db, talk):
    for name, columns in (("message_put", "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'"), ("mark_put", "'{}', '{}', '{}'")):
        db.rows(f"PREPARE {name}_ AS {TEXTS[name]}")
        plan = db.one(f"EXPLAIN (FORMAT JSON) EXECUTE {name}_({columns})")[0]["Plan"]
        assert scanned(plan) <= {"log_head"}, plan
