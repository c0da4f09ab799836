# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deadlock or a serialization failure undoes is tried again, three times; nobody hears of it unless it stays."""
import pytest

from harness.daemon import Daemon, psql
from harness.inbox import wait_for
from harness.rest import App

# A sequence is not rolled back: so many attempts fail, whatever became of their transactions.
VICTIM = """CREATE SEQUENCE attempts; CREATE TABLE failing (state text, times int); INSERT INTO failing VALUES ('40P01', 0);
CREATE FUNCTION fail() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('attempts') <= (SELECT times FROM failing) THEN
    RAISE EXCEPTION 'provoked' USING ERRCODE = (SELECT state FROM failing); END IF; END $$;
CREATE FUNCTION fail_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM fail(); RETURN NEW; END $$;
CREATE TRIGGER fail BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.body = 'victim') EXECUTE FUNCTION fail_row();"""


@pytest.fixture(scope="module")
def daemon(running_stack):
    with Daemon(running_stack) as bridge:
        psql(bridge.info["database"], VICTIM)
        yield bridge


def fail(daemon, state, times):
    psql(daemon.info["database"], f"UPDATE failing SET state = '{state}', times = {times}; ALTER SEQUENCE attempts RESTART")


def attempts(daemon):
    return int(psql(daemon.info["database"], "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM attempts"))


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_write_that_was_undone_is_written(daemon, state):
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    for before in ("first", "victim"):  # the long way, and the plain insert
        alice.send(talk, before)
        fail(daemon, state, 3)
        sent = alice.send(talk, "victim")
        assert attempts(daemon) == 4
        assert [m["id"] for m in alice.messages(talk)["items"]].count(sent["id"]) == 1
    fail(daemon, state, 4)
    reply = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "victim", "client_id": "never"})
    assert (reply.status, reply.json["code"], attempts(daemon)) == (503, "unavailable", 4)
    assert "never" not in {m["client_id"] for m in alice.messages(talk)["items"]}
    assert alice.send(talk, "after")["content"] == "after"


def test_a_read_that_was_undone_is_read(daemon):
    alice = App(daemon, "alice")
    alice.me()
    psql(daemon.info["database"], """ALTER FUNCTION privacy_get(uuid) RENAME TO privacy_got;
CREATE FUNCTION privacy_get(p_user uuid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM fail(); RETURN privacy_got(p_user)::text; END $$;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();""")
    fail(daemon, "40001", 0)
    wait_for("it has asked the new one", lambda: alice.request("GET", "/api/settings/privacy").status == 200 and attempts(daemon) >= 1)
    fail(daemon, "40001", 3)
    assert alice.call(200, "GET", "/api/settings/privacy")["messages"]
    assert attempts(daemon) == 4
    fail(daemon, "40001", 4)
    assert alice.request("GET", "/api/settings/privacy").status == 503
