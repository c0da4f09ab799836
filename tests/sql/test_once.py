# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked with an Idempotency-Key happens once, for a day; what is told is what may be seen now."""
import json
import uuid

from conftest import DOMAIN
from test_users_conversations import together

ONE, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


def once(key="k", fingerprint=ONE):
    return {"once": {"key": key, "fingerprint": fingerprint}}


def people(db, *names):
    return [db.provision(name, name)["id"] for name in names]


def opened(db, user, other, **more):
    return db.change("conversation_open", user, participant=other, domain=DOMAIN, field="participant_id", **more)


def kept(db):
    return db.one("SELECT count(*) FROM idempotency")


def test_asked_again_nothing_happens_and_the_same_is_told(db):
    alice, bella = people(db, "alice", "bella")
    first = opened(db, alice, bella, **once())
    assert first["outcome"] == 0
    db.change("conversation_hide", alice, conversation_id=first["result"]["id"])
    again = opened(db, alice, bella, **once())
    assert (again["outcome"], again["result"]["id"]) == (1, first["result"]["id"])
    assert not again["events"], "a request that comes late does not bring back what was hidden since"
    assert opened(db, alice, bella, **once("other"))["events"], "another one does"


def test_the_key_means_one_request_of_one_user(db):
    alice, bella, carol = people(db, "alice", "bella", "carol")
    assert opened(db, alice, bella, **once())["outcome"] == 0
    wrong = opened(db, alice, carol, **once(fingerprint=OTHER))
    assert wrong["outcome"] == 6 and "another request" in wrong["result"]["detail"]
    assert db.change("contact_add", alice, user_id=bella, domain=DOMAIN, **once())["outcome"] == 6
    assert opened(db, carol, bella, **once(fingerprint=OTHER))["outcome"] == 0


def test_what_was_refused_is_not_kept(db):
    alice, = people(db, "alice")
    assert opened(db, alice, str(uuid.uuid4()), **once())["outcome"] == 4
    assert kept(db) == 0
    bella, = people(db, "bella")
    assert opened(db, alice, bella, **once(fingerprint=OTHER))["outcome"] == 0


def test_a_contact_that_was_removed_since_is_not_asked_again(db):
    alice, = people(db, "alice")
    carol = "carol@example.org"
    assert db.change("contact_add", alice, jid=carol, domain=DOMAIN, **once())["outcome"] == 0
    sent = len(db.outbox())
    user = db.one("SELECT id FROM users WHERE jid = %s", carol)
    assert db.change("contact_remove", alice, user_id=str(user))["outcome"] == 0
    again = db.change("contact_add", alice, jid=carol, domain=DOMAIN, **once())
    contact = again["result"]["contact"]
    assert (again["outcome"], contact["subscription"], contact["ask"]) == (1, "none", False)
    assert len(db.outbox()) == sent + 1, "only the removal was sent"


def test_two_at_once_make_one(db):
    alice, bella = people(db, "alice", "bella")
    sides = [db.connect(), db.connect()]
    results = together(*(lambda on=on: opened(db, alice, bella, on=on, **once()) for on in sides))
    assert sorted(r["outcome"] for r in results) == [0, 1] and kept(db) == 1


def create(db, name, key="k", fingerprint=ONE, subject=OTHER):
    words = json.dumps({"subject": subject, "key": key, "fingerprint": fingerprint}) if key else None
    row, = db.rows("SELECT facts, created, repeated FROM user_create('u1', 'u1', %s, NULL, %s, NULL, %s)",
                   DOMAIN, name, words)
    return json.loads(row["facts"])["name"], row["created"], row["repeated"]


def test_a_late_request_of_the_backend_does_not_bring_back_an_old_name(db):
    assert create(db, "Old") == ("Old", True, 0)
    assert create(db, "New", key=None) == ("New", False, 0)
    assert create(db, "Old") == ("New", False, 1)
    assert create(db, "Other", fingerprint=OTHER) == ("New", False, 2)
    assert create(db, "Newer", subject=ONE) == ("Newer", False, 0), "another key's"


def test_kept_for_a_day_and_no_more_than_a_thousand(db):
    alice, bella = people(db, "alice", "bella")
    opened(db, alice, bella, **once())
    db.rows("UPDATE idempotency SET at = at - interval '25 hours' RETURNING 1")
    assert opened(db, alice, bella, **once(fingerprint=OTHER))["outcome"] == 1, "an old one means nothing"
    db.rows("UPDATE idempotency SET at = at - interval '25 hours' RETURNING 1")
    db.rows("SELECT reap_sessions(100)")
    assert kept(db) == 0
    for number in range(1005):
        db.rows("SELECT once_keep(%s, %s, 'x', 'y')", alice, json.dumps(once(str(number))["once"]))
    assert kept(db) == 1000
    assert db.one("SELECT min(key::int) FROM idempotency") == 5
