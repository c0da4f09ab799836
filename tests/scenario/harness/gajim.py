# SPDX-License-Identifier: GPL-3.0-or-later
"""Gajim, the graphical client, driven the way a person drives it: keys in, what it shows out.

What it shows comes from a plugin of ours (`gajim_plugin/`) that reads Gajim's own widgets and contacts.
"""
import contextlib
import json
import shutil
import socket
import sqlite3
from pathlib import Path

from .desktop import Desktop, need, wait_for
from .inbox import DEADLINE

PLUGIN = "trestle_witness"
MANIFEST = {"name": "Witness", "short_name": PLUGIN, "version": "1.0.0", "platforms": ["linux"],
            "description": "Tells the tests what Gajim shows", "authors": ["Trestle"], "homepage": "",
            "config_dialog": False, "requirements": ["gajim>=1.7,<1.9"]}
# Nothing that a person did not do (away by itself), nothing that leaves the machine but for pictures that somebody sends.
SETTINGS = {"autoaway": False, "autoxa": False, "check_for_update": False, "last_update_check": "2000-01-01 00:00",
            "sounds_on": False, "show_notifications": False, "show_trayicon": False, "use_keyring": False,
            "plugins_update_check": False, "plugins_repository_enabled": False, "enable_file_preview": True,
            "show_main_window_on_startup": "always", "confirm_on_window_delete": False, "use_speller": False}
TABLES = """\
CREATE TABLE settings (name TEXT UNIQUE, settings TEXT);
CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT);
PRAGMA user_version=5;
"""


class Gajim:
    """`with Gajim(stack, "bob") as bob:` is logged in. Keys go to the chat opened last."""

    def __init__(self, stack, user, trusted=None):
        """trusted: a certificate that it believes besides those of the system; only root can do that."""
        need("gajim")
        self._trusted = trusted
        self.jid = stack.account(user)["jid"]
        self._password, self._c2s = stack.account(user)["password"], stack.info["c2s"]
        self.desktop = Desktop()
        self._listener = self._lines = self._peer = None

    def __enter__(self):
        try:
            self.desktop.__enter__()
            self._settle()
            self._listen()
            self.desktop.start(["gajim", "--loglevel=nbxmpp.connection=INFO"], self._trusted and {
                "/etc/ssl/certs/ca-certificates.crt": self._trusted}, TRESTLE_WITNESS=self._listener.getsockname())
            self._accept()
            self.expect("logged in", lambda seen: seen["online"])
        except BaseException:
            self.close()
            raise
        return self

    def _settle(self):
        """The account and the plugin, as if set up in an earlier run."""
        user, _, domain = self.jid.partition("@")
        account = {"name": user, "hostname": domain, "password": self._password, "savepass": True, "active": True,
                   "account_label": self.jid, "resource": "gajim", "autoconnect": True, "use_custom_host": True,
                   "custom_host": self._c2s["host"], "custom_port": self._c2s["port"], "custom_type": "PLAIN",
                   "use_plain_connection": True, "confirm_unencrypted_connection": False,
                   "sync_with_global_status": True, "send_chatstate_default": "all", "use_ft_proxies": False}
        file = self.desktop.write("config/gajim/settings.sqlite", b"")
        with contextlib.closing(sqlite3.connect(file)) as database, database:
            database.executescript(TABLES)
            workspace = {"home": {"name": "Home", "color": "rgb(56, 54, 65)", "avatar_sha": "", "chats": []}}
            for name, value in {"app": SETTINGS, "soundevents": {}, "status_presets": {}, "proxies": {},
                                "plugins": {PLUGIN: {"active": True}}, "workspaces": workspace}.items():
                database.execute("INSERT INTO settings VALUES (?, ?)", (name, json.dumps(value)))
            database.execute("INSERT INTO account_settings VALUES (?, ?)",
                             ("stack", json.dumps({"account": account, "contact": {}, "group_chat": {}})))
        plugin = f"data/gajim/plugins/{PLUGIN}"
        self.desktop.write(f"{plugin}/plugin-manifest.json", json.dumps(MANIFEST))
        for source in (Path(__file__).parent / "gajim_plugin").glob("*.py"):
            self.desktop.write(f"{plugin}/{source.name}", source.read_bytes())

    def _listen(self):
        path = str(self.desktop.home / "witness")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        if self.desktop.account:
            shutil.chown(path, self.desktop.account.pw_uid, self.desktop.account.pw_gid)
        self._listener.listen(1)
        self._listener.settimeout(0.5)

    def _accept(self):
        def connected():
            assert self.desktop.runs(), f"Gajim ended: {self.desktop.log()}"
            with contextlib.suppress(TimeoutError):
                return self._listener.accept()[0]
        connection = wait_for("Gajim's plugin", connected, bool)
        connection.settimeout(DEADLINE)
        self._lines = connection.makefile("rw", encoding="utf-8")
        connection.close()  # the file keeps it

    # -- doing

    def ask(self, do, **what):
        self._lines.write(json.dumps({"do": do, **what}) + "\n")
        self._lines.flush()
        line = self._lines.readline()
        assert line, f"Gajim ended: {self.desktop.log()}"
        reply = json.loads(line)
        assert "error" not in reply, reply
        return reply

    def subscribe(self, jid):
        self.ask("subscribe", jid=jid)

    def open(self, jid):
        """Looks at the chat with somebody; what is there is read from now on."""
        self.desktop.focus(self.ask("open", jid=jid)["window"])
        self.expect("the cursor in the chat's field", lambda seen: seen["chat"] and seen["chat"]["active"], jid)
        self._peer = jid

    def join(self, jid, nick):
        """Enters a room; keys go to it from now on."""
        self.ask("join", jid=jid, nick=nick)
        self.expect("being in it", lambda seen: seen.get("joined") and seen["chat"], jid)
        self.desktop.focus(self.ask("click")["window"])
        self.expect("the cursor in the chat's field", lambda seen: seen["chat"]["active"], jid)
        self._peer = jid

    def leave(self):
        self.ask("leave")

    def type(self, text):
        """Types without sending; returns when all of it is in the field."""
        wanted = self.look(self._peer)["chat"]["input"] + text
        self.desktop.type(text)
        self.expect(f"{wanted!r} typed", lambda seen: seen["chat"]["input"] == wanted, self._peer)

    def send(self, text):
        self.type(text)
        self.desktop.press("Return")

    def correct(self, text):
        """Replaces what was said last, which Gajim puts into the field."""
        self.desktop.press("ctrl+Up")
        self.expect("the old text", lambda seen: seen["chat"]["input"], self._peer)
        self.desktop.press("ctrl+a", "BackSpace")
        self.expect("an empty field", lambda seen: not seen["chat"]["input"], self._peer)
        self.send(text)

    def set_avatar(self, data):
        self.ask("avatar", file=str(self.desktop.write("picture.png", data)))

    def upload(self, jid, name, data):
        """Sends a file, as if chosen in the dialog for files."""
        self.expect("somewhere to upload", lambda seen: seen["uploads"])
        self.ask("upload", jid=jid, file=str(self.desktop.write(name, data)))

    # -- seeing

    def file(self, name):
        """The bytes of a picture that Gajim has fetched and has made a preview of; None: it has not."""
        fetched = list(self.desktop.home.glob(f"data/gajim/downloads/{name}_*"))
        shown = list(self.desktop.home.glob(f"cache/gajim/downloads.thumb/{name}_*"))
        return fetched[0].read_bytes() if fetched and shown else None

    def look(self, jid=None):
        return self.ask("look", **({"jid": jid} if jid else {}))

    def expect(self, what, fits, jid=None, timeout=DEADLINE):
        """Waits until what Gajim shows (of somebody) fits; returns it."""
        try:
            return wait_for(f"{what} in Gajim", lambda: self.look(jid), fits, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.desktop.log()}") from None

    def expect_row(self, jid, text, **more):
        """Waits until a message is on the screen, with its marks; returns all messages in their order."""
        return self.expect(
            f"{text!r} {more or ''}", lambda seen: any(
                row["text"] == text and all(row[key] == value for key, value in more.items())
                for row in seen["chat"]["rows"]), jid)["chat"]["rows"]

    def close(self):
        """Quits Gajim; it logs out."""
        if self._lines:
            self._lines.close()
            self.desktop.wait_end()
        self.desktop.close()
        if self._listener:
            self._listener.close()

    def __exit__(self, *_):
        self.close()
