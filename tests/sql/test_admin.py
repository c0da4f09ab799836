# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit, which is only added to; roles asked in the statement that acts; suspensions and mutes that end; strikes."""
import json

import psycopg2
import pytest

from conftest import new_id


def change(db, name, user, /, **arguments):
    row = db.rows("SELECT * FROM change_apply(%s, %s::uuid[], %s)", [name], [user], [json.dumps(arguments)])[0]
    return row["outcome"], json.loads(row["result"]) if row["result"] else None, json.loads(row["events"] or "[]")


def values(rows):
    return [tuple(row.values()) for row in rows]


FACTS = {"action": "user.suspend", "door": "rest", "role": "admin", "key": None, "operator": None,
         "request_id": "00000000-0000-0000-0000-000000000001", "address": None, "fields": {"reason": "Spam"}}


@pytest.fixture
def cast(db):
    alice, bob, boss = (db.provision(str(i), n)["id"] for i, n in enumerate(["alice", "bob", "boss"]))
    db.rows("UPDATE users SET staff = '{admin}' WHERE id = %s", boss)
    return alice, bob, boss


def suspend(db, by, target, **more):
    return change(db, "users_suspend", by, users=[target], reason="Spam", audit={**FACTS, **more})


def test_a_change_writes_its_row_and_asks_the_role_itself(db, cast):
    alice, bob, boss = cast
    assert suspend(db, bob, alice)[0] == 5, "bob has no role, whoever let him get so far"
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 0
    assert suspend(db, boss, alice)[0] == 0 and db.one("SELECT access_state(%s, NULL, now())", alice) == 2
    assert values(db.rows("SELECT actor_name, action, door, outcome, reason FROM audit ORDER BY id")) == [
        ("bob@app.example.org", "user.suspend", "rest", "forbidden", "Spam"),
        ("boss@app.example.org", "user.suspend", "rest", "done", "Spam")]
    # A suspended admin has no role any more, and nobody's is needed for an operator.
    assert suspend(db, None, boss, role=None, operator="root@example.org")[0] == 0
    assert suspend(db, boss, bob)[0] == 5
    assert values(db.rows("SELECT actor_name FROM audit ORDER BY id DESC LIMIT 2")) == [("boss@app.example.org",), ("root@example.org",)]


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor_name = 'nobody'", "DELETE FROM audit", "TRUNCATE audit",
                                       "UPDATE audit SET at = now() - interval '2 years'"])
def test_the_database_keeps_the_audit(db, cast, statement):
    suspend(db, cast[2], cast[0])
    with pytest.raises(psycopg2.Error, match="only added to"):
        db.rows(statement)
    assert db.one("SELECT count(*) FROM audit") == 1


def test_rows_go_after_a_year_and_not_before(db, cast):
    suspend(db, cast[2], cast[0])
    db.rows("INSERT INTO audit (at, action) VALUES (now() - interval '364 days', 'young'), (now() - interval '367 days', 'old')")
    db.rows("SELECT * FROM reap_audit(0, 100)")
    assert [a for a, in values(db.rows("SELECT action FROM audit ORDER BY id"))] == ["user.suspend", "young"]


def test_a_suspension_ends_by_itself(db, cast):
    alice = cast[0]
    db.one("SELECT user_suspend(%s, 'why', now() + interval '1 hour')", alice)
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 2
    db.rows("UPDATE user_access SET suspended_until = clock_timestamp() - interval '1 second' WHERE user_id = %s", alice)
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 0
    assert json.loads(db.one("SELECT user_suspension_json(%s)", alice)) == {
        "user_id": alice, "suspended": False, "suspended_at": None, "until": None, "reason": None}


# ---- Who is suspended, to people on XMPP

def came(db, **more):
    return db.receive({"to": "alice@app.example.org", **more})[0]["outcome"]


def silent(db, peer):
    row, = db.rows("SELECT known, peer_hosted FROM relation_view('alice@app.example.org', %s, NULL)", peer)
    return not row["known"]


@pytest.mark.parametrize("began", [True, False], ids=["they talk", "a stranger"])
def test_what_xmpp_says_to_who_is_suspended_is_refused(db, cast, began):
    alice, bob = cast[:2]
    assert not began or came(db) == 0
    db.one("SELECT user_suspend(%s, 'why', NULL)", alice)
    had = db.one("SELECT count(*) FROM messages")
    assert came(db) == 2 and came(db, sender="tybalt@example.org") == 2
    assert came(db, to="bob@app.example.org") == 0, "that is somebody else"
    assert db.one("SELECT count(*) FROM messages") == had + 1
    assert not db.rows("SELECT FROM users WHERE jid = 'tybalt@example.org'"), "nobody was made for it"
    # App users are told nothing: what they write waits.
    talk = db.conversation(bob, alice)
    assert db.store({"conversation": talk, "sender": bob})[0]["outcome"] == 0
    assert silent(db, "romeo@example.org") and not silent(db, "bob@app.example.org")
    db.one("SELECT user_restore(%s)", alice)
    assert came(db) == 0 and not silent(db, "romeo@example.org")


def test_what_xmpp_does_to_messages_of_who_is_suspended_is_nothing(db, cast):
    alice = cast[0]
    row, = db.receive({"to": "alice@app.example.org", "body": "one", "foreign_id": "first"})
    place = {"from": "romeo@example.org", "to": "alice@app.example.org", "id": "first", "origin": new_id(), "stanza": "second",
             "window": 86400}

    def arrives():
        return [db.change(name, None, **place, **more)["outcome"] for name, more in (
            ("edit_arrived", {"body": "two"}), ("reactions_arrived", {"emoji": ["👍"]}), ("retraction_arrived", {}),
            ("timer_arrived", {"seconds": 60}))]
    db.one("SELECT user_suspend(%s, 'why', NULL)", alice)
    assert arrives() == [2, 2, 2, 2] and db.one("SELECT body FROM messages WHERE id = %s", row["id"]) == "one"
    db.one("SELECT user_restore(%s)", alice)
    assert arrives() == [0, 0, 0, 0]


def test_who_is_suspended_is_asked_for_nothing_and_shows_nothing(db, cast):
    alice = cast[0]

    def stanza(kind, peer="romeo@example.org"):
        return db.change("contact_stanza", alice, type=kind, peer=peer)["result"]["answer"]

    def probe():
        return db.one("SELECT answer FROM contact_probe(%s, 'romeo@example.org')", alice)
    db.rows("INSERT INTO contacts (user_id, peer, from_peer) VALUES (%s, 'romeo@example.org', true)", alice)
    assert probe() == "presence"
    db.one("SELECT user_suspend(%s, 'why', NULL)", alice)
    assert probe() == "unavailable"
    assert stanza("subscribe", "tybalt@example.org") == stanza("subscribe") == "none"
    assert not db.rows("SELECT FROM contacts WHERE peer = 'tybalt@example.org'")
    assert db.change("guest_invited", None, to="alice@app.example.org", inviter="romeo@example.org", room="room@muc.example.org",
                     by_room=False)["outcome"] == 4
    assert stanza("unsubscribe") == "unavailable", "what they take back is taken back"
    db.one("SELECT user_restore(%s)", alice)
    assert probe() == "unsubscribed" and stanza("subscribe") == "none"
    assert db.rows("SELECT FROM contacts WHERE peer = 'romeo@example.org' AND pending_in")


@pytest.mark.parametrize("way", ["clock", "action", "shorter", "deleted"])
def test_it_ends_for_xmpp_when_the_suspension_ends(db, cast, way):
    alice, _, boss = cast

    def act(seconds=None):
        return db.change("moderation_act", boss, type="suspend", user=alice, reason="why", duration_seconds=seconds, actor="boss")
    if way == "clock":
        db.one("SELECT user_suspend(%s, 'why', clock_timestamp() - interval '1 second')", alice)
        assert came(db) == 0
        return
    first = act(3600)["result"]["id"]
    assert came(db) == 2
    if way == "deleted":
        db.change("users_delete", boss, users=[alice])
        assert db.one("SELECT suspended_until FROM users WHERE id = %s", alice) is None and came(db) == 2
        return
    if way == "shorter":
        longer = act()["result"]["id"]
        db.change("moderation_undo", boss, action_id=longer)
        assert came(db) == 2, "the shorter one goes on"
        assert db.one("SELECT u.suspended_until = a.suspended_until FROM users u JOIN user_access a ON a.user_id = u.id"
                      " WHERE u.id = %s", alice)
    db.change("moderation_undo", boss, action_id=first)
    assert came(db) == 0


def test_users_are_named_by_id_address_or_own_id(db, cast):
    alice = cast[0]
    for reference in (alice, "alice@app.example.org", "0"):
        assert db.one("SELECT admin_user(%s)", reference) == alice, reference
    db.one("SELECT user_remote('alice@elsewhere.example')")
    for nobody in ("alice@elsewhere.example", "аlice@app.example.org", "alice", new_id(), ""):
        assert db.one("SELECT admin_user(%s)", nobody) is None, nobody


def act(db, by, **arguments):
    outcome, result, _ = change(db, "moderation_act", by, reason="Spam", actor="x", **arguments)
    return outcome, result


def test_too_many_strikes_suspend(db, cast):
    alice, _, boss = cast
    db.rows("SELECT set_config('trestle.strikes', '3/30/7', false)")
    first = act(db, boss, type="warn", user=alice)[1]
    act(db, boss, type="warn", user=alice)
    change(db, "moderation_undo", boss, action_id=first["id"])
    act(db, boss, type="warn", user=alice)
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 0, "one was taken back"
    act(db, boss, type="warn", user=alice)
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 2
    own = json.loads(db.one("SELECT action_own(%s)", alice))["items"]
    assert [a["type"] for a in own] == ["suspend", "warn", "warn", "warn", "warn"] and own[0]["ends_at"]
    assert db.one("SELECT count(*) FROM audit WHERE door = 'system' AND object = %s", alice) == 1
    for _ in range(4):
        act(db, boss, type="warn", user=boss)
    assert db.one("SELECT access_state(%s, NULL, now())", boss) == 0, "staff have none"


def test_what_an_action_needs(db, cast):
    alice, _, boss = cast
    assert act(db, boss, type="mute", user=alice)[0] == 6 and act(db, boss, type="warn")[0] == 6
    assert act(db, boss, type="warn", user=alice, duration_seconds=5)[0] == 6
    assert act(db, boss, type="delete", message_id=new_id())[0] == 2 and act(db, boss, type="warn", user="nobody")[0] == 2
    remote = db.one("SELECT user_remote('romeo@example.org')")
    assert act(db, boss, type="suspend", user=str(remote))[0] == 6 and act(db, boss, type="warn", user=str(remote))[0] == 0


@pytest.mark.parametrize("kind, told", [("hosted", 1), ("bound", 1), ("remote", 0)])
def test_who_can_sign_in_is_told_of_an_action(db, cast, kind, told):
    target = str(db.one("SELECT user_remote('romeo@example.org')"))
    db.rows("UPDATE users SET kind = %s, username = 'romeo' WHERE id = %s", kind, target)
    assert act(db, cast[2], type="warn", user=target)[0] == 0
    assert db.one("SELECT count(*) FROM events WHERE type = 'moderation.action' AND user_id = %s", target) == told


def test_nobody_judges_their_own_matter(db, cast):
    alice, bob, boss = cast
    db.rows("UPDATE users SET staff = '{moderator}' WHERE id IN (%s, %s)", alice, bob)
    against = act(db, boss, type="warn", user=alice)[1]["id"]
    assert change(db, "moderation_appeal", alice, action_id=against, text="No")[0] == 0
    for judge in (alice, bob):  # a moderator is no judge of another one, either
        assert change(db, "moderation_undo", judge, action_id=against)[0] == 5
        assert change(db, "moderation_decide", judge, action_id=against, decision="granted")[0] == 5
    assert change(db, "moderation_decide", boss, action_id=against, decision="granted")[0] == 0


def test_a_short_suspension_ends_no_longer_one(db, cast):
    alice, bob, boss = cast
    db.rows("UPDATE users SET staff = '{moderator}' WHERE id = %s", bob)

    def until():
        return db.one("SELECT coalesce(suspended_until, 'infinity') = 'infinity' FROM user_access WHERE user_id = %s", alice)

    short = act(db, bob, type="suspend", user=alice, duration_seconds=60)[1]["id"]
    longer = act(db, bob, type="suspend", user=alice, duration_seconds=3600)[1]["id"]
    assert change(db, "moderation_undo", bob, action_id=longer)[0] == 0
    assert db.one("SELECT x.suspended_until = a.ends_at FROM user_access x JOIN moderation_actions a ON a.target = x.user_id "
                  "WHERE a.id = %s", short)
    assert suspend(db, boss, alice)[0] == 0 and until(), "an administrator's, for good"
    assert act(db, bob, type="suspend", user=alice, duration_seconds=60)[0] == 3
    assert change(db, "moderation_end", None, action_id=short)[0] == 0
    assert db.one("SELECT access_state(%s, NULL, now())", alice) == 2 and until()


def test_strangers_fill_no_queue(db, cast):
    def report(n, offender="alice"):
        return change(db, "report_arrived", None, **{"from": f"{n}@many.example"}, offender=f"{offender}@app.example.org", reason="spam", ids=[])[0]

    assert [report(n) for n in range(102)] == [0] * 100 + [2] * 2
    assert report(0, "bob") == 0
    first = db.one("SELECT id FROM reports WHERE reporter_jid = '0@many.example' AND offender = %s", cast[0])
    assert change(db, "report_state", cast[2], report_id=first, state="dismissed", actor="boss")[0] == 0
    assert [report(n) for n in (200, 201)] == [0, 2]


def test_what_is_decided_goes_in_its_time(db, cast):
    alice, bob, boss = cast

    def report(n):
        assert change(db, "report_arrived", None, **{"from": f"{n}@many.example"}, offender="alice@app.example.org", reason="spam", ids=[])[0] == 0
        return db.one("SELECT id FROM reports WHERE reporter_jid = %s", f"{n}@many.example")

    def reaped():
        return values(db.rows("SELECT removed, more FROM reap_reports(31622400, 500)"))

    still_open, dismissed = report(1), report(2)
    assert change(db, "report_state", boss, report_id=dismissed, state="dismissed", actor="boss")[0] == 0
    warned, appealed = (act(db, boss, type="warn", user=u)[1]["id"] for u in (alice, bob))
    assert change(db, "moderation_appeal", bob, action_id=appealed, text="No")[0] == 0
    held = act(db, boss, type="suspend", user=alice)[1]["id"]
    assert reaped() == [(0, False)], "nothing is old yet"
    for table, columns in (("reports", ("at", "closed_at")), ("moderation_actions", ("at", "appealed_at"))):
        for column in columns:
            db.rows(f"UPDATE {table} SET {column} = {column} - interval '367 days'")
    assert reaped() == [(2, False)]
    assert values(db.rows("SELECT id FROM reports")) == [(still_open,)]
    assert {i for i, in values(db.rows("SELECT id FROM moderation_actions"))} == {appealed, held}, f"{warned} is over"


# ---- Files that are reported, and what the audit shows

def say(db, talk, user, **more):
    row, = db.store({"conversation": talk, "sender": user, **more})
    assert row["outcome"] == 0, row
    return str(row["id"])


def picture(db, user):
    return str(db.one("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key, path) VALUES (%s, %s, 'complete',"
                      " 'attachment', 'image', 'a.png', 'image/png', 10, 'k', %s) RETURNING id", new_id(), user, new_id()))


@pytest.mark.parametrize("by", ["file_id", "message_id"])
def test_a_file_that_was_reported_stays_for_moderators_until_that_is_decided(db, cast, by):
    alice, bob, boss = cast
    talk, file = db.conversation(alice, bob), picture(db, alice)
    message = say(db, talk, alice, body=None, details={"attachments": [file]})

    def report(user, **target):
        return db.change("report", user, **target, reason="nsfw")
    target = {by: file if by == "file_id" else message}
    assert report(boss, **target)["outcome"] == 2 == report(alice, **target)["outcome"]
    if by == "file_id":
        assert report(bob, file_id=new_id())["outcome"] == 2
    done = report(bob, **target)
    assert done["outcome"] == 0 and report(bob, **target)["outcome"] == 1
    shown = json.loads(db.one("SELECT report_get(%s)", done["result"]["id"]))
    assert (shown["target_type"], shown["target_id"]) == (by[:-3], target[by])
    assert [f["file_id"] for f in shown["evidence"]["files"]] == [file] and shown["offender_id"] == alice
    assert [m["message_id"] for m in shown["evidence"]["messages"]] == [message]

    def serve():
        return db.one("SELECT state FROM file_serve(%s, NULL)", file)
    db.change("message_delete", alice, message_id=message, **{"for": "everyone"}, stanza=new_id(), window=3600)
    assert serve() == "reported" and db.one("SELECT name FROM file_held(%s)", file) == "a.png"
    assert db.rows("SELECT * FROM file_due(10)") == [], "its bytes stay"
    assert db.change("report_state", boss, report_id=done["result"]["id"], state="resolved", actor="boss")["outcome"] == 0
    assert serve() == "gone" and not db.rows("SELECT * FROM file_held(%s)", file)
    assert [str(row["id"]) for row in db.rows("SELECT * FROM file_due(10)")] == [file]
    db.rows("SELECT file_gone(ARRAY[%s]::uuid[])", file)
    assert not db.rows("SELECT FROM report_files") and not db.rows("SELECT FROM files")


def test_admins_see_of_the_evidence_what_they_see_in_the_group(db, cast):
    alice, bob, boss = cast
    group = db.change("group_create", alice, id=new_id(), name="G", settings={"history": "hidden"}, members=[{"user_id": bob}])["result"]["conversation"]["id"]
    say(db, group, bob, body="before")
    db.change("members_add", alice, conversation_id=group, members=[{"user_id": boss}], domain="app.example.org")
    db.rows("UPDATE members SET role = 'admin' WHERE user_id = %s", boss)
    last = say(db, group, bob, body="after")
    assert db.change("report", alice, message_id=last, reason="spam")["outcome"] == 0

    def seen(user):
        page = json.loads(db.one("SELECT report_list_of_group(%s, %s, NULL, 10, NULL)", user, group))
        return [m["content"] for m in page["items"][0]["messages"] if m["content"]]
    assert seen(alice) == ["before", "after"] and seen(boss) == ["after"]


def test_what_is_there_already_is_no_more_at_the_ceiling(db, cast):
    alice, bob = cast[:2]
    db.rows("INSERT INTO spam_domains (domain, added_by) SELECT n || '.example', '' FROM generate_series(1, 100000) n")

    def add(*domains):
        return db.change("spam_domains_add", None, domains=list(domains), actor="a")["outcome"]
    assert add("1.example", "2.example") == 1 and add("1.example", "new.example") == 3
    db.rows("INSERT INTO user_limits (user_id, name, rate) SELECT %s, n::text, '1/1' FROM generate_series(1, 10000) n", alice)

    def limit(user, name):
        return db.change("admin_limit", None, user=user, limit=name, rate="2/2")["outcome"]
    assert limit(alice, "7") == 0 and limit(bob, "messages") == 3
    assert db.one("SELECT rate FROM user_limits WHERE name = '7'") == "2/2"


def test_the_audit_is_found_by_time_and_read_by_who_may(db, cast):
    alice, _, boss = cast
    db.rows("INSERT INTO audit (at, action) SELECT '2026-01-01'::timestamptz + n * interval '1 hour', 'n' || n FROM generate_series(0, 240) n")

    def rows(since, until, user=None, key=None):
        return [json.loads(r["line"])["action"] if r["id"] else None for r in db.rows(
            "SELECT * FROM audit_rows(%s, %s, NULL, NULL, 500, 0, %s, %s)", since, until, user, key)]

    def listed(since, until):
        page = json.loads(db.one("SELECT audit_list(%s, %s, NULL, NULL, NULL, 500, NULL)", since, until))
        return [item["action"] for item in page["items"]][::-1]
    for since, until, first, last in (("2026-01-03", "2026-01-03T02:00:00Z", 48, 50), (None, "2026-01-01T03:00:00Z", 0, 3),
                                      ("2026-01-10T22:00:00Z", None, 238, 241), ("2026-02-01", None, 0, 0), (None, "2025-01-01", 0, 0)):
        wanted = [f"n{n}" for n in range(first, last)]
        assert rows(since, until) == wanted == listed(since, until), (since, until)
    assert rows("2026-01-11", None, user=boss) == ["n240"] and rows("2026-01-11", None, user=alice) == [None]
    db.rows("UPDATE users SET staff = '{}' WHERE id = %s", boss)
    assert rows("2026-01-11", None, user=boss) == [None]
    db.rows("INSERT INTO server_keys (name, digest, scopes) VALUES ('k', decode(repeat('ab', 32), 'hex'), '{audit}')")
    key = "abababab-abab-abab-abab-abababababab"
    assert rows("2026-01-11", None, key=key) == ["n240"]
    db.rows("UPDATE server_keys SET revoked_at = now()")
    assert rows("2026-01-11", None, key=key) == [None]


def test_sign_ins_of_staff_stand_there_once_a_day_and_failures_always(db, cast):
    alice, _, boss = cast

    def came(whole, *tries):
        rows = [{"user": None, "kind": "token", "problem": None, "address": "a", "count": 1, **t} for t in tries]
        return db.one("SELECT audit_sign_ins(%s, %s)", json.dumps(rows), whole)
    assert came(False, {"user": alice}, {"user": boss}, {"user": boss, "address": "b"}, {"user": new_id()}) == 2
    assert came(False, {"user": boss}) == 0 and came(True, {"user": alice}, {"user": boss}) == 1
    assert came(False, {"problem": "bad token", "count": 7}, {"user": alice, "problem": "the user is suspended"}) == 2
    assert values(db.rows("SELECT actor_name, action, outcome, reason, details->>'count' FROM audit ORDER BY id DESC LIMIT 2"))[::-1] == [
        ("", "signin.failed", "refused", "bad token", "7"),
        ("alice@app.example.org", "signin.failed", "refused", "the user is suspended", "1")]
    db.rows("ALTER TABLE audit DISABLE TRIGGER audit_keep")
    db.rows("UPDATE audit SET at = at - interval '25 hours'")
    assert came(False, {"user": boss}) == 1
