# SPDX-License-Identifier: GPL-3.0-or-later
"""What a test of calls with media stands in: a network of its own, with a whole stack and a TURN server inside."""
import contextlib
import tempfile
from pathlib import Path

from .browser import Origin
from .coturn import Coturn
from .network import Network
from .peer import open_page
from .stack import Stack

CONF = """\
[calls]
{calls}
[http]
origins={origin}
"""
CONFIGURED = """\
stun={turn.stun}
turn={turn.turn}
turn_secret={turn.secret}
"""


class MediaWorld:
    """`with MediaWorld("prosody") as world:` (MORE: further lines of [calls]) has `network`, `turn`, `stack`; `page(0)` and `page(1)` are browsers with
    camera and microphone, which stay for the next test. ANNOUNCED: the TURN server is in the configuration of the XMPP
    server, and not of the bridge."""

    def __init__(self, server, more="", ipv4=True, instances=1, announced=False):
        self._options = ["--server", server, "--instances", instances]
        self._more, self._ipv4, self._announced = more, ipv4, announced
        self._opened = contextlib.ExitStack()
        self._pages = {}
        self.network = self.turn = self.stack = self.origin = None

    def __enter__(self):
        with self._opened:
            self.network = self._opened.enter_context(Network(self._ipv4))
            address = self.network.v4 if self._ipv4 else self.network.v6
            self.turn = self._opened.enter_context(Coturn(address))
            self.origin = self._opened.enter_context(contextlib.closing(Origin()))
            self.stack = self._start_stack()
            self._opened = self._opened.pop_all()
        return self

    def _start_stack(self):
        # Those who call here have just met, and the ways are what is looked at.
        calls = self._more or "relay_only=never"
        if self._announced:
            self._options += ["--turn", self.turn.address, self.turn.port, self.turn.secret]
        else:
            calls += "\n" + CONFIGURED.format(turn=self.turn)
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as conf:
            conf.write(CONF.format(calls=calls, origin=self.origin.url))
            conf.flush()
            Path(conf.name).chmod(0o600)
            stack = Stack.start(*self._options, "--conf", conf.name)
        self._opened.callback(stack.stop, purge=True)
        return stack

    def page(self, number):
        if number not in self._pages:
            self._pages[number] = self._opened.enter_context(contextlib.closing(open_page(self.origin)))
        return self._pages[number]

    def __exit__(self, *_):
        self._opened.close()
