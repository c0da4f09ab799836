# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web client keeps in the browser: databases of older and of newer pages, tabs that do not let go, a full store and none."""
import json
import uuid

import pytest

from harness.web import Page, alice, bella, configured, pages, two_people  # noqa: F401

pytestmark = pytest.mark.one_server

# args: name, version, messages to be queued. As pages of version 1 and 2 made it; one of another version is of no use to anybody.
MAKE = """
const [name, version, queued] = args;
await new Promise((good, bad) => Object.assign(indexedDB.deleteDatabase(name), { onsuccess: good, onerror: bad }));
const db = await new Promise((good, bad) => {
  const opening = indexedDB.open(name, version);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore('outbox', { keyPath: 'client_id' }).createIndex('order', 'order');
    opening.result.createObjectStore('threads', { keyPath: 'conversation_id' });
    opening.result.createObjectStore('facts');
    if (version > 1) opening.result.createObjectStore('files', { keyPath: 'id' });
  };
  opening.onsuccess = () => good(opening.result);
  opening.onerror = () => bad(opening.error);
});
const putting = db.transaction(['outbox', 'threads', 'facts'], 'readwrite');
for (const item of queued) putting.objectStore('outbox').put(item);
putting.objectStore('threads').put({ conversation_id: 'x', messages: [] });
putting.objectStore('facts').put({ items: [] }, 'conversations');
await new Promise((good) => { putting.oncomplete = good; });
window.held = db;
"""
LEFT = """
const db = await new Promise((good) => { const opening = indexedDB.open(args[0]); opening.onsuccess = () => good(opening.result); });
const all = db.transaction('outbox').objectStore('outbox').getAll();
await new Promise((good) => { all.onsuccess = good; });
const told = [db.version, all.result.length];
db.close();
return told;
"""


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web")))


@pytest.fixture(scope="module")
def people(running_stack):
    return two_people(running_stack)


@pytest.fixture
def name(people):
    return f"trestle-{people[0].me()['id']}"


def outside(page):
    """A page of the same origin that is not the client."""
    page.driver.get(f"{page.stack.info['rest']}/icon.svg")


def home(page):
    page.driver.get(page.stack.info["rest"] + "/")
    page.shows(".item", "Bella Brown")


@pytest.fixture
def anew(alice, name):
    """Behind each test nothing of it is left."""
    yield
    outside(alice)
    alice.run("window.held?.close(); await new Promise((good) => Object.assign(indexedDB.deleteDatabase(args[0]), { onsuccess: good }))", name)


def still_works(alice, bella, words):
    alice.open("Bella Brown")
    alice.say(words)
    bella.open("Alice Adams")
    bella.shows("article .body", words)


@pytest.mark.parametrize("version", [1, 2])
def test_what_an_older_page_has_queued_is_sent_in_order_and_once(people, alice, bella, name, anew, version):
    talk = people[0].conversation_with(participant_id=people[1].me()["id"])
    texts = [f"{n} of an older page, {version}" for n in ("one", "two", "three")]
    queued = [{"client_id": str(uuid.uuid4()), "conversation_id": talk["id"], "message": {"content": text}, "created_at": 1, "order": n,
               "failed": None} for n, text in enumerate(texts)]
    outside(alice)
    alice.run(MAKE + "db.close()", name, version, queued[::-1])
    home(alice)
    bella.open("Alice Adams")
    bella.shows("article .body", texts[-1])
    assert [text for text in bella.articles() if text in texts] == texts
    alice.until("it is one of this page", f"const [version, left] = await (async () => {{ {LEFT} }})(); return version >= 3 && left === 0", name)
    home(alice)
    alice.open("Bella Brown")
    alice.say(f"After that, {version}")
    bella.shows("article .body", f"After that, {version}")
    assert [text for text in bella.articles() if text in texts] == texts, "once"


def test_what_a_newer_page_has_kept_is_left_alone(alice, bella, name, anew):
    outside(alice)
    alice.run(MAKE + "db.close()", name, 99, [])
    home(alice)
    alice.shows(".toast", "older than what it has kept")
    still_works(alice, bella, "From an old page")
    assert alice.run(LEFT, name) == [99, 0]


def test_a_tab_that_does_not_let_go_stops_nobody(alice, bella, name, anew):
    outside(alice)
    alice.run(MAKE, name, 1, [])  # and it has no ear for others
    first = alice.driver.current_window_handle
    alice.driver.switch_to.new_window("tab")
    alice.watch_policy()
    try:
        home(alice)
        alice.shows(".toast", "open in another tab")
        still_works(alice, bella, "Beside an older tab")
        alice.driver.switch_to.window(first)
        alice.run("held.close()")
        alice.driver.switch_to.window(next(one for one in alice.driver.window_handles if one != first))
        home(alice)
        alice.open("Bella Brown")
        alice.until("it is one of this page", f"return (await (async () => {{ {LEFT} }})())[0] >= 3", name)
        alice.shows_not(".toast")
    finally:
        alice.driver.switch_to.window(next(one for one in alice.driver.window_handles if one != first))
        alice.driver.close()
        alice.driver.switch_to.window(first)


def test_a_tab_whose_store_a_newer_page_takes_over_says_so(alice, bella, name, anew):
    home(alice)
    alice.run("""window.held = await new Promise((good, bad) => Object.assign(indexedDB.open(args[0], 99), { onsuccess: (e) => good(e.target.result),
                 onerror: (e) => bad(e.target.error) }))""", name)
    alice.shows(".toast button", "Reload")
    still_works(alice, bella, "After a newer page")


def test_what_waits_when_the_page_is_closed_is_sent_without_it(alice, bella, name, anew):
    home(alice)
    alice.until("the worker is there", "return !!(await navigator.serviceWorker.ready).active")
    alice.open("Bella Brown")
    bella.open("Alice Adams")
    alice.run("WebSocket.prototype.send = () => {}")  # it is connected, and nothing gets through
    alice.write(".composer textarea", "On the way out\n")
    alice.write(".composer textarea", "And I am gone\n")
    alice.until("both are kept", "const request = indexedDB.open(args[0]); const db = await new Promise((good) => { request.onsuccess = () =>"
                " good(request.result); }); const all = db.transaction('outbox').objectStore('outbox').getAll();"
                " await new Promise((good) => { all.onsuccess = good; }); db.close(); return all.result.length === 2", name)
    alice.driver.get("about:blank")
    # As the browser does when there is a network; here there may be none but the machine's own, about which it is not told.
    alice.driver.execute_cdp_cmd("ServiceWorker.enable", {})
    alice.driver.execute_cdp_cmd("ServiceWorker.dispatchSyncEvent", {
        "origin": alice.stack.info["rest"].rstrip("/"), "registrationId": "0", "tag": "outbox", "lastChance": False})
    bella.shows("article .body", "And I am gone")
    assert [text for text in bella.articles() if text in ("On the way out", "And I am gone")] == ["On the way out", "And I am gone"]
    home(alice)
    alice.open("Bella Brown")
    alice.shows("article.own:not(.queued, .sending) .body", "And I am gone")
    assert alice.articles().count("And I am gone") == 1


# args: name. Before the page's own scripts: there is something old, and something is saved over and over.
SAVING = """
window.swept = [];
for (const kind of [IDBObjectStore, IDBCursor]) {
  const real = kind.prototype.delete;
  kind.prototype.delete = function (...all) { swept.push(all[0] ?? this.key); return real.apply(this, all); };
}
const opening = indexedDB.open(%s);
opening.onsuccess = () => {
  const save = (key, expires) => {
    const saving = opening.result.transaction('facts', 'readwrite');
    saving.objectStore('facts').put({ value: 1, expires }, key);
    saving.oncomplete = () => window.swept.includes('old') ? opening.result.close() : setTimeout(save, 0, 'fresh', Date.now() + 7 * 24 * 3600 * 1000);
  };
  save('old', 1);
};
"""


def test_what_is_saved_while_old_things_go_stays(alice, bella, name, anew):
    home(alice)
    alice.until("it is kept", f"return (await (async () => {{ {LEFT} }})())[0] >= 3", name)
    added = alice.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SAVING % json.dumps(name)})
    try:
        home(alice)
        alice.until("the old one has gone", "return swept.includes('old')")
        assert "fresh" not in alice.run("return swept")
    finally:
        alice.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


# What goes wrong inside of browsers: before the page's own scripts.
TROUBLES = {
    "keeps nothing for this page": "Object.defineProperty(window, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError'); } });",
    "no room left": "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); };",
}


@pytest.mark.parametrize("words", TROUBLES)
def test_without_a_store_it_works_and_says_so(alice, bella, name, anew, words):
    added = alice.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TROUBLES[words]})
    try:
        home(alice)
        still_works(alice, bella, f"Where the browser {words}")
        alice.shows(".toast", words)
        assert alice.run("return document.querySelectorAll('.toast').length") == 1
    finally:
        alice.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
