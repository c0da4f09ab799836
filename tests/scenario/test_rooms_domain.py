# SPDX-License-Identifier: GPL-3.0-or-later
"""The second component, the domain of rooms: on the network beside the users', and no condition of anything."""
import uuid
from xml.etree.ElementTree import Element, SubElement

import pytest
from harness.daemon import Daemon, run_trestle
from harness.fake_xmpp import FakeXmpp
from harness.inbox import wait_for
from harness.rest import App, http_request
from harness.xmpp import CLIENT, DISCO_INFO, DISCO_ITEMS, PING, VERSION, XmppError

MUC = "http://jabber.org/protocol/muc"
ROOMS = "rooms.app.example.org"


def refusal(client, to, namespace, name="query"):
    with pytest.raises(XmppError) as caught:
        client.iq(to, Element(f"{{{namespace}}}{name}"))
    return caught.value.condition


def send(client, name, to, type=None, *children):
    id = str(uuid.uuid4())
    stanza = Element(f"{{{CLIENT}}}{name}", {"to": to, "id": id} | ({"type": type} if type else {}))
    stanza.extend(children)
    client.send_element(stanza)
    return id


def error_of(client, id):
    answer = client.expect_stanza(f"error of {id}", lambda s: s.id == id and s.type == "error")
    return [part.tag.rpartition("}")[2] for part in answer.child(CLIENT, "error")][0]


def body():
    text = Element(f"{{{CLIENT}}}body")
    text.text = "anybody?"
    return text


def test_it_says_what_it_is_and_that_no_room_is_there(stack, bob):
    rooms = stack.rooms_domain
    identities, features = bob.disco_info(rooms)
    assert identities == {"conference/text"} and {DISCO_INFO, DISCO_ITEMS, PING, MUC} == features
    assert f"team@{rooms}" not in bob.disco_items(rooms)
    bob.ping(rooms)
    assert refusal(bob, rooms, VERSION) == "service-unavailable"
    for place in (f"team@{rooms}", f"team@{rooms}/Ann"):
        assert refusal(bob, place, DISCO_INFO) == refusal(bob, place, PING, "ping") == "item-not-found"
    assert error_of(bob, send(bob, "message", f"team@{rooms}", "groupchat", body())) == "not-acceptable"
    assert error_of(bob, send(bob, "message", rooms, "chat", body())) == "service-unavailable"


def parts(daemon):
    reply = http_request(daemon.info["admin"], "GET", "/readyz")
    return reply.status, reply.json["parts"]


def test_a_server_that_does_not_know_it_is_no_reason_to_stop(stack):
    options = {"xmpp": {"rooms_domain": None}}  # as in a configuration that is older than the option
    with FakeXmpp(unknown={ROOMS}) as server, Daemon(stack, server.port, options, secret=server.secret) as daemon:
        wait_for("the bridge tries", lambda: f"domain={ROOMS}" in daemon.logged())
        assert parts(daemon) == (200, {"database": "up", "link": "up", "rooms_link": "down"})
        alice = App(daemon, "alice")
        sent = alice.send(alice.conversation_with(jid="bob@example.org"), "still here")
        server.expect("the message", lambda s: s.name == "message" and s.id == sent["id"])
        lines = [line for line in daemon.logged().splitlines() if ROOMS in line and "failed" in line]
        assert len(lines) == 1 and "host-unknown" in lines[0] and "xmpp.rooms_domain empty" in lines[0], lines


def diagnosis(config, part):
    """(exit status, what the doctor says of that part)."""
    status, text, _ = run_trestle("doctor", "--config", config)
    lines = [line.split(None, 2) for line in text.splitlines()]
    return status, [(verdict, said) for verdict, name, said in lines if name == part]


def test_the_doctor_looks_at_it(stack):
    """Beside a stack that runs, and with a server that does not know it."""
    said = f"trestle is running and has the link of {stack.rooms_domain}"
    assert diagnosis(stack.info["config"], "rooms") == (0, [("ok", said)])
    with FakeXmpp(unknown={ROOMS}) as server:
        daemon = Daemon(stack, server.port, {"xmpp": {"rooms_domain": None}}, secret=server.secret)
        ((verdict, said),) = diagnosis(daemon.config, "rooms")[1]
        assert verdict == "warn" and said.startswith(f"the XMPP server has no component {ROOMS}; add it there"), said


def test_either_link_comes_back_for_itself(stack):
    with FakeXmpp() as server, Daemon(stack, server.port, {"xmpp": {"rooms_domain": ROOMS}},
                                      secret=server.secret) as daemon:
        server.wait_stream(2)
        wait_for("both are up", lambda: parts(daemon) == (
            200, {"database": "up", "link": "up", "rooms_link": "up"}))
        server.hang_up()
        server.wait_stream(3)
        wait_for("both are up again", lambda: parts(daemon) == (
            200, {"database": "up", "link": "up", "rooms_link": "up"}))
