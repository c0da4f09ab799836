# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of conversations: counted once, of days that are over, by name only of who wants that; against counting by hand."""
import json
import random

import pytest

from test_groups import Group, rooms  # noqa: F401: a fixture

BACK, DAYS = 1_000_000, 366


def count(db, limit=1000, back=BACK, days=DAYS):
    """What the job does; yields how many runs it took."""
    for n in range(1, 500):
        row, = db.rows("SELECT * FROM activity_count(%s, %s, %s)", limit, back, days)
        if not row["more"]:
            return n
    raise AssertionError("it does not end")


def age(db, group, interval, low=0, high=10**9):
    """Messages with those seqs were said so long ago, a minute after each other."""
    db.rows("UPDATE messages SET created_at = date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - %s::interval"
            " + seq * interval '1 minute' WHERE conversation_id = %s AND seq BETWEEN %s AND %s", interval, group.id, low, high)


def figures(db, group, user=None, since=None, until=None):
    rows = db.rows("SELECT * FROM conversation_analytics(%s, %s, %s, %s) x", user, group.id, since, until)
    return rows and json.loads(rows[0]["x"])


def share(db, user, on=True):
    return db.change("sharing", user, analytics=on)


@pytest.fixture
def group(db, rooms):  # noqa: F811
    group = Group(db)
    for user in group.users[:3]:
        share(db, user)
    return group


def test_they_are_what_was_said(db, group):
    for sender in (0, 0, 1, 3, 2, 1, 0):
        group.say(group.users[sender], "xanadu")
    age(db, group, "1 day")
    count(db)
    shown = figures(db, group, group.alice)
    assert shown == figures(db, group) and shown["message_count"] == 7 and shown["unnamed"] == {"messages": 1}
    assert {p["user_id"]: p["messages"] for p in shown["participants"]} == dict(zip(map(str, group.users), (3, 2, 1)))
    first = shown["participants"][0]
    assert first["first"] < first["last"] and first["first"][:10] == first["last"][:10] == shown["counted_to"]
    # A minute each, five times by another than the one before.
    assert shown["response_time"]["count"] == 5 and all(57 <= shown["response_time"][key] <= 63 for key in ("median", "p90"))
    # A day of thirty, four members of five, all answers within an hour.
    assert shown["engagement_score"] == round(100 * (1 / 30 + 4 / 5 + 1) / 3)
    assert (shown["topics"], shown["topics_reason"]) == ([], "not_available")
    assert "xanadu" not in json.dumps([db.rows(f"SELECT * FROM {table}") for table in ("activity", "activity_answers")], default=str)


def test_who_may_not_see_them_sees_none(db, group):
    group.say(group.alice)
    assert figures(db, group, group.bob) == [] == figures(db, group, db.user("stranger"))
    assert group.set(group.alice, group.bob, role="admin")["outcome"] == 0 and figures(db, group, group.bob)
    group.id = db.conversation(group.alice, str(group.bob))
    assert figures(db, group, group.alice) == [] and figures(db, group)["message_count"] == 0


def test_today_is_not_counted_and_yesterday_is_counted_once(db, group):
    for _ in range(5):
        group.say(group.alice)
    count(db)
    assert figures(db, group)["message_count"] == 0
    age(db, group, "1 day")
    for _ in range(3):
        count(db)
        assert figures(db, group)["message_count"] == 5
    dying = db.connect(autocommit=False)
    group.say(group.alice)
    newest = db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", group.id)
    age(db, group, "1 day", newest)
    db.rows("SELECT * FROM activity_count(1000, 0, 366)", on=dying)
    assert db.rows("SELECT removed, more FROM activity_count(1000, 0, 366)") == [{"removed": 0, "more": False}], "it does not wait"
    dying.rollback()
    count(db)
    assert figures(db, group)["message_count"] == 6


def test_in_parts_of_whatever_size_they_are_the_same(db, group):
    choice = random.Random(3)
    for _ in range(60):
        group.say(choice.choice(group.users))
    newest = db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", group.id)
    for n, day in enumerate((9, 8, 5, 2, 1)):
        age(db, group, f"{day} days", 12 * n + 1, newest if n == 4 else 12 * n + 12)
    seen = []
    for limit in (1, 7, 1000):
        db.rows("DELETE FROM activity")
        db.rows("DELETE FROM activity_answers")
        db.rows("DELETE FROM activity_state")
        assert count(db, limit) >= 5
        seen.append(figures(db, group))
        assert db.one("SELECT count(DISTINCT day) FROM activity") == 5
        assert db.one("SELECT sum(messages) FROM activity") == db.one("SELECT count(*) FROM messages WHERE sender_id IS NOT NULL")
        by_hand = {str(row["day"]): row["n"] for row in db.rows(
            "SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(DISTINCT sender_id) AS n FROM messages"
            " WHERE sender_id IS NOT NULL GROUP BY 1")}
        assert {str(row["day"]): row["n"] for row in db.rows("SELECT day, count(*) AS n FROM activity GROUP BY day")} == by_hand
    assert seen[0] == seen[1] == seen[2] and seen[0]["message_count"] == 60


def test_who_does_not_share_has_no_name_anywhere(db, group):
    for day in (3, 2):
        low = db.one("SELECT coalesce(max(seq), 0) FROM messages WHERE conversation_id = %s", group.id) + 1
        for user in (group.dora, group.erin, group.dora, group.alice):
            group.say(user)
        age(db, group, f"{day} days", low)
    count(db)
    rows = db.rows("SELECT * FROM activity WHERE NOT named")
    assert len(rows) == len({row["who"] for row in rows}) == 4, "each day has names of its own"
    assert not {row["who"] for row in rows} & set(group.users) and {row["first_at"] for row in rows} == {None}
    shown = figures(db, group)
    assert [p["user_id"] for p in shown["participants"]] == [str(group.alice)] and shown["unnamed"]["messages"] == 6
    # Who takes it back is not shown at once, and nothing has the name when the job has run.
    assert share(db, group.alice, False)["outcome"] == 0
    shown = figures(db, group)
    assert shown["participants"] == [] and shown["unnamed"]["messages"] == shown["message_count"] == 8
    assert db.one("SELECT key FROM jobs WHERE kind = 'analytics.forget'") == str(group.alice)
    assert [db.rows("SELECT removed, more FROM activity_forget(%s, 1)", group.alice) for _ in range(3)] == [
        [{"removed": 1, "more": True}]] * 2 + [[{"removed": 0, "more": False}]]
    assert db.one("SELECT count(*) FROM activity WHERE named") == 0 and figures(db, group)["message_count"] == 8
    # It is not taken back again by who shares again meanwhile.
    share(db, group.alice)
    group.say(group.alice)
    age(db, group, "1 day", db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", group.id))
    count(db)
    assert db.rows("SELECT removed FROM activity_forget(%s, 100)", group.alice) == [{"removed": 0}]
    assert [p["messages"] for p in figures(db, group)["participants"]] == [1]


def test_between_two_times(db, group):
    for day in (400, 40, 10, 1):
        low = db.one("SELECT coalesce(max(seq), 0) FROM messages WHERE conversation_id = %s", group.id) + 1
        group.say(group.alice)
        age(db, group, f"{day} days", low)
    count(db)
    def time(days, clock="00:00:00"):
        return db.one("SELECT to_char(now() AT TIME ZONE 'UTC' - make_interval(days => %s), 'YYYY-MM-DD')", days) + f"T{clock}Z"
    assert db.one("SELECT count(*) FROM activity") == 3, "what is too old is not counted"
    assert figures(db, group)["message_count"] == 2
    assert figures(db, group, since=time(50))["message_count"] == 3
    assert figures(db, group, since=time(10), until=time(1))["message_count"] == 1, "up to midnight is without the day"
    assert figures(db, group, since=time(10), until=time(1, "00:00:01"))["message_count"] == 2
    assert figures(db, group, until=time(20))["message_count"] == 1 and figures(db, group, since=time(0), until=time(5))["message_count"] == 0
    year = figures(db, group, since="1970-01-01T00:00:00Z")
    assert year["message_count"] == 3 and year["from"] > time(400)[:10]
    assert figures(db, group, since=time(0), until=time(5))["engagement_score"] == 0


def test_the_first_time_it_does_not_go_back_for_ever(db, group):
    for _ in range(10):
        group.say(group.alice)
    head = db.head()
    age(db, group, "1 day")
    count(db, back=3)
    assert figures(db, group)["message_count"] == 3 and db.one("SELECT position FROM activity_state") == head


def test_figures_go_when_they_are_old_and_with_the_conversation(db, group):
    for user in (group.alice, group.bob):
        group.say(user)
    age(db, group, "100 days")
    count(db)
    assert db.rows("SELECT removed, more FROM reap_activity(101, 100)") == [{"removed": 0, "more": False}]
    assert db.rows("SELECT removed, more FROM reap_activity(99, 1)") == [{"removed": 2, "more": True}]
    assert db.rows("SELECT removed, more FROM reap_activity(99, 100)") == [{"removed": 1, "more": False}]
    group.say(group.alice)
    age(db, group, "1 day", db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", group.id))
    count(db)
    group.change("group_destroy", group.alice)
    while db.rows("SELECT * FROM reap_groups(0, 100)")[0]["more"]:
        pass
    assert db.one("SELECT (SELECT count(*) FROM activity) + (SELECT count(*) FROM activity_answers)") == 0


@pytest.mark.parametrize("seconds", [0, 1, 2, 10, 59, 60, 600, 3600, 86399])
def test_the_scale_is_right_to_a_twentieth(db, seconds):
    shown = db.one("SELECT activity_seconds(activity_step(%s))", seconds)
    assert abs(shown - seconds) <= 1 + seconds / 20
