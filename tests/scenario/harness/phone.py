# SPDX-License-Identifier: GPL-3.0-or-later
"""An app user who calls from a browser's page (tests/clients/page/phone.js)."""
from .peer import ENOUGH


class PagePhone:
    """`PagePhone(browser, origin, user)` is signed in with a socket; `run` has it as `phone`, its media as `phone.peer`."""

    def __init__(self, browser, user):
        self.browser, self.user = browser, user
        browser.script("phone.js")
        self.run("""if (window.phone) { phone.forget(); phone.chat.socket.close(); }
            const chat = new Chat(args[0]);
            window.phone = new Phone(chat);
            const reply = await chat.signIn(args[1]);
            if (reply.status !== 201) throw new Error(JSON.stringify(reply.json));
            if (await chat.connectByTicket(args[2]) !== "open") throw new Error("no socket");
            await chat.until("hello")""", user.rest, user.token, user.ws_url)

    def run(self, script, *args):
        return self.browser.run(script, *args)

    def ring(self, conversation, video=False):
        """Calls; the Call."""
        return self.run("return phone.ring(args[0], args[1])", conversation["id"], "video" if video else "audio")

    def until(self, what):
        """Waits for ringing (an incoming call; its id), remote_ringing, answered, state, ended, declined; the payload."""
        return self.run("return phone.until(args[0])", what)

    def accept(self):
        return self.run("return phone.accept()")

    def do(self, what, *args):
        """decline, end, upgrade, restart, forget; state with what changes."""
        return self.run("return phone[args[0]](...args[1])", what, list(args))

    def flows(self, **wanted):
        """Waits until media arrives: `audio` packets, `video` frames."""
        return self.run("return phone.flows(args[0])", wanted or {"audio": ENOUGH["audio"]})

    def sees(self):
        return self.flows(**ENOUGH)

    def leave(self):
        """Ends what is left of a call, and forgets it."""
        self.run("if (phone.call) await phone.end().catch(() => {}); phone.forget()")
