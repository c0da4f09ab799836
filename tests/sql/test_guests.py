# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are rooms elsewhere: places, people, messages, and what is believed of whom (sql/function/guest*.sql)."""
import pytest

from conftest import new_id

ROOM = "den@muc.example.net"


class Den:
    """A room in which Alice is."""

    def __init__(self, db, archived=True, shown=False):
        self.db = db
        self.alice = db.user("alice")
        self.id = db.change("guest_join", self.alice, jid=ROOM)["result"]["conversation"]["id"]
        self.tell("guest_described", archived=archived, anonymous=not shown, name="The den")
        self.enter("alice", shown=shown)
        self.tell("guest_live", first=True)

    def tell(self, change, to="alice", **more):
        return self.db.change(change, None, room=ROOM, to=f"{to}@app.example.org", **more)

    def enter(self, user, nick=None, shown=False, **more):
        return self.tell("guest_entered", user, nick=nick or user.title(), affiliation="none", role="participant",
                         occupant=f"o-{user}", codes=[110, *([100] if shown else [])], all=True, **more)

    def person(self, called, occupant=None, jid=None, past=False, **more):
        """Somebody else is there, or with type is not."""
        return self.tell("guest_presence", who={"nick": called, "occupant": occupant, "jid": jid, "past": past},
                         **{"type": "available", "affiliation": "none", "role": "participant", "codes": [], **more})

    def hear(self, nick, body, wire=None, occupant=None, **more):
        past = more.pop("past", False)
        return self.tell("guest_message", who={"nick": nick, "occupant": occupant, "past": past, "jid": more.pop("jid", None)},
                         message=new_id(), body=body, address=f"{ROOM}/{nick}", stanza="<message/>", markable=False,
                         **{"wire": wire} if wire else {}, **more)

    def members(self):
        return {m["user"]["jid"]: m["role"] for m in self.db.members(self.alice, self.id)["items"] if m["state"] == "joined"}

    def texts(self):
        return [(m["sender"]["name"], m["content"]) for m in self.db.page(self.alice, self.id)["items"]]

    def waiting(self):
        return self.db.rows("SELECT kind, wire, target FROM guest_say(50)")

    def status(self, message):
        sending, failed = self.db.rows("SELECT (g.content).sending, g.failed FROM message_get(%s, %s) g", self.alice, message)[0].values()
        return "failed" if failed else "sending" if sending else "sent"

    def state(self, user=None):
        rows = self.db.rows("SELECT state FROM guest_seats WHERE user_id = %s", user or self.alice)
        return rows[0]["state"] if rows else None


@pytest.fixture
def den(db):
    return Den(db)


def types(done):
    return [event["type"] for event in done["events"] or ()]


def test_a_message_is_stored_once_whoever_hears_it(den):
    den.person("Eve", "e1")
    assert den.hear("Eve", "hello", "w1", "e1")["outcome"] == 0
    assert den.hear("Eve", "hello", "w1", "e1")["outcome"] == 1
    assert den.hear("Eve", "again", "w2", "e1", past=True, sent="2026-01-02T03:04:05Z")["outcome"] == 0
    assert den.texts() == [("Eve", "hello"), ("Eve", "again")]
    assert den.db.one("SELECT newest FROM guest_rooms") == "w2"


def test_what_is_said_waits_until_it_comes_back(den):
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "mine"})[0]["id"]
    assert den.waiting() == [{"kind": "message", "wire": sent, "target": None}] and den.waiting() == []
    assert den.status(sent) == "sending"
    den.person("Eve", "e1")
    assert den.hear("Eve", "mine", "w1", "e1", id=sent)["outcome"] == 0, "whoever uses the id is not Alice"
    assert den.status(sent) == "sending"
    done = den.hear("Alice", "mine", "w2", "o-alice", id=sent)
    assert types(done) == ["message.updated"] and done["events"][0]["users"] == [den.alice]
    assert den.status(sent) == "sent"
    assert den.db.rows("SELECT * FROM guest_out") == []
    assert den.hear("Alice", "mine", "w2", "o-alice", id=sent)["outcome"] == 1


def test_out_of_the_room_it_waits_and_is_said_again(den):
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "mine"})[0]["id"]
    den.waiting()
    assert den.tell("guest_bounced", id=sent, condition="not-acceptable")["outcome"] == 0
    assert den.state() == "entering" and den.waiting() == []
    den.enter("alice")
    assert [row["wire"] for row in den.waiting()] == [sent]
    den.db.rows("SELECT guest_reset()")
    assert den.state() == "entering" and den.waiting() == []
    den.enter("alice")
    assert den.waiting() == [], "the archive is asked first"
    assert den.hear("Alice", "mine", "w1", "o-alice", id=sent, past=True)["outcome"] == 1, "the room had heard it"
    den.tell("guest_live")
    assert den.waiting() == [] and den.status(sent) == "sent"


def test_a_refusal_fails_it(den):
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "mine"})[0]["id"]
    done = den.tell("guest_bounced", id=sent, condition="forbidden")
    assert types(done) == ["message.failed"] and done["events"][0]["payload"]["message_id"] == sent
    assert den.status(sent) == "failed" and den.waiting() == []
    assert den.tell("guest_bounced", id=sent, condition="forbidden")["outcome"] == 2


def test_what_is_about_a_message_waits_for_its_name(den):
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "mine"})[0]["id"]
    den.db.change("react", den.alice, message_id=sent, emoji="👍")
    assert [row["kind"] for row in den.waiting()] == ["message"]
    den.hear("Alice", "mine", "w1", "o-alice", id=sent)
    reaction, = den.waiting()
    assert (reaction["kind"], reaction["target"]) == ("reaction", "w1")
    assert den.tell("guest_echo", id=reaction["wire"], who={"nick": "Eve"})["outcome"] == 1
    assert den.tell("guest_echo", id=reaction["wire"], who={"nick": "Alice", "occupant": "o-alice"})["outcome"] == 0


def test_addresses_are_believed_where_all_see_them(db):
    den = Den(db)
    den.person("Eve", "e1", "eve@example.net")
    assert "eve@example.net" not in den.members() and f"{ROOM}/e1" in den.members()
    den.person("Liar", "e2", "alice@app.example.org")
    assert f"{ROOM}/e2" in den.members()


def test_people_come_and_go_by_address(db):
    den = Den(db, shown=True)
    assert types(den.person("Eve", "e1", "eve@example.net", affiliation="owner")) == ["member.added"]
    assert den.members() == {"alice@app.example.org": "member", "eve@example.net": "owner"}
    assert types(den.person("Eve", "e1", "eve@example.net", affiliation="admin")) == ["member.updated"]
    assert types(den.person("Eve", "e1", "eve@example.net", affiliation="admin")) == []
    den.person("Eve", "e1", type="unavailable", codes=[303], nick="Eva")
    den.hear("Eva", "renamed", "w1", "e1")
    assert types(den.person("Eva", "e1", type="unavailable")) == ["member.removed"]
    assert den.hear("Eva", "I have left", "w2", "e1", past=True, jid="eve@example.net")["outcome"] == 0
    assert [m["sender"]["jid"] for m in db.page(den.alice, den.id)["items"]] == ["eve@example.net"] * 2
    assert den.members() == {"alice@app.example.org": "member"}


def test_who_is_renamed_is_found_by_the_new_name(den):
    den.person("Eve", "e1")
    den.person("Eve", "e1", type="unavailable", codes=[303], nick="Ada")

    def found(text):
        return [m["user"]["name"] for m in den.db.members(den.alice, den.id, q=text)["items"]]

    assert found("ada") == ["Ada"] and found("eve") == []


def test_who_was_not_told_again_has_gone(den):
    den.person("Eve", "e1")
    den.person("Fay", "f1")
    den.db.rows("SELECT guest_reset()")
    den.tell("guest_described", archived=True, anonymous=True)
    den.person("Eve", "e1")
    den.enter("alice")
    assert set(den.members()) == {"alice@app.example.org", f"{ROOM}/e1"}


def test_no_more_people_than_are_kept(den):
    for n in range(260):
        den.person(f"N{n}", f"o{n}")
    assert den.db.one("SELECT count(*) FROM guest_occupants") == 256
    assert den.db.one("SELECT cardinality(member_ids) FROM conversations") == 257


@pytest.mark.parametrize("codes, reason", [([110, 307], "removed"), ([110, 301], "banned"), ([110, 321], "removed"), ([110, 322], "removed")])
def test_put_out(den, codes, reason):
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "never said"})[0]["id"]
    done = den.tell("guest_gone", codes=codes)
    removed = next(e for e in done["events"] if e["type"] == "conversation.removed")
    assert (removed["payload"]["reason"], removed["users"]) == (reason, [den.alice])
    assert den.state() is None and den.db.one("SELECT failed_condition FROM messages WHERE id = %s", sent) == "not-acceptable"


@pytest.mark.parametrize("codes", [[], [110, 332], [110, 333, 307], [110, 333]])
def test_comes_again(den, codes):
    assert den.tell("guest_gone", codes=codes)["outcome"] == 0
    assert den.state() == "entering"
    assert den.db.one("SELECT state FROM members WHERE user_id = %s", den.alice) == "joined"


def test_a_room_that_never_was_is_forgotten(db):
    alice = db.user("alice")
    for condition in ("item-not-found", "registration-required", "not-authorized", "forbidden"):
        id = db.change("guest_join", alice, jid=ROOM)["result"]["conversation"]["id"]
        done = db.change("guest_refused", None, room=ROOM, to="alice@app.example.org", condition=condition)
        assert next(e for e in done["events"] if e["type"] == "conversation.removed")["payload"]["condition"] == condition
        kept = db.rows("SELECT FROM conversations WHERE id = %s", id)
        assert len(kept) == (1 if condition == "forbidden" else 0), "who is banned is remembered"


def test_what_is_tried_again(db):
    alice = db.user("alice")
    db.change("guest_join", alice, jid=ROOM)
    nicks = []
    for _ in range(3):
        nicks.append(db.rows("SELECT nick FROM guest_take(5)")[0]["nick"])
        db.change("guest_refused", None, room=ROOM, to="alice@app.example.org", condition="conflict")
    assert nicks == ["alice", "alice 2", "alice 3"]
    db.rows("SELECT FROM guest_take(5)")
    done = db.change("guest_refused", None, room=ROOM, to="alice@app.example.org", condition="resource-constraint")
    assert types(done) == ["conversation.updated"]
    assert db.rows("SELECT FROM guest_take(5)") == [], "not at once"
    assert db.one("SELECT (conversation_get(%s, id)).elsewhere->>'problem' FROM conversations", alice) == "resource-constraint"


def test_of_a_place_that_there_is_not_nothing_is_known(den):
    bob = den.db.user("bob")
    for change, more in (("guest_entered", {"nick": "Bob", "codes": [110]}), ("guest_gone", {"codes": []}), ("guest_refused", {"condition": "forbidden"}),
                         ("guest_presence", {"who": {"nick": "Eve"}}), ("guest_subject", {"subject": "x"}), ("guest_moderated", {"id": "w1"}),
                         ("guest_message", {"who": {"nick": "Eve"}, "message": new_id(), "body": "x"})):
        assert den.tell(change, "bob", **more)["outcome"] == 2, change
        assert den.db.change(change, None, room="other@muc.example.net", to="alice@app.example.org", **more)["outcome"] == 2, change
    assert den.db.one("SELECT conversation_get(%s, %s)", bob, den.id) is None


def test_the_api_decides_nothing_there(den):
    den.tell("guest_entered", nick="Alice", affiliation="owner", role="moderator", codes=[110])
    den.person("Eve", "e1")
    eve = den.db.one("SELECT user_id FROM guest_occupants")
    den.hear("Eve", "hers", "w1", "e1")
    for change, more in (("member_set", {"user_id": eve, "role": "admin"}), ("member_set", {"user_id": eve, "banned": True}),
                         ("member_set", {"user_id": eve, "banned": False}), ("member_set", {"user_id": eve, "permissions": []}),
                         ("group_destroy", {}), ("conversation_update", {"name": "Other"}), ("conversation_update", {"disappearing_seconds": 60})):
        done = den.db.change(change, den.alice, conversation_id=den.id, domain="app.example.org", **more)
        assert (done["outcome"], done["result"]["error_reason"]) == (5, "elsewhere"), change
    hers = den.db.page(den.alice, den.id)["items"][0]["id"]
    assert den.db.change("message_delete", den.alice, message_id=hers, **{"for": "everyone", "window": 3600, "stanza": new_id()})["outcome"] == 5
    assert den.db.change("member_leave", den.alice, conversation_id=den.id)["outcome"] == 0
    assert den.state() == "leaving"
    den.tell("guest_gone", codes=[])
    assert den.state() is None


def test_who_shows_no_address_cannot_be_addressed(den):
    den.person("Eve", "e1")
    eve = den.db.one("SELECT user_id FROM guest_occupants")
    assert den.db.opened(den.alice, reference=eve)["outcome"] == 4
    made = den.db.change("group_create", den.alice, id=new_id(), name="x", members=[{"user_id": eve}], domain="app.example.org")
    assert made["outcome"] == 4


def test_invitations(db):
    alice = db.user("alice")

    def invite(room, inviter="carol@example.net", **more):
        return db.change("guest_invited", None, room=room, to="alice@app.example.org", inviter=inviter, by_room=False, **more)
    done = invite(ROOM, reason="Come")
    event, = done["events"]
    assert (event["type"], event["payload"]["note"], event["payload"]["conversation"]["request"]) == ("request.new", "Come", "pending")
    assert {p["user"]["jid"] for p in event["payload"]["conversation"]["participants"]} == {"alice@app.example.org", "carol@example.net"}
    assert invite(ROOM)["outcome"] == 1
    id = event["payload"]["conversation"]["id"]
    assert db.change("request_decline", alice, conversation_id=id)["outcome"] == 0
    assert invite(ROOM, "eve@example.net")["outcome"] == 1 and types(invite(ROOM, "eve@example.net")) == [], "who declined is not asked by strangers"
    for n in range(60):
        outcome = invite(f"r{n}@muc.example.net")["outcome"]
    assert outcome == 4 and db.one("SELECT count(*) FROM guest_seats WHERE state = 'asked'") == 50
    assert db.change("guest_invited", None, room=ROOM, to="nobody@app.example.org", inviter="carol@example.net")["outcome"] == 4


def test_who_comes_later_sees_what_the_room_would_show(db):
    for archived, seen in ((True, ["before"]), (False, [])):
        den = Den(db, archived=archived)
        den.hear("Eve", "before", "w1" if archived else None, id="m1")
        bob = db.user("bob")
        db.change("guest_join", bob, jid=ROOM)
        assert [m["content"] for m in db.page(bob, den.id)["items"]] == seen
        db.change("guest_gone", None, room=ROOM, to="alice@app.example.org", codes=[], destroyed=True)


def test_moderation_and_deletion_forget_what_was_not_said(den):
    den.hear("Eve", "spam", "w1", "e1")
    done = den.tell("guest_moderated", id="w1", reason="spam")
    assert types(done) == ["message.deleted"] and den.texts() == [("Eve", None)]
    assert den.tell("guest_moderated", id="w1")["outcome"] == 1 and den.tell("guest_moderated", id="w9")["outcome"] == 2
    sent = den.db.store({"conversation": den.id, "sender": den.alice, "body": "mine"})[0]["id"]
    den.db.change("message_delete", den.alice, message_id=sent, **{"for": "everyone", "window": 3600, "stanza": new_id()})
    assert den.waiting() == [], "it was never said"
