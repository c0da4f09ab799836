# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures made by hand, good and bad ones. Standard library only."""
import base64
import struct
import zlib
from pathlib import Path


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width=64, height=48, color=(200, 30, 60), alpha=None, claimed=None, extra=b""):
    """A PNG of one colour with a stripe; `claimed` replaces the size in its head."""
    pixel = bytes(color) + (bytes([alpha]) if alpha is not None else b"")
    row = b"\0" + (bytes(len(pixel)) + pixel * (width - 1) if width > 1 else pixel)
    data = zlib.compress(row * height, 9)
    head = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 6 if alpha is not None else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def black_png(side):
    """A PNG of so many black pixels a side, which are all there, in few bytes."""
    rows = zlib.compress(bytes(side * ((side + 7) // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def size_of_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:16]
    return struct.unpack(">II", data[16:24])


GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
# 8 × 6 and 16 × 8 pixels, made with libgd.
WEBP = base64.b64decode(
    "UklGRjoAAABXRUJQVlA4IC4AAAAQAgCdASoIAAYAAUAmJaACdLoB+AH4AAPIAP7Lt//TRRhTH3Jv/u82AMJf8IAA")
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEAYABgAAD//gA7Q1JFQVRPUjogZ2QtanBlZyB2MS4wICh1c2luZyBJSkcgSlBFRyB2NjIpLCBxdWFsaXR5"
    "ID0gODUK/9sAQwAFAwQEBAMFBAQEBQUFBgcMCAcHBwcPCwsJDBEPEhIRDxERExYcFxMUGhURERghGBodHR8fHxMXIiQiHiQcHh8e"
    "/9sAQwEFBQUHBgcOCAgOHhQRFB4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4e/8AAEQgA"
    "CAAQAwEiAAIRAQMRAf/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUS"
    "ITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0"
    "dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX2"
    "9/j5+v/EAB8BAAMBAQEBAQEBAQEAAAAAAAABAgMEBQYHCAkKC//EALURAAIBAgQEAwQHBQQEAAECdwABAgMRBAUhMQYSQVEHYXET"
    "IjKBCBRCkaGxwQkjM1LwFWJy0QoWJDThJfEXGBkaJicoKSo1Njc4OTpDREVGR0hJSlNUVVZXWFlaY2RlZmdoaWpzdHV2d3h5eoKD"
    "hIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uLj5OXm5+jp6vLz9PX29/j5+v/aAAwD"
    "AQACEQMRAD8A8o8Mf8i1pf8A15w/+gCtGiivKluz98wf+70/Rfkf/9k=")


def vector(name):
    """One of the pictures that each format can have (tests/vectors/pictures)."""
    return (Path(__file__).resolve().parents[2] / "vectors/pictures" / name).read_bytes()


def many_scans(count):
    """A progressive JPEG whose last scan comes again and again: its decoder goes over all pixels each time."""
    data = vector("progressive.jpg")
    return data[:-2] + data[data.rindex(b"\xff\xda"):-2] * count + data[-2:]


def turned(jpeg, orientation):
    """The JPEG with an Exif block that asks for turning."""
    tiff = b"MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
