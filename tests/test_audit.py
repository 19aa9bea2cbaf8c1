"""The access log: no log, no deed; nobody rewrites it; and whoever did is found out."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import audit
from shared.auth import Caller
from shared.db import sessions
from tests.databases import Database
from tests.doors import Door, open_door
from tests.referrals.builders import a_referral, rows
from tests.streams import engine_of

SOMEBODY = Caller("iaptus", frozenset())
Connection = asyncpg.Connection


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "referrals")
    yield engine
    await engine.dispose()


@pytest.fixture
async def referrals(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    async with open_door("referrals", database, tmp_path, monkeypatch) as door:
        yield door


@pytest.fixture
async def admin(database: Database) -> AsyncIterator["Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.admin_dsn, server_settings={"search_path": "referrals"})
    yield connection
    await connection.close()


async def logged(engine: AsyncEngine, count: int, first: int = 1) -> None:
    """Log deeds, one transaction each."""
    for number in range(first, first + count):
        async with sessions(engine).begin() as session:
            await audit.record(session, [audit.entry(SOMEBODY, "read", "referral", number, detail="coded")])


async def seal(engine: AsyncEngine) -> int:
    async with sessions(engine).begin() as session:
        return await audit.seal(session, "referrals")


async def verify(engine: AsyncEngine) -> tuple[int, int | None]:
    async with sessions(engine).begin() as session:
        return await audit.verify(session)


TAMPERING = (
    "UPDATE audit SET client = 'somebody else'",
    "UPDATE audit SET position = 99 WHERE position IS NOT NULL",
    "UPDATE audit SET position = 99, client = 'somebody else' WHERE position IS NULL",
    "UPDATE audit SET hash = '' WHERE position IS NOT NULL",
    "DELETE FROM audit",
    "TRUNCATE audit",
)


@pytest.mark.parametrize("who", ["service", "owner", "superuser"])
async def test_nobody_changes_or_removes_a_row(
    engine: AsyncEngine, database: Database, admin: "Connection[asyncpg.Record]", who: str
) -> None:
    await logged(engine, 2)
    await seal(engine)
    await logged(engine, 1, first=3)
    if who == "owner":
        await admin.execute("SET ROLE roundtable_owner")
    connection = await asyncpg.connect(database.dsn("referrals")) if who == "service" else admin
    try:
        for sql in TAMPERING:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)
    finally:
        if connection is not admin:
            await connection.close()
    assert await verify(engine) == (2, None)
    assert len(await rows(database, "audit")) == 3


async def test_rows_are_chained_in_the_order_they_were_written(engine: AsyncEngine, database: Database) -> None:
    await logged(engine, 3)
    assert await seal(engine) == 3
    await logged(engine, 2, first=4)
    assert await seal(engine) == 2
    assert await seal(engine) == 0
    sealed = await rows(database, "audit", "ORDER BY position")
    assert [row["position"] for row in sealed] == [1, 2, 3, 4, 5]
    assert [row["resource_id"] for row in sealed] == ["1", "2", "3", "4", "5"]
    assert len({row["hash"] for row in sealed}) == 5
    assert await verify(engine) == (5, None)


async def test_a_row_committed_late_is_chained_behind_those_already_sealed(engine: AsyncEngine) -> None:
    slow = sessions(engine)()
    await audit.record(slow, [audit.entry(SOMEBODY, "read", "referral", "slow")])
    await logged(engine, 2)
    assert await seal(engine) == 2
    await slow.commit()
    await slow.close()
    assert await seal(engine) == 1
    assert await verify(engine) == (3, None)


@pytest.mark.parametrize(
    ("sql", "holds", "broken"),
    [
        ("UPDATE audit SET client = 'nobody' WHERE position = 3", 2, 3),
        ("UPDATE audit SET detail = NULL WHERE position = 1", 0, 1),
        ("UPDATE audit SET at = at + interval '1 second' WHERE position = 5", 4, 5),
        ("UPDATE audit SET hash = sha256(hash) WHERE position = 2", 1, 2),
        ("DELETE FROM audit WHERE position = 4", 3, 4),
        ("DELETE FROM audit WHERE position = 1", 0, 1),
    ],
)
async def test_what_an_administrator_changed_behind_the_trigger_is_found_where_it_is(
    engine: AsyncEngine, admin: "Connection[asyncpg.Record]", sql: str, holds: int, broken: int
) -> None:
    await logged(engine, 6)
    await seal(engine)
    await admin.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    await admin.execute(sql)
    await admin.execute("ALTER TABLE audit ENABLE TRIGGER USER")
    assert await verify(engine) == (holds, broken)


async def test_a_row_changed_with_its_hash_made_anew_breaks_the_next(
    engine: AsyncEngine, admin: "Connection[asyncpg.Record]"
) -> None:
    """Each hash covers the one before: whoever changes a row has to make every later one anew."""
    await logged(engine, 6)
    await seal(engine)
    await admin.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    await admin.execute("UPDATE audit SET client = 'nobody' WHERE position = 3")
    async with sessions(engine).begin() as session:
        before, changed = (
            await session.scalars(select(audit.Audit).where(audit.Audit.position.in_((2, 3))).order_by(audit.Audit.id))
        ).all()
        assert before.hash is not None
        forged = audit.link(before.hash, changed)
    await admin.execute("UPDATE audit SET hash = $1 WHERE position = 3", forged)
    assert await verify(engine) == (3, 4)


async def test_what_cannot_be_logged_does_not_happen(
    referrals: Door, database: Database, admin: "Connection[asyncpg.Record]"
) -> None:
    async with referrals.caller("referrals:write referrals:read people:read") as caller:
        place = (await caller.post("/v1/referrals", json=a_referral())).headers["Location"]
        await admin.execute("REVOKE INSERT ON audit FROM roundtable_referrals")
        refused = [
            await caller.post("/v1/referrals", json=a_referral()),
            await caller.get(place),
            await caller.get("/v1/referrals"),
        ]
    assert [answer.status_code for answer in refused] == [500, 500, 500]
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in refused)
    assert "Okafor" not in "".join(answer.text for answer in refused)
    for table, count in {
        "referrals": 1,
        "people": 1,
        "person_keys": 1,
        "demographics": 1,
        "outbox": 2,
        "audit": 1,
    }.items():
        assert len(await rows(database, table)) == count, table


async def test_every_deed_names_who_what_whose_and_the_request(referrals: Door, database: Database) -> None:
    async with referrals.caller("referrals:write referrals:read people:read", client="clinic") as caller:
        told = await caller.post("/v1/referrals", json=a_referral())
        read = await caller.get(told.headers["Location"])
        await caller.get("/v1/referrals?source=B1&received_from=2026-01-01")
    deeds = await rows(database, "audit", "ORDER BY id")
    assert [(deed["client"], deed["action"], deed["resource"], deed["detail"]) for deed in deeds] == [
        ("clinic", "create", "referral", None),
        ("clinic", "read", "referral", "identified"),
        ("clinic", "read", "referrals", "list received_from,source rows=1"),
    ]
    assert [deed["trace"] for deed in deeds[:2]] == [told.headers["X-Request-Id"], read.headers["X-Request-Id"]]
    assert {str(deed["person_id"]) for deed in deeds[:2]} == {told.json()["person_id"]}
