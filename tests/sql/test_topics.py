# SPDX-License-Identifier: GPL-3.0-or-later
"""What groups were about: who has to let it, what the service is shown, what is kept of it, and for how long."""
import json

import pytest

from test_analytics import age, figures
from test_groups import Group, rooms  # noqa: F401: a fixture


@pytest.fixture
def group(db, rooms):  # noqa: F811
    db.rows("SET trestle.assist_topics = 'on'")
    group = Group(db)
    group.say(group.alice, "first")
    group.say(group.bob, "second")
    age(db, group, "2 days")
    yield group
    db.rows("RESET trestle.assist_topics")


def look(db, group, user=None, **between):
    shown = figures(db, group, user, **between)
    return shown["topics"], shown["topics_reason"]


def row(db):
    return db.rows("SELECT * FROM conversation_topics ORDER BY at DESC LIMIT 1")[0]


def begin(db):
    """What the service is asked about."""
    shown = db.rows("SELECT * FROM topics_begin(%s)", row(db)["id"])
    return [json.loads(line["inputs"]) for line in shown]


def end(db, topics=None, final=False, id=None):
    return db.one("SELECT topics_end(%s, %s, %s)", id or row(db)["id"], topics and json.dumps(topics), final)


def sharing(db, user, on):
    return db.change("sharing", user, assist=on)


def test_they_are_asked_for_once_and_kept(db, group):
    assert look(db, group, group.alice) == look(db, group) == ([], "pending")
    assert [job["key"] for job in db.rows("SELECT key FROM jobs WHERE kind = 'conversation.topics'")] == [str(row(db)["id"])]
    assert begin(db) == [["first", "second"]]
    assert end(db, ["tea", "cake"]) is False
    assert look(db, group, group.alice) == look(db, group) == (["tea", "cake"], None)
    assert begin(db) == [] and end(db, ["other"]) is False and look(db, group)[0] == ["tea", "cake"], "an answer that comes twice"
    kept = json.dumps(db.rows("SELECT * FROM conversation_topics"), default=str)
    assert "first" not in kept.replace("first_day", "") and "second" not in kept
    db.rows("UPDATE conversation_topics SET at = now() - interval '8 days'")
    assert look(db, group) == ([], "pending"), "what is older than a week is asked anew"


def test_without_a_service_nobody_is_asked(db, group):
    db.rows("SET trestle.assist_topics = 'off'")
    assert look(db, group) == ([], "not_available") and not db.rows("SELECT FROM conversation_topics")


def test_every_member_has_to_let_it(db, group):
    sharing(db, group.erin, False)
    assert look(db, group) == ([], "not_shared") and not db.rows("SELECT FROM conversation_topics")
    sharing(db, group.erin, True)
    assert look(db, group) == ([], "pending")
    sharing(db, group.erin, False)
    assert begin(db) == [] and not db.rows("SELECT FROM conversation_topics"), "taken back before it was asked"
    sharing(db, group.erin, True)
    look(db, group), begin(db)
    sharing(db, group.erin, False)
    assert end(db, ["tea"]) is False and not db.rows("SELECT FROM conversation_topics"), "and before it answered"
    sharing(db, group.erin, True)
    look(db, group), begin(db), end(db, ["tea"])
    sharing(db, group.erin, False)
    assert look(db, group) == ([], "not_shared")
    # What she wrote stays out when she has left.
    sharing(db, group.erin, True)
    group.say(group.erin, "of erin")
    age(db, group, "2 days")
    group.change("member_leave", group.erin)
    sharing(db, group.erin, False)
    db.rows("DELETE FROM conversation_topics")
    assert look(db, group) == ([], "pending") and begin(db) == [["first", "second"]]


def test_what_the_deployment_says_holds_for_who_has_not_set_it(db, group):
    db.rows("SET trestle.sharing_assist = 'off'")
    assert look(db, group) == ([], "not_shared")
    db.rows("RESET trestle.sharing_assist")


def test_a_talk_of_two_is_nobodys_business(db, group):
    group.id = db.conversation(group.alice, str(group.bob))
    assert look(db, group) == ([], "not_shared") and not db.rows("SELECT FROM conversation_topics")


@pytest.mark.parametrize("change, inputs", [
    ("stanza = '<message><encrypted xmlns=''urn:xmpp:omemo:2''/></message>'", []),
    ("expires_at = now() + interval '1 day'", [["second"]]),
    ("deleted_at = now(), body = NULL", [["second"]]),
    ("kind = 'system'", [["second"]]),
    ("body = repeat('x', 9000)", [["x" * 2000, "second"]]),
])
def test_what_the_service_is_not_shown(db, group, change, inputs):
    db.rows(f"UPDATE messages SET {change} WHERE conversation_id = %s AND body = 'first'", group.id)
    assert look(db, group) == ([], "pending") and begin(db) == inputs
    if not inputs:
        assert look(db, group) == ([], "not_available")


def test_it_is_shown_no_more_than_two_hundred_and_no_more_than_32_kib(db, group):
    low = db.one("SELECT max(seq) FROM messages WHERE conversation_id = %s", group.id)
    for n in range(205):
        group.say(group.alice, f"n{n}")
    age(db, group, "2 days")
    look(db, group)
    assert begin(db) == [[f"n{n}" for n in range(5, 205)]]
    db.rows("UPDATE messages SET body = repeat('é', 1500) WHERE conversation_id = %s AND seq > %s", group.id, low)
    assert [len(text) for text in begin(db)[0]] == [1500] * 10


def test_days_that_are_not_over_have_none(db, group):
    today = db.one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')") + "T00:00:00Z"
    assert look(db, group, since=today) == ([], None) and not db.rows("SELECT FROM conversation_topics")
    group.say(group.alice, "today")
    look(db, group)
    assert begin(db) == [["first", "second"]]
    assert look(db, group, until="2020-01-01T00:00:00Z") == ([], "pending")
    assert begin(db) == [] and look(db, group, until="2020-01-01T00:00:00Z") == ([], None), "nothing was said"


def test_a_service_that_does_not_answer_is_left_alone_for_an_hour(db, group):
    look(db, group)
    assert [(begin(db), end(db))[1] for _ in range(3)] == [True, True, False]
    assert look(db, group) == ([], "failed") and begin(db) == []
    db.rows("UPDATE conversation_topics SET at = now() - interval '61 minutes'")
    assert look(db, group) == ([], "pending") and row(db)["attempts"] == 0
    begin(db)
    assert end(db, final=True) is False and look(db, group) == ([], "failed"), "it has said that it does not"


def test_ten_ranges_a_day(db, group):
    days = [f"2020-01-{n:02}T00:00:00Z" for n in range(1, 13)]
    assert [look(db, group, until=day)[1] for day in days] == ["pending"] * 10 + ["failed"] * 2
    assert look(db, group, until=days[0])[1] == "pending" and db.one("SELECT count(*) FROM conversation_topics") == 10
    db.rows("UPDATE conversation_topics SET at = now() - interval '25 hours'")
    assert look(db, group, until=days[10])[1] == "pending"


def test_they_go_after_a_week_and_with_the_group(db, group):
    look(db, group)
    assert db.rows("SELECT removed, more FROM reap_topics(10)") == [{"removed": 0, "more": False}]
    db.rows("UPDATE conversation_topics SET at = now() - interval '8 days'")
    gone = row(db)["id"]
    assert db.rows("SELECT removed, more FROM reap_topics(1)") == [{"removed": 1, "more": True}]
    assert db.rows("SELECT * FROM topics_begin(%s)", gone) == [] and end(db, ["tea"], id=gone) is False
    look(db, group)
    group.change("group_destroy", group.alice)
    while db.rows("SELECT * FROM reap_groups(0, 100)")[0]["more"]:
        pass
    assert not db.rows("SELECT FROM conversation_topics")
