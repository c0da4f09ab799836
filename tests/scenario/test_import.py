# SPDX-License-Identifier: GPL-3.0-or-later
"""`trestle import`: what a server's own archive holds is taken over, once, from where it was left."""
import contextlib
import json
import os
import re
import subprocess
import time
import urllib.parse
import uuid
from pathlib import Path

import pytest
from harness import fault
from harness.database import database
from harness.mam import page
from harness.stack import TOP
from harness.xmpp import XmppUser

PROGRAM = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "trestle"


# All that other tests of this stack have said to these accounts is read, too.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def take_over(stack, tmp_path):
    """`take_over("bob")` runs the command; returns what it printed."""
    def run(user, password=None, address=None, ok=True, timeout=200):
        account = stack.account(user)
        secret = tmp_path / "password"
        secret.write_text((password or account["password"]) + "\n")
        done = subprocess.run(command(stack, address or account["jid"], secret), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout)
        assert (done.returncode == 0) == ok, done.stdout
        return done.stdout
    return run


def command(stack, jid, secret):
    c2s = stack.info["c2s"]
    return [PROGRAM, "import", "--config", stack.info["config"], "--from-mam", jid, "--password-file", secret,
            "--server", f"{c2s['host']}:{c2s['port']}", "--tls", "none"]


def archived(stack, owner, peer, word):
    """(uid, text of the stanza) of what the archive here has, in its order."""
    with database(stack) as sql:
        return sql("SELECT h.uid::text, s.stanza, h.stamp = s.stamp FROM mam_owners o JOIN mam_holders h ON h.owner_id = o.id"
                   " JOIN mam_stanzas s ON s.uid = h.uid WHERE o.jid = %s AND h.peer = %s AND s.stanza LIKE %s ORDER BY h.place",
                   owner, peer, f"%{word}%")


def test_an_archive_is_taken_over_once(stack, xmpp, take_over):
    bob, carol = xmpp("bob"), xmpp("carol")
    word = uuid.uuid4().hex[:8]
    bodies = [f"old {n} {word}" for n in range(130)]
    for n, body in enumerate(bodies):
        (bob if n % 3 else carol).send_message((carol if n % 3 else bob).bare, body)
    bob.expect_message([b for n, b in enumerate(bodies) if not n % 3][-1])
    carol.expect_message([b for n, b in enumerate(bodies) if n % 3][-1])
    printed = take_over("bob")
    assert "done" in printed and " read, " in printed
    rows = archived(stack, bob.bare, carol.bare, word)
    assert sorted(body for _, text, _ in rows for body in bodies if f">{body}<" in text) == sorted(bodies)
    assert len({uid for uid, _, _ in rows}) == 130
    take_over("bob")
    assert archived(stack, bob.bare, carol.bare, word) == rows, "taken over again, nothing is there twice"
    take_over("carol")
    assert {uid for uid, _, _ in archived(stack, carol.bare, bob.bare, word)} == {uid for uid, _, _ in rows}, "both hold the same"
    later = f"later {word}"
    bob.send_message(carol.bare, later)
    carol.expect_message(later)
    take_over("bob")
    assert len(archived(stack, bob.bare, carol.bare, later)) == 1 and len(archived(stack, bob.bare, carol.bare, word)) == 131


def test_what_was_forgotten_is_found_again(stack, xmpp, take_over):
    """Progress may be lost, or name what the server has dropped: it is read anew, and nothing is there twice."""
    bob, dave = xmpp("bob"), xmpp("dave")
    body = f"again {uuid.uuid4().hex[:8]}"
    dave.send_message(bob.bare, body)
    bob.expect_message(body)
    take_over("dave")
    rows = archived(stack, dave.bare, bob.bare, body)
    assert len(rows) == 1
    with database(stack) as sql:
        sql("UPDATE mam_imports SET last = '' WHERE owner = %s", dave.bare)
    take_over("dave")
    assert archived(stack, dave.bare, bob.bare, body) == rows


def test_who_may_not(stack, take_over):
    assert "let nobody in" in take_over("bob", password="wrong", ok=False)
    assert "address" in take_over("bob", address="example.org", ok=False)


MANY = 100000
IN_SQL = """
    storage = {{ archive = "sql" }}
    sql = {{ driver = "PostgreSQL"; host = "{host}"; port = {port}; database = "servers_own"; username = "postgres"; password = "{password}" }}
"""
# A minute apart, of twenty people in turn, now said and now heard; every seventh has the id of another.
FILL = """
INSERT INTO prosodyarchive (host, "user", store, "when", "with", key, type, value)
  SELECT 'example.org', %(user)s, 'archive', 1500000000 + n * 60, p, 'k' || n, 'xml',
         format('<message xmlns="jabber:client" type="chat" id="m%%s" from="%%s" to="%%s"><body>old %%s</body></message>', n - (n %% 7 / 6),
                CASE WHEN n %% 2 = 0 THEN me || '/phone' ELSE p || '/home' END, CASE WHEN n %% 2 = 0 THEN p ELSE me END, n)
    FROM (SELECT n, 'peer' || n %% 20 || '@elsewhere.example' AS p, %(user)s || '@example.org' AS me FROM generate_series(1, %(count)s) n) x
"""


@contextlib.contextmanager
def long_archive(stack, user, count):
    """The server's own archive is in tables, where the user has so many messages from one moment to the next."""
    password = json.loads((stack.dir / "state.json").read_text())["secrets"]["postgres"]
    target = urllib.parse.urlsplit(stack.info["database"])
    with database(stack, superuser=True) as sql:
        sql("CREATE DATABASE servers_own")
    stack.configure_prosody(IN_SQL.format(host=target.hostname, port=target.port, password=password))
    try:
        with XmppUser(stack, user) as client:
            page(client, max="0")  # the first to ask makes the server make its tables
        with database(stack, superuser=True, name="servers_own") as sql:
            sql(FILL, {"user": user, "count": count})
            sql("VACUUM ANALYZE prosodyarchive")
        yield
    finally:
        stack.configure_prosody("")
        fault.wait_ready(stack, 60)
        with database(stack, superuser=True) as sql:
            sql("DROP DATABASE servers_own WITH (FORCE)")


def read_until(stack, user, tmp_path, wanted):
    """Begins to take over, and is killed when so many are read; the counts that it printed."""
    secret = tmp_path / "password"
    account = stack.account(user)
    secret.write_text(account["password"] + "\n")
    told = []
    with subprocess.Popen(command(stack, account["jid"], secret), stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            told += map(int, re.findall(r"(\d+) read,", line))
            if told and told[-1] >= wanted:
                break
        child.kill()
    return told


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_are_taken_over_twice(stack, take_over, tmp_path, capsys):
    """Stopped on the way it goes on; read again from the beginning, nothing is there twice; what it says grows."""
    if stack.server != "prosody":
        pytest.skip("how long it takes is not a matter of the server; only Prosody's tables are filled here")

    def here():
        with database(stack) as sql:
            return sql("SELECT count(*), count(DISTINCT h.uid), count(DISTINCT s.stanza), count(DISTINCT h.peer), min(s.stamp), max(s.stamp)"
                       " FROM mam_owners o JOIN mam_holders h ON h.owner_id = o.id JOIN mam_stanzas s ON s.uid = h.uid WHERE o.jid = %s",
                       "erin@example.org")[0]
    with long_archive(stack, "erin", MANY):
        begun = time.monotonic()
        told = read_until(stack, "erin", tmp_path, 10000)
        assert told == sorted(set(told)) and told[-1] >= 10000
        there = here()[0]
        assert told[-1] <= there < MANY
        printed = take_over("erin", timeout=900)
        first = time.monotonic() - begun
        already = int(re.search(r"(\d+) message\(s\) are here already", printed)[1])
        read, new = map(int, re.search(r"done, (\d+) read, (\d+) new", printed).groups())
        assert (already, read, new) == (there, MANY - there, MANY - there)
        whole = here()
        assert whole[:4] == (MANY, MANY, MANY, 20)
        assert "done, 0 read, 0 new" in take_over("erin")
        with database(stack) as sql:
            sql("UPDATE mam_imports SET last = '' WHERE owner = %s", "erin@example.org")
        begun = time.monotonic()
        assert f"done, {MANY} read, 0 new" in take_over("erin", timeout=900)
        again = time.monotonic() - begun
        assert here() == whole
    with capsys.disabled():
        print(f"\n{MANY} messages taken over in {first:.0f} s, read again in {again:.0f} s", end="", flush=True)
