# SPDX-License-Identifier: GPL-3.0-or-later
"""A desktop of its own for one graphical client: account, home, X display, D-Bus session, keyboard.

Graphical clients refuse to run as root, so root's run as another account. Nothing of the caller's own session
is reachable from inside, and everything ends with `close`.
"""
import contextlib
import os
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from .inbox import DEADLINE
from .stack import TOP

sys.path.insert(0, str(TOP / "scripts"))

from stack_parts import base  # noqa: E402

# No activation: a bus on which nobody but the client itself lives.
BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={home}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def need(*programs):
    """Skips the test when a program is not there."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (scripts/packages check)")


class Desktop:
    """`with Desktop() as desktop:` has a display; `start` runs the client on it."""

    def __init__(self, size="1024x768"):
        need("Xvfb", "dbus-run-session", "xdotool")
        self.account = base.account_for("nobody")
        self.home = Path(tempfile.mkdtemp(prefix="trestle-desktop-"))
        self.size, self._processes, self._beside = size, [], 0
        self._environment = base.clean_environment(self.home)
        self._environment.update(
            {f"XDG_{name}_HOME": str(self.folder(name.lower())) for name in ("CONFIG", "DATA", "CACHE", "STATE")},
            XDG_RUNTIME_DIR=str(self.folder("run")), XAUTHORITY=str(self.home / "xauthority"),
            GDK_BACKEND="x11", NO_AT_BRIDGE="1", GSETTINGS_BACKEND="memory", GTK_IM_MODULE="gtk-im-context-simple")
        base.Stack.give(self.home, self.account)

    def __enter__(self):
        try:
            self._open_display()
            self.write("bus.conf", BUS.format(home=self.home))
        except BaseException:
            self.close()
            raise
        return self

    # -- files

    def folder(self, name):
        """A folder below the home that belongs to the account."""
        made = self.home
        for part in Path(name).parts:
            made = made / part
            made.mkdir(mode=0o700, exist_ok=True)
            base.Stack.give(made, self.account)
        return made

    def write(self, name, content):
        target = self.folder(Path(name).parent) / Path(name).name
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        target.chmod(0o600)
        base.Stack.give(target, self.account)
        return target

    # -- processes

    def _open_display(self):
        """Only who has the cookie may use the display; the server itself finds a free number."""
        cookie, name = secrets.token_bytes(16), b"MIT-MAGIC-COOKIE-1"
        anywhere = struct.pack(">HHH", 0xffff, 0, 0)
        self.write("xauthority", anywhere + struct.pack(">H", len(name)) + name
                   + struct.pack(">H", len(cookie)) + cookie)
        reading, writing = os.pipe()
        try:
            self._spawn("display", ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{self.size}x24",
                                    "-nolisten", "tcp", "-auth", str(self.home / "xauthority")], writing)
            os.close(writing)
            writing = None
            with os.fdopen(os.dup(reading)) as stream:
                number = stream.readline().strip()
        finally:
            os.close(reading)
            if writing is not None:
                os.close(writing)
        assert number, f"no X display: {self.log('display')}"
        self._environment["DISPLAY"] = f":{number}"

    def start(self, argv, instead=None, **environment):
        """Runs a client in a D-Bus session of its own; it ends when this process does.

        `instead`: what it finds in place of some files of the system (path → text); only root can do that.
        """
        self._environment.update(environment)
        session = ["dbus-run-session", f"--config-file={self.home / 'bus.conf'}", "--", "sh", "-c",
                   'echo "$DBUS_SESSION_BUS_ADDRESS" >bus && exec "$@"', "sh", *argv]
        if instead:
            self._spawn("client", self._masked(instead, session), account=None)
        else:
            self._spawn("client", session)

    def _masked(self, instead, argv):
        """A command that runs `argv` as the account, in a mount namespace of its own."""
        if not self.account or subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL,
                                              check=False).returncode != 0:
            pytest.skip("only root, with the right to mount, can give this client files of its own in /etc")
        steps = []
        for number, (path, text) in enumerate(instead.items()):
            file = self.write(f"instead/{number}", text)
            file.chmod(0o644)
            steps.append(f"mount --bind {file} {path}")
        drop = (f"exec setpriv --reuid {self.account.pw_uid} --regid {self.account.pw_gid} --clear-groups "
                '--pdeathsig TERM "$@"')
        return ["unshare", "--mount", "sh", "-c", " && ".join([*steps, drop]), "sh", *argv]

    def spawn(self, name, argv):
        """One more program of this desktop, beside the client; `log(name)` is what it says."""
        self._spawn(name, argv)
        self._beside += 1

    def _spawn(self, name, argv, *descriptors, account=()):
        log = open(self.home / f"{name}.log", "wb")
        self._processes.append(subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *argv], cwd=self.home, env=self._environment,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            pass_fds=descriptors, umask=0o077, **base.as_account(self.account if account == () else account)))
        log.close()

    def run(self, *argv):
        """A command on the client's own D-Bus session."""
        bus = {"DBUS_SESSION_BUS_ADDRESS": (self.home / "bus").read_text().strip()}
        return base.run(argv, argv[0], self.home, self.account, {**self._environment, **bus}, seconds=DEADLINE)

    def run_plain(self, *argv):
        """A command of the account, without a D-Bus session."""
        return self._x(*argv)

    def runs(self):
        return all(process.poll() is None for process in self._processes)

    def log(self, name="client"):
        return (self.home / f"{name}.log").read_text(errors="replace")[-4000:]

    def wait_end(self, seconds=5):
        """Gives a client that was asked to quit the time to do so, and its D-Bus session to follow."""
        with contextlib.suppress(subprocess.TimeoutExpired, IndexError):
            self._processes[1 + self._beside].wait(seconds)

    def close(self):
        """Ends the client, then the display: each is the first of its own group, with which its children go."""
        for process in reversed(self._processes):
            for number, seconds in ((15, 5), (9, 5)):
                try:
                    os.killpg(process.pid, number)
                    process.wait(seconds)
                except ProcessLookupError:
                    process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(self.home, ignore_errors=True)

    def __exit__(self, *_):
        self.close()

    # -- keyboard and screen

    def _x(self, *argv):
        return base.run(argv, argv[0], self.home, self.account, self._environment, seconds=DEADLINE)

    def windows(self, program):
        """The visible windows of a class, if any."""
        done = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", program], env=self._environment,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=DEADLINE,
                              check=False, **base.as_account(self.account))
        return done.stdout.split()

    def focus(self, window):
        self._x("xdotool", "windowfocus", "--sync", str(window))

    def type(self, text):
        self._x("xdotool", "type", "--delay", "10", text)

    def press(self, *keys):
        self._x("xdotool", "key", *keys)

    def move(self, x, y):
        self._x("xdotool", "mousemove", str(x), str(y))

    def click(self, x, y):
        self._x("xdotool", "mousemove", str(x), str(y), "click", "1")

    def screenshot(self, file):
        """For the eyes of whoever looks into a failure; needs ImageMagick."""
        subprocess.run(["import", "-window", "root", str(file)], env=self._environment, check=True, timeout=DEADLINE)


def wait_for(what, look, fits, timeout=DEADLINE):
    """Looks until what is seen fits; returns it. The failure shows what was seen last."""
    deadline = time.monotonic() + timeout
    while True:
        seen = look()
        if fits(seen):
            return seen
        assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s; last seen: {seen}"
        time.sleep(0.05)
