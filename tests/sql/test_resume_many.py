# SPDX-License-Identifier: GPL-3.0-or-later
"""What one statement says of many who come back: exactly those who missed something are named, or at most one too many."""
import random

import pytest

from conftest import DOMAIN, new_id
from test_many import make

NAMES = ("alice", "bob", "carol", "dora", "erin", "fred")


class History:
    """Six users, each in some conversations of two, one with Romeo on XMPP, and in groups; what happens is drawn by lot."""

    def __init__(self, db, seed):
        self.db, self.lot = db, random.Random(seed)
        db.rows("SET trestle.rooms_domain = 'rooms.app.example.org'")
        self.users = {name: db.user(name) for name in NAMES}
        self.talks = {}
        for one in range(len(NAMES)):
            for other in range(one + 1, len(NAMES)):
                if self.lot.random() < 0.6:
                    talk = db.conversation(self.users[NAMES[one]], reference=NAMES[other])
                    self.talks[talk] = [self.users[NAMES[one]], self.users[NAMES[other]]]
        row, = db.receive({"to": f"alice@{DOMAIN}", "foreign_id": new_id(), "markable": True})
        self.romeo, self.remote = row["sender_id"], row["conversation_id"]
        self.talks[self.remote] = [self.users["alice"]]
        for size in (3, 4):
            people = self.lot.sample(list(self.users.values()), size)
            self.talks[make(db, people[0], people[1:])["result"]["conversation"]["id"]] = people
        self.messages = []

    def pick(self):
        talk = self.lot.choice(list(self.talks))
        return talk, self.lot.choice(self.talks[talk])

    def two(self):
        return self.lot.sample(list(self.users), 2)

    def say(self):
        talk, user = self.pick()
        row, = self.db.store({"conversation": talk, "sender": user})
        if row["outcome"] == 0:
            self.messages.append((row["id"], talk, user))

    def hear(self):
        row, = self.db.receive({"to": f"alice@{DOMAIN}", "foreign_id": new_id(), "markable": True})
        self.messages.append((row["id"], self.remote, self.romeo))

    def mark(self):
        talk, user = self.pick()
        self.db.mark(self.lot.choice(("delivered", "read")), user=user, conversation=talk)

    def mark_old(self):
        if self.messages:
            id, talk, _ = self.lot.choice(self.messages)
            self.db.mark(self.lot.choice(("delivered", "read")), user=self.lot.choice(self.talks[talk]), message=id)

    def mark_far(self):
        own = [id for id, talk, user in self.messages if talk == self.remote and user == self.users["alice"]]
        if own:
            self.db.mark(self.lot.choice(("delivered", "read")), jid="romeo@example.org", message=self.lot.choice(own))

    def fail(self):
        own = [id for id, talk, user in self.messages if talk == self.remote and user == self.users["alice"]]
        if own:
            self.db.fail(self.lot.choice(own), "romeo@example.org")

    def react(self):
        if self.messages:
            id, talk, _ = self.lot.choice(self.messages)
            self.db.change("react", self.lot.choice(self.talks[talk]), message_id=id, emoji=self.lot.choice("xyz"))

    def remove(self):
        if self.messages:
            id, talk, user = self.lot.choice(self.messages)
            self.db.change("message_delete", user, message_id=id, window=900, stanza=new_id(),
                           **{"for": self.lot.choice(("me", "everyone"))})

    def hide(self):
        talk, user = self.pick()
        self.db.change("conversation_hide", user, conversation_id=talk)

    def block(self):
        one, other = self.two()
        self.db.change(self.lot.choice(("block", "unblock")), self.users[one], user_id=self.users[other], domain=DOMAIN)

    def contact(self):
        one, other = self.two()
        self.db.change("contact_add", self.users[one], user_id=self.users[other], domain=DOMAIN)

    def quiet(self):
        self.db.change("privacy", self.users[self.lot.choice(NAMES)], receipts=self.lot.random() < 0.5)

    def profile(self):
        self.db.change("profile", self.users[self.lot.choice(NAMES)], name=f"N{self.lot.random()}")

    def answer(self):
        talk, user = self.pick()
        self.db.change(self.lot.choice(("request_accept", "request_decline")), user, conversation_id=talk)

    def leave(self):
        talk, user = self.pick()
        if len(self.talks[talk]) > 2 and self.db.change("member_leave", user, conversation_id=talk)["outcome"] == 0:
            self.talks[talk].remove(user)

    def step(self):
        common = [self.say] * 6 + [self.mark] * 5 + [self.hear, self.mark_old, self.mark_far]
        rare = [self.fail, self.react, self.remove, self.hide, self.block, self.contact, self.quiet, self.profile, self.answer, self.leave]
        self.lot.choice(common * 2 + rare)()


def waiting(db, users, positions):
    row, = db.rows("SELECT * FROM event_waiting(%s::uuid[], %s::bigint[])", users, positions)
    assert row["position"] == db.head()
    assert len(set(row["waiting"])) == len(row["waiting"])
    return {place - 1 for place in row["waiting"]}


def missed(db, user, position):
    """Whether event_resume(), which looks into each conversation of the user, has anything to tell."""
    head, *rest = db.resume(user, position)
    return bool(rest) or head["type"] is not None


@pytest.mark.parametrize("seed", range(8))
def test_as_each_would_be_told_alone_in_random_histories(db, seed):
    history = History(db, seed)
    for _ in range(12):
        for _ in range(history.lot.randrange(1, 9)):
            history.step()
        head = db.head()
        asked = [(user, position) for user in history.users.values()
                 for position in {head, *(max(0, head - history.lot.randrange(1, 40)) for _ in range(4))}]
        history.lot.shuffle(asked)
        named = waiting(db, [user for user, _ in asked], [position for _, position in asked])
        wanted = {place for place, (user, position) in enumerate(asked) if missed(db, user, position)}
        assert not wanted - named, [asked[place] for place in wanted - named]
        # One too many is named for what is heard of, and tells nothing any more, or what is not shown.
        for place in named - wanted:
            user, position = asked[place]
            assert db.one("SELECT count(*) FROM event_heard(%s, %s, 1000)", user, position) > 0 \
                or db.one("SELECT count(*) FROM events WHERE position > %s AND audience = 'partners'", position) > 0 \
                or touched(db, user, position), asked[place]


def touched(db, user, position):
    """Whether somebody's mark in a conversation of the user has moved, whoever may see that, or a message of the user has failed."""
    return db.one("SELECT count(*) FROM members mine JOIN members o USING (conversation_id) WHERE mine.user_id = %s"
                  " AND greatest(o.read_position, o.delivered_position) > %s", user, position) > 0 \
        or db.one("SELECT count(*) FROM messages WHERE sender_id = %s AND failed_position > %s", user, position) > 0


def test_own_deliveries_are_nothing_new(db):
    """Whoever was told of a message has it marked as delivered after that, behind the cursor."""
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, reference="bob")
    db.store({"conversation": talk, "sender": bob})
    db.change("request_accept", alice, conversation_id=talk)
    before = db.head()
    assert db.mark("delivered", user=alice, conversation=talk)["outcome"] == 0
    assert waiting(db, [alice, bob], [before, before]) == {1}
    db.mark("read", user=alice, conversation=talk)
    assert waiting(db, [alice, bob], [before + 1, db.head()]) == {0}


def test_strangers_and_nobody_miss_nothing(db):
    alice, bob, mallory = (db.user(name) for name in ("alice", "bob", "mallory"))
    before = db.head()
    talk = db.conversation(alice, reference="bob")
    db.store({"conversation": talk, "sender": alice})
    assert waiting(db, [mallory, new_id(), bob], [before] * 3) == {2}
    assert waiting(db, [], []) == set()


def test_the_same_user_may_be_asked_for_more_than_once(db):
    alice, bob = db.user("alice"), db.user("bob")
    talk = db.conversation(alice, reference="bob")
    before = db.head()
    db.store({"conversation": talk, "sender": bob})
    assert waiting(db, [alice, alice, alice], [db.head(), before, before]) == {1, 2}


def test_whose_events_may_be_gone_is_named(db):
    alice, bob = db.user("alice"), db.user("bob")
    db.rows("SELECT count(event_add('conversation.removed', 'user', NULL, %s, '{}')) FROM generate_series(1, 10)", bob)
    head = db.head()
    db.rows("UPDATE log_head SET events_from = %s", head - 3)
    assert waiting(db, [alice, alice, bob], [head - 4, head - 3, head]) == {0}


def test_after_very_many_events_each_is_asked_for_alone(db):
    alice, bob = db.user("alice"), db.user("bob")
    before = db.head()
    db.rows("SELECT count(event_add('conversation.removed', 'user', NULL, %s, '{}')) FROM generate_series(1, 1100)", bob)
    assert waiting(db, [alice, bob], [before + 50, before + 50]) == {1}
    assert waiting(db, [alice, bob], [before, db.head()]) == set()
    db.rows("SELECT count(event_add('conversation.removed', 'user', NULL, %s, '{}')) FROM generate_series(1, 200)", bob)
    assert waiting(db, [alice, bob], [before, db.head()]) == {0, 1}


@pytest.mark.parametrize("seed", range(3))
def test_partners_of_many_are_those_of_each(db, seed):
    history = History(db, seed)
    for _ in range(60):
        history.step()
    users = [*history.users.values(), new_id(), history.romeo, history.users["alice"]]
    for limit in (2000, 2):
        rows = db.rows("SELECT * FROM presence_partners_many(%s::uuid[], %s)", users, limit)
        assert [row["n"] for row in rows] == sorted(row["n"] for row in rows)
        for place, user in enumerate(users, 1):
            many = {row["id"]: row for row in rows if row["n"] == place}
            each = {row["id"]: {**row, "n": place} for row in db.rows("SELECT * FROM presence_partners(%s, NULL, %s)", user, limit)}
            assert many == each if limit > 2 else len(many) == len(each)
    assert rows
