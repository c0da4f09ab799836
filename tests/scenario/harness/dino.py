# SPDX-License-Identifier: GPL-3.0-or-later
"""Dino, the graphical client, driven by keys; what it knows is read from its own database.

Dino finds its server by DNS and wants TLS that the system trusts: it gets an /etc/hosts, a resolver that answers
nothing and a list of authorities of its own, which takes root.
"""
import contextlib
import secrets
import sqlite3
import time

from .desktop import Desktop, need, wait_for
from .inbox import DEADLINE
from .starttls import StartTls

ACCOUNT = """CREATE TABLE account ( id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE, resourcepart TEXT,
password TEXT, alias TEXT, enabled INTEGER, roster_version TEXT, mam_earliest_synced INTEGER)"""
MARKS = {0: None, 1: "received", 2: "read", 3: "acknowledged", 4: "unsent", 5: "wontsend", 6: "sending", 7: "sent", 8: "error"}


class Dino:
    """`with Dino(stack, "carol") as carol:` is logged in. Keys go to the chat opened last."""

    def __init__(self, stack, user, trusted=""):
        """trusted: one more certificate that it believes."""
        need("dino-im", "openssl", "unshare")
        self._trusted = trusted
        self.jid, self._password = (stack.account(user)[key] for key in ("jid", "password"))
        self.desktop = Desktop()
        # Dino asks for port 5222 and no other; of the loopback network's addresses there are enough.
        self._address = f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        self._front = StartTls(stack.info["c2s"], self.desktop.home, self._address)

    def __enter__(self):
        try:
            self.desktop.__enter__()
            self._settle()
            self._front.open()
            domain = self.jid.partition("@")[2]
            self.desktop.start(["dino-im"], instead={
                "/etc/hosts": f"127.0.0.1 localhost\n{self._address} {domain}\n",
                "/etc/resolv.conf": f"nameserver {self._address}\n",
                "/etc/ssl/certs/ca-certificates.crt": self._front.certificate + self._trusted}, GTK_A11Y="none", **self._environment())
            self.expect("its roster", lambda: self.query("SELECT roster_version FROM account WHERE roster_version <> ''")
                        or self.query("SELECT 1 FROM entity"))
        except BaseException:
            self.close()
            raise
        return self

    def _environment(self):
        """More of its environment; what it needs may be started here."""
        return {}

    def _settle(self):
        file = self.desktop.write("data/dino/dino.db", b"")
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            database.execute(ACCOUNT)
            database.execute("INSERT INTO account (bare_jid, resourcepart, password, enabled, mam_earliest_synced) "
                             "VALUES (?, 'dino', ?, 1, 0)", (self.jid, self._password))

    # -- doing

    def open(self, jid):
        """Looks at the chat with somebody. When something was there, wait until it is read before typing."""
        self.desktop.run("dino-im", f"xmpp:{jid}?message")
        self.expect("the chat", lambda: self.query(
            "SELECT 1 FROM conversation JOIN jid ON jid.id = jid_id WHERE bare_jid = ? AND active", jid))
        window = wait_for("Dino's window", lambda: self.desktop.windows("dino-im"), bool)[-1]
        self.desktop.focus(window)

    def join(self, room):
        """Enters a room by the dialog that its address opens, with the nick that Dino chooses; keys go to it from now on."""
        before = self.desktop.windows("dino-im")
        self.desktop.run("dino-im", f"xmpp:{room}?join")
        dialog = wait_for("Dino's dialog", lambda: [w for w in self.desktop.windows("dino-im") if w not in before], bool)[-1]
        self.desktop.focus(dialog)
        wait_for("Dino's dialog to close", lambda: self._accept(dialog), bool)
        self.expect("the room", lambda: self.query(
            "SELECT 1 FROM conversation JOIN jid ON jid.id = jid_id WHERE bare_jid = ? AND active", room))
        self.desktop.focus(self.desktop.windows("dino-im")[-1])

    def _accept(self, dialog):
        """Clicks the button in a dialog's title, on the right; returns whether the dialog is gone. It is at the upper left of the screen."""
        self.desktop.click(450, 28)
        return dialog not in self.desktop.windows("dino-im")

    def correct(self, text):
        """Replaces what was said last, which Dino puts into the empty field."""
        self.desktop.press("Up", "ctrl+a")
        self.send(text)

    def react_too(self):
        """Clicks the reaction of another below the message said last: where it is exactly depends on fonts, so from the field upwards."""
        def mine():
            return [row for row in self.reactions() if row[0] == self.jid]
        for y in [*range(330, 230, -20)] * 3:
            self.desktop.click(380, y)
            with contextlib.suppress(AssertionError):
                self.expect("the own reaction", mine, timeout=1)
                self.desktop.click(500, 350)  # back to the field
                return
        raise AssertionError(f"no reaction to click in Dino: {self.reactions()}")

    def type(self, text):
        self.desktop.type(text)

    def send(self, text):
        self.desktop.type(text)
        self.desktop.press("Return")

    def upload(self, name, data):
        """Sends a file in the chat opened last: the dialog for files, its path, and the question whether to send it. Dino has no dialog
        before it knows where files go, and what is typed before a window is ready is lost: what had no effect is done again."""
        main, path = self.desktop.windows("dino-im"), self.desktop.write(name, data)
        deadline = time.monotonic() + 2 * DEADLINE
        while not self._sends(name, main, path):
            assert time.monotonic() < deadline, f"Dino does not send the file: {self.desktop.log()}"

    def _sends(self, name, main, path):
        """One try: whether the file goes. Return in the dialog takes the file, then presses the button that the question begins with."""
        def began():
            return self.query("SELECT 1 FROM file_transfer WHERE file_name = ?", name)

        def dialogs():
            return [window for window in self.desktop.windows("dino-im") if window not in main]
        self._press_until("ctrl+u", dialogs)
        for dialog in dialogs()[:1]:
            self.desktop.focus(dialog)
            self.desktop.type(str(path))
            self._press_until("Return", lambda: not dialogs())
        for dialog in dialogs():  # it has taken another path
            self.desktop.focus(dialog)
            self._press_until("Escape", lambda dialog=dialog: dialog not in dialogs())
        self.desktop.focus(main[-1])
        self._press_until("Return", began)
        return began()

    def _press_until(self, key, done):
        """Presses it now and then, until DONE() or in vain."""
        for _ in range(4):
            self.desktop.press(key)
            with contextlib.suppress(AssertionError):
                self.expect(f"what {key} does", done, timeout=3)
                return

    # -- seeing

    def query(self, sql, *values):
        """Rows of Dino's database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.desktop.home}/data/dino/dino.db?mode=ro", uri=True)) as database:
            try:
                return database.execute(sql, values).fetchall()
            except sqlite3.OperationalError:  # not there yet, or being written
                return []

    def messages(self, jid):
        """What was said with somebody: (mine, text, mark), in Dino's order."""
        rows = self.query("SELECT direction, body, marked FROM message JOIN jid ON jid.id = counterpart_id "
                          "WHERE bare_jid = ? ORDER BY message.time, message.id", jid)
        return [(direction == 1, body, MARKS.get(marked, marked)) for direction, body, marked in rows]

    def said(self, room):
        """What was said in a room: (nick, text), in Dino's order. A correction is there besides what it corrects."""
        return self.query("SELECT CASE direction WHEN 1 THEN our_resource ELSE counterpart_resource END, body "
                          "FROM message JOIN jid ON jid.id = counterpart_id WHERE bare_jid = ? ORDER BY message.time, message.id", room)

    def corrected(self):
        """(old text, new text) of all corrections."""
        return self.query("SELECT old.body, new.body FROM message_correction JOIN message new ON new.id = message_id "
                          "JOIN message old ON old.stanza_id = to_stanza_id ORDER BY message_correction.id")

    def reactions(self):
        """(whose, to what text, which) of all reactions."""
        return self.query("SELECT bare_jid, body, emojis FROM reaction JOIN jid ON jid.id = jid_id JOIN content_item ON "
                          "content_item.id = content_item_id JOIN message ON message.id = foreign_id AND content_type = 1")

    def file(self, jid):
        """(name, type, bytes) of the file that came last from somebody and that Dino has fetched and shows; None: there is none."""
        rows = self.query("SELECT file_name, mime_type, path FROM file_transfer JOIN jid ON jid.id = counterpart_id "
                          "WHERE bare_jid = ? AND state = 0 ORDER BY file_transfer.id DESC LIMIT 1", jid)
        found = [path for _, _, name in rows for path in self.desktop.home.glob(f"*/dino/files/{name}")]
        return (*rows[0][:2], found[0].read_bytes()) if found else None

    def picture(self, jid):
        """The hash of somebody's picture that Dino knows and has stored."""
        rows = self.query("SELECT hash FROM contact_avatar JOIN jid ON jid.id = jid_id WHERE bare_jid = ?", jid)
        return next((hash for hash, in rows if list(self.desktop.home.glob(f"*/dino/avatars/{hash}"))), None)

    def expect(self, what, fits, timeout=DEADLINE):
        def look():
            assert self.desktop.runs(), f"Dino ended: {self.desktop.log()}"
            return fits()
        try:
            return wait_for(f"{what} in Dino", look, bool, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.desktop.log()}") from None

    def expect_message(self, jid, mine, text, mark=None):
        self.expect(f"{text!r} {mark or ''}", lambda: any(
            row[:2] == (mine, text) and mark in (None, row[2]) for row in self.messages(jid)))

    def close(self):
        self.desktop.close()
        self._front.close()

    def __exit__(self, *_):
        self.close()
