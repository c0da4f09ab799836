# SPDX-License-Identifier: GPL-3.0-or-later
"""The log as an operator keeps it: who came and went, a line for each request, ids that tell nobody, rotation."""
import re
import signal
import subprocess
import threading
import uuid

import pytest

from harness import pictures
from harness.daemon import Daemon, run_trestle
from harness.files import begin, upload
from harness.inbox import wait_for
from harness.rest import App
from harness.stack import TOP

pytestmark = pytest.mark.one_server

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def daemon(running_stack, tmp_path):
    (tmp_path / "ids").write_text("the key of ids\n")
    (tmp_path / "keys").write_text("ab" * 32 + "\n")
    for name in ("ids", "keys"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "store").mkdir(mode=0o700)
    options = {"log": {"file": tmp_path / "trestle.log", "access_file": tmp_path / "access.log",
                       "error_file": tmp_path / "error.log", "ids_key_file": tmp_path / "ids"},
               "media": {"store": tmp_path / "store", "key_file": tmp_path / "keys", "url": "https://files.example.org"}}
    with Daemon(running_stack, options=options) as bridge:
        bridge.files = tmp_path
        yield bridge


def lines(daemon, name, *words):
    return [line for line in (daemon.files / name).read_text().splitlines() if all(word in line for word in words)]


def reload(daemon):
    seen = len(lines(daemon, "trestle.log", "event=log-reloaded"))
    daemon.process.send_signal(signal.SIGHUP)
    wait_for("it has read its options again", lambda: len(lines(daemon, "trestle.log", "event=log-reloaded")) > seen)


def test_who_came_what_was_sent_and_who_left(daemon):
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    me = alice.me()["id"]
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    picture = upload(alice, pictures.png(8, 8))
    with alice.ws() as socket:
        text = alice.send(talk, "the secret text")
        alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages",
                   {"attachments": [picture["id"]], "client_id": str(uuid.uuid4())})
        session = socket.hello["payload"]["session"]
    for name, event in (("trestle.log", "client-disconnected"), ("access.log", "disconnected")):
        wait_for(event, lambda: lines(daemon, name, f" event={event} ", f"user={me} session={session} code=1000 seconds="))
    for name, event in (("trestle.log", "client-connected"), ("access.log", "connected")):
        assert len(lines(daemon, name, f" event={event} user={me} session={session}")) == 1
    for name in ("trestle.log", "access.log"):
        sent = lines(daemon, name, " event=message-sent ", f"user={me}")
        assert f"message={text['id']} conversation={talk['id']}" in sent[0]
        assert [re.search(r"type=\w+ has_media=\w+ latency_ms=\d+$", line)[0].rsplit(" ", 1)[0] for line in sent] == \
            ["type=text has_media=false", "type=media has_media=true"]
    asked = lines(daemon, "access.log", "method=POST path=/api/conversations/:conversation_id/messages status=201", f"user={me} ms=")
    assert len(asked) == 2, lines(daemon, "access.log", "method=POST")
    everything = "".join((daemon.files / name).read_text() for name in ("trestle.log", "access.log", "error.log"))
    assert "secret text" not in everything and "Bearer" not in everything


def test_each_message_on_a_socket_by_type_and_size(daemon):
    daemon.configure({"log": {"level": "debug", "areas": "ws,config", "file": daemon.files / "trestle.log"}})
    reload(daemon)
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    with alice.ws() as socket:
        session = socket.hello["payload"]["session"]
        alice.send(talk, "the secret text")
        socket.expect("message.new", content="the secret text")
        socket.sync()
        socket.refused("secret.command")
    for name, type in (("frame", "ping"), ("frame", "unknown"), ("frame-sent", "message.new"), ("frame-sent", "pong"), ("frame-sent", "error")):
        assert [line for line in lines(daemon, "trestle.log", f" event={name} type={type} bytes=", f" session={session}")
                if "secret" not in line], (name, type)
    assert "secret" not in (daemon.files / "trestle.log").read_text()


def test_ids_that_are_hashed(daemon):
    daemon.configure({"log": {"ids": "hash"}})
    reload(daemon)
    for name in ("trestle.log", "access.log"):
        (daemon.files / name).write_text("")
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    me = alice.me()["id"]
    with alice.ws():
        alice.send(alice.conversation_with(participant_id=bella.me()["id"]), "x")
    status, shown, _ = run_trestle("log-id", "--config", daemon.config, me)
    shown = shown.strip()
    assert status == 0 and shown.startswith("id-")
    wait_for("the end of the socket", lambda: lines(daemon, "access.log", "event=disconnected", f"user={shown}"))
    assert lines(daemon, "trestle.log", "event=message-sent", f"user={shown}")
    for name in ("trestle.log", "access.log"):
        for line in lines(daemon, name):
            assert not UUID.search(re.sub("request=" + UUID.pattern, "", line)), line
    (daemon.files / "ids").write_text("another key, as long as the first one was\n")
    reload(daemon)
    with alice.ws():
        pass
    fresh = run_trestle("log-id", "--config", daemon.config, me)[1].strip()
    assert fresh != shown
    wait_for("the other key's digest", lambda: lines(daemon, "access.log", "event=disconnected", f"user={fresh}"))


def test_hashing_wants_a_key(daemon):
    daemon.configure({"log": {"ids": "hash", "ids_key_file": None}})
    status, _, error = run_trestle("check-config", "--config", daemon.config)
    assert status != 0 and "[log] ids_key_file" in error


def test_logrotate_loses_no_line(daemon):
    """Debian's logrotate with our file, while requests come in: each has exactly one line, in one file or the other."""
    text = (TOP / "docs" / "trestle.logrotate").read_text().replace("/var/log/trestle", str(daemon.files))
    assert text.count("systemctl reload trestle.service") == 2, "which tells the daemon alone"
    text = re.sub(r"systemctl reload .*", f"kill -HUP {daemon.process.pid}", text)
    text = re.sub(r"^ +(create|su) .*\n|^ +(delay)?compress\n", "", text, flags=re.M)
    conf, state = daemon.files / "rotate.conf", daemon.files / "rotate.state"
    conf.write_text(text)
    conf.chmod(0o600)
    alice, count, stop = App(daemon, "alice"), [0], threading.Event()
    alice.me()
    alice.me()

    def ask():
        while not stop.is_set():
            alice.me()
            count[0] += 1
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in range(1, 4):
            before = count[0]
            wait_for("requests", lambda: count[0] > before + 20)
            subprocess.run(["/usr/sbin/logrotate", "--force", "--state", state, conf], check=True)
            wait_for("it was rotated", lambda: (daemon.files / f"access.log.{number}").exists()
                     and (daemon.files / "access.log").exists())
    finally:
        stop.set()
        asking.join()
    wanted = count[0] + 2

    def found():
        files = [daemon.files / name for name in ("access.log", *(f"access.log.{n}" for n in (1, 2, 3)))]
        return sum(file.read_text().count(" path=/api/users/me ") for file in files if file.exists())
    wait_for("the last line", lambda: found() >= wanted)
    assert found() == wanted


def test_what_is_kept_for_how_long_is_said():
    text = (TOP / "docs" / "trestle.logrotate").read_text()
    assert re.search(r"trestle\.log \{[^}]*maxage 30\n", text) and re.search(r"access\.log \S*error\.log \{[^}]*maxage 90\n", text)


def test_an_upload_that_is_refused_is_no_secret(daemon):
    alice = App(daemon, "alice")
    made = begin(alice, b"x" * 10, "the name of it.txt", "text/plain")
    assert made["file"]["id"]
    assert not lines(daemon, "access.log", "the name of it") and not lines(daemon, "trestle.log", "the name of it")
