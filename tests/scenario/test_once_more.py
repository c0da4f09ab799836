# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--once-more` does with tests that fail: only who passes alone is forgiven, and is named."""
import os
import re
import subprocess
import sys

import pytest

from harness.stack import TOP

pytestmark = pytest.mark.one_server

FAKE = """
import pathlib, pytest
BEFORE = pathlib.Path(__file__).with_name("before")

def test_good():
    pass

def test_flaky():
    first, _ = not BEFORE.exists(), BEFORE.touch()
    assert not first, "the first time"
"""
BAD = """
def test_bad():
    assert False, "each time"
"""
CRASH = """
@pytest.fixture
def part():
    yield
    first = not BEFORE.with_name("taken").exists()
    BEFORE.with_name("taken").touch()
    assert not first, "ended by itself"

def test_crash(part):
    pass
"""


@pytest.fixture
def pytest_of(tmp_path):
    """Runs pytest with the plugin on tests that are given as text; returns its status and its lines."""
    def run(text):
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider -ra\n")
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["harness.again"]\n')
        (tmp_path / "test_fake.py").write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(TOP / "tests" / "scenario"), "PYTHONDONTWRITEBYTECODE": "1"}
        for name in [name for name in environment if name.startswith(("PYTEST_", "COLUMNS"))]:
            del environment[name]
        done = subprocess.run([sys.executable, "-m", "pytest", "-n", "2", "--once-more"], cwd=tmp_path, text=True,
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.splitlines()
    return run


def named(lines):
    return [line.split()[1] for line in lines if line.startswith("UNSTEADY: ")]


def test_who_passes_alone_is_forgiven_and_named(pytest_of):
    status, lines = pytest_of(FAKE)
    assert status == 0 and named(lines) == ["test_fake.py::test_flaky"], "\n".join(lines)
    assert any("the first time" in line for line in lines)
    assert [line for line in lines if re.match(r"(=+ )?\d+ passed", line)] == lines[-1:]
    assert " 2 passed, 1 unsteady in " in lines[-1]


def test_who_fails_each_time_stands(pytest_of):
    status, lines = pytest_of(FAKE + BAD)
    assert status == 1 and named(lines) == ["test_fake.py::test_flaky"], "\n".join(lines)
    assert " 1 failed, 2 passed, 1 unsteady in " in lines[-1]


def test_a_part_that_ended_by_itself_is_not_forgiven(pytest_of):
    status, lines = pytest_of(FAKE.replace("test_flaky", "flaky") + CRASH)
    assert status == 1 and named(lines) == [], "\n".join(lines)
    assert " 2 passed, 1 error in " in lines[-1]
