# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the bridge and PostgreSQL: answers can be kept back, to make an outcome unknown on purpose."""
import json
import re
import select
import socket
import struct
import threading
import urllib.parse

from . import fault
from .inbox import DEADLINE

READY = b"Z\0\0\0\5I"  # ReadyForQuery: the answer is complete


class Wire:
    """One connection of the bridge and what belongs to it on the other side."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.muted = False      # answers are kept back
        self.kept = b""


class DatabaseProxy:
    """`with DatabaseProxy(stack):` puts itself between the bridge and PostgreSQL, restarting the bridge.

    `keep_answer(statement)`: the next connection that executes this named statement gets no answers any more;
    `wait_kept()` returns once that happened. `cut()` breaks that connection and lets no new one through
    until `release()`; `release()` without `cut` hands the kept answers over, and `reset()` hands over those that
    have come and breaks the connection right behind them, with an RST.
    """

    def __init__(self, stack):
        self.stack = stack
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.wires, self.armed, self.holding, self.ended = [], None, False, False
        self.waiting, self.doomed = [], []
        self.lock = threading.RLock()
        self.kept = threading.Event()
        self.wakeup, self.waker = socket.socketpair()
        target = urllib.parse.urlsplit(stack.info["database"])
        self.target = (target.hostname, target.port)
        port = self.listener.getsockname()[1]
        self.uri = target._replace(netloc=f"{target.username}:{target.password}@127.0.0.1:{port}").geturl()

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        self.configure({"uri": self.uri})
        return self

    def __exit__(self, *_):
        self.release()
        self.configure({})
        self.ended = True
        self.wake()

    def configure(self, options):
        """Restarts the bridge with these options of [database]."""
        state_file = self.stack.dir / "state.json"
        state = json.loads(state_file.read_text())
        state.setdefault("extra", {})["database"] = options
        state_file.write_text(json.dumps(state))
        self.restart_bridge()

    def restart_bridge(self):
        self.stack.kill("bridge")
        self.stack.restart("bridge")

    # -- what tests do

    def keep_answer(self, statement):
        with self.lock:
            self.kept.clear()
            # Bind: 'B', length, unnamed portal, name of the statement.
            self.armed = re.compile(rb"B....\0" + statement.encode() + rb"\0", re.DOTALL)

    def wait_kept(self, timeout=DEADLINE):
        assert self.kept.wait(timeout), "the statement was not executed"

    def cut(self):
        with self.lock:
            self.holding = True
            for wire in [wire for wire in self.wires if wire.muted]:
                self.close(wire)
        self.wake()

    def reset(self):
        """The kept answer, once it is whole, and an RST; lets new connections through."""
        def whole():
            with self.lock:
                return [wire for wire in self.wires if wire.muted and wire.kept.endswith(READY)]
        fault.wait_for("the answer has come", whole)
        with self.lock:
            for wire in whole():
                wire.near.sendall(wire.kept)
                wire.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.wires.remove(wire)
                self.doomed.append(wire)
        self.wake()
        fault.wait_for("the connection is reset", lambda: not self.doomed)

    def release(self):
        with self.lock:
            self.holding, self.armed = False, None
            for wire in self.wires:
                wire.muted = False
                if wire.kept:
                    wire.near.sendall(wire.kept)
                    wire.kept = b""
            waiting, self.waiting = self.waiting, []
        for near in waiting:
            self.join(near)
        self.wake()

    # -- the relay

    def wake(self):
        self.waker.send(b"x")

    def serve(self):
        while not self.ended:
            with self.lock:
                while self.doomed:  # closed here: a select that goes on keeps a socket open
                    self.doomed[-1].near.close()
                    self.doomed.pop().far.close()
                ends = {end: wire for wire in self.wires for end in (wire.near, wire.far)}
            ready, _, _ = select.select([self.listener, self.wakeup, *ends], [], [])
            for end in ready:
                if end is self.listener:
                    self.accept()
                elif end is self.wakeup:
                    end.recv(4096)
                else:
                    with self.lock:
                        if ends[end] in self.wires:
                            self.relay(ends[end], end)
        self.listener.close()
        for wire in list(self.wires):
            self.close(wire)

    def accept(self):
        near, _ = self.listener.accept()
        with self.lock:
            if self.holding:
                self.waiting.append(near)
                return
        self.join(near)

    def join(self, near):
        try:
            far = socket.create_connection(self.target)
        except OSError:
            near.close()
            return
        with self.lock:
            self.wires.append(Wire(near, far))

    def relay(self, wire, end):
        try:
            data = end.recv(65536)
            if not data:
                raise OSError("closed")
            if end is wire.far and wire.muted:
                wire.kept += data
                return
            if end is wire.near and self.armed and self.armed.search(data):
                self.armed, wire.muted = None, True
                self.kept.set()
            (wire.far if end is wire.near else wire.near).sendall(data)
        except OSError:
            self.close(wire)

    def close(self, wire):
        self.wires.remove(wire)
        wire.near.close()
        wire.far.close()
