"""The inbox: an event takes effect once, in its aggregate's order, and one that cannot stops only itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bus as buses
from shared.bus import Bus
from shared.consumer import Consumer
from shared.db import sessions
from shared.events.event import PREFIX
from shared.events.referrals import ReferralReceived
from shared.inbox import Batch, Incoming, Subscriber, read
from shared.outbox import Emission, emit_all
from shared.relay import Relay
from shared.telemetry import new_trace
from tests.databases import Database
from tests.referrals.builders import rows
from tests.streams import a_received, doing, engine_of, eventually, stored

SUBJECT = f"{PREFIX}referrals.received.v1"


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "reporting")
    yield engine
    await engine.dispose()


class Heard:
    """A service that notes what took effect; while `broken`, its projection of one referral fails."""

    def __init__(self) -> None:
        self.subscriber = Subscriber("reporting")
        self.effects: list[UUID] = []
        self.broken: UUID | None = None
        self.subscriber.on(ReferralReceived)(self.received)

    async def received(self, _: Batch, event: ReferralReceived) -> None:
        """Note a referral, or fail."""
        if event.referral_id == self.broken:
            raise ValueError("cannot be projected")
        self.effects.append(event.referral_id)


def message(referral_id: UUID, version: int, event_id: UUID | None = None) -> bytes:
    """Return an event as it travels."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(event_id or uuid4()),
            "source": "/roundtable/referrals",
            "type": SUBJECT,
            "subject": str(referral_id),
            "time": "2026-03-14T10:00:00Z",
            "dataschema": "/events/referrals.received/v1",
            "aggregateid": str(referral_id),
            "aggregateversion": version,
            "traceparent": f"00-{new_trace()}-{'1' * 16}-01",
            "data": a_received(referral_id).model_dump(mode="json"),
        }
    ).encode()


async def apply(engine: AsyncEngine, heard: Heard, *messages: Incoming) -> str:
    """Apply messages in one transaction; return the verdict in a word per message."""
    async with sessions(engine).begin() as session:
        verdict = await heard.subscriber.apply(session, messages)
    early = {each.event_id for each in verdict.early}
    aside = {each.event_id: state for each, state in verdict.aside}
    applied = {each.event_id for each in verdict.applied}
    return " ".join(
        "early" if m.event_id in early else aside.get(m.event_id) or ("applied" if m.event_id in applied else "known")
        for m in messages
    )


async def in_effect(database: Database) -> list[UUID]:
    """Return the referrals whose events were committed as having taken effect."""
    return sorted(UUID(row["aggregate_id"]) for row in await rows(database, "inbox", schema="reporting"))


async def test_an_event_that_comes_twice_takes_effect_once(engine: AsyncEngine) -> None:
    heard, once = Heard(), read(SUBJECT, message(uuid4(), 1))
    assert await apply(engine, heard, once) == "applied"
    assert await apply(engine, heard, once) == "known"
    assert len(heard.effects) == 1


async def test_an_event_twice_in_one_batch_takes_effect_once(engine: AsyncEngine) -> None:
    heard, once = Heard(), read(SUBJECT, message(uuid4(), 1))
    await apply(engine, heard, once, once)
    assert len(heard.effects) == 1


async def test_a_later_version_waits_for_the_earlier_one(engine: AsyncEngine) -> None:
    heard, referral = Heard(), uuid4()
    second, first = read(SUBJECT, message(referral, 2)), read(SUBJECT, message(referral, 1))
    assert await apply(engine, heard, second) == "early"
    assert await apply(engine, heard, second, first) == "applied applied"


async def test_one_that_waited_too_long_is_set_aside_and_comes_back_by_itself(
    engine: AsyncEngine, database: Database
) -> None:
    heard, referral = Heard(), uuid4()
    patient = read(SUBJECT, message(referral, 2), tries=6)
    assert await apply(engine, heard, patient) == "waiting"
    assert await apply(engine, heard, read(SUBJECT, message(referral, 1))) == "applied"
    assert len(heard.effects) == 2
    assert await rows(database, "dead_letters", schema="reporting") == []


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (SUBJECT, b"not json \xff\x00"),
        (SUBJECT, b"{}"),
        (f"{PREFIX}referrals.received.v9", message(uuid4(), 1)),
        (SUBJECT, message(uuid4(), 1).replace(b'"B1"', b'"??"')),
        (SUBJECT, message(uuid4(), 1).replace(b'"aggregateversion": 1', b'"aggregateversion": 99999999999')),
    ],
    ids=["bytes", "empty", "unknown version", "breaks its contract", "impossible version"],
)
async def test_what_cannot_be_read_is_parked_and_the_rest_flows_on(
    engine: AsyncEngine, database: Database, subject: str, body: bytes
) -> None:
    heard = Heard()
    bad = read(subject, body)
    assert await apply(engine, heard, read(SUBJECT, message(uuid4(), 1)), bad, read(SUBJECT, message(uuid4(), 1))) == (
        "applied parked applied"
    )
    assert await apply(engine, heard, bad) == "known"
    assert [row["state"] for row in await rows(database, "dead_letters", schema="reporting")] == ["parked"]


async def test_later_events_of_a_parked_one_are_held_and_released_in_order(engine: AsyncEngine) -> None:
    heard, referral = Heard(), uuid4()
    unknown = read(f"{PREFIX}referrals.received.v9", message(referral, 1))
    assert await apply(engine, heard, unknown) == "parked"
    assert await apply(engine, heard, read(SUBJECT, message(referral, 2))) == "held"
    assert await apply(engine, heard, read(SUBJECT, message(referral, 3))) == "held"
    async with sessions(engine).begin() as session:
        assert await heard.subscriber.retry(session, str(referral)) == 0
    async with sessions(engine).begin() as session:
        assert await heard.subscriber.skip(session, unknown.event_id) == 2
    assert heard.effects == [referral, referral]


async def test_a_projection_that_fails_is_tried_again_then_parked_while_others_flow(
    stream: Bus, engine: AsyncEngine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.consumer.DELAYS", (0.05, 0.05, 0.1, 0.1))
    heard, bad = Heard(), uuid4()
    heard.broken = bad
    good = [uuid4() for _ in range(20)]
    for referral in [*good[:10], bad, *good[10:]]:
        await stream.connection.publish(SUBJECT, message(referral, 1))
    consumer = Consumer(heard.subscriber, sessions(engine), stream)

    async def parked() -> bool:
        return len(await rows(database, "dead_letters", schema="reporting")) == 1

    async with doing(consumer.run()):
        await eventually(parked)
        (letter,) = await rows(database, "dead_letters", schema="reporting")
        assert await in_effect(database) == sorted(good)
        assert (letter["tries"], letter["reason"]) == (5, "projection failed: ValueError")
        heard.broken = None
        async with sessions(engine).begin() as session:
            assert await heard.subscriber.retry(session, str(bad)) == 1
    assert await in_effect(database) == sorted([*good, bad])


async def test_nothing_is_acknowledged_before_it_is_committed(
    stream: Bus, engine: AsyncEngine, nats: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer that dies between the two hears the event again; one that acknowledged first would lose it."""
    heard, referral = Heard(), uuid4()
    await stream.connection.publish(SUBJECT, message(referral, 1))
    dying = Consumer(heard.subscriber, sessions(engine), stream)
    died = asyncio.Event()

    async def die(*_: object) -> None:
        died.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(dying, "_answer", die)
    async with doing(dying.run()):
        async with asyncio.timeout(10):
            await died.wait()
    information = await stream.consumer("reporting")
    assert information["num_ack_pending"] == 1, "still the server's to deliver"
    assert heard.effects == [referral]
    async with buses.connect(nats, name="again") as again:
        await again.ask("CONSUMER.DELETE.ROUNDTABLE.reporting")
        await buses.declare(nats)

        async def all_acknowledged() -> bool:
            found = await again.consumer("reporting")
            return bool(
                found["num_pending"] == 0 and found["num_ack_pending"] == 0 and found["ack_floor"]["stream_seq"] == 1
            )

        async with doing(Consumer(heard.subscriber, sessions(engine), again).run()):
            await eventually(all_acknowledged)
    assert heard.effects == [referral], "delivered twice, in effect once"


async def test_events_travel_from_one_schema_to_the_other(stream: Bus, engine: AsyncEngine, database: Database) -> None:
    heard, source = Heard(), engine_of(database, "referrals")
    events = [a_received() for _ in range(1500)]
    async with sessions(source).begin() as session:
        await emit_all(session, [Emission(event, 1) for event in events])

    async def all_heard() -> bool:
        (position,) = await rows(database, "inbox_position", schema="reporting")
        return int(position["events"]) >= len(events)  # what took effect is seen before its commit, this only after it

    async with (
        doing(Relay("referrals", source, stream).run()),
        doing(Consumer(heard.subscriber, sessions(engine), stream).run()),
    ):
        await eventually(all_heard)
    assert len(await stored(stream)) == 1500
    assert sorted(heard.effects) == sorted(event.referral_id for event in events)
    (position,) = await rows(database, "inbox_position", schema="reporting")
    assert position["events"] == 1500
    await source.dispose()


async def test_a_deleted_durable_is_noticed(stream: Bus, engine: AsyncEngine) -> None:
    consumer = Consumer(Heard().subscriber, sessions(engine), stream)

    async def listens() -> bool:
        return consumer.trouble == ""

    async def notices() -> bool:
        return "deleted" in consumer.trouble

    async with doing(consumer.run()):
        await eventually(listens)
        await stream.ask("CONSUMER.DELETE.ROUNDTABLE.reporting")
        await eventually(notices)
