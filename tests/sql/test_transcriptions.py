# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice messages as text: who may ask, when the service is asked, and what becomes of its answer."""
import pytest

from conftest import new_id
from test_reactions import Talk


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


def voice(db, talk, file=None, **more):
    """A voice message of Alice's: (message, file)."""
    file = file or new_id()
    columns = {"state": "complete", "purpose": "voice", "kind": "audio", "name": "v.ogg", "type": "audio/ogg", "size": 20480, "duration": 5000, "key": "k",
               "key_name": "n"}
    db.rows(f"INSERT INTO files (id, user_id, {', '.join(columns)}) VALUES (%s, %s{', %s' * len(columns)}) ON CONFLICT DO NOTHING",
            file, talk.users[0], *columns.values())
    row, = db.store({"conversation": talk.id, "sender": talk.users[0], "body": None, "details": {"attachments": [file]}})
    for column, value in more.items():  # since
        db.rows(f"UPDATE files SET {column} = %s WHERE id = %s", value, file)
    return str(row["id"]), file


def ask(db, user, message, **more):
    done = db.change("transcription_ask", user, message_id=message, **more)
    return done["outcome"], done["result"] and done["result"]["status"]


def begin(db, message, token="t"):
    rows = db.rows("SELECT * FROM transcription_begin(%s, %s)", message, token)
    return rows[0] if rows else None


def end(db, **more):
    return db.change("transcription_end", None, **more)


def said(db, message):
    return db.one("SELECT details->'transcription' FROM messages WHERE id = %s", message)


def test_it_is_written_down_once_and_told_to_both(db, two):
    alice, bella = two.users
    message, file = voice(db, two)
    assert ask(db, bella, message, language="de") == (0, "pending") and ask(db, alice, message) == (0, "pending")
    row = begin(db, message)
    assert (row["late"], row["ready"], row["language"], str(row["file_id"]), row["type"], row["size"], row["duration"]) \
        == (False, True, "de", file, "audio/ogg", 20480, 5000)
    done = end(db, token="t", text="Good morning", language="en")
    assert done["outcome"] == 0 and {e["type"] for e in done["events"]} == {"message.updated"}
    assert said(db, message) == {"status": "complete", "text": "Good morning", "language": "en"}
    assert ask(db, bella, message) == (1, "complete") and begin(db, message) is None
    assert end(db, token="t", text="again")["outcome"] == 2
    other, _ = voice(db, two, file)  # said again, it is there
    assert ask(db, bella, other) == (0, "complete") and said(db, other)["text"] == "Good morning"
    wire = db.one("SELECT message_wire(m, c) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = %s", message)
    assert "transcription" not in wire


def test_what_nobody_may_have_written_down(db, two):
    alice, bella = two.users
    message, _ = voice(db, two)
    assert ask(db, db.user("mallory"), message) == (2, None) and ask(db, bella, new_id()) == (2, None)
    assert ask(db, bella, two.message) == (3, None)
    for wrong in ({"lock": "x"}, {"state": "error"}, {"state": "remote", "key": None}, {"scan": "held"}, {"scan": "infected"},
                  {"url": "aesgcm://files.example.org/a#00"}, {"expires_at": "2020-01-01T00:00:00Z"}):
        assert ask(db, bella, voice(db, two, **wrong)[0]) == (3, None), wrong
    db.change("message_delete", alice, message_id=message, **{"for": "everyone"}, window=900)
    assert ask(db, bella, message) == (3, None) and db.rows("SELECT FROM transcriptions") == []


def test_who_does_not_want_the_service_to_hear_it(db, two):
    alice, bella = two.users
    message, _ = voice(db, two)
    for user, other, refused in ((bella, alice, "own"), (alice, bella, "author")):
        db.rows("UPDATE users SET share_assist = id <> %s WHERE id IN (%s, %s)", user, user, other)
        done = db.change("transcription_ask", bella, message_id=message)
        assert (done["outcome"], done["result"]) == (5, {"refused": refused})
    db.rows("UPDATE users SET share_assist = true")
    assert db.change("transcription_ask", bella, message_id=message, off=True)["result"] == {"off": True}
    assert ask(db, bella, message) == (0, "pending")


def test_what_is_deleted_meanwhile_is_not_kept(db, two):
    message, _ = voice(db, two)
    ask(db, two.users[1], message)
    begin(db, message)
    db.change("message_delete", two.users[0], message_id=message, **{"for": "everyone"}, window=900)
    assert begin(db, message) is None and end(db, token="t", text="hello")["outcome"] == 2 and said(db, message) is None


def test_three_attempts_then_it_has_failed_and_may_be_asked_for_again(db, two):
    message, _ = voice(db, two)
    ask(db, two.users[1], message)
    for n in range(3):
        begin(db, message, f"t{n}")
        assert end(db, message_id=message, problem="again")["result"]["again"] is (n < 2)
    assert said(db, message) == {"status": "failed"}
    assert ask(db, two.users[1], message) == (0, "pending")
    begin(db, message, "u")
    assert end(db, token="t2", text="late")["outcome"] == 2, "it is answered by the newest question's name only"
    assert end(db, token="u", problem="never")["result"]["again"] is False and said(db, message) == {"status": "failed"}


def test_who_answers_later_has_an_hour(db, two):
    message, _ = voice(db, two)
    ask(db, two.users[1], message)
    begin(db, message)
    assert db.one("SELECT transcription_wait(%s, 'other', 60)", message) is False
    assert db.one("SELECT transcription_wait(%s, 't', 60)", message) is True
    due, = db.rows("SELECT due_at > now() + interval '50 seconds' AS later FROM jobs WHERE kind = 'message.transcribe' AND key = %s", message)
    assert due["later"] and begin(db, message, "new")["late"], "the job comes round when the time is over"
    assert end(db, token="t", text="in time")["outcome"] == 0 and said(db, message)["text"] == "in time"


def test_a_sound_that_is_still_looked_at_costs_no_attempt(db, two):
    message, file = voice(db, two, state="processing")
    assert ask(db, two.users[1], message) == (0, "pending")
    for _ in range(5):
        assert not begin(db, message)["ready"]
    assert db.one("SELECT attempts FROM transcriptions") == 0
    db.rows("UPDATE files SET state = 'error' WHERE id = %s", file)
    assert begin(db, message)["file_id"] is None
