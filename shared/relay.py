"""The relay: sends what the outbox holds to the stream, in order; one per schema."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from nats.errors import Error as NatsError
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.bus import BATCH, Bus, Outgoing, RefusedBatch, StreamProblem
from shared.db import lock_key
from shared.events.event import PREFIX
from shared.outbox import UNREAD, Outbox, StreamSeen, travelling

log = structlog.get_logger()

POLL_SECONDS = 0.04
RECONCILE_SECONDS = 10


class Relay:
    """Sends one schema's unpublished events in order; a second relay of the same schema waits for the first to go."""

    def __init__(self, service: str, engine: AsyncEngine, bus: Bus) -> None:
        self.service = service
        self.engine = engine
        self.bus = bus
        self.trouble = ""
        self.published = 0

    async def run(self) -> None:
        """Relay for ever; on any trouble say so, start again with a fresh connection and lose nothing."""
        while True:
            try:
                async with self.engine.connect() as connection:
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                    try:
                        await self._take_turn(connection)
                        await self._relay(connection)
                    finally:
                        await connection.invalidate()  # back in the pool it would still hold the lock
            except (StreamProblem, NatsError) as problem:
                self._say(str(problem) or type(problem).__name__)
            except Exception as problem:  # noqa: BLE001 - a relay that gives up is a lost event; its class is enough
                self._say(type(problem).__name__)
            await asyncio.sleep(0.5)

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("relay_waits", service=self.service, reason=trouble)
        self.trouble = trouble

    async def _take_turn(self, connection: AsyncConnection) -> None:
        """Hold the schema's relay lock for as long as this connection lives; two relays would reorder events."""
        key = lock_key(self.service, "relay")
        while not await connection.scalar(select(func.pg_try_advisory_lock(key))):  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(0.5)

    async def _relay(self, connection: AsyncConnection) -> None:
        clock = asyncio.get_running_loop().time
        reconcile_at = 0.0
        while True:
            if clock() >= reconcile_at:
                await self._reconcile(connection)
                reconcile_at = clock() + RECONCILE_SECONDS
            sent = await self._send_some(connection)
            self.trouble = ""
            if sent < BATCH:
                await asyncio.sleep(POLL_SECONDS)

    async def _send_some(self, connection: AsyncConnection) -> int:
        """Send the oldest unpublished events; return how many there were."""
        rows = (
            await connection.execute(
                select(*UNREAD).where(Outbox.published_at.is_(None)).order_by(Outbox.id).limit(BATCH)
            )
        ).all()
        if not rows:
            return 0
        sequences = await self._publish([self._outgoing(row) for row in rows])
        await connection.execute(
            text(
                "UPDATE outbox SET published_at = now(), stream_seq = s.seq "
                "FROM unnest(CAST(:ids AS bigint[]), CAST(:seqs AS bigint[])) AS s(id, seq) WHERE outbox.id = s.id"
            ),
            {"ids": [row.id for row in rows], "seqs": sequences},
        )
        self.published += len(rows)
        return len(rows)

    def _outgoing(self, row: Any) -> Outgoing:  # noqa: ANN401 - a row of Outbox's columns
        """Return an event as a message; one that was sent and is to be sent anew takes the place of its first message.

        It needs an id of its own then: under the old one the stream would take it for a repetition and not store it.
        """
        replacing = "" if row.stream_seq is None else f":{row.stream_seq}"
        return Outgoing(
            subject=f"{PREFIX}{row.subject}",
            message_id=f"{row.event_id}{replacing}",
            traceparent=row.traceparent,
            body=travelling(row, self.service),
        )

    async def _publish(self, events: Sequence[Outgoing]) -> list[int]:
        """Store all events, in order: together when the server takes them so, else one after another."""
        if len(events) > 1:
            try:
                return await self.bus.publish_batch(events)
            except RefusedBatch as refusal:  # one of them is stored already: a relay died between storing and saying so
                log.info("batch_refused", service=self.service, reason=str(refusal))
        return [await self.bus.publish(event) for event in events]

    async def _reconcile(self, connection: AsyncConnection) -> None:
        """Send everything again that the stream no longer has: a new stream, or one that lost its end."""
        state = await self.bus.state()
        seen = await connection.scalar(select(StreamSeen.created))
        lost = text("UPDATE outbox SET published_at = NULL, stream_seq = NULL WHERE stream_seq > :last")
        if seen is not None and seen != state.created:
            count = (await connection.execute(lost, {"last": 0})).rowcount
            log.warning("stream_recreated", service=self.service, republishing=count)
        else:
            count = (await connection.execute(lost, {"last": state.last_sequence})).rowcount
            if count:
                log.warning("stream_lost_its_end", service=self.service, republishing=count)
        if seen is None:
            await connection.execute(
                text("INSERT INTO stream_seen (created) VALUES (:created)"), {"created": state.created}
            )
        elif seen != state.created:
            await connection.execute(update(StreamSeen).values(created=state.created))
