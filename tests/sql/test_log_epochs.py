# SPDX-License-Identifier: GPL-3.0-or-later
"""When the log of the database is another one, and what is left of the old one."""
import psycopg2
import pytest

def state(db, call, *values, on=None):
    """(epoch, position, refusal, past) of log_state(), log_open() or log_watch()."""
    row, = db.rows(f"SELECT epoch, position, refusal, past FROM {call}", *values, on=on)
    return tuple(row.values())


def open_log(db, epoch=None, newest=0):
    return state(db, "log_open(%s, %s)", epoch, newest)


def test_the_same_server_goes_on_with_the_same_log(db):
    epoch, position, refusal, past = open_log(db)
    assert (refusal, past) == (None, "") and db.one("SELECT origin IS NOT NULL FROM log_head")
    assert open_log(db, epoch, position) == (epoch, position, None, "")
    assert state(db, "log_watch(%s, %s)", epoch, position) == (epoch, position, None, "")
    assert state(db, "log_state()") == (epoch, position, None, "")


def test_another_server_begins_a_new_epoch_where_the_log_stands(db):
    old = open_log(db)[0]
    db.rows("UPDATE log_head SET position = 70, origin = '1/00000001'")
    assert state(db, "log_state()")[2] == "not-opened", "nobody reads before the log is opened"
    epoch, position, refusal, past = open_log(db, old, 60)
    assert epoch != old and (position, refusal, past) == (70, None, f"{old}:70")
    assert open_log(db, old, 60) == (epoch, 70, None, past), "once"


def test_a_log_that_went_back_is_another_one(db):
    """The same server, restored in place: seen by whoever knows more of the epoch than there is."""
    first = open_log(db)[0]
    db.rows("UPDATE log_head SET position = 100, origin = '1/00000001'")
    second = open_log(db)[0]
    db.rows("UPDATE log_head SET position = 80")
    assert open_log(db, second, 80)[0] == second and open_log(db, "another", 99)[0] == second
    third, position, _, past = open_log(db, second, 90)
    assert third not in (first, second) and position == 80
    assert sorted(past.split()) == sorted([f"{first}:80", f"{second}:80"]), "no past ends beyond the present"


def test_a_session_that_may_not_write_is_told_so(db):
    epoch = open_log(db)[0]
    db.rows("UPDATE log_head SET origin = '1/00000001'")
    other = db.connect(autocommit=False)
    for call in ("log_state()", "log_open(NULL, 0)", "log_watch(NULL, 0)"):
        db.rows("SET TRANSACTION READ ONLY", on=other)
        assert state(db, call, on=other)[0::2] == (epoch, "read-only")
        other.rollback()


def test_the_watchdog_meets_the_locks_that_writes_meet(db):
    epoch, position, *_ = open_log(db)
    other = db.connect(autocommit=False)
    for held in ("LOCK TABLE messages IN SHARE MODE", "UPDATE log_head SET stamp = stamp"):
        db.rows(held, on=other)
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            state(db, "log_watch(%s, %s)", epoch, position)
        other.rollback()
    assert state(db, "log_watch(%s, %s)", epoch, position)[2] is None


def test_the_watchdog_wants_room_on_the_disk(db):
    """It sorts in a file: a server that allows none refuses it."""
    epoch, position, *_ = open_log(db)
    db.rows("SET temp_file_limit = '100kB'")
    with pytest.raises(psycopg2.errors.ConfigurationLimitExceeded):
        state(db, "log_watch(%s, %s)", epoch, position)
