# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives as XMPP reads them: pages of messages and entries in the order of the log, by index scans alone."""
import json
import random

import psycopg2
import pytest

from conftest import Database, new_id

MESSAGES = 10_000  # in the big conversation; on every fourth follow entries


def fill(db):
    """A conversation of three, with all that the archive shows in the order of the log."""
    users = [db.user(name) for name in ("alice", "bob", "carol")]
    made = db.change("group_create", users[0], id=new_id(), name="Big", members=[{"user_id": u} for u in users[1:]])
    conversation = made["result"]["conversation"]["id"]
    start = db.head()
    # A position in three is nobody's here; every message has a second of its own. The system says each hundredth.
    db.rows("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, kind, many, sender_seq)"
            " SELECT entry_id(t), %s, n, %s + 3 * n, CASE WHEN n %% 100 > 0 THEN (%s::uuid[])[n %% 3 + 1] END, t, 'text ' || n,"
            " CASE WHEN n %% 100 > 0 THEN 'text' ELSE 'system' END, true, n / 3"
            " FROM generate_series(1, %s) n, LATERAL (SELECT timestamptz '2026-01-01Z' + make_interval(secs => n)) s (t)",
            conversation, start, users, MESSAGES)
    for behind in (1, 2):
        db.rows("INSERT INTO entries (position, id, conversation_id, seq, kind, sender_id, target, created_at, payload)"
                " SELECT m.position + %s, entry_id(m.created_at), m.conversation_id, m.seq, 'reaction', %s, m.id,"
                " m.created_at + make_interval(secs => 0.25 * %s), '[\"+\"]' FROM messages m WHERE m.seq %% 4 = 0 AND m.conversation_id = %s",
                behind, users[behind], behind, conversation)
    db.rows("UPDATE log_head SET position = %s", start + 3 * MESSAGES + 10)
    db.rows("VACUUM ANALYZE")
    return users, conversation


@pytest.fixture(scope="module")
def big(cluster, template):
    database = Database(cluster, cluster.create(template))
    database.users, database.conversation = fill(database)
    database.all = database.rows(
        "SELECT id, position, created_at, sender_id FROM (SELECT id, position, created_at, sender_id FROM messages"
        " WHERE conversation_id = %s AND kind <> 'system' UNION ALL"
        " SELECT id, position, created_at, sender_id FROM entries WHERE conversation_id = %s) x ORDER BY position",
        database.conversation, database.conversation)
    yield database
    database.close()


def ids(rows):
    return [row["id"] for row in rows]


def keys(db, conversations=None, low=None, high=None, upto=None, limit=50, size=10**9, on=None, **query):
    row, = db.rows("SELECT k.* FROM archive_keys(ARRAY(SELECT archive_window(c, %s, %s, %s) FROM unnest(%s::uuid[]) c), %s,"
                   " %s, %s) k", low, high, upto, conversations or [db.conversation], json.dumps(query), limit, size, on=on)
    assert row["outcome"] or len(row["said"]) == len(row["ids"])
    row.pop("said")
    return row if row["outcome"] == 0 else row["outcome"]


def walk(db, backward, **more):
    """All pages, as a client reads them."""
    found, page, bound = [], None, more.pop("bound", {})
    while page is None or page["more"]:
        if page:
            bound = {"before": [page["ids"][0]]} if backward else {"after": [page["ids"][-1]]}
        page = keys(db, backward=backward, **bound, **more)
        assert page["ids"]
        found = page["ids"] + found if backward else found + page["ids"]
    return found


@pytest.mark.parametrize("backward", [False, True])
def test_pages_have_everything_once_and_in_the_order_of_the_log(big, backward):
    assert walk(big, backward, limit=97) == ids(big.all)
    assert len(big.all) == MESSAGES - MESSAGES // 100 + MESSAGES // 2


def test_messages_are_those_of_the_pages_of_the_api(big):
    """REST pages have what the system says besides, and no entries."""
    shown, cursor = [], {}
    while True:
        page = big.page(big.users[0], big.conversation, 100, **cursor)
        shown = page["items"] + shown
        if not page["has_more"]:
            break
        cursor = {"before": page["next"]}
    entries = {row["id"] for row in big.rows("SELECT id FROM entries")}
    assert [m["id"] for m in shown if m["message_type"] != "system"] == [k for k in walk(big, True, limit=100) if k not in entries]


def test_ends_of_pages(big):
    everything = ids(big.all)
    assert keys(big, limit=2) == {"outcome": 0, "ids": everything[:2], "more": True}
    assert keys(big, limit=2, backward=True) == {"outcome": 0, "ids": everything[-2:], "more": True}
    assert keys(big, after=[everything[-3]], limit=2) == {"outcome": 0, "ids": everything[-2:], "more": False}
    assert keys(big, before=[everything[2]], limit=2, backward=True) == {"outcome": 0, "ids": everything[:2], "more": False}
    assert keys(big, after=[everything[-1]]) == {"outcome": 0, "ids": [], "more": False}
    assert keys(big, before=[everything[0]], backward=True) == {"outcome": 0, "ids": [], "more": False}
    # None is asked for: there is something, or there is not.
    assert keys(big, limit=0) == {"outcome": 0, "ids": [], "more": True}
    assert keys(big, limit=0, after=[everything[-1]]) == {"outcome": 0, "ids": [], "more": False}


def test_between_any_two_places(big):
    everything = ids(big.all)
    chance = random.Random(5)
    for _ in range(60):
        low, high = sorted(chance.sample(range(len(everything)), 2))
        backward = chance.random() < 0.5
        bound = {"after": [everything[low]], "before": [everything[high]]}
        between = everything[low + 1:high]
        found = keys(big, limit=30, backward=backward, **bound)
        assert found["ids"] == (between[-30:] if backward else between[:30]) and found["more"] == (len(between) > 30)
    one, other, third = everything[10], everything[20], everything[30]
    assert keys(big, after=[one, other], before=[third, everything[40]])["ids"] == everything[21:30]
    # What the system says has a place, though it is not shown.
    said = big.one("SELECT id FROM messages WHERE kind = 'system' AND seq = 200")
    found = keys(big, after=[said], limit=1)["ids"] + keys(big, before=[said], limit=1, backward=True)["ids"]
    assert [big.rows("SELECT seq FROM messages WHERE id = %s UNION ALL SELECT seq FROM entries WHERE id = %s", x, x)[0]["seq"]
            for x in found] == [200, 199]


def test_times_are_in_order_too(big):
    chance = random.Random(6)
    stamps = [int(row["created_at"].timestamp() * 1_000_000) for row in big.all]
    for _ in range(40):
        start, end = (chance.choice(stamps) + chance.choice((-1, 0, 1)) for _ in range(2))
        within = [row["id"] for row, at in zip(big.all, stamps) if start <= at <= end]
        found = keys(big, start=start, end=end, limit=40)
        assert (found["ids"], found["more"]) == (within[:40], len(within) > 40)
        later = [row["id"] for row, at in zip(big.all, stamps) if at >= start]
        assert keys(big, start=start, backward=True, limit=40)["ids"] == later[-40:]
    assert keys(big, end=0) == {"outcome": 0, "ids": [], "more": False}
    assert keys(big, start=stamps[-1] + 1) == {"outcome": 0, "ids": [], "more": False}


@pytest.mark.parametrize("backward", [False, True])
def test_of_one_sender(big, backward):
    own = [row["id"] for row in big.all if row["sender_id"] == big.users[1]]
    assert walk(big, backward, sender=big.users[1], limit=500) == own
    assert keys(big, sender=new_id()) == {"outcome": 0, "ids": [], "more": False}


def test_by_ids(big):
    everything = ids(big.all)
    some = [everything[n] for n in (7000, 3, 500, 8, 3)]
    assert keys(big, ids=some) == {"outcome": 0, "ids": [everything[n] for n in (3, 8, 500, 7000)], "more": False}
    assert keys(big, ids=some, limit=2) == {"outcome": 0, "ids": [everything[3], everything[8]], "more": True}
    assert keys(big, ids=some, limit=1, after=[everything[8]])["ids"] == [everything[500]]
    assert keys(big, ids=some, limit=1, backward=True)["ids"] == [everything[7000]]
    assert keys(big, ids=[*some, new_id()]) == 2
    assert keys(big, ids=[big.one("SELECT id FROM messages WHERE kind = 'system' LIMIT 1")]) == 2


@pytest.mark.parametrize("indexed", [False, True])
def test_by_words(big, indexed):
    """From the blocks of search, and from what is not in them yet; oldest first, as all pages."""
    if indexed:
        while big.one("SELECT behind FROM search_index(20000)") > 100:
            pass
    shown = big.rows("SELECT m.id, seq FROM messages m WHERE conversation_id = %s AND kind <> 'system' AND m.body ~ '^text 90'"
                     " ORDER BY seq", big.conversation)
    shown = [row["id"] for row in shown if indexed or row["seq"] > MESSAGES - 2000]
    for backward in (False, True):
        assert walk(big, backward, fulltext="TEXT 90", limit=20) == shown
    own = {row["id"] for row in big.all if row["sender_id"] == big.users[1]}
    assert walk(big, False, fulltext="text 90", sender=big.users[1], limit=20) == [id for id in shown if id in own]
    start = keys(big, fulltext="text 90", after=[shown[5]], before=[shown[10]])
    assert start["ids"] == shown[6:10] and keys(big, fulltext="text 90", ids=[shown[3], big.all[0]["id"]])["ids"] == [shown[3]]
    assert keys(big, fulltext="nowhere")["ids"] == keys(big, fulltext="-")["ids"] == []


def test_what_is_not_in_the_archive_is_not_found(big):
    alice = big.users[0]
    foreign, = big.store({"conversation": big.opened(alice, "bob")["result"]["id"], "sender": alice})
    for stranger in (new_id(), str(foreign["id"])):
        for bound in ("after", "before", "ids"):
            assert keys(big, **{bound: [stranger]}) == 2


def test_a_window(big):
    """Who came late, or went."""
    shown = [row for row in big.rows("SELECT id, seq, position FROM messages WHERE kind <> 'system' UNION ALL"
                                     " SELECT id, seq, position FROM entries ORDER BY position")]
    archived = set(ids(big.all))
    shown = [row for row in shown if row["id"] in archived]
    # The window begins behind 4000, to which two entries belong; it ends with 4100 and one of its two.
    end = big.one("SELECT position FROM messages WHERE seq = 4100 AND conversation_id = %s", big.conversation) + 1
    seen = [row["id"] for row in shown if 4000 < row["seq"] <= 4100 and row["position"] <= end]
    window = {"low": 4000, "high": 4100, "upto": end}
    assert walk(big, False, limit=40, **window) == walk(big, True, limit=40, **window) == seen
    for row in (shown[0], shown[-1], next(r for r in shown if r["seq"] == 4000),
                next(r for r in shown if r["position"] == end + 1)):
        for bound in ("after", "before", "ids"):
            assert keys(big, **{bound: [row["id"]]}, **window) == 2, row
    assert keys(big, low=MESSAGES) == {"outcome": 0, "ids": [], "more": False}


def test_texts_that_are_too_much_for_one_page(db):
    alice, bob = db.user("alice"), db.user("bob")
    pair = db.opened(alice, "bob")["result"]["id"]
    sent = ids(db.store(*({"conversation": pair, "sender": bob, "body": "x" * 1000} for _ in range(10))))
    page = keys(db, [pair], size=3500)
    assert page == {"outcome": 0, "ids": sent[:3], "more": True}
    assert keys(db, [pair], size=3500, backward=True)["ids"] == sent[-3:]
    assert keys(db, [pair], size=10)["ids"] == sent[:1]


def test_all_conversations_of_a_user_at_once(db):
    """As the archive of an account would be read."""
    alice = db.user("alice")
    pairs = [db.opened(alice, jid=f"r{n}@example.org")["result"]["id"] for n in range(4)]
    chance = random.Random(7)
    sent = [row["id"] for _ in range(80) for row in db.store({"conversation": chance.choice(pairs), "sender": alice})]
    for backward in (False, True):
        assert walk(db, backward, conversations=pairs, limit=7) == sent
    middle = sent[40]
    assert keys(db, pairs, after=[middle], before=[sent[50]])["ids"] == sent[41:50]


# ---- What it costs ------------------------------------------------------------------------------------------------

def plans(db, statement, *values):
    """The plans of what functions run inside of a statement."""
    connection = db.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute("LOAD 'auto_explain'")
        for name, value in (("log_min_duration", "0"), ("log_nested_statements", "on"), ("log_analyze", "on"),
                            ("log_level", "notice"), ("log_format", "json")):
            cursor.execute(f"SET auto_explain.{name} = {value}")
        cursor.execute("SET client_min_messages = notice")
        del connection.notices[:]
        cursor.execute(statement, values)
    found = [json.loads(notice[notice.index("{"):]) for notice in connection.notices if "Query Text" in notice]
    connection.close()
    return found


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


BOUNDS = {"newest": {"backward": True}, "oldest": {}, "after": {"after": None}, "before": {"before": None, "backward": True},
          "since": {"start": 1767225600000000 + 5_000_000_000}, "sender": {"sender": True},
          "sender before": {"sender": True, "before": None, "backward": True}}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_page_is_index_scans(big, name):
    middle = big.all[len(big.all) // 2]["id"]
    query = {k: [middle] if v is None else v for k, v in BOUNDS[name].items()}
    if query.pop("sender", None):
        query["sender"] = big.users[1]
    found = plans(big, "SELECT * FROM archive_keys(ARRAY[archive_window(%s, NULL, NULL, NULL)], %s, 50, 1000000)",
                  big.conversation, json.dumps(query))
    walked = 0
    for plan in found:
        for node in nodes(plan["Plan"]):
            rows = node["Actual Rows"] * node["Actual Loops"]
            assert node["Node Type"] not in ("Seq Scan", "Bitmap Heap Scan") or node["Relation Name"] == "log_head", plan
            # Sorted is a page of each index at most.
            assert node["Node Type"] not in ("Sort", "Incremental Sort") or rows <= 102, plan
            if node["Node Type"] in ("Index Scan", "Index Only Scan"):
                walked += rows + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    assert len(found) > 4 and 50 < walked < 400, walked


def test_an_archive_is_not_written_to(big):
    reader = big.connect(autocommit=False)
    big.rows("SET TRANSACTION READ ONLY", on=reader)
    assert keys(big, on=reader)["ids"]
    with pytest.raises(psycopg2.Error):
        big.rows("DELETE FROM entries", on=reader)
    reader.close()


# ---- Rooms --------------------------------------------------------------------------------------------------------

ROMEO, JULIET = "romeo@example.org", "juliet@example.org"


@pytest.fixture
def team(db):
    """A group of Alice's with Bob, and Romeo, who is not one of ours."""
    alice, bob = db.user("alice"), db.user("bob")
    made = db.change("group_create", alice, id=new_id(), name="Team", members=[{"user_id": bob}])
    conversation = made["result"]["conversation"]["id"]
    join(db, conversation, ROMEO)
    db.room = db.one("SELECT room FROM conversations WHERE id = %s", conversation)
    return alice, bob, conversation


def join(db, conversation, jid, state="joined", seq=0):
    user = db.one("SELECT user_remote(%s)", jid)
    db.rows("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at, state, joined_seq, left_seq)"
            " SELECT %s, u.id, u.kind, u.jid, u.number, 'member', true, now(), %s, %s, CASE WHEN %s NOT IN ('joined', 'invited')"
            " THEN %s::bigint END FROM users u WHERE u.id = %s"
            " ON CONFLICT (conversation_id, user_id) DO UPDATE SET state = excluded.state, joined_seq = excluded.joined_seq,"
            " left_seq = excluded.left_seq", conversation, state, seq, state, seq, user)


def room(db, asker=ROMEO, name=None, limit=50, size=10**6, **query):
    head, *rows = db.rows("SELECT * FROM archive_page(%s, %s, %s, %s, %s)", name or db.room, asker, json.dumps(query), limit, size)
    assert rows == [] or head["outcome"] == 0
    return head["outcome"] or rows


def say(db, conversation, *senders):
    return db.store(*({"conversation": conversation, "sender": sender, "body": f"text {n}"} for n, sender in enumerate(senders)))


def test_a_member_of_a_room_reads_all_that_is_in_it(db, team):
    alice, bob, conversation = team
    sent = say(db, conversation, alice, bob, alice)
    db.change("react", bob, message_id=sent[0]["id"], emoji="👍")
    rows = room(db)
    assert [row["id"] for row in rows[:3]] == [row["id"] for row in sent] and rows[3]["kind"] == "reaction"
    assert [(row["kind"], row["nick"], row["body"], row["jid"]) for row in rows[:3]] == [
        ("message", name, f"text {n}", f"{name}@app.example.org/rest") for n, name in enumerate(("alice", "bob", "alice"))]
    assert rows[0]["wire"] == str(sent[0]["id"]) and rows[0]["at"] == sent[0]["created_at"].timestamp() * 1_000_000
    assert rows[3]["details"]["target"] == str(sent[0]["id"]) and rows[3]["details"]["payload"] == ["👍"]
    edges = db.rows("SELECT * FROM archive_metadata(%s, %s)", db.room, ROMEO)
    assert edges == [{"outcome": 0, "id": None, "at": None}, {"outcome": None, "id": rows[0]["id"], "at": rows[0]["at"]},
                     {"outcome": None, "id": rows[3]["id"], "at": rows[3]["at"]}]
    db.rows("INSERT INTO nicks (conversation_id, user_id, nick, key, occupant) VALUES (%s, %s, 'Bob', 'bob', 'o')", conversation, bob)
    assert [row["nick"] for row in room(db, **{"with": {"nick": "Bob"}})] == ["Bob"] * 2
    assert [row["nick"] for row in room(db, **{"with": {"jid": "alice@app.example.org"}})] == ["alice"] * 2
    assert room(db, **{"with": {"nick": "nobody"}}) == room(db, **{"with": {"jid": "x@y.example"}}) == []


def test_messages_are_as_they_were_sent_and_what_was_deleted_is_a_tombstone(db, team):
    alice, bob, conversation = team
    sent = say(db, conversation, alice, alice, alice)
    assert [row["details"] for row in room(db)] == [None, None, None]
    first, second, third = (str(row["id"]) for row in sent)
    db.rows("UPDATE messages SET body = 'newer', edited_at = now(), details = '{\"was\": \"x\"}' WHERE id = %s", first)
    db.rows("INSERT INTO message_versions (message_id, version, wire, body, at) VALUES (%s, 0, %s, 'older', now()),"
            " (%s, 1, 'w', 'newer', now())", first, first, first)
    db.rows("UPDATE messages SET reply_to = %s, details = '{}' WHERE id = %s", first, second)
    db.rows("UPDATE messages SET body = NULL, deleted_at = '2026-01-02Z', deleted_by = %s, details = '{\"was\": \"x\"}'"
            " WHERE id = %s", bob, third)
    db.one("SELECT entry_add(event_add('message.updated', 'user', %s, %s), %s, 'moderation', %s, %s, %s)", conversation, alice,
           conversation, None, third, json.dumps({"by": "team@rooms.example.org/bob", "occupant": "o", "reason": "spam"}))
    db.one("SELECT entry_add(event_add('message.updated', 'user', %s, %s), %s, 'edit', %s, %s)", conversation, alice, conversation,
           alice, first) # what has no text now
    rows = room(db)
    carried = [row["details"]["content"] for row in rows[:2]]
    assert carried[0]["body"] == "older" and "was" not in carried[0]
    assert carried[1]["reply"]["id"] == first and carried[1]["body"] == "text 1"
    gone = rows[2]["details"]["deleted"]
    assert gone == {"id": str(rows[3]["id"]), "at": 1767312000000000, "moderated": True, "reason": "spam",
                    "by": "team@rooms.example.org/bob", "occupant": "o"} and rows[2]["body"] is None
    assert (rows[3]["kind"], rows[3]["wire"], rows[3]["nick"], rows[3]["jid"]) == ("moderation", gone["id"], None, None)
    assert (rows[4]["kind"], rows[4]["details"]["payload"]) == ("edit", None)
    assert rows[3]["details"]["target"] == third and rows[3]["details"]["payload"]["reason"] == "spam"


def test_nobody_else_learns_that_there_is_a_room(db, team):
    alice, _, conversation = team
    sent, = say(db, conversation, alice)
    for state, outcome in (("removed", 2), ("left", 2), ("banned", 5), ("invited", 0), ("joined", 0)):
        join(db, conversation, JULIET, state)
        found = room(db, JULIET)
        assert (found if outcome else 0) == outcome and (outcome or len(found) == 1), state
        access, edges = (db.rows(f"SELECT * FROM archive_{f}(%s, %s)", db.room, JULIET) for f in ("access", "metadata"))
        assert access[0]["outcome"] == edges[0]["outcome"] == outcome and len(edges) == (1 if outcome else 3)
        if outcome: # nor does an id that is there say more than one that is not
            assert {room(db, JULIET, after=[i]) for i in (str(sent["id"]), new_id())} == {outcome}
    assert room(db, "stranger@example.org") == room(db, name="nothing") == room(db, JULIET, "nothing") == 2
    assert room(db, "alice@app.example.org") != 2 # a member is one by whatever way


def test_the_archive_of_a_room_ends_with_it(db, team):
    alice, _, conversation = team
    say(db, conversation, alice)
    assert db.change("conversation_update", alice, conversation_id=conversation, settings={"public": True})["outcome"] == 0
    assert room(db, "stranger@example.org") != 2
    assert db.change("group_destroy", alice, conversation_id=conversation)["outcome"] == 0
    assert room(db, "stranger@example.org") == room(db, ROMEO) == room(db, "alice@app.example.org") == 2


def test_history_that_is_hidden_from_who_comes_later(db, team):
    alice, bob, conversation = team
    sent = say(db, conversation, alice, alice, alice)
    db.change("react", bob, message_id=sent[1]["id"], emoji="👍")
    join(db, conversation, JULIET, seq=2)
    assert len(room(db, JULIET)) == 4
    db.rows("UPDATE conversations SET settings = '{\"history\": \"hidden\"}' WHERE id = %s", conversation)
    assert len(room(db, JULIET)) == 4 # who was in already sees what the API shows, too
    db.rows("UPDATE members SET cleared_seq = joined_seq WHERE jid = %s", JULIET) # as of somebody who comes in now
    seen = room(db, JULIET)
    assert [row["id"] for row in seen][:1] == [sent[2]["id"]] and len(seen) == 2
    assert room(db, JULIET, before=[str(sent[0]["id"])]) == room(db, JULIET, ids=[str(sent[1]["id"])]) == 2
    join(db, conversation, JULIET, "invited")
    assert room(db, JULIET) == []
    db.change("react", bob, message_id=sent[0]["id"], emoji="👍")
    assert room(db, JULIET) == []


def test_addresses_are_for_those_who_may_see_them(db, team):
    alice, _, conversation = team
    say(db, conversation, alice)
    assert room(db)[0]["jid"] == "alice@app.example.org/rest"
    db.rows("UPDATE conversations SET public = true WHERE id = %s", conversation)
    assert room(db)[0]["jid"] is None and room(db, **{"with": {"jid": "alice@app.example.org"}}) == []
    assert room(db, "stranger@example.org")[0]["jid"] is None # who could come in now
    db.rows("UPDATE members SET role = 'admin' WHERE jid = %s", ROMEO)
    assert room(db)[0]["jid"] == "alice@app.example.org/rest"
    join(db, conversation, JULIET, "banned")
    assert room(db, JULIET) == 5
