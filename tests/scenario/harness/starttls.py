# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS for clients that insist on it: offers STARTTLS in front of the stack's plain port, then passes bytes on."""
import asyncio
import ssl
import subprocess

from .inbox import run

HEADER = ("<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
          "from='{domain}' id='tls' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"
          "<required/></starttls></stream:features>")
PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


class StartTls:
    """Listens from `open` to `close`; `certificate` is what the client has to trust."""

    def __init__(self, c2s, folder, address, port=5222):
        self._c2s, self._address, self._port = c2s, address, port
        key, certificate = folder / "tls.key", folder / "tls.crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", f"/CN={c2s['domain']}", "-addext", f"subjectAltName=DNS:{c2s['domain']}",
                        "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self.certificate = certificate.read_text()
        self._server, self._tasks = None, set()

    def open(self):
        run(self._open())

    async def _open(self):
        self._server = await asyncio.start_server(self._serve, self._address, self._port)

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
        except (OSError, asyncio.IncompleteReadError):
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
