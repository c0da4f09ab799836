# SPDX-License-Identifier: GPL-3.0-or-later
"""People in XMPP clients upload files here (media.slots), and apps get them. Clients put files only where there is TLS."""
import pytest

from harness.desktop import wait_for
from harness.dino import Dino
from harness.files import get
from harness.gajim import Gajim
from harness.pictures import png
from harness.starttls import Tls


@pytest.fixture(scope="module")
def front(running_stack, tmp_path_factory):
    """The bridge, where clients reach its files."""
    stack = running_stack
    host, _, port = stack.info["rest"].partition("//")[2].partition(":")
    with Tls(tmp_path_factory.mktemp("tls"), (host, int(port))) as tls:
        stack.configure("media", {"url": f"https://localhost:{tls.port}"})
        yield tls
        stack.configure("media", {})


@pytest.fixture(scope="module")
def bob(running_stack, front):
    with Gajim(running_stack, "bob", trusted=front.certificate) as client:
        yield client


@pytest.fixture(scope="module")
def carol(running_stack, front):
    with Dino(running_stack, "carol", trusted=front.certificate) as client:
        yield client


def expect_file(stack, front, alice, talk, socket, data):
    came = socket.expect("message.new", message_type="media")["payload"]
    file, = came["attachments"]
    assert (file["filename"], file["mime_type"], file["remote_url"]) == ("holiday.png", "image/png", None), "it lies here"
    seen = wait_for("it has been looked at", lambda: alice.messages(talk)["items"][-1]["attachments"][0], lambda f: f["status"] == "complete")
    assert seen["thumbnail_url"] and get(seen["download_url"].replace(f"https://localhost:{front.port}", stack.info["rest"])).raw == data


def test_gajim_uploads_a_picture(stack, front, alice, bob):
    talk, data = alice.conversation_with(jid=bob.jid), png(320, 200)
    with alice.ws() as socket:
        alice.send(talk, "Show me")
        bob.open(alice.jid)
        bob.expect_row(alice.jid, "Show me")
        bob.upload(alice.jid, "holiday.png", data)
        expect_file(stack, front, alice, talk, socket, data)


def test_dino_uploads_a_picture(stack, front, alice, carol):
    talk, data = alice.conversation_with(jid=carol.jid), png(320, 200)
    with alice.ws() as socket:
        alice.send(talk, "Show me")
        carol.expect_message(alice.jid, False, "Show me")
        carol.open(alice.jid)
        carol.upload("holiday.png", data)
        expect_file(stack, front, alice, talk, socket, data)
