# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins what clients saw (harness.history) with what the database holds, once all is quiet.

`check(lines, tables)` is a pure function: `lines` are dicts as History.add makes them, `tables` what
`load` reads. Every broken promise becomes one violation, "CODE: what exactly".

  I1   what was acknowledged is stored, as it was sent, under the id of the acknowledgement
  I2   one row per idempotency key (app) and per origin-id (XMPP)
  I3   each consumer of events has every message of its conversations once, in stored order
  I5   watermarks never go back, and an acknowledged one holds
  I6   pages walked in either direction = stored order
  I7   nothing is stored that nobody sent
  I8   unread = messages of others after the watermark
  X1   an acknowledged message for an XMPP user arrives there, with the message's id and text
  X2   first arrivals are in stored order; whatever arrives again is identical
"""
from collections import Counter, defaultdict

import psycopg2
import psycopg2.extras

QUERIES = {
    "conversations": "SELECT id, member_ids::text[], remote_user, remote_jid FROM conversations WHERE id IN %s",
    "messages": "SELECT id, conversation_id, seq, position, sender_id, client_id, foreign_id, body"
                " FROM messages WHERE conversation_id IN %s ORDER BY position",
    "members": "SELECT conversation_id, user_id, delivered_seq, read_seq FROM members"
               " WHERE conversation_id IN %s",
    "marks": "SELECT conversation_id, user_id, kind, seq, at FROM marks WHERE conversation_id IN %s"
             " ORDER BY at, seq",
    "users": "SELECT id, jid FROM users WHERE id IN (SELECT user_id FROM members WHERE conversation_id IN %s)",
    "outbox": "SELECT position, kind, message_id FROM outbox WHERE true OR %s IS NULL ORDER BY position",
}


def load(uri, conversations):
    """The rows of these conversations, in one snapshot."""
    with psycopg2.connect(uri, cursor_factory=psycopg2.extras.RealDictCursor) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        with connection.cursor() as cursor:
            tables = {}
            for name, query in QUERIES.items():
                cursor.execute(query, (tuple(conversations),))
                tables[name] = [dict(row) for row in cursor]
    connection.close()
    return tables


class Report:
    """`violations` empty: all promises were kept. `numbers` is for people."""

    def __init__(self, violations=(), **numbers):
        self.violations = list(violations)
        self.numbers = numbers

    def broken(self, code, text):
        self.violations.append(f"{code}: {text}")

    def assert_clean(self):
        assert not self.violations, (f"{len(self.violations)} violations; {self}\n  "
                                     + "\n  ".join(self.violations[:40]))

    def __str__(self):
        return " ".join(f"{key}={value}" for key, value in self.numbers.items())


def some(items, limit=5):
    """The first few of a list, for a violation's text."""
    items = list(items)
    more = f" … ({len(items)} in all)" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + more


class _Check:
    def __init__(self, lines, tables, server_may_lose):
        self.lines, self.tables, self.server_may_lose = lines, tables, server_may_lose
        self.report = Report()
        self.rows = {row["id"]: row for row in tables["messages"]}
        self.jids = {row["id"]: row["jid"] for row in tables["users"]}
        self.conversations = {row["id"]: row for row in tables["conversations"]}
        self.order = defaultdict(list)
        for row in sorted(tables["messages"], key=lambda row: (row["conversation_id"], row["seq"])):
            self.order[row["conversation_id"]].append(row["id"])

    def of(self, kind, op):
        return [line for line in self.lines if line["kind"] == kind and line["op"] == op]

    # -- sending

    def sends(self):
        """I1, I2, I7, for apps (send) and XMPP users (stanza)."""
        sent = {line["key"]: line for op in ("send", "stanza") for line in self.of("invoke", op)}
        by_key = defaultdict(list)
        for row in self.tables["messages"]:
            key = row["client_id"] or row["foreign_id"]
            by_key[key].append(row)
            origin = sent.get(key)
            if not origin:
                self.report.broken("I7", f"{row['id']} was sent by nobody (key {key})")
            elif row["body"] != origin["body"] or self._sender(row) != origin["sender"]:
                self.report.broken("I7", f"{row['id']} is not what was sent with key {key}")
        duplicates = {key: rows for key, rows in by_key.items() if len(rows) > 1}
        for key, rows in duplicates.items():
            self.report.broken("I2", f"key {key} has {len(rows)} rows: {some(row['id'] for row in rows)}")
        lost = self._acknowledged(sent, by_key)
        acked = {line["key"] for op in ("send", "stanza") for line in self.of("ok", op)}
        self.report.numbers.update(
            sent=len(sent), acknowledged=len(acked), stored=len(self.tables["messages"]),
            duplicates=sum(len(rows) - 1 for rows in duplicates.values()), lost=len(lost),
            unknown_outcomes=len(self.of("info", "send")), refused=len(self.of("fail", "send")))
        for key in sent.keys() - acked:
            self.report.broken("I1", f"key {key} was never acknowledged, though it was repeated to the end")

    def _sender(self, row):
        return self.jids.get(row["sender_id"])

    def _acknowledged(self, sent, by_key):
        lost, ids = set(), {}
        for line in self.of("ok", "send"):
            row = self.rows.get(line["id"])
            if row is None:
                lost.add(line["key"])
                self.report.broken("I1", f"acknowledged {line['id']} (key {line['key']}) is not stored")
            elif (row["client_id"], row["seq"]) != (line["key"], line["seq"]):
                self.report.broken("I1", f"{line['id']} was acknowledged as key {line['key']} seq "
                                   f"{line['seq']}, stored as {row['client_id']} seq {row['seq']}")
            if ids.setdefault(line["key"], line["id"]) != line["id"]:
                self.report.broken("I2", f"key {line['key']} was acknowledged as {ids[line['key']]}"
                                   f" and {line['id']}")
        for line in self.of("ok", "stanza"):
            if not by_key.get(line["key"]):
                lost.add(line["key"])
                self.report.broken("I1", f"the receipt for {line['key']} has no stored message")
        return lost

    # -- events

    def consumers(self):
        starts = {line["client"]: line for line in self.of("event", "start")}
        events = defaultdict(list)
        for line in self.of("event", "message.new"):
            events[line["client"]].append(line)
        for line in self.of("event", "resync"):
            self.report.broken("I3", f"{line['client']} was told to start anew (resync)")
        for client, start in starts.items():
            self._consumer(client, start["user"], events[client])
        self.report.numbers.update(consumers=len(starts), events=sum(map(len, events.values())),
                                   resumes=len(self.of("event", "resumed")))

    def _consumer(self, client, user, events):
        got = defaultdict(list)
        for line in events:
            got[line["conversation"]].append(line["id"])
            row = self.rows.get(line["id"])
            if row and (row["body"], row["seq"]) != (line["body"], line["seq"]):
                self.report.broken("I3", f"{client}: {line['id']} differs from what is stored")
        for id, talk in self.conversations.items():
            if user in talk["member_ids"]:
                self.sequence("I3", f"{client} in {id}", got.pop(id, []), self.order[id])
        for id, ids in got.items():
            self.report.broken("I4", f"{client} got {len(ids)} messages of {id}, which is not theirs")

    def sequence(self, code, who, got, stored):
        """`got` must be `stored`; says what kind of difference there is."""
        if got == stored:
            return
        places = {id: n for n, id in enumerate(stored)}
        gaps = [id for id in stored if id not in set(got)]
        repeats = [id for id, count in Counter(got).items() if count > 1]
        known = [places[id] for id in dict.fromkeys(got) if id in places]
        if gaps:
            self.report.broken(code, f"{who}: gap, {len(gaps)} of {len(stored)} missing: {some(gaps)}")
        if repeats:
            self.report.broken(code, f"{who}: repeated: {some(repeats)}")
        if known != sorted(known):
            self.report.broken(code, f"{who}: not in stored order")
        strangers = [id for id in got if id not in places]
        if strangers:
            self.report.broken(code, f"{who}: not stored at all: {some(strangers)}")

    # -- watermarks

    def watermarks(self):
        seen = {}
        for op in ("message.read", "message.delivered"):
            for line in self.of("event", op):
                key = (line["client"], op, line["conversation"], line["user"])
                if line["seq"] < seen.get(key, 0):
                    self.report.broken("I5", f"{line['client']}: {op} went back from {seen[key]} to {line['seq']}")
                seen[key] = max(seen.get(key, 0), line["seq"])
        newest = {}
        for row in self.tables["marks"]:
            key = (row["conversation_id"], row["user_id"], row["kind"])
            if row["seq"] <= newest.get(key, 0):
                self.report.broken("I5", f"stored {row['kind']} marks of {key[0]} go back to {row['seq']}")
            newest[key] = row["seq"]
        self._watermark_rows(newest, seen)

    def _watermark_rows(self, newest, seen):
        members = {(row["conversation_id"], row["user_id"]): row for row in self.tables["members"]}
        for line in self.of("ok", "read"):
            row = members.get((line["conversation"], line["user"]))
            if not row or row["read_seq"] < line["seq"]:
                self.report.broken("I5", f"read mark {line['seq']} of {line['user']} was acknowledged, "
                                   f"stored is {row and row['read_seq']}")
        for (talk, user), row in members.items():
            if row["read_seq"] > row["delivered_seq"]:
                self.report.broken("I5", f"{user} read {row['read_seq']} of {talk}, got {row['delivered_seq']}")
            for kind in ("read", "delivered"):
                if row[f"{kind}_seq"] != newest.get((talk, user, kind), 0) and kind == "read":
                    self.report.broken("I5", f"{user} in {talk}: {kind} is {row[f'{kind}_seq']}, "
                                       f"its marks end at {newest.get((talk, user, kind), 0)}")
            for (client, op, where, who), seq in seen.items():
                if (where, who) == (talk, user) and seq > row[f"{op.partition('.')[2]}_seq"]:
                    self.report.broken("I5", f"{client} saw {op} {seq} of {user}, which is not stored")

    # -- reading

    def reading(self):
        for line in self.of("event", "pages"):
            self.sequence("I6", f"pages {line['direction']} in {line['conversation']}", line["ids"],
                          self.order[line["conversation"]])
        members = {(row["conversation_id"], row["user_id"]): row for row in self.tables["members"]}
        for line in self.of("event", "unread"):
            row = members.get((line["conversation"], line["user"]))
            after = sum(1 for id in self.order[line["conversation"]]
                        if self.rows[id]["seq"] > (row["read_seq"] if row else 0)
                        and self.rows[id]["sender_id"] != line["user"])
            if min(after, 1000) != line["unread"]:
                self.report.broken("I8", f"{line['user']} in {line['conversation']}: unread is "
                                   f"{line['unread']}, stored after the watermark are {after}")

    # -- XMPP

    def arrivals(self):
        got = defaultdict(list)
        for line in self.of("event", "arrive"):
            got[line["client"]].append(line)
        acked = {line["id"]: line["t"] for line in self.of("ok", "send")}
        again = missing = from_archive = 0
        for talk in self.conversations.values():
            if not talk["remote_jid"] or not any(c["client"] == talk["remote_jid"]
                                                 for c in self.of("event", "xmpp-start")):
                continue
            mine = [line for line in got[talk["remote_jid"]] if line["id"] in self.rows
                    and self.rows[line["id"]]["conversation_id"] == talk["id"]]
            again += self._repeats(talk, [line for line in mine if line["via"] != "archive"])
            wanted = [id for id in self.order[talk["id"]]
                      if self.rows[id]["sender_id"] != talk["remote_user"]]
            live = {line["id"] for line in mine if line["via"] != "archive"}
            arrived = {line["id"] for line in mine}
            from_archive += len(arrived - live)
            missing += self._missing(talk, [id for id in wanted if id not in arrived], acked)
        for jid, lines in got.items():
            strange = [line["id"] for line in lines if line["id"] not in self.rows]
            if strange:
                self.report.broken("X1", f"{jid} got what is not stored: {some(strange)}")
        self.report.numbers.update(xmpp_arrived_again=again, xmpp_from_archive=from_archive,
                                   xmpp_lost_by_server=missing)

    def _missing(self, talk, missing, acked):
        """Reports what did not arrive, but for what the server may have lost itself; counts that."""
        excused = [id for id in missing if id in acked
                   and any(since <= acked[id] <= until for since, until in self.server_may_lose)]
        bad = [id for id in missing if id not in excused]
        if bad:
            self.report.broken("X1", f"{talk['remote_jid']} never got {some(bad)}")
        return len(excused)

    def _repeats(self, talk, live):
        """X2; returns how many arrivals were repetitions. What was kept for an absent user carries its time and
        may come behind newer ones: servers do not promise more."""
        first, texts = [], {}
        for line in live:
            row = self.rows[line["id"]]
            if line["id"] not in texts and line["via"] == "live":
                first.append(row["seq"])
            texts.setdefault(line["id"], line["body"])
            if line["body"] != row["body"]:
                self.report.broken("X2", f"{talk['remote_jid']} got {line['id']} with another text")
        if first != sorted(first):
            back = next((a, b) for a, b in zip(first, first[1:]) if b < a)
            self.report.broken("X2", f"{talk['remote_jid']} got seq {back[1]} after {back[0]} in {talk['id']}")
        return len(live) - len(texts)


def check(lines, tables, server_may_lose=()):
    """`server_may_lose`: (since, until) in which an acknowledged message may be lost by an XMPP server
    that had accepted it and was killed before it wrote it down."""
    work = _Check(list(lines), tables, server_may_lose)
    for part in (work.sends, work.consumers, work.watermarks, work.reading, work.arrivals):
        part()
    if tables["outbox"]:
        work.report.broken("X1", f"{len(tables['outbox'])} stanzas still wait in the outbox")
    return work.report
