# SPDX-License-Identifier: GPL-3.0-or-later
"""A private ejabberd 23.01 on loopback: clients, WebSocket, components; no server-to-server links.

The Erlang node has no name: no distribution port, no cookie, no epmd. The accounts are made inside
the node after it has started, which the file `ready` tells. Mnesia writes its log seconds late; the
node flushes it ten times a second, so that kill -9 costs it little of what it had accepted.
"""
import os
from pathlib import Path

from . import base, postgres

NAME = "xmpp"
PORTS = ["c2s", "component", "http"]

CONFIG = """\
# Written by scripts/stack; a private server for trying and testing, loopback only.
hosts: ["{domain}"]
loglevel: info
hide_sensitive_log_data: true
auth_method: internal
auth_password_format: scram
default_db: mnesia
listen:
  - port: {c2s}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    starttls: false
    access: c2s
    max_stanza_size: 262144
  - port: {component}
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    hosts:
      "{app}": {{ password: "{secret}" }}
      "{rooms}": {{ password: "{secret}" }}
{other}  - port: {http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      "/ws": ejabberd_http_ws
{api}{balancing}acl:
  local: {{ user_regexp: "" }}
  bridge: {{ server: "{app}" }}
  unbound: {{ user: erin }}
access_rules:
  local: {{ allow: local }}
  turn: [{{ allow: local }}, {{ allow: bridge }}]
  c2s: {{ allow: all }}
  bound: [{{ deny: unbound }}, {{ allow: local }}]
  component: [{{ allow: bridge }}]
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{ extra_domains: ["{rooms}", "{app}"] }}
  mod_last: {{}}
  mod_mam: {{ default: always{archive} }}
  mod_muc:
    host: "conference.@HOST@"
    access_create: all
    default_room_options: {{ mam: true, persistent: true, allow_change_subj: true }}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_pubsub: {{ plugins: [flat, pep], force_node_config: {{ "eu.siacs.conversations.axolotl.*": {{ access_model: open }} }} }}
  mod_roster: {{ versioning: true }}
  mod_stream_mgmt: {{ resend_on_timeout: if_offline }}
{archive_sql}{turn}  mod_time: {{}}
  mod_vcard: {{}}
  mod_version: {{ show_os: false }}
{plugin}"""

# One link for each bridge. What goes to one user takes one link, so that it stays in order.
BALANCING = """\
domain_balancing:
  "{app}":
    type: bare_destination
    component_number: {instances}
"""

# Components are no users of the server: it answers them by a rule of ours.
TURN = """\
  mod_stun_disco:
    access: turn
    credentials_lifetime: 10 minutes
    secret: "{secret}"
    services:
      - {{ host: "{host}", port: {port}, type: stun, transport: udp, restricted: false }}
      - {{ host: "{host}", port: {port}, type: turn, transport: udp, restricted: true }}
"""

# Tests administrate by HTTP, which takes no distributed Erlang.
API = """\
      "/api": mod_http_api
api_permissions:
  "tests":
    who: { ip: 127.0.0.1/8 }
    what: "*"
"""

# Somebody else's component, which has the same secret.
OTHER = """\
      "{other}": {{ password: "{secret}" }}
"""

# erin may not be bound, so that a refusal can be seen.
PLUGIN = """\
  mod_admin_extra: {{}}
  mod_http_api: {{}}
  mod_trestle: {{ component: "{app}", users: bound }}
"""
DELEGATED = """\
  mod_delegation: {{ namespaces: {{ "urn:xmpp:mam:2": {{ access: component }} }} }}
  mod_privilege: {{ message: {{ outgoing: component }} }}
"""
# With nobody to ask, a message for a component that is away is answered as for any unknown domain.
NO_DNS = """\
{lookup, [file]}.
{resolv_conf, ""}.
{hosts_file, ""}.
"""

ACCOUNTS = """\
lists:foreach(fun({{User, Password}}) -> ejabberd_auth:try_register(User, <<"{domain}">>, Password) end,
              [{accounts}]).
spawn(fun Flush() -> timer:sleep(100), mnesia:sync_log(), Flush() end).
ok = file:write_file("{ready}", <<>>).
"""


ARCHIVE = """\
  mod_mam_trestle: {{ host: "127.0.0.1", port: {port}, database: trestle, username: "{role}", password: "{password}" }}
"""


def account():
    return base.account_for("ejabberd")


def library_root():
    """The folder above ejabberd's own Erlang library, for ERL_LIBS."""
    found = sorted(Path("/usr/lib").glob("*/ejabberd-*/ebin/ejabberd.app"))
    if not found:
        raise base.Failure("ejabberd is not installed; `scripts/packages ejabberd` installs it")
    return found[0].parents[2]


def built_plugin():
    found = Path(os.environ.get("TRESTLE_BUILD") or base.TOP / "build").absolute() / "plugin" / "ejabberd"
    if not list(found.glob("*.beam")):
        raise base.Failure(f"{found} has no plugin; configure says whether it can be compiled")
    return found


def balancing(stack):
    instances = stack.state["instances"]
    return BALANCING.format(app=stack.state["domains"]["app"], instances=instances) if instances > 1 else ""


def prepare(stack, ports):
    home = stack.folder(NAME, account())
    stack.folder("xmpp/spool", account())
    domains, turn = stack.state["domains"], stack.state.get("turn")
    plugin, archive, secret = stack.state.get("plugin"), stack.state.get("archive"), stack.state["secrets"]["component"]
    if plugin or archive:
        stack.copy_tree(built_plugin(), f"{NAME}/plugin", account())
    stack.write("xmpp/ejabberd.yml", CONFIG.format(
        domain=domains["server"], app=domains["app"], rooms=domains["rooms"],
        secret=secret, other=OTHER.format(other=domains["other"], secret=secret) if plugin else "",
        archive=", db_type: trestle" if archive else "",
        archive_sql=ARCHIVE.format(port=stack.state["ports"][postgres.NAME]["sql"], role=postgres.ARCHIVE_ROLE,
                                   password=stack.state["secrets"][postgres.ARCHIVE_ROLE]) if archive else "",
        api=API if plugin else "", plugin=(PLUGIN.format(app=domains["app"]) if plugin else "") + (DELEGATED.format() if stack.state.get("delegated") else ""),
        balancing=balancing(stack), turn=TURN.format(**turn) if turn else "", **ports), account())
    accounts = ",\n               ".join(
        '{{<<"{}">>, <<"{}">>}}'.format(entry["jid"].partition("@")[0], entry["password"])
        for entry in stack.state["accounts"])
    stack.write("xmpp/accounts.erl", ACCOUNTS.format(
        domain=domains["server"], accounts=accounts, ready=home / "ready"), account())
    stack.write("xmpp/inetrc", NO_DNS, account())
    (home / "ready").unlink(missing_ok=True)


def environment(home):
    settings = base.clean_environment(home)
    settings.update(ERL_LIBS=str(library_root()), ERL_INETRC=str(home / "inetrc"),
                    ERL_CRASH_DUMP=str(home / "erl_crash.dump"), ERL_MAX_PORTS="32000",
                    EJABBERD_CONFIG_PATH=str(home / "ejabberd.yml"),
                    EJABBERD_LOG_PATH=str(home / "ejabberd.log"))
    return settings


def start(stack):
    base.start_with_ports(stack, NAME, PORTS, lambda ports: launch(stack, ports))


def launch(stack, ports):
    prepare(stack, ports)
    home = stack.path(NAME)
    base.note(f"ejabberd: starting, clients on port {ports['c2s']}")
    child = stack.spawn(NAME, [
        base.find_program("erl"), "+K", "true", "+P", "250000",
        "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none", "-noinput",
        "-pa", home / "plugin", "-mnesia", "dir", f'"{home / "spool"}"', "-s", "ejabberd",
        "-eval", f'ok = file:eval("{home / "accounts.erl"}").'], home, account(), environment(home))
    base.wait_listening(stack, NAME, child, ports.values())
    base.wait_until("ejabberd has made its accounts", (home / "ready").exists, 30)


def stop(stack):
    base.end_process(stack.process(NAME), seconds=60)


def websocket_url(stack):
    return f"ws://{base.LOOPBACK}:{stack.state['ports'][NAME]['http']}/ws"
