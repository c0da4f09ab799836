# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis servers of a test's own, one of them the primary, and Sentinels that watch them."""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from .daemon import free_port
from .inbox import wait_for

PASSWORD = "of-these-servers"
NAME = "trestle-test"


class Server:
    """A process of redis-server, or of its Sentinel."""

    def __init__(self, home, lines, sentinel=False, port=None):
        self.port, self.sentinel = port or free_port(), sentinel
        self.config = home / f"{self.port}.conf"
        self.config.write_text("\n".join([f"port {self.port}", "bind 127.0.0.1", f"dir {home}", *lines, ""]))
        if os.geteuid() == 0:
            shutil.chown(self.config, "redis")
        self.process = None
        self.start()

    def start(self):
        who = {"user": "redis", "group": pwd.getpwnam("redis").pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        self.process = subprocess.Popen(["redis-server", self.config, *(["--sentinel"] if self.sentinel else [])],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who)
        wait_for("it answers", lambda: "PONG" in self.ask("PING"))

    def ask(self, *words):
        password = [] if self.sentinel else ["-a", PASSWORD, "--no-auth-warning"]
        return subprocess.run(["redis-cli", "-p", str(self.port), *password, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=10).stdout

    def is_primary(self):
        return self.ask("ROLE").startswith("master")

    def clients(self):
        """How many of the bridges listen here."""
        return sum("sub=1" in line and "name=sentinel" not in line for line in self.ask("CLIENT", "LIST").splitlines())

    def kill(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(10)
        self.process = None


class RedisServers:
    """`with RedisServers() as servers:` two servers, the second of which repeats the first."""

    def __enter__(self):
        self.home = Path(tempfile.mkdtemp(prefix="trestle-redis-"))
        if os.geteuid() == 0:
            shutil.chown(self.home, "redis", "redis")
        lines = ["save \"\"", "appendonly no", f"requirepass {PASSWORD}", f"masterauth {PASSWORD}"]
        self.first = Server(self.home, lines)
        self.second = Server(self.home, [*lines, f"replicaof 127.0.0.1 {self.first.port}"])
        self.sentinels = []
        wait_for("the second repeats the first", lambda: "connected" in self.second.ask("ROLE"))
        return self

    def watch(self, count):
        """So many Sentinels; most of them must agree."""
        self.sentinels = [Server(self.home, [
            f"sentinel monitor {NAME} 127.0.0.1 {self.first.port} {count // 2 + 1}", f"sentinel auth-pass {NAME} {PASSWORD}",
            f"sentinel down-after-milliseconds {NAME} 1000", f"sentinel failover-timeout {NAME} 5000"], True)
            for _ in range(count)]
        wait_for("the Sentinels know all", lambda: all(
            "num-slaves\n1" in seen and f"num-other-sentinels\n{count - 1}" in seen
            for seen in (one.ask("SENTINEL", "MASTER", NAME) for one in self.sentinels)))

    def urls(self):
        return " ".join(f"redis://:{PASSWORD}@127.0.0.1:{one.port}" for one in (self.first, self.second))

    def sentinel_urls(self):
        return " ".join(f"sentinel://:{PASSWORD}@127.0.0.1:{one.port}/{NAME}" for one in self.sentinels)

    def __exit__(self, *_):
        for server in (*self.sentinels, self.first, self.second):
            server.kill()
        shutil.rmtree(self.home, ignore_errors=True)
