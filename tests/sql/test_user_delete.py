# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleting users: what they are goes at once, what refers to them by and by, what they said stays."""
import json

import pytest

from conftest import message, new_id


@pytest.fixture
def cast(db):
    return [db.provision(str(i), n, name=n.title())["id"] for i, n in enumerate(["alice", "bella", "carl", "boss"])]


def delete(db, *users, by=None):
    return db.change("users_delete", by, users=list(users))


def unlink(db, user):
    rounds = 0
    while db.change("user_unlink", None, user_id=user)["result"]["more"]:
        rounds += 1
    return rounds


def sign_in(db, external, issued):
    return db.rows("SELECT id FROM user_sign_in(%s, %s, 'app.example.org', NULL, NULL, NULL, NULL,"
                   " (extract(epoch FROM now() + %s::interval) * 1000000)::bigint)", external, external, issued)


def test_what_was_said_stays_and_nobody_writes_there_any_more(db, cast):
    alice, bella = cast[:2]
    talk = db.conversation(alice, bella)
    db.store(message(talk, alice, "from alice"))
    db.store(message(talk, bella, "from bella"))
    done = delete(db, alice, "nobody")
    assert done["outcome"] == 0 and done["result"] == {"deleted": ["alice@app.example.org"], "missing": ["nobody"], "held": []}
    assert db.rows("SELECT kind, key FROM jobs WHERE kind = 'user.delete'") == [{"kind": "user.delete", "key": str(alice)}]
    unlink(db, alice)
    items = db.page(bella, talk)["items"]
    assert [(m["content"], m["sender"]["name"]) for m in items] == [("from alice", "[Deleted User]"), ("from bella", "Bella")]
    assert db.store(message(talk, bella, "anybody there?"))[0]["outcome"] == 4
    assert db.opened(db.user("carl"), alice)["outcome"] == 4 == db.opened(db.user("carl"), new_id())["outcome"]
    assert db.receive({"to": "alice@app.example.org"})[0]["outcome"] == 2
    assert delete(db, alice)["outcome"] == 2 and delete(db, "alice@app.example.org")["outcome"] == 2
    assert json.loads(db.one("SELECT admin_user_list(NULL, 'all', 10, NULL)"))["items"][0]["jid"] == "bella@app.example.org"


def test_nothing_is_left_that_refers_to_them(db, cast):
    alice, bella, carl = cast[:3]
    other = db.conversation(alice, bella)
    said = db.store(message(other, bella, "hello"))[0]
    for statement in ("INSERT INTO contacts (user_id, peer, to_peer, from_peer) VALUES (%(a)s, 'bella@app.example.org', true, true),"
                      " (%(b)s, 'alice@app.example.org', true, true), (%(a)s, 'romeo@example.org', true, true), (%(c)s, 'alice@app.example.org', true, false)",
                      "INSERT INTO blocks (user_id, peer) VALUES (%(a)s, 'x@example.org')",
                      "INSERT INTO restrictions (user_id, peer) VALUES (%(a)s, 'x@example.org')",
                      "INSERT INTO verifications VALUES (%(a)s, 'phone', now())", "INSERT INTO standings VALUES (%(a)s, 1)",
                      "INSERT INTO user_limits VALUES (%(a)s, 'messages', '1/1')",
                      "INSERT INTO found (user_id, peer_id, at) VALUES (%(a)s, %(b)s, now()), (%(b)s, %(a)s, now())",
                      "INSERT INTO shown_profiles (peer_id, user_id) VALUES (%(a)s, %(b)s), (%(b)s, %(a)s)",
                      "INSERT INTO shown_online (user_id) VALUES (%(a)s)", "INSERT INTO nicks VALUES (%(t)s, %(a)s, 'al', 'al', 'o')",
                      "INSERT INTO stars VALUES (%(a)s, %(m)s, 1, now())", "INSERT INTO hidden VALUES (%(a)s, %(m)s, %(t)s, 1)",
                      "INSERT INTO scheduled (id, message_id, conversation_id, user_id, content, due_at, created_at, updated_at)"
                      " VALUES (gen_random_uuid(), gen_random_uuid(), %(t)s, %(a)s, 'later', now(), now(), now())",
                      "INSERT INTO spam_checks (id, at, sender, recipient, conversation_id, confidence, reasons, action, source)"
                      " VALUES (gen_random_uuid(), now(), %(a)s, %(b)s, %(t)s, 0, '{}', 'allow', 'checks')",
                      "UPDATE members SET draft = '{\"content\": \"x\"}' WHERE user_id = %(a)s",
                      "INSERT INTO sessions (digest, user_id, issued_at, expires_at, ends_at) VALUES (gen_random_uuid(), %(a)s, now(),"
                      " now() + interval '1 day', now() + interval '1 day')",
                      "INSERT INTO tickets (digest, user_id, issued_at, session_expires_at, expires_at) VALUES (gen_random_uuid(), %(a)s,"
                      " now(), now() + interval '1 day', now() + interval '1 day')"):
        with db.main.cursor() as cursor:
            cursor.execute(statement, {"a": alice, "b": bella, "c": carl, "t": other, "m": said["id"]})
    db.one("SELECT user_remote('romeo@example.org')")
    delete(db, alice)
    unlink(db, alice)
    for table in ("blocks", "restrictions", "verifications", "standings", "user_limits", "found", "user_words", "sessions",
                  "shown_profiles", "shown_online", "nicks", "stars", "hidden", "scheduled"):
        assert db.one(f"SELECT count(*) FROM {table} WHERE user_id = %s", alice) == 0, table
    assert db.rows("SELECT FROM spam_checks") == db.rows("SELECT FROM found") == db.rows("SELECT FROM shown_profiles") == []
    assert db.rows("SELECT FROM members WHERE draft IS NOT NULL") == []
    assert db.rows("SELECT f.state FROM tickets t, ticket_find(t.digest) f") == [{"state": 1}], "signed out; a ticket is gone in a minute"
    assert db.one("SELECT count(*) FROM contacts WHERE user_id = %s OR peer = 'alice@app.example.org'", alice) == 0
    assert sorted(o["kind"] for o in db.outbox()) == ["unsubscribe", "unsubscribed"], "whom they knew elsewhere is told"
    left = db.rows("SELECT external_id, username, name, bio, avatar_url, staff FROM users WHERE id = %s", alice)[0]
    assert left == {"external_id": None, "username": None, "name": "[Deleted User]", "bio": None, "avatar_url": None, "staff": []}
    assert db.one("SELECT guarded FROM conversations WHERE id = %s", other)
    assert db.change("user_unlink", None, user_id=alice)["result"] == {"more": False}, "once more does no harm"
    assert db.change("user_unlink", None, user_id=bella)["outcome"] == 1, "who was not deleted is left alone"


@pytest.mark.parametrize("members", [0, 1, 2])
def test_groups_go_on_with_another_owner_or_end(db, cast, members):
    alice = cast[0]
    group = new_id()
    made = db.change("group_create", alice, id=group, name="x", members=[{"user_id": u} for u in cast[1:1 + members]],
                     domain="app.example.org", strangers_max=9)
    assert made["outcome"] == 0
    delete(db, alice)
    unlink(db, alice)
    owners = db.rows("SELECT user_id FROM members WHERE conversation_id = %s AND role = 'owner' AND state = 'joined'", group)
    assert len(owners) == min(members, 1) and all(o["user_id"] in cast[1:1 + members] for o in owners)
    assert db.one("SELECT destroyed_at IS NOT NULL FROM conversations WHERE id = %s", group) == (members == 0)


def test_many_contacts_take_several_rounds(db, cast):
    alice = cast[0]
    db.rows("INSERT INTO users (id, kind, jid) SELECT gen_random_uuid(), 'remote', 'r' || n || '@example.org' FROM generate_series(1, 120) n")
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT %s, 'r' || n || '@example.org', true FROM generate_series(1, 120) n", alice)
    delete(db, alice)
    assert unlink(db, alice) == 2
    assert db.one("SELECT count(*) FROM contacts") == 0


def test_old_tokens_let_nobody_in_and_new_ones_make_somebody_else(db, cast):
    alice = cast[0]
    assert [r["id"] for r in sign_in(db, "0", "-1 minute")] == [alice]
    delete(db, alice)
    assert sign_in(db, "0", "-1 minute") == []
    again, = sign_in(db, "0", "1 minute")
    assert again["id"] != alice
    assert db.one("SELECT jid FROM users WHERE id = %s", again["id"]) != "alice@app.example.org", "the address is not given again"


def test_nobody_deletes_themselves_or_who_is_at_home_elsewhere(db, cast):
    assert delete(db, cast[3], by=cast[3])["outcome"] == 3
    db.one("SELECT user_remote('romeo@example.org')")
    assert delete(db, "romeo@example.org")["outcome"] == 2


def test_reset(db, cast):
    alice = cast[0]
    db.rows("INSERT INTO user_limits VALUES (%s, 'messages', '1/1'), (%s, 'search', '1/1')", alice, alice)
    done = db.change("user_reset", None, user="alice@app.example.org")
    assert done["outcome"] == 0 and done["result"] == {"user_id": alice, "jid": "alice@app.example.org", "limits_removed": 2}
    assert db.one("SELECT signed_out_at IS NOT NULL FROM user_access WHERE user_id = %s", alice)
    assert db.change("user_reset", None, user="nobody")["outcome"] == 2


def test_pictures_go_too(db, cast):
    alice, bella = cast[:2]
    db.rows("INSERT INTO pictures (hash, type, image, png, width, height)"
            " SELECT h, 'image/png', '', '', 1, 1 FROM unnest('{own,copied,shared}'::text[]) h")
    db.rows("UPDATE users SET avatar_hash = 'own', avatar_url = 'https://a.example/a.png', avatar_copy = 'copied' WHERE id = %s", alice)
    db.rows("UPDATE users SET avatar_url = 'https://a.example/b.png', avatar_copy = 'shared' WHERE id = ANY (%s::uuid[])", cast[1:3])
    delete(db, alice, bella)
    assert db.rows("SELECT avatar_url, avatar_hash, avatar_copy FROM users WHERE deleted_at IS NOT NULL GROUP BY 1, 2, 3") == [
        {"avatar_url": None, "avatar_hash": None, "avatar_copy": None}]
    assert [p["hash"] for p in db.rows("SELECT hash FROM pictures")] == ["shared"], "what somebody else has stays"


def test_no_server_key_acts_for_somebody_who_is_gone(db, cast):
    alice, bella = cast[:2]
    db.rows("INSERT INTO server_keys (name, digest, scopes) VALUES ('k', '\\x01', '{act}')")
    delete(db, alice)
    who = "SELECT id, scopes FROM server_key_sign_in('\\x01', %s)"
    assert db.rows(who, str(alice)) == [{"id": None, "scopes": "act"}]
    assert db.rows(who, str(bella)) == [{"id": bella, "scopes": "act"}]


def test_who_was_suspended_is_not_listed_so_and_nothing_late_names_them_again(db, cast):
    alice = cast[0]
    db.one("SELECT user_suspend(%s, 'said who they are')", alice)
    delete(db, alice)
    assert json.loads(db.one("SELECT admin_user_list(NULL, 'suspended', 10, NULL)"))["items"] == []
    assert json.loads(db.one("SELECT admin_user_count(1)"))["suspended"] == 0
    assert db.rows("SELECT suspend_reason, signed_out_at IS NOT NULL AS out FROM user_access") == [{"suspend_reason": None, "out": True}]
    assert db.change("profile", alice, name="Alice", bio="I am")["outcome"] == 2, "asked before, and carried out behind it"
    assert db.one("SELECT user_suspend(%s, 'again')", alice) is None
    assert db.change("staff", None, user_id=alice, roles=["admin"])["outcome"] == 2
    assert db.change("verify_phone", None, user_id=alice, verified_at="2026-05-04T09:00:00Z")["outcome"] == 2
    assert db.rows("SELECT name, bio FROM users WHERE id = %s", alice) == [{"name": "[Deleted User]", "bio": None}]


def test_files_go_and_messages_show_it(db, cast):
    alice, bella = cast[:2]
    talk = db.conversation(alice, bella)
    sent = db.store(message(talk, alice, "look"))[0]
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key)"
            " SELECT gen_random_uuid(), u, 'complete', 'attachment', 'file', 'n' || n, 'text/plain', 1, 'k'"
            " FROM unnest(%s::uuid[]) u, generate_series(1, 60) n", [alice, bella])
    file = db.one("SELECT id FROM files WHERE user_id = %s LIMIT 1", alice)
    db.rows("INSERT INTO attachments SELECT %s, 0, %s, %s, %s, 'file'", sent["id"], file, talk, sent["seq"])
    before = db.one("SELECT max(position) FROM events")
    delete(db, alice)
    assert unlink(db, alice) == 1
    states = "SELECT state, due_at <= now() AS due, count(*) FROM files WHERE user_id = %s GROUP BY 1, 2"
    assert db.rows(states, alice) == [{"state": "removed", "due": True, "count": 60}], "their bytes are about to go"
    assert db.rows(states, bella) == [{"state": "complete", "due": None, "count": 60}]
    told = db.rows("SELECT type FROM events WHERE position > %s AND conversation_id = %s", before, talk)
    assert {"type": "message.updated"} in told
