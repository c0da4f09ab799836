# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS for clients that insist on it: offers STARTTLS in front of the stack's plain port, or TLS at once in front of any, then passes bytes on."""
import asyncio
import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .inbox import run

HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          "from='{domain}' id='tls' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
          "<required/></starttls></stream:features>")
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


def certificate_make(folder, domain, expired=False):
    """Makes tls.key and tls.crt in `folder`, signed by itself: (key, certificate)."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    name, until = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, domain)]), now + datetime.timedelta(days=-1 if expired else 2)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=3)).not_valid_after(until)
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
                   .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                   .sign(key, hashes.SHA256()))
    paths = folder / "tls.key", folder / "tls.crt"
    paths[0].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


class StartTls:
    """Listens from `open` to `close`; `certificate` is what the client has to trust. Port 0: a free one, in `port`."""

    def __init__(self, c2s, folder, address, port=5222, name=None, expired=False):
        """name: whom the certificate is for, if not for the server."""
        self._c2s, self._address, self.port = c2s, address, port
        key, certificate = certificate_make(folder, name or c2s["domain"], expired)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.certificate = certificate.read_text()
        self._server, self._tasks = None, set()

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        run(self._open())

    async def _open(self):
        self._server = await asyncio.start_server(self._serve, self._address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            head = b""
            while b"<stream:stream" not in head or not head.rstrip().endswith(b">"):
                data = await reader.read(4096)
                if not data or len(head) > 65536:
                    return
                head += data
            writer.write(HEADER.format(domain=self._c2s["domain"]).encode())
            await reader.readuntil(b">")
            writer.write(PROCEED)
            await writer.drain()
            await writer.start_tls(self._context)
            inner = await asyncio.open_connection(self._c2s["host"], self._c2s["port"])
            await asyncio.gather(self._pass(reader, inner[1]), self._pass(inner[0], writer))
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            writer.close()
        finally:
            self._tasks.discard(asyncio.current_task())

    @staticmethod
    async def _pass(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    def close(self):
        if self._server:
            run(self._close())

    async def _close(self):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Tls:
    """`with Tls(folder, ("127.0.0.1", 80)) as front:` is https://localhost:PORT for a plain service; `certificate` is what clients have to trust."""

    def __init__(self, folder, inner):
        self._inner, self._tasks, self.port = inner, set(), None
        key, certificate = certificate_make(folder, "localhost")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.certificate = certificate.read_text()

    def __enter__(self):
        run(self._open())
        return self

    def __exit__(self, *_):
        run(self._close())

    async def _open(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            inner = await asyncio.open_connection(*self._inner)
            await asyncio.gather(self._pass(reader, inner[1]), self._pass(inner[0], writer))
        except (OSError, ssl.SSLError):
            writer.close()
        finally:
            self._tasks.discard(asyncio.current_task())

    _pass, _close = staticmethod(StartTls._pass), StartTls._close
