# SPDX-License-Identifier: GPL-3.0-or-later
"""An XMPP server that accepts a component and then says whatever a test wants.

It answers the bridge's pings to the server's domain, keeps everything else in `inbox`, and counts
streams, so that a test can wait for the bridge to come back after an error of the stream.
"""
import contextlib
import hashlib
import socket
import threading
import xml.etree.ElementTree as ElementTree

from .inbox import DEADLINE, Inbox
from .xmpp import Stanza

ACCEPT = "jabber:component:accept"
STREAM = "http://etherx.jabber.org/streams"


class FakeXmpp:
    def __init__(self, domain="example.org", secret="s3cret", unknown=()):
        """unknown: components that it does not have."""
        self.domain, self.secret, self.unknown = domain, secret, unknown
        self.inbox = Inbox("fake XMPP server")
        self.answer_pings = True
        self.streams = 0
        self._changed = threading.Condition()
        self._connection = None
        self._sending = threading.Lock()
        self.port = 0
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        """Listens; once more, at the same port, after close()."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        """Nobody gets in any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # to close it alone lets in one more
        self._listener.close()
        connection = self._connection
        if connection:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        parser = ElementTree.XMLPullParser(["start", "end"])
        depth = 0
        try:
            while data := connection.recv(65536):
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        connection.sendall((f"<stream:stream xmlns='{ACCEPT}' xmlns:stream='{STREAM}' "
                                            f"id='fake' from='app.{self.domain}'>").encode())
                        if element.get("to") in self.unknown:
                            connection.sendall(b"<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:"
                                               b"xmpp-streams'/></stream:error></stream:stream>")
                            return
                    elif event == "end" and depth == 1:
                        self._on_element(connection, element)
        except OSError:
            pass
        finally:
            with self._changed:
                if self._connection is connection:
                    self._connection = None
                self._changed.notify_all()
            connection.close()

    def _on_element(self, connection, element):
        if element.tag == f"{{{ACCEPT}}}handshake":
            right = hashlib.sha1(f"fake{self.secret}".encode()).hexdigest()
            connection.sendall(b"<handshake/>" if element.text == right else b"</stream:stream>")
            with self._changed:
                self._connection, self.streams = connection, self.streams + 1
                self._changed.notify_all()
            return
        for part in element.iter():
            part.tag = part.tag.replace(f"{{{ACCEPT}}}", "{jabber:client}")
        stanza = Stanza(element)
        if self.answer_pings and stanza.to == self.domain and stanza.has("urn:xmpp:ping", "ping"):
            with self._sending:
                connection.sendall(f"<iq type='result' from='{self.domain}' to='{stanza.sender}' "
                                   f"id='{stanza.id}'/>".encode())
            return
        self.inbox.put(stanza)

    def hang_up(self):
        """Ends the newest stream."""
        self._connection.shutdown(socket.SHUT_RDWR)

    def wait_stream(self, number=1):
        """Until the bridge has opened its number-th stream."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.streams >= number and self._connection, DEADLINE), \
                f"{self.streams} streams, no stream number {number}"

    def send(self, xml):
        """Sends text or bytes on the current stream, whatever it is."""
        data = xml.encode() if isinstance(xml, str) else xml
        with self._sending:
            try:
                self._connection.sendall(data)
            except (OSError, AttributeError):
                pass  # the bridge has hung up: the test sees the next stream

    def expect(self, what, fits, timeout=None):
        return self.inbox.expect(what, fits, timeout)
