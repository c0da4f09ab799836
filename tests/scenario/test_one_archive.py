# SPDX-License-Identifier: GPL-3.0-or-later
"""The XMPP server's own archive, kept in Trestle's PostgreSQL: what its users' clients read, and what is when PostgreSQL is away."""
import subprocess
import time
import uuid

import pytest
from conftest import stack_of
from harness import fault, smack
from harness.database import database
from harness.inbox import wait_for
from harness.mam import everything, page, plain, query, refused
from harness.stack import TOP
from harness.xmpp import MAM, XmppError
from xml.etree.ElementTree import Element, SubElement

SID = "urn:xmpp:sid:0"


@pytest.fixture(scope="module")
def running_stack(request):
    yield from stack_of(request, "--archive")


@pytest.fixture
def readable(stack, xmpp):
    """Returns when the archive is open."""
    probe = xmpp("erin")

    def opened():
        try:
            return page(probe, max="0") is not None
        except XmppError:
            return False
    wait_for("the archive is open", opened)
    return opened


@pytest.fixture
def bob(xmpp, readable):
    return xmpp("bob")


@pytest.fixture
def carol(xmpp, readable):
    return xmpp("carol")


def shown_id(stanza, by):
    """The stanza-id that the archive of `by` has given; as the UUID that it is."""
    id = next(e.get("id") for e in stanza.xml.iter(f"{{{SID}}}stanza-id") if e.get("by") == by)
    return plain(id)


def talk(sender, receiver, *bodies):
    """Sends all, and returns what came."""
    for body in bodies:
        sender.send_message(receiver.bare, body)
    return [receiver.expect_message(body) for body in bodies]


def unique(word, count=1):
    key = uuid.uuid4().hex[:8]
    return [f"{word} {n} {key}" for n in range(count)]


def test_one_id_for_both_ends_and_live(stack, bob, carol):
    body, = unique("hello")
    heard, = talk(bob, carol, body)
    ids, bodies = everything(carol)
    assert plain(ids[bodies.index(body)]) == shown_id(heard, carol.bare)
    ids, bodies = everything(bob)
    assert plain(ids[bodies.index(body)]) == shown_id(heard, carol.bare)
    with database(stack) as sql:
        assert sql("SELECT count(*) FROM mam_stanzas WHERE stanza LIKE %s", f"%{body}%") == [(1,)]


def test_pages(stack, bob, carol, xmpp):
    dave = xmpp("dave")
    bodies = unique("page", 9)
    for n, body in enumerate(bodies):
        talk(bob, dave if n % 3 else carol, body)
    ids, shown = everything(bob, max=4)
    ids, shown = ids[shown.index(bodies[0]):], shown[shown.index(bodies[0]):]
    assert shown == bodies
    last = page(bob, max="3", before="")
    assert (last.bodies, last.first, last.last) == (bodies[-3:], ids[-3], ids[-1]) and not last.complete
    assert page(bob, max="4", before=ids[6]).bodies == bodies[2:6]
    rest = page(bob, max="10", after=ids[6])
    assert rest.bodies == bodies[7:] and rest.complete
    assert page(bob, ("with", carol.bare), max="2", before="").bodies == [bodies[3], bodies[6]]
    assert page(bob, ("with", dave.bare), max="3", after=ids[2]).bodies == [bodies[4], bodies[5], bodies[7]]
    stamp = page(bob, max="1", before="").stamps[0]
    assert page(bob, ("start", stamp), before="", max="1").bodies == [bodies[-1]]
    assert page(bob, ("end", stamp), before="", max="50").bodies[-9:] == bodies
    assert page(bob, ("start", "2999-01-01T00:00:00Z")).bodies == page(bob, ("end", "1999-01-01T00:00:00Z")).bodies == []
    unknown = str(uuid.uuid4()) if stack.server == "prosody" else str(uuid.uuid4().int)
    condition = "item-not-found" if stack.server == "prosody" else "internal-server-error"
    assert refused(bob, after=unknown) == condition and refused(bob, after="nonsense") == condition
    if stack.server == "prosody":
        assert page(bob, max="3", before="", flip=True).bodies == bodies[:-4:-1]
        assert page(bob, ("ids", [ids[5], ids[2]])).bodies == [bodies[2], bodies[5]]
        assert page(bob, ("after-id", ids[2]), ("before-id", ids[5])).bodies == bodies[3:5]
        assert int(page(bob, max="0").count) >= 9
        metadata = bob.iq(None, Element(f"{{{MAM}}}metadata")).child(MAM, "metadata")
        assert metadata.find(f"{{{MAM}}}end").get("id") == ids[-1]
        assert f"{MAM}#extended" in bob.disco_info(bob.bare)[1]


def test_another_s_archive_is_not_for_reading(stack, bob, carol, xmpp):
    body, = unique("secret")
    talk(xmpp("dave"), carol, body)
    if stack.server == "prosody":
        with pytest.raises(XmppError):
            bob.iq(carol.bare, query(), "set")
    else: # reads who asks
        bob.iq(carol.bare, query(page={"before": "", "max": "50"}), "set")
        assert not any(body in str(stanza) for stanza in bob.inbox.received)


def test_a_reused_id_makes_two(bob, carol):
    first, second = unique("twice", 2)
    bob.send_message(carol.bare, first, id="same-id")
    bob.send_message(carol.bare, second, id="same-id")
    carol.expect_message(first)
    carol.expect_message(second)
    assert [b for b in everything(carol)[1] if b in (first, second)] == [first, second]


def test_preferences(bob, carol):
    def prefer(default):
        prefs = Element(f"{{{MAM}}}prefs", {"default": default})
        SubElement(prefs, f"{{{MAM}}}always")
        SubElement(prefs, f"{{{MAM}}}never")
        return bob.iq(None, prefs, "set").child(MAM, "prefs").get("default")
    unkept, kept = unique("prefer", 2)
    try:
        assert prefer("never") == "never"
        talk(carol, bob, unkept)
    finally:
        prefer("always")
    talk(carol, bob, kept)
    assert unkept not in everything(bob)[1] and kept in everything(bob)[1] and unkept in everything(carol)[1]


def test_messages_go_on_while_postgres_is_hung(stack, bob, carol, xmpp, readable):
    dave = xmpp("dave")
    bodies = unique("hung", 6)
    with fault.frozen(stack, "postgres"):
        heard = talk(bob, carol, *bodies[:3])
        began = time.monotonic()
        dave.ping()
        assert time.monotonic() - began < 2, "others wait for PostgreSQL"
        assert refused(carol, max="1") == "internal-server-error"
        heard += talk(bob, carol, *bodies[3:])
    wait_for("the archive is open again", readable)
    wait_for("the spool is in", lambda: everything(carol)[1][-6:] == bodies)
    ids = everything(carol)[0]
    assert [plain(id) for id in ids[-6:]] == [shown_id(stanza, carol.bare) for stanza in heard]
    assert everything(bob)[1][-6:] == bodies


@pytest.mark.long # what is shorter shows the same, too
def test_messages_go_on_while_postgres_is_down(stack, bob, carol, readable):
    bodies = unique("down", 20)
    stack.stop("postgres")
    try:
        heard = talk(bob, carol, *bodies)
    finally:
        stack.restart("postgres")
        fault.wait_ready(stack)
    wait_for("the archive is open again", readable)
    wait_for("the spool is in", lambda: everything(carol)[1][-20:] == bodies)
    assert [plain(id) for id in everything(bob)[0][-20:]] == [shown_id(stanza, carol.bare) for stanza in heard]


def test_a_spool_outlives_the_server(stack, xmpp, readable):
    bodies = unique("spool", 5)
    bob, carol = xmpp("bob"), xmpp("carol")
    stack.stop("postgres")
    try:
        heard = talk(bob, carol, *bodies)
        spooled = stack.dir / "xmpp"
        wait_for("all of it is in the spool", lambda: all(
            any(body in file.read_text() for file in spooled.rglob("trestle_spool_*") if file.is_file()) for body in bodies))
        stack.kill("xmpp")
        bob.close()
        carol.close()
    finally:
        stack.restart("postgres")
        stack.restart("xmpp")
        fault.wait_ready(stack)
    carol = xmpp("carol")

    def replayed():
        try:
            return everything(carol)[1][-5:] == bodies
        except XmppError:
            return False
    wait_for("the spool is in", replayed)
    assert [plain(id) for id in everything(carol)[0][-5:]] == [shown_id(stanza, carol.bare) for stanza in heard]


def test_a_burst_arrives_to_the_last(bob, carol):
    """Queries in the midst of it make the server wait; nothing that has come meanwhile lies there for ever."""
    bodies = unique("burst", 300)
    for n, body in enumerate(bodies):
        bob.send_message(carol.bare, body)
        if n % 100 == 50:
            bob.send_element(query_iq())
    carol.expect_message(bodies[-1])
    assert [b for b in everything(carol, max=50)[1] if b in set(bodies)] == bodies


def query_iq():
    iq = Element("{jabber:client}iq", {"type": "set", "id": uuid.uuid4().hex})
    iq.append(query(page={"max": "1"}))
    return iq


@pytest.mark.long # what is shorter shows the same, too
def test_bridge_away_and_archive_there(stack, bob, carol):
    body, = unique("without")
    stack.stop("bridge")
    try:
        talk(bob, carol, body)
        assert everything(carol)[1][-1] == body
    finally:
        stack.restart("bridge")
        fault.wait_ready(stack)


SPOOL = """
package.path = "/usr/lib/prosody/?.lua"
package.cpath = "/usr/lib/prosody/?.so"
local logged = {}
module = { log = function (_, level, text) logged[#logged + 1] = level end }
local chunk = assert(loadfile(arg[1]))
local new = chunk().new
local path = arg[2]

local spool = new(path, 1000)
assert(spool:is_empty())
local count = 0
while spool:add({ n = count + 1, text = ("x"):rep(50) }) do count = count + 1 end
assert(count > 5 and count < 20, "a full one takes no more, and keeps the oldest")
assert(#spool:peek(3) == 3 and spool:peek(3)[1].n == 1, "what was not taken is read again")
spool:taken()
assert(spool:peek(1)[1].n == 4)

local file = io.open(path, "ab")
file:write('{"n": 99, "torn')
file:close()
spool = new(path, 1000000)
assert(spool:add({ n = 100 }))
local entries = spool:peek(1000)
assert(#entries == count + 1 and entries[#entries].n == 100 and #logged == 1, "a torn line costs itself alone")
spool:taken()
assert(spool:is_empty() and not io.open(path), "an empty one is no file")
assert(spool:add({ n = 101 }) and spool:peek(9)[1].n == 101)
"""


def test_the_spool_of_prosody(stack, tmp_path):
    if stack.server != "prosody":
        pytest.skip("is Prosody's")
    script = tmp_path / "spool.lua"
    script.write_text(SPOOL)
    done = subprocess.run(["lua5.4", script, TOP / "plugin/prosody/mod_storage_trestle/spool.lib.lua", tmp_path / "spool.json"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_smacks_tests_of_mam(stack, tmp_path):
    """The server's own module, with our archive behind it."""
    outcomes, impossible, printed = smack.run(stack, tmp_path, ["org.jivesoftware.smackx.mam.MamIntegrationTest",
                                                                "org.jivesoftware.smackx.mam.MamPrefsIntegrationTest"])
    assert len(outcomes) >= 2 and all(outcomes.values()), f"{outcomes} {impossible}\n{printed[-20000:]}"
