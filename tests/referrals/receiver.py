"""A referrer's own server on a real port: keeps what it was sent, and answers as it is told."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Heard:
    """A message as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return what it says."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers each message with the next of the answers it was given, then with 204."""

    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    answers: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    thinking: asyncio.Event = field(default_factory=asyncio.Event)  # cleared: answers wait
    port: int = 0

    def __post_init__(self) -> None:
        self.thinking.set()
        self._came = asyncio.Condition()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Return its address."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}/hooks/roundtable?from=here"

    def will_answer(self, status: int, **headers: str) -> None:
        """Answer the next message so."""
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}))

    async def heard_times(self, times: int) -> None:
        """Wait until it heard so many messages."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self.heard) >= times)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            await self._read_and_answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the sender died
        finally:
            self._answering.discard(task)
            writer.close()

    async def _read_and_answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        status, more = self.answers.pop(0) if self.answers else (204, {})
        async with self._came:
            self.heard.append(Heard(first.split(" ")[1], headers, body))
            self._came.notify_all()
        await self.thinking.wait()
        given = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        writer.write(f"HTTP/1.1 {status} As told\r\nConnection: close\r\nContent-Length: 0\r\n{given}\r\n".encode())
        await writer.drain()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._server.wait_closed()
