# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may know of whom, and who is told of what: decided when it is asked, from both sides. See decision 0029."""
import base64
import json

import pytest

from conftest import DOMAIN, TOP, new_id, user_object

BOB = "bob@example.org"
NOBODY = {"number": 2 ** 52 - 7, "id": new_id()}


@pytest.fixture
def people(db):
    """Alice talks to Bob on XMPP, whose server shows her what he looks like; Carol is another app user, Dora
    one who has closed everything."""
    alice, carol, dora = (db.provision(name, name, name, name.title())["id"] for name in ("alice", "carol", "dora"))
    talk = db.conversation(alice, jid=BOB)
    bob = db.one("SELECT id FROM users WHERE jid = %s", BOB)
    db.change("remote_profile", alice, jid=BOB, nick="Robert")
    close(db, dora)
    return dict(alice=alice, bob=bob, carol=carol, dora=dora, talk=talk)


def close(db, user):
    db.change("privacy", user, messages="nobody", presence="nobody", last_seen="nobody", profile="contacts")


def number(db, user):
    return db.one("SELECT number FROM users WHERE id = %s", user)


def jid(db, user):
    return db.one("SELECT jid FROM users WHERE id = %s", user)


def answer(reply):
    return reply["outcome"], reply["result"], reply["events"]


# -- ids that can be counted


def test_numbers_of_new_users_cannot_be_counted(db):
    given = [db.provision(str(n))["number"] for n in range(20)] + [
        number(db, db.one("SELECT user_remote(%s)", f"r{n}@example.org")) for n in range(20)]
    assert len(set(given)) == 40 and all(2 ** 52 <= n < 2 ** 53 for n in given)
    assert given != sorted(given) and min(abs(a - b) for a in given for b in given if a != b) > 1000


WAYS = {
    "opening a conversation": lambda db, user, ref: db.opened(user, reference=ref),
    "typing": lambda db, user, ref: {"outcome": db.rows("SELECT conversation_id, live FROM relation_view(%s, NULL, %s)",
                                                        jid(db, user), json.dumps(ref)),
                                     "result": None, "events": None},
    "adding a contact": lambda db, user, ref: db.change("contact_add", user, user_id=ref, domain=DOMAIN),
    "removing a contact": lambda db, user, ref: db.change("contact_remove", user, user_id=ref),
    "blocking": lambda db, user, ref: db.change("block", user, user_id=ref),
    "unblocking": lambda db, user, ref: db.change("unblock", user, user_id=ref),
    "the profile": lambda db, user, ref: {"outcome": db.rows("SELECT user_get(%s, %s)", user, ref), "result": None,
                                          "events": None}}
BY_NUMBER = ("opening a conversation", "typing")


@pytest.mark.parametrize("way", WAYS)
def test_what_one_may_not_know_of_is_nobody(db, people, way):
    foreign = [people["bob"]] if way == "unblocking" else [people["bob"], people["dora"]]
    if way in ("opening a conversation", "adding a contact"):
        foreign = [people["bob"]]  # who knows the id of an app user may ask; the user's settings answer
    ask = lambda ref: answer(WAYS[way](db, people["carol"], ref))
    assert {str(ask(ref)) for ref in foreign} == {str(ask(NOBODY["id"]))}
    if way in BY_NUMBER:
        hidden = [number(db, people[name]) for name in ("bob", "dora")]
        assert {str(ask(ref)) for ref in hidden} == {str(ask(NOBODY["number"]))}


@pytest.mark.parametrize("how", ["conversation", "contact", "block", "search"])
def test_whom_one_knows_counts_by_id_and_number(db, people, how):
    carol, bob = people["carol"], people["bob"]
    if how == "conversation":
        db.conversation(carol, jid=BOB)
    elif how == "contact":
        db.change("contact_add", carol, jid=BOB, domain=DOMAIN)
    elif how == "block":
        db.change("block", carol, jid=BOB, domain=DOMAIN)
    else:
        db.one("SELECT user_candidate(%s, %s)", carol, BOB)
    assert db.opened(carol, reference=number(db, bob))["outcome"] in (0, 1)
    assert db.opened(carol, reference=bob)["outcome"] == 1
    assert db.rows("SELECT user_get(%s, %s)", carol, bob)
    assert db.opened(carol, reference=number(db, people["alice"]))["outcome"] == 0  # an open profile is visible


def test_what_was_found_is_forgotten_after_a_day_and_bounded(db, people):
    carol = people["carol"]
    db.one("SELECT user_candidate(%s, %s)", carol, BOB)
    db.rows("UPDATE found SET at = now() - interval '25 hours'")
    db.rows("SELECT user_candidate(%s, 'n' || n || '@example.org') FROM generate_series(1, 1010) n", carol)
    assert db.one("SELECT count(*) FROM found") <= 1000
    assert not db.rows("SELECT user_get(%s, %s)", carol, people["bob"])


# -- names that are not for everybody


def names_of(db, viewer, jid=BOB):
    """What the viewer is shown of Bob by every way there, after opening a conversation with him."""
    opened = db.opened(viewer, jid=jid)["result"]
    shown = [p["user"] for p in opened["participants"] if p["user"]["jid"] == jid]
    listed = db.conversations(viewer)["items"]
    shown += [p["user"] for c in listed for p in c["participants"] if p["user"]["jid"] == jid]
    shown += [user_object(db.one("SELECT to_jsonb(user_get(%s, %s))", viewer, shown[0]["id"]))]
    shown += db.one("SELECT to_jsonb(user_search(%s, 'bob', 9))", viewer)["items"] or ()
    shown += db.one("SELECT to_jsonb(list) FROM user_addressed(%s, 'bob@', 9)", viewer)["items"] or ()
    shown += db.one("SELECT to_jsonb(user_candidate(%s, %s))", viewer, jid)["items"]
    row, = db.receive(dict(sender=jid, to=db.one("SELECT jid FROM users WHERE id = %s", viewer)))
    shown += [row["sender"]] + [m["sender"] for m in db.page(viewer, opened["id"])["items"]]
    assert len(shown) >= 8
    return {user["name"] for user in shown} | {opened["name"]} | {c["name"] for c in listed if c["jid"] == jid}


def test_what_a_server_shows_to_some_is_not_shown_to_others(db, people):
    alice, carol = people["alice"], people["carol"]
    assert names_of(db, alice) == {"Robert"}
    assert names_of(db, carol) == {BOB}
    assert not db.one("SELECT to_jsonb(user_search(%s, 'robert', 9))", carol)["items"]
    assert db.conversations(carol, q="robert")["items"] == [] and len(db.conversations(alice, q="robert")["items"]) == 1
    assert db.change("remote_profile", alice, jid=BOB, nick="Bobby")["events"][0]["users"] == [alice]
    # Who comes to see his presence sees his name, and who loses that does not.
    db.change("contact_add", carol, jid=BOB, domain=DOMAIN)
    assert names_of(db, carol) == {BOB}, "asking is not enough"
    db.change("contact_stanza", carol, type="subscribed", peer=BOB)
    assert names_of(db, carol) == {"Bobby"}
    db.change("contact_stanza", carol, type="unsubscribed", peer=BOB)
    assert names_of(db, carol) == {BOB}


def test_who_is_told_what_others_know_sees_it_too(db, people):
    carol = people["carol"]
    db.conversation(carol, jid=BOB)
    row, = db.rows("SELECT * FROM remote_profile_wanted(%s, %s)", carol, BOB)
    assert row["wanted"] and not row["shown"]
    event, = db.change("remote_profile", carol, jid=BOB)["events"]
    assert event["type"] == "user.updated" and event["users"] == [carol] and event["payload"]["name"] == "Robert"
    assert db.rows("SELECT * FROM remote_profile_wanted(%s, %s)", carol, BOB)[0]["shown"]
    assert names_of(db, carol) == {"Robert"}


# -- who is told of what


def talk(db, people, *, starts="alice"):
    other = people["carol"]
    pair = (people["alice"], other) if starts == "alice" else (other, people["alice"])
    conversation = db.conversation(*pair)
    db.store(dict(conversation=conversation, sender=pair[0]))
    return conversation


def never_heard(db, people):
    db.conversation(people["alice"], people["carol"])


def waiting(db, people):
    db.change("privacy", people["carol"], messages="contacts")
    return talk(db, people)


def declined(db, people):
    db.change("request_decline", people["carol"], conversation_id=waiting(db, people))


def taken_away(db, people):
    db.change("conversation_hide", people["carol"], conversation_id=talk(db, people))


def blocking(db, people):
    talk(db, people)
    db.change("block", people["carol"], user_id=people["alice"])


def blocked(db, people):
    talk(db, people)
    db.change("block", people["alice"], user_id=people["carol"])


def closed(db, people):
    talk(db, people)
    db.change("privacy", people["alice"], profile="contacts")


# How Carol stands to Alice → of which of Alice's doings Carol is told. A message that waits for Carol's decision is
# told as a request; what is stored for her later is another matter.
TOLD = {
    "stranger": (lambda db, people: None, set()),
    "partner": (talk, {"profile", "message", "typing", "presence", "mark"}),
    "never heard": (never_heard, {"message", "typing"}),  # both may write: typing says that a message comes
    "waiting": (waiting, set()),
    "declined": (declined, set()),
    "taken away": (taken_away, {"message", "typing", "mark"}),
    "blocking": (blocking, set()),
    "blocked": (blocked, set()),
    "closed": (closed, {"message", "typing", "presence", "mark"}),
}


def conversation_of(db, people):
    rows = db.rows("SELECT id FROM conversations WHERE kind = 'direct' AND member_ids = pair_key(%s, %s)",
                   people["alice"], people["carol"])
    return rows[0]["id"] if rows else None


def hears_profile(db, people):
    before = db.head()
    told = db.change("profile", people["alice"], bio="free text " + new_id())["events"][0]["users"]
    resumed = [r["type"] for r in db.resume(people["carol"], before) if r["type"]]
    assert (people["carol"] in told) == ("user.updated" in resumed), "live and later are the same"
    return people["carol"] in told


def hears_message(db, people):
    row, = db.store(dict(conversation=conversation_of(db, people) or new_id(), sender=people["alice"]))
    return row["outcome"] == 0 and not row["held"]


def hears_typing(db, people):
    views = [db.rows("SELECT conversation_id, live FROM relation_view(%s, %s, NULL)", jid(db, people[name]),
                     conversation_of(db, people) or new_id())[0] for name in ("alice", "carol")]
    assert views[0] == views[1], "both are told the same"
    return views[0]["live"]


def hears_presence(db, people):
    rows = db.rows("SELECT sees FROM presence_partners(%s, %s, 9)", people["alice"], people["carol"])
    return bool(rows) and rows[0]["sees"]


def hears_mark(db, people):
    conversation = conversation_of(db, people)
    if conversation and db.rows("SELECT FROM messages WHERE conversation_id = %s", conversation):
        return db.mark("read", user=people["alice"], conversation=conversation)["tells"]
    return False


HEARS = {"profile": hears_profile, "typing": hears_typing, "presence": hears_presence, "mark": hears_mark,
         "message": hears_message}


@pytest.mark.parametrize("relation", TOLD)
@pytest.mark.parametrize("doing", HEARS)
def test_who_is_told(db, people, relation, doing):
    arrange, told = TOLD[relation]
    arrange(db, people)
    if relation in ("waiting", "declined") and doing == "mark":
        pytest.skip("the sender's own mark says nothing about what the other reads")
    assert HEARS[doing](db, people) == (doing in told)


@pytest.mark.parametrize("doing", ["adds", "removes", "declines"])
def test_who_blocks_is_told_of_no_contact(db, people, doing):
    alice, carol = people["alice"], people["carol"]
    if doing != "adds":
        db.change("contact_add", carol, user_id=alice, domain=DOMAIN)
    waits = conversation_of(db, people)
    db.change("block", carol, user_id=alice)
    before = db.head()
    if doing == "adds":
        assert db.change("contact_add", alice, user_id=carol, domain=DOMAIN)["outcome"] == 4
    elif doing == "removes":
        db.change("contact_add", alice, user_id=carol, domain=DOMAIN)
        db.change("contact_remove", alice, user_id=carol)
    else:
        db.change("request_decline", alice, conversation_id=waits)
    assert [r["type"] for r in db.resume(carol, before) if r["type"]] == []


def test_asking_for_presence_counts_as_writing_to_a_stranger(db, people):
    alice, carol = people["alice"], people["carol"]
    limited = lambda user, **who: db.change("contact_add", user, limited=True, domain=DOMAIN, **who)
    assert limited(alice, user_id=carol)["outcome"] == 7 and limited(alice, jid="new@example.org")["outcome"] == 7
    assert db.change("contact_add", alice, user_id=carol, domain=DOMAIN)["result"]["stranger"] is True
    assert limited(carol, user_id=alice)["outcome"] == 0  # who asked is no stranger
    talk(db, people, starts="carol")
    db.change("contact_remove", alice, user_id=carol)
    assert limited(alice, user_id=carol)["outcome"] == 0  # nor is who has written


def test_a_request_that_comes_again_and_again_is_told_once(db, people):
    alice = people["alice"]
    before = db.head()
    for note in ("one", "two", "three"):
        db.change("contact_stanza", alice, type="subscribe", peer="eve@example.org", note=note)
        db.change("contact_stanza", alice, type="unsubscribe", peer="eve@example.org")
    db.change("contact_stanza", alice, type="subscribe", peer="eve@example.org", note="four")
    told = [json.loads(r["payload"]) for r in db.resume(alice, before) if r["type"] == "request.new"]
    assert [request["note"] for request in told] == ["four"], "what waits is shown as it stands"


# -- what is stored outlives no right


def test_events_keep_facts_and_show_what_may_be_seen_now(db, people):
    alice, carol = people["alice"], people["carol"]
    db.change("privacy", alice, messages="contacts")
    db.change("profile", carol, bio="Carol's secret bio")
    before = db.head()
    asked = db.conversation(carol, alice)
    row, = db.store(dict(conversation=asked, sender=carol, body="secret text"))
    request, = json.loads(row["events"])
    assert request["type"] == "request.new" and request["payload"]["conversation"]["last_message"]["body"] == "secret text"
    assert request["payload"]["conversation"]["participants"] and "Carol's secret bio" in row["events"]
    db.change("request_accept", alice, conversation_id=asked)
    db.change("conversation_update", alice, conversation_id=asked, pinned=True)
    db.change("profile", carol, bio="Carol's secret bio, again")
    replay = lambda: "".join(r["payload"] or "" for r in db.resume(alice, before))
    assert "secret text" in replay() and "secret bio, again" in replay()
    kept = db.one("SELECT string_agg(payload, ' ') FROM events")
    assert "secret" not in kept, "facts alone are stored"
    db.change("conversation_hide", alice, conversation_id=asked)
    assert "secret text" not in replay() and "conversation.removed" in [r["type"] for r in db.resume(alice, before)]
    db.change("block", carol, user_id=alice)
    assert "secret" not in replay()


def test_payloads_of_an_earlier_version_are_emptied(people, db):
    """As migration 0014 does it."""
    alice, carol = people["alice"], people["carol"]
    old = {"conversation.new": {"id": "x", "last_message": {"content": "secret"}},
           "request.new": {"conversation": {"last_message": {"content": "secret"}}, "subscription": True, "note": "secret"},
           "user.updated": {"id": carol, "bio": "secret"}}
    for kind, payload in old.items():
        db.rows("SELECT event_add(%s, 'user', NULL, %s, %s)", kind, alice, json.dumps(payload))
    text = open(TOP / "sql/migration/0014_who_knows_whom.sql", encoding="utf-8").read()
    db.rows(text[text.index("UPDATE events"):])
    kept = [json.loads(r["payload"]) for r in db.rows("SELECT payload FROM events WHERE user_id = %s"
                                                      " ORDER BY position DESC LIMIT 3", alice)]
    assert kept == [{"user_id": carol}, {"subscription": True}, {}]


def test_contacts_are_paged_by_a_value(db, people):
    alice = people["alice"]
    for n in range(5):
        db.change("contact_add", alice, jid=f"p{n}@example.org", domain=DOMAIN)
    page = json.loads(db.one("SELECT contact_list(%s, 2, NULL)", alice))
    assert page["next"][0] == "p" and base64.urlsafe_b64decode(page["next"][1:] + "==") == b"p1@example.org"
    db.change("contact_remove", alice, user_id=page["items"][1]["user"]["id"])  # the page goes on all the same
    rest = json.loads(db.one("SELECT contact_list(%s, 9, 'p1@example.org')", alice))["items"]
    assert [c["user"]["jid"] for c in rest] == [f"p{n}@example.org" for n in (2, 3, 4)]


# -- addresses without an @


def test_a_bare_domain_one_talks_with_is_somebody(db, people):
    alice, carol, service = people["alice"], people["carol"], "news.example.net"
    db.receive(dict(sender=service, to=f"alice@{DOMAIN}"))
    talked, = (c for c in db.conversations(alice)["items"] if c["jid"] == service)
    assert db.opened(alice, jid=service)["result"]["id"] == talked["id"]
    for jid in (service, DOMAIN, "nodomain"):
        assert db.opened(carol, jid=jid)["outcome"] == 6
    added = db.change("contact_add", alice, jid=service, domain=DOMAIN)
    assert added["outcome"] == 0 and db.change("contact_add", carol, jid=service, domain=DOMAIN)["outcome"] == 6
    found = db.one("SELECT to_jsonb(user_search(%s, %s, 9))", alice, service)["items"]
    assert [user["jid"] for user in found] == [service]
    assert db.change("block", alice, jid=service, domain=DOMAIN)["result"]["block"]["user"]["jid"] == service
    assert db.receive(dict(sender=service, to=f"alice@{DOMAIN}"))[0]["outcome"] == 2
    assert db.store(dict(conversation=talked["id"], sender=alice))[0]["outcome"] == 3
    db.change("unblock", alice, jid=service, domain=DOMAIN)
    assert db.receive(dict(sender=service, to=f"alice@{DOMAIN}"))[0]["outcome"] == 0


def test_blocking_a_domain_makes_nobody(db, people):
    db.change("block", people["alice"], jid="spam.example.net", domain=DOMAIN)
    assert not db.rows("SELECT FROM users WHERE jid = 'spam.example.net'")
    blocked = json.loads(db.one("SELECT relation_blocked(%s, 9, NULL)", people["alice"]))
    assert blocked["domains"] == ["spam.example.net"] and blocked["items"] == []


# -- whether somebody is there


@pytest.mark.parametrize("opens", [None, "messages", "presence", "profile", "contact", "conversation"])
def test_who_has_closed_everything_is_not_there(db, people, opens):
    dora = people["dora"]
    if opens in ("messages", "profile"):
        db.change("privacy", dora, **{opens: "everyone"})
    elif opens == "presence":
        db.change("privacy", dora, presence="contacts")
        db.rows("INSERT INTO contacts (user_id, peer, from_peer) VALUES (%s, %s, true)", dora, BOB)
    elif opens == "contact":
        db.change("contact_add", dora, jid=BOB, domain=DOMAIN)
    elif opens == "conversation":
        db.store(dict(conversation=db.conversation(dora, jid=BOB), sender=dora))
    row, = db.rows("SELECT known FROM relation_view(%s, %s, NULL)", f"dora@{DOMAIN}", BOB)
    assert row["known"] == (opens is not None)
    assert db.rows("SELECT known FROM relation_view(%s, %s, NULL)", f"nobody@{DOMAIN}", BOB)[0]["known"] is not True
