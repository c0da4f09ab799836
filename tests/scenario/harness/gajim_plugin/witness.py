# SPDX-License-Identifier: GPL-3.0-or-later
"""A Gajim plugin for the tests: says what Gajim shows, and does what a person would do with the mouse.

It connects to the Unix socket named by TRESTLE_WITNESS and answers each line (a JSON object with "do") with
one line: what the method of that name returned, or {"error": ...}. Keys are pressed by the X server, not here.
"""
import json
import os
from pathlib import Path

from gajim.common import app, configpaths
from gajim.plugins.gajimplugin import GajimPlugin
from gi.repository import GdkPixbuf, Gio, GLib
from nbxmpp.modules.user_avatar import Avatar
from nbxmpp.protocol import JID

ACCOUNT = "stack"


class Witness(GajimPlugin):

    def init(self):
        self._stream = None

    def activate(self):
        address = Gio.UnixSocketAddress.new(os.environ["TRESTLE_WITNESS"])
        self._stream = Gio.SocketClient.new().connect(address)
        self._lines = Gio.DataInputStream.new(self._stream.get_input_stream())
        self._next()

    def _next(self):
        self._lines.read_line_async(GLib.PRIORITY_DEFAULT, None, self._on_line)

    def _on_line(self, lines, result):
        line, _length = lines.read_line_finish_utf8(result)
        if line is None:
            app.app.start_shutdown()
            return
        try:
            asked = json.loads(line)
            reply = getattr(self, f"do_{asked.pop('do')}")(**asked)
        except Exception as error:  # the test shows it
            reply = {"error": repr(error)}
        self._stream.get_output_stream().write_all(json.dumps(reply).encode() + b"\n", None)
        self._next()

    # -- doing

    def do_subscribe(self, jid):
        """What "Add Contact" does, with the choice to let the other see one's own status."""
        self._module("Presence").subscribe(jid, auto_auth=True)
        return {}

    def do_open(self, jid):
        """Opens the chat and brings its window to the front."""
        app.window.add_chat(ACCOUNT, JID.from_string(jid), "contact", select=True)
        app.window.present()
        return {"window": app.window.get_window().get_xid()}

    def do_join(self, jid, nick):
        """What the dialog that joins a group chat does in the end."""
        app.window.show_add_join_groupchat(ACCOUNT, jid, nickname=nick)
        return {}

    def do_click(self):
        """A click into the field of the open chat."""
        app.window.get_chat_stack().get_message_input().grab_focus()
        app.window.present()
        return {"window": app.window.get_window().get_xid()}

    def do_leave(self):
        """Shows no chat any more: what comes now stays unread."""
        app.window.show_account_page(ACCOUNT)
        return {}

    def do_avatar(self, file):
        """What the profile window does with a chosen picture."""
        picture, data = GdkPixbuf.Pixbuf.new_from_file(file), Path(file).read_bytes()
        avatar = Avatar()
        avatar.add_image_source(data, "image/png", picture.get_height(), picture.get_width())
        self._module("UserAvatar").set_avatar(avatar, public=True)
        return {}

    def do_upload(self, jid, file):
        """What the dialog that asks which file does in the end."""
        self._module("HTTPUpload").send_file(self._module("Contacts").get_contact(jid), Path(file))
        return {}

    def do_commands(self, jid):
        """What the menu entry "Execute Command" does."""
        from gajim.gtk.adhoc import AdHocCommands
        self._commands = AdHocCommands(ACCOUNT, jid)
        return {}

    def do_choose(self, name):
        """A click on the command of that name in the list, and one on the button below it."""
        page = self._commands.get_page("commands")
        row = next(row for row in page._store if row[0] == name)
        page._treeview.get_selection().select_iter(row.iter)
        self._commands._buttons["execute"][0].clicked()
        return {}

    def do_fill(self, var, value):
        """What typing into a field of the form does."""
        widget = self._commands.get_page("stage")._dataform_widget
        field = widget.get_form()[var]
        if isinstance(value, list):
            field.values = value
        else:
            field.value = value
        widget.validate()
        return {}

    def do_press_button(self, name):
        """A click on a button of the dialog, if it can be pressed."""
        button = self._commands._buttons[name][0]
        assert button.get_visible() and button.get_sensitive(), f"{name} cannot be pressed"
        button.clicked()
        return {}

    def do_close_commands(self):
        self._commands.destroy()
        return {}

    # -- seeing

    def do_dialog(self):
        """The page of the dialog of commands, the texts on it, and the buttons that can be pressed."""
        from gi.repository import Gtk
        stack, texts = self._commands._ui.stack, []

        def walk(widget):
            if not widget.get_visible():
                return
            if isinstance(widget, Gtk.Label):
                texts.append(widget.get_text())
            elif isinstance(widget, Gtk.Entry):
                texts.append(widget.get_text())
            elif isinstance(widget, Gtk.TextView):
                buffer = widget.get_buffer()
                texts.append(buffer.get_text(*buffer.get_bounds(), False))
            elif isinstance(widget, Gtk.TreeView) and widget.get_model():
                texts.extend(str(cell) for row in widget.get_model() for cell in row)
            if isinstance(widget, Gtk.Container):
                widget.forall(walk)
        walk(stack.get_visible_child())
        return {"page": stack.get_visible_child_name(), "texts": texts, "buttons": [
            name for name, (button, _) in self._commands._buttons.items() if button.get_visible() and button.get_sensitive()]}

    def do_look(self, jid=None):
        seen = {"online": ACCOUNT in app.connections and app.get_client(ACCOUNT).state.is_available}
        seen["uploads"] = seen["online"] and self._module("HTTPUpload").available
        contact = self._module("Contacts").get_contact(jid) if jid and seen["online"] else None
        if contact and contact.is_groupchat:
            seen.update(self._room(contact), chat=self._chat(contact))
        elif contact:
            item = self._module("Roster").get_item(contact.jid)
            seen.update(
                show=contact.show.value, avatar=self._picture(contact), typing=str(contact.chatstate_string),
                name=contact.name, subscription=item.subscription if item else None, chat=self._chat(contact))
        return seen

    @staticmethod
    def _room(contact):
        """Whether Gajim is in a room, who else is, and what the room's chat says besides messages."""
        view = app.window.get_control()._scrolled_view
        return {"joined": contact.is_joined, "said": [row._label.get_text() for row in view.iter_rows() if hasattr(row, "_label")],
                "people": {person.name: [person.affiliation.value, person.role.value] for person in contact.get_participants()}}

    @staticmethod
    def _module(name):
        return app.get_client(ACCOUNT).get_module(name)

    @staticmethod
    def _picture(contact):
        """The hash of the picture that Gajim has *and* has stored."""
        sha = contact.avatar_sha
        return sha if sha and (configpaths.get("AVATAR") / sha).is_file() else None

    @staticmethod
    def _chat(contact):
        """The open chat as it is on the screen: its headline and its messages."""
        control, stack = app.window.get_control(), app.window.get_chat_stack()
        if not control.has_active_chat() or control.contact != contact:
            return None
        view = control._scrolled_view
        rows = [{"mine": row.kind == "outgoing", "text": row.text, "who": row.name, "corrected": row._message_widget.get_text(),
                 "receipt": row.has_receipt,
                 "displayed": row.has_displayed} for row in view.iter_rows() if row.type == "chat"]
        field = stack.get_message_input()
        return {"active": app.window.is_chat_active(ACCOUNT, contact.jid) and field.has_focus(), "rows": rows,
                "headline": stack._chat_banner._ui.name_label.get_text(), "input": field.get_text()}

    def do_calls(self):
        """Whether it can make calls, and what it tells others of that."""
        from gajim.common.helpers import get_optional_features
        return {"able": app.is_installed("AV"), "features": get_optional_features(ACCOUNT)}
