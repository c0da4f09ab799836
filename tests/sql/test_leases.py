# SPDX-License-Identifier: GPL-3.0-or-later
"""A lease has one holder at a time, by the database's clock; its epoch fences earlier ones."""
import threading

from conftest import new_id


def take(db, holder, milliseconds=60000, on=None):
    return tuple(db.rows("SELECT ret_held, ret_epoch FROM lease_take('link', %s, %s)", holder, milliseconds,
                         on=on)[0].values())


def expire(db):
    db.rows("UPDATE leases SET expires_at = clock_timestamp() - interval '1 second'")


def test_the_first_one_takes_it_and_the_others_wait(db):
    assert take(db, "a") == (True, 1)
    assert take(db, "b") == (False, 1)
    assert take(db, "a") == (True, 1)
    expire(db)
    assert take(db, "b") == (True, 2)
    assert take(db, "a") == (False, 2)


def test_a_lease_that_ran_out_is_a_new_one_even_for_its_holder(db):
    assert take(db, "a") == (True, 1)
    expire(db)
    assert take(db, "a") == (True, 2)


def test_the_others_hear_whether_the_holder_is_of_use(db):
    def useful(holder, says):
        return db.rows("SELECT ret_useful FROM lease_take('link', %s, 60000, %s)", holder, says)[0]["ret_useful"]
    assert useful("a", False) is False and useful("b", True) is False
    assert useful("a", True) is True and useful("b", False) is True
    expire(db)
    assert useful("b", False) is False and useful("a", True) is False


def test_giving_back(db):
    assert take(db, "a") == (True, 1)
    db.rows("SELECT lease_release('link', 'b', 1)")
    db.rows("SELECT lease_release('link', 'a', 7)")
    assert take(db, "b") == (False, 1)
    db.rows("SELECT lease_release('link', 'a', 1)")
    assert take(db, "b") == (True, 2)
    db.rows("SELECT lease_release('link', 'a', 1)")
    assert take(db, "a") == (False, 2)


def test_of_many_at_once_one_gets_it(db):
    results, connections = [], [db.connect() for _ in range(8)]
    start = threading.Barrier(8)

    def work(n):
        start.wait()
        results.append(take(db, f"i{n}", on=connections[n]))
    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(False, 1)] * 7 + [(True, 1)]


def test_the_outbox_is_cleared_by_the_holder_alone(db):
    alice = db.user("alice")
    talk = db.conversation(alice, jid="romeo@example.org")
    for _ in range(3):
        db.store({"conversation": talk, "sender": alice, "dedupe": new_id()})
    last = db.head()
    take(db, "a")
    expire(db)
    take(db, "b")
    db.rows("SELECT outbox_delivered(%s, 0, 1, epoch, '{message}') FROM log_head", last)
    assert len(db.outbox()) == 3
    db.rows("SELECT outbox_delivered(%s, 0, 2, epoch, '{message}') FROM log_head", last - 1)
    assert len(db.outbox()) == 1
    assert not db.one("SELECT outbox_delivered(%s, 0, NULL, 'another log', '{message}')", last) and len(db.outbox()) == 1
    assert db.one("SELECT outbox_delivered(%s, 0, NULL, epoch, '{message}') FROM log_head", last)
    assert db.outbox() == []
