"""Publishes keys over real HTTP on a real port; can change them, fall silent, and come back."""

import asyncio
import json
from typing import Self


class KeyServer:
    """A JWKS address whose requests are counted."""

    def __init__(self, document: object) -> None:
        self.document = document
        self.paths: list[str] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._answered = asyncio.Condition()

    @property
    def url(self) -> str:
        """Return the address of the keys."""
        return f"http://127.0.0.1:{self.port}/jwks.json"

    @property
    def asked(self) -> int:
        """Return how often it was asked."""
        return len(self.paths)

    async def asked_times(self, times: int) -> None:
        """Wait until it was asked so often."""
        async with asyncio.timeout(5), self._answered:
            await self._answered.wait_for(lambda: self.asked >= times)

    async def start(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Fall silent."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n")
        writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with self._answered:
            self.paths.append(request.split(b" ")[1].decode())
            self._answered.notify_all()
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
