# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive replays besides messages, and stanzas that go to several at once."""
import json
import uuid

import pytest

from conftest import DOMAIN, new_id

ROMEO = "romeo@example.org"


@pytest.fixture
def talk(db):
    """Alice's conversation with Romeo, and the first message in it."""
    alice = db.user("alice")
    conversation = db.conversation(alice, jid=ROMEO)
    message, = db.store({"conversation": conversation, "sender": alice, "body": "hi"})
    return alice, conversation, message


def add(db, talk, kind="reaction", on=None, **more):
    """An entry and the event that tells it, in one statement."""
    alice, conversation, message = talk
    arguments = {"target": message["id"], "payload": json.dumps({"emojis": ["+"]}), "came": None} | more
    return db.one("SELECT entry_add(event_add('conversation.updated', 'user', %s, %s), %s, %s, %s, %s, %s, %s)",
                  conversation, alice, conversation, kind, alice, arguments["target"], arguments["payload"],
                  arguments["came"], on=on)


def entries(db):
    return db.rows("SELECT * FROM entries ORDER BY position")


def reap(db, payload=None, limit=1000):
    return db.rows("SELECT * FROM reap_entries(%s, %s)", json.dumps(payload or {}), limit)[0]


def test_an_entry_has_the_position_of_its_event_and_an_id_like_a_message(db, talk):
    alice, conversation, message = talk
    made = [str(add(db, talk)) for _ in range(2)]
    rows = entries(db)
    assert [str(row["id"]) for row in rows] == made and made[0] != made[1]
    assert [row["position"] for row in rows] == [row["position"] for row in db.rows("SELECT position FROM events"
                                                 " WHERE type = 'conversation.updated' ORDER BY position")]
    assert rows[0]["position"] > message["position"] and rows[0]["target"] == message["id"] and rows[0]["seq"] == message["seq"]
    one = uuid.UUID(made[0])
    assert one.version == 7 and one.variant == uuid.RFC_4122
    assert (one.int >> 80) == int(rows[0]["created_at"].timestamp() * 1000)
    assert rows[0]["payload"] == {"emojis": ["+"]} and rows[0]["stanza"] is None


def test_what_came_by_xmpp_is_kept_as_it_came(db, talk):
    came = {"address": f"{ROMEO}/phone", "id": "r1", "stanza": "<message/>"}
    add(db, talk, came=json.dumps(came), payload=None)
    row, = entries(db)
    assert (row["sender_address"], row["foreign_id"], row["stanza"]) == tuple(came.values())


def test_an_entry_whose_transaction_fails_is_not_there(db, talk):
    slow = db.connect(autocommit=False)
    add(db, talk, on=slow)
    slow.rollback()
    slow.close()
    assert entries(db) == []


def test_entries_go_with_what_they_are_about(db, talk):
    alice, conversation, message = talk
    kept, = db.store({"conversation": conversation, "sender": alice, "body": "kept"})
    for target in (message["id"], kept["id"], None):
        add(db, talk, target=target)
    assert reap(db) == {"removed": 0, "more": False, "payload": {}}
    db.rows("DELETE FROM messages WHERE id = %s", message["id"])
    first = reap(db, limit=2)
    assert (first["removed"], first["more"]) == (1, True)
    assert reap(db, first["payload"], limit=2) == {"removed": 0, "more": False, "payload": {}}
    assert [row["target"] for row in entries(db)] == [kept["id"], None]
    # All that was said up to then was removed.
    db.rows("UPDATE conversations SET base_seq = 3 WHERE id = %s", conversation)
    assert reap(db)["removed"] == 2 and entries(db) == []


# ---- Outgoing -----------------------------------------------------------------------------------------------------

def test_a_stanza_of_a_new_kind_goes_to_several_in_order(db, talk):
    alice, _, message = talk
    position = db.head() + 1
    db.rows("UPDATE log_head SET position = %s", position)
    db.rows("SELECT outbox_add(%s, 'wave', %s, %s, %s, 'ref', 'pay')", position, alice, ["a@x.example", "b@x.example"], message["id"])
    db.rows("SELECT outbox_add(%s, 'wave', %s, %s)", position, alice, ["c@x.example"])
    waves = [e for e in db.outbox() if e["kind"] == "wave"]
    assert [(e["n"], e["to_address"], e["reference"], e["payload"]) for e in waves] == [
        (0, "a@x.example", "ref", "pay"), (1, "b@x.example", "ref", "pay"), (2, "c@x.example", None, None)]
    assert waves[0]["from_jid"] == f"alice@{DOMAIN}" and waves[0]["message_id"] == message["id"]
    # A page may end between them; what was not sent is not cleared.
    assert [e["n"] for e in db.outbox(after=position, n=0, limit=1)] == [1]
    db.one("SELECT outbox_delivered(%s, 1, NULL, (SELECT epoch FROM log_head), '{message,wave}')", position)
    assert [(e["kind"], e["n"]) for e in db.outbox()] == [("wave", 2)]


def test_kinds_that_the_program_does_not_know_are_not_cleared(db, talk):
    alice, conversation, _ = talk
    position = db.head() + 1
    db.rows("UPDATE log_head SET position = %s", position)
    db.rows("SELECT outbox_add(%s, 'wave', %s, %s)", position, alice, ["a@x.example"])
    db.store({"conversation": conversation, "sender": alice, "dedupe": new_id()})
    db.one("SELECT outbox_delivered(%s, 0, NULL, (SELECT epoch FROM log_head), '{message,received}')", db.head())
    assert [e["kind"] for e in db.outbox()] == ["wave"]


def test_a_subscription_carries_the_name(db, talk):
    alice, _, _ = talk
    db.rows("UPDATE users SET name = 'Alice' WHERE id = %s", alice)
    db.change("contact_add", alice, jid=ROMEO, domain=DOMAIN)
    assert [(e["kind"], e["payload"]) for e in db.outbox()][-1] == ("subscribe", "Alice")
