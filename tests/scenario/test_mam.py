# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of rooms as XMPP clients read them (XEP-0313): what the API shows, in pages; and what nobody gets."""
import uuid
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest

from harness.database import database
from harness.inbox import run
from harness.xmpp import CLIENT, FORWARD, MAM, RSM, Stanza, XmppError

DATA = "jabber:x:data"
DELAY = "urn:xmpp:delay"
REACTIONS = "urn:xmpp:reactions:0"
MUC_USER = "http://jabber.org/protocol/muc#user"


def become(stack, group, jid, state="joined"):
    with database(stack) as sql:
        user = sql("SELECT user_remote(%s)", jid)[0][0]
        sql("INSERT INTO members (conversation_id, user_id, kind, jid, number, role, grouped, joined_at, state, left_seq)"
            " SELECT %s, id, kind, jid, number, 'member', true, now(), %s, CASE WHEN %s NOT IN ('joined', 'invited') THEN 0 END"
            " FROM users WHERE id = %s ON CONFLICT (conversation_id, user_id) DO UPDATE"
            " SET state = excluded.state, left_seq = excluded.left_seq", group["id"], state, state, user)


@pytest.fixture
def team(stack, app, bob):
    """A group of Alice's with Bella, and Bob, who has an account elsewhere."""
    alice, bella = app("alice"), app("bella")
    group = alice.call(201, "POST", "/api/groups", {"name": "Team", "members": [{"user_id": bella.me()["id"]}]})
    become(stack, group, bob.bare)
    bob._client.register_plugin("xep_0313")
    return alice, bella, group


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
    shown = alice.messages(group)["items"]
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
    assert ids(read(bob, room, ("start", sent[3]["created_at"]), ("end", sent[5]["created_at"]), max="1000000000")[0]) == every[3:6]
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
    for state in (None, "removed", "left"):
        if state:
            become(stack, group, carol.bare, state)
        for element, type in asked:
            told = answer(carol, room, element, type)
            assert told == answer(carol, nothing, element, type) and b"item-not-found" in told
    become(stack, group, carol.bare, "banned")
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
