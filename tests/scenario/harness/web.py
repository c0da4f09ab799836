# SPDX-License-Identifier: GPL-3.0-or-later
"""The web client of plugin/web in Chromium: what a person does with it, and what it shows."""
import fcntl
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .browser import MEDIA, Chromium
from .inbox import DEADLINE, wait_for
from .rest import App, Backend
from .stack import TOP

SOURCE = TOP / "plugin" / "web"
AXE = SOURCE / "node_modules" / "axe-core" / "axe.min.js"  # which the build brings along
DAY = 24 * 3600
# What is to be seen: elements of a selector that are shown and whose text has the words.
FIND = """
const all = [...document.querySelectorAll(args[0])].filter((e) => e.checkVisibility({ visibilityProperty: true }));
return all.%s((e) => !args[1] || `${e.innerText} ${e.getAttribute('aria-label') ?? ''}`.includes(args[1]))
"""


@functools.lru_cache(maxsize=None)
def texts(language):
    """What the client says, by key."""
    return json.loads((SOURCE / "i18n" / f"{language}.json").read_text())


@functools.lru_cache(maxsize=None)
def said_in(language, words):
    """English words of the page in another language; those of people are as they are."""
    english, other = texts("en"), texts(language)
    for key, text in english.items():
        if text == words:
            return other.get(key, words)
    for key, text in english.items():
        parts = re.split(r"{(\w+)}", text)
        if len(parts) == 3 and len(parts[0] + parts[2]) > 5:
            found = re.fullmatch(f"{re.escape(parts[0])}(.+){re.escape(parts[2])}", words)
            if found and key in other:
                return other[key].replace(f"{{{parts[1]}}}", f"\u2068{found[1]}\u2069")
            if words == (parts[0] + parts[2]).strip() and key in other:  # without whom it is about
                return max(re.split(r"{\w+}", other[key]), key=len).strip()
    return words


# What of plugin/web the client is not made from.
MADE = {"node_modules", "dist", "generated", ".building"}


def sources():
    """A digest of what the client is built from."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = sorted(set(folders) - MADE)
        for file in sorted(Path(folder) / name for name in set(files) - MADE):
            digest.update(f"{file.relative_to(SOURCE)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


@functools.lru_cache(maxsize=None)
def built():
    """The folder of the built client; skips the test where it cannot be had.

    Whichever worker comes first builds it for all: the folder has what it is made from in its name, and is complete
    once it has that name, so that a stack may read it again whenever it is restarted.
    """
    place = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "plugin"
    out = place / f"web-{sources()}"
    place.mkdir(parents=True, exist_ok=True)
    with open(place / ".building", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists() or not AXE.exists():
            for old in place.glob("web-*"):
                if time.time() - old.stat().st_mtime > DAY:
                    shutil.rmtree(old)
            part = place / "web.part"
            shutil.rmtree(part, ignore_errors=True)
            done = subprocess.run([TOP / "scripts" / "web", "--out", part], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=280)
            if done.returncode == 77:
                pytest.skip(f"the web client cannot be built here: {done.stderr.strip()[-300:]}")
            assert done.returncode == 0, done.stderr + done.stdout
            if out.exists():
                shutil.rmtree(part)
            else:
                part.rename(out)
    return out


def configured(folder, more=""):
    """A configuration, in the folder, of a bridge that serves the client; MORE lines of it."""
    conf = folder / "web.ini"
    conf.write_text(f"[http]\nweb_root={built()}\n[session]\ncookie_secure=false\n{more}")
    return conf


# Before the page's own scripts: what its policy kept it from, and the connections of its calls.
WATCH = """
window.violations = [];
addEventListener('securitypolicyviolation', (e) => violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
window.connections = [];
window.RTCPeerConnection &&= class extends RTCPeerConnection { constructor(...all) { super(...all); connections.push(this); } };
"""
# What the last of them has received: packets of sound, decoded pictures.
RECEIVED = """
const got = { audio: 0, video: 0 };
for (const entry of (await connections.at(-1).getStats()).values()) if (entry.type === 'inbound-rtp')
  got[entry.kind] += entry.kind === 'audio' ? entry.packetsReceived : entry.framesDecoded ?? 0;
"""


class Page:
    """`Page(stack, alice)`: a browser of her own, in which she has followed a link that signs her in. BROWSER: a Firefox."""

    def __init__(self, stack, user, width=1200, height=800, flags=(), browser=None):
        self.stack, self.user, self.browser = stack, user, browser
        if browser:
            self.driver = browser.driver
            return
        self.browser = Chromium(*MEDIA, "--allow-loopback-in-peer-connection", f"--window-size={width},{height}",
                                "--autoplay-policy=no-user-gesture-required", *flags)
        self.driver = self.browser._driver
        self.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.watch_policy()

    def watch_policy(self):
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})

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

    language = "en"

    def speak(self, language):
        """The page in another language, to which what the methods below are told in English is translated."""
        self.language = language
        self.run("localStorage.setItem('trestle-preferences', JSON.stringify({...JSON.parse(localStorage.getItem('trestle-preferences') ?? '{}'),"
                 " language: args[0]}))", language)

    def word(self, words):
        return words if self.language == "en" or not words else said_in(self.language, words)

    def selector(self, selector):
        return re.sub(r"aria-label=(?:'([^']*)'|(\w+))\]", lambda found: f"aria-label='{self.word(found[1] or found[2])}']", selector)

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def until(self, what, script, *args, timeout=DEADLINE):
        try:
            return wait_for(what, lambda: self.run(script, *args), timeout=timeout)[0]
        except AssertionError as failure:
            raise AssertionError(f"{failure}; shown: {self.run('return document.body.innerText')[-1500:]}") from None

    def shows(self, selector, words="", timeout=DEADLINE):
        selector, words = self.selector(selector), self.word(words)
        return self.until(f"{selector} with {words!r}", FIND % "some", selector, words, timeout=timeout)

    def shows_not(self, selector, words=""):
        selector, words = self.selector(selector), self.word(words)
        return self.until(f"no {selector} with {words!r}", "return !(() => {" + FIND % "some" + "})()", selector, words)

    def element(self, selector, words=""):
        """The first, for a real click or keys."""
        selector, words = self.selector(selector), self.word(words)
        find = f"const args = arguments; {FIND % 'find'}"
        self.shows(selector, words)
        return wait_for(f"{selector} with {words!r}", lambda: self.driver.execute_script(find, selector, words))[0]

    def click(self, selector, words=""):
        """What is over it for a moment goes away, and what is drawn anew is found again."""
        failures = []

        def clicked():
            try:
                self.element(selector, words).click()
            except (ElementClickInterceptedException, StaleElementReferenceException) as failure:
                failures.append(failure.msg)
                return False
            return True
        try:
            wait_for(f"a click on {selector} with {words!r}", clicked)
        except AssertionError as failure:
            raise AssertionError(f"{failure}: {failures[-1:]}") from None

    def press(self, selector, words=""):
        """A click on what is only seen under the pointer."""
        selector, words = self.selector(selector), self.word(words)
        self.until(f"{selector} with {words!r}", "const e = [...document.querySelectorAll(args[0])].find((e) => !args[1] ||"
                   " `${e.innerText} ${e.getAttribute('aria-label')}`.includes(args[1])); e?.click(); return !!e", selector, words)

    def write(self, selector, text, clear=False):
        field = self.element(selector)
        if clear:
            self.run("const e = (() => {" + FIND % "find" + "})(); e.focus(); e.select()", selector, "")
            field.send_keys(Keys.BACKSPACE)
        field.send_keys(text.replace("\n", Keys.ENTER))
        return field

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self):
        return self.run("const e = document.activeElement; return e.getAttribute('aria-label') || e.innerText || e.tagName")

    def tab_to(self, words, back=False):
        """Tab, or Shift and Tab, until what has the words has the focus."""
        passed = []
        while words not in (passed or [""])[-1]:
            assert len(passed) < 80, f"{words!r} is not come to by Tab, but {passed}"
            self.keys(*([Keys.SHIFT] if back else []), Keys.TAB)
            passed.append(self.focused())

    def open(self, name):
        self.click(".item .name", name)
        self.shows(".chatheader .name", name)

    def say(self, text):
        self.write(".composer textarea", text + "\n")
        self.shows("article .body", text)

    def menu(self, words):
        """Opens the menu of the message that has the words."""
        self.until(f"the menu of {words!r}", "const b = [...document.querySelectorAll('article')].find((e) => e.innerText.includes("
                   "args[0]))?.querySelector('.menu > button'); b?.click(); return !!b", words)
        self.shows("[role=menuitem]")

    def act(self, words, label):
        """An item of that menu."""
        self.menu(words)
        self.click("[role=menuitem]", label)

    def articles(self):
        return self.run("return [...document.querySelectorAll('article .body')].map((e) => e.innerText)")

    def offline(self, off, upload=-1):
        """Takes the network away, or gives it back; UPLOAD: how many bytes a second go out by it."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions",
                                    {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload})

    def flows(self, audio=0, video=0):
        """Waits until so many packets and pictures more have come in the call."""
        self.until(f"{audio} packets and {video} pictures more", RECEIVED + "const from = window.from ??= got;"
                   " const done = got.audio >= from.audio + args[0] && got.video >= from.video + args[1];"
                   " if (done) delete window.from; return done", audio, video)

    def attach(self, *files):
        """Chooses files for the message that is being written."""
        self.run("document.querySelector('.composer input[type=file]').style.display = 'block'")
        self.driver.find_element(By.CSS_SELECTOR, ".composer input[type=file]").send_keys("\n".join(map(str, files)))

    def violations(self):
        """What the page was kept from by its content security policy."""
        return self.run("return window.violations")

    def axe(self):
        """[(rule, elements)] that WCAG 2.2 A and AA do not allow on what is shown."""
        if not self.driver.execute_script("return typeof axe === 'object'"):
            self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script("""
            const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then((r) => done(
              r.violations.map((v) => [v.id, v.nodes.map((n) => `${n.target}: ${n.failureSummary}`)])), (e) => done(String(e)))""")
        return found


def two_people(stack):
    """Alice and Bella, to whom Bella has said hello, and who know nobody else."""
    alice, bella = (App(stack, name.split()[0].lower(), username=name.split()[0].lower(), name=name)
                    for name in ("Alice Adams", "Bella Brown"))
    bella.send(bella.conversation_with(participant_id=alice.me()["id"]), "Hello Alice, this is Bella.")
    return alice, bella


# Fixtures for modules that import them: the pages of the two `people` of the module's own stack.
@pytest.fixture(scope="module")
def pages(running_stack, people):
    with Page(running_stack, people[0]) as alice, Page(running_stack, people[1]) as bella:
        yield alice.sign_in(), bella.sign_in()


@pytest.fixture
def alice(stack, pages):
    return pages[0]


@pytest.fixture
def bella(stack, pages):
    return pages[1]
