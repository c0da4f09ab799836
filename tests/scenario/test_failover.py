# SPDX-License-Identifier: GPL-3.0-or-later
"""A standby takes over: one that has everything, and one that is behind, so that the log is another one."""

import pytest
from harness import cluster, fault
from harness.rest import App
from harness.standby import Standby

pytestmark = [pytest.mark.one_server, pytest.mark.timeout(300)]
BACK = 60  # seconds until the bridge works with the promoted server


def texts(socket):
    return [frame["payload"]["content"] for frame in socket.frames("message.new")]


def test_a_standby_that_is_behind(stack, app, xmpp):
    """What is acknowledged after the promotion reaches everybody, though the log had been further before."""
    with Standby(stack) as standby:
        fault.wait_ready(stack, BACK)
        alice, dora, bob = app("alice"), app("dora"), xmpp("bob")
        talk, far = alice.conversation_with(participant_id=dora.me()["id"]), alice.conversation_with(jid=bob.bare)
        with dora.ws() as early:
            known = early.hello["cursor"]
        alice.send(talk, "kept")
        with dora.ws() as live, dora.ws() as late:
            standby.cut()
            for n in range(20):
                alice.send(talk, f"lost {n}")
                alice.send(far, f"lost {n}")
                bob.expect_message(f"lost {n}")
            live.expect("message.new", content="lost 19")
            cursor = late.expect("message.new", content="lost 19")["cursor"]
            late.close()
            standby.promote()
            live.expect("resync", timeout=BACK)
            fault.wait_ready(stack, BACK)
            for n in range(5):
                alice.send(talk, f"new {n}")
                alice.send(far, f"new {n}")
                bob.expect_message(f"new {n}")
            live.expect("message.new", content="new 4")
            assert texts(live)[-5:] == [f"new {n}" for n in range(5)]
        with dora.ws(resume=cursor) as beyond:
            beyond.expect("resync")
        with dora.ws(resume=known) as before:
            before.expect("resumed")
            assert texts(before) == ["kept", *(f"new {n}" for n in range(5))]
        fault.wait_for("the outbox is cleared", lambda: standby.query("SELECT count(*) FROM outbox") == [(0,)])


def test_a_synchronous_standby_has_everything(stack, app, xmpp):
    """Nothing that was acknowledged is lost, and nobody has to start anew."""
    with Standby(stack, synchronous=True) as standby:
        fault.wait_ready(stack, BACK)
        alice, dora, bob = app("alice"), app("dora"), xmpp("bob")
        talk, far = alice.conversation_with(participant_id=dora.me()["id"]), alice.conversation_with(jid=bob.bare)
        with dora.ws() as live, dora.ws() as late:
            for n in range(5):
                alice.send(talk, f"old {n}")
                alice.send(far, f"old {n}")
                bob.expect_message(f"old {n}")
            cursor = late.expect("message.new", content="old 2")["cursor"]
            late.close()
            lost = fault.metric(stack, "trestle_archive_reconnects_total")
            standby.promote()
            fault.wait_for("the bridge noticed",
                           lambda: fault.metric(stack, "trestle_archive_reconnects_total") > lost, BACK)
            fault.wait_ready(stack, BACK)
            alice.send(far, "new")
            bob.expect_message("new")
            alice.send(talk, "new")
            live.expect("message.new", content="new")
            assert texts(live) == [*(f"old {n}" for n in range(5)), "new"] and not live.count("resync")
        with dora.ws(resume=cursor) as resumed:
            resumed.expect("resumed")
            assert texts(resumed) == ["old 3", "old 4", "new"] and not resumed.count("resync")
        assert [m["content"] for m in alice.messages(talk)["items"]] == [*(f"old {n}" for n in range(5)), "new"]


two = pytest.fixture(scope="module")(cluster.two_for_module)


def test_two_instances_meet_in_the_new_log(two):
    """Live events cross, and a stream that resumes at the other instance has no gap."""
    with Standby(two) as standby:
        cluster.wait_whole(two)
        alice = [App(two, "alice", instance=n) for n in (0, 1)]
        dora = [App(two, "dora", instance=n) for n in (0, 1)]
        talk = alice[0].conversation_with(participant_id=dora[0].me()["id"])
        sockets = [user.ws() for user in dora]
        standby.cut()
        for n in range(20):
            alice[n % 2].send(talk, f"lost {n}")
        for socket in sockets:
            socket.expect("message.new", content="lost 19")
        standby.promote()
        for socket in sockets:
            socket.expect("resync", timeout=BACK)
        cluster.wait_whole(two)
        cursor = None
        for n in range(20):
            alice[n % 2].send(talk, f"new {n}")
            for socket in sockets:
                frame = socket.expect("message.new", content=f"new {n}")
            cursor = frame["cursor"] if n == 4 else cursor
        for socket in sockets:
            assert texts(socket)[-20:] == [f"new {n}" for n in range(20)]
            socket.close()
        for user in dora:
            with user.ws(resume=cursor) as resumed:
                resumed.expect("resumed")
                assert texts(resumed) == [f"new {n}" for n in range(5, 20)]
