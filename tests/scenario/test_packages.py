# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/packages installs is enough. Where all groups are installed, nothing else would show a gap."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack import TOP

MODULES = Path("/usr/lib/python3/dist-packages")


def output(*words):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE).stdout


def installed_with(names):
    """The packages of these names and all that they depend on, as they are installed here."""
    rows = output("dpkg-query", "-W", "-f", "${Package}\t${Depends}, ${Pre-Depends}\t${Provides}\n").splitlines()
    depends, provided = {}, {}
    for package, needs, provides in (row.split("\t") for row in rows):
        depends[package] = set(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9.+-]*)", needs))
        for name in re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9.+-]*)", provides):
            provided.setdefault(name, set()).add(package)
    found, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting |= depends.get(name, set()) | provided.get(name, set())
    return found & set(depends)


def only_modules_of(packages, folder):
    """A folder with the Python modules of these packages, and of no others."""
    for line in output("dpkg", "-L", *packages).splitlines():
        path = Path(line)
        if path.parent == MODULES and path.exists() and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs dpkg")
def test_the_demo_imports_only_what_its_packages_bring(tmp_path):
    listed = output(TOP / "scripts" / "packages", "--list", "demo").split()
    only_modules_of(installed_with(listed), tmp_path)
    script = (TOP / "scripts" / "demo_conversation.py").read_text()
    imports = "\n".join(re.findall(r"^from harness\S* import .*|^import .*", script, re.M))
    program = f"import sys; sys.path += [{str(tmp_path)!r}, {str(TOP / 'tests/scenario')!r}]\n{imports}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], text=True, stderr=subprocess.PIPE)
    assert "harness" in imports and done.returncode == 0, done.stderr
