# SPDX-License-Identifier: GPL-3.0-or-later
"""A clamd of a test's own, with one signature: that of the EICAR test file. Debian's clamav-daemon, run by hand."""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from .inbox import wait_for

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd:
    """`start()` it; `socket` is where it is asked."""

    def __init__(self, folder):
        self.folder, self.socket, self.child = Path(folder), Path(folder) / "clamd.sock", None
        (self.folder / "db").mkdir(parents=True)
        (self.folder / "db" / "test.hdb").write_text(f"{hashlib.md5(EICAR).hexdigest()}:{len(EICAR)}:Eicar-Test\n")
        (self.folder / "clamd.conf").write_text(
            f"LocalSocket {self.socket}\nDatabaseDirectory {self.folder}/db\nForeground yes\nStreamMaxLength 1M\n"
            + (f"User root\n" if os.geteuid() == 0 else ""))

    @staticmethod
    def program():
        return shutil.which("clamd") or shutil.which("/usr/sbin/clamd")

    def start(self):
        self.child = subprocess.Popen([self.program(), "--config-file", self.folder / "clamd.conf"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("clamd listens", self.socket.exists)
        return self

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait()
            self.child = None
        self.socket.unlink(missing_ok=True)
