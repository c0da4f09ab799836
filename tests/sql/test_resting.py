# SPDX-License-Identifier: GPL-3.0-or-later
"""The order that is kept for conversations that rest: the list is what it would be if each were looked into."""
import random

import pytest

from conftest import DOMAIN, new_id
from test_many import make
from test_plain import put

# The list as it is said to be, computed from nothing that is kept: every row of the user's, with its key.
PLAIN = """
SELECT m.conversation_id AS id,
       coalesce(last.position, c.position) + CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 4611686018427387904 END AS key
  FROM members m JOIN conversations c ON c.id = m.conversation_id
  LEFT JOIN LATERAL (SELECT x.position, x.seq FROM messages x WHERE x.conversation_id = c.id
                       ORDER BY x.seq DESC LIMIT 1) last ON true
  WHERE m.user_id = %(user)s
    AND CASE WHEN %(filter)s = 'requests'
             THEN m.state IN ('joined', 'invited') AND m.request = 'pending'
               AND (coalesce(m.hidden_seq, 0) = 0 OR last.seq > m.hidden_seq)
             ELSE m.state = 'joined' AND coalesce(m.request, 'accepted') = 'accepted'
               AND (m.hidden_seq IS NULL OR last.seq > m.hidden_seq)
               AND (m.archived_at IS NOT NULL) = (%(filter)s = 'archived') END
    AND (%(filter)s <> 'unread' OR m.others_seen < others_count(c.id, m.user_id)
         OR coalesce(m.unread_own = own_count(c.id, m.user_id), false))
    AND (%(q)s IS NULL OR strpos(lower(coalesce(c.name, (SELECT u.name FROM users u WHERE u.id = pair_other(c.member_ids, m.user_id)))),
                                 %(q)s) > 0)
  ORDER BY key DESC
"""
FILTERS = ("all", "unread", "archived", "requests")


def plain(db, user, filter="all", q=None):
    with db.main.cursor() as cursor:
        cursor.execute(PLAIN, {"user": user, "filter": filter, "q": q})
        return cursor.fetchall()


def listed(db, user, limit=50, before=None, after=None, filter="all", q=None):
    return db.rows("SELECT coalesce((conversation).id, direct_id) AS id, key, rest, to_rest FROM conversation_list(%s, %s, %s, %s, %s, %s)",
                   user, limit, before, after, filter, q)


def expect_page(db, user, want, limit, before=None, after=None, **more):
    """Of all that there is, what a page at that place has."""
    there = [row for row in want if (before is None or row[1] < before) and (after is None or row[1] > after)]
    if after is not None:
        there.reverse()
    rows = listed(db, user, limit, before, after, **more)
    assert [(row["id"], row["key"]) for row in rows] == there[:limit], (limit, before, after, more)
    assert [row["rest"] for row in rows] == [n + 1 < len(there) for n in range(len(rows))]


def expect_same(db, user, dice):
    """Every filter, whole and in pages from some place, either way; and each row as the conversation alone is."""
    for filter in FILTERS:
        want = plain(db, user, filter)
        expect_page(db, user, want, 1000, filter=filter)
        cursor = dice.choice(want)[1] + dice.randint(-1, 1) if want else 5
        size = dice.randint(1, 4)
        for more in ({}, {"before": cursor}, {"after": cursor}, {"after": 0}, {"before": cursor, "after": cursor - 40}):
            expect_page(db, user, want, size, filter=filter, **more)
    expect_page(db, user, plain(db, user, q="p1"), 3, q="p1")
    for item in db.conversations(user)["items"]:
        assert item == db.get(user, item["id"])
    counts = db.one("SELECT to_jsonb(unread_count(%s))", user)
    db.rows("BEGIN")
    db.rows("UPDATE members SET rested = NULL, rested_seq = NULL, rested_others = NULL")
    assert db.one("SELECT to_jsonb(unread_count(%s))", user) == counts
    db.rows("ROLLBACK")


def rest(db, user, *conversations):
    return db.change("conversation_rest", user, conversation_ids=list(conversations))


def resting(db, user):
    return {row["conversation_id"] for row in db.rows("SELECT conversation_id FROM members WHERE user_id = %s AND rested IS NOT NULL", user)}


class History:
    """A user with conversations of both kinds, in which things happen that dice decide."""

    def __init__(self, db, seed):
        self.db, self.dice = db, random.Random(seed)
        self.user = db.provision("me", "me", None, "Me")["id"]
        names = [f"p{n}" for n in range(12)]
        self.peers = [db.provision(name, name, None, name)["id"] for name in names]
        self.talks = {db.conversation(self.user, reference=name): peer for name, peer in zip(names[:8], self.peers)}
        for n, peer in enumerate(self.peers[8:]):
            self.talks[db.conversation(peer, reference="me")] = peer # appears with what is said
        self.talks[db.conversation(self.user, jid="romeo@example.org")] = None
        self.groups = [make(db, owner, others, name=f"Group p1{n}")["result"]["conversation"]["id"] for n, (owner, others) in enumerate(
            ((self.user, self.peers[:2]), (self.peers[0], [self.user, self.peers[1]]), (self.peers[1], [self.peers[2]])))]

    def some(self):
        return self.dice.choice([*self.talks, *self.groups])

    def say(self):
        talk = self.some()
        sender = self.user if self.dice.random() < 0.4 else self.talks.get(talk) or self.peers[self.dice.randrange(2)]
        self.db.store(*({"conversation": talk, "sender": sender} for _ in range(self.dice.randint(1, 3))))
        if self.dice.random() < 0.7:
            self.db.change("conversation_appear", None, conversation_ids=[talk])

    def put(self):
        """As the daemon would, knowing the newest: in one that rests, nothing is stored."""
        talk, peer = self.dice.choice(list(self.talks.items()))
        last = self.db.rows("SELECT seq, sender_id, sender_seq FROM messages WHERE conversation_id = %s ORDER BY seq DESC LIMIT 1", talk)
        if last and peer:
            of = last[0]["sender_seq"] if last[0]["sender_id"] == peer else last[0]["seq"] - last[0]["sender_seq"]
            put(self.db, {"conversation": talk, "sender": peer, "seq": last[0]["seq"] + 1, "sender_seq": of + 1})

    def keep(self):
        what, value = self.dice.choice(("pinned", "archived", "unread", "archived")), self.dice.random() < 0.6
        self.db.change("conversation_update", self.user, conversation_id=self.some(), **{what: value})

    def hide(self):
        self.db.change("conversation_hide", self.dice.choice((self.user, *self.peers)), conversation_id=self.some())

    def open(self):
        self.db.opened(self.user, reference=f"p{self.dice.randrange(12)}")

    def mark(self):
        self.db.mark(self.dice.choice(("read", "delivered")), user=self.user, conversation=self.some())

    def delete(self):
        rows = self.db.rows("SELECT id, sender_id FROM messages WHERE conversation_id = %s AND sender_id IS NOT NULL ORDER BY seq DESC LIMIT 1", self.some())
        for row in rows:
            self.db.change("message_delete", row["sender_id"], message_id=row["id"], scope="everyone")

    def membership(self):
        group, act = self.dice.choice(self.groups), self.dice.randrange(3)
        if act == 0:
            self.db.change("member_leave", self.user, conversation_id=group, domain=DOMAIN)
        elif act == 1:
            self.db.change("members_add", self.dice.choice(self.peers[:2]), conversation_id=group, members=[{"user_id": self.user}], domain=DOMAIN)
        else:
            self.db.change("member_join", self.user, conversation_id=group, domain=DOMAIN)

    def relation(self):
        peer = self.dice.randrange(12)
        self.db.change(self.dice.choice(("block", "unblock")), self.user, jid=f"p{peer}@{DOMAIN}", domain=DOMAIN)
        talk = self.some()
        self.db.change(self.dice.choice(("request_accept", "request_decline")), self.user, conversation_id=talk)

    def privacy(self):
        self.db.change("privacy", self.user, messages=self.dice.choice(("contacts", "everyone")))

    def retain(self):
        talk = self.some()
        self.db.rows("UPDATE messages SET created_at = created_at - interval '1 hour' WHERE conversation_id = %s", talk)
        self.db.change("retention_expire", None, ids=[talk], seconds=60)
        self.db.rows("SELECT reap_messages('{}', 50)")

    def rest(self):
        for user in (self.user, *self.peers[:2]):
            rest(self.db, user, *self.dice.sample([*self.talks, *self.groups], 9))

    def step(self):
        self.dice.choice([self.say] * 6 + [self.put] * 2 + [self.keep] * 3 + [self.rest] * 3 + [
            self.hide, self.open, self.mark, self.mark, self.delete, self.membership, self.membership, self.relation, self.privacy, self.retain])()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_the_list_is_as_if_nothing_were_kept(db, seed):
    history = History(db, seed)
    seen = 0
    for _ in range(120):
        history.step()
        seen += len(resting(db, history.user))
        if history.dice.random() < 0.5:
            expect_same(db, history.user, history.dice)
    expect_same(db, history.peers[0], history.dice)
    assert seen > 100, "something did rest"


def test_who_has_many_is_told_which_are_to_rest(db):
    alice = db.user("alice")
    talks = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(120)]
    first, *others = listed(db, alice)
    assert set(first["to_rest"]) == set(talks[:70]) and not any(row["to_rest"] for row in others)
    assert rest(db, alice, *first["to_rest"])["result"]["conversation_ids"] and resting(db, alice) == set(talks[:70])
    assert rest(db, alice, *first["to_rest"])["outcome"] == 1
    assert not listed(db, alice)[0]["to_rest"]
    expect_page(db, alice, plain(db, alice), 120)
    # What nobody asked for, or may not ask for, does not rest.
    bob = db.user("bob")
    assert rest(db, bob, *talks)["outcome"] == 1 and resting(db, bob) == set()


def test_what_rests_takes_the_long_way_once_and_is_awake_for_all(db):
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, reference="bob")
    db.store({"conversation": talk, "sender": alice}, {"conversation": talk, "sender": bob})
    db.change("conversation_appear", None, conversation_ids=[talk])
    for user in (alice, bob):
        rest(db, user, talk)
    assert put(db, {"conversation": talk, "sender": alice, "seq": 3, "sender_seq": 2}) == []
    assert resting(db, alice) == resting(db, bob) == {talk}
    sent = {"conversation": talk, "sender": alice, "id": new_id(), "client_id": "c", "dedupe": new_id()}
    db.store(sent)
    assert resting(db, alice) == resting(db, bob) == set()
    assert not db.one("SELECT rested FROM conversations WHERE id = %s", talk)
    assert len(put(db, {"conversation": talk, "sender": alice, "seq": 4, "sender_seq": 3})) == 1
    rest(db, bob, talk)
    db.store({**sent, "id": new_id()}) # said before: it changes nothing
    assert resting(db, bob) == {talk}


def test_a_pinned_one_does_not_rest(db):
    alice = db.user("alice")
    talk, other = (db.conversation(alice, jid=f"{name}@example.org") for name in ("romeo", "juliet"))
    rest(db, alice, talk)
    db.change("conversation_update", alice, conversation_id=talk, pinned=True)
    assert resting(db, alice) == set() and rest(db, alice, talk)["outcome"] == 1
    assert [row["id"] for row in listed(db, alice)] == [talk, other]


def test_what_was_pinned_while_it_rested_counts_what_comes(db):
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, reference="bob")
    db.store({"conversation": talk, "sender": bob})
    db.change("conversation_appear", None, conversation_ids=[talk])
    rest(db, alice, talk)
    db.change("conversation_update", alice, conversation_id=talk, pinned=True)
    db.store({"conversation": talk, "sender": bob})
    assert db.one("SELECT (unread_count(%s)).messages", alice) == db.get(alice, talk)["unread_count"] == 2


def test_a_page_visits_few_conversations_however_many_there_are(db):
    """Blocks that a page touches, with two thousand conversations that rest and with two hundred."""
    from test_plans import blocks
    alice = db.user("alice")
    costs = []
    for start, end in ((1, 200), (201, 2000)):
        db.rows("INSERT INTO users (id, kind, jid) SELECT md5('r' || n)::uuid, 'remote', 'r' || n || '@example.org' FROM generate_series(%s, %s) n",
                start, end)
        db.rows("INSERT INTO conversations (id, member_ids, member_numbers, remote_user, remote_jid, position, created_at, rested)"
                " SELECT md5('c' || n)::uuid, pair_key(%s, md5('r' || n)::uuid), ARRAY[1, 2], md5('r' || n)::uuid, 'r' || n || '@example.org',"
                " n, now(), true FROM generate_series(%s, %s) n", alice, start, end)
        db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, joined_at, rested)"
                " SELECT md5('c' || n)::uuid, u.id, u.kind, u.jid, u.number, now(), CASE WHEN u.id = %s THEN n END"
                " FROM generate_series(%s, %s) n JOIN users u ON u.id IN (%s, md5('r' || n)::uuid)", alice, start, end, alice)
        db.rows("VACUUM ANALYZE")
        costs.append([blocks(db, f"SELECT * FROM conversation_list(%s, 50, {place}, 'all', NULL)", alice)
                      for place in ("NULL, NULL", "150, NULL", "NULL, 20")])
    for few, many in zip(*costs):
        assert many <= few * 1.2 + 20, costs


def test_each_is_looked_into_once_whatever_the_statistics_say(db):
    alice, others = db.user("alice"), [db.user(f"u{n}") for n in range(40)]
    for n, other in enumerate(others):
        db.conversation(other, jid=f"q{n}@example.org")
    db.rows("ANALYZE members, conversations, messages") # of users with one conversation each
    talks = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(200)]
    db.rows("BEGIN")
    scans = "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_xact_user_tables WHERE relname IN ('members', 'messages', 'conversations')"
    before = db.one(scans)
    assert rest(db, alice, *talks)["outcome"] == 0
    assert db.one(scans) - before < 8 * len(talks)
    db.rows("COMMIT")
    assert resting(db, alice) == set(talks)
