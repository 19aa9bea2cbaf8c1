"""Events in any order, late or repeated, give the same facts."""

import asyncio
import random

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from services.reporting.projections import subscriber
from services.reporting.tables import Base
from shared.db import connect, sessions
from shared.events.event import contracts
from shared.inbox import Incoming
from tests.databases import Database
from tests.reporting.builders import Post, history, known, received, scored
from tests.reporting.conftest import Facts, apply

TABLES = tuple(table.name for table in Base.metadata.sorted_tables)


async def facts_of(database: Database) -> dict[str, list[str]]:
    """Return every row of every fact table, as text."""
    connection = await asyncpg.connect(database.admin_dsn)
    found = {
        table: [row[0] for row in await connection.fetch(f"SELECT each::text FROM reporting.{table} each ORDER BY 1")]  # noqa: S608 - ours
        for table in TABLES
    }
    await connection.close()
    return found


async def apply_to_the_end(engine: AsyncEngine, messages: list[Incoming], size: int) -> None:
    """Apply messages in batches; those whose turn has not come are sent again, as the stream does."""
    waiting = messages
    while waiting:
        later: list[Incoming] = []
        for start in range(0, len(waiting), size):
            async with sessions(engine).begin() as session:
                later += (await subscriber.apply(session, waiting[start : start + size])).early
        assert len(later) < len(waiting), "nothing moves"
        waiting = later


async def test_order_repetition_and_batches_do_not_matter(database: Database) -> None:
    messages = Post().wrap(history(3, pathways=60, people=60))
    await apply(database, messages)
    once = await facts_of(database)
    assert all(once.values()), "the history has something for every table"
    assert (len(once["pathways"]), len(once["sites"])) == (60, 5)
    admin = await asyncpg.connect(database.admin_dsn)
    engine = connect(database.dsn("reporting"), pool=1)

    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.randoms(use_true_random=False), st.integers(1, 80))
    def orders(chance: random.Random, size: int) -> None:
        tried.append((chance.sample(messages, len(messages)) + chance.choices(messages, k=40), size))

    tried: list[tuple[list[Incoming], int]] = []
    orders()
    for shuffled, size in tried:
        await admin.execute(f"TRUNCATE reporting.inbox, {', '.join(f'reporting.{table}' for table in TABLES)}")
        chance = random.Random(size)  # noqa: S311 - an order, not a secret
        chance.shuffle(shuffled)
        await apply_to_the_end(engine, shuffled, size)
        assert await facts_of(database) == once, f"batches of {size}"
    await engine.dispose()
    await admin.close()


async def first_phq_9(database: Database) -> list[object]:
    connection = await asyncpg.connect(database.admin_dsn)
    found = [row[0] for row in await connection.fetch("SELECT first_phq_9 FROM reporting.pathways")]
    await connection.close()
    return found


async def test_scores_that_come_before_their_referral_count_once_it_is_there(facts: Facts, database: Database) -> None:
    referral = received("2026-02-01")
    await facts.learn(scored(referral.referral_id, total=12))
    assert await first_phq_9(database) == []
    await facts.learn(referral)
    assert await first_phq_9(database) == [12]


async def test_two_workers_at_once_miss_nothing_of_each_other(database: Database) -> None:
    referral = received("2026-02-01")
    opening, scoring = (Post().wrap([event]) for event in (referral, scored(referral.referral_id, total=12)))
    engine = connect(database.dsn("reporting"), pool=2)
    async with sessions(engine)() as one, sessions(engine)() as other:
        await subscriber.apply(one, opening)
        applying = asyncio.create_task(subscriber.apply(other, scoring))
        await asyncio.wait([applying], timeout=0.5)
        assert not applying.done(), "it would have recomputed a pathway that it cannot see"
        await one.commit()
        await applying
        await other.commit()
    await engine.dispose()
    assert await first_phq_9(database) == [12]


async def test_the_last_picture_of_a_person_counts_for_all_of_their_pathways_before_and_after(facts: Facts) -> None:
    await facts.learn(received("2026-07-01", 1), known(1, gender_identity="1"), received("2026-08-01", 1))
    await facts.learn(known(1, gender_identity="2", language="ta"))
    rows = (await facts.report("2026-07", "2026-08", by="gender_identity"))["rows"]
    assert {row["group"]["gender_identity"]: row["value"] for row in rows if row["value"]} == {
        "Female (including trans women)": 2
    }


async def test_a_diagnosis_is_kept_only_as_its_row_of_the_national_list(facts: Facts, database: Database) -> None:
    await facts.learn(received("2026-07-01", presenting_problem="F32.1"))
    (row,) = (await facts_of(database))["pathways"]
    assert "F32*" in row
    assert "F32.1" not in row


async def test_every_event_that_reporting_has_facts_for_has_a_projection() -> None:
    assert set(subscriber.handlers) <= set(contracts())
    assert {"referrals.received.v1", "people.demographics_recorded.v1", "surveys.scored.v1"} <= set(subscriber.handlers)


async def test_the_database_says_what_every_fact_means(database: Database) -> None:
    connection = await asyncpg.connect(database.admin_dsn)
    silent = await connection.fetch(
        "SELECT a.attrelid::regclass, a.attname FROM pg_attribute a WHERE a.attrelid = ANY ($1::text[]::regclass[])"
        " AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL",
        [f"reporting.{table}" for table in TABLES],
    )
    await connection.close()
    assert silent == []
