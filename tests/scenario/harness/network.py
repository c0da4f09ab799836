# SPDX-License-Identifier: GPL-3.0-or-later
"""A network of a test's own, which ends at this machine: media of calls wants an interface that is not loopback.

    with Network() as network:      # what is started in here lives in it: servers, browsers, clients
        Coturn(network.v4)

Only this thread, and the one of the asynchronous clients, move; what they start comes along, and nothing of it can
reach anything outside. Takes root.
"""
import contextlib
import ctypes
import os
import subprocess

import pytest

from .inbox import run

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def _ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL, timeout=20)


def _enter(descriptor):
    assert libc.setns(descriptor, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


async def _enter_there(descriptor):
    _enter(descriptor)


class Network:
    """Addresses `v4` and `v6` on an interface v0; `v6` alone with `ipv4=False`."""

    v4, v6 = "192.0.2.1", "2001:db8::1"

    def __init__(self, ipv4=True):
        self._ipv4 = ipv4
        self._before = self._own = None

    def __enter__(self):
        self._before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if libc.unshare(CLONE_NEWNET) != 0:
            os.close(self._before)
            pytest.skip("only root, with the right to namespaces, can make a network of its own")
        try:
            self._make()
            self._own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            run(_enter_there(self._own))
        except BaseException:
            self._leave()
            raise
        return self

    def _make(self):
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        if self._ipv4:
            _ip("addr", "add", f"{self.v4}/24", "dev", "v0")
        _ip("addr", "add", f"{self.v6}/64", "dev", "v0", "nodad")
        _ip("link", "set", "v0", "up")
        _ip("link", "set", "v1", "up")
        # Firefox gathers nothing where no way leads out; this one ends at nobody.
        if self._ipv4:
            _ip("route", "add", "default", "via", "192.0.2.254", "dev", "v0")
        _ip("-6", "route", "add", "default", "via", "2001:db8::ffff", "dev", "v0")

    def __exit__(self, *_):
        self._leave()

    def _leave(self):
        _enter(self._before)
        run(_enter_there(self._before))
        for descriptor in (self._before, self._own):
            if descriptor is not None:
                os.close(descriptor)

    @contextlib.contextmanager
    def outside(self):
        """The block is in the network from which this one was made."""
        _enter(self._before)
        try:
            yield
        finally:
            _enter(self._own)
