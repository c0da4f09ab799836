# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Prosody 0.12 on loopback: clients, WebSocket, components; no server-to-server links."""
import os
from pathlib import Path

from . import base, postgres

NAME = "xmpp"
PORTS = ["c2s", "component", "http"]

CONFIG = """\
-- Written by scripts/stack; a private server for trying and testing, loopback only.
data_path = "{home}/data"
plugin_paths = {{ "{home}/plugin" }}
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
s2s_direct_tls_ports = {{ }}
http_ports = {{ {http} }}
http_interfaces = {{ "127.0.0.1" }}
https_ports = {{ }}
component_ports = {{ {component} }}
component_interfaces = {{ "127.0.0.1" }}
modules_enabled = {{
    "roster"; "saslauth"; "disco"; "presence"; "message"; "iq"; "c2s";
    "blocklist"; "bookmarks"; "carbons"; "csi_simple"; "lastactivity"; "mam"; "offline"; "pep";
    "ping"; "private"; "smacks"; "time"; "uptime"; "vcard4"; "vcard_legacy"; "version"; "websocket";
}}
modules_disabled = {{ "s2s"; "tls" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
authentication = "internal_plain"
storage = "internal"
archive_expires_after = "never"
default_archive_policy = true
log = {{ info = "*console" }}

VirtualHost "{domain}"
    http_host = "127.0.0.1"
    disco_items = {{ {{ "{rooms}", "Rooms" }}, {{ "{app}", "Files" }} }}
    modules_enabled = {{ {modules} }}
{turn}{plugin}
{other}
Component "{app}"
    component_secret = "{secret}"
    component_conflict_resolve = "{conflict}"

Component "{rooms}"
    component_secret = "{secret}"
    component_conflict_resolve = "{conflict}"

-- The server's own rooms: for us they are elsewhere.
Component "conference.{domain}" "muc"
    modules_enabled = {{ "muc_mam" }}
    muc_log_by_default = true
    muc_room_locking = false
    muc_room_default_persistent = true
"""

# A component is answered only if it is named, and then the server's own users have to be, too.
TURN = """\
    external_service_access = {{ "{app}", "{domain}" }}
    external_services = {{
        {{ type = "stun", host = "{host}", port = {port}, transport = "udp" }};
        {{ type = "turn", host = "{host}", port = {port}, transport = "udp", secret = "{secret}", ttl = 600 }};
    }}
"""


# erin may not be bound, so that a refusal can be seen. Names without an account are for tests that make them.
PLUGIN = """\
    trestle_component = "{app}"
    trestle_users = {{ "bob"; "carol"; "dave"; "frank"; "grace"; "heidi" }}
"""


# Somebody else's component, which has the same secret.
OTHER = """\

Component "{other}"
    component_secret = "{secret}"
"""


ARCHIVE = """\
    storage = {{ archive = "trestle" }}
    trestle_sql = {{ host = "127.0.0.1"; port = {port}; database = "trestle"; username = "{role}"; password = "{password}" }}
"""


def account():
    return base.account_for("prosody")


def archive(stack):
    return ARCHIVE.format(port=stack.state["ports"][postgres.NAME]["sql"], role=postgres.ARCHIVE_ROLE,
                          password=stack.state["secrets"][postgres.ARCHIVE_ROLE])


def built_version():
    """What the build adds to the sources."""
    build = Path(os.environ.get("TRESTLE_BUILD") or base.TOP / "build").absolute()
    return (build / "plugin" / "prosody" / "mod_trestle" / "version.lib.lua").read_text()


def prepare(stack, ports):
    home = stack.folder(NAME, account())
    stack.folder(f"{NAME}/certs", account())  # it looks there, and complains when there is nothing
    domains, turn = stack.state["domains"], stack.state.get("turn")
    modules = ["external_services"] if turn else []
    secret = stack.state["secrets"]["component"]
    plugin = other = ""
    if stack.state.get("plugin") or stack.state.get("archive"):
        stack.copy_tree(base.TOP / "plugin" / "prosody", f"{NAME}/plugin", account())
        stack.write(f"{NAME}/plugin/mod_trestle/version.lib.lua", built_version(), account())
    if stack.state.get("archive"):
        plugin = archive(stack)
    if stack.state.get("plugin"):
        modules += ["trestle", "admin_shell"]
        plugin += PLUGIN.format(app=domains["app"])
        other = OTHER.format(other=domains["other"], secret=secret)
    plugin += stack.state.get("xmpp_more", "")  # of one test: its database may have what no other's has
    stack.write("xmpp/prosody.cfg.lua", CONFIG.format(
        home=home, domain=domains["server"], app=domains["app"], rooms=domains["rooms"],
        secret=secret, other=other,
        modules="; ".join(f'"{name}"' for name in modules), plugin=plugin,
        turn=TURN.format(app=domains["app"], domain=domains["server"], **turn) if turn else "",
        # The instance that takes the lease takes the link, too.
        conflict="kick_old" if stack.state["instances"] > 1 or stack.state.get("plugin") else "kick_new", **ports), account())
    folder = "xmpp/data"
    for name in ("", encode(domains["server"]), "accounts"):
        folder = f"{folder}/{name}" if name else folder
        stack.folder(folder, account())
    for entry in stack.state["accounts"]:
        file = f"{folder}/{encode(entry['jid'].partition('@')[0])}.dat"
        if not stack.path(file).exists():
            stack.write(file, f'return {{\n\t["password"] = "{entry["password"]}";\n}};\n', account())


def encode(name):
    """The file name that Prosody's internal storage gives to a host or user."""
    return "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in name)


def start(stack):
    base.start_with_ports(stack, NAME, PORTS, lambda ports: launch(stack, ports))


def launch(stack, ports):
    prepare(stack, ports)
    home = stack.path(NAME)
    base.note(f"prosody: starting, clients on port {ports['c2s']}")
    child = stack.spawn(NAME, [base.find_program("prosody"), "-F", "--config", home / "prosody.cfg.lua"],
                        home, account())
    base.wait_listening(stack, NAME, child, ports.values())


def stop(stack):
    base.end_process(stack.process(NAME))


def websocket_url(stack):
    return f"ws://{base.LOOPBACK}:{stack.state['ports'][NAME]['http']}/xmpp-websocket"
