# SPDX-License-Identifier: GPL-3.0-or-later
"""Reactions: who may react to what, what everybody sees of it, what goes out and what comes in."""
import hashlib
import json
import random
import uuid

import pytest

from conftest import DOMAIN, new_id

ROMEO = "romeo@example.org"


class Talk:
    """A conversation in which the first member has said something."""

    def __init__(self, db, *members, jid=None):
        self.db, self.users = db, [db.user(name) for name in members]
        self.id = (db.conversation(self.users[0], jid=jid) if jid else
                   db.conversation(self.users[0], reference=str(self.users[1])) if len(members) == 2 else
                   db.change("group_create", self.users[0], id=new_id(), name="us", domain=DOMAIN,
                             members=[{"user_id": str(user)} for user in self.users[1:]])["result"]["conversation"]["id"])
        self.message = self.say("hi")

    def say(self, text, sender=0):
        row, = self.db.store({"conversation": self.id, "sender": self.users[sender], "body": text})
        return str(row["id"])

    def react(self, user, emoji, added=True, message=None):
        return self.db.change("react" if added else "unreact", self.users[user] if isinstance(user, int) else user,
                              message_id=message or self.message, emoji=emoji)

    def seen(self, user=0, message=None):
        """[(emoji, count, me)] as the user sees them."""
        shown = self.db.one("SELECT (message_get(%s, %s)).reactions", self.users[user], message or self.message)
        return [(one["emoji"], one["count"], one["me"]) for one in shown or ()]


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


@pytest.fixture
def romeo(db):
    return Talk(db, "alice", jid=ROMEO)


def arrived(db, id, *emoji, sender=ROMEO, to="alice", sent=None, origin=None):
    return db.change("reactions_arrived", None, **{"from": sender}, to=f"{to}@{DOMAIN}", id=str(id),
                     origin=origin or new_id(), emoji=list(emoji), sent=sent,
                     came={"address": f"{sender}/phone", "id": "r1", "stanza": "<message/>"})


def told(done):
    return [(e["type"], e["payload"]["emoji"], e["payload"]["added"], sorted(e["users"])) for e in done["events"] or ()]


def waiting(db):
    return [(row["to_address"], row["reference"], row["payload"]) for row in db.outbox() if row["kind"] == "reaction"]


def test_a_reaction_is_told_to_all_and_seen_wherever_the_message_is(db, two):
    done = two.react(1, "👍")
    assert done["outcome"] == 0 and told(done) == [("message.reaction", "👍", True, sorted(map(str, two.users)))]
    facts = {"emoji": "👍", "count": 1, "users": [str(two.users[1])]}
    assert done["events"][0]["payload"] == {
        "message_id": two.message, "conversation_id": str(two.id), "user_id": str(two.users[1]), "emoji": "👍", "added": True,
        "reactions": [facts]}
    assert done["result"] == {"message_id": two.message, "reactions": [{**facts, "me": True}]}
    for user, me in ((0, False), (1, True)):
        item, = db.page(two.users[user], two.id)["items"]
        assert item["reactions"] == [{**facts, "me": me}]
        assert db.conversations(two.users[user])["items"][0]["last_message"]["reactions"] == item["reactions"]
        assert db.get(two.users[user], two.id)["last_message"]["reactions"] == item["reactions"]
        assert [i["reactions"] for i in db.search(two.users[user], "hi")["items"]] in ([], [item["reactions"]])


def test_it_counts_nothing_as_unread_and_moves_nothing(db, two):
    before = [{**c, "last_message": None} for u in two.users for c in db.conversations(u)["items"]]
    two.react(0, "👍")
    assert [{**c, "last_message": None} for u in two.users for c in db.conversations(u)["items"]] == before


def test_again_is_nothing_new_and_taken_back_is_gone(db, two):
    two.react(1, "❤️")
    head = db.head()
    again = two.react(1, "❤")  # drawn otherwise, the same
    assert (again["outcome"], again["events"], db.head()) == (1, None, head)
    assert two.seen(1) == [("❤️", 1, True)]
    back = two.react(1, "❤", added=False)
    assert back["outcome"] == 0 and told(back)[0][:3] == ("message.reaction", "❤️", False)
    assert back["result"]["reactions"] == [] == two.seen() and two.react(1, "❤", added=False)["outcome"] == 1
    assert db.one("SELECT reactions FROM messages WHERE id = %s", two.message) is None


def test_the_first_that_came_is_the_first_and_counts_are_of_members(db):
    talk = Talk(db, "alice", "bella", "cleo", "dora")
    for user, emoji in ((1, "🎉"), (2, "👍"), (3, "👍"), (3, "🎉"), (0, "👍")):
        assert talk.react(user, emoji)["outcome"] == 0
    assert talk.seen(0) == [("🎉", 2, False), ("👍", 3, True)]
    talk.react(1, "🎉", added=False)
    assert talk.seen(1) == [("👍", 3, False), ("🎉", 1, False)]


def test_a_user_has_twenty_and_a_message_fifty(db, two):
    emoji = [chr(0x1F600 + n) for n in range(60)]
    for one in emoji[:20]:
        assert two.react(0, one)["outcome"] == 0
    full = two.react(0, emoji[20])
    assert (full["outcome"], full["result"]["pointer"], full["events"]) == (6, "/emoji", None)
    assert two.react(0, emoji[3])["outcome"] == 1
    talk = Talk(db, "alice", "bella", "cleo", "dora")
    made = [talk.react(n // 20, emoji[n])["outcome"] for n in range(51)]
    assert made == [0] * 50 + [6] and talk.react(3, emoji[0])["outcome"] == 0


def test_of_many_users_a_hundred_are_named_and_all_know_of_themselves(db, two):
    others = [db.user(f"u{n}") for n in range(101)]
    db.rows("INSERT INTO members (conversation_id, user_id, joined_at, kind, jid, number) SELECT %s, id, now(), kind, jid, number"
            " FROM users WHERE id = ANY (%s::uuid[])", two.id, others)
    for user in others:
        two.react(user, "👍")
    shown, = db.one("SELECT (message_get(%s, %s)).reactions", others[100], two.message)
    assert (shown["count"], len(shown["users"]), shown["me"]) == (101, 100, True) and str(others[100]) not in shown["users"]


@pytest.mark.parametrize("why", ["random", "stranger", "left", "cleared"])
def test_whoever_does_not_see_the_message_is_told_nothing(db, two, why):
    user, message = two.users[1], two.message
    if why == "random":
        message = new_id()
    elif why == "stranger":
        user = db.user("mallory")
    elif why == "left":
        db.rows("UPDATE members SET state = 'left', left_seq = 1 WHERE user_id = %s", user)
    else:
        db.rows("UPDATE members SET cleared_seq = 1 WHERE user_id = %s", user)
    for added in (True, False):
        done = two.react(user, "👍", added, message)
        assert (done["outcome"], done["result"], done["events"]) == (2, None, None)
    assert two.seen() == []


def test_whoever_has_cleared_the_message_hears_of_nothing(db, two):
    db.rows("UPDATE members SET cleared_seq = 1 WHERE user_id = %s", two.users[1])
    head = db.head()
    assert told(two.react(0, "👍"))[0][3] == [str(two.users[0])]
    assert [r["type"] for r in db.resume(two.users[1], head)] == [None]


def test_blocks_refuse_as_for_a_message(db, two):
    two.say("back", sender=1)
    two.react(0, "🎉")
    db.change("block", two.users[1], user_id=str(two.users[0]))
    for emoji, added in (("👍", True), ("🎉", False)):
        assert two.react(0, emoji, added)["outcome"] == 4
        assert two.react(1, emoji, added)["outcome"] == 3
    assert two.seen() == [("🎉", 1, True)]
    db.change("unblock", two.users[1], user_id=str(two.users[0]))
    assert two.react(0, "👍")["outcome"] == 0


def test_a_request_that_waits_stays_silent_and_is_not_accepted(db):
    bella = db.user("bella")
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bella)
    talk = Talk(db, "alice", "bella")
    head = db.head()
    assert talk.react(1, "👍")["outcome"] == 3  # not without accepting
    done = talk.react(0, "👍")  # the other neither hears of it nor can it be told from an accepted one
    assert done["outcome"] == 0 and told(done)[0][3] == [str(talk.users[0])]
    assert [r["type"] for r in db.resume(bella, head)] == [None]
    db.change("request_accept", bella, conversation_id=str(talk.id))
    assert talk.seen(1) == [("👍", 1, False)] and talk.react(1, "👍")["outcome"] == 0


def test_resume_shows_what_stands_now(db, two):
    head = db.head()
    two.react(1, "👍")
    two.react(1, "👍", added=False)
    two.react(1, "🎉")
    got = [json.loads(row["payload"]) for row in sorted(db.resume(two.users[0], head), key=lambda r: r["position"])
           if row["type"] == "message.reaction"]
    assert [(g["emoji"], g["added"]) for g in got] == [("👍", False), ("👍", False), ("🎉", True)]
    assert all([r["emoji"] for r in g["reactions"]] == ["🎉"] for g in got)


def test_each_change_is_an_entry_of_the_archive(db, two):
    two.react(0, "👍")
    two.react(0, "🎉")
    assert [(row["kind"], str(row["target"]), row["payload"]) for row in db.rows("SELECT * FROM entries ORDER BY position")] == [
        ("reaction", two.message, ["👍"]), ("reaction", two.message, ["👍", "🎉"])]
    db.rows("DELETE FROM messages WHERE id = %s", two.message)
    db.rows("SELECT * FROM reap_entries('{}', 100)")
    assert db.rows("SELECT FROM reactions") == db.rows("SELECT FROM entries") == []


# ---- XMPP, out


def test_the_whole_set_waits_once_under_the_id_that_was_on_the_wire(db, romeo):
    got, = db.receive({"to": f"alice@{DOMAIN}", "body": "hello", "foreign_id": "his-1"})
    for emoji in ("👍", "❤️"):
        romeo.react(0, emoji)
        done = romeo.react(0, emoji, message=str(got["id"]))
    assert sorted(waiting(db)) == sorted([(ROMEO, romeo.message, "👍 ❤️"), (ROMEO, "his-1", "👍 ❤️")])
    assert done["follows"]["outbox"] == max(row["position"] for row in db.outbox())
    for emoji in ("👍", "❤️"):
        romeo.react(0, emoji, added=False)
    assert (ROMEO, romeo.message, "") in waiting(db) and len(waiting(db)) == 2


def test_what_has_no_id_there_and_what_failed_send_nothing(db, romeo):
    got, = db.receive({"to": f"alice@{DOMAIN}", "body": "hello", "foreign_id": None})
    assert romeo.react(0, "👍", message=str(got["id"]))["outcome"] == 0
    db.fail(romeo.message, ROMEO)
    assert romeo.react(0, "👍")["outcome"] == 3
    assert waiting(db) == []


# ---- XMPP, in


def test_what_comes_replaces_the_set_of_its_sender(db, romeo):
    romeo.react(0, "👍")
    done = arrived(db, romeo.message, "👍", "🎉")
    assert done["outcome"] == 0 and [t[:3] for t in told(done)] == [("message.reaction", "👍", True), ("message.reaction", "🎉", True)]
    assert [t[3] for t in told(done)] == [[str(romeo.users[0])]] * 2
    assert romeo.seen() == [("👍", 2, True), ("🎉", 1, False)]
    assert arrived(db, romeo.message, "🎉", "👍")["outcome"] == 1
    assert [t[:3] for t in told(arrived(db, romeo.message, "❤️"))] == [
        ("message.reaction", "🎉", False), ("message.reaction", "👍", False), ("message.reaction", "❤️", True)]
    assert arrived(db, romeo.message)["outcome"] == 0 and romeo.seen() == [("👍", 1, True)]
    row = db.rows("SELECT * FROM entries ORDER BY position")[-1]
    assert (row["sender_address"], row["foreign_id"], row["stanza"], row["payload"]) == (f"{ROMEO}/phone", "r1", "<message/>", [])
    assert len(waiting(db)) == 1  # nothing of it goes back


def test_what_was_said_earlier_comes_too_late(db, romeo):
    arrived(db, romeo.message, "👍", sent="2026-01-02T00:00:00Z")
    assert arrived(db, romeo.message, "🎉", sent="2026-01-01T00:00:00Z")["outcome"] == 1
    assert arrived(db, romeo.message, "🎉", sent="2026-01-02T00:00:00Z")["outcome"] == 1
    assert romeo.seen() == [("👍", 1, False)]
    arrived(db, romeo.message)
    assert arrived(db, romeo.message, "🎉", sent="2026-01-03T00:00:00Z")["outcome"] == 1  # all was taken back since
    assert romeo.seen() == []


def test_a_message_is_found_by_the_ids_that_were_on_the_wire_only(db, romeo):
    origin = str(uuid.UUID(hashlib.sha256(b"origin").hexdigest()[:32]))
    his, = db.receive({"to": f"alice@{DOMAIN}", "body": "one", "foreign_id": "his-1", "dedupe": origin})
    db.receive({"to": f"alice@{DOMAIN}", "body": "two", "foreign_id": "twice"})
    newer, = db.receive({"to": f"alice@{DOMAIN}", "body": "three", "foreign_id": "twice"})
    assert arrived(db, "his-1", "👍")["outcome"] == 0 and arrived(db, "any", "🎉", origin=origin)["outcome"] == 0
    assert arrived(db, "twice", "👍")["outcome"] == 0 and romeo.seen(message=newer["id"]) == [("👍", 1, False)]
    assert romeo.seen(message=his["id"]) == [("🎉", 1, False)]
    for id in (his["id"], new_id(), "", "his-1'--", "x" * 255):
        assert arrived(db, id, "👍")["outcome"] == 2


def test_nobody_reacts_elsewhere_or_for_others(db, romeo):
    juliet = Talk(db, "alice", jid="juliet@example.org")
    bella = Talk(db, "bella", jid=ROMEO)
    for sender, to, message in (("juliet@example.org", "alice", romeo.message), (ROMEO, "alice", juliet.message),
                                (ROMEO, "alice", bella.message), ("nobody@example.org", "alice", romeo.message),
                                (ROMEO, "nobody", romeo.message), (f"alice@{DOMAIN}", "alice", romeo.message),
                                (f"alice@{DOMAIN}", "bella", romeo.message)):
        done = arrived(db, message, "👍", sender=sender, to=to)
        assert (done["outcome"], done["events"]) == (2, None)
    assert romeo.seen() == juliet.seen() == [] and db.rows("SELECT FROM users WHERE jid LIKE 'nobody%%'") == []


def test_what_the_blocked_send_and_what_failed_count_for_nothing(db, romeo):
    other = romeo.say("lost")
    db.fail(other, ROMEO)
    assert arrived(db, other, "👍")["outcome"] == 2
    db.change("block", romeo.users[0], jid=ROMEO, domain=DOMAIN)
    assert arrived(db, romeo.message, "👍")["outcome"] == 2 and romeo.seen() == []


def test_a_request_from_outside_stays_silent(db):
    alice = db.user("alice")
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", alice)
    his, = db.receive({"to": f"alice@{DOMAIN}", "body": "one", "foreign_id": "his-1"})
    head = db.head()
    done = arrived(db, "his-1", "👍")
    assert done["outcome"] == 0 and all(e["users"] == [] for e in done["events"])
    assert [r["type"] for r in db.resume(alice, head)] == [None]
    assert db.change("react", alice, message_id=str(his["id"]), emoji="👍")["outcome"] == 3
    assert waiting(db) == []


def test_more_than_a_message_shows_is_left_out(db, romeo):
    for group in range(3):
        other = db.user(f"o{group}")
        db.rows("INSERT INTO reactions SELECT %s, %s, array_agg(chr(128512 + n)), array_agg(n), now()"
                " FROM generate_series(%s, %s) n", romeo.message, other, group * 20, group * 20 + (19 if group < 2 else 9))
    db.rows("UPDATE messages SET reactions = reaction_summary(id) WHERE id = %s", romeo.message)
    db.rows("UPDATE reactions SET emoji = emoji[2:], since = since[2:] WHERE user_id = %s", other)
    db.rows("UPDATE messages SET reactions = reaction_summary(id) WHERE id = %s", romeo.message)
    assert arrived(db, romeo.message, "😀", "👍", "❤️", "🎉")["outcome"] == 0
    assert ("👍", 1, False) in romeo.seen()
    assert len(romeo.seen()) == 50 and ("😀", 2, False) in romeo.seen()


@pytest.mark.parametrize("members", [("alice", "bella"), ("alice", "bella", "carol")])
def test_live_and_later_the_same_parties_are_named(db, members):
    talk, before = Talk(db, *members), db.head()
    live, = talk.react(1, "\U0001f44d")["events"]
    late, = (row for row in db.resume(talk.users[0], before) if row["type"] == "message.reaction")
    numbers = [db.one("SELECT number FROM users WHERE id = %s", user) for user in talk.users]
    for told in (live, late):
        assert (told["actor"], told["peer"], told["many"]) \
            == (numbers[1], None if len(members) > 2 else numbers[0], len(members) > 2)


def test_a_page_shows_the_reactions_that_whoever_resumes_is_told(db, two):
    before = db.head()
    two.react(1, "\U0001f44d")
    two.react(0, "\U0001f44d")
    two.react(0, "\u2764\ufe0f")
    two.react(1, "\U0001f44d", added=False)
    *_, last = sorted((row for row in db.resume(two.users[0], before) if row["type"] == "message.reaction"),
                      key=lambda row: row["position"])
    told = json.loads(last["payload"])["reactions"]
    said, = db.page(two.users[0], two.id)["items"]
    assert said["reactions"] == db.message(two.users[0], two.message)["reactions"]
    # Whom "me" is, the event leaves to whoever reads it.
    assert [{key: one[key] for key in one if key != "me"} for one in said["reactions"]] == told
    assert [one["emoji"] for one in told] == ["\U0001f44d", "\u2764\ufe0f"]


# ---- Many ----------------------------------------------------------------------------------------------------------

def crowd(db, talk, count):
    """COUNT users more in the conversation."""
    db.rows("INSERT INTO users (id, number, kind, external_id, jid) SELECT gen_random_uuid(), user_number(), 'hosted', 'crowd' || n,"
            " 'crowd' || n || '@app.example.org' FROM generate_series(1, %s) n", count)
    db.rows("INSERT INTO members (conversation_id, user_id, joined_at, kind, jid, number) SELECT %s, id, now(), kind, jid, number"
            " FROM users WHERE external_id LIKE 'crowd%%'", talk.id)
    return [row["id"] for row in db.rows("SELECT id FROM users WHERE external_id LIKE 'crowd%%' ORDER BY number")]


def test_what_is_counted_one_by_one_is_what_is_counted_anew(db, two):
    """Whoever puts and takes back what in whatever order: numbers, order and the ones named first are those of the rows."""
    chance, emoji = random.Random(2026), ["👍", "🎉", "❤️", "❤", "🦊"]
    users = crowd(db, two, 12)
    for _ in range(150):
        two.react(chance.choice(users), chance.choice(emoji), added=chance.random() < 0.6)
        stored, anew = db.rows("SELECT reactions, reaction_summary(id) AS anew FROM messages WHERE id = %s", two.message)[0].values()
        assert stored == anew
    for user in users: # and to the end
        for one in emoji:
            two.react(user, one, added=False)
    assert db.one("SELECT reactions FROM messages WHERE id = %s", two.message) is None


def test_ten_thousand_reactions_to_one_message_stay_small(db, two):
    """5,120 at a time is what 256 people with 20 each come to; pages and events are as long as some messages."""
    users = crowd(db, two, 500)
    db.rows("INSERT INTO reactions SELECT %s, u.id, array_agg(chr((128512 + (k + u.n * 7) %% 50)::int)), array_agg(u.n * 20 + k), now()"
            " FROM unnest(%s::uuid[]) WITH ORDINALITY u (id, n), generate_series(0, 19) k GROUP BY u.id", two.message, users)
    db.rows("UPDATE messages SET reactions = reaction_summary(id) WHERE id = %s", two.message)
    assert sum(count for _, count, _ in two.seen()) == 10_000 and len(two.seen()) == 50
    page = json.dumps(db.page(two.users[0], two.id)["items"])
    assert len(page) < 20_000
    for user, added in ((two.users[0], True), (users[0], False), (users[499], False)):
        one, = db.rows("SELECT g->>'emoji' AS emoji FROM messages m, jsonb_array_elements(m.reactions) g WHERE m.id = %s"
                       " AND (%s OR g->>'emoji' = ANY ((SELECT r.emoji FROM reactions r WHERE r.user_id = %s)::text[])) LIMIT 1",
                       two.message, added, user)
        done = two.react(user, one["emoji"], added)
        assert done["outcome"] == 0
        event, = done["events"]
        assert len(json.dumps(event["payload"])) < 20_000 and event["payload"]["reactions"][0].keys() == {"emoji", "count", "users"}
    assert sum(count for _, count, _ in two.seen()) == 9_999


def test_reactions_from_before_are_counted_anew(db, two):
    """As 0.x stored them: without since."""
    two.react(0, "👍")
    two.react(1, "🎉")
    db.rows("UPDATE messages SET reactions = reaction_plain(reactions) WHERE id = %s", two.message)
    two.react(1, "👍")
    assert two.seen() == [("👍", 2, True), ("🎉", 1, False)]
    stored, anew = db.rows("SELECT reactions, reaction_summary(id) AS anew FROM messages WHERE id = %s", two.message)[0].values()
    assert stored == anew
