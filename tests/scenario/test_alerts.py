# SPDX-License-Identifier: GPL-3.0-or-later
"""Each alert of docs/alerts.yml fires when what it tells of has really happened, and none does before; what rules and
dashboard name is there."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import psycopg2
import pytest

from harness import alerts
from harness.daemon import Daemon, psql
from harness.fake_xmpp import FakeXmpp
from harness.files import upload
from harness.inbox import wait_for
from harness.redis_servers import PASSWORD, RedisServers
from harness.rest import App
from harness.stack import TOP
from harness.ws import Socket

# What the XMPP server of these tests has no part in.
pytestmark = pytest.mark.one_server

CONNECTIONS = 60
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

    def fires(self, before, *names, after=None, machine=None):
        found = alerts.firing(before, after or alerts.read(self.daemon), machine)
        assert set(names) <= found, (names, found)
        return found


@pytest.fixture(scope="module")
def redis():
    with RedisServers() as servers:
        yield servers.first


@pytest.fixture(scope="module")
def watched(running_stack, redis, tmp_path_factory):
    with Watched(running_stack, tmp_path_factory.mktemp("watched"), limits={"sockets": 2, "signin": "0/60"},
                 database={"slow_ms": 1}, http={"connections_max": CONNECTIONS}, search={"index_share": 1},
                 cluster={"redis": f"redis://:{PASSWORD}@127.0.0.1:{redis.port}"}) as world:
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
def jobs(watched):
    """One fails from now on; of another one a session that was left open holds the row. Metrics know within ten seconds, in which
    other tests run."""
    before, uri = alerts.read(watched.daemon), watched.daemon.info["database"]
    wait_for("the jobs are there", lambda: psql(uri, "SELECT count(*) FROM jobs WHERE kind IN ('reap.users', 'reap.sessions')") == "2")
    psql(uri, FAILING_JOB)
    watched.job("reap.sessions")
    with contextlib.closing(psycopg2.connect(uri)) as first, contextlib.closing(psycopg2.connect(uri)) as keeper:
        first.cursor().execute("UPDATE jobs SET due_at = now() - interval '10 minutes' WHERE kind = 'reap.users'")
        waiting = threading.Thread(target=lambda: keeper.cursor().execute("SELECT 1 FROM jobs WHERE kind = 'reap.users' FOR UPDATE"))
        waiting.start()
        wait_for("the second waits for the first", lambda: psql(uri, "SELECT count(*) FROM pg_locks WHERE NOT granted") != "0")
        first.commit()
        waiting.join()
        yield before


SENDERS = 3


def hold_up(watched, lock):
    """Holds the database up for somewhat over five seconds: (the metrics while messages wait, those when it was given up). What was not
    yet sent to it by then is refused for good. None: it was given up before enough of them waited, the machine being a busy one."""
    def behind():
        text = alerts.read(watched.daemon)
        return text if alerts.samples(text)[0]["trestle_archive_queue", "{}"] > 1000 else None

    def over():
        return not any(sender.is_alive() for sender in senders)
    lock.cursor().execute("SELECT * FROM log_head FOR UPDATE")
    senders = [threading.Thread(target=watched.alice.send, args=(watched.talk, "late"), kwargs={"status": 503}) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    wait_for("some wait for what was sent", lambda: watched.value("trestle_archive_queue") > 0 or over())
    watched.server.send("".join(f"<message type='chat' from='bob@example.org/x' to='alice@app.example.org' id='m{number}'>"
                                f"<body>{number}</body></message>" for number in range(1100)))
    found = wait_for("they wait", lambda: behind() or over())[0]
    for sender in senders:
        sender.join()
    wait_for("the watchdog", lambda: watched.value("trestle_archive_writable") == 0)
    held = alerts.read(watched.daemon)
    lock.cursor().execute("SELECT pg_sleep(2.5)")
    lock.rollback()
    wait_for("it is over", lambda: watched.value("trestle_archive_writable") == 1)
    return (found, held) if isinstance(found, str) else None


@pytest.mark.usefixtures("jobs")
def test_a_database_that_is_held_up(watched):
    """One lock, for somewhat over five seconds: what waits is late, what does not wait has failed, and there is ever more of it."""
    before, tries, found = alerts.read(watched.daemon), 0, None
    with watched.bella.ws() as socket, contextlib.closing(psycopg2.connect(watched.daemon.info["database"])) as lock:
        while not found or not any(frame["payload"]["content"] == "late" for frame in socket.frames("message.new")):
            assert tries < 8, "never do messages wait, and one of them in PostgreSQL"
            tries += 1
            found = hold_up(watched, lock)
            watched.alice.send(watched.talk, f"after {tries}")
            socket.expect("message.new", content=f"after {tries}")
    behind, held = found
    watched.fires(before, "TrestleDatabaseBehind", after=behind)
    watched.fires(before, "TrestleDatabaseRefuses", "TrestleSendsFail", after=held)
    watched.fires(before, "TrestleDeliverySlow", "TrestleQueriesSlow")
    slow = re.findall(r"event=slow-query query=(message_\w+) ms=[1-9]", watched.daemon.logged())
    first, then = (alerts.samples(text)[0] for text in (before, alerts.read(watched.daemon)))
    unsent = ("trestle_messages_failed_total", '{code="unavailable"}')
    asked = [("trestle_query_seconds_count", f'{{query="{name}"}}') for name in slow]
    assert then[unsent] - first.get(unsent, 0) == SENDERS * tries and any(then[one] > first.get(one, 0) for one in asked)


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
    assert found["trestle_signin_failed_total", "{}"] - alerts.samples(before)[0]["trestle_signin_failed_total", "{}"] == 80
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


def test_jobs_that_fail_and_one_that_is_kept(watched, jobs):
    wait_for("they are noticed", lambda: watched.value("trestle_jobs_failing") == 1 and watched.value("trestle_jobs_late_seconds") > 300)
    watched.fires(jobs, "TrestleJobsFail", "TrestleJobsLate")
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
    talk = watched.alice.conversation_with(jid="bob@example.org")
    watched.server.close()
    wait_for("the link is down", lambda: watched.value("trestle_link_up") == 0)
    down = alerts.read(watched.daemon)
    watched.alice.send(talk, "waits")
    psql(watched.daemon.info["database"], "UPDATE messages SET created_at = created_at - interval '5 minutes' WHERE body = 'waits'")
    watched.job("table.sizes")
    wait_for("the outbox is measured", lambda: watched.value("trestle_outbox_oldest_seconds") >= 300)
    watched.fires(before, "TrestleLinkDown", after=down)
    watched.fires(before, "TrestleOutboxStuck")
    watched.server.open()
    wait_for("the link is up", lambda: watched.value("trestle_link_up") == 1)


def test_connections_that_are_all_taken(watched):
    before = alerts.read(watched.daemon)
    address = urllib.parse.urlsplit(watched.daemon.info["rest"])
    with contextlib.ExitStack() as open_ones:
        for _ in range(CONNECTIONS):
            one = open_ones.enter_context(socket.create_connection((address.hostname, address.port), 10))
            one.sendall(b"GET /api/users/me HTTP/1.1\r\nHost: x\r\n")  # and no end of it
        wait_for("they are taken", lambda: watched.value("trestle_http_connections") >= 0.95 * CONNECTIONS)
        watched.fires(before, "TrestleConnectionsFull")
    wait_for("they are free", lambda: watched.value("trestle_http_connections") < 5)


def test_a_loop_that_is_held_up(watched):
    """What the machine does to a process that it gives no time: it is stopped in the middle of its turns, three of which last."""
    before, pid = alerts.read(watched.daemon), watched.daemon.process.pid

    def stalled():
        found = alerts.samples(alerts.read(watched.daemon))[0]
        return found["trestle_loop_turn_seconds_count", "{}"] - found["trestle_loop_turn_seconds_bucket", '{le="0.1"}']
    ended, first = threading.Event(), stalled()

    def busy():
        while not ended.is_set():
            watched.server.send("<iq type='get' id='q' from='bob@example.org/x' to='app.example.org'>"
                                "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>" * 100)

    def stopped():
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.11)
        os.kill(pid, signal.SIGCONT)
        return stalled() >= first + 3
    sender = threading.Thread(target=busy)
    sender.start()
    try:
        wait_for("it was stopped in a turn, three times", stopped, 60)
    finally:
        ended.set()
        sender.join()
    watched.fires(before, "TrestleLoopStalls")


def test_a_search_that_does_not_keep_up(watched):
    """A hundred thousand messages that came at once, and a hundredth of a core to index them."""
    before, talk = alerts.read(watched.daemon), watched.talk["id"]
    psql(watched.daemon.info["database"],
         "WITH h AS (SELECT position FROM log_head FOR UPDATE), added AS ("
         "  INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body, sender_seq)"
         f" SELECT gen_random_uuid(), '{talk}', 1000000 + n, h.position + n, '{watched.alice.me()['id']}', now(), 'word ' || n, n"
         "   FROM h, generate_series(1, 105000) n RETURNING 1)"
         " UPDATE log_head SET position = position + (SELECT count(*) FROM added)")
    wait_for("it is behind", lambda: watched.value("trestle_search_behind_positions") > 100000)
    watched.fires(before, "TrestleSearchBehind")


def test_a_database_whose_processors_are_busy(watched):
    """Measured by node_exporter, while PostgreSQL calculates on each of them."""
    before = alerts.read(watched.daemon)

    def calculate(connection):
        with contextlib.suppress(psycopg2.extensions.QueryCanceledError):
            connection.cursor().execute("DO $$ BEGIN LOOP END LOOP; END $$")
    with alerts.node_exporter() as machine, contextlib.ExitStack() as busy:
        for _ in range(os.cpu_count() + 1):
            connection = busy.enter_context(contextlib.closing(psycopg2.connect(watched.daemon.info["database"])))
            one = threading.Thread(target=calculate, args=(connection,))
            one.start()
            busy.callback(one.join)
            busy.callback(connection.cancel)
        old, began = machine(), time.monotonic()

        def told():
            return machine(), time.monotonic() - began
        (new, seconds), _ = wait_for("they have been busy for two seconds", lambda: (lambda t: t if t[1] > 2 else None)(told()))
    watched.fires(before, "TrestleDatabaseBusy", machine=(old, new, seconds))


def test_an_instance_that_cannot_keep_the_lease(watched):
    before, uri = alerts.read(watched.daemon), watched.daemon.info["database"]
    assert watched.value("trestle_lease_held") == 1
    with contextlib.closing(psycopg2.connect(uri)) as keeper:
        keeper.cursor().execute("SELECT * FROM leases FOR UPDATE")
        wait_for("it has lost the lease", lambda: watched.value("trestle_lease_held") == 0)
        watched.fires(before, "TrestleNoLease")
    wait_for("it has it again", lambda: watched.value("trestle_lease_held") == watched.value("trestle_link_up") == 1)


def test_what_somebody_else_says_in_redis(watched, redis):
    before = alerts.read(watched.daemon)
    channel, = redis.ask("PUBSUB", "CHANNELS", "trestle:*").split()
    assert redis.ask("PUBLISH", channel, "nonsense").strip() == "1"
    wait_for("it is refused", lambda: watched.value("trestle_bus_refused_total") > 0)
    watched.fires(before, "TrestleBusRefuses")


def test_every_rule_is_provoked_and_names_what_there_is(watched):
    assert subprocess.run(["promtool", "check", "rules", alerts.RULES], check=False).returncode == 0
    rules = alerts.RULES.read_text()
    alive = alerts.read(watched.daemon)
    known = set(re.findall(r"^# TYPE (\w+)", alive, re.M))
    watched.daemon.process.terminate()
    watched.daemon.process.wait()
    watched.fires(alive, "TrestleAway")
    dashboard = json.loads((TOP / "docs" / "grafana.json").read_text())
    shown = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    for name in re.findall(r"\btrestle_\w+", rules + shown):
        assert name in known or re.sub("_(bucket|sum|count)$", "", name) in known, f"no such metric: {name}"
    manual = (TOP / "docs" / "operations.md").read_text()
    assert not known - set(re.findall(r"`(trestle_\w+)", manual)) - {n for n in known if n.startswith("trestle_rows_")}
    named = set(re.findall(r"alert: (\w+)", rules))
    assert named == set(re.findall(r"^\| `(Trestle\w+)` \|", manual, re.M)), "the manual says what to do about each"
    tests = {file.name: file.read_text() for file in Path(__file__).parent.glob("test_*.py")}  # which may run in several processes
    provoked = re.findall(r"\.fires\(.*?\)\n", tests[Path(__file__).name], re.S)
    provoked += [line for text in tests.values() for line in text.splitlines() if "in alerts.firing(" in line]
    assert named == set(re.findall(r'"(Trestle\w+)"', "".join(provoked)))
