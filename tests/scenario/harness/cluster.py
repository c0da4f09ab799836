# SPDX-License-Identifier: GPL-3.0-or-later
"""Several bridges of one stack: fixtures, who holds the link's lease, what an instance says about itself."""
import hashlib
import hmac
import json
import os
import signal
import socket
import time
import urllib.parse

from .inbox import wait_for
from .rest import http_request
from .stack import Stack

LEASE_SECONDS = 20  # within which another one must have taken a lease that nobody renews


def two_for_module(request, *options):
    """For a fixture of scope "module": a stack with two bridges."""
    stack = Stack.start("--server", request.config.getoption("--server"), "--instances", "2", *options)
    try:
        yield stack
        reports = stack.sanitizer_reports()
        assert not reports, "\n".join(reports)
    finally:
        stack.stop(purge=not request.session.testsfailed)


def whole_for_test(stack, request):
    """For a fixture `stack`: that one, with every part running; a part that ends by itself fails the test, and a test that fails
    shows what every part logged."""
    for part in sorted(stack.dead()):
        stack.restart(part)
    request.node.log_sizes = stack.log_sizes()
    wait_whole(stack)
    yield stack
    died = stack.dead() - stack.killed
    assert not died, f"ended by itself during this test: {', '.join(died)}"
    if request.session.testsfailed:
        for name, lines in stack.logs_since(request.node.log_sizes).items():
            print(f"--- {name}", *lines, sep="\n")


def admin(stack, instance, path):
    try:
        return http_request(stack.info["instances"][instance]["admin"], "GET", path, timeout=5)
    except OSError:
        return None


def metric(stack, instance, name):
    reply = admin(stack, instance, "/metrics")
    for line in (reply.raw.decode() if reply else "").splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return None


def instances(stack):
    return range(len(stack.info["instances"]))


def holder(stack, among=None):
    """The instance that holds the lease and has a link, or None."""
    for n in instances(stack) if among is None else among:
        if metric(stack, n, "trestle_lease_held") == 1 and metric(stack, n, "trestle_link_up") == 1:
            return n
    return None


def wait_holder(stack, among=None):
    found, _ = wait_for("an instance holds the lease and a link",
                        lambda: [n for n in [holder(stack, among)] if n is not None], LEASE_SECONDS)
    return found[0]


def is_whole(stack):
    """Every instance is ready, connected to Redis, and knows all the others and the link of rooms."""
    others = len(stack.info["instances"]) - 1
    for n in instances(stack):
        ready = admin(stack, n, "/readyz")
        if not ready or ready.status != 200 or {ready.json["parts"].get(part)
                                                for part in ("cluster", "rooms_link")} != {"up"}:
            return False
        if metric(stack, n, "trestle_bus_instances") != others:
            return False
        if stack.server == "ejabberd" and (metric(stack, n, "trestle_link_up") != 1
                                           or metric(stack, n, "trestle_link_spares") != 0):
            return False
    return holder(stack) is not None


def wait_whole(stack):
    wait_for("all instances are ready and know each other", lambda: is_whole(stack))


def pause(stack, instance):
    os.kill(stack.pids()[f"bridge.{instance}"], signal.SIGSTOP)


def resume(stack, instance):
    os.kill(stack.pids()[f"bridge.{instance}"], signal.SIGCONT)


def position(cursor):
    return int(cursor.rpartition("-")[2])


class Redis:
    """A raw client of the stack's Redis."""

    def __init__(self, stack):
        self.url = urllib.parse.urlsplit(stack.info["redis"])
        self.stream = socket.create_connection((self.url.hostname, self.url.port), timeout=10)
        self.file = self.stream.makefile("rb")
        self.command("AUTH", self.url.password)

    def command(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.stream.sendall(b"*%d\r\n" % len(words)
                            + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        return self._read()

    def _read(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        return rest

    def channels(self):
        return [name.decode() for name in self.command("PUBSUB", "CHANNELS", "trestle:*")]

    def close(self):
        self.file.close()
        self.stream.close()


def signed(secret, text):
    """TEXT as an instance with this component secret would put it on the channel."""
    key = hmac.new(secret.encode(), b"trestle bus 1\0", hashlib.sha256).digest()
    if not isinstance(text, bytes):
        text = json.dumps(text).encode()
    text = text.replace(b'"topic"', b'"number":%d,"topic"' % (time.time() * 1e6), 1)
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32].encode() + b" " + text
