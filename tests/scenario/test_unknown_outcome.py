# SPDX-License-Identifier: GPL-3.0-or-later
"""The database commits, and the connection breaks before the bridge learns of it."""
import threading
import uuid

import psycopg2
import pytest
from harness import fault
from harness.proxy import DatabaseProxy
from harness.ws import Socket


@pytest.fixture
def proxy(stack):
    with DatabaseProxy(stack) as between:
        yield between


def wait_stored(stack, query, *values):
    connection = psycopg2.connect(stack.info["database"])
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            def there():
                cursor.execute(query, values)
                return cursor.fetchone()[0]
            fault.wait_for("the row is committed", there)
    finally:
        connection.close()


def wait_message(stack, body):
    wait_stored(stack, "SELECT count(*) FROM messages WHERE body = %s", body)


def assert_once(sockets, marker, body):
    """Each socket got the message once; the marker is a later message."""
    for socket in sockets:
        socket.expect("message.new", content=marker)
        assert socket.count("message.new", content=body) == 1, socket.inbox.received


def test_a_message_of_an_app_is_stored_and_told_once(stack, app, proxy):
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    body, key = f"unknown {uuid.uuid4()}", str(uuid.uuid4())
    with dora.ws() as old, alice.ws() as sender:
        cursor = old.hello["cursor"]
        proxy.keep_answer("message_store")
        sender.send("message", "1", conversation_id=talk["id"], content=body, client_id=key)
        proxy.wait_kept()
        wait_message(stack, body)
        proxy.cut()
        with dora.ws(resume=cursor) as late:
            late.expect("resumed")
            assert late.count("message.new", content=body) == 1
            proxy.release()
            ack = sender.expect("ack")
            assert alice.send(talk, body, key, status=200)["id"] == ack["payload"]["message"]["id"]
            alice.send(talk, "marker")
            assert_once([old, late, sender], "marker", body)


def test_a_message_of_an_xmpp_user_is_stored_and_told_once(stack, app, xmpp, proxy):
    alice, bob = app("alice"), xmpp("bob")
    name, body = alice.me()["jid"], f"unknown {uuid.uuid4()}"
    bob.send_message(name, "hello", receipt=True)
    with alice.ws() as old:
        talk = alice.conversation_with(jid=bob.bare)
        fault.wait_for("hello is stored", lambda: alice.messages(talk)["items"])
        cursor = old.hello["cursor"]
        proxy.keep_answer("message_receive")
        id = bob.send_message(name, body, receipt=True)
        proxy.wait_kept()
        wait_message(stack, body)
        proxy.cut()
        with alice.ws(resume=cursor) as late:
            late.expect("resumed")
            assert late.count("message.new", content=body) == 1
            proxy.release()
            bob.expect_receipt(id)
            alice.send(talk, "marker")
            assert_once([old, late], "marker", body)


def test_a_read_mark_is_told_although_its_answer_was_lost(stack, app, proxy):
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    sent = alice.send(talk, "read me")
    with alice.ws() as socket, dora.ws() as reader:
        proxy.keep_answer("mark_store")
        reader.send("read", "1", conversation_id=talk["id"], message_id=sent["id"])
        proxy.wait_kept()
        wait_stored(stack, "SELECT count(*) FROM marks WHERE kind = 'read' AND conversation_id = %s", talk["id"])
        proxy.cut()
        proxy.release()
        assert reader.expect("ack")["payload"]["last_read_seq"] == sent["seq"]
        socket.expect("message.read", message_id=sent["id"])


def test_a_bounce_is_told_although_its_answer_was_lost(stack, app, proxy):
    alice = app("alice")
    talk = alice.conversation_with(jid=f"nobody-{uuid.uuid4().hex[:8]}@example.org")
    with alice.ws() as socket:
        proxy.keep_answer("message_fail")
        sent = alice.send(talk, "are you there?")
        proxy.wait_kept()
        wait_stored(stack, "SELECT count(*) FROM messages WHERE id = %s AND failed_condition IS NOT NULL", sent["id"])
        proxy.cut()
        proxy.release()
        socket.expect("message.failed", message_id=sent["id"])


def test_what_a_change_tells_is_told_although_its_answer_was_lost(stack, app, proxy):
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    said = alice.send(talk, "how is that?")
    with alice.ws() as socket:
        proxy.keep_answer("change_apply")
        asking = threading.Thread(target=lambda: dora.call(200, "PUT", f"/api/messages/{said['id']}/reactions/%F0%9F%91%8D"))
        asking.start()
        proxy.wait_kept()
        wait_stored(stack, "SELECT count(*) FROM events WHERE type = 'message.reaction' AND payload::jsonb->>'message_id' = %s", said["id"])
        proxy.cut()
        proxy.release()
        asking.join(20)
        socket.expect("message.reaction", message_id=said["id"])
        alice.send(talk, "marker")
        socket.expect("message.new", content="marker")
        assert socket.count("message.reaction", message_id=said["id"]) == 1


def test_an_opened_conversation_is_answered(stack, app, proxy):
    """Create-or-get has no key, and needs none."""
    alice, dora = app("alice"), app("dora")
    dora.me(), alice.me()
    proxy.keep_answer("change_apply")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(
        alice.request("POST", "/api/conversations", {"participant_id": dora.sub})))
    asking.start()
    proxy.wait_kept()
    wait_stored(stack, "SELECT count(*) FROM conversations c JOIN users u ON u.id = ANY (c.member_ids)"
                " WHERE u.external_id = %s", dora.sub)
    proxy.cut()
    proxy.release()
    asking.join(20)
    assert answers[0].status in (200, 201), answers
    assert answers[0].json["id"] == alice.conversation_with(participant_id=dora.sub)["id"]


def test_a_cursor_is_good_before_the_log_is_known(stack, app, proxy):
    """After a start: reading works already, the log's state has not been read yet."""
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    with alice.ws() as socket:
        cursor = socket.hello["cursor"]
    dora.send(talk, "missed")
    stack.kill("bridge")
    proxy.keep_answer("log_open")
    starting = threading.Thread(target=stack.restart, args=("bridge",))
    starting.start()
    proxy.wait_kept()
    fault.wait_for("the listener is open", lambda: fault.admin(stack, "/livez")[0] == 200)
    early = Socket(alice.ws_url)
    early.auth(alice.token)
    early.inbox.expect("an answer to auth", lambda frame: True)
    if early.count("hello"):
        early.send("resume", cursor=cursor)
        answer = early.inbox.expect("an answer to resume", lambda f: isinstance(f, dict)
                                    and f["type"] in ("resumed", "resync", "error"))
        assert answer["type"] != "resync"
    early.close()
    proxy.release()
    starting.join(40)
    with alice.ws(resume=cursor) as socket:
        socket.expect("resumed")
        assert socket.count("message.new", content="missed") == 1
