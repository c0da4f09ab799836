# SPDX-License-Identifier: GPL-3.0-or-later
"""A web client served beside the API ([http] web_root), and the codes that sign its people in."""
import gzip
import json
import signal

import pytest

from harness.daemon import Daemon, run_trestle
from harness.inbox import wait_for
from harness.raw import RawHttp
from harness.rest import App, Backend, http_request

pytestmark = pytest.mark.one_server

SCRIPT = "export const a = 1;\n" * 50


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("web") / "root"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html><title>Client</title>")
    (root / "assets" / "main-1.js").write_text(SCRIPT)
    (root / "assets" / "main-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (root / "assets" / "main-1.js.br").write_bytes(b"brotli")
    (root / ".secret").write_text("hidden")
    (root.parent / "outside").write_text("outside")
    (root / "link").symlink_to("../outside")
    root.chmod(0o755)
    return root


@pytest.fixture(scope="module")
def daemon(running_stack, root):
    with Daemon(running_stack, options={"http": {
            "web_root": str(root), "web_name": 'Ours "&" theirs', "web_sign_in": "https://app.example.org/chat", "web_errors": "https://errors.example.org/web"}, "session": {"cookie_secure": "false"}, "media": {
            "store": root.parent / "files", "key": "ab" * 32, "url": "https://files.example.org", "cdn": "https://cdn.example.org"}}) as daemon:
        status, key, text = run_trestle("token", "--config", daemon.config, "--server-key", "pages", "--scopes", "tickets")
        assert status == 0, text
        daemon.info["server_key"] = key.strip()
        yield daemon


def get(daemon, path, method="GET", **headers):
    return http_request(daemon.info["rest"], method, path, headers=headers)


def test_files_are_served_as_they_lie(daemon):
    page = get(daemon, "/")
    assert page.status == 200 and page.raw == b"<!doctype html><title>Client</title>"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"]
    assert "img-src 'self' blob: https://files.example.org https://cdn.example.org; media-src 'self' blob: https://files" in policy
    assert "connect-src 'self' https://files.example.org https://cdn.example.org https://errors.example.org/web; " in policy
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    script = get(daemon, "/assets/main-1.js?x=1")
    assert script.raw.decode() == SCRIPT and "immutable" in script.headers["cache-control"]
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["x-content-type-options"] == "nosniff"
    again = get(daemon, "/assets/main-1.js", **{"If-None-Match": script.headers["etag"]})
    assert again.status == 304 and again.raw == b""
    head = get(daemon, "/", "HEAD")
    assert head.status == 200 and head.raw == b"" and head.headers["content-length"] == str(len(page.raw))


def test_the_client_is_told_of_its_deployment(daemon, root):
    reply = get(daemon, "/config.json")
    assert reply.status == 200 and reply.headers["content-type"] == "application/json" and reply.headers["cache-control"] == "no-cache"
    assert json.loads(reply.raw) == {"name": 'Ours "&" theirs', "sign_in_url": "https://app.example.org/chat", "password": False, "errors": "https://errors.example.org/web",
                                     "media": ["https://files.example.org", "https://cdn.example.org"]}


@pytest.mark.parametrize("accepted, coding", [("gzip", "gzip"), ("gzip, br", "br"), ("br;q=0, gzip;q=0.5", "gzip"),
                                              ("br;q=0.000, gzip;q=0", None), ("identity", None), ("GZIP", "gzip")])
def test_in_the_coding_that_the_client_takes(daemon, accepted, coding):
    reply = get(daemon, "/assets/main-1.js", **{"Accept-Encoding": accepted})
    assert reply.headers.get("content-encoding") == coding and reply.headers["vary"] == "Accept-Encoding"
    raw = {"gzip": lambda: gzip.decompress(reply.raw), "br": lambda: SCRIPT.encode(), None: lambda: reply.raw}[coding]()
    assert raw.decode() == SCRIPT


def test_a_page_of_the_client_is_its_index(daemon):
    assert get(daemon, "/c/0190", Accept="text/html,*/*").raw == get(daemon, "/").raw
    for path in ("/api/nothing", "/assets/main-0.js", "/assets/"):
        assert get(daemon, path, Accept="text/html").status == 404, path
    missing = get(daemon, "/c/0190", Accept="*/*")
    assert missing.status == 404 and json.loads(missing.raw)["code"] == "not_found"
    assert get(daemon, "/", "POST").status == 404
    assert get(daemon, "/api/capabilities").status == 200


@pytest.mark.parametrize("path", ["/.secret", "/link", "/../outside", "/assets/../../outside", "/%2e%2e/outside", "//index.html",
                                  "/assets/%2e%2e/%2e%2e/outside", "/assets/..%2f..%2foutside", "/assets", "/index.html/"])
def test_nothing_else_is_served(daemon, path):
    raw = RawHttp(daemon)
    raw.send(f"GET {path} HTTP/1.1\r\nHost: {raw.host}\r\n\r\n".encode())
    status, _, body = raw.reply()
    assert status in (400, 404) and not any(word in body for word in (b"outside", b"hidden", b"doctype")), body


def test_a_new_client_is_read_at_sighup(daemon, root):
    old = get(daemon, "/").headers["etag"]
    index = root / "index.html"
    text = index.read_text()
    try:
        index.unlink()
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "pages-kept" in daemon.logged())
        assert get(daemon, "/").headers["etag"] == old
        index.write_text("<!doctype html><title>Newer</title>")
        daemon.process.send_signal(signal.SIGHUP)
        wait_for("the new pages", lambda: daemon.logged().count("pages-loaded") == 2)
        assert b"Newer" in get(daemon, "/").raw and get(daemon, "/").headers["etag"] != old
    finally:
        index.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)


# -- codes

def sign_in(daemon, code):
    return http_request(daemon.info["rest"], "POST", "/api/session", {"code": code})


def test_a_code_signs_in_once(daemon):
    alice = App(daemon, "alice")
    code = Backend(daemon, alice.me()).call(201, "POST", "/api/session/code")["code"]
    reply = sign_in(daemon, code)
    assert reply.status == 201 and json.loads(reply.raw)["user"] == alice.me()
    assert "HttpOnly" in reply.headers["set-cookie"]
    again = sign_in(daemon, code)
    assert again.status == 401 and "set-cookie" not in again.headers


def test_only_a_key_makes_codes_and_only_codes_sign_in(daemon):
    alice = App(daemon, "alice")
    assert alice.request("POST", "/api/session/code").status == 403
    assert Backend(daemon).request("POST", "/api/session/code").status == 403
    ticket = alice.call(201, "POST", "/api/session/ticket")["ticket"]
    for code in (ticket, "tsc_", "tsc_" + ticket, "tsc_" + "x" * 40, alice.mint(), daemon.info["server_key"]):
        assert sign_in(daemon, code).status == 401, code
    for body in ({}, {"code": None}, {"code": 7}, {"code": ""}, {"code": ticket, "token": alice.mint()},
                 {"code": "tsc_" + "x" * 9000}):
        assert http_request(daemon.info["rest"], "POST", "/api/session", body).status == 422, body
