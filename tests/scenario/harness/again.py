# SPDX-License-Identifier: GPL-3.0-or-later
"""`--once-more`: a test that failed is run once more, alone, when all others have ended.

If it passes then, it counts as passed and is named as unsteady at the end of the run, with how it failed. What went
wrong while a test was taken down stands (a part that ended by itself, a sanitizer's report), and so does a run in which
more than MOST tests fail: that is no unsteadiness.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from .described import seen

MOST = 25
SECONDS = 600
UNSTEADY = "unsteady"


def pytest_addoption(parser):
    group = parser.getgroup("trestle")
    group.addoption("--once-more", action="store_true", help="run what failed once more, alone, before it counts")
    group.addoption("--seen-to", metavar="FILE", help="write there which routes, commands and events were touched")


def once_failed(stats):
    """Node id → reports of the tests that failed before they were taken down."""
    found = {}
    for report in [*stats.get("failed", ()), *stats.get("error", ())]:
        found.setdefault(getattr(report, "nodeid", None), []).append(report)
    return {node: reports for node, reports in found.items()
            if node and all(getattr(report, "when", None) in ("setup", "call") for report in reports)}


def passes_alone(config, node, show):
    """Runs one test in a process, and on a stack, of its own; what it touched is added to `seen`.

    What it says is indented, so that its summary is not taken for the run's.
    """
    options = [f"--{name}={value}" for name in ("server", "stack", "timeout") if (value := config.getoption(name, None))]
    if config.getoption("-m"):
        options += ["-m", config.getoption("-m")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "seen"
        try:
            done = subprocess.run([sys.executable, "-m", "pytest", "-q", *options, f"--seen-to={file}", node],
                                  cwd=config.rootpath, timeout=SECONDS, text=True, errors="replace",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            show(f"    not finished within {SECONDS} s")
            return False
        for line in done.stdout.splitlines():
            show(f"    {line}")
        if file.exists():
            seen.merge(json.loads(file.read_text()))
    return done.returncode == 0


def forgive(stats, reports):
    for name in ("failed", "error"):
        stats[name] = [report for report in stats.get(name, ()) if report not in reports]
        if not stats[name]:
            del stats[name]
    stats.setdefault(UNSTEADY, []).append(reports[0])
    stats.setdefault("passed", []).append(reports[0])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    config = session.config
    if config.getoption("--seen-to"):
        Path(config.getoption("--seen-to")).write_text(json.dumps(seen.dump()))
    if not config.getoption("--once-more") or hasattr(config, "workerinput"):
        return
    reporter = config.pluginmanager.getplugin("terminalreporter")
    failed = once_failed(reporter.stats)
    if session.exitstatus != pytest.ExitCode.TESTS_FAILED or len(failed) > MOST:
        return
    for node, reports in failed.items():
        reporter.ensure_newline()
        reporter.write_sep("-", f"once more, alone: {node}")
        if passes_alone(config, node, reporter.write_line):
            forgive(reporter.stats, reports)
    session.testsfailed = len(reporter.stats.get("failed", ())) + len(reporter.stats.get("error", ()))
    if not session.testsfailed:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get(UNSTEADY, ()):
        terminalreporter.section(f"how {report.nodeid} failed before it passed alone", red=True)
        report.toterminal(terminalreporter._tw)
        for title, text in report.sections:
            terminalreporter.write_sep("-", title)
            terminalreporter.write_line(text)
    for report in terminalreporter.stats.get(UNSTEADY, ()):
        terminalreporter.write_line(f"UNSTEADY: {report.nodeid} failed beside others and passed alone", red=True, bold=True)
