# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook of the operator's: checks who asks (Standard Webhooks), keeps the questions, and answers what a test wants."""
import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .inbox import DEADLINE

KEY = b"the key of the hook, thirty-two b"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Hook:
    """`with Hook() as hook:`; `answers` maps the content of a message, the name of a file, or what is to be translated, to an answer (a dict, or a status); `hold` has
    contents about which the answer waits for `release`."""

    def __init__(self):
        self.questions, self.wrong, self.answers, self.hold = [], [], {}, set()
        self.default = {"action": "allow"}  # the answer to what has none
        self.release = threading.Event()
        self._changed = threading.Condition()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                hook._asked(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/spam"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def content(question):
        if "threatInfo" in question:  # Safe Browsing
            return question["threatInfo"]["threatEntries"][0]["url"]
        data = question["data"]
        if "content" in data or "filename" in data:
            return data.get("content", data.get("filename"))
        return data["inputs"][0] if isinstance(data["inputs"][0], str) else data.get("message_id", data.get("file_id"))

    def _asked(self, handler, body):
        head = handler.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        if expected != head["webhook-signature"] or handler.path != "/spam":
            self.wrong.append(dict(head))
        question = json.loads(body)
        with self._changed:
            self.questions.append(question)
            self._changed.notify_all()
        content = self.content(question)
        if content in self.hold:
            self.release.wait(DEADLINE)
        answer = self.answers.get(content, self.default)
        text = json.dumps(answer).encode() if isinstance(answer, dict) else b"no"
        handler.send_response(200 if isinstance(answer, dict) else answer)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def asked(self, content):
        """The question about that content, once it has come."""
        def found():
            return next((q for q in self.questions if self.content(q) == content), None)
        with self._changed:
            assert self._changed.wait_for(found, DEADLINE), f"nobody asked about {content!r}: {self.questions}"
        return found()

    def contents(self):
        return [self.content(q) for q in self.questions]
