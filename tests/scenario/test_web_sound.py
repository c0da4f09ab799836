# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web client does with microphone, camera and speaker: what is dictated, and how a call is heard and seen. The devices are
Chromium's own fake ones: two of each, tones and a moving picture. What a picture looks like when what is behind somebody is blurred
is the system's doing, and no system here does it: that it is asked for is what is seen."""
import pytest

from harness.hook import SECRET, Hook
from harness.web import Page, alice, bella, configured, pages, two_people  # noqa: F401

pytestmark = pytest.mark.one_server


@pytest.fixture(scope="module")
def service():
    with Hook() as hook:
        yield hook


@pytest.fixture(scope="module")
def running_stack(request, tmp_path_factory, service):
    from conftest import stack_of
    yield from stack_of(request, "--conf", configured(tmp_path_factory.mktemp("web"), f"[assist]\nurl={service.url}\nsecret={SECRET}\n"))


@pytest.fixture(scope="module")
def people(running_stack):
    return two_people(running_stack)


def in_composer(page, words):
    page.until(f"the composer has {words!r}", "return document.querySelector('.composer textarea').value === args[0]", words)


def begin_dictating(page):
    page.click(".composer .menu > button")
    page.click("[role=menuitem]", "Dictate")


def dictate(page):
    begin_dictating(page)
    page.until("a second", "return document.querySelector('.recorder [role=timer]')?.innerText >= '0:01'")
    page.click(".recorder button[aria-label='Write it down']")


def test_what_is_dictated_stands_in_the_composer(service, people, alice, bella):
    alice.open("Bella Brown")
    service.default = {"outputs": [" let us meet at noon. "], "language": "en"}
    alice.write(".composer textarea", "Dear Bella,")
    dictate(alice)
    in_composer(alice, "Dear Bella, let us meet at noon.")
    data = service.questions[-1]["data"]
    assert data["kind"] == "transcription" and data["inputs"][0]["mime_type"].startswith("audio/") and data["inputs"][0]["size"] > 0
    alice.until("the sound is gone", "const { status } = await fetch(`/api/files/${args[0]}`); return status === 404 ||"
                " (await (await fetch(`/api/files/${args[0]}`)).json()).status === 'removed'", data["file_id"])
    alice.shows_not(".attached li")
    assert alice.axe() == []
    alice.click(".composer button[aria-label=Send]")
    bella.open("Alice Adams")
    bella.shows("article .body", "Dear Bella, let us meet at noon.")
    service.default = {"outputs": [""]}
    dictate(alice)
    alice.shows(".toast", "Nothing was understood")
    service.default = {"error": "only noise"}
    dictate(alice)
    alice.shows(".toast button", "Try again")
    service.default = {"outputs": ["Now"]}
    alice.click(".toast button", "Try again")
    in_composer(alice, "Now")
    alice.write(".composer textarea", "", clear=True)
    begin_dictating(alice)
    alice.click(".recorder button[aria-label=Discard]")
    alice.shows_not(".recorder")
    in_composer(alice, "")


# A browser that listens by itself, and a server that knows no service: before the page's own scripts.
LISTENS = """
const own = window.fetch;
window.fetch = async (...all) => {
  const answer = await own(...all);
  if (!String(all[0]?.url ?? all[0]).endsWith('/api/capabilities')) return answer;
  const told = await answer.json();
  return new Response(JSON.stringify({ ...told, features: told.features.filter((name) => name !== 'dictation') }), { headers: answer.headers });
};
window.webkitSpeechRecognition = window.SpeechRecognition = class {
  start() {
    window.listening = this;
    const said = ['hello', 'hello from', 'hello from the browser'];
    said.forEach((transcript, n) => setTimeout(() => this.onresult?.({ results: [Object.assign([{ transcript }], { isFinal: n > 1 })] }), 50 * n));
  }
  stop() { setTimeout(() => this.onend?.()); }
  abort() {}
};
"""


def test_a_browser_that_listens_by_itself_is_used_where_there_is_no_service(service, alice):
    added = alice.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": LISTENS})
    asked = len(service.questions)
    try:
        alice.driver.refresh()
        alice.open("Bella Brown")
        begin_dictating(alice)
        alice.shows(".heard", "hello from the browser")
        assert alice.axe() == []
        assert alice.run("return [listening.lang, listening.interimResults]") == ["en", True]
        alice.click(".recorder button[aria-label='Write it down']")
        in_composer(alice, "hello from the browser")
        alice.shows_not(".recorder")
        assert len(service.questions) == asked
    finally:
        alice.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    alice.write(".composer textarea", "", clear=True)


# A camera that says that it can blur, as those of some systems do.
BLURS = """
const can = MediaStreamTrack.prototype.getCapabilities, apply = MediaStreamTrack.prototype.applyConstraints, are = MediaStreamTrack.prototype.getSettings;
window.blurred = [];
MediaStreamTrack.prototype.getCapabilities = function () { const all = can.call(this); return this.kind === 'video' ? { ...all, backgroundBlur: [true, false] } : all; };
MediaStreamTrack.prototype.getSettings = function () { return this.kind === 'video' && blurred.length ? { ...are.call(this), backgroundBlur: blurred.at(-1) } : are.call(this); };
MediaStreamTrack.prototype.applyConstraints = function (wanted) {
  if (wanted && 'backgroundBlur' in wanted) { blurred.push(wanted.backgroundBlur); return Promise.resolve(); }
  return apply.call(this, wanted);
};
"""
SENT = "const sent = (kind) => connections.at(-1).getSenders().find(({ track }) => track?.kind === kind).track;"


def devices(page):
    page.click(".call button[aria-label='Microphone, camera and speaker']")
    return page.run("return [...document.querySelectorAll('.call [role=menuitem]')].map((e) => e.innerText)")


def test_devices_are_changed_in_the_middle_of_a_call(alice, bella):
    added = alice.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": BLURS})
    alice.driver.refresh()
    alice.open("Bella Brown")
    bella.open("Alice Adams")
    try:
        alice.click(".chatheader button[aria-label='Video call']")
        bella.click(".ringing .answer")
        for page in (alice, bella):
            page.shows(".call .about", "In call")
        # What makes voices clear is asked of the browser, which has it.
        settings = alice.run(SENT + "const { echoCancellation, noiseSuppression, autoGainControl } = sent('audio').getSettings();"
                             " return [echoCancellation, noiseSuppression, autoGainControl]")
        assert settings == [True, True, True]
        offered = devices(alice)
        microphones, cameras, speakers = ([item for item in offered if item.startswith(kind)] for kind in ("Microphone: ", "Camera: ", "Speaker: "))
        assert len(microphones) > 1 and cameras and len(speakers) > 1, offered
        assert "Blur what is behind me" in offered
        assert alice.axe() == []
        alice.click(".call [role=menuitem]", microphones[-1])
        alice.until("another microphone", SENT + "return args[0].endsWith(sent('audio').label)", microphones[-1])
        bella.flows(audio=25)
        devices(alice)
        alice.click(".call [role=menuitem]", speakers[-1])
        alice.until("another speaker", "const all = await navigator.mediaDevices.enumerateDevices();"
                    " const wanted = all.find(({ kind, label }) => kind === 'audiooutput' && args[0].endsWith(label));"
                    " return [...document.querySelectorAll('.call video, .call audio')].some((e) => e.sinkId === wanted.deviceId)", speakers[-1])
        alice.flows(audio=25)
        for label, blurred in (("Blur what is behind me", [True]), ("Show what is behind me", [True, False])):
            devices(alice)
            alice.click(".call [role=menuitem]", label)
            alice.until("it is asked for", "return JSON.stringify(window.blurred) === args[0]", str(blurred).lower().replace(" ", ""))
        bella.flows(video=5)
        assert not [item for item in devices(bella) if "behind me" in item], "no system here can blur"
        bella.keys("\ue00c")
        alice.click(".call button[aria-label='Hang up']")
        for page in (alice, bella):
            page.shows_not(".call")
    finally:
        alice.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
