"""A question left unanswered is told once, whatever stops or runs beside it."""

import asyncio
from uuid import UUID

from sqlalchemy import select

from services.sites.commands.overdue import announce_overdue, announce_some
from services.sites.tables import Question
from shared.bus import Bus
from shared.db import limit_to, session_maker
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import events, rows
from tests.sites.together import Table, a_table, days_ago, moved, posted

DUE = "UPDATE questions SET due_on = $1"


async def asked(table: Table, database: Database, number: int = 1) -> list[str]:
    """Ask questions that are past their day."""
    body = {"to_organisation": table.trust, "text": "When?"}
    found = [(await posted(table.community, "/v1/questions", body))["id"] for _ in range(number)]
    await moved(database, DUE, 1)
    return found


async def told(database: Database) -> list[str]:
    return [
        row["aggregate_id"]
        for row in await rows(database, "outbox", "ORDER BY id")
        if row["subject"] == "sites.question_left_unanswered.v1"
    ]


async def test_it_is_told_once_and_the_late_answer_follows(sites: Door, database: Database, stream: Bus) -> None:
    async with a_table(sites) as table:
        [question] = await asked(table, database)
        before = (await table.community.get(f"/v1/questions/{question}")).headers["ETag"]
        for _ in range(3):
            await announce_overdue(session_maker(), stream)
        after = (await table.community.get(f"/v1/questions/{question}")).headers["ETag"]
        await posted(table.statutory, f"/v1/questions/{question}/answer", {"answer": "Now."}, 200)
        await announce_overdue(session_maker(), stream)
    assert (before, after) == ('"1"', '"2"')
    said = await events(database, question)
    assert [(subject.split(".")[1], version) for subject, version, _ in said] == [
        ("question_asked", 1),
        ("question_left_unanswered", 2),
        ("question_answered", 3),
    ]
    assert said[1][2] == {"question_id": question, "due_on": days_ago(1)}


async def test_what_is_due_today_or_answered_is_not_told(sites: Door, database: Database, stream: Bus) -> None:
    async with a_table(sites) as table:
        [question] = await asked(table, database)
        await moved(database, DUE, 0)
        await announce_overdue(session_maker(), stream)
        assert await told(database) == []
        await posted(table.statutory, f"/v1/questions/{question}/answer", {"answer": "Now."}, 200)
        await moved(database, DUE, 1)
        await announce_overdue(session_maker(), stream)
        assert await told(database) == []


async def test_workers_beside_each_other_and_after_each_other_tell_each_once(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        questions = await asked(table, database, 7)
        assert await announce_some(session_maker(), batch=2) == 2, "a worker that stopped after its first batch"
        while sum(await asyncio.gather(*(announce_some(session_maker(), batch=2) for _ in range(3)))):
            pass
    assert sorted(await told(database)) == sorted(questions)


async def test_what_a_request_is_just_answering_is_left_for_the_next_time(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        [question] = await asked(table, database)
        async with session_maker()() as request:
            limit_to(request, None)
            await request.execute(select(Question).where(Question.id == UUID(question)).with_for_update())
            assert await announce_some(session_maker()) == 0
            await request.rollback()
        assert await announce_some(session_maker()) == 1
    assert await told(database) == [question]
