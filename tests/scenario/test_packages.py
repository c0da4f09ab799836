# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts/packages installs is enough. Where all groups are installed, nothing else would show a gap."""
import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.daemon import program
from harness.stack import TOP

pytestmark = pytest.mark.one_server

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


def imports_of(file, folders):
    """Absolute names of the modules that a file imports anywhere, in functions too, with the members it takes."""
    package = next((file.parent.relative_to(folder).parts for folder in folders if file.is_relative_to(folder)), ())
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[:len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def own_files(module, folders):
    """The files of a module that lies in one of the folders, its packages' included; none: it is somebody else's."""
    parts = module.split(".")
    names = [Path(*parts[:end]) for end in range(1, len(parts) + 1)]
    wanted = [folder / name for folder in folders for name in names]
    return [file for name in wanted for file in (name.with_suffix(".py"), name / "__init__.py") if file.exists()]


def foreign_modules(scripts, folders):
    """What the scripts import, and what they import from the folders imports in turn, that is not in the folders."""
    found, read, waiting = set(), set(), list(scripts)
    while waiting:
        file = waiting.pop()
        if file not in read:
            read.add(file)
            for module in imports_of(file, folders):
                files = own_files(module, folders)
                waiting += files
                if not files:
                    found.add(module)
    return found


def importable(module):
    """A program that imports the module, or the module that it is a member of."""
    return (f"try:\n importlib.import_module({module!r})\nexcept ModuleNotFoundError as error:\n"
            f" if error.name != {module!r} or not {module!r}.rpartition('.')[0]: raise\n"
            f" getattr(importlib.import_module({module!r}.rpartition('.')[0]), {module!r}.rpartition('.')[2])\n")


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="needs dpkg")
def test_the_demo_imports_only_what_its_packages_bring(tmp_path):
    listed = output(TOP / "scripts" / "packages", "--list", "demo").split()
    only_modules_of(installed_with(listed), tmp_path)
    folders = (TOP / "scripts", TOP / "tests" / "scenario")
    modules = foreign_modules([TOP / "scripts" / "demo_conversation.py", TOP / "scripts" / "stack"], folders)
    assert {"slixmpp", "websockets", "fastjsonschema"} <= modules
    program = f"import importlib, sys\nsys.path += [{str(tmp_path)!r}]\n" + "".join(map(importable, sorted(modules)))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], text=True, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


def test_imports_are_seen_in_functions_and_through_modules_of_ours(tmp_path):
    (tmp_path / "parts").mkdir()
    for name, text in {"start": "def late():\n    from parts import first\n", "parts/__init__": "",
                       "parts/first": "from .second import thing\n",
                       "parts/second": "def late():\n    import rare.one\n    from . import third\n",
                       "parts/third": "try:\n    from other import thing\nexcept ImportError:\n    pass\n"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert foreign_modules([tmp_path / "start.py"], [tmp_path]) == {"rare.one", "other", "other.thing"}


def test_the_readme_has_the_blocks_that_are_run_in_a_bare_root():
    found = output(sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(TOP / 'scripts')!r})\n"
                   "import bare_readme; print(*bare_readme.read_blocks(), sep=', ')")
    assert found == "prosody, ejabberd, database, install, configure, start, request, cluster, virtual host, host\n"


def test_the_unit_is_what_systemd_takes(tmp_path):
    """With the program that was built, and as closed as it says. (No systemd runs here to start it.)"""
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze")
    unit = tmp_path / "trestle.service"
    text = (TOP / "docs" / "trestle.service").read_text()
    unit.write_text(text.replace("/usr/local/bin/trestle", str(program())))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout
    # Exposure of 0 to 10: 1.5 of what a unit without any hardening has as 9.6.
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--threshold=20", unit], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-200:]
