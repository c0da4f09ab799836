# SPDX-License-Identifier: GPL-3.0-or-later
"""coturn, a STUN and TURN server, on a port of its own."""
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .desktop import need
from .inbox import DEADLINE

CONFIG = """\
listening-ip={address}
relay-ip={address}
listening-port={port}
min-port=50000
max-port=59999
use-auth-secret
static-auth-secret={secret}
realm=example.org
allocation-default-address-family=keep
no-tls
no-dtls
no-cli
{loopback}
userdb={home}/users
pidfile={home}/pid
log-file=stdout
verbose
"""


class Coturn:
    """`with Coturn() as turn:` serves; `turn.kill()` and `turn.start()` as often as a test wants.

    On loopback it relays to loopback, too, which browsers and Dino make no use of: media needs another address.
    """

    def __init__(self, address="127.0.0.1"):
        need("turnserver")
        self.address, self.secret = address, secrets.token_hex(16)
        self.home = Path(tempfile.mkdtemp(prefix="trestle-coturn-"))
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
            self.port = probe.getsockname()[1]
        loopback = "allow-loopback-peers" if address.startswith("127.") else ""
        (self.home / "conf").write_text(CONFIG.format(loopback=loopback, **vars(self)))
        self._process = None

    @property
    def _host(self):
        return f"[{self.address}]" if ":" in self.address else self.address

    @property
    def stun(self):
        return f"stun:{self._host}:{self.port}"

    @property
    def turn(self):
        return f"turn:{self._host}:{self.port}?transport=udp"

    def start(self):
        with open(self.home / "log", "ab") as log:
            self._process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "turnserver", "-c", self.home / "conf"],
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE
        while True:
            assert self._process.poll() is None, self.log()
            try:
                return socket.create_connection((self.address, self.port), 5).close()
            except OSError:
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.02)

    def kill(self):
        self._process.kill()
        self._process.wait(10)

    def log(self):
        file = self.home / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.home)
