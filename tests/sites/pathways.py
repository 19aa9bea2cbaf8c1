"""Events of pathways as sites hear them, and what is kept of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.projections import subscriber
from shared.db import limit_to, sessions
from shared.inbox import Incoming
from tests.databases import Database
from tests.streams import engine_of


@asynccontextmanager
async def working(database: Database) -> AsyncIterator[AsyncSession]:
    """Open a transaction as the worker of sites has it."""
    engine = engine_of(database, "sites")
    try:
        async with sessions(engine).begin() as session:
            limit_to(session, None)
            yield session
    finally:
        await engine.dispose()


async def heard(database: Database, messages: Sequence[Incoming]) -> None:
    """Let messages take effect as the worker does, in batches."""
    for start in range(0, len(messages), 500):
        async with working(database) as session:
            await subscriber.apply(session, messages[start : start + 500])
