# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of a call in a browser's page (tests/clients/page/peer.js), seen from a test."""
from .browser import MEDIA, Chromium

ENOUGH = {"audio": 25, "video": 5}  # packets, decoded frames: half a second


class PagePeer:
    """`PagePeer(browser, configuration)`: a peer in a page that is open; `run` has it as `peer`."""

    def __init__(self, browser, configuration=None, kinds=("audio",)):
        self.browser, self.kinds = browser, tuple(kinds)
        self.run("""if (window.peer) peer.close();
            window.peer = new Peer(args[0]); await peer.open(args[1])""", configuration or {}, list(kinds))

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def offer(self, **options):
        return self.run("return peer.offer(args[0])", options)

    def answer(self, sdp):
        return self.run("return peer.answer(args[0])", sdp)

    def describe(self, type, sdp):
        self.run("await peer.describe(args[0], args[1])", type, sdp)

    def candidates(self):
        """Those that were found since the last time."""
        return self.run("return peer.taken()")

    def candidate(self, candidate):
        self.run("await peer.candidate(args[0])", candidate)

    def flows(self, **wanted):
        """Waits until media arrives; what has arrived by then, as `arrived`."""
        return self.run("return peer.flows(args[0])", wanted or {kind: ENOUGH[kind] for kind in self.kinds})

    def arrived(self):
        return self.run("return peer.arrived()")

    def close(self):
        self.run("if (window.peer) peer.close(); window.peer = null")


def open_page(origin):
    """A browser with camera and microphone, and the page that has Peer."""
    browser = Chromium(*MEDIA)
    browser.load(origin)
    return browser


def carry(one, other):
    """Hands each side the candidates that the other has found since the last time."""
    for giver, taker in ((one, other), (other, one)):
        for candidate in giver.candidates():
            taker.candidate(candidate)
