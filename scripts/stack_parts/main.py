# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of scripts/stack. Standard output carries one JSON object, standard error the rest."""
import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from . import base, bridge, ejabberd, postgres, prosody, redis

SERVERS = {"prosody": prosody, "ejabberd": ejabberd}
USERS = ["bob", "carol", "dave", "erin", "admin"]

HELP = """\
A stack is a private PostgreSQL, XMPP server and bridge on free loopback ports, all in one directory.

  start          start the parts of a new stack, or those of an existing one that do not run
  stop [PART]    stop a part, or all; data stays unless --purge is given
  status         which parts run; exit status 3 if one does not
  restart PART   start a part again that was stopped or killed, with its data and on its ports

PART is bridge (all bridges), bridge.N (one of them), postgres, xmpp or redis. start and restart print
the JSON object that says where the parts are; it is also in DIR/stack.json.
TRESTLE_BUILD names the build directory of the bridge (default: build/ in the checkout)."""


def parse(words):
    parser = argparse.ArgumentParser(prog="scripts/stack", description=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["start", "stop", "status", "restart"])
    parser.add_argument("part", nargs="?", metavar="PART")
    parser.add_argument("--server", choices=sorted(SERVERS), help="XMPP server (default: prosody)")
    parser.add_argument("--dir", help="directory of the stack (start: a new one under $TMPDIR)")
    parser.add_argument("--instances", type=int, metavar="N",
                        help="bridges that share the database (default: 1; 0: everything but the bridge)")
    parser.add_argument("--conf", metavar="FILE", help="more options for the bridge (INI)")
    parser.add_argument("--turn", nargs=3, metavar=("HOST", "PORT", "SECRET"),
                        help="a STUN and TURN server that the XMPP server announces (XEP-0215)")
    parser.add_argument("--plugin", action="store_true",
                        help="load plugin/ into the XMPP server, and let the administrator's commands in")
    parser.add_argument("--archive", action="store_true",
                        help="the XMPP server keeps its users' archives in the stack's PostgreSQL")
    parser.add_argument("--delegated", action="store_true",
                        help="ejabberd leaves its users' archives to the bridge (XEP-0355), which answers by XEP-0356")
    parser.add_argument("--memory", action="store_true",
                        help="start: keep PostgreSQL's data in memory, where there is room, until the whole stack is stopped")
    parser.add_argument("--purge", action="store_true", help="stop: remove the directory afterwards")
    chosen = parser.parse_args(words)
    if chosen.command == "restart" and not chosen.part:
        parser.error("restart needs a PART")
    if chosen.command in ("start", "status") and chosen.part:
        parser.error(f"{chosen.command} takes no PART")
    if chosen.purge and (chosen.command != "stop" or chosen.part):
        parser.error("--purge goes with stop of a whole stack")
    if chosen.instances is not None and not 0 <= chosen.instances <= 16:
        parser.error("--instances must be 0 to 16")
    return chosen


# ------------------------------------------------------------------------------------ the directory

def check_reachable(directory):
    """Root's servers run as other users: each folder above must let them through."""
    if os.geteuid() != 0:
        return
    for folder in [directory, *directory.parents]:
        if not folder.stat().st_mode & 0o001:
            raise base.Failure(f"the servers do not run as root and cannot enter {folder}; "
                               "choose another --dir")


def new_directory(wanted):
    if not wanted:
        made = Path(tempfile.mkdtemp(prefix="trestle-"))
    else:
        made = Path(wanted).absolute()
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(made.iterdir()):
            raise base.Failure(f"{made} is neither empty nor the directory of a stack")
    if not str(made).isprintable() or set(str(made)) & set("\"'\\"):
        raise base.Failure(f"{made}: quotes and backslashes in the name are not supported")
    made.chmod(0o711 if os.geteuid() == 0 else 0o700)
    check_reachable(made)
    return made


def find_stack(directory):
    """The stack named, or the only one of this user that runs."""
    if directory:
        return base.Stack(Path(directory).absolute()).load()
    found = []
    for file in Path(tempfile.gettempdir()).glob("trestle-*/state.json"):
        try:
            if file.stat().st_uid == os.geteuid():
                stack = base.Stack(file.parent).load()
                if running(stack):
                    found.append(stack)
        except (OSError, base.Failure):
            continue
    if len(found) == 1:
        return found[0]
    listing = "".join(f"\n  --dir {stack.dir}" for stack in found)
    raise base.Failure(f"{len(found)} stacks run; which one?{listing}" if found
                       else "no running stack found; name it with --dir")


def new_state(chosen):
    return {
        "server": chosen.server or "prosody",
        "instances": 1 if chosen.instances is None else chosen.instances,
        "domains": {"server": "example.org", "app": "app.example.org", "rooms": "rooms.app.example.org",
                    "other": "other.example"},
        "accounts": [{"jid": f"{user}@example.org", "password": base.random_word()} for user in USERS],
        "secrets": {"component": base.random_word(), "redis": base.random_word()},
        "jwt": {"alg": "HS256", "secret": base.random_word() + base.random_word(),
                "issuer": "trestle-stack", "audience": "trestle"},
        "turn": dict(zip(("host", "port", "secret"), chosen.turn)) if chosen.turn else None,
        "plugin": chosen.plugin, "archive": chosen.archive, "delegated": chosen.delegated,
        "memory": chosen.memory,
        "server_key": None, "extra": {}, "ports": {}, "processes": {},
    }


# --------------------------------------------------------------------------------------- the parts

def parts(stack):
    """Part → module, in starting order."""
    chosen = {"postgres": postgres, "xmpp": SERVERS[stack.state["server"]]}
    if stack.state["instances"] > 1:
        chosen["redis"] = redis
    chosen["bridge"] = bridge
    return chosen


def running(stack):
    return [name for name in stack.state.get("processes", {}) if stack.alive(name)]


def process_names(stack):
    return [name for part in parts(stack) for name in
            (bridge.names(stack) if part == "bridge" else [part])]


def describe(stack):
    """The object of design.md: everything a test, a benchmark or a person needs."""
    ports, state = stack.state["ports"], stack.state
    first = ports.get("bridge.0")
    url = {name: f"http://{base.LOOPBACK}:{first[name]}" if first else None for name in ("http", "admin")}
    pids = {name: (stack.process(name) or {}).get("pid") for name in process_names(stack)}
    return {
        "dir": str(stack.dir), "server": state["server"],
        "rest": url["http"], "admin": url["admin"],
        "ws": f"ws://{base.LOOPBACK}:{first['http']}/ws" if first else None,
        "c2s": {"host": base.LOOPBACK, "port": ports["xmpp"]["c2s"], "domain": state["domains"]["server"]},
        "xmpp_ws": SERVERS[state["server"]].websocket_url(stack),
        "plugin": state.get("plugin", False), "archive": state.get("archive", False),
        "component": {"domain": state["domains"]["app"], "rooms": state["domains"]["rooms"],
                      "other": state["domains"]["other"], "host": base.LOOPBACK, "port": ports["xmpp"]["component"],
                      "secret": state["secrets"]["component"]},
        "database": postgres.uri(stack),
        "redis": redis.url(stack) if "redis" in ports else None,
        "jwt": state["jwt"], "server_key": state["server_key"], "accounts": state["accounts"],
        "pids": {"bridge": [pids[name] for name in bridge.names(stack)],
                 **{name: pid for name, pid in pids.items() if not name.startswith("bridge.")}},
        "instances": [{"rest": f"http://{base.LOOPBACK}:{ports[name]['http']}",
                       "ws": f"ws://{base.LOOPBACK}:{ports[name]['http']}/ws",
                       "admin": f"http://{base.LOOPBACK}:{ports[name]['admin']}",
                       "config": str(bridge.config_path(stack, name))} for name in bridge.names(stack)],
        "config": str(bridge.config_path(stack, "bridge.0")),
        "logs": {name: str(stack.log_path(name)) for name in process_names(stack)},
    }


def publish(stack):
    text = json.dumps(describe(stack), indent=1)
    stack.write("stack.json", text + "\n")
    print(text)


# ------------------------------------------------------------------------------------ the commands

def command_start(chosen):
    bridge.program()
    existing = chosen.dir and (Path(chosen.dir) / "state.json").exists()
    stack = find_stack(chosen.dir) if existing else base.Stack(new_directory(chosen.dir))
    stack.lock()
    if existing:
        stack.load()
        check_same(stack, chosen)
    else:
        stack.state = new_state(chosen)
        base.note(f"directory {stack.dir}")
    if chosen.conf:
        stack.state["extra"] = bridge.read_extra(chosen.conf)
    stack.save()
    try:
        start_parts(stack)
    except BaseException:
        stop_parts(stack)
        postgres.forget(stack)
        base.note(f"the parts are stopped again; the logs stay in {stack.path('log')}")
        raise
    publish(stack)


def check_same(stack, chosen):
    for option in ("server", "instances"):
        wanted = getattr(chosen, option)
        if wanted is not None and wanted != stack.state[option]:
            raise base.Failure(f"{stack.dir} was made with --{option} {stack.state[option]}")


def start_parts(stack):
    for name, module in parts(stack).items():
        if name == "bridge":
            bridge.prepare_database(stack)
            module.start(stack)
        elif not stack.alive(name):
            module.start(stack)


def stop_parts(stack):
    for name, module in reversed(parts(stack).items()):
        if name in ("bridge", "postgres") or stack.alive(name):
            module.stop(stack)


def split_part(stack, part):
    """(module, process name or None for all bridges)"""
    known = parts(stack)
    if part in known:
        return known[part], None
    if part in bridge.names(stack):
        return bridge, part
    raise base.Failure(f"this stack has no part {part!r}; it has {', '.join(known)}")


def command_stop(chosen):
    stack = find_stack(chosen.dir)
    stack.lock()
    stack.load()
    if chosen.part:
        module, only = split_part(stack, chosen.part)
        if only:
            module.stop(stack, only)
        elif module in (bridge, postgres) or stack.alive(chosen.part):
            module.stop(stack)
        base.note(f"{chosen.part}: stopped")
        return
    stop_parts(stack)
    left = running(stack)
    if left:
        raise base.Failure(f"still running: {', '.join(left)}")
    postgres.forget(stack)
    if chosen.purge:
        shutil.rmtree(stack.dir)
        base.note(f"stopped; {stack.dir} is removed")
    else:
        base.note(f"stopped; data and logs stay in {stack.dir}")


def command_restart(chosen):
    stack = find_stack(chosen.dir)
    stack.lock()
    stack.load()
    module, only = split_part(stack, chosen.part)
    if chosen.conf:
        stack.state["extra"] = bridge.read_extra(chosen.conf)
    if module is bridge:
        bridge.stop(stack, only)
        bridge.start(stack, only)
    else:
        if module is postgres or stack.alive(chosen.part):
            module.stop(stack)
        module.start(stack)
    publish(stack)


def command_status(chosen):
    stack = find_stack(chosen.dir)
    alive = {name: stack.alive(name) for name in process_names(stack)}
    print(json.dumps({"dir": str(stack.dir), "server": stack.state["server"], "running": alive}, indent=1))
    return 0 if all(alive.values()) else 3


def main():
    chosen = parse(sys.argv[1:])
    commands = {"start": command_start, "stop": command_stop,
                "restart": command_restart, "status": command_status}
    try:
        return commands[chosen.command](chosen) or 0
    except base.Failure as error:
        base.note(str(error))
        return 1
    except KeyboardInterrupt:
        base.note("interrupted")
        return 130
