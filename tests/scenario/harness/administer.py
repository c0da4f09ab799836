# SPDX-License-Identifier: GPL-3.0-or-later
"""What the XMPP server's administrator does, on a stack that was started with --plugin."""
import contextlib
import json
import re
import subprocess
import urllib.parse
import urllib.request


@contextlib.contextmanager
def changed(config, pattern, replacement, reload):
    """The configuration with one line in another way, read anew; it is as before afterwards."""
    before = config.read_text()
    after, count = re.subn(pattern, replacement, before)
    assert count == 1
    try:
        config.write_text(after)
        reload()
        yield
    finally:
        config.write_text(before)
        reload()


def stanza_of(sender, to, payload, kind):
    type = " type='set' id='x'" if kind == "iq" else ""
    return f"<{kind} from='{sender}' to='{to}'{type}>{payload}</{kind}>"


class Prosody:
    def __init__(self, stack):
        self.host = stack.info["c2s"]["domain"]
        self._config = stack.dir / "xmpp" / "prosody.cfg.lua"

    def nobody_but(self, user):
        """In this context only this account may be bound."""
        return changed(self._config, "trestle_users = .*", f'trestle_users = {{ "{user}" }}',
                       lambda: self._shell("config:reload()"))

    def _shell(self, text):
        done = subprocess.run(["prosodyctl", "--config", str(self._config), "shell", text], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0 and "OK:" in done.stdout, f"{text}: {done.stdout}"
        return done.stdout

    def register(self, user, password):
        self._shell(f"user:create('{user}@{self.host}', '{password}')")

    def unregister(self, user):
        self._shell(f"user:delete('{user}@{self.host}')")

    def change_password(self, user, password):
        self._shell(f"user:password('{user}@{self.host}', '{password}')")

    def kick(self, user, resource):
        self._shell("> require 'util.session'; local s = prosody.full_sessions"
                    f"['{user}@{self.host}/{resource}']; s:close(); return true, 'OK: closed'")

    def reload_plugin(self):
        self._shell(f"module:reload('trestle', '{self.host}')")

    def unload_plugin(self):
        self._shell(f"module:unload('trestle', '{self.host}')")

    def load_plugin(self):
        self._shell(f"module:load('trestle', '{self.host}')")

    def hear(self, sender, to, payload, kind="message"):
        """A stanza comes on a stream of another server's, which was let in as the domain of the sender."""
        xml = stanza_of(sender, to, payload, kind)
        domain = sender.partition("/")[0].rpartition("@")[2]
        self._shell(f"> local stanza = require 'util.xml'.parse([==[{xml}]==]); prosody.core_process_stanza({{ type = 's2sin', "
                    f"from_host = '{domain}', to_host = '{to}', hosts = {{ ['{domain}'] = {{ authed = true }} }}, "
                    "send = function () end, close = function (_, why) error(why) end }, stanza); return true, 'OK: heard'")


class Ejabberd:
    def __init__(self, stack):
        self.host = stack.info["c2s"]["domain"]
        self._config = stack.dir / "xmpp" / "ejabberd.yml"
        self._api = f"http://{urllib.parse.urlsplit(stack.info['xmpp_ws']).netloc}/api/"

    def nobody_but(self, user):
        """In this context only this account may be bound."""
        return changed(self._config, "  bound: .*", f'  bound: [{{ allow: {{ user: {user} }} }}]',
                       lambda: self._call("reload_config"))

    def _call(self, command, **arguments):
        request = urllib.request.Request(self._api + command, json.dumps(arguments).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def register(self, user, password):
        self._call("register", user=user, host=self.host, password=password)

    def unregister(self, user):
        self._call("unregister", user=user, host=self.host)

    def change_password(self, user, password):
        self._call("change_password", user=user, host=self.host, newpass=password)

    def kick(self, user, resource):
        self._call("kick_session", user=user, host=self.host, resource=resource, reason="")

    def reload_plugin(self):
        self._call("restart_module", host=self.host, module="mod_trestle")

    def hear(self, sender, to, payload, kind="message"):
        """A stanza of another server's comes to the router."""
        self._call("send_stanza", **{"from": sender, "to": to, "stanza": stanza_of(sender, to, payload, kind)})


def administer(stack):
    return {"prosody": Prosody, "ejabberd": Ejabberd}[stack.server](stack)
