# SPDX-License-Identifier: GPL-3.0-or-later
"""How long messages and files are kept: whom they are gone for, where nothing of them is left, and what is still counted."""
import json
import random
import re

import pytest

from conftest import DOMAIN, new_id
from test_groups import Group, rooms  # noqa: F401: a fixture
from test_reactions import Talk
from test_rooms import Room

DAY = 86400
MARKER = "Xanadu"
DAYS = 30


def age(db, talk, upto, days=DAYS + 1):
    """All in the conversation up to that seq was said so long ago."""
    db.rows("UPDATE messages SET created_at = created_at - make_interval(days => %s) WHERE conversation_id = %s AND seq <= %s",
            days, talk, upto)


def expire(db, days=DAYS, limit=100, few=10):
    """What the job does: everything is looked at; yields the changes."""
    done, payload, more = [], {}, True
    while more:
        row, = db.rows("SELECT * FROM retention_due(%s, %s, %s, %s)", json.dumps(payload), days * DAY, limit, few)
        if row["ids"]:
            done.append(db.change("retention_expire", None, ids=json.loads(row["ids"]), seconds=days * DAY))
        payload, more = row["payload"], row["more"]
    assert payload == {}
    return done


def reap(db, limit=100):
    """What the job does that follows; yields how many went each time."""
    removed, payload, more = [], {}, True
    while more:
        row, = db.rows("SELECT * FROM reap_messages(%s, %s)", json.dumps(payload), limit)
        removed.append(row["removed"])
        payload, more = row["payload"], row["more"]
    return removed


def index(db):
    while db.one("SELECT behind FROM search_index(500)") > 0:
        pass


def found(db, text=MARKER):
    """The columns of tables in which the text stands."""
    columns = db.rows("SELECT c.table_name AS t, c.column_name AS c FROM information_schema.columns c JOIN information_schema.tables t"
                      " USING (table_schema, table_name) WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
                      " AND c.table_name NOT LIKE 'pg_stat%%'")
    return sorted(f"{row['t']}.{row['c']}" for row in columns if db.one(
        f"SELECT EXISTS (SELECT FROM {row['t']} WHERE strpos(lower({row['c']}::text), %s) > 0)", text.lower()))


def say(db, talk, sender, body=MARKER, **details):
    row, = db.store({"conversation": talk, "sender": sender, "body": body, "details": details or None})
    assert row["outcome"] == 0, row
    return str(row["id"])


def told(done):
    return [(event["type"], len(event["users"])) for event in done["events"] or ()]


@pytest.fixture(params=[("alice", "bella"), ("alice", "bella", "cleo")], ids=["two", "three"])
def talk(db, request):
    return Talk(db, *request.param)


def unread(db, talk):
    return [db.get(user, talk.id)["unread_count"] for user in talk.users]


def newest(db, talk):
    return db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", talk.id)


# ---- What goes, and for whom

def test_the_oldest_go_for_everybody_and_the_rest_stays(db, talk):
    old = [talk.say(f"{MARKER} {n}", sender=n % 2) for n in range(6)]
    edge = newest(db, talk)
    young = [talk.say(f"young {n}", sender=n % 2) for n in range(4)]
    db.mark("read", talk.users[1], message=old[1])
    index(db)
    age(db, talk.id, edge)
    done, = expire(db)
    assert done["outcome"] == 0 and done["result"] == {"conversations": 1, "messages": edge}
    expired = [event for event in done["events"] if event["type"] == "conversation.expired"]
    assert sorted(user for event in expired for user in event["users"]) == sorted(map(str, talk.users))
    for event in expired:
        assert event["payload"] == {"conversation_id": str(talk.id), "up_to_seq": edge}
    for removed in (False, True):
        for user in talk.users:
            page = db.page(user, talk.id)
            assert [m["id"] for m in page["items"]] == young and not page["has_more_before"]
            assert db.message(user, old[5]) is None and db.page(user, talk.id, before=old[5]) is None
            assert not db.search(user, MARKER)["items"] and len(db.search(user, "young")["items"]) == 4
            assert db.get(user, talk.id)["last_message"]["id"] == young[-1]
        # One who had read two of them has not read what is left, and nothing else.
        assert unread(db, talk)[1] == 2 and unread(db, talk)[0] == 2 and unread(db, talk)[2:] in ([], [4])
        if not removed:
            assert sum(reap(db, limit=3)) > 0 and expire(db) == []
            index(db)
    # Of a group, the newest of each sender is still counted.
    left = db.rows("SELECT body, details, metadata, stanza, dedupe FROM messages WHERE conversation_id = %s AND seq <= %s", talk.id, edge)
    assert len(left) == len(talk.users) - 1 and all(set(row.values()) == {None} for row in left)
    assert found(db) == [] and reap(db) == [0]
    again = talk.say("after", sender=1)
    assert unread(db, talk)[0] == 3 and db.get(talk.users[0], talk.id)["last_message"]["id"] == again


def test_when_all_is_gone_the_conversation_stays_and_goes_on(db, talk):
    for n in range(3):
        talk.say(MARKER, sender=n % 2)
    edge = newest(db, talk)
    before = db.head()
    age(db, talk.id, edge)
    done, = expire(db)
    assert {type for type, _ in told(done)} == {"conversation.expired", "conversation.updated"}
    shown = [event["payload"] for event in done["events"] if event["type"] == "conversation.updated"]
    assert shown and all(c["last_message"] is None and c["unread_count"] == 0 for c in shown)
    reap(db)
    for user in talk.users:
        item, = db.conversations(user)["items"]
        assert item["last_message"] is None and item["unread_count"] == 0 and not db.page(user, talk.id)["items"]
        told_again = [row["type"] for row in db.resume(user, before)[1:]]
        assert "conversation.expired" in told_again and "message.new" not in told_again
    row, = db.store({"conversation": talk.id, "sender": talk.users[1], "body": "on"})
    assert row["seq"] == edge + 1 and unread(db, talk)[0] == 1 and unread(db, talk)[1] == 0
    db.mark("read", talk.users[0], message=row["id"])
    assert unread(db, talk)[0] == 0


def test_who_comes_back_is_not_lost(db, talk):
    """From before what has expired, from between, and from after: what is left comes, each once and in order."""
    old = [talk.say(MARKER, sender=1) for _ in range(3)]
    edge, before = newest(db, talk), db.head()
    young = [talk.say("young", sender=1) for _ in range(3)]
    start = db.rows("SELECT position FROM messages WHERE id = %s", old[0])[0]["position"] - 1
    age(db, talk.id, edge)
    expire(db)
    for removed in (False, True):
        for cursor in (start, before):
            rows = db.resume(talk.users[0], cursor)
            assert rows[0]["type"] is None
            assert sorted(json.loads(row["payload"])["id"] for row in rows[1:] if row["type"] == "message.new") == sorted(young)
            assert MARKER not in json.dumps([row["payload"] for row in rows])
        reap(db)


def test_what_is_unread_is_right_whoever_wrote_and_whenever_it_goes(db, rooms):  # noqa: F811
    """Against counting: messages of five, cut at each place."""
    choice = random.Random(7)
    group = Group(db)
    for _ in range(60):
        group.say(choice.choice(group.users))
        if choice.random() < 0.15:
            db.mark("read", choice.choice(group.users), conversation=group.id)
    def counted():
        return [db.one("SELECT count(*) FROM messages m JOIN members o ON o.conversation_id = m.conversation_id AND o.user_id = %s"
                       " WHERE m.conversation_id = %s AND m.seq > greatest(o.read_seq, o.cleared_seq, %s) AND m.sender_id <> o.user_id",
                       user, group.id, base) for user in group.users]
    for base in (3, 17, 18, 40):
        age(db, group.id, base, days=100 * base)
        expire(db, days=90 * base)
        assert db.one("SELECT base_seq FROM conversations WHERE id = %s", group.id) == base
        for _ in range(2):
            assert [db.get(user, group.id)["unread_count"] for user in group.users] == counted()
            assert db.one("SELECT (unread_count(%s)).messages", group.alice) == counted()[0]
            reap(db, limit=7)
        reader = choice.choice(group.users[1:])
        middle = db.one("SELECT id FROM messages WHERE conversation_id = %s AND seq = %s", group.id, base + 5)
        db.mark("read", reader, message=middle)
        assert [db.get(user, group.id)["unread_count"] for user in group.users] == counted()


def test_nothing_of_them_is_left_anywhere(db, rooms):  # noqa: F811
    group = Group(db)
    alice, bob = group.alice, group.bob
    direct = db.conversation(alice, reference=str(bob))
    for talk in (direct, group.id):
        one = say(db, talk, alice)
        file = new_id()
        db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key, key_name)"
                " VALUES (%s, %s, 'complete', 'attachment', 'file', %s, 'text/plain', 4, 'k', 'n')", file, alice, f"{MARKER}.txt")
        carrier = say(db, talk, alice, attachments=[file], type="file")
        db.change("message_edit", alice, message_id=one, content=f"{MARKER} edited", window=900, stanza=new_id())
        db.change("react", bob, message_id=one, emoji="👍")
        db.change("star", bob, message_id=one)
        answer = say(db, talk, bob, reply_to=one)
        db.change("translation_put", bob, message_id=one, version=1, language="de", content=f"{MARKER} deutsch", source="en", provider="x")
        poll = say(db, talk, alice, None, type="poll", poll={"question": MARKER, "options": [MARKER, "b"], "multiple": False,
                                                             "anonymous": False, "closes_at": None})
        db.change("vote", bob, message_id=poll, options=None)
        say(db, talk, bob, thread_id=one)
        assert db.change("thread_update", bob, thread_id=one, topic=f"{MARKER} topic")["outcome"] == 0
        gone = say(db, talk, alice)
        db.change("message_delete", alice, message_id=gone, **{"for": "everyone"}, window=900, stanza=new_id())
        say(db, talk, alice, f"@bob {MARKER}", mentions=[{"user_id": str(bob), "offset": 0, "length": 4}])
        db.change("message_delete", bob, message_id=carrier, **{"for": "me"}, window=900)
    db.rows("UPDATE messages SET stanza = %s WHERE id = %s", f"<message>{MARKER}</message>", answer)
    index(db)
    assert {"messages.body", "messages.stanza", "message_versions.body", "translations.content", "threads.topic", "files.name",
            "search_blocks.words", "removed_content.content"} <= set(found(db))
    later = {talk: say(db, talk, bob, "later") for talk in (direct, group.id)}
    quoting = say(db, direct, bob, "later", reply_to=say(db, direct, alice))
    for talk in (direct, group.id):
        age(db, talk, db.one("SELECT seq FROM messages WHERE id = %s", later[talk]) - 1)
    assert sum(done["result"]["conversations"] for done in expire(db)) == 2
    left = found(db)
    reap(db, limit=4)
    db.rows("SELECT reap_entries('{}', 1000)")
    index(db)
    assert "messages.body" in left and quoting
    still = db.rows("SELECT id FROM messages WHERE body LIKE %s", f"%{MARKER}%")
    assert len(still) == 1, "the one that is quoted is young"
    db.rows("UPDATE messages SET body = 'young' WHERE id = %s", still[0]["id"])
    db.rows("INSERT INTO search_stale SELECT position >> 6 FROM messages ON CONFLICT DO NOTHING")
    index(db)
    # Files have their own end, which is near.
    assert found(db) == ["files.name"]
    assert {row["state"] for row in db.rows("SELECT state FROM files WHERE due_at <= now()")} == {"removed"}
    for table in ("message_versions", "reactions", "stars", "translations", "polls", "votes", "threads", "removed_content", "attachments",
                  "hidden", "purges"):
        assert db.one(f"SELECT count(*) FROM {table}") == 0, table
    assert db.one("SELECT count(*) FROM mentioned") == 0
    assert db.one("SELECT count(*) FROM entries WHERE target IS NOT NULL") == 0


def test_whatever_refers_to_a_message_goes_with_it(db):
    """A table that is made later has to be named where messages are removed."""
    source = db.one("SELECT string_agg(prosrc, ' ') FROM pg_proc WHERE proname IN"
                    " ('reap_said', 'retention_empty', 'retention_end', 'attachment_forget', 'link_forget', 'reap_group')")
    tables = {row["table_name"] for row in db.rows("SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t"
              " USING (table_schema, table_name) WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'"
              " AND c.column_name IN ('message_id', 'target')")}
    # Calls, reports and what moderators did have times of their own.
    assert {name for name in tables if f"DELETE FROM {name} " not in source} == {"calls", "reports", "moderation_actions"}
    # What a message may have besides is taken off one that stays to be counted; a new column has to be looked at, too.
    columns = {row["column_name"] for row in db.rows("SELECT column_name FROM information_schema.columns WHERE table_name = 'messages'")}
    emptied = source.split("UPDATE messages m SET ")[1].split("WHERE")[0]
    assert {name for name in columns if not re.search(rf"\b{name} = ", emptied)} == {
        "id", "conversation_id", "seq", "position", "sender_id", "created_at", "many", "sender_seq"}


def test_what_names_them_later_names_nothing(db, talk):
    old = talk.say(MARKER)
    answer = say(db, talk.id, talk.users[1], "an answer", reply_to=old)
    say(db, talk.id, talk.users[1], "in a thread", thread_id=old)
    edge = db.one("SELECT seq FROM messages WHERE id = %s", old)
    age(db, talk.id, edge)
    expire(db)
    alice = talk.users[0]
    for _ in range(2):
        shown = db.one("SELECT to_jsonb((message_get(%s, %s)).content)", alice, answer)
        assert old in json.dumps(shown) and "hi" not in json.dumps(shown)
        quote = db.one("SELECT content_quote(%s, %s)", old, alice)
        assert quote["message_id"] == old and quote["deleted"] and quote["content"] is None and quote["sender_id"] is None
        for name, arguments in (("react", {"emoji": "👍"}), ("star", {}), ("message_edit", {"content": "x", "window": 10**9, "stanza": new_id()}),
                                ("message_delete", {"for": "everyone", "window": 10**9, "stanza": new_id()}),
                                ("message_delete", {"for": "me", "window": 1})):
            assert db.change(name, alice, message_id=old, **arguments)["outcome"] == 2, name
        row, = db.store({"conversation": talk.id, "sender": alice, "body": "?", "details": {"reply_to": old}})
        assert row["outcome"] == 2
        # The thread goes on while anything is said in it.
        rows = db.rows("SELECT (thread).*, more FROM thread_list(%s, %s, 10, NULL)", alice, talk.id)
        assert [str(row["id"]) for row in rows[1:]] == [old]
        page = db.rows("SELECT (message).body FROM thread_page(%s, %s, 10, NULL)", alice, old)
        assert "in a thread" in [row["body"] for row in page]
        assert db.store({"conversation": talk.id, "sender": alice, "body": "more", "details": {"thread_id": old}})[0]["outcome"] == 0
        reap(db)
    assert db.one("SELECT message_count FROM threads") == 3
    age(db, talk.id, newest(db, talk))
    expire(db)
    reap(db)
    assert db.one("SELECT count(*) FROM threads") == 0


def test_a_batch_that_was_cut_off_is_done_again(db, talk):
    for n in range(20):
        talk.say(MARKER, sender=n % 2)
    age(db, talk.id, newest(db, talk))
    expire(db)
    dying = db.connect(autocommit=False)
    assert db.rows("SELECT removed FROM reap_messages('{}', 5)", on=dying) == [{"removed": 5}]
    dying.rollback()
    assert max(reap(db, limit=5)) == 5 and found(db) == []
    expiring = db.connect(autocommit=False)
    talk.say(MARKER)
    age(db, talk.id, newest(db, talk), days=200)
    ids = [str(talk.id)]
    db.change("retention_expire", None, on=expiring, ids=ids, seconds=DAYS * DAY)
    expiring.rollback()
    assert db.page(talk.users[0], talk.id)["items"]
    assert db.change("retention_expire", None, ids=ids, seconds=DAYS * DAY)["outcome"] == 0
    assert db.change("retention_expire", None, ids=ids, seconds=DAYS * DAY)["outcome"] == 1, "twice is as good as once"
    assert not db.page(talk.users[0], talk.id)["items"]


def test_what_a_hold_keeps_is_out_of_sight_and_waits(db):
    alice, bella, cleo = (db.user(name) for name in ("alice", "bella", "cleo"))
    held, free = db.conversation(alice, str(bella)), db.conversation(alice, str(cleo))
    kept = file(db, alice)
    for talk in (held, free):
        say(db, talk, alice)
        say(db, talk, alice, None, attachments=[kept] if talk == held else [file(db, alice)])
        say(db, talk, alice, "last")
        age(db, talk, 2)
    assert db.change("hold", None, user=str(bella), reason="case 1")["outcome"] == 0
    expire(db)
    for talk in (held, free):
        assert contents(db, alice, talk) == ["last"] and contents(db, bella if talk == held else cleo, talk) == ["last"]
    assert reap(db) == [1, 0]
    # Staff reads it, as what was deleted.
    old, = db.rows("SELECT id FROM messages WHERE conversation_id = %s AND body = %s", held, MARKER)
    read = db.change("moderation_read", None, message_id=str(old["id"]))
    assert read["outcome"] == 0 and read["result"]["content"] == MARKER and read["result"]["reason"] == "expired"
    young = db.one("SELECT id FROM messages WHERE conversation_id = %s AND seq = 3", held)
    assert db.change("moderation_read", None, message_id=str(young))["outcome"] == 2, "what others see is none of theirs"
    db.rows("SELECT reap_entries('{}', 1000)")
    assert [str(row["conversation_id"]) for row in db.rows("SELECT conversation_id FROM messages WHERE body = %s", MARKER)] == [str(held)]
    assert db.one("SELECT state FROM files WHERE id = %s", kept) == "complete" and db.one("SELECT count(*) FROM files WHERE due_at <= now()") == 1
    # By the age of files it is out of sight, and its bytes stay.
    db.rows("UPDATE files SET created_at = now() - interval '40 days' WHERE id = %s", kept)
    assert db.change("retention_media", None, seconds=DAYS * DAY, limit=3)["result"]["files"] == 1
    assert db.rows("SELECT state FROM file_serve(%s, NULL)", kept) == [{"state": "gone"}]
    assert kept not in [str(row["id"]) for row in db.rows("SELECT id FROM file_due(100)")]
    # What becomes old meanwhile waits with it; and when the hold has ended, it goes.
    age(db, held, 3, days=100)
    expire(db)
    assert reap(db) == [0] and contents(db, alice, held) == []
    db.change("hold_release", None, user=str(bella))
    assert sum(reap(db)) == 2 and found(db) == []
    assert kept in [str(row["id"]) for row in db.rows("SELECT id FROM file_due(100)")]


def test_all_conversations_are_looked_at_a_few_at_a_time(db):
    alice = db.user("alice")
    talks = [db.conversation(alice, str(db.user(f"u{n}"))) for n in range(7)]
    for talk in talks:
        say(db, talk, alice)
    for talk in talks[:5]:
        age(db, talk, 1)
    done = expire(db, limit=3, few=2)
    assert sum(change["result"]["conversations"] for change in done) == 5 and max(c["result"]["conversations"] for c in done) <= 2
    assert {row["id"] for row in db.rows("SELECT id FROM conversations WHERE base_seq = 1")} == set(talks[:5])


def test_who_comes_later_does_not_see_them_either(db, rooms):  # noqa: F811
    group = Group(db)
    old = group.say(group.alice, MARKER)
    age(db, group.id, old["seq"])
    expire(db)
    late = db.user("late")
    assert group.change("members_add", group.alice, members=[{"user_id": late}])["outcome"] == 0
    assert MARKER not in json.dumps(db.page(late, group.id)) and db.message(late, old["id"]) is None
    group.change("member_remove", group.alice, user_id=group.bob)
    group.change("members_add", group.alice, members=[{"user_id": group.bob}])
    assert MARKER not in json.dumps(db.page(group.bob, group.id))


# ---- By XMPP

def archive(db, room, asker, **query):
    head, *rows = db.rows("SELECT * FROM archive_page(%s, %s, %s, 50, 1000000)", room, asker, json.dumps(query))
    return head["outcome"], [str(row["id"]) for row in rows]


def test_the_archive_of_a_room_begins_behind_them(db):
    room = Room(db)
    asker = "alice@" + DOMAIN
    old, young = say(db, room.id, room.alice), say(db, room.id, room.ann, "young")
    # What was done to it later goes with it.
    db.change("message_edit", room.alice, message_id=old, content=f"{MARKER} later", window=900, stanza=new_id())
    db.change("react", room.ann, message_id=old, emoji="👍")
    seq = db.one("SELECT seq FROM messages WHERE id = %s", old)
    assert old in archive(db, room.room, asker)[1]
    age(db, room.id, seq)
    expire(db)
    for _ in range(2):
        assert archive(db, room.room, asker) == (0, [young])
        for query in ({"ids": [old]}, {"after": [old]}, {"before": [old]}):
            assert archive(db, room.room, asker, **query) == (2, []), query
        assert [row["id"] for row in db.rows("SELECT * FROM archive_metadata(%s, %s)", room.room, asker)[1:]][0] == young
        reap(db)


# ---- Files

def file(db, owner, name="a.txt", days=0, **more):
    id = new_id()
    values = {"state": "complete", "url": None, **more}
    db.rows("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key, key_name, url, created_at)"
            " VALUES (%s, %s, %s, 'attachment', 'file', %s, 'text/plain', 4, 'k', 'n', %s, now() - make_interval(days => %s))",
            id, owner, values["state"], name, values["url"], days)
    return id


def test_files_go_by_their_own_age_and_messages_say_so(db, talk):
    alice = talk.users[0]
    old, young = file(db, alice, days=31), file(db, alice, days=29)
    elsewhere, coming = file(db, alice, days=31, url="https://x.example/a"), file(db, alice, days=31, state="uploading")
    for name in (old, young):
        say(db, talk.id, alice, None, attachments=[name])
    more = [file(db, alice, days=40) for _ in range(4)]
    done = db.change("retention_media", None, seconds=DAYS * DAY, limit=3)
    assert (done["outcome"], done["result"]) == (0, {"files": 3, "more": True})
    done = db.change("retention_media", None, seconds=DAYS * DAY, limit=3)
    assert done["result"] == {"files": 2, "more": False}
    assert {type for type, _ in told(done)} == {"file.updated", "message.updated"}
    assert db.change("retention_media", None, seconds=DAYS * DAY, limit=3)["outcome"] == 1
    states = {str(row["id"]): (row["state"], row["due_at"] is not None) for row in db.rows("SELECT id, state, due_at FROM files")}
    assert all(states[name] == ("removed", True) for name in (old, *more))
    assert [states[name][0] for name in (young, elsewhere, coming)] == ["complete", "complete", "uploading"]
    assert db.rows("SELECT state FROM file_serve(%s, NULL)", old) == [{"state": "gone"}]
    assert [row["id"] for row in db.rows("SELECT id FROM file_due(100)")].count(old) == 1


# ---- Of one user

def own(db, limit=100, few=50):
    """What the job does: all users are looked at; yields the changes."""
    done, payload, more = [], {}, True
    while more:
        row, = db.rows("SELECT * FROM retention_own_due(%s, %s, %s)", json.dumps(payload), limit, few)
        if row["places"]:
            done.append(db.change("retention_own", None, ids=json.loads(row["ids"]), places=json.loads(row["places"])))
        payload, more = row["payload"], row["more"]
        assert len(done) < 100
    return [change for change in done if change["result"]["messages"]]


def wants(db, user, days):
    return db.change("retention", user, messages_days=days)


def contents(db, user, talk):
    return [m["content"] for m in db.page(user, talk)["items"] if m["message_type"] != "system"]


def test_what_a_user_wrote_goes_for_everybody_when_the_user_wants_that(db, talk):
    alice, bella = talk.users[:2]
    for n in range(4):
        talk.say(f"{MARKER} {n}", sender=0)
        talk.say(f"hers {n}", sender=1)
    age(db, talk.id, newest(db, talk), days=8)
    talk.say("young")
    assert own(db) == [] and wants(db, alice, 7)["outcome"] == 0 and wants(db, alice, 7)["outcome"] == 1
    done = own(db, few=3)
    assert [change["result"]["messages"] for change in done] == [3, 2]
    assert {type for change in done for type, _ in told(change)} == {"message.deleted"}
    payload = done[0]["events"][0]["payload"]
    assert payload["reason"] == "expired" and payload["by"] is None
    for user in talk.users:
        assert contents(db, user, talk.id) == [None] + [x for n in range(4) for x in (None, f"hers {n}")] + ["young"]
    assert own(db) == []
    index(db)
    assert found(db) == []
    # What becomes old later goes later, and each is looked at once.
    age(db, talk.id, newest(db, talk), days=8)
    talk.say("younger")
    assert [change["result"]["messages"] for change in own(db)] == [1]
    assert wants(db, alice, 0)["outcome"] == 0 and db.one("SELECT count(*) FROM retention_places") == 0
    assert contents(db, bella, talk.id)[-2:] == [None, "younger"]


def test_a_user_cannot_have_them_kept_for_longer_than_all_are(db, talk):
    alice = talk.users[0]
    done = wants(db, alice, 400)
    assert done["result"] == {"messages_days": 400, "messages_days_max": 0}
    assert [(event["type"], event["users"], event["payload"]) for event in done["events"]] == [
        ("settings.updated", [str(alice)], {"setting": "retention", "value": done["result"]})]
    db.rows("SET trestle.retention_messages = '30'")
    assert json.loads(db.one("SELECT retention_get(%s)", alice)) == {"messages_days": 400, "messages_days_max": 30}
    refused = wants(db, alice, 31)
    assert refused["outcome"] == 6 and refused["result"]["pointer"] == "/messages_days" and "30 days" in refused["result"]["detail"]
    assert wants(db, alice, 30)["outcome"] == 0 and wants(db, alice, 400)["outcome"] == 6
    assert json.loads(db.one("SELECT retention_get(%s)", db.user("other"))) == {"messages_days": 0, "messages_days_max": 30}


def test_all_settings_are_told_to_the_users_other_devices(db):
    alice = db.user("alice")
    for name, setting, key, values in (("privacy", "privacy", "receipts", (False, True)), ("sharing", "data_sharing", "assist", (False, True)),
                                       ("retention", "retention", "messages_days", (7, 0))):
        for value in values:
            done = db.change(name, alice, **{key: value})
            event = next(e for e in done["events"] if e["type"] == "settings.updated")
            assert event["users"] == [str(alice)] and event["payload"]["setting"] == setting and event["payload"]["value"][key] == value
            assert not db.change(name, alice, **{key: value})["events"], "once"


def test_users_and_conversations_are_gone_through_a_few_at_a_time(db):
    users = [db.user(f"u{n}") for n in range(5)]
    for n, user in enumerate(users):
        for other in users[n + 1:]:
            conversation = db.conversation(user, str(other))
            for sender in (user, other):
                say(db, conversation, sender, "x")
            age(db, conversation, 2, days=8)
    for user in users[1:]:
        wants(db, user, 7)
    assert sum(change["result"]["messages"] for change in own(db, limit=2, few=3)) == 16
    assert db.one("SELECT count(*) FROM messages WHERE body IS NOT NULL AND sender_id <> %s", users[0]) == 0
    assert db.one("SELECT count(*) FROM messages WHERE body IS NOT NULL") == 4 and own(db, limit=3) == []
