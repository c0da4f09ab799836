# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations and named queries: what the daemon prepares exists, and there is one way to a schema."""
import re

import pytest
from conftest import TOP


def named_queries(*folders):
    for path in sorted(p for folder in folders or ("query", "tool") for p in (TOP / "sql" / folder).glob("*.sql")):
        blocks = re.split(r"^-- name: *([a-z0-9_]+) *$", path.read_text(), flags=re.M)
        for name, text in zip(blocks[1::2], blocks[2::2]):
            yield name, "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()


def migrations():
    return sorted((TOP / "sql/migration").glob("*.sql"))


def test_every_named_query_prepares(db):
    names = [name for name, text in named_queries()]
    assert len(names) == len(set(names)) and "message_store" in names
    for name, text in named_queries():
        db.rows(f"PREPARE {name} AS " + re.sub(r"(?<!:):[a-z_]+::", "NULL::", text)) # parameters with names


def test_migrating_again_changes_nothing(cluster):
    name = cluster.create()
    first = cluster.migrate(name)
    schema = cluster.schema(name)
    applied = cluster.connect(name)
    with applied.cursor() as cursor:
        cursor.execute("SELECT version, name, applied_at FROM schema_migrations ORDER BY version")
        before = cursor.fetchall()
        second = cluster.migrate(name)
        cursor.execute("SELECT version, name, applied_at FROM schema_migrations ORDER BY version")
        assert cursor.fetchall() == before
    applied.close()
    assert [f"{version:04d}_{label}.sql" for version, label, _ in before] == [p.name for p in migrations()]
    assert "applying 0001_base" in first and "applying" not in second
    assert cluster.schema(name) == schema


class Ladder:
    """A database that is brought from version to version, of which copies are taken on the way up."""

    def __init__(self, cluster):
        self.cluster, self.name, self.count = cluster, None, 0

    def copy(self, count):
        """The name of a database that has the first `count` migrations."""
        if self.name is None or count < self.count:
            self.name, self.count = self.cluster.create(), 0
        connection = self.cluster.connect(self.name)
        with connection.cursor() as cursor:
            for path in migrations()[self.count:count]:
                cursor.execute(path.read_text())
                cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)",
                               (int(path.stem[:4]), path.stem[5:]))
        connection.commit()
        connection.close()
        self.count = count
        return self.cluster.create(self.name)


@pytest.fixture(scope="module")
def ladder(cluster):
    return Ladder(cluster)


@pytest.fixture(scope="module")
def fresh(cluster, template):
    return cluster.schema(template)


@pytest.mark.parametrize("count", range(1, len(migrations())))
def test_upgraded_schema_is_the_fresh_one(cluster, ladder, fresh, count):
    """From every older version, with rows in it, by dump and restore as an operator would."""
    old = ladder.copy(count)
    connection = cluster.connect(old)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO users (id, kind, external_id, jid) VALUES"
                       " (gen_random_uuid(), 'hosted', 'a', 'a@app.example.org')")
    connection.commit()
    connection.close()
    dump = cluster.dir / f"{old}.dump"
    cluster.command("pg_dump", "--format=custom", "--file", dump, cluster.uri(old))
    restored = cluster.create()
    cluster.command("pg_restore", "--no-owner", "--dbname", cluster.uri(restored), dump)
    cluster.migrate(restored)
    assert cluster.schema(restored) == fresh
    connection = cluster.connect(restored)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users")
        assert cursor.fetchone() == (1,)
    connection.close()
    cluster.drop(old)
    cluster.drop(restored)


def test_one_that_came_late_runs_although_its_number_is_lower(cluster, template):
    """As when two people add migrations, and the one with the lower number is ready behind the other."""
    name = cluster.create()
    cluster.migrate(name)
    connection = cluster.connect(name)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX bound_outbox_age")
        cursor.execute("DELETE FROM schema_migrations WHERE version = 50")
    connection.commit()
    connection.close()
    done = cluster.migrate(name)
    assert [line for line in done.splitlines() if "applying" in line] == ["applying 0050_bound_waiting"]
    assert cluster.schema(name) == cluster.schema(template)


def test_newer_schema_is_refused(cluster, db):
    import subprocess

    from conftest import PROGRAM
    db.rows("INSERT INTO schema_migrations (version, name) VALUES (9999, 'future')")
    config = cluster.dir / "future.ini"
    config.write_text(f"[xmpp]\ndomain=a.example\nserver_domain=example\nsecret=s\n[database]\n"
                      f"uri={cluster.uri(db.name)}\n[auth]\nkey={'k' * 32}\n")
    done = subprocess.run([str(PROGRAM), "migrate", "--config", str(config)], capture_output=True, text=True,
                          check=False)
    assert done.returncode != 0 and "9999" in done.stderr


def test_index_of_an_older_version_is_made_again(cluster):
    """What was said before an upgrade is found after it, as soon as the index has been there."""
    name = cluster.create()
    connection = cluster.connect(name)
    with connection.cursor() as cursor:
        for path in migrations()[:9]:
            cursor.execute(path.read_text())
            cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (int(path.stem[:4]), path.stem[5:]))
        cursor.execute("INSERT INTO users (id, kind, external_id, jid) SELECT md5(x)::uuid, 'hosted', x,"
                       " x || '@app.example.org' FROM unnest('{a,b}'::text[]) x")
        cursor.execute("INSERT INTO conversations (id, user_a, user_b, number_a, number_b, position, created_at)"
                       " SELECT md5('c')::uuid, min(id::text)::uuid, max(id::text)::uuid, 1, 2, 1, now() FROM users")
        cursor.execute("INSERT INTO members (conversation_id, user_id, joined_at)"
                       " SELECT md5('c')::uuid, id, now() FROM users")
        cursor.execute("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body)"
                       " SELECT gen_random_uuid(), md5('c')::uuid, n, n + 1, md5('a')::uuid, now(), 'said ' || n"
                       " FROM generate_series(1, 30) n")
        cursor.execute("UPDATE log_head SET position = 31")
        cursor.execute("INSERT INTO search_blocks (position, conversation_id, first_seq, last_seq, words)"
                       " VALUES (31, md5('c')::uuid, 1, 30, '0.said')")
        cursor.execute("UPDATE search_state SET position = 31")
    connection.commit()
    cluster.migrate(name)
    with connection.cursor() as cursor:
        for indexed in (False, True):
            cursor.execute("SELECT count(message) FROM message_search(md5('b')::uuid, NULL, 'said', 50, NULL)")
            assert cursor.fetchone() == (30,), indexed
            cursor.execute("SELECT behind FROM search_index(1024)")
            assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM search_blocks")
        assert cursor.fetchone() == (1,)
    connection.close()


def test_what_another_folding_left_serves_until_it_is_made_anew(cluster):
    """Blocks and words of users of the version before: found while the daemon works, then by the new words."""
    name = cluster.create()
    connection = cluster.connect(name)
    with connection.cursor() as cursor:
        for path in migrations():
            if path.stem >= "0018":
                break
            cursor.execute(path.read_text())
            cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (int(path.stem[:4]), path.stem[5:]))
        cursor.execute("INSERT INTO users (id, kind, external_id, jid, name) SELECT md5(x)::uuid, 'hosted', x,"
                       " x || '@app.example.org', 'Ｒｅｎé ' || x FROM unnest('{a,b}'::text[]) x")
        cursor.execute("INSERT INTO user_words (word, user_id) SELECT 'old', id FROM users")
        cursor.execute("UPDATE users SET username = E'ad\\u200bmin\\nb' WHERE external_id = 'b'")
        cursor.execute("INSERT INTO users (id, kind, jid, username) SELECT gen_random_uuid(), 'remote', x, x"
                       " FROM unnest('{eve@xn--bcher-kva.example,bob@xn--,xn--p1ai,two@xn--p1ai,two@рф}'::text[]) x")
        cursor.execute("INSERT INTO blocks (user_id, peer) SELECT md5('a')::uuid, x FROM unnest('{xn--p1ai,eve@xn--bcher-kva.example,a@b}'::text[]) x")
        cursor.execute("INSERT INTO conversations (id, user_a, user_b, number_a, number_b, position, created_at)"
                       " SELECT md5('c')::uuid, min(id::text)::uuid, max(id::text)::uuid, 1, 2, 1, now() FROM users")
        cursor.execute("INSERT INTO members (conversation_id, user_id, joined_at)"
                       " SELECT md5('c')::uuid, id, now() FROM users")
        cursor.execute("INSERT INTO messages (id, conversation_id, seq, position, sender_id, created_at, body)"
                       " SELECT gen_random_uuid(), md5('c')::uuid, n, n + 1, md5('a')::uuid, now(), '🎉said ' || n"
                       " FROM generate_series(1, 300) n")
        cursor.execute("UPDATE log_head SET position = 301")
        # As the version before has it: the words are '🎉said' and the number.
        cursor.execute("INSERT INTO search_blocks (position, conversations, first_seqs, last_seqs, words)"
                       " SELECT max(n) + 1, ARRAY[md5('c')::uuid], ARRAY[min(n)], ARRAY[max(n)],"
                       "   array_to_tsvector(ARRAY['0.🎉said', '0.', '0@1', '0@2', '0#' || left(md5('c'), 8)]"
                       "                     || array_agg('0.' || n))"
                       " FROM generate_series(1, 300) n GROUP BY (n + 1) >> 6")
        cursor.execute("UPDATE search_state SET position = 301")
    connection.commit()
    cluster.migrate(name)
    connection.autocommit = True
    with connection.cursor() as cursor:
        def one(statement, *values):
            cursor.execute(statement, values)
            return cursor.fetchone()

        def found(query):
            cursor.execute("SELECT (message).body FROM message_search(md5('b')::uuid, NULL, %s, 100, NULL)"
                           " WHERE message IS DISTINCT FROM NULL", [query])
            return [body for body, in cursor.fetchall()]

        left = []
        while not left or left[-1] > 0:
            assert found("25") == ["🎉said " + str(n) for n in (*range(259, 249, -1), 25)], "once, all the time"
            left.append(one("SELECT left_ FROM search_renew(64)")[0])
        assert left == sorted(left, reverse=True) and len(left) > 5
        assert len(found("said")) == 100
        assert one("SELECT array_agg(word ORDER BY word) FROM user_words WHERE user_id = md5('a')::uuid") == (["a", "rené"],)
        assert one("SELECT folded FROM users WHERE id = md5('a')::uuid") == ("rené a\na",)
        assert one("SELECT * FROM search_renew(64)") == (0, 301)
        assert one("SELECT behind FROM search_index(1024)") == (0,)
        # Addresses and names of before are in the one spelling that they have now.
        assert one("SELECT array_agg(jid ORDER BY jid) FROM users WHERE kind = 'remote' AND username = jid") == (
            ["bob@xn--", "eve@bücher.example", "two@xn--p1ai", "two@рф", "рф"],)
        assert one("SELECT array_agg(peer ORDER BY peer) FROM blocks") == (["a@b", "eve@bücher.example", "рф"],)
        assert one("SELECT username FROM users WHERE external_id = 'b'") == ("admin b",)
        # One block at every place: nothing is looked at twice.
        assert one("SELECT count(*), sum(cardinality(conversations)) FROM search_blocks") == (5, 5)
    connection.close()


def test_other_functions_are_replaced_and_strangers_left_alone(cluster, db):
    """A set of another program is dropped as a whole; what somebody else made in the schema stays."""
    db.rows("CREATE FUNCTION not_ours() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    db.rows("CREATE FUNCTION of_an_older_program(int) RETURNS int LANGUAGE sql AS 'SELECT $1'")
    db.rows("UPDATE schema_functions SET digest = 'other', signatures = signatures || '{of_an_older_program(int)}'")
    assert "replacing the functions" in cluster.migrate(db.name)
    names = [row["proname"] for row in db.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")]
    assert "not_ours" in names and "message_store" in names and "of_an_older_program" not in names
    assert "replacing" not in cluster.migrate(db.name)
