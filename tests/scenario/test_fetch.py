# SPDX-License-Identifier: GPL-3.0-or-later
"""What others host, got by trestle-fetch: previews of links, files of messages from XMPP, pictures that tokens name.
The other side is a web server on loopback, which configuration allows; another one there is not allowed."""
import contextlib
import itertools
import os
import subprocess
import threading
import uuid
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import pictures
from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.files import get, upload
from harness.foreign import Foreign, page
from harness.inbox import wait_for
from harness.rest import App
from harness.starttls import Tls
from test_files import ready

pytestmark = pytest.mark.one_server

OOB = "jabber:x:oob"
names = itertools.count()
PICTURE = pictures.png(320, 200)


def image(data=PICTURE, type="image/png"):
    return 200, {"Content-Type": type}, data


class World:
    def __init__(self, web, other, server, daemon, store):
        self.web, self.other, self.server, self.daemon, self.store = web, other, server, daemon, store

    def app(self, name, **claims):
        return App(self.daemon, f"{name}{next(names)}", **claims)

    def serve(self, result, ending=""):
        """The URL of a path that is new."""
        path = f"/{next(names)}{ending}"
        self.web.pages[path] = result
        return self.web.origin + path

    def preview(self, user, url, status=200):
        return user.call(status, "POST", "/api/links/preview", {"url": url})


@pytest.fixture(scope="module")
def world(running_stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fetch")
    with Foreign({}) as web, Foreign({"/": page("secret")}) as other, FakeXmpp() as server:
        options = {"media": {"store": folder / "files", "key": "ab" * 32, "url": "http://files.test", "link_time": 600,
                             "quota_user": 300_000},
                   "fetch": {"previews": "on", "files": "on", "pictures": "on", "allow": web.address, "file_max": 300_000},
                   "limits": {"previews": 0}}
        with Daemon(running_stack, server.port, options, secret=server.secret) as daemon:
            server.wait_stream()
            yield World(web, other, server, daemon, folder / "files")


def test_a_page_says_what_it_is(world):
    alice = world.app("alice")
    picture = world.serve(image())
    url = world.serve(page("Ignored", '<meta property="og:title" content="Cats &amp; dogs"><meta name="description" content=" Two\n lines ">'
                           f'<meta property="og:site_name" content="Pets"><meta property="og:image" content="{picture}">'))
    seen = world.preview(alice, url)
    assert (seen["url"], seen["title"], seen["description"], seen["site_name"]) == (url, "Cats & dogs", "Two lines", "Pets")
    assert seen["image_url"].startswith("/api/avatars/")
    reply = alice.request("GET", seen["image_url"])
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg") and reply.raw != PICTURE
    path = url.removeprefix(world.web.origin)
    agent = next(headers for _, asked, headers in world.web.asked if asked == path)
    assert "Cookie" not in agent and "Authorization" not in agent and "Referer" not in agent
    assert world.preview(world.app("bella"), url) == seen and world.web.count(path) == 1  # it is known
    # In another charset, behind a redirect, without more than a title.
    latin = world.serve((200, {"Content-Type": "text/html; charset=iso-8859-1"}, "<title>Café</title>".encode("latin-1")))
    moved = world.serve((302, {"Location": latin.removeprefix(world.web.origin), "Content-Type": "text/html"}, b"<title>Moved</title>"))
    assert world.preview(alice, moved) == {"url": moved, "title": "Café", "description": None, "site_name": None, "image_url": None}


def test_what_messages_show_of_a_link(world):
    alice, bella = world.app("alice"), world.app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    picture = world.serve(image(pictures.png(200, 200, (1, 2, 3))))
    url = world.serve(page("News", f'<meta property="og:image" content="{picture}">'))

    def send(preview, status=201, text=None):
        return alice.call(status, "POST", f"/api/conversations/{talk['id']}/messages",
                          {"content": text or f"See {url}", "link_preview": preview, "client_id": str(uuid.uuid4())})
    with bella.ws() as socket:
        said = send({"url": url})
        assert said["link_preview"] == {"url": url, "title": None, "description": None, "site_name": None, "image_url": None}
        assert socket.expect("message.new")["payload"]["link_preview"]["url"] == url
        shown = socket.expect("message.updated")["payload"]
        assert shown["id"] == said["id"] and shown["link_preview"]["title"] == "News" and shown["link_preview"]["image_url"]
        assert bella.messages(talk)["items"][-1]["link_preview"] == shown["link_preview"]
        edited = alice.call(200, "PATCH", f"/api/messages/{said['id']}", {"content": "Nothing"})
        assert edited["link_preview"] is None
        # What leads to nothing shows nothing.
        nowhere = world.web.origin + "/nowhere"
        gone = send({"url": nowhere}, text=nowhere)
        assert gone["link_preview"]["url"] == nowhere
        assert socket.expect("message.updated", id=gone["id"])["payload"]["link_preview"] is None
    file = ready(alice, upload(alice, pictures.png(90, 90)))
    own = send({"url": url, "title": "Mine", "description": "as I see it", "image_file_id": file["id"]})
    assert own["link_preview"]["title"] == "Mine" and own["link_preview"]["image_url"].startswith("http://files.test/f/")
    assert bella.call(200, "GET", f"/api/files/{file['id']}")["id"] == file["id"]
    assert not bella.call(200, "GET", f"/api/conversations/{talk['id']}/media")["items"]
    assert send({"url": url, "title": "x", "image_file_id": str(uuid.uuid4())}, 422)["errors"][0]["pointer"] \
        == "/link_preview/image_file_id"
    for wrong in ({"url": "https://elsewhere.example/"}, {"url": "javascript:1"}, {"title": "x"}, {"url": url, "title": 1},
                  {"url": url, "title": "x" * 301}, {"url": url, "title": "x", "image_file_id": "x"}, {"url": url, "description": "x"}, []):
        assert send(wrong, 422)["errors"][0]["pointer"] == "/link_preview", wrong
    alice.call(200, "DELETE", f"/api/messages/{own['id']}")
    wait_for("the picture went with the message", lambda: alice.request("GET", f"/api/files/{file['id']}").json.get("status")
             in ("removed", None))


def test_where_nobody_goes(world):
    """All are answered alike, so that nobody looks around by asking; and the other server on this machine hears nothing."""
    alice = world.app("alice")
    port = world.other.address.split(":")[1]
    hosts = ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
             "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fd00::1]", "10.0.0.1", "192.168.0.1",
             "172.16.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255"]
    urls = [f"http://{host}:{port}/" for host in hosts]
    urls += [f"http://user:secret@{world.other.address}/", f"http://{world.web.address}@{world.other.address}/"]
    urls += [world.serve((302, {"Location": f"http://{world.other.address}/"}, b"")),
             world.serve((301, {"Location": "file:///etc/passwd"}, b"")), world.serve((301, {"Location": "gopher://127.0.0.1/"}, b""))]
    answers = {tuple(sorted((world.preview(alice, url, 422)["errors"][0]).items())) for url in urls}
    assert len(answers) == 1, answers
    for url in ("ftp://127.0.0.1/", "file:///etc/passwd", "http:// x", "//x/", "x"):
        assert world.preview(alice, url, 422)["errors"][0]["pointer"] == "/url"
    assert not world.other.asked
    # A name of this machine is none of another one's.
    named = world.serve(page("by name"), "").replace("127.0.0.1", "localhost")
    assert world.preview(alice, named)["title"] == "by name"


def test_pages_that_mean_harm(world):
    alice = world.app("alice")
    loop = world.serve(None)
    world.web.pages[loop.removeprefix(world.web.origin)] = (302, {"Location": loop}, b"")
    endless = world.serve((200, {"Content-Type": "text/html"}, itertools.repeat(b"<p>" * 4096)))
    deep = world.serve((200, {"Content-Type": "text/html"}, b"<div>" * 90_000))
    heads = world.serve((200, {"Content-Type": "text/html", **{f"X-{n}": "x" * 8000 for n in range(20)}}, b"<title>x</title>"))
    bomb = world.serve((200, {"Content-Type": "text/html", "Content-Encoding": "gzip"}, b"\x1f\x8b" + bytes(1000)))
    other = world.serve((200, {"Content-Type": "application/pdf"}, b"<title>x</title>"))
    broken = world.serve((200, {}, lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<t")))
    led = world.serve((301, {"Location": "/", "Content-Type": "text/html"}, itertools.repeat(b"<p>" * 4096)))
    for url in (loop, led, endless, deep, heads, bomb, other, broken, world.serve((500, {}, b"")), world.serve((200, {"Content-Type": "text/html"}, b""))):
        world.preview(alice, url, 422)
    # What a page claims of its picture is not believed; the rest is shown all the same.
    for picture in (world.serve((200, {"Content-Type": "image/png"}, b"<script>")), world.serve(image(b"x" * 2_000_000)),
                    "http://127.0.0.1:1/x.png", world.serve((200, {"Content-Type": "text/html"}, PICTURE)),
                    world.serve(image(pictures.png(8, 8, claimed=(60000, 60000)))), "javascript:alert(1)", "data:image/png;base64,AAAA"):
        url = world.serve(page("Fine", f'<meta property="og:image" content="{picture}">'))
        assert world.preview(alice, url) == {"url": url, "title": "Fine", "description": None, "site_name": None, "image_url": None}
    title = world.serve(page("x&lt;&#0;&#27;\u202e" + "y" * 5000))
    assert len(world.preview(alice, title)["title"]) <= 300
    # The end of a long page is not waited for.
    long = world.serve((200, {"Content-Type": "text/html"}, itertools.chain([b"<head><title>Long</title>"], itertools.repeat(b"x" * 4096))))
    assert world.preview(alice, long)["title"] == "Long"


def send_link(world, alice, url, more="", sender="bob"):
    world.server.send(f"<message from='{sender}@example.org/x' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'>"
                      f"<body>{url}</body><x xmlns='{OOB}'><url>{url}</url></x>{more}</message>")


def befriended(world, other="bob"):
    alice = world.app("alice")
    alice.conversation_with(jid=f"{other}@example.org")
    return alice


def arrived(socket, **wanted):
    def fits(frame):
        files = frame["type"] == "message.updated" and frame["payload"]["attachments"]
        return files and all(files[0][name] == value for name, value in wanted.items())
    return socket.inbox.expect(f"a file {wanted}", fits)["payload"]["attachments"][0]


def local(world, link):
    return link.replace("http://files.test", world.daemon.info["rest"])


def test_files_of_others_come_here(world):
    alice = befriended(world)
    data = pictures.png(400, 300, extra=pictures.chunk(b"tEXt", b"a\0where it was"))
    with alice.ws() as socket:
        url = world.serve(image(data), ".png")
        send_link(world, alice, url)
        assert socket.expect("message.new")["payload"]["attachments"][0]["status"] == "remote"
        file = arrived(socket, status="complete")
        assert (file["remote_url"], file["width"], file["size"]) == (url, 400, len(pictures.png(400, 300)))
        assert get(local(world, file["download_url"])).raw == pictures.png(400, 300)
        assert get(local(world, file["thumbnail_url"])).headers["content-type"] == "image/jpeg"
        # A name says nothing: what the server says counts, if it is so.
        url = world.serve(image())
        send_link(world, alice, url)
        assert arrived(socket, status="complete", remote_url=url)["mime_type"] == "image/png"
        for url, problem in ((world.serve((200, {}, bytes(400_000)), ".bin"), "it is too large"),
                             (world.serve((200, {"Content-Type": "image/png"}, b"<html>"), ".png"), "it is not what it was said to be"),
                             (world.web.origin + "/none.png", "its server does not have it"),
                             (f"http://{world.other.address}/a.png", "it lies where nobody goes")):
            send_link(world, alice, url)
            assert arrived(socket, remote_url=url, problem=problem)["status"] == "remote", url
    assert not world.other.asked


def test_what_was_encrypted_is_decrypted_here(running_stack, tmp_path):
    """aesgcm: (XEP-0454) means TLS, which trestle-fetch believes if the system does: it gets another list of authorities."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("only root, with the right to mount, can give the daemon another list of authorities")
    data, nonce, key = pictures.png(320, 200), os.urandom(12), os.urandom(32)
    sealed = AESGCM(key).encrypt(nonce, data, None)
    bad = sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:]
    stored = {"Content-Type": "application/octet-stream"}
    with Foreign({"/a.png": (200, stored, sealed), "/b.png": (200, stored, bad)}) as web, Tls(tmp_path, web.server.server_address) as tls, FakeXmpp() as server:
        daemon = Daemon(running_stack, server.port, {
            "media": {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test"},
            "fetch": {"files": "on", "allow": f"127.0.0.1:{tls.port}"}}, secret=server.secret)
        daemon.before = ["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/tls.crt /etc/ssl/certs/ca-certificates.crt && exec "$@"', "sh"]
        with daemon:
            server.wait_stream()
            world = World(web, None, server, daemon, tmp_path / "files")
            alice = befriended(world)
            with alice.ws() as socket:
                link = f"aesgcm://localhost:{tls.port}/a.png#{(nonce + key).hex()}"
                send_link(world, alice, link)
                assert socket.expect("message.new", content=None)["payload"]["attachments"][0]["status"] == "remote"
                file = arrived(socket, status="complete")
                assert (file["remote_url"], file["mime_type"], file["width"]) == (link, "image/png", 320)
                assert get(local(world, file["download_url"])).raw == data
                for wrong in (f"b.png#{(nonce + key).hex()}", f"a.png#{os.urandom(44).hex()}", "a.png#00ff", "a.png"):
                    send_link(world, alice, f"aesgcm://localhost:{tls.port}/{wrong}")
                    shown = arrived(socket, remote_url=f"aesgcm://localhost:{tls.port}/{wrong}", problem="it is not what it was said to be")
                    assert shown["status"] == "remote", wrong


def test_what_there_is_no_room_for_does_not_stay(world):
    alice = befriended(world, "carol")
    with alice.ws() as socket:
        kept, more = (world.serve((200, {"Content-Type": "application/octet-stream"}, os.urandom(200_000)), ".bin") for _ in range(2))
        send_link(world, alice, kept, sender="carol")
        kept = arrived(socket, status="complete", remote_url=kept)
        send_link(world, alice, more, sender="carol")
        gone = arrived(socket, remote_url=more, problem="there is no room for it")
    assert gone["status"] == "remote" and get(local(world, kept["download_url"])).status == 200
    # A file is called by its id. The kept one is found that way, so the other one would be.
    assert list(world.store.rglob(f"*{kept['id']}*"))
    wait_for("its bytes are gone", lambda: not list(world.store.rglob(f"*{gone['id']}*")))


def test_pictures_that_tokens_name(world):
    picture = world.serve(image(pictures.png(100, 100, (9, 9, 9))))
    alice, bella = world.app("alice", picture=picture), world.app("bella", picture=world.web.origin + "/none")
    assert world.app("cleo").me()["avatar_url"] is None
    assert bella.me()["avatar_url"] is None
    mine = wait_for("the picture", lambda: alice.me()["avatar_url"])[0]
    assert mine.startswith("/api/avatars/") and alice.request("GET", mine).headers["content-type"] == "image/jpeg"
    assert world.web.count(picture.removeprefix(world.web.origin)) == 1


@pytest.mark.parametrize("end", ["terminated", "killed"])
def test_what_was_not_asked_before_a_restart_is_asked_behind_it(world, end):
    """Also if nobody could say that it had not been: whose process is gone has no job any more."""
    alice, bella = world.app("alice"), world.app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    asked, over = [], threading.Event()

    def answer(handler):
        asked.append(handler.path)
        if len(asked) == 1:
            over.wait(60)
        body = b"<title>Patience</title>"
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    url = world.serve((200, {}, answer))
    said = alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages",
                      {"content": url, "link_preview": {"url": url}, "client_id": str(uuid.uuid4())})
    wait_for("it is asked", lambda: asked)
    streams = world.server.streams
    if end == "killed":
        world.daemon.process.kill()
        world.daemon.process.wait()
    else:
        world.daemon.terminate()
    over.set()
    world.daemon.start()
    world.daemon.wait_ready(link=False)
    world.server.wait_stream(streams + 1)
    wait_for("it is known", lambda: alice.call(200, "GET", f"/api/messages/{said['id']}")["link_preview"]["title"] == "Patience")


def is_at_work(daemon, program):
    """Whether the daemon has a child of that name."""
    for task in Path(f"/proc/{daemon.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for child in (task / "children").read_text().split():
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{child}/comm").read_text().strip() == program:
                        return True
    return False


def test_an_end_in_the_middle_of_pictures_of_others_is_an_orderly_one(running_stack):
    """Who is told that there will be none has a job to end, or a request. Sanitizers see whether those are still there."""
    large = pictures.png(3500, 3500)
    with Foreign({}) as web, FakeXmpp() as server, Daemon(running_stack, server.port, {"fetch": {
            "previews": "on", "pictures": "on", "allow": web.address}}, secret=server.secret) as daemon:
        world = World(web, web, server, daemon, None)
        server.wait_stream()
        for _ in range(3):
            world.app("alice", picture=world.serve(image(large))).me()
        bella = world.app("bella")
        url = world.serve(page("News", f'<meta property="og:image" content="{world.serve(image(large))}">'))
        asking = threading.Thread(target=lambda: bella.request("POST", "/api/links/preview", {"url": url}))
        asking.start()
        wait_for("a picture is being made", lambda: is_at_work(daemon, "trestle-image"))
        assert daemon.terminate()[0] == 0
        asking.join()
