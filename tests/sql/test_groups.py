# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups: who is in one, who may do what, and what each of them is told and shown."""
import json

import pytest

from conftest import DOMAIN, new_id, participant_object
from test_many import make
from test_schema import migrations

BEFORE = "0032" # the first migration with rooms


def test_the_upgrade_gives_each_group_a_room(cluster):
    name = cluster.create()
    connection = cluster.connect(name)
    group, direct, users = new_id(), new_id(), sorted(new_id() for _ in range(2))
    with connection.cursor() as cursor:
        for path in migrations():
            if path.stem >= BEFORE:
                break
            cursor.execute(path.read_text())
            cursor.execute("INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (int(path.stem[:4]), path.stem[5:]))
        for number, user in enumerate(users):
            cursor.execute("INSERT INTO users (id, kind, external_id, jid) VALUES (%s, 'hosted', %s, %s)",
                           (user, f"u{number}", f"u{number}@app.example.org"))
        for id, kind in ((group, "group"), (direct, "direct")):
            cursor.execute("INSERT INTO conversations (id, kind, name, member_ids, member_numbers, plain, position, created_at)"
                           " VALUES (%s, %s, 'Two', %s::uuid[], '{1,2}', %s, 1, now())", (id, kind, users, kind == "direct"))
            cursor.execute("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at)"
                           " SELECT %s, u.id, u.kind, u.jid, u.number, 'member', %s, now() FROM users u", (id, kind == "group"))
    connection.commit()
    cluster.migrate(name)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET trestle.rooms_domain = 'rooms.example.org'")
        cursor.execute("SELECT (conversation_get(%s, id)).jid, id FROM conversations ORDER BY kind", (users[0],))
        (at_direct, _), (at_group, _) = cursor.fetchall()
        assert at_direct == "u1@app.example.org" and at_group.endswith("@rooms.example.org") and len(at_group) == 34
        cursor.execute("SET trestle.rooms_domain = ''")
        cursor.execute("SELECT (conversation_get(%s, %s)).jid", (users[0], group))
        assert cursor.fetchall() == [(None,)]
    connection.close()


# ---- Making, and who is in ---------------------------------------------------------------------------------------

ALL = ["send_messages", "add_members", "remove_members", "change_settings", "delete_messages"]
NAMES = ("alice", "bob", "carol", "dora", "erin")


@pytest.fixture
def rooms(db):
    db.rows("SET trestle.rooms_domain = 'rooms.app.example.org'")


class Group:
    """Alice's group of five, the users of which are attributes."""

    def __init__(self, db, **settings):
        self.db = db
        for name in NAMES:
            setattr(self, name, db.user(name))
        self.users = [getattr(self, name) for name in NAMES]
        self.id = make(db, self.alice, self.users[1:], settings=settings or None)["result"]["conversation"]["id"]

    def change(self, name, user, /, **arguments):
        return self.db.change(name, user, conversation_id=self.id, domain=DOMAIN, **arguments)

    def set(self, user, target, **arguments):
        done = self.change("member_set", user, user_id=target, **arguments)
        if done["outcome"] <= 1:
            done["result"] = participant_object(done["result"]["participant"])
        return done

    def outcome(self, name, user, /, **arguments):
        return self.change(name, user, **arguments)["outcome"]

    def say(self, sender, body="hello"):
        return self.db.store({"conversation": self.id, "sender": sender, "body": body})[0]

    def member(self, viewer, user):
        return next((m for m in self.db.members(viewer, self.id)["items"] if m["user"]["id"] == user), None)

    def system(self, viewer):
        return [m["metadata"] for m in self.db.page(viewer, self.id)["items"] if m["message_type"] == "system"]


@pytest.fixture
def group(db, rooms):
    return Group(db)


def told(done):
    """(type, users) of the events of a change, in order."""
    return [(event["type"], set(event["users"])) for event in done["events"] or ()]


def test_256_are_made_at_once_and_told_once_each(db, rooms):
    db.rows("INSERT INTO users (id, number, kind, external_id, jid) SELECT gen_random_uuid(), user_number(), 'hosted', 'u' || n,"
            " 'u' || n || '@app.example.org' FROM generate_series(1, 257) n")
    users = [row["id"] for row in db.rows("SELECT id FROM users ORDER BY length(external_id), external_id")]
    assert make(db, users[0], users[1:])["outcome"] == 6 # one too many
    done = make(db, users[0], users[1:256])
    assert done["outcome"] == 0
    made = done["result"]["conversation"]
    assert made["member_count"] == 256 and len(made["participants"]) == 9 and made["participants"][0]["role"] == "owner"
    new = [event for event in done["events"] if event["type"] == "conversation.new"]
    assert len(new) == 256 and all(len(event["users"]) == 1 for event in new)
    assert all(event["users"][0] in {side["user"]["id"] for side in event["payload"]["participants"]} for event in new)
    assert len(done["events"]) == 256
    full = db.change("members_add", users[0], conversation_id=made["id"], members=[{"user_id": users[256]}], domain=DOMAIN)
    assert (full["outcome"], full["result"]["error_reason"]) == (3, "full")
    # Everybody's mark would be told to everybody: it is when all have come so far.
    row, = db.store({"conversation": made["id"], "sender": users[0]})
    tells = [db.mark(user=user, message=row["id"], kind="read")["tells"] for user in users[1:256]]
    assert not any(tells[:-1]) and tells[-1]
    # The same of a batch, in which only the last is the one.
    row, = db.store({"conversation": made["id"], "sender": users[0]})
    for first in range(1, 256, 64):
        readers = users[first:min(first + 64, 256)]
        told = [mark["tells"] for mark in db.rows("SELECT tells FROM mark_store(%s::uuid[], NULL, NULL, %s::uuid[], %s)", readers,
                                                  [row["id"]] * len(readers), ["read"] * len(readers))]
        assert told == [False] * (len(readers) - 1) + [first + 64 > 255]
    pages = [db.members(users[7], made["id"], limit=100)]
    while pages[-1]["has_more"]:
        pages.append(db.members(users[7], made["id"], limit=100, after=int(pages[-1]["next"])))
    assert {m["user"]["id"] for page in pages for m in page["items"]} == set(users[:256]) and len(pages) == 3


def test_who_has_not_let_the_caller_in_is_asked(db, rooms):
    alice, bob, carol = (db.user(name) for name in NAMES[:3])
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bob)
    done = make(db, alice, [bob, carol])
    group = done["result"]["conversation"]["id"]
    assert ("request.new", {bob}) in told(done) and ("conversation.new", {bob}) not in told(done)
    assert done["result"]["conversation"]["member_count"] == 2
    listed, = db.conversations(bob, filter="requests")["items"]
    assert listed == db.get(bob, group) and listed["request"] == "pending" and listed["last_message"] is None
    assert [p["user"]["id"] for p in listed["participants"]] == sorted([alice, bob], key=lambda user: user == bob)
    assert db.conversations(bob)["items"] == []
    # Nothing of what is said, and no word of one's own, before one has accepted.
    row, = db.store({"conversation": group, "sender": alice})
    assert db.page(bob, group) is None and db.message(bob, row["id"]) is None and row["member_ids"] == [alice, carol]
    assert db.store({"conversation": group, "sender": bob})[0]["outcome"] == 2
    assert [r["type"] for r in db.resume(bob, 0)[1:]] == ["request.new"]
    accepted = db.change("request_accept", bob, conversation_id=group)
    assert (accepted["outcome"], accepted["result"]["conversation"]["request"]) == (0, "accepted")
    assert ("conversation.new", {bob}) in told(accepted) and ("member.updated", {alice, bob, carol}) in told(accepted)
    assert db.conversations(bob)["items"] == [db.get(bob, group)] and db.get(bob, group)["unread_count"] == 0
    assert db.store({"conversation": group, "sender": bob})[0]["outcome"] == 0


def test_who_declines_is_not_asked_again_but_by_a_contact(db, rooms):
    alice, bob, carol = (db.user(name) for name in NAMES[:3])
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bob)
    group = make(db, alice, [bob, carol])["result"]["conversation"]["id"]
    done = db.change("request_decline", bob, conversation_id=group)
    assert (done["outcome"], done["result"]["request"]) == (0, "declined") and db.get(bob, group) is None
    assert ("conversation.removed", {bob}) in told(done) and ("member.removed", {alice, carol}) in told(done)
    add = {"conversation_id": group, "members": [{"user_id": bob}], "domain": DOMAIN}
    assert db.change("members_add", alice, **add)["outcome"] == 4
    db.rows("INSERT INTO contacts (user_id, peer, to_peer) SELECT %s, jid, true FROM users WHERE id = %s", bob, alice)
    assert db.change("members_add", alice, **add)["outcome"] == 0
    assert db.get(bob, group)["request"] == "pending"


def test_people_on_xmpp_are_invited_until_they_come(db, rooms):
    alice = db.user("alice")
    done = db.change("group_create", alice, id=new_id(), name="G", members=[{"jid": "romeo@example.org"}], domain=DOMAIN)
    group = done["result"]["conversation"]["id"]
    assert (done["outcome"], done["result"]["conversation"]["member_count"]) == (0, 1)
    item, = (m for m in db.members(alice, group)["items"] if m["user"]["jid"] == "romeo@example.org")
    assert item["state"] == "invited"
    came = db.change("member_join", item["user"]["id"], conversation_id=group)
    assert came["outcome"] == 0 and ("member.updated", {alice}) in told(came)
    assert db.get(alice, group)["member_count"] == 2
    assert db.store({"conversation": group, "sender": item["user"]["id"]})[0]["outcome"] == 0
    # Without a domain for rooms nobody could come.
    db.rows("SET trestle.rooms_domain = ''")
    none = db.change("group_create", alice, id=new_id(), name="G", members=[{"jid": "romeo@example.org"}], domain=DOMAIN)
    assert (none["outcome"], none["result"]["pointer"]) == (6, "/members/0")


# ---- Who may do what ---------------------------------------------------------------------------------------------

def test_what_each_role_may(group):
    g = group
    assert g.member(g.bob, g.alice)["permissions"] == ALL and g.member(g.alice, g.bob)["permissions"] == ["send_messages"]
    for name, more in (("members_add", {"members": [{"user_id": g.db.user("frank")}]}), ("member_remove", {"user_id": g.carol}),
                       ("conversation_update", {"name": "Mine"}), ("group_destroy", {}), ("member_set", {"user_id": g.carol, "role": "admin"}),
                       ("member_set", {"user_id": g.carol, "permissions": []}), ("member_set", {"user_id": g.carol, "banned": True}),
                       ("member_set", {"user_id": g.bob, "role": "owner"})):
        done = g.change(name, g.bob, **more)
        assert (done["outcome"], done["events"]) == (5, None), name
        assert g.outcome(name, g.db.user("mallory"), **more) == 2 # a stranger, as if there were no group
    done = g.set(g.alice, g.bob, role="admin")
    assert done["outcome"] == 0 and done["result"]["permissions"] == ALL and g.set(g.alice, g.bob, role="admin")["outcome"] == 1
    assert told(done) == [("member.updated", set(g.users)), ("message.new", set(g.users))]
    assert g.outcome("conversation_update", g.bob, name="Ours") == 0 and g.db.get(g.carol, g.id)["name"] == "Ours"
    # An admin is above members, not above owners and other admins, and gives no roles.
    assert g.set(g.alice, g.carol, role="admin")["outcome"] == 0
    for target in (g.alice, g.carol):
        assert g.outcome("member_remove", g.bob, user_id=target) == 5 and g.set(g.bob, target, permissions=[])["outcome"] == 5
        assert g.set(g.bob, target, banned=True)["outcome"] == 5
    assert g.set(g.bob, g.dora, role="admin")["outcome"] == 5 and g.outcome("group_destroy", g.bob) == 5
    assert g.outcome("member_remove", g.bob, user_id=g.dora) == 0


def test_permissions_take_and_give(group):
    g = group
    assert g.set(g.alice, g.bob, permissions=["remove_members"])["result"]["permissions"] == ["remove_members"]
    refused = g.say(g.bob)
    assert refused["outcome"] == 5 and g.say(g.carol)["outcome"] == 0
    assert g.outcome("member_remove", g.bob, user_id=g.carol) == 0 and g.outcome("member_remove", g.bob, user_id=g.alice) == 5
    assert g.set(g.alice, g.bob, role="member")["result"]["permissions"] == ["send_messages"] # a role brings its own
    assert g.say(g.bob)["outcome"] == 0
    assert g.set(g.alice, g.alice, permissions=[])["outcome"] == 5
    g.set(g.alice, g.dora, role="owner")
    assert g.set(g.alice, g.dora, permissions=["send_messages"])["outcome"] == 6
    assert not g.db.one("SELECT guarded FROM conversations WHERE id = %s", g.id)


def test_nobody_takes_back_permissions_by_a_role_but_owners(group):
    g = group
    g.set(g.alice, g.bob, permissions=[])
    g.set(g.alice, g.carol, role="admin", permissions=["remove_members"])
    assert g.set(g.bob, g.bob, role="member")["outcome"] == 5 and g.say(g.bob)["outcome"] == 5
    assert g.set(g.carol, g.carol, role="admin")["outcome"] == 5 and g.set(g.carol, g.bob, role="member")["outcome"] == 5
    assert g.outcome("conversation_update", g.carol, name="Mine") == 5
    assert g.set(g.carol, g.bob, role="member", permissions=["send_messages"])["outcome"] == 0 and g.say(g.bob)["outcome"] == 0


def test_settings_say_who_may(group):
    g = group
    done = g.change("conversation_update", g.alice, settings={"who_can_send": "admins_only", "who_can_add": "everyone"})
    shown = done["result"]["settings"]
    assert shown == {"who_can_send": "admins_only", "who_can_add": "everyone", "history": "visible", "max_members": 256,
                     "public": False, "moderation": {"filter": "off", "slow_mode_seconds": 0, "new_member_wait": 0, "media": "all"}}
    assert [event["users"] for event in done["events"] if event["type"] == "conversation.updated"] == [[user] for user in g.users]
    assert g.say(g.bob)["outcome"] == 5 and g.say(g.alice)["outcome"] == 0
    g.set(g.alice, g.carol, permissions=["send_messages"])
    assert g.say(g.carol)["outcome"] == 0
    assert g.outcome("members_add", g.bob, members=[{"user_id": g.db.user("frank")}]) == 0
    assert g.outcome("conversation_update", g.alice, settings={"who_can_send": "everyone"}) == 0
    assert g.say(g.bob)["outcome"] == 0 and g.db.get(g.bob, g.id)["settings"]["who_can_add"] == "everyone"


@pytest.mark.parametrize("settings, pointer", [
    ([], "/settings"), ({"who_can_send": "nobody"}, "/settings/who_can_send"), ({"max_members": 257}, "/settings/max_members"),
    ({"max_members": 2.5}, "/settings/max_members"), ({"nonsense": 1}, "/settings/nonsense"), ({"public": "yes"}, "/settings/public"),
    ({"moderation": 1}, "/settings/moderation"), ({"moderation": {"slow_mode_seconds": -1}}, "/settings/moderation/slow_mode_seconds"),
    ({"max_members": 8.0}, "/settings/max_members"), ({"moderation": {"new_member_wait": 0.0}}, "/settings/moderation/new_member_wait"),
    ({"moderation": {"media": "some"}}, "/settings/moderation/media")])
def test_settings_that_are_none_are_said(group, settings, pointer):
    for done in (group.change("conversation_update", group.alice, settings=settings),
                 make(group.db, group.alice, [group.bob], settings=settings)):
        assert (done["outcome"], done["result"]["pointer"]) == (6, pointer)
    assert group.db.one("SELECT settings FROM conversations WHERE id = %s", group.id) is None


def test_what_is_moderated_waits_or_is_refused(db, rooms):
    g = Group(db, moderation={"filter": "links", "slow_mode_seconds": 60})
    assert g.say(g.bob, "see https://example.org")["outcome"] == 5 and g.say(g.alice, "see https://example.org")["outcome"] == 0
    assert [g.say(g.bob)["outcome"], g.say(g.bob)["outcome"], g.say(g.carol)["outcome"], g.say(g.alice)["outcome"]] == [0, 9, 0, 0]
    g.change("conversation_update", g.alice, settings={"moderation": {"slow_mode_seconds": 0, "filter": "strict", "new_member_wait": 3600}})
    assert g.say(g.bob)["outcome"] == 5
    g.change("conversation_update", g.alice, settings={"moderation": {"new_member_wait": 0}})
    assert g.say(g.bob, "write to me@example.com")["outcome"] == 5 and g.say(g.bob, "hello. again")["outcome"] == 0


def file_of(db, user):
    return db.one("INSERT INTO files (id, user_id, state, purpose, kind, name, type, size, key) VALUES (%s, %s, 'complete', 'attachment', 'image',"
                  " 'a.png', 'image/png', 10, 'k') RETURNING id", new_id(), user)


@pytest.mark.parametrize("rule, newcomer, member, admin", [("all", 0, 0, 0), ("members", 5, 0, 0), ("none", 5, 5, 0)])
def test_files_are_wanted_or_not(db, rooms, rule, newcomer, member, admin):
    g = Group(db, moderation={"media": rule})
    db.rows("UPDATE members SET joined_at = now() - interval '25 hours' WHERE user_id = %s", g.carol)

    def sends(user):
        row, = db.store({"conversation": g.id, "sender": user, "body": None, "details": {"attachments": [file_of(db, user)]}})
        assert row["outcome"] != 5 or json.loads(row["refusal"]) == {"pointer": "/attachments", "detail": "files are not wanted in this group"}
        return row["outcome"]
    assert [sends(g.bob), sends(g.carol), sends(g.alice)] == [newcomer, member, admin]
    assert g.say(g.bob)["outcome"] == 0, "texts are"


@pytest.mark.parametrize("details", [
    {"type": "poll", "poll": {"question": "See https://evil.example", "options": ["a", "b"], "multiple": False, "anonymous": False}},
    {"type": "poll", "poll": {"question": "Which?", "options": ["a", "www.evil.example"], "multiple": False, "anonymous": False}},
    {"type": "location", "location": {"lat": 1, "lon": 2, "label": "https://evil.example"}},
    {"payload": {"type": "x", "data": {"deep": [{"link": "https://evil.example"}]}}}])
def test_what_is_moderated_is_all_that_a_message_says(db, rooms, details):
    g = Group(db, moderation={"filter": "links"})
    text = "fine" if "payload" in details else None
    row, = db.store({"conversation": g.id, "sender": g.bob, "body": text, "details": details})
    assert row["outcome"] == 5
    clean = json.loads(json.dumps(details).replace("https://", "").replace("www.", ""))
    row, = db.store({"conversation": g.id, "sender": g.bob, "body": text, "details": clean})
    assert row["outcome"] == 0
    thread = db.store({"conversation": g.id, "sender": g.bob, "body": "in it", "details": {"thread_id": row["id"]}})[0]
    assert thread["outcome"] == 0
    for topic, outcome in (("https://evil.example", 5), ("evil", 0)):
        assert db.change("thread_update", g.bob, thread_id=row["id"], topic=topic)["outcome"] == outcome


def test_the_same_by_address_for_who_comes_by_the_room(group):
    g = group
    assert g.outcome("members_add", g.alice, members=[{"jid": "romeo@example.org"}]) == 0
    romeo = g.db.one("SELECT id FROM users WHERE jid = 'romeo@example.org'")
    g.outcome("member_join", romeo)
    tybalt = {"jid": "tybalt@example.org"}
    assert g.outcome("members_add", romeo, members=[tybalt]) == 5 and g.outcome("member_set", romeo, banned=True, **tybalt) == 5
    assert g.set(g.alice, romeo, role="admin")["outcome"] == 0
    assert g.outcome("members_add", romeo, members=[{"jid": f"frank@{DOMAIN}"}]) == 4
    assert g.outcome("member_set", romeo, banned=True, **tybalt) == 0
    again = g.change("members_add", romeo, members=[tybalt])
    assert (again["outcome"], again["result"]["error_reason"]) == (3, "banned")
    assert g.outcome("member_remove", romeo, **tybalt) == 0 and g.outcome("members_add", romeo, members=[tybalt]) == 0
    assert g.outcome("member_remove", romeo, jid=f"bob@{DOMAIN}") == 0 and g.db.get(g.bob, g.id) is None
    assert g.outcome("conversation_update", romeo, name="Verona") == 0


# ---- Going and coming back ---------------------------------------------------------------------------------------

def nothing_later(g, user, message):
    """Whoever is out sees nothing of the group, in no view."""
    db = g.db
    assert db.page(user, g.id) is None and db.get(user, g.id) is None and db.message(user, message) is None
    assert db.conversations(user)["items"] == [] and not db.members(user, g.id)
    assert db.search(user, "hello", g.id) is None and (db.search(user, "hello") or {"items": []})["items"] == []
    assert db.mark(user=user, message=message, kind="read")["outcome"] == 2
    assert db.change("react", user, message_id=message, emoji="🎉")["outcome"] == 2
    assert g.say(user)["outcome"] == 2
    assert db.rows("SELECT FROM message_receipts(%s, %s, 50, NULL)", user, message) == []


def test_who_is_removed_sees_nothing_any_more(group):
    g = group
    before = g.say(g.alice)
    head = g.db.head()
    done = g.change("member_remove", g.alice, user_id=g.bob, reason="enough")
    assert done["result"] == {"conversation_id": g.id, "user_id": g.bob, "state": "removed"}
    rest = set(g.users) - {g.bob}
    assert told(done) == [("member.removed", rest), ("conversation.removed", {g.bob}), ("message.new", rest)]
    removed = done["events"][0]["payload"]
    assert (removed["state"], removed["by"], removed["member"]["id"]) == ("removed", g.alice, g.bob)
    later = g.say(g.alice)
    assert g.bob not in later["member_ids"]
    for message in (before, later):
        nothing_later(g, g.bob, message["id"])
    assert [(row["type"], json.loads(row["payload"])) for row in g.db.resume(g.bob, head)[1:]] == [
        ("conversation.removed", {"conversation_id": g.id, "reason": "removed"})]
    assert g.system(g.carol)[-1] == {"system_type": "member_removed", "actor": g.alice, "target": g.bob, "reason": "enough"}
    assert g.outcome("member_remove", g.alice, user_id=g.bob) == 1
    # Who comes back reads on with nothing unread, and is told from there.
    back = g.change("members_add", g.alice, members=[{"user_id": g.bob}])
    assert ("conversation.new", {g.bob}) in told(back) and g.db.get(g.bob, g.id)["unread_count"] == 0
    g.say(g.carol)
    assert g.db.get(g.bob, g.id)["unread_count"] == 1 and len(g.db.page(g.bob, g.id)["items"]) == 5


def test_who_leaves_is_asked_before_coming_back(group):
    g = group
    done = g.change("member_leave", g.bob)
    assert done["result"] == {"conversation_id": g.id, "reason": "left"} and ("conversation.removed", {g.bob}) in told(done)
    nothing_later(g, g.bob, g.say(g.alice)["id"])
    assert g.outcome("member_leave", g.bob) == 2 and g.outcome("member_join", g.bob) == 2
    assert g.outcome("members_add", g.alice, members=[{"user_id": g.bob}]) == 0
    assert g.db.get(g.bob, g.id)["request"] == "pending" and g.outcome("request_accept", g.bob) == 0
    assert g.system(g.alice)[-3:] == [{"system_type": "member_left", "actor": g.bob, "target": g.bob},
                                      {"system_type": "member_invited", "actor": g.alice, "target": g.bob, "targets": [g.bob]},
                                      {"system_type": "member_joined", "actor": g.bob, "target": g.bob}]


def test_a_group_is_never_left_without_an_owner(group):
    g = group
    for done in (g.change("member_leave", g.alice), g.change("member_remove", g.alice, user_id=g.alice),
                 g.set(g.alice, g.alice, role="member")):
        assert (done["outcome"], done["result"]["error_reason"], done["events"]) == (3, "last_admin", None)
    assert g.outcome("member_leave", g.alice, successor=g.db.user("mallory")) == 6
    assert g.outcome("member_leave", g.bob, successor=g.carol) == 5
    assert g.outcome("member_leave", g.alice, successor=g.carol) == 0
    assert g.member(g.bob, g.carol)["role"] == "owner" and g.member(g.bob, g.alice) is None
    g.set(g.carol, g.dora, role="admin")
    assert g.outcome("member_leave", g.carol) == 0 and g.member(g.bob, g.dora)["role"] == "owner"
    for user in (g.bob, g.erin, g.dora): # the last one takes the group along
        assert g.outcome("member_leave", user) == 0
    assert g.db.one("SELECT destroyed_at IS NOT NULL FROM conversations WHERE id = %s", g.id)


def test_who_is_banned_comes_back_when_it_is_taken_back(group):
    g = group
    done = g.set(g.alice, g.bob, banned=True, reason="spam")
    assert done["result"]["state"] == "banned" and ("conversation.removed", {g.bob}) in told(done)
    nothing_later(g, g.bob, g.say(g.alice)["id"])
    again = g.change("members_add", g.alice, members=[{"user_id": g.bob}])
    assert (again["outcome"], again["result"]["error_reason"]) == (3, "banned")
    g.change("conversation_update", g.alice, settings={"public": True})
    assert g.outcome("member_join", g.bob) == 5 and g.outcome("member_join", g.db.user("frank")) == 0
    assert [m["user"]["id"] for m in g.db.members(g.alice, g.id, state="banned")["items"]] == [g.bob]
    assert g.db.members(g.carol, g.id, state="banned")["items"] == [] # for those who manage the group
    mallory = g.db.user("mallory")
    assert g.set(g.alice, mallory, banned=True)["result"]["state"] == "banned" and g.outcome("member_join", mallory) == 5
    assert g.set(g.alice, g.bob, banned=False)["outcome"] == 0 and g.outcome("member_join", g.bob) == 0
    assert g.outcome("member_remove", g.alice, user_id=mallory) == 0 and g.outcome("member_join", mallory) == 0


def test_history_is_hidden_from_new_members(db, rooms):
    g = Group(db, history="hidden")
    old = g.say(g.alice)
    frank = db.user("frank")
    head = db.head()
    g.change("members_add", g.alice, members=[{"user_id": frank}])
    new = g.say(g.bob)
    assert [m["message_type"] for m in db.page(frank, g.id)["items"]] == ["system", "text"]
    assert db.message(frank, old["id"]) is None and db.message(frank, new["id"])
    assert db.change("react", frank, message_id=old["id"], emoji="🎉")["outcome"] == 2
    assert db.get(frank, g.id)["unread_count"] == 1
    assert {json.loads(row["payload"])["seq"] for row in db.resume(frank, 0) if row["type"] == "message.new"} == {2, 3}
    assert [row["type"] for row in db.resume(frank, head)[1:] if row["type"].startswith("member")] == ["member.added"]
    # To those who were there, the message is read without the newcomer.
    for user in g.users[1:]:
        db.mark(user=user, message=old["id"], kind="read")
    assert next(m for m in db.page(g.alice, g.id)["items"] if m["id"] == old["id"])["status"] == "read"


def test_the_owner_ends_the_group_for_all(group):
    g = group
    message = g.say(g.bob)
    done = g.change("group_destroy", g.alice)
    assert told(done) == [("conversation.removed", {user}) for event in done["events"] for user in event["users"]]
    assert {user for _, users in told(done) for user in users} == set(g.users)
    for user in g.users:
        nothing_later(g, user, message["id"])
    assert g.outcome("member_join", g.alice) == 2 and g.outcome("members_add", g.alice, members=[]) == 2


def test_what_is_said_by_nobody_brings_a_hidden_group_back(group):
    g = group
    g.say(g.alice)
    g.change("conversation_hide", g.bob)
    assert g.db.conversations(g.bob)["items"] == []
    done = g.change("conversation_update", g.alice, name="New")
    assert [event["payload"]["last_message"]["message_type"] for event in done["events"]
            if event["type"] == "conversation.new" and event["users"] == [g.bob]] == ["system"]
    assert [c["name"] for c in g.db.conversations(g.bob)["items"]] == ["New"]


def test_who_blocks_whoever_asked_has_declined(db, rooms):
    alice, bob = (db.user(name) for name in NAMES[:2])
    db.rows("UPDATE users SET privacy_messages = 'contacts' WHERE id = %s", bob)
    group = make(db, alice, [bob])["result"]["conversation"]["id"]
    done = db.change("block", bob, user_id=alice)
    assert done["outcome"] == 0 and ("conversation.removed", {bob}) in told(done)
    assert db.conversations(bob, filter="requests")["items"] == [] and db.get(bob, group) is None


def test_who_never_says_what_was_read_is_not_waited_for(group):
    g = group
    g.change("members_add", g.alice, members=[{"jid": "romeo@example.org"}])
    romeo = g.db.one("SELECT id FROM users WHERE jid = 'romeo@example.org'")
    assert g.outcome("member_join", romeo) == 0
    row = g.say(g.alice)
    for user in g.users[1:]:
        g.db.mark(user=user, message=row["id"], kind="read")
    assert g.db.message(g.alice, row["id"])["status"] == "read"
    g.db.mark(user=romeo, message=row["id"], kind="delivered")
    assert g.db.message(g.alice, row["id"])["status"] == "delivered"


# ---- Reading -----------------------------------------------------------------------------------------------------

def test_members_are_found_for_mentions(group):
    g = group
    g.db.rows("SELECT user_provision('bob', 'bob', %s, 'bob', 'Robert Müller', NULL)", DOMAIN)
    found = g.db.members(g.alice, g.id, q="MULLER")["items"] or g.db.members(g.alice, g.id, q="müller")["items"]
    assert [m["user"]["id"] for m in found] == [g.bob]
    assert g.db.members(g.alice, g.id, q="zzz")["items"] == [] and not g.db.members(g.db.user("mallory"), g.id)


def test_receipts_say_who_read_a_message_and_when(group):
    g = group
    row = g.say(g.alice)
    g.db.rows("UPDATE users SET privacy_receipts = false WHERE id = %s", g.erin)
    g.db.mark(user=g.bob, message=row["id"], kind="read")
    g.db.mark(user=g.carol, message=row["id"], kind="delivered")
    g.db.mark(user=g.erin, message=row["id"], kind="read")
    g.change("members_add", g.alice, members=[{"user_id": g.db.user("frank")}])
    rows = g.db.rows("SELECT to_jsonb(item) AS item FROM message_receipts(%s, %s, 50, NULL)", g.dora, row["id"])[1:]
    items = {r["item"]["member"]["id"]: (r["item"]["delivered_at"] is not None, r["item"]["read_at"] is not None) for r in rows}
    assert items == {g.bob: (True, True), g.carol: (True, False), g.dora: (False, False), g.erin: (False, False)}


def test_a_change_is_said_in_the_group(group):
    g = group
    g.change("conversation_update", g.alice, name="New", description="what it is for")
    g.change("conversation_update", g.alice, name="New")
    assert [(s["system_type"], s.get("name"), s.get("description")) for s in g.system(g.bob)] == [
        ("name_changed", "New", None), ("description_changed", None, "what it is for")]
    assert g.db.get(g.bob, g.id)["unread_count"] == 0
    assert g.change("conversation_update", g.alice, icon_hash="0" * 40)["outcome"] == 1 # nothing to change: not by this way
    assert g.change("group_icon", g.alice, icon_hash="0" * 40)["outcome"] == 3
    direct = g.db.conversation(g.alice, reference="bob")
    assert g.db.change("conversation_update", g.alice, conversation_id=direct, name="No")["outcome"] == 6
