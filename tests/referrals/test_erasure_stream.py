"""After an erasure the event stream forgets too, and still tells a whole story to whoever reads it from the start."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.embedded import Nats
from services.referrals.commands.cleaning import clean
from shared import bus as buses
from shared.bus import Bus, Outgoing
from shared.consumer import Consumer
from shared.db import sessions
from shared.events.event import STREAM
from shared.events.people import DemographicsRecorded, PersonErased
from shared.inbox import Batch, Subscriber
from shared.relay import Relay
from tests.canary import a_canary, files
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.lives import ALL, BORN, DECISION, Life, at_rest, erased, lived, streamed, well
from tests.streams import delete_stream, doing, engine_of, eventually

TOLD = f'"birth_month": "{BORN}"'.encode()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "referrals")
    yield engine
    await engine.dispose()


def found_in(nats_server: Nats, wanted: bytes) -> list[str]:
    """Return the files of the stream in which something stands."""
    return [name for name, content in files(nats_server.folder) if wanted in content]


async def unlike(bus: Bus, database: Database) -> list[str]:
    """Return which events stand in the stream otherwise than in the outbox, or not at all, or with a gap before them."""
    announced = {str(row["event_id"]): row for row in await rows(database, "outbox")}
    in_stream = {event["id"]: event for event in await streamed(bus)}
    versions = defaultdict(list)
    for event in in_stream.values():
        versions[event["aggregateid"]].append(event["aggregateversion"])
    gaps = [each for each, found in versions.items() if sorted(found) != list(range(1, len(found) + 1))]
    differ = [each for each, row in announced.items() if in_stream.get(each, {}).get("data") != row["data"]]
    return gaps + differ + sorted(in_stream.keys() - announced.keys())


async def test_what_told_of_the_person_leaves_the_stream_and_its_files(
    referrals: Door, database: Database, stream: Bus, nats_server: Nats
) -> None:
    async with referrals.caller(ALL) as caller:
        well(await caller.post("/v1/referrals", json=a_referral()))
    life = await lived(referrals, database)
    await at_rest(database, stream)
    assert found_in(nats_server, TOLD), "it was there"
    await erased(referrals, life)
    await at_rest(database, stream)
    assert found_in(nats_server, TOLD) == []
    assert await unlike(stream, database) == []
    told = [event for event in await streamed(stream) if event["aggregateid"] == life.key]
    assert [event["data"] for event in told if "demographics" in event["type"]] == [{"person_key": life.key}] * 3
    report = await erased(referrals, life)
    assert (report["stream_cleaned"], report["messages_left"]) == (True, 0)


async def test_the_window_against_repetitions_does_not_swallow_what_takes_a_messages_place(
    referrals: Door, database: Database, stream: Bus, engine: AsyncEngine
) -> None:
    """The relay dies between storing the replacement and saying so: it is stored once, and it is stored."""
    life = await lived(referrals, database)
    await at_rest(database, stream)
    await erased(referrals, life)
    await clean(sessions(engine), stream)
    relay = Relay("referrals", engine, stream)
    async with engine.connect() as connection:
        await relay._send_some(connection)  # noqa: SLF001 - the step during which the relay dies
        await connection.rollback()
    await at_rest(database, stream)
    ids = [event["id"] for event in await streamed(stream)]
    assert len(ids) == len(set(ids)), "nothing is there twice"
    assert await unlike(stream, database) == []


async def test_an_event_that_was_just_on_its_way_is_caught_as_well(
    referrals: Door, database: Database, stream: Bus, engine: AsyncEngine, nats_server: Nats
) -> None:
    """The relay has read the event as it was, the erasure commits, then the relay sends what it had read."""
    life = await lived(referrals, database)
    relay = Relay("referrals", engine, stream)
    publish = relay._publish  # noqa: SLF001 - between reading and sending

    async def meanwhile(events: Sequence[Outgoing]) -> list[int]:
        await erased(referrals, life)
        await clean(sessions(engine), stream)
        return await publish(events)

    relay._publish = meanwhile  # type: ignore[method-assign]  # noqa: SLF001 - as above
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(
            text("INSERT INTO stream_seen VALUES (:created)"), {"created": (await stream.state()).created}
        )
        await relay._send_some(connection)  # noqa: SLF001 - as above
    assert found_in(nats_server, TOLD), "it got out"
    await at_rest(database, stream)
    assert found_in(nats_server, TOLD) == []
    assert await unlike(stream, database) == []


async def test_in_another_stream_nothing_of_others_is_taken_out_by_old_numbers(
    referrals: Door, database: Database, stream: Bus, engine: AsyncEngine, nats: str
) -> None:
    life = await lived(referrals, database)
    await at_rest(database, stream)
    await erased(referrals, life)
    await delete_stream(stream)
    await buses.declare(nats)
    for _ in range(30):
        await stream.publish(Outgoing("roundtable.sites.site_registered.v1", str(uuid4()), "", b"{}"))
    await clean(sessions(engine), stream)
    assert (await stream.state()).messages == 30
    await at_rest(database, stream)
    state = await stream.ask(f"STREAM.INFO.{STREAM}")
    mine = await rows(database, "outbox")
    assert state["state"]["messages"] == 30 + len(mine)
    assert all(row["data"] == {"person_key": life.key} for row in mine if "demographics" in row["subject"])


async def test_while_the_stream_is_away_the_erasure_waits_and_then_goes_on(
    referrals: Door, database: Database, stream: Bus, engine: AsyncEngine, nats: str
) -> None:
    life = await lived(referrals, database)
    await at_rest(database, stream)
    await delete_stream(stream)
    report = await erased(referrals, life)
    assert report["messages_left"] == 3
    with pytest.raises(buses.StreamProblem):
        await clean(sessions(engine), stream)
    assert (await erased(referrals, life))["messages_left"] == 3
    await buses.declare(nats)
    await at_rest(database, stream)
    assert (await erased(referrals, life))["stream_cleaned"] is True


class Reader:
    """A service that reads everything from the start and notes what it is told of people; while `broken`, it cannot."""

    def __init__(self) -> None:
        self.subscriber = Subscriber("reporting")
        self.told: list[str] = []
        self.ended: list[str] = []
        self.broken = False
        self.subscriber.on(DemographicsRecorded)(self.recorded)
        self.subscriber.on(PersonErased)(self.erased)

    async def recorded(self, _: Batch, event: DemographicsRecorded) -> None:
        """Note a month of birth, or fail."""
        if self.broken:
            raise ValueError("cannot be projected")
        self.told.append(event.birth_month or "")

    async def erased(self, _: Batch, event: PersonErased) -> None:
        """Note an end."""
        self.ended.append(event.person_key)


async def heard_all(reader: Reader, database: Database, bus: Bus) -> bool:
    """Whether every event of the outbox is known to the reader."""
    del reader
    known = {row["event_id"] for row in await rows(database, "inbox", schema="reporting")}
    letters = {row["event_id"] for row in await rows(database, "dead_letters", schema="reporting")}
    pending = await bus.consumer("reporting")
    sent = {row["event_id"] for row in await rows(database, "outbox")}
    return sent <= known | letters and pending["num_pending"] + pending["num_ack_pending"] == 0


async def test_a_fresh_reader_applies_all_that_is_left_and_sets_nothing_aside(
    referrals: Door, database: Database, stream: Bus
) -> None:
    life, reader = await lived(referrals, database), Reader()
    async with referrals.caller(ALL) as caller:
        well(await caller.post("/v1/referrals", json=a_referral()))
    await at_rest(database, stream)
    await erased(referrals, life)
    await at_rest(database, stream)
    reporting = engine_of(database, "reporting")
    async with doing(Consumer(reader.subscriber, sessions(reporting), stream).run()):
        await eventually(lambda: heard_all(reader, database, stream))
    await reporting.dispose()
    assert reader.ended == [life.key]
    assert BORN not in reader.told
    assert await rows(database, "dead_letters", schema="reporting") == []


async def test_a_reader_that_had_set_the_person_aside_is_rid_of_it(
    referrals: Door, database: Database, stream: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.consumer.DELAYS", (0.05, 0.05, 0.1, 0.1))
    life, reader = await lived(referrals, database), Reader()
    reader.broken = True
    reporting = engine_of(database, "reporting")

    async def letters() -> str:
        return json.dumps([row["body"] for row in await rows(database, "dead_letters", schema="reporting")])

    async def set_aside() -> bool:
        return BORN in await letters()

    async def rid() -> bool:
        return reader.ended == [life.key] and await letters() == "[]"

    async with doing(Consumer(reader.subscriber, sessions(reporting), stream).run()):
        await at_rest(database, stream)
        await eventually(set_aside)
        await erased(referrals, life)
        await at_rest(database, stream)
        await eventually(rid)
        await eventually(lambda: heard_all(reader, database, stream))
    await reporting.dispose()
    assert await letters() == "[]"


async def together(door: Door, database: Database, bus: Bus, *, stands: bool) -> tuple[Life, dict[str, Any]]:
    """Have one human known to two sites; return one site's record with all its traces, and the other's referral.

    The older record `stands` for both: it is the one with all the traces, or the other's.
    """
    here, there = str(uuid4()), str(uuid4())
    person = {**a_canary()["person"], "ethnic_category": "N", "language": "ig"}
    sent = a_canary(source_id="other", site_id=there, person=person)
    async with door.caller(ALL) as caller:
        if stands:
            life = await lived(door, database, site_id=here)
        other = well(await caller.post("/v1/referrals", json=sent))
        if not stands:
            life = await lived(door, database, site_id=here)
    await at_rest(database, bus)
    (merge,) = await rows(database, "merges", "WHERE undone_at IS NULL")
    pair = (UUID(other["person_id"]), life.person)
    assert (merge["person_id"], merge["into_id"]) == (pair if stands else pair[::-1])
    return life, other


@pytest.mark.parametrize("stands", [True, False], ids=["standing for both", "merged into another"])
@pytest.mark.parametrize("by_site", [False, True], ids=["by a caller of all sites", "by the site itself"])
async def test_ties_to_other_records_are_forgotten_and_others_keep_only_what_is_theirs(
    referrals: Door, database: Database, stream: Bus, nats_server: Nats, *, by_site: bool, stands: bool
) -> None:
    life, other = await together(referrals, database, stream, stands=stands)
    assert found_in(nats_server, b'"ethnic_category": "P"'), "what only the erased record said"
    (mine,) = await rows(database, "people", f"WHERE id = '{life.person}'")
    async with referrals.caller(ALL, sites=[mine["site_id"]] if by_site else None) as caller:
        report = well(await caller.request("DELETE", life.path, json=DECISION))
        assert report["tied_to"] == (None if by_site else [other["person_id"]])
        assert report["erased"]["ties to other records"] == (0 if by_site else 1)
    await at_rest(database, stream)
    for table in ("merges", "possible_matches", "announced_roots"):
        assert await rows(database, table) == [], table
    sent = await rows(database, "outbox", "WHERE subject LIKE 'people.%' ORDER BY id")
    links = [row for row in sent if life.key in json.dumps(row["data"]) and row["aggregate_id"] != life.key]
    assert links == [], "nobody else's events name the pseudonym"
    assert all(row["data"].get("into", life.key) == life.key for row in sent if row["aggregate_id"] == life.key)
    others = [row["data"] for row in sent if row["aggregate_id"] != life.key and "demographics" in row["subject"]]
    assert others[-1]["ethnic_category"] == "N"
    assert others[-1]["language"] == "ig"
    assert found_in(nats_server, b'"ethnic_category": "P"') == []
    assert not any("P" in row["data"].values() for row in sent)
    assert await unlike(stream, database) == []
    async with referrals.caller(ALL) as caller:
        assert well(await caller.get(f"/v1/people/{other['person_id']}"))["identity"]["family_name"]


async def test_two_who_erase_at_once_and_one_who_records_do_not_stand_in_a_circle(
    referrals: Door, database: Database, stream: Bus
) -> None:
    life = await lived(referrals, database)
    async with referrals.caller(ALL) as caller:
        contact = {"on": "2026-04-09", "appointment_type": "02"}
        answers = await asyncio.gather(
            *(caller.request("DELETE", life.path, json=DECISION) for _ in range(2)),
            *(caller.post(f"/v1/referrals/{each}/contacts", json=contact) for each in life.referrals * 3),
            *(caller.post("/v1/referrals", json=a_canary(source_id=f"late-{n}")) for n in range(3)),
        )
    assert {answer.status_code for answer in answers} <= {200, 201}, [answer.text for answer in answers]
    assert len(await rows(database, "outbox", "WHERE subject = 'people.erased.v1'")) == 1
    await at_rest(database, stream)
    assert await unlike(stream, database) == []
