"""A stream of a test's own on the real nats-server, and events to send through it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus as buses
from shared.bus import Bus, StreamProblem
from shared.db import connect
from shared.events.event import STREAM
from shared.events.referrals import ReferralReceived
from tests.databases import Database


@asynccontextmanager
async def fresh_stream(admin_url: str) -> AsyncIterator[Bus]:
    """Begin with an empty stream; give the deployer's connection to it."""
    async with buses.connect(admin_url, name="tests") as bus:
        await delete_stream(bus)
        await buses.declare(admin_url)
        yield bus


async def delete_stream(bus: Bus) -> None:
    with suppress(StreamProblem):
        await bus.ask(f"STREAM.DELETE.{STREAM}")


async def stored(bus: Bus) -> list[dict[str, Any]]:
    """Return every event in the stream, in order."""
    state = await bus.ask(f"STREAM.INFO.{STREAM}")
    found = []
    for sequence in range(state["state"]["first_seq"], state["state"]["last_seq"] + 1):
        reply = await bus.connection.request(
            f"$JS.API.DIRECT.GET.{STREAM}", json.dumps({"seq": sequence}).encode(), timeout=5
        )
        found.append(json.loads(reply.data))
    return found


def engine_of(database: Database, service: str) -> AsyncEngine:
    return connect(database.dsn(service), pool=4, lock_timeout_ms=20_000)


def a_received(referral_id: UUID | None = None) -> ReferralReceived:
    return ReferralReceived(
        referral_id=referral_id or uuid4(),
        person_key="0" * 32,
        received_on=date(2026, 3, 14),
        source="B1",
        source_system="iaptus",
        pathway="triage",
        programme="talking_therapies",
    )


async def eventually(holds: Callable[[], Awaitable[bool]], within: float = 15) -> None:
    """Wait until something holds; fail when it does not in time."""
    async with asyncio.timeout(within):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in servers, which set no events here
            await asyncio.sleep(0.02)


@asynccontextmanager
async def doing(work: Awaitable[None]) -> AsyncIterator[None]:
    """Have something going on meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
