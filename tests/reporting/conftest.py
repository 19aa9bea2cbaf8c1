"""Facts to ask about: events applied as the worker applies them, read through the real app."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy import SERVICES
from deploy.embedded import Postgres
from services.reporting.projections import subscriber
from shared.db import connect, sessions
from shared.events.event import Event
from shared.inbox import Incoming
from tests.databases import Database
from tests.doors import Door, open_door
from tests.reporting.builders import Post, history

SEED = 20261120


class Facts:
    """One database of facts, and the app that shows them."""

    def __init__(self, database: Database, door: Door) -> None:
        self.database = database
        self.door = door
        self.post = Post()

    async def learn(self, *events: Event) -> None:
        """Let events take effect."""
        await apply(self.database, self.post.wrap(events))

    async def get(self, path: str, scope: str = "reports:read", **parameters: Any) -> httpx.Response:
        """Ask the app; `from_` stands for `from`."""
        asked = {name.rstrip("_"): value for name, value in parameters.items()}
        async with self.door.caller(scope) as caller:
            return await caller.get(path, params=asked)

    async def report(
        self, first: str, last: str, *, measure: str = "referrals_received", profile: str = "exact", **parameters: Any
    ) -> dict[str, Any]:
        """Return the report of a measure, which must be there."""
        scope = "reports:exact" if profile == "exact" else "reports:read"
        answer = await self.get(f"/v1/reports/{measure}", scope, from_=first, to=last, profile=profile, **parameters)
        assert answer.status_code == httpx.codes.OK, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def apply(database: Database, messages: Sequence[Incoming]) -> None:
    """Let messages take effect as the worker does: in batches, as reporting's own role."""
    engine = connect(database.dsn("reporting"), pool=1)
    try:
        for start in range(0, len(messages), 500):
            async with sessions(engine)() as session:
                await subscriber.apply(session, messages[start : start + 500])
                await session.commit()
    finally:
        await engine.dispose()


@pytest.fixture
async def facts(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Facts]:
    """Give a test facts of its own; there are none yet."""
    async with open_door("reporting", database, tmp_path, monkeypatch) as door:
        yield Facts(database, door)


@asynccontextmanager
async def copy_of(server: Postgres, template: Database) -> AsyncIterator[Database]:
    """Make a migrated database that several tests read."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server.dsn())
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE roundtable STRATEGY file_copy")
    for service in SERVICES:
        await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO roundtable_{service}")
    yield Database(server.dsn(name), template.passwords)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="session")
def borough_history() -> list[Event]:
    """Return a random history, the same in every run."""
    return history(SEED)


@pytest.fixture(scope="session")
async def borough_database(
    postgres_server: Postgres, migrated: Database, borough_history: list[Event]
) -> AsyncIterator[Database]:
    """Hold the facts of the random history, for tests that only read."""
    async with copy_of(postgres_server, migrated) as database:
        await apply(database, Post().wrap(borough_history))
        yield database


@pytest.fixture
async def borough(borough_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Facts]:
    """Ask about the random history; teach it nothing."""
    async with open_door("reporting", borough_database, tmp_path, monkeypatch) as door:
        yield Facts(borough_database, door)
