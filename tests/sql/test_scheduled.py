# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that are to be sent later: when that is, whether they may be sent then, and that each is sent once."""
import datetime
import json

import pytest

from conftest import new_id
from test_reactions import Talk

BERLIN = "Europe/Berlin"


def ahead(**delta):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)).isoformat()


def plan(talk, user=0, content="later", **more):
    when = {} if more.keys() & {"scheduled_for", "local_time", "time_zone"} else {"scheduled_for": ahead(hours=1)}
    return talk.db.change("scheduled_add", talk.users[user], **{
        "id": new_id(), "message_id": new_id(), "conversation_id": talk.id, "content": content, **when, **more})


def due(db, made):
    """Its time comes."""
    db.rows("UPDATE scheduled SET due_at = now() - interval '1 minute', local_time = NULL, time_zone = NULL WHERE id = %s",
            made["id"])


def fire(db, made, content_max=8192):
    return db.change("scheduled_send", None, id=made["id"], content_max=content_max)


def state(db, made):
    row, = db.rows("SELECT status, reason FROM scheduled WHERE id = %s", made["id"])
    return row["status"], row["reason"]


def moment(db, local, zone):
    at = db.one("SELECT scheduled_moment(%s, %s)", local, zone)
    return at and at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture
def two(db):
    return Talk(db, "alice", "bella")


# ---- Time

@pytest.mark.parametrize("local, zone, wanted", [
    ("2026-07-01 09:00", BERLIN, "2026-07-01T07:00"),
    ("2026-12-01 09:00", BERLIN, "2026-12-01T08:00"),
    ("2026-03-29 02:30", BERLIN, "2026-03-29T01:30"),  # skipped: half an hour behind what was two o'clock
    ("2026-03-29 03:00", BERLIN, "2026-03-29T01:00"),
    ("2026-10-25 02:30", BERLIN, "2026-10-25T00:30"),  # comes twice: the first
    ("2026-10-25 03:00", BERLIN, "2026-10-25T02:00"),
    ("2026-11-01 01:30", "America/New_York", "2026-11-01T05:30"),
    ("2026-03-08 02:30", "America/New_York", "2026-03-08T07:30"),
    ("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),  # half an hour, twice
    ("2026-03-29 02:00", "Antarctica/Troll", "2026-03-29T02:00"),     # two hours, skipped
    ("2026-07-01 09:00", "UTC", "2026-07-01T09:00"),
    ("2026-07-01 09:00", "Asia/Kathmandu", "2026-07-01T03:15"),
    ("2026-07-01 09:00", "America/Argentina/Buenos_Aires", "2026-07-01T12:00"),
    ("2026-07-01 09:00", "Etc/GMT+12", "2026-07-01T21:00"),
])
def test_what_the_clocks_of_a_zone_show(db, local, zone, wanted):
    assert moment(db, local, zone) == wanted


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe/", "/Berlin", "Europe/Berlin5", "CEST", "EST5EDT4", "FOO-3", "+02:00", "Etc/GMT+13",
                                  "Etc/GMT-15", "../../etc/passwd", "Europe/../Europe/Berlin", "posix/Foo3", "<x>3", "Europe/Berlin\n", "'", " "])
def test_what_is_no_zone(db, two, zone):
    assert moment(db, "2026-07-01 09:00", zone) is None
    done = plan(two, local_time=ahead(days=1)[:16], time_zone=zone)
    assert (done["outcome"], done["result"]["pointer"]) == (6, "/time_zone")


@pytest.mark.parametrize("when, pointer", [
    ({"scheduled_for": "2020-01-01T00:00:00Z"}, "/scheduled_for"),
    ({"scheduled_for": "9999-12-31T23:59:59Z"}, "/scheduled_for"),
    ({"scheduled_for": ahead(days=367)}, "/scheduled_for"),
    ({"scheduled_for": "0001-01-01T00:00:00Z"}, "/scheduled_for"),
    ({"local_time": "2020-01-01T00:00", "time_zone": BERLIN}, "/local_time"),
    ({"local_time": "9999-12-31T23:59", "time_zone": BERLIN}, "/local_time"),
    ({"local_time": "2030-01-01T00:00"}, "/time_zone"),
    ({"time_zone": BERLIN}, "/local_time"),
    ({"scheduled_for": ahead(hours=1), "local_time": ahead(hours=1)[:16], "time_zone": BERLIN}, "/local_time"),
    ({"scheduled_for": None}, "/scheduled_for"),
])
def test_when_it_cannot_be(db, two, when, pointer):
    done = plan(two, **when)
    assert (done["outcome"], done["result"]["pointer"], done["events"]) == (6, pointer, None)


# ---- Planning

def test_planned_changed_and_cancelled_for_the_own_devices_alone(db, two):
    local = (datetime.datetime.now() + datetime.timedelta(days=40)).strftime("%Y-%m-%dT09:30")
    done = plan(two, local_time=local, time_zone=BERLIN, client_id="c1")
    made = done["result"]["scheduled"]
    assert [(e["type"], e["users"], e["payload"]) for e in done["events"]] == [("scheduled.updated", [str(two.users[0])], made)]
    assert (made["status"], made["local_time"], made["time_zone"], made["content"]) == ("pending", f"{local}:00", BERLIN, "later")
    assert made["scheduled_for"][:16] == moment(db, local, BERLIN)
    change = lambda **more: db.change("scheduled_update", two.users[0], scheduled_id=made["id"], **more)
    assert change(content="other")["result"] == {**made, "content": "other", "updated_at": change()["result"]["updated_at"]}
    moved = change(time_zone="Asia/Tokyo")["result"]
    assert (moved["local_time"], moved["time_zone"]) == (f"{local}:00", "Asia/Tokyo") and moved["scheduled_for"] < made["scheduled_for"]
    at = ahead(hours=3)
    moved = change(scheduled_for=at)["result"]
    assert (moved["local_time"], moved["time_zone"], moved["scheduled_for"][:19]) == (None, None, at[:19])
    assert change(scheduled_for=at)["outcome"] == 1 and change(time_zone=BERLIN)["result"]["pointer"] == "/local_time"
    assert db.one("SELECT due_at FROM jobs WHERE kind = 'scheduled.send'").isoformat()[:19] == at[:19]
    gone = db.change("scheduled_cancel", two.users[0], scheduled_id=made["id"])
    assert (gone["outcome"], gone["result"]["status"]) == (0, "cancelled")
    assert db.change("scheduled_cancel", two.users[0], scheduled_id=made["id"])["outcome"] == 1
    assert change(content="late")["outcome"] == 3
    due(db, made)
    assert fire(db, made)["outcome"] == 1 and len(db.page(two.users[0], two.id)["items"]) == 1
    assert not [row for row in db.resume(two.users[1], 0) if row["type"] == "scheduled.updated"]


def test_the_list_is_the_users_own_and_by_time(db, two):
    made = [plan(two, scheduled_for=ahead(hours=9 - n))["result"]["scheduled"]["id"] for n in range(5)]
    plan(two, user=1)
    page = lambda *a: json.loads(db.one("SELECT scheduled_page(%s, %s, %s, %s, %s)", two.users[0], two.id, *a))
    first = page("pending", 3, None)
    assert [i["id"] for i in first["items"]] == made[:1:-1] and first["has_more"]
    rest = page("pending", 3, first["next"])
    assert [i["id"] for i in rest["items"]] == made[1::-1] and not rest["has_more"] and rest["next"] is None
    db.change("scheduled_cancel", two.users[0], scheduled_id=made[0])
    assert len(page("pending", 9, None)["items"]) == 4 and [i["id"] for i in page("cancelled", 9, None)["items"]] == made[:1]
    assert len(page("all", 9, "nonsense")["items"]) == 5
    assert db.one("SELECT scheduled_page(%s, %s, 'all', 9, NULL)", db.user("mallory"), two.id) is None


def test_asked_again_it_is_the_same(db, two):
    at = ahead(hours=1)
    made = plan(two, scheduled_for=at, client_id="c1")["result"]["scheduled"]
    again = plan(two, scheduled_for=at, client_id="c1")
    assert (again["outcome"], again["result"]["scheduled"], again["events"]) == (1, made, None)
    for other in ({"content": "other"}, {"scheduled_for": ahead(hours=2)}, {"conversation_id": str(Talk(db, "alice", "dora").id)}):
        done = plan(two, **{"scheduled_for": at, "client_id": "c1", **other})
        assert (done["outcome"], done["result"]["pointer"]) == (6, "/client_id")
    assert plan(two, user=1, client_id="c1")["outcome"] == 0


def test_who_may_not_and_how_many_may_be(db, two):
    mallory = db.user("mallory")
    for conversation in (two.id, new_id()):
        done = db.change("scheduled_add", mallory, id=new_id(), message_id=new_id(), conversation_id=conversation, content="x",
                         scheduled_for=ahead(hours=1))
        assert (done["outcome"], done["result"]) == (2, None)
    made = plan(two)["result"]["scheduled"]
    for user in (mallory, two.users[1]):
        assert db.change("scheduled_update", user, scheduled_id=made["id"], content="x")["outcome"] == 2
        assert db.change("scheduled_cancel", user, scheduled_id=made["id"])["outcome"] == 2
    for _ in range(199):
        assert plan(two)["outcome"] == 0
    assert plan(two)["outcome"] == 3
    due(db, made)
    fire(db, made)
    assert plan(two)["outcome"] == 0


def test_to_a_stranger_it_counts_when_it_is_planned(db):
    talk = Talk(db, "alice", "bella")
    assert plan(talk, strangers_max=0)["outcome"] == 7
    done = plan(talk, strangers_max=1)
    assert (done["outcome"], done["result"]["stranger"]) == (0, True)
    talk.say("hello", sender=1)
    assert plan(talk, strangers_max=0)["result"]["stranger"] is False


# ---- When it is time

def test_sent_once_with_the_id_that_it_was_given(db, two):
    made = plan(two, client_id="c1")["result"]["scheduled"]
    assert fire(db, made)["outcome"] == 1  # not yet
    due(db, made)
    head = db.head()
    done = fire(db, made)
    new, over = (e for e in done["events"] if e["type"] != "conversation.new")
    assert (new["type"], set(new["users"]), new["payload"]["id"]) == ("message.new", set(map(str, two.users)), made["message_id"])
    assert (over["type"], over["users"], over["payload"]["status"]) == ("scheduled.updated", [str(two.users[0])], "sent")
    item = db.page(two.users[1], two.id)["items"][-1]
    assert (item["id"], item["content"], item["client_id"], item["metadata"]) == (
        made["message_id"], "later", "c1", {"scheduled_id": made["id"]})
    assert item["created_at"] >= over["payload"]["updated_at"][:19] and new["payload"]["metadata"] == item["metadata"]
    again = fire(db, made)
    assert (again["outcome"], again["events"]) == (1, None) and len(db.page(two.users[1], two.id)["items"]) == 2
    for user in two.users:
        assert len([row for row in db.resume(user, head) if row["type"] == "message.new"]) == 1


def test_to_xmpp_it_goes_as_any_message(db):
    talk = Talk(db, "alice", jid="romeo@example.org")
    made = plan(talk)["result"]["scheduled"]
    due(db, made)
    done = fire(db, made)
    waiting = [row for row in db.outbox() if str(row["message_id"]) == made["message_id"]]
    assert [(row["kind"], row["payload"]) for row in waiting] == [("message", "later")]
    assert done["follows"]["outbox"] == waiting[0]["position"]
    assert abs(waiting[0]["created"] / 1e6 - datetime.datetime.now().timestamp()) < 60  # when it is really sent: no delay


@pytest.mark.parametrize("why, reason", [("blocks", "conflict"), ("blocked", "refused"), ("left", "not_found"),
                                         ("long", "too_large"), ("suspended", "forbidden")])
def test_whether_it_may_be_sent_is_decided_then(db, two, why, reason):
    two.say("hello", sender=1)
    made = plan(two)["result"]["scheduled"]
    alice, bella = two.users
    if why == "blocks":
        db.change("block", alice, user_id=str(bella))
    elif why == "blocked":
        db.change("block", bella, user_id=str(alice))
    elif why == "suspended":
        db.rows("SELECT user_suspend(%s, 'why')", alice)
    elif why == "left":
        three = Talk(db, "alice", "bella", "cleo")
        made = plan(three)["result"]["scheduled"]
        db.rows("UPDATE members SET state = 'left', left_seq = 1 WHERE user_id = %s AND conversation_id = %s", alice, three.id)
        db.rows("UPDATE conversations SET member_ids = member_ids[2:], member_numbers = member_numbers[2:] WHERE id = %s", three.id)
    due(db, made)
    done = fire(db, made, content_max=3 if why == "long" else 8192)
    assert state(db, made) == ("failed", reason)
    told, = done["events"]
    assert (told["type"], told["payload"]["reason"], told["users"]) == ("scheduled.updated", reason, [str(alice)])


def test_who_is_blocked_cannot_plan(db, two):
    db.change("block", two.users[1], user_id=str(two.users[0]))
    assert plan(two)["outcome"] == 4 and plan(two, user=1)["outcome"] == 3


def test_a_request_that_waits_shows_it_to_its_sender_alone(db):
    bella = db.user("bella")
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bella)
    talk = Talk(db, "alice", "bella")
    made = plan(talk)["result"]["scheduled"]
    due(db, made)
    assert [(e["type"], e["users"]) for e in fire(db, made)["events"]] == [
        ("message.new", [str(talk.users[0])]), ("scheduled.updated", [str(talk.users[0])])]


def test_a_first_message_brings_the_conversation_into_the_list(db):
    alice, bella = db.user("alice"), db.user("bella")
    talk = Talk.__new__(Talk)
    talk.db, talk.users, talk.id = db, [alice, bella], db.conversation(alice, reference=str(bella))
    made = plan(talk)["result"]["scheduled"]
    assert db.conversations(bella)["items"] == []
    due(db, made)
    assert ("conversation.new", [str(bella)]) in [(e["type"], e["users"]) for e in fire(db, made)["events"]]
    assert db.conversations(bella)["items"][0]["last_message"]["id"] == made["message_id"]


def test_the_zones_rules_of_the_day_count(db, two):
    """Rules that have changed since: the row says another moment than the zone does now."""
    local = (datetime.datetime.now() + datetime.timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M")
    made = plan(two, local_time=local, time_zone="UTC")["result"]["scheduled"]
    db.rows("UPDATE scheduled SET due_at = now() - interval '1 hour' WHERE id = %s", made["id"])
    done = fire(db, made)
    assert (done["outcome"], state(db, made)) == (1, ("pending", None))
    told, = done["events"]
    assert told["payload"]["scheduled_for"] == made["scheduled_for"]
    db.rows("UPDATE scheduled SET due_at = due_at + interval '1 hour' WHERE id = %s", made["id"])
    db.rows("SELECT reap_scheduled(1000, 100)")
    assert db.one("SELECT due_at FROM scheduled").isoformat()[:16] == made["scheduled_for"][:16]
    assert db.one("SELECT due_at FROM jobs WHERE kind = 'scheduled.send'").isoformat()[:16] == made["scheduled_for"][:16]


def test_one_job_is_due_with_the_first_that_waits(db, two):
    for hours in (5, 2, 9):
        plan(two, scheduled_for=ahead(hours=hours))
    row, = db.rows("SELECT * FROM jobs WHERE kind = 'scheduled.send'")
    first = db.one("SELECT min(due_at) FROM scheduled")
    assert row["due_at"] == first
    made, = db.rows("SELECT id FROM scheduled WHERE due_at = %s", first)
    due(db, made)
    assert [r["id"] for r in db.rows("SELECT * FROM scheduled_due(10)")] == [made["id"]]
    fire(db, {"id": str(made["id"])})
    db.change("scheduled_rest", None)
    assert db.one("SELECT due_at FROM jobs WHERE kind = 'scheduled.send'") == db.one(
        "SELECT min(due_at) FROM scheduled WHERE status = 'pending'")


def test_what_is_over_goes_after_a_while(db, two):
    made = plan(two)["result"]["scheduled"]
    plan(two)
    db.change("scheduled_cancel", two.users[0], scheduled_id=made["id"])
    db.rows("UPDATE scheduled SET updated_at = now() - interval '31 days'")
    assert db.one("SELECT removed FROM reap_scheduled(2592000, 100)") == 1 and db.one("SELECT count(*) FROM scheduled") == 1
