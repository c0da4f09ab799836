# SPDX-License-Identifier: GPL-3.0-or-later
"""The web client, as people see it: two browsers, and somebody in an XMPP client."""
import shutil
import struct
import zlib

import pytest
from selenium.webdriver.common.keys import Keys

from harness.daemon import Daemon, psql, run_trestle
from harness.files import film, upload
from harness.hook import SECRET, Hook
from harness.inbox import wait_for
from harness.pictures import chunk
from harness.rest import App, Backend
from harness.web import Page, alice, bella, built, configured, pages, two_people  # noqa: F401

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def service():
    """What translates."""
    with Hook() as hook:
        yield hook


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory, service):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web"), f"[assist]\nurl={service.url}\nsecret={SECRET}\n"))


@pytest.fixture(scope="module")
def people(running_stack):
    """Alice and Bella, who know each other and nobody else."""
    return two_people(running_stack)


def png(width, height):
    """A picture with something in it."""
    rows = b"".join(b"\0" + bytes(value % 256 for x in range(width) for value in (x, y, x * y)) for y in range(height))
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


def test_what_was_read_just_before_the_page_is_closed_is_read(stack, people, alice, bella):
    both_open(alice, bella)
    alice.say("Read in passing")
    bella.shows("article .body", "Read in passing")
    bella.driver.get("about:blank")
    wait_for("it is read", lambda: people[1].conversation(people[1].conversation_with(participant_id=people[0].me()["id"]))["unread_count"] == 0)
    bella.driver.get(stack.info["rest"])
    bella.shows(".list h1", "Conversations")


def test_a_day_is_gone_to(alice, bella):
    both_open(alice, bella)
    alice.click("button[aria-label='What can be done here']")
    alice.click("[role=menuitem]", "Go to a date")
    alice.click("dialog button[type=submit]")
    alice.until("the first message of today is shown", "return location.search.startsWith('?m=') &&"
                " document.activeElement.matches('article')")
    assert "Hello Alice, this is Bella." in alice.run("return document.activeElement.innerText")


def test_where_links_lead(people, alice, bella):
    both_open(alice, bella)
    talk = people[1].conversation_with(participant_id=people[0].me()["id"])
    people[1].call(201, "POST", f"/api/conversations/{talk['id']}/messages", {
        "content": "See https://news.example/1", "link_preview": {"url": "https://news.example/1", "title": "What is new"}})
    alice.shows("article .linkcard .name", "What is new")
    alice.write(".composer textarea", "https://bank.example@evil.example/\n")
    alice.shows("dialog .address", "bank.example@evil.example")
    alice.shows("dialog .reasons", "before the @")
    alice.click("dialog button", "Change the message")
    alice.shows_not("dialog")
    alice.write(".composer textarea", "\n")
    alice.click("dialog button", "Send anyway")
    bella.shows("article .body", "bank.example@evil.example")


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


def test_a_message_in_ones_own_language(service, alice, bella):
    both_open(alice, bella)
    service.answers["Bonjour"] = {"outputs": ["Good day"], "language": "fr", "provider": "acme"}
    bella.say("Bonjour")
    alice.act("Bonjour", "Translate")
    alice.shows(".translated", "French")
    alice.shows(".translated .body", "Good day")
    alice.act("Bonjour", "Hide the translation")
    alice.shows_not(".translated")


def test_somebody_is_reported_and_restricted(stack, people, alice, bella):
    both_open(alice, bella)
    for text in ("Buy my boots", "Boots are cheap"):
        bella.say(text)
    alice.act("Boots are cheap", "Report")
    alice.write("dialog textarea", "Nothing but boots")
    alice.shows("dialog summary", "go along")
    alice.click("dialog button[type=submit]")
    alice.shows(".toast", "Somebody will look at it")
    staff = Backend(stack)
    report = staff.call(200, "GET", "/api/moderation/reports")["items"][-1]
    shown = staff.call(200, "GET", f"/api/moderation/reports/{report['id']}")
    assert "Buy my boots" in [message["content"] for message in shown["evidence"]["messages"]]
    staff.call(200, "PATCH", f"/api/moderation/reports/{report['id']}", {"state": "dismissed"})
    alice.click("button[aria-label='About this conversation']")
    for label, restricted in (("Restrict", 1), ("Lift the restriction", 0)):
        alice.click(".info button", label)
        wait_for("the restriction", lambda: len(people[0].call(200, "GET", "/api/users/restricted")["items"]) == restricted)
    alice.click(".info button[aria-label=Close]")


def in_menu(page, label):
    page.click("button[aria-label='What can be done here']")
    page.click("[role=menuitem]", label)


def test_a_thread_beside_the_conversation(alice, bella):
    both_open(alice, bella)
    bella.say("Who brings the tent?")
    alice.act("Who brings the tent?", "Answer in a thread")
    alice.write(".threadpanel textarea", "I do\n")
    alice.shows(".threadpanel .said li:not(.queued, .sending)", "I do")
    assert alice.axe() == []
    bella.click("article button", "Show the thread")
    bella.shows(".threadpanel .said", "Who brings the tent?")
    bella.write(".threadpanel textarea", "Good\n")
    alice.shows(".threadpanel .said", "Good")
    alice.write(".threadpanel form input", "Camping")
    alice.click(".threadpanel form button", "Save")
    bella.until("the topic", "return document.querySelector('.threadpanel form input')?.value === 'Camping'")
    alice.click(".threadpanel button", "Mark as done")
    for page in (alice, bella):
        page.keys("\ue00c")
        page.shows_not(".threadpanel")
    in_menu(alice, "Threads")
    alice.shows("dialog .found", "Camping")
    alice.shows("dialog .found", "2 answers")
    alice.keys("\ue00c")


def test_what_was_said_and_sent_is_found(people, alice, bella):
    both_open(alice, bella)
    bella.say("The needle is https://needle.example/hay")
    in_menu(alice, "Search in this conversation")
    alice.write("dialog input", "needle")
    alice.click("dialog .found", "The needle is")
    alice.until("it is gone to", "return document.activeElement.innerText.includes('The needle is')")
    in_menu(alice, "Media, files and links")
    alice.shows("dialog select")
    alice.driver.find_element("css selector", "dialog option[value=link]").click()
    alice.shows("dialog .found", "needle.example")
    assert alice.axe() == []
    alice.click("dialog button[aria-label=Close]")
    talk = people[0].conversation_with(participant_id=people[1].me()["id"])
    people[0].call(201, "POST", f"/api/conversations/{talk['id']}/scheduled", {
        "content": "Happy birthday", "local_time": "2027-05-04T09:00", "time_zone": "Europe/Berlin"})
    in_menu(alice, "Planned messages")
    alice.shows("dialog li", "Happy birthday")
    alice.press("dialog li button", "Edit")
    alice.write("dialog li textarea", " to you")
    alice.click("dialog li button", "Save")
    alice.shows("dialog li .preview", "Happy birthday to you")
    alice.press("dialog li button", "Cancel")
    alice.shows_not("dialog li")
    alice.keys("\ue00c")


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


def test_a_group_is_managed(stack, people, alice, bella):
    group = people[0].call(201, "POST", "/api/groups", {"name": "Cooks", "members": [{"user_id": people[1].me()["id"]}]})
    alice.open("Cooks")
    alice.click("button[aria-label='About this conversation']")
    alice.click(".info summary", "Rules")
    choose = "const e = [...document.querySelectorAll('.info label')].find((e) => e.innerText.startsWith(args[0]))" \
             "?.querySelector('select'); if (e) { e.value = args[1]; e.dispatchEvent(new Event('change', { bubbles: true })) } return !!e"
    alice.until("who may write", choose, "Who may write", "admins_only")
    wait_for("the rule", lambda: people[0].conversation(group)["settings"]["who_can_send"] == "admins_only")
    alice.until("what is refused", choose, "Messages that are refused", "links")
    wait_for("the filter", lambda: people[0].conversation(group)["settings"]["moderation"]["filter"] == "links")
    assert alice.axe() == []
    alice.click(".info .people button[aria-label='More: Bella Brown']")
    alice.click("[role=menuitem]", "Permissions")
    alice.click("dialog label.check", "Write")
    alice.click("dialog button[type=submit]")
    wait_for("the permission", lambda: "send_messages" in people[0].call(
        200, "GET", f"/api/conversations/{group['id']}/members/{people[1].me()['id']}")["permissions"])
    alice.driver.execute_script("window.confirm = () => true")
    alice.click(".info button", "End the group for all")
    for page in (alice, bella):
        page.shows_not(".item", "Cooks")


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
    alice.attach(*names)
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


def send_waves(folder, sender, other):
    """A video, with its pieces, from one to the other."""
    video = film(folder, "waves.mp4", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=10", "-c:v", "libx264", "-preset", "ultrafast",
                 "-g", "20", "-pix_fmt", "yuv420p", seconds=4)
    file = upload(sender, video, "waves.mp4", "video/mp4")
    pieces = wait_for("its pieces", lambda: sender.call(200, "GET", f"/api/files/{file['id']}")["stream_url"], timeout=60)[0]
    sender.send(sender.conversation_with(participant_id=other.me()["id"]), "The waves", attachments=[file["id"]])
    return pieces


def plays_waves(page):
    """Looks at it, which begins at once."""
    page.shows("article .body", "The waves")
    page.click("article .media[aria-label*=waves]")
    page.until("it is played", "const v = document.querySelector('dialog.viewer video'); if (!v?.currentSrc) return false;"
               " v.muted = true; if (v.paused) v.play().catch(() => {}); return v.currentTime > 0.3")
    source = page.run("return document.querySelector('dialog.viewer video').currentSrc")
    assert source.startswith("blob:") or ".m3u8" in source, source
    assert page.violations() == []


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
def test_a_video_plays_in_pieces(tmp_path, people, alice, bella):
    both_open(alice, bella)
    send_waves(tmp_path, people[1], people[0])
    plays_waves(alice)
    alice.keys("\ue00c")
    alice.shows_not("dialog")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not here")
@pytest.mark.timeout(240)
def test_a_video_plays_in_pieces_from_the_host_of_files(running_stack, tmp_path):
    """Files have a host of their own ([media] url): pages may get from there what a player puts together."""
    daemon = Daemon(running_stack)
    host = daemon.info["rest"].replace("127.0.0.1", "localhost")
    daemon.configure({"http": {"web_root": built()}, "session": {"cookie_secure": "false"},
                      "media": {"store": tmp_path / "files", "key": "ab" * 32, "url": host}})
    with daemon:
        daemon.info["server_key"] = run_trestle("token", "--config", daemon.config, "--server-key", "web", "--scopes", "tickets")[1].strip()
        people = two_people(daemon)
        with Page(daemon, people[0]) as page:
            page.sign_in()
            page.open("Bella Brown")
            assert send_waves(tmp_path, people[1], people[0]).startswith(f"{host}/f/")
            plays_waves(page)
            page.keys("\ue00c")
            page.shows_not("dialog")
            page.run("HTMLMediaElement.prototype.canPlayType = () => ''")  # as in browsers that leave it to a player of ours
            plays_waves(page)
            assert page.run("return document.querySelector('dialog.viewer video').currentSrc").startswith("blob:")


def test_a_file_opens_with_its_password(tmp_path, alice, bella):
    both_open(alice, bella)
    name = tmp_path / "plans.txt"
    name.write_text("Meet at dawn.")
    alice.driver.execute_script("document.querySelector('.composer input[type=file]').style.display = 'block'")
    alice.driver.find_element("css selector", ".composer input[type=file]").send_keys(str(name))
    alice.shows(".attached li.complete", "plans.txt")
    alice.driver.refresh()
    alice.shows(".attached li.complete", "plans.txt")
    alice.click(".attached button[aria-label='Password and end of files: plans.txt']")
    alice.write("dialog input[type=password]", "swordfish")
    alice.click("dialog button", "Save")
    alice.shows("dialog button", "Remove the password")
    assert alice.axe() == []
    alice.keys("\ue00c")
    alice.write(".composer textarea", "The plans\n")
    for word in ("herring", "swordfish"):
        bella.write(".file.locked input", word, clear=True)
        bella.click(".file.locked button", "Open")
        if word == "herring":
            bella.shows(".file.locked [role=alert]", "not the password")
    bella.shows("a.file", "plans.txt")
    assert bella.run("return fetch(document.querySelector('a.file').href).then((answer) => answer.text())") == "Meet at dawn."
    alice.shows_not(".attached li")


def test_a_voice_message(service, alice, bella):
    both_open(alice, bella)
    alice.click(".composer button[aria-label='Voice message']")
    alice.until("two seconds", "return document.querySelector('.recorder [role=timer]')?.innerText >= '0:02'")
    alice.click(".recorder button[aria-label='Keep the recording']")
    alice.shows(".attached li.complete")
    alice.click(".composer button[aria-label=Send]")
    bella.click("article .voice button")
    bella.until("it is played", "return document.querySelector('article .voice audio').currentTime > 0.3")
    was, service.default = service.default, {"outputs": ["Nothing but a tone"], "language": "en", "provider": "acme"}
    bella.click("article button", "Show as text")
    for page in (bella, alice):
        page.shows("article .transcript", "Nothing but a tone")
    bella.shows_not("article button.plain", "Show as text")
    service.default = was


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
                   " return !document.querySelector('.banner')")
    bella.shows("article .body", "three of three")
    assert [text for text in bella.articles() if text.endswith("of three")] == [f"{n} of three" for n in ("one", "two", "three")]
    alice.shows_not("article.queued, article.sending, article.failed")


def test_of_two_tabs_the_one_that_is_looked_at_sends(stack, alice, bella):
    both_open(alice, bella)
    first = alice.driver.current_window_handle
    alice.driver.switch_to.new_window("tab")
    alice.watch_policy()
    alice.driver.get(stack.info["rest"])
    try:
        alice.open("Bella Brown")
        alice.until("one of them sends", "return navigator.locks.query().then(({ held }) =>"
                    " held.filter(({ name }) => /^trestle /.test(name)).length === 1)")
        alice.say("From the second tab")
        bella.shows("article .body", "From the second tab")
        alice.driver.switch_to.window(first)
        alice.shows("article .body", "From the second tab")
        alice.say("From the first tab")
        bella.shows("article .body", "From the first tab")
        assert bella.articles().count("From the first tab") == 1
    finally:
        alice.driver.switch_to.window(next(name for name in alice.driver.window_handles if name != first))
        alice.driver.close()
        alice.driver.switch_to.window(first)


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
        page.shows(".call .about", "In call")
        page.until("the other's picture moves", "const v = document.querySelector('.call .remote');"
                   " return v.videoWidth > 0 && v.currentTime > 0.5")
        page.flows(audio=25, video=5)
    alice.click(".call button[aria-label=Mute]")
    bella.shows(".peermuted", "Alice Adams is muted")
    alice.click(".call .statistics summary")
    alice.shows(".call .statistics dd", "kbit/s")
    alice.shows(".call button[aria-label='Hand the call on']")
    assert alice.axe() == []
    alice.click(".call button[aria-label='Messages beside the call']")
    alice.until("both have room", "const call = document.querySelector('.call').getBoundingClientRect(), main = document.querySelector('main')"
                ".getBoundingClientRect(); return call.right <= main.left + 1 && main.width >= 320 && call.width >= 320")
    alice.say("Can you see this, too?")
    assert alice.axe() == []
    alice.click(".call button[aria-label='Messages beside the call']")
    bella.click(".call button[aria-label='Hang up']")
    for page in (alice, bella):
        page.shows_not(".call")
        page.shows("article .body", "Video call")


def test_a_call_that_is_declined(alice, bella):
    both_open(alice, bella)
    alice.click(".chatheader button[aria-label='Voice call']")
    bella.shows(".ringing .decline")
    # It is shown for some seconds, in which a slow machine may not look.
    alice.run("window.said = ''; new MutationObserver(() => { said += document.querySelector('.call')?.innerText ?? ''; })"
              ".observe(document.body, { subtree: true, childList: true, characterData: true })")
    bella.click(".ringing .decline")
    alice.until("it is declined", "return said.includes('has declined')")
    alice.run("[...document.querySelectorAll('.call button')].find((e) => e.innerText === 'Close')?.click()")
    alice.shows_not(".call")


def test_what_is_new_is_in_one_place_and_quiet_when_asked(stack, people, alice, bella):
    both_open(alice, bella)
    # Sounds are counted where they are made.
    alice.run("window.sounds = 0; const make = AudioContext.prototype.createOscillator;"
              " AudioContext.prototype.createOscillator = function () { window.sounds++; return make.call(this) }")
    alice.keys(Keys.CONTROL, "/")
    alice.shows("dialog kbd", "Enter")
    assert alice.axe() == []
    alice.keys("\ue00c")
    alice.shows_not("dialog")
    alice.click("button[aria-label='More lists']")
    alice.click("[role=menuitem]", "What is new")
    alice.shows(".settings h1", "What is new")
    alice.click(".settings button", "For an hour")
    alice.shows(".settings [role=status]", "Do not disturb until")
    alice.shows(".listheader button", "Do not disturb until")
    carl = App(stack, "carl-news", username="carlnews", name="Carl News")
    talk = carl.conversation_with(participant_id=people[0].me()["id"])
    carl.send(talk, "Are you there?")
    call = carl.call(201, "POST", "/api/calls/initiate", {"conversation_id": talk["id"], "call_type": "audio"})
    alice.shows(".ringing", "Carl News is calling")
    carl.call(200, "POST", f"/api/calls/{call['id']}/end")
    alice.shows(".settings li", "You missed a call from Carl News")
    bella.say("Psst")
    alice.shows(".item .preview", "Psst")
    assert alice.run("return window.sounds") == 0
    assert alice.axe() == []
    alice.click(".settings button", "End it")
    bella.say("Hey!")
    alice.until("a sound", "return window.sounds > 0")
    alice.click(".settings li .found", "Carl News")
    alice.shows("article .body", "Are you there?")
    alice.keys(Keys.CONTROL, "k")
    alice.until("the search has the focus", "return document.activeElement.matches('.searchbar input')")
    chosen = "[...document.querySelectorAll('.item')].findIndex((e) => e.matches('.active'))"
    at, many = alice.run(f"return [{chosen}, document.querySelectorAll('.item').length]")
    alice.keys(Keys.ALT, Keys.ARROW_DOWN if at + 1 < many else Keys.ARROW_UP)
    alice.until("its neighbour", f"return {chosen} === {at + 1 if at + 1 < many else at - 1}")


def test_lists_beside_that_of_conversations(people, alice, bella):
    both_open(alice, bella)
    bella.say("Keep this in mind")
    alice.act("Keep this in mind", "Star")
    for name, words in (("Starred messages", "Keep this in mind"), ("Calls", ""), ("Contacts", "Find somebody")):
        alice.click("button[aria-label='More lists']")
        alice.click("[role=menuitem]", name)
        alice.shows(".settings h1", name)
        alice.shows(".settings .body", words)
        assert alice.axe() == []
    alice.write(".settings .picker input", "Bella")
    alice.click(".settings .picker .found", "Bella Brown")
    alice.shows(".settings section li", "Bella Brown")
    assert people[0].call(200, "GET", "/api/contacts")["items"]
    alice.click(".settings section li button", "Rename")
    alice.write("dialog input", "My sister")
    alice.write("dialog textarea", "Kin")
    assert alice.axe() == []
    alice.press("dialog button[type=submit]", "Save")
    alice.shows(".settings section li", "My sister")
    alice.shows(".settings section li", "Kin")
    contact, = people[0].call(200, "GET", "/api/contacts")["items"]
    assert (contact["name"], contact["groups"], contact["user"]["name"]) == ("My sister", ["Kin"], "Bella Brown")
    alice.click(".settings section li button", "Remove")
    alice.shows_not(".settings section li")


def test_a_copy_to_take_away(alice, bella):
    alice.click("button[aria-label=Settings]")
    alice.press(".settings section:has(h2) button", "Make a copy")
    alice.shows(".settings section li", "Ready")
    assert alice.run("return fetch(document.querySelector('.settings section li a').href).then((a) => a.blob())"
                     ".then((b) => b.slice(0, 2).text())") == "PK"
    both_open(alice, bella)
    for page in (alice, bella):
        page.click("button[aria-label='About this conversation']")
    alice.press(".info section button", "Make a copy")
    alice.shows(".info section li", "Waits until all agree")
    bella.press(".info section button", "Agree")
    alice.shows(".info section li", "Ready")
    for page in (alice, bella):
        page.click(".info button[aria-label=Close]")


def test_ones_data_and_how_to_go(stack):
    leaver = App(stack, "leaver", username="leaver", name="Lee Leaver")
    with Page(stack, leaver) as page:
        page.sign_in().click("button[aria-label=Settings]")
        page.shows(".settings", "Your data")
        page.click(".settings label.check", "Messages may be handed")
        wait_for("it is taken back", lambda: leaver.call(200, "GET", "/api/settings/data-sharing")["assist"] is False)
        page.write(".settings input[type=number]", "30", clear=True)
        page.press(".settings form:has(input[type=number]) button", "Save")
        wait_for("the days", lambda: leaver.call(200, "GET", "/api/settings/retention")["messages_days"] == 30)
        assert page.axe() == []
        page.press(".settings button.danger", "Delete your account")
        page.write("dialog input", leaver.me()["jid"])
        page.press("dialog button.danger", "Delete your account")
        page.shows(".signin")

        def signs_in_again():
            leaver.token = leaver.mint()
            return leaver.request("GET", "/api/users/me").status == 200
        wait_for("a newer token", signs_in_again)
        page.sign_in().click("button[aria-label=Settings]")
        page.press(".settings button", "Keep the account")
        page.shows(".settings button.danger", "Delete your account")


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
    alice.tab_to("Message to", back=True)  # it is the last but for what is around it
    alice.keys("By keyboard", "\ue007")
    bella.shows("article .body", "By keyboard")
    alice.shows("article.own:not(.queued, .sending) .body", "By keyboard")  # what is on its way has no actions
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


def test_settings_reach_the_others(people, alice, bella):
    both_open(alice, bella)
    alice.click("button[aria-label=Settings]")
    checked = "return [...document.querySelectorAll('.settings .check')].find((e) => e.innerText.includes('read'))?.querySelector('input').checked === args[0]"
    for receipts in (False, True):
        people[0].call(200, "PATCH", "/api/settings/privacy", {"receipts": receipts})
        alice.until("another device has changed it", checked, receipts)
    alice.write(".settings form input", "Alice Archer", clear=True)
    alice.click(".settings form button[type=submit]")
    bella.shows(".chatheader .name", "Alice Archer")
    alice.write(".settings form input", "Alice Adams", clear=True)
    alice.click(".settings form button[type=submit]")
    bella.shows(".chatheader .name", "Alice Adams")


def choose(page, value):
    """Of what a moderator is shown."""
    page.run("const s = document.querySelector('.chatheader select'); Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype,"
             f" 'value').set.call(s, '{value}'); s.dispatchEvent(new Event('change', {{bubbles: true}}))")


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
        choose(page, "appeals")
        page.shows(".report", "They are free")
        page.click(".report button", "Grant")
        page.shows(".moderation", "Nothing is here")
        file = upload(mallory, b"coins", "coins.txt", "text/plain")
        psql(stack.info["database"], f"UPDATE files SET scan = 'held', scan_reasons = '[\"advertising\"]' WHERE id = '{file['id']}'")
        choose(page, "files")
        page.shows(".report", "advertising")
        page.click(".report button", "Have a look")
        page.shows(".report a", "Save it")
        assert page.run("return fetch(document.querySelector('.report a').href).then((answer) => answer.text())") == "coins"
        assert page.axe() == []
        page.click(".report button", "Release")
        page.shows(".moderation", "Nothing is here")
        assert mallory.call(200, "GET", f"/api/files/{file['id']}")["scan_status"] == "clean"
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
