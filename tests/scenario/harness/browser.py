# SPDX-License-Identifier: GPL-3.0-or-later
"""Chromium without a window, and the origins from which it gets the page of tests/clients/page."""
import functools
import http.server
import os
import threading

import pytest

from .stack import TOP

PAGE = TOP / "tests" / "clients" / "page"
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = ("--headless", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--disable-dev-shm-usage", "--no-first-run")
SCRIPT_SECONDS = 20

# What a script throws is handed over as text: a refused fetch is such a case.
WRAPPED = """
const done = arguments[arguments.length - 1], args = Array.prototype.slice.call(arguments, 0, -1);
(async () => { %s })().then((value) => done({ value }), (error) => done({ error: String(error) }));
"""


class Failed(Exception):
    """The script threw."""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Origin:
    """A web server that has the page; `host` makes it another site, not only another port."""

    def __init__(self, host="127.0.0.1"):
        handler = functools.partial(_Quiet, directory=str(PAGE))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Chromium:
    """`open(origin, bridge)` loads the page from there; `run` is JavaScript in it, with `chat` at hand."""

    def __init__(self):
        if not all(map(os.path.exists, (CHROMIUM, DRIVER))):
            pytest.skip("needs Debian's chromium and chromium-driver")
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs Debian's python3-selenium")
        service = pytest.importorskip("selenium.webdriver.chrome.service")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
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
        self._driver.get(f"{origin.url}/index.html")
        self.run("window.chat = new Chat(args[0])", bridge.info["rest"])
        return self

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
