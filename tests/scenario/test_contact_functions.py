# SPDX-License-Identifier: GPL-3.0-or-later
"""The subscription table of RFC 6121 in SQL: every stanza in every state, twice."""
import uuid

import pytest
from harness.database import database

FLAGS = ("to_peer", "from_peer", "ask", "pending_in")
STATES = [frozenset(), *(frozenset(s) for s in (
    {"to_peer"}, {"from_peer"}, {"to_peer", "from_peer"}, {"ask"}, {"pending_in"}, {"ask", "from_peer"},
    {"ask", "pending_in"}, {"to_peer", "pending_in"}))]


@pytest.fixture
def query(stack):
    with database(stack) as run:
        yield run


@pytest.fixture
def user(app, query):
    return app("alice").me()["id"]


def set_state(query, user, peer, state):
    query("DELETE FROM contacts WHERE user_id = %s AND peer = %s", user, peer)
    if state:
        query(f"INSERT INTO contacts (user_id, peer, {', '.join(state)}) "
              f"VALUES (%s, %s, {', '.join('true' for _ in state)})", user, peer)


def state_of(query, user, peer):
    rows = query("SELECT to_peer, from_peer, ask, pending_in FROM contacts WHERE user_id = %s AND peer = %s",
                 user, peer)
    return frozenset(name for name, on in zip(FLAGS, rows[0]) if on) if rows else frozenset()


def expected(kind, state):
    """(answer, next state) of RFC 6121 appendix A, for a peer without the user's consent."""
    granted = "from_peer" in state
    let_in = state - {"pending_in"} | {"from_peer"}
    return {
        "subscribe": ("subscribed", let_in) if state & {"from_peer", "to_peer", "ask"} else ("none", state | {"pending_in"}),
        "subscribed": ("none", state - {"ask"} | {"to_peer"} if "ask" in state else state),
        "unsubscribe": ("unavailable" if granted else "none", state - {"from_peer", "pending_in"}),
        "unsubscribed": ("none", state - {"to_peer", "ask"}),
        "probe": ("presence" if granted else "unsubscribed", state),
    }[kind]


@pytest.mark.parametrize("kind", ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"])
def test_every_state_and_its_repetition(query, user, kind):
    for state in STATES:
        peer = f"{uuid.uuid4().hex}@example.org"
        set_state(query, user, peer, state)
        for _ in range(2):
            answer, after = expected(kind, state_of(query, user, peer))
            assert query(f"SELECT answer FROM contact_{kind}(%s, %s)", user, peer) == [(answer,)], (kind, state)
            assert state_of(query, user, peer) == after, (kind, state)


def test_requests_that_wait_have_a_ceiling(query, user):
    query("INSERT INTO contacts (user_id, peer, pending_in) "
          "SELECT %s, 'p' || n || '@example.org', true FROM generate_series(1, 1000) n", user)
    assert query("SELECT answer FROM contact_subscribe(%s, 'late@example.org')", user) == [("none",)]
    assert state_of(query, user, "late@example.org") == frozenset()


def test_announcing_lists_granted_contacts_in_pages(query, user):
    for n in range(5):
        set_state(query, user, f"p{n}@example.org", {"from_peer"})
    set_state(query, user, "stranger@example.org", {"pending_in"})
    page = "SELECT peer FROM contact_announce(%s, %s, %s, %s, 3)"
    assert query(page, user, True, 0, None) == [("p0@example.org",), ("p1@example.org",), ("p2@example.org",)]
    assert query(page, user, True, 0, "p2@example.org") == [("p3@example.org",), ("p4@example.org",)]
    shown = "SELECT count(*) FROM shown_online WHERE user_id = %s"
    assert query(shown, user) == [(1,)]
    query(page, user, False, 60, None)
    assert query(shown, user) == [(0,)]
    away = query("SELECT extract(epoch FROM now() - last_seen_at)::int FROM users WHERE id = %s", user)[0][0]
    assert 60 <= away < 120


def test_being_online_does_not_move_last_seen_back(query, user):
    announce = "SELECT peer FROM contact_announce(%s, false, %s, NULL, 3)"
    query(announce, user, 0)
    before = query("SELECT last_seen_at FROM users WHERE id = %s", user)
    query(announce, user, 3600)
    assert query("SELECT last_seen_at FROM users WHERE id = %s", user) == before
