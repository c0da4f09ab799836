# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server of somebody else, on loopback: pages, pictures, and all sorts of malice."""
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Foreign:
    """`with Foreign({"/page": (200, {"Content-Type": "text/html"}, b"…")}) as server:`; a body may be a list of pieces
    without an announced length, or a function of the handler. `asked` has (method, path, headers) of each request."""

    def __init__(self, pages):
        self.pages, self.asked = pages, []
        foreign = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                foreign.asked.append((self.command, self.path, dict(self.headers)))
                status, headers, body = foreign.pages.get(self.path, (404, {}, b"nothing"))
                if callable(body):
                    self.close_connection = True
                    body(self)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if isinstance(body, bytes):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    for piece in [body] if isinstance(body, bytes) else body:
                        self.wfile.write(piece)
                except OSError:
                    pass
                self.close_connection = not isinstance(body, bytes)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.origin = f"http://{self.address}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def count(self, path):
        return sum(asked[1] == path for asked in self.asked)


def page(title="A page", more="", **headers):
    html = f"<!doctype html><html><head><title>{title}</title>{more}</head><body>…</body></html>".encode()
    return 200, {"Content-Type": "text/html; charset=utf-8", **headers}, html
