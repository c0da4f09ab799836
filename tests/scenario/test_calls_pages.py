# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls between app users whose pages have camera and microphone: what is heard and seen is counted at both
ends. There are two bridges; callers and callees are at different ones."""
import contextlib

import pytest

from harness.cluster import wait_whole
from harness.firefox import Firefox
from harness.media import MediaWorld
from harness.phone import PagePhone
from harness.rest import App

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def world(request):
    with MediaWorld(request.config.getoption("--server"), instances=2) as world:
        yield world


class Pair:
    """Two users who know each other, signed in in two pages."""

    def __init__(self, world, pages, names):
        users = [App(world.stack, name, instance=n) for n, name in enumerate(names)]
        self.talk = users[0].conversation_with(participant_id=users[1].me()["id"])
        for user in users:  # both have written: they are no strangers
            user.send(self.talk, "hello")
        self.alice, self.bella = (PagePhone(page, user) for page, user in zip(pages, users))

    def connect(self, video):
        call = self.alice.ring(self.talk, video)
        assert self.bella.until("ringing") == call["id"]
        self.bella.accept()
        return call


@pytest.fixture(scope="module")
def pair(world):
    return Pair(world, (world.page(0), world.page(1)), ("alice", "bella"))


@pytest.fixture
def both(pair):
    yield pair
    for phone in (pair.alice, pair.bella):
        phone.leave()


def test_both_hear_and_see_each_other_until_one_hangs_up(both):
    call = both.connect(video=True)
    for phone in (both.alice, both.bella):
        arrived = phone.sees()
        assert {end["type"] for way in arrived["pairs"] for end in way} <= {"host", "prflx"}
    both.alice.do("restart")
    for phone in (both.alice, both.bella):
        phone.sees()
    both.bella.do("end")
    ended = both.alice.until("ended")
    assert ended["call_id"] == call["id"] and ended["reason"] == "hangup"


def test_a_picture_is_added_to_a_call(both):
    both.connect(video=False)
    for phone in (both.alice, both.bella):
        assert phone.flows()["video"] == 0
    both.bella.do("upgrade")
    both.alice.flows(video=5)
    both.alice.do("end")


def test_declined(both):
    call = both.alice.ring(both.talk)
    assert both.bella.until("ringing") == call["id"]
    both.bella.do("decline")
    assert both.alice.until("declined")["reason"] == "declined"


def test_media_outlives_a_bridge(world, both):
    call = both.connect(video=False)
    for phone in (both.alice, both.bella):
        phone.flows()
    world.stack.kill("bridge.0")
    for phone in (both.alice, both.bella):
        phone.flows()
    world.stack.restart("bridge.0")
    both.bella.do("end")
    wait_whole(world.stack)
    assert both.alice.user.call(200, "GET", f"/api/calls/{call['id']}")["status"] == "ended"


def test_firefox_calls_and_is_called(world, both):
    """The other engine writes its descriptions otherwise."""
    with contextlib.closing(Firefox()) as firefox:
        firefox.load(world.origin)
        mixed = Pair(world, (world.page(0), firefox), ("clara", "dora"))
        try:
            mixed.connect(video=True)
            for phone in (mixed.alice, mixed.bella):
                phone.sees()
        finally:
            for phone in (mixed.alice, mixed.bella):
                phone.leave()
