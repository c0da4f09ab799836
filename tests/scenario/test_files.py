# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: uploaded in one piece or several, had by messages, downloaded by links, seen by people on XMPP."""
import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_server
from xml.etree.ElementTree import Element, SubElement

import pytest

from harness import pictures, tus
from harness.clamd import EICAR, Clamd
from harness.daemon import Daemon, psql, run_trestle
from harness.files import PICTURE, SOUND, begin, begin_put, film, get, patch, settle, upload
from harness.hook import SECRET, Hook
from harness.inbox import wait_for
from harness.muc import Seat
from harness.rest import App, Backend
from harness.s3 import S3
from harness.xmpp import CLIENT
from test_mam import read

pytestmark = pytest.mark.one_server

OOB, SFS, FALLBACK = "jabber:x:oob", "urn:xmpp:sfs:0", "urn:xmpp:fallback:0"
FILE, RETRACT = "urn:xmpp:file:metadata:0", "urn:xmpp:message-retract:1"


def oob(stanza):
    return stanza.child(OOB, "x").findtext(f"{{{OOB}}}url")


def attach(user, talk, *files, status=201, content=None, **more):
    text = {"content": content} if content else {}
    return user.call(status, "POST", f"/api/conversations/{talk['id']}/messages",
                     {"attachments": [f["id"] for f in files], "client_id": str(uuid.uuid4()), **text, **more})


def test_an_upload_that_is_given_up_leaves_nothing(app):
    alice = app("alice")
    for given_up in ("DELETE", "POST"):
        made = begin(alice, b"x" * 100, "a.txt", "text/plain")
        path = made["upload_url"] + ("/cancel" if given_up == "POST" else "")
        alice.call(204, given_up, path)
        assert alice.request("HEAD", made["upload_url"]).status in (404, 410)
        left = alice.request("GET", f"/api/files/{made['file']['id']}")
        assert left.status == 404 or left.json["status"] in ("error", "removed"), left


def test_a_picture_goes_to_another_app_user(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    data = pictures.png(320, 200)
    with bella.ws() as socket, alice.ws() as own:
        file = upload(alice, data)
        assert (file["type"], file["size"]) == ("image", len(data))
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert own.expect("file.updated")["payload"]["id"] == file["id"]
        said = attach(alice, talk, file, content="Look")
        assert (said["message_type"], said["content"]) == ("media", "Look")
        seen = socket.expect("message.new")["payload"]
        assert [f["id"] for f in seen["attachments"]] == [file["id"]]
        reply = get(seen["attachments"][0]["download_url"])
        assert (reply.status, reply.raw) == (200, data)
        assert reply.headers["content-type"] == "image/png" and reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["content-disposition"].startswith("inline;")
        assert bella.messages(talk)["items"][-1]["attachments"][0]["filename"] == "cat.png"
        assert bella.call(200, "GET", f"/api/files/{file['id']}")["download_url"]
        gallery = bella.call(200, "GET", f"/api/conversations/{talk['id']}/media", kind="image")
        assert [(i["message_id"], i["file"]["id"]) for i in gallery["items"]] == [(said["id"], file["id"])]
        assert not bella.call(200, "GET", f"/api/conversations/{talk['id']}/media", kind="video")["items"]
    cleo = app("cleo")
    for path in (f"/api/files/{file['id']}", f"/api/files/{uuid.uuid4()}"):
        cleo.call(404, "GET", path)
    attach(bella, talk, file, status=422)


def test_ten_at_once_tell_how_far_they_are_and_are_one_message(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    begun = [begin(alice, os.urandom(300_000), f"{n}.bin", "application/octet-stream") for n in range(11)]
    with alice.ws() as own, ThreadPoolExecutor(10) as pool:
        def put(made):
            return alice.call(200, "PUT", made["upload_url"], os.urandom(300_000), {"Content-Type": "application/octet-stream"})
        files = list(pool.map(put, begun[:10]))
        for file in files:
            assert file["status"] == "complete"
            own.expect("file.progress", file_id=file["id"], status="complete", progress=100, received=300_000)
        lie = begin(alice, b"no picture", "p.png", "image/png")
        alice.call(422, "PUT", lie["upload_url"], b"no picture")
        own.expect("file.progress", file_id=lie["file"]["id"], status="error")
        picture = upload(alice, pictures.png(64, 48))
        own.expect("file.progress", file_id=picture["id"], status="processing", progress=100)
        with begin_put(alice, begun[10], bytes(100_000), 300_000).sock:
            told = own.expect("file.progress", file_id=begun[10]["file"]["id"], status="uploading")["payload"]
            assert 0 < told["progress"] <= 33 and told["received"] <= 100_000
    with bella.ws() as socket:
        said = attach(alice, talk, *files, content="All of them")
        assert [f["id"] for f in socket.expect("message.new", id=said["id"])["payload"]["attachments"]] == [f["id"] for f in files]
    refused = attach(alice, talk, *files, ready(alice, picture), status=422)
    assert refused["errors"][0]["pointer"].startswith("/attachments"), refused


def test_odd_ranges(app):
    file = upload(app("alice"), b"0123456789", "a.txt", "text/plain")
    for range_, status, part in (
            ("bytes=0-99999999999999999999999", 206, b"0123456789"), ("bytes=9-", 206, b"9"), ("bytes=-3", 206, b"789"), ("bytes=-999", 206, b"0123456789"),
            ("bytes=10-", 416, None), ("bytes=18446744073709551615-", 416, None), ("bytes=-0", 416, None),
            ("bytes=5-2", 200, b"0123456789"), ("bytes=0-1,3-4", 200, b"0123456789"), ("bytes=", 200, b"0123456789"), ("bytes=a-b", 200, b"0123456789"),
            ("lines=1-2", 200, b"0123456789"), ("bytes=1-2x", 200, b"0123456789"), ("bytes=--1", 200, b"0123456789")):
        reply = get(file["download_url"], Range=range_)
        assert reply.status == status and part in (None, reply.raw), (range_, reply)
        assert status != 416 or reply.headers["content-range"] == "bytes */10"


def test_a_link_with_its_key_is_an_attachment(app, xmpp):
    """What Conversations and Dino send of files that they encrypt (XEP-0454), where the message itself comes in the clear."""
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    for number, extra in enumerate(("", "<x xmlns='jabber:x:oob'><url>{}</url></x>")):
        link = f"aesgcm://files.example.net/{number}/holiday.jpg#{os.urandom(44).hex()}"
        with alice.ws() as socket:
            bob.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'><body>{link}</body>{extra.format(link)}</message>")
            came = socket.expect("message.new", content=None)["payload"]
        shown, = came["attachments"]
        assert (came["message_type"], shown["status"], shown["filename"], shown["mime_type"]) == ("media", "remote", "holiday.jpg", "image/jpeg")
        assert (shown["remote_url"], shown["url_host"], shown["download_url"]) == (link, "files.example.net", None)
        assert alice.messages(talk)["items"][-1]["attachments"] == [shown]


def test_parts_by_tus(app):
    alice = app("alice")
    data = os.urandom(200_000)
    made = begin(alice, data, "noise.bin", "application/octet-stream", sha256=hashlib.sha256(data).hexdigest())
    assert made["offset"] == 0 and made["upload_url"]
    place = 0
    for size in (1, 70_000, 65_535, 3):
        reply = patch(alice, made, place, data[place:place + size])
        place += size
        assert (reply.status, reply.headers["upload-offset"], reply.headers["tus-resumable"]) == (204, str(place), "1.0.0")
        head = alice.request("HEAD", made["upload_url"], headers={"Tus-Resumable": "1.0.0"})
        assert (head.status, head.headers["upload-offset"], head.headers["upload-length"], head.headers["cache-control"]) \
            == (200, str(place), "200000", "no-store")
    wrong = patch(alice, made, 5, b"x")
    assert (wrong.status, wrong.json["code"]) == (409, "conflict")
    assert patch(alice, made, place, data, **{"Content-Type": "text/plain"}).status == 415
    assert patch(alice, made, place, data, **{"Tus-Resumable": "0.2.2"}).status == 412
    assert patch(app("bella"), made, place, data[place:]).status == 404
    assert patch(alice, made, place, data[place:]).status == 204
    file = alice.call(200, "GET", f"/api/files/{made['file']['id']}")
    assert file["status"] == "complete" and get(file["download_url"]).raw == data
    for range_, part in (("bytes=0-9", data[:10]), ("bytes=65530-65545", data[65530:65546]), ("bytes=-7", data[-7:]),
                         ("bytes=199999-", data[-1:]), ("bytes=131072-999999", data[131072:])):
        reply = get(file["download_url"], Range=range_)
        assert (reply.status, reply.raw) == (206, part), range_
    beyond = get(file["download_url"], Range="bytes=200000-")
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */200000")
    etag = get(file["download_url"], method="HEAD").headers["etag"]
    assert get(file["download_url"], If_None_Match=etag).status == 304
    stored, = alice.stack.dir.glob(f"bridge/files/*/{file['id']}*")
    assert stored.stat().st_size == len(data) + 4 * 28 and data[:64] not in stored.read_bytes()


def seconds_of(reply, name="max-age"):
    return int(dict(word.partition("=")[::2] for word in reply.headers["cache-control"].replace(" ", "").split(","))[name])


def test_how_long_files_may_be_kept(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    file = upload(alice, b"text", "a.txt", "text/plain")
    signed = get(file["download_url"])
    assert signed.headers["cache-control"].startswith("private, ") and signed.headers["cache-control"].endswith(", immutable")
    assert 1800 < seconds_of(signed) <= 5400, "no longer than the link is good"
    attach(alice, alice.conversation_with(jid=bob.bare), file)
    link = bob.expect_stanza("the file", lambda s: s.body and s.body.endswith("/a.txt")).body
    public = get(link, Origin="https://pages.example.net")
    assert public.headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in public.headers
    asked = get(link, "OPTIONS", Origin="https://pages.example.net", Access_Control_Request_Method="GET", Access_Control_Request_Headers="range")
    assert (asked.headers["access-control-allow-origin"], asked.headers["access-control-allow-headers"]) == ("*", "Content-Type, Range")
    assert public.headers["cache-control"] == "public, max-age=31536000, s-maxage=3600, immutable"
    for etag in (public.headers["etag"], f'"other", {public.headers["etag"]}', "*"):
        again = get(link, If_None_Match=etag)
        assert (again.status, again.raw, again.headers["cache-control"]) == (304, b"", public.headers["cache-control"])
    assert get(link, If_None_Match='"other"').status == 200
    assert get(link, Range="bytes=1-2", If_Range=public.headers["etag"]).raw == b"ex" and get(link, Range="bytes=1-2", If_Range='"other"').raw == b"text"
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=600)).isoformat()
    alice.call(200, "PATCH", f"/api/files/{file['id']}", {"expires_at": soon})
    assert 0 < seconds_of(get(link)) <= 600 and seconds_of(get(link), "s-maxage") <= 600 and seconds_of(get(file["download_url"])) <= 600
    alice.call(200, "PATCH", f"/api/files/{file['id']}", {"password": "open sesame"})
    assert get(link).status == 403
    opened = alice.call(200, "POST", f"/api/files/{file['id']}/unlock", {"password": "open sesame"})["download_url"]
    assert get(opened).headers["cache-control"].startswith("private, ")


def test_bob_sees_a_picture_and_sends_one(app, xmpp):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    data = pictures.png(64, 48)
    one, two = upload(alice, data, "first cat.png"), upload(alice, data, "second.png")
    said = attach(alice, talk, one, two, content="Two cats")
    got = bob.expect_stanza("the first", lambda s: s.id == said["id"] and s.name == "message")
    url = got.body
    assert oob(got) == url and url.endswith("/first-cat.png")
    assert get(url).raw == data and get(url, method="HEAD").headers["content-length"] == str(len(data))
    sharing = got.child(SFS, "file-sharing")
    assert sharing.findtext(f"{{{FILE}}}file/{{{FILE}}}media-type") == "image/png"
    assert got.has(FALLBACK, "fallback")
    second = bob.expect_stanza("the second", lambda s: s.body and s.body.endswith("/second.png"))
    assert oob(second) == second.body
    bob.expect_message("Two cats")
    albums = [s.child("urn:trestle:album:0", "album") for s in (got, second)]
    assert len({album.get("id") for album in albums}) == 1 and [album.get("n") for album in albums] == ["1", "2"], "they are one message"
    large = ready(alice, upload(alice, pictures.png(400, 300), "large.png"))
    said = attach(alice, talk, large)
    described = bob.expect_stanza("the large one", lambda s: s.id == said["id"] and s.name == "message").child(SFS, "file-sharing").find(f"{{{FILE}}}file")
    assert [described.findtext(f"{{{FILE}}}{name}") for name in ("name", "size", "width", "height")] == ["large.png", str(large["size"]), "400", "300"]
    assert base64.b64decode(described.findtext("{urn:xmpp:hashes:2}hash")).hex() == large["sha256"]
    small = described.find("{urn:xmpp:thumbs:1}thumbnail")
    assert (small.get("media-type"), get(small.get("uri")).raw[:3]) == ("image/jpeg", b"\xff\xd8\xff"), "those who have no key see it, too"
    assert 0 < int(small.get("width")) <= 400 and int(small.get("height")) * 4 == int(small.get("width")) * 3
    with alice.ws() as socket:
        link = "https://files.example.net/a/b/dog.jpg"
        bob.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'>"
                     f"<body>{link}</body><x xmlns='{OOB}'><url>{link}</url></x></message>")
        came = socket.expect("message.new")["payload"]
        file, = came["attachments"]
        assert (came["message_type"], came["content"]) == ("media", None)
        assert (file["status"], file["remote_url"], file["url_host"], file["filename"], file["mime_type"]) \
            == ("remote", link, "files.example.net", "dog.jpg", "image/jpeg")
        assert file["download_url"] is None
        bob.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'>"
                     f"<file-sharing xmlns='{SFS}'><file xmlns='{FILE}'><name>talk.ogg</name><size>4711</size>"
                     f"<media-type>audio/ogg</media-type></file><sources><url-data xmlns='http://jabber.org/protocol/url-data' "
                     f"target='https://files.example.net/x'/></sources></file-sharing></message>")
        came = socket.expect("message.new")["payload"]
        assert (came["message_type"], came["attachments"][0]["size"], came["attachments"][0]["filename"]) \
            == ("file", 4711, "talk.ogg")
        wave = base64.b64encode(bytes(range(64))).decode()
        for number, (name, more, waveform) in enumerate((("voice-message.ogg", "", None), ("x.ogg", f"<voice xmlns='urn:trestle:voice:0' waveform='{wave}'/>", wave),
                                                         ("y.ogg", f"<voice xmlns='urn:trestle:voice:0' waveform='{'A' * 200}'/>", None))):
            bob.send_raw(f"<message xmlns='{CLIENT}' to='{alice.me()['jid']}' type='chat' id='{uuid.uuid4()}'>{more}"
                         f"<file-sharing xmlns='{SFS}'><file xmlns='{FILE}'><name>{name}</name><media-type>audio/ogg</media-type></file>"
                         f"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='https://files.example.net/{number}'/></sources></file-sharing></message>")
            came = socket.expect("message.new")["payload"]
            assert (came["message_type"], came["attachments"][0]["waveform"]) == ("voice", waveform), name


def ready(user, file):
    """The file when it has been looked at."""
    def done():
        now = user.call(200, "GET", f"/api/files/{file['id']}")
        return now if now["status"] != "processing" and now["scan_status"] != "pending" else None
    return wait_for("the file was looked at", done)[0]


def test_pictures_are_made_smaller_and_say_nothing_else(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    secret = pictures.chunk(b"tEXt", b"Comment\0at home, 52.1 N 4.3 E")
    data = pictures.png(1200, 800, extra=secret) + b"and something behind it"
    file = upload(alice, data)
    assert file["status"] == "processing"
    said = attach(alice, talk, file)  # waits until it was looked at
    shown, = said["attachments"]
    assert (shown["status"], shown["width"], shown["height"]) == ("complete", 1200, 800)
    parts = {p["name"]: p for p in shown["parts"]}
    assert {f"{side}.{form}" for side in (150, 300, 600) for form in ("webp", "jpeg")} <= set(parts)
    assert (parts["300.jpeg"]["width"], parts["300.jpeg"]["height"]) == (300, 200)
    clean = get(shown["download_url"]).raw
    assert clean == pictures.png(1200, 800) and shown["size"] == len(clean)
    assert shown["sha256"] == hashlib.sha256(clean).hexdigest()
    small = get(shown["thumbnail_url"])
    assert small.headers["content-type"] == "image/jpeg" and small.raw[:3] == b"\xff\xd8\xff"
    webp = get(parts["150.webp"]["url"]).raw
    assert (webp[:4], webp[8:12]) == (b"RIFF", b"WEBP")
    assert get(parts["150.webp"]["url"].replace("150.webp", "600.webp")).status == 404  # it is signed
    broken = upload(alice, pictures.png(64, 64)[:-30])
    assert ready(alice, broken)["status"] == "error"
    attach(alice, talk, broken, status=409)
    for large in (pictures.png(16, 16, claimed=(12000, 12000)), pictures.black_png(10000)):  # the latter has a hundred million
        made = ready(alice, upload(alice, large))
        assert (made["status"], made["parts"]) == ("complete", [])  # too large to be decoded, and what it is all the same
    assert ready(alice, upload(alice, pictures.png(320, 200)))["parts"], "and the next one is made smaller"


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_a_large_jpeg_shows_before_it_is_there(app, tmp_path):
    alice = app("alice")
    data = film(tmp_path, "p.jpg", "-f", "lavfi", "-i", "testsrc2=size=1280x720", "-frames:v", "1", "-q:v", "2")
    shown = ready(alice, upload(alice, data, "p.jpg", "image/jpeg"))
    parts = {p["name"]: p for p in shown["parts"]}
    made = get(shown["download_url"]).raw
    assert b"\xff\xc0" in data and b"\xff\xc0" not in made[:1000] and b"\xff\xc2" in made[:1000], "it is progressive now"
    assert len(made) == shown["size"] and shown["sha256"] == hashlib.sha256(made).hexdigest()

    def likeness(small, scale):
        (tmp_path / "small").write_bytes(small)
        done = subprocess.run(["ffmpeg", "-nostdin", "-i", tmp_path / "small", "-i", tmp_path / "p.jpg", "-lavfi",
                               f"[1]scale={scale}:flags=area,format=yuv420p[a];[0]format=yuv420p[b];[a][b]ssim", "-f", "null", "-"], capture_output=True, text=True, check=True)
        return float(done.stderr.rpartition("All:")[2].split()[0])
    assert likeness(made, "1280:720") == 1
    for name in ("600.webp", "600.jpeg"):
        small = get(parts[name]["url"]).raw
        assert likeness(small, f"600:{parts[name]['height']}") > 0.93 and len(small) < len(data) / 3, name


def test_uploads_that_are_refused(app):
    alice = app("alice")
    svg = alice.call(415, "POST", "/api/uploads", {"filename": "x.svg", "size": 10, "mime_type": "image/svg+xml"})
    assert svg["code"] == "unsupported_type" and "image/png" in svg["supported"]
    large = alice.call(413, "POST", "/api/uploads", {"filename": "x.png", "size": 1 << 40, "mime_type": "image/png"})
    assert (large["code"], large["limit"]) == ("too_large", 26214400)
    assert alice.call(422, "POST", "/api/uploads", {"filename": "x", "size": 5, "mime_type": "nonsense"})["code"] == "unprocessable"
    video = {"filename": "x", "size": 100 << 20, "mime_type": "video/mp4"}
    for _ in range(10):  # of 1 GiB
        alice.call(201, "POST", "/api/uploads", video)
    assert alice.call(507, "POST", "/api/uploads", video)["code"] == "quota"
    beyond = app("cleo").call(413, "POST", "/api/uploads", {**video, "size": (100 << 20) + 1})
    assert (beyond["code"], beyond["limit"]) == ("too_large", 100 << 20)
    bella = app("bella")
    lie = begin(bella, b"<html><script>alert(1)</script>", "cat.png", "image/png")
    wrong = bella.call(422, "PUT", lie["upload_url"], b"<html><script>alert(1)</script>", {"Content-Type": "image/png"})
    assert wrong["errors"][0]["pointer"] == "/mime_type"
    other = begin(bella, b"abc", "a.txt", "text/plain", sha256="0" * 64)
    assert bella.call(422, "PUT", other["upload_url"], b"abc")["errors"][0]["pointer"] == "/sha256"
    short = begin(bella, b"abcdef", "a.txt", "text/plain")
    assert bella.call(422, "PUT", short["upload_url"], b"abc")["code"] == "unprocessable"
    assert bella.call(413, "PUT", short["upload_url"], b"abcdefghi")["limit"] == 6
    path = upload(bella, b"abc", "../../etc/passwd\u202e.html", "text/html")
    assert path["filename"] == "passwd.html"
    reply = get(path["download_url"])
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in reply.headers["content-security-policy"]
    gone = begin(bella, b"abc", "a.txt", "text/plain")
    assert bella.request("DELETE", gone["upload_url"]).status == 204
    assert bella.request("PUT", gone["upload_url"], b"abc").status == 410


HARM = b"<html><script>alert(1)</script>"


def test_no_name_leads_elsewhere(app):
    """A name is what is shown and what saves are called: it names no folder, here or there, and ends no header."""
    alice = app("alice")
    for name, shown, link in (
            ("../../etc/passwd", "passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini", "boot.ini"), ("a/..", "file", "file"), ("..", "file", "file"),
            ("/", "file", "file"), ("C:\\x\\", "file", "file"), ("%2e%2e%2fpasswd", "%2e%2e%2fpasswd", None), ('a"; filename="b.exe', 'a"; filename="b.exe', None),
            ("a?b#c.txt", "a?b#c.txt", None), ("-rf", "-rf", None), ("\u202egpj.exe", "gpj.exe", "gpj.exe")):
        file = upload(alice, b"abc", name, "text/plain")
        assert file["filename"] == shown, name
        path = file["download_url"].partition("/f/")[2]
        assert path.count("/") == 1 and not set('?#%"\\') & set(path) and link in (None, path.rpartition("/")[2]), path
        reply = get(file["download_url"])
        kind, plain, *_ = reply.headers["content-disposition"].split("; ")
        assert reply.raw == b"abc" and kind == "attachment" and reply.headers["content-disposition"].count('"') == 2, name
        assert plain.startswith('filename="') and "filename*=UTF-8\'\'" in reply.headers["content-disposition"]
        assert len(list(alice.stack.dir.glob(f"bridge/files/*/{file['id']}*"))) == 1, "the store knows no names"
    for name in ("a\r\nSet-Cookie: b=c", "a\0.txt", "", " ", "\u202e", "x" * 256):
        reply = alice.request("POST", "/api/uploads", {"filename": name, "size": 3, "mime_type": "text/plain"})
        assert reply.status in (201, 422), (name, reply)
        assert reply.status == 422 or not set("\r\n\0") & set(reply.json["file"]["filename"]), reply


def test_what_is_two_things_at_once_is_one(app):
    """Pictures that are pages or archives, too, come out as pictures; what is none is saved, whatever it begins with."""
    alice = app("alice")
    jpeg = pictures.JPEG[:2] + b"\xff\xfe" + (len(HARM) + 2).to_bytes(2, "big") + HARM + pictures.JPEG[2:] + b"PK\3\4" + HARM
    gif = pictures.GIF[:-1] + b"\x21\xfe" + bytes([len(HARM)]) + HARM + b"\0;" + HARM
    for data, type, name in ((pictures.png(64, 48, extra=pictures.chunk(b"tEXt", b"a\0" + HARM)) + b"PK\3\4" + HARM, "image/png", "a.html"),
                             (jpeg, "image/jpeg", "a.js"), (gif, "image/gif", "a.html"), (pictures.WEBP + HARM, "image/webp", "a.zip")):
        file = ready(alice, upload(alice, data, name, type))
        reply = get(file["download_url"])
        assert file["status"] == "complete" and HARM in data and HARM[:8] not in reply.raw and b"PK\3\4" not in reply.raw, type
        assert (reply.headers["content-type"], reply.headers["x-content-type-options"]) == (type, "nosniff")
        assert "sandbox" in reply.headers["content-security-policy"]
    zeros = zlib.compressobj(9, wbits=31)
    bomb = zeros.compress(bytes(50 << 20)) + zeros.flush()
    for data, type in ((b"%PDF-1.7\n" + HARM, "application/pdf"), (b"PK\3\4" + HARM, "application/zip"), (HARM, "text/html"), (bomb, "application/gzip")):
        file = ready(alice, upload(alice, data, "a.html", type))
        reply = get(file["download_url"], Accept_Encoding="gzip")
        assert reply.raw == data and "content-encoding" not in reply.headers, "nothing is unpacked"
        assert reply.headers["content-type"] in (type, "application/octet-stream") and "html" not in reply.headers["content-type"]
        assert reply.headers["content-disposition"].startswith("attachment;") and reply.headers["x-content-type-options"] == "nosniff"
    # A picture that claims far more than it has, and one that is too wide.
    for data in (pictures.png(4, 4, claimed=(4000, 4000)), pictures.png(9000, 9)):
        file = ready(alice, upload(alice, data))
        assert file["status"] in ("complete", "error") and file["parts"] == [], file
    assert upload(alice, b"abc", "a.txt", "text/plain")["status"] == "complete"


def test_what_is_not_whole_in_the_store_is_handed_out_to_nobody(app):
    alice = app("alice")
    data = os.urandom(200_000)
    file = upload(alice, data, "a.bin", "application/octet-stream")
    stored, = alice.stack.dir.glob(f"bridge/files/*/{file['id']}*")
    bytes_ = bytearray(stored.read_bytes())
    bytes_[150_000] ^= 1  # in the third of four segments
    stored.write_bytes(bytes_)
    assert get(file["download_url"], Range="bytes=0-99").raw == data[:100]
    for range_ in ({}, {"Range": "bytes=140000-140009"}):
        try:
            reply = get(file["download_url"], **range_)
        except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError) as cut:
            assert data.startswith(getattr(cut, "partial", b"")), "nothing wrong has come"
        else:
            assert reply.status >= 500, reply
    stored.write_bytes(stored.read_bytes()[:-40_000])
    with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError)):
        get(file["download_url"])


def test_a_connection_that_breaks_loses_nothing(app):
    alice = app("alice")
    data = os.urandom(300_000)
    made = begin(alice, data, "noise.bin", "application/octet-stream")
    first = begin_put(alice, made, data[:150_000], len(data))
    first.sock.close()
    def kept():
        return int(alice.request("HEAD", made["upload_url"]).headers["upload-offset"])
    place = wait_for("what came is kept", lambda: kept() or None)[0]
    assert place <= 150_000
    hanging = begin_put(alice, begin(alice, data, "b.bin", "application/octet-stream"), data[:1000], len(data))
    assert patch(alice, made, place, data[place:]).status == 204
    hanging.close()
    file = alice.call(200, "GET", f"/api/files/{made['file']['id']}")
    assert get(file["download_url"]).raw == data


def test_a_killed_bridge_has_what_it_answered(app, stack):
    alice = app("alice")
    data = os.urandom(250_001)
    whole = upload(alice, data, "a.bin", "application/octet-stream")
    made = begin(alice, data, "noise.bin", "application/octet-stream")
    assert patch(alice, made, 0, data[:99_999]).status == 204
    hanging = begin_put(alice, begin(alice, data, "c.bin", "application/octet-stream"), data[:70_000], len(data))
    stack.kill("bridge.0")
    stack.restart("bridge.0")
    hanging.close()
    assert alice.request("HEAD", made["upload_url"]).headers["upload-offset"] == "99999"
    assert patch(alice, made, 99_999, data[99_999:]).status == 204
    for file in (whole, made["file"]):
        assert get(alice.call(200, "GET", f"/api/files/{file['id']}")["download_url"]).raw == data


def test_slow_uploads_end_and_go_on_and_a_full_disk_takes_nothing_half(running_stack, tmp_path):
    store = tmp_path / "files"
    store.mkdir()
    full = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", store], check=False, capture_output=True).returncode == 0
    if not full:
        print("no disk that fills up: mount is not allowed here")
    media = {"store": store, "key": "ab" * 32, "url": "http://files.test"}
    try:
        with Daemon(running_stack, options={"media": media, "http": {"idle_timeout": "5"}}) as daemon:
            alice = App(daemon, "alice")
            data = os.urandom(400_000)
            made = begin(alice, data, "slow.bin", "application/octet-stream")
            hanging = begin_put(alice, made, data[:100_000], len(data))
            reply = hanging.getresponse()  # it is told, though it has not said all
            assert (reply.status, json.loads(reply.read())["code"]) == (408, "upload_timeout")
            hanging.close()
            place = wait_for("what came is kept", lambda: int(alice.request("HEAD", made["upload_url"]).headers["upload-offset"]))[0]
            assert place <= 100_000 and patch(alice, made, place, data[place:]).status == 204
            def local(file):
                return file["download_url"].replace("http://files.test", daemon.info["rest"])
            assert get(local(get_file(alice, made["file"]))).raw == data
            if full:
                large = os.urandom(900_000)
                other = begin(alice, large, "large.bin", "application/octet-stream")
                refused = alice.call(507, "PUT", other["upload_url"], large, {"Content-Type": "application/octet-stream"})
                assert refused["code"] == "quota", refused
                left = int(alice.request("HEAD", other["upload_url"]).headers["upload-offset"])
                assert left < len(large) and get_file(alice, other["file"])["status"] == "uploading"
                assert get(local(get_file(alice, made["file"]))).raw == data, "what was acknowledged is whole"
                subprocess.run(["mount", "-o", "remount,size=4m", store], check=True)
                left = int(alice.request("HEAD", other["upload_url"]).headers["upload-offset"])
                assert patch(alice, other, left, large[left:]).status == 204
                assert get(local(get_file(alice, other["file"]))).raw == large
    finally:
        if full:
            subprocess.run(["umount", "-l", store], check=True)


def test_a_new_master_key_loses_nothing_whenever_it_is_killed(running_stack, tmp_path):
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text("11" * 32 + "\n")
    media = {"store": tmp_path / "files", "key_file": keys, "url": "http://files.test"}
    with Daemon(running_stack, options={"media": media}) as daemon:
        alice = App(daemon, "alice")
        data = [os.urandom(70_000) for _ in range(8)]
        files = [upload(alice, bytes_, f"{n}.bin", "application/octet-stream") for n, bytes_ in enumerate(data)]
        def names():
            return set(psql(daemon.info["database"], "SELECT DISTINCT key_name FROM files").split())
        old = names()
        keys.write_text("11" * 32 + "\n" + "22" * 32 + "\n")
        for _ in range(3):
            daemon.process.kill()
            daemon.process.wait()
            daemon.start()
        daemon.wait_ready(link=False)
        wait_for("all have the new key", lambda: not old & names(), 60)
        daemon.terminate()
        keys.write_text("22" * 32 + "\n")
        daemon.start()
        daemon.wait_ready(link=False)
        for file, bytes_ in zip(files, data):
            assert get(get_file(alice, file)["download_url"].replace("http://files.test", daemon.info["rest"])).raw == bytes_


def test_keys_of_the_store_are_read_again_while_it_runs(running_stack, tmp_path):
    """What is uploaded from then on has the new key; what had the old one is read all the same. A bad file changes nothing."""
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text("11" * 32 + "\n")
    media = {"store": tmp_path / "files", "key_file": keys, "url": "http://files.test"}
    with Daemon(running_stack, options={"media": media}) as daemon:
        alice, pid = App(daemon, "alice"), daemon.process.pid

        def added(name):
            file = upload(alice, name.encode(), name, "application/octet-stream")
            return file, psql(daemon.info["database"], f"SELECT key_name FROM files WHERE id = '{file['id']}'").strip()

        def renew(text, said):
            keys.write_text(text)
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(said, lambda: f"event={said}" in daemon.logged())
        first, old = added("first")
        link = get_file(alice, first)["download_url"].replace("http://files.test", daemon.info["rest"])
        renew("no key\n", "store-keys-kept")
        assert added("second")[1] == old
        renew("11" * 32 + "\n" + "22" * 32 + "\n", "store-keys-read")
        third, new = added("third")
        assert new != old and daemon.process.pid == pid and daemon.process.poll() is None
        assert get(link).raw == b"first", "neither its key nor that of its link has gone"
        for file, said in ((first, b"first"), (third, b"third")):
            assert get(get_file(alice, file)["download_url"].replace("http://files.test", daemon.info["rest"])).raw == said


def test_a_deleted_message_takes_its_files_along(app):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    one, two = upload(alice, b"one", "1.txt", "text/plain"), upload(alice, b"two", "2.txt", "text/plain")
    first, second = attach(alice, talk, one, two), attach(alice, talk, two)
    assert alice.call(200, "GET", "/api/limits")["storage"] == {"used_bytes": 6, "limit_bytes": 1 << 30}
    links = [get_file(bella, f)["download_url"] for f in (one, two)]
    forwarded = bella.call(201, "POST", f"/api/messages/{second['id']}/forward", {"conversation_ids": [talk["id"]]})["items"][0]
    assert forwarded["attachments"][0]["id"] == two["id"] and forwarded["is_forwarded"]
    alice.call(200, "DELETE", f"/api/messages/{first['id']}", **{"for": "everyone"})
    assert get(links[0]).status == 410 and get(links[1]).status == 200
    bella.call(404, "GET", f"/api/files/{one['id']}")
    alice.call(200, "DELETE", f"/api/files/{two['id']}")
    assert get(links[1]).status == 410
    assert bella.messages(talk)["items"][-1]["attachments"][0]["status"] == "removed"


def test_moderators_alone_see_a_reported_file_that_was_deleted(app, backend):
    alice, bella = app("alice"), app("bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    file = upload(alice, b"bad", "bad.txt", "text/plain")
    said = attach(alice, talk, file)
    link = said["attachments"][0]["download_url"]
    report = bella.call(201, "POST", "/api/reports", {"file_id": file["id"], "reason": "illegal"})
    alice.call(200, "DELETE", f"/api/messages/{said['id']}", **{"for": "everyone"})
    assert get(link).status == 410
    shown = backend.call(200, "GET", f"/api/moderation/reports/{report['id']}")
    assert (shown["target_type"], [f["filename"] for f in shown["evidence"]["files"]]) == ("file", ["bad.txt"])
    look = f"/api/moderation/files/{file['id']}/look"
    for_moderators = backend.call(200, "POST", look)["download_url"]
    seen = get(for_moderators)
    assert (seen.raw, seen.headers["content-type"]) == (b"bad", "application/octet-stream")
    backend.call(200, "PATCH", f"/api/moderation/reports/{report['id']}", {"state": "resolved"})
    backend.call(404, "POST", look)
    assert get(for_moderators).status == 410


def get_file(user, file):
    return user.call(200, "GET", f"/api/files/{file['id']}")


def test_passwords_and_ends(app, xmpp):
    alice, bella, bob = app("alice"), app("bella"), xmpp("bob")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    file = upload(alice, b"secret", "plan.txt", "text/plain")
    before = file["download_url"]
    locked = alice.call(200, "PATCH", f"/api/files/{file['id']}", {"password": "open sesame"})
    assert locked["is_password_protected"] and locked["download_url"] is None
    shown = attach(alice, talk, file)["attachments"][0]
    assert shown["download_url"] is None
    wrong = bella.call(403, "POST", f"/api/files/{file['id']}/unlock", {"password": "open barley"})
    assert wrong["code"] == "forbidden"
    link = bella.call(200, "POST", f"/api/files/{file['id']}/unlock", {"password": "open sesame"})["download_url"]
    assert get(link).raw == b"secret"
    app("cleo").call(404, "POST", f"/api/files/{file['id']}/unlock", {"password": "open sesame"})
    other = alice.conversation_with(jid=bob.bare)
    attach(alice, other, file)
    bob.expect_message("plan.txt: protected by a password, to be opened in the app")
    bella.call(404, "PATCH", f"/api/files/{file['id']}", {"password": None})
    alice.call(200, "PATCH", f"/api/files/{file['id']}", {"password": None})
    assert alice.call(422, "PATCH", f"/api/files/{file['id']}", {"expires_at": "2020-01-01T00:00:00Z"})["errors"]
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)).isoformat()
    alice.call(200, "PATCH", f"/api/files/{file['id']}", {"expires_at": soon})
    wait_for("it has ended", lambda: get(before).status == 410)
    attach(alice, talk, file, status=409)


@pytest.mark.skipif(not Clamd.program(), reason="clamd is not here")
def test_nobody_gets_what_is_infected(stack, tmp_path):
    clamd = Clamd(tmp_path / "clamd")
    media = {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test", "scanner": clamd.socket}
    with Daemon(stack, options={"media": media}) as daemon:
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        waits = upload(alice, b"harmless", "a.txt", "text/plain")
        assert waits["scan_status"] == "pending" and waits["download_url"] is None
        clamd.start()
        assert attach(alice, talk, waits)["attachments"][0]["scan_status"] == "clean"  # when clamd is there
        bad = upload(alice, EICAR, "b.txt", "text/plain")
        refused = attach(alice, talk, bad, status=422)
        assert refused["errors"][0] == {"pointer": "/attachments/0", "detail": "is infected"}
        assert get_file(alice, bad)["scan_status"] == "infected" and get_file(alice, bad)["download_url"] is None
        large = upload(alice, os.urandom(2 << 20), "c.bin", "application/octet-stream")
        assert ready(alice, large)["scan_status"] == "held"
        attach(alice, talk, large, status=409)
        # What nobody can judge is for a moderator.
        key = Backend(daemon)
        daemon.info["server_key"] = run_trestle("token", "--server-key", "m", "--scopes", "moderate", "--config", daemon.config)[1].strip()
        key.call(404, "POST", f"/api/moderation/files/{uuid.uuid4()}/look")
        assert [f["id"] for f in key.call(200, "GET", "/api/moderation/files")["items"]] == [large["id"]]
        seen = get(key.call(200, "POST", f"/api/moderation/files/{large['id']}/look")["download_url"].replace("http://files.test", daemon.info["rest"]))
        assert (len(seen.raw), seen.headers["content-type"]) == (2 << 20, "application/octet-stream")
        assert seen.headers["content-disposition"].startswith("attachment;")
        key.call(422, "POST", f"/api/moderation/files/{large['id']}/decide", {"decision": "burn"})
        assert key.call(200, "POST", f"/api/moderation/files/{large['id']}/decide", {"decision": "release"})["scan_status"] == "clean"
        key.call(409, "POST", f"/api/moderation/files/{large['id']}/decide", {"decision": "remove"})
        attach(alice, talk, large)
        other = ready(alice, upload(alice, os.urandom(2 << 20), "d.bin", "application/octet-stream"))
        key.call(200, "POST", f"/api/moderation/files/{other['id']}/decide", {"decision": "remove"})
        assert get_file(alice, other)["status"] == "removed" and not key.call(200, "GET", "/api/moderation/files")["items"]
        clamd.stop()


def by_daemon(daemon, link):
    return get(link.replace("http://files.test", daemon.info["rest"]))


def test_a_classifier_sees_files_before_anybody_else(stack, tmp_path):
    media = {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test", "classifier_secret": SECRET,
             "classifier_failure": "hold"}
    with Hook() as hook, Daemon(stack, options={"media": {**media, "classifier_url": hook.url}}) as daemon:
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        hook.hold.add("cat.png")
        hook.answers.update({"cat.png": {"verdict": "clean"}, "nude.png": {"verdict": "held", "reasons": ["nudity", 7, "x" * 101]},
                             "plan.txt": {"verdict": "infected"}, "odd.txt": {"verdict": "fine"}, "down.txt": 500})
        # It sees the picture as it will be, by links that end with the verdict; nobody else sees it.
        data = pictures.png(400, 300, extra=pictures.chunk(b"tEXt", b"Comment\0at home, 52.1 N 4.3 E"))
        file = upload(alice, data)
        asked = hook.asked("cat.png")["data"]
        assert (asked["file_id"], asked["mime_type"], asked["type"], asked["owner"]["id"]) == (file["id"], "image/png", "image", alice.me()["id"])
        assert by_daemon(daemon, asked["url"]).raw == pictures.png(400, 300)
        assert by_daemon(daemon, asked["preview_url"]).raw[:3] == b"\xff\xd8\xff"
        waits = get_file(alice, file)
        assert (waits["status"], waits["scan_status"], waits["download_url"]) == ("complete", "pending", None)
        assert get(asked["url"].replace(".check.", ".300.jpeg.").replace("http://files.test", daemon.info["rest"])).status == 404
        hook.release.set()
        said = attach(alice, talk, file)
        assert said["attachments"][0]["scan_status"] == "clean"
        for link in (asked["url"], asked["preview_url"]):
            assert by_daemon(daemon, link).status == 410
        assert by_daemon(daemon, said["attachments"][0]["download_url"]).raw == pictures.png(400, 300)
        # What is held is for moderators, what is infected for nobody; no answer, and none that makes sense, holds it.
        nude = ready(alice, upload(alice, pictures.png(64, 64), "nude.png"))
        plan, odd, down = (ready(alice, upload(alice, b"secret", name, "text/plain")) for name in ("plan.txt", "odd.txt", "down.txt"))
        assert [f["scan_status"] for f in (nude, plan, odd, down)] == ["held", "infected", "held", "held"]
        attach(alice, talk, nude, status=409)
        attach(alice, talk, plan, status=422)
        daemon.info["server_key"] = run_trestle("token", "--server-key", "m", "--scopes", "moderate", "--config", daemon.config)[1].strip()
        key = Backend(daemon)
        held = {f["id"]: f["reasons"] for f in key.call(200, "GET", "/api/moderation/files")["items"]}
        assert held == {nude["id"]: ["nudity"], odd["id"]: ["classifier_unavailable"], down["id"]: ["classifier_unavailable"]}
        settle(daemon, nude)  # moderators come later than that
        key.call(200, "POST", f"/api/moderation/files/{nude['id']}/decide", {"decision": "release"})
        said = attach(alice, talk, nude)["attachments"][0]
        assert (said["scan_status"], said["status"]) == ("clean", "complete")
        assert by_daemon(daemon, said["download_url"]).raw == pictures.png(64, 64)
        assert hook.contents().count("nude.png") == 1, "a moderator has decided"
        assert not hook.wrong


def test_files_wait_for_a_classifier_that_is_away(stack, tmp_path):
    media = {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test", "classifier_secret": SECRET}
    with Hook() as hook, Daemon(stack, options={"media": {**media, "classifier_url": hook.url}}) as daemon:
        alice, bella = App(daemon, "alice"), App(daemon, "bella")
        talk = alice.conversation_with(participant_id=bella.me()["id"])
        hook.answers["a.txt"] = 503
        file = upload(alice, b"harmless", "a.txt", "text/plain")
        hook.asked("a.txt")
        assert get_file(alice, file)["scan_status"] == "pending"
        hook.answers["a.txt"] = {"verdict": "clean"}
        assert attach(alice, talk, file)["attachments"][0]["scan_status"] == "clean"


def test_a_room_hears_files_and_its_archive_has_them(app, bob):
    alice = app("alice")
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"jid": bob.bare}]})
    bob.plugin("xep_0313")
    seat = Seat(bob, group["jid"], "Bob")
    seat.enter()
    one, two = (upload(alice, b"text", name, "text/plain") for name in ("1.txt", "2.txt"))
    said = attach(alice, group, one, two, content="Both")
    heard = [bob.expect_stanza(what, lambda s: s.name == "message" and s.body and s.body.endswith(what))
             for what in ("/1.txt", "/2.txt", "Both")]
    assert [oob(s) if s.has(OOB, "x") else None for s in heard] == [heard[0].body, heard[1].body, None]
    rows = read(bob, group["jid"])[0]
    assert rows[0][0] == said["id"] and [s.body for _, s, _ in rows] == [s.body for s in heard]
    assert [s.id for _, s, _ in rows] == [s.id for s in heard]
    link = "https://files.example.net/pic.png"
    with alice.ws() as socket:
        extra = Element(f"{{{OOB}}}x")
        SubElement(extra, f"{{{OOB}}}url").text = link
        seat.say(link, extra=[extra])
        came = socket.expect("message.new", content=None)["payload"]
        assert came["attachments"][0]["remote_url"] == link and came["message_type"] == "media"
        again = alice.call(201, "POST", f"/api/messages/{came['id']}/forward", {"conversation_ids": [group["id"]]})["items"][0]
        assert again["attachments"][0]["remote_url"] == link
    bob.expect_stanza("the forwarded one", lambda s: s.name == "message" and s.id == again["id"] and oob(s) == link)
    alice.call(200, "DELETE", f"/api/messages/{said['id']}", **{"for": "everyone"})
    assert not {"Both", heard[1].body} & {s.body for _, s, _ in read(bob, group["jid"])[0]}
    for stanza in heard:  # each of the three is taken back
        bob.expect_stanza("a retraction", lambda s: s.has(RETRACT, "retract") and s.child(RETRACT, "retract").get("id") == stanza.id)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_voices_and_videos(app, xmpp, tmp_path):
    alice, bob = app("alice"), xmpp("bob")
    talk = alice.conversation_with(jid=bob.bare)
    spoken = film(tmp_path, "v.webm", *SOUND, "-c:a", "libopus")
    voice = upload(alice, spoken, "v.webm", "audio/webm;codecs=opus", purpose="voice")
    said = attach(alice, talk, voice)
    shown, = said["attachments"]
    assert (said["message_type"], shown["mime_type"], shown["status"]) == ("voice", "audio/ogg", "complete")
    assert 1900 < shown["duration_ms"] < 2200 and 0 < len(base64.b64decode(shown["waveform"])) <= 100
    assert get(shown["download_url"]).raw[:4] == b"OggS"
    heard = bob.expect_stanza("the voice", lambda s: s.id == said["id"] and s.name == "message")
    assert heard.body.endswith("/v.ogg") and oob(heard) == heard.body
    assert heard.child("urn:trestle:voice:0", "voice").get("waveform") == shown["waveform"]
    assert 1900 < int(heard.child(SFS, "file-sharing").findtext(f"{{{FILE}}}file/{{{FILE}}}length")) < 2200, "in milliseconds"
    video = upload(alice, film(tmp_path, "w.webm", *PICTURE, *SOUND, "-c:v", "libvpx", "-c:a", "libopus"), "w.webm", "video/webm")
    made = ready(alice, video)
    assert (made["status"], made["mime_type"], made["width"], made["height"]) == ("complete", "video/mp4", 640, 360)
    assert get(made["download_url"]).raw[4:8] == b"ftyp" and 1900 < made["duration_ms"] < 2200
    assert {"poster.jpeg", "300.jpeg", "600.webp"} <= {p["name"] for p in made["parts"]}
    assert get(made["stream_url"]).raw.count(b"#EXT-X-STREAM-INF") == 1  # no more than it has itself
    place = film(tmp_path, "p.mp4", *PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-metadata", "location=+52.1000+004.3000/")
    assert b"loci" in place
    copied = ready(alice, upload(alice, place, "p.mp4", "video/mp4"))
    assert b"loci" not in get(copied["download_url"]).raw and copied["status"] == "complete"
    def still(seconds):
        return film(tmp_path, f"{seconds}.mp4", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", seconds=seconds)
    long = ready(alice, upload(alice, still(302), "long.mp4", "video/mp4"))
    assert (long["status"], long["problem"]) == ("error", "it is too long"), "five minutes, and no more"
    assert ready(alice, upload(alice, still(299), "short.mp4", "video/mp4"))["status"] == "complete"
    speech = ready(alice, upload(alice, film(tmp_path, "s.ogg", *SOUND, "-c:a", "libopus", seconds=302), "s.ogg", "audio/ogg", purpose="voice"))
    assert (speech["status"], speech["problem"]) == ("error", "it is too long")
    junk = ready(alice, upload(alice, b"\0\0\0\x18ftypmp42" + os.urandom(5000), "j.mp4", "video/mp4"))
    assert (junk["status"], junk["problem"]) == ("error", "it cannot be read")


def ffmpeg_of(pid):
    """The ffmpeg that the bridge PID has started, in whatever way, and that runs now."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            parents[int(folder.name)] = (name, int(rest.split()[1]))
    for found, (name, parent) in parents.items():
        while name == "ffmpeg" and parent in parents:
            if parent == pid:
                return found
            parent = parents[parent][1]
    return None


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_a_killed_helper_costs_one_file_at_most(app, stack, tmp_path):
    alice = app("alice")
    data = film(tmp_path, "k.mkv", "-f", "lavfi", "-i", "testsrc=size=640x360:rate=25", "-c:v", "mpeg4", seconds=12)
    video = upload(alice, data, "k.mkv", "video/x-matroska")
    os.kill(wait_for("ffmpeg runs", lambda: ffmpeg_of(stack.pids()["bridge.0"]))[0], signal.SIGKILL)
    made = ready(alice, video)
    assert made["status"] in ("complete", "error") and (made["status"] == "error" or get(made["download_url"]).raw), made
    assert ready(alice, upload(alice, pictures.png(400, 300)))["parts"], "others have theirs"
    assert not stack.dead()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_a_video_that_names_others_gets_nothing_of_them(app, tmp_path):
    """Lists of videos, which ffmpeg knows by what is in them: nobody follows them, to no file of this machine and no server."""
    alice = app("alice")
    secret = tmp_path / "secret.ts"
    secret.write_bytes(film(tmp_path, "s.ts", *PICTURE, "-c:v", "libx264", "-pix_fmt", "yuv420p"))
    secret.chmod(0o644)
    with create_server(("127.0.0.1", 0)) as listener:
        place = f"http://127.0.0.1:{listener.getsockname()[1]}/a.ts"
        lists = {f"list of {what}": f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.0,\n{what}\n#EXT-X-ENDLIST\n"
                 for what in (place, secret, f"file://{secret}", f"concat:{secret}", f"subfile,,start,0,end,0,,:{secret}")}
        lists.update({"concat": f"ffconcat version 1.0\nfile '{secret}'\n", "reference": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {listener.getsockname()[1]} RTP/AVP 96\n"})
        for what, text in lists.items():
            for type in ("video/mp2t", "audio/x-mpegurl"):
                made = ready(alice, upload(alice, text.encode(), "a.ts", type))
                assert not made.get("duration_ms") and not made["parts"] and not made["width"], (what, type, made)
                assert made["status"] == "error" or get(made["download_url"]).raw == text.encode(), (what, type, made)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_videos_are_streams_of_two_sizes(app, tmp_path):
    alice = app("alice")
    large = film(tmp_path, "l.mp4", "-f", "lavfi", "-i", "testsrc=size=1280x720:rate=10", *SOUND, "-c:v", "libx264", "-preset", "ultrafast",
                 "-g", "20", "-pix_fmt", "yuv420p", "-c:a", "aac", seconds=9)
    made = ready(alice, upload(alice, large, "l.mp4", "video/mp4"))
    master = get(made["stream_url"])
    assert (master.status, master.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    assert master.headers["cache-control"].startswith("private, ") and seconds_of(master) <= 5400, "the links in it end, too"
    lines = master.raw.decode().splitlines()
    assert [line.rpartition("RESOLUTION=")[2] for line in lines if "RESOLUTION" in line] == ["1280x720", "640x360"]
    lists = [get(line).raw.decode().splitlines() for line in lines if line.startswith("http")]
    for playlist in lists:
        assert playlist[0] == "#EXTM3U" and playlist[-1] == "#EXT-X-ENDLIST"
        ranges = [line.partition(":")[2].split("@") for line in playlist if line.startswith("#EXT-X-BYTERANGE")]
        links = {line for line in playlist if line.startswith("http")}
        assert len(links) == 1
        whole = get(links.pop())
        assert whole.headers["content-type"] == "video/mp2t"
        place = 0
        for length, offset in ranges:
            assert int(offset) == place
            place += int(length)
        assert place == len(whole.raw) and whole.raw[0] == 0x47
    assert len(lists[0]) > 10  # several segments
    # A stock player takes it.
    alone = tmp_path / "stream.m3u8"
    alone.write_text("\n".join(lists[1]))
    done = subprocess.run(["ffprobe", "-v", "error", "-protocol_whitelist", "file,http,tcp", "-show_entries", "format=duration", "-of", "csv=p=0",
                           str(alone)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and 8 < float(done.stdout) < 11, done
    alice.call(200, "DELETE", f"/api/files/{made['id']}")
    assert get(made["stream_url"]).status == 410


def test_a_stock_tus_client_works_unchanged(app, tmp_path):
    alice = app("alice")
    path = tmp_path / "noise.bin"
    path.write_bytes(os.urandom(700_000))
    said = tus.upload(alice, path)
    assert said["cut"] and said["progress"] == 100
    file = get_file(alice, {"id": said["url"].rpartition("/")[2]})
    assert (file["status"], file["filename"]) == ("complete", "noise.bin")
    assert get(file["download_url"]).raw == path.read_bytes()


@pytest.mark.long  # jobs come round every half minute
@pytest.mark.skipif(not S3.program(), reason="moto_server is not here")
def test_complete_files_lie_in_a_bucket(stack, tmp_path):
    bucket = S3().start()
    media = {"store": tmp_path / "files", "key": "ab" * 32, "url": "http://files.test", "s3_url": bucket.address,
             "s3_key": "id", "s3_secret": "secret"}
    with Daemon(stack, options={"media": media}) as daemon:
        alice = App(daemon, "alice")
        data, picture = os.urandom(400_000), pictures.png(300, 200, extra=pictures.chunk(b"tEXt", b"a\0where it was"))
        file, shown = upload(alice, data, "a.bin", "application/octet-stream"), upload(alice, picture)
        shown = ready(alice, shown)
        name = f"{file['id'][-2:]}/{file['id']}"
        wait_for("it has gone to the bucket", lambda: name in bucket.names() and not list(tmp_path.glob("files/*/*")), 60)
        assert bucket.get(name)[12:76] != data[:64] and len(bucket.get(name)) == len(data) + 7 * 28
        assert f"{shown['id'][-2:]}/{shown['id']}" not in bucket.names()  # the picture as it came is nowhere
        def local(file):
            return file["download_url"].replace("http://files.test", daemon.info["rest"])
        assert get(local(get_file(alice, file))).raw == data
        assert get(local(get_file(alice, file)), Range="bytes=399990-").raw == data[-10:]
        assert get(local(shown)).raw == pictures.png(300, 200)
        alice.call(200, "DELETE", f"/api/files/{file['id']}")
        wait_for("it is gone from the bucket", lambda: name not in bucket.names(), 90)
        bucket.stop()
        with pytest.raises(http.client.IncompleteRead):
            get(local(shown))
        # What comes while it is away is taken, and lies here until it is back.
        meanwhile = upload(alice, data, "b.bin", "application/octet-stream")
        assert get(local(get_file(alice, meanwhile))).raw == data


def test_the_later_of_two_parts_goes_on(app):
    """A phone comes back before its old connection has died: what came by that is kept, and it is told where to go on."""
    alice, bella = app("alice"), app("bella")
    data = os.urandom(200_000)
    made = begin(alice, data, "a.bin", "application/octet-stream")
    old = begin_put(alice, made, data[:90_000], len(data))
    assert patch(bella, made, 0, data).status == 404  # nobody else ends it

    def come_back():
        reply = patch(alice, made, 0, data)
        return reply if reply.headers["upload-offset"] != "0" else None
    reply = wait_for("the bytes that came before", come_back)[0]
    if reply.status == 409:
        place = int(reply.headers["upload-offset"])
        assert 0 < place <= 90_000
        assert patch(alice, made, place, data[place:]).status == 204
    assert get(get_file(alice, made["file"])["download_url"]).raw == data
    old.close()
    assert patch(alice, made, 0, b"x").status == 409
