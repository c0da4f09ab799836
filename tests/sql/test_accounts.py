# SPDX-License-Identifier: GPL-3.0-or-later
"""Users who delete their own account: when it goes, and what keeps it."""
import json

import pytest

from conftest import DOMAIN, new_id


@pytest.fixture
def alice(db):
    return db.user("alice")


def leave(db, user, confirm=f"alice@{DOMAIN}"):
    return db.change("account_leave", user, confirm=confirm)


def end(db, user):
    return db.change("account_end", None, user_id=str(user))


def passed(db, user):
    db.rows("UPDATE users SET leaves_at = now() WHERE id = %s", user)


def is_deleted(db, user):
    return db.one("SELECT user_is_deleted(%s)", user)


def jobs(db):
    return [row["key"] for row in db.rows("SELECT key FROM jobs WHERE kind = 'account.delete'")]


def test_it_goes_when_the_time_of_grace_is_over(db, alice):
    db.rows("INSERT INTO sessions (digest, user_id, issued_at, expires_at, ends_at) VALUES (gen_random_uuid(), %s, now(), now(), now())", alice)
    done = leave(db, alice, confirm=f"Alice@{DOMAIN}")
    assert done["outcome"] == 0 and done["result"]["delete_at"] and done["result"]["held"] is False
    assert [event["type"] for event in done["events"]] == ["account.updated"] and jobs(db) == [str(alice)]
    assert db.rows("SELECT FROM sessions") == [] and db.one("SELECT leaves_at - now() BETWEEN '29 days' AND '31 days' FROM users WHERE id = %s", alice)
    again = leave(db, alice)
    assert again["outcome"] == 1 and again["result"] == done["result"]
    assert end(db, alice)["result"] == {"deleted": False} and not is_deleted(db, alice), "not yet"
    passed(db, alice)
    assert end(db, alice)["result"] == {"deleted": True} and is_deleted(db, alice)
    assert end(db, alice)["outcome"] == 1 and leave(db, alice)["outcome"] == 2
    assert db.one("SELECT leaves_at FROM users WHERE id = %s", alice) is None


def test_who_comes_back_stays(db, alice):
    assert db.change("account_restore", alice)["outcome"] == 1
    leave(db, alice)
    back = db.change("account_restore", alice)
    assert back["outcome"] == 0 and back["result"]["delete_at"] is None and [e["type"] for e in back["events"]] == ["account.updated"]
    assert jobs(db) == [] and end(db, alice)["outcome"] == 1 and not is_deleted(db, alice)


def test_a_legal_hold_puts_it_off(db, alice):
    db.change("hold", None, user=str(alice), reason="case 7")
    assert leave(db, alice)["result"]["held"] is True
    passed(db, alice)
    db.rows("DELETE FROM jobs")
    assert end(db, alice)["result"] == {"deleted": False} and not is_deleted(db, alice)
    db.change("hold_release", None, user=str(alice))
    assert jobs(db) == [str(alice)] and end(db, alice)["result"] == {"deleted": True}


def test_a_hold_that_ends_deletes_nobody_who_stays(db, alice):
    db.change("hold", None, user=str(alice), reason="case 7")
    db.change("hold_release", None, user=str(alice))
    assert jobs(db) == []


def test_what_the_deployment_says(db, alice):
    db.rows("SET trestle.account_grace = '0'")
    leave(db, alice)
    assert end(db, alice)["result"] == {"deleted": True}


@pytest.mark.parametrize("confirm", ["bella@app.example.org", "alice", "yes"])
def test_whoever_does_not_know_which_account_it_is(db, alice, confirm):
    refused = leave(db, alice, confirm)
    assert refused["outcome"] == 6 and refused["result"]["pointer"] == "/confirm" and jobs(db) == []


def test_others_are_not_at_home_here(db):
    db.rows("INSERT INTO users (id, kind, jid) VALUES (%s, 'bound', 'bob@example.org')", bound := new_id())
    assert leave(db, bound, "bob@example.org")["outcome"] == 2 and leave(db, new_id())["outcome"] == 2


def test_sessions_are_listed_without_what_lets_in(db, alice):
    bella = db.user("bella")
    for user, until in ((alice, "1 day"), (alice, "2 days"), (alice, "-1 day"), (bella, "1 day")):
        db.rows("INSERT INTO sessions (digest, user_id, issued_at, expires_at, ends_at) VALUES (gen_random_uuid(), %s, now(),"
                " now() + %s::interval, now() + interval '9 days')", user, until)
    text = db.one("SELECT session_list(%s)", alice)
    first, second = json.loads(text)["items"]
    assert not any(str(row["digest"]) in text for row in db.rows("SELECT digest FROM sessions"))
    assert db.change("session_end", bella, session_id=first["id"])["outcome"] == 2
    assert db.change("session_end", alice, session_id=first["id"])["result"] == {"items": [second]}
    assert db.change("session_end", alice, session_id=first["id"])["outcome"] == 2
    assert json.loads(db.one("SELECT session_list_of('alice')"))["items"] == [second] and db.rows("SELECT session_list_of('nobody')") == []
