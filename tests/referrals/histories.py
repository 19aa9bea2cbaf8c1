"""Records of people at sites, the matcher's work on them, and what a listener makes of what is announced."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.referrals.commands.matcher import BATCH, examine
from shared.crypto import keyring
from shared.db import connect, sessions
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

NUMBERS = ("9434765919", "9434765870")
ADA = {"family_name": "Okafor", "given_name": "Ada", "birth_date": "1980-05-17", "postcode": "SW17 0QT"}
RECORDER = "referrals:write referrals:read people:read people:write"


async def recorded(door: Door, site: UUID | None, **person: Any) -> UUID:
    """Record a referral of a person at a site and return the person's id."""
    async with door.caller(RECORDER, client=f"system of {site}".replace(" ", "-")) as caller:
        new = a_referral(site_id=None if site is None else str(site), person=person)
        answer = await caller.post("/v1/referrals", json=new)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["person_id"])


@asynccontextmanager
async def worker_sessions(database: Database) -> AsyncIterator[async_sessionmaker[AsyncSession]]:
    """Connect as the worker of the service does."""
    engine = connect(database.dsn("referrals"), pool=2, statement_timeout_ms=60_000, lock_timeout_ms=60_000)
    yield sessions(engine)
    await engine.dispose()


async def matched(database: Database, batch: int = BATCH) -> int:
    """Let the matcher work until nothing is left; return how many records it examined."""
    total = 0
    async with worker_sessions(database) as made:
        while done := await examine(made, batch):
            total += done
    return total


async def announced(database: Database) -> list[dict[str, Any]]:
    """Return every event about people, in order, and hold that no version of anybody is missing."""
    events = await rows(database, "outbox", "WHERE subject LIKE 'people.%' ORDER BY id")
    versions = defaultdict(list)
    for event in events:
        versions[event["aggregate_id"]].append(event["version"])
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))
    told = {keyring().person_key(row["id"]): row["announced"] for row in await rows(database, "people")}
    assert {key: len(found) for key, found in versions.items()} == told
    return events


async def standing(database: Database, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return as whom each person counts for a listener that has heard everything."""
    names = {keyring().person_key(one): one for one in ids}
    into: dict[str, str] = {}
    for event in await announced(database):
        if event["subject"] == "people.merged.v1":
            into[event["data"]["person_key"]] = event["data"]["into"]
        elif event["subject"] == "people.unmerged.v1":
            del into[event["data"]["person_key"]]
    for root in into.values():
        assert root not in into, "whoever stands for others is not merged itself"
    return {one: names[into.get(key, key)] for key, one in names.items()}


async def pictures(database: Database, person_id: UUID) -> list[dict[str, Any]]:
    """Return everything that was said of a person's demographics, in order."""
    key = keyring().person_key(person_id)
    return [
        {name: value for name, value in event["data"].items() if name != "person_key"}
        for event in await announced(database)
        if event["aggregate_id"] == key and event["subject"] == "people.demographics_recorded.v1"
    ]


async def changed(database: Database, person_id: UUID, **to: Any) -> None:
    """Write a person's identifying fields as a correction does, and have them examined again."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        row = await connection.fetchrow("SELECT * FROM referrals.person_keys WHERE person_id = $1", person_id)
        assert row is not None
        key = keyring().open_person(person_id, row["wrapped_by"], row["wrapped"])
        for name, value in to.items():
            sealed = None if value is None else key.seal(name, value)
            await connection.execute(f"UPDATE referrals.people SET {name} = $2 WHERE id = $1", person_id, sealed)  # noqa: S608 - ours
        await connection.execute("UPDATE referrals.people SET examined_at = NULL WHERE id = $1", person_id)
    finally:
        await connection.close()
