"""Reporting is disposable: made again from events, it is the same, row for row."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from deploy import CannotRunError
from deploy import rebuild as rebuilding
from deploy.event_sources import LIVE, NEXT, Outboxes
from deploy.migrate import check
from deploy.rebuild import FACTS, SWAPPED, rebuild, rebuild_from_outboxes, rebuild_from_stream
from shared.bus import Outgoing
from shared.db import connect, lock_key, sessions
from shared.events.event import PREFIX, Event
from shared.inbox import Incoming, read
from shared.outbox import Emission, emit_all, envelope
from tests.databases import Database
from tests.reporting.builders import Post, history
from tests.reporting.conftest import Facts, apply
from tests.streams import a_received, fresh_stream

TABLES = tuple(table.name for table in FACTS)
SERVICE_OF = {"people": "referrals"}


def quiet(_: str) -> None:
    """Say nothing."""


async def announce(database: Database, events: Sequence[Event]) -> None:
    """Put events into the outboxes of the services that announce them, as those services do."""
    versions = Post().versions
    by_service: dict[str, list[Emission]] = {}
    for event in events:
        versions[event.aggregate_id] += 1
        name = event.subject.split(".")[0]
        by_service.setdefault(SERVICE_OF.get(name, name), []).append(Emission(event, versions[event.aggregate_id]))
    for service, emissions in by_service.items():
        engine = connect(database.dsn(service), pool=1)
        async with sessions(engine).begin() as session:
            await emit_all(session, emissions)
        await engine.dispose()


async def announced(database: Database) -> list[Incoming]:
    """Return what the outboxes hold, as it would travel."""
    connection = await asyncpg.connect(database.admin_dsn)
    rows = [
        (service, row)
        for service in ("sites", "surveys", "referrals")
        for row in await connection.fetch(f"SELECT * FROM {service}.outbox ORDER BY id")  # noqa: S608 - our own names
    ]
    await connection.close()
    return [read(PREFIX + row["subject"], _body(row, service)) for service, row in rows]


def _body(row: asyncpg.Record, service: str) -> bytes:
    return json.dumps(envelope(SimpleNamespace(**dict(row) | {"data": json.loads(row["data"])}), service)).encode()


@pytest.fixture
async def admin(database: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database.admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def lived(database: Database, facts: Facts) -> Facts:
    """Facts that live reporting made of announced events."""
    await announce(database, history(7, pathways=300, people=150))
    await apply(database, await announced(database))
    return facts


async def shape(admin: "asyncpg.Connection[asyncpg.Record]") -> list[tuple[object, ...]]:
    """Return grants, comments and indexes of the tables that are swapped."""
    rows = await admin.fetch(
        """
        SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner), c.relacl::text, obj_description(c.oid, 'pg_class'),
               pg_get_indexdef(c.oid), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               col_description(c.oid, a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_index i ON i.indexrelid = c.oid
        WHERE c.relnamespace = 'reporting'::regnamespace
          AND coalesce(i.indrelid, c.oid) = ANY (SELECT to_regclass('reporting.' || name) FROM unnest($1::text[]) name)
        ORDER BY 1, a.attnum
        """,
        list(SWAPPED),
    )
    return [tuple(row) for row in rows]


async def test_the_rebuilt_facts_equal_the_live_ones(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    before, figures = await shape(admin), await lived.report("2020-10", "2022-09", by="site,ethnic_group")
    outcome = await rebuild_from_outboxes(database.admin_dsn, check=False, say=quiet)
    assert outcome.differing == dict.fromkeys(("inbox", *TABLES), 0)
    assert outcome.swapped
    assert outcome.events == await admin.fetchval("SELECT events FROM reporting.inbox_position")
    assert await shape(admin) == before
    again = await lived.report("2020-10", "2022-09", by="site,ethnic_group")
    assert again["rows"] == figures["rows"]
    assert again["as_of"]["events"] == figures["as_of"]["events"]
    assert await admin.fetchval("SELECT to_regnamespace('reporting_next')") is None
    await check(database.admin_dsn, "reporting")


async def test_a_check_finds_the_rows_that_differ_and_changes_nothing(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    del lived
    three = "SELECT referral_id FROM reporting.pathways WHERE source <> 'Q1' ORDER BY 1 LIMIT 3"
    await admin.execute(f"UPDATE reporting.pathways SET source = 'Q1' WHERE referral_id IN ({three})")  # noqa: S608 - ours
    await admin.execute(
        "DELETE FROM reporting.persons WHERE person_key = (SELECT max(person_key) FROM reporting.persons)"
    )
    outcome = await rebuild_from_outboxes(database.admin_dsn, check=True, say=quiet)
    assert outcome.differing == dict.fromkeys(("inbox", *TABLES), 0) | {"pathways": 3, "persons": 1}
    assert not outcome.swapped
    mended = await rebuild_from_outboxes(database.admin_dsn, check=False, say=quiet)
    assert mended.differing == outcome.differing
    assert (await rebuild_from_outboxes(database.admin_dsn, check=True, say=quiet)).equal


async def test_events_that_live_reporting_has_not_had_yet_are_in_the_new_facts_and_come_to_no_harm_later(
    facts: Facts, database: Database
) -> None:
    await announce(database, history(8, pathways=60, people=30))
    events = await announced(database)
    outcome = await rebuild_from_outboxes(database.admin_dsn, check=False, say=quiet)
    assert outcome.equal
    assert outcome.events == len(events)
    assert outcome.left_over == 0
    before = await facts.report("2020-10", "2022-09", by="source")
    await apply(database, events)  # the stream brings them all again
    assert await facts.report("2020-10", "2022-09", by="source") == before


async def test_readers_never_notice_that_tables_change_places(lived: Facts, database: Database) -> None:
    before = await lived.report("2020-10", "2022-09", by="site,ethnic_group")
    read: list[object] = []

    async def read_on() -> None:
        while True:
            read.append(await lived.report("2020-10", "2022-09", by="site,ethnic_group"))

    async with asyncio.TaskGroup() as readers:
        tasks = [readers.create_task(read_on()) for _ in range(2)]
        assert (await rebuild_from_outboxes(database.admin_dsn, check=False, say=quiet)).swapped
        for task in tasks:
            task.cancel()
    assert len(read) > 10
    assert all(isinstance(each, dict) and each["rows"] == before["rows"] for each in read)


async def test_what_happens_meanwhile_is_in_the_new_facts_and_reads_go_on(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    more = history(9, pathways=80, people=40)

    async def meanwhile() -> None:
        await announce(database, [event for event in more if event.subject == "referrals.received.v1"])
        await apply(database, await announced(database))
        seen.append((await lived.report("2020-10", "2022-09"))["rows"])

    engine = connect(database.admin_dsn, pool=2, search_path=NEXT)
    seen: list[object] = []
    said: list[str] = []
    outcome = await rebuild(engine, Outboxes(engine), check=False, say=said.append, meanwhile=meanwhile)
    await engine.dispose()
    assert outcome.equal, said
    assert await admin.fetchval("SELECT count(*) FROM reporting.pathways") == 380
    assert [(await lived.report("2020-10", "2022-09"))["rows"]] == seen


async def test_the_worker_waits_while_tables_change_places_and_loses_nothing(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    del lived
    swap = rebuilding._Rebuild._swap  # noqa: SLF001 - the moment that matters
    working: list[asyncio.Task[None]] = []

    async def swap_while_the_worker_works(self: Any) -> None:
        await announce(database, [a_received()])
        working.append(asyncio.create_task(apply(database, await announced(database))))
        await asyncio.wait(working, timeout=0.5)
        assert not working[0].done(), "it would have written into tables that are about to go"
        await swap(self)

    monkeypatch.setattr(rebuilding._Rebuild, "_swap", swap_while_the_worker_works)  # noqa: SLF001 - as above
    assert (await rebuild_from_outboxes(database.admin_dsn, check=False, say=quiet)).swapped
    await working[0]
    assert await admin.fetchval("SELECT count(*) FROM reporting.pathways") == 301


async def test_the_stream_gives_the_same_facts(lived: Facts, database: Database, nats: str) -> None:
    del lived
    events = await announced(database)
    async with fresh_stream(nats) as bus:
        for event in events:
            await bus.publish(Outgoing(f"{PREFIX}{event.subject}", str(event.event_id), "", event.body.encode()))
        outcome = await rebuild_from_stream(database.admin_dsn, nats, check=False, say=quiet)
    assert outcome.equal
    assert outcome.swapped
    assert outcome.events == len(events)


async def test_an_event_that_was_skipped_is_skipped_again(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    del lived
    bad = await admin.fetchrow("SELECT event_id FROM sites.outbox WHERE subject = 'sites.site_registered.v1' LIMIT 1")
    assert bad is not None
    await admin.execute("UPDATE sites.outbox SET subject = 'sites.site_registered.v9' WHERE event_id = $1", bad[0])
    outcome = await rebuild_from_outboxes(database.admin_dsn, check=True, say=quiet)
    assert outcome.differing["inbox"] == 0, "it counts as seen"
    assert sum(outcome.differing.values()) == 1, "and has no effect"


async def test_a_rebuild_that_was_killed_leaves_nothing_in_the_way(
    lived: Facts, database: Database, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    del lived
    await admin.execute("CREATE SCHEMA reporting_next; CREATE TABLE reporting_next.pathways (half int)")
    assert (await rebuild_from_outboxes(database.admin_dsn, check=True, say=quiet)).equal


async def test_two_rebuilds_at_once_are_one_too_many(database: Database) -> None:
    engine = connect(database.admin_dsn, pool=2, search_path=NEXT)
    async with engine.connect() as other:
        await other.execute(text("SELECT pg_advisory_lock(:key)"), {"key": lock_key(LIVE, "one rebuild")})
        with pytest.raises(CannotRunError, match="Another rebuild"):
            await rebuild_from_outboxes(database.admin_dsn, check=True, say=quiet)
        await other.invalidate()
    await engine.dispose()
