# SPDX-License-Identifier: GPL-3.0-or-later
"""Firefox without a window, with camera and microphone that nobody has to allow.

Debian has no geckodriver: it is driven by Marionette, Firefox's own protocol, of JSON with its length in front.
"""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from .browser import SCRIPT_SECONDS, WRAPPED, Failed
from .desktop import need

START = 60.0
PREFERENCES = {
    "marionette.port": 0, "media.navigator.streams.fake": True, "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.loopback": True, "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0, "app.update.disabledForTesting": True, "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False, "services.settings.server": "data:,#remote-settings-dummy/v1",
    "datareporting.policy.dataSubmissionEnabled": False, "toolkit.telemetry.server": "", "browser.startup.page": 0,
    "browser.safebrowsing.malware.enabled": False, "browser.safebrowsing.phishing.enabled": False,
    "extensions.update.enabled": False, "browser.aboutwelcome.enabled": False, "media.gmp-manager.updateEnabled": False,
}


ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # by which WebDriver names one in JSON


class Element:
    """As selenium's, as far as `Page` needs it."""

    def __init__(self, firefox, id):
        self._firefox, self.id = firefox, id

    def click(self):
        self._firefox._command("WebDriver:ElementClick", {"id": self.id})

    def send_keys(self, *keys):
        self._firefox._command("WebDriver:ElementSendKeys", {"id": self.id, "text": "".join(keys)})


class Driver:
    """As selenium's, likewise."""

    def __init__(self, firefox):
        self._command, self._firefox = firefox._command, firefox

    def get(self, url):
        self._command("WebDriver:Navigate", {"url": url})

    def refresh(self):
        self._command("WebDriver:Refresh", {})

    def _script(self, name, script, args):
        found = self._command(f"WebDriver:{name}", {"script": script, "args": list(args), "sandbox": None})["value"]
        return Element(self._firefox, found[ELEMENT]) if isinstance(found, dict) and ELEMENT in found else found

    def execute_script(self, script, *args):
        return self._script("ExecuteScript", script, args)

    def execute_async_script(self, script, *args):
        return self._script("ExecuteAsyncScript", script, args)

    def find_element(self, _, selector):
        return self.execute_script("return document.querySelector(arguments[0])", selector)

    def get_log(self, _):
        return []


class Firefox:
    """As Chromium: `load(origin)` opens the page with a peer, `run` is JavaScript in it."""

    def __init__(self):
        need("firefox-esr")
        self.home = Path(tempfile.mkdtemp(prefix="trestle-firefox-"))
        lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items())
        (self.home / "user.js").write_text("\n".join(lines) + "\n")
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._log = open(self.home / "log", "wb")
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "firefox-esr", "--headless", "--marionette", "--no-remote",
             "--profile", self.home], env={**environment, "HOME": str(self.home)}, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, start_new_session=True)
        self._number, self._rest = 0, b""
        try:
            self._socket = socket.create_connection(("127.0.0.1", self._port()), START)
            self._socket.settimeout(START)
            self._read()  # it says what it is
            self._command("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {
                "timeouts": {"script": SCRIPT_SECONDS * 1000}}}})
        except BaseException:
            self._end()
            raise

    def _port(self):
        """It takes a free one, and writes it down."""
        deadline = time.monotonic() + START
        file = self.home / "MarionetteActivePort"
        while not (file.exists() and file.read_text().strip()):
            assert self._process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return int(file.read_text())

    # -- Marionette

    def _read(self):
        while b":" not in self._rest:
            self._receive()
        length, _, self._rest = self._rest.partition(b":")
        while len(self._rest) < int(length):
            self._receive()
        answer, self._rest = self._rest[:int(length)], self._rest[int(length):]
        return json.loads(answer)

    def _receive(self):
        more = self._socket.recv(65536)
        assert more, f"Firefox has hung up: {self.log()}"
        self._rest += more

    def _command(self, name, parameters):
        self._number += 1
        text = json.dumps([0, self._number, name, parameters]).encode()
        self._socket.sendall(str(len(text)).encode() + b":" + text)
        while True:
            _, number, error, result = self._read()
            if number == self._number:
                break
        if error:
            raise Failed(f"{error.get('error')}: {error.get('message')}")
        return result

    @property
    def driver(self):
        return Driver(self)

    # -- as Chromium

    def load(self, origin):
        self._command("WebDriver:Navigate", {"url": f"{origin.url}/index.html"})
        self.script("peer.js")

    def script(self, name):
        self.run("await new Promise((good, bad) => document.head.append(Object.assign("
                 "document.createElement('script'), {src: args[0], onload: good, onerror: bad})))", name)

    def run(self, script, *args):
        # In the page's own world, or what one script has made the next would not see.
        answer = self._command("WebDriver:ExecuteAsyncScript", {"script": WRAPPED % script, "args": list(args),
                                                                "sandbox": None})["value"]
        if "error" in answer:
            raise Failed(answer["error"])
        return answer.get("value")

    def log(self):
        return (self.home / "log").read_text(errors="replace")[-3000:]

    def close(self):
        try:
            self._command("Marionette:Quit", {"flags": ["eForceQuit"]})
        except (OSError, AssertionError, Failed):
            pass
        self._end()

    def _end(self):
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._log.close()
        shutil.rmtree(self.home, ignore_errors=True)
