# SPDX-License-Identifier: GPL-3.0-or-later
"""An account of the XMPP server in the app, signed in as a browser would be."""
import http.cookies

from .rest import Api
from .ws import Socket


class Person(Api):
    """An account of the server, signed in by its password as a browser would be."""

    def __init__(self, stack, name, instance=None):
        super().__init__(stack, instance)
        account = stack.account(name)
        self.name, self.jid = name, account["jid"]
        reply = self.request("POST", "/api/session", {"jid": self.jid, "password": account["password"]})
        assert reply.status == 201, reply
        self.session = reply.json
        cookie = http.cookies.SimpleCookie(reply.headers["set-cookie"])["trestle_session"].value
        self._headers = {"Cookie": f"trestle_session={cookie}", "X-CSRF-Token": reply.json["csrf_token"],
                         "Origin": self.rest}

    def headers(self):
        return getattr(self, "_headers", {})

    def ws(self):
        ticket = self.call(201, "POST", "/api/session/ticket", {})["ticket"]
        socket = Socket(f"{self.ws_url}?ticket={ticket}")
        socket.expect("hello")
        return socket
