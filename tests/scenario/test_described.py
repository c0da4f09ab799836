# SPDX-License-Identifier: GPL-3.0-or-later
"""The two descriptions are sound, served to everybody, and what checks replies against them sees faults."""
import copy
import json
import re

import jsonschema
import pytest

from harness import described
from harness.rest import Api, Reply

pytestmark = pytest.mark.one_server

OPENAPI, ASYNCAPI = described.document("openapi"), described.document("asyncapi")
USER = {"id": "22bc9ca3-cabe-403c-b98d-c837c77a5faa", "username": "alice", "name": "Alice", "avatar_url": None,
        "bio": None, "jid": "alice@app.example.org", "kind": "hosted", "email": "", "number": 7}


FREE = {"#/components/schemas/Event"}  # for lists of events


def walk(thing, path=""):
    """(path, object) of every object in a document."""
    if isinstance(thing, dict):
        yield path, thing
        for key, part in thing.items():
            yield from walk(part, f"{path}/{key}")
    elif isinstance(thing, list):
        for index, part in enumerate(thing):
            yield from walk(part, f"{path}/{index}")


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_the_server_serves_what_the_program_prints(stack, name):
    reply = Api(stack).request("GET", f"/api/{name}.json")
    assert reply.json == described.document(name)
    assert reply.headers["cache-control"] == "public, max-age=3600"


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_references_resolve_and_schemas_are_valid(name):
    for path, thing in walk(described.document(name)):
        if "$ref" in thing:
            described.resolve(name, thing)
        if path.endswith("/schema") or path.endswith("/payload") or re.fullmatch("/components/schemas/[^/]+", path):
            jsonschema.Draft202012Validator.check_schema(thing)


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_every_schema_is_used(name):
    document = described.document(name)
    used = {thing["$ref"] for _, thing in walk(document) if "$ref" in thing}
    both = used | {thing["$ref"] for _, thing in walk(ASYNCAPI if name == "openapi" else OPENAPI) if "$ref" in thing}
    assert {f"#/components/schemas/{schema}" for schema in document["components"]["schemas"]} - FREE <= both


def test_openapi_holds_together():
    assert OPENAPI["openapi"].startswith("3.1.") and {"title", "version"} <= set(OPENAPI["info"])
    ids = [o.row["operationId"] for o in described.operations()]
    assert len(ids) == len(set(ids))
    for operation in described.operations():
        placed = {(p["name"], p["in"]) for p in operation.parameters}
        assert len(placed) == len(operation.parameters), operation
        assert {n for n, where in placed if where == "path"} == set(re.findall(r"\{(\w+)\}", operation.path))
        assert all(p["required"] for p in operation.parameters if p["in"] == "path")
        assert operation.row["summary"] and any(s.startswith("2") for s in operation.responses), operation
        assert all(r["description"] for r in operation.responses.values())
        for way in operation.row["security"]:
            assert set(way) <= set(OPENAPI["components"]["securitySchemes"])


def test_asyncapi_holds_together():
    assert ASYNCAPI["asyncapi"].startswith("3.0.") and {"title", "version"} <= set(ASYNCAPI["info"])
    channel = ASYNCAPI["channels"]["socket"]
    used = set()
    for name, operation in ASYNCAPI["operations"].items():
        assert operation["action"] in ("send", "receive") and operation["channel"] == {"$ref": "#/channels/socket"}
        for reference in operation["messages"] + operation.get("reply", {}).get("messages", []):
            prefix, _, message = reference["$ref"].rpartition("/")
            assert prefix == "#/channels/socket/messages" and message in channel["messages"], name
            used.add(message)
    assert set(channel["messages"]) == used == set(ASYNCAPI["components"]["messages"])


# ---- The checker

def reply_of(status, body, kind="application/json"):
    return Reply(status, {"content-type": kind, "request-id": USER["id"]}, json.dumps(body).encode())


def faults_of_reply(reply, method="GET", path=f"/api/users/{USER['id']}"):
    described.seen.faults.clear()
    try:
        described.check_reply(method, path, reply)
    except AssertionError as fault:
        described.seen.faults.clear()
        return str(fault)
    return ""


@pytest.fixture
def made_up(monkeypatch):
    """What is made up here is no part of the report."""
    monkeypatch.setattr(described, "seen", described.Seen())


@pytest.mark.parametrize("change, words", [
    ({}, ""), ({"extra": 1}, "/: has 'extra', which is not described"), ({"jid": None}, "/jid: None is not of type"),
    ({"kind": "robot"}, "/kind: 'robot' is not one of"), ({"id": "1"}, "/id: '1' is no uuid")])
def test_a_reply_that_is_not_as_described_is_seen(made_up, change, words):
    fault = faults_of_reply(reply_of(200, {**USER, **change}))
    assert words in fault and bool(fault) == bool(words), fault


def test_a_bare_array_is_described(made_up):
    kind, path = "application/json; profile=array", "/api/users/search"
    assert not faults_of_reply(reply_of(200, [USER, USER], kind), path=path)
    assert "/0/jid: None" in faults_of_reply(reply_of(200, [{**USER, "jid": None}], kind), path=path)
    assert "is not as described" in faults_of_reply(reply_of(200, {"items": [USER]}, kind), path=path)
    assert "is not one of" in faults_of_reply(reply_of(200, [USER], "text/json"), path=path)


def test_a_missing_member_a_status_a_code_and_a_type_are_seen(made_up):
    user = copy.copy(USER)
    del user["name"]
    assert "'name' is a required property" in faults_of_reply(reply_of(200, user))
    assert "status 202 is not one of 200" in faults_of_reply(reply_of(202, USER))
    assert "the header Retry-After is missing" in faults_of_reply(reply_of(503, {}, "application/problem+json"))
    assert "Content-Type 'text/html' is not one of" in faults_of_reply(reply_of(200, USER, "text/html"))
    problem = {"type": "x", "title": "x", "status": 403, "code": "refused"}
    assert "code refused is not one of" in faults_of_reply(reply_of(403, problem, "application/problem+json"))
    assert "there is no such route" in faults_of_reply(reply_of(200, {}), path="/api/nothing")


def test_a_bare_array_is_held_against_the_items(made_up):
    kind, path = "application/json; profile=array", "/api/conversations"
    assert not faults_of_reply(reply_of(200, [], kind), path=path)
    assert "/0: 'id' is a required property" in faults_of_reply(reply_of(200, [{}], kind), path=path)


def test_the_event_that_was_meant_is_explained():
    frame = {"type": "message.read", "cursor": "x-1", "ts": "2026-11-21T07:21:46.009Z", "payload": {
        "conversation_id": USER["id"], "user_id": USER["id"], "message_id": USER["id"], "seq": 1, "at": "now"}}
    event = {"$ref": "#/components/schemas/Event"}
    assert described.faults_of("asyncapi", event, frame) == ["/payload/at: 'now' is no date-time"]
    frame["payload"]["at"] = frame["ts"]
    assert not described.faults_of("asyncapi", event, frame)
    assert described.faults_of("asyncapi", event, {**frame, "type": "nonsense"})


def test_literal_segments_win():
    assert described.find_operation("GET", "/api/users/me").path == "/api/users/me"
    assert described.find_operation("GET", "/api/conversations/x%2Fy") is None
    assert described.find_operation("HEAD", "/api/conversations/x?limit=1").method == "GET"


def test_a_frame_that_is_not_as_described_is_seen(made_up):
    socket = described.Conversation()
    socket.sent('{"type": "ping", "id": 7}')
    frame = {"type": "pong", "id": 7, "ts": "2026-11-21T07:21:46.009Z", "payload": {}}
    socket.received(frame)
    assert not described.seen.faults and described.seen.commands == {"ping"}
    for change in ({"ts": "yesterday"}, {"payload": {"x": 1}}, {"type": "pang"}, {"more": 1}, {"type": "ack"}):
        described.seen.faults.clear()
        socket.received({**frame, **change})
        assert described.seen.faults, change
