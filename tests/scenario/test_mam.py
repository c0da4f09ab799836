# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of rooms as XMPP clients read them (XEP-0313): what the API shows, in pages; and what nobody gets."""
import uuid
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, canonicalize, tostring

import pytest

from harness.inbox import run
from harness.muc import Seat, occupant_id, stanza_id
from harness.xmpp import CLIENT, FORWARD, MAM, RSM, Stanza, XmppError

DATA = "jabber:x:data"
DELAY = "urn:xmpp:delay"
REACTIONS = "urn:xmpp:reactions:0"
REPLY = "urn:xmpp:reply:0"
CORRECT = "urn:xmpp:message-correct:0"
RETRACT = "urn:xmpp:message-retract:1"
MODERATE = "urn:xmpp:message-moderate:1"
MUC_USER = "http://jabber.org/protocol/muc#user"


def invite(owner, group, user):
    """Invites an XMPP user; returns the id by which members are named."""
    owner.call(200, "POST", f"/api/conversations/{group['id']}/members", {"members": [{"jid": user.bare}]})
    return next(m["user"]["id"] for m in owner.call(200, "GET", f"/api/conversations/{group['id']}/members")["items"]
                if m["user"]["jid"] == user.bare)


@pytest.fixture
def team(app, bob):
    """A group of Alice's with Bella, into which Bob is invited, who has an account elsewhere."""
    alice, bella = app("alice"), app("bella")
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"user_id": bella.me()["id"]}]})
    group["bob"] = invite(alice, group, bob)
    bob.plugin("xep_0313")
    return alice, bella, group


def reactions(id, *emoji):
    element = Element(f"{{{REACTIONS}}}reactions", {"id": id})
    for one in emoji:
        SubElement(element, f"{{{REACTIONS}}}reaction").text = one
    return element


def query(fields=(), page=None, flip=False, queryid="q"):
    """fields: (name, value or list of values)."""
    element = Element(f"{{{MAM}}}query", {"queryid": queryid} if queryid else {})
    form = SubElement(element, f"{{{DATA}}}x", {"type": "submit"})
    for var, values in (("FORM_TYPE", MAM), *fields):
        field = SubElement(form, f"{{{DATA}}}field", {"var": var})
        for value in values if isinstance(values, list) else [values]:
            SubElement(field, f"{{{DATA}}}value").text = value
    rsm = SubElement(element, f"{{{RSM}}}set")
    for name, value in (page or {}).items():
        SubElement(rsm, f"{{{RSM}}}{name}").text = value
    if flip:
        SubElement(element, f"{{{MAM}}}flip-page")
    return element


def read(client, room, *fields, flip=False, **page):
    """([(id, stanza, stamp)], complete, (first, last)) of one page; what comes behind its end does not count."""
    name = uuid.uuid4().hex
    fin = client.iq(room, query(fields, page, flip, name), "set").child(MAM, "fin")
    found = [s.child(MAM, "result") for s in client.inbox.received if s.name == "message"
             and s.sender == room and s.has(MAM, "result")]
    rows = [(r.get("id"), Stanza(r.find(f"{{{FORWARD}}}forwarded/{{{CLIENT}}}message")),
             r.find(f"{{{FORWARD}}}forwarded/{{{DELAY}}}delay").get("stamp")) for r in found if r.get("queryid") == name]
    ends = tuple(fin.findtext(f"{{{RSM}}}set/{{{RSM}}}{end}") for end in ("first", "last"))
    assert fin.find(f"{{{RSM}}}set/{{{RSM}}}count") is None
    return rows, fin.get("complete") == "true", ends


def ids(rows):
    return [row[0] for row in rows]


def refused(client, room, *fields, **page):
    with pytest.raises(XmppError) as caught:
        client.iq(room, query(fields, page), "set")
    return caught.value.condition


def test_pages_are_those_of_the_api(team, bob):
    alice, bella, group = team
    sent = [user.send(group, f"{n} of twelve") for n, user in enumerate([alice, bella] * 6)]
    shown = [m for m in alice.messages(group)["items"] if m["message_type"] != "system"] # presences say that
    rows, complete, ends = read(bob, group["jid"])
    assert ids(rows) == [m["id"] for m in shown] == [m["id"] for m in sent]
    assert complete and ends == (sent[0]["id"], sent[-1]["id"])
    assert [row[2] for row in rows] == [m["created_at"] for m in shown]
    for (id, stanza, _), message, user in zip(rows, sent, [alice, bella] * 6):
        assert (stanza.id, stanza.type, stanza.body, stanza.xml.get("to")) == (id, "groupchat", message["content"], None)
        room, _, nick = stanza.sender.partition("/")
        assert room == group["jid"] and nick in (user.me()["name"], user.me()["username"])
        assert stanza.child(MUC_USER, "x")[0].get("jid") == user.me()["jid"] + "/rest"

    async def walk(**how):
        return [m["mam_result"]["id"] async for m in bob._client["xep_0313"].iterate(group["jid"], rsm={"max": 5}, **how)]
    assert run(walk(), 20) == ids(rows) and run(walk(reverse=True), 20) == ids(rows)[::-1]

    async def metadata():
        return (await bob._client["xep_0313"].get_archive_metadata(group["jid"]))["mam_metadata"]
    edges = run(metadata(), 10)
    assert (edges["start"]["id"], edges["end"]["id"]) == (sent[0]["id"], sent[-1]["id"])
    fields = {f["var"] for f in run(bob._client["xep_0313"].get_fields(group["jid"]), 10)["fields"]}
    assert {"with", "start", "end", "before-id", "after-id", "ids"} < fields


def plain(element):
    """As text, whatever order its attributes came in."""
    return canonicalize(tostring(element, encoding="unicode"))


def test_the_archive_has_what_was_heard(team, bob):
    """By whatever way it was said, under the nick of then, and nothing that was said to one alone."""
    alice, _, group = team
    seat = Seat(bob, group["jid"], "Bob")
    seat.enter()
    said = [seat.say("first", extra=[Element("{urn:example}extra", {"kept": "yes"})])]
    seat.hear("first", "Bob")
    answered, = ids(read(bob, group["jid"])[0])
    alice.call(201, "POST", f"/api/conversations/{group['id']}/messages", {"content": "second", "reply_to": answered})
    second = bob.expect_stanza("the answer", lambda m: m.name == "message" and m.has(REPLY, "reply"))
    assert second.child(REPLY, "reply").get("id") == answered and second.body.endswith("second")
    seat.say("for nobody else", to=f"{group['jid']}/Bob", type="chat")
    seat.ask("Bobby", muc=False)
    seat.see("Bobby")
    said.append(seat.say("third"))
    heard = {m.body: m for m in bob.inbox.received if m.name == "message" and m.type == "groupchat" and m.body}
    heard["third"] = seat.hear("third", "Bobby")
    rows = [row[1] for row in read(bob, group["jid"])[0]]
    assert [row.body for row in rows] == ["first", second.body, "third"] and [rows[0].id, rows[2].id] == said
    for row in rows:
        live = heard[row.body]
        assert (row.sender, row.id, occupant_id(row), stanza_id(row)) == (live.sender, live.id, occupant_id(live), stanza_id(live))
        own = {plain(child) for child in row.xml} ^ {plain(child) for child in live.xml}
        assert len(own) == 1 and "muc#user" in own.pop(), (row, live)
        assert row.child(MUC_USER, "x")[0].get("jid") == (bob.jid if row is not rows[1] else f"{alice.me()['jid']}/rest")
    assert rows[0].sender.endswith("/Bob") and rows[0].has("urn:example", "extra")
    for nick in ("Bobby", "Bob"): # what somebody is called now finds what was said before
        found = ids(read(bob, group["jid"], ("with", f"{group['jid']}/{nick}"))[0])
        assert len(found) == (2 if nick == "Bobby" else 0)
    _, features = bob.disco_info(group["jid"])
    assert {MAM, f"{MAM}#extended", RSM, "urn:xmpp:fulltext:0", "urn:xmpp:sid:0", "urn:xmpp:occupant-id:0"} <= features


def test_what_was_done_to_messages_comes_again(team, bob):
    """Edits, reactions, deletions, under the ids by which they were heard; and what a deleted message leaves."""
    alice, bella, group = team
    seat = Seat(bob, group["jid"], "Bob")
    seat.enter()
    first, second, third = alice.send(group, "frist"), alice.send(group, "gone"), bella.send(group, "spam")
    alice.call(200, "PATCH", f"/api/messages/{first['id']}", {"content": "first"})
    seat.say(None, extra=[reactions(first["id"], "🎉")], origin=False)
    bob.expect_stanza("the set", lambda m: m.has(REACTIONS, "reactions") and m.sender == seat.place)
    alice.call(200, "DELETE", f"/api/messages/{second['id']}", **{"for": "everyone"})
    alice.call(200, "DELETE", f"/api/messages/{third['id']}", **{"for": "everyone", "reason": "spam"})
    bob.expect_stanza("moderation", lambda m: m.name == "message" and m.sender == group["jid"] and m.has(RETRACT, "retract"))
    live = [m for m in bob.inbox.received if m.name == "message" and m.type == "groupchat" and any(
        m.has(*payload) for payload in ((CORRECT, "replace"), (REACTIONS, "reactions"), (RETRACT, "retract")))]
    rows = [row[1] for row in read(bob, group["jid"])[0]]
    assert [row.body for row in rows[:3]] == ["frist", None, None]
    gone = [row.child(RETRACT, "retracted") for row in rows[1:3]]
    assert [stone.get("id") for stone in gone] == [m.id for m in live[2:]]
    assert [stone.find(f"{{{MODERATE}}}moderated") is not None for stone in gone] == [False, True]
    assert len(live) == len(rows[3:]) == 4
    for row, heard in zip(rows[3:], live):
        assert (row.sender, row.id, row.body, stanza_id(row)) == (heard.sender, heard.id, heard.body, stanza_id(heard))
        own = {tostring(child) for child in row.xml} ^ {tostring(child) for child in heard.xml}
        assert len(own) == (row.sender != group["jid"]) and all(b"muc#user" in child for child in own), (row, heard)
    replaced, said, retracted, moderated = rows[3:]
    assert replaced.child(CORRECT, "replace").get("id") == first["id"] and replaced.body == "first"
    assert said.child(REACTIONS, "reactions").get("id") == first["id"]
    assert retracted.child(RETRACT, "retract").get("id") == second["id"]
    by = moderated.child(RETRACT, "retract")
    assert by.get("id") == third["id"] and by.find(f"{{{MODERATE}}}moderated").get("by") == live[0].sender
    poll = alice.call(201, "POST", f"/api/conversations/{group['id']}/messages", {"poll": {"question": "Lunch?", "options": ["Yes", "No"]}})
    alice.call(200, "POST", f"/api/messages/{poll['id']}/close")
    result = bob.expect_stanza("what it came to", lambda m: m.has(CORRECT, "replace") and m.child(CORRECT, "replace").get("id") == poll["id"])
    assert result.body == "Lunch?\n1. Yes: 0\n2. No: 0\nThe poll is closed."
    row = read(bob, group["jid"])[0][-1][1]
    assert (row.sender, row.id, row.body, stanza_id(row)) == (result.sender, result.id, result.body, stanza_id(result))
    alice.call(200, "DELETE", f"/api/messages/{poll['id']}", **{"for": "everyone"})
    rows = [row[1] for row in read(bob, group["jid"])[0]]
    assert not any("Lunch" in (row.body or "") for row in rows) and rows[-1].has(RETRACT, "retract")


def test_one_asks_for_some(team, bob):
    alice, bella, group = team
    sent = [user.send(group, str(n)) for n, user in enumerate([alice, bella] * 4)]
    alice.call(200, "PUT", f"/api/messages/{sent[0]['id']}/reactions/{quote('👍')}")
    room, every = group["jid"], [m["id"] for m in sent]
    rows, complete, _ = read(bob, room, ("after-id", every[2]), ("before-id", every[6]))
    assert ids(rows) == every[3:6] and complete
    rows, complete, ends = read(bob, room, before="", max="2")
    assert ids(rows)[0] == every[7] and not complete and ends == tuple(ids(rows))
    set_of = rows[1][1].child(REACTIONS, "reactions")
    assert set_of.get("id") == every[0] and [e.text for e in set_of] == ["👍"]
    rows, _, ends = read(bob, room, flip=True, before=every[4], max="3")
    assert ids(rows) == every[3:0:-1] and ends == (every[1], every[3])
    assert ids(read(bob, room, ("ids", [every[5], every[1]]))[0]) == [every[1], every[5]]
    since, until = sent[3]["created_at"], sent[5]["created_at"]  # to the millisecond, in which a neighbour may have come, too
    assert ids(read(bob, room, ("start", since), ("end", until), max="1000000000")[0]) == [
        m["id"] for m in sent if since <= m["created_at"] <= until]
    assert ids(read(bob, room, ("with", bella.me()["jid"]))[0]) == every[1::2]
    assert ids(read(bob, room, ("{urn:xmpp:fulltext:0}fulltext", "3"))[0]) == [every[3]]
    assert len(read(bob, room, ("with", room), ("include-groupchat", "true"))[0]) == 9
    assert read(bob, room, max="0") == ([], False, (None, None))
    assert read(bob, room, max="0", after=every[7])[1] is False # the reaction


def test_what_makes_no_sense_is_refused(team, bob):
    alice, bella, group = team
    room, sent = group["jid"], alice.send(group, "here")
    foreign = alice.send(alice.conversation_with(participant_id=bella.me()['id']), "elsewhere")["id"]
    stranger = str(uuid.uuid4())
    for field in ("after-id", "before-id", "ids"):
        assert {refused(bob, room, (field, id)) for id in (stranger, foreign, "nothing", "x" * 5000)} == {"item-not-found"}
    assert refused(bob, room, after=stranger) == refused(bob, room, before="nothing") == "item-not-found"
    assert refused(bob, room, ("start", "yesterday")) == refused(bob, room, ("end", "2026-13-01T00:00:00Z")) == "bad-request"
    assert refused(bob, room, ("ids", [stranger] * 900)) == refused(bob, room, max="-1") == "bad-request"
    assert refused(bob, room, ("colour", "red")) == refused(bob, room, index="3") == "feature-not-implemented"
    assert refused(bob, room, ("with", "a@b@c")) == "jid-malformed"
    with pytest.raises(XmppError) as caught:
        bob.iq(room, query(queryid="q" * 2000), "set")
    assert caught.value.condition == "policy-violation"
    assert ids(read(bob, room)[0]) == [sent["id"]]


def answer(client, room, element=None, type="set"):
    """The bytes of an error, but for whom it is from and the id."""
    with pytest.raises(XmppError) as caught:
        client.iq(room, query() if element is None else element, type)
    return tostring(caught.value.stanza.child(CLIENT, "error"))


def test_nobody_else_reads_it(stack, team, bob, xmpp):
    alice, _, group = team
    sent, carol = alice.send(group, "for us"), xmpp("carol")
    room, nothing = group["jid"], f"nothing@{stack.rooms_domain}"
    asked = [(query(), "set"), (query([("ids", sent["id"])]), "set"), (Element(f"{{{MAM}}}query"), "get"),
             (Element(f"{{{MAM}}}metadata"), "get"), (Element(f"{{{MAM}}}prefs"), "get")]
    for membership in ("stranger", "removed"):
        if membership == "removed":
            named = invite(alice, group, carol)
            assert ids(read(carol, room)[0]) == [sent["id"]]
            alice.call(200, "DELETE", f"/api/conversations/{group['id']}/members/{named}")
        for element, type in asked:
            told = answer(carol, room, element, type)
            assert told == answer(carol, nothing, element, type) and b"item-not-found" in told, membership
    alice.call(200, "PUT", f"/api/conversations/{group['id']}/members/{named}", {"banned": True})
    assert all(b"forbidden" in answer(carol, room, *question) for question in asked)
    assert ids(read(bob, room)[0]) == [sent["id"]]
    # Who is one of ours has no archive on XMPP, nor has anybody there.
    for user in (alice.me()["jid"], 'nobody@' + alice.me()['jid'].partition('@')[2]):
        assert answer(bob, user) == answer(bob, user, Element(f"{{{MAM}}}query"), "get")
        assert b"forbidden" in answer(bob, user)


def test_a_room_keeps_everything(team, bob):
    _, _, group = team
    prefs = bob.iq(group["jid"], Element(f"{{{MAM}}}prefs")).child(MAM, "prefs")
    assert prefs.get("default") == "always"
    change = Element(f"{{{MAM}}}prefs", {"default": "never"})
    with pytest.raises(XmppError) as caught:
        bob.iq(group["jid"], change, "set")
    assert caught.value.condition == "not-allowed"
