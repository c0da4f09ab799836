# SPDX-License-Identifier: GPL-3.0-or-later
"""STUN and TURN servers for calls: what apps are told, with a real coturn, with one that has died, and with a
secret that is not the server's."""
import base64
import hashlib
import hmac
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness import alerts
from harness.coturn import Coturn
from harness.daemon import Daemon, free_port, run_trestle
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App
from harness.watch import metrics

pytestmark = pytest.mark.one_server


@pytest.fixture
def turn():
    with Coturn() as turn:
        yield turn


def servers(app):
    """(urls in order, policy) of what the app is told."""
    told = app.call(200, "GET", "/api/calls/ice-servers")
    return [url for server in told["ice_servers"] for url in server["urls"]], told["ice_transport_policy"]


def test_a_call_gets_credentials_of_its_own(stack, turn):
    options = {"calls": {"stun": turn.stun, "turn": turn.turn, "turn_secret": turn.secret}}
    with Daemon(stack, options=options) as daemon:
        told = [App(daemon, "alice").call(200, "GET", "/api/calls/ice-servers") for _ in range(2)]
        names = set()
        for reply in told:
            stun, relay = reply["ice_servers"]
            assert stun == {"urls": [turn.stun]} and relay["urls"] == [turn.turn]
            expiry, _, call = relay["username"].partition(":")
            assert 0 < int(expiry) - time.time() <= 600 and call
            assert datetime.fromisoformat(reply["expires_at"]).timestamp() == int(expiry)
            right = hmac.digest(turn.secret.encode(), relay["username"].encode(), hashlib.sha1)
            assert relay["credential"] == base64.b64encode(right).decode()
            names.add(relay["username"])
        assert len(names) == 2
        assert not any(turn.secret in text or told[0]["ice_servers"][1]["credential"] in text
                       for text in (daemon.logged(), str(told[1])))


def test_a_server_that_dies_leaves_the_list_until_it_is_back(stack, turn):
    dead, alive = (f"turn:127.0.0.1:{port}?transport=tcp" for port in (free_port(), turn.port))
    options = {"calls": {"turn": f"{dead} {alive}", "turn_secret": turn.secret, "probe_interval": 1}}
    with Daemon(stack, options=options) as daemon:
        alice = App(daemon, "alice")
        before = alerts.read(daemon)
        wait_for("the dead one to go", lambda: servers(alice)[0] == [alive])
        turn.kill()
        wait_for("the other to go", lambda: servers(alice)[0] == [])
        assert metrics(daemon)["trestle_ice_servers_failing"] == 2
        assert "TrestleIceServersFail" in alerts.firing(before, alerts.read(daemon))
        turn.start()
        wait_for("it to be back", lambda: servers(alice)[0] == [alive])
        log = daemon.logged()
        assert log.count("event=ice-server-failed") == 2 and log.count("event=ice-server-works") == 1
        assert "connection refused" in log and turn.secret not in log


def test_a_wrong_secret_is_found_before_a_call_does(stack, turn):
    options = {"calls": {"turn": turn.turn, "turn_secret": "another", "probe_interval": 1, "relay_only": "always"}}
    with Daemon(stack, options=options) as daemon:
        alice = App(daemon, "alice")
        wait_for("it to go", lambda: servers(alice) == ([], "relay"))
        assert "credentials are refused (401)" in daemon.logged()


def test_doctor_gathers_through_each(stack, turn):
    dead = f"turn:127.0.0.1:{free_port()}?transport=tcp"
    daemon = Daemon(stack, options={"calls": {"stun": turn.stun, "turn": f"{turn.turn} {dead}", "turn_secret": turn.secret}})

    def calls():
        status, text, error = run_trestle("doctor", "--config", daemon.config)
        assert turn.secret not in text + error
        return status, sorted(line.split(None, 2) for line in text.splitlines() if " calls " in line)
    status, lines = calls()
    assert status != 0 and lines == sorted([["ok", "calls", f"{turn.stun} works"], ["ok", "calls", f"{turn.turn} works"],
                                            ["FAIL", "calls", f"{dead}: connection refused"]])
    daemon.configure({"calls": {"turn": turn.turn, "turn_secret": "another"}})
    assert any(line[0] == "FAIL" and "401" in line[2] for line in calls()[1])
    # Nothing that was allocated for the trial is left.
    wait_for("the end of the allocation", lambda: "refreshed, realm=<example.org>" in turn.log() and "lifetime=0" in turn.log())


def test_what_the_xmpp_server_announces_comes_behind(stack, turn):
    until = (datetime.now(timezone.utc) + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with FakeXmpp() as server, Daemon(stack, server.port, {"calls": {"stun": turn.stun}}, secret="s3cret") as daemon:
        asked = server.expect("the question", lambda stanza: stanza.has("urn:xmpp:extdisco:2", "services"))
        server.send(f"<iq type='result' id='{asked.id}' from='example.org' to='{asked.sender}'>"
                    "<services xmlns='urn:xmpp:extdisco:2'>"
                    f"<service type='turn' host='127.0.0.1' port='{turn.port}' transport='udp' username='u' password='p' "
                    f"expires='{until}' restricted='1'/><service type='stun' host='127.0.0.1' port='{turn.port}'/>"
                    "<service type='ftp' host='127.0.0.1'/></services></iq>")
        alice = App(daemon, "alice")
        wait_for("it in the list", lambda: servers(alice)[0] == [turn.stun, turn.turn])
        told = alice.call(200, "GET", "/api/calls/ice-servers")
        assert told["ice_servers"][1] == {"urls": [turn.turn], "username": "u", "credential": "p"}
        assert datetime.fromisoformat(told["expires_at"]) <= datetime.fromisoformat(until)
        # Its credentials are wrong, which a trial finds.
        wait_for("it to go", lambda: servers(alice)[0] == [turn.stun])
