# SPDX-License-Identifier: GPL-3.0-or-later
"""A background event loop for the asynchronous clients, and an inbox that tests wait on.

Tests are plain functions: every wait ends with the event or, after its deadline, with an assertion
that shows all that came instead.
"""
import asyncio
import threading
import time

DEADLINE = 60.0  # seconds: what comes comes at once, but the machine may be a slow one
POLL = 0.05

_loop = None
_guard = threading.Lock()


def loop():
    """The one event loop of this process, in a thread of its own."""
    global _loop
    with _guard:
        if _loop is None:
            _loop = asyncio.new_event_loop()

            def serve():
                asyncio.set_event_loop(_loop)
                _loop.run_forever()
            threading.Thread(target=serve, name="harness-loop", daemon=True).start()
    return _loop


def run(coroutine, timeout=DEADLINE):
    """Runs a coroutine on the loop and returns its result."""
    future = asyncio.run_coroutine_threadsafe(coroutine, loop())
    try:
        return future.result(timeout)
    except TimeoutError:
        future.cancel()
        raise AssertionError(f"not finished within {timeout:g} s: {coroutine!r}") from None


def wait_for(what, condition, timeout=DEADLINE):
    """Polls until `condition` is true, which is returned with the seconds it took."""
    started = time.monotonic()
    while True:
        result = condition()
        took = time.monotonic() - started
        if result:
            return result, took
        assert took < timeout, f"{what}: not within {timeout:g} s"
        threading.Event().wait(POLL)


class Inbox:
    """Everything that came, in order; `expect` takes the first that fits and was not taken before."""

    def __init__(self, owner):
        self.owner = owner
        self.received = []
        self._taken = set()
        self._changed = threading.Condition()

    def put(self, item):
        with self._changed:
            self.received.append(item)
            self._changed.notify_all()

    def expect(self, what, fits, timeout=None):
        timeout = DEADLINE if timeout is None else timeout
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, item in enumerate(self.received):
                    if index not in self._taken and fits(item):
                        self._taken.add(index)
                        return item
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            listing = "".join(f"\n  {'*' if i in self._taken else '-'} {item}"
                              for i, item in enumerate(self.received)) or " nothing"
        raise AssertionError(f"{self.owner}: {what} did not come within {timeout:g} s; "
                             f"came (* = already expected):{listing}")

    def count(self, fits):
        with self._changed:
            return sum(1 for item in self.received if fits(item))
