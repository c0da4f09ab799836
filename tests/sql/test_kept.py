# SPDX-License-Identifier: GPL-3.0-or-later
"""What users keep for themselves: marks of unread, drafts, stars. Nobody else is told."""
import pytest

from conftest import new_id
from test_reactions import Talk


def told(done):
    """[(type, to whom)] of what a change told."""
    return [(event["type"], event["users"]) for event in done["events"] or ()]


@pytest.fixture(params=[("alice", "bella"), ("alice", "bella", "cleo")])
def talk(db, request):
    return Talk(db, *request.param)


# ---- Marked as unread

def unread(talk, user, value=True):
    return talk.db.change("conversation_update", talk.users[user], conversation_id=talk.id, unread=value)


def marked(talk, user):
    shown = talk.db.get(talk.users[user], talk.id)
    item, = (c for c in talk.db.conversations(talk.users[user])["items"] if c["id"] == talk.id)
    assert item["marked_unread"] == shown["marked_unread"]
    filtered = [c["id"] for c in talk.db.conversations(talk.users[user], filter="unread")["items"]]
    assert (talk.id in filtered) == (shown["marked_unread"] or shown["unread_count"] > 0)
    return shown["marked_unread"]


def test_marked_until_it_is_read_and_no_mark_goes_back(db, talk):
    db.mark("read", talk.users[1], conversation=talk.id)
    before = db.get(talk.users[1], talk.id)
    done = unread(talk, 1)
    assert (done["outcome"], told(done)) == (0, [("conversation.updated", [str(talk.users[1])])])
    assert {**done["result"], **before, "marked_unread": True} == done["result"] and marked(talk, 1) and not marked(talk, 0)
    assert unread(talk, 1)["outcome"] == 1
    row = db.mark("read", talk.users[1], conversation=talk.id)
    assert (row["outcome"], row["marked"]) == (1, True)  # whoever asked sees to it
    assert unread(talk, 1, False)["outcome"] == 0 and not marked(talk, 1)
    assert db.mark("read", talk.users[1], conversation=talk.id)["marked"] is False
    assert unread(talk, 1, False)["outcome"] == 1


@pytest.mark.parametrize("writer, stays", [(1, False), (0, True)])
def test_writing_takes_it_back_and_what_others_write_does_not(db, talk, writer, stays):
    talk.say("before", sender=1)
    db.mark("read", talk.users[1], conversation=talk.id)
    unread(talk, 1)
    talk.say("something", sender=writer)
    assert marked(talk, 1) is stays
    if not stays:
        assert unread(talk, 1)["outcome"] == 0 and marked(talk, 1)


def test_hiding_forgets_the_mark_and_the_draft(db, talk):
    unread(talk, 1)
    save(talk, 1, "Hello")
    db.change("conversation_hide", talk.users[1], conversation_id=talk.id)
    talk.say("again")
    assert not marked(talk, 1) and db.get(talk.users[1], talk.id)["draft"] is None


# ---- Drafts

def save(talk, user, content, **more):
    return talk.db.change("draft_save", talk.users[user], conversation_id=talk.id, content=content, **more)


def test_a_draft_is_shown_to_its_writer_alone(db, talk):
    done = save(talk, 0, "Hel", reply_to=talk.message)
    draft = done["result"]["draft"]
    assert (done["outcome"], told(done)) == (0, [("draft.updated", [str(talk.users[0])])])
    assert done["result"] == done["events"][0]["payload"] == {"conversation_id": talk.id, "draft": draft}
    assert (draft["content"], draft["reply_to"]) == ("Hel", talk.message)
    assert db.get(talk.users[0], talk.id)["draft"] == db.conversations(talk.users[0])["items"][0]["draft"] == draft
    assert db.get(talk.users[1], talk.id)["draft"] is None
    assert save(talk, 0, "Hel", reply_to=talk.message)["outcome"] == 1
    assert save(talk, 0, "Hello")["result"]["draft"]["reply_to"] is None
    removed = db.change("draft_remove", talk.users[0], conversation_id=talk.id)
    assert removed["result"]["draft"] is None and removed["events"][0]["payload"]["draft"] is None
    assert db.get(talk.users[0], talk.id)["draft"] is None
    assert db.change("draft_remove", talk.users[0], conversation_id=talk.id)["outcome"] == 1


def test_the_last_writer_wins_and_nobody_writes_in_the_future(db, talk):
    save(talk, 0, "newer", updated_at="2026-01-02T00:00:00Z")
    late = save(talk, 0, "older", updated_at="2026-01-01T00:00:00Z")
    assert (late["outcome"], late["events"], late["result"]["draft"]["content"]) == (1, None, "newer")
    gone = db.change("draft_remove", talk.users[0], conversation_id=talk.id, updated_at="2026-01-03T00:00:00Z")
    assert gone["result"]["draft"] is None
    assert save(talk, 0, "older", updated_at="2026-01-02T12:00:00Z")["result"]["draft"] is None
    ahead = save(talk, 0, "ahead", updated_at="9999-12-31T23:59:59.999Z")["result"]["draft"]
    assert ahead["updated_at"] < "2100" and save(talk, 0, "after")["outcome"] == 0


def test_whoever_resumes_is_told_what_stands_now(db, talk):
    head = db.head()
    save(talk, 0, "one")
    save(talk, 0, "two")
    got = [row["payload"] for row in db.resume(talk.users[0], head) if row["type"] == "draft.updated"]
    assert len(got) == 2 and all('"two"' in payload for payload in got)
    assert [row["type"] for row in db.resume(talk.users[1], head)] == [None]


def test_a_draft_answers_only_what_its_writer_sees(db, talk):
    other = Talk(db, "alice", "dora")
    for reply in (new_id(), other.message):
        done = save(talk, 0, "x", reply_to=reply)
        assert (done["outcome"], done["result"]["pointer"], done["events"]) == (6, "/reply_to", None)
    stranger = db.user("mallory")
    for conversation in (talk.id, new_id()):
        done = db.change("draft_save", stranger, conversation_id=conversation, content="x")
        assert (done["outcome"], done["result"]) == (2, None)
        assert db.change("draft_remove", stranger, conversation_id=conversation)["outcome"] == 2


# ---- Stars

def star(talk, user, message, on=True):
    return talk.db.change("star" if on else "unstar", talk.users[user], message_id=str(message))


def starred(db, user, limit=50, before=None, conversation=None):
    rows = db.rows("SELECT (message).id AS id, more, next FROM star_page(%s, %s, %s, %s)", user, limit, before, conversation)
    return [row["id"] for row in rows[1:]], rows[0]["more"], rows[0]["next"]


def test_stars_are_the_users_own(db, talk):
    done = star(talk, 0, talk.message)
    assert (done["outcome"], told(done)) == (0, [("message.starred", [str(talk.users[0])])])
    assert done["result"] == done["events"][0]["payload"] and done["result"]["starred"] and done["result"]["starred_at"]
    assert star(talk, 0, talk.message)["outcome"] == 1
    assert starred(db, talk.users[0])[0] == [talk.message] and starred(db, talk.users[1])[0] == []
    off = star(talk, 0, talk.message, on=False)
    assert off["result"] == {"message_id": talk.message, "conversation_id": talk.id, "starred": False, "starred_at": None}
    assert star(talk, 0, talk.message, on=False)["outcome"] == 1 and starred(db, talk.users[0])[0] == []


def test_the_list_pages_from_the_last_starred(db, talk):
    other = Talk(db, "alice", "dora")
    messages = [talk.say(f"m{n}") for n in range(5)]
    for message in (*messages, other.message):
        star(talk, 0, message)
    seen, before = [], None
    while True:
        page, more, before = starred(db, talk.users[0], 2, before)
        seen += page
        if not more:
            break
    assert seen == [other.message, *messages[::-1]] and before is None
    assert starred(db, talk.users[0], conversation=other.id)[0] == [other.message]
    assert starred(db, talk.users[0], conversation=new_id()) == ([], False, None)


@pytest.mark.parametrize("why", ["random", "stranger", "left", "cleared"])
def test_what_is_not_seen_is_not_starred_and_not_listed(db, talk, why):
    user, message = talk.users[1], talk.message
    if why in ("left", "cleared"):
        star(talk, 1, message)
        db.rows("UPDATE members SET state = 'left', left_seq = 1 WHERE user_id = %s" if why == "left" else
                "UPDATE members SET cleared_seq = 1 WHERE user_id = %s", user)
        assert starred(db, user)[0] == []
    elif why == "random":
        message = new_id()
    else:
        user = db.user("mallory")
    for name in ("star", "unstar"):
        done = db.change(name, user, message_id=str(message))
        assert (done["outcome"], done["result"], done["events"]) == (2, None, None)


def test_there_is_an_end_to_stars(db, talk):
    db.rows("INSERT INTO stars SELECT %s, gen_random_uuid(), -n, now() FROM generate_series(1, 5000) n", talk.users[0])
    assert star(talk, 0, talk.message)["outcome"] == 3
    assert star(talk, 1, talk.message)["outcome"] == 0
