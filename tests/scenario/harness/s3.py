# SPDX-License-Identifier: GPL-3.0-or-later
"""An S3 server: moto's (PyPI: moto[server]), where it is installed."""
import shutil
import subprocess
import urllib.request

from .daemon import free_port
from .inbox import wait_for


class S3:
    """`start()` it; it has the bucket `files`."""

    def __init__(self):
        self.port, self.child = free_port(), None
        self.address = f"http://127.0.0.1:{self.port}/files"

    @staticmethod
    def program():
        return shutil.which("moto_server")

    def answers(self):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/moto-api/", timeout=2)
            return True
        except OSError:
            return False

    def start(self):
        self.child = subprocess.Popen([self.program(), "-H", "127.0.0.1", "-p", str(self.port)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("moto answers", self.answers)
        urllib.request.urlopen(urllib.request.Request(self.address, method="PUT"), timeout=10)
        return self

    def names(self):
        text = urllib.request.urlopen(self.address + "?list-type=2", timeout=10).read().decode()
        return {part.split("</Key>")[0] for part in text.split("<Key>")[1:]}

    def get(self, name):
        signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request, "
                                   "SignedHeaders=host, Signature=0"}  # which moto only wants to see
        return urllib.request.urlopen(urllib.request.Request(f"{self.address}/{name}", headers=signed), timeout=10).read()

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait()
            self.child = None
