# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine does to a process: its clock jumps, its descriptors are used up, its disk is full. Nothing that was
acknowledged is lost, and all goes on by itself."""
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import urllib.parse
from pathlib import Path

import pytest

from harness import alerts
from harness.daemon import Daemon, psql
from harness.database import database
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App
from harness.sse import EventStream
from harness.watch import is_instrumented, metrics
from harness.ws import Socket

pytestmark = pytest.mark.one_server

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
HOUR = 3600


def contents(user, talk):
    return [message["content"] for message in user.messages(talk, limit=100)["items"]]


# -- the clock


@pytest.fixture
def wrong_clock(running_stack, tmp_path):
    """(a daemon with a link, its server, a function that sets its wall clock to so many seconds from the true time)"""
    if not FAKETIME.exists() or is_instrumented(running_stack):
        pytest.skip("no clock that can be set: libfaketime is not there, or the program is instrumented")
    file = tmp_path / "clock"

    def jump(seconds):
        file.with_suffix(".new").write_text(f"{seconds:+d}\n")
        file.with_suffix(".new").rename(file)
    jump(0)
    clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
             "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with FakeXmpp() as server, Daemon(running_stack, server.port, {
            "websocket": {"heartbeat": 1}, "session": {"cookie_secure": "false"}}, secret=server.secret, environment=clock) as daemon:
        server.wait_stream()
        yield daemon, jump


def test_a_clock_that_jumps_an_hour_and_back(wrong_clock):
    """Tokens are as good as they say, sockets and their heartbeats stay, jobs run, order and times of messages hold."""
    daemon, jump = wrong_clock
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    alice.token, short = alice.mint(ttl=4 * HOUR), alice.mint(ttl=HOUR // 2)
    bella.token = bella.mint(ttl=4 * HOUR)
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    said = []

    def goes_on(socket):
        said.append(f"text {len(said)}")
        alice.send(talk, said[-1])
        socket.expect("message.new", content=said[-1])
        before = metrics(daemon)["trestle_jobs_run_total"]
        psql(daemon.info["database"], "UPDATE jobs SET due_at = now(), locked_until = NULL WHERE kind = 'reap.sessions'")
        wait_for("jobs run", lambda: metrics(daemon)["trestle_jobs_run_total"] > before)

    def stamped():
        return [line.split()[0][3:] for line in daemon.logged().splitlines() if line.startswith("ts=")][-1]
    with bella.ws() as socket, Socket(daemon.info["ws"], short) as other:
        goes_on(socket)
        true = stamped()
        jump(HOUR)
        goes_on(socket)
        assert stamped() > true and stamped()[11:13] != true[11:13], "the daemon does not see the other time"
        assert alice.request("GET", "/api/users/me", headers={"Authorization": f"Bearer {short}"}).status == 401
        ended = other.inbox.expect("the socket of a token of half an hour ends", lambda frame: not isinstance(frame, dict))
        assert (ended.code, ended.reason) == (4401, "token expired")
        jump(-HOUR)
        goes_on(socket)
        assert App(daemon, "alice").me()["username"] == "alice", "a token that is an hour from the future, for this clock"
        with alice.ws() as fresh:
            fresh.sync()
        socket.sync()
        jump(0)
        goes_on(socket)
        frames = socket.frames("message.new")
    page = alice.messages(talk)["items"]
    assert sorted(message["content"] for message in page) == said
    times = [message["created_at"] for message in sorted(page, key=lambda message: message["seq"])]
    assert times == sorted(times) and [frame["payload"]["content"] for frame in frames] == said
    with bella.ws(resume=frames[1]["cursor"]) as resumed:
        resumed.expect("resumed")
        assert [frame["payload"]["content"] for frame in resumed.frames("message.new")] == said[2:]


# -- descriptors


def test_descriptors_that_are_used_up(running_stack):
    """Who is there is served, who comes is turned away or waits, the log says so once, and it ends with the need."""
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"websocket": {"heartbeat": 1}}, secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        address = urllib.parse.urlsplit(daemon.info["rest"])
        pid, before = daemon.process.pid, alerts.read(daemon)
        with alice.ws() as hers, bella.ws() as his, EventStream(bella) as stream:
            allowed = len(os.listdir(f"/proc/{pid}/fd")) + 8
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (allowed, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))
            idle = []
            for _ in range(40):
                idle.append(socket.create_connection((address.hostname, address.port), 10))
                with contextlib.suppress(ConnectionError):
                    idle[-1].sendall(b"GET /api/users/me HTTP/1.1\r\nHost: x\r\n")  # and no end of it
            wait_for("it has none left", lambda: "event=no-descriptor" in daemon.logged())
            silences = stream.comments
            for n in range(20):
                hers.message(talk, f"text {n}")
                his.expect("message.new", content=f"text {n}")
            wait_for("two seconds of its clock have passed", lambda: stream.comments >= silences + 2)
            assert daemon.logged().count("event=no-descriptor") <= 2
            with contextlib.suppress(ConnectionError):
                assert b" 503 " in idle[-1].recv(100), "who comes is told so, and does not wait"
            for one in idle:
                one.close()
            wait_for("it takes connections again", lambda: alice.request("GET", "/api/users/me").status == 200)
            assert contents(alice, talk) == [f"text {n}" for n in range(20)]
            hers.sync()
        found = metrics(daemon)
        assert found["trestle_descriptors_lacking_total"] > 0
        turns = found["trestle_loop_turn_seconds_count"] - alerts.samples(before)[0]["trestle_loop_turn_seconds_count", "{}"]
        assert turns < 3000, "it spins"
        assert "TrestleDescriptorsLacking" in alerts.firing(before, alerts.read(daemon))
        with alice.ws() as fresh:
            fresh.sync()


# -- disks


@contextlib.contextmanager
def small_disk(stack, megabytes):
    """A file system of so many MB in which the stack's PostgreSQL has a tablespace."""
    folder = Path(tempfile.mkdtemp(prefix="trestle-small-", dir="/tmp"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder], check=False, capture_output=True)
    if done.returncode != 0:
        folder.rmdir()
        pytest.skip(f"no disk that fills up: {done.stderr.decode().strip()}")
    shutil.chown(folder, "postgres", "postgres")
    folder.chmod(0o700)
    try:
        with database(stack, superuser=True) as query:
            query(f"CREATE TABLESPACE small LOCATION '{folder}'")
            query("GRANT CREATE ON TABLESPACE small TO PUBLIC")
            try:
                yield folder
            finally:
                query("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_a_disk_of_the_database_that_is_full(running_stack):
    """Sends fail with a clear error, reading works, nothing that was acknowledged is lost, and it goes on when there is room."""
    with small_disk(running_stack, 64) as folder, FakeXmpp() as server:
        daemon = Daemon(running_stack, server.port, secret=server.secret)
        daemon.migrate(tablespace="small")
        daemon.start()
        try:
            daemon.wait_ready()
            alice, bella = App(daemon, "alice"), App(daemon, "bella")
            talk = alice.conversation_with(participant_id=bella.me()["id"])
            acknowledged = [alice.send(talk, "before")["content"]]
            filler = folder / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 4096)
            refused = []
            for n in range(400):  # the last pages of the tables have room for some
                reply = alice.request("POST", f"/api/conversations/{talk['id']}/messages",
                                      {"content": f"{n} " + "long " * 400, "client_id": f"full-{n}"})
                if reply.status == 201:
                    acknowledged.append(reply.json["content"])
                    continue
                assert reply.status == 503 and reply.json["code"] == "unavailable" and "retry-after" in reply.headers, reply
                refused.append(f"full-{n}")
                if len(refused) == 3:
                    break
            assert len(refused) == 3, "the disk was not full"
            assert "sqlstate=53100" in daemon.logged()
            assert contents(alice, talk)[-1] == acknowledged[-1], "reading goes on"
            wait_for("nothing says that it is well", lambda: metrics(daemon)["trestle_archive_writable"] == 0)
            filler.unlink()
            wait_for("it writes again", lambda: metrics(daemon)["trestle_archive_writable"] == 1)
            acknowledged.append(alice.send(talk, "after", client_id=refused[0])["content"])
            found = [message["content"] for message in pages(alice, talk)]
            assert found == acknowledged, (len(found), len(acknowledged))
        finally:
            daemon.process.terminate()
            ended = daemon.process.wait(20)
            daemon.close()
        assert ended == 0
        shutil.rmtree(daemon.dir)


def pages(user, talk):
    """All messages, oldest first."""
    found, before = [], {}
    while True:
        page = user.messages(talk, limit=100, **before)
        found = page["items"] + found
        if not page["has_more"]:
            return found
        before = {"before": page["items"][0]["id"]}


def test_a_disk_of_the_log_that_is_full(running_stack, tmp_path):
    """What cannot be written is counted and said afterwards; messages do not wait for it."""
    folder = tmp_path / "log"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False, capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"no disk that fills up: {done.stderr.decode().strip()}")
    try:
        log = folder / "trestle.log"
        with FakeXmpp() as server, Daemon(running_stack, server.port, {"log": {"file": log, "level": "info"}},
                                          secret=server.secret) as daemon:
            server.wait_stream()
            alice, bella = App(daemon, "alice"), App(daemon, "bella")
            talk = alice.conversation_with(participant_id=bella.me()["id"])
            filler = folder / "filler"
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 1024)
            sent = 0
            with bella.ws() as socket:
                while metrics(daemon)["trestle_log_lines_lost_total"] == 0 and sent < 300:
                    alice.send(talk, f"text {sent}")
                    socket.expect("message.new", content=f"text {sent}")
                    sent += 1
            assert metrics(daemon)["trestle_log_lines_lost_total"] > 0, sent
            filler.unlink()
            with bella.ws():
                alice.send(talk, "there is room")
            wait_for("the log says what it has lost", lambda: "event=log-lines-lost" in log.read_text())
            assert len(pages(alice, talk)) == sent + 1
            assert not [line for line in log.read_text().splitlines() if not line.startswith("ts=")], "half a line"
    finally:
        subprocess.run(["umount", folder], check=True)
