# SPDX-License-Identifier: GPL-3.0-or-later
"""An app user at the REST API. Standard library only, one connection per request, no retries."""
import base64
import gzip
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse
import uuid

from .described import check_reply, note_file
from .inbox import DEADLINE
from .ws import Socket


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(jwt, ttl=3600, header=None, **claims):
    """A token signed with the stack's HS256 key; `header` and claims override the usual ones."""
    now = int(time.time())
    payload = {"iss": jwt["issuer"], "aud": jwt["audience"], "iat": now, "exp": now + ttl, **claims}
    head = {"alg": "HS256", "typ": "JWT", **(header or {})}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (head, payload))
    return text + "." + base64url(hmac.new(jwt["secret"].encode(), text.encode(), hashlib.sha256).digest())


class Reply:
    """Status, headers (lower case) and the parsed JSON body (None if there is none)."""

    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw
        is_json = "json" in headers.get("content-type", "").replace("ndjson", "")
        plain = gzip.decompress(raw) if headers.get("content-encoding") == "gzip" and is_json else raw
        self.json = json.loads(plain) if plain and is_json else None

    def __repr__(self):
        return f"{self.status} {self.raw[:2000].decode(errors='replace')}"


def http_request(base, method, path, body=None, headers=None, timeout=DEADLINE):
    """One request; `body` is bytes, or anything else to be sent as JSON. The reply must be as described, unless
    it is in another dialect."""
    address = urllib.parse.urlsplit(base)
    headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        goes_on = "event-stream" in (answer.getheader("Content-Type") or "")
        raw = answer.read1() if goes_on else answer.read()
        reply = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, raw)
    finally:
        connection.close()
    if address.path == "" and path.startswith("/api/") and "Trestle-Dialect" not in headers:
        check_reply(method, path, reply)
    elif path.startswith("/f/"):
        note_file(method, path, reply)
    return reply


class Api:
    """The routes. Each method returns the JSON body and fails unless the status is as expected."""

    def __init__(self, stack, instance=None):
        self.stack = stack
        where = stack.info if instance is None else stack.info["instances"][instance]
        self.rest, self.ws_url = where["rest"], where["ws"]

    def headers(self):
        return {}

    def request(self, method, path, body=None, headers=None, **query):
        """The bare request, whatever its status."""
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return http_request(self.rest, method, path, body, {**self.headers(), **(headers or {})})

    def call(self, status, method, path, body=None, headers=None, **query):
        reply = self.request(method, path, body, headers, **query)
        wanted = status if isinstance(status, tuple) else (status,)
        assert reply.status in wanted, f"{method} {path}: wanted {status}, got {reply}"
        return reply.json

    def me(self):
        """The User object as others see it, too: without what is told to nobody else."""
        own = ("staff", "phone_verified_at", "verification_required")
        return {name: value for name, value in self.myself().items() if name not in own}

    def myself(self):
        return self.call(200, "GET", "/api/users/me")

    def capabilities(self):
        return self.call(200, "GET", "/api/capabilities")

    def create_user(self, external_id, status=(200, 201), **fields):
        return self.call(status, "POST", "/api/users", {"external_id": external_id, **fields})

    def conversation_with(self, jid=None, participant_id=None, status=(200, 201)):
        body = {"jid": jid} if jid else {"participant_id": participant_id}
        return self.call(status, "POST", "/api/conversations", body)

    def conversations(self, **query):
        return self.call(200, "GET", "/api/conversations", **query)

    def conversation(self, conversation, status=200):
        return self.call(status, "GET", f"/api/conversations/{ident(conversation)}")

    def send(self, conversation, content, client_id=None, status=201, headers=None, **fields):
        body = {"content": content, "client_id": client_id or str(uuid.uuid4()), **fields}
        return self.call(status, "POST", f"/api/conversations/{ident(conversation)}/messages", body, headers)

    def messages(self, conversation, status=200, **query):
        return self.call(status, "GET", f"/api/conversations/{ident(conversation)}/messages", **query)

    def read(self, conversation, message=None, status=200):
        body = {"message_id": ident(message)} if message else {}
        return self.call(status, "PUT", f"/api/conversations/{ident(conversation)}/read", body)


def ident(thing):
    return thing["id"] if isinstance(thing, dict) else thing


class App(Api):
    """An app user: `App(stack, "alice")` is provisioned by the first request."""

    def __init__(self, stack, sub, instance=None, **claims):
        super().__init__(stack, instance)
        self.sub, self.claims = sub, claims
        self.token = self.mint()

    def mint(self, **changes):
        return mint(self.stack.info["jwt"], **{"sub": self.sub, **self.claims, **changes})

    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    def ws(self, **options):
        """A WebSocket of this user: connected, signed in, greeted."""
        return Socket(self.ws_url, self.token, **options)


class Backend(Api):
    """An app's backend with the stack's server key; `user` is whom it acts as."""

    def __init__(self, stack, user=None, instance=None):
        super().__init__(stack, instance)
        self.user = user

    def headers(self):
        acting = {"Trestle-User": ident(self.user)} if self.user else {}
        return {"Authorization": f"Bearer {self.stack.info['server_key']}", **acting}
