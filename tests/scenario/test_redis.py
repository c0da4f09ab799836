# SPDX-License-Identifier: GPL-3.0-or-later
"""Several Redis servers, and Sentinels: the instances meet at whichever is the primary."""
import contextlib
import os
import signal
import socket
import threading
import uuid

import pytest
from harness import alerts, cluster
from harness.daemon import run_trestle
from harness.inbox import wait_for
from harness.redis_servers import NAME, RedisServers
from harness.rest import App

pytestmark = [pytest.mark.timeout(300), pytest.mark.one_server]
two = pytest.fixture(scope="module")(cluster.two_for_module)
FOLLOWED = 30  # seconds until the instances meet at another server


@pytest.fixture
def servers(two):
    with RedisServers() as servers:
        yield servers
        two.configure("cluster", {})


@contextlib.contextmanager
def liar(answer):
    """The port of a Sentinel that answers this to everything; nothing: it only listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    held.append(client)
                    if answer:
                        client.recv(4096)
                        client.sendall(answer)
        held = []
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        for client in held:
            client.close()


@contextlib.contextmanager
def replica():
    """The port of a server that lets everybody in, and says what it is once somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve(client):
            with contextlib.suppress(OSError), client:
                asked = client.recv(65536)
                if b"SUBSCRIBE" in asked:
                    channel = asked.split(b"\r\n")[-3:-1]
                    client.sendall(b"\r\n".join([b"+OK", b"+PONG", b"*3", b"$9", b"subscribe", *channel, b":1", b""]))
                    listened.release()
                elif listened.acquire(timeout=10):
                    client.sendall(b"+OK\r\n*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n+PONG\r\n")
                client.recv(1)

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        listened = threading.Semaphore(0)
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def doctor(stack):
    text = run_trestle("doctor", "--config", stack.info["config"])[1]
    return [line for line in text.splitlines() if " redis " in line]


def wait_met(stack, server):
    """Both listen at this server, and hear each other: what is typed at one is shown at the other."""
    wait_for(f"both are at {server.port}", lambda: server.clients() == 2, FOLLOWED)
    cluster.wait_whole(stack)
    alice, dora = App(stack, "alice", instance=0), App(stack, f"dora-{uuid.uuid4().hex[:8]}", instance=1)
    talk = alice.conversation_with(participant_id=dora.me()["id"])
    alice.send(talk, "hello"), dora.send(talk, "hello")
    with alice.ws() as here, dora.ws() as there:
        here.expect("presence", user_id=dora.me()["id"], status="online")  # what is typed goes where somebody is known to be
        here.command("typing", conversation_id=talk["id"], active=True)
        there.expect("typing", active=True)


def test_several_servers(two, servers):
    """Whichever says that it is the primary; who promotes another one is somebody else."""
    two.configure("cluster", {"redis": servers.urls()})
    wait_met(two, servers.first)
    lines = doctor(two)
    assert len(lines) == 2 and f"answers on port {servers.first.port}" in lines[0] and "is a replica" in lines[1]
    servers.first.kill()
    wait_for("it is missed", lambda: cluster.admin(two, 0, "/readyz").json["parts"]["cluster"] == "down", FOLLOWED)
    seen = alerts.read(two)
    assert "TrestleRedisAway" in alerts.firing(seen, seen)
    servers.second.ask("REPLICAOF", "NO", "ONE")
    wait_met(two, servers.second)
    servers.first.start()  # takes itself for the primary, too
    servers.first.ask("REPLICAOF", "127.0.0.1", str(servers.second.port))
    # Demoted while all connections are well: nobody is told.
    servers.first.ask("REPLICAOF", "NO", "ONE")
    servers.second.ask("REPLICAOF", "127.0.0.1", str(servers.first.port))
    wait_met(two, servers.first)


def test_a_replica_comes_first(two, servers):
    """It is passed over, also if the side that listens is through before it is asked what it is."""
    with replica() as port:
        two.configure("cluster", {"redis": f"redis://:secret@127.0.0.1:{port} {servers.urls()}"})
        wait_met(two, servers.first)


def test_sentinels(two, servers):
    """They say where the primary is; a fail-over is followed, and a server that comes back as the old one is not."""
    servers.watch(3)
    with liar(b"*2\r\n$17\r\nredis.example.org\r\n$4\r\n6379\r\n") as name, liar(b"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n") as port, \
            liar(b"*-1\r\n") as unknown, liar(b"") as silent:
        lies = " ".join(f"sentinel://127.0.0.1:{where}/{NAME}" for where in (name, port, unknown, silent))
        two.configure("cluster", {"redis": f"{lies} {servers.sentinel_urls()}"})
        wait_met(two, servers.first)
    two.configure("cluster", {"redis": servers.sentinel_urls()})
    wait_met(two, servers.first)
    assert all(line.startswith("ok ") for line in doctor(two)), doctor(two)
    servers.sentinels[0].kill()
    os.kill(servers.first.process.pid, signal.SIGSTOP)  # its sockets stay open, and say nothing
    wait_for("the second is promoted", servers.second.is_primary, FOLLOWED)
    wait_met(two, servers.second)
    assert any(line.startswith("warn") and "Sentinel" in line for line in doctor(two)), doctor(two)
    os.kill(servers.first.process.pid, signal.SIGCONT)
    wait_met(two, servers.second)


@pytest.mark.parametrize("value", [
    "redis://localhost redis://redis.example.org", "sentinel://127.0.0.1:26379", "sentinel://127.0.0.1/a sentinel://127.0.0.1/b",
    "redis://127.0.0.1 sentinel://127.0.0.1/a", "sentinel://127.0.0.1/a redis://127.0.0.1", "sentinel://127.0.0.1/a b",
    "http://127.0.0.1", "redis://127.0.0.1:99999", " ".join(["redis://127.0.0.1"] * 17), "redis://", "sentinel://127.0.0.1/a?b"])
def test_what_is_no_list_of_servers(two, tmp_path, value):
    text = open(two.info["config"]).read()
    before, _, after = text.partition("redis=")
    file = tmp_path / "trestle.ini"
    file.write_text(f"{before}redis={value}\n{after.partition(chr(10))[2]}")
    status, _, error = run_trestle("check-config", "--config", file)
    assert status != 0 and "redis" in error, error
