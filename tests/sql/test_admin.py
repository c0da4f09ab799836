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
