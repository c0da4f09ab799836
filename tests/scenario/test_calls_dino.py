# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of an app user with Dino, which has a silent microphone and a camera that shows a ball. What arrives is counted in the
app user's page: packets of sound, decoded frames of pictures; and what the page has sent, Dino decodes in its own window."""
import contextlib
from xml.etree.ElementTree import Element

import pytest

from harness.dino_calls import CallingDino
from harness.firefox import Firefox
from harness.inbox import wait_for
from harness.media import MediaWorld
from harness.peer import ENOUGH
from harness.phone import PagePhone
from harness.rest import App
from harness.xmpp import XmppUser


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server")) as world:
        yield world


def befriend(world, user, peer="carol"):
    """The peer and the user see each other's presence from now on; before Carol's Dino starts. Their conversation."""
    jid = user.me()["jid"]
    with XmppUser(world.stack, peer) as phone, user.ws() as socket:
        phone.iq(None, Element("{jabber:iq:roster}query"))
        phone.send_presence(to=jid, type="subscribe")
        talk = socket.expect("request.new", subscription=True)["payload"]["conversation"]
        user.call(200, "POST", f"/api/conversations/{talk['id']}/accept")
        phone.expect_presence(jid, "subscribe")
        phone.send_presence(to=jid, type="subscribed")
        phone.send_message(jid, "hello")
        socket.expect("message.new", content="hello")
        user.send(talk, "hello yourself")
    return talk


@pytest.fixture(scope="module")
def alice(world):
    user = App(world.stack, "alice")
    talk = befriend(world, user)
    phone = PagePhone(world.page(0), user)
    phone.talk, phone.jid = talk, user.me()["jid"]
    return phone


@pytest.fixture(scope="module")
def seats(alice):
    with contextlib.ExitStack() as seats:
        yield seats


@pytest.fixture
def carol(world, seats):
    """One Dino for all; a new one for those after a test in which it died, or in whose call it stays."""
    carol = getattr(seats, "carol", None)
    if not carol or not carol.desktop.runs() or not carol.is_free():
        seats.close()
        seats.carol = carol = seats.enter_context(CallingDino(world.stack, "carol", camera=True))
    return carol


@pytest.fixture(autouse=True)
def hung_up(alice):
    """No test leaves a call behind, in which Dino would stay."""
    yield
    alice.leave()


def test_dino_takes_a_video_call_and_hangs_up(alice, carol):
    call = alice.ring(alice.talk, video=True)
    carol.rings()
    carol.accept()
    arrived = alice.sees()
    assert arrived["transports"] == 2  # Dino bundles nothing
    assert arrived["sent"]["audio"] > 0 and arrived["sent"]["video"] > 0
    carol.hang_up()
    ended = alice.until("ended")
    assert ended["call_id"] == call["id"] and ended["reason"] == "hangup"


def test_dino_calls_and_the_app_user_hangs_up(alice, carol):
    number = carol.reaches(alice, lambda now: now["audio"] >= ENOUGH["audio"] and now["video"] == 0)
    carol.toggle_microphone()
    assert alice.until("state")["muted"] is True
    alice.do("end")
    carol.expect("the end", lambda: not carol.in_call())
    assert carol.calls() == number


def goes_both_ways(now):
    return now["transports"] == 2 and (now["audio"] >= 25 or now["video"] >= 5) and now["sent"]["video"] > 0


@pytest.mark.one_server
def test_dino_calls_with_a_picture(alice, carol):
    carol.reaches(alice, goes_both_ways, video=True)


@pytest.mark.one_server
def test_either_declines_or_gives_up(alice, carol):
    known = carol.calls()
    alice.ring(alice.talk)
    carol.rings(known)
    carol.reject()
    assert alice.until("declined")["reason"] == "declined"
    alice.leave()
    known = carol.call(alice.jid)
    alice.until("ringing")
    alice.do("decline")
    carol.expect("the end", lambda: not carol.in_call())
    alice.leave()
    alice.ring(alice.talk)
    carol.rings(known)
    alice.do("end")
    carol.expect("the end", lambda: not carol.in_call())


@pytest.mark.one_server
def test_dino_calls_firefox(world, alice, carol):
    """Dino's relayed and reflexive candidates have no related address, which Firefox insists on."""
    alice.leave()
    with contextlib.closing(Firefox()) as firefox:
        firefox.load(world.origin)
        other = PagePhone(firefox, alice.user)
        try:
            other.jid = alice.jid
            carol.reaches(other, lambda now: now["audio"] >= ENOUGH["audio"])
        finally:
            other.leave()


def connected(alice, transports):
    """Waits until so many ways are secured. Dino may send no sound in a later call."""
    wait_for(f"{transports} transports", lambda: alice.run(
        "return phone.peer ? (await phone.peer.arrived()).transports : 0") == transports)


@pytest.mark.one_server
def test_the_app_user_turns_the_camera_on(alice, carol):
    known = carol.calls()
    alice.ring(alice.talk)
    carol.rings(known)
    carol.accept()
    connected(alice, 1)
    alice.do("upgrade")
    connected(alice, 2)
    wait_for("the picture to go to Dino", lambda: alice.run("return phone.peer.arrived()")["sent"]["video"] > 0)
    alice.do("end")
    carol.expect("the end", lambda: not carol.in_call())


@pytest.mark.one_server
def test_dino_turns_its_camera_on(alice, carol):
    """Which may show nothing, in a later call; the way for it is there."""
    carol.call(alice.jid)
    alice.until("ringing")
    alice.accept()
    connected(alice, 1)
    carol.turn_camera_on(lambda: alice.run("return phone.peer.connection.getTransceivers().length") == 2)
    connected(alice, 2)
    assert alice.run("return phone.peer.connection.getTransceivers()[1].currentDirection") == "recvonly"


def over(user):
    """The user's latest call, when it is over."""
    return wait_for("a call to be over", lambda: next(
        (call for call in user.call(200, "GET", "/api/calls")["items"][:1] if call["ended_at"]), None))[0]


def test_dino_gives_up(alice, carol):
    carol.call(alice.jid)
    alice.until("ringing")
    carol.hang_up()
    carol.expect("the end", lambda: not carol.in_call())
    missed = over(alice.user)
    assert (missed["direction"], missed["status"]) == ("incoming", "missed")



@pytest.mark.one_server
def test_who_is_in_a_call_is_busy_to_dino(world, alice, carol):
    bella = App(world.stack, "bella")
    talk = alice.user.conversation_with(participant_id=bella.me()["id"])
    bella.send(talk, "hello")
    with bella.ws() as socket:
        alice.ring(talk)
        socket.command("call.accept", call_id=socket.expect("call.ringing")["payload"]["call_id"])
        carol.call(alice.jid)
        carol.expect("the end", lambda: not carol.in_call())
        busy = over(alice.user)
        assert (busy["status"], busy["error_reason"]) == ("declined", "busy")
