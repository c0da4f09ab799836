# SPDX-License-Identifier: GPL-3.0-or-later
"""Bound sessions: what the server's plugin does for a component, and for nobody else. No bridge runs."""
import pytest
from conftest import stack_of
from harness.administer import administer
from harness.bound import BIND, Link
from harness.xmpp import XmppError


@pytest.fixture(scope="module")
def running_stack(request):
    """A stack with the plugin; the test is the component."""
    if request.config.getoption("--server") == "ejabberd":
        pytest.skip("the plugin for ejabberd is not there yet")
    yield from stack_of(request, "--plugin", "--instances", "0")


@pytest.fixture
def link(stack):
    with Link(stack) as link:
        yield link


@pytest.fixture
def admin(stack):
    return administer(stack)


def refused(call, *args, **options):
    with pytest.raises(XmppError) as caught:
        call(*args, **options)
    return caught.value.condition


def test_hello(link):
    hello = link.hello()
    assert hello.get("version") == "1" and hello.get("epoch") and hello.get("server") in ("prosody", "ejabberd")
    assert {"bind", "uid"} <= {has.text for has in hello.iter(f"{{{BIND}}}has")}
    assert link.hello().get("epoch") == hello.get("epoch")
    assert refused(link.hello, 2, 3) == "feature-not-implemented"
    assert refused(link.hello, "two", 3) == "bad-request"


def test_who_can_be_bound(link):
    assert refused(link.bind, "nobody") == "item-not-found"
    assert refused(link.bind, "erin") == "not-allowed"
    assert refused(link.bind, "") == "bad-request"
    bob = link.bind("BOB", "Trestle")
    assert (bob.user, bob.resource) == ("bob", "Trestle")
    assert link.hello().get("sessions") == "1"
    link.unbind(bob)
    assert refused(link.unbind, bob) == "item-not-found"
    assert link.hello().get("sessions") == "0"


def test_presence_and_message(link, xmpp):
    carol, bob = xmpp("carol"), link.bind("bob").start()
    id = carol.send_message(bob.bare, "hello")
    assert bob.expect_message("hello", carol.jid).id == id
    bob.send_message(carol.jid, "hello yourself")
    assert carol.expect_message("hello yourself").sender == bob.jid


def test_kick(link, admin):
    bob = link.bind("bob").start()
    admin.kick("bob", bob.resource)
    assert bob.expect_unbound() == "kicked"
