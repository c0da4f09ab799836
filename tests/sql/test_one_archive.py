# SPDX-License-Identifier: GPL-3.0-or-later
"""The archives of accounts on an XMPP server: what its role may do with them, and what they give back."""
import contextlib
import json
import threading
import uuid

import psycopg2
import pytest

BOB, CAROL, ERIN = "bob@example.org", "carol@example.org", "erin@other.example"


class Server:
    """An XMPP server's connection: mam_one keeps example.org, mam_two other.example, mam_none nothing."""

    def __init__(self, db, role):
        self.connection = psycopg2.connect(db.cluster.uri(db.name).replace("postgres@", f"{role}@"))
        self.connection.autocommit = True

    def rows(self, statement, *values):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def one(self, statement, *values):
        return self.rows(statement, *values)[0][0]

    def append(self, owner=BOB, direction="in", peer=CAROL, body="hello", id=None, stamp="2026-01-01T10:00:00Z", **more):
        id = id or str(uuid.uuid4())
        sender = more.pop("sender", None) or (f"{owner}/phone" if direction == "out" else f"{peer}/home")
        return self.one("SELECT mam_append(%s, %s::uuid, %s, %s, %s, %s, %s, %s::timestamptz, %s, %s)", owner, id, direction, peer,
                        sender, more.get("origin", "m1"), f"<message xmlns='jabber:client'><body>{body}</body></message>", stamp,
                        more.get("kind", "chat"), more.get("nick"))

    def find(self, owner=BOB, max=50, newest_first=False, **query):
        names = ("peer", "since", "until", "after", "before", "ids")
        return self.rows("SELECT * FROM mam_find(%s, %s, %s::timestamptz, %s::timestamptz, %s::uuid, %s::uuid, %s::uuid[], %s, %s)",
                         owner, *(query.get(name) for name in names), max, newest_first)

    def ids(self, *args, **query):
        return [row[0] for row in self.find(*args, **query)]


@pytest.fixture()
def one(db):
    db.rows("SELECT mam_allow('mam_one', 'example.org')")
    db.rows("SELECT mam_allow('mam_two', 'other.example')")
    server = Server(db, "mam_one")
    yield server
    server.connection.close()


def own(db, owner=BOB, limit=50, **query):
    """(outcome, whether there is more, ids) of a page as the bridge reads it of an account's archive."""
    head, *rows = db.rows("SELECT * FROM mam_own_page(%s, %s, %s)", owner, json.dumps(query), limit)
    return head["outcome"], head["more"], [str(row["id"]) for row in rows]


def test_the_bridge_reads_an_archive_whose_server_leaves_it(db, one):
    assert own(db) == (0, False, []) and own(db, after=[str(uuid.uuid4())])[0] == 2
    ids = [one.append(body=f"n{n}", stamp=f"2026-01-01T10:0{n}:00Z", peer=CAROL if n != 2 else ERIN) for n in range(5)]
    other = one.append(owner=CAROL, peer=BOB)
    assert own(db) == (0, False, ids) and own(db, limit=2) == (0, True, ids[:2]) and own(db, limit=0) == (0, True, [])
    assert own(db, limit=2, backward=True) == (0, True, ids[3:]) and own(db, limit=2, backward=True, before=[ids[3]]) == (0, True, ids[1:3])
    assert own(db, after=[ids[1], ids[0]], before=[ids[4], ids[3]])[2] == [ids[2]]
    assert own(db, **{"with": CAROL})[2] == [*ids[:2], *ids[3:]] and own(db, ids=[ids[4], ids[0], other])[2] == [ids[0], ids[4]]
    at = 1767261600 * 1000000
    assert own(db, start=at + 60000000, end=at + 120000000)[2] == ids[1:3]
    assert own(db, after=[other])[0] == own(db, before=[str(uuid.uuid4())])[0] == 2
    assert [str(row["id"]) for row in db.rows("SELECT * FROM mam_own_ends(%s)", BOB)] == [ids[0], ids[4]]
    assert db.rows("SELECT * FROM mam_own_ends('nobody@example.org')") == []
    with refused("42501"):  # the server's role may not
        one.rows("SELECT * FROM mam_own_page(%s, '{}', 1)", CAROL)


@contextlib.contextmanager
def refused(code):
    with pytest.raises(psycopg2.Error) as caught:
        yield
    assert caught.value.pgcode == code


def test_a_server_reads_what_it_has_stored(one):
    assert one.one("SELECT mam_version()") == 1
    ids = [one.append(body=str(n), stamp=f"2026-01-01T10:00:{n:02d}Z", origin=f"m{n}") for n in range(10)]
    found = one.find()
    assert [row[0] for row in found] == ids and [row[1] for row in found] == sorted(row[1] for row in found)
    assert found[3][3] == CAROL and "<body>3</body>" in found[3][5] and found[3][2].isoformat() == "2026-01-01T10:00:03+00:00"


def test_a_uid_twice_is_one_stanza(one):
    first = one.append()
    assert one.append(id=first) == first and one.ids() == [first]


def test_both_ends_hold_one_stanza(db, one):
    id = one.append(direction="out")
    assert one.append(owner=CAROL, peer=BOB, id=id) == id
    assert one.ids(BOB) == one.ids(CAROL) == [id]
    assert db.one("SELECT count(*) FROM mam_stanzas") == 1


def test_to_oneself_is_one_stanza_held_once(one):
    id = one.append(peer=BOB, direction="out")
    assert one.append(peer=BOB, direction="in", sender=f"{BOB}/phone", id=id) == id and one.ids() == [id]


def test_reused_origin_ids_are_two_stanzas(one):
    assert one.append(origin="same", body="a") != one.append(origin="same", body="a") and len(one.ids()) == 2


def test_a_uid_of_another_conversation_is_not_taken(db, one):
    """Nobody gets another's text by its id, nor puts another text in its place."""
    id = one.append(body="secret")
    two = Server(db, "mam_two")
    got = two.append(owner=ERIN, peer="mallory@other.example", id=id, body="mine")
    assert got != id and "mine" in two.find(ERIN)[0][5] and two.ids(ERIN) == [got]
    assert "secret" in one.find()[0][5]
    two.connection.close()


def test_nobody_opens_what_others_said(db, one):
    two = Server(db, "mam_two")
    try:
        said = two.append(owner=ERIN, direction="out", peer="frank@third.example", body="secret")
        with refused("TR400"):
            one.append(direction="out", peer="frank@third.example", sender=f"{ERIN}/phone", id=said)
        one.append(direction="in", peer=ERIN, sender=f"{ERIN}/phone", id=said)
        assert all("secret" not in row[5] for row in one.find())
    finally:
        two.connection.close()


def test_pages_in_both_directions(one):
    ids = [one.append(peer=CAROL if n % 3 else "dave@far.example", origin=f"m{n}",
                      stamp=f"2026-01-01T10:{n // 60:02d}:{n % 60:02d}Z") for n in range(120)]
    assert one.ids(max=7) == ids[:7] and one.ids(max=7, newest_first=True) == ids[:-8:-1]
    seen, after = [], None
    while page := one.ids(max=50, after=after):
        seen, after = seen + page, page[-1]
    assert seen == ids
    seen, before = [], None
    while page := one.ids(max=50, newest_first=True, before=before):
        seen, before = seen + page, page[-1]
    assert seen == ids[::-1]
    dave = ids[::3]
    assert one.ids(peer="dave@far.example", max=1000) == dave
    assert one.ids(peer="dave@far.example/any", newest_first=True, max=5) == dave[:-6:-1]
    assert one.ids(peer="dave@far.example", after=ids[10], before=ids[20]) == [ids[12], ids[15], ids[18]]
    assert one.ids(after=ids[3], before=ids[6], newest_first=True) == [ids[5], ids[4]]
    assert one.ids(since="2026-01-01T10:01:00Z", until="2026-01-01T10:01:02Z") == ids[60:63]
    assert one.ids(since="2026-01-01T10:01:00Z", until="2026-01-01T10:01:02Z", newest_first=True, max=2) == [ids[62], ids[61]]
    assert one.ids(ids=[ids[9], ids[2], str(uuid.uuid4())]) == [ids[2], ids[9]]
    assert one.ids(max=0) == [] and len(one.ids(max=10**6)) == 120
    assert one.one("SELECT mam_count(%s, NULL, NULL, NULL)", BOB) == 120
    assert one.one("SELECT mam_count(%s, NULL, NULL, NULL, 10)", BOB) == 10
    assert one.one("SELECT mam_count(%s, %s, '2026-01-01T10:01:00Z', NULL)", BOB, "dave@far.example") == 20


def test_what_comes_late_is_found_by_its_time(one):
    """A spool is replayed: the time is the true one, the place is the last."""
    early = [one.append(stamp=f"2026-01-01T10:0{n}:00Z", origin=f"m{n}") for n in range(5)]
    late = one.append(stamp="2026-01-01T10:02:30Z", origin="late")
    assert one.ids() == early + [late]
    assert one.ids(since="2026-01-01T10:02:15Z", until="2026-01-01T10:03:00Z") == [early[3], late]
    assert one.ids(until="2026-01-01T10:02:45Z", newest_first=True) == [late, early[2], early[1], early[0]]
    assert one.ids(since="2026-01-01T10:04:30Z") == []


def test_unknown_cursors(one):
    one.append()
    for query in ({"after": str(uuid.uuid4())}, {"before": str(uuid.uuid4())}):
        with refused("TR404"):
            one.find(**query)
    with refused("TR404"):
        one.find("nobody@example.org", after=str(uuid.uuid4()))
    assert one.find("nobody@example.org") == []


def test_a_server_has_its_own_hosts_only(db, one):
    id = one.append()
    two, none, stranger = Server(db, "mam_two"), Server(db, "mam_none"), Server(db, "stranger")
    for server in (two, none):
        for call in (lambda: server.append(), lambda: server.find(), lambda: server.one("SELECT mam_remove(%s)", BOB),
                     lambda: server.one("SELECT mam_trim(%s, now(), NULL, 10)", BOB), lambda: server.one("SELECT mam_is_empty(%s)", BOB),
                     lambda: server.one("SELECT mam_count(%s, NULL, NULL, NULL)", BOB), lambda: server.find(owner=f"x@{BOB}")):
            with refused("TR403"):
                call()
        assert server.one("SELECT mam_trim(NULL, now(), NULL, 10)") == 0
        for table in ("mam_stanzas", "mam_holders", "mam_roles", "messages", "users"):
            with refused("42501"):
                server.rows(f"SELECT * FROM {table}")
    with refused("42501"):
        stranger.one("SELECT mam_version()")
    with refused("42501"):
        one.rows("SELECT mam_allow('mam_one', 'other.example')")
    with refused("42501"):
        one.rows("SELECT mam_put(NULL, NULL, false, '', '', '', '', now(), '', '')")
    one.connection.cursor().execute("SET search_path = pg_temp, public")
    one.connection.cursor().execute("CREATE TEMPORARY TABLE mam_roles AS SELECT 'mam_one'::text AS role, 'other.example'::text AS host")
    with refused("TR403"):
        one.append(owner=ERIN)
    assert one.ids() == [id]
    db.rows("SELECT mam_forbid('mam_one', 'example.org')")
    with refused("TR403"):
        one.find()
    for server in (two, none, stranger):
        server.connection.close()


def test_hostile_input(one):
    with refused("TR413"):
        one.append(body="x" * 1048576)
    for wrong in ({"owner": "example.org"}, {"direction": "up"}, {"peer": ""}, {"kind": "headline"}, {"peer": "x" * 4000}):
        with refused("TR403" if "owner" in wrong else "TR400"):
            one.append(**wrong)
    with refused("TR400"):
        one.append(owner="a/b@example.org")
    with refused("TR400"):
        one.one("SELECT mam_append(%s, NULL, 'in', %s, %s, NULL, '<message/>', now())", BOB, CAROL, CAROL)
    quote = one.append(body="'; DROP TABLE mam_stanzas; --", peer="o'neil@example.com", nick="\\x00")
    assert one.ids(peer="o'neil@example.com") == [quote]
    future = one.append(stamp="2999-01-01T00:00:00Z")
    assert one.find(ids=[future])[0][2].year < 2999


def entry(id=None, owner=BOB, **more):
    return {"owner": owner, "uid": id or str(uuid.uuid4()), "direction": "in", "peer": CAROL, "sender": f"{CAROL}/home", "origin": "m",
            "stanza": "<message/>", "stamp": "2026-01-01T10:00:00.123456Z", **more}


def many(server, entries):
    return [row[0] for row in server.rows("SELECT * FROM mam_append_many(%s::jsonb)", json.dumps(entries))]


def test_a_spool_is_replayed_in_order(one):
    entries = [entry() for _ in range(20)]
    ids = [e["uid"] for e in entries]
    assert many(one, entries) == ids and many(one, entries) == ids and one.ids() == ids
    mixed = [entry(), entry(owner=ERIN), entry(stanza="x" * 1048577), entry(stamp="yesterday evening"), entry(id="no uuid"), {}, entry()]
    assert many(one, mixed) == [mixed[0]["uid"], None, None, None, None, None, mixed[-1]["uid"]]
    assert one.ids() == ids + [mixed[0]["uid"], mixed[-1]["uid"]]
    with refused("TR400"):
        many(one, {"owner": BOB})


def test_trimming_removes_the_oldest(db, one):
    ids = [one.append(direction="out", stamp=f"2026-01-01T10:{n:02d}:00Z", origin=f"m{n}") for n in range(30)]
    for n, id in enumerate(ids):
        one.append(owner=CAROL, peer=BOB, id=id, stamp=f"2026-01-01T10:{n:02d}:00Z")
    assert one.one("SELECT mam_trim(%s, '2026-01-01T10:10:00Z', NULL, 4)", BOB) == 4
    assert one.one("SELECT mam_trim(%s, '2026-01-01T10:10:00Z', NULL, 100)", BOB) == 6
    assert one.ids() == ids[10:] and one.ids(CAROL) == ids and db.one("SELECT count(*) FROM mam_stanzas") == 30
    assert one.one("SELECT mam_trim(%s, NULL, 5, 100)", BOB) == 15 and one.ids() == ids[25:]
    with refused("TR404"):
        one.find(after=ids[3])
    assert one.one("SELECT mam_trim(NULL, '2026-01-01T10:27:00Z', NULL, 100)") == 29
    assert one.ids() == one.ids(CAROL) == ids[27:] and db.one("SELECT count(*) FROM mam_stanzas") == 3
    later = one.append(stamp="2026-01-02T10:00:00Z")
    assert one.ids(since="2026-01-01T10:29:00Z") == [ids[29], later]
    assert one.ids(since="2025-01-01T10:29:00Z") == [*ids[27:], later]


def test_removing(db, one):
    ids = [one.append(peer=CAROL if n % 2 else "dave@far.example", origin=f"m{n}") for n in range(10)]
    assert not one.one("SELECT mam_is_empty(%s)", BOB) and one.one("SELECT mam_is_empty(%s)", CAROL)
    assert one.one("SELECT mam_remove(%s, %s)", BOB, CAROL) == 5
    assert one.ids() == ids[::2]
    assert one.ids(after=ids[3]) == ids[4::2], "what was removed in the middle still is a place"
    assert one.one("SELECT mam_remove(%s)", BOB) == 5 and one.one("SELECT mam_is_empty(%s)", BOB) and one.ids() == []
    assert db.one("SELECT count(*) FROM mam_stanzas") == 0
    again = one.append()
    assert one.ids() == [again]


def test_a_transaction_for_several_archives_waits_for_none_with_a_stanza_in_hand(db, one):
    """The server adds for both ends at once, while the bridge adds for one of them what it has heard."""
    uid, other = str(uuid.uuid4()), Server(db, "mam_one")
    one.append(owner=BOB), one.append(owner=CAROL)
    one.connection.autocommit = False
    one.rows("SELECT mam_lock(ARRAY['carol@example.org', 'bob@example.org', 'x@else.example', NULL])")
    one.append(owner=CAROL, peer=BOB, id=uid, sender=f"{BOB}/phone")
    heard = threading.Thread(target=lambda: other.append(owner=BOB, direction="out", peer=CAROL, id=uid, sender=f"{BOB}/phone"))
    heard.start()
    while not db.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%mam_append%%' AND usename = 'mam_one'"):
        pass
    one.append(owner=BOB, direction="out", peer=CAROL, id=uid, sender=f"{BOB}/phone")
    one.connection.commit()
    heard.join()
    assert one.ids(BOB)[1:] == one.ids(CAROL)[1:] == [uid]
    other.connection.close()


def test_rooms(db, one):
    db.rows("SELECT mam_allow('mam_one', 'conference.example.org')")
    id = one.append(owner="team@conference.example.org", peer=CAROL, sender=f"{CAROL}/home", kind="groupchat", nick="Carol")
    assert [(row[0], row[4], row[6]) for row in one.find("team@conference.example.org")] == [(id, "Carol", "groupchat")]


def test_a_reader_misses_nothing_that_commits_later(db, one):
    """Whoever adds to an archive waits for who is at it: nothing appears behind what was read."""
    slow = Server(db, "mam_one")
    slow.connection.autocommit = False
    first = slow.append(origin="slow")
    done = []
    thread = threading.Thread(target=lambda: done.append(one.append(origin="fast")))
    thread.start()
    reader = Server(db, "mam_one")
    while thread.is_alive() and not db.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        pass
    assert thread.is_alive() and reader.ids() == []
    slow.connection.commit()
    thread.join(10)
    assert reader.ids() == [first, *done]
    slow.connection.close()
    reader.connection.close()


def test_pages_are_index_scans(db, one):
    db.rows("INSERT INTO mam_owners (jid, host, place, seen) VALUES (%s, 'example.org', 50000, now())", BOB)
    db.rows("INSERT INTO mam_holders SELECT o.id, n, md5('u' || n)::uuid, 'p' || n %% 50 || '@example.net', false, false, t, t"
            " FROM mam_owners o, generate_series(1, 50000) n, LATERAL (SELECT timestamptz '2025-01-01' + n * interval '1 minute' AS t) x")
    db.rows("INSERT INTO mam_stanzas SELECT md5('u' || n)::uuid, now(), 'chat', 'a@b/c', %s, NULL, NULL, '<message/>'"
            " FROM generate_series(1, 50000) n", BOB)
    db.rows("ANALYZE mam_holders, mam_stanzas, mam_owners")
    middle = db.one("SELECT uid::text FROM mam_holders WHERE place = 25000")
    for query in ("NULL, NULL, NULL, NULL, NULL, NULL, 51, false", "NULL, NULL, NULL, NULL, NULL, NULL, 51, true",
                  f"NULL, NULL, NULL, '{middle}', NULL, NULL, 51, false", f"NULL, NULL, NULL, NULL, '{middle}', NULL, 51, true",
                  "'p7@example.net', NULL, NULL, NULL, NULL, NULL, 51, false",
                  f"'p7@example.net', NULL, NULL, NULL, '{middle}', NULL, 51, true",
                  "NULL, '2025-01-30T00:00:00Z', NULL, NULL, NULL, NULL, 51, false",
                  "NULL, NULL, '2025-01-03T00:00:00Z', NULL, NULL, NULL, 51, true"):
        call = f"SELECT * FROM mam_find('{BOB}', {query})"
        assert len(one.rows(call)) == 51, query
        plan = one.one(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {call}")[0]["Plan"]
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 700, query


def imported(id, minute, owner=BOB, outgoing=False, peer=CAROL, body="old", **more):
    stamp = 1_600_000_000_000_000 + minute * 60_000_000
    return {"id": id, "outgoing": outgoing, "peer": peer, "sender": f"{owner}/x" if outgoing else f"{peer}/x", "origin": f"o{minute}",
            "stanza": f"<message>{body} {minute}</message>", "stamp": stamp, **more}


def take_over(db, owner, entries, last="z", finished=True):
    return db.one("SELECT mam_import(%s, %s::jsonb, %s, %s)", owner, json.dumps(entries), last, finished)


def test_an_old_archive_is_taken_over_once(db, one):
    entries = [imported(str(n), n) for n in range(10)]
    assert take_over(db, BOB, entries[:6], last="5", finished=False) == 6
    assert take_over(db, BOB, entries, last="9") == 4 and take_over(db, BOB, entries) == 0
    ids = one.ids()
    assert len(ids) == 10 and one.find(ids=[ids[3]])[0][2].timestamp() == 1_600_000_180
    assert db.rows("SELECT last, count, finished_at IS NOT NULL AS done FROM mam_imports") == [{"last": "z", "count": 10, "done": True}]
    other = [imported(f"c{n}", n, owner=CAROL, peer=BOB, outgoing=True) for n in range(10)]
    assert take_over(db, CAROL, other) == 10 and one.ids(CAROL) == ids, "both ends are one stanza"
    differs = [imported("c99", 3, owner=CAROL, peer=BOB, outgoing=True, body="other")]
    assert take_over(db, CAROL, differs) == 1 and one.ids(CAROL)[-1] not in ids
    assert take_over(db, BOB, [imported("w", 1, peer=""), imported("g", 200)], last=None) == 1
    assert one.ids(since="2020-09-13T12:30:00Z", until="2020-09-13T12:33:00Z") == ids[4:7]
    with refused("42501"):
        one.rows("SELECT mam_import(%s, '[]', '', true)", BOB)


def folded(db, limit=64):
    return db.rows("SELECT * FROM fold_page(0, 'app.example.org', %s, 1000000)", limit)


def test_what_is_folded_is_noted(db, one):
    early = one.append(origin="early")
    assert folded(db) == [], "nobody uses that account here"
    db.rows("SELECT bound_link('bob', %s)", BOB)
    later = one.append(origin="later", direction="out")
    one.append(owner=CAROL, peer=BOB, id=later, direction="in")
    rows = folded(db)
    assert [(row["uid"], row["owner"], row["outgoing"], row["known"], row["history"]) for row in rows] == [
        (early, BOB, False, False, True), (later, BOB, True, False, True)]
    assert [row["uid"] for row in folded(db, 1)] == [early]
    db.rows("SELECT fold_done(%s, %s)", rows[0]["owner_id"], rows[0]["place"])
    assert [row["uid"] for row in folded(db)] == [later]
    db.rows("SELECT fold_done(%s, %s)", rows[1]["owner_id"], rows[1]["place"])
    assert folded(db) == [] and db.one("SELECT count(*) FROM bound_queue") == 0
    newest = one.append(origin="newest", stamp="2999-01-01T00:00:00Z")
    row, = folded(db)
    assert row["uid"] == newest and not row["history"]


def test_what_is_not_for_folding(db, one):
    db.rows("SELECT bound_link('bob', %s)", BOB)
    one.append(peer=BOB, direction="out", sender=f"{BOB}/x")
    one.append(peer="nobody@app.example.org", direction="out")
    one.append(kind="groupchat")
    stays = one.append()
    one.append(peer="dave@far.example", origin="gone")
    one.one("SELECT mam_remove(%s, 'dave@far.example')", BOB)
    assert [(row["uid"] == stays, row["known"]) for row in folded(db)] == [(False, True)] * 3 + [(True, False), (False, True)]


def receive_filed(db, id, sender, to, body="hello"):
    row, = db.rows("SELECT outcome, id, conversation_id, outbox FROM message_receive(ARRAY[%s]::uuid[], ARRAY[%s], ARRAY[%s], ARRAY[%s],"
                   " ARRAY[%s]::uuid[], ARRAY[%s || '/x'], ARRAY['m1'], ARRAY[true], ARRAY['<message/>'], ARRAY[true], p_rooms => ARRAY[''])",
                   id, sender, to, body, id, sender)
    return row


def test_a_filed_message_is_stored_once(db):
    db.rows("SELECT bound_link('bob', %s)", BOB)
    bob = db.one("SELECT id FROM users WHERE jid = %s", BOB)
    heard, said = str(uuid.uuid4()), str(uuid.uuid4())
    first = receive_filed(db, heard, CAROL, BOB)
    assert (first["outcome"], first["id"], first["outbox"]) == (0, heard, False)
    assert receive_filed(db, heard, CAROL, BOB)["outcome"] == 1
    second = receive_filed(db, said, BOB, CAROL)
    assert (second["outcome"], second["conversation_id"], second["outbox"]) == (0, first["conversation_id"], False)
    assert db.outbox() == [], "it has gone where it goes"
    assert [m["id"] for m in db.page(bob, first["conversation_id"])["items"]] == [heard, said]
    assert receive_filed(db, str(uuid.uuid4()), CAROL, ERIN)["outcome"] == 2, "neither uses this service"
    assert receive_filed(db, str(uuid.uuid4()), BOB, BOB)["outcome"] == 2


def test_old_things_are_removed(db, one):
    for owner in (BOB, CAROL):
        one.append(owner=owner, stamp="2020-01-01T00:00:00Z", origin="old")
        one.append(owner=owner, stamp="2999-01-01T00:00:00Z", origin="new")
    assert db.rows("SELECT * FROM reap_archives('{}', 0, 100)") == [{"removed": 0, "more": False, "payload": {}}]
    row, = db.rows("SELECT * FROM reap_archives('{}', 86400, 1)")
    assert row["removed"] == 1 and row["more"]
    row, = db.rows("SELECT * FROM reap_archives(%s, 86400, 100)", json.dumps(row["payload"]))
    assert row["removed"] == 1 and len(one.ids(BOB)) == len(one.ids(CAROL)) == 1


def test_old_things_stay_while_there_is_a_legal_hold(db, one):
    one.append(owner=BOB, stamp="2020-01-01T00:00:00Z", origin="old")
    bob = db.one("SELECT user_remote(%s)", BOB)
    assert db.change("hold", None, user=str(bob), reason="case 7")["outcome"] == 0
    assert db.one("SELECT removed FROM reap_archives('{}', 86400, 100)") == 0 == one.one("SELECT mam_trim(%s, now(), NULL, 100)", BOB)
    db.change("hold_release", None, user=str(bob))
    assert db.one("SELECT removed FROM reap_archives('{}', 86400, 100)") == 1


def test_what_somebody_erased_has_said_is_a_tombstone(db, one):
    for owner in (BOB, CAROL):
        for direction, peer in (("in", ERIN), ("out", ERIN)):
            one.append(owner=owner, peer=peer, direction=direction, body=f"{direction} secret", origin=direction)
    erin, carol = (db.one("SELECT user_remote(%s)", jid) for jid in (ERIN, CAROL))
    db.change("hold", None, user=str(carol), reason="case 7")
    assert db.change("user_erase", None, user=ERIN, reason="x", actor="boss")["outcome"] == 0
    some = "SELECT erase_archives(u, 1) AS more FROM users u WHERE u.id = %s"
    assert [db.one(some, erin), db.one(some, erin)] == [True, False], "so many at a time"
    while db.change("user_erase_step", None, user_id=str(erin))["result"]["more"]:
        pass
    left = sorted(row["stanza"].split("<body>")[1].split("<")[0] for row in db.rows("SELECT stanza FROM mam_stanzas"))
    assert left == ["in secret", "out secret", "out secret"], "what carol was told stays while there is a hold on her"
    assert db.one("SELECT count(*) FROM mam_holders WHERE gone") == 1 and len(one.ids(BOB)) == 1


def test_what_the_doctor_says(db, one):
    assert db.one("SELECT mam_check('{example.org}')") is None and db.one("SELECT mam_check(NULL)") is None
    assert "no role keeps the archives of else.example" in db.one("SELECT mam_check('{example.org,else.example}')")
    db.rows("SELECT mam_allow('mam_gone', 'gone.example')")
    db.rows("SELECT mam_allow('stranger', 'strange.example')")
    assert "mam_gone" in db.one("SELECT mam_check(NULL)") and "stranger" not in db.one("SELECT mam_check(NULL)")


ROLE_FAULTS = [
    ("ALTER ROLE faulty NOLOGIN", "the role faulty may not sign in: ALTER ROLE faulty LOGIN"),
    ("REVOKE EXECUTE ON FUNCTION mam_find FROM faulty; REVOKE EXECUTE ON FUNCTION mam_trim FROM faulty", "may not call mam_find, mam_trim, SELECT mam_grant()"),
    ("GRANT SELECT ON users TO faulty", "the role faulty may read tables here"),
    ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "may not use the schema: GRANT USAGE ON SCHEMA public TO faulty"),
    ("ALTER ROLE faulty SET default_transaction_read_only = on", "transactions of the role faulty only read"),
]


@pytest.mark.parametrize("fault, said", ROLE_FAULTS, ids=[said for _, said in ROLE_FAULTS])
def test_a_role_with_a_fault(db, fault, said):
    db.rows("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'faulty') THEN CREATE ROLE faulty LOGIN; END IF; END $$")
    try:
        db.rows("SELECT mam_allow('faulty', 'example.org')")
        assert db.one("SELECT mam_check('{example.org}')") is None
        db.rows(fault)
        assert said in db.one("SELECT mam_check('{example.org}')")
    finally:
        db.rows("GRANT USAGE ON SCHEMA public TO PUBLIC; ALTER ROLE faulty RESET ALL; DROP OWNED BY faulty; DROP ROLE faulty")


def test_a_server_tries_whether_it_can_keep_archives(db, one):
    one.one("SELECT mam_try('example.org')")
    assert db.one("SELECT count(*) FROM mam_owners WHERE jid LIKE '%%-%%@example.org'") == 0, "nothing stays"
    with refused("TR403"):
        one.one("SELECT mam_try('other.example')")
    one.connection.cursor().execute("SET default_transaction_read_only = on")
    with refused("25006"):
        one.one("SELECT mam_try('example.org')")


def test_the_id_of_anothers_message_takes_nothing_away(db):
    """Neither what is said to a user of ours, nor what an archive holds."""
    db.rows("SELECT bound_link('bob', %s)", BOB)
    alice = db.user("alice")
    taken = str(uuid.uuid4())
    first, = db.receive({"id": taken, "dedupe": taken, "sender": "eve@far.example", "to": "alice@app.example.org", "body": "first"})
    other, = db.receive({"id": taken, "dedupe": taken, "sender": BOB, "to": "alice@app.example.org", "body": "other"})
    again, = db.receive({"id": taken, "dedupe": taken, "sender": BOB, "to": "alice@app.example.org", "body": "other"})
    assert (first["outcome"], first["id"], other["outcome"], again["outcome"]) == (0, taken, 0, 1)
    assert other["id"] == again["id"] != taken
    filed = receive_filed(db, taken, CAROL, BOB)
    assert filed["outcome"] == 0 and filed["id"] not in (taken, other["id"])
    assert receive_filed(db, taken, CAROL, BOB)["outcome"] == 1
    assert {row["body"] for row in db.rows("SELECT body FROM messages")} == {"first", "other", "hello"}
    assert [item["id"] for item in db.conversations(alice)["items"]] == [other["conversation_id"], first["conversation_id"]]
