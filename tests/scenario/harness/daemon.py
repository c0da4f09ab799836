# SPDX-License-Identifier: GPL-3.0-or-later
"""A bridge of its own beside the stack's: own options, own database in the stack's PostgreSQL, own or
fake XMPP server. For tests that need other limits or break things."""
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

from .inbox import DEADLINE
from .rest import http_request
from .stack import TOP, reports_in


def program():
    return str(Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "trestle")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def psql(uri, statement, must=True):
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", uri], text=True,
                          input=statement, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0 or not must, done.stderr
    return done.stdout.strip()


def run_trestle(*words, timeout=60):
    """One run of the program: (status, standard output, standard error)."""
    done = subprocess.run([program(), *map(str, words)], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


_templates = {}  # URI of a stack's database → the name of one that was migrated, to be copied


class Daemon:
    """`with Daemon(stack, xmpp_port, {"websocket": {"resume_max": 10}}) as bridge:` serves.

    It looks like a stack to App and Socket: `info` has rest, ws, admin and jwt. Option None: leave it out.
    """

    app_domain = "app.example.org"

    def __init__(self, stack, xmpp_port=None, options=None, server_domain="example.org", secret=None, environment=None):
        self.dir = Path(tempfile.mkdtemp(prefix="trestle-daemon-"))
        self.environment = environment or {}
        self.secret = secret or secrets.token_hex(16)
        self.database = f"t_{uuid.uuid4().hex[:12]}"
        self._stack_uri = stack.info["database"]
        uri = self._stack_uri.rpartition("/")[0] + "/" + self.database
        port, admin = free_port(), free_port()
        jwt = {"alg": "HS256", "secret": secrets.token_hex(32), "issuer": "daemon", "audience": "trestle"}
        self.info = {"rest": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}/ws",
                     "admin": f"http://127.0.0.1:{admin}", "database": uri, "jwt": jwt}
        self.settings = {
            "xmpp": {"domain": self.app_domain, "server_domain": server_domain,
                     "port": xmpp_port or free_port(), "secret": self.secret, "rooms_domain": ""},
            "database": {"uri": uri}, "http": {"port": port, "admin_port": admin},
            # Tests send as fast as they can; those of the limits set their own.
            "limits": {name: 0 for name in ("requests", "messages", "strangers", "conversations", "search",
                                            "uploads", "upload_parts", "downloads", "unlocks", "typing", "frames", "server", "signin", "calls", "calls_peer", "signals", "xmpp_messages",
                                            "xmpp_stanzas", "xmpp_archive", "xmpp_room", "xmpp_invitations", "xmpp_domain")},
            "auth": {"key": jwt["secret"], "issuer": jwt["issuer"], "audience": jwt["audience"]}}
        self.process, self.before = None, []  # before: words of a command that runs it
        self.configure(options or {})

    def configure(self, options):
        for section, changes in options.items():
            self.settings.setdefault(section, {}).update(changes)
        lines = []
        for section, values in self.settings.items():
            lines += [f"[{section}]", *(f"{k}={v}" for k, v in values.items() if v is not None)]
        self.config = self.dir / "trestle.ini"
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join(lines) + "\n")

    def migrate(self, tablespace=None):
        """The first of a stack is migrated by the program; the others are copies of it, with a log of their own."""
        where = f" TABLESPACE {tablespace}" if tablespace else ""
        template = _templates.get(self._stack_uri)
        if template and psql(self._stack_uri, f"CREATE DATABASE {self.database} TEMPLATE {template}{where}; SELECT 'made'", must=False):
            psql(self.info["database"], "UPDATE log_head SET epoch = substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)")
            return
        psql(self._stack_uri, f"CREATE DATABASE {self.database}{where}")
        status, _, text = run_trestle("migrate", "--config", self.config)
        assert status == 0, text
        template = f"{self.database}_template"
        if psql(self._stack_uri, f"CREATE DATABASE {template} TEMPLATE {self.database}; SELECT 'made'", must=False):
            _templates[self._stack_uri] = template

    def start(self):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([*self.before, program(), "serve", "--config", self.config],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**os.environ, **self.environment})

    def wait_ready(self, link=True):
        deadline = time.monotonic() + DEADLINE
        wanted = {"database", "link"} if link else {"database"}
        while True:
            assert self.process.poll() is None, f"the daemon ended:\n{self.logged()}"
            try:
                reply = http_request(self.info["admin"], "GET", "/readyz")
                if wanted <= {part for part, state in reply.json["parts"].items() if state == "up"}:
                    return self
            except OSError:
                reply = None
            assert time.monotonic() < deadline, f"not ready: {reply}\n{self.logged()}"
            time.sleep(0.05)

    def logged(self):
        return (self.dir / "log").read_text(errors="replace")

    def pids(self):
        return {"bridge.0": self.process.pid}

    def terminate(self, timeout=DEADLINE):
        """SIGTERM; (exit status, seconds it took)."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout), time.monotonic() - began

    def __enter__(self):
        try:
            self.migrate()
            self.start()
            return self.wait_ready(link=False)
        except BaseException:
            self.close()
            raise

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        # Vacuum may be at work in it; then it goes with the stack.
        psql(self._stack_uri, f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)", must=False)

    def __exit__(self, *failure):
        if failure[0] and self.process:
            print(f"log of the daemon:\n{self.logged()[-6000:]}")
        ended = self.process.poll()
        self.close()
        reports = reports_in(self.logged().splitlines())
        assert not reports, reports
        assert ended in (None, 0), f"the daemon ended with status {ended}; see {self.dir}"
        if not failure[0]:
            shutil.rmtree(self.dir)
