"""One worker per service: relay, consumer, sealing of the audit trail, clearing of old keys, and a sign of life."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial, wraps
from statistics import quantiles
from time import monotonic
from typing import Any, NamedTuple

import structlog
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from shared import bus as buses
from shared.audit import seal
from shared.bus import Bus, StreamProblem
from shared.consumer import Consumer
from shared.db import connect, sessions
from shared.idempotency import IdempotencyKey
from shared.inbox import Subscriber
from shared.logs import configure
from shared.relay import Relay
from shared.settings import settings
from shared.worker_signs import WorkerSign

log = structlog.get_logger()

BEAT_SECONDS = 2
CHECK_SECONDS = 5
SEAL_SECONDS = 0.5


Step = Callable[[async_sessionmaker[AsyncSession], Bus], Awaitable[None]]


class Duty(NamedTuple):
    """Something that a service's worker does again and again, with a pause in seconds; a duty commits what it does itself."""

    step: Step
    pause: float


class Worker:
    """What one service does besides answering requests."""

    def __init__(
        self,
        service: str,
        engine: AsyncEngine,
        bus: Bus,
        subscriber: Subscriber | None,
        duties: Sequence[Duty] = (),
    ) -> None:
        self.service = service
        self.bus = bus
        self.sessions: async_sessionmaker[AsyncSession] = sessions(engine)
        self.relay = Relay(service, engine, bus)
        self.consumer = Consumer(subscriber, self.sessions, bus) if subscriber else None
        self.duties = duties
        self.lag: int | None = None

    async def run(self) -> None:
        """Do all of it until cancelled."""
        await self._check_consumer()  # so that the first sign of life knows
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay.run())
            tasks.create_task(self._for_ever(self._beat, BEAT_SECONDS))
            tasks.create_task(self._for_ever(self._seal, SEAL_SECONDS))
            tasks.create_task(self._for_ever(self._forget_keys, 600))
            for duty in self.duties:
                step = wraps(duty.step)(partial(duty.step, self.sessions, self.bus))
                tasks.create_task(self._for_ever(step, duty.pause))
            if self.consumer:
                tasks.create_task(self.consumer.run())
                tasks.create_task(self._for_ever(self._check_consumer, CHECK_SECONDS))

    async def _for_ever(self, step: Any, pause: float) -> None:  # noqa: ANN401 - a coroutine function
        """Repeat a step; trouble is said and tried again, since one step's trouble must not stop the others."""
        while True:
            try:
                await step()
            except Exception as problem:  # noqa: BLE001 - said by its class, tried again
                log.warning("worker_step_failed", service=self.service, step=step.__name__, kind=type(problem).__name__)
            await asyncio.sleep(pause)

    async def _check_consumer(self) -> None:
        """Ask the server about the durable: a deleted one looks idle otherwise."""
        consumer = self.consumer
        if consumer is None:
            return
        try:
            found = await self.bus.consumer(self.service)
        except StreamProblem as problem:
            consumer.trouble = str(problem)
            self.lag = None
        else:
            consumer.greeted()
            self.lag = found["num_pending"] + found["num_ack_pending"]

    async def _beat(self) -> None:
        """Leave a sign of life with what readiness and metrics need."""
        detail: dict[str, Any] = {"relay": self.relay.trouble, "published": self.relay.published}
        if self.consumer:
            delays = list(self.consumer.delays)
            cuts = quantiles(delays, n=100) if len(delays) > 1 else []
            detail |= {
                "consumer": self.consumer.trouble,
                "lag": self.lag,
                "silent_seconds": round(monotonic() - self.consumer.heard_at, 1),
                "delay_p50": cuts[49] if cuts else None,
                "delay_p99": cuts[98] if cuts else None,
            }
        row = {"name": self.service, "at": datetime.now(UTC), "detail": detail}
        async with self.sessions.begin() as session:
            await session.execute(
                insert(WorkerSign).values(row).on_conflict_do_update(index_elements=["name"], set_=row)
            )

    async def _seal(self) -> None:
        async with self.sessions.begin() as session:
            await seal(session, self.service)

    async def _forget_keys(self) -> None:
        """Remove idempotency keys past their day."""
        async with self.sessions.begin() as session:
            await session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at < func.now()))


async def work(service: str, subscriber: Subscriber | None = None, duties: Sequence[Duty] = ()) -> None:
    """Run a service's worker until SIGTERM or Ctrl-C; batches under way are finished or come again."""
    configure(service, settings().log_level)
    database, nats = settings().database_url, settings().nats_url
    if database is None or nats is None:
        raise SystemExit("ROUNDTABLE_DATABASE_URL and ROUNDTABLE_NATS_URL are needed: `roundtable up` sets them")
    engine = connect(
        str(database), pool=4, statement_timeout_ms=60_000, lock_timeout_ms=60_000, name=f"{service}-worker"
    )
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    async with buses.connect(str(nats), name=f"{service}-worker") as bus:
        running = asyncio.create_task(Worker(service, engine, bus, subscriber, duties).run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.wait({running}, timeout=10)
    await engine.dispose()
    log.info("worker_stopped", service=service)
