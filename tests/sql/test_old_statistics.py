# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans that were made when there was little, and are kept: what a call looks at must not grow with what somebody has since.

PostgreSQL plans with its statistics, which autovacuum brings up to date a minute later or more. With those of before, a look-up of one
row by both halves of a key looks no better than one of all that has the first half; and a join of two such sets goes through the one for
each row of the other. Blocks that the calls touch are counted, with such plans and with those of statistics that are true.
"""
import json

import psycopg2
import pytest

from conftest import DOMAIN, Database, new_id
from test_plans import calls, changes, fill

FEW = 60
MANY = 3000
GROUP = 200
BATCH = 64

# What looks at all that somebody has, or at all of something in order, with whatever plan.
WHOLE = {"erase_show", "admin_user_show", "admin_user_list", # numbers and lists for staff
         "file_create", # files of the user, or all that wait
         "change unblock"} # contacts of the user


def begin(db):
    """Some users who have one of each."""
    fill(db, FEW, 10 * FEW)
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT md5('h' || n)::uuid, 'r' || n || '@example.org', true FROM generate_series(1, %s) n", FEW)
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size) SELECT md5('e' || n)::uuid, md5('h' || n)::uuid, 'complete', 'attachment',"
            " 'file', 'f', 'text/plain', 1 FROM generate_series(1, %s) n", FEW)
    db.rows("INSERT INTO attachments (message_id, n, file_id, conversation_id, seq, kind) SELECT m.id, 0, f.id, m.conversation_id, m.seq, 'file'"
            " FROM files f JOIN messages m ON m.sender_id = f.user_id AND m.seq < 3")
    db.rows("INSERT INTO activity (conversation_id, day, who, named, messages) SELECT md5('c' || n)::uuid, '2026-01-01', md5('h' || n)::uuid, true, 1"
            " FROM generate_series(1, %s) n", FEW)
    db.rows("INSERT INTO stars (user_id, message_id, position, at) SELECT m.sender_id, m.id, m.position, now() FROM messages m WHERE m.seq < 3 AND m.sender_id IN ("
            "SELECT id FROM users WHERE kind = 'hosted')")
    db.rows("UPDATE log_head SET position = 200000")


def grow(db):
    """One user gets MANY of everything; another has as many groups, none of them the same; a conversation gets a history."""
    user, other = (db.one("SELECT id FROM users WHERE external_id = %s", f"e{n}") for n in (4, 5))
    talk = db.one("SELECT id FROM conversations WHERE remote_jid = 'r4@example.org'")
    db.rows("INSERT INTO users (id, kind, jid) SELECT md5('p' || n)::uuid, 'remote', 'p' || n || '@many.example' FROM generate_series(1, %s) n", MANY)
    db.rows("INSERT INTO conversations (id, member_ids, member_numbers, remote_user, remote_jid, position, created_at)"
            " SELECT md5('d' || n)::uuid, pair_key(%s, md5('p' || n)::uuid), ARRAY[1, 2], md5('p' || n)::uuid, 'p' || n || '@many.example', n, now()"
            " FROM generate_series(1, %s) n", user, MANY)
    db.rows("INSERT INTO conversations (id, kind, name, member_ids, member_numbers, position, created_at)"
            " SELECT md5(g || n)::uuid, 'group', 'Group', ARRAY[u], ARRAY[1], n, now()"
            " FROM (VALUES ('own', %s::uuid), ('other', %s::uuid)) x (g, u), generate_series(1, %s) n", user, other, MANY)
    db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at, grouped, request)"
            " SELECT c.id, u.id, u.kind, u.jid, u.number, now(), c.kind = 'group', CASE WHEN u.id = %s AND c.kind = 'direct' AND c.position %% 3 = 0 THEN 'pending' END"
            " FROM conversations c JOIN users u ON u.id = ANY (c.member_ids) WHERE c.remote_jid LIKE '%%@many.example' OR c.kind = 'group'", user)
    db.rows("INSERT INTO users (id, kind, external_id, jid) SELECT md5('g' || n)::uuid, 'hosted', 'g' || n, 'g' || n || '@' || %s FROM generate_series(1, %s) n",
            DOMAIN, GROUP)
    db.rows("INSERT INTO conversations (id, kind, name, member_ids, member_numbers, position, created_at)"
            " SELECT md5('great')::uuid, 'group', 'Great', array_agg(u.id ORDER BY u.id), array_agg(u.number ORDER BY u.id), 1, now()"
            " FROM users u WHERE u.external_id LIKE 'g%%' OR u.id = %s", user)
    db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at, grouped, role) SELECT md5('great')::uuid, u.id, u.kind, u.jid, u.number,"
            " now(), true, CASE WHEN u.id = %s THEN 'owner' ELSE 'member' END FROM users u WHERE u.external_id LIKE 'g%%' OR u.id = %s", user, user)
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, sender_seq, created_at, body, dedupe)"
            " SELECT md5('n' || n)::uuid, %s, o.seq + n, 20000 + n, %s, o.seq + n, now(), 'text ' || n, md5('n' || n)::uuid"
            " FROM (SELECT max(seq) AS seq FROM messages WHERE conversation_id = %s) o, generate_series(1, %s) n", talk, user, talk, 4 * MANY)
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, sender_seq, created_at, body, dedupe)"
            " SELECT md5('q' || n)::uuid, md5('d' || n)::uuid, 1, 40000 + n, %s, 1, now(), 'hello ' || n, md5('q' || n)::uuid"
            " FROM generate_series(1, %s) n", user, MANY)
    db.rows("UPDATE members m SET rested = c.position FROM conversations c WHERE c.id = m.conversation_id AND m.user_id = %s AND c.remote_jid LIKE '%%@many.example'"
            " AND c.position > %s", user, MANY // 2)
    db.rows("INSERT INTO contacts (user_id, peer, to_peer, from_peer) SELECT %s, 'p' || n || '@many.example', true, true FROM generate_series(1, %s) n",
            user, MANY)
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT md5('g' || n)::uuid, 'h4@' || %s, true FROM generate_series(1, %s) n", DOMAIN, GROUP)
    db.rows("INSERT INTO blocks (user_id, peer) SELECT u, 'b' || n || '@many.example' FROM unnest(ARRAY[%s, %s]::uuid[]) u, generate_series(1, %s) n",
            user, other, MANY)
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size) SELECT md5('f' || n)::uuid, %s, 'complete', 'attachment', 'file', 'f',"
            " 'text/plain', 1 FROM generate_series(1, %s) n", user, MANY)
    db.rows("INSERT INTO attachments (message_id, n, file_id, conversation_id, seq, kind)"
            " SELECT m.id, 0, md5('f' || n)::uuid, m.conversation_id, m.seq, 'file' FROM generate_series(1, %s) n JOIN messages m ON m.id = md5('n' || n)::uuid", MANY)
    db.rows("INSERT INTO activity (conversation_id, day, who, named, messages) SELECT md5('d' || n)::uuid, '2026-01-01', %s, true, 1 FROM generate_series(1, %s) n",
            user, MANY)
    db.rows("INSERT INTO stars (user_id, message_id, position, at) SELECT %s, m.id, m.position, now() FROM messages m"
            " WHERE m.position > 20000 AND m.position <= 20000 + %s", user, MANY)
    db.rows("INSERT INTO events (position, type, audience, conversation_id, user_id, payload, at)"
            " SELECT 50000 + n, 'conversation.updated', 'members', md5('d' || n)::uuid, NULL, '{}', now() FROM generate_series(1, %s) n", MANY)
    db.rows("INSERT INTO outbox (position, kind, from_user, to_address, message_id) SELECT 60000 + n, 'message', %s, 'p1@many.example', md5('n' || n)::uuid"
            " FROM generate_series(1, %s) n", user, MANY)
    db.rows("SELECT brin_summarize_new_values('messages_position')") # as search_index() does


def more(db):
    """What the rest of the daemon's work runs into, as far as it is not among those of test_plans.py: (name, statement, values)."""
    user, other = (db.one("SELECT id FROM users WHERE external_id = %s", f"e{n}") for n in (4, 5))
    talk = db.one("SELECT id FROM conversations WHERE remote_jid = 'r4@example.org'")
    message, = db.rows("SELECT * FROM messages WHERE conversation_id = %s ORDER BY seq LIMIT 1", talk)
    ids = [new_id() for _ in range(BATCH)]
    talks = [db.one("SELECT md5(%s)::uuid", f"d{n}") for n in range(1, BATCH + 1)]
    great = [db.one("SELECT md5('great')::uuid")] * BATCH
    stored = "SELECT message_store(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], true)"
    return [
        *[(f"message_store {name}", stored, (ids, where, [user] * BATCH, ["x"] * BATCH, [None] * BATCH, ids)) for name, where in
          (("many", talks), ("great", great))],
        ("message_receive", "SELECT message_receive(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::boolean[], %s::text[],"
         " %s::boolean[])", (ids, [f"p{n}@many.example" for n in range(1, BATCH + 1)], [f"h4@{DOMAIN}"] * BATCH, ["x"] * BATCH, ids,
                             [f"p{n}@many.example/x" for n in range(1, BATCH + 1)], ["f"] * BATCH, [True] * BATCH, ["<m/>"] * BATCH, [True] * BATCH)),
        ("mark_store", "SELECT mark_store(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[])",
         ([user] * BATCH, [None] * BATCH, talks, [None] * BATCH, ["read"] * BATCH)),
        ("conversation_get great", "SELECT conversation_get(%s, %s)", (user, great[0])),
        ("membership_page great", "SELECT membership_page(%s, %s, NULL, NULL, 50, NULL)", (user, great[0])),
        *[(f"change {name}", "SELECT change_apply(%s::text[], %s::uuid[], %s::text[])", ([name], [user], [json.dumps(arguments)])) for name, arguments in (
            ("conversation_appear", {"conversation_ids": talks}), ("conversation_rest", {"conversation_ids": talks}),
            ("conversation_update", {"conversation_id": great[0], "pinned": True}), ("retention_expire", {"ids": talks, "seconds": 0}))],
        ("conversation_wake", "SELECT conversation_wake(md5(%s)::uuid)", (f"d{MANY}",)),
        ("member_together", "SELECT member_together(%s, %s)", (user, other)),
        ("message_for", "SELECT message_for(%s, %s)", (user, message["id"])),
        ("message_place", "SELECT message_place(%s, 0, 0, %s, false)", (talk, message["id"])),
        ("message_named", "SELECT message_named(c, %s, NULL) FROM conversations c WHERE c.id = %s", (message["id"], talk)),
        ("content_quote", "SELECT content_quote(%s, %s)", (message["id"], user)),
        ("relation_blocks", "SELECT relation_blocks(%s, 'r4@example.org')", (user,)),
        ("relation_contact", "SELECT relation_contact(%s, 'r4@example.org')", (user,)),
        ("relation_refuses", "SELECT relation_refuses(%s, 'r4@example.org')", (user,)),
        ("relation_hears", "SELECT relation_hears(%s, u) FROM users u WHERE u.id = %s", (user, other)),
        ("relation_knows", "SELECT relation_knows(%s, u) FROM users u WHERE u.jid = 'r4@example.org'", (user,)),
        ("relation_stranger", "SELECT relation_stranger(%s, md5('r4')::uuid, %s)", (talk, new_id())),
        ("relation_guard", "SELECT relation_guard(%s, false)", (talk,)),
        ("relation_guard_all", "SELECT relation_guard_all(%s, 'r4@example.org')", (user,)),
        ("user_close_conversations", "SELECT user_close_conversations(%s, 20)", (user,)),
        ("erase_exports", "SELECT erase_exports(u) FROM users u WHERE u.id = %s", (user,)),
        ("file_is_seen", "SELECT file_is_seen(%s, %s)", (user, new_id())),
        ("activity_forget", "SELECT activity_forget(%s, 50)", (user,)),
        ("remote_profile_wanted", "SELECT remote_profile_wanted(%s, 'r4@example.org')", (user,)),
        ("event_heard", "SELECT event_heard(%s, 50000, 100)", (user,)),
        *[(f"change {name} {json.dumps(arguments)}", "SELECT change_apply(%s::text[], %s::uuid[], %s::text[])", ([name], [who], [json.dumps(arguments)]))
          for name, who, arguments in changes(db) if arguments.get("jid") != "example.org"],
        ("change block", "SELECT change_apply(%s::text[], %s::uuid[], %s::text[])",
         (["block"], [user], [json.dumps({"jid": "example.org", "domain": DOMAIN})])),
    ]


def statements(db):
    yield from more(db)
    for name, arguments, values in calls(db):
        yield f"{name}({arguments})", f"SELECT * FROM {name}({arguments})", values


def touched(db, connection, statement, values):
    try:
        plan = db.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values, on=connection)[0]["Plan"]
    except psycopg2.errors.QueryCanceled:
        return 10 ** 9
    finally:
        connection.rollback()
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def costs(db, connection, tried, times=1):
    return [min(touched(db, connection, statement, values) for _ in range(times)) for _, statement, values in tried]


@pytest.mark.parametrize("analysed", [False, True], ids=["never", "few"])
def test_no_call_looks_at_all_that_somebody_has_for_one_row(cluster, template, analysed):
    db = Database(cluster, cluster.create(template))
    begin(db)
    if analysed:
        db.rows("ANALYZE")
    tried = list(statements(db))
    kept = db.connect(autocommit=False)
    db.rows("SET statement_timeout = '120s'", on=kept)
    kept.commit()
    costs(db, kept, tried)
    grow(db)
    old = costs(db, kept, tried, 2)
    db.rows("ANALYZE")
    true = costs(db, db.connect(autocommit=False), tried, 2)
    db.close()
    cluster.drop(db.name)
    far = {name: (before, after) for (name, _, _), before, after in zip(tried, old, true)
           if before > 2 * after + 100 and not name.startswith(tuple(WHOLE))}
    assert not far, json.dumps(far, indent=1)
