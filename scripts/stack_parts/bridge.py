# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridges of a stack: configuration, schema, server key, processes.

They run as the calling user: the checkout may lie where nobody else can read it. TRESTLE_BUILD names
the build directory, TRESTLE_WRAPPER a command to run the daemon under, such as `valgrind -q`.
"""
import configparser
import hashlib
import http.client
import os
import shlex
from pathlib import Path

from . import base, postgres, redis

READY_SECONDS = 90


def program():
    built = Path(os.environ.get("TRESTLE_BUILD") or base.TOP / "build").absolute() / "trestle"
    if not built.is_file():
        raise base.Failure(f"{built} does not exist; `scripts/build` makes it")
    return str(built)


def names(stack):
    return [f"bridge.{number}" for number in range(stack.state["instances"])]


def config_path(stack, name):
    return stack.path("bridge", f"{name}.ini")


def settings(stack, name, ports):
    """Section → option → value, before the caller's own options are laid over it."""
    domains = stack.state["domains"]
    chosen = {
        "xmpp": {"domain": domains["app"], "server_domain": domains["server"], "host": base.LOOPBACK,
                 "port": stack.state["ports"]["xmpp"]["component"],
                 "secret_file": stack.path("bridge", "component.secret"),
                 "presence_grace": 1},
        "database": {"uri": postgres.uri(stack)},
        "typing": {"app_silence": 8, "peer_silence": 8},
        "http": {"listen": base.LOOPBACK, "port": ports["http"],
                 "admin_listen": base.LOOPBACK, "admin_port": ports["admin"]},
        "auth": {"algorithm": "HS256", "key_file": stack.path("bridge", "jwt.key"),
                 "issuer": stack.state["jwt"]["issuer"], "audience": stack.state["jwt"]["audience"]},
        # Tests and benchmarks send as fast as they can; those of the limits set their own.
        "limits": {name: 0 for name in ("requests", "pages", "previews", "translations", "exports", "messages", "strangers", "conversations", "search",
                                        "uploads", "upload_parts", "downloads", "unlocks", "typing", "frames", "server", "signin", "guesses", "calls", "calls_peer", "signals", "xmpp_messages",
                                        "xmpp_stanzas", "xmpp_archive", "xmpp_room", "xmpp_invitations", "xmpp_domain")},
        "media": {"store": stack.path("bridge", "files"), "key_file": stack.path("bridge", "media.keys"),
                  "url": f"http://{base.LOOPBACK}:{ports['http']}", "slots": "server"},
        "features": {"analytics": "on"},
        "session": {"cookie_secure": "false"},
        "admin": {"jids": "admin@" + domains["server"], "socket": stack.path("bridge", f"{name}.sock")},
        "log": {"level": "info", "areas": "all"},
    }
    if stack.state.get("plugin"):
        c2s = stack.state["ports"]["xmpp"]["c2s"]
        chosen["bound"] = {"hosts": domains["server"], "login_tls": "none", "grace": 2, "login_claim": "account",
                           "login_servers": f"{domains['server']}={base.LOOPBACK}:{c2s}"}
    if redis.NAME in stack.state["ports"]:
        chosen["cluster"] = {"redis": redis.url(stack), "instance": name.replace(".", "-")}
        if stack.state["server"] == "ejabberd":
            chosen["xmpp"].update(links="each", link_places=stack.state["instances"])
    return chosen


def read_extra(file):
    """The options of --conf FILE, or of what an earlier start was given."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    parser.optionxform = str
    try:
        with open(file) as stream:
            parser.read_file(stream)
    except (OSError, configparser.Error) as error:
        raise base.Failure(f"cannot use {file}: {error}") from error
    return {section: dict(parser[section]) for section in parser.sections()}


def write_config(stack, name, ports):
    stack.folder("bridge")
    stack.write("bridge/component.secret", stack.state["secrets"]["component"] + "\n")
    stack.write("bridge/jwt.key", stack.state["jwt"]["secret"])
    stack.write("bridge/media.keys", hashlib.sha256(stack.state["jwt"]["secret"].encode()).hexdigest() + "\n")
    merged = settings(stack, name, ports)
    for section, options in stack.state.get("extra", {}).items():
        merged.setdefault(section, {}).update(options)
    lines = ["# Written by scripts/stack."]
    for section, options in merged.items():
        lines += ["", f"[{section}]", *(f"{key}={value}" for key, value in options.items())]
    stack.write(f"bridge/{name}.ini", "\n".join(lines) + "\n")


def command(stack, name, subcommand, *words):
    return base.run([program(), subcommand, "--config", config_path(stack, name), *words],
                    f"trestle {subcommand}", stack.path("bridge"), None, dict(os.environ))


def prepare_database(stack):
    """Brings the schema up to date and makes the server key, once."""
    base.start_with_ports(stack, "bridge.0", ["http", "admin"],
                          lambda ports: write_config(stack, "bridge.0", ports))
    base.note("bridge: migrating the database")
    command(stack, "bridge.0", "migrate")
    if stack.state.get("archive"):
        postgres.make_archive_role(stack)
    if not stack.state.get("server_key"):
        key = command(stack, "bridge.0", "token", "--server-key", "stack",
                      "--scopes", "users,send,tickets,moderate,audit,analytics,admin,bound").strip()
        stack.state["server_key"] = key or None
        stack.save()


def start(stack, only=None):
    """Starts the bridges (or one) that do not run, then waits until they are ready."""
    started = {}
    for name in names(stack):
        if only in (None, name) and not stack.alive(name):
            started[name] = base.start_with_ports(
                stack, name, ["http", "admin"], lambda ports, name=name: launch(stack, name, ports))
    for name, child in started.items():
        wait_ready(stack, name, child)


def launch(stack, name, ports):
    write_config(stack, name, ports)
    base.note(f"{name}: starting on port {ports['http']}")
    wrapper = shlex.split(os.environ.get("TRESTLE_WRAPPER", ""))
    child = stack.spawn(name, [*wrapper, program(), "serve", "--config", config_path(stack, name)],
                        stack.path("bridge"), None, dict(os.environ))
    base.wait_listening(stack, name, child, ports.values(), READY_SECONDS)
    return child


def readiness(port):
    """(status, body) of /readyz; status 0 if nobody answers."""
    connection = http.client.HTTPConnection(base.LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def wait_ready(stack, name, child):
    """Ready means that the database is up and that there is a way to the XMPP server."""
    port = stack.state["ports"][name]["admin"]
    seen = (0, "")

    def ready():
        nonlocal seen
        if child.poll() is not None:
            raise base.Failure(f"{name} ended with status {child.returncode}; its log ends with\n"
                               f"{stack.log_tail(name)}")
        seen = readiness(port)
        return seen[0] == 200
    try:
        base.wait_until(f"{name} is ready", ready, READY_SECONDS)
    except base.Failure as error:
        if child.poll() is not None:
            raise
        raise base.Failure(f"{error}; /readyz says {seen[0]} {seen[1].strip()}; its log ends with\n"
                           f"{stack.log_tail(name)}") from None


def stop(stack, only=None):
    for name in names(stack):
        if only in (None, name) and stack.alive(name):
            base.end_process(stack.process(name), seconds=60)
