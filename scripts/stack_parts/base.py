# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of a stack shares: its directory, its processes, its ports.

A `Stack` is a directory with `state.json` (what we need to start, find and stop the parts again) and
`stack.json` (what others read). A process is known by its pid *and* its start time, so a number that
the system has given to somebody else since is never signalled.
"""
import contextlib
import fcntl
import json
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"


class Failure(Exception):
    """Something a person has to know; the text says what and, if possible, what to do."""


class PortTaken(Failure):
    """A port chosen a moment ago belongs to somebody else now: choose again."""


def note(text):
    print(f"stack: {text}", file=sys.stderr, flush=True)


def wait_until(what, condition, seconds):
    """Polls `condition` until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def memory_folder(room):
    """Where files are in memory, if that much of it is free; None: nowhere. For what need not outlive the machine."""
    folder = Path("/dev/shm")
    try:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        available = int(Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return None
    return folder if min(free, available) >= 2 * room and os.access(folder, os.W_OK) else None


def random_word():
    return secrets.token_hex(16)


def find_program(name, *places):
    path = os.pathsep.join([*places, os.environ.get("PATH", ""), "/usr/sbin:/usr/bin:/sbin:/bin"])
    found = shutil.which(name, path=path)
    if not found:
        raise Failure(f"{name} is not installed; `scripts/packages demo check` installs what is missing")
    return found


# ---------------------------------------------------------------------------------------- processes

def process_stat(pid):
    """(state, start time) of a process, or None."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], int(fields[19])


def process_record(pid):
    stat = process_stat(pid)
    return {"pid": pid, "start": stat[1] if stat else 0}


def is_alive(record):
    if not record:
        return False
    stat = process_stat(record["pid"])
    return stat is not None and stat[0] != "Z" and stat[1] == record["start"]


def send_signal(record, number):
    if is_alive(record):
        with contextlib.suppress(ProcessLookupError):
            os.kill(record["pid"], number)


def end_process(record, number=signal.SIGTERM, seconds=60):
    """Asks a process to end and waits; kills it if it does not. Returns whether it ended by itself."""
    send_signal(record, number)
    try:
        wait_until("end", lambda: not is_alive(record), seconds)
        return True
    except Failure:
        note(f"process {record['pid']} does not end, killing it")
        send_signal(record, signal.SIGKILL)
        wait_until(f"end of killed process {record['pid']}", lambda: not is_alive(record), 10)
        return False


# --------------------------------------------------------------------------------------------- ports

def ephemeral_floor():
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32768


class HeldPorts:
    """Free loopback ports, held (bound) until `release`, so that no other stack can choose them.

    They lie below the range from which the kernel takes ports for outgoing connections: a stopped
    part finds its port free again.
    """

    def __init__(self, names):
        self.sockets = {}
        top = max(12000, ephemeral_floor())
        for name in names:
            self.sockets[name] = self._bind(max(10000, top - 14000), top - 1)

    @staticmethod
    def _bind(low, high):
        chooser = random.SystemRandom()
        for _ in range(500):
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                held.bind((LOOPBACK, chooser.randint(low, high)))
                return held
            except OSError:
                held.close()
        raise Failure("no free loopback port found")

    def numbers(self):
        return {name: held.getsockname()[1] for name, held in self.sockets.items()}

    def release(self):
        for held in self.sockets.values():
            held.close()
        self.sockets = {}


def listening_inode(port):
    wanted = f"{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[1].rpartition(":")[2] == wanted:
                    return fields[9]
    return None


def owns_port(pid, port):
    """True if `pid` listens on the port, False if nobody does; PortTaken if it is another process."""
    inode = listening_inode(port)
    if inode is None:
        return False
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(entry.path) == f"socket:[{inode}]":
                    return True
    except OSError:
        return False
    if listening_inode(port) != inode:
        return False
    raise PortTaken(f"port {port} belongs to another process")


# ------------------------------------------------------------------------------------------ the stack

class Stack:
    """The directory of one stack and what is known about its parts."""

    def __init__(self, directory):
        self.dir = Path(directory)
        self.state = {}
        self._lock = None

    # -- files

    def path(self, *parts):
        return self.dir.joinpath(*parts)

    def lock(self):
        """One command at a time works on a stack; the lock goes with the process."""
        handle = os.open(self.path("lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise Failure(f"cannot lock {self.dir}: {error}") from error
        self._lock = handle

    def load(self):
        try:
            self.state = json.loads(self.path("state.json").read_text())
        except FileNotFoundError:
            raise Failure(f"{self.dir} is not the directory of a stack (no state.json)") from None
        except (OSError, ValueError) as error:
            raise Failure(f"cannot read {self.path('state.json')}: {error}") from error
        return self

    def save(self):
        self.write("state.json", json.dumps(self.state, indent=1) + "\n")

    def write(self, name, text, account=None):
        """Writes a private file below the directory, whole or not at all."""
        target = self.path(name)
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        handle = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        self.give(scratch, account)
        scratch.replace(target)
        return target

    def folder(self, name, account=None):
        """A private folder below the directory, owned by `account`."""
        made = self.path(name)
        made.mkdir(mode=0o700, exist_ok=True)
        self.give(made, account)
        return made

    @staticmethod
    def give(path, account):
        if account:
            os.chown(path, account.pw_uid, account.pw_gid)

    def copy_tree(self, source, name, account=None):
        """A copy of a folder below the directory: servers that run as others cannot read the checkout."""
        target = self.path(name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        for path in [target, *target.rglob("*")]:
            path.chmod(0o700 if path.is_dir() else 0o600)
            self.give(path, account)
        return target

    # -- processes

    def process(self, name):
        return self.state.setdefault("processes", {}).get(name)

    def alive(self, name):
        return is_alive(self.process(name))

    def log_path(self, name):
        return self.path("log", f"{name}.log")

    def spawn(self, name, argv, folder, account=None, environment=None):
        """Starts a long-lived process in a session of its own, its output going to log/NAME.log."""
        self.path("log").mkdir(mode=0o700, exist_ok=True)
        with open(self.log_path(name), "ab") as log:
            child = subprocess.Popen(
                [str(word) for word in argv], cwd=folder, env=environment or clean_environment(folder),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                start_new_session=True, umask=0o077, **as_account(account))
        self.state["processes"][name] = process_record(child.pid)
        self.save()
        return child

    def log_tail(self, name, lines=25):
        try:
            text = self.log_path(name).read_text(errors="replace").splitlines()[-lines:]
        except OSError:
            return "  (no log)"
        return "\n".join(f"  {line}" for line in text) or "  (the log is empty)"


def start_with_ports(stack, name, port_names, launch):
    """Runs `launch(ports)`; with new ports if somebody took one between choosing and listening.

    Once stack.json has told others the ports of a part, they are kept for the life of the stack.
    """
    kept = stack.state.setdefault("ports", {}).get(name)
    if kept and stack.path("stack.json").exists():
        return launch(kept)
    for attempt in range(5):
        held = HeldPorts(port_names)
        stack.state["ports"][name] = held.numbers()
        stack.save()
        held.release()
        try:
            return launch(stack.state["ports"][name])
        except PortTaken as error:
            note(f"{name}: {error}; choosing again")
            if stack.process(name):
                end_process(stack.process(name))
    del stack.state["ports"][name]
    stack.save()
    raise Failure(f"{name}: no port could be kept in {attempt + 1} attempts")


def wait_listening(stack, name, child, ports, seconds=60):
    """Waits until `child` listens on all `ports`; says why if it ends instead."""
    def check():
        if child.poll() is not None:
            for port in ports:
                if listening_inode(port):
                    raise PortTaken(f"port {port} belongs to another process")
            raise Failure(f"{name} ended with status {child.returncode}; its log ends with\n"
                          f"{stack.log_tail(name)}")
        return all(owns_port(child.pid, port) for port in ports)
    try:
        wait_until(f"{name} listens", check, seconds)
    except PortTaken:
        raise
    except Failure as error:
        raise Failure(f"{error}; its log ends with\n{stack.log_tail(name)}"
                      if "its log ends" not in str(error) else str(error)) from None


# ------------------------------------------------------------------------------------------ accounts

def account_for(*names):
    """Whom a server runs as: root drops to the first of these users that exists, others stay."""
    if os.geteuid() != 0:
        return None
    for name in (*names, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Failure(f"none of the users {', '.join(names)} exists")


def as_account(account):
    if not account:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def clean_environment(home):
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(home), "LANG": "C.UTF-8", "TMPDIR": str(home)}


def run(argv, what, folder=None, account=None, environment=None, text=None, seconds=120):
    """Runs a command to its end; its output is returned, or shown if it fails."""
    try:
        done = subprocess.run(
            [str(word) for word in argv], cwd=folder, env=environment or clean_environment(folder or "/"),
            input=text, stdin=None if text is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=0o077,
            timeout=seconds, **as_account(account))
    except subprocess.TimeoutExpired:
        raise Failure(f"{what}: not finished within {seconds} s") from None
    except OSError as error:
        raise Failure(f"{what}: {error}") from error
    if done.returncode != 0:
        raise Failure(f"{what} failed with status {done.returncode}:\n{(done.stdout + done.stderr).rstrip()}")
    return done.stdout
