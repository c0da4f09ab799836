# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of app users with people on XMPP: with an agent that speaks JMI and Jingle, and with a stock client in a page."""
import contextlib

import pytest

from harness.app_agent import AppAgent, connect
from harness.ice_peer import IcePeer
from harness.jingle_agent import JingleAgent
from harness.jingle_page import JinglePage, bundle
from harness.media import MediaWorld
from harness.phone import PagePhone
from harness.rest import App
from harness.xmpp import XmppUser
from test_calls_dino import befriend


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server")) as world:
        yield world


@pytest.fixture
def opened():
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture(scope="module")
def bob(world):
    with XmppUser(world.stack, "bob") as client:
        yield client


@pytest.fixture(scope="module")
def there(bob):
    return JingleAgent(bob)


def known(side, client):
    """The conversation of an app user and somebody on XMPP who have both written, and are no strangers."""
    talk = side.user.conversation_with(jid=client.bare)
    side.user.send(talk, "hello")
    client.expect_message("hello")
    client.send_message(side.user.me()["jid"], "hello yourself")
    side.socket.expect("message.new", content="hello yourself")
    return talk


def agents_of(opened):
    return [opened.enter_context(IcePeer(role)) for role in ("controlling", "controlled")]


def test_an_app_user_calls_somebody_on_xmpp(world, opened, bob, there):
    alice = opened.enter_context(contextlib.closing(AppAgent(App(world.stack, "alice"))))
    talk = known(alice, bob)
    alice.ring(talk)
    there.take()
    caller, callee = agents_of(opened)
    alice.offer(caller)
    there.answer(callee)
    alice.answered()
    connect(alice, there)
    there.end()
    assert alice.socket.expect("call.ended", call_id=alice.call_id)["payload"]["reason"] == "hangup"


def test_somebody_on_xmpp_calls_an_app_user(world, opened, bob, there):
    alice = opened.enter_context(contextlib.closing(AppAgent(App(world.stack, "alice"))))
    known(alice, bob)
    there.propose(alice.user.me()["jid"])
    alice.take()
    caller, callee = agents_of(opened)
    there.initiate(caller)
    alice.answer(callee)
    there.accepted()
    connect(alice, there)
    alice.socket.command("call.end", call_id=alice.call_id)
    there.expect_jingle("session-terminate")


@pytest.fixture(scope="module")
def dave(world):
    """A stock Jingle client in a page; it knows no JMI."""
    with world.network.outside():
        world.origin.files["stanza.js"] = bundle()
    dave = JinglePage(world.page(1), world.stack, "dave", ["audio", "video"])
    yield dave
    dave.close()


@pytest.fixture(scope="module")
def emma(world, dave):
    """An app user in a page, and a contact of Dave's."""
    user = App(world.stack, "emma")
    phone = PagePhone(world.page(0), user)
    phone.jid, phone.talk = user.me()["jid"], befriend(world, user, "dave")
    return phone


@pytest.fixture(autouse=True)
def hung_up(request):
    """No test leaves a call behind."""
    yield
    if "emma" in request.fixturenames:
        request.getfixturevalue("emma").leave()


def test_a_stock_client_calls_an_app_user(emma, dave):
    dave.call(f"{emma.jid}/rest")
    emma.until("ringing")
    emma.accept()
    dave.until("accepted")
    dave.flows()
    emma.sees()
    dave.do("end")
    assert emma.until("ended")["reason"] == "hangup"


def test_an_app_user_calls_a_stock_client(emma, dave):
    """Who knows no JMI is rung by the offer, as soon as it is known that it is so."""
    dave.described_to(f"{emma.jid}/rest")
    emma.run("await phone.chat.until('presence', { status: 'online' })")
    dave.say(emma.jid, "it is told")
    emma.run("await phone.chat.until('message.new', { content: 'it is told' })")
    emma.ring(emma.talk, video=True)
    dave.until("incoming")
    dave.do("ring")
    emma.until("remote_ringing")
    dave.accept()
    emma.sees()
    dave.flows()
    emma.do("end")
    dave.until("terminated")
