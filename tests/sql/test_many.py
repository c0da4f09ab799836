# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversations of more than two: store, mark, page, list, resume; what nobody says; the upgrade to members."""
import json

import pytest

from conftest import DOMAIN, new_id

NAMES = ("alice", "bob", "carol", "dora", "erin")


def make(db, owner, members, name="Five", id=None, **more):
    return db.change("group_create", owner, id=id or new_id(), name=name,
                     members=[{"user_id": member} for member in members], domain=DOMAIN, **more)


@pytest.fixture
def five(db):
    """Five hosted users by name, and the conversation that the first has made of them."""
    users = {name: db.user(name) for name in NAMES}
    done = make(db, users["alice"], [users[name] for name in NAMES[1:]])
    assert done["outcome"] == 0
    return users, done["result"]["conversation"]["id"]


def say(db, conversation, *senders):
    return db.store(*({"conversation": conversation, "sender": sender, "body": str(n)} for n, sender in enumerate(senders)))


def unread(db, user, conversation):
    found, = (c for c in db.conversations(user)["items"] if c["id"] == conversation)
    assert found["unread_count"] == db.get(user, conversation)["unread_count"]
    return found["unread_count"]


def counted(db, user, conversation):
    return db.one("SELECT count(*) FROM messages m JOIN members o ON o.conversation_id = m.conversation_id"
                  " WHERE m.conversation_id = %s AND o.user_id = %s AND m.sender_id <> %s AND m.seq > o.read_seq",
                  conversation, user, user)


def test_all_members_have_it_in_one_order(db, five):
    users, conversation = five
    for user in users.values():
        listed, = db.conversations(user)["items"]
        assert listed["id"] == conversation and listed["type"] == "group" and listed["name"] == "Five"
        assert [p["user"]["id"] for p in listed["participants"]] and {p["user"]["id"] for p in listed["participants"]} \
            == set(users.values())
        assert listed["participant1"] is None and listed["jid"] is None and listed["last_message"] is None
    rows = say(db, conversation, *users.values(), users["alice"])
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5, 6] and not any(row["direct"] for row in rows)
    assert {tuple(row["member_ids"]) for row in rows} == {tuple(users.values())} and not any(row["unanswered"] for row in rows)
    pages = [db.page(user, conversation) for user in users.values()]
    assert all([m["id"] for m in page["items"]] == [row["id"] for row in rows] for page in pages)
    assert [m["sender"]["username"] for m in pages[4]["items"]] == [*NAMES, "alice"]
    assert db.store({"conversation": conversation, "sender": db.user("mallory")})[0]["outcome"] == 2


def test_unread_is_what_others_wrote_behind_the_mark(db, five):
    users, conversation = five
    alice, bob, carol, *_ = users.values()
    rows = say(db, conversation, alice, bob, carol, bob, alice)
    rows += say(db, conversation, bob, bob, alice)
    for name, user in users.items():
        assert unread(db, user, conversation) == counted(db, user, conversation), name
    for n, user in ((2, alice), (5, alice), (3, bob), (7, bob), (0, carol)):
        db.mark(user=user, message=rows[n]["id"], kind="read")
        assert unread(db, user, conversation) == counted(db, user, conversation), (n, user)
    marked = db.mark(user=users["dora"], conversation=conversation, kind="read")
    assert marked["unread"] == 0 and set(marked["member_ids"]) == set(users.values()) and not marked["direct"]


def test_senders_are_counted_whatever_the_batches(db, five):
    users, conversation = five
    alice, bob, carol, *_ = users.values()
    again = {"conversation": conversation, "sender": bob, "dedupe": new_id()}
    say(db, conversation, alice, bob, alice)
    db.store(again, {"conversation": conversation, "sender": bob})
    db.store({**again, "id": new_id()}, {"conversation": conversation, "sender": bob}, {"conversation": conversation, "sender": carol})
    found = db.rows("SELECT sender_id, array_agg(sender_seq ORDER BY seq) AS seqs FROM messages WHERE conversation_id = %s"
                    " GROUP BY sender_id", conversation)
    assert {row["sender_id"]: row["seqs"] for row in found} == {alice: [1, 2], bob: [1, 2, 3, 4], carol: [1]}


def test_a_message_is_read_when_the_slowest_has_read_it(db, five):
    users, conversation = five
    alice, *others = users.values()
    row, = say(db, conversation, alice)

    def status():
        shown = {db.page(alice, conversation)["items"][0]["status"],
                 db.conversations(alice)["items"][0]["last_message"]["status"],
                 db.message(alice, row["id"])["status"]}
        assert len(shown) == 1
        return shown.pop()

    for other in others[:-1]:
        db.mark(user=other, message=row["id"], kind="read")
    assert status() == "sent"
    db.mark(user=others[-1], message=row["id"], kind="delivered")
    assert status() == "delivered"
    db.mark(user=others[-1], message=row["id"], kind="read")
    assert status() == "read"
    # To who has read it, it is read, whatever the others have done.
    assert db.page(others[0], conversation)["items"][0]["status"] == "read"


def test_who_does_not_tell_what_was_read_keeps_it_from_all(db, five):
    users, conversation = five
    alice, *others = users.values()
    db.rows("UPDATE users SET privacy_receipts = false WHERE id = %s", others[0])
    row, = say(db, conversation, alice)
    for other in others:
        marked = db.mark(user=other, message=row["id"], kind="read")
        assert marked["tells"] == (other != others[0])
    assert db.page(alice, conversation)["items"][0]["status"] == "sent"
    shown = db.conversations(alice)["items"][0]["participants"]
    assert {p["user"]["id"]: p["last_read_seq"] for p in shown} == {alice: 0, others[0]: 0, **dict.fromkeys(others[1:], 1)}


def test_what_the_system_says_has_no_sender_and_is_not_unread(db, five):
    users, conversation = five
    alice, bob, *_ = users.values()
    say(db, conversation, alice, bob)
    db.rows("WITH h AS (UPDATE log_head SET position = position + 1 RETURNING position) INSERT INTO messages (id,"
            " conversation_id, seq, position, created_at, kind, body, metadata, many, sender_seq) SELECT %s, %s, 3, h.position,"
            " now(), 'system', 'somebody came', '{\"system_type\": \"joined\"}', true, 1 FROM h", new_id(), conversation)
    rows = say(db, conversation, alice)
    assert rows[0]["seq"] == 4
    for user in (alice, bob, users["carol"]):
        item = db.page(user, conversation)["items"][2]
        assert (item["sender"], item["sender_id"], item["message_type"]) == (None, None, "system")
        assert item["metadata"] == {"system_type": "joined"}
        assert db.message(user, item["id"]) == item
        assert unread(db, user, conversation) == counted(db, user, conversation)
    resumed = [row for row in db.resume(bob, 0) if row["type"] == "message.new"]
    assert [json.loads(row["payload"])["seq"] for row in resumed] == [4, 3, 2, 1]
    assert [row["peer"] for row in resumed] == [None] * 4


def test_everybody_resumes_what_was_missed(db, five):
    users, conversation = five
    alice, bob, *_ = users.values()
    before = db.head()
    rows = say(db, conversation, alice, bob, alice)
    db.mark(user=bob, message=rows[1]["id"], kind="read")
    for name, user in users.items():
        kinds = [row["type"] for row in db.resume(user, before)[1:]]
        assert sorted(kinds) == ["message.new"] * 3 + ["message.read"], name
    made = [row for row in db.resume(users["erin"], 0) if row["type"] == "conversation.new"]
    assert [json.loads(row["payload"])["id"] for row in made] == [conversation]
    assert db.resume(db.user("mallory"), 0)[1:] == []


def test_who_has_left_has_nothing(db, five):
    users, conversation = five
    alice, bob, *_ = users.values()
    row, = say(db, conversation, alice)
    db.rows("UPDATE members SET state = 'left', left_seq = 1 WHERE user_id = %s", bob)
    db.rows("UPDATE conversations SET member_ids = array_remove(member_ids, %s),"
            " member_numbers = member_numbers[1:1] || member_numbers[3:]", bob)
    assert db.conversations(bob)["items"] == [] and db.page(bob, conversation) is None
    assert db.message(bob, row["id"]) is None
    assert db.get(bob, conversation) is None
    assert db.resume(bob, 0)[1:] == []
    assert db.store({"conversation": conversation, "sender": bob})[0]["outcome"] == 2
    assert db.mark(user=bob, conversation=conversation, kind="read")["outcome"] == 2
    assert bob not in {p["user"]["id"] for p in db.conversations(alice)["items"][0]["participants"]}


def test_making_one_again_makes_none(db):
    alice, bob, carol = (db.user(name) for name in NAMES[:3])
    id = new_id()
    first, again = (make(db, alice, [bob, carol, bob, alice], id=id) for _ in range(2))
    assert (first["outcome"], again["outcome"]) == (0, 1)
    assert first["result"]["conversation"]["id"] == again["result"]["conversation"]["id"] == id
    assert db.one("SELECT member_ids FROM conversations") == [alice, bob, carol]
    assert [event["users"] for event in first["events"]] == [[alice], [bob], [carol]]


def test_who_does_not_let_the_owner_in_looks_like_nobody(db):
    alice, bob, carol, dora = (db.user(name) for name in NAMES[:4])
    romeo = db.one("SELECT user_remote('romeo@example.org')")
    db.rows("INSERT INTO blocks (user_id, peer) SELECT %s, jid FROM users WHERE id = %s", bob, alice)
    db.rows("UPDATE users SET privacy_messages = 'nobody' WHERE id = %s", carol)
    answers = [make(db, alice, [dora, other]) for other in (bob, carol, new_id(), romeo)]
    assert [(answer["outcome"], answer["result"], answer["events"]) for answer in answers] == [(4, None, None)] * 4
    assert db.one("SELECT count(*) FROM conversations") == 0


def test_a_closed_profile_is_closed_to_members_too(db, five):
    users, conversation = five
    alice, bob, *others = users.values()
    db.rows("UPDATE users SET bio = 'secret', privacy_profile = 'contacts' WHERE id = %s", alice)
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT %s, jid, true FROM users WHERE id = %s", alice, bob)
    row, = say(db, conversation, alice)
    assert set(row["closed_to"]) == set(others) and row["shown"]["bio"] is None
    bios = {user: db.page(user, conversation)["items"][0]["sender"]["bio"] for user in users.values()}
    assert bios == {alice: "secret", bob: "secret", **dict.fromkeys(others)}


def test_whom_the_sender_blocks_does_not_see_the_profile(db, five):
    users, conversation = five
    alice, bob, carol, *_ = users.values()
    db.rows("UPDATE users SET bio = 'secret' WHERE id = %s", alice)
    first, = say(db, conversation, alice)
    assert first["closed_to"] is None
    db.rows("INSERT INTO blocks (user_id, peer) SELECT %s, jid FROM users WHERE id = %s", alice, bob)
    row, = say(db, conversation, alice)
    assert row["closed_to"] == [bob] and row["shown"]["bio"] is None
    for user, bio in ((bob, None), (carol, "secret")):
        assert {m["sender"]["bio"] for m in db.page(user, conversation)["items"]} == {bio}
        assert db.message(user, row["id"])["sender"]["bio"] == bio
        resumed = [json.loads(e["payload"]) for e in db.resume(user, 0) if e["type"] == "message.new"]
        assert {m["sender"]["bio"] for m in resumed} == {bio}
        listed, = db.conversations(user)["items"]
        assert listed["last_message"]["sender"]["bio"] == bio


def test_when_one_reads_on_in_silence_is_not_shown(db, five):
    users, conversation = five
    alice, *others = users.values()
    row, = say(db, conversation, alice)
    for other in others:
        db.mark(user=other, message=row["id"], kind="read")
    told = db.page(alice, conversation)["items"][0]["read_at"]
    db.rows("UPDATE users SET privacy_receipts = false WHERE id = %s", others[0])
    later, = say(db, conversation, alice)
    db.mark(user=others[0], message=later["id"], kind="read")
    items = {m["id"]: m for m in db.page(alice, conversation)["items"]}
    assert (items[row["id"]]["status"], items[row["id"]]["read_at"]) == ("read", told)
    assert items[later["id"]]["read_at"] is None


@pytest.mark.parametrize("request_, outcome, state", [("pending", 0, "invited"), ("declined", 4, None)])
def test_a_request_that_is_not_accepted_is_no_way_into_a_group(db, request_, outcome, state):
    alice, bob = db.user("alice"), db.user("bob")
    direct = db.conversation(alice, reference="bob")
    db.rows("UPDATE members SET request = %s WHERE conversation_id = %s AND user_id = %s", request_, direct, bob)
    assert make(db, alice, [bob])["outcome"] == outcome
    assert [row["state"] for row in db.rows("SELECT state FROM members WHERE grouped AND user_id = %s", bob)] == [state] * (state is not None)


def test_strangers_among_the_members_are_counted(db):
    alice, bob, carol, dora = (db.user(name) for name in NAMES[:4])
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT %s, jid, true FROM users WHERE id = %s", dora, alice)
    assert make(db, alice, [bob, carol, dora], strangers_max=1)["outcome"] == 7
    assert db.one("SELECT count(*) FROM conversations") == 0
    done = make(db, alice, [bob, carol, dora, bob], strangers_max=2)
    assert (done["outcome"], done["result"]["strangers"]) == (0, 2)
    assert make(db, alice, [dora], strangers_max=0)["outcome"] == 0


def test_a_group_of_two_is_no_direct_conversation(db):
    alice, bob = db.user("alice"), db.user("bob")
    group = make(db, alice, [bob])["result"]["conversation"]["id"]
    direct = db.conversation(alice, reference="bob")
    assert group != direct
    row, = say(db, group, alice)
    assert not row["direct"] and len(row["member_ids"]) == 2
    assert {c["type"] for c in db.conversations(alice)["items"]} == {"group", "direct"}
    assert [c["id"] for c in db.conversations(bob, q="fiv")["items"]] == [group]
    assert [c["id"] for c in db.conversations(bob, filter="unread")["items"]] == [group]


# ---- The upgrade --------------------------------------------------------------------------------------------------

BEFORE = "0020" # the first migration with members


def fill_old(cursor, talks, messages):
    """TALKS direct conversations as the versions before have them, MESSAGES messages in them by both, in any order."""
    cursor.execute("INSERT INTO users (id, kind, external_id, jid) SELECT md5(n::text)::uuid, 'hosted', 'u' || n,"
                   " 'u' || n || '@app.example.org' FROM generate_series(0, %s) n", (talks,))
    cursor.execute("INSERT INTO conversations (id, user_a, user_b, number_a, number_b, position, created_at)"
                   " SELECT md5('c' || n)::uuid, least(a.id, b.id), greatest(a.id, b.id),"
                   "  CASE WHEN a.id < b.id THEN a.number ELSE b.number END, CASE WHEN a.id < b.id THEN b.number ELSE a.number END,"
                   "  n, now() FROM generate_series(1, %s) n JOIN users a ON a.external_id = 'u0'"
                   " JOIN users b ON b.external_id = 'u' || n", (talks,))
    cursor.execute("INSERT INTO members (conversation_id, user_id, joined_at) SELECT c.id, u, now() FROM conversations c,"
                   " unnest(ARRAY[c.user_a, c.user_b]) u")
    cursor.execute("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, from_a)"
                   " SELECT md5('m' || n)::uuid, c.id, row_number() OVER w, %(talks)s + n,"
                   "  CASE WHEN by_a THEN c.user_a ELSE c.user_b END, now(), 'text ' || n, count(*) FILTER (WHERE by_a) OVER w"
                   " FROM (SELECT n, md5('c' || 1 + n %% %(talks)s)::uuid AS id, md5('s' || n) < '8' AS by_a"
                   "         FROM generate_series(1, %(messages)s) n) drawn JOIN conversations c ON c.id = drawn.id"
                   " WINDOW w AS (PARTITION BY c.id ORDER BY n)", {"talks": talks, "messages": messages})
    # Who has read up to where; others_seen as the versions before have it.
    cursor.execute("UPDATE members o SET read_seq = m.seq, delivered_seq = m.seq,"
                   " others_seen = CASE WHEN o.user_id = c.user_a THEN m.seq - m.from_a ELSE m.from_a END"
                   " FROM conversations c JOIN messages m ON m.conversation_id = c.id"
                   " WHERE c.id = o.conversation_id AND m.seq = 1 + length(o.user_id::text || c.id::text) % 5")
    cursor.execute("UPDATE log_head SET position = %s", (talks + messages,))


def test_the_upgrade_keeps_members_counts_and_order(cluster):
    from test_schema import migrations
    name = cluster.create()
    connection = cluster.connect(name)
    with connection.cursor() as cursor:
        for path in migrations():
            if path.stem >= BEFORE:
                break
            cursor.execute(path.read_text())
            cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (int(path.stem[:4]), path.stem[5:]))
        fill_old(cursor, 40, 3000)
    connection.commit()
    cluster.migrate(name)
    connection.autocommit = True
    with connection.cursor() as cursor:
        def all_of(statement):
            cursor.execute(statement)
            return cursor.fetchall()

        assert all_of("SELECT count(*) FROM messages WHERE sender_seq <> (SELECT count(*) FROM messages x WHERE"
                      " x.conversation_id = messages.conversation_id AND x.sender_id = messages.sender_id"
                      " AND x.seq <= messages.seq)") == [(0,)]
        assert all_of("SELECT count(*) FROM conversations c WHERE c.member_ids <> (SELECT array_agg(m.user_id ORDER BY m.user_id)"
                      " FROM members m WHERE m.conversation_id = c.id) OR c.member_numbers <> (SELECT array_agg(m.number"
                      " ORDER BY m.user_id) FROM members m WHERE m.conversation_id = c.id)") == [(0,)]
        wrong = all_of("SELECT o.user_id, (conversation_get(o.user_id, o.conversation_id)).unread AS shown,"
                       " (SELECT count(*) FROM messages m WHERE m.conversation_id = o.conversation_id AND m.seq > o.read_seq"
                       " AND m.sender_id <> o.user_id) AS counted FROM members o")
        assert len(wrong) == 80 and all(shown == counted for _, shown, counted in wrong)
    connection.close()
