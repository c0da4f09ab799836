# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock Jingle client: npm's stanza in a page, over the XMPP server's WebSocket (tests/clients/jingle, page/jingle.js).

The library is not kept here: it comes from npm's registry, as the lock file has it, and stays in a cache.
"""
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from .desktop import need
from .stack import TOP

SOURCE = TOP / "tests" / "clients" / "jingle"
FILES = ("package.json", "package-lock.json", "entry.js")
INSTALL = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
BUNDLE = ["--bundle", "--format=iife", "--platform=browser", "--define:global=window", "--outfile=stanza.js", "entry.js"]


def bundle():
    """The library as one script; skips the test where the registry cannot be reached, which is outside of any Network."""
    need("npm")
    content = b"".join((SOURCE / name).read_bytes() for name in FILES)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trestle-tests"
    kept = cache / f"stanza-{hashlib.sha256(content).hexdigest()[:16]}.js"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "made.js"
            made.write_bytes(_build(Path(folder)))
            partial = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, partial)
            partial.rename(kept)
    return kept.read_bytes()


def _build(folder):
    for name in FILES:
        shutil.copyfile(SOURCE / name, folder / name)
    try:
        done = subprocess.run(INSTALL, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry did not answer in time")
    if done.returncode != 0:
        pytest.skip(f"the Jingle library could not be got from npm's registry: {done.stderr.strip()[-300:]}")
    # The package's own script would fetch this program; npm has brought it already.
    program = next(folder.glob("node_modules/@esbuild/*/bin/esbuild"))
    subprocess.run([program, *BUNDLE], cwd=folder, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return (folder / "stanza.js").read_bytes()


class JinglePage:
    """`JinglePage(browser, stack, "dave")` is logged in and announces what it can; `run` has it as `jingle`.

    The page must be open, from an origin that has the bundle as `stanza.js`.
    """

    def __init__(self, browser, stack, user, kinds=("audio",), ice_servers=()):
        self.browser, self.kinds = browser, tuple(kinds)
        account = stack.account(user)
        browser.script("stanza.js")
        browser.script("jingle.js")
        self.bare = account["jid"]
        self.jid = self.run("""if (window.jingle) jingle.close();
            window.jingle = new JinglePeer(args[0]); return jingle.login()""", {
                "url": stack.info["xmpp_ws"], "jid": self.bare, "password": account["password"], "resource": "page",
                "kinds": list(kinds), "iceServers": list(ice_servers)})

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def call(self, jid, sid=None):
        """Calls a full JID; the session's id."""
        return self.run("return jingle.call(args[0], args[1] || undefined)", jid, sid)

    def until(self, what):
        """Waits for described, incoming, ringing, accepted, mute, unmute, hold, resumed or terminated; with its detail."""
        return self.run("return jingle.until(args[0])", what)[1]

    def accept(self):
        self.run("await jingle.accept()")

    def do(self, what):
        """ring, decline, end or restart."""
        self.run("await jingle[args[0]]()", what)

    def described_to(self, jid):
        """Waits until somebody has asked what it can."""
        while self.until("described") != jid:
            pass

    def say(self, jid, body):
        self.run("jingle.say(...args)", jid, body)

    def flows(self, **wanted):
        from .peer import ENOUGH
        return self.run("return jingle.flows(args[0])", wanted or {kind: ENOUGH[kind] for kind in self.kinds})

    def arrived(self):
        return self.run("return jingle.arrived()")

    def close(self):
        self.run("if (window.jingle) jingle.close(); window.jingle = null")
