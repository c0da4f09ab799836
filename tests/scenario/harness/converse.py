# SPDX-License-Identifier: GPL-3.0-or-later
"""Converse.js, a chat for browsers, in Chromium: over the XMPP server's WebSocket, driven by what it shows.

It comes from npm's registry, is checked against tests/clients/converse/package.json, and stays in a cache.
"""
import base64
import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from .browser import Chromium, Origin
from .desktop import need
from .inbox import wait_for
from .stack import TOP

SOURCE = TOP / "tests" / "clients" / "converse"
DIST = "package/dist/"


def archive():
    """The package, as a file that is what the lock says; skips the test where the registry cannot be reached."""
    need("npm")
    wanted = json.loads((SOURCE / "package.json").read_text())
    name, version = next(iter(wanted["dependencies"].items()))
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trestle-tests" / f"{name}-{version}.tgz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            try:
                got = subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"], cwd=folder,
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
            except subprocess.TimeoutExpired:
                pytest.skip("npm's registry did not answer in time")
            if got.returncode != 0:
                pytest.skip(f"{name} could not be got from npm's registry: {got.stderr.strip()[-300:]}")
            next(Path(folder).glob("*.tgz")).rename(kept)
    digest = base64.b64encode(hashlib.sha512(kept.read_bytes()).digest()).decode()
    assert wanted["integrity"] == f"sha512-{digest}", f"{kept} is not what it should be"
    return kept


def files():
    """What a page needs of it: {name: content}."""
    with tarfile.open(archive()) as packed:
        return {member.name[len(DIST):]: packed.extractfile(member).read() for member in packed
                if member.isfile() and member.name.startswith(DIST) and not member.name.endswith(".map")}


class Converse:
    """`Converse(stack, "carol")` is logged in. What is done is done by its own windows, what is seen is its page."""

    def __init__(self, stack, user):
        self.origin = Origin()
        self.origin.files |= files() | {file.name: file.read_bytes() for file in SOURCE.iterdir()}
        self.browser = Chromium("--window-size=1200,900")
        account = stack.account(user)
        self.bare = account["jid"]
        self.browser.get(f"{self.origin.url}/index.html")
        self.run("await driver.login(args[0])", {
            "websocket_url": stack.info["xmpp_ws"], "discover_connection_methods": False, "auto_login": True,
            "authentication": "login", "jid": self.bare, "password": account["password"], "i18n": "en",
            "view_mode": "fullscreen", "assets_path": f"{self.origin.url}/", "loglevel": "error"})

    def close(self):
        self.browser.close()
        self.origin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def until(self, what, script, *args):
        """Waits until SCRIPT yields something true; yields that."""
        return self._wait(what, lambda: self.run(script, *args), lambda: self.run("return document.body.innerText"))

    @staticmethod
    def _wait(what, found, shown):
        try:
            return wait_for(what, found)[0]
        except AssertionError as failure:
            raise AssertionError(f"{failure}; it shows: {str(shown())[-2000:]}") from None

    def open(self, jid):
        """The chat with a user; again where it stays shut, as one does whose first message is just coming."""
        self.until(f"the chat with {jid} is open", "await driver.open(args[0]);"
                   " return !!driver.window(args[0])?.querySelector('textarea')", jid)

    def join(self, jid, nick):
        """A room, entered."""
        self.run("driver.join(args[0], args[1])", jid, nick)
        self.until(f"{jid} is entered", "return driver.entered(args[0])", jid)

    def say(self, jid, words):
        self.run("driver.say(args[0], args[1])", jid, words)

    def messages(self, jid):
        """What its window shows: {from, text, quote, retracted, edited, reactions, shown}."""
        return self.run("return driver.messages(args[0])", jid)

    def expect(self, jid, what, fits):
        """Waits for a message of which FITS is true; yields it."""
        def found():
            return next(filter(fits, self.messages(jid)), None)
        return self._wait(f"{self.bare} is shown {what}", found, lambda: self.messages(jid))

    def expect_text(self, jid, words):
        return self.expect(jid, words, lambda message: words in message["text"])

    def act(self, jid, words, action):
        """Presses a button of that message: edit, reply, retract, reaction."""
        self.run("driver.act(args[0], args[1], args[2])", jid, words, action)

    def edit(self, jid, words, better):
        self.act(jid, words, "edit")
        self.until(f"{words} is in the box", "return driver.typed(args[0]).includes(args[1])", jid, words)
        self.say(jid, better)

    def reply(self, jid, words, answer):
        self.act(jid, words, "reply")
        self.until(f"{words} is answered", "return driver.answers(args[0])", jid)
        self.say(jid, answer)

    def react(self, jid, words, emoji):
        self.act(jid, words, "reaction")
        self.until(f"{emoji} can be picked", "return driver.pick(args[0], args[1], args[2])", jid, words, emoji)

    def retract(self, jid, words):
        self.act(jid, words, "retract")
        self.run("await driver.confirm()")
