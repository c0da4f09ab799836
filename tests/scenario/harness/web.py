# SPDX-License-Identifier: GPL-3.0-or-later
"""The web client of plugin/web in Chromium: what a person does with it, and what it shows."""
import os
import subprocess
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .browser import MEDIA, Chromium
from .inbox import wait_for
from .rest import Backend
from .stack import TOP

SOURCE = TOP / "plugin" / "web"
# What is to be seen: elements of a selector that are shown and whose text has the words.
FIND = """
const all = [...document.querySelectorAll(args[0])].filter((e) => e.checkVisibility({ visibilityProperty: true }));
return all.%s((e) => !args[1] || `${e.innerText} ${e.getAttribute('aria-label') ?? ''}`.includes(args[1]))
"""


def built():
    """The folder of the built client; skips the test where it cannot be had."""
    mine = f"web-{os.environ.get('PYTEST_XDIST_WORKER', 'only')}"  # each worker's own: a stack reads it again when it is restarted
    out = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "plugin" / mine
    done = subprocess.run([TOP / "scripts" / "web", "--out", out], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=280)
    if done.returncode == 77:
        pytest.skip(f"the web client cannot be built here: {done.stderr.strip()[-300:]}")
    assert done.returncode == 0, done.stderr + done.stdout
    return out


class Page:
    """`Page(stack, alice)`: a browser of her own, in which she has followed a link that signs her in."""

    def __init__(self, stack, user, width=1200, height=800):
        self.stack, self.user = stack, user
        self.browser = Chromium(*MEDIA, "--allow-loopback-in-peer-connection", f"--window-size={width},{height}",
                                "--autoplay-policy=no-user-gesture-required")
        self.driver = self.browser._driver
        self.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.watch_policy()

    def watch_policy(self):
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {
            "source": "window.violations = []; addEventListener('securitypolicyviolation', (e) =>"
                      " violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`))"})

    def close(self):
        self.browser.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0]:
            print(f"{self.user.sub} sees:\n{self.run('return document.body.innerText')[-3000:]}\nand the console says: "
                  f"{[entry['message'] for entry in self.driver.get_log('browser')]}")
        self.close()

    def link(self):
        code = Backend(self.stack, self.user.me()).call(201, "POST", "/api/session/code")["code"]
        return f"{self.stack.info['rest']}/#code={code}"

    def sign_in(self):
        self.driver.get(self.link())
        self.shows(".list h1", "Conversations")
        return self

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def until(self, what, script, *args, timeout=20):
        try:
            return wait_for(what, lambda: self.run(script, *args), timeout=timeout)[0]
        except AssertionError as failure:
            raise AssertionError(f"{failure}; shown: {self.run('return document.body.innerText')[-1500:]}") from None

    def shows(self, selector, words="", timeout=20):
        return self.until(f"{selector} with {words!r}", FIND % "some", selector, words, timeout=timeout)

    def shows_not(self, selector, words=""):
        return self.until(f"no {selector} with {words!r}", "return !(() => {" + FIND % "some" + "})()", selector, words)

    def element(self, selector, words=""):
        """The first, for a real click or keys."""
        self.shows(selector, words)
        found = self.driver.execute_script(f"const args = arguments; {FIND % 'find'}", selector, words)
        assert found, (selector, words)
        return found

    def click(self, selector, words=""):
        self.element(selector, words).click()

    def press(self, selector, words=""):
        """A click on what is only seen under the pointer."""
        self.until(f"{selector} with {words!r}", "const e = [...document.querySelectorAll(args[0])].find((e) => !args[1] ||"
                   " `${e.innerText} ${e.getAttribute('aria-label')}`.includes(args[1])); e?.click(); return !!e", selector, words)

    def write(self, selector, text, clear=False):
        field = self.element(selector)
        if clear:
            field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
        return field

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.run("const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.tagName")

    def open(self, name):
        self.click(".item .name", name)
        self.shows(".chatheader .name", name)

    def say(self, text):
        self.write(".composer textarea", text + "\n")
        self.shows("article .body", text)

    def act(self, words, label):
        """An item of the menu of the message that has the words."""
        self.until(f"the menu of {words!r}", "const b = [...document.querySelectorAll('article')].find((e) => e.innerText.includes("
                   "args[0]))?.querySelector('.menu > button'); b?.click(); return !!b", words)
        self.click("[role=menuitem]", label)

    def articles(self):
        return self.run("return [...document.querySelectorAll('article .body')].map((e) => e.innerText)")

    def offline(self, off):
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions",
                                    {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})

    def violations(self):
        """What the page was kept from by its content security policy."""
        return self.run("return window.violations")

    def axe(self):
        """[(rule, elements)] that WCAG 2.2 A and AA do not allow on what is shown."""
        script = (SOURCE / "node_modules" / "axe-core" / "axe.min.js").read_text()
        found = self.driver.execute_async_script(script + """;
            const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then((r) => done(
              r.violations.map((v) => [v.id, v.nodes.map((n) => `${n.target}: ${n.failureSummary}`)])), (e) => done(String(e)))""")
        return found
