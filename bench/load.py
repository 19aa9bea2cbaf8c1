"""A load generator that keeps an account: every request sent, and what became of it. Loopback only, bounded in count and time."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import perf_counter
from typing import Literal, cast

LOOPBACK = "127.0.0.1"
ANSWER_WITHIN = 30.0  # seconds; then nobody knows what became of the request
AGAIN_AFTER = 0.1  # seconds between tries of one request

Verdict = Literal["ok", "fail", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Shot:
    """One request, ready to be written to a socket: whom it concerns, its idempotency key, and its bytes."""

    ids: tuple[str, ...]
    request: bytes
    key: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One try of one request, as the oracle reads it: `began` and `seconds` are of a clock that never goes back."""

    ids: tuple[str, ...]
    key: str
    began: float
    seconds: float
    verdict: Verdict
    status: int
    body: bytes


@dataclass
class Journal:
    """Everything that was tried, in the order in which it ended."""

    lines: list[Line] = field(default_factory=list)
    attempted: set[str] = field(default_factory=set)
    began: float = field(default_factory=perf_counter)
    ended: float = 0.0

    def of(self, verdict: Verdict) -> list[Line]:
        """Return the tries that ended so."""
        return [line for line in self.lines if line.verdict == verdict]

    @property
    def per_second(self) -> float:
        """Successful answers a second, over the whole run."""
        return len(self.of("ok")) / (self.ended - self.began)

    def quantile(self, share: float) -> float:
        """Return the time within which this share of successful requests was answered, milliseconds."""
        times = sorted(line.seconds for line in self.of("ok"))
        return 1000 * times[min(len(times) - 1, int(share * len(times)))] if times else float("nan")


def post(path: str, body: object, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of a POST; `body` is sent as it is when it is bytes, else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **headers, "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{lines}\r\n".encode() + content


def get(path: str, headers: Mapping[str, str]) -> bytes:
    """Return the bytes of a GET."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{lines}\r\n".encode()


class Wire(asyncio.Protocol):
    """One connection kept alive: write a request, get status and body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no answer will come."""
        self.gone = True
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError(str(exc)))

    def data_received(self, data: bytes) -> None:
        """Gather until an answer is whole; every answer of ours names its length."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        status, body = int(head[9:12]), self._buffer[end + 4 : end + 4 + length]
        self._buffer = self._buffer[end + 4 + length :]
        if self._waiting and not self._waiting.done():
            self._waiting.set_result((status, body))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; raises OSError or TimeoutError when there is no answer."""
        if self._transport is None or self.gone:
            raise ConnectionResetError
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._waiting
        except TimeoutError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self.gone = True
        if self._transport:
            self._transport.abort()


def judge(status: int, body: bytes) -> Verdict:
    """Say what an answer means: done; certainly not done; not done, try again; or nobody knows."""
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    again = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
    if status in again or (status == HTTPStatus.CONFLICT and b"request-in-progress" in body):
        return "refused"
    return "unknown" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "fail"


@dataclass(frozen=True)
class Load:
    """How to send: over so many connections, at a rate (open loop) or as fast as answers come (closed loop).

    In the open loop a request's time counts from when it was due, so that a stall is not hidden by the waiting it causes.
    With `patience`, a request that was refused or whose fate is unknown is sent again for so many seconds.
    """

    port: int
    connections: int = 32
    rate: float | None = None
    within: float = 60.0
    patience: float = 0.0

    async def fire(self, shots: Iterable[Shot], journal: Journal | None = None) -> Journal:
        """Send every shot, or as many as fit in the time; return the account of it."""
        journal = journal or Journal()
        journal.began = perf_counter()
        due = self._due(shots, journal.began)
        await asyncio.gather(*(self._send_all(due, journal) for _ in range(self.connections)))
        journal.ended = perf_counter()
        return journal

    def _due(self, shots: Iterable[Shot], began: float) -> Iterator[tuple[Shot, float | None]]:
        for number, shot in enumerate(shots):
            if perf_counter() - began > self.within:
                return
            yield shot, None if self.rate is None else began + number / self.rate

    async def _send_all(self, due: Iterator[tuple[Shot, float | None]], journal: Journal) -> None:
        wire: Wire | None = None
        for shot, at in due:
            if at is not None and (early := at - perf_counter()) > 0:
                await asyncio.sleep(early)
            wire = await self._send(wire, shot, at, journal)
        if wire:
            wire.close()

    async def _send(self, wire: Wire | None, shot: Shot, at: float | None, journal: Journal) -> Wire | None:
        """Send one shot until its fate is known or patience ends; return the connection for the next one."""
        journal.attempted.update(shot.ids)
        first = perf_counter()
        while True:
            began = at if at is not None else perf_counter()
            wire, verdict, status, body = await self._try(wire, shot)
            journal.lines.append(Line(shot.ids, shot.key, began, perf_counter() - began, verdict, status, body))
            at = None
            if verdict in {"ok", "fail"} or perf_counter() - first > self.patience:
                return wire
            await asyncio.sleep(AGAIN_AFTER)

    async def _try(self, wire: Wire | None, shot: Shot) -> tuple[Wire | None, Verdict, int, bytes]:
        if wire is None or wire.gone:
            try:
                loop = asyncio.get_running_loop()
                _, wire = await loop.create_connection(Wire, LOOPBACK, self.port)
            except OSError:
                return None, "refused", 0, b""  # nobody listened, so nothing was sent
        try:
            status, body = await wire.ask(shot.request)
        except (OSError, TimeoutError):
            return None, "unknown", 0, b""
        return wire, judge(status, body), status, body
