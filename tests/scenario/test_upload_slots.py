# SPDX-License-Identifier: GPL-3.0-or-later
"""People on XMPP upload here (XEP-0363): slots, what is put there, and who gets it."""
import io
import os
import uuid
from xml.etree.ElementTree import Element

import pytest
from slixmpp import JID

from harness import pictures
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.files import get
from harness.inbox import wait_for
from harness.rest import http_request
from harness.xmpp import CLIENT, XmppError, run
from test_edits import retract

UPLOAD, OOB = "urn:xmpp:http:upload:0", "jabber:x:oob"


def domain_of(user):
    return user.me()["jid"].partition("@")[2]


def ask(bob, domain, name="cat.png", size=100, type="image/png"):
    """(where it goes, where it is then)"""
    said = {"filename": name, "size": str(size), **({"content-type": type} if type else {})}
    slot = bob.iq(domain, Element(f"{{{UPLOAD}}}request", said)).child(UPLOAD, "slot")
    return slot.find(f"{{{UPLOAD}}}put").get("url"), slot.find(f"{{{UPLOAD}}}get").get("url")


def put(url, data):
    base, _, path = url.partition("/f/")
    return http_request(base, "PUT", "/f/" + path, data, {"Content-Type": "application/octet-stream"})


def refusal(bob, domain, **said):
    with pytest.raises(XmppError) as refused:
        ask(bob, domain, **said)
    return refused.value.args[0]


def test_a_slot_is_filled_and_an_app_gets_the_file(app, bob):
    alice = app("alice")
    domain = domain_of(alice)
    identities, features = bob.disco_info(domain)
    assert "store/file" in identities and UPLOAD in features
    data = pictures.png(320, 200, extra=pictures.chunk(b"tEXt", b"a\0where it was"))
    target, link = ask(bob, domain, "my cat.png", len(data))
    assert link.endswith("/my-cat.png") and target != link
    assert get(link).status == 404 and get(target).status == 404
    assert put(link, data).status == 404  # where it is read is not where it is written
    assert put(target, data[:-1]).status == 422 and put(target, data + b"x").status == 413
    made = put(target, data)
    assert made.status == 201 and made.json["status"] == "processing"
    assert put(target, data).status == 409
    wait_for("what is not the picture is taken out", lambda: get(link).raw == pictures.png(320, 200))
    assert get(link, method="HEAD").headers["content-type"] == "image/png"
    talk = alice.conversation_with(jid=bob.bare)
    with alice.ws() as socket:
        bob.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'>"
                     f"<body>{link}</body><x xmlns='{OOB}'><url>{link}</url></x></message>")
        file, = socket.expect("message.new")["payload"]["attachments"]
        assert (file["id"], file["status"], file["remote_url"]) == (made.json["id"], "complete", None)
        assert file["thumbnail_url"] and get(file["download_url"]).raw == pictures.png(320, 200)
        assert alice.messages(talk)["items"][-1]["attachments"][0]["id"] == file["id"]


def test_who_sends_a_link_on_does_not_take_the_file_away(app, bob, xmpp):
    alice, carol = app("alice"), xmpp("carol")
    target, link = ask(bob, domain_of(alice), "notes.bin", 9, "application/octet-stream")
    assert put(target, b"some text").status == 201
    for sender, left in ((carol, 200), (bob, 410)):
        talk = alice.conversation_with(jid=sender.bare)
        id = str(uuid.uuid4())
        with alice.ws() as socket:
            sender.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{id}'>"
                            f"<body>{link}</body><x xmlns='{OOB}'><url>{link}</url></x></message>")
            assert socket.expect("message.new")["payload"]["attachments"][0]["status"] == "complete"
            retract(sender, alice.me()["jid"], id)
            wait_for("it is retracted", lambda: not alice.messages(talk)["items"][-1]["attachments"])
        assert get(link).status == left, sender.bare


def test_slixmpps_plugin_uploads(app, bob):
    alice = app("alice")
    domain = domain_of(alice)
    assert domain in bob.disco_items(bob.bare.partition("@")[2])  # where clients look; the plugin's own look fails with this Python
    data = os.urandom(50_000)
    plugin = bob.plugin("xep_0363")

    async def upload():
        plugin.upload_service, plugin.max_file_size = JID(domain), 10 ** 8
        return await plugin.upload_file("noise.bin", size=len(data), content_type="application/octet-stream",
                                        input_file=io.BytesIO(data), timeout=10)
    link = run(upload(), 30)
    reply = get(link)
    assert reply.raw == data and reply.headers["content-disposition"].startswith("attachment;")


def test_slots_that_are_refused(app, bob):
    domain = domain_of(app("alice"))
    large = refusal(bob, domain, size=10 ** 12)
    assert "not-acceptable" in str(large) and "file-too-large" in str(large) and "max-file-size>26214400<" in str(large)
    for wrong in ({"size": 0}, {"size": "x"}, {"size": -1}, {"name": ""}):
        assert "bad-request" in str(refusal(bob, domain, **wrong)), wrong
    assert "not-acceptable" in str(refusal(bob, domain, type="image/svg+xml"))
    _, link = ask(bob, domain, "../../etc/passwd", type=None)
    assert link.endswith("/passwd")


def test_who_may(running_stack, tmp_path):
    media = {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test", "slots": "bound", "quota_user": 1000}
    with FakeXmpp() as server, Daemon(running_stack, server.port, {"media": media}, secret=server.secret) as daemon:
        server.wait_stream()

        def asked(sender, size=100):
            id = str(uuid.uuid4())
            server.send(f"<iq from='{sender}' to='{daemon.app_domain}' type='get' id='{id}'>"
                        f"<request xmlns='{UPLOAD}' filename='a.txt' size='{size}' content-type='text/plain'/></iq>")
            return str(server.expect("an answer", lambda s: s.name == "iq" and s.id == id))
        assert "forbidden" in asked("bob@example.org/x")  # no app of his
        assert "forbidden" in asked("mallory@elsewhere.example/x")
        daemon.configure({"media": {"slots": "server"}})
        daemon.terminate()
        daemon.start()
        daemon.wait_ready(link=False)
        server.wait_stream(2)
        assert "http://files.test/f/" in asked("bob@example.org/x")
        assert "resource-constraint" in asked("bob@example.org/x", 950)
        assert "forbidden" in asked("mallory@elsewhere.example/x")
