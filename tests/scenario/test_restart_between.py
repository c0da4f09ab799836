# SPDX-License-Identifier: GPL-3.0-or-later
"""Each part is killed and started again between sending and receiving."""
import pytest
from harness import fault
from harness.xmpp import XmppUser

PARTS = ["bridge", "xmpp", "postgres"]


@pytest.fixture
def restart(stack):
    def again(part):
        stack.kill(part)
        stack.restart(part)
        fault.wait_ready(stack)
    return again


def sent_through(stack, user):
    """Returns when the XMPP server has handled what the bridge sent it before."""
    from harness.load import wait_outbox_empty
    wait_outbox_empty(stack)


@pytest.mark.parametrize("part", PARTS)
def test_the_xmpp_user_comes_back_and_gets_it(stack, app, xmpp, restart, part):
    alice = app("alice")
    talk = alice.conversation_with(jid="dave@example.org")
    sent = [alice.send(talk, f"while you were away {n}") for n in range(3)]
    sent_through(stack, "dave")
    if stack.server == "ejabberd" and part == "xmpp":
        xmpp("erin").ping()  # the node flushes its log ten times a second: not before a later moment
        fault.wait_for("mnesia's log is written", Elapsed(0.5))
    restart(part)
    dave = xmpp("dave")
    for message in sent:
        got = dave.expect_message(message["content"], sender=alice.me()["jid"])
        assert got.id == message["id"]


class Elapsed:
    """A condition that is true after so many seconds: for what a server gives no event about."""

    def __init__(self, seconds):
        import time
        self.clock, self.due = time.monotonic, time.monotonic() + seconds

    def __call__(self):
        return self.clock() >= self.due


@pytest.mark.parametrize("part", PARTS)
def test_what_was_in_flight_arrives_at_least_once(stack, app, xmpp, part, restart):
    """Killed right behind the acknowledgement, whether or not the copy had gone out."""
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    sent = alice.send(talk, "in flight")
    restart(part)
    if part == "xmpp":
        bob = xmpp("bob")
        if any(m.id == sent["id"] for m in bob.history(alice.me()["jid"])):
            return  # the server had it, and has kept it
    got = bob.expect_message("in flight", sender=alice.me()["jid"])
    assert got.id == sent["id"]
    assert alice.messages(talk)["items"][-1]["id"] == sent["id"]


def test_an_orderly_restart_of_the_bridge_repeats_nothing(stack, app, xmpp):
    """What the server has read just before is not sent again, though it would be after a crash."""
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    alice.send(talk, "before")
    bob.expect_message("before")
    stack.stop("bridge")
    stack.restart("bridge")
    fault.wait_ready(stack)
    alice.send(talk, "after")
    bob.expect_message("after")
    texts = [s.body for s in bob.inbox.received if s.body and s.sender.startswith(alice.me()["jid"])]
    assert texts == ["before", "after"]


@pytest.mark.parametrize("part", PARTS)
def test_the_app_user_resumes(stack, app, xmpp, restart, part):
    alice, dora, bob = app("alice"), app("dora"), xmpp("bob")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    with alice.ws() as socket:
        first = dora.send(talk, "one")
        socket.expect("message.new", id=first["id"])
        socket.sync()
        cursor = socket.cursor
    missed = [dora.send(talk, "two")]
    bob.send_message(alice.me()["jid"], "three", receipt=True, id="m-three-" + talk["id"])
    bob.expect_receipt("m-three-" + talk["id"])
    restart(part)
    missed.append(dora.send(talk, "four"))
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
        last = dora.send(talk, "five")
        socket.expect("message.new", id=last["id"])
        contents = [frame["payload"]["content"] for frame in socket.events("message.new")]
    assert contents == ["two", "three", "four", "five"]
    assert [m["content"] for m in alice.messages(talk)["items"]] == ["one", "two", "four", "five"]


@pytest.mark.parametrize("part", PARTS)
def test_an_open_socket_goes_on_or_is_closed(stack, app, part, restart):
    """The bridge's sockets end with it; a restart of another part leaves them open, without a gap."""
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    with alice.ws() as socket:
        first = dora.send(talk, "one")
        socket.expect("message.new", id=first["id"])
        restart(part)
        if part == "bridge":
            socket.expect_close()
            return
        second = dora.send(talk, "two")
        socket.expect("message.new", id=second["id"])
        assert len(socket.events("message.new")) == 2


def test_a_message_sent_while_the_xmpp_server_is_away_arrives_afterwards(stack, app, xmpp):
    alice = app("alice")
    talk = alice.conversation_with(jid="carol@example.org")
    stack.kill("xmpp")
    fault.wait_for("the link is lost", lambda: fault.part_is(stack, "link", "down"))
    sent = alice.send(talk, "nobody there")
    stack.restart("xmpp")
    fault.wait_ready(stack)
    with XmppUser(stack, "carol") as carol:
        assert carol.expect_message("nobody there").id == sent["id"]


def test_after_a_restart_a_cursor_is_still_good_at_once(stack, app, restart):
    """A client that comes back before the bridge has read the log's state must not be told to start anew."""
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    with alice.ws() as socket:
        dora.send(talk, "one")
        socket.expect("message.new", content="one")
        socket.sync()
        cursor = socket.cursor
    dora.send(talk, "two")
    for _ in range(5):
        restart("bridge")
        with alice.ws(resume=cursor) as socket:
            socket.expect("resumed")
            assert [frame["payload"]["content"] for frame in socket.events("message.new")] == ["two"]
