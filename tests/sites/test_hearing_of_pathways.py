"""Sites hears of pathways: through its own durable, for every site, keeping days and never whose they are."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.embedded import Nats
from services.sites.projections import subscriber
from shared import bus as buses
from shared.bus import Bus, StreamProblem
from shared.consumer import Consumer
from shared.db import sessions
from shared.events.event import PREFIX, STREAM, Event
from tests.databases import Database
from tests.reporting.builders import Post, known, received
from tests.reporting.lives import contact, corrected, discharged, person_key, removed, reopened, triaged, uncontacted
from tests.sites.builders import rows
from tests.sites.pathways import heard
from tests.streams import doing, engine_of, eventually

HERE, THERE = UUID(int=1), UUID(int=2)


@asynccontextmanager
async def listening(database: Database, nats_server: Nats) -> AsyncIterator[None]:
    """Have sites' worker listen, as its own NATS user and its own database role."""
    engine = engine_of(database, "sites")
    try:
        async with (
            buses.connect(nats_server.url("sites"), name="tests") as bus,
            doing(Consumer(subscriber, sessions(engine), bus).run()),
        ):
            yield
    finally:
        await engine.dispose()


async def sent(stream: Bus, post: Post, *events: Event) -> None:
    """Store events in the stream, as the relays of those that announce them do."""
    for message in post.wrap(events):
        await stream.connection.request(f"{PREFIX}{message.subject}", message.body.encode(), timeout=5)


async def kept(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return all that sites keeps of pathways."""
    return {table: sorted(await rows(database, table), key=str) for table in ("pathways", "pathway_contacts")}


async def test_what_referrals_announces_is_kept_as_days_of_a_site_and_nobodys(
    database: Database, stream: Bus, nats_server: Nats
) -> None:
    post, one = Post(), received("2026-02-01", 7, site_id=HERE)
    first, second = contact(one.referral_id, "2026-02-10", "01"), contact(one.referral_id, "2026-02-20", "03")
    missed, mistaken = contact(one.referral_id, "2026-02-11", "02", "3"), contact(one.referral_id, "2026-02-12")
    async with listening(database, nats_server):
        await sent(stream, post, known(7), one, triaged(one.referral_id, "2026-02-03"), first, second, missed)
        await sent(stream, post, mistaken, uncontacted(mistaken), discharged(one.referral_id, "2026-05-01"))

        async def all_there() -> bool:
            found = await kept(database)
            return len(found["pathway_contacts"]) == 4 and any(row["discharged_on"] for row in found["pathways"])

        await eventually(all_there)
    found = await kept(database)
    (pathway,) = found["pathways"]
    days = {name: str(value) for name, value in pathway.items() if name.endswith("_on") and value}
    assert days == {"received_on": "2026-02-01", "discharged_on": "2026-05-01"}
    assert (pathway["site_id"], pathway["removed"]) == (HERE, False)
    counted = {(str(row["on"]), row["assessment"], row["treatment"]) for row in found["pathway_contacts"]}
    assert counted == {
        ("2026-02-10", True, False),
        ("2026-02-20", True, True),
        ("2026-02-11", False, False),
        ("None", False, False),
    }
    assert {row["version"] for row in await rows(database, "inbox")} == set(range(1, 9)), "and of people, nothing"


async def test_whose_a_pathway_is_stands_in_no_table_of_sites(
    database: Database, stream: Bus, nats_server: Nats
) -> None:
    one = received("2026-02-01", 4242, site_id=HERE)
    moved = corrected(one, site_id=THERE)
    async with listening(database, nats_server):
        await sent(stream, Post(), one, contact(one.referral_id, "2026-02-10"), moved)

        async def has_moved() -> bool:
            return [row["site_id"] for row in (await kept(database))["pathways"]] == [THERE]

        await eventually(has_moved)
    admin = await asyncpg.connect(database.admin_dsn)
    tables = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'sites'")
    everything = [str(row) for each in tables for row in await admin.fetch(f"SELECT * FROM sites.{each[0]}")]  # noqa: S608 - ours
    await admin.close()
    assert [row for row in everything if str(one.referral_id) in row], "the search finds what is there"
    assert not [row for row in everything if person_key(4242) in row]


async def test_late_early_and_repeated_events_give_the_same_days(database: Database) -> None:
    one = received("2026-02-01", site_id=HERE)
    this = one.referral_id
    history = [
        one,
        triaged(this, "2026-02-03", "rejected"),
        reopened(this),
        contact(this, "2026-02-10"),
        corrected(one, site_id=THERE),
        discharged(this, "2026-05-01"),
        reopened(this),
        discharged(this, "2026-06-01"),
        removed(this),
    ]
    messages = Post().wrap(history)
    await heard(database, messages[3:4])  # early: it comes again, as the stream would send it
    await heard(database, messages[:5])
    await heard(database, messages[:5] + messages[5:])
    found = await kept(database)
    (pathway,) = found["pathways"]
    assert (pathway["site_id"], pathway["refused_on"], str(pathway["discharged_on"])) == (THERE, None, "2026-06-01")
    assert pathway["removed"] is True
    assert len(found["pathway_contacts"]) == 1


FORGET = ("DELETE FROM sites.pathway_contacts", "DELETE FROM sites.pathways", "DELETE FROM sites.inbox")


async def test_what_is_kept_is_made_again_from_the_stream_while_the_worker_goes_on(
    database: Database, stream: Bus, nats: str, nats_server: Nats
) -> None:
    """As docs/sites.md says: forget, and let the durable be made again."""
    post, pathways = Post(), [received("2026-02-01", site_id=HERE) for _ in range(20)]
    contacts = [contact(each.referral_id, "2026-02-10") for each in pathways]

    async def has(count: int) -> bool:
        return len((await kept(database))["pathway_contacts"]) == count

    async with listening(database, nats_server):
        await sent(stream, post, *pathways, *contacts)
        await eventually(lambda: has(20))
        before = await kept(database)
        admin = await asyncpg.connect(database.admin_dsn)
        async with admin.transaction():
            for statement in FORGET:
                await admin.execute(statement)
        await admin.close()
        assert await has(0)
        with suppress(StreamProblem):
            await stream.ask(f"CONSUMER.DELETE.{STREAM}.sites")
        await buses.declare(nats)
        await sent(stream, post, contact(pathways[0].referral_id, "2026-03-01"))  # meanwhile
        await eventually(lambda: has(21))
    after = await kept(database)
    assert after["pathways"] == before["pathways"]
    assert [row for row in after["pathway_contacts"] if str(row["on"]) == "2026-02-10"] == before["pathway_contacts"]
    assert await rows(database, "dead_letters") == []


@pytest.mark.parametrize("subject", ["roundtable.people.something.v1", "roundtable.surveys.something.v1"])
async def test_sites_is_told_of_pathways_only(stream: Bus, subject: str) -> None:
    await stream.connection.request(subject, json.dumps({"person_key": str(uuid4())}).encode(), timeout=5)
    assert (await stream.consumer("sites"))["num_pending"] == 0
    await stream.connection.request("roundtable.referrals.something.v1", b"{}", timeout=5)
    assert (await stream.consumer("sites"))["num_pending"] == 1
