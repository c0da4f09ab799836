# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what the README says under "With your own XMPP server", word for word: bare_readme.py, in a root of its own.

It takes the commands and the configuration from README.md; only what is between them is here: where they go, and
starting services without systemd. scripts/bare calls it in a bare Debian; it changes /etc.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
SECTION = "With your own XMPP server"
# The blocks of the section in their order: (name, language, what shows that it is the right one).
BLOCKS = [("prosody", "lua", "component_secret"), ("ejabberd", "yaml", "ejabberd_service"), ("database", "sh", "createdb"),
          ("install", "sh", "make -C build install"), ("configure", "sh", "/etc/trestle/trestle.ini"),
          ("start", "sh", "trestle doctor"), ("request", "sh", "/api/users/me")]
# What stands in its sentences.
LINES = {"cluster": r"`(pg_createcluster [^`\n]*)`", "virtual host": r'`(VirtualHost "[^`\n]*)`', "host": r"`(- [a-z.]+)`"}
SECONDS = 60


class Wrong(Exception):
    """The README does not hold, or is not as this program knows it."""


def read_blocks():
    text = (TOP / "README.md").read_text()
    section = re.search(rf"^## {SECTION}$(.*?)^## ", text, re.M | re.S).group(1)
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.M | re.S)
    shape = [(language, sign in block) for (_, _, sign), (language, block) in zip(BLOCKS, found)]
    if len(found) != len(BLOCKS) or shape != [(language, True) for _, language, _ in BLOCKS]:
        raise Wrong(f"the README's section has other blocks than {[name for name, *_ in BLOCKS]}")
    blocks = {name: block for (name, *_), (_, block) in zip(BLOCKS, found)}
    for name, pattern in LINES.items():
        line = re.search(pattern, section)
        if not line:
            raise Wrong(f"the README's section no longer has {pattern}")
        blocks[name] = line.group(1)
    return blocks


def run(text):
    """A block as a person pastes it; here its first failing command ends it."""
    print("".join(f"+ {line}\n" for line in text.splitlines()), end="", flush=True)
    done = subprocess.run(["bash", "-e"], input=text, text=True, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print("".join(f"  {line}\n" for line in done.stdout.splitlines()[-25:]), end="", flush=True)
    if done.returncode != 0:
        raise Wrong(f"the block ended with status {done.returncode}")
    return done.stdout


def wait_until(what, condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise Wrong(f"{what}: not within {SECONDS} s")
        time.sleep(0.1)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


# ---- The servers: Debian's, with what the README adds

def settle_prosody(blocks):
    file = Path("/etc/prosody/prosody.cfg.lua")
    file.write_text(f"{file.read_text()}\n{blocks['virtual host']}\n{blocks['prosody']}")


def settle_ejabberd(blocks):
    """The block's entry goes into the list that is there."""
    file = Path("/etc/ejabberd/ejabberd.yml")
    block, text, head = blocks["ejabberd"], file.read_text(), "listen:\n"
    if not block.startswith(head) or text.count(f"\n{head}") != 1:
        raise Wrong("the block, or Debian's ejabberd.yml, has no list `listen`")
    file.write_text(text.replace(f"\n{head}", f"\n{block}").replace("\nhosts:\n", f"\nhosts:\n  {blocks['host']}\n", 1))


# How each is settled, started and stopped. (Prosody's init script looks for another Lua when it is to stop.)
SERVERS = {"prosody": (settle_prosody, "service prosody start", "prosodyctl stop"),
           "ejabberd": (settle_ejabberd, "service ejabberd start", "service ejabberd stop")}


@contextlib.contextmanager
def server(name, blocks):
    settle, start, stop = SERVERS[name]
    settle(blocks)
    run(f"{start}\n")
    wait_until(f"{name} listens for components", lambda: listens(5347))
    try:
        yield
    finally:
        run(f"{stop}\n")
        wait_until(f"{name} is gone", lambda: not listens(5347))


# ---- Trestle

def start_and_ask(blocks):
    """The last command of the block serves until Ctrl-C; meanwhile comes the first request."""
    *before, serve = blocks["start"].strip().splitlines()
    if not serve.endswith(" trestle serve"):
        raise Wrong(f"the block does not end with serve: {serve}")
    run("\n".join(before) + "\n")
    print(f"+ {serve} &", flush=True)
    daemon = subprocess.Popen(serve.split(), cwd=TOP, start_new_session=True)
    try:
        wait_until("trestle listens", lambda: daemon.poll() is not None or listens(8080))
        me = json.loads(run(blocks["request"]))
        if (me["jid"], me["name"]) != ("alice@app.example.org", "Alice"):
            raise Wrong(f"the first request was answered otherwise: {me}")
    finally:
        os.killpg(daemon.pid, signal.SIGINT)  # Ctrl-C
        status = daemon.wait(SECONDS)
    if status != 0:
        raise Wrong(f"trestle serve ended with status {status}")


def main():
    blocks = read_blocks()
    run(blocks["cluster"] + "\n")
    with server("prosody", blocks):
        for name in ("database", "install", "configure"):
            run(blocks[name])
        start_and_ask(blocks)
    with server("ejabberd", blocks):
        start_and_ask(blocks)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as wrong:
        sys.exit(f"bare_readme: {wrong}")
