# SPDX-License-Identifier: GPL-3.0-or-later
"""Every screen of the web client with something on it: for scripts/screenshots, which takes pictures of them, and for
test_web_screens.py, which looks at how they are made.

`Scene(stack)` has the people and what they said; `SCREENS` are names and how each is come to.
"""
import math
import random
import struct
import zlib

from selenium.webdriver.common.keys import Keys

from .daemon import psql
from .files import upload
from .pictures import chunk
from .rest import App



def landscape(seed, width=640, height=400):
    """Hills below a sky, as a PNG."""
    chance = random.Random(seed)
    top, low, near = ((chance.randrange(90, 200), chance.randrange(110, 200), chance.randrange(170, 250)),
                      (250, chance.randrange(180, 230), chance.randrange(130, 200)),
                      (chance.randrange(20, 70), chance.randrange(80, 130), chance.randrange(60, 110)))
    hills = [(0.35 + 0.16 * n, chance.uniform(1, 3), chance.uniform(0, 6), 0.05 + 0.03 * n) for n in range(4)]
    edges = [[height * (base + size * math.sin(x / width * 6 * speed + shift)) for x in range(width)]
             for base, speed, shift, size in hills]
    rows = []
    for y in range(height):
        part = y / height
        sky = bytes(int(a + (b - a) * min(1, part * 1.6)) for a, b in zip(top, low))
        row = bytearray(b"\0")
        for x in range(width):
            behind = sum(y > edge[x] for edge in edges)
            row += bytes(int(c * (1.15 - 0.22 * behind)) for c in near) if behind else sky
        rows.append(bytes(row))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b""))


class Scene:
    """Alice, whose screen it is, and those whom she talks with."""

    def __init__(self, stack):
        self.stack = stack
        names = ("Alice Adams", "Bella Brown", "Carl Clark", "Dora Dean", "Emil Evans", "Fiona Flint", "Gus Gray")
        self.people = [App(stack, f"scene-{name.split()[0].lower()}", username=name.split()[0].lower(), name=name) for name in names]
        self.alice, self.bella, self.carl, self.dora, self.emil, self.fiona, self.gus = self.people
        self.ids = {user: user.me()["id"] for user in self.people}
        for user, seed in ((self.alice, 11), (self.bella, 2), (self.carl, 5)):
            user.call(200, "PUT", "/api/users/me/avatar", landscape(seed, 160, 160), {"Content-Type": "image/png"})
        self.talk = self._talk()
        self.group = self._group()
        self._thread()
        self._list()
        self._reports()

    def _with(self, user):
        return self.alice.conversation_with(participant_id=self.ids[user])

    def _react(self, user, message, emoji):
        user.call((200, 201), "PUT", f"/api/messages/{message['id']}/reactions/{emoji}")

    def _talk(self):
        alice, bella = self.alice, self.bella
        talk = self._with(bella)
        bella.send(talk, "Good morning! Did you find the photos of the lake?")
        found = alice.send(talk, "I did. Here are the best of them:")
        files = [upload(alice, landscape(seed), f"lake {seed}.png") for seed in (3, 8)]
        pictures = alice.send(talk, "The second one is my favourite", attachments=[file["id"] for file in files])
        self._react(bella, pictures, "%E2%9D%A4%EF%B8%8F")
        self._react(alice, pictures, "%E2%9D%A4%EF%B8%8F")
        self._react(bella, pictures, "%F0%9F%94%A5")
        bella.send(talk, "Beautiful. Shall we go again in June?", reply_to=pictures["id"])
        poll = alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {
            "message_type": "poll", "poll": {"question": "Which weekend?", "options": ["The first", "The second", "Any"]}})
        bella.call(200, "PUT", f"/api/messages/{poll['id']}/vote", {"options": [2]})
        report = upload(bella, b"%PDF-1.4\n" + b" " * 30000, "Boat hire, prices.pdf", "application/pdf")
        bella.send(talk, "Prices of the boats, see https://example.org/boats", attachments=[report["id"]])
        alice.call(201, "POST", f"/api/conversations/{talk['id']}/messages", {
            "message_type": "location", "location": {"lat": 47.5, "lon": 9.2, "label": "The jetty"}})
        gone = bella.send(talk, "Wrong chat")
        bella.call((200, 204), "DELETE", f"/api/messages/{gone['id']}")
        edited = alice.send(talk, "See you on Satuday at ten")
        alice.call(200, "PATCH", f"/api/messages/{edited['id']}", {"content": "See you on Saturday at ten"})
        alice.call((200, 201, 204), "PUT", f"/api/messages/{found['id']}/star")
        bella.read(talk)
        return talk

    def _group(self):
        group = self.alice.call(201, "POST", "/api/groups", {
            "name": "Hikers", "description": "Every second Sunday, whatever the weather.",
            "members": [{"user_id": self.ids[user]} for user in (self.bella, self.carl, self.dora)]})
        self.bella.send(group, "Who comes on Sunday?")
        mention = {"user_id": self.ids[self.alice], "start": 0, "end": 12}
        asked = self.carl.send(group, "@Alice Adams do you still have the map?", mentions=[mention])
        self.alice.send(group, "Yes, I bring it", reply_to=asked["id"])
        self._react(self.dora, asked, "%F0%9F%91%8D")
        self.dora.send(group, "Then I bring the cake")
        self.dora.send(group, "And coffee for everybody who is there before nine, because that is when the bus leaves "
                              "and it does not wait for those who sleep in")
        self.alice.read(group)
        return group

    def _thread(self):
        root = self.bella.send(self.group, "Where do we meet?")
        for user, text in ((self.carl, "At the station, platform 2"), (self.dora, "I come by bicycle")):
            user.send(self.group, text, thread_id=root["id"])
        self.alice.read(self.group)
        contact = self.alice.call((200, 201), "POST", "/api/contacts", {"jid": self.carl.me()["jid"]})
        assert contact

    def _list(self):
        for user, words in ((self.carl, ["The key is under the mat"]), (self.dora, ["Happy birthday!", "And many more 🎂", "🎉"]),
                            (self.emil, ["Invoice 2026-114 is paid"])):
            talk = self._with(user)
            for text in words:
                user.send(talk, text)
        self.alice.read(self._with(self.carl))
        self.alice.call(200, "PATCH", f"/api/conversations/{self.group['id']}", {"pinned": True})
        self.alice.call(200, "PATCH", f"/api/conversations/{self._with(self.emil)['id']}", {"muted_until": "forever"})
        old = self._with(self.gus)
        self.gus.send(old, "That was last year")
        self.alice.read(old)
        self.alice.call(200, "PATCH", f"/api/conversations/{old['id']}", {"archived": True})
        self.alice.call(200, "PATCH", "/api/settings/privacy", {"messages": "contacts"})
        self.fiona.send(self.fiona.conversation_with(participant_id=self.ids[self.alice]), "Hello, I found your card at the library.")

    def _reports(self):
        psql(self.stack.info["database"], f"UPDATE users SET staff = '{{moderator}}' WHERE id = '{self.ids[self.alice]}'")
        bad = self.gus.send(self.gus.conversation_with(participant_id=self.ids[self.emil]), "Buy my coins now, everybody gets rich")
        self.emil.call(201, "POST", "/api/reports", {"message_id": bad["id"], "reason": "spam", "comment": "He sends this to everybody"})
        held = upload(self.gus, b"Coins, coins, coins", "offer.txt", "text/plain")
        psql(self.stack.info["database"], f"UPDATE files SET scan = 'held', scan_reasons = '[\"advertising\"]' WHERE id = '{held['id']}'")


# ---- How each is come to, from the list

def home(page, scene):
    page.driver.get(scene.stack.info["rest"] + "/")
    page.shows(".item", "Bella Brown")


def to(path, *shown):
    def come(page, scene):
        page.driver.get(scene.stack.info["rest"] + path(scene))
        page.shows(*shown)
    return come


def loaded(page):
    """Until all pictures in sight are there."""
    page.until("all pictures are there", "return [...document.images].every((e) => e.complete || !e.checkVisibility())")


thread = to(lambda scene: f"/c/{scene.talk['id']}", "article .body", "Saturday at ten")
group = to(lambda scene: f"/c/{scene.group['id']}", "article .body", "Where do we meet?")
info = to(lambda scene: f"/c/{scene.group['id']}/info", ".info .people li", "Carl Clark")
gallery = to(lambda scene: f"/c/{scene.talk['id']}/info", ".gallery img")
settings = to(lambda scene: "/settings", ".settings h2", "Privacy")
starred = to(lambda scene: "/starred", ".settings li", "Here are the best")
contacts = to(lambda scene: "/contacts", ".settings li", "Carl Clark")
news = to(lambda scene: "/notifications", ".settings li", "asks to talk to you")
moderation = to(lambda scene: "/moderation", ".report", "everybody")


def report(page, scene):
    moderation(page, scene)
    page.click(".report button", "Details")
    page.shows(".evidence [aria-current]")


def held(page, scene):
    moderation(page, scene)
    page.run("const s = document.querySelector('.chatheader select'); Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype,"
             " 'value').set.call(s, 'files'); s.dispatchEvent(new Event('change', {bubbles: true}))")
    page.shows(".report", "offer.txt")


def older(page, scene):
    thread(page, scene)
    page.until("the beginning", "const s = document.querySelector('.scroller[aria-busy=false]'); const was = s?.scrollTop;"
               " s?.scrollTo(0, 0); return was === 0")
    page.shows("article .body", "Good morning")
    loaded(page)


def viewer(page, scene):
    older(page, scene)
    page.press("article .media")
    page.until("the picture", "return document.querySelector('dialog.viewer img')?.naturalWidth > 0")


def actions(page, scene, words="Saturday at ten"):
    thread(page, scene)
    page.menu(words)


def dialog_of(label, words="Saturday at ten"):
    def come(page, scene):
        actions(page, scene, words)
        page.click("[role=menuitem]", label)
        page.shows("dialog[open]")
    return come


def option(label, *shown):
    """A dialog of the menu of a group."""
    def come(page, scene):
        group(page, scene)
        page.click(".chatheader .menu > button")
        page.click("[role=menuitem]", label)
        page.shows(*(shown or ("dialog[open]",)))
    return come


def beside(page, scene):
    option("Threads", "dialog button", "Where do we meet?")(page, scene)
    page.click("dialog button", "Where do we meet?")
    page.shows(".threadpanel .said li", "platform 2")


def emoji(page, scene):
    thread(page, scene)
    page.click(".composer button[aria-label=Emoji]")
    page.shows("dialog.emoji button")


def replying(page, scene):
    thread(page, scene)
    page.act("Prices of the boats", "Reply")
    page.write(".composer textarea", "Not too bad", clear=True)
    page.shows(".composer .mode")


def mention(page, scene):
    group(page, scene)
    page.write(".composer textarea", "Thank you @", clear=True)
    page.shows(".mentions [role=option]", "Carl")


def link(page, scene):
    home(page, scene)
    page.open("Carl Clark")
    page.write(".composer textarea", "https://bank.example@evil.example/", clear=True)
    page.click(".composer button[aria-label=Send]")
    page.shows("dialog .address")


def more(page, scene):
    thread(page, scene)
    page.click(".composer .menu > button")
    page.shows("[role=menuitem]", "Poll")


def from_more(label):
    def come(page, scene):
        more(page, scene)
        page.click("[role=menuitem]", label)
        page.shows("dialog[open]")
    return come


def voice(page, scene):
    thread(page, scene)
    page.click(".composer button[aria-label='Voice message']")
    page.until("a second", "return document.querySelector('.recorder [role=timer]')?.innerText >= '0:01'")


def request(page, scene):
    home(page, scene)
    page.press(".filters label", "Requests")
    page.click(".item .name", "Fiona Flint")
    page.shows(".request button")


def filtered(label, shown):
    def come(page, scene):
        home(page, scene)
        page.press(".filters label", label)
        page.shows(*shown)
    return come


def search(page, scene):
    home(page, scene)
    page.write(".searchbar input", "bella")
    page.shows(".found", "Bella Brown")


def new(page, scene):
    home(page, scene)
    page.click("button[aria-label='New conversation']")
    page.shows("dialog[open]")


def new_group(page, scene):
    new(page, scene)
    page.click("dialog button", "New group")
    page.shows("dialog label")


def keys(page, scene):
    home(page, scene)
    page.keys(Keys.CONTROL, "/")
    page.shows("dialog kbd", "Enter")


def sign_in(page, scene):
    page.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    page.driver.get(scene.stack.info["rest"] + "/settings")
    page.shows("h1", "Sign in")


def offline(page, scene):
    home(page, scene)
    page.open("Carl Clark")
    scene.stack.stop("bridge.0")
    page.shows(".banner")
    page.write(".composer textarea", "Written in the tunnel", clear=True)
    page.click(".composer button[aria-label=Send]")
    page.shows("article.queued")


def online(page, scene):
    scene.stack.restart("bridge.0")
    page.until("it is connected again", "window.dispatchEvent(new Event('online')); return !document.querySelector('.banner')")


def ringing(page, scene):
    home(page, scene)
    if getattr(scene, "call", None):
        unanswered(page, scene)
    scene.call = scene.bella.call(201, "POST", "/api/calls/initiate", {"conversation_id": scene.talk["id"], "call_type": "video"})
    page.shows(".ringing", "Bella Brown is calling")


def unanswered(page, scene):
    scene.bella.call((200, 204, 404, 409), "POST", f"/api/calls/{scene.call['id']}/end")
    page.shows_not(".ringing")


def calls(page, scene):
    if not hasattr(scene, "call"):
        ringing(page, scene)
        unanswered(page, scene)
    to(lambda scene: "/calls", ".settings li", "Bella Brown")(page, scene)


# With a pointer, which no headless browser has: what is only seen under it is not seen.
POINTER = "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
# Name, how it is come to, what is to be done behind it.
SCREENS = [
    ("list", home, None), ("thread", thread, None), ("thread-older", older, None), ("group", group, None), ("group-info", info, None),
    ("gallery", gallery, None), ("media", viewer, None), ("actions", actions, None), ("emoji", emoji, None),
    ("reply", replying, None), ("mention", mention, None), ("attach", more, None), ("poll", from_more("Poll"), None),
    ("schedule", from_more("Send later"), None), ("voice", voice, None), ("link", link, None), ("message-info", dialog_of("Who has read it"), None),
    ("forward", dialog_of("Forward"), None), ("request", request, None), ("archived", filtered("Archived", (".item", "Gus Gray")), None),
    ("unread", filtered("Unread", (".item", "Dora Dean")), None), ("search", search, None), ("new", new, None),
    ("new-group", new_group, None), ("settings", settings, None), ("moderation", moderation, None), ("report", report, None), ("held-files", held, None),
    ("ringing", ringing, unanswered), ("report-message", dialog_of("Report", "Prices of the boats"), None),
    ("date", option("Go to a date"), None), ("search-here", option("Search in this conversation"), None), ("media-here", option("Media, files and links"), None),
    ("threads", option("Threads", "dialog button", "Where do we meet?"), None), ("beside", beside, None),
    ("planned", option("Planned messages"), None), ("starred", starred, None), ("calls", calls, None), ("contacts", contacts, None),
    ("news", news, None), ("keys", keys, None),
]


def put(page, width, height, phone=False):
    """The page gets another size, as a window's or as a phone's."""
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone})
    page.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})


def paint(page, theme):
    page.run("document.documentElement.dataset.theme = args[0]", theme)
