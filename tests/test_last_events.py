"""The last event of an aggregate gets through, whatever is missing or set aside; nothing of what comes behind it is kept."""

from collections.abc import AsyncIterator, Sequence
from itertools import permutations
from uuid import uuid4

import pytest
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.db import sessions
from shared.events.event import PREFIX, Event
from shared.events.people import DemographicsRecorded, PersonErased, PersonRestricted
from shared.inbox import END, Batch, Incoming, Subscriber, read
from tests.databases import Database
from tests.referrals.builders import rows
from tests.streams import engine_of

SECRET = "G"  # an ethnic category, as good as any


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "reporting")
    yield engine
    await engine.dispose()


class Heard:
    """A service that notes which events of people took effect; while `broken`, erasing fails."""

    def __init__(self) -> None:
        self.subscriber = Subscriber("reporting")
        self.effects: list[str] = []
        self.broken = False
        for contract in (DemographicsRecorded, PersonRestricted, PersonErased):
            self.subscriber.on(contract)(self.happened)

    async def happened(self, _: Batch, event: Event) -> None:
        """Note an event, or fail."""
        if self.broken and event.last:
            raise ValueError("cannot be projected")
        self.effects.append(event.subject.split(".")[1])


def sent(event: Event, version: int, tries: int = 1, subject: str = "") -> Incoming:
    """Return an event as it comes."""
    body = {
        "id": uuid4(),
        "source": "/roundtable/referrals",
        "type": f"{PREFIX}{event.subject}",
        "subject": event.aggregate_id,
        "time": "2026-03-14T10:00:00Z",
        "dataschema": "/events",
        "aggregateid": event.aggregate_id,
        "aggregateversion": version,
        "data": event.model_dump(mode="json"),
    }
    return read(f"{PREFIX}{subject or event.subject}", to_json(body), tries)


def life(person: str) -> tuple[Incoming, Incoming, Incoming]:
    """Return what is announced of a person from the first to the last."""
    return (
        sent(DemographicsRecorded(person_key=person, ethnic_category=SECRET), 1, tries=9),
        sent(PersonRestricted(person_key=person), 2, tries=9),
        sent(PersonErased(person_key=person), 3, tries=9),
    )


async def apply(engine: AsyncEngine, heard: Heard, *messages: Incoming) -> None:
    async with sessions(engine).begin() as session:
        await heard.subscriber.apply(session, messages)


async def kept(database: Database) -> tuple[list[tuple[str, int]], list[str]]:
    """Return what the inbox holds, by event and version, and the bodies set aside."""
    inbox = await rows(database, "inbox", schema="reporting")
    letters = await rows(database, "dead_letters", schema="reporting")
    return sorted((str(row["event_id"]), row["version"]) for row in inbox), [row["body"] for row in letters]


def numbered(messages: Sequence[Incoming]) -> list[tuple[str, int]]:
    """Return events by their versions, the last one as the end."""
    return sorted((str(each.event_id), END if each.is_last else each.version) for each in messages)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_whatever_order_they_come_in_the_last_takes_effect_and_nothing_after_it(
    engine: AsyncEngine, database: Database, order: Sequence[int], *, together: bool
) -> None:
    heard, events = Heard(), life("a" * 32)
    arriving = [events[place] for place in order]
    for batch in [arriving] if together else [[each] for each in arriving]:
        await apply(engine, heard, *batch)
    assert heard.effects[-1] == "erased"
    assert heard.effects.count("erased") == 1
    assert await kept(database) == (numbered(events), []), "every event is known, and no body is kept"


async def test_it_gets_through_behind_parked_and_held_ones_and_clears_them_away(
    engine: AsyncEngine, database: Database
) -> None:
    heard, (recorded, restricted, erased) = Heard(), life("a" * 32)
    unknown = sent(DemographicsRecorded(person_key="a" * 32, ethnic_category=SECRET), 1, subject="people.recorded.v9")
    del recorded
    other = sent(DemographicsRecorded(person_key="b" * 32), 1, subject="people.recorded.v9")
    await apply(engine, heard, unknown, restricted, other)
    assert len((await kept(database))[1]) == 3, "parked, and held behind it; and somebody else's"
    await apply(engine, heard, erased)
    assert heard.effects == ["erased"]
    assert await kept(database) == (numbered([unknown, restricted, erased]), [other.body])


async def test_what_comes_behind_the_end_is_dropped_even_when_it_cannot_be_read_or_is_another_end(
    engine: AsyncEngine, database: Database
) -> None:
    heard, (recorded, restricted, erased) = Heard(), life("a" * 32)
    await apply(engine, heard, erased)
    unreadable = sent(DemographicsRecorded(person_key="a" * 32), 2, subject="people.recorded.v9")
    again = sent(PersonErased(person_key="a" * 32), 7)
    fork = sent(DemographicsRecorded(person_key="a" * 32, ethnic_category=SECRET), 1)
    for late in (recorded, unreadable, again, fork, restricted, recorded):
        await apply(engine, heard, late)
    assert heard.effects == ["erased"]
    inbox, bodies = await kept(database)
    assert bodies == []
    assert {event for event, _ in inbox} == {str(each.event_id) for each in (erased, recorded, unreadable, again)}


async def test_an_end_that_cannot_be_projected_is_tried_again_with_those_it_clears_away(
    engine: AsyncEngine, database: Database
) -> None:
    heard, (recorded, restricted, erased) = Heard(), life("a" * 32)
    heard.broken = True
    await apply(engine, heard, restricted)
    with pytest.raises(ValueError, match="cannot be projected"):
        await apply(engine, heard, erased)
    async with sessions(engine).begin() as session:
        await heard.subscriber.park(session, erased, "projection failed: ValueError")
    heard.broken = False
    async with sessions(engine).begin() as session:
        assert await heard.subscriber.retry(session, "a" * 32) == 1
    await apply(engine, heard, recorded)
    assert heard.effects == ["erased"]
    assert await kept(database) == (numbered([recorded, restricted, erased]), [])


async def test_other_aggregates_keep_their_order_beside_one_that_ends(engine: AsyncEngine, database: Database) -> None:
    heard, ending, living = Heard(), life("a" * 32), life("b" * 32)
    await apply(engine, heard, ending[2], living[1], ending[0])
    assert heard.effects == ["demographics_recorded", "erased"], "sorted within a batch; the other's second waits"
    await apply(engine, heard, living[0])
    assert heard.effects[2:] == ["demographics_recorded", "restricted"]
    assert (await kept(database))[1] == []
