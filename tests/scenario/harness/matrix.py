# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for what: the cast and the rows of the authorisation matrix (test_authorisation.py)."""
import datetime
import re
import uuid

from .described import operations
from .files import begin, upload
from .rest import Api, ident

CALLERS = ("anonymous", "stranger", "ex-contact", "blocked", "member")
PLAIN = {"emoji": "\U0001f44d", "user": "nobody", "name": "nobody"}  # fields in the path that name no thing
THINGS = ("random", "foreign", "deleted", "own")  # own last: it may change the world
BLOCK, HIDE = r"POST /api/users/\{\w+\}/block", r"DELETE /api/conversations/\{\w+\}"


def in_an_hour(world, thing):
    """The body of a message that is to be sent then."""
    return {"content": "Hello", "scheduled_for": (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()}


class NotYet(Exception):
    """A cell cannot be made, for want of a route."""


def route(pattern, what):
    """The described route that fits, or NotYet."""
    found = next((o for o in operations() if re.fullmatch(pattern, str(o))), None)
    if not found:
        raise NotYet(f"there is no route that {what}")
    return found


def call(user, operation, *ids):
    """Calls a route with `ids` in its path."""
    path = re.sub(r"\{\w+\}", "%s", operation.path) % ids
    return user.call((200, 201, 204), operation.method, path, {} if operation.body else None)


class World:
    """Alice and others, made anew for each caller and route; what nobody asks for is not made.

    The things of a caller: `own` is theirs, `foreign` is somebody else's, `deleted` was theirs until they
    hid it, `random` never was. A stranger's own conversation is with a third; the others' is with alice.
    An ex-contact is somebody whose conversation alice has hidden, a blocked one whom she has blocked.
    """

    def __init__(self, app, stack, caller):
        self.name = caller
        self.alice, self.other = app("alice"), app("other")
        self.caller = Api(stack) if caller == "anonymous" else app(caller)
        self.peer = self.other if caller == "stranger" else self.alice
        self._made, self._calls, self._plans, self._wants_plans = {}, False, {}, False
        self._wants_threads = False

    def _talk(self, one, other):
        talk = one.conversation_with(participant_id=other.me()["id"])
        message = one.send(talk, "Not for strangers")
        if self._wants_plans:
            self._plans[talk["id"]] = one.call(201, "POST", f"/api/conversations/{talk['id']}/scheduled", in_an_hour(None, None))
        if self._wants_threads:
            one.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {"content": "So?", "thread_id": message["id"]})
        if not self._calls:
            return talk, message, None
        with other.ws():  # who has called or is called already is busy: the call is over at once
            begun = one.call(201, "POST", "/api/calls/initiate", {"conversation_id": talk["id"], "call_type": "audio"})
        other.call(200, "PUT", f"/api/conversations/{talk['id']}/read", {})  # what its socket does to marks is done
        return talk, message, begun

    def _make(self, thing):
        if thing == "foreign" or self.name == "anonymous":
            return self._talk(self.alice, self.other)
        if thing == "deleted":
            hide = route(HIDE, "hides a conversation")
            made = self._talk(self.caller, self.peer)
            call(self.caller, hide, made[0]["id"])
            return made
        made = self._talk(self.caller, self.peer)
        if self.name == "ex-contact":
            call(self.alice, route(HIDE, "hides a conversation"), made[0]["id"])
        if self.name == "blocked":
            call(self.alice, route(BLOCK, "blocks a user"), ident(self.caller.me()))
        return made

    def talk(self, thing):
        """(conversation, message, call) of this kind; a call only if one was asked for before the conversation."""
        if thing == "deleted" and "own" in self._made:
            del self._made["own"]
        if thing not in self._made:
            self._made[thing] = self._make(thing)
        return self._made[thing]

    def user(self, thing):
        """A user: oneself, or alice, as the caller's relation to her has it."""
        if self.name != "anonymous" and thing == "own":
            return self.caller.me()["id"]
        if self.name != "anonymous":
            self.talk("own")
        return self.alice.me()["id"]

    def id(self, parameter, thing):
        """The id of such a thing, for a parameter of this name; None when there is no such thing."""
        if thing == "random":
            return str(uuid.uuid4())
        if parameter == "conversation_id":
            return self.talk(thing)[0]["id"]
        if parameter == "message_id":
            return self.talk(thing)[1]["id"]
        if parameter == "call_id":
            self._calls = True
            return self.talk(thing if self.name != "anonymous" else "foreign")[2]["id"]
        if parameter == "thread_id":
            self._wants_threads = True
            return self.talk(thing)[1]["id"]
        if parameter == "scheduled_id":
            self._wants_plans = True
            return self._plans[self.talk(thing if self.name != "anonymous" else "foreign")[0]["id"]]["id"]
        if parameter in ("upload_id", "file_id"):
            if thing == "deleted":
                return None
            mine = thing == "own" and self.name != "anonymous"
            make = upload if parameter == "file_id" else begin
            made = make(self.caller if mine else self.alice, b"text", "a.txt", "text/plain")
            return made.get("file", made)["id"]
        if parameter in ("token", "name", "path"):
            return "x" # a link is known or not
        if parameter in ("report_id", "action_id", "export_id", "session_id"):
            return str(uuid.uuid4())  # nobody of the cast is reported, or has anything to do with it
        if parameter == "hash":
            return "0" * 40  # a digest is known or not: nobody owns a picture
        if parameter == "user_id":
            return None if thing == "deleted" else self.user(thing)
        raise NotYet(f"no things are known for {parameter}: add them to harness/matrix.py")


class Row:
    """What is expected of a route: an outcome for each cell. "ok" or a problem code.

    `body` is a good one; a function gets the World and the kind of thing and makes it.
    """

    def __init__(self, body, default, **cells):
        self._body, self._default, self._cells = body, default, cells

    def body(self, world, thing):
        return self._body(world, thing) if callable(self._body) else self._body

    def outcome(self, caller, thing):
        name = caller.replace("-", "_")
        for key in (f"{name}_{thing}", name if thing == "own" else thing, thing):
            if key in self._cells:
                return self._cells[key]
        return self._default(caller, thing)


def everybody(body=None, **cells):
    """Needs no sign-in."""
    return Row(body, lambda caller, thing: "ok", **cells)


def signed_in(body=None, **cells):
    """About the caller alone."""
    return Row(body, lambda caller, thing: "unauthenticated" if caller == "anonymous" else "ok", **cells)


def server_key(body=None, **cells):
    """For app backends; no user may."""
    return Row(body, lambda caller, thing: "unauthenticated" if caller == "anonymous" else "forbidden", **cells)


def members(body=None, **cells):
    """Of a conversation or what is in it: its members may, to others it does not exist."""
    def default(caller, thing):
        if caller == "anonymous":
            return "unauthenticated"
        return "not_found" if thing in ("random", "foreign") else "ok"
    return Row(body, default, **cells)


def users(body=None, **cells):
    """Of users: `own` is oneself, `foreign` alice. Cells: own, foreign, blocked_foreign, …"""
    def default(caller, thing):
        if caller == "anonymous":
            return "unauthenticated"
        return "not_found" if thing == "random" else "ok"
    return Row(body, default, **cells)
