# SPDX-License-Identifier: GPL-3.0-or-later
"""A stock tus client: npm's tus-js-client in node (tests/clients/tus). It comes from npm's registry, as the lock file
has it, and stays in a cache."""
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .desktop import need
from .stack import TOP

SOURCE = TOP / "tests" / "clients" / "tus"
FILES = ("package.json", "package-lock.json", "upload.js")


def _folder():
    need("npm")
    need("node")
    content = b"".join((SOURCE / name).read_bytes() for name in FILES)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trestle-tests"
    kept = cache / f"tus-{hashlib.sha256(content).hexdigest()[:16]}"
    if (kept / "ready").exists():
        return kept
    kept.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(SOURCE / name, kept / name)
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=kept,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry did not answer in time")
    if done.returncode != 0:
        pytest.skip(f"the tus client could not be got from npm's registry: {done.stderr.strip()[-300:]}")
    (kept / "ready").touch()
    return kept


def upload(user, path):
    """What the client says when it has uploaded the file, with one interruption."""
    done = subprocess.run(["node", "upload.js", user.rest, user.token, path], cwd=_folder(), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
