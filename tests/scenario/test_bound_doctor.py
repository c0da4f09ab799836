# SPDX-License-Identifier: GPL-3.0-or-later
"""What `trestle doctor` finds about accounts of other servers, and how passwords are tried there: each fault with its mend."""
import contextlib
import shutil
import socket
import threading

import pytest

from conftest import stack_of
from harness.daemon import Daemon, free_port, psql, run_trestle
from harness.fake_host import FakeHost
from harness.inbox import wait_for
from harness.rest import Api, http_request
from harness.starttls import StartTls

PLAIN = b"PLAIN"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


def doctor(config):
    """Part → its lines, each with its verdict first."""
    _, text, error = run_trestle("doctor", "--config", config)
    assert not error, error
    found = {}
    for line in text.splitlines():
        found.setdefault(line[6:19].strip(), []).append(f"{line[:4].strip()} {line[21:]}")
    return found


def host_of(bridge):
    """What the bridge that runs was told by its host."""
    return http_request(bridge.info["admin"], "GET", "/hosts").json["hosts"][0]


@contextlib.contextmanager
def configured(stack, bound=None, xmpp_port=None, **more):
    """A daemon that does not run, with accounts of example.org."""
    daemon = Daemon(stack, xmpp_port, {"bound": {"hosts": "example.org", "login_timeout": 4, **(bound or {})}}, **more)
    try:
        yield daemon
    finally:
        shutil.rmtree(daemon.dir)


# ---- The module and the archive, told by the host

def test_a_running_stack_is_found_well(stack):
    wait_for("the archive is there", lambda: host_of(stack).get("archive_problem") == "")
    found = doctor(stack.info["config"])
    assert found["module"] == [f"ok example.org: {stack.server}, mod_trestle 0.1.0, may bind the accounts of its rule"]
    assert found["archive"] == ["ok example.org has signed in, and reads and writes it"]
    assert found["archives"] and all(line.startswith("ok ") for line in found["archives"]), found
    assert found["sign-in"][0].startswith("ok example.org checks passwords, by loopback without TLS"), found


HELLOS = [
    ({"hello": False}, "module", "FAIL example.org has no mod_trestle"),
    ({"refusal": "forbidden"}, "module", "FAIL mod_trestle of example.org is for another component"),
    ({"refusal": "feature-not-implemented"}, "module", "FAIL mod_trestle of example.org is of another version"),
    ({"refusal": "remote-server-not-found"}, "module", "FAIL example.org answers with remote-server-not-found"),
    ({"more": "users='none'"}, "module", "FAIL example.org has mod_trestle, but it may bind nobody"),
    ({"has": ("uid",)}, "module", "FAIL mod_trestle of example.org does not bind"),
    ({"more": "plugin='9.9'"}, "module", "warn example.org: the server has mod_trestle 9.9"),
    ({"archive": "other"}, "archive", "warn example.org keeps its archive elsewhere"),
    ({"more": "archive-problem='no &lt;such&gt; role'"}, "archive",
     "FAIL example.org cannot use the archive, messages wait in its spool: no <such> role; see trestle_sql"),
    ({"more": "archive-waiting='4711'"}, "archive", "warn example.org reads and writes it, and 4711 bytes wait"),
]


@pytest.mark.parametrize("how, part, said", HELLOS, ids=[said for _, _, said in HELLOS])
def test_what_a_host_says_is_explained(stack, how, part, said):
    with FakeHost() as host:
        for name, value in how.items():
            setattr(host, name, value)
        with configured(stack, xmpp_port=host.port, secret=host.secret) as daemon:
            assert doctor(daemon.config)[part][0].startswith(said)


@pytest.mark.parametrize("needs", [{"login_by": "module"}, {"login_claim": "sub", "login_domain": "example.org"}])
def test_a_module_that_cannot_be_asked_who_may_sign_in(stack, needs):
    with FakeHost() as host:
        for host.has, said in ((("bind",), "FAIL mod_trestle of example.org cannot be asked"), (("bind", "login"), "ok example.org")):
            with configured(stack, needs, xmpp_port=host.port, secret=host.secret) as daemon:
                found = doctor(daemon.config)
                assert found["module"][0].startswith(said)
                if "login_by" in needs:
                    assert found["sign-in"] == ["ok passwords are tried by mod_trestle"]


def test_the_daemon_that_runs_is_asked_what_it_was_told(stack):
    with FakeHost() as host:
        host.more = "users='none' plugin='0.1.0' server='prosody'"
        with Daemon(stack, host.port, {"bound": {"hosts": "example.org"}}, secret=host.secret) as daemon:
            daemon.wait_ready()
            wait_for("it is told", lambda: host_of(daemon)["state"] == "up")
            assert host_of(daemon)["host"] == "example.org" and host_of(daemon)["users"] == "none"
            assert doctor(daemon.config)["module"][0].startswith("FAIL example.org has mod_trestle, but it may bind nobody")


def test_a_role_that_may_not_keep_the_archive(stack):
    """The server says so of its own driver, and nothing that is said meanwhile is lost."""
    config, uri = stack.info["config"], stack.info["database"]
    role = psql(uri, "SELECT role FROM mam_roles WHERE host = 'example.org'")
    tried = psql(uri, "SELECT pg_get_functiondef('mam_try(text)'::regprocedure)")
    psql(uri, f"SELECT mam_forbid('{role}', 'example.org')")
    try:
        assert "no role keeps the archives of example.org" in doctor(config)["archives"][0]
        stack.restart("xmpp")
        wait_for("the driver says why", lambda: "keeps no archive" in host_of(stack).get("archive_problem", ""))
        assert "keeps no archive of example.org: SELECT mam_allow" in doctor(config)["archive"][0]
        # What PostgreSQL says is long, in any language, and stands in XML all the same.
        psql(uri, "CREATE OR REPLACE FUNCTION mam_try(p_host text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS "
                  "$$ BEGIN RAISE EXCEPTION USING MESSAGE = 'nö' || chr(10) || 'x' || repeat('ä', 300); END $$")
        stack.restart("xmpp")
        wait_for("the driver says that", lambda: "nö xää" in host_of(stack).get("archive_problem", ""))
    finally:
        psql(uri, tried)
        psql(uri, f"SELECT mam_allow('{role}', 'example.org')")
    stack.restart("xmpp")
    wait_for("all is well", lambda: host_of(stack).get("archive_problem") == "")


# ---- Passwords

def login_servers(port):
    return {"login_servers": f"example.org=127.0.0.1:{port}"}


class Listener:
    """A server for clients that says what it is told to, and notes what it heard."""

    def __init__(self, *answers):
        self.heard, self._answers = b"", list(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                answers = list(self._answers)
                with connection, contextlib.suppress(OSError):
                    while data := connection.recv(65536):
                        self.heard += data
                        if answers:
                            connection.sendall(answers.pop(0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def features(inside):
    return ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='example.org' "
            f"id='x' version='1.0'><stream:features>{inside}</stream:features>").encode()


def mechanisms(*names):
    return f"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{''.join(f'<mechanism>{name}</mechanism>' for name in names)}</mechanisms>"


STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
REFUSED_TLS = b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"
STRANGE = [
    ("offers passwords in clear", [features(mechanisms("PLAIN"))], {}, "no TLS; enable it"),
    ("takes TLS back", [features(STARTTLS + mechanisms("PLAIN")), REFUSED_TLS], {}, "no TLS; enable it"),
    ("breaks TLS off", [features(STARTTLS), b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"no TLS at all"], {}, "no TLS; enable it"),
    ("has no mechanism", [features(mechanisms("X-OURS"))], {"login_tls": "none"}, "no mechanism that trestle-login knows"),
    ("ends the stream", [features("").replace(b"<stream:features></stream:features>", b"<stream:error><host-unknown xmlns="
                                              b"'urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")], {},
     "the server ends the stream"),
    ("says nothing", [], {}, "no answer in [bound] login_timeout"),
]


@pytest.mark.parametrize("answers, options, said", [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE])
def test_a_server_for_clients_that(stack, answers, options, said):
    with Listener(*answers) as server, configured(stack, {**login_servers(server.port), **options}) as daemon:
        line = doctor(daemon.config)["sign-in"][0]
        assert line.startswith("FAIL passwords of example.org cannot be tried: ") and said in line, line
        assert b"<auth" not in server.heard, "no password goes to such a server"


def test_a_server_for_clients_that_is_not_there(stack):
    with configured(stack, login_servers(free_port())) as daemon:
        assert "its port for clients cannot be reached" in doctor(daemon.config)["sign-in"][0]


CERTIFICATES = [("of an unknown authority", {}, False, "self"), ("for another name", {"name": "example.com"}, True, "it is for /CN=example.com"),
                ("expired", {"expired": True}, True, "expired")]


@pytest.mark.parametrize("certificate, trusted, said", [row[1:] for row in CERTIFICATES], ids=[row[0] for row in CERTIFICATES])
def test_a_certificate(stack, tmp_path, certificate, trusted, said):
    with StartTls(stack.info["c2s"], tmp_path, "127.0.0.1", 0, **certificate) as front:
        options = {**login_servers(front.port), **({"login_ca": tmp_path / "tls.crt"} if trusted else {})}
        with configured(stack, options) as daemon:
            line = doctor(daemon.config)["sign-in"][0]
            assert "its certificate is refused" in line and said in line, line
            daemon.migrate()
            daemon.start()
            try:
                daemon.wait_ready(link=False)
                account = stack.account("bob")
                reply = Api(daemon).request("POST", "/api/session", {"jid": account["jid"], "password": account["password"]})
                assert (reply.status, reply.json["code"]) == (503, "unavailable")
                assert "event=login-failed host=example.org reason=certificate" in daemon.logged()
            finally:
                daemon.close()


def test_a_good_certificate_and_scram(stack, tmp_path):
    with StartTls(stack.info["c2s"], tmp_path, "127.0.0.1", 0) as front:
        with Daemon(stack, None, {"bound": {"hosts": "example.org", "login_ca": tmp_path / "tls.crt", **login_servers(front.port)}}) as daemon:
            assert doctor(daemon.config)["sign-in"][0].startswith("ok example.org checks passwords, by TLS with a good certificate and SCRAM-SHA-")
            account = stack.account("bob")
            for password, status in ((account["password"], 201), ("wrong", 401)):
                reply = Api(daemon).request("POST", "/api/session", {"jid": account["jid"], "password": password})
                assert reply.status == status, reply
            assert "verdict=right mechanism=SCRAM-SHA-" in daemon.logged()


@pytest.mark.parametrize("server", ["", "example.org=192.0.2.1:5222", "example.org=127.evil.example:5222", "other.example=127.0.0.1:5222"])
def test_without_tls_there_is_loopback_only(stack, server):
    with configured(stack, {"login_tls": "none", "login_servers": server}) as daemon:
        status, text, error = run_trestle("check-config", "--config", daemon.config)
        assert status == 1 and "[bound] login_tls" in text + error and "loopback" in text + error
