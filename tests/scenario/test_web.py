# SPDX-License-Identifier: GPL-3.0-or-later
"""The web client, as people see it: two browsers, and somebody in an XMPP client."""
import struct
import zlib

import pytest

from harness.daemon import psql
from harness.inbox import wait_for
from harness.rest import App
from harness.web import Page, built


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    from conftest import stack_of
    conf = tmp_path_factory.mktemp("web") / "web.ini"
    conf.write_text(f"[http]\nweb_root={built()}\n[session]\ncookie_secure=false\n")
    yield from stack_of(request, "--conf", conf)


@pytest.fixture(scope="module")
def people(running_stack):
    """Alice and Bella, who know each other and nobody else."""
    alice, bella = (App(running_stack, name.lower(), username=name.lower(), name=name) for name in ("Alice Adams", "Bella Brown"))
    bella.send(bella.conversation_with(participant_id=alice.me()["id"]), "Hello Alice, this is Bella.")
    return alice, bella


@pytest.fixture(scope="module")
def pages(running_stack, people):
    with Page(running_stack, people[0]) as alice, Page(running_stack, people[1]) as bella:
        yield alice.sign_in(), bella.sign_in()


@pytest.fixture
def alice(stack, pages):
    return pages[0]


@pytest.fixture
def bella(stack, pages):
    return pages[1]


def png(width, height):
    """A picture with something in it."""
    rows = b"".join(b"\0" + bytes(value % 256 for x in range(width) for value in (x, y, x * y)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def both_open(alice, bella):
    alice.open("Bella Brown")
    bella.open("Alice Adams")


def test_a_link_signs_in_once(stack, people, alice):
    assert alice.run("return location.hash + location.search") == ""
    link = alice.link()
    alice.driver.get("about:blank")
    alice.driver.get(stack.info["rest"] + "/")
    alice.shows(".item", "Bella Brown")
    with Page(stack, people[0]) as other:
        other.driver.get(link)
        other.shows(".list h1", "Conversations")
        other.driver.delete_all_cookies()
        other.driver.get("about:blank")
        other.driver.get(link)
        other.shows("[role=alert]", "not valid")


def test_two_browsers_talk(alice, bella):
    both_open(alice, bella)
    bella.write(".composer textarea", "Is anybody")
    alice.shows("p.typing", "Bella Brown is typing")
    bella.write(".composer textarea", " there?\n")
    alice.shows("article .body", "Is anybody there?")
    alice.shows_not("p.typing", "typing")
    alice.say("Yes, I am")
    bella.shows("article .body", "Yes, I am")
    alice.shows("article.own .mark.read")
    alice.shows(".item.active .preview", "Yes, I am")


def test_somebody_on_xmpp_is_no_different(stack, xmpp, people, alice):
    with xmpp("bob") as bob:
        bob.send_message(people[0].me()["jid"], "From my own client")
        alice.shows(".item", "bob")
        alice.open("bob")
        alice.shows("article .body", "From my own client")
        alice.say("From the browser")
        got = bob.expect_message("From the browser")
        assert got.sender.startswith(people[0].me()["jid"])
        alice.shows("article.own [aria-label=Delivered], article.own [aria-label=Read]")


def test_what_can_be_done_to_a_message(alice, bella):
    both_open(alice, bella)
    alice.say("Frist words")
    alice.act("Frist words", "Edit")
    alice.write(".composer textarea", "First words\n", clear=True)
    bella.shows("article", "edited")
    bella.shows("article .body", "First words")
    bella.until("the reply is begun", "const a = [...document.querySelectorAll('article')].find((e) => e.innerText.includes("
                "'First words')); a.querySelector('button[aria-label=Reply]').click(); return true")
    bella.say("Second thoughts")
    alice.shows("article .quote", "First words")
    alice.press("article:has(.quote) button", "React")
    alice.click("dialog.emoji button", "thumbs up")
    bella.shows(".reactions button", "👍")
    bella.press(".reactions button", "👍")
    alice.shows(".reactions button", "2 people")
    bella.driver.execute_script("window.confirm = () => true")
    bella.act("Second thoughts", "Delete for everyone")
    alice.shows("article", "This message was deleted")


def test_a_poll_and_votes(alice, bella):
    both_open(alice, bella)
    alice.click(".composer .menu > button")
    alice.click("[role=menuitem]", "Poll")
    alice.write("dialog label:nth-of-type(1) input", "Tea or coffee?")
    for number, text in ((2, "Tea"), (3, "Coffee")):
        alice.write(f"dialog label:nth-of-type({number}) input", text)
    alice.click("dialog button[type=submit]")
    bella.click(".poll .option", "Coffee")
    alice.shows(".poll .option", "1 vote")
    bella.shows(".poll .option[aria-pressed=true]", "Coffee")


def test_a_group_with_somebody_on_xmpp(stack, xmpp, people, alice, bella):
    with xmpp("carol") as carol:
        alice.click("button[aria-label='New conversation']")
        alice.click("dialog button", "New group")
        alice.write("dialog label:nth-of-type(1) input", "Hikers")
        alice.write("dialog .picker input", "Bella")
        alice.click("dialog .found", "Bella Brown")
        alice.write("dialog .picker input", carol.bare, clear=True)
        alice.click("dialog .found", carol.bare)
        alice.click("dialog button[type=submit]")
        alice.shows(".chatheader .name", "Hikers")
        alice.say("Who comes on Sunday?")
        bella.open("Hikers")
        bella.shows("article .sender", "Alice Adams")
        bella.write(".composer textarea", "I do, @Al")
        bella.shows(".mentions [role=option]", "Alice Adams")
        bella.keys("\ue007")
        bella.write(".composer textarea", "too\n")
        alice.shows("article .mention.me", "@Alice Adams")
        alice.click("button[aria-label='About this conversation']")
        alice.shows(".info .people li", "Invited")
        alice.keys("\ue00c")
        alice.shows_not(".info")


def test_what_happens_to_a_group_is_said_in_words(stack, people, alice, bella):
    group = people[0].call(201, "POST", "/api/groups", {"name": "Readers", "members": [{"user_id": people[1].me()["id"]}]})
    alice.open("Readers")
    carl = App(stack, "carl", username="carl", name="Carl Clark")
    carl.send(carl.conversation_with(participant_id=people[0].me()["id"]), "Hello Alice, this is Carl.")
    people[0].call(200, "POST", f"/api/conversations/{group['id']}/members", {"members": [{"user_id": carl.me()["id"]}]})
    alice.shows("article.system", "Carl Clark")
    people[0].call(200, "PATCH", f"/api/conversations/{group['id']}", {"name": "Writers"})
    for page in (alice, bella):
        page.shows(".item .preview", "Alice Adams named the group Writers")
    alice.shows("article.system", "Alice Adams named the group Writers")
    bella.open("Writers")
    bella.shows("article.system", "Alice Adams named the group Writers")


def test_on_a_touch_screen_replies_and_reactions_begin_in_the_menu(alice, bella):
    both_open(alice, bella)
    bella.say("Touch this")
    alice.shows("article .body", "Touch this")
    alice.act("Touch this", "Reply")
    alice.say("Touched")
    bella.shows("article .quote", "Touch this")
    alice.act("Touch this", "React")
    alice.click("dialog.emoji button", "thumbs up")
    bella.shows("article.own .reactions button, article:has(.reactions)", "👍")


def test_an_edit_leaves_what_was_being_written_and_a_draft_keeps_what_it_answers(people, alice, bella):
    both_open(alice, bella)
    written = "return document.querySelector('.composer textarea')?.value === args[0]"
    alice.say("A thought to be edited")
    alice.write(".composer textarea", "Half a thought")
    alice.act("A thought to be edited", "Edit")
    alice.until("the edit is begun", written, "A thought to be edited")
    alice.write(".composer textarea", " now\n")
    bella.shows("article .body", "A thought to be edited now")
    alice.until("the draft is back", written, "Half a thought")
    alice.act("A thought to be edited now", "Reply")
    wait_for("the draft is kept with what it answers", lambda: any(
        item["draft"] and item["draft"]["content"] == "Half a thought" and item["draft"]["reply_to"]
        for item in people[0].conversations()["items"]))
    alice.driver.refresh()
    alice.shows(".composer .mode", "A thought to be edited now")
    alice.until("the draft is there", written, "Half a thought")
    alice.write(".composer textarea", "\n")
    bella.shows("article:has(.quote)", "Half a thought")


def test_pictures_go_and_are_looked_at(stack, tmp_path, people, alice, bella):
    both_open(alice, bella)
    names = [tmp_path / f"holiday {n}.png" for n in range(3)]
    for n, name in enumerate(names):
        name.write_bytes(png(400 + n, 300))
    alice.driver.execute_script("document.querySelector('.composer input[type=file]').style.display = 'block'")
    alice.driver.find_element("css selector", ".composer input[type=file]").send_keys("\n".join(map(str, names)))
    alice.until("all are uploaded", "return document.querySelectorAll('.attached li.complete').length === 3")
    alice.write(".composer textarea", "Three pictures\n")
    bella.until("the pictures are shown", "const all = [...document.querySelectorAll('article .media img')];"
                " return all.length === 3 && all.every((e) => e.complete && e.naturalWidth > 0)")
    bella.shows("article .body", "Three pictures")
    bella.click("article .media")
    bella.until("the whole picture", "return document.querySelector('dialog.viewer img')?.naturalWidth === 400")
    bella.keys("\ue014")
    bella.until("the next picture", "return document.querySelector('dialog.viewer img')?.naturalWidth === 401")
    bella.keys("\ue00c")
    bella.shows_not("dialog")
    bella.click("button[aria-label='About this conversation']")
    bella.until("the gallery", "return document.querySelectorAll('.gallery img').length === 3")
    bella.keys("\ue00c")
    assert bella.violations() == [] and alice.violations() == []


def test_a_voice_message(alice, bella):
    both_open(alice, bella)
    alice.click(".composer button[aria-label='Voice message']")
    alice.until("two seconds", "return document.querySelector('.recorder [role=timer]')?.innerText >= '0:02'")
    alice.click(".recorder button[aria-label='Keep the recording']")
    alice.shows(".attached li.complete")
    alice.click(".composer button[aria-label=Send]")
    bella.click("article .voice button")
    bella.until("it is played", "return document.querySelector('article .voice audio').currentTime > 0.3")


def test_what_is_written_without_a_server_arrives_once_and_in_order(stack, alice, bella):
    both_open(alice, bella)
    stack.stop("bridge.0")
    try:
        alice.shows(".banner")
        for text in ("one", "two", "three"):
            alice.say(f"{text} of three")
        alice.shows("article.queued")
        alice.driver.refresh()
        alice.shows("article.queued .body", "three of three")
    finally:
        stack.restart("bridge.0")
    for page in (alice, bella):
        page.until("it is connected again", "window.dispatchEvent(new Event('online'));"
                   " return !document.querySelector('.banner')", timeout=40)
    bella.shows("article .body", "three of three")
    assert [text for text in bella.articles() if text.endswith("of three")] == [f"{n} of three" for n in ("one", "two", "three")]
    alice.shows_not("article.queued, article.sending, article.failed")


def test_what_is_opened_from_the_page_does_not_become_it(stack, alice):
    alice.until("the worker is at work", "return !!navigator.serviceWorker.controller")
    alice.driver.get(f"{stack.info['rest']}/icon.svg")
    kept = "return caches.match('/').then((kept) => kept.headers.get('content-type'))"
    assert alice.driver.execute_script(kept) == "text/html; charset=utf-8"
    alice.driver.get(stack.info["rest"])
    alice.shows(".list h1", "Conversations")


def test_a_call_between_two_browsers(alice, bella):
    both_open(alice, bella)
    alice.click(".chatheader button[aria-label='Video call']")
    bella.shows(".ringing", "Alice Adams is calling")
    bella.click(".ringing .answer")
    for page in (alice, bella):
        page.shows(".call .about", "In call", timeout=30)
        page.until("the other's picture moves", "const v = document.querySelector('.call .remote');"
                   " return v.videoWidth > 0 && v.currentTime > 0.5")
    alice.click(".call button[aria-label=Mute]")
    bella.shows(".peermuted", "Alice Adams is muted")
    assert alice.axe() == []
    bella.click(".call button[aria-label='Hang up']")
    for page in (alice, bella):
        page.shows_not(".call")
        page.shows("article .body", "Video call")


def test_a_call_that_is_declined(alice, bella):
    both_open(alice, bella)
    alice.click(".chatheader button[aria-label='Voice call']")
    bella.click(".ringing .decline")
    alice.shows(".call", "has declined")
    alice.click(".call button", "Close")
    alice.shows_not(".call")


HOSTILE = ['<img src=x onerror="window.hacked=1">', "<script>window.hacked=1</script>", "javascript:window.hacked=1",
           "data:text/html,<script>window.hacked=1</script>", "https://example.org/\"onmouseover=\"window.hacked=1",
           "‮gnp.exe", "x" * 20000, "&lt;b&gt;", "{{constructor.constructor('window.hacked=1')()}}", "<svg/onload=window.hacked=1>"]


def test_hostile_texts_and_names_are_shown_as_they_are(stack, people, alice):
    mallory = App(stack, "mallory", username="mallory", name='<img src=x onerror="window.hacked=1">')
    talk = mallory.conversation_with(participant_id=people[0].me()["id"])
    for text in HOSTILE:
        mallory.send(talk, text)
    alice.open("<img src=x")
    for text in HOSTILE:
        alice.until(f"{text[:40]!r} is shown", "return [...document.querySelectorAll('article .body')].some((e) =>"
                    " e.textContent === args[0])", text)
    links = alice.run("return [...document.querySelectorAll('article .body a')].map((a) => [a.href, a.rel, a.target])")
    assert links and all(href.startswith("https://") and "noopener" in rel and target == "_blank" for href, rel, target in links)
    assert alice.run("return [window.hacked ?? null, document.querySelectorAll('article img').length]") == [None, 0]
    assert alice.violations() == []


def test_every_screen_is_accessible(alice):
    alice.open("Bella Brown")
    assert alice.axe() == []
    alice.click("button[aria-label='About this conversation']")
    alice.shows(".info h2")
    assert alice.axe() == []
    alice.click(".info button[aria-label=Close]")
    alice.click("button[aria-label='New conversation']")
    alice.shows("dialog[open]")
    assert alice.axe() == []
    alice.keys("\ue00c")
    alice.shows_not("dialog")
    assert "New conversation" in alice.focused()
    alice.click("button[aria-label=Settings]")
    alice.shows(".settings h2", "Privacy")
    assert alice.axe() == []
    alice.run("document.querySelector('.settings select option[value=dark]').parentElement.id = 'theme'")
    for theme in ("dark", "contrast", "light"):
        alice.run("const s = document.getElementById('theme'); const set = Object.getOwnPropertyDescriptor(HTMLSelectElement."
                  "prototype, 'value').set; set.call(s, args[0]); s.dispatchEvent(new Event('change', {bubbles: true}))", theme)
        alice.until(f"the theme {theme}", "return document.documentElement.dataset.theme === args[0]", theme)
        assert alice.axe() == [], theme
    alice.click(".settings button[aria-label=Back]")


def test_by_keyboard_alone(alice, bella):
    both_open(alice, bella)
    alice.run("document.querySelector('.skip').focus()")
    for _ in range(40):
        if alice.focused().startswith("Message to"):
            break
        alice.keys("\ue004")
    alice.keys("By keyboard", "\ue007")
    bella.shows("article .body", "By keyboard")
    alice.run("document.querySelector('[role=feed]').focus()")
    alice.keys("\ue013")
    assert "By keyboard" in alice.focused()
    for _ in range(4):
        if "Actions" in alice.focused():
            break
        alice.keys("\ue004")
    assert "Actions" in alice.focused()
    alice.keys("\ue007")
    alice.shows("[role=menu]")
    alice.keys("\ue015", "\ue00c")
    alice.shows_not("[role=menu]")
    assert "Actions" in alice.focused()


def test_settings_reach_the_others(alice, bella):
    both_open(alice, bella)
    alice.click("button[aria-label=Settings]")
    alice.write(".settings form input", "Alice Archer", clear=True)
    alice.click(".settings form button[type=submit]")
    bella.shows(".chatheader .name", "Alice Archer")
    alice.write(".settings form input", "Alice Adams", clear=True)
    alice.click(".settings form button[type=submit]")
    bella.shows(".chatheader .name", "Alice Adams")


def test_a_moderator_works_off_a_report_and_an_appeal(stack, people, alice):
    mona, mallory = (App(stack, name, username=name, name=name.title()) for name in ("mona", "malory"))
    psql(stack.info["database"], f"UPDATE users SET staff = '{{moderator}}' WHERE id = '{mona.me()['id']}'")
    bad = mallory.send(mallory.conversation_with(participant_id=people[0].me()["id"]), "Buy <b>my</b> coins")
    people[0].call(201, "POST", "/api/reports", {"message_id": bad["id"], "reason": "spam", "comment": "Again and again"})
    with Page(stack, mona) as page, Page(stack, mallory) as told:
        page.sign_in()
        page.click("button[aria-label=Settings]")
        page.click(".settings button", "Moderation")
        page.shows(".report", "Again and again")
        page.click(".report button", "Details")
        page.shows(".evidence [aria-current]", "Buy <b>my</b> coins")
        assert page.axe() == []
        page.write(".act input", "No advertising")
        page.click(".act button[type=submit]")
        page.shows_not(".report", "Again and again")
        told.sign_in()
        told.click("button[aria-label=Settings]")
        told.shows(".settings", "Warn: No advertising")
        told.write(".settings input[name=text]", "They are free")
        told.click(".settings button", "Appeal")
        told.shows_not(".settings input[name=text]")
        page.run("const s = document.querySelector('.chatheader select'); Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype,"
                 " 'value').set.call(s, 'appeals'); s.dispatchEvent(new Event('change', {bubbles: true}))")
        page.shows(".report", "They are free")
        page.click(".report button", "Grant")
        page.shows(".moderation", "Nothing is here")
        assert page.axe() == [] and page.violations() == []
        told.click("button[aria-label=Back]")
        told.click("button[aria-label=Settings]")
        told.shows(".settings", "Granted")
    alice.driver.get(f"{stack.info['rest']}/moderation")  # who is no moderator is told so, and sees nothing
    alice.shows_not(".report")
    alice.driver.get(stack.info["rest"])
    alice.shows(".list h1", "Conversations")


KEPT = ("const all = []; for (const { name } of await indexedDB.databases()) { const db = await new Promise((r) => {"
        " const q = indexedDB.open(name); q.onsuccess = () => r(q.result) }); for (const s of db.objectStoreNames)"
        " all.push(await new Promise((r) => { const q = db.transaction(s).objectStore(s).count(); q.onsuccess = () => r(q.result) }));"
        " db.close() } return all.reduce((a, b) => a + b, 0) + Object.keys(localStorage).filter((k) => k.includes('user')).length")


def test_signing_out_leaves_nothing(stack, people):
    with Page(stack, people[1]) as page:
        page.sign_in().open("Alice Adams")
        page.shows("article")
        assert page.run(KEPT) > 0
        page.click("button[aria-label=Settings]")
        page.click(".settings button", "Sign out")
        page.shows("h1", "Sign in")
        assert page.run(KEPT) == 0
        page.driver.refresh()
        page.shows("h1", "Sign in")
        assert wait_for("nobody is in", lambda: page.run("return (await fetch('/api/session')).status") == 401)


@pytest.mark.parametrize("open_meanwhile", [True, False])
def test_a_session_that_ends_elsewhere_leaves_nothing(stack, people, open_meanwhile):
    name = f"Ending {open_meanwhile}"
    guest = App(stack, name.lower().replace(" ", ""), username=name.lower().replace(" ", ""), name=name)
    guest.send(guest.conversation_with(participant_id=people[0].me()["id"]), "Hello")
    with Page(stack, guest) as page:
        page.sign_in().open("Alice Adams")
        page.shows("article")
        page.until("it is kept", KEPT)
        if not open_meanwhile:
            page.driver.get(f"{stack.info['rest']}/api/capabilities")
        guest.call(204, "DELETE", "/api/session/all")
        if not open_meanwhile:
            page.driver.get(stack.info["rest"])
        page.shows("h1", "Sign in")
        wait_for("nothing is kept", lambda: page.run(KEPT) == 0)
