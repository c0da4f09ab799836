# SPDX-License-Identifier: GPL-3.0-or-later
"""A standby answers pages, lists and searches (database.read_uri), and nobody sees less for it."""
import pytest
from harness import alerts, cluster, fault
from harness.daemon import run_trestle
from harness.rest import App
from harness.standby import Standby

pytestmark = [pytest.mark.timeout(300), pytest.mark.one_server]
READS = "trestle_replica_reads_total"
two = pytest.fixture(scope="module")(cluster.two_for_module)


@pytest.fixture(scope="module")
def standby(two):
    with Standby(two, replica=True) as standby:
        cluster.wait_whole(two)
        yield standby


def given_back(stack, reason):
    return fault.metric(stack, f'trestle_replica_given_back_total{{reason="{reason}"}}') or 0


def wait_up(stack):
    fault.wait_for("the replica is read from", lambda: fault.part_is(stack, "replica", "up"))


@pytest.fixture
def talk(two, standby):
    """(alice at both instances, her conversation with dora); pages come from the standby."""
    wait_up(two)
    alice = [App(two, "alice", instance=n) for n in (0, 1)]
    return alice, alice[0].conversation_with(participant_id=App(two, "dora").me()["id"])


def newest(user, talk):
    return user.messages(talk, limit=1)["items"][0]["content"]


def test_what_was_acknowledged_is_seen_at_once(two, talk):
    """By whoever asks next, wherever it was sent: as if the primary had been asked."""
    alice, talk = talk
    reads, late = fault.metric(two, READS), given_back(two, "behind")
    for n in range(40):
        alice[n % 2].send(talk, f"text {n}")
        assert newest(alice[0], talk) == f"text {n}"
        if n % 8 == 0:
            listed = alice[0].conversations(limit=1)["items"][0]
            assert listed["last_message"]["content"] == f"text {n}"
    assert fault.metric(two, READS) - reads + given_back(two, "behind") - late >= 45
    assert fault.metric(two, READS) > reads + 20, "the standby has answered hardly anything"


def test_changes_outside_the_log_are_seen_at_once(two, talk):
    alice, talk = talk
    for n in range(5):
        alice[1].call(200, "PUT", f"/api/conversations/{talk['id']}/draft", {"content": f"draft {n}"})
        listed = [one for one in alice[0].conversations()["items"] if one["id"] == talk["id"]]
        assert listed[0]["draft"]["content"] == f"draft {n}"


def test_search_is_read_from_it(two, talk):
    alice, talk = talk
    reads = fault.metric(two, READS)
    alice[1].send(talk, "a pomegranate")
    found = alice[0].call(200, "GET", "/api/messages/search", q="pomegranate")["items"]
    assert [message["content"] for message in found] == ["a pomegranate"]
    assert alice[0].call(200, "GET", "/api/users/search", q="dora")["items"]
    assert fault.metric(two, READS) > reads


def test_a_standby_that_is_behind_is_left_alone(two, standby, talk):
    """Pages come from the primary until it has caught up."""
    alice, talk = talk
    standby.query("SELECT pg_wal_replay_pause()")
    try:
        reads, late = fault.metric(two, READS), given_back(two, "behind")
        for n in range(3):
            alice[0].send(talk, f"unseen {n}")
            assert newest(alice[0], talk) == f"unseen {n}"
        assert fault.metric(two, READS) == reads and given_back(two, "behind") == late + 1
        seen = alerts.read(two)
        assert "TrestleReplicaBehind" in alerts.firing(seen, seen)
        assert fault.metric(two, "trestle_replica_behind") == 1 and fault.part_is(two, "replica", "up")
    finally:
        standby.query("SELECT pg_wal_replay_resume()")
    fault.wait_for("it has caught up", lambda: fault.metric(two, "trestle_replica_behind") == 0)
    assert newest(alice[0], talk) == "unseen 2" and fault.metric(two, READS) > reads


def doctor(stack):
    text = run_trestle("doctor", "--config", stack.info["config"])[1]
    return next(line for line in text.splitlines() if " replica " in line)


def test_the_doctor_looks_at_it(two, standby):
    assert doctor(two).startswith("ok ") and "a standby" in doctor(two)


def test_a_standby_that_dies_is_not_missed(two, standby, talk):
    alice, talk = talk
    alice[0].send(talk, "before")
    standby.kill()
    for n in range(3):
        alice[0].send(talk, f"alone {n}")
        assert newest(alice[0], talk) == f"alone {n}"
    fault.wait_for("it is missing", lambda: fault.part_is(two, "replica", "down"))
    assert fault.is_ready(two), "the service works without"
    standby.start()
    wait_up(two)
    reads = fault.metric(two, READS)
    assert newest(alice[0], talk) == "alone 2" and fault.metric(two, READS) > reads


def test_a_standby_that_was_promoted_by_itself_is_read_no_more(two, standby, talk):
    """It goes its own way from then on. The last test: it is no standby any more."""
    alice, talk = talk
    standby.query("SELECT pg_promote()")
    for n in range(3):
        alice[0].send(talk, f"true {n}")
        assert newest(alice[0], talk) == f"true {n}"
    fault.wait_for("it is left", lambda: fault.part_is(two, "replica", "down"))
    assert newest(alice[0], talk) == "true 2" and fault.is_ready(two)
    assert "no standby" in doctor(two)
