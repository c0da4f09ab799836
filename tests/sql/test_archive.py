# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive itself, tests/unit/archive_pg_test of the build, on a database of its own."""
import os
import subprocess

import pytest

from conftest import PROGRAM


def test_archive_program(cluster, template):
    program = PROGRAM.parent / "tests/unit/archive_pg_test"
    if not program.exists():
        pytest.skip(f"{program} is not built (make check builds it)")
    uri = cluster.uri(cluster.create(template))
    done = subprocess.run([str(program)], env={**os.environ, "TRESTLE_TEST_DATABASE": uri},
                          capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
