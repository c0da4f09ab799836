# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions, tickets, sign-outs and suspensions in the database."""
import hashlib
import threading
import time
import uuid

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
    row, = db.rows("SELECT * FROM ticket_add(%s, %s, %s, %s, %s, %s)", digest, user, credential, issued, expires,
                   lifetime)
    return digest if row["state"] == GRANTED else None


def taken(db, digest, on=None):
    return db.rows("SELECT * FROM ticket_take(%s)", digest, on=on)


def opened(db, digest, user, token=None, issued=None, on=None):
    """(state, expires) of a session begun with a token, by default one that was issued just now."""
    row, = db.rows("SELECT * FROM session_open(%s, %s, 60, 90, %s, %s)", digest, user, token or new_id(),
                   now() if issued is None else issued, on=on)
    return row["state"], row["expires"]


def closed_all(db, user, token=None, on=None):
    return db.rows("SELECT session_close_all(%s, %s, %s)", user, token or new_id(), FAR, on=on)


def sign_in(db, own_id, token=None, issued=0, name=None):
    return db.rows("SELECT * FROM user_sign_in(%s, NULL, 'app.example.org', NULL, %s, NULL, %s, %s)", own_id, name,
                   token or new_id(), issued)


def since(db, position):
    return [row for row in db.rows("SELECT * FROM revocation_since(%s, 1000)", position) if row["position"]]


def test_times_keep_their_microseconds(db):
    for microseconds in (0, 1, 1_763_700_000_123_457, FAR):
        assert db.one("SELECT time_to_microseconds(time_from_microseconds(%s))", microseconds) == microseconds
    assert db.one("SELECT time_from_microseconds(%s)::text", 2**63 - 1) == "9999-12-31 23:59:59+00"
    assert db.one("SELECT time_from_microseconds(%s)::text", -2**63) == "0001-01-01 00:00:00+00"


def test_use_puts_the_end_of_a_session_off_but_not_beyond_its_last(db):
    alice, digest = db.user("alice"), new_id()
    _, expires = opened(db, digest, alice)
    assert db.one("SELECT session_renew(%s, 30)", digest) == expires, "never sooner than it was"
    clock = "SELECT time_to_microseconds(clock_timestamp())"
    before, renewed, after = db.one(clock), db.one("SELECT session_renew(%s, 75)", digest), db.one(clock)
    assert before + 75_000_000 <= renewed <= after + 75_000_000
    last = db.one("SELECT session_renew(%s, 1000)", digest)
    assert last == db.one("SELECT time_to_microseconds(ends_at) FROM sessions WHERE digest = %s", digest) >= expires + 30_000_000
    assert db.one("SELECT session_renew(%s, 2000)", digest) == last and found(db, digest)[0]["expires"] == last
    db.rows("UPDATE sessions SET expires_at = clock_timestamp() WHERE digest = %s", digest)
    assert db.one("SELECT session_renew(%s, 60)", digest) is None and not found(db, digest)
    assert db.one("SELECT session_renew(%s, 60)", new_id()) is None


def test_a_session_is_found_until_it_is_closed(db):
    alice, digest = db.user("alice"), new_id()
    state_, expires = opened(db, digest, alice)
    assert state_ == GRANTED
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
    opened(db, digest, db.user("alice"))
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
    opened(db, digest, alice)
    before = now() - 5_000_000
    closed_all(db, alice)
    assert not found(db, digest)
    assert state(db, alice, issued=before) == SIGNED_OUT and state(db, alice, issued=0) == SIGNED_OUT
    assert state(db, alice, issued=now() + 5_000_000) == GRANTED
    assert state(db, bella, issued=before) == GRANTED
    # A server key that acts for her has not been issued to her.
    assert state(db, alice) == GRANTED


def test_suspension(db):
    alice = db.user("alice")
    before = ticket(db, alice)
    assert '"suspended" : true' in db.one("SELECT user_suspend(%s, 'why')", alice)
    assert state(db, alice) == SUSPENDED
    assert ticket(db, alice) is None and opened(db, new_id(), alice) == (SUSPENDED, None)
    row, = taken(db, before)
    assert row["state"] == SUSPENDED
    assert '"suspended" : false' in db.one("SELECT user_restore(%s)", alice)
    assert state(db, alice) == GRANTED
    remote = db.one("SELECT user_remote('romeo@example.org')")
    for nobody in (remote, new_id()):
        assert db.one("SELECT user_suspend(%s, NULL)", nobody) is None
        assert db.one("SELECT user_restore(%s)", nobody) is None
    assert db.one("SELECT count(*) FROM user_access") == 1


def test_a_session_is_as_old_as_its_token(db):
    """It ends with what was issued before a sign-out, whenever it was begun."""
    alice = db.user("alice")
    closed_all(db, alice)
    assert opened(db, new_id(), alice, issued=now() - 5_000_000) == (SIGNED_OUT, None)
    assert opened(db, new_id(), alice, issued=0) == (SIGNED_OUT, None), "its token does not say when"
    digest, issued = new_id(), now() + 5_000_000
    assert opened(db, digest, alice, issued=issued)[0] == GRANTED
    assert found(db, digest)[0]["issued"] <= now(), "nothing is issued later than now"
    older = new_id()
    db.rows("UPDATE user_access SET signed_out_at = '2001-01-01'")
    assert opened(db, older, alice, issued=now() - 5_000_000)[0] == GRANTED
    assert found(db, older)[0]["issued"] < now() - 4_000_000
    db.rows("UPDATE user_access SET signed_out_at = now() - interval '2 seconds'")
    assert found(db, older)[0]["state"] == SIGNED_OUT and found(db, digest)[0]["state"] == GRANTED


def test_a_token_takes_its_sessions_along(db):
    alice, bella, token = db.user("alice"), db.user("bella"), new_id()
    own, other, hers = new_id(), new_id(), new_id()
    opened(db, own, alice, token)
    opened(db, other, alice)
    opened(db, hers, bella, token)
    by_session = ticket(db, alice, own, now())
    db.one("SELECT token_revoke(%s, %s, %s)", alice, token, FAR)
    assert not found(db, own) and found(db, other) and found(db, hers)
    assert taken(db, by_session)[0]["state"] == SIGNED_OUT
    assert [row["credential"] for row in since(db, 0)] == [own, token], "sockets that came by a ticket of it end, too"
    assert opened(db, new_id(), alice, token) == (SIGNED_OUT, None) and ticket(db, alice, token, now()) is None


def test_the_token_that_signs_out_everything_is_refused_by_itself(db):
    """Its clock may be ahead: then it was issued later than now."""
    alice, token = db.user("alice"), new_id()
    closed_all(db, alice, token)
    assert state(db, alice, token, now() + 30_000_000) == SIGNED_OUT
    assert state(db, alice, issued=now() + 30_000_000) == GRANTED
    assert db.one("SELECT session_close_all(id) FROM users") == 3, "as an operator does it, for everybody"


SIGN_OUTS = {
    "all": lambda db, user, token, on: closed_all(db, user, on=on),
    "token": lambda db, user, token, on: db.rows("SELECT token_revoke(%s, %s, %s)", user, token, FAR, on=on),
    "suspend": lambda db, user, token, on: db.rows("SELECT user_suspend(%s, NULL)", user, on=on),
}
MAKERS = {
    "session": lambda db, user, token, on: opened(db, new_id(), user, token, now() - 1_000_000, on=on)[0],
    "ticket": lambda db, user, token, on: db.rows("SELECT state FROM ticket_add(%s, %s, %s, %s, %s, 30)", new_id(),
                                                  user, token, now() - 1_000_000, FAR, on=on)[0]["state"],
}


def beside(db, first, second):
    """Runs FIRST in a transaction that commits when SECOND waits for it; returns what SECOND does."""
    slow, watcher = db.connect(autocommit=False), db.connect()
    first(slow)
    result = []
    thread = threading.Thread(target=lambda: result.append(second(None)))
    thread.start()
    while thread.is_alive() and not db.one("SELECT count(*) FROM pg_locks WHERE NOT granted", on=watcher):
        pass
    slow.commit()
    thread.join()
    return result[0]


@pytest.mark.parametrize("sign_out", SIGN_OUTS)
@pytest.mark.parametrize("maker", MAKERS)
def test_nothing_slips_through_a_sign_out_that_runs(db, maker, sign_out):
    alice, token = db.user("alice"), new_id()
    state_ = beside(db, lambda on: SIGN_OUTS[sign_out](db, alice, token, on),
                    lambda on: MAKERS[maker](db, alice, token, on))
    assert state_ == (SUSPENDED if sign_out == "suspend" else SIGNED_OUT)
    assert db.one("SELECT count(*) FROM sessions") == db.one("SELECT count(*) FROM tickets") == 0


@pytest.mark.parametrize("sign_out", ["all", "token"])
def test_a_sign_out_finds_what_is_being_made(db, sign_out):
    alice, token = db.user("alice"), new_id()
    beside(db, lambda on: MAKERS["session"](db, alice, token, on), lambda on: SIGN_OUTS[sign_out](db, alice, token, on))
    assert db.one("SELECT count(*) FROM sessions") == 0


def test_two_of_one_user_come_in_at_once(db):
    """They share the lock that a sign-out takes for itself."""
    alice, slow = db.user("alice"), db.connect(autocommit=False)
    assert opened(db, new_id(), alice, on=slow)[0] == GRANTED
    assert opened(db, new_id(), alice)[0] == GRANTED and ticket(db, alice)
    slow.commit()


def test_who_may_not_come_in_changes_nothing(db):
    token = new_id()
    first, = sign_in(db, "alice", token, issued=now(), name="Alice")
    assert (first["state"], first["name"], first["kind"]) == (GRANTED, "Alice", "hosted")
    assert abs(first["created_at"] - now()) < 20_000_000 and first["position"] == 0
    again, = sign_in(db, "alice", token, issued=now(), name="Ally")
    assert (again["id"], again["state"], again["name"]) == (first["id"], GRANTED, "Ally")
    db.one("SELECT token_revoke(%s, %s, %s)", first["id"], token, FAR)
    refused, = sign_in(db, "alice", token, issued=now(), name="Mallory")
    assert (refused["state"], refused["name"], refused["position"]) == (SIGNED_OUT, "Ally", 1)
    db.one("SELECT user_suspend(%s, NULL)", first["id"])
    assert sign_in(db, "alice", issued=now(), name="Mallory")[0]["state"] == SUSPENDED
    assert db.one("SELECT name FROM users") == "Ally"


def test_a_ticket_ends_with_the_server_key_that_made_it(db):
    alice, digest = db.user("alice"), hashlib.sha256(b"tsk_1").digest()
    db.rows("SELECT server_key_create('k', %s, '{tickets}')", digest)
    credential = str(uuid.UUID(bytes=digest[:16]))
    unused = ticket(db, alice, credential)
    assert db.one("SELECT server_key_revoke('k')")
    assert ticket(db, alice, credential) is None
    assert taken(db, unused)[0]["state"] == SIGNED_OUT


def test_revocations_come_in_order_without_gaps(db):
    alice = db.user("alice")
    assert since(db, None) == [] and db.one("SELECT head FROM revocation_since(NULL, 10)") == 0
    digest, other = new_id(), new_id()
    db.one("SELECT token_revoke(%s, %s, %s)", alice, digest, FAR)
    closed_all(db, alice, other)
    db.one("SELECT user_suspend(%s, NULL)", alice)
    rows = since(db, 0)
    assert [row["position"] for row in rows] == [1, 2, 3, 4] and {row["head"] for row in rows} == {4}
    assert [row["reason"] for row in rows] == ["signed out"] * 3 + ["suspended"]
    assert [row["credential"] for row in rows] == [digest, other, None, None], "the one that asked goes by itself, too"
    assert [row["issued_before"] is None for row in rows] == [True, True, False, True]
    assert [row["position"] for row in since(db, 3)] == [4]
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
        opened(db, digest, alice)
        db.one("SELECT token_revoke(%s, %s, 1000000)", alice, digest)
        ticket(db, alice)
    db.rows("UPDATE sessions SET expires_at = now() - interval '1 second'")
    db.rows("UPDATE tickets SET expires_at = now() - interval '1 second'")
    db.rows("UPDATE revocations SET at = now() - interval '25 hours' WHERE position <= 4")
    kept = new_id()
    opened(db, kept, alice)
    assert db.rows("SELECT removed, more FROM reap_sessions(3)") == [{"removed": 3 + 3 + 3 + 3, "more": True}]
    counts = "SELECT count(*) FROM "
    assert [db.one(counts + t) for t in ("sessions", "tickets", "revoked_tokens", "revocations")] == [3, 2, 2, 2]
    assert db.rows("SELECT removed, more FROM reap_sessions(1000)") == [{"removed": 2 + 2 + 2 + 1, "more": False}]
    assert [db.one(counts + t) for t in ("sessions", "tickets", "revoked_tokens", "revocations")] == [1, 0, 0, 1]
    assert found(db, kept)


def known(db, *tokens, on=None):
    """tokens: (own id, user name, name, picture, credential, issued)."""
    columns = [list(column) for column in zip(*tokens)]
    return {row.pop("n"): row for row in db.rows("SELECT * FROM user_sign_in_known(%s::text[], %s::text[], %s::text[], %s::text[],"
                                                 " %s::uuid[], %s::bigint[])", *columns, on=on)}


def test_of_many_tokens_those_that_say_nothing_new_let_in_as_each_does_alone(db):
    db.provision("plain")
    db.provision("named", username="named", name="Name", avatar="https://a.example/x.png")
    own = db.provision("own", name="Theirs")["id"]
    db.change("profile", own, name="Mine")
    out = db.provision("out")["id"]
    db.rows("SELECT session_close_all(%s, %s, 1800000000000000)", out, new_id())
    db.rows("SELECT user_suspend(%s, 'why')", db.provision("suspended")["id"])
    revoked = new_id()
    db.rows("SELECT token_revoke(%s, %s, 1800000000000000)", db.provision("revoked")["id"], revoked)
    picture = "https://a.example/x.png"
    tokens = [("plain", None, None, None), ("named", "named", "Name", picture), ("named", None, None, None), ("own", None, "Theirs", None),
              ("out", None, None, None), ("suspended", None, None, None), ("revoked", None, None, None), ("plain", None, None, None),
              # What follows says something new, or is of nobody.
              ("plain", "p", None, None), ("plain", None, "P", None), ("named", None, None, "https://a.example/y.png"), ("nobody", None, None, None)]
    tokens = [(*token, revoked if token[0] == "revoked" else new_id(), 1700000000000000) for token in tokens]
    many = known(db, *tokens)
    assert sorted(many) == list(range(1, 9))
    for place, row in many.items():
        own_id, username, name, avatar, credential, issued = tokens[place - 1]
        alone, = db.rows("SELECT * FROM user_sign_in(%s, %s, 'app.example.org', %s, %s, %s, %s, %s)", own_id, own_id, username, name, avatar,
                         credential, issued)
        assert row == alone
    assert [many[n]["state"] for n in range(1, 9)] == [0, 0, 0, 0, 1, 2, 1, 0]
    fetching = db.connect()
    db.rows("SET trestle.pictures = 'fetch'", on=fetching)
    assert sorted(known(db, *tokens[:3], on=fetching)) == [1] # the picture is still to be fetched
