"""The outbox: what was committed reaches the stream, in order, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus as buses
from shared.bus import Bus, Outgoing
from shared.db import sessions
from shared.outbox import Emission, emit, emit_all
from shared.relay import Relay
from tests.databases import Database
from tests.referrals.builders import rows
from tests.streams import a_received, delete_stream, doing, engine_of, eventually, stored


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "referrals")
    yield engine
    await engine.dispose()


async def unpublished(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT count(*) FROM outbox WHERE published_at IS NULL")) or 0


async def all_published(engine: AsyncEngine) -> bool:
    return await unpublished(engine) == 0


async def emitted(engine: AsyncEngine, count: int) -> list[str]:
    """Commit events, one transaction each; return their referrals' ids."""
    events = [a_received() for _ in range(count)]
    for event in events:
        async with sessions(engine).begin() as session:
            await emit(session, event, version=1)
    return [event.aggregate_id for event in events]


async def test_committed_events_reach_the_stream_in_order_and_are_kept(
    stream: Bus, engine: AsyncEngine, database: Database
) -> None:
    ids = await emitted(engine, 7)
    async with doing(Relay("referrals", engine, stream).run()):
        await eventually(lambda: all_published(engine))
    assert [event["aggregateid"] for event in await stored(stream)] == ids
    kept = await rows(database, "outbox", "ORDER BY id")
    assert [row["stream_seq"] for row in kept] == list(range(1, 8))


async def test_an_event_rolled_back_never_leaves(stream: Bus, engine: AsyncEngine) -> None:
    async with sessions(engine)() as session:
        await emit(session, a_received(), version=1)
        await session.rollback()
    ids = await emitted(engine, 1)
    async with doing(Relay("referrals", engine, stream).run()):
        await eventually(lambda: all_published(engine))
    assert [event["aggregateid"] for event in await stored(stream)] == ids


async def test_transactions_that_commit_late_are_not_skipped(stream: Bus, engine: AsyncEngine) -> None:
    """Ids are taken at the insert and seen at the commit: relaying `id > last` loses the slow ones."""
    async with doing(Relay("referrals", engine, stream).run()):
        slow = sessions(engine)()
        await emit(slow, a_received(), version=1)
        await emitted(engine, 3)
        await eventually(lambda: all_published(engine))
        await slow.commit()
        await slow.close()
        await eventually(lambda: all_published(engine))
    assert len(await stored(stream)) == 4


async def test_a_second_relay_of_a_schema_waits_for_the_first_to_go(stream: Bus, engine: AsyncEngine) -> None:
    first, second = Relay("referrals", engine, stream), Relay("referrals", engine, stream)
    running = asyncio.create_task(first.run())
    await emitted(engine, 1)
    await eventually(lambda: all_published(engine))
    async with doing(second.run()):
        await emitted(engine, 20)
        await eventually(lambda: all_published(engine))
        assert (first.published, second.published) == (21, 0)
        running.cancel()
        await emitted(engine, 3)
        await eventually(lambda: all_published(engine))
    assert second.published == 3


async def test_a_relay_that_died_between_storing_and_saying_so_stores_nothing_twice(
    stream: Bus, engine: AsyncEngine
) -> None:
    await emitted(engine, 5)
    relay = Relay("referrals", engine, stream)
    async with engine.connect() as connection:
        await relay._send_some(connection)  # noqa: SLF001 - the step during which the relay dies
        await connection.rollback()
    assert await unpublished(engine) == 5, "stored in the stream, and never said so"
    async with doing(relay.run()):
        await eventually(lambda: all_published(engine))
    assert len(await stored(stream)) == 5


async def test_a_new_stream_is_recognised_and_everything_is_sent_again(
    stream: Bus, engine: AsyncEngine, nats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.relay.RECONCILE_SECONDS", 0.2)
    ids = await emitted(engine, 4)
    async with doing(Relay("referrals", engine, stream).run()):
        await eventually(lambda: all_published(engine))
        await delete_stream(stream)
        await buses.declare(nats)

        async def all_there_again() -> bool:
            return (await stream.state()).messages == len(ids)

        await eventually(all_there_again)
    assert [event["aggregateid"] for event in await stored(stream)] == ids


async def test_a_new_stream_is_told_from_the_old_one_even_when_it_is_as_long(
    stream: Bus, engine: AsyncEngine, nats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sequences cannot tell: another service may have filled the new one before this relay looks."""
    monkeypatch.setattr("shared.relay.RECONCILE_SECONDS", 0.2)
    ids = await emitted(engine, 3)
    async with doing(Relay("referrals", engine, stream).run()):
        await eventually(lambda: all_published(engine))
    await delete_stream(stream)
    await buses.declare(nats)
    for _ in range(5):
        await stream.publish(Outgoing("roundtable.sites.site_registered.v1", str(uuid4()), "", b"{}"))
    async with doing(Relay("referrals", engine, stream).run()):

        async def all_there_again() -> bool:
            return (await stream.state()).messages == 5 + len(ids)

        await eventually(all_there_again)


async def test_a_relay_sends_nothing_to_a_stream_that_is_not_as_it_must_be(
    stream: Bus, engine: AsyncEngine, nats: str
) -> None:
    await delete_stream(stream)
    await stream.ask("STREAM.CREATE.ROUNDTABLE", buses.STREAM_CONFIG | {"discard": "old"})
    await emitted(engine, 1)
    relay = Relay("referrals", engine, stream)

    async def says_why() -> bool:
        return "discard" in relay.trouble

    async with doing(relay.run()):
        await eventually(says_why)
        assert await unpublished(engine) == 1
        await buses.declare(nats)
        await eventually(lambda: all_published(engine))


async def test_versions_of_one_aggregate_cannot_fork(engine: AsyncEngine) -> None:
    event = a_received(uuid4())
    with pytest.raises(Exception, match="uq_outbox_aggregate_id_version"):
        async with sessions(engine).begin() as session:
            await emit_all(session, [Emission(event, 1), Emission(event, 1)])


async def test_the_trace_of_the_request_travels_with_the_event(stream: Bus, engine: AsyncEngine) -> None:
    async with sessions(engine).begin() as session:
        await emit_all(session, [Emission(a_received(), 1, "4bf92f3577b34da6a3ce929d0e0e4736")])
    async with doing(Relay("referrals", engine, stream).run()):
        await eventually(lambda: all_published(engine))
    (event,) = await stored(stream)
    assert event["traceparent"].split("-")[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert event["specversion"] == "1.0"
    assert event["type"] == "roundtable.referrals.received.v1"
