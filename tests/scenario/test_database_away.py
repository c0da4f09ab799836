# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL is away: clear refusals, nothing half done, and all well again without a restart."""
import uuid

import psycopg2
import pytest
from harness import fault
from harness.rest import http_request
from harness.xmpp import CLIENT

pytestmark = pytest.mark.one_server


@pytest.fixture
def without_database(stack):
    """`without_database()` stops PostgreSQL; it runs again after the test at the latest."""
    def stop():
        stack.stop("postgres")
        fault.wait_for("the bridge noticed", lambda: fault.part_is(stack, "database", "down"))
    yield stop
    if "postgres" in stack.dead():
        stack.restart("postgres")
    fault.wait_ready(stack)


def stored_bodies(stack, talk):
    connection = psycopg2.connect(stack.info["database"])
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT body FROM messages WHERE conversation_id = %s ORDER BY seq", (talk["id"],))
            return [row[0] for row in cursor]
    finally:
        connection.close()


def attempt(app, talk, content, client_id=None):
    return http_request(app.rest, "POST", f"/api/conversations/{talk['id']}/messages",
                        {"content": content, "client_id": client_id or str(uuid.uuid4())}, app.headers())


def error_of(stanza):
    """(type, condition) of an error stanza."""
    error = stanza.child(CLIENT, "error")
    return error.get("type"), next(c.tag.rpartition("}")[2] for c in error
                                   if c.tag.rpartition("}")[2] != "text")


def test_sends_are_refused_and_nothing_is_stored(stack, app, without_database):
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    alice.send(talk, "before")
    without_database()
    refused = attempt(alice, talk, "while away", "the-key")
    assert refused.status == 503
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert (refused.json["code"], refused.json["status"]) == ("unavailable", 503)
    assert int(refused.headers["retry-after"]) >= 1
    stack.restart("postgres")
    fault.wait_ready(stack)
    assert stored_bodies(stack, talk) == ["before"]
    assert alice.send(talk, "while away", "the-key", status=201)["seq"] == 2
    assert stored_bodies(stack, talk) == ["before", "while away"]


def test_reads_and_sign_in_are_refused_too(stack, app, without_database):
    alice = app("alice")
    talk = alice.conversation_with(jid="dave@example.org")
    stranger = app("nobody-yet")
    without_database()
    for who, path in ((alice, f"/api/conversations/{talk['id']}"), (alice, "/api/conversations"),
                      (stranger, "/api/users/me")):
        reply = who.request("GET", path)
        assert (reply.status, reply.json["code"]) == (503, "unavailable"), path
        assert "retry-after" in reply.headers


def test_probes_name_the_part(stack, without_database):
    without_database()
    status, body = fault.admin(stack, "/readyz")
    assert status == 503
    assert body["parts"] == {"database": "down", "link": "up", "rooms_link": "up"}
    assert fault.admin(stack, "/livez")[0] == 200
    stack.restart("postgres")
    fault.wait_ready(stack)


def test_sockets_stay_open_and_work_again(stack, app, without_database):
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    with alice.ws() as mine, dora.ws() as hers:
        first = mine.message(talk, "before")
        hers.expect("message.new", id=first["id"])
        without_database()
        assert mine.refused("message", conversation_id=talk["id"], content="away",
                            client_id=str(uuid.uuid4()))["code"] == "unavailable"
        mine.sync()
        hers.sync()
        stack.restart("postgres")
        fault.wait_ready(stack)
        second = mine.message(talk, "after")
        hers.expect("message.new", id=second["id"])
        assert [frame["payload"]["content"] for frame in hers.events("message.new")] == ["before", "after"]
    assert stored_bodies(stack, talk) == ["before", "after"]


def test_an_xmpp_user_is_told_and_can_send_again(stack, app, xmpp, without_database):
    alice, bob = app("alice"), xmpp("bob")
    name = alice.me()["jid"]
    bob.send_message(name, "before", receipt=True)
    with alice.ws() as socket:
        socket_talk = alice.conversation_with(jid=bob.bare)
        without_database()
        id = bob.send_message(name, "while away", receipt=True)
        error = bob.expect_stanza("the error", lambda s: s.name == "message" and s.type == "error" and s.id == id)
        assert error_of(error) == ("wait", "resource-constraint")
        stack.restart("postgres")
        fault.wait_ready(stack)
        assert stored_bodies(stack, socket_talk) == ["before"]
        bob.send_message(name, "while away", id=id, receipt=True)
        bob.expect_receipt(id)
        socket.expect("message.new", content="while away")
    assert stored_bodies(stack, socket_talk) == ["before", "while away"]


def test_what_waited_for_xmpp_goes_out_afterwards(stack, app, xmpp, without_database):
    """The outbox survives a database that went away right behind the acknowledgement."""
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    sent = alice.send(talk, "just in time")
    without_database()
    stack.restart("postgres")
    fault.wait_ready(stack)
    assert bob.expect_message("just in time").id == sent["id"]
    later = alice.send(talk, "afterwards")
    assert bob.expect_message("afterwards").id == later["id"]
