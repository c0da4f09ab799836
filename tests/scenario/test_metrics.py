# SPDX-License-Identifier: GPL-3.0-or-later
"""What /metrics says: each metric with its type, and those whose cause is at hand move by the number of causes."""
import re
import uuid

import pytest

from harness.daemon import Daemon
from harness.fake_xmpp import FakeXmpp
from harness.files import upload
from harness.inbox import wait_for
from harness.rest import App, http_request
from harness.stack import TOP
from harness.watch import metrics
from harness.ws import Socket

pytestmark = pytest.mark.one_server

QUOTA, CONNECTIONS = 1_000_000, 50


class World:
    """A bridge of the test's own, whose numbers nobody else moves."""

    def __init__(self, server, daemon):
        self.server, self.daemon = server, daemon
        self.alice, self.bella = App(daemon, "alice"), App(daemon, "bella")
        self.talk = self.alice.conversation_with(participant_id=self.bella.me()["id"])
        self.remote = self.alice.conversation_with(jid="romeo@example.org")

    def value(self, name):
        return metrics(self.daemon).get(name, 0)

    def counts(self, name, wanted):
        wait_for(f"{name} is {wanted}", lambda: self.value(name) == wanted, 60)


@pytest.fixture(scope="module")
def world(running_stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "keys").write_text("ab" * 32 + "\n")
    (folder / "keys").chmod(0o600)
    (folder / "store").mkdir(mode=0o700)
    media = {"store": folder / "store", "key_file": folder / "keys", "url": "https://files.example.org", "quota_total": QUOTA}
    with FakeXmpp() as server, Daemon(running_stack, server.port, {
            "media": media, "limits": {"search": "1/3600"}, "http": {"connections_max": CONNECTIONS}}, secret=server.secret) as daemon:
        server.wait_stream()
        yield World(server, daemon)


def test_each_metric_is_there_with_its_type(world):
    """As the table has them, which docs/operations.md is made of; one that has a label has lines once something has happened."""
    table = re.findall(r'^TRESTLE_METRIC\(\w+, (\w+), "(\w+)", "(\w*)", "(.*)"\)$', (TOP / "bridge/base/metrics.def").read_text(), re.M)
    text = http_request(world.daemon.info["admin"], "GET", "/metrics").raw.decode()
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    kinds = {"COUNTER": "counter", "GAUGE": "gauge", "HISTOGRAM": "histogram", "DECADES": "histogram"}
    assert {name: kinds[kind] for kind, name, *_ in table} == {name: types.get(name) for _, name, *_ in table}
    lines = text.splitlines()
    numbers = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    for kind, name, label, help in table:
        assert f"# HELP {name} {help}" in lines and lines.count(f"# TYPE {name} {kinds[kind]}") == 1, name
        if not label:
            whole = f"{name}_count" if kinds[kind] == "histogram" else name
            assert numbers[whole] >= 0, name


def send(world):
    world.alice.send(world.talk, "hello")


def send_again(world):
    client_id = str(uuid.uuid4())
    for _ in range(2):
        world.alice.send(world.talk, "once", client_id, status=(200, 201))


def ask_for_nothing(world):
    world.alice.call(404, "GET", f"/api/messages/{uuid.uuid4()}")


def search_too_often(world):
    for _ in range(2):
        world.bella.call((200, 429), "GET", "/api/messages/search", q="hello")


def file(world):
    upload(world.alice, b"text", "a.txt", "text/plain")


# (name, what is done, by how much it is more then)
CAUSES = [
    ("trestle_http_requests_total", ask_for_nothing, 1),
    ("trestle_http_errors_total", ask_for_nothing, 1),
    ("trestle_messages_stored_total", send, 1),
    ("trestle_messages_duplicate_total", send_again, 1),
    ("trestle_rate_limited_total", search_too_often, 1),
    ('trestle_uploads_total{result="completed"}', file, 1),
    ("trestle_upload_bytes_total", file, 4),
]


@pytest.mark.parametrize("name, act, count", CAUSES, ids=[name for name, *_ in CAUSES])
def test_it_counts_what_happens(world, name, act, count):
    before = world.value(name)
    act(world)
    world.counts(name, before + count)


def test_gauges_say_what_is(world):
    world.counts("trestle_ws_sockets", 0)
    with Socket(world.daemon.info["ws"], world.alice.token) as one, world.bella.ws():
        world.counts("trestle_ws_sockets", 2)
        frames = world.value("trestle_ws_frames_received_total")
        one.sync()
        assert world.value("trestle_ws_frames_received_total") == frames + 1
    world.counts("trestle_ws_sockets", 0)
    assert world.value("trestle_ws_unsigned_sockets") == 0 and world.value("trestle_archive_connected") == 1
    assert world.value("trestle_http_connections_max") == CONNECTIONS
    world.counts("trestle_media_quota_bytes", QUOTA) # looked at now and then


def test_what_is_not_proven_delivered_waits_and_is_sent_again(world):
    world.counts("trestle_outbox_pending", 0)
    resent = world.value("trestle_outbox_resent_total")
    world.server.answer_pings = False
    world.alice.send(world.remote, "are you there?")
    world.server.expect("the message", lambda stanza: stanza.body == "are you there?")
    world.counts("trestle_outbox_pending", 1)
    streams = world.server.streams
    world.server.hang_up()
    world.server.answer_pings = True
    world.server.wait_stream(streams + 1)
    world.counts("trestle_outbox_pending", 0)
    assert world.value("trestle_outbox_resent_total") == resent + 1
