# SPDX-License-Identifier: GPL-3.0-or-later
"""A database connection that is reset while the bridge does not look: noticed at once, nothing lost."""
import threading
import uuid

import pytest
from harness import fault
from harness.proxy import DatabaseProxy
from harness.rest import http_request

LARGE = 12 * 1024  # bytes: more than libpq gathers, so that it writes while a statement is put together
SMALL = 16


@pytest.fixture
def proxy(stack):
    with DatabaseProxy(stack) as between:
        yield between


class Post(threading.Thread):
    """One message on its way; `reply` when it has been answered."""

    def __init__(self, app, talk, size):
        super().__init__(daemon=True)
        self.app, self.talk, self.key, self.reply = app, talk, str(uuid.uuid4()), None
        self.body = "x" * size
        self.start()

    def run(self):
        self.reply = http_request(self.app.rest, "POST", f"/api/conversations/{self.talk['id']}/messages",
                                  {"content": self.body, "client_id": self.key}, self.app.headers(), 30)

    def status(self):
        self.join(30)
        return self.reply and self.reply.status


@pytest.mark.parametrize("size", (LARGE, SMALL))
def test_a_reset_behind_an_answer_is_noticed(stack, app, proxy, size):
    """The answer and the RST are there when the bridge looks: it reads the one, and sends the next statement."""
    alice, dora = app("alice"), app("dora")
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    lost = fault.metric(stack, "trestle_archive_reconnects_total")
    proxy.keep_answer("message_store")
    first = Post(alice, talk, size)
    proxy.wait_kept()
    second = Post(alice, talk, size)
    fault.wait_for("the second one waits", lambda: fault.metric(stack, "trestle_archive_queue") == 2)
    with fault.frozen(stack, "bridge"):
        proxy.reset()
    assert (first.status(), second.status()) == (201, 201)
    alice.send(talk, "and on it goes")
    assert fault.metric(stack, "trestle_archive_reconnects_total") == lost + 1
    assert len(alice.messages(talk)["items"]) == 3
