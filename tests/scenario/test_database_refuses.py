# SPDX-License-Identifier: GPL-3.0-or-later
"""The database is there and takes no writes: nothing says that all is well, and it ends by itself."""
import contextlib
import uuid

import psycopg2
import pytest
from harness import fault
from harness.daemon import run_trestle
from harness.database import database
from harness.rest import http_request

pytestmark = pytest.mark.one_server

NOTICED = 20  # seconds: the watchdog looks every five, and waits two for a lock


def doctor(stack):
    """(exit status, the line about writing)."""
    status, text, _ = run_trestle("doctor", "--config", stack.info["config"])
    return status, next(line for line in text.splitlines() if " writing " in line)


def says_down(stack):
    """Every answer to "is it well" says no."""
    fault.wait_for("the bridge noticed", lambda: fault.part_is(stack, "database", "down"), NOTICED)
    assert fault.admin(stack, "/readyz")[0] == 503
    assert fault.metric(stack, "trestle_archive_writable") == 0
    status, line = doctor(stack)
    assert status != 0 and line.startswith("FAIL"), line


def says_up(stack):
    fault.wait_ready(stack, NOTICED)
    assert fault.metric(stack, "trestle_archive_writable") == 1
    assert doctor(stack)[1].startswith("ok")


@contextlib.contextmanager
def read_only(stack):
    """The server's default, which holds at once for the sessions that there are."""
    with database(stack, superuser=True) as query:
        query("ALTER SYSTEM SET default_transaction_read_only = on")
        query("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            query("SET default_transaction_read_only = off")
            query("ALTER SYSTEM RESET default_transaction_read_only")
            query("SELECT pg_reload_conf()")


@contextlib.contextmanager
def locked(stack):
    connection = psycopg2.connect(stack.info["database"])
    try:
        connection.cursor().execute("LOCK TABLE messages IN SHARE MODE")
        yield
    finally:
        connection.close()


@contextlib.contextmanager
def no_room(stack):
    """The watchdog's file may not grow, as on a full disk."""
    with database(stack, superuser=True) as query:
        query("ALTER SYSTEM SET temp_file_limit = '64kB'")
        query("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            query("ALTER SYSTEM RESET temp_file_limit")
            query("SELECT pg_reload_conf()")


@contextlib.contextmanager
def no_standby(stack):
    """Commits wait for a synchronous standby that is not there; what is rolled back does not."""
    with database(stack, superuser=True) as query:
        query("SET synchronous_commit = local")
        query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        query("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            query("ALTER SYSTEM RESET synchronous_standby_names")
            query("SELECT pg_reload_conf()")


@pytest.mark.parametrize("refusal", (read_only, locked, no_room, no_standby))
def test_nothing_says_ready_while_writes_are_refused(stack, refusal):
    """Nobody writes meanwhile."""
    fault.wait_ready(stack)
    with refusal(stack):
        says_down(stack)
    says_up(stack)


def test_sessions_that_may_not_write_are_left(stack, app):
    """A write finds it at once; afterwards all connections can write again, without a restart."""
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    stored = []

    def refused():
        body = str(uuid.uuid4())
        reply = http_request(alice.rest, "POST", f"/api/conversations/{talk['id']}/messages",
                             {"content": body, "client_id": body}, alice.headers())
        if reply.status == 201:  # the setting had not reached the session yet
            stored.append(body)
            return False
        assert (reply.status, reply.json["code"]) == (503, "unavailable")
        return True

    with read_only(stack):
        fault.wait_for("a message is refused", refused)
        fault.wait_for("the bridge noticed", lambda: fault.part_is(stack, "database", "down"), NOTICED)
    fault.wait_ready(stack, NOTICED)
    alice.send(talk, "yes")
    for n in range(8):  # signing in writes by the reading connections
        app(f"somebody-{n}").me()
    assert {m["content"] for m in alice.messages(talk)["items"]} == {*stored, "yes"}
