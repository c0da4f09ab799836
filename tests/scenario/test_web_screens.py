# SPDX-License-Identifier: GPL-3.0-or-later
"""How the screens of the web client are made: what WCAG 2.2 asks for in every theme, room on the smallest phone and at twice
the size of letters, targets that fingers hit, and languages that run from right to left."""
import pytest

from harness.screens import SCREENS, Scene, home, loaded, offline, online, paint, put, sign_in, thread
from harness.web import Page, configured, texts

pytestmark = pytest.mark.one_server

DESKTOP, SMALL = (1200, 800), (320, 640)  # 320 pixels are 1280 at four times the size (WCAG 1.4.10)
NAMES = [name for name, _, _ in SCREENS]

# What sticks out at the side, by name; what scrolls by itself may.
WIDE = """
const width = document.documentElement.clientWidth; // a phone that has to make everything smaller says more in innerWidth
const wide = document.scrollingElement.scrollWidth > width;
const scrolls = (e) => e && (/(auto|scroll|hidden|clip)/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
const shown = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }));
const out = shown.filter((e) => { const r = e.getBoundingClientRect();
  return r.width > 1 && r.height > 1 && (r.right > width + 1 || r.left < -1) && !scrolls(e.parentElement) && !e.closest('.skip, .hidden'); });
return [...(wide ? ['the page'] : []), ...out.map((e) => `${e.tagName} ${e.className}: ${e.innerText?.slice(0, 40)}`)];
"""
# Targets below 44 pixels (WCAG 2.5.5), but for links in text and fields that their label covers.
TINY = """
const own = (e) => e.matches('input') && e.closest('label') ? e.closest('label') : e;
return [...document.querySelectorAll('button, a, input, select, textarea, [role=option]')].filter((e) =>
  own(e).checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.body, .hidden, .skip') && !e.matches('.hidden, .seek'))
  .map((e) => [e, own(e).getBoundingClientRect()]).filter(([, r]) => r.width > 0 && Math.min(r.width, r.height) < 43.5)
  .map(([e, r]) => `${e.tagName} ${e.className} ${e.getAttribute('aria-label') ?? e.innerText}: ${Math.round(r.width)} by ${Math.round(r.height)}`);
"""


# What is said in another language than the page's: texts that are shown or read out, which are among those in the first argument.
UNTRANSLATED = """
const english = new Set(args[0]), found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) if (english.has(walk.currentNode.data.trim()) && walk.currentNode.parentElement.checkVisibility()) found.push(walk.currentNode.data);
for (const e of document.querySelectorAll('[aria-label], [title], [placeholder]'))
  for (const name of ['aria-label', 'title', 'placeholder']) if (english.has(e.getAttribute(name))) found.push(`${name}: ${e.getAttribute(name)}`);
return found;
"""


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web")))


@pytest.fixture(scope="module")
def scene(running_stack):
    return Scene(running_stack)


@pytest.fixture(scope="module")
def signed_in(running_stack, scene):
    with Page(running_stack, scene.alice) as page:
        yield page.sign_in()


@pytest.fixture
def page(stack, signed_in):
    put(signed_in, *DESKTOP)
    yield signed_in
    signed_in.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("name, come, undo", SCREENS, ids=NAMES)
def test_a_screen_is_for_everybody(page, scene, name, come, undo):
    come(page, scene)
    loaded(page)
    assert page.axe() == []
    paint(page, "dark")
    assert page.axe() == [], "in the dark"
    paint(page, "contrast")
    assert page.axe() == [], "with high contrast"
    if undo:
        undo(page, scene)
    assert page.violations() == []


@pytest.mark.parametrize("name, come, undo", SCREENS, ids=NAMES)
def test_a_screen_has_room_on_a_small_phone(page, scene, name, come, undo):
    put(page, *SMALL, phone=True)
    come(page, scene)
    loaded(page)
    assert page.run(WIDE) == []
    assert page.run(TINY) == []
    assert page.axe() == []
    if undo:
        undo(page, scene)


@pytest.fixture
def rightmost(page):
    """A page that is written from right to left."""
    page.speak("ar")
    yield page
    page.speak("en")


@pytest.mark.parametrize("name, come, undo", SCREENS, ids=NAMES)
def test_a_screen_reads_from_right_to_left(rightmost, scene, name, come, undo):
    page = rightmost
    come(page, scene)
    loaded(page)
    assert page.run("return [document.documentElement.dir, document.documentElement.lang]") == ["rtl", "ar"]
    english = [text for key, text in texts("en").items() if texts("ar").get(key) != text and "{" not in text]
    assert page.run(UNTRANSLATED, english) == []
    assert page.axe() == []
    assert page.run(WIDE) == []
    put(page, *SMALL, phone=True)
    if undo:
        undo(page, scene)
    come(page, scene)
    loaded(page)
    assert page.run(WIDE) == [], "on a phone"
    assert page.run(TINY) == []
    if undo:
        undo(page, scene)


def test_letters_of_twice_the_size_have_room(page, scene):
    for _, come, undo in SCREENS:
        come(page, scene)
        page.run("document.documentElement.style.fontSize = '200%'")
        assert page.run(WIDE) == [], come
        if undo:
            undo(page, scene)


def test_who_wants_no_motion_gets_none(page, scene):
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    thread(page, scene)
    assert page.run("return [...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
                    " return parseFloat(s.animationDuration) > 0.01 || parseFloat(s.transitionDuration) > 0.01 }).length") == 0


def test_without_a_server_and_without_a_session(stack, page, scene):
    """The last: nobody is signed in behind it."""
    try:
        offline(page, scene)
        assert page.axe() == []
        put(page, *SMALL, phone=True)
        assert page.run(WIDE) == []
    finally:
        online(page, scene)
    home(page, scene)
    sign_in(page, scene)
    assert page.axe() == [] and page.run(WIDE) == [] and page.run(TINY) == []
