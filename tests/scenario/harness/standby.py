# SPDX-License-Identifier: GPL-3.0-or-later
"""A standby of the stack's PostgreSQL, that can be promoted while the primary dies."""
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.parse
from pathlib import Path

import psycopg2

from .fault import wait_for

SLOW = 60  # seconds for a server to start or to be promoted


class Standby:
    """`with Standby(stack) as standby:` the bridges know both servers, and use the one that may be written.

    `replica`: the bridges write to the primary alone, and read from the standby. `synchronous`: a commit of the primary waits for the standby. `cut()`: nothing is replicated any more, as over a
    broken line. `promote()`: the primary is killed, the standby becomes one. Afterwards the stack is as it was.
    """

    def __init__(self, stack, synchronous=False, replica=False):
        self.stack, self.synchronous, self.replica = stack, synchronous, replica
        self.home = Path(stack.dir) / "standby"
        self.primary = urllib.parse.urlsplit(stack.info["database"])
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process = None
        password = json.loads((Path(stack.dir) / "state.json").read_text())["secrets"]["postgres"]
        self.admin = {"user": "postgres", "password": password, "host": "127.0.0.1"}
        hosts = f"127.0.0.1:{self.primary.port},127.0.0.1:{self.port}"
        self.uri = self.primary._replace(
            netloc=f"{self.primary.username}:{self.primary.password}@{hosts}",
            query="target_session_attrs=read-write").geturl()
        self.own_uri = self.primary._replace(
            netloc=f"{self.primary.username}:{self.primary.password}@127.0.0.1:{self.port}").geturl()

    def __enter__(self):
        try:
            self.copy()
            self.start()
            if self.synchronous:
                self.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
            self.stack.configure("database", {"read_uri": self.own_uri} if self.replica else {"uri": self.uri})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stack.info["database"] = self.primary.geturl()
        self.kill()
        if "postgres" in self.stack.dead():
            self.stack.restart("postgres")
        self.on_primary("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        self.stack.configure("database", {})
        shutil.rmtree(self.home, ignore_errors=True)

    # -- its making

    def program(self, name):
        running = os.readlink(f"/proc/{self.stack.pids()['postgres']}/exe")
        return str(Path(running).parent / name)

    def run(self, *words):
        """PostgreSQL refuses to be root."""
        who = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.Popen(list(map(str, words)), cwd="/", stdout=self.log, stderr=self.log,
                                env={"PATH": os.environ["PATH"], "PGPASSWORD": self.admin["password"]}, **who)

    def copy(self):
        self.home.mkdir(mode=0o700)
        self.log = (Path(self.stack.dir) / "standby.log").open("ab")
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres", "postgres")
        copying = self.run(self.program("pg_basebackup"), "-h", "127.0.0.1", "-p", self.primary.port, "-U", "postgres",
                           "-D", self.home / "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        assert copying.wait(SLOW) == 0, (Path(self.stack.dir) / "standby.log").read_text()

    def start(self):
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
                   "hot_standby": "on", "max_connections": 200, "fsync": "off", "timezone": "UTC"}
        self.process = self.run(self.program("postgres"), "-D", self.home / "data",
                                *[word for key, value in options.items() for word in ("-c", f"{key}={value}")])
        wait_for("the standby streams", self.streams, SLOW)

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(SLOW)
        self.process = None

    def streams(self):
        try:
            return self.query("SELECT status FROM pg_stat_wal_receiver") == [("streaming",)]
        except psycopg2.OperationalError:
            return False

    # -- what tests do

    def _connect(self, port):
        connection = psycopg2.connect(dbname=self.primary.path.lstrip("/"), port=port, **self.admin)
        connection.autocommit = True
        return connection

    def _run(self, port, *statements):
        connection = self._connect(port)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def query(self, *statements):
        return self._run(self.port, *statements)

    def on_primary(self, *statements):
        return self._run(self.primary.port, *statements)

    def has_all(self):
        """Whether everything that is committed at the primary can be seen here."""
        head, = self.on_primary("SELECT pg_current_wal_lsn()")[0]
        return self.query(f"SELECT pg_last_wal_replay_lsn() >= '{head}'")[0][0]

    def wait_for_all(self):
        wait_for("the standby has it all", self.has_all, SLOW)

    def cut(self):
        self.wait_for_all()
        self.query("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        wait_for("nothing is replicated", lambda: not self.query("SELECT 1 FROM pg_stat_wal_receiver"), SLOW)

    def promote(self):
        self.stack.kill("postgres")
        self.query("SELECT pg_promote()")
        self.stack.info["database"] = self.own_uri
        wait_for("the standby is a primary", lambda: not self.query("SELECT pg_is_in_recovery()")[0][0], SLOW)
