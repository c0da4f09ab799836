# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile contact, or a hostile server, against what the bridge keeps and asks on its own: each of them may
waste its own share, and nobody else's. The server is a fake one that passes on anything."""
import contextlib
import itertools
import uuid

import pytest

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.rest import App
from harness.watch import metrics, resident

CAPS = "http://jabber.org/protocol/caps"
DISCO = "http://jabber.org/protocol/disco#info"
names = itertools.count()


class World:
    def __init__(self, server, daemon):
        self.server, self.daemon = server, daemon

    def user(self, name):
        app = App(self.daemon, f"{name}{next(names)}")
        app.jid = app.me()["jid"]
        return app

    def befriend(self, user, peer):
        """Both see each other's presence."""
        user.call(201, "POST", "/api/contacts", {"jid": peer})
        self.server.expect("the request", lambda s: s.name == "presence" and s.type == "subscribe" and s.to == peer)
        self.server.send(f"<presence from='{peer}' to='{user.jid}' type='subscribed'/>"
                         f"<presence from='{peer}' to='{user.jid}' type='subscribe'/>")
        self.server.expect("the grant", lambda s: s.name == "presence" and s.type == "subscribed" and s.to == peer)

    def probed(self, user, peer, timeout=None):
        self.server.expect(f"a probe of {peer}", lambda s: s.name == "presence" and s.type == "probe"
                           and s.to == peer and s.sender == user.jid, timeout)


@pytest.fixture
def world(running_stack):
    with FakeXmpp() as server, Daemon(running_stack, server.port, secret=server.secret) as daemon:
        server.wait_stream()
        yield World(server, daemon)


def caps(ver, node="n"):
    return f"<c xmlns='{CAPS}' hash='sha-1' node='{node}' ver='{ver}'/>"


def test_a_contact_that_always_has_other_capabilities_delays_nobody(world):
    alice, bella = world.user("alice"), world.user("bella")
    world.befriend(alice, "eve@example.org")
    world.befriend(bella, "frank@example.org")
    with alice.ws():
        world.probed(alice, "eve@example.org")
        world.server.send("".join(f"<presence from='eve@example.org/x' to='{alice.jid}'>{caps(f'v{n}')}</presence>"
                                  for n in range(3000)))
        with bella.ws():
            world.probed(bella, "frank@example.org", timeout=5)


def test_one_contact_that_never_answers_keeps_nobodys_events_back(world):
    """What contacts' clients want to hear is asked of each client; who does not answer may not use it up."""
    alice, bella = world.user("alice"), world.user("bella")
    world.befriend(alice, "eve@example.org")
    world.befriend(bella, "frank@example.org")
    world.server.send("".join(f"<presence from='eve@example.org/{n}' to='{alice.jid}'>{caps(f'v{n}')}</presence>"
                              for n in range(1500)))
    world.server.send(f"<presence from='frank@example.org/x' to='{bella.jid}'>{caps('other')}</presence>")
    world.server.expect("a question to Frank's client", lambda s: s.name == "iq" and s.to == "frank@example.org/x"
                        and s.has(DISCO, "query"))
    assert world.server.inbox.count(lambda s: s.name == "iq" and s.to and s.to.startswith("eve@")) <= 16


def test_long_capabilities_are_not_kept(world):
    """Nor asked for, nor sent back."""
    alice = world.user("alice")
    world.befriend(alice, "eve@example.org")
    before = resident(world.daemon)
    for n in range(64):
        world.server.send(f"<presence from='eve@example.org/{n}' to='{alice.jid}'>{caps('v' * 200_000)}</presence>"
                          f"<presence from='eve@example.org/m{n}' to='{alice.jid}'>{caps('v', 'n' * 200_000)}</presence>")
    world.server.send(f"<iq type='get' id='last' from='eve@example.org/x' to='{alice.jid}'><ping xmlns='urn:xmpp:ping'/></iq>")
    world.server.expect("the answer", lambda s: s.id == "last")
    assert not world.server.inbox.count(lambda s: s.has(DISCO, "query"))
    assert resident(world.daemon) - before < 8 * 1024 * 1024


def test_a_wrong_answer_blames_nobody_else(world):
    """Six liars show the version of an honest client: it is asked all the same."""
    alice = world.user("alice")
    liars = [f"liar{n}@example.org" for n in range(6)]
    for peer in (*liars, "frank@example.org"):
        world.befriend(alice, peer)
    with alice.ws():
        for peer in (*liars, "frank@example.org"):
            world.probed(alice, peer)
            world.server.send(f"<presence from='{peer}/x' to='{alice.jid}'>{caps('popular')}</presence>")
            asked = world.server.expect(f"a question to {peer}", lambda s, peer=peer: s.name == "iq"
                                        and s.to == f"{peer}/x" and s.has(DISCO, "query"), 5)
            world.server.send(f"<iq type='result' id='{asked.id}' from='{asked.to}' to='{asked.sender}'>"
                              f"<query xmlns='{DISCO}'><feature var='lie'/></query></iq>")


def test_probes_of_one_keep_nobody_elses_presence_back(world):
    alice, bella = world.user("alice"), world.user("bella")
    world.befriend(bella, "frank@example.org")
    refused = metrics(world.daemon)["trestle_stanzas_refused_total"]
    world.server.send(f"<presence type='subscribe' from='eve@example.org' to='{alice.jid}'/>"
                      f"<presence type='unsubscribe' from='eve@example.org' to='{alice.jid}'/>" * 6000
                      + f"<presence type='probe' from='frank@example.org/x' to='{bella.jid}'/>")
    world.server.expect("the answer to Frank", lambda s: s.name == "presence" and s.to == "frank@example.org/x"
                        and s.sender.startswith(bella.jid), 5)
    assert metrics(world.daemon)["trestle_stanzas_refused_total"] > refused


@pytest.mark.parametrize("theirs", ["xn--bcher-kva.example", "XN--BCHER-KVA.Example", "bu\u0308cher.example", "b\u00fccher.example."])
def test_another_spelling_of_a_domain_is_nobody_else(world, theirs):
    """In messages, marks and blocks; and who spells so is answered so."""
    alice, eve, spelled = world.user("alice"), "eve@b\u00fccher.example", f"eve@{theirs}"
    talk = alice.conversation_with(jid=eve)
    receipts = "urn:xmpp:receipts"
    with alice.ws() as socket:
        sent = alice.send(talk, "Hello")
        world.server.expect("the message", lambda s: s.name == "message" and s.id == sent["id"] and s.to == eve)
        world.server.send(f"<message from='{spelled}/x' to='{alice.jid}'><received xmlns='{receipts}' id='{sent['id']}'/></message>")
        assert socket.expect("message.delivered", message_id=sent["id"])["payload"]["conversation_id"] == talk["id"]
        world.server.send(f"<message from='{spelled}/x' to='{alice.jid}' id='m1' type='chat'><body>Hi</body><request xmlns='{receipts}'/></message>")
        assert socket.expect("message.new", content="Hi")["payload"]["sender"]["jid"] == eve
        world.server.expect("the receipt", lambda s: s.to == f"{spelled}/x" and s.has(receipts, "received"))
        again = alice.send(talk, "And again")
        world.server.expect("the next message", lambda s: s.id == again["id"] and s.to == spelled)
        assert [c["id"] for c in alice.conversations()["items"]] == [talk["id"]]
        assert alice.call(200, "POST", "/api/users/block", {"jid": spelled})["jid"] == eve
        world.server.send(f"<message from='{spelled}/x' to='{alice.jid}' id='m2' type='chat'><body>Blocked?</body></message>")
        world.server.expect("an error", lambda s: s.id == "m2" and s.type == "error" and s.to == f"{spelled}/x")
        assert [m["content"] for m in alice.messages(talk)["items"]] == ["Hello", "Hi", "And again"]
