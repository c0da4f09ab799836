# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults: killing and freezing parts of a stack, and waiting on what the bridge says about itself."""
import contextlib
import os
import signal
import time

import psycopg2

from .inbox import DEADLINE, wait_for
from .rest import http_request

def admin(stack, path):
    """(status, body) of the admin listener; status 0 when nobody answers."""
    try:
        reply = http_request(stack.info["admin"], "GET", path, timeout=5)
    except OSError as problem:
        return 0, str(problem)
    return reply.status, reply.json if reply.json is not None else reply.raw.decode()


def metric(stack, name):
    for line in str(admin(stack, "/metrics")[1]).splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    return None


def is_ready(stack):
    """With the rooms, where the instance serves them: it is ready without."""
    status, body = admin(stack, "/readyz")
    return status == 200 and body["parts"].get("rooms_link", "up") == "up"


def wait_ready(stack, timeout=DEADLINE):
    return wait_for("/readyz says 200", lambda: is_ready(stack), timeout)[1]


def part_is(stack, name, state):
    """Whether /readyz says that this part is "up" or "down"."""
    body = admin(stack, "/readyz")[1]
    return isinstance(body, dict) and body["parts"].get(name) == state


def wait_steady(stack, seconds, timeout=DEADLINE):
    """Returns when the link has been up for so long without a new connection."""
    seen = [None, time.monotonic()]

    def steady():
        state = (metric(stack, "trestle_link_up"), metric(stack, "trestle_link_connects_total"))
        if state != seen[0] or state[0] != 1:
            seen[:] = [state, time.monotonic()]
        return time.monotonic() - seen[1] >= seconds
    wait_for("a steady link", steady, timeout)


def processes_of(stack, part):
    """The pids of a part with all their descendants."""
    found = [pid for name, pid in stack.pids().items() if part in (name, name.partition(".")[0])]
    for pid in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                found += [int(child) for child in open(f"/proc/{pid}/task/{task}/children").read().split()]
    return found


def state_of(pid):
    """The letter that /proc has for a process; "" if there is none."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@contextlib.contextmanager
def frozen(stack, part):
    """SIGSTOP for a part and its children: sockets stay open and say nothing."""
    stopped = []
    try:
        for pid in processes_of(stack, part):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        for pid in stopped:
            wait_for(f"{pid} has stopped", lambda: state_of(pid) in ("T", "", "Z"))
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def bridge_backends(stack):
    """The PostgreSQL processes that serve the bridge."""
    connection = psycopg2.connect(stack.info["database"], application_name="test")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'trestle' ORDER BY pid")
            return [row[0] for row in cursor]
    finally:
        connection.close()
