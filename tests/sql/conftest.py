# SPDX-License-Identifier: GPL-3.0-or-later
"""One private PostgreSQL for the session, one database per test, copied from a migrated one.

The cluster lives in a folder of its own and listens on a Unix socket there, nowhere else. It runs as
the `postgres` user when the tests run as root, which PostgreSQL refuses.
"""
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from stack_parts import base, postgres  # noqa: E402

PROGRAM = Path(os.environ.get("TRESTLE_BUILD") or TOP / "build").absolute() / "trestle"
DOMAIN = "app.example.org"
# Arrays of uuid come as lists of text.
psycopg2.extensions.register_type(psycopg2.extensions.new_array_type((2951,), "UUID[]", psycopg2.STRING))

# What the daemon sets on its connections (bridge/archive/archive.c).
DAEMON_SETTINGS = re.findall(r"-c (\w+)=(\w+)", re.search(
    r'settings = g_strdup_printf\((.*?)\);', (TOP / "bridge/archive/archive.c").read_text(), re.S)[1])


class Cluster:
    def __init__(self):
        self.account = base.account_for("postgres")
        self.dir = Path(tempfile.mkdtemp(prefix="trestle-sql-"))
        base.Stack.give(self.dir, self.account)
        self.bin = postgres.bin_dir()
        self.count = 0
        self.command("initdb", "--pgdata", self.dir / "data", "--username", "postgres", "--auth", "trust",
                     "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
        self.control("start")

    def command(self, name, *words):
        done = subprocess.run([str(self.bin / name), *map(str, words)], cwd=self.dir,
                              env=base.clean_environment(self.dir), capture_output=True, text=True,
                              check=False, **base.as_account(self.account))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def control(self, action, *words):
        options = (f"-c listen_addresses= -c unix_socket_directories={self.dir} -c fsync=off "
                   "-c max_connections=60 -c timezone=UTC -c autovacuum=off -c track_functions=all")
        # Its output must not be a pipe: the server would hold it open.
        with open(self.dir / "log", "ab") as log:
            subprocess.run([str(self.bin / "pg_ctl"), "-w", "-D", str(self.dir / "data"), "-o", options,
                            *words, action], cwd=self.dir, env=base.clean_environment(self.dir), stdout=log,
                           stderr=log, check=True, **base.as_account(self.account))

    def uri(self, database):
        return f"postgresql://postgres@/{database}?host={self.dir}"

    def connect(self, database):
        return psycopg2.connect(self.uri(database))

    def create(self, template=None):
        self.count += 1
        name = f"t{self.count}"
        admin = self.connect("postgres")
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        admin.close()
        return name

    def migrate(self, database):
        """Runs `trestle migrate`, returns what it printed."""
        config = self.dir / f"{database}.ini"
        config.write_text(f"[xmpp]\ndomain={DOMAIN}\nserver_domain=example.org\nsecret=secret\n"
                          f"[database]\nuri={self.uri(database)}\n[auth]\nkey={'k' * 32}\n")
        done = subprocess.run([str(PROGRAM), "migrate", "--config", str(config)], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def schema(self, database):
        """The schema as text, without what differs from run to run."""
        text = self.command("pg_dump", "--schema-only", "--no-owner", self.uri(database))
        return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.M)

    def close(self):
        self.control("stop", "-m", "immediate")
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster()
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def template(cluster):
    name = cluster.create()
    cluster.migrate(name)
    return name


class Database:
    """A migrated database and connections to it; the calls of the SQL functions as Python."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.open = []
        self.main = self.connect()

    def connect(self, autocommit=True):
        connection = self.cluster.connect(self.name)
        connection.autocommit = autocommit
        with connection.cursor() as cursor:
            for name, value in DAEMON_SETTINGS:
                cursor.execute(f"SET {name} = {value}")
        if not autocommit:
            connection.commit()
        self.open.append(connection)
        return connection

    def rows(self, statement, *values, on=None):
        with (on or self.main).cursor() as cursor:
            cursor.execute(statement, values)
            if cursor.description is None:
                return []
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]

    def one(self, statement, *values, on=None):
        rows = self.rows(statement, *values, on=on)
        assert len(rows) == 1
        return next(iter(rows[0].values()))

    # -- the functions

    def provision(self, external, localpart="same", username=None, name=None, avatar=None, on=None):
        row, = self.rows("SELECT * FROM user_provision(%s, %s, %s, %s, %s, %s)", external,
                         external if localpart == "same" else localpart, DOMAIN, username, name, avatar,
                         on=on)
        return row

    def user(self, external):
        return self.provision(external)["id"]

    def opened(self, user, reference=None, jid=None, on=None):
        return self.change("conversation_open", user, participant=reference, jid=jid, domain=DOMAIN,
                           field="participant_id", on=on)

    def change(self, name, user, /, on=None, **arguments):
        """Carries out one change: { outcome, result, position, at, events, follows }."""
        import json
        row, = self.rows("SELECT * FROM change_apply(ARRAY[%s], ARRAY[%s]::uuid[], ARRAY[%s])", name, user,
                         json.dumps({k: v for k, v in arguments.items() if v is not None}), on=on)
        return {**row, **{k: row[k] and json.loads(row[k]) for k in ("result", "events", "follows")}}

    def conversation(self, user, reference=None, jid=None):
        return self.opened(user, reference, jid)["result"]["id"]

    def store(self, *messages, careful=True, limited=None, on=None):
        """messages: dicts with conversation, sender and what differs from the defaults."""
        rows = [message(**m) for m in messages]
        columns = [[row[key] for row in rows] for key in
                   ("id", "conversation", "sender", "body", "client_id", "dedupe")]
        return self.rows("SELECT * FROM message_store(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[],"
                         " %s::text[], %s::uuid[], %s, p_limited => %s::boolean[])", *columns, careful, limited,
                         on=on)

    def receive(self, *arrivals, on=None):
        rows = [arrival(**a) for a in arrivals]
        columns = [[row[key] for row in rows] for key in
                   ("id", "sender", "to", "body", "dedupe", "address", "foreign_id", "markable", "stanza",
                    "receipt", "earlier")]
        return self.rows("SELECT * FROM message_receive(%s::uuid[], %s::text[], %s::text[], %s::text[],"
                         " %s::uuid[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::boolean[],"
                         " p_earlier => %s::uuid[])", *columns, on=on)

    def mark(self, kind, user=None, jid=None, conversation=None, message=None, on=None):
        row, = self.rows("SELECT * FROM mark_store(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[],"
                         " %s::text[])", [user], [jid], [conversation], [message], [kind], on=on)
        return row

    def fail(self, message_id, jid, condition="service-unavailable"):
        row, = self.rows("SELECT * FROM message_fail(%s::uuid[], %s::text[], %s::text[])", [message_id],
                         [jid], [condition])
        return row

    def page(self, user, conversation, limit=50, **cursor):
        """The page that core/message_json.c makes of the rows."""
        import json
        rows = self.rows("SELECT * FROM message_page(%s, %s, %s, %s, %s, %s)", user, conversation, limit,
                         cursor.get("before"), cursor.get("after"), cursor.get("around"))
        if not rows:
            return None
        senders = {row["sender_id"]: json.loads(row["body"]) for row in rows if row["part"] == 0}
        messages = [row for row in rows if row["part"] == 1]
        more = len(messages) > limit
        forward = cursor.get("after") is not None
        if more:
            messages = messages[:limit] if forward else messages[1:]

        def mark(message, part):
            at = [row["created_at"] for row in rows if row["part"] == part
                  and (row["sender_id"] == user) == (message["sender_id"] != user)
                  and row["seq"] >= message["seq"]]
            return moment(at[0]) if at else None

        items = []
        for row in messages:
            delivered, read = (None, None) if row["failed"] else (mark(row, 2), mark(row, 3))
            status = "failed" if row["failed"] else "read" if read else "delivered" if delivered else "sent"
            sender = row["sender_id"] and senders[row["sender_id"]]
            items.append({**FIXED, "id": row["id"], "client_id": row["client_id"],
                          "conversation_id": conversation, "seq": row["seq"], "sender_id": row["sender_id"],
                          "content": row["body"], "sender": sender,
                          "metadata": metadata(row["sent_at"]) or row["metadata"] and json.loads(row["metadata"]),
                          "message_type": row["kind"],
                          "status": status, "delivered_at": delivered or read, "read_at": read,
                          "created_at": moment(row["created_at"])})
        return {"items": items, "has_more": more,
                "next": items[-1 if forward else 0]["id"] if more else None}

    def conversations(self, user, limit=50, before=None, after=None, filter="all", q=None):
        rows = self.rows("SELECT * FROM conversation_list(%s, %s, %s, %s, %s, %s)", user, limit, before, after,
                         filter, q)
        rest = bool(rows) and rows[-1]["rest"]
        return {"items": [listed(row, rows[0]["self"], user) for row in (rows[::-1] if after is not None else rows)],
                "has_more": rest, "next": str(rows[-1]["key"]) if rest else None}

    def outbox(self, after=0, limit=1000, n=0):
        return self.rows("SELECT * FROM outbox_page(%s, %s, %s)", after, n, limit)

    def resume(self, user, position, limit=1000, bytes=1_000_000):
        return self.rows("SELECT * FROM event_resume(%s, %s, %s, %s)", user, position, limit, bytes)

    def head(self):
        return self.one("SELECT position FROM log_head")

    def close(self):
        for connection in self.open:
            connection.close()


# What is the same in every Message object.
FIXED = {"reply_to": None, "thread_id": None, "forward_count": 0, "reactions": [], "mentions": [],
         "is_edited": False, "edited_at": None, "deleted_at": None, "expires_at": None}


def listed(row, self_text, user):
    """The Conversation object that core/conversation_json.c makes of a row."""
    import json
    if row["whole"]:
        return json.loads(row["whole"])
    mine = json.loads(self_text)
    peer = {"email": "", **{key: row[f"peer_{column}"] for key, column in (
        ("id", "id"), ("username", "username"), ("name", "name"), ("avatar_url", "picture"), ("bio", "bio"),
        ("jid", "jid"), ("kind", "kind"), ("number", "number"))}}
    sides = [{"user": who, "role": row[f"{prefix}_role"], "joined_at": moment(row[f"{prefix}_joined"]),
              "last_read_seq": row[f"{prefix}_read"]} for who, prefix in ((mine, "mine"), (peer, "peer"))]
    if not row["is_a"]:
        sides.reverse()
    last = None
    if row["last_id"]:
        delivered, read = (None, None) if row["last_failed"] else (moment(row["last_delivered"]), moment(row["last_read"]))
        last = {**FIXED, "id": row["last_id"], "client_id": row["last_client_id"], "conversation_id": row["id"],
                "seq": row["last_seq"], "sender": mine if row["last_mine"] else peer,
                "sender_id": user if row["last_mine"] else peer["id"], "content": row["last_body"],
                "metadata": metadata(row["last_sent"]), "message_type": row["last_kind"],
                "delivered_at": delivered or read, "read_at": read,
                "status": "failed" if row["last_failed"] else "read" if read else "delivered" if delivered else "sent",
                "created_at": moment(row["last_at"])}
    made, at = moment(row["created_at"]), moment(row["last_at"])
    return {"id": row["id"], "type": row["kind"], "jid": peer["jid"], "name": peer["name"], "description": None,
            "icon_url": peer["avatar_url"], "participants": sides, "participant1": sides[0]["user"],
            "participant2": sides[1]["user"], "participant1_id": sides[0]["user"]["id"],
            "participant2_id": sides[1]["user"]["id"], "last_message": last, "last_message_at": at or made,
            "unread_count": row["unread"], "pinned": row["pinned"], "muted_until": json.loads(row["muted"]),
            "archived": row["archived"], "request": row["request"], "blocked": row["blocked"], "settings": {},
            "created_at": made, "updated_at": at or made}


def metadata(sent_at):
    return sent_at and {"sent_at": moment(sent_at)}


def moment(at):
    """A time as the API has it."""
    return at and at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def new_id():
    import uuid
    return str(uuid.uuid4())


def message(conversation, sender, body="hello", client_id=None, dedupe=None, id=None):
    id = id or new_id()
    return {"id": id, "conversation": conversation, "sender": sender, "body": body,
            "client_id": client_id, "dedupe": dedupe or id}


def arrival(to, sender="romeo@example.org", body="hello", dedupe=None, foreign_id="f-1", markable=False,
            receipt=False, id=None, stanza="<message/>", earlier=None):
    id = id or new_id()
    return {"earlier": earlier, "id": id, "sender": sender, "to": to, "body": body, "dedupe": dedupe or id,
            "address": f"{sender}/phone", "foreign_id": foreign_id, "markable": markable,
            "stanza": stanza, "receipt": receipt}


@pytest.fixture
def db(cluster, template):
    database = Database(cluster, cluster.create(template))
    yield database
    database.close()
