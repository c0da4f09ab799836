# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages in another language, and voice messages as text, by a service of the operator's."""
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.daemon import Daemon
from harness.database import database
from harness.fake_xmpp import FakeXmpp
from harness.files import SOUND, film, get, upload
from harness.hook import SECRET, Hook
from harness.inbox import wait_for
from harness.rest import Api, App

pytestmark = pytest.mark.one_server


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
    assert "dictation" not in alice.call(200, "GET", "/api/capabilities")["features"]


# ---- Voice messages ----

needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")


@pytest.fixture
def studio(running_stack, tmp_path):
    """The service, which may answer later, two users, and a voice message of the first one's."""
    with Hook() as hook, FakeXmpp() as server:
        daemon = Daemon(running_stack, server.port, secret=server.secret)
        daemon.configure({"assist": {"url": hook.url, "secret": SECRET, "timeout": "5000", "callback": daemon.info["rest"]},
                          "media": {"store": tmp_path / "files", "key": "ab" * 32, "url": daemon.info["rest"]}})
        with daemon:
            server.wait_stream()
            yield hook, *spoken(daemon, tmp_path)


def spoken(daemon, folder):
    """Two users, their conversation, and a voice message in it."""
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    sound = film(folder, "v.ogg", *SOUND, "-c:a", "libopus")
    file = upload(alice, sound, "v.ogg", "audio/ogg", purpose="voice")
    said = alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {"attachments": [file["id"]], "client_id": "v"})
    return alice, bella, talk, said


def transcribe(user, message, status=202, **body):
    return user.call(status, "POST", f"/api/messages/{message['id']}/transcribe", body)


def updated(socket, message, status):
    """The transcription with which the message is told anew."""
    def shown(frame):
        if not isinstance(frame, dict) or frame["type"] != "message.updated" or frame["payload"]["id"] != message["id"]:
            return {}
        return (frame["payload"]["metadata"] or {}).get("transcription", {})
    return shown(socket.inbox.expect(f"a transcription that is {status}", lambda f: shown(f).get("status") == status))


@needs_ffmpeg
def test_a_voice_message_is_written_down_for_all_who_hear_it(studio):
    hook, alice, bella, talk, said = studio
    hook.default = {"outputs": ["Good morning"], "language": "en", "provider": "acme"}
    with alice.ws() as hers, bella.ws() as own:
        assert transcribe(bella, said, language="en") == {"message_id": said["id"], "status": "pending", "language": None, "text": None, "provider": None}
        wanted = {"status": "complete", "language": "en", "text": "Good morning", "provider": "acme"}
        assert updated(own, said, "complete") == updated(hers, said, "complete") == wanted
    assert bella.messages(talk)["items"][-1]["metadata"]["transcription"] == wanted
    assert transcribe(alice, said, 200)["text"] == "Good morning" and len(hook.questions) == 1 and not hook.wrong
    data = hook.questions[0]["data"]
    sound, = data["inputs"]
    assert (data["kind"], data["message_id"], data["language"]) == ("transcription", said["id"], "en")
    assert sound["mime_type"] == "audio/ogg" and 1900 < sound["duration_ms"] < 2200
    reply = get(sound["url"])
    assert (reply.status, len(reply.raw)) == (200, sound["size"]) and reply.raw[:4] == b"OggS"
    transcribe(App(alice.stack, "mallory"), said, 404)
    transcribe(bella, alice.send(talk, "no voice"), 409)
    transcribe(bella, said, 422, language="x_y")


@needs_ffmpeg
def test_what_is_dictated_is_written_down_for_who_says_it(studio, tmp_path):
    hook, alice, bella, talk, said = studio

    def dictate(user, file, status=200, **body):
        return user.call(status, "POST", f"/api/files/{file['id']}/transcribe", body)
    hook.default = {"outputs": ["Dear Bella,"], "language": "en"}
    sound = upload(alice, film(tmp_path, "d.ogg", *SOUND, "-c:a", "libopus"), "d.ogg", "audio/ogg", purpose="voice")
    wait_for("it was looked at", lambda: alice.call(200, "GET", f"/api/files/{sound['id']}")["status"] == "complete")
    with bella.ws() as hers:
        assert dictate(alice, sound, language="en") == {"file_id": sound["id"], "language": "en", "text": "Dear Bella,", "provider": None}
        data = hook.questions[-1]["data"]
        assert (data["kind"], data["file_id"], data["language"]) == ("transcription", sound["id"], "en") and "callback" not in data
        assert get(data["inputs"][0]["url"]).raw[:4] == b"OggS"
        dictate(bella, sound, 404)
        dictate(bella, said["attachments"][0], 404)  # she hears it, but has not said it
        dictate(alice, sound, 422, language="x_y")
        dictate(alice, upload(alice, b"no sound", "a.txt", "text/plain"), 409)
        for nothing in (202, 500, {"error": "only noise"}, {"outputs": [5]}, {}):
            hook.default = nothing
            dictate(alice, sound, 503)
        hook.default = {"outputs": [""]}
        assert dictate(alice, sound)["text"] == ""
        alice.call(200, "PATCH", "/api/settings/data-sharing", {"assist": False})
        dictate(alice, sound, 403)
        alice.send(talk, "written after all")
        hers.expect("message.new", content="written after all")
        assert not hers.frames("message.updated") and not hers.frames("file.updated"), "nobody else is told"


def answer(user, url, body):
    """What the service is told that answers by a callback."""
    assert url.startswith(user.rest), url
    return Api(user.stack).request("POST", url.removeprefix(user.rest), body).status


@needs_ffmpeg
def test_the_service_may_answer_later_once(studio):
    hook, _, bella, _, said = studio
    hook.default = 202
    with bella.ws() as own:
        transcribe(bella, said)
        wait_for("it is asked", lambda: hook.questions)
        callback = hook.questions[0]["data"]["callback"]
        transcribe(bella, said)  # still
        origin, _, token = callback.rpartition("/")
        assert answer(bella, f"{origin}/{'A' * 22}", {"outputs": ["no"]}) == 404 and answer(bella, f"{origin}/{token}x", {"outputs": ["no"]}) in (404, 422)
        for wrong in ({}, {"outputs": []}, {"outputs": "text"}, {"outputs": [5]}, {"outputs": ["x" * 32769]}, {"outputs": [None]}):
            assert answer(bella, callback, wrong) == 422, wrong
        assert answer(bella, callback, {"outputs": [""], "language": "en"}) == 204
        assert updated(own, said, "complete") == {"status": "complete", "language": "en", "text": ""}
        assert answer(bella, callback, {"outputs": ["again"]}) == 404
    assert len(hook.questions) == 1


@needs_ffmpeg
def test_what_cannot_be_written_down_has_failed(studio):
    hook, _, bella, _, said = studio
    hook.default = {"error": "only noise"}
    with bella.ws() as own:
        transcribe(bella, said)
        assert updated(own, said, "failed") == {"status": "failed"}
        hook.default = {"outputs": ["Now"]}
        transcribe(bella, said)
        assert updated(own, said, "complete")["text"] == "Now"


# ---- Topics ----

def test_what_a_group_was_about_is_asked_once_for_who_may_know(running_stack):
    with Hook() as hook, FakeXmpp() as server, Daemon(running_stack, server.port, {
            "assist": {"url": hook.url, "secret": SECRET, "timeout": "2000", "topics": "on"}, "features": {"analytics": "on"}},
            secret=server.secret) as daemon, database(daemon) as sql:
        server.wait_stream()
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        group = alice.call(201, "POST", "/api/groups", {"name": "Tea", "members": [{"user_id": bella.me()["id"]}]})
        path = f"/api/conversations/{group['id']}/analytics"

        def look(**between):
            shown = alice.call(200, "GET", path, **between)
            return shown["topics"], shown["topics_reason"]

        def last_try():
            sql("UPDATE conversation_topics SET attempts = 2 WHERE attempts < 2")
            sql("UPDATE jobs SET due_at = now() WHERE kind = 'conversation.topics' AND locked_until IS NULL")
            return look()

        first, second = alice.send(group, "Earl Grey"), bella.send(group, "Assam")
        sql("UPDATE messages SET created_at = created_at - interval '1 day' WHERE conversation_id = %s", group["id"])
        bella.call(200, "PATCH", "/api/settings/data-sharing", {"assist": False})
        assert look() == ([], "not_shared") and bella.request("GET", path).status == 404
        bella.call(200, "PATCH", "/api/settings/data-sharing", {"assist": True})
        hook.default = 500
        assert look() == ([], "pending")
        question = hook.asked("Earl Grey")
        assert question["data"] == {"kind": "topics", "conversation_id": group["id"], "outputs_max": 10,
                                    "inputs": [first["content"], second["content"]]}
        wait_for("it has failed", lambda: last_try()[1] == "failed")
        for bad in (["x" * 65], ["t"] * 11, ["a\u202eb"], "tea"):
            hook.default = {"outputs": bad}
            sql("UPDATE conversation_topics SET at = at - interval '2 hours'")
            assert look() == ([], "pending")
            wait_for(f"{bad} is no answer", lambda: last_try()[1] == "failed")
        sql("UPDATE conversation_topics SET at = at - interval '2 hours'")
        hook.default = {"outputs": ["Tea", "ساده‌ترین"]}
        wait_for("the topics", lambda: look() == (hook.default["outputs"], None))
        asked = len(hook.questions)
        assert look() == (hook.default["outputs"], None) and len(hook.questions) == asked and not hook.wrong
        hook.default = {"error": "not this"}
        assert alice.call(200, "GET", path, **{"from": "2020-01-01T00:00:00Z"})["topics_reason"] == "pending"
        wait_for("a refusal", lambda: alice.call(200, "GET", path, **{"from": "2020-01-01T00:00:00Z"})["topics_reason"] == "failed")
