# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rules of docs/alerts.yml fire on what a bridge has really measured: Prometheus' own promtool evaluates
them over half an hour in which the bridge goes on as it did between two looks at its metrics."""
import contextlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

from .daemon import free_port
from .inbox import wait_for
from .rest import http_request
from .stack import TOP

RULES = TOP / "docs" / "alerts.yml"
MINUTES = 60
LINE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")
NAMES = {"trestle": 'job="trestle",instance="a"', "postgres": 'job="postgres",instance="db"'}


def read(stack, url=None):
    """The text that Prometheus would scrape; None: nobody answers it."""
    try:
        return http_request(url or stack.info["admin"], "GET", "/metrics").raw.decode()
    except OSError:
        return None


@contextlib.contextmanager
def node_exporter():
    """A function that reads what node_exporter tells of this machine's processors."""
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(["prometheus-node-exporter", "--collector.disable-defaults", "--collector.cpu",
                                f"--web.listen-address={url[7:]}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for("node_exporter answers", lambda: read(None, url))
        yield lambda: read(None, url)
    finally:
        process.kill()
        process.wait()


def samples(text):
    """(name, labels) → number, and the names of what only rises."""
    rising = {name for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M) if kind != "gauge"}
    found = {(m[1], m[2] or "{}"): float(m[3]) for m in map(LINE.match, text.splitlines()) if m}
    return found, rising


def is_rising(name, rising):
    return name in rising or re.sub("_(bucket|sum|count)$", "", name) in rising


def series(job, before, after, seconds):
    """As promtool writes values: what rises does so each `seconds` as it did between the two looks, the rest stays as last seen."""
    (old, _), (new, rising) = samples(before), samples(after or "")
    yield {"series": f"up{{{NAMES[job]}}}", "values": f"{int(after is not None)}x{MINUTES}"}
    for (name, labels), value in new.items():
        inner = ",".join(part for part in (labels[1:-1], NAMES[job]) if part)
        step = (value - old.get((name, labels), 0)) * 60 / seconds if is_rising(name, rising) else 0
        start = value - step if step else value
        yield {"series": f"{name}{{{inner}}}", "values": f"{start:g}+{step:g}x{MINUTES}"}


def firing(before, after, machine=None):
    """The names of the alerts that fire when the bridge goes on each minute as between the two looks at its metrics.
    `machine`: what node_exporter told at the database's machine, before and after, and how many seconds lay in between."""
    told = [*series("trestle", before, after, 60), *(series("postgres", *machine) if machine else [])]
    test = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": told, "promql_expr_test": [
            {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES - 1}m",
             "exp_samples": [{"labels": '{alertname="what fires is in the message"}', "value": 1}]}]}]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.yml"
        file.write_text(json.dumps(test))  # which is YAML, too
        done = subprocess.run(["promtool", "test", "rules", file], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    got = done.stdout.partition("got:")[2]
    assert "exp:" in done.stdout and "got:" in done.stdout, done.stdout
    return set(re.findall(r'alertname="(\w+)"', got))
