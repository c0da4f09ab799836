# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alert of docs/alerts.yml fires when what it tells of has really happened, and none does before; what rules and
dashboard name is there."""
import json
import re
import signal
import subprocess
import threading

import psycopg2
import pytest

from harness import alerts
from harness.daemon import Daemon, psql
from harness.fake_xmpp import FakeXmpp
from harness.files import upload
from harness.inbox import wait_for
from harness.rest import App
from harness.stack import TOP
from harness.ws import Socket

PROVOKED = set()  # by the tests above the last one
FAILING_JOB = "CREATE OR REPLACE FUNCTION reap_sessions(p_limit int, OUT removed bigint, OUT more boolean, OUT payload jsonb)" \
              " LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'provoked'; END $$;"


class Watched:
    """A bridge of the test's own, and what its metrics say of it."""

    def __init__(self, stack, tmp_path, **options):
        self.server = FakeXmpp()
        (tmp_path / "keys").write_text("ab" * 32 + "\n")
        (tmp_path / "keys").chmod(0o600)
        media = {"store": tmp_path / "store", "key_file": tmp_path / "keys", "url": "https://files.example.org", "quota_total": 20000}
        (tmp_path / "store").mkdir(mode=0o700)
        self.daemon = Daemon(stack, self.server.port, {"media": media, **options}, secret=self.server.secret)

    def __enter__(self):
        self.server.__enter__()
        self.daemon.__enter__()
        self.server.wait_stream()
        self.alice, self.bella = App(self.daemon, "alice"), App(self.daemon, "bella")
        self.talk = self.alice.conversation_with(participant_id=self.bella.me()["id"])
        return self

    def __exit__(self, *failure):
        self.daemon.__exit__(*failure)
        self.server.__exit__(*failure)

    def value(self, name):
        return alerts.samples(alerts.read(self.daemon))[0].get((name, "{}"))

    def job(self, kind):
        psql(self.daemon.info["database"], f"UPDATE jobs SET due_at = now(), locked_until = NULL WHERE kind = '{kind}'")

    def fires(self, before, *names, after=None, idle=0.9):
        found = alerts.firing(before, after or alerts.read(self.daemon), idle)
        assert set(names) <= found, (names, found)
        PROVOKED.update(names)
        return found


@pytest.fixture(scope="module")
def watched(running_stack, tmp_path_factory):
    with Watched(running_stack, tmp_path_factory.mktemp("watched"), limits={"sockets": 2, "signin": "0/60"},
                 database={"slow_ms": 1}) as world:
        yield world


def test_nothing_fires_while_all_is_well(watched):
    before = alerts.read(watched.daemon)
    with watched.bella.ws() as socket:
        for number in range(20):
            watched.alice.send(watched.talk, f"well {number}")
        socket.expect("message.new", content="well 19")
    found = watched.fires(before)
    assert not found - {"TrestleQueriesSlow"}, found  # which a limit of 1 ms asks for
    seen = alerts.samples(alerts.read(watched.daemon))[0]
    assert seen['trestle_delivery_seconds_count', '{way="websocket"}'] >= 20
    assert seen['trestle_ws_closed_total', '{code="1000"}'] >= 1 and seen["trestle_ws_opened_total", "{}"] >= 1


@pytest.fixture(scope="module")
def failing(watched):
    """A job fails from now on, which the metrics know within ten seconds: other tests run meanwhile."""
    before = alerts.read(watched.daemon)
    psql(watched.daemon.info["database"], FAILING_JOB)
    watched.job("reap.sessions")
    return before


@pytest.mark.usefixtures("failing")
def test_a_database_that_is_held_up(watched):
    """One lock, for somewhat over five seconds: what waits is late, what does not wait has failed."""
    before = alerts.read(watched.daemon)
    lock = psycopg2.connect(watched.daemon.info["database"])
    with watched.bella.ws() as socket:
        lock.cursor().execute("SELECT * FROM log_head FOR UPDATE")
        senders = [threading.Thread(target=watched.alice.send, args=(watched.talk, "late"), kwargs={"status": 503}) for _ in range(3)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        wait_for("the watchdog", lambda: watched.value("trestle_archive_writable") == 0)
        held = alerts.read(watched.daemon)
        lock.cursor().execute("SELECT pg_sleep(2.5)")
        lock.rollback()
        lock.close()
        socket.expect("message.new", content="late", timeout=20)
        wait_for("it is over", lambda: watched.value("trestle_archive_writable") == 1)
    watched.fires(before, "TrestleDatabaseRefuses", "TrestleSendsFail", after=held)
    watched.fires(before, "TrestleDeliverySlow", "TrestleQueriesSlow")
    assert re.search(r"event=slow-query query=message_\w+ ms=[1-9]", watched.daemon.logged())


def test_clients_that_do_not_come_in(watched):
    before = alerts.read(watched.daemon)
    for number in range(80):
        assert watched.alice.request("GET", "/api/users/me", headers={"Authorization": f"Bearer wrong{number}"}).status == 401
    with watched.bella.ws(), watched.bella.ws():
        with Socket(watched.daemon.info["ws"]) as third:
            third.auth(watched.bella.token)
            third.expect_close(1013)
    found = alerts.samples(alerts.read(watched.daemon))[0]
    assert found["trestle_ws_refused_total", '{reason="rate_limited"}'] == 1
    watched.fires(before, "TrestleSocketsFail", "TrestleSignInsFail")


def test_files_that_find_no_room(watched):
    before = alerts.read(watched.daemon)
    upload(watched.alice, b"x" * 19000, "a.bin", "application/octet-stream")
    refused = watched.alice.request("POST", "/api/uploads", {"filename": "b.bin", "size": 5000, "mime_type": "application/octet-stream"})
    assert refused.status == 507
    watched.job("media.bytes")
    wait_for("the files are counted", lambda: watched.value("trestle_media_bytes") == 19000)
    watched.fires(before, "TrestleFilesFull", "TrestleUploadsFail")
    assert watched.value("trestle_upload_seconds_count") == 1 and watched.value("trestle_upload_bytes_total") == 19000
    assert watched.value("trestle_media_disk_bytes") > watched.value("trestle_media_disk_free_bytes") > 0


def test_jobs_that_fail(watched, failing):
    wait_for("it has failed", lambda: watched.value("trestle_jobs_failing") == 1)
    watched.fires(failing, "TrestleJobsFail")
    assert "event=job-failed kind=reap.sessions" in watched.daemon.logged()


def test_a_log_that_cannot_be_written(watched):
    before = alerts.read(watched.daemon)
    watched.daemon.configure({"log": {"file": "/dev/full"}})
    watched.daemon.process.send_signal(signal.SIGHUP)
    wait_for("lines are lost", lambda: watched.value("trestle_log_lines_lost_total") > 0)
    watched.fires(before, "TrestleLogLost")
    watched.daemon.configure({"log": {"file": ""}})
    watched.daemon.process.send_signal(signal.SIGHUP)
    wait_for("the log is back", lambda: "event=log-lines-lost" in watched.daemon.logged())


def test_a_server_that_has_gone(watched):
    before = alerts.read(watched.daemon)
    watched.alice.send(watched.alice.conversation_with(jid="bob@example.org"), "waits")
    watched.server.__exit__()
    wait_for("the link is down", lambda: watched.value("trestle_link_up") == 0)
    down = alerts.read(watched.daemon)
    psql(watched.daemon.info["database"], "UPDATE messages SET created_at = created_at - interval '5 minutes' WHERE body = 'waits'")
    watched.job("table.sizes")
    wait_for("the outbox is measured", lambda: watched.value("trestle_outbox_oldest_seconds") >= 300)
    watched.fires(before, "TrestleLinkDown", after=down)
    watched.fires(before, "TrestleOutboxStuck")


def test_what_nothing_here_can_provoke_is_evaluated_all_the_same(watched):
    """The rest takes thousands of clients, hours, or another machine: real metrics with one value changed."""
    real = alerts.read(watched.daemon)

    def changed(**values):
        text = real
        for name, value in values.items():
            text, count = re.subn(rf"^{name}(\{{[^}}]*\}})? .*$", lambda m: f"{name}{m[1] or ''} {value}", text, flags=re.M)
            assert count, name
        return text
    watched.fires(real, "TrestleSlowReaders", "TrestleConnectionsFull", "TrestleDescriptorsLacking", "TrestleDatabaseBehind",
                  "TrestleSearchBehind", "TrestleNoLease", "TrestleBusRefuses", "TrestleJobsLate", "TrestleIceServersFail",
                  "TrestleLoopStalls", "TrestleDatabaseBusy", idle=0.1, after=changed(
                      trestle_ws_slow_readers_closed_total=100, trestle_ws_sockets=16000, trestle_descriptors_lacking_total=5,
                      trestle_archive_queue=5000, trestle_search_behind_positions=200000, trestle_bus_connected=1,
                      trestle_bus_refused_total=9, trestle_jobs_late_seconds=900, trestle_ice_servers=2,
                      trestle_ice_servers_failing=2, trestle_loop_turn_seconds_count=10 ** 9))
    watched.fires(real, "TrestleRedisAway", after=changed(trestle_bus_published_total=7))


def test_every_rule_was_provoked_and_names_what_there_is(watched):
    assert subprocess.run(["promtool", "check", "rules", alerts.RULES], check=False).returncode == 0
    rules = alerts.RULES.read_text()
    known = set(re.findall(r"^# TYPE (\w+)", alerts.read(watched.daemon), re.M))
    dashboard = json.loads((TOP / "docs" / "grafana.json").read_text())
    shown = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    for name in re.findall(r"\btrestle_\w+", rules + shown):
        assert name in known or re.sub("_(bucket|sum|count)$", "", name) in known, f"no such metric: {name}"
    manual = (TOP / "docs" / "operations.md").read_text()
    assert not known - set(re.findall(r"`(trestle_\w+)", manual)) - {n for n in known if n.startswith("trestle_rows_")}
    named = set(re.findall(r"alert: (\w+)", rules))
    assert named == set(re.findall(r"^\| `(Trestle\w+)` \|", manual, re.M)), "the manual says what to do about each"
    assert named - {"TrestleAway"} <= PROVOKED, f"run the whole file: {named - PROVOKED}"
