# SPDX-License-Identifier: GPL-3.0-or-later
"""Every field of every route and command, with values that its declaration forbids: a problem that points to
the field, and nothing stored. Nothing is listed here; it all comes from the descriptions."""
import contextlib
import json
import urllib.parse

import pytest

from harness.bad import allowed_values, bad_documents, bad_parameters, bad_values, good
from harness.database import OF_JOBS, database
from harness.described import commands, operations
from harness.fault import wait_for
from harness.matrix import in_an_hour
from harness.rest import Api, App, Backend

pytestmark = [pytest.mark.generated, pytest.mark.one_server]

# The most requests of one user: the limits of a real server are meant for more sensible ones.
PATIENCE = 50


OF_A_CONVERSATION = """SELECT table_name FROM information_schema.columns
  WHERE table_schema = 'public' AND column_name = 'conversation_id'"""


class Rows:
    """Counts the rows of every table, but for those of the conversations that are there at the beginning:
    an XMPP client of an earlier test may still confirm what it got. What earlier tests said may also come
    into the search index meanwhile, an export that one asked for may be written, and the bridge notes jobs of
    its own, and what ends calls."""

    def __init__(self, stack):
        self.stack = stack
        with database(stack) as query:
            self.ours = {table for table, in query(OF_A_CONVERSATION)}
            self.old = [str(id) for id, in query("SELECT id FROM conversations")]
        self.before = self.count()

    def count(self):
        with database(self.stack) as query:
            tables = [t for t, in query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
            return {table: query(f'SELECT count(*) FROM "{table}" WHERE ' + (
                "conversation_id <> ALL(%s::uuid[]) OR conversation_id IS NULL" if table in self.ours
                else "%s IS NOT NULL"), self.old)[0][0] for table in tables if table not in OF_JOBS}

    def grown(self):
        return [f"{table}: {self.before[table]} → {rows} rows" for table, rows in self.count().items()
                if rows > self.before[table]]


@pytest.fixture
def nothing_stored(stack):
    """Call it when all users are there; at the end no table has more rows. (The outbox may hold a stanza of
    an earlier test for a moment.)"""
    rows = []
    yield lambda: rows.append(Rows(stack))
    for counted in rows:
        with contextlib.suppress(AssertionError):
            wait_for("no more rows", lambda: not counted.grown())
        assert not counted.grown(), "bad requests stored something"


class Callers:
    """Whoever may call an operation; a fresh user after some requests."""

    def __init__(self, app, stack, operation):
        security = operation.row["security"]
        if not security:
            self.users = [Api(stack)]
        elif not any("token" in way for way in security):
            self.users = [Backend(stack)]
        else:
            self.users = [app(f"fuzz{n}") for n in range(len(rest_cases(operation)) // PATIENCE + 1)]
            for user in self.users:
                user.me()
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.users[self.asked // PATIENCE % len(self.users)]


# ---- REST

def path_with(operation, **changed):
    """The path with good values, but for `changed`."""
    path = operation.path
    for parameter in operation.parameters:
        if parameter["in"] == "path":
            value = changed.get(parameter["name"], good(parameter["schema"]))
            path = path.replace("{%s}" % parameter["name"], urllib.parse.quote(value, safe=""))
    return path


def good_query(operation):
    return {p["name"]: good(p["schema"]) for p in operation.parameters if p["in"] == "query" and p["required"]}


def rest_cases(operation):
    """(name, path, query, body, headers, wanted status, wanted pointer) of all bad requests."""
    path, query = path_with(operation), good_query(operation)
    body = good(operation.body) if operation.body else None
    found = []

    def add(name, wanted, path=path, query=query, body=body, headers=None):
        found.append((name, path, query, body, headers, *wanted))
    for parameter in operation.parameters:
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "query":
            for what, value in bad_parameters(schema).items():
                add(f"{name}: {what}", (422, f"/{name}"), query={**query, name: value})
            if parameter["required"]:
                add(f"{name}: missing", (422, f"/{name}"), query={k: v for k, v in query.items() if k != name})
            add(f"{name}: twice", (422, f"/{name}"), query=[(name, good(schema))] * 2)
        elif parameter["in"] == "path" and schema.get("format") == "uuid":
            for what, value in bad_parameters(schema).items():
                if value:
                    add(f"{name}: {what}", (404, None), path=path_with(operation, **{name: value}))
        elif parameter["in"] == "path" and schema.get("format") == "emoji":
            for what, value in bad_parameters(schema).items():
                if value:
                    add(f"{name}: {what}", (422, f"/{name}"), path=path_with(operation, **{name: value}))
        elif name == "Idempotency-Key":
            member = "/client_id" if "client_id" in operation.body["properties"] else None
            add(f"{name}: too long", (422, member), headers={name: "x" * (schema["maxLength"] + 1)})
            add(f"{name}: empty", (422, member), headers={name: '""'})
            add(f"{name}: an open string", (400, None), headers={name: '"x'})
    add("unknown parameter", (422, "/nonsense"), query={**query, "nonsense": "1"})
    if operation.method not in ("GET", "DELETE"):
        for case in body_cases(operation, body):
            add(case[0], case[2:], body=case[1])
    return found


def body_cases(operation, body):
    schema = operation.body or {"properties": {}, "required": []}
    body = body or {}
    yield "unknown member", {**body, "nonsense": 1}, 422, "/nonsense"
    for what, value in {"list": [body], "text": "x", "number": 1}.items():
        yield f"a {what} as body", json.dumps(value).encode(), 422, None
    for name, part in schema["properties"].items():
        for what, value in bad_values(part, name in schema["required"]).items():
            yield f"{name}: {what}", {**body, name: value}, 422, f"/{name}"
        if name in schema["required"]:
            yield f"{name}: missing", {k: v for k, v in body.items() if k != name}, 422, f"/{name}"
        for what, text in bad_documents(name).items():
            yield f"{name}: {what}", text if isinstance(text, bytes) else text.encode(), 400, None


def takes_json(operation):
    return "requestBody" not in operation.row or operation.body


def judge(title, wrong):
    if wrong:
        pytest.fail("\n  ".join([f"{title}:", *wrong]), pytrace=False)


def pointer_of(problem):
    return problem["errors"][0]["pointer"] if "errors" in problem else None


@pytest.mark.parametrize("operation", [o for o in operations() if takes_json(o)], ids=str)
def test_rest_refuses_bad_fields(app, stack, nothing_stored, operation):
    caller = Callers(app, stack, operation)
    nothing_stored()
    wrong = []
    for name, path, query, body, headers, status, pointer in rest_cases(operation):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        types = {"Content-Type": "application/json"} if body is not None else {}
        reply = caller().request(operation.method, target, body, {**types, **(headers or {})})
        if reply.status != status or pointer_of(reply.json) != pointer:
            wrong.append(f"{name}: wanted {status} {pointer}, got {reply}")
    judge(operation, wrong)


def only_words_say(schema):
    """What a good body has besides, and fields whose good values depend on others."""
    names = set(schema["properties"])
    more, dependent = {}, set()
    if {"content", "poll"} <= names:  # a message is a text, a place or a poll
        more, dependent = {"content": "Hello"}, {"message_type"}
    if {"limit", "rate"} <= names:
        dependent = {"rate"}
    if names in ({"to"}, {"language"}):  # a tag of a language
        dependent = names
    if names == {"outputs", "language", "provider", "error"}:  # what a service has to say
        more, dependent = {"outputs": ["text"]}, {"outputs"}
    if {"type", "appealable"} <= names:  # who is moderated, and where, depends on how
        more, dependent = {"user": "nobody at all"}, {"type", "user", "duration_seconds"}
    if {"poll", "scheduled_for"} <= names:
        more, dependent = in_an_hour(None, None), dependent | {"scheduled_for", "local_time", "time_zone"}
    return more, dependent


def allowed_bodies(operation):
    """(name, body) of requests that the description permits."""
    schema = operation.body
    more, dependent = only_words_say(schema)
    one_of = [way["required"][0] for way in schema.get("oneOf", [])]
    base = {**good(schema), **more}
    for name, part in schema["properties"].items():
        if name in dependent:
            continue
        # Names are one line, which only people who read the description's words can know.
        for number, value in enumerate(allowed_values(part)):
            if name in ("name", "username", "bio", "topic", "nick") and isinstance(value, str) and "\t" in value:
                continue
            first = {} if name in one_of or not one_of else {one_of[0]: allowed_values(schema["properties"][one_of[0]])[-1]}
            yield f"{name}, value {number}", {**base, **first, name: value}
        if name not in schema["required"] and name not in more and len(one_of) != 1:
            ways = {one_of[0]: allowed_values(schema["properties"][one_of[0]])[-1]} if one_of and name != one_of[0] else {}
            if ways or not one_of:
                yield f"{name}: null", {**base, **ways, name: None}


# What a description of media is, or a measurement, or a list of ids, or which headers stand in for a body, or whose server is known here, or which address is one's own,
# or what is asked for beside what, only people can know.
OF_ANY_JSON = ("/signal", "/stats", "/forward", "/uploads", "/session", "/bound/login", "/api/account")


@pytest.mark.parametrize("operation", [o for o in operations() if o.body and takes_json(o)
                                       and not o.path.endswith(OF_ANY_JSON)], ids=str)
def test_rest_takes_what_the_description_permits(app, stack, operation):
    caller = Callers(app, stack, operation)
    wrong = []
    for name, body in allowed_bodies(operation):
        reply = caller().request(operation.method, path_with(operation), body)
        if reply.status in (400, 415, 422, 500):
            wrong.append(f"{name}: {str(body)[:200]} → {reply}")
    judge(operation, wrong)


@pytest.mark.parametrize("operation", [o for o in operations() if o.body and "oneOf" in o.body], ids=str)
def test_rest_wants_exactly_one_way_to_name_a_thing(app, stack, operation):
    caller = Callers(app, stack, operation)
    ways = [way["required"][0] for way in operation.body["oneOf"]]
    both = {name: allowed_values(operation.body["properties"][name])[-1] for name in ways}
    for body in ({}, dict.fromkeys(ways), both):
        reply = caller().request(operation.method, path_with(operation), {**good(operation.body), **body})
        assert (reply.status, pointer_of(reply.json)) == (422, f"/{ways[0]}"), reply


# ---- WebSocket

def frame_cases(command):
    """(name, frame as text, wanted code, wanted pointer) of all bad frames."""
    schema, _ = commands()[command]
    body = good(schema)

    def frame(payload):
        return json.dumps({"type": command, "id": 1, "payload": payload})
    yield "unknown member", frame({**body, "nonsense": 1}), "unprocessable", "/nonsense"
    for what, value in {"list": [body], "text": "x", "number": 1, "null": None}.items():
        yield f"a {what} as payload", frame(value), "unprocessable", "/payload"
    for name, part in schema["properties"].items():
        for what, value in bad_values(part, name in schema["required"]).items():
            yield f"{name}: {what}", frame({**body, name: value}), "unprocessable", f"/{name}"
        if name in schema["required"]:
            yield (f"{name}: missing", frame({k: v for k, v in body.items() if k != name}), "unprocessable",
                   f"/{name}")
        for what, text in bad_documents(name).items():
            if isinstance(text, str):  # broken UTF-8 ends the socket: test_hostile_ws.py
                yield (f"{name}: {what}", '{"type":%s,"id":1,"payload":%s}' % (json.dumps(command), text),
                       "bad_request", None)


@pytest.mark.parametrize("command", commands())
def test_sockets_refuse_bad_fields(app, nothing_stored, command):
    fuzz = app("fuzz")
    wrong = []
    with fuzz.ws() as socket:
        nothing_stored()
        for name, text, code, pointer in frame_cases(command):
            socket.send_raw(text)
            problem = socket.expect("error")["payload"]["problem"]
            if (problem["code"], pointer_of(problem)) != (code, pointer):
                wrong.append(f"{name}: wanted {code} {pointer}, got {problem}")
        socket.sync()
        assert not socket.frames("ack", "resumed", "resync"), "a bad frame was carried out"
    judge(command, wrong)


def test_unknown_commands_and_envelopes(app, nothing_stored):
    with app("fuzz").ws() as socket:
        nothing_stored()
        for frame, pointer in (({"type": "nonsense"}, "/type"), ({"type": 1}, "/type"), ({}, "/type"),
                               ({"type": "ping", "payload": {}, "extra": 1}, None), ({"type": "ping", "id": []}, "/id"),
                               ({"type": "ping", "id": "x" * 129}, "/id"), ([], None), ("ping", None)):
            socket.send_raw(json.dumps(frame))
            problem = socket.expect("error")["payload"]["problem"]
            assert (problem["code"], pointer_of(problem)) == ("unprocessable", pointer), frame
