"""The consumer: pulls batches from a durable, lets them take effect, and acknowledges only what was committed."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from time import monotonic

import structlog
from nats.aio.msg import Msg
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from shared.bus import BATCH, SECOND, Bus
from shared.db import is_away, limit_to
from shared.events.event import STREAM
from shared.inbox import Incoming, Subscriber, Verdict, read
from shared.telemetry import continued_trace

log = structlog.get_logger()

DELAYS = (0.5, 2.0, 5.0, 15.0)  # seconds before try 2, 3, 4 and 5; then the event is set aside
EARLY_DELAYS = (0.2, 0.5, 1.0, 2.0, 5.0)
HEARTBEAT = 1  # seconds between signs of life of an idle pull request
NOT_YET = "has not heard from the stream yet"
PULL = 20  # seconds a pull request stays open


class Consumer:
    """One service's listening ear: one active per durable is enough, two do no harm."""

    def __init__(self, subscriber: Subscriber, sessions: async_sessionmaker[AsyncSession], bus: Bus) -> None:
        self.subscriber = subscriber
        self.sessions = sessions
        self.bus = bus
        self.heard_at = monotonic()
        self.trouble = NOT_YET
        self.delays: deque[float] = deque(maxlen=1000)  # seconds from an event's commit to its effect here
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._open = 0  # messages that the current pull request may still bring

    def greeted(self) -> None:
        """Take the server's word that the durable is there, until its first message or heartbeat says so."""
        if self.trouble == NOT_YET:
            self.trouble = ""

    async def run(self) -> None:
        """Consume for ever."""
        inbox = self.bus.connection.new_inbox()
        subscription = await self.bus.connection.subscribe(inbox)
        receiving = asyncio.create_task(self._receive(subscription.messages))
        try:
            while True:
                await self._pull(inbox)
                messages = await self._next()
                if messages:
                    await self._work_off(messages)
        finally:
            receiving.cancel()

    async def _receive(self, messages: AsyncIterator[Msg]) -> None:
        async for message in messages:
            await self._queue.put(message)

    async def _pull(self, inbox: str) -> None:
        """Keep one pull request open; the server answers it as events come, and beats while none does."""
        if self._open > 0 and monotonic() - self.heard_at < 2.5 * HEARTBEAT:
            return
        request = {"batch": BATCH, "expires": PULL * SECOND, "idle_heartbeat": HEARTBEAT * SECOND}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self.subscriber.service}"
        await self.bus.connection.publish(subject, json.dumps(request).encode(), reply=inbox)
        self._open = BATCH
        if self.trouble:
            await asyncio.sleep(0.5)  # nobody answered the last one: do not shout

    async def _next(self) -> list[Msg]:
        """Return what has come: waits for the first message, takes all that are there with it."""
        try:
            async with asyncio.timeout(HEARTBEAT):  # wait_for may swallow a cancellation
                first = await self._queue.get()
        except TimeoutError:
            return []
        found = [first]
        while len(found) < BATCH and not self._queue.empty():
            found.append(self._queue.get_nowait())
        return [message for message in found if self._is_event(message)]

    def _is_event(self, message: Msg) -> bool:
        """Tell an event from the server's remarks on the pull request."""
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            self.heard_at = monotonic()
            self.trouble = ""
            self._open -= 1
            return True
        if status != "100":  # not a sign of life but the end of the request: nothing there, expired, or nobody to ask
            self._open = 0
        if status == "503" or "Deleted" in (message.headers or {}).get("Description", ""):
            self.trouble = "the durable consumer was deleted"
        else:
            self.heard_at = monotonic()
            self.trouble = ""
        return False

    async def _work_off(self, messages: Sequence[Msg]) -> None:
        """Let messages take effect; when the database is away wait for it rather than blame an event."""
        pairs = [(message, read(message.subject, message.data, message.metadata.num_delivered)) for message in messages]
        while True:
            try:
                await self._apply(pairs)
            except Exception as problem:
                if not is_away(problem):
                    raise
                log.warning("consumer_waits_for_database", service=self.subscriber.service, kind=type(problem).__name__)
                await asyncio.sleep(0.5)
            else:
                return

    async def _apply(self, pairs: Sequence[tuple[Msg, Incoming]]) -> None:
        """Apply in one transaction, then acknowledge; on a failure halve the group until the one at fault is alone."""
        with continued_trace(pairs[0][1].traceparent):
            try:
                async with self.sessions() as session:
                    limit_to(session, None)  # what is heard is kept for every site
                    verdict = await self.subscriber.apply(session, [incoming for _, incoming in pairs])
                    await session.commit()
            except Exception as problem:
                if is_away(problem):
                    raise
                if len(pairs) > 1:
                    half = len(pairs) // 2
                    await self._apply(pairs[:half])
                    await self._apply(pairs[half:])
                else:
                    await self._failed(*pairs[0], problem)
                return
        await self._answer(pairs, verdict)

    async def _answer(self, pairs: Sequence[tuple[Msg, Incoming]], verdict: Verdict) -> None:
        early = {message.event_id for message in verdict.early}
        for letter, state in verdict.aside:
            log.error("event_set_aside", service=self.subscriber.service, event_id=str(letter.event_id), state=state)
        for message, incoming in pairs:
            if incoming.event_id in early:
                await message.nak(delay=EARLY_DELAYS[min(incoming.tries, len(EARLY_DELAYS)) - 1])
            else:
                await message.ack()
        now = datetime.now(UTC)
        self.delays.extend((now - each.occurred_at).total_seconds() for each in verdict.applied if each.occurred_at)

    async def _failed(self, message: Msg, incoming: Incoming, problem: Exception) -> None:
        """Ask for the event again later; after the last try set it aside, by its error's class, never its words."""
        kind = type(problem).__name__
        log.error(
            "projection_failed",
            service=self.subscriber.service,
            event_id=str(incoming.event_id),
            kind=kind,
            tries=incoming.tries,
        )
        if incoming.tries <= len(DELAYS):
            await message.nak(delay=DELAYS[incoming.tries - 1])
            return
        async with self.sessions() as session:
            await self.subscriber.park(session, incoming, f"projection failed: {kind}")
            await session.commit()
        log.error("event_set_aside", service=self.subscriber.service, event_id=str(incoming.event_id), state="parked")
        await message.term()
