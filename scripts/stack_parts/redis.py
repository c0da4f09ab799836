# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Redis; part of a stack only when several bridges share one database."""
from . import base

NAME = "redis"


def account():
    return base.account_for("redis")


def start(stack):
    base.start_with_ports(stack, NAME, ["redis"], lambda ports: launch(stack, ports["redis"]))


def launch(stack, port):
    home = stack.folder(NAME, account())
    config = stack.write("redis/redis.conf", (
        f"bind {base.LOOPBACK}\nport {port}\ndir {home}\nsave \"\"\nappendonly no\n"
        f"requirepass {stack.state['secrets']['redis']}\n"), account())
    base.note(f"redis: starting on port {port}")
    child = stack.spawn(NAME, [base.find_program("redis-server"), config], home, account())
    base.wait_listening(stack, NAME, child, [port])


def stop(stack):
    base.end_process(stack.process(NAME))


def url(stack):
    return f"redis://:{stack.state['secrets']['redis']}@{base.LOOPBACK}:{stack.state['ports'][NAME]['redis']}/0"
