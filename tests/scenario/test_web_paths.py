# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths through the web client for which one server is enough: all that people do most, in a language that is written from right to left;
two devices that write at once; and what the page tells of its own mistakes."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.inbox import wait_for
from harness.rest import App
from harness.web import Page, alice, bella, configured, pages, texts, two_people  # noqa: F401
from test_web_screens import UNTRANSLATED, WIDE

pytestmark = pytest.mark.one_server


class Collector:
    """To which pages tell what went wrong: `told` has the bodies, `heads` the headers."""

    def __init__(self):
        self.told, self.heads = [], []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                collector.heads.append(dict(self.headers))
                collector.told.append(body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/web"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def of(self, page):
        """What was told of a part of the page; there is something."""
        return wait_for(f"a report of {page}", lambda: [one for one in self.told if one["page"] == page])[0]


@pytest.fixture(scope="module")
def collector():
    with Collector() as there:
        yield there


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory, collector):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web"), f"[http]\nweb_errors={collector.url}\n"))


@pytest.fixture(scope="module")
def people(running_stack):
    return two_people(running_stack)


def test_the_main_path_from_right_to_left(stack, people, bella):
    bella.open("Alice Adams")
    with Page(stack, people[0]) as page:
        agent = page.run("return navigator.userAgent")
        page.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "ar-EG"})
        page.language = "ar"  # what is asked for in English below is looked for in Arabic
        page.sign_in()
        assert page.run("return [document.documentElement.dir, document.documentElement.lang]") == ["rtl", "ar"]
        page.open("Bella Brown")
        page.say("مرحبا بيلا")
        bella.shows("article .body", "مرحبا بيلا")
        bella.say("Hello to you")
        page.shows("article .body", "Hello to you")
        page.until("one's own stand at the left, lines run as they are written", "const all = [...document.querySelectorAll('article .bubble')];"
                   " const mine = all.find((e) => e.innerText.includes('مرحبا')), hers = all.find((e) => e.innerText.includes('Hello to you'));"
                   " const way = (e) => getComputedStyle(e.querySelector('.body')).direction;"
                   " return mine.getBoundingClientRect().left < hers.getBoundingClientRect().left &&"
                   " mine.getBoundingClientRect().right < hers.getBoundingClientRect().right && way(mine) === 'rtl' && way(hers) === 'ltr'")
        page.until("the emoji are shown", "const a = [...document.querySelectorAll('article')].find((e) => e.innerText.includes('Hello to you'));"
                   " a.querySelector(`button[aria-label='${args[0]}']`).click(); return true", page.word("React"))
        page.click("dialog.emoji button", "👍")
        bella.shows(".reactions button", "👍")
        page.shows(".reactions button[aria-pressed=true]", "👍")
        bella.click(".chatheader button[aria-label='Video call']")
        page.shows(".ringing", "Bella Brown")
        bella.click(".call button[aria-label='Hang up']")
        page.shows("article .body", "Missed video call")  # in Arabic: the server has it in English
        bella.shows("article .body", "Missed video call")
        page.shows_not(".ringing")
        english = [text for key, text in texts("en").items() if texts("ar").get(key) != text and "{" not in text]
        assert page.run(UNTRANSLATED, english) == []
        assert page.run(WIDE) == []
        assert page.axe() == []
        assert page.violations() == []


PAGES = "return performance.getEntriesByType('resource').filter((e) => e.name.includes(`/conversations/${args[0]}/messages`)).length"


def test_what_is_unread_is_opened_at_its_beginning_and_not_read_through(stack, people, alice):
    cleo = App(stack, "cleo", username="cleo", name="Cleo Clark")
    talk = cleo.conversation_with(participant_id=people[0].me()["id"])
    cleo.send(talk, "I have something to tell")
    people[0].read(talk)
    for n in range(400):
        cleo.send(talk, f"line {n}")
    alice.open("Cleo Clark")
    alice.shows("article .body", "line 1")
    assert not alice.run("return [...document.querySelectorAll('article')].some((e) => e.innerText.includes('line 399'))")
    assert alice.run(PAGES, talk["id"]) <= 5
    alice.until("all of them count", "return document.body.innerText.includes('400 new messages')")
    alice.say("Thank you")
    alice.shows("article .body", "Thank you")


# Frames as on a machine that has much else to do.
SLOW_FRAMES = """
const real = window.requestAnimationFrame;
window.requestAnimationFrame = (run) => real(() => setTimeout(() => real(run), 200));
"""


def test_what_is_unread_is_opened_at_its_beginning_on_a_slow_machine(stack, people, alice):
    fay = App(stack, "fay", username="fay", name="Fay Frost")
    talk = fay.conversation_with(participant_id=people[0].me()["id"])
    for n in range(90):
        fay.send(talk, f"read {n}")
    people[0].read(talk)
    for n in range(90):
        fay.send(talk, f"unread {n}")
    with Page(stack, people[0]) as page:
        page.sign_in()
        page.run(SLOW_FRAMES)
        page.open("Fay Frost")
        page.shows("article .body", "unread 0")
        page.run("for (let n = 0; n < 20; n++) await new Promise(requestAnimationFrame)")
        page.until("the line is at the top", "const line = document.querySelector('.divider.unread')?.getBoundingClientRect();"
                   " return line && Math.abs(line.top - document.querySelector('[role=feed]').getBoundingClientRect().top) < 12")
        page.shows("article .body", "read 89")  # further up, and in the page


# The answer to the next GET of such a path is kept back until the page is told to go on; it was made when there is a `goOn`.
HOLD = """
const real = window.fetch;
delete window.goOn;
window.fetch = async (...all) => {
  const answer = await real(...all);
  if (window.fetch === real || all[1]?.method !== 'GET' || !new URL(all[0], location).pathname.match(args[0])) return answer;
  window.fetch = real;
  await new Promise((good) => { window.goOn = good; });
  return answer;
};
"""
HELD = "return !!window.goOn"


def test_what_gets_a_star_while_the_list_is_first_read_is_in_it(people, alice, bella):
    talk = people[1].conversation_with(participant_id=people[0].me()["id"])
    alice.open("Bella Brown")
    message = people[1].send(talk, "Worth a star")
    alice.shows("article .body", "Worth a star")
    alice.run(HOLD, "/starred$")
    alice.click("button[aria-label='More lists']")
    alice.click("[role=menuitem]", "Starred messages")
    alice.until("the list was read", HELD)
    people[0].call((200, 204), "PUT", f"/api/messages/{message['id']}/star")
    people[1].send(talk, "Behind the star")
    alice.shows(".item .preview", "Behind the star")  # what was told before it has come
    alice.run("goOn()")
    alice.shows(".settings .body", "Worth a star")


def test_what_is_answered_while_a_thread_is_first_read_is_in_it(people, alice, bella):
    talk = people[1].conversation_with(participant_id=people[0].me()["id"])
    alice.open("Bella Brown")
    root = people[1].send(talk, "Who brings the map?")
    alice.shows("article .body", "Who brings the map?")
    alice.run(HOLD, "/thread$")
    alice.act("Who brings the map?", "Answer in a thread")
    alice.until("the thread was read", HELD)
    alice.write(".threadpanel textarea", "I have one\n")
    wait_for("the answer is there", lambda: people[0].call(200, "GET", f"/api/messages/{root['id']}/thread")["items"])
    people[1].send(talk, "Behind the answer")
    alice.shows("article .body", "Behind the answer")
    alice.run("goOn()")
    alice.shows(".threadpanel .said li:not(.queued, .sending)", "I have one")
    alice.click(".threadpanel button[aria-label=Close]")
    alice.shows_not(".threadpanel")


# What of the menu that is open is out of sight or under something; it is there and has the focus.
COVERED = """
const menu = document.querySelector('[role=menu]'), all = [...menu.querySelectorAll('[role=menuitem]')];
if (!all.includes(document.activeElement)) return ['no focus'];
return all.filter((e) => { const r = e.getBoundingClientRect();
  return r.top < 0 || r.bottom > innerHeight || !e.contains(document.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2)) })
  .map((e) => `${e.innerText} ${JSON.stringify(e.getBoundingClientRect())}`);
"""
PRESS = "const b = document.querySelector(args[0]); b.click(); return b.getBoundingClientRect().bottom"


def test_a_message_s_menu_is_whole_wherever_the_message_is(people, alice):
    dora = App(alice.stack, "dora", username="dora", name="Dora Dunn")
    talk = dora.conversation_with(participant_id=people[0].me()["id"])
    ids = [dora.send(talk, f"row {n}")["id"] for n in range(40)]
    alice.open("Dora Dunn")
    alice.shows("article .body", "row 39")
    alice.until("it is far from both ends", "const f = document.querySelector('[role=feed]'); f.scrollTop = f.scrollHeight / 2;"
                " const all = [...document.querySelectorAll('article')].map((e) => e.getBoundingClientRect());"
                " return all[0].bottom < 0 && all.at(-1).top > innerHeight")
    for which in ("all[0]", "all.at(-1)"):  # neither is in sight
        button = f"#{alice.run(f'const all = [...document.querySelectorAll(`article`)]; return {which}.id')} .menu > button"
        alice.run(PRESS, button)
        assert alice.run(COVERED) == []
        alice.keys("\ue00c")
        alice.shows_not("[role=menu]")
    button = f"#m-{ids[20]} .menu > button"
    alice.until("it fits below its button, and no more would", "const b = document.querySelector(args[0]); if (!b) return false; b.click();"
                " await new Promise(requestAnimationFrame); const menu = document.querySelector('[role=menu]'), high = menu.offsetHeight;"
                " const fits = menu.getBoundingClientRect().top >= b.getBoundingClientRect().bottom && high + b.getBoundingClientRect().bottom > innerHeight - 30;"
                " if (fits) return true; b.click(); document.querySelector('[role=feed]').scrollTop -= innerHeight - 20 - high -"
                " b.getBoundingClientRect().bottom; return false", button)
    dora.call(200, "PATCH", f"/api/messages/{ids[20]}", {"content": "row twenty"})
    alice.shows("[role=menuitem]", "Earlier versions")
    alice.until("all of it is in sight", f"return (() => {{ {COVERED} }})().length === 0")
    alice.keys("\ue00c")
    alice.shows_not("[role=menu]")


def test_a_conversation_s_menu_stays_when_the_order_changes(people, alice, bella):
    eve = App(alice.stack, "eve", username="eve", name="Eve Ellis")
    talk = eve.conversation_with(participant_id=people[0].me()["id"])
    eve.send(talk, "Hello Alice, this is Eve.")
    alice.shows(".item", "Eve Ellis")
    people[1].send(people[1].conversation_with(participant_id=people[0].me()["id"]), "Above Eve")
    first = "return document.querySelector('.item .name').innerText === args[0]"
    alice.until("Bella is the first", first, "Bella Brown")
    alice.run(PRESS, ".item .menu > button")
    assert alice.run(COVERED) == []
    eve.send(talk, "Above Bella")
    alice.until("Eve is the first", first, "Eve Ellis")
    assert alice.run(COVERED) == []
    alice.keys("\ue00c")
    alice.shows_not("[role=menu]")
    assert alice.focused() == "More: Bella Brown"


def draft_of(page):
    return page.run("return document.querySelector('.composer textarea').value")


def test_of_two_devices_that_write_at_once_one_chooses(people, alice, bella):
    talk = people[0].conversation_with(participant_id=people[1].me()["id"])
    phone = lambda text: people[0].call(200, "PUT", f"/api/conversations/{talk['id']}/draft", {"content": text})  # noqa: E731
    alice.open("Bella Brown")
    phone("Begun on the phone")
    wait_for("what the phone has is there", lambda: draft_of(alice) == "Begun on the phone")
    alice.write(".composer textarea", " and gone on here")
    phone("Another thought")
    alice.shows(".conflict", "Another thought")
    assert draft_of(alice) == "Begun on the phone and gone on here"
    assert alice.axe() == []
    alice.click(".conflict button", "Keep mine")
    alice.shows_not(".conflict")
    wait_for("it is kept", lambda: people[0].call(200, "GET", f"/api/conversations/{talk['id']}")["draft"]["content"] == draft_of(alice))
    alice.write(".composer textarea", "!")
    phone("A third one")
    alice.shows(".conflict", "A third one")
    alice.click(".conflict button", "Use that")
    wait_for("theirs is there", lambda: draft_of(alice) == "A third one")
    alice.write(".composer textarea", "\n")
    alice.shows("article .body", "A third one")
    wait_for("no draft is left", lambda: people[0].call(200, "GET", f"/api/conversations/{talk['id']}")["draft"] is None)


def test_a_message_that_two_devices_change_is_chosen_of(people, alice, bella):
    talk = people[0].conversation_with(participant_id=people[1].me()["id"])
    sent = people[0].send(talk, "We meet at tne")
    alice.open("Bella Brown")
    alice.shows("article .body", "We meet at tne")
    alice.act("We meet at tne", "Edit")
    alice.write(".composer textarea", "We meet at nine", clear=True)
    people[0].call(200, "PATCH", f"/api/messages/{sent['id']}", {"content": "We meet at ten"})
    alice.shows(".conflict", "We meet at ten")
    alice.click(".conflict button", "Keep mine")
    alice.shows_not(".conflict")
    alice.write(".composer textarea", "\n")
    bella.open("Alice Adams")
    bella.shows("article .body", "We meet at nine")


def test_what_goes_wrong_in_the_page_is_told_once_and_without_people(people, collector, alice):
    alice.open("Bella Brown")
    alice.say("Copy me to bella@example.org")
    alice.run("Object.defineProperty(navigator, 'clipboard', { value: undefined, configurable: true })")
    for _ in range(2):
        alice.act("Copy me", "Copy")
    alice.run("Object.defineProperty(navigator, 'permissions', { value: {}, configurable: true })")
    alice.click("button[aria-label=Settings]")
    alice.shows(".empty button", "Reload")
    collector.of("settings")
    told = [one for one in collector.of("thread") if "writeText" in one["message"]]
    assert len(told) == 1, collector.told
    assert told[0]["kind"] == "script" and "Chrome" in told[0]["agent"] and "/assets/" in told[0]["stack"]
    assert not any(name.lower() in ("cookie", "authorization") for head in collector.heads for name in head)
    me = people[0].me()
    for one in collector.told:
        assert not any(fact in json.dumps(one) for fact in (me["id"], me["jid"], "Alice Adams", "Bella Brown", "bella@example.org", "Copy me"))
    assert alice.violations() == []
