# SPDX-License-Identifier: GPL-3.0-or-later
"""Dino that calls and is called. It has no window manager: the main window stands at 0,0, and a call's above it."""
import contextlib
import time

from . import devices
from .desktop import wait_for
from .dino import Dino
from .inbox import DEADLINE

TELEPHONE, AUDIO, VIDEO = (689, 28), (689, 81), (689, 112)
MICROPHONE, CAMERA, HANG_UP = (281, 475), (351, 475), (421, 475)
PATIENCE = 25  # seconds, for media
LATEST = """SELECT conversation.id, call.id FROM call JOIN conversation ON conversation.jid_id = call.counterpart_id
ORDER BY call.id DESC LIMIT 1"""


class CallingDino(Dino):
    """As Dino, with devices; `camera=True` for calls with video. Its contacts have to be in the roster before."""

    def __init__(self, stack, user, camera=False):
        super().__init__(stack, user)
        self._camera = camera

    def _environment(self):
        sound = devices.sound(self.desktop)
        if self._camera:
            devices.camera(self.desktop)
        return sound

    # -- being called

    def rings(self, known=0):
        """Waits for a call that is newer than `known`; its number."""
        self.expect("a call", lambda: self.calls() > known)
        return self.calls()

    def calls(self):
        """The number of its latest call; 0: none yet."""
        rows = self.query("SELECT max(id) FROM call")
        return rows[0][0] or 0 if rows else 0

    def accept(self):
        self._act("accept-call")

    def reject(self):
        self._act("reject-call")

    def _act(self, action):
        (conversation, call), = self.query(LATEST)
        self.desktop.run("gdbus", "call", "--session", "--dest", "im.dino.Dino", "--object-path", "/im/dino/Dino",
                         "--method", "org.gtk.Actions.Activate", action,
                         f"[<(int32 {conversation}, int32 {call})>]", "{}")

    # -- calling

    def call(self, jid, video=False):
        """The contact must be there. The telephone is grey until Dino knows what the contact can, and that an
        earlier call has ended: it is tried until there is a call."""
        known = self.calls()
        self.open(jid)
        deadline = time.monotonic() + DEADLINE
        while self.calls() <= known:
            assert time.monotonic() < deadline, f"Dino does not call: {self.desktop.log()}"
            self.desktop.press("Escape")  # a popover that is open eats the click
            self.desktop.click(*TELEPHONE)
            time.sleep(1.2)  # the menu unfolds; nothing tells when
            self.desktop.click(*(VIDEO if video else AUDIO))
            with contextlib.suppress(AssertionError):
                wait_for("a call", self.calls, lambda number: number > known, 2)
        return self.calls()

    def reaches(self, phone, fits, video=False):
        """Calls the phone (harness/phone.py) until what arrives there fits; the number of that call. Dino opens its devices anew for each
        call, and sometimes sends sound alone, pictures alone, or nothing at all: then it calls once more, four times at most."""
        for attempt in range(4):
            number = self.call(phone.jid, video=video)
            phone.until("ringing")
            phone.accept()
            try:
                wait_for("media both ways", lambda: phone.run("return phone.peer.arrived()"), fits, PATIENCE)
                return number
            except AssertionError:
                if attempt == 3:
                    raise
            self.hang_up()
            phone.until("ended")
            phone.leave()

    def takes(self, phone, fits):
        """The phone calls until what arrives there fits, which is returned; as reaches(), for the same reason."""
        for attempt in range(3):
            known = self.calls()
            phone.ring(phone.talk)
            self.rings(known)
            self.accept()
            try:
                return wait_for("media both ways", lambda: phone.run("return phone.peer.arrived()"), fits)
            except AssertionError:
                if attempt == 2:
                    raise
            phone.leave()
            self.expect("the end", lambda: not self.in_call())

    # -- in the call

    def in_call(self):
        """Whether there is the window of a call."""
        return len(self.desktop.windows("dino-im")) > 1

    def is_free(self):
        """Waits for the end of a call that the other side has left; whether it came."""
        with contextlib.suppress(AssertionError):
            wait_for("the end of a call", self.in_call, lambda now: not now, 20)
        return not self.in_call()

    def hang_up(self):
        self._press(HANG_UP)

    def toggle_microphone(self):
        self._press(MICROPHONE)

    def turn_camera_on(self, is_on):
        """A click that falls upon hidden controls does nothing: it is repeated until IS_ON() says what came of it."""
        deadline = time.monotonic() + DEADLINE
        while True:
            self._press(CAMERA)
            with contextlib.suppress(AssertionError):
                return wait_for("the camera", is_on, bool, 4)
            assert time.monotonic() < deadline, f"Dino turns no camera on: {self.desktop.log()}"

    def _press(self, button):
        """The controls hide while the mouse rests."""
        wait_for("the window of the call", self.in_call, bool)
        self.desktop.move(400, 300)
        time.sleep(0.4)
        self.desktop.move(*button)
        time.sleep(0.5)
        self.desktop.click(*button)
