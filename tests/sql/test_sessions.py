# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, tickets, sign-outs and suspensions in the database."""
import time

import pytest

from conftest import new_id
from test_users_conversations import together

GRANTED, SIGNED_OUT, SUSPENDED = 0, 1, 2
FAR = 4_000_000_000_000_000


def now():
    return int(time.time() * 1_000_000)


def state(db, user, credential=None, issued=None):
    row, = db.rows("SELECT * FROM session_check(%s, %s, %s)", user, credential or new_id(), issued)
    return row["state"]


def found(db, digest):
    return db.rows("SELECT * FROM session_find(%s)", digest)


def ticket(db, user, credential=None, issued=None, expires=FAR, lifetime=30):
    digest = new_id()
    db.one("SELECT ticket_add(%s, %s, %s, %s, %s, %s)", digest, user, credential, issued, expires, lifetime)
    return digest


def taken(db, digest, on=None):
    return db.rows("SELECT * FROM ticket_take(%s)", digest, on=on)


def since(db, position):
    return [row for row in db.rows("SELECT * FROM revocation_since(%s, 1000)", position) if row["position"]]


def test_times_keep_their_microseconds(db):
    for microseconds in (0, 1, 1_763_700_000_123_457, FAR):
        assert db.one("SELECT time_to_microseconds(time_from_microseconds(%s))", microseconds) == microseconds
    assert db.one("SELECT time_from_microseconds(%s)::text", 2**63 - 1) == "9999-12-31 23:59:59+00"


def test_a_session_is_found_until_it_is_closed(db):
    alice, digest = db.user("alice"), new_id()
    expires = db.one("SELECT session_open(%s, %s, 60)", digest, alice)
    session, = found(db, digest)
    assert (session["id"], session["state"], session["expires"]) == (alice, GRANTED, expires)
    assert abs(expires - now() - 60_000_000) < 20_000_000 and session["credential"] == digest
    assert not found(db, new_id())
    db.one("SELECT session_close(%s, %s)", db.user("bella"), digest)
    assert found(db, digest), "not hers to close"
    db.one("SELECT session_close(%s, %s)", alice, digest)
    assert not found(db, digest) and state(db, alice, digest) == SIGNED_OUT and state(db, alice) == GRANTED


def test_an_expired_session_is_none(db):
    digest = new_id()
    db.one("SELECT session_open(%s, %s, 60)", digest, db.user("alice"))
    db.rows("UPDATE sessions SET expires_at = clock_timestamp() - interval '1 millisecond'")
    assert not found(db, digest)


def test_a_ticket_is_taken_once(db):
    alice, credential = db.user("alice"), new_id()
    digest = ticket(db, alice, credential, 1_000_000, FAR)
    row, = taken(db, digest)
    assert (row["id"], row["state"], row["credential"], row["issued"], row["expires"]) \
        == (alice, GRANTED, credential, 1_000_000, FAR)
    assert not taken(db, digest)


def test_a_ticket_is_taken_once_by_many_at_a_time(db):
    for _ in range(20):
        digest = ticket(db, db.user("alice"))
        connections = [db.connect() for _ in range(4)]
        results = together(*(lambda on=on: taken(db, digest, on=on) for on in connections))
        assert sorted(len(rows) for rows in results) == [0, 0, 0, 1]
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("column", ["expires_at", "session_expires_at"])
def test_an_expired_ticket_is_used_up_too(db, column):
    digest = ticket(db, db.user("alice"))
    db.rows(f"UPDATE tickets SET {column} = clock_timestamp() - interval '1 millisecond'")
    assert not taken(db, digest)
    assert db.one("SELECT count(*) FROM tickets") == 0


def test_a_revoked_token(db):
    alice, digest = db.user("alice"), new_id()
    unused = ticket(db, alice, digest, now())
    for _ in range(2):
        db.one("SELECT token_revoke(%s, %s, %s)", alice, digest, FAR)
    assert state(db, alice, digest) == SIGNED_OUT and state(db, alice) == GRANTED
    row, = taken(db, unused)
    assert row["state"] == SIGNED_OUT


def test_everything_that_was_issued_before(db):
    alice, bella, digest = db.user("alice"), db.user("bella"), new_id()
    db.one("SELECT session_open(%s, %s, 60)", digest, alice)
    before = now() - 5_000_000
    db.one("SELECT session_close_all(%s)", alice)
    assert not found(db, digest)
    assert state(db, alice, issued=before) == SIGNED_OUT and state(db, alice, issued=0) == SIGNED_OUT
    assert state(db, alice, issued=now() + 5_000_000) == GRANTED
    assert state(db, bella, issued=before) == GRANTED
    # A server key that acts for her has not been issued to her.
    assert state(db, alice) == GRANTED


def test_suspension(db):
    alice = db.user("alice")
    assert '"suspended" : true' in db.one("SELECT user_suspend(%s, 'why')", alice)
    assert state(db, alice) == SUSPENDED
    row, = taken(db, ticket(db, alice))
    assert row["state"] == SUSPENDED
    assert '"suspended" : false' in db.one("SELECT user_restore(%s)", alice)
    assert state(db, alice) == GRANTED
    remote = db.one("SELECT user_remote('romeo@example.org')")
    for nobody in (remote, new_id()):
        assert db.one("SELECT user_suspend(%s, NULL)", nobody) is None
        assert db.one("SELECT user_restore(%s)", nobody) is None
    assert db.one("SELECT count(*) FROM user_access") == 1


def test_revocations_come_in_order_without_gaps(db):
    alice = db.user("alice")
    assert since(db, None) == [] and db.one("SELECT head FROM revocation_since(NULL, 10)") == 0
    digest = new_id()
    db.one("SELECT token_revoke(%s, %s, %s)", alice, digest, FAR)
    db.one("SELECT session_close_all(%s)", alice)
    db.one("SELECT user_suspend(%s, NULL)", alice)
    rows = since(db, 0)
    assert [row["position"] for row in rows] == [1, 2, 3] and {row["head"] for row in rows} == {3}
    assert [row["reason"] for row in rows] == ["signed out", "signed out", "suspended"]
    assert [row["credential"] for row in rows] == [digest, None, None]
    assert [row["issued_before"] is None for row in rows] == [True, False, True]
    assert [row["position"] for row in since(db, 2)] == [3]
    assert [row["position"] for row in db.rows("SELECT * FROM revocation_since(0, 2)")] == [1, 2]


def test_a_revocation_is_never_seen_late(db):
    """Whoever has seen position n has seen all before it, though transactions end in any order."""
    alice = db.user("alice")
    slow = db.connect(autocommit=False)
    db.rows("SELECT token_revoke(%s, %s, %s)", alice, new_id(), FAR, on=slow)
    quick = db.connect()

    def end():
        time.sleep(0.2)  # the other one waits for the lock meanwhile, or has not come yet
        assert since(db, 0) == []
        slow.commit()
    together(end, lambda: db.rows("SELECT token_revoke(%s, %s, %s)", alice, new_id(), FAR, on=quick))
    assert [row["position"] for row in since(db, 0)] == [1, 2]
    db.rows("SELECT token_revoke(%s, %s, %s)", alice, new_id(), FAR, on=slow)
    slow.rollback()
    db.one("SELECT token_revoke(%s, %s, %s)", alice, new_id(), FAR)
    assert [row["position"] for row in since(db, 0)] == [1, 2, 3]


def test_sweeping(db):
    alice = db.user("alice")
    old = [new_id() for _ in range(5)]
    for digest in old:
        db.one("SELECT session_open(%s, %s, 60)", digest, alice)
        db.one("SELECT token_revoke(%s, %s, 1000000)", alice, digest)
        ticket(db, alice)
    db.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
    db.rows("UPDATE tickets SET expires_at = now() - interval '1 second'")
    db.rows("UPDATE revocations SET at = now() - interval '25 hours' WHERE position <= 4")
    kept = new_id()
    db.one("SELECT session_open(%s, %s, 60)", kept, alice)
    db.one("SELECT session_sweep(3)")
    counts = "SELECT count(*) FROM "
    assert [db.one(counts + t) for t in ("sessions", "tickets", "revoked_tokens", "revocations")] == [3, 2, 2, 2]
    db.one("SELECT session_sweep(1000)")
    assert [db.one(counts + t) for t in ("sessions", "tickets", "revoked_tokens", "revocations")] == [1, 0, 0, 1]
    assert found(db, kept)
