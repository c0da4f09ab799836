# SPDX-License-Identifier: GPL-3.0-or-later
"""The web client beside others: two browsers and Dino in one group, a call with a stock Jingle client, a network that goes
and comes back, much at once, and what people send who mean harm."""
import contextlib
import os
from xml.etree.ElementTree import Element, SubElement

import pytest
from selenium.webdriver.common.keys import Keys

from harness.browser import MEDIA, Chromium, Origin
from harness.dino import Dino
from harness.firefox import Firefox
from harness.jingle_page import JinglePage, bundle
from harness.pictures import chunk, png, vector
from harness.rest import App
from harness.screens import put
from harness.web import Page, alice, bella, configured, pages, two_people  # noqa: F401
from harness.xmpp import ROSTER
from test_calls_dino import befriend
from test_web_screens import WIDE


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web")))


@pytest.fixture(scope="module")
def people(running_stack):
    alice, bella = two_people(running_stack)
    alice.send(alice.conversation_with(participant_id=bella.me()["id"]), "Hello Bella.")
    return alice, bella


def both_open(alice, bella):
    alice.open("Bella Brown")
    bella.open("Alice Adams")


def in_roster(client, jid):
    """Dino fetches files of those whom its person knows, and asks before it fetches others'."""
    query = Element(f"{{{ROSTER}}}query")
    SubElement(query, f"{{{ROSTER}}}item", {"jid": jid})
    client.iq(None, query, "set")


def test_two_browsers_and_dino_in_one_group(stack, xmpp, people, alice, bella, tmp_path):
    dave = stack.account("dave")["jid"]
    group = people[0].call(201, "POST", "/api/groups", {
        "name": "Trail", "members": [{"user_id": people[1].me()["id"]}, {"jid": dave}]})
    in_roster(xmpp("dave"), people[0].me()["jid"])
    with Dino(stack, "dave") as dino:
        dino.join(group["jid"])
        alice.open("Trail")
        bella.open("Trail")
        alice.say("Hello from a browser")
        bella.shows("article .body", "Hello from a browser")
        dino.expect("what Alice says", lambda: ("Alice Adams", "Hello from a browser") in dino.said(group["jid"]))
        dino.send("Hello from Dino")
        for page in (alice, bella):
            page.shows("article .body", "Hello from Dino")
        bella.act("Hello from Dino", "Reply")
        bella.say("Welcome")
        alice.shows("article:has(.quote)", "Welcome")
        alice.shows("article .quote", "Hello from Dino")
        dino.expect("the reply", lambda: any(who == "Bella Brown" and "Welcome" in text for who, text in dino.said(group["jid"])))
        alice.act("Hello from Dino", "React")
        alice.click("dialog.emoji button", "thumbs up")
        bella.shows(".reactions button", "👍")
        dino.expect("the reaction", lambda: any(text == "Hello from Dino" and "👍" in emojis for _, text, emojis in dino.reactions()))
        picture = tmp_path / "trail.png"
        picture.write_bytes(png(400, 300))
        alice.attach(picture)
        alice.shows(".attached li.complete")
        alice.write(".composer textarea", "The view\n")
        bella.until("the picture", "const i = document.querySelector('article .media img'); return i?.complete && i.naturalWidth > 0")
        dino.expect("the picture", lambda: dino.query("SELECT 1 FROM file_transfer WHERE file_name = 'trail.png'"))
        dino.expect("its words", lambda: ("Alice Adams", "The view") in dino.said(group["jid"]))
    for page in (alice, bella):
        assert page.violations() == []


def test_a_call_with_a_stock_jingle_client(stack, people, alice):
    script = bundle()
    befriend(type("World", (), {"stack": stack}), people[0], "carol")
    with contextlib.ExitStack() as opened:
        origin = opened.enter_context(contextlib.closing(Origin()))
        origin.files["stanza.js"] = script
        browser = opened.enter_context(contextlib.closing(Chromium(*MEDIA, "--allow-loopback-in-peer-connection")))
        browser.load(origin)
        carol = opened.enter_context(contextlib.closing(JinglePage(browser, stack, "carol", ["audio", "video"])))
        carol.described_to(f"{people[0].me()['jid']}/rest")
        alice.open("carol")
        alice.shows(".chatheader .preview", "Online")
        carol.say(people[0].me()["jid"], "it is told")
        alice.shows("article .body", "it is told")
        alice.click(".chatheader button[aria-label='Video call']")
        carol.until("incoming")
        carol.do("ring")
        alice.shows(".call", "Ringing")
        carol.accept()
        alice.shows(".call .about", "In call")
        alice.flows(audio=25, video=5)
        carol.flows()
        carol.do("end")
        alice.shows_not(".call")
        carol.call(f"{people[0].me()['jid']}/rest")
        alice.shows(".ringing", "carol@example.org is calling")
        alice.click(".ringing .answer")
        alice.shows(".call .about", "In call")
        alice.flows(audio=25, video=5)
        carol.flows()
        alice.click(".call button[aria-label='Hang up']")
        carol.until("terminated")
        alice.press(".call button", "Close")
        alice.shows_not(".call")


def test_a_network_that_goes_and_comes_back(alice, bella):
    both_open(alice, bella)
    alice.offline(True)
    alice.shows(".banner")  # though the socket looks alive
    for n in range(3):
        alice.say(f"{n} without a network")
    alice.shows("article.queued")
    alice.driver.refresh()  # the page itself comes from the service worker
    alice.shows("article.queued .body", "2 without a network")
    alice.until("five tries", "window.dispatchEvent(new Event('online')); return !!document.querySelector('.banner button')")
    alice.offline(False)
    alice.until("it is connected again", "document.querySelector('.banner button')?.click(); return !document.querySelector('.banner')")
    bella.shows("article .body", "2 without a network")
    alice.shows_not("article.queued, article.sending, article.failed")
    assert [text for text in bella.articles() if "without" in text] == [f"{n} without a network" for n in range(3)]


def test_a_hundred_messages_said_rapidly_arrive_in_order(people, alice, bella):
    both_open(alice, bella)
    alice.write(".composer textarea", "".join(f"rapid {n}\n" for n in range(100)))
    bella.shows("article .body", "rapid 99", timeout=60)
    alice.shows_not("article.queued, article.sending, article.failed")
    talk = people[1].conversation_with(participant_id=people[0].me()["id"])
    said = [item["content"] for item in people[1].messages(talk, limit=100)["items"]]
    assert said == [f"rapid {n}" for n in range(100)]
    for page in (alice, bella):
        seen = [text for text in page.articles() if text.startswith("rapid")]
        assert seen == said[-len(seen):] and len(seen) > 5


def test_ten_photos_at_once(tmp_path, alice, bella):
    both_open(alice, bella)
    files = [tmp_path / f"photo {n}.png" for n in range(11)]
    for n, file in enumerate(files):
        file.write_bytes(png(300 + n, 200, color=(20 * n, 120, 200)))
    alice.attach(*files)
    alice.shows(".toast", "at most 10")
    alice.until("all are uploaded", "return document.querySelectorAll('.attached li.complete').length === 10")
    alice.write(".composer textarea", "Ten photos\n")
    bella.shows("article .body", "Ten photos")
    bella.until("all are shown", "const a = [...document.querySelectorAll('article')].at(-1);"
                " a.querySelectorAll('img').forEach((e) => { e.loading = 'eager' });"
                " const all = [...a.querySelectorAll('.media img')]; return all.length === 10 && all.every((e) => e.naturalWidth > 0)")
    assert bella.run(WIDE) == []


def test_a_photo_whose_network_goes_in_the_middle_goes_on(tmp_path, people, alice, bella):
    both_open(alice, bella)
    photo = tmp_path / "large.png"
    photo.write_bytes(png(300, 200, extra=chunk(b"tEXt", b"a\0" + os.urandom(6 << 20).replace(b"\0", b"1"))))
    alice.offline(False, upload=500_000)
    alice.attach(photo)
    bar = "const bar = document.querySelector('.attached progress')?.value ?? 0; "
    alice.until("the bar goes on", bar + "return bar >= 20 && bar < 100")
    alice.offline(True)
    alice.shows(".banner")
    reached = alice.run(bar + "return bar")
    assert 20 <= reached < 100
    alice.run("window.least = 100; new MutationObserver(() => { const bar = document.querySelector('.attached progress');"
              " if (bar) window.least = Math.min(window.least, bar.value); })"
              ".observe(document.querySelector('.attached'), { subtree: true, childList: true, attributes: true })")
    alice.offline(False)
    alice.until("it is uploaded", "document.querySelector('.banner button')?.click();"
                " document.querySelector('.attached li.failed button')?.click(); return !!document.querySelector('.attached li.complete')", timeout=60)
    assert alice.run("return window.least") > 0, "it did not begin anew"
    alice.write(".composer textarea", "The large one\n")
    bella.shows("article .body", "The large one")
    talk = people[1].conversation_with(participant_id=people[0].me()["id"])
    file, = people[1].messages(talk)["items"][-1]["attachments"]
    assert (file["filename"], file["width"], file["status"]) == ("large.png", 300, "complete")


def test_all_of_it_by_keyboard_alone(stack, people, bella):
    """From signing in to a call, and the focus is never lost."""
    bella.open("Alice Adams")
    with Page(stack, people[0]) as alice:
        code = alice.link().partition("code=")[2]
        alice.driver.get(stack.info["rest"])
        alice.shows("h1", "Sign in")
        alice.tab_to("INPUT")
        alice.keys(code, Keys.ENTER)
        alice.shows(".item", "Bella Brown")
        alice.tab_to("Bella Brown")
        alice.keys(Keys.ENTER)
        alice.until("the field has the focus", "return document.activeElement.matches('.composer textarea')")
        alice.keys("All by keyboard", Keys.ENTER)
        bella.shows("article .body", "All by keyboard")
        bella.say("Then react to this")
        alice.shows("article .body", "Then react to this")
        alice.tab_to("Skip to messages")
        alice.keys(Keys.ENTER)
        alice.tab_to("Messages")
        alice.keys(Keys.ARROW_UP)
        assert "Then react to this" in alice.focused()
        alice.tab_to("Actions for this message")
        alice.keys(Keys.ENTER)
        alice.shows("[role=menuitem]", "React")
        while alice.focused() != "React":
            alice.keys(Keys.ARROW_DOWN)
            assert alice.focused() != "Reply", "all were passed"
        alice.keys(Keys.ENTER)
        alice.shows("dialog.emoji")
        alice.keys("thumbs up")
        alice.tab_to("thumbs up")
        alice.keys(Keys.ENTER)
        bella.shows(".reactions button", "👍")
        assert alice.focused() == "Actions for this message"
        alice.tab_to("Settings")
        alice.keys(Keys.ENTER)
        alice.shows(".settings h2", "Privacy")
        alice.tab_to("Back")
        alice.keys(Keys.ENTER)
        alice.shows(".chatheader .name", "Bella Brown")
        alice.tab_to("Voice call")
        alice.keys(Keys.ENTER)
        bella.shows(".ringing", "Alice Adams is calling")
        assert bella.focused().strip() == "Answer"
        bella.keys(Keys.ENTER)
        alice.shows(".call .about", "In call")
        alice.tab_to("Mute")
        alice.keys(" ")
        bella.shows(".peermuted")
        alice.tab_to("Hang up")
        alice.keys(Keys.ENTER)
        for page in (alice, bella):
            page.shows_not(".call")
            assert page.run("return document.activeElement !== document.body")


def test_firefox(stack, people, alice, tmp_path):
    """By a link, texts both ways, what is done to them, a picture, a call."""
    carl = App(stack, "carl", username="carl", name="Carl Clark")
    talk = carl.conversation_with(participant_id=people[0].me()["id"])
    carl.send(talk, "Hello Alice, this is Carl.")
    people[0].send(talk, "Hello Carl.")
    with Page(stack, carl, browser=Firefox()) as page:
        page.sign_in()
        page.open("Alice Adams")
        alice.open("Carl Clark")
        page.write(".composer textarea", "From ")
        alice.shows("p.typing", "Carl Clark is typing")
        page.write(".composer textarea", "Firefox\n")
        alice.shows("article .body", "From Firefox")
        alice.say("From Chromium")
        page.shows("article .body", "From Chromium")
        page.act("From Chromium", "React")
        page.click("dialog.emoji button", "thumbs up")
        alice.shows(".reactions button", "👍")
        picture = tmp_path / "from firefox.png"
        picture.write_bytes(png(300, 200))
        page.attach(picture)
        page.shows(".attached li.complete")
        page.write(".composer textarea", "A picture\n")
        for each in (page, alice):
            each.until("the picture", "const i = document.querySelector('article .media img'); return i?.complete && i.naturalWidth > 0")
        page.click(".chatheader button[aria-label='Video call']")
        alice.click(".ringing .answer")
        alice.shows(".call .about", "In call")
        alice.flows(audio=25, video=5)
        page.until("Alice's picture moves", "const v = document.querySelector('.call .remote');"
                   " return v.videoWidth > 0 && v.currentTime > 0.5")
        page.click(".call button[aria-label='Hang up']")
        alice.shows_not(".call")
        assert page.axe() == []
        page.driver.refresh()
        page.shows("article .body", "From Chromium")
        page.click("button[aria-label=Settings]")
        page.click(".settings button", "Sign out")
        page.shows("h1", "Sign in")


# ---- Those who mean harm

ZALGO = "Z" + "".join(chr(0x300 + n % 0x50) for n in range(400))
NAMES = ["\u202egnp.exe", "<img src=x onerror=hacked=1>", ZALGO[:90], "\u2067\u2066" * 20 + "x", "W" * 100, "\u200b", "ẞ" * 100]
TEXTS = ["a" * 65535, "\u202e" * 500 + "evil", ZALGO, "\u2067" * 300 + "never closed", "\U0001f468\u200d" * 500,
         "https://" + "a" * 2000 + ".example/", "\n" * 3000, "\ufeff\u2028\u2029", "ﷺ" * 500, "<style>*{display:none}</style>",
         "https://example.org/%00%ff", "file:///etc/passwd", "vbscript:x", "https://user:pass@example.org"]


def test_hostile_names_and_texts_break_nothing(stack, people, alice):
    """What the server takes of them is shown as it is, within its place, on a desktop and on the smallest phone."""
    talks = []
    for n, name in enumerate(NAMES):
        mallory = App(stack, f"mallory{n}", username=f"mallory{n}")
        mallory.call((200, 422), "PATCH", "/api/users/me", {"name": name})
        talks.append(mallory.conversation_with(participant_id=people[0].me()["id"]))
        mallory.send(talks[-1], "x" + TEXTS[n])
    for text in TEXTS:
        mallory.call((201, 422), "POST", f"/api/conversations/{talks[-1]['id']}/messages", {"content": text})
    group = people[0].call(201, "POST", "/api/groups", {"name": NAMES[1], "members": [
        {"user_id": p["user"]["id"]} for talk in talks for p in talk["participants"] if p["user"]["id"] != people[0].me()["id"]]})
    try:
        for size, phone in (((1200, 800), False), ((320, 640), True)):
            put(alice, *size, phone=phone)
            for path in ("/", *(f"/c/{talk['id']}" for talk in talks), f"/c/{talks[-1]['id']}/info", f"/c/{group['id']}/info"):
                alice.driver.get(stack.info["rest"] + path)
                alice.shows(".item" if path == "/" else ".info .head" if path.endswith("/info") else "article")
                assert alice.run(WIDE) == [], path
                rows = alice.run("return [...document.querySelectorAll('.item')].map((e) => e.offsetHeight)")
                assert set(rows) <= {0, 72}, rows
        assert alice.run("return window.hacked ?? null") is None and alice.violations() == []
    finally:
        alice.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        put(alice, 1200, 800)
        alice.driver.get(stack.info["rest"])


def test_every_picture_of_the_vectors_is_shown_or_refused(tmp_path, alice, bella):
    both_open(alice, bella)
    files = []
    for name, data in [("animated.gif", None), ("cmyk.jpg", None), ("16-bit-alpha.png", None), ("turned-6.jpg", None),
                       ("script.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>parent.hacked=1</script></svg>'),
                       ("page.html", b"<script>hacked=1</script>"), ("lie.png", b"<html><script>hacked=1</script>"),
                       ("huge.png", png(4, 4, claimed=(60000, 60000))), ("empty.bin", b"\0"), ("\u202egpj.exe.png", png())]:
        files.append(tmp_path / name)
        files[-1].write_bytes(data if data is not None else vector(name))
    alice.attach(*files)
    alice.until("each is there or failed", "return document.querySelectorAll('.attached li.complete, .attached li.failed').length === 10")
    alice.run("document.querySelectorAll('.attached li.failed button:last-child').forEach((e) => e.click())")
    alice.until("the failed ones are gone", "return !document.querySelector('.attached li.failed')")
    alice.write(".composer textarea", "What there is\n")
    bella.shows("article .body", "What there is")
    bella.until("what is a picture is shown", "const all = [...[...document.querySelectorAll('article')].at(-1).querySelectorAll('.media img')];"
                " return all.length >= 4 && all.every((e) => e.complete)")
    for page in (alice, bella):
        assert page.run("return window.hacked ?? null") is None and page.violations() == []
        assert page.run(WIDE) == []


def test_a_link_that_looks_like_another_is_asked_about(alice, bella):
    both_open(alice, bella)
    for link in ("https://аpple.com/login", "https://xn--pple-43d.com"):
        alice.write(".composer textarea", f"look {link}\n")
        alice.shows("dialog[open] .address", link)
        alice.click("dialog button", "Change the message")
        alice.shows_not("dialog")
        assert link in alice.run("return document.querySelector('.composer textarea').value")
        alice.write(".composer textarea", "", clear=True)
    assert not any("look https" in text for text in bella.articles())
