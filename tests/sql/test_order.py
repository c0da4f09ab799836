# SPDX-License-Identifier: GPL-3.0-or-later
"""Two writers, every interleaving: order is that of commits, and a reader by position misses nothing."""
import itertools
import threading

import pytest

from conftest import DOMAIN, new_id
from test_reactions import Talk


class Writer:
    """A connection whose steps run in a thread, one after the other, when they are told to."""

    def __init__(self, db, conversation, sender):
        self.db = db
        self.connection = db.connect(autocommit=False)
        self.pid = db.one("SELECT pg_backend_pid()", on=self.connection)
        self.connection.rollback()
        self.message = {"conversation": conversation, "sender": sender}
        self.thread = None
        self.stored = None

    def begin(self):
        self.thread = threading.Thread(target=self._store)
        self.thread.start()

    def _store(self):
        self.stored, = self.db.store(self.message, on=self.connection)

    def waits(self, watcher):
        """Whether the store has come to a lock; False once it is through."""
        while self.thread.is_alive():
            if self.db.one("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", self.pid,
                           on=watcher):
                return True
        return False

    def end(self, commit):
        self.thread.join()
        self.connection.commit() if commit else self.connection.rollback()


@pytest.mark.parametrize("fates", list(itertools.product([True, False], repeat=2)))
@pytest.mark.parametrize("same_conversation", [True, False])
def test_second_writer_waits_and_positions_rise_with_commits(db, fates, same_conversation):
    alice = db.user("alice")
    one = db.conversation(alice, jid="romeo@example.org")
    other = one if same_conversation else db.conversation(alice, jid="juliet@example.org")
    watcher = db.connect()
    first, second = Writer(db, one, alice), Writer(db, other, alice)
    before = db.head()
    first.begin()
    assert not first.waits(watcher)
    second.begin()
    assert second.waits(watcher)
    assert db.rows("SELECT * FROM messages") == []
    first.end(fates[0])
    seen = [row["position"] for row in db.resume(alice, before) if row["type"]]
    assert len(seen) == fates[0]
    cursor = max(seen, default=before)
    second.end(fates[1])
    late = [row["position"] for row in db.resume(alice, cursor) if row["type"]]
    assert len(late) == fates[1] and all(position > cursor for position in late)
    for conversation in {one, other}:
        seqs = [row["seq"] for row in db.rows("SELECT seq FROM messages WHERE conversation_id = %s"
                                              " ORDER BY position", conversation)]
        assert seqs == list(range(1, len(seqs) + 1))


def test_arrivals_opens_and_marks_take_their_turn_as_well(db):
    """Whatever adds to the log waits for the writer that has it."""
    alice = db.user("alice")
    conversation = db.conversation(alice, jid="romeo@example.org")
    stored, = db.store({"conversation": conversation, "sender": alice})
    calls = [lambda on: db.receive({"to": f"alice@{DOMAIN}"}, on=on),
             lambda on: db.opened(alice, jid=f"{new_id()}@example.org", on=on),
             lambda on: db.mark("read", jid="romeo@example.org", message=stored["id"], on=on)]
    watcher = db.connect()
    for call in calls:
        holder = db.connect(autocommit=False)
        db.rows("SELECT log_advance(1)", on=holder)
        other = db.connect()
        pid = db.one("SELECT pg_backend_pid()", on=other)
        thread = threading.Thread(target=call, args=(other,))
        thread.start()
        while not db.one("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", pid, on=watcher):
            assert thread.is_alive(), "did not wait for the log"
        holder.commit()
        thread.join()


REAPERS = {"reap_messages": "'{}', 5", "reap_groups": "0, 5", "reap_entries": "'{}', 100", "reap_events": "0, 5",
           "reap_removed": "0, 5", "reap_reports": "0, 5", "reap_spam": "0, 5", "reap_scheduled": "0, 5", "reap_retold": "5"}


@pytest.mark.parametrize("reaper", REAPERS)
def test_what_removes_rows_that_changes_touch_takes_its_turn_first(db, reaper):
    """While it waits for the log, no row is locked: whoever has the log gets each."""
    talk = Talk(db, "alice", "bella", "cleo")
    ended = Talk(db, "dora", "emil", "flora")
    for n in range(8):
        db.change("react", talk.users[0], message_id=talk.say("old", sender=n % 2), emoji="👍")
        ended.say("old", sender=n % 2)
    db.rows("UPDATE members SET role = 'owner' WHERE conversation_id = %s AND user_id = %s", ended.id, ended.users[0])
    assert db.change("group_destroy", ended.users[0], conversation_id=ended.id)["outcome"] == 0
    db.rows("UPDATE messages SET created_at = created_at - interval '100 days' WHERE conversation_id = %s", talk.id)
    db.rows("UPDATE events SET at = at - interval '1 day'")
    assert db.change("retention_expire", None, ids=[str(talk.id)], seconds=86400)["outcome"] == 0
    holder, other, watcher = db.connect(autocommit=False), db.connect(), db.connect()
    db.rows("SELECT FROM log_head FOR UPDATE", on=holder)
    pid, removed = db.one("SELECT pg_backend_pid()", on=other), []
    thread = threading.Thread(target=lambda: removed.append(db.one(f"SELECT removed FROM {reaper}({REAPERS[reaper]})", on=other)))
    thread.start()
    while not db.one("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", pid, on=watcher):
        assert thread.is_alive(), "did not wait for the log"
    for table in ("conversations", "members", "messages", "reactions", "entries", "events", "purges", "threads"):
        db.rows(f"SELECT FROM {table} FOR UPDATE NOWAIT", on=holder)
    holder.commit()
    thread.join()
    assert removed and (removed[0] > 0 or reaper not in ("reap_messages", "reap_groups", "reap_events")), "there was something to remove"


def test_reader_by_position_misses_nothing_among_busy_writers(db):
    """Four writers, some of whose transactions fail, and a reader that only ever goes forward."""
    alice = db.user("alice")
    conversations = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(3)]
    stop = threading.Event()
    faults = []

    def write(connection, number):
        try:
            for round_ in range(60):
                db.store(*[{"conversation": conversations[(number + n) % 3], "sender": alice}
                           for n in range(1 + round_ % 4)], on=connection)
                connection.rollback() if round_ % 5 == number else connection.commit()
        except Exception as error:  # noqa: BLE001 - told by the test
            faults.append(error)
    writers = [threading.Thread(target=write, args=(db.connect(autocommit=False), n)) for n in range(4)]
    seen, cursor = [], db.head()
    reader = db.connect()

    def read():
        nonlocal cursor
        rows = db.rows("SELECT position, id FROM messages WHERE position > %s ORDER BY position LIMIT 20",
                       cursor, on=reader)
        seen.extend(row["id"] for row in rows)
        cursor = rows[-1]["position"] if rows else cursor
        return rows

    def follow():
        while not stop.is_set():
            read()
        while read():
            pass
    follower = threading.Thread(target=follow)
    follower.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stop.set()
    follower.join()
    assert not faults
    stored = db.rows("SELECT id, conversation_id, seq FROM messages ORDER BY position")
    assert seen == [row["id"] for row in stored]
    for conversation in conversations:
        seqs = [row["seq"] for row in stored if row["conversation_id"] == conversation]
        assert seqs == list(range(1, len(seqs) + 1)) and seqs
