# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser with a session cookie, as far as the bridge can tell it from other clients."""
import http.cookies

from .rest import Api
from .ws import Socket

COOKIE = "trestle_session"


class Browser(Api):
    """Signs in with the token of `app`; sends its cookie with everything, and the CSRF token and an `Origin`
    with what changes something."""

    def __init__(self, app, origin=None, stack=None):
        super().__init__(stack or app.stack)
        if not stack:
            self.rest, self.ws_url = app.rest, app.ws_url  # of the same instance
        self.origin = origin or self.rest
        self.cookie = self.csrf = None
        reply = self.request("POST", "/api/session", {"token": app.token})
        assert reply.status == 201, reply
        self.attributes = http.cookies.SimpleCookie(reply.headers["set-cookie"])[COOKIE]
        self.cookie, self.session = self.attributes.value, reply.json
        self.csrf = self.session["csrf_token"]

    def headers(self):
        headers = {"Origin": self.origin}
        if self.cookie:
            headers.update({"Cookie": f"theme=dark; {COOKIE}={self.cookie}; lang=en", "X-CSRF-Token": self.csrf})
        return {name: value for name, value in headers.items() if value is not None}

    def ws(self, **options):
        """A WebSocket as a page opens it: cookie and origin, no token."""
        options.setdefault("headers", {"Origin": self.origin, "Cookie": f"{COOKIE}={self.cookie}"})
        socket = Socket(self.ws_url, **options)
        socket.hello = socket.expect("hello")
        return socket


def with_ticket(url, ticket):
    """A WebSocket by ticket; `hello` is still to come."""
    return Socket(f"{url}?ticket={ticket}")
