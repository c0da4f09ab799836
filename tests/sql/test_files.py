# SPDX-License-Identifier: GPL-3.0-or-later
"""The room that files take: of users what they have uploaded, of all what lies in the store."""
import pytest

from conftest import new_id

CLEAN, SMALL, STREAM = {"name": "clean", "type": "image/png", "size": 900}, {"name": "300.webp", "size": 50}, {"name": "720.ts", "size": 3000}


@pytest.fixture
def alice(db):
    return db.user("alice")


def create(db, user, size, total=0, own=0):
    file = new_id()
    outcome = db.one("SELECT outcome FROM file_create(%s, jsonb_build_object('id', %s::text, 'name', 'a', 'type', 'image/png', 'kind', 'image', 'purpose',"
                     " 'attachment', 'size', %s, 'key', 'k', 'key_name', 'n', 'path', %s::text, 'quota_user', %s, 'quota_total', %s, 'seconds', 60))",
                     user, file, size, file[:22], own, total)
    return file if outcome == 0 else outcome


def finish(db, user, file):
    turn = db.one("SELECT turn FROM file_open(%s, %s, false)", user, file)
    assert db.change("file_finish", user, id=file, turn=turn, sha256="0", state="processing")["outcome"] == 0


def processed(db, file, *parts, **more):
    return db.change("file_processed", None, id=file, parts=list(parts), **{"state": "complete", **more})["outcome"]


def used(db, user):
    return db.one("SELECT file_used(%s)", user), db.one("SELECT file_used(NULL)")


def test_what_is_made_of_a_file_counts_for_all(db, alice):
    file = create(db, alice, 1000)
    finish(db, alice, file)
    assert used(db, alice) == (1000, 1000)
    assert processed(db, file, CLEAN, SMALL, STREAM) == 0 and used(db, alice) == (1000, 4950)
    assert processed(db, file, CLEAN, SMALL) == 0 and used(db, alice) == (1000, 1950), "it was made once more, otherwise"
    for _ in range(2):  # a run may happen twice
        db.rows("SELECT file_moved(ARRAY[%s]::uuid[])", file)
        assert used(db, alice) == (1000, 950), "the picture as it came is gone"
    assert db.change("file_remove", alice, file_id=file)["outcome"] == 0
    db.rows("SELECT * FROM file_due(10)")
    for _ in range(2):
        db.rows("SELECT file_gone(ARRAY[%s]::uuid[])", file)
        assert used(db, alice) == (0, 0)


@pytest.mark.parametrize("parts, state", [((), "processing"), ((CLEAN, SMALL), "complete")])
def test_a_picture_that_is_released_is_made_only_if_it_was_not(db, alice, parts, state):
    """What the classifier held back was made before, and what came is gone: there is nothing of which it could be made anew."""
    file = create(db, alice, 1000)
    finish(db, alice, file)
    assert processed(db, file, *parts, scan="held") == 0
    db.rows("DELETE FROM jobs")
    db.rows("SELECT file_moved(ARRAY[%s]::uuid[])", file)
    assert db.change("file_decide", alice, file_id=file, decision="release")["outcome"] == 0
    assert db.rows("SELECT state, scan, moved FROM files") == [{"state": state, "scan": "clean", "moved": False}]
    assert db.one("SELECT count(*) FROM jobs WHERE kind = 'media.process'") == (0 if parts else 1)


def test_what_has_no_parts_stays_as_it_came(db, alice):
    file = create(db, alice, 1000)
    finish(db, alice, file)
    assert processed(db, file) == 0
    db.rows("SELECT file_moved(ARRAY[%s]::uuid[])", file)
    assert used(db, alice) == (1000, 1000)
    assert processed(db, file, state="error", problem="it cannot be read") == 0
    db.rows("SELECT * FROM file_due(10)")
    db.rows("SELECT file_gone(ARRAY[%s]::uuid[])", file)
    assert used(db, alice) == (0, 0) and not db.rows("SELECT FROM files")


def test_what_is_made_may_go_beyond_and_then_nothing_is_taken(db, alice):
    file = create(db, alice, 1000, total=4000)
    finish(db, alice, file)
    assert processed(db, file, STREAM, STREAM) == 0 and used(db, alice) == (1000, 7000)
    assert create(db, alice, 1, total=4000) == 9 and create(db, alice, 1, total=7001) not in (8, 9)
    assert create(db, alice, 2000, own=2999) == 8, "and a user's own is what was uploaded"
    assert used(db, alice) == (1001, 7001)


def test_what_nobody_came_back_for_goes(db, alice):
    """An upload that was begun, and a whole file that no message has: after their time, and with the room that they took."""
    begun, whole, kept = (create(db, alice, 1000) for _ in range(3))
    for file in (whole, kept):
        finish(db, alice, file)
        assert processed(db, file, CLEAN) == 0
    assert used(db, alice)[0] == 3000 and not db.rows("SELECT * FROM file_due(10)")
    db.rows("UPDATE files SET due_at = due_at - interval '61 s' WHERE id <> %s", kept)
    assert db.one("SELECT state FROM file_open(%s, %s, false)", alice, begun) == "gone"
    assert db.one("SELECT state FROM file_open(%s, %s, false)", alice, kept) != "gone"
    due = {str(row["id"]) for row in db.rows("SELECT id FROM file_due(10)")}
    assert due == {str(begun), str(whole)}
    db.rows("SELECT file_gone(%s::uuid[])", list(due))
    assert used(db, alice)[0] == 1000 and [str(row["id"]) for row in db.rows("SELECT id FROM files")] == [str(kept)]
