# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs are begun by one, end only for whoever began them last, and are not lost."""
import json

from test_users_conversations import together

NOW = "clock_timestamp()"


def add(db, key="", kind="a.b", due=NOW, payload=None, on=None):
    db.rows(f"SELECT job_add(%s, %s, {due}, %s)", kind, key, json.dumps(payload or {}), on=on)


def take(db, limit=10, seconds=60, kinds=("a.b",), taker="one", on=None):
    return db.rows("SELECT * FROM job_take(%s, %s, %s, %s)", list(kinds), [seconds] * len(kinds), limit, taker, on=on)


def end(db, job, seconds=None, failed=None, payload=None, on=None):
    return db.one("SELECT job_end(%s, %s, %s, %s, %s, %s)", job["kind"], job["key"], job["lock"], seconds, failed,
                  payload, on=on)


def listed(db, **wanted):
    return json.loads(db.one("SELECT job_list(%s, %s, %s)", wanted.get("kind"), wanted.get("limit", 50),
                             wanted.get("after")))


def test_what_is_due_is_begun_once(db):
    add(db, "1")
    add(db, "later", due="clock_timestamp() + interval '1 hour'")
    add(db, "1", kind="other.kind")
    job, = take(db)
    assert (job["kind"], job["key"], job["attempts"], job["payload"]) == ("a.b", "1", 1, "{}")
    assert take(db) == []
    assert end(db, job) is True and end(db, job) is False
    assert [(j["kind"], j["key"]) for j in listed(db)["items"]] == [("a.b", "later"), ("other.kind", "1")]


def test_two_at_once_do_not_get_the_same(db):
    for n in range(40):
        add(db, str(n))
    ways = [db.connect() for _ in range(4)]
    taken = [job["key"] for jobs in together(*[lambda way=way: take(db, 20, on=way) for way in ways]) for job in jobs]
    taken += [job["key"] for job in take(db, 100)]
    assert sorted(taken, key=int) == [str(n) for n in range(40)]


def test_a_run_that_took_too_long_ends_nothing(db):
    add(db, "1")
    first, = take(db, seconds=0)
    second, = take(db)
    assert second["attempts"] == 2
    assert end(db, first) is False and len(listed(db)["items"]) == 1
    assert end(db, second) is True and listed(db)["items"] == []


def test_what_somebody_was_at_who_is_gone_is_begun_again_at_once(db):
    def release(*present):
        return db.one("SELECT job_release(%s)", list(present))
    add(db, "1")
    add(db, "2")
    gone, = take(db, limit=1, taker="gone")
    here, = take(db, limit=1, taker="here")
    assert release("gone", "here", "new") == 0 and take(db) == []
    assert release("here", "new") == 1
    again, = take(db, taker="new")
    assert (again["key"], again["attempts"]) == (gone["key"], 2)
    assert end(db, gone) is False and end(db, here) is True and end(db, again) is True


def test_what_may_be_the_reason_for_each_end_is_not_begun_at_once_for_ever(db):
    add(db, "1")
    for n in range(3):
        take(db, taker=f"gone {n}")
        assert db.one("SELECT job_release('{new}')") == 1
    assert len(take(db, taker="gone 3")) == 1
    assert db.one("SELECT job_release('{new}')") == 0 and take(db, taker="new") == []


def test_asked_for_anew_while_it_runs_it_runs_again(db):
    add(db, "1", payload={"n": 1})
    first, = take(db)
    add(db, "1", payload={"n": 2})
    assert end(db, first) is False
    second, = take(db)
    assert json.loads(second["payload"]) == {"n": 2} and second["attempts"] == 1
    assert end(db, second) is True


def test_a_failure_is_remembered_until_it_goes_well(db):
    add(db, "1", payload={"n": 1})
    job, = take(db)
    end(db, job, seconds=0, failed="unavailable")
    assert db.rows("SELECT * FROM job_state()")[0]["failing"] == 1
    item, = listed(db)["items"]
    assert (item["failed"], item["attempts"], item["running"]) == ("unavailable", 1, False)
    job, = take(db)
    assert job["attempts"] == 2 and listed(db)["items"][0]["running"] is True
    end(db, job, seconds=3600, payload='{"n": 2}')
    item, = listed(db)["items"]
    assert (item["failed"], item["attempts"]) == (None, 0) and take(db) == []
    assert db.one("SELECT payload->>'n' FROM jobs") == "2"


def test_jobs_that_there_must_be_are_made_once(db):
    db.rows("SELECT job_ensure('{x.y,a.b}')")
    job, = take(db)
    end(db, job, seconds=3600)
    db.rows("SELECT job_ensure('{x.y,a.b}')")
    assert take(db) == [] and db.one("SELECT count(*) FROM jobs") == 2
    state, = db.rows("SELECT * FROM job_state()")
    assert (state["due"], state["failing"]) == (1, 0)


def test_the_list_has_pages(db):
    keys = ["", "a", "a b", "b"]
    for key in keys:
        add(db, key)
        add(db, key, kind="c.d")
    seen, after = [], None
    while True:
        page = listed(db, limit=3, after=after)
        seen += [(j["kind"], j["key"]) for j in page["items"]]
        after = page["next"]
        assert page["has_more"] == (after is not None)
        if not after:
            break
    assert seen == [(kind, key) for kind in ("a.b", "c.d") for key in keys]
    assert {j["kind"] for j in listed(db, kind="c.d")["items"]} == {"c.d"}
