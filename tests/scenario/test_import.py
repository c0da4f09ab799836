# SPDX-License-Identifier: GPL-3.0-or-later
"""`trestle import`: what a server's own archive holds is taken over, once, from where it was left."""
import os
import subprocess
import uuid
from pathlib import Path

import pytest
from harness.database import database
from harness.stack import TOP

PROGRAM = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "trestle"


# All that other tests of this stack have said to these accounts is read, too.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def take_over(stack, tmp_path):
    """`take_over("bob")` runs the command; returns what it printed."""
    def run(user, password=None, address=None, ok=True):
        account = stack.account(user)
        secret = tmp_path / "password"
        secret.write_text((password or account["password"]) + "\n")
        c2s = stack.info["c2s"]
        done = subprocess.run([PROGRAM, "import", "--config", stack.info["config"], "--from-mam", address or account["jid"],
                               "--password-file", secret, "--server", f"{c2s['host']}:{c2s['port']}", "--tls", "none"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        assert (done.returncode == 0) == ok, done.stdout
        return done.stdout
    return run


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
