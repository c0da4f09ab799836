# SPDX-License-Identifier: GPL-3.0-or-later
"""Legal holds: who is on the list, and that nothing of theirs is removed for good until they are not."""
import json

import pytest

from conftest import DOMAIN, new_id
from test_reactions import Talk


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


def hold(db, user, reason="case 7", **more):
    return db.change("hold", None, user=str(user), reason=reason, actor="boss@example.org", **more)


def release(db, user):
    return db.change("hold_release", None, user=str(user))


def listed(db, limit=10, after=None):
    return json.loads(db.one("SELECT hold_list(%s, %s)", limit, after))


def removed(db, function="reap_removed"):
    return db.one(f"SELECT removed FROM {function}(0, 100)")


def a_file(db, owner, message=None, due="now()"):
    """A file of the owner's, which a message has."""
    id = new_id()
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key, key_name, due_at)"
            f" VALUES (%s, %s, 'complete', 'attachment', 'file', 'a', 'text/plain', 1, 'k', 'n', {due})", id, owner)
    if message:
        db.rows("INSERT INTO attachments (message_id, n, file_id, conversation_id, seq, kind)"
                " SELECT id, 1, %s, conversation_id, seq, 'file' FROM messages WHERE id = %s", id, message)
    return id


def due(db):
    return {str(row["id"]) for row in db.rows("SELECT id FROM file_due(100)")}


def test_who_is_held(db):
    alice, bella = (db.user(name) for name in ("alice", "bella"))
    db.one("SELECT user_remote('romeo@example.org')")
    done = hold(db, f"alice@{DOMAIN}")
    assert done["outcome"] == 0 and done["result"]["user_id"] == str(alice) and done["result"]["placed_by"] == "boss@example.org"
    assert hold(db, alice)["outcome"] == 1 and hold(db, alice, "case 8")["result"]["reason"] == "case 8"
    assert hold(db, "romeo@example.org")["outcome"] == 0 and hold(db, "nobody")["outcome"] == 2 == hold(db, new_id())["outcome"]
    assert [db.one("SELECT user_held(%s)", user) for user in (alice, bella, None)] == [True, False, False]
    first = listed(db, 1)
    assert first["has_more"] and [h["jid"] for h in first["items"] + listed(db, 1, first["next"])["items"]] == [
        f"alice@{DOMAIN}", "romeo@example.org"]
    assert json.loads(db.one("SELECT hold_show('alice')"))["reason"] == "case 8" and db.rows("SELECT hold_show('bella')") == []
    assert release(db, alice)["result"]["jid"] == f"alice@{DOMAIN}" and release(db, alice)["outcome"] == 2 == release(db, bella)["outcome"]


def test_who_is_held_is_not_deleted_nor_forgotten(db):
    alice, bella = (db.user(name) for name in ("alice", "bella"))
    romeo = db.one("SELECT user_remote('romeo@example.org')")
    hold(db, alice), hold(db, "romeo@example.org")
    done = db.change("users_delete", None, users=["alice", "bella"])
    assert done["result"] == {"deleted": [f"bella@{DOMAIN}"], "missing": [], "held": [f"alice@{DOMAIN}"]}
    done = db.change("users_delete", None, users=["alice"])
    assert done["outcome"] == 3 and "hold" in done["result"]["detail"]
    for _ in range(2):
        db.rows("SELECT reap_users('{}', 0, 100)")
    assert db.one("SELECT count(*) FROM users WHERE id = %s", romeo) == 1
    release(db, alice), release(db, "romeo@example.org")
    assert db.change("users_delete", None, users=["alice"])["outcome"] == 0
    for _ in range(2):
        db.rows("SELECT reap_users('{}', 0, 100)")
    assert db.one("SELECT count(*) FROM users WHERE id = %s", romeo) == 0


@pytest.mark.parametrize("held", [0, 1])
@pytest.mark.parametrize("how", ["deleted", "expired"])
def test_what_a_message_said_stays_for_staff(db, two, held, how):
    """Of whoever says it, and of whoever was told it; also what would have been gone at once."""
    hold(db, two.users[held])
    if how == "deleted":
        db.change("message_delete", two.users[0], message_id=two.message, window=900, stanza=new_id(), **{"for": "everyone"})
    else:
        db.rows("SELECT message_expire(m, c) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = %s", two.message)
    assert removed(db) == 0
    shown = db.change("moderation_read", None, message_id=two.message)
    assert shown["outcome"] == 0 and shown["result"]["content"] == "hi"
    release(db, two.users[held])
    assert removed(db) == 1 and db.change("moderation_read", None, message_id=two.message)["outcome"] == 2


def test_others_are_not_kept_with_them(db, two):
    clara, dora = (db.user(name) for name in ("clara", "dora"))
    hold(db, clara)
    db.rows("SELECT message_expire(m, c) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = %s", two.message)
    assert db.rows("SELECT FROM removed_content") == [] and due(db) == set()
    assert a_file(db, dora) in due(db)


@pytest.mark.parametrize("held", [0, 1])
def test_bytes_of_files_stay(db, two, held):
    """Of whose it is, and of those to whom it was sent, also when the message is gone."""
    file = a_file(db, two.users[0], two.message)
    hold(db, two.users[held])
    assert due(db) == set()
    db.change("message_delete", two.users[0], message_id=two.message, window=900, stanza=new_id(), **{"for": "everyone"})
    assert due(db) == set() and db.one("SELECT state FROM files WHERE id = %s", file) == "removed", "and nobody gets it any more"
    release(db, two.users[held])
    assert due(db) == {file}
    db.rows("SELECT file_gone(ARRAY[%s]::uuid[])", file)
    assert db.rows("SELECT FROM files") == db.rows("SELECT FROM hold_files") == []


def test_an_upload_that_nobody_went_on_with_is_not_kept(db):
    alice = db.user("alice")
    file = a_file(db, alice)
    db.rows("UPDATE files SET state = 'uploading' WHERE id = %s", file)
    hold(db, alice)
    assert due(db) == {file}


def test_a_group_that_has_ended_stays(db):
    group = Talk(db, "alice", "bella", "cleo")
    db.rows("UPDATE conversations SET destroyed_at = now() - interval '1 day' WHERE id = %s", group.id)
    hold(db, group.users[2])
    assert removed(db, "reap_groups") == 0
    release(db, group.users[2])
    assert removed(db, "reap_groups") > 0


def test_calls_and_reports_stay(db, two):
    alice, bella = two.users
    call = new_id()
    db.rows("INSERT INTO calls (id, conversation_id, message_id, caller_id, callee_id, local_id, sid, call_type, status, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 's', 'audio', 'ended', now() - interval '90 days')", call, two.id, two.message, alice, bella, alice)
    db.rows("INSERT INTO call_participants (call_id, user_id, open) VALUES (%s, %s, false), (%s, %s, false)", call, alice, call, bella)
    db.rows("INSERT INTO call_events (call_id, at, event) VALUES (%s, now() - interval '90 days', 'end')", call)
    db.rows("INSERT INTO reports (id, at, origin, reporter, reporter_jid, target_type, target, offender, reason, evidence, state, closed_at)"
            " VALUES (%s, now() - interval '9 years', 'app', %s, 'b', 'user', %s, %s, 'spam', '{}', 'resolved', now() - interval '9 years')",
            new_id(), bella, alice, alice)
    hold(db, alice)
    assert removed(db, "reap_calls") == 0 == removed(db, "reap_reports")
    release(db, alice)
    assert removed(db, "reap_calls") == 2 and removed(db, "reap_reports") == 1


