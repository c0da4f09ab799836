# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages in another language, by a service of the operator's."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.hook import SECRET, Hook
from harness.rest import App


@pytest.fixture
def world(running_stack):
    """The service, and two users of a bridge that has it."""
    with Hook() as hook, FakeXmpp() as server, Daemon(running_stack, server.port, {
            "assist": {"url": hook.url, "secret": SECRET, "timeout": "2000"}}, secret=server.secret) as daemon:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        yield hook, alice, bella, alice.conversation_with(participant_id=bella.me()["id"])


def translate(user, message, to="de", status=200):
    return user.call(status, "POST", f"/api/messages/{message['id']}/translate", {"to": to})


def test_a_message_is_translated_once_and_again_when_it_was_edited(world):
    hook, alice, bella, talk = world
    sent = alice.send(talk, "Good morning")
    hook.answers["Good morning"] = {"outputs": ["Guten Morgen"], "language": "en", "provider": "acme"}
    wanted = {"message_id": sent["id"], "language": "de", "content": "Guten Morgen", "source_language": "en", "provider": "acme"}
    assert translate(bella, sent) == translate(alice, sent, "DE") == wanted and len(hook.questions) == 1 and not hook.wrong
    question = hook.asked("Good morning")
    assert question["type"] == "assist" and question["data"] == {
        "kind": "translation", "language": "de", "message_id": sent["id"], "inputs": ["Good morning"]}
    alice.call(200, "PATCH", f"/api/messages/{sent['id']}", {"content": "Good night"})
    hook.answers["Good night"] = {"outputs": ["Gute Nacht"]}
    assert translate(bella, sent)["content"] == "Gute Nacht" and translate(bella, sent)["provider"] is None
    assert len(hook.questions) == 2
    alice.call(200, "DELETE", f"/api/messages/{sent['id']}", **{"for": "everyone"})
    translate(bella, sent, status=409)


def test_what_is_not_translated_and_who_may_not_ask(world):
    hook, alice, bella, talk = world
    sent = alice.send(talk, "hello")
    for to in ("", "d", "de_DE", "de-", "-de", "12", "deutschland", "de--at", "x" * 36):
        translate(bella, sent, to, 422)
    translate(App(alice.stack, "mallory"), sent, status=404)
    poll = alice.send(talk, None, poll={"question": "Lunch?", "options": ["a", "b"]})
    translate(bella, poll, status=409)
    assert hook.questions == []
    for answer in (500, {}, {"outputs": []}, {"outputs": [5]}, {"outputs": [""]}, {"outputs": ["a\u0001b"]}):
        hook.answers["hello"] = answer
        translate(bella, sent, status=503)
    hook.answers["hello"] = {"outputs": ["hallo"]}
    assert translate(bella, sent)["content"] == "hallo", "nothing of that was kept"


def test_nobody_waits_for_a_service_that_hangs(world):
    hook, alice, bella, talk = world
    sent = alice.send(talk, "slow")
    hook.hold.add("slow")
    with ThreadPoolExecutor(1) as pool, bella.ws() as socket:
        waits = pool.submit(translate, bella, sent, "de", 503)
        hook.asked("slow")
        alice.send(talk, "meanwhile")
        socket.expect("message.new", content="meanwhile")
        waits.result()


def test_without_a_service_there_is_none(app):
    alice, bella = app("alice"), app("bella")
    sent = alice.send(alice.conversation_with(participant_id=bella.me()["id"]), "hello")
    assert translate(bella, sent, status=501)["code"] == "not_available"
