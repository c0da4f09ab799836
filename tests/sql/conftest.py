# SPDX-License-Identifier: GPL-3.0-or-later
"""One private PostgreSQL for the session, one database per test, copied from a migrated one.

The cluster lives in a folder of its own and listens on a Unix socket there, nowhere else. It runs as
the `postgres` user when the tests run as root, which PostgreSQL refuses.

A database is about eight hundred files, and making them on a disk costs more than most tests: the folder is in memory
where there is room, and each test's database goes with the test. Nothing here outlives a crash, nor has to.
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

ROOM = 2 << 30  # bytes that the clusters of two workers do not need together


class Cluster:
    def __init__(self):
        self.account = base.account_for("postgres")
        self.dir = Path(tempfile.mkdtemp(prefix="trestle-sql-", dir=base.memory_folder(ROOM)))
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
                   "-c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 -c max_wal_size=256MB "
                   "-c max_connections=60 -c timezone=UTC -c autovacuum=off -c track_functions=all "
                   "-c shared_preload_libraries=pg_stat_statements -c pg_stat_statements.track=all "
                   "-c pg_stat_statements.track_planning=on -c pg_stat_statements.max=5000")
        # Its output must not be a pipe: the server would hold it open.
        with open(self.dir / "log", "ab") as log:
            subprocess.run([str(self.bin / "pg_ctl"), "-w", "-D", str(self.dir / "data"), "-o", options,
                            *words, action], cwd=self.dir, env=base.clean_environment(self.dir), stdout=log,
                           stderr=log, check=True, **base.as_account(self.account))

    def uri(self, database):
        return f"postgresql://postgres@/{database}?host={self.dir}"

    def connect(self, database):
        return psycopg2.connect(self.uri(database))

    def execute(self, statement):
        admin = self.connect("postgres")
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute(statement)
        admin.close()

    def create(self, template=None):
        """Copied as files: by the log, each page of a template would be written twice."""
        self.count += 1
        name = f"t{self.count}"
        self.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""))
        return name

    def drop(self, name):
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

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


# Of XMPP servers that keep archives here: roles are there before the schema is.
ROLES = ["CREATE ROLE trestle_mam", *(f"CREATE ROLE {role} LOGIN IN ROLE trestle_mam" for role in ("mam_one", "mam_two", "mam_none")),
         "CREATE ROLE stranger LOGIN"]


@pytest.fixture(scope="session")
def cluster():
    cluster = Cluster()
    for statement in ROLES:
        cluster.command("psql", "-X", "-q", "-c", statement, cluster.uri("postgres"))
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
        done = {**row, **{k: row[k] and json.loads(row[k]) for k in ("result", "events", "follows")}}
        shown_result(done["result"])
        for event in done["events"] or ():
            event["payload"] = event_object(event["type"], event["payload"])
        return done

    def conversation(self, user, reference=None, jid=None):
        return self.opened(user, reference, jid)["result"]["id"]

    def store(self, *messages, careful=True, limited=None, on=None):
        """messages: dicts with conversation, sender and what differs from the defaults."""
        rows = [message(**without_details(m)) for m in messages]
        columns = [[row[key] for row in rows] for key in
                   ("id", "conversation", "sender", "body", "client_id", "dedupe")]
        return self.rows("SELECT s.*, to_jsonb(s.shown) AS shown FROM message_store(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[],"
                         " %s::text[], %s::uuid[], %s, p_limited => %s::boolean[], p_details => %s::jsonb[]) s ORDER BY s.n",
                         *columns, careful, limited, carried(messages), on=on)

    def receive(self, *arrivals, rooms=None, on=None):
        rows = [arrival(**without_details(a)) for a in arrivals]
        columns = [[row[key] for row in rows] for key in
                   ("id", "sender", "to", "body", "dedupe", "address", "foreign_id", "markable", "stanza",
                    "receipt", "earlier")]
        return self.rows("SELECT s.*, to_jsonb(s.sender) AS sender FROM message_receive(%s::uuid[], %s::text[], %s::text[], %s::text[],"
                         " %s::uuid[], %s::text[], %s::text[], %s::boolean[], %s::text[], %s::boolean[],"
                         " p_earlier => %s::uuid[], p_rooms => %s::text[], p_details => %s::jsonb[]) s",
                         *columns, rooms, carried(arrivals), on=on)

    def mark(self, kind, user=None, jid=None, conversation=None, message=None, on=None):
        row, = self.rows("SELECT * FROM mark_store(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[],"
                         " %s::text[])", [user], [jid], [conversation], [message], [kind], on=on)
        return row

    def fail(self, message_id, jid, condition="service-unavailable"):
        row, = self.rows("SELECT * FROM message_fail(%s::uuid[], %s::text[], %s::text[])", [message_id],
                         [jid], [condition])
        return row

    def page(self, user, conversation, limit=50, **cursor):
        """The page that bridge/view/message.c makes of the rows."""
        rows = self.rows("SELECT to_jsonb(p) AS message FROM message_page(%s, %s, %s, %s, %s, %s) p", user, conversation, limit,
                         cursor.get("before"), cursor.get("after"), cursor.get("around"))
        if not rows:
            return None
        assert [row["message"]["head"] is not None for row in rows] == [True] + [False] * (len(rows) - 1)
        head = rows[0]["message"]["head"]
        senders = {sender["id"]: sender for sender in head["senders"]}
        found = [{**row["message"], "conversation_id": conversation} for row in rows if row["message"]["id"]]
        place = head["place"]
        forward = cursor.get("after") is not None
        if forward:
            messages = [m for m in found if m["seq"] > place][:limit]
        elif cursor.get("around"):
            messages = [m for m in found if m["seq"] <= place + (limit - 1) // 2][-limit:]
        else:
            messages = [m for m in found if place is None or m["seq"] < place][-limit:]
        before = bool(found) and (not messages and forward or bool(messages) and found[0] is not messages[0])
        after = bool(found) and (not messages and not forward or bool(messages) and found[-1] is not messages[-1])
        more = bool(messages) and (after if forward else before)

        def mark(message, read):
            at = [to["at"] for to in head["marks"]
                  if to["read"] == read and to["own"] == (message["sender_id"] != user) and to["seq"] >= message["seq"]]
            return at[0] if at else None

        items = [message_object({**message, "sender": senders.get(message["sender_id"]),
                                 "delivered_at": mark(message, False), "read_at": mark(message, True)})
                 for message in messages]
        return {"items": items, "has_more": more, "has_more_before": before, "has_more_after": after,
                "next": items[-1 if forward else 0]["id"] if more else None}

    def message(self, user, message):
        return message_object(self.one("SELECT to_jsonb(message_get(%s, %s))", user, message))

    def search(self, user, query, conversation=None, limit=50, before=None):
        rows = self.rows("SELECT to_jsonb(message) AS message, more, next FROM message_search(%s, %s, %s, %s, %s)",
                         user, conversation, query, limit, before)
        if not rows:
            return None
        return {"items": [message_object(row["message"]) for row in rows[1:]], "has_more": rows[0]["more"],
                "next": rows[0]["next"]}

    def conversations(self, user, limit=50, before=None, after=None, filter="all", q=None):
        rows = self.rows("SELECT key, rest, to_jsonb(l) AS row, to_jsonb(self) AS self, to_jsonb(conversation) AS conversation"
                         " FROM conversation_list(%s, %s, %s, %s, %s, %s) l", user, limit, before, after, filter, q)
        rest = bool(rows) and rows[-1]["rest"]
        for row in rows:
            row["conversation"] = row["conversation"] or pair_facts(rows[0]["self"], row["row"])
        return {"items": [conversation_object(row["conversation"]) for row in (rows[::-1] if after is not None else rows)],
                "has_more": rest, "next": str(rows[-1]["key"]) if rest else None}

    def get(self, user, conversation):
        return conversation_object(self.one("SELECT to_jsonb(conversation_get(%s, %s))", user, conversation))

    def members(self, user, conversation, state=None, q=None, limit=50, after=None):
        rows = self.rows("SELECT to_jsonb(item) AS item, more, next FROM membership_page(%s, %s, %s, %s, %s, %s)",
                         user, conversation, state, q, limit, after)
        return rows and {"items": [participant_object(row["item"]) for row in rows[1:]], "has_more": rows[0]["more"],
                         "next": rows[0]["next"]}

    def outbox(self, after=0, limit=1000, n=0):
        return self.rows("SELECT * FROM outbox_page(%s, %s, %s)", after, n, limit)

    def resume(self, user, position, limit=1000, bytes=1_000_000):
        """payload: what the daemon makes of the facts, as text."""
        import json
        rows = self.rows("SELECT position, type, at, payload, to_jsonb(message) AS message, to_jsonb(mark) AS mark,"
                         " to_jsonb(failure) AS failure, conversation_id, message_id, sender_id, actor, peer, many"
                         " FROM event_resume(%s, %s, %s, %s)", user, position, limit, bytes)
        for row in rows:
            shown = message_object(row["message"]) or mark_object(row["mark"]) or failure_object(row["failure"])
            told = row["payload"] and event_object(row["type"], json.loads(row["payload"]))
            row["payload"] = json.dumps(shown or told) if shown or told else None
        return rows

    def head(self):
        return self.one("SELECT position FROM log_head")

    def close(self):
        for connection in self.open:
            connection.close()


def without_details(row):
    return {key: value for key, value in row.items() if key != "details"}


def carried(rows):
    """What rows carry besides a text, as an array of PostgreSQL."""
    import json
    details = [row.get("details") for row in rows]
    return [d and json.dumps(d) for d in details] if any(details) else None


# What is the same in every Message object.
FIXED = {"reply_to": None, "thread_id": None, "forward_count": 0, "mentions": [],
         "is_edited": False, "edited_at": None, "deleted_at": None, "expires_at": None}


# What bridge/view writes of facts, which to_jsonb() made of the types of sql/type.

def user_object(facts):
    return facts and {**facts, "email": ""}


def message_object(facts):
    if not facts:
        return None
    delivered, read = (None, None) if facts["failed"] else (shown_time(facts[key]) for key in ("delivered_at", "read_at"))
    return {**FIXED, **{key: facts[key] for key in ("id", "client_id", "conversation_id", "seq", "sender_id")},
            "reactions": facts["reactions"] or [], "sender": user_object(facts["sender"]), "content": facts["body"], "message_type": facts["kind"],
            "metadata": {"sent_at": shown_time(facts["sent_at"])} if facts["sent_at"] else facts["metadata"],
            "status": "failed" if facts["failed"] else "read" if read else "delivered" if delivered else "sent",
            "delivered_at": delivered or read, "read_at": read, "created_at": shown_time(facts["created_at"])}


def mark_object(facts):
    return facts and {**facts, "at": shown_time(facts["at"])}


def failure_object(facts):
    return facts and {"code": "xmpp_unreachable", "xmpp_condition": facts["condition"],
                      **{key: facts[key] for key in ("conversation_id", "message_id", "client_id")}}


def shown_time(text):
    return text and moment(datetime.datetime.fromisoformat(text))


def participant_object(side):
    return {"user": user_object(side["member"]), "role": side["role"], "joined_at": shown_time(side["joined_at"]),
            "last_read_seq": side["last_read_seq"], "state": side["state"], "permissions": side["permissions"] or [],
            "last_seen_at": shown_time(side["last_seen_at"])}


def pair_facts(self, row):
    """What rows of a list have in columns, as bridge/view/conversation_page.c reads them."""
    peer = {"id": row["peer_id"], "kind": row["peer_kind"],
            **{key: row[key] for key in ("username", "name", "avatar_url", "bio", "jid", "number")}}
    instead = row["instead"]
    facts = {"id": row["direct_id"], "kind": "direct", "description": None, "created_at": row["begun"], "last_message": instead,
             "last_at": instead["created_at"] if instead else row["begun"], "member_count": 2, "settings": None, "unread_mentions": 0,
             "disappearing_seconds": row["disappearing"] or 0, "jid": peer["jid"], "name": peer["name"], "icon_url": peer["avatar_url"],
             **{key: row[key] for key in ("unread", "pinned", "muted_until", "archived", "request", "blocked", "marked_unread",
                                          "draft", "notify")}}
    facts["participants"] = [
        {"member": member, "role": row[f"{side}_role"], "joined_at": row[f"{side}_joined"], "last_read_seq": row[f"{side}_read"],
         "state": "joined", "permissions": None, "last_seen_at": None} for side, member in (("own", self), ("peer", peer))]
    if row["shown"]:
        sender = {user["id"]: user for user in (self, peer)}.get(row["sender_id"])
        facts.update(last_message={**row, "conversation_id": row["direct_id"], "sender": sender}, last_at=row["created_at"])
    return facts


def conversation_object(facts):
    if not facts:
        return None
    sides = [participant_object(side) for side in facts["participants"]]
    two = facts["kind"] == "direct"
    if two:
        sides.sort(key=lambda side: side["user"]["id"])
    users = [side["user"] for side in sides] if two else [None, None]
    at = shown_time(facts["last_at"])
    return {**{key: facts[key] for key in ("id", "jid", "name", "description", "icon_url", "pinned", "muted_until",
                                           "archived", "request", "blocked", "marked_unread", "draft", "member_count", "notify",
                                           "disappearing_seconds", "unread_mentions")},
            "type": facts["kind"], "participants": sides, "participant1": users[0], "participant2": users[1],
            "participant1_id": users[0] and users[0]["id"], "participant2_id": users[1] and users[1]["id"],
            "last_message": message_object(facts["last_message"]), "last_message_at": at,
            "unread_count": facts["unread"], "settings": facts["settings"] or {}, "created_at": shown_time(facts["created_at"]),
            "updated_at": at}


def event_object(kind, payload):
    """What an event carries, of its facts."""
    if kind in ("conversation.new", "conversation.updated"):
        return conversation_object(payload)
    if kind == "request.new":
        return {**payload, "conversation": conversation_object(payload["conversation"])}
    return message_object(payload) if kind in ("message.new", "message.updated") else payload


def shown_result(result):
    """Puts objects in the place of the facts in a change's result."""
    if not isinstance(result, dict):
        return
    if isinstance(result.get("conversation"), dict):
        result["conversation"] = conversation_object(result["conversation"])
    if "last_at" in result:
        result.update(conversation_object(result))
    elif "username" in result:
        result["email"] = ""


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
            receipt=False, id=None, stanza="<message/>", earlier=None, resource="phone"):
    id = id or new_id()
    return {"earlier": earlier, "id": id, "sender": sender, "to": to, "body": body, "dedupe": dedupe or id,
            "address": f"{sender}/{resource}", "foreign_id": foreign_id, "markable": markable,
            "stanza": stanza, "receipt": receipt}


@pytest.fixture
def db(cluster, template):
    database = Database(cluster, cluster.create(template))
    yield database
    database.close()
    cluster.drop(database.name)
