# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed messages on WebSockets (permessage-deflate), where `websocket.deflate` is on."""
import json

import pytest

from harness.daemon import Daemon
from harness.raw import CONTINUATION, PING, TEXT, RawSocket, frame, packed
from harness.rest import App

pytestmark = pytest.mark.one_server

OFFER = ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
PINGED = json.dumps({"type": "ping", "id": "1"}).encode()
NUMBERS = " ".join(map(str, range(3000)))  # some 14 KB, of which a third is left


@pytest.fixture(scope="module")
def bridge(running_stack):
    with Daemon(running_stack, options={"websocket": {"deflate": "on"}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def world(bridge):
    alice, bella = App(bridge, "alice"), App(bridge, "bella")
    return alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def raw(bridge, user, *more):
    return RawSocket(bridge, user.token, headers=(*OFFER, *more))


def test_messages_come_and_go_compressed(world):
    """With a client library of its own making, beside a socket that did not ask for it."""
    alice, bella, talk = world
    with alice.ws(compression="deflate") as hers, bella.ws() as plain, bella.ws(compression="deflate") as packed_one:
        assert hers.extensions() == packed_one.extensions() == ["permessage-deflate"] and not plain.extensions()
        assert hers.message(talk, NUMBERS)["content"] == NUMBERS
        for socket in (hers, plain, packed_one):
            cursor = socket.expect("message.new", content=NUMBERS)["cursor"]
        alice.send(talk, "after it")
    with bella.ws(compression="deflate", resume=cursor) as resumed:
        resumed.expect("message.new", content="after it")


def test_what_is_on_the_wire(bridge, world):
    alice, bella, talk = world
    with raw(bridge, alice) as socket, RawSocket(bridge, alice.token) as other:
        assert "permessage-deflate; server_no_context_takeover; client_no_context_takeover" in socket.head
        assert "Extensions" not in other.head
        bella.send(talk, NUMBERS)
        for one, most in ((socket, len(NUMBERS) * 2 // 3), (other, None)):
            size = {"all": 0}
            take = one._take
            one._take = lambda count, take=take, size=size: size.update(all=size["all"] + count) or take(count)
            while json.loads(one.next()[1])["type"] != "message.new":
                size["all"] = 0
            assert most is None or size["all"] < most, size
            assert most is not None or size["all"] > len(NUMBERS), size
        for sent in (frame(TEXT, packed(PINGED), reserved=0x40), frame(TEXT, PINGED),
                     frame(TEXT, packed(PINGED)[:5], fin=False, reserved=0x40) + frame(PING, b"x")
                     + frame(CONTINUATION, packed(PINGED)[5:])):
            socket.send(sent)
            while b'"pong"' not in (got := socket.next())[1]:
                assert got is not None


BAD = {
    "a bomb": (1009, frame(TEXT, packed(b" " * 10_000_000), reserved=0x40)),
    "a bomb in fragments": (1009, frame(TEXT, packed(b" " * 250_000)[:100], fin=False, reserved=0x40)
                            + frame(CONTINUATION, packed(b" " * 250_000)[100:])),
    "a bomb within the largest message": (1009, frame(TEXT, packed(b" " * 250_000), reserved=0x40)),
    "a bomb of bombs": (1009, frame(TEXT, packed(packed(b" " * 10_000_000) * 20), reserved=0x40)),
    "no deflate data": (1007, frame(TEXT, b"hello, how are you?", reserved=0x40)),
    "cut": (1007, frame(TEXT, packed(PINGED * 20)[:-9], reserved=0x40)),
    "nothing": (1007, frame(TEXT, b"", reserved=0x40)),
    "no UTF-8 inside": (1007, frame(TEXT, packed(b'{"type":"\xff"}'), reserved=0x40)),
    "compressed continuation": (1002, frame(TEXT, b"x", fin=False) + frame(CONTINUATION, packed(b"x"), reserved=0x40)),
    "compressed ping": (1002, frame(PING, packed(b"x"), reserved=0x40)),
    "RSV2 besides": (1002, frame(TEXT, packed(PINGED), reserved=0x60)),
}


@pytest.mark.parametrize("name", BAD)
def test_hostile_messages_close_the_socket(bridge, world, name):
    alice, bella, _ = world
    code, sent = BAD[name]
    with raw(bridge, alice) as socket, bella.ws() as other:
        socket.send(sent)
        assert socket.close_code() == code
        other.sync()


def test_a_stranger_is_bounded_before_the_sign_in(bridge):
    with RawSocket(bridge, headers=OFFER) as socket:
        auth = json.dumps({"type": "auth", "payload": {"token": "x" * 60_000}}).encode()
        socket.send(frame(TEXT, packed(auth), reserved=0x40))
        assert socket.close_code() == 1009


@pytest.mark.parametrize("offer", ["permessage-deflate; server_max_window_bits=9", "permessage-deflate; client_max_window_bits=99", "x-own", ""])
def test_an_offer_that_is_not_understood_is_declined(bridge, world, offer):
    with RawSocket(bridge, world[0].token, headers=(f"Sec-WebSocket-Extensions: {offer}",)) as socket:
        assert socket.status == 101 and "Extensions" not in socket.head
        socket.send(frame(TEXT, packed(PINGED), reserved=0x40))
        assert socket.close_code() == 1002


def test_it_is_off_unless_it_is_asked_for(stack, app):
    with RawSocket(stack, app("alice").token, headers=OFFER) as socket:
        assert socket.status == 101 and "Extensions" not in socket.head
