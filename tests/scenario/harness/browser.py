# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium without a window, and the origins from which it gets the page of tests/clients/page."""
import http.server
import mimetypes
import os
import threading
import warnings

import pytest

from .stack import TOP

PAGE = TOP / "tests" / "clients" / "page"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = ("--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--no-first-run")
# A camera and a microphone that nobody has to allow.
MEDIA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SCRIPT_SECONDS = 150
LOADS = 3

# What a script throws is handed over as text: a refused fetch is such a case.
WRAPPED = """
const done = arguments[arguments.length - 1], args = Array.prototype.slice.call(arguments, 0, -1);
(async () => { %s })().then((value) => done({ value }), (error) => done({ error: String(error) }));
"""


class Failed(Exception):
    """The script threw."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """The page's files, out of memory; never out of the browser's."""

    def do_GET(self):
        name = self.path.lstrip("/")
        content = self.server.files.get(name)
        if name in self.server.missing:
            self.server.missing.remove(name)
            content = None
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Type", mimetypes.guess_type(name)[0] or "text/plain")
        self.send_header("Content-Length", str(len(content or b"")))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


class Origin:
    """A web server that has the page; `host` makes it another site, not only another port.

    The next request for a file that is named in `missing` does not get it.
    """

    def __init__(self, host="127.0.0.1"):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self.files = self._server.files = {file.name: file.read_bytes() for file in PAGE.iterdir()}
        self.missing = self._server.missing = []
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Chromium:
    """`open(origin, bridge)` loads the page from there; `run` is JavaScript in it, with `chat` at hand."""

    def __init__(self, *flags):
        if not all(map(os.path.exists, (CHROMIUM, DRIVER))):
            pytest.skip("needs Debian's chromium and chromium-driver")
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs Debian's python3-selenium")
        service = pytest.importorskip("selenium.webdriver.chrome.service")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        for flag in (*FLAGS, *flags, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
            options.add_argument(flag)
        direct = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._driver = webdriver.Chrome(options=options, service=service.Service(DRIVER, env=direct))
        self._driver.set_script_timeout(SCRIPT_SECONDS)

    def open(self, origin, bridge):
        """The page from there, without cookies from before."""
        self._driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        return self.visit(origin, bridge)

    def visit(self, origin, bridge):
        """The page from there; the browser has the cookies that it had."""
        self._load(f"{origin.url}/index.html")
        self.run("window.chat = new Chat(args[0])", bridge.info["rest"])
        return self

    def load(self, origin):
        """The page from there, with a peer for calls and without a chat."""
        self._load(f"{origin.url}/index.html")
        self.script("peer.js")

    def script(self, name):
        """One script more in the page."""
        self.run("await new Promise((good, bad) => document.head.append(Object.assign("
                 "document.createElement('script'), {src: args[0], onload: good, onerror: bad})))", name)

    def get(self, url):
        """Any page."""
        self._driver.get(url)

    def _load(self, url):
        """WebDriver does not tell that a page, or its script, could not be got: it has Chromium's page of errors, or
        the page without its script. Then it is loaded again, as a person would, and how it failed is a warning."""
        for attempt in range(LOADS):
            self._driver.get(url)
            if self.run("return typeof Chat") == "function":
                return
            told = "; ".join(entry["message"] for entry in self._driver.get_log("browser"))
            why = f"{url} did not load: at {self._driver.current_url}, {self._driver.title!r}: {told}"
            if attempt + 1 < LOADS:
                warnings.warn(why, stacklevel=2)
        raise AssertionError(why)

    def run(self, script, *args):
        answer = self._driver.execute_async_script(WRAPPED % script, *args)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer.get("value")

    def call(self, method, path, *rest):
        return self.run("return chat.call(...args)", method, path, *rest)

    def until(self, type, **like):
        """The first such event that the page has or gets."""
        return self.run("return chat.until(args[0], args[1])", type, like)

    def close(self):
        self._driver.quit()
