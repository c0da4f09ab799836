# SPDX-License-Identifier: GPL-3.0-or-later
"""Behind nginx, as docs/operations.md has it: what a proxy may break."""
import asyncio
import json
import os
import ssl
import subprocess
import time

import pytest
import websockets

from harness.daemon import Daemon, free_port
from harness.files import get, upload
from harness.inbox import run, wait_for
from harness.nginx import Nginx
from harness.rest import App
from harness.session import Browser
from harness.sse import EventStream
from harness.starttls import certificate_make
from harness.ws import Socket

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def nginx(running_stack):
    options = {"session": {"cookie_secure": "false"}, "http": {"proxies": "127.0.0.1"}}
    with Daemon(running_stack, options=options) as bridge:
        proxy = Nginx(bridge)
        yield proxy
        proxy.close()


@pytest.fixture
def alice(nginx):
    return App(nginx, f"alice-{os.urandom(4).hex()}")


@pytest.fixture
def bella(nginx):
    return App(nginx, f"bella-{os.urandom(4).hex()}")


@pytest.fixture
def talk(alice, bella):
    return alice.conversation_with(participant_id=bella.me()["id"])


def test_sockets_at_both_addresses(nginx, alice, bella, talk):
    for path in ("/ws", "/api/ws"):
        with Socket(nginx.info["rest"].replace("http", "ws", 1) + path, bella.token) as socket:
            sent = alice.send(talk, f"At {path}")
            socket.expect("message.new", id=sent["id"])


def test_a_page_of_the_proxys_host_uses_cookies(nginx, alice, bella, talk):
    browser = Browser(alice)
    assert browser.origin == nginx.info["rest"]
    browser.send(talk, "By cookie")
    with browser.ws() as socket:
        sent = bella.send(talk, "And back")
        socket.expect("message.new", id=sent["id"])


def test_events_come_one_by_one(alice, bella, talk):
    with EventStream(bella) as stream:
        stream.expect("hello")
        for number in range(3):
            sent = alice.send(talk, f"Number {number}")
            event = stream.expect("message.new")
            assert event["data"]["payload"]["id"] == sent["id"]


def test_a_poll_is_answered_when_there_is_news(alice, bella, talk):
    cursor = bella.call(200, "GET", "/api/sync")["cursor"]
    began = time.monotonic()
    assert bella.call(200, "GET", "/api/sync", since=cursor, wait=1)["items"] == []
    assert time.monotonic() - began >= 1
    alice.send(talk, "News")
    assert [e["type"] for e in bella.call(200, "GET", "/api/sync", since=cursor, wait=30)["items"]][0].endswith(".new")


def test_what_is_too_large_is_told_by_us(alice, talk):
    reply = alice.request("POST", f"/api/conversations/{talk['id']}/messages", {"content": "x" * 300000})
    assert (reply.status, reply.json["code"]) == (413, "too_large")
    reply = alice.request("PUT", "/api/users/me/avatar", b"\0" * 524288, {"Content-Type": "image/png"})
    assert (reply.status, reply.json["code"]) == (422, "unprocessable")  # it got there, and is no picture
    reply = alice.request("PUT", "/api/users/me/avatar", b"\0" * 524289, {"Content-Type": "image/png"})
    assert (reply.status, reply.json["code"]) == (413, "too_large")


def test_a_cdn_keeps_files_and_asks_for_them_again(running_stack, tmp_path):
    port = free_port()
    daemon = Daemon(running_stack)
    daemon.configure({"media": {"store": tmp_path / "files", "key": "ab" * 32, "url": daemon.info["rest"], "cdn": f"http://127.0.0.1:{port}", "cdn_time": "1"}})
    with daemon:
        proxy = Nginx(daemon, cdn=port)
        alice = App(daemon, "alice")
        file = upload(alice, os.urandom(200_000), "a.bin", "application/octet-stream")
        link = file["download_url"]
        assert link.startswith(f"http://127.0.0.1:{port}/f/")
        first, second = get(link), get(link, Range="bytes=150000-150009")
        assert (first.status, first.headers["x-cache"], second.status, second.headers["x-cache"]) == (200, "MISS", 206, "HIT")
        assert second.raw == first.raw[150_000:150_010]
        assert get(link, If_None_Match=first.headers["etag"]).status == 304
        wait_for("it is asked whether it is still there", lambda: get(link).headers["x-cache"] == "REVALIDATED")
        alice.call(200, "DELETE", f"/api/files/{file['id']}")
        wait_for("it is gone there, too", lambda: get(link).status == 410)
        proxy.close()


def test_tls_as_documented(running_stack, tmp_path):
    """TLS 1.3 and nothing older, HTTP/2, gzip for JSON, sockets (also compressed) through it; the cookie is Secure."""
    key, certificate = certificate_make(tmp_path, "chat.example.org")
    with Daemon(running_stack, options={"http": {"proxies": "127.0.0.1"}, "websocket": {"deflate": "on"}}) as bridge:
        proxy = Nginx(bridge, tls=(key, certificate))
        try:
            user, other = App(bridge, "tls"), App(bridge, "tls-other")
            talk = user.conversation_with(participant_id=other.me()["id"])
            for n in range(20):
                user.send(talk, f"text {n}")

            def curl(*words, status=0):
                done = subprocess.run(["curl", "-s", "--cacert", certificate, "--resolve", f"chat.example.org:{proxy.port}:127.0.0.1",
                                       *words], stdout=subprocess.PIPE)
                assert done.returncode == status, (words, done.returncode, proxy.errors())
                return done.stdout.decode()
            url, bearer = f"https://chat.example.org:{proxy.port}", ("-H", f"Authorization: Bearer {user.token}")
            page = f"{url}/api/conversations/{talk['id']}/messages"
            assert curl(*bearer, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", page) == "200 2"
            head = curl(*bearer, "-H", "Accept-Encoding: gzip", "-D", "-", "-o", "/dev/null", page).lower()
            assert "content-encoding: gzip" in head, head
            assert len(json.loads(curl(*bearer, "--compressed", page))["items"]) == 20
            curl("--tls-max", "1.2", *bearer, page, status=35)
            assert "tlsv1.3" in curl("-v", "--stderr", "-", *bearer, page).lower()
            cookie = curl("-D", "-", "-o", "/dev/null", "--json", json.dumps({"token": user.token}), f"{url}/api/session").lower()
            assert "secure" in cookie and "httponly" in cookie, cookie

            async def talk_by_socket():
                context = ssl.create_default_context(cafile=certificate)
                async with websockets.connect(f"wss://chat.example.org:{proxy.port}/ws", host="127.0.0.1", ssl=context,
                                              server_hostname="chat.example.org",
                                              extra_headers={"Authorization": f"Bearer {other.token}"}) as socket:
                    assert [one.name for one in socket.extensions] == ["permessage-deflate"]
                    assert socket.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
                    assert json.loads(await socket.recv())["type"] == "hello"
                    await asyncio.to_thread(user.send, talk, "by TLS " * 100)
                    while (frame := json.loads(await socket.recv()))["type"] != "message.new":
                        pass
                    assert frame["payload"]["content"] == "by TLS " * 100
            run(talk_by_socket())
        finally:
            proxy.close()
