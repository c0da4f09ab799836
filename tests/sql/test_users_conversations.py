# SPDX-License-Identifier: GPL-3.0-or-later
"""Users are made once, pairs are opened once, and the list pages without repeating itself."""
import hashlib
import json
import threading
import uuid

from conftest import DOMAIN, new_id
from test_schema import named_queries


def together(*functions):
    """Runs the functions at once, each in a thread; returns their results."""
    gate = threading.Barrier(len(functions))
    results = [None] * len(functions)

    def run(number, function):
        gate.wait()
        try:
            results[number] = function()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[number] = error
    threads = [threading.Thread(target=run, args=item) for item in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def test_first_sign_in_makes_the_user_and_later_ones_find_him(db):
    first = db.provision("42", "alice", "Alice", "Alice A.", "https://a.example/a.png")
    again = db.provision("42", "alice", "Alice", "Alice A.", "https://a.example/a.png")
    assert first["created"] and not again["created"]
    assert first["jid"] == f"alice@{DOMAIN}" and again["id"] == first["id"]
    user = json.loads(first["facts"])
    assert user == {"id": first["id"], "username": "Alice", "name": "Alice A.", "bio": None, "kind": "hosted",
                    "avatar_url": "https://a.example/a.png", "jid": f"alice@{DOMAIN}",
                    "number": first["number"]}


def test_profile_follows_the_token_and_the_address_stays(db):
    db.provision("42", "alice", "alice", "Alice")
    later = db.provision("42", "alicia", "alicia", "Alicia")
    assert later["jid"] == f"alice@{DOMAIN}" and json.loads(later["facts"])["name"] == "Alicia"
    silent = db.provision("42", "alice")
    assert json.loads(silent["facts"])["name"] == "Alicia"


def test_taken_and_missing_local_parts_get_surrogates(db):
    db.provision("1", "alice")
    second = db.provision("2", "alice")
    third = db.provision("3", None)
    assert second["created"] and second["jid"].startswith("alice-") and second["jid"].endswith(f"@{DOMAIN}")
    assert third["jid"].startswith("u") and third["created"]
    long = db.provision("4", "a" * 64)
    other = db.provision("5", "a" * 64)
    assert long["jid"] != other["jid"] and len(other["jid"].split("@")[0]) <= 64


def test_simultaneous_first_sign_ins_make_one_user(db):
    connections = [db.connect() for _ in range(4)]
    for round_ in range(20):
        rows = together(*(lambda c=c: db.provision(f"s{round_}", on=c) for c in connections))
        assert len({row["id"] for row in rows}) == 1
        assert sum(row["created"] for row in rows) == 1


def test_a_sign_in_waits_for_the_one_that_runs_and_finds_its_user(db):
    """The second insert runs into the first one's uncommitted row."""
    slow = db.connect(autocommit=False)
    first = db.provision("77", "alice", on=slow)
    result = []
    thread = threading.Thread(target=lambda: result.append(db.provision("77", "alice")))
    thread.start()
    watcher = db.connect()
    while not db.one("SELECT count(*) FROM pg_locks WHERE NOT granted", on=watcher):
        pass
    slow.commit()
    thread.join()
    assert result[0]["id"] == first["id"] and not result[0]["created"]


def test_user_find_by_id_by_own_id_and_not_at_all(db):
    made = db.provision("alice")
    assert db.rows("SELECT * FROM user_find(%s)", made["id"])[0]["jid"] == made["jid"]
    assert db.rows("SELECT * FROM user_find(%s)", "alice")[0]["kind"] == "hosted"
    for reference in (new_id(), "nobody", "", "not-a-uuid", "%", made["id"][:-1]):
        assert db.rows("SELECT * FROM user_find(%s)", reference) == []


def test_app_id_that_looks_like_a_uuid_is_found(db):
    made = db.provision(new_id(), "odd")
    external = db.one("SELECT external_id FROM users WHERE id = %s", made["id"])
    assert db.rows("SELECT * FROM user_find(%s)", external)[0]["id"] == made["id"]


def test_an_own_id_is_not_the_id_of_somebody_else(db):
    """Whoever chose it would become that one for the backend."""
    alice, remote = db.user("alice"), db.one("SELECT user_remote('romeo@example.org')")
    for taken in (alice, alice.upper(), remote):
        assert db.rows("SELECT * FROM user_provision(%s, 'mallory', %s, NULL, NULL, NULL)", taken, DOMAIN) == []
        assert db.rows("SELECT * FROM user_sign_in(%s, 'mallory', %s, NULL, NULL, NULL, %s, 0)", taken, DOMAIN,
                       new_id()) == []
        assert db.rows("SELECT id FROM user_find(%s)", taken) == [{"id": taken.lower()}]
    assert db.one("SELECT count(*) FROM users") == 2
    free = new_id()
    assert db.provision(free, "free")["created"] and not db.provision(free, "free")["created"]


def test_a_reference_that_means_two_means_nobody(db):
    """As databases of older versions may have it."""
    alice, mallory = db.user("alice"), db.user("mallory")
    db.rows("UPDATE users SET external_id = %s WHERE id = %s", alice, mallory)
    assert db.rows("SELECT * FROM user_find(%s)", alice) == []
    assert db.one(dict(named_queries("tool"))["user_ambiguous"]) == 1, "which doctor tells"
    assert db.rows("SELECT id FROM user_find(%s)", mallory) == [{"id": mallory}]
    assert db.rows("SELECT id FROM user_row(%s)", alice) == [{"id": alice}]


def key_scopes(db, digest, on_behalf=None):
    return [(row["scopes"], row["id"]) for row in db.rows("SELECT * FROM server_key_sign_in(%s, %s)", digest, on_behalf)]


def test_server_keys(db):
    alice = db.user("alice")
    db.rows("SELECT server_key_create('k', '\\x01', '{users,send}')")
    assert key_scopes(db, "\\x01") == [("users send", None)] and key_scopes(db, "\\x02") == []
    assert key_scopes(db, "\\x01", "alice") == key_scopes(db, "\\x01", alice) == [("users send", alice)]
    assert key_scopes(db, "\\x01", "nobody") == [("users send", None)] and key_scopes(db, "\\x02", "alice") == []
    digest = hashlib.sha256(b"tsk_1").digest()
    db.rows("SELECT server_key_create('l', %s, '{users,send}')", digest)
    assert db.one("SELECT server_key_revoke('l')") is True
    assert db.one("SELECT server_key_revoke('l')") is False
    assert key_scopes(db, digest) == []
    assert db.rows("SELECT user_id, credential FROM revocations") == [
        {"user_id": str(uuid.UUID(int=0)), "credential": str(uuid.UUID(bytes=digest[:16]))}]
    db.rows("SELECT server_key_create('l', '\\x03', '{send}')")
    assert key_scopes(db, "\\x03") == [("send", None)]


def test_open_makes_once_and_both_sides_find_it(db):
    alice, bob = db.user("alice"), db.user("bob")
    made = db.opened(alice, reference="bob")
    again = db.opened(alice, reference=bob)
    other = db.opened(bob, jid=f"alice@{DOMAIN}")
    ids = {row["result"]["id"] for row in (made, again, other)}
    assert [made["outcome"], again["outcome"], other["outcome"]] == [0, 1, 1] and len(ids) == 1
    seen = other["result"]
    assert seen["jid"] == f"alice@{DOMAIN}" and seen["unread_count"] == 0 and seen["last_message"] is None
    assert sorted(p["user"]["id"] for p in seen["participants"]) == sorted([alice, bob])


def test_open_with_oneself_with_nobody_and_on_our_own_domain(db):
    alice = db.user("alice")
    number = db.one("SELECT number FROM users WHERE id = %s", alice)
    for name in ({"reference": "alice"}, {"reference": alice}, {"reference": number}, {"jid": f"alice@{DOMAIN}"}):
        assert db.opened(alice, **name)["outcome"] == 6
    for name in ({"reference": "nobody"}, {"reference": new_id()}, {"reference": str(number)},
                 {"reference": number + 1}, {"jid": f"nobody@{DOMAIN}"}):
        row = db.opened(alice, **name)
        assert (row["outcome"], row["result"], row["events"]) == (4, None, None)
    assert db.one("SELECT count(*) FROM users") == 1
    assert db.one("SELECT count(*) FROM conversations") == 0


def test_open_with_a_remote_jid_makes_the_remote_user_once(db):
    alice, bob = db.user("alice"), db.user("bob")
    first = db.opened(alice, jid="romeo@example.org")["result"]
    db.opened(bob, jid="romeo@example.org")
    assert first["jid"] == "romeo@example.org"
    assert db.rows("SELECT kind, external_id FROM users WHERE jid = 'romeo@example.org'") == [
        {"kind": "remote", "external_id": None}]
    assert db.rows("SELECT remote_jid FROM conversations WHERE id = %s", first["id"]) == [
        {"remote_jid": "romeo@example.org"}]


def test_who_may_make_none_just_now_finds_those_that_there_are(db):
    alice, known = db.user("alice"), db.user("known")
    db.opened(alice, reference=known)
    outcomes = [db.change("conversation_open", alice, participant=who, field="participant_id", domain=DOMAIN, may_make=False)["outcome"]
                for who in (known, db.user("new"))]
    assert outcomes == [1, 8] and db.one("SELECT count(*) FROM conversations") == 1


def test_simultaneous_opens_make_one_conversation(db):
    alice, bob = db.user("alice"), db.user("bob")
    one, other = db.connect(), db.connect()
    for number in range(10):
        peer = db.user(f"peer{number}")
        rows = together(lambda: db.opened(alice, reference=peer, on=one),
                        lambda: db.opened(peer, reference=alice, on=other))
        assert sorted(row["outcome"] for row in rows) == [0, 1]
    rows = together(lambda: db.opened(alice, jid="romeo@example.org", on=one),
                    lambda: db.opened(bob, jid="romeo@example.org", on=other))
    assert [row["outcome"] for row in rows] == [0, 0]
    assert db.one("SELECT count(*) FROM users WHERE kind = 'remote'") == 1


def test_stranger_gets_no_conversation(db):
    alice, mallory = db.user("alice"), db.user("mallory")
    conversation = db.conversation(alice, jid="romeo@example.org")
    assert db.get(mallory, conversation) is None
    assert db.one("SELECT conversation_get(%s, %s)", alice, new_id()) is None
    assert db.conversations(mallory) == {"items": [], "has_more": False, "next": None}


def test_list_is_by_latest_activity(db):
    alice = db.user("alice")
    made = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(5)]
    assert [c["id"] for c in db.conversations(alice)["items"]] == made[::-1]
    db.store({"conversation": made[1], "sender": alice, "body": "up"})
    listed = db.conversations(alice)["items"]
    assert [c["id"] for c in listed] == [made[1], *made[:1:-1], made[0]]
    assert listed[0]["last_message"]["content"] == "up"
    assert listed[0]["last_message_at"] == listed[0]["last_message"]["created_at"]


def test_list_pages_without_repeating_under_inserts(db):
    alice = db.user("alice")
    made = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(10)]
    seen, before = [], None
    while True:
        page = db.conversations(alice, limit=3, before=before)
        seen += [c["id"] for c in page["items"]]
        assert page["has_more"] == (page["next"] is not None)
        if not page["has_more"]:
            break
        before = int(page["next"])
        db.store({"conversation": seen[-1], "sender": alice})  # one that was listed becomes active
        db.conversation(alice, jid=f"new{len(seen)}@example.org")
    assert seen == made[::-1]


def test_list_forward_returns_what_became_active_since(db):
    alice = db.user("alice")
    made = [db.conversation(alice, jid=f"p{n}@example.org") for n in range(6)]
    position = db.one("SELECT position FROM conversations WHERE id = %s", made[1])
    page = db.conversations(alice, limit=3, after=position)
    assert [c["id"] for c in page["items"]] == made[4:1:-1] and page["has_more"]
    rest = db.conversations(alice, limit=3, after=int(page["next"]))
    assert [c["id"] for c in rest["items"]] == made[5:] and not rest["has_more"]


def test_page_of_exactly_the_limit_has_no_more(db):
    alice = db.user("alice")
    for number in range(3):
        db.conversation(alice, jid=f"p{number}@example.org")
    page = db.conversations(alice, limit=3)
    assert len(page["items"]) == 3 and not page["has_more"] and page["next"] is None


def test_opening_a_conversation_shows_no_presence_until_something_is_said(db):
    alice, bob = db.provision("alice"), db.provision("bob")

    def shown():
        return db.rows("SELECT shown_by, last_seen_by FROM relation_view(%s, %s, NULL)", bob["jid"], alice["id"])[0]

    talk = db.conversation(bob["id"], alice["id"])
    assert shown() == {"shown_by": False, "last_seen_by": False}
    db.store(dict(conversation=talk, sender=bob["id"]))
    assert shown() == {"shown_by": True, "last_seen_by": True}
    db.change("conversation_hide", alice["id"], conversation_id=talk)
    assert shown() == {"shown_by": False, "last_seen_by": False}
    db.store(dict(conversation=talk, sender=alice["id"]))
    assert shown() == {"shown_by": True, "last_seen_by": True}
