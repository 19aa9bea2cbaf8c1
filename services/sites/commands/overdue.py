"""Telling, once, that a question went past its day without an answer."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.sites.commands.questions import tell
from services.sites.commands.recording import apply
from services.sites.tables import Question
from shared import audit
from shared.auth import Caller
from shared.bus import Bus
from shared.days import today
from shared.db import limit_to
from shared.events.sites import QuestionLeftUnanswered
from shared.worker import Duty

BATCH = 100
PAUSE = 60.0  # seconds
WORKER = Caller("sites-worker", frozenset())


async def announce_overdue(sessions: async_sessionmaker[AsyncSession], _: Bus) -> None:
    """Announce every question that is past its day, a batch in one transaction each, until none is left that is free."""
    while await announce_some(sessions):
        pass


async def announce_some(sessions: async_sessionmaker[AsyncSession], batch: int = BATCH) -> int:
    """Announce some questions past their day; return how many. What a request is just answering is left for the next time."""
    async with sessions.begin() as session:
        limit_to(session, None)
        late = select(Question).where(
            Question.answered_on.is_(None), Question.due_on < today(), Question.overdue_announced.is_(False)
        )
        in_order = late.order_by(Question.due_on, Question.id).limit(batch)
        rows = (await session.scalars(in_order.with_for_update(skip_locked=True))).all()
        for question in rows:
            apply(question, {"overdue_announced": True})
            await tell(session, question, QuestionLeftUnanswered(question_id=question.id, due_on=question.due_on))
        await audit.record(
            session, [audit.entry(WORKER, "update", "question", each.id, detail="overdue") for each in rows]
        )
        return len(rows)


DUTIES = (Duty(announce_overdue, PAUSE),)
