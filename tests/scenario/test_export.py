# SPDX-License-Identifier: GPL-3.0-or-later
"""What users take away: their account and conversations, as files that others can read."""
import io
import json
import random
import socket as socket_
import uuid
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness import fault
from harness.adhoc import OWN, Commands
from harness.daemon import psql
from harness.inbox import wait_for
from harness.files import upload
from harness.rest import http_request
from harness.watch import metrics

pytestmark = pytest.mark.one_server

PIE = "{urn:xmpp:pie:0}"
HOSTILE = "</body></message>\n<x> & ]]> \"quoted\" 'too' \u202e end"


def fetched(stack, export):
    """{ file: text } of what the link leads to, without credentials."""
    reply = http_request(stack.info["rest"], "GET", export["url"])
    assert reply.status == 200 and reply.headers["content-type"] == "application/zip", reply
    assert reply.headers["cache-control"] == "private, no-store"
    with zipfile.ZipFile(io.BytesIO(reply.raw)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def taken(stack, export):
    """{ file: bytes } likewise."""
    reply = http_request(stack.info["rest"], "GET", export["url"])
    with zipfile.ZipFile(io.BytesIO(reply.raw)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def stored(stack, file):
    """Where its bytes lie."""
    return next(path for path in (Path(stack.info["dir"]) / "bridge" / "files").rglob("*") if path.is_file() and file in str(path))


def test_with_the_bytes_of_files(stack, alice, bella):
    """Each as it was sent; what is gone or broken by the time of the fetch is listed, and the rest is good."""
    talk = alice.conversation_with(participant_id=bella.id)
    large = random.Random(7).randbytes(700_001)  # several readings
    files = [upload(alice, body, type="application/octet-stream", name=name)["id"]
             for body, name in ((large, "large.bin"), (b"x" * 1000, "../../gone.bin"), (large, "Übersicht 文.bin"), (b"y" * 70_000, "lost.bin"))]
    hers = upload(bella, b"from bella", name="hers.txt", type="text/plain")["id"]
    for user, sent in ((alice, files), (bella, [hers])):
        user.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {"content": "see", "attachments": sent})
    with alice.ws() as socket:
        alice.call(202, "POST", "/api/account/exports", {})
        ready = socket.expect("export.ready")["payload"]
    got = taken(stack, ready)
    path = {row["id"]: row["path"] for row in lines(got["files.jsonl"].decode())}
    assert set(path) == {*files} and path[files[1]] == f"files/{files[1]}/gone.bin" and "left-out.jsonl" not in got
    assert got[path[files[0]]] == got[path[files[2]]] == large and got[path[files[1]]] == b"x" * 1000
    assert sum(map(len, got.values())) == ready["size"]
    alice.call((200, 204), "DELETE", f"/api/files/{files[1]}")
    with open(stored(stack, files[2]), "r+b") as file:
        file.seek(400_000)
        file.write(b"rot")
    stored(stack, files[3]).unlink()
    again = taken(stack, ready)
    assert {row["id"]: row["without"] for row in lines(again["left-out.jsonl"].decode())} == {
        files[1]: "gone", files[2]: "damaged", files[3]: "unreadable"}
    assert again[path[files[0]]] == large and path[files[1]] not in again and path[files[3]] not in again
    assert again[path[files[2]]] == large[:262144] + bytes(len(large) - 262144)
    with alice.ws() as socket:
        where = f"/api/conversations/{talk['id']}/export"
        asked = alice.call(202, "POST", where)
        bella.call(200, "POST", f"{where}/consent", {"export_id": asked["id"], "consent": True})
        both = taken(stack, socket.expect("export.ready")["payload"])
    assert both[f"files/{hers}/hers.txt"] == b"from bella" and both[path[files[0]]] == large


def test_whoever_leaves_in_the_midst_of_it(stack, alice):
    """The bridge goes on, with nothing left over."""
    body = random.Random(8).randbytes(3_000_000)
    upload(alice, body, type="application/octet-stream", name="large.bin")
    with alice.ws() as socket:
        alice.call(202, "POST", "/api/account/exports", {})
        ready = socket.expect("export.ready")["payload"]
    host, _, port = stack.info["rest"].removeprefix("http://").partition(":")
    for size in (1, 2_000, 300_000, 1_000_000):
        with socket_.create_connection((host, int(port))) as client:
            client.sendall(f"GET {ready['url']} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            left = size
            while left > 0:
                got = client.recv(min(left, 65536))
                assert got, "it ended early"
                left -= len(got)
    wait_for("the streams are over", lambda: metrics(stack)["trestle_http_streams"] == 0)
    assert len(taken(stack, ready)[next(row["path"] for row in lines(taken(stack, ready)["files.jsonl"].decode()))]) == 3_000_000


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_an_account_as_its_user_sees_it(stack, alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    said = [alice.send(talk, "hello"), bella.send(talk, HOSTILE), alice.send(talk, "oops")]
    alice.call(200, "PATCH", f"/api/messages/{said[2]['id']}", {"content": "better"})
    alice.call(200, "PUT", f"/api/messages/{said[1]['id']}/reactions/%F0%9F%91%8D")
    alice.call(200, "POST", "/api/users/block", {"jid": "nuisance@example.org"})
    added = alice.call((200, 201), "POST", "/api/contacts", {"jid": "carol@example.org"})
    alice.call(200, "PATCH", f"/api/contacts/{added['user']['id']}", {"name": "C & <C>", "groups": ["Kin", "Work"]})
    with alice.ws() as socket:
        asked = alice.call(202, "POST", "/api/account/exports", {})
        assert asked["state"] == "running" and asked["url"] is None
        assert alice.request("POST", "/api/account/exports", {}).status == 409
        ready = socket.expect("export.ready")["payload"]
    assert ready["id"] == asked["id"] and ready["progress"] == 100
    assert alice.call(200, "GET", f"/api/account/exports/{asked['id']}") == ready
    assert bella.request("GET", f"/api/account/exports/{asked['id']}").status == 404
    files = fetched(stack, ready)
    assert sum(len(text.encode()) for text in files.values()) == ready["size"]
    assert json.loads(files["profile.json"])["user_id"] == alice.id
    assert [row["jid"] for row in lines(files["blocked.jsonl"])] == ["nuisance@example.org"]
    messages = lines(files["messages.jsonl"])
    assert [m["content"] for m in messages] == ["hello", HOSTILE, "better"] and messages[1]["reactions"][0]["count"] == 1
    assert [v["content"] for v in lines(files["versions.jsonl"])] == ["oops", "better"]
    assert [c["id"] for c in lines(files["conversations.jsonl"])] == [talk["id"]]
    user = ElementTree.fromstring(files["xep-0227.xml"]).find(f"{PIE}host/{PIE}user")
    local, _, domain = alice.me()["jid"].partition("@")
    assert user.get("name") == local and ElementTree.fromstring(files["xep-0227.xml"]).find(f"{PIE}host").get("jid") == domain
    assert [(i.get("jid"), i.get("name"), [g.text for g in i.findall("{jabber:iq:roster}group")]) for i in user.find("{jabber:iq:roster}query")] == [
        ("carol@example.org", "C & <C>", ["Kin", "Work"])]
    assert [(row["called"], row["groups"]) for row in lines(files["contacts.jsonl"])] == [("C & <C>", ["Kin", "Work"])]
    results = user.find("{urn:xmpp:pie:0#mam}archive").findall("{urn:xmpp:mam:2}result")
    assert [r.get("id") for r in results] == [m["id"] for m in messages]
    bodies = [r.find("{urn:xmpp:forward:0}forwarded/{jabber:client}message/{jabber:client}body").text for r in results]
    assert bodies == [m["content"] for m in messages]
    assert alice.call(200, "DELETE", f"/api/account/exports/{asked['id']}")["state"] == "cancelled"
    assert http_request(stack.info["rest"], "GET", ready["url"]).status == 404
    assert [x["state"] for x in alice.call(200, "GET", "/api/account/exports")["items"]] == ["cancelled"]


def test_a_conversation_when_the_others_agree(stack, alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    alice.send(talk, "between us")
    path = f"/api/conversations/{talk['id']}/export"
    with alice.ws() as mine, bella.ws() as hers:
        asked = alice.call(202, "POST", path)
        told = hers.expect("export.consent")["payload"]
        assert (told["id"], told["user_id"], told["state"]) == (asked["id"], alice.id, "waiting")
        assert bella.call(200, "GET", path)["consents"] == [{"user_id": bella.id, "state": "asked"}]
        assert [copy["id"] for copy in bella.call(200, "GET", "/api/account/export-consents")["items"]] == [asked["id"]]
        assert alice.call(200, "GET", "/api/account/export-consents")["items"] == [], "it is the others who are asked"
        bella.call(200, "POST", f"{path}/consent", {"export_id": asked["id"], "consent": True})
        assert mine.expect("export.consent")["payload"]["state"] in ("running", "ready")
        ready = mine.expect("export.ready")["payload"]
        files = fetched(stack, ready)
        assert set(files) == {"conversations.jsonl", "members.jsonl", "messages.jsonl"}
        assert [m["content"] for m in lines(files["messages.jsonl"])] == ["between us"]
        bella.call(200, "POST", f"{path}/consent", {"export_id": asked["id"], "consent": False})
        assert mine.expect("export.consent")["payload"]["state"] == "refused"
        assert bella.call(200, "GET", "/api/account/export-consents")["items"] == []
    assert http_request(stack.info["rest"], "GET", ready["url"]).status == 404
    remote = alice.conversation_with(jid="carol@example.org")
    assert alice.request("POST", f"/api/conversations/{remote['id']}/export").status == 409


def test_what_is_too_large_for_a_file_ends_it(stack, alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    draft = "UPDATE members SET draft = %s WHERE user_id = '{}' AND conversation_id = '{}'".format(alice.id, talk["id"])
    psql(stack.info["database"], draft % "jsonb_build_object('content', repeat('x', 34000000))")
    try:
        with alice.ws() as socket:
            asked = alice.call(202, "POST", "/api/account/exports", {})
            failed = socket.expect("export.failed")["payload"]
        assert (failed["id"], failed["state"], failed["url"]) == (asked["id"], "failed", None)
        assert alice.call(200, "GET", f"/api/account/exports/{asked['id']}") == failed
    finally:
        psql(stack.info["database"], draft % "NULL")


@pytest.fixture
def admin(xmpp):
    return Commands(xmpp("admin"))


def test_staff_has_one_made(stack, alice, app, admin):
    boss = app("boss")
    admin.go(OWN + "staff", {"accountjid": boss.me()["jid"], "roles": ["admin"]})
    assert alice.request("POST", f"/api/admin/users/{alice.id}/export", {"reason": "mine"}).status == 403
    made = boss.call(201, "POST", f"/api/admin/users/{alice.id}/export", {"reason": "Request 12"})
    wait_for("it is made", lambda: next(x for x in boss.call(200, "GET", "/api/admin/exports", limit=100)["items"]
                                        if x["id"] == made["id"])["state"] == "ready")
    ready = next(x for x in boss.call(200, "GET", "/api/admin/exports", limit=100)["items"] if x["id"] == made["id"])
    assert json.loads(fetched(stack, ready)["profile.json"])["user_id"] == alice.id
    assert alice.call(200, "GET", "/api/account/exports")["items"] == []
    assert alice.request("DELETE", f"/api/admin/exports/{made['id']}").status == 403
    assert boss.call(200, "DELETE", f"/api/admin/exports/{made['id']}")["state"] == "cancelled"
    assert http_request(stack.info["rest"], "GET", ready["url"]).status == 404
    rows = boss.call(200, "GET", "/api/audit", action="user.export")["items"]
    assert rows[0]["object_id"] == alice.id and rows[0]["reason"] == "Request 12"
    again = admin.go(OWN + "export", {"accountjid": alice.jid, "reason": "Request 13"}).fields
    assert again["state"] == "running"
    assert admin.go(OWN + "export-remove", {"export_id": again["id"]}).fields["state"] == "cancelled"


def test_one_that_another_release_has_begun_has_failed(stack, alice):
    """It had other stages: what it has made does not fit, and another one can be asked for."""
    id = str(uuid.uuid4())
    psql(stack.info["database"], f"SELECT change_export_account('{alice.id}', jsonb_build_object('id', '{id}'));"
         f" UPDATE jobs SET payload = '{{\"stage\": 3, \"step\": 9, \"after\": \"x\"}}' WHERE kind = 'export.run' AND key = '{id}'")
    wait_for("it has failed", lambda: alice.call(200, "GET", f"/api/account/exports/{id}")["state"] == "failed")


def test_a_killed_bridge_goes_on_with_it(stack, alice, bella):
    talk = alice.conversation_with(participant_id=bella.id)
    database = stack.info["database"]
    many = 7000
    psql(database, "SELECT count(*) FROM message_store(ARRAY(SELECT gen_random_uuid() FROM generate_series(1, %d)),"
                   " array_fill('%s'::uuid, ARRAY[%d]), array_fill('%s'::uuid, ARRAY[%d]),"
                   " ARRAY(SELECT 'number ' || n FROM generate_series(1, %d) n), array_fill(NULL::text, ARRAY[%d]),"
                   " ARRAY(SELECT gen_random_uuid() FROM generate_series(1, %d)), false)"
         % (many, talk["id"], many, alice.id, many, many, many, many))
    asked = alice.call(202, "POST", "/api/account/exports", {})
    where = f"FROM export_parts WHERE export_id = '{asked['id']}'"
    wait_for("some of it is made", lambda: int(psql(database, f"SELECT count(*) {where} AND file = 'messages.jsonl'")) > 2)
    stack.kill("bridge")
    assert psql(database, f"SELECT state FROM exports WHERE id = '{asked['id']}'") == "running"
    psql(database, "UPDATE jobs SET locked_until = NULL WHERE kind = 'export.run'")
    stack.restart("bridge")
    fault.wait_ready(stack)
    wait_for("it is made", lambda: alice.call(200, "GET", f"/api/account/exports/{asked['id']}")["state"] == "ready", timeout=60)
    files = fetched(stack, alice.call(200, "GET", f"/api/account/exports/{asked['id']}"))
    assert [m["content"] for m in lines(files["messages.jsonl"])] == [f"number {n}" for n in range(1, many + 1)]
    assert len(ElementTree.fromstring(files["xep-0227.xml"]).findall(f".//{{urn:xmpp:mam:2}}result")) == many
