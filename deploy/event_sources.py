"""Where every event can be read again: the services' outboxes, and the stream."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Protocol
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy import SERVICES
from shared.bus import Bus
from shared.events.event import PREFIX, STREAM, contracts
from shared.inbox import Incoming, read
from shared.outbox import UNREAD, Outbox, travelling

LIVE, NEXT = "reporting", "reporting_next"
BATCH = 1000


class Source(Protocol):
    """Where events come from."""

    name: str

    def events(self, *, known: bool) -> AsyncIterator[list[Incoming]]:
        """Yield events that the new tables lack, each aggregate's in order; `known`: only those that live reporting has."""


async def ahead(chunks: AsyncIterator[list[Incoming]]) -> AsyncGenerator[list[Incoming]]:
    """Yield the same chunks, reading the next ones while the last is worked on."""
    iterator = aiter(chunks)
    coming = asyncio.ensure_future(anext(iterator, None))
    try:
        while (chunk := await coming) is not None:
            coming = asyncio.ensure_future(anext(iterator, None))
            yield chunk
    finally:
        coming.cancel()


class Outboxes:
    """The services' outboxes: the truth, whatever became of the stream."""

    name = "the outboxes"

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def events(self, *, known: bool) -> AsyncIterator[list[Incoming]]:
        """Yield what each service ever announced, in the order of its outbox."""
        query = select(*UNREAD).where(text(_in(NEXT, "NOT "))).order_by(Outbox.id)
        if known:
            query = query.where(text(_in(LIVE)))
        for service in SERVICES:
            async with self.engine.connect() as connection:
                reader = await connection.execution_options(schema_translate_map={None: service}, yield_per=BATCH)
                rows = await reader.stream(query)
                async for chunk in rows.partitions(BATCH):
                    yield [_incoming(row, service) for row in chunk]


def _incoming(row: Any, service: str) -> Incoming:  # noqa: ANN401 - a row of Outbox's columns, its data still JSON text
    """Return the event as live reporting reads it, sparing the envelope its way to text and back when the event is sound."""
    contract, body = contracts().get(row.subject), travelling(row, service)
    try:
        event = contract.model_validate_json(row.data) if contract else None
    except ValidationError:
        event = None
    if event is None:
        return read(PREFIX + row.subject, body)
    told = (row.event_id, row.aggregate_id, row.version, row.subject, body.decode())
    return Incoming(*told, traceparent=row.traceparent, occurred_at=row.occurred_at, event=event)


def _in(schema: str, negated: str = "") -> str:
    """Return the condition that an outbox row's event is in a schema's inbox."""
    return f"{negated}EXISTS (SELECT FROM {schema}.inbox AS had WHERE had.event_id = outbox.event_id)"


class Stream:
    """The stream, read from its beginning, in batches that leave nothing behind on the server."""

    name = "the stream"

    def __init__(self, engine: AsyncEngine, bus: Bus) -> None:
        self.engine = engine
        self.bus = bus
        self.resume = 1  # everything before this sequence was passed on

    async def events(self, *, known: bool) -> AsyncIterator[list[Incoming]]:
        """Yield the stream's events in its order."""
        last = (await self.bus.state()).last_sequence
        first, skipped = self.resume, 0
        while first <= last and (found := await self._stored(first)):
            had = await self._had([event.event_id for _, event in found]) if known else set()
            wanted = [event for _, event in found if not known or event.event_id in had]
            skipped = skipped or next((number for number, event in found if known and event.event_id not in had), 0)
            yield wanted
            first = found[-1][0] + 1
        self.resume = skipped or first

    async def _stored(self, first: int) -> list[tuple[int, Incoming]]:
        """Return a batch of events from a sequence on; what the server cuts short is asked for next time."""
        connection = self.bus.connection
        inbox = connection.new_inbox()
        subscription = await connection.subscribe(inbox)
        request = json.dumps({"seq": first, "batch": BATCH}).encode()
        await connection.publish(f"$JS.API.DIRECT.GET.{STREAM}", request, reply=inbox)
        found: list[tuple[int, Incoming]] = []
        try:
            while True:
                message = await subscription.next_msg(timeout=10)
                headers = message.headers or {}
                if "Nats-Sequence" not in headers:  # the end of the batch, or nothing there
                    return found
                found.append((int(headers["Nats-Sequence"]), read(headers["Nats-Subject"], message.data)))
        finally:
            await subscription.unsubscribe()

    async def _had(self, event_ids: Sequence[UUID]) -> set[UUID]:
        """Return which of these events live reporting has."""
        query = text(f"SELECT event_id FROM {LIVE}.inbox WHERE event_id = ANY (CAST(:ids AS uuid[]))")  # noqa: S608 - our name
        async with self.engine.connect() as connection:
            return set(await connection.scalars(query, {"ids": list(event_ids)}))
