# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as its operator meets it: subcommands, signals, clear messages, discreet logs."""
import base64
import json
import re
import shutil
import signal
import socket
import time
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from harness.daemon import Daemon, free_port, psql, run_trestle
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App, http_request
from harness.watch import metrics

pytestmark = pytest.mark.one_server


def test_check_config_says_what_is_wrong(stack, tmp_path):
    status, text, _ = run_trestle("check-config", "--config", stack.info["config"])
    assert status == 0 and "ok" in text
    good = open(stack.info["config"]).read()
    bad = {"domain=": ("[xmpp]\ndomain=", ""), "port": ("port=", "port=x"), "unknown": ("[http]", "[http]\nnonsense=1")}
    for word, (old, new) in bad.items():
        file = tmp_path / "bad.ini"
        file.write_text(good.replace(old, new, 1))
        status, _, text = run_trestle("check-config", "--config", file)
        assert status != 0 and text.startswith("trestle: "), (word, text)
        assert len(text.splitlines()) == 1 and str(file) in text, text
    assert run_trestle("check-config", "--config", tmp_path / "missing.ini")[0] != 0


def test_doctor_finds_a_running_stack_well(stack):
    status, text, error = run_trestle("doctor", "--config", stack.info["config"])
    secrets = (stack.info["component"]["secret"], stack.info["jwt"]["secret"], stack.info["database"].split(":")[2])
    assert not any(secret.partition("@")[0] in text + error for secret in secrets)
    lines = text.splitlines()
    assert len(lines) >= 6, text
    for part in ("database", "clock"):
        assert any(part in line.lower() and "ok" in line.lower() for line in lines), text


def test_doctor_names_the_broken_part(stack):
    with FakeXmpp(secret="right") as server:
        daemon = Daemon(stack, server.port, {"database": {"uri": "postgresql://nobody@127.0.0.1:1/none"}}, secret="wrong")
        status, text, _ = run_trestle("doctor", "--config", daemon.config)
        assert status != 0
        wrong = [line for line in text.splitlines() if "ok" not in line.lower().split()[:2]]
        assert any("database" in line for line in wrong) and any("link" in line or "secret" in line for line in wrong), text


def test_administrators_see_the_jobs(stack):
    def jobs(headers, query=""):
        return http_request(stack.info["rest"], "GET", f"/api/admin/jobs{query}", headers=headers)
    status, key, _ = run_trestle("token", "--config", stack.info["config"], "--server-key", "jobs", "--scopes", "admin")
    assert status == 0
    admin = {"Authorization": f"Bearer {key.strip()}"}
    kinds = {"reap.sessions", "reap.events", "reap.users", "reap.pictures", "table.sizes"}
    wait_for("a run of each job", lambda: kinds <= {job["kind"] for job in jobs(admin).json["items"]
                                                   if job["ran_at"] and not job["running"]})
    page = jobs(admin).json
    assert not any(job["failed"] for job in page["items"])
    first = jobs(admin, "?limit=1").json
    rest = jobs(admin, f"?after={quote(first['next'])}").json["items"]
    assert [job["kind"] for job in first["items"] + rest] == [job["kind"] for job in page["items"]]
    status, key, _ = run_trestle("token", "--config", stack.info["config"], "--server-key", "plain", "--scopes", "users")
    assert status == 0 and jobs({"Authorization": f"Bearer {key.strip()}"}).status == 403
    assert jobs(App(stack, "op-jobs").headers()).status == 403
    # Other tests start the bridge anew, and it counts its own runs.
    assert "trestle_jobs_run_total" in metrics(stack) and metrics(stack)["trestle_jobs_failing"] == 0
    assert metrics(stack)["trestle_rows_users"] >= 0
    for name in ("jobs", "plain"):
        run_trestle("token", "--config", stack.info["config"], "--revoke", name)


def test_help_token_and_migrate(stack):
    status, text, _ = run_trestle("--help-options")
    assert status == 0 and "stanza_max" in text and "resume_max" in text
    for option in ("--sample-config", "--man", "--man-config", "--version", "--help"):
        assert run_trestle(option)[0] == 0
    assert run_trestle("nonsense")[0] == 2 or run_trestle("nonsense")[0] == 64
    status, token, _ = run_trestle("token", "--config", stack.info["config"], "--sub", "op-1", "--name", "Op")
    reply = http_request(stack.info["rest"], "GET", "/api/users/me", headers={"Authorization": f"Bearer {token.strip()}"})
    assert status == 0 and reply.json["name"] == "Op"
    for _ in range(2):
        assert run_trestle("migrate", "--config", stack.info["config"])[0] == 0


def test_sigterm_drains_and_exits_with_zero(stack):
    with FakeXmpp() as server, Daemon(stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        with alice.ws() as socket, bella.ws() as other:
            for number in range(20):
                socket.send("message", str(number), conversation_id=talk["id"], content="x", client_id=str(number))
            socket.sync()
            assert daemon.terminate()[0] == 0
            for each in (socket, other):
                assert each.inbox.expect("the close", lambda f: not isinstance(f, dict)).code == 1001
            acked = {f["payload"]["message"]["id"] for f in socket.frames("ack")}
        daemon.start()
        daemon.wait_ready()
        assert acked <= {m["id"] for m in alice.messages(talk)["items"]}


def test_sighup_reads_the_log_options_again(stack):
    with FakeXmpp() as server, Daemon(stack, server.port, {"log": {"level": "info"}}, secret=server.secret) as daemon:
        server.wait_stream()
        alice = App(daemon, "alice")
        alice.me()
        assert "level=debug" not in daemon.logged()
        daemon.configure({"log": {"level": "debug", "areas": "http"}})
        daemon.process.send_signal(signal.SIGHUP)
        while "level=debug" not in daemon.logged():
            alice.me()
        assert set(re.findall("level=debug area=([a-z]+)", daemon.logged())) == {"http"}
        assert daemon.process.poll() is None


def test_a_service_manager_is_told(stack, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)

        def told(what):
            while what not in (seen := manager.recv(4096).decode()):
                assert "READY" not in seen or what != "WATCHDOG=1", seen
            return seen
        daemon = Daemon(stack)
        daemon.migrate()
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "150000")
        daemon.start()
        try:
            told("READY=1")
            assert "link down" in told("WATCHDOG=1"), "it is fed while the server is away"
            daemon.process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in told("RELOADING=1")
            told("READY=1")
            daemon.process.terminate()
            told("STOPPING=1")
            assert daemon.process.wait(20) == 0
        finally:
            daemon.close()
            shutil.rmtree(daemon.dir)


def test_sighup_reads_the_keys_of_tokens_again(stack):
    with FakeXmpp() as server, Daemon(stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()

        def renew(key, said):
            seen = daemon.logged().count(said)
            daemon.configure({"auth": {"key": key}})
            daemon.process.send_signal(signal.SIGHUP)
            while daemon.logged().count(said) == seen:
                assert daemon.process.poll() is None, daemon.logged()
                time.sleep(0.02)
        alice = App(daemon, "alice")
        with alice.ws() as socket:
            renew("too short", "event=reload-failed")
            assert "event=log-reloaded" in daemon.logged(), "whoever rotates the log does not wait for the keys"
            socket.sync()
            assert alice.me()["username"] == "alice", "the old key stays"
            daemon.info["jwt"]["secret"] = "another secret, which is long enough"
            renew(daemon.info["jwt"]["secret"], "event=keys-read")
            end = socket.inbox.expect("the close", lambda frame: not isinstance(frame, dict))
            assert (end.code, end.reason) == (4401, "sign in again")
        assert alice.request("GET", "/api/users/me").status == 401, "what the old key has signed is over, remembered or not"
        assert App(daemon, "alice").me()["username"] == "alice"


# Of RFC 7515 appendix A.3; the other is no point of its curve, but that is not looked at.
P256 = {"kty": "EC", "crv": "P-256", "kid": "good", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}
P384 = {"kty": "EC", "crv": "P-384", "kid": "larger", "x": "A" * 64, "y": "A" * 64}
NO_KEYS = {"no JSON": ("{", "is not JSON"), "no set": ("[]", 'has no list "keys"'), "empty": ({"keys": []}, "has no key"),
           "another curve": ({"keys": [P384]}, "(kid 'larger') is on another curve"),
           "another kind": ({"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB"}]}, "key 1 is no EC key"),
           "malformed": ({"keys": [{**P256, "x": "AA"}]}, "(kid 'good') is malformed"),
           "for something else": ({"keys": [{**P256, "use": "enc"}]}, "(kid 'good') is not for signatures")}


def test_the_commands_read_keys_as_the_daemon_does(stack, tmp_path):
    file = tmp_path / "jwks.json"
    daemon = Daemon(stack, options={"auth": {"key": None, "algorithm": "ES256", "jwks_file": file}})
    for what, (text, said) in NO_KEYS.items():
        file.write_text(text if isinstance(text, str) else json.dumps(text))
        for command in ("serve", "check-config", "doctor"):
            status, out, error = run_trestle(command, "--config", daemon.config)
            assert status == 1 and said in out + error, (what, command, out, error)
    file.write_text(json.dumps({"keys": [P384, P256]}))
    status, out, error = run_trestle("check-config", "--config", daemon.config)
    assert status == 0 and "left out: jwks_file: key 1 (kid 'larger')" in error, error
    assert "1 good for ES256" in run_trestle("doctor", "--config", daemon.config)[1]
    daemon.start()
    try:
        wait_logged(daemon, "event=started")
        assert "event=key-left-out key=\"jwks_file: key 1 (kid 'larger')" in daemon.logged()
    finally:
        daemon.close()
        shutil.rmtree(daemon.dir)


class SigningKey:
    """A P-256 key: `token()` signs by it, `public()` is its entry in a JWK set."""

    def __init__(self, kid):
        self.key, self.kid = ec.generate_private_key(ec.SECP256R1()), kid

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "kid": self.kid,
                **{name: base64url(getattr(numbers, name).to_bytes(32, "big")) for name in "xy"}}

    def token(self, daemon, sub):
        claims = {"sub": sub, "exp": int(time.time()) + 600, "iat": int(time.time()), "iss": daemon.info["jwt"]["issuer"],
                  "aud": daemon.info["jwt"]["audience"]}
        text = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": self.kid}, claims))
        pair = utils.decode_dss_signature(self.key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return text + "." + base64url(b"".join(number.to_bytes(32, "big") for number in pair))


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_rotated_jwk_set_is_read_again(stack, tmp_path):
    """As the manual says: the new key beside the old one, then without it. A file that cannot be used changes nothing."""
    old, new = SigningKey("old"), SigningKey("new")
    file = tmp_path / "jwks.json"

    def publish(*keys, said="event=keys-read"):
        seen = daemon.logged().count(said)
        file.write_text(json.dumps({"keys": [key.public() for key in keys]}))
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the keys are read", lambda: daemon.logged().count(said) > seen)

    def status(key, sub):
        return http_request(daemon.info["rest"], "GET", "/api/users/me",
                            headers={"Authorization": f"Bearer {key.token(daemon, sub)}"}).status
    file.write_text(json.dumps({"keys": [old.public()]}))
    with FakeXmpp() as server, Daemon(stack, server.port, {"auth": {"key": None, "algorithm": "ES256", "jwks_file": file}},
                                      secret=server.secret) as daemon:
        server.wait_stream()
        pid = daemon.process.pid
        assert (status(old, "alice"), status(new, "dora")) == (200, 401)
        publish(old, new)
        assert (status(old, "alice"), status(new, "dora")) == (200, 200)
        publish(said="event=keys-kept")
        assert (status(old, "alice"), status(new, "dora")) == (200, 200), "an empty set is not used"
        publish(new)
        assert (status(old, "alice"), status(new, "dora")) == (401, 200)
        assert daemon.process.pid == pid and daemon.process.poll() is None


def test_a_wrong_component_secret_is_said_clearly(stack):
    with FakeXmpp(secret="right") as server, Daemon(stack, server.port, secret="wrong-secret") as daemon:
        wait_logged(daemon, "area=link")
        assert http_request(daemon.info["admin"], "GET", "/readyz").json["parts"] == {"database": "up", "link": "down"}
        assert App(daemon, "alice").me()["kind"] == "hosted"
        assert "wrong-secret" not in daemon.logged()


def wait_logged(daemon, text):
    while text not in daemon.logged():
        assert daemon.process.poll() is None, daemon.logged()
        time.sleep(0.02)


@pytest.mark.parametrize("uri", ["postgresql://nobody@127.0.0.1:1/none", "a database that is not there"])
def test_a_wrong_database_is_said_clearly(stack, uri):
    wrong = Daemon(stack)
    if " " not in uri:
        wrong.configure({"database": {"uri": uri}})
    try:
        wrong.start()
        wait_logged(wrong, "area=archive")
        line = next(row for row in wrong.logged().splitlines() if "area=archive" in row)
        assert "level=warning" in line or "level=error" in line
        assert http_request(wrong.info["admin"], "GET", "/readyz").status == 503
        reply = App(wrong, "alice").request("GET", "/api/users/me")
        assert (reply.status, reply.json["code"], reply.headers["retry-after"]) == (503, "unavailable", "1")
        assert wrong.terminate()[0] == 0
    finally:
        wrong.close()
        shutil.rmtree(wrong.dir)


def test_an_outage_is_not_logged_over_and_over(stack):
    """A database that hangs up on everybody: all connections try, and one line tells."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        wrong = Daemon(stack, options={"database": {"uri": f"postgresql://nobody@127.0.0.1:{port}/none"}})
        wrong.start()
        try:
            for _ in range(30):
                server.accept()[0].close()
            assert wrong.logged().count("event=database-lost") == 1, wrong.logged()
        finally:
            wrong.close()
            shutil.rmtree(wrong.dir)


def test_missing_tables_are_said_once_and_mended_without_a_restart(stack):
    daemon = Daemon(stack)
    try:
        psql(stack.info["database"], f"CREATE DATABASE {daemon.database}")
        daemon.start()
        wait_logged(daemon, "event=prepare-failed")
        assert "run 'trestle migrate'" in run_trestle("doctor", "--config", daemon.config)[1]
        assert run_trestle("migrate", "--config", daemon.config)[0] == 0
        daemon.wait_ready(link=False)
        reasons = re.findall('event=prepare-failed .*(reason=.*)', daemon.logged())
        assert len(reasons) == len(set(reasons)) and "run trestle migrate" in reasons[0], reasons
    finally:
        daemon.close()
        shutil.rmtree(daemon.dir)


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config", "doctor", "token"])
@pytest.mark.parametrize("uri", ["postgresql://u:sesame%@127.0.0.1/x", "postgresql://u:sesame/b@127.0.0.1/x",
                                 "postgresql://u@127.0.0.1/x?sesame=1"])
def test_a_uri_that_libpq_cannot_read_is_not_quoted(stack, command, uri):
    daemon = Daemon(stack, options={"database": {"uri": uri}})
    words = ["--sub", "x"] if command == "token" else []
    status, text, error = run_trestle(command, "--config", daemon.config, *words)
    assert status == 1 and "percent-encoded" in text + error and "sesame" not in text + error, text + error
    shutil.rmtree(daemon.dir)


@pytest.mark.parametrize("encoding, said", [("SQL_ASCII", "FAIL  database"), ("UTF8", "warn  locale")])
def test_a_database_that_is_not_fit_is_told_before_it_is_filled(stack, encoding, said):
    daemon = Daemon(stack)
    try:
        psql(stack.info["database"], f"CREATE DATABASE {daemon.database} ENCODING '{encoding}' LOCALE 'C' "
             "TEMPLATE template0")
        status, _, error = run_trestle("migrate", "--config", daemon.config)
        assert (status == 0) == (encoding == "UTF8"), error
        assert status == 0 or "its encoding is SQL_ASCII" in error
        assert said in run_trestle("doctor", "--config", daemon.config)[1]
    finally:
        daemon.close()
        shutil.rmtree(daemon.dir)


def test_a_missing_configuration_says_where_one_comes_from(tmp_path):
    for command in ("serve", "doctor", "check-config"):
        status, text, error = run_trestle(command, "--config", tmp_path / "trestle.ini")
        assert status == 1 and "trestle --sample-config" in text + error


def test_a_port_in_use_is_said_and_ends_the_program(stack):
    with Daemon(stack) as first:
        second = Daemon(stack, options={"http": {"port": first.settings["http"]["port"], "admin_port": free_port()}})
        second.settings["database"]["uri"] = first.info["database"]
        second.configure({})
        status, _, text = run_trestle("serve", "--config", second.config)
        assert status != 0 and str(first.settings["http"]["port"]) in text, text


def test_the_logs_tell_no_secrets(stack, app, xmpp):
    """Runs a conversation and looks at all that the session's bridges have logged so far."""
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    body = "VERY-PRIVATE-BODY"
    with alice.ws() as socket:
        alice.send(talk, body)
        bob.expect_message(body)
        bob.send_message(alice.me()["jid"], body + "-BACK")
        socket.expect("message.new", content=body + "-BACK")
        alice.send(talk, "\0" + body, status=422)
    alice.request("GET", "/api/users/me", headers={"Authorization": "Bearer x" + alice.token})
    lines = [line for name, text in stack.logs_since({}, 10**9).items() if name.startswith("bridge") for line in text]
    told = "\n".join(lines)
    info = stack.info
    for secret in (body, alice.token, info["component"]["secret"], info["jwt"]["secret"], info["server_key"],
                   info["database"].split(":")[2].partition("@")[0], "@example.org", "@" + stack.app_domain):
        assert secret not in told, [line for line in lines if secret in line][:3]
    assert not re.search(r"\beyJ[\w-]+\.", told)
    # The operator's own database may be named: libpq's reasons do.
    strangers = [line for line in lines if "area=archive" not in line
                 and re.search(r"(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])", line)]
    assert strangers == []
