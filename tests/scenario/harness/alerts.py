# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rules of docs/alerts.yml fire on what a bridge has really measured: Prometheus' own promtool evaluates
them over half an hour in which the bridge goes on as it did between two looks at its metrics."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

from .rest import http_request
from .stack import TOP

RULES = TOP / "docs" / "alerts.yml"
MINUTES = 60
LINE = re.compile(r"^(\w+)(\{.*\})? (\S+)$")
BUSY = """node_cpu_seconds_total{job="postgres",instance="db",cpu="0",mode="idle"}"""


def read(stack):
    """The text that Prometheus would scrape."""
    return http_request(stack.info["admin"], "GET", "/metrics").raw.decode()


def samples(text):
    """(name, labels) → number, and the names of what only rises."""
    rising = {name for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M) if kind != "gauge"}
    found = {(m[1], m[2] or "{}"): float(m[3]) for m in map(LINE.match, text.splitlines()) if m}
    return found, rising


def is_rising(name, rising):
    return name in rising or re.sub("_(bucket|sum|count)$", "", name) in rising


def series(before, after, idle):
    """As promtool writes values: what rises does so each minute as it did between the two looks, the rest stays as last seen."""
    (old, _), (new, rising) = samples(before), samples(after)
    yield {"series": 'up{job="trestle",instance="a"}', "values": f"1x{MINUTES}"}
    yield {"series": BUSY, "values": f"0+{idle * 60:g}x{MINUTES}"}
    for (name, labels), value in new.items():
        inner = ",".join(part for part in (labels[1:-1], 'job="trestle",instance="a"') if part)
        step = value - old.get((name, labels), 0) if is_rising(name, rising) else 0
        start = value - step if step else value
        yield {"series": f"{name}{{{inner}}}", "values": f"{start:g}+{step:g}x{MINUTES}"}


def firing(before, after, idle=0.9):
    """The names of the alerts that fire. `idle`: the share of time in which the database's processors have nothing to do,
    which node_exporter would tell."""
    test = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": list(series(before, after, idle)), "promql_expr_test": [
            {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": f"{MINUTES - 1}m",
             "exp_samples": [{"labels": '{alertname="what fires is in the message"}', "value": 1}]}]}]}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test.yml"
        file.write_text(json.dumps(test))  # which is YAML, too
        done = subprocess.run(["promtool", "test", "rules", file], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    got = done.stdout.partition("got:")[2]
    assert "exp:" in done.stdout and "got:" in done.stdout, done.stdout
    return set(re.findall(r'alertname="(\w+)"', got))
