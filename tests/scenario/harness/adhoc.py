# SPDX-License-Identifier: GPL-3.0-or-later
"""Ad-hoc commands as an XMPP client gives them, by slixmpp's own plugins (xep_0050, xep_0004)."""
import asyncio
import re

from slixmpp.exceptions import IqError

from .described import seen
from .inbox import DEADLINE, run

COMMANDS = "http://jabber.org/protocol/commands"
DATA = "{jabber:x:data}"
VALIDATE = "{http://jabber.org/protocol/xdata-validate}"
ADMIN = "http://jabber.org/protocol/admin#"
OWN = "urn:trestle:admin:"


class Refused(AssertionError):
    """A command was answered with an error: `condition` of RFC 6120, `detail` of XEP-0050, or None, and `text`."""

    def __init__(self, iq):
        error = iq.xml.find("{jabber:client}error")
        super().__init__(str(iq))
        self.text = next((c.text for c in error if c.tag.endswith("}text")), None)
        names = [(c.tag.partition("}")[0][1:], c.tag.partition("}")[2]) for c in error]
        self.condition = next(n for ns, n in names if ns.endswith("xmpp-stanzas") and n != "text")
        self.detail = next((n for ns, n in names if ns == COMMANDS), None)


class Answer:
    """`status`, `session`, `actions` (the usual one is `usual`), `note`, `note_type`, `fields` (name: value, or a list of
    a multi), `types`, `required`, `options`, `ranges`, `rows` (dicts, of the lists in the answer)."""

    def __init__(self, iq):
        command = iq.xml.find(f"{{{COMMANDS}}}command")
        self.node, self.session, self.status = (command.get(k) for k in ("node", "sessionid", "status"))
        actions = command.find(f"{{{COMMANDS}}}actions")
        self.actions = set() if actions is None else {a.tag.partition("}")[2] for a in actions}
        self.usual = None if actions is None else actions.get("execute")
        note = command.find(f"{{{COMMANDS}}}note")
        self.note, self.note_type = (None, None) if note is None else (note.text, note.get("type"))
        self.form = command.find(f"{DATA}x")
        self.fields, self.types, self.required, self.options, self.ranges, self.rows = {}, {}, set(), {}, {}, []
        if self.form is not None:
            self._read()

    def _read(self):
        for field in self.form.findall(f"{DATA}field"):
            name, values = field.get("var"), [v.text or "" for v in field.findall(f"{DATA}value")]
            self.types[name] = field.get("type")
            multi = (field.get("type") or "").endswith("-multi")
            self.fields[name] = values if multi else values[0] if values else None
            if field.find(f"{DATA}required") is not None:
                self.required.add(name)
            self.options[name] = [o.findtext(f"{DATA}value") for o in field.findall(f"{DATA}option")]
            range = field.find(f"{VALIDATE}validate/{VALIDATE}range")
            if range is not None:
                self.ranges[name] = (range.get("min"), range.get("max"))
        self.rows = [dict(line.split(": ", 1) for line in values)
                     for name, values in self.fields.items() if re.search(r"-[0-9]+$", name or "") and isinstance(values, list)]

    def __repr__(self):
        return f"{self.status} {self.note_type} {self.note!r} {self.fields} {self.rows}"


class Commands:
    """The commands of `service` for `user`, an XmppUser who is logged in."""

    def __init__(self, user, service="app.example.org"):
        self.user, self.service, self._client = user, service, user._client
        run(self._prepare())

    async def _prepare(self):
        self._client.register_plugin("xep_0050")

    async def _asked(self, future):
        try:
            return await asyncio.wait_for(future, DEADLINE)
        except IqError as error:
            raise Refused(error.iq) from None

    async def _list(self):
        return await self._asked(self._client["xep_0050"].get_commands(self.service))

    def list(self):
        """node: name, as the service shows them."""
        found = {node: name for _, node, name in run(self._list())["disco_items"]["items"]}
        for node in found:
            seen.add("offered", node)
        return found

    async def _send(self, node, action, session, fields, type):
        form = None
        if fields is not None:
            form = self._client["xep_0004"].make_form(ftype=type)
            for name, value in fields.items():
                multi = isinstance(value, (list, tuple))
                field = form.add_field(var=name, ftype="text-multi" if multi else "text-single")
                field["value"] = list(value) if multi else value
        return await self._asked(self._client["xep_0050"].send_command(
            self.service, node, action=action, sessionid=session, payload=form))

    def send(self, node, action="execute", session=None, fields=None, type="submit"):
        """One step."""
        answer = Answer(run(self._send(node, action, session, fields, type)))
        if answer.status == "completed" and answer.note_type != "error":
            seen.add("nodes", node)
        return answer

    def go(self, node, fields=None):
        """The whole command, however many steps it has, with these values; the last answer. A note of an error fails."""
        answer, left = self.send(node), dict(fields or {})
        while answer.status == "executing":
            assert answer.note_type != "error", answer
            filled = {name: left.pop(name) for name in list(left) if name in answer.fields}
            answer = self.send(node, answer.usual, answer.session, filled)
        assert answer.status == "completed" and answer.note_type != "error", answer
        assert not left, f"nobody asked for {left}"
        return answer
