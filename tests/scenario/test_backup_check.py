# SPDX-License-Identifier: GPL-3.0-or-later
"""`trestle backup-check` on a database and a store that were restored, whole and with something missing."""
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.daemon import Daemon, psql, run_trestle
from harness.files import settle, upload
from harness.inbox import wait_for
from harness.pictures import png
from harness.rest import App

pytestmark = pytest.mark.one_server


def media(folder, keys):
    return {"store": folder, "key_file": keys, "url": "https://files.example.org"}


@pytest.fixture(scope="module")
def saved(running_stack, tmp_path_factory):
    """(the daemon that was, a dump of its database, its store, its keys)"""
    home = tmp_path_factory.mktemp("saved")
    keys, store = home / "keys", home / "store"
    keys.write_text("ab" * 32 + "\n")
    keys.chmod(0o600)
    store.mkdir(mode=0o700)
    daemon = Daemon(running_stack, options={"media": media(store, keys)})
    daemon.migrate()
    daemon.start()
    daemon.wait_ready(link=False)
    alice, bella = App(daemon, "alice"), App(daemon, "bella")
    talk = alice.conversation_with(participant_id=bella.me()["id"])
    files = [upload(alice, png(640, 480), "a.png"), upload(alice, os.urandom(200_000), "b.bin", "application/octet-stream")]
    for n in range(5):
        alice.send(talk, f"text {n}", **({"attachments": [file["id"] for file in files]} if n == 3 else {}))
    bella.read(talk)
    wait_for("the picture is rendered", lambda: all(
        alice.call(200, "GET", f"/api/files/{file['id']}")["status"] == "complete" for file in files))
    for file in files:
        settle(daemon, file)
    daemon.process.terminate()
    daemon.process.wait(20)
    dump = home / "dump"
    with dump.open("wb") as out:
        subprocess.run(["pg_dump", "-Fc", "-d", daemon.info["database"]], stdout=out, check=True)
    yield daemon, dump, store, keys, files
    daemon.close()
    shutil.rmtree(daemon.dir)


@pytest.fixture(scope="module")
def template(running_stack, saved):
    """A database into which the dump was restored, to be copied."""
    name = f"{saved[0].database}_restored"
    uri = running_stack.info["database"]
    psql(uri, f"CREATE DATABASE {name}")
    subprocess.run(["pg_restore", "--no-owner", "-d", uri.rpartition("/")[0] + "/" + name, saved[1]], check=True)
    yield name
    psql(uri, f"DROP DATABASE {name}")


@pytest.fixture
def restored(running_stack, saved, template, tmp_path):
    _, _, store, keys, _ = saved
    shutil.copytree(store, tmp_path / "store")
    copy = Daemon(running_stack, options={"media": media(tmp_path / "store", keys)})
    psql(running_stack.info["database"], f"CREATE DATABASE {copy.database} TEMPLATE {template}")
    yield copy
    psql(running_stack.info["database"], f"DROP DATABASE {copy.database}")
    shutil.rmtree(copy.dir)


def check(daemon, *more):
    """(status, part → its lines)"""
    status, text, error = run_trestle("backup-check", "--config", daemon.config, *more)
    assert not error, error
    lines = {}
    for line in text.splitlines():
        verdict, part, said = line.split(None, 2)
        lines.setdefault(part, []).append((verdict, said))
    return status, lines


def file_of(daemon, file, part=""):
    found, = Path(daemon.settings["media"]["store"]).rglob(file["id"] + part)
    return found


def test_a_whole_one(restored, saved):
    status, lines = check(restored)
    assert status == 0 and all(verdict == "ok" for said in lines.values() for verdict, _ in said), lines
    assert "5 in 1 conversations, none missing" in lines["messages"][0][1]
    assert lines["files"][0][1].startswith("2 and ") and "all as they were" in lines["files"][0][1]
    assert "on the server that wrote it" in lines["log"][0][1]
    psql(restored.info["database"], "UPDATE log_head SET origin = 'elsewhere/00000001'")
    assert "a new epoch begins" in check(restored)[1]["log"][0][1]
    assert "content was not read" in check(restored, "--files", "sizes")[1]["files"][0][1]
    assert "files" not in check(restored, "--files", "none")[1]
    restored.start()  # and it serves
    restored.wait_ready(link=False)
    restored.process.terminate()
    restored.process.wait(20)


@pytest.mark.parametrize("damage, part, said", [
    ("DELETE FROM messages WHERE seq = 3", "messages", "numbers are missing in 1 conversations"),
    ("DELETE FROM messages WHERE seq = 5", "members", "more than there is"),
    ("UPDATE messages SET position = position + 3 WHERE seq = 2", "messages", "stand before an older one"),
    ("UPDATE messages SET conversation_id = gen_random_uuid() WHERE seq = 5", "messages", "1 are of no conversation"),
    ("UPDATE log_head SET position = 1", "log", "log_head is older than the rest"),
    ("UPDATE files SET key_name = 'another'", "files", "none of the keys"),
    ("UPDATE files SET sha256 = repeat('0', 64)", "files", "not as it was"),
    ("DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)", "schema", "run 'trestle migrate'"),
    ("INSERT INTO schema_migrations (version, name) VALUES (9999, 'later')", "schema", "install the newer trestle"),
])
def test_rows_that_are_missing_or_wrong(restored, damage, part, said):
    psql(restored.info["database"], damage)
    status, lines = check(restored)
    assert status == 1 and any(verdict == "FAIL" and said in text for verdict, text in lines[part]), lines


def test_files_that_are_missing_or_wrong(restored, saved):
    picture, binary = saved[4]
    file = file_of(restored, binary)
    whole = file.read_bytes()
    file.write_bytes(whole[:70_000] + bytes([whole[70_000] ^ 1]) + whole[70_001:])
    status, lines = check(restored)
    assert status == 1 and f"{binary['id']}: is not in the store, or not as it was" in lines["files"][0][1]
    assert check(restored, "--files", "sizes")[0] == 0, "whoever looks at sizes alone does not see that"
    file.write_bytes(whole[:-1])
    assert check(restored, "--files", "sizes")[0] == 1
    file.write_bytes(whole)
    file_of(restored, picture, ".clean").unlink()
    status, lines = check(restored)
    assert status == 1 and f"{picture['id']}.clean: is not in the store" in lines["files"][0][1]


def test_a_picture_as_it_came_may_be_there_or_gone(restored, saved):
    """Whoever saves the database, then the store, may have a picture that was still to be moved, and nothing of it but what is handed out."""
    picture = saved[4][0]
    assert not list(Path(restored.settings["media"]["store"]).rglob(picture["id"]))
    psql(restored.info["database"], "UPDATE files SET moved = false")
    assert check(restored)[0] == 0
    file_of(restored, picture, ".clean").with_name(picture["id"]).write_bytes(b"what came")
    assert check(restored)[0] == 0


def test_what_cannot_be_looked_at(restored, running_stack):
    assert run_trestle("backup-check", "--config", restored.config, "--files", "some")[0] == 2
    assert run_trestle("doctor", "--config", restored.config, "--files", "all")[0] == 2
    restored.configure({"database": {"uri": "postgresql://nobody@127.0.0.1:1/none"}})
    status, lines = check(restored)
    assert status == 1 and lines["database"][0][0] == "FAIL"
    restored.configure({"database": {"uri": running_stack.info["database"].rpartition("/")[0] + "/postgres"}})
    assert "are not there" in check(restored)[1]["schema"][0][1]
