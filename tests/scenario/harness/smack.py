# SPDX-License-Identifier: GPL-3.0-or-later
"""Smack's integration tests (tests/clients/smack), run by three accounts of the stack's server.

Smack knows no port but 5222: a door on an address of its own leads to the server. Maven gets the libraries from
the registry that it is set up for, and keeps them where it keeps all others.
"""
import re
import shutil
import socket
import subprocess
import threading

import pytest

from .stack import TOP

PROJECT = TOP / "tests" / "clients" / "smack"
FRAMEWORK = "org.igniterealtime.smack.inttest.SmackIntegrationTestFramework"
DOOR = ("127.0.0.9", 5222)
# "INFO: MultiUserChatIntegrationTest.mucJoinTest (Normal) Success", or "… Failed"
OUTCOME = re.compile(r"(\w+)\.(\w+) \(\w+\) (Success|Failed)")
IMPOSSIBLE = re.compile(r"Could not run (\S+) because: (.*)|(\w+\.\w+) .*is not possible because (.*)")


def class_path(directory):
    """The jars of Smack, joined by colons."""
    if not shutil.which("mvn") or not shutil.which("java"):
        pytest.skip("needs Debian's maven and default-jre-headless")
    listed = directory / "classpath"
    got = subprocess.run(["mvn", "-q", "-B", "-f", PROJECT / "pom.xml", "dependency:build-classpath",
                          f"-Dmdep.outputFile={listed}"], capture_output=True, text=True, timeout=600)
    if got.returncode != 0:
        pytest.skip(f"Maven does not get Smack: {(got.stdout + got.stderr)[-600:]}")
    return listed.read_text()


class Door:
    """`with Door(host, port):` what connects to DOOR talks with the server there."""

    def __init__(self, host, port):
        self.target = (host, port)

    def __enter__(self):
        self.listener = socket.create_server(DOOR)
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def serve(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self.pass_on, args=pair, daemon=True).start()

    @staticmethod
    def pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def run(stack, directory, tests):
    """Runs the test classes TESTS; ({"Class.test": succeeded}, {what could not run: why}, all that was printed)."""
    c2s = stack.info["c2s"]
    options = {"service": c2s["domain"], "host": DOOR[0], "securityMode": "disabled", "dnsResolver": "javax",
               "enabledTests": ",".join(tests), "replyTimeout": "10000"}
    for number, account in zip(("One", "Two", "Three"), stack.info["accounts"]):
        options[f"account{number}Username"] = account["jid"].partition("@")[0]
        options[f"account{number}Password"] = account["password"]
    command = ["java", "-Xmx512m", "-cp", class_path(directory),
               *(f"-Dsinttest.{name}={value}" for name, value in options.items()), FRAMEWORK]
    with Door(c2s["host"], c2s["port"]):
        printed = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, timeout=1800).stdout
    (directory / "smack.log").write_text(printed)
    outcomes = {f"{name}.{test}": how == "Success" for name, test, how in OUTCOME.findall(printed)}
    impossible = {found[0] or found[2]: found[1] or found[3] for found in IMPOSSIBLE.findall(printed)}
    return outcomes, impossible, printed
