# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx with the configuration that docs/operations.md shows, but for ports and, unless asked for, TLS."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from .daemon import free_port
from .inbox import DEADLINE
from .stack import TOP

AROUND = """
daemon off;
{user}
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
{documented}
}}
"""


def documented(place=0):
    text = (TOP / "docs" / "operations.md").read_text()
    return re.findall(r"```nginx\n(.*?)```", text, re.S)[place]


def replace(text, pattern, by):
    changed, count = re.subn(pattern, by, text)
    assert count == 1, f"the documented configuration has {pattern} {count} times"
    return changed


class Nginx:
    """In front of `bridge`; looks like a stack to App: `info` has rest, ws and jwt. cdn: a port for the documented cache of files.
    tls: (key, certificate), and then all is as documented; `info` has no http then."""

    def __init__(self, bridge, cdn=None, tls=None):
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        if not program:
            pytest.skip("needs Debian's nginx-light")
        self.home = Path(tempfile.mkdtemp(prefix="trestle-nginx-"))
        port = free_port()
        text = replace(documented(), r"server 127\.0\.0\.1:8080;", f"server {bridge.info['rest'].partition('//')[2]};")
        text = replace(text, r"listen 443 ssl http2;", f"listen 127.0.0.1:{port}{' ssl http2' if tls else ''};")
        text = replace(text, r"ssl_certificate .*", f"ssl_certificate {tls[1]};" if tls else "")
        text = replace(text, r"ssl_certificate_key .*", f"ssl_certificate_key {tls[0]};" if tls else "")
        self._tls, self.port = tls, port
        if cdn:
            text += self._cdn(bridge, cdn)
        config = self.home / "nginx.conf"
        config.write_text(AROUND.format(home=self.home, documented=text,
                                        user="user root;" if os.geteuid() == 0 else ""))
        self.info = {**bridge.info, "rest": f"http://127.0.0.1:{port}", "ws": f"ws://127.0.0.1:{port}/ws"}
        self._process = subprocess.Popen([program, "-e", self.home / "error.log", "-c", config],
                                         stdin=subprocess.DEVNULL)
        self._wait()

    def _cdn(self, bridge, port):
        text = replace(documented(1), r"/var/cache/nginx/files", f"{self.home}/files")
        text = replace(text, r"https://files\.example\.org", bridge.info["rest"])
        text = replace(text, r"listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
        text = replace(text, r"ssl_certificate .*", "")
        return replace(text, r"ssl_certificate_key .*", "")

    def _wait(self):
        deadline = time.monotonic() + DEADLINE
        while True:
            assert self._process.poll() is None, self.errors()
            try:
                if self._tls:
                    return socket.create_connection(("127.0.0.1", self.port), 5).close()
                return urllib.request.urlopen(f"{self.info['rest']}/api/capabilities", timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, self.errors()
                time.sleep(0.05)

    def errors(self):
        file = self.home / "error.log"
        return file.read_text() if file.exists() else "(no error log)"

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        shutil.rmtree(self.home)
