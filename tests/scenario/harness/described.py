# SPDX-License-Identifier: GPL-3.0-or-later
"""Replies and frames held against what the daemon says about itself: `trestle --openapi`, `--asyncapi`.

The documents let replies gain members; here a member that is not described is a fault, so that the
descriptions stay complete. What was seen is kept in `seen`, for the report at the end of a run.
"""
import fnmatch
import functools
import json
import os
import re
import subprocess
import urllib.parse

import fastjsonschema
import jsonschema

from .stack import TOP

FORMATS = {"uuid": r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
           "date-time": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z"}
# What libmicrohttpd answers by itself, before there is a request: no problem object, no route.
NOT_OURS = {431}
SHOWN = 1500  # characters of a reply in a failure


def program():
    return os.path.join(os.environ.get("TRESTLE_BUILD") or TOP / "build", "trestle")


@functools.lru_cache(None)
def document(name):
    """The document `openapi` or `asyncapi`."""
    return json.loads(subprocess.run([program(), f"--{name}"], stdout=subprocess.PIPE, check=True).stdout)


# ---- Schemas

def closed(schema):
    """A copy in which objects have the described members only."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: closed(part) for key, part in schema.items()}
    if isinstance(copy.get("properties"), dict) and copy.get("type") == "object":
        copy.setdefault("additionalProperties", False)
    return copy


@functools.lru_cache(None)
def schemas(name):
    return closed(document(name)["components"]["schemas"])


class Shape:
    """One schema, compiled. `faults(value)` are lines that say what is not as described."""

    def __init__(self, name, schema):
        self.schema = {"allOf": [closed(schema)], "components": {"schemas": schemas(name)}}
        self._check = fastjsonschema.compile(self.schema, formats=FORMATS, use_default=False)

    def faults(self, value):
        try:
            self._check(value)
            return []
        except fastjsonschema.JsonSchemaException as problem:
            return self._explain(value) or [str(problem)]

    def _explain(self, value):
        checker = jsonschema.FormatChecker(formats=())
        for format, pattern in FORMATS.items():
            checker.checks(format)(lambda text, p=pattern: not isinstance(text, str) or bool(re.search(p, text)))
        found = jsonschema.Draft202012Validator(self.schema, format_checker=checker).iter_errors(value)
        return sorted({line for error in found for line in lines_of(error)})


def lines_of(error):
    """The innermost causes: of an `anyOf`, what is wrong with the choice that was meant."""
    if error.validator == "anyOf":
        choices = {}
        for cause in error.context:
            choices.setdefault(cause.relative_schema_path[0], []).append(cause)
        # Not meant: null, and frames of another type.
        meant = [causes for causes in choices.values() if not any(
            cause.validator == "const" or (cause.validator, cause.validator_value) == ("type", "null")
            for cause in causes)]
        return [line for causes in meant or choices.values() for cause in causes for line in lines_of(cause)]
    where = "/" + "/".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        extra = sorted(set(error.instance) - set(error.schema.get("properties", ())))
        return [f"{where}: has {name!r}, which is not described" for name in extra]
    if error.validator == "format":
        return [f"{where}: {error.instance!r} is no {error.validator_value}"]
    return [f"{where}: {error.message[:200]}"]


@functools.lru_cache(None)
def shape_of(name, reference):
    """`name`: of the document; `reference`: the schema as JSON text (it can be hashed)."""
    return Shape(name, json.loads(reference))


def faults_of(name, schema, value):
    return shape_of(name, json.dumps(schema, sort_keys=True)).faults(value)


def resolve(name, thing):
    while "$ref" in thing:
        found = document(name)
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


# ---- What was seen

class Seen:
    """What a run has touched. Tests that are made from the descriptions count for statuses only."""

    def __init__(self):
        self.counts = True
        self.statuses, self.routes, self.commands, self.events = set(), set(), set(), set()
        self.offered, self.nodes = set(), set()  # of ad-hoc commands: in the list of somebody, and completed
        self.faults = []

    def add(self, kind, thing):
        if self.counts or kind == "statuses":
            getattr(self, kind).add(thing)

    def dump(self):
        return {kind: sorted(map(list, getattr(self, kind))) if kind in ("statuses", "routes")
                else sorted(getattr(self, kind)) for kind in ("statuses", "routes", "commands", "events", "offered", "nodes")}

    def merge(self, dumped):
        for kind, things in dumped.items():
            getattr(self, kind).update(tuple(t) if isinstance(t, list) else t for t in things)

    def missing(self):
        """Kind → what is described and was not seen."""
        routes = {(o.method, o.path): o for o in operations()}
        statuses = {str(o): [s for s in o.responses if (o.method, o.path, s) not in self.statuses] for o in operations()}
        return {"routes": sorted(" ".join(r) for r in set(routes) - self.routes),
                "commands": sorted(set(commands()) - self.commands),
                "events": sorted(set(events()) - self.events),
                "nodes": sorted(self.offered - self.nodes),
                "statuses": {route: left for route, left in sorted(statuses.items()) if left}}


seen = Seen()


def fault(title, faults, got):
    """Remembers a fault and returns its text; conftest.py fails the test with it."""
    text = "\n".join([f"{title} is not as described:", *(f"  {line}" for line in faults),
                      f"got: {got[:SHOWN]}",
                      "(described in bridge/view/schema.def and in the operation's row; see CONTRIBUTING.md)"])
    seen.faults.append(text)
    return text


# ---- REST

class Operation:
    """One route: `method`, `path` with {names}, `responses`, `codes`, `row` (the OpenAPI object)."""

    def __init__(self, method, path, row):
        self.method, self.path, self.row = method, path, row
        self.responses = {status: resolve("openapi", r) for status, r in row["responses"].items()}
        self.codes = set(row["x-codes"])
        self.parameters = [resolve("openapi", p) for p in row["parameters"]]
        self.body = row.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        # Literal segments win over names.
        self.order = [part.startswith("{") for part in path.split("/")]
        self.pattern = re.compile("/".join("[^/]+" if part.startswith("{") else re.escape(part)
                                           for part in path.split("/")))

    def __repr__(self):
        return f"{self.method} {self.path}"


@functools.lru_cache(None)
def operations():
    """All routes, in the order in which they are tried."""
    found = [Operation(method.upper(), path, row) for path, methods in document("openapi")["paths"].items()
             for method, row in methods.items()]
    return sorted(found, key=lambda o: (o.order, o.path, o.method))


def find_operation(method, path):
    path = urllib.parse.unquote(urllib.parse.urlsplit(path).path, errors="replace")
    fitting = [o for o in operations() if o.pattern.fullmatch(path)]
    best = fitting[0].path if fitting else None
    method = "GET" if method == "HEAD" else method
    return next((o for o in fitting if o.path == best and o.method == method), None)


def reply_faults(operation, method, reply):
    response = operation.responses.get(str(reply.status))
    if response is None:
        return [f"status {reply.status} is not one of {', '.join(operation.responses)}"]
    for name, header in response.get("headers", {}).items():
        if resolve("openapi", header).get("required") and name.lower() not in reply.headers:
            return [f"the header {name} is missing"]
    content = response.get("content", {})
    kind = reply.headers.get("content-type", "")
    if kind not in content:
        kind = kind.partition(";")[0].strip()
    if not content:
        return ["has a body"] if reply.raw else []
    described = next((c for c in content if fnmatch.fnmatch(kind, c)), None)
    if not described:
        return [f"Content-Type {kind!r} is not one of {', '.join(content)}"]
    if method == "HEAD" or "json" not in kind.replace("ndjson", ""):
        return []
    faults = faults_of("openapi", content[described]["schema"], reply.json)
    if reply.status >= 400 and not faults and reply.json["code"] not in operation.codes:
        faults = [f"code {reply.json['code']} is not one of {', '.join(sorted(operation.codes))}"]
    return faults


def note_file(method, path, reply):
    """Bytes of a file are as they are; only that they were had is noted."""
    operation = find_operation(method, path)
    if operation and reply.status < 300:
        seen.add("routes", (operation.method, operation.path))


def check_reply(method, path, reply):
    """Fails when the reply to a request of the API is not as described."""
    operation = find_operation(method, path)
    if reply.status in NOT_OURS:
        return
    if operation:
        seen.add("statuses", (operation.method, operation.path, str(reply.status)))
        if reply.status < 300:
            seen.add("routes", (operation.method, operation.path))
        faults = reply_faults(operation, method, reply)
    elif reply.headers.get("content-type") == "application/problem+json" and method != "HEAD":
        faults = faults_of("openapi", {"$ref": "#/components/schemas/Problem"}, reply.json)
    elif path.startswith("/api/") and reply.status < 300 and method != "OPTIONS":
        faults = ["there is no such route"]
    else:
        faults = []
    if faults:
        raise AssertionError(fault(f"the reply {reply.status} to {method} {path[:200]}", faults,
                                   reply.raw.decode(errors="replace")))


# ---- WebSocket, native dialect

@functools.lru_cache(None)
def commands():
    """Command → (schema of its payload, names of the messages that answer it)."""
    found = {}
    for row in document("asyncapi")["operations"].values():
        if row["action"] == "receive":
            message = resolve("asyncapi", resolve("asyncapi", row["messages"][0]))
            properties = message["payload"]["properties"]
            answers = [m["$ref"].rpartition("/")[2] for m in row["reply"]["messages"]]
            found[properties["type"]["const"]] = (properties["payload"], [a for a in answers if a != "error"])
    return found


@functools.lru_cache(None)
def events():
    return [row["messages"][0]["$ref"].rpartition("/")[2]
            for row in document("asyncapi")["operations"].values() if row["action"] == "send"]


class Conversation:
    """The frames of one socket. Tell it what is sent, ask it about what comes."""

    def __init__(self):
        self.native = True  # other dialects have no description
        self._types = {}
        self._sent = set()

    def sent(self, text):
        try:
            frame = json.loads(text)
            self._sent.add(frame["type"])
            if "id" in frame:
                self._types[json.dumps(frame["id"])] = frame["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # a bad frame, on purpose; its answer is an error

    def _shape(self, frame):
        messages = document("asyncapi")["components"]["messages"]
        if frame.get("type") != "ack":
            return messages.get(frame.get("type"), {}).get("payload")
        command = self._types.get(json.dumps(frame.get("id")))
        return messages.get(f"ack.{command}", {}).get("payload")

    def received(self, frame):
        """Remembers a fault when the frame is not as described."""
        if not self.native:
            return
        kind = frame.get("type")
        schema = self._shape(frame)
        faults = faults_of("asyncapi", schema, frame) if schema else ["there is no such frame, or no command with this id"]
        if faults:
            fault(f"the frame {kind}", faults, json.dumps(frame))
            return
        if kind in events():
            seen.add("events", kind)
        for command, (_, answers) in commands().items():
            if command in self._sent and (kind in answers or kind == "ack" and
                                          self._types[json.dumps(frame["id"])] == command):
                seen.add("commands", command)
