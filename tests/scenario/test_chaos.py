# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 and SIGSTOP of every part at random moments under load; then harness.checker judges.

A failing round is repeated with TRESTLE_CHAOS_SEED=<the seed it printed>: the moments (n-th line of the
history) and victims are drawn from it. TRESTLE_CHAOS_ROUNDS sets the rounds of the long campaigns.
"""
import contextlib
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import pytest
from conftest import stack_of
from harness import fault
from harness.bound_load import BoundLoad
from harness.load import Load
from harness.standby import Standby

STEADY = 5.2  # seconds after which a link's next failure starts again at the shortest interval
# ejabberd may lose a message that meets a login: what was acknowledged from a kill until its users are back, and
# so many seconds after, is counted, not held against the bridge. Prosody gets no such grace.
SERVER_MAY_LOSE = {"ejabberd": 2.0}
LONG_ROUNDS = int(os.environ.get("TRESTLE_CHAOS_ROUNDS", "20"))


def seed():
    return int(os.environ.get("TRESTLE_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))


def kill_bridge(load):
    load.stack.kill("bridge")
    load.stack.restart("bridge")


def kill_xmpp(load):
    slack, killed = SERVER_MAY_LOSE.get(load.stack.server), time.monotonic()
    load.stack.kill("xmpp")
    load.stack.restart("xmpp")
    fault.wait_ready(load.stack, 60)
    for peer in load.peers:
        peer.online(60)
    if slack:
        load.server_may_lose.append((killed, time.monotonic() + slack))
    if load.random.random() < 0.8:  # a link that fails again sooner is tried at growing intervals, to 30 s
        fault.wait_steady(load.stack, STEADY, 60)


def kill_postgres(load):
    load.stack.kill("postgres")
    load.stack.restart("postgres")
    fault.wait_ready(load.stack)


def kill_backend(load):
    """One backend; the postmaster then ends the others and recovers, without a restart from outside."""
    lost = fault.metric(load.stack, "trestle_archive_reconnects_total")
    with contextlib.suppress(ProcessLookupError):
        os.kill(load.random.choice(fault.bridge_backends(load.stack)), signal.SIGKILL)
    fault.wait_for("the bridge noticed", lambda: fault.metric(
        load.stack, "trestle_archive_reconnects_total") > lost)
    fault.wait_ready(load.stack)


def end_backend(load):
    """One backend is told to end (an administrator's pg_terminate_backend); the others stay."""
    victim = load.random.choice(fault.bridge_backends(load.stack))
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGTERM)
    fault.wait_for("the backend ended", lambda: victim not in fault.bridge_backends(load.stack))
    fault.wait_ready(load.stack)


def cut_sockets(load):
    """No part fails; consumers' connections are cut, and resume."""
    for consumer in load.random.sample(load.consumers, 3):
        consumer.drop()


FAULTS = {"bridge": kill_bridge, "xmpp": kill_xmpp, "postgres": kill_postgres, "backend": kill_backend,
          "ended-backend": end_backend, "sockets": cut_sockets}


def campaign(stack, faults, rounds, capsys, apps=3, make=Load):
    """So many rounds of each fault under one load; prints the numbers and returns the checker's report."""
    number = seed()
    say(capsys, f"chaos {'+'.join(faults)} on {stack.server}: {rounds} rounds each, TRESTLE_CHAOS_SEED={number}")
    file = Path(tempfile.gettempdir()) / f"trestle-chaos-{number}.jsonl"
    with make(stack, number, apps, file=file) as load:
        plan = [name for name in faults for _ in range(rounds)]
        load.random.shuffle(plan)
        load.history.wait_acknowledged(20)
        for name in plan:
            load.history.wait("load goes on", lambda line: True, load.random.randint(1, 60),
                              len(load.history.lines), 60)
            load.history.add("chaos", "event", "fault", name=name)
            FAULTS[name](load)
            load.history.wait_acknowledged(load.random.randint(5, 30), 60)
        report = load.check()
    say(capsys, f"chaos {'+'.join(faults)} on {stack.server}: rounds={len(plan)} {report}")
    if report.violations:
        say(capsys, f"the history is in {file}")
    else:
        file.unlink()
    return report


def say(capsys, text):
    with capsys.disabled():
        print(f"\n{text}", end="", flush=True)


@pytest.mark.parametrize("part", FAULTS)
def test_killed_under_load(stack, capsys, part):
    campaign(stack, [part], 2, capsys).assert_clean()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", FAULTS)
def test_killed_many_times(stack, capsys, part):
    campaign(stack, [part], LONG_ROUNDS, capsys).assert_clean()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_everything_is_killed_in_turn(stack, capsys):
    campaign(stack, list(FAULTS), max(2, LONG_ROUNDS // 4), capsys, apps=8).assert_clean()


@pytest.fixture(scope="module")
def bound_stack(request):
    yield from stack_of(request, "--plugin", "--archive")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", ["bridge", "backend", "postgres", "xmpp"])
def test_killed_while_accounts_are_in_the_app_and_in_clients(bound_stack, capsys, part):
    campaign(bound_stack, [part], max(3, LONG_ROUNDS // 4), capsys, make=BoundLoad).assert_clean()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_standby_is_promoted_under_load(stack, capsys):
    """A synchronous one: nothing that was acknowledged is lost, nobody has to start anew."""
    for _ in range(max(1, LONG_ROUNDS // 5)):
        number = seed()
        with Standby(stack, synchronous=True) as standby:
            fault.wait_ready(stack, 60)
            with Load(stack, number) as load:
                load.history.wait_acknowledged(load.random.randint(20, 200), 60)
                standby.promote()
                back = fault.wait_ready(stack, 60)
                load.history.wait_acknowledged(60, 60)
                report = load.check()
        say(capsys, f"promotion on {stack.server}: TRESTLE_CHAOS_SEED={number} back after {back:.1f} s; {report}")
        report.assert_clean()


def test_a_frozen_xmpp_server_is_noticed_and_nothing_is_lost(stack, capsys):
    number = seed()
    with Load(stack, number) as load:
        load.history.wait_acknowledged(20)
        with fault.frozen(stack, "xmpp"):
            _, took = fault.wait_for("the half-open link is noticed",
                                     lambda: fault.part_is(stack, "link", "down"), 16)
            seen = len(load.history.lines)
            load.history.wait("apps send on", lambda line: line["kind"] == "ok" and line["op"] == "send",
                              10, seen)
        back = fault.wait_ready(stack, 60)
        report = load.check()
    say(capsys, f"frozen xmpp on {stack.server}: noticed after {took:.1f} s, back after {back:.1f} s; {report}")
    report.assert_clean()


def test_a_frozen_database_holds_nothing_up_for_ever(stack, capsys):
    with Load(stack, seed()) as load:
        load.history.wait_acknowledged(20)
        with fault.frozen(stack, "postgres"):
            refused = load.history.wait("sends are answered", lambda line: line["kind"] == "fail"
                                        and line["op"] == "send", 1, len(load.history.lines))
            assert (refused["status"], refused["code"]) == (503, "unavailable")
            fault.wait_for("the silent database is noticed",
                           lambda: fault.part_is(stack, "database", "down"), 16)
            assert fault.admin(stack, "/livez")[0] == 200
        fault.wait_ready(stack)
        report = load.check()
    say(capsys, f"frozen postgres on {stack.server}: {report}")
    report.assert_clean()
