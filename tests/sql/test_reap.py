# SPDX-License-Identifier: GPL-3.0-or-later
"""What has had its time goes, and nothing that somebody refers to, also when that begins in the same moment."""
import json
import threading

import pytest
from conftest import new_id

EVE = "eve@example.org"


def reap_users(db, seconds=0, limit=1000, payload=None, on=None):
    return db.rows("SELECT * FROM reap_users(%s, %s, %s)", json.dumps(payload or {}), seconds, limit, on=on)[0]


def age(db):
    """Everything was unused long ago."""
    reap_users(db, 10**6)
    db.rows("UPDATE users SET unused_since = unused_since - interval '1 year'")


def remotes(db):
    return [row["jid"] for row in db.rows("SELECT jid FROM users WHERE kind = 'remote' ORDER BY jid")]


REFERENCES = {
    "conversation": lambda db, user, on=None: db.opened(user, jid=EVE, on=on),
    "contact": lambda db, user, on=None: db.change("contact_add", user, jid=EVE, domain="app.example.org", on=on),
    "block": lambda db, user, on=None: db.change("block", user, jid=EVE, domain="app.example.org", on=on),
    "search": lambda db, user, on=None: db.rows("SELECT user_candidate(%s, %s)", user, EVE, on=on),
    "message": lambda db, user, on=None: db.receive({"to": "alice@app.example.org", "sender": EVE}, on=on),
    "request": lambda db, user, on=None: db.change("contact_stanza", user, type="subscribe", peer=EVE, on=on),
}
BY_ID = {
    "conversation": lambda db, user, eve, on: db.opened(user, eve, on=on),
    "contact": lambda db, user, eve, on: db.change("contact_add", user, user_id=eve, domain="app.example.org", on=on),
    "block": lambda db, user, eve, on: db.change("block", user, user_id=eve, domain="app.example.org", on=on),
}


def test_addresses_that_nothing_refers_to_go_after_their_time(db):
    alice = db.user("alice")
    for n in range(7):
        db.one("SELECT user_candidate(%s, %s)", alice, f"typed{n}@example.org")
    REFERENCES["conversation"](db, alice)
    assert reap_users(db, 3600)["removed"] == 0
    age(db)
    # Somebody has looked it up again.
    db.one("SELECT user_candidate(%s, 'typed3@example.org')", alice)
    first = reap_users(db, 3600, limit=4)
    assert first["more"] is True
    rest = reap_users(db, 3600, payload=first["payload"])
    assert (rest["more"], rest["payload"]) == (False, {}) and first["removed"] + rest["removed"] == 6
    assert remotes(db) == [EVE, "typed3@example.org"]
    assert db.one("SELECT count(*) FROM user_words w WHERE NOT EXISTS (SELECT FROM users u WHERE u.id = w.user_id)") == 0
    assert db.one("SELECT unused_since FROM users WHERE jid = %s", EVE) is None


@pytest.mark.parametrize("kind", REFERENCES)
def test_what_is_referred_to_stays(db, kind):
    alice = db.user("alice")
    REFERENCES[kind](db, alice)
    age(db)
    reap_users(db)
    assert remotes(db) == ([] if kind == "search" else [EVE])
    assert db.one("SELECT count(*) FROM users WHERE kind = 'hosted'") == 1


@pytest.mark.parametrize("kind", REFERENCES)
def test_referred_to_in_a_transaction_that_has_not_ended(db, kind):
    alice = db.user("alice")
    db.one("SELECT user_candidate(%s, %s)", alice, EVE)
    age(db)
    slow = db.connect(autocommit=False)
    REFERENCES[kind](db, alice, on=slow)
    assert reap_users(db)["removed"] == 0 # and it did not wait
    slow.commit()
    assert remotes(db) == [EVE]


def meanwhile(db, reference):
    """Reaps Eve, and refers to her before the transaction has ended; what comes of it."""
    reaper, other = db.connect(autocommit=False), db.connect()
    assert reap_users(db, on=reaper)["removed"] == 1
    result = []
    thread = threading.Thread(target=lambda: result.append(reference(other)))
    thread.start()
    while db.one("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                 " AND wait_event_type = 'Lock'") == 0 and thread.is_alive():
        pass
    reaper.commit()
    thread.join()
    return result[0]


@pytest.mark.parametrize("kind", REFERENCES)
def test_referred_to_while_it_is_removed_it_is_made_anew(db, kind):
    alice = db.user("alice")
    db.one("SELECT user_candidate(%s, %s)", alice, EVE)
    old = db.one("SELECT id FROM users WHERE jid = %s", EVE)
    age(db)
    meanwhile(db, lambda on: REFERENCES[kind](db, alice, on=on))
    assert remotes(db) == [EVE] and db.one("SELECT id FROM users WHERE jid = %s", EVE) != old
    if kind in ("contact", "block"):
        assert db.one(f"SELECT count(*) FROM {kind}s x JOIN users u ON u.jid = x.peer WHERE u.jid = %s", EVE) == 1
    if kind == "message":
        assert db.one("SELECT count(*) FROM messages") == 1


@pytest.mark.parametrize("kind", BY_ID)
def test_named_by_the_id_of_one_that_is_removed_nobody_is_meant(db, kind):
    alice = db.user("alice")
    db.one("SELECT user_candidate(%s, %s)", alice, EVE)
    eve = db.one("SELECT id FROM users WHERE jid = %s", EVE)
    age(db)
    done = meanwhile(db, lambda on: BY_ID[kind](db, alice, eve, on))
    random = BY_ID[kind](db, alice, new_id(), None)
    assert (done["outcome"], done["result"]) == (random["outcome"], random["result"]) and done["outcome"] in (2, 4)
    assert db.one("SELECT (SELECT count(*) FROM contacts) + (SELECT count(*) FROM blocks)") == 0


def test_a_cursor_from_before_what_was_removed_gets_resync(db):
    alice, bella = db.user("alice"), db.user("bella")
    talks = [db.conversation(alice, db.user(f"u{n}")) for n in range(6)]
    middle = db.head()
    last = db.conversation(alice, bella)
    assert db.rows("SELECT * FROM reap_events(3600, 100)") == [{"removed": 0, "more": False, "payload": None}]
    db.rows("UPDATE events SET at = now() - interval '2 hours' WHERE position <= %s", middle)
    left = db.one("SELECT count(*) FROM events WHERE position > %s", middle)
    old = db.one("SELECT count(*) FROM events WHERE position <= %s", middle)
    assert db.rows("SELECT removed, more FROM reap_events(3600, 4)") == [{"removed": 4, "more": True}]
    assert db.rows("SELECT removed, more FROM reap_events(3600, 100)") == [{"removed": old - 4, "more": False}]
    assert db.one("SELECT count(*) FROM events") == left > 0
    edge = db.one("SELECT events_from FROM log_head")
    assert edge <= middle
    for position, resync in ((0, True), (edge - 1, True), (edge, False), (middle, False)):
        rows = db.resume(alice, position)
        assert (rows[0]["type"] == "resync", len(rows) > 1) == (resync, not resync), position
    # A message is no event: it is there, and a cursor that reaches back so far gets resync all the same.
    db.store({"conversation": last, "sender": alice})
    assert db.one("SELECT count(*) FROM conversations") == len(talks) + 1


def test_an_event_that_is_younger_keeps_those_behind_it(db):
    alice = db.user("alice")
    for n in range(4):
        db.conversation(alice, db.user(f"u{n}"))
    first = db.one("SELECT min(position) FROM events")
    db.rows("UPDATE events SET at = now() - interval '2 hours' WHERE position <> %s", first)
    assert db.rows("SELECT removed FROM reap_events(3600, 100)") == [{"removed": 0}]
    assert db.one("SELECT events_from FROM log_head") == 0


def test_pictures_that_nobody_has_go_after_a_day(db):
    alice = db.user("alice")
    for name in ("has", "old", "new"):
        db.rows("SELECT picture_store(%s, 'image/png', '', '', 1, 1)", name)
    db.rows("UPDATE users SET avatar_hash = 'has' WHERE id = %s", alice)
    db.rows("UPDATE pictures SET stored_at = now() - interval '2 days' WHERE hash <> 'new'")
    assert db.rows("SELECT removed, more FROM reap_pictures(100)") == [{"removed": 1, "more": False}]
    # Stored again, it is about to be somebody's.
    db.rows("UPDATE users SET avatar_hash = NULL")
    db.rows("SELECT picture_store('has', 'image/png', '', '', 1, 1)")
    assert db.rows("SELECT removed FROM reap_pictures(100)") == [{"removed": 0}]
    assert [row["hash"] for row in db.rows("SELECT hash FROM pictures ORDER BY hash")] == ["has", "new"]


def test_a_group_that_has_ended_goes_as_a_whole(db):
    """What was said there goes a part at a time; another group keeps all of it."""
    db.rows("SET trestle.rooms_domain = 'rooms.example.org'")
    alice, bella = db.user("alice"), db.user("bella")
    groups = [db.change("group_create", alice, id=new_id(), name="us", domain="app.example.org",
                        members=[{"user_id": bella}, {"jid": EVE}])["result"]["conversation"]["id"] for _ in range(2)]
    for group in groups:
        room = db.one("SELECT room FROM conversations WHERE id = %s", group)
        assert db.change("room_enter", None, room=room, nick="Eve", stanza="<presence/>", **{"from": EVE, "address": f"{EVE}/x"})["outcome"] == 0
        first = None
        for n in range(12):
            details = {"thread_id": first, "reply_to": first} if first and n % 2 else None
            row, = db.store({"conversation": group, "sender": (alice, bella)[n % 2], "body": f"word{n}", "details": details})
            first = first or row["id"]
            db.change("react", alice, message_id=row["id"], emoji="👍")
            db.change("star", bella, message_id=row["id"])
        db.change("message_edit", alice, message_id=first, content="edited", window=900, stanza=new_id())
        db.change("message_delete", bella, message_id=row["id"], window=900, stanza=new_id(), **{"for": "everyone"})
        db.change("message_delete", bella, message_id=first, window=900, stanza=new_id(), **{"for": "me"})
        poll, = db.store({"conversation": group, "sender": alice, "body": None, "details": {"type": "poll", "poll": {
            "question": "?", "options": ["a", "b"], "multiple": False, "anonymous": False, "closes_at": None}}})
        db.change("vote", bella, message_id=poll["id"], options=["1"])
        file = new_id()
        db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size) VALUES"
                " (%s, %s, 'complete', 'attachment', 'file', 'a.txt', 'text/plain', 1)", file, alice)
        row, = db.store({"conversation": group, "sender": alice, "body": None, "details": {"attachments": [file]}})
        assert row["outcome"] == 0
        db.mark("read", user=bella, conversation=group)
    tables = [row["table_name"] for row in db.rows("SELECT DISTINCT table_name FROM information_schema.columns"
              " WHERE table_schema = 'public' AND column_name IN ('conversation_id', 'message_id') AND table_name NOT IN ('outbox')"
              " AND table_name IN (SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE')")]

    def sizes():
        return {name: db.one(f"SELECT count(*) FROM {name}") for name in [*tables, "conversations"]}

    both = sizes()
    assert db.change("group_destroy", alice, conversation_id=groups[0])["outcome"] == 0
    assert db.rows("SELECT * FROM reap_groups(3600, 5)") == [{"removed": 0, "more": False, "payload": None}]
    rounds = 0
    while db.rows("SELECT * FROM reap_groups(0, 5)")[0]["more"]:
        rounds += 1
        assert rounds < 20
    assert rounds >= 4 and db.one("SELECT count(*) FROM conversations WHERE id = %s", groups[0]) == 0
    left = sizes()
    assert {name for name in both if left[name] * 2 > both[name] + 1} <= {"events"}, (both, left)
    assert [row["count"] for row in db.rows("SELECT count(*) FROM files GROUP BY state = 'removed' AND due_at <= now()")] == [1, 1]
    assert db.page(bella, groups[1]) is not None and db.one("SELECT count(*) FROM messages WHERE conversation_id = %s", groups[0]) == 0
