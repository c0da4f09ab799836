# SPDX-License-Identifier: GPL-3.0-or-later
"""A private PostgreSQL: loopback TCP with scram, a Unix socket in its own folder, durable commits."""
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

from . import base

NAME = "postgres"
SOCKET_PATH_MAX = 100
ROOM = 1 << 30  # bytes that data in memory never need: a few databases, and WAL


def bin_dir():
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                      key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    return Path(base.find_program("postgres")).parent


def account():
    return base.account_for("postgres")


def uri(stack, role="trestle", database="trestle"):
    port = stack.state["ports"][NAME]["sql"]
    return f"postgresql://{role}:{stack.state['secrets'][role]}@{base.LOOPBACK}:{port}/{database}"


def prepare(stack):
    """Makes the cluster, once."""
    home = stack.folder(NAME, account())
    if (home / "data" / "PG_VERSION").exists():
        return
    for role in ("postgres", "trestle", ARCHIVE_ROLE):
        stack.state["secrets"].setdefault(role, base.random_word())
    stack.save()
    place_in_memory(stack, home)
    password = stack.write("postgres/superuser", stack.state["secrets"]["postgres"] + "\n", account())
    base.note("postgres: making the cluster")
    base.run([bin_dir() / "initdb", "--pgdata", home / "data", "--username", "postgres",
              "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8",
              "--locale", "C.UTF-8", "--no-sync", "--no-instructions"],
             "initdb", home, account())
    password.unlink()


def place_in_memory(stack, home):
    """A disk makes a database's eight hundred files slowly. What is in memory is as safe from kill -9, and no safer from more."""
    memory = base.memory_folder(ROOM) if stack.state.get("memory") else None
    if memory:
        data = Path(tempfile.mkdtemp(prefix="trestle-data-", dir=memory))
        stack.give(data, account())
        (home / "data").unlink(missing_ok=True)
        (home / "data").symlink_to(data)


def forget(stack):
    """Gives the memory back when the whole stack has stopped."""
    data = stack.path(NAME) / "data"
    if stack.state.get("memory") and data.is_symlink():
        shutil.rmtree(data.resolve(), ignore_errors=True)


def settings(home, port):
    socket_dir = str(home) if len(str(home)) < SOCKET_PATH_MAX - 20 else ""
    return {"listen_addresses": base.LOOPBACK, "port": port, "unix_socket_directories": socket_dir,
            "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
            "max_connections": 200, "shared_buffers": "512MB", "max_wal_size": "256MB" if (home / "data").is_symlink() else "4GB", "logging_collector": "off",
            "log_line_prefix": "%m [%p] %a ", "timezone": "UTC", "autovacuum_naptime": "10s"}


def processes_in(folder):
    """Records of the processes whose working directory this is."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry.name}/cwd") == folder:
                    found.append(base.process_record(int(entry.name)))
    return found


def end_leftovers(home):
    """Makes a killed cluster startable: backends that outlive the postmaster keep its shared memory,
    and its lock files name a process that may not have been reaped yet.

    Every process of a cluster works in its data directory, so nobody else's process can match.
    """
    data = os.path.realpath(home / "data")
    while left := processes_in(data):
        for record in left:
            base.end_process(record, signal.SIGQUIT, 5)
    for stale in (home / "data" / "postmaster.pid", *home.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)


def start(stack):
    prepare(stack)
    home = stack.path(NAME)
    end_leftovers(home)
    base.start_with_ports(stack, NAME, ["sql"], lambda ports: launch(stack, home, ports["sql"]))
    make_database(stack)


def launch(stack, home, port):
    options = [word for key, value in settings(home, port).items() for word in ("-c", f"{key}={value}")]
    base.note(f"postgres: starting on port {port}")
    child = stack.spawn(NAME, [bin_dir() / "postgres", "-D", home / "data", *options], home, account())
    base.wait_listening(stack, NAME, child, [port])
    probe = [bin_dir() / "pg_isready", "-q", "-h", base.LOOPBACK, "-p", str(port)]

    def answers():
        if child.poll() is not None:
            raise base.Failure(f"postgres ended; its log ends with\n{stack.log_tail(NAME)}")
        with contextlib.suppress(base.Failure):
            base.run(probe, "pg_isready")
            return True
        return False
    base.wait_until("postgres accepts connections", answers, 60)


def psql(stack, statement, database="postgres"):
    environment = base.clean_environment(stack.dir)
    environment["PGPASSWORD"] = stack.state["secrets"]["postgres"]
    return base.run([bin_dir() / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                     "-h", base.LOOPBACK, "-p", str(stack.state["ports"][NAME]["sql"]),
                     "-U", "postgres", "-d", database], "psql", "/", None, environment,
                    statement).strip()


def make_database(stack):
    """The bridge's role owns its database and nothing else."""
    if psql(stack, "SELECT 1 FROM pg_database WHERE datname = 'trestle'"):
        return
    psql(stack, f"CREATE ROLE trestle LOGIN CREATEDB PASSWORD '{stack.state['secrets']['trestle']}'")
    psql(stack, "CREATE DATABASE trestle OWNER trestle")


# What the XMPP server keeps its users' archives with.
ARCHIVE_ROLE = "mam_stack"


def make_archive_role(stack):
    """The XMPP server's role, which may keep the archives of its host. Needs the schema, which the bridge's role makes."""
    if psql(stack, f"SELECT 1 FROM pg_roles WHERE rolname = '{ARCHIVE_ROLE}'"):
        return
    psql(stack, f"CREATE ROLE trestle_mam; CREATE ROLE {ARCHIVE_ROLE} LOGIN IN ROLE trestle_mam"
                f" PASSWORD '{stack.state['secrets'][ARCHIVE_ROLE]}'")
    host = stack.state["domains"]["server"]
    for domain in (host, f"conference.{host}"):  # ejabberd's rooms are kept by the same backend
        psql(stack, f"SELECT mam_allow('{ARCHIVE_ROLE}', '{domain}')", "trestle")


def stop(stack):
    if stack.alive(NAME):
        base.end_process(stack.process(NAME), signal.SIGINT, 30)
    end_leftovers(stack.path(NAME))
