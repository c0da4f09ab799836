# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads and downloads of an app user."""
import http.client
import subprocess
import urllib.parse

from .daemon import psql
from .inbox import wait_for
from .rest import http_request


def begin(user, data, name="cat.png", type="image/png", status=201, **more):
    return user.call(status, "POST", "/api/uploads", {"filename": name, "size": len(data), "mime_type": type, **more})


def upload(user, data, name="cat.png", type="image/png", **more):
    """The File of DATA, uploaded by one PUT."""
    made = begin(user, data, name, type, **more)
    return user.call(200, "PUT", made["upload_url"], data, {"Content-Type": "application/octet-stream"})


def settle(stack, file):
    """Waits until the file lies where it stays: of a picture what came is gone then. That is looked after every 30 s, here at once."""
    def moved():
        psql(stack.info["database"], "UPDATE jobs SET due_at = now() WHERE kind = 'media.move'")
        return psql(stack.info["database"], f"SELECT moved FROM files WHERE id = '{file['id']}'") == "t"
    wait_for("the file lies where it stays", moved)


def patch(user, upload, offset, data, **headers):
    return user.request("PATCH", upload["upload_url"], data, {
        "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream",
        **headers})


def get(url, method="GET", **headers):
    """What a link leads to, without credentials."""
    address = urllib.parse.urlsplit(url)
    return http_request(f"{address.scheme}://{address.netloc}", method, address.path,
                        headers={name.replace("_", "-"): value for name, value in headers.items()})


def begin_put(user, upload, data, promised):
    """A connection on which a PUT of PROMISED bytes has sent DATA; it stays open."""
    address = urllib.parse.urlsplit(user.rest)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("PUT", upload["upload_url"])
    for name, value in {**user.headers(), "Content-Type": "application/octet-stream", "Content-Length": str(promised)}.items():
        connection.putheader(name, value)
    connection.endheaders(data)
    return connection


def film(folder, name, *options, seconds=2):
    """The bytes of a video or sound that ffmpeg makes."""
    path = folder / name
    hurry = ("-preset", "ultrafast") if "libx264" in options and "-preset" not in options else ()
    hurry += ("-deadline", "realtime") if "libvpx" in options else ()
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *options, *hurry, "-t", str(seconds), path], check=True)
    return path.read_bytes()


PICTURE = ("-f", "lavfi", "-i", "testsrc=size=640x360:rate=15")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440")
