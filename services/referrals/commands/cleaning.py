"""Taking what was announced of erased people out of the event stream, and putting what is left of it in its place."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.referrals.commands.untying import sever
from services.referrals.tables import Erasure, Person
from shared.bus import Bus
from shared.crypto import keyring
from shared.db import limit_to
from shared.outbox import Outbox, StreamSeen
from shared.worker import Duty

PAUSE = 1.0  # seconds


async def clean(sessions: async_sessionmaker[AsyncSession], bus: Bus) -> None:
    """Go on with every erasure that is not finished; what cannot be done yet is done next time."""
    async with sessions.begin() as session:
        limit_to(session, None)
        unfinished = (await session.scalars(select(Erasure.id).where(Erasure.finished_at.is_(None)))).all()
    for erasure_id in unfinished:
        async with sessions.begin() as session:
            limit_to(session, None)
            await _go_on(session, bus, erasure_id)


async def _go_on(session: AsyncSession, bus: Bus, erasure_id: UUID) -> None:
    """Forget what tied the person to others as soon as the matcher has done its part, take messages out; then it is finished."""
    mine = select(Erasure).where(Erasure.id == erasure_id, Erasure.finished_at.is_(None))
    erasure = await session.scalar(mine.with_for_update(skip_locked=True))
    if erasure is None:
        return
    examined = await session.scalar(select(Person.examined_at).where(Person.id == erasure.person_id))
    told = await sever(session, keyring(), erasure.person_id) if examined else ()
    messages = sorted({*erasure.messages, *told})
    erasure.messages = [each for each in messages if not await _taken_out(session, bus, each)]
    if examined and not erasure.messages:
        erasure.finished_at = datetime.now(UTC)


async def _taken_out(session: AsyncSession, bus: Bus, outbox_id: int) -> bool:
    """Take an event's message out of the stream and have the event sent anew as it is now; tell whether that was possible.

    One that was not sent yet may just be on its way as it was: only when the relay has said where it stands is it known what
    to take out. A sequence means something in the stream that the relay knows only: in another it is somebody else's message.
    """
    row = (
        await session.execute(
            select(Outbox.published_at, Outbox.stream_seq).where(Outbox.id == outbox_id).with_for_update()
        )
    ).one()
    if row.published_at is None or row.stream_seq is None:
        return False
    state = await bus.state()
    if await session.scalar(select(StreamSeen.created)) != state.created or row.stream_seq > state.last_sequence:
        return False
    await bus.erase(row.stream_seq)
    await session.execute(update(Outbox).where(Outbox.id == outbox_id).values(published_at=None))
    return True


DUTIES = (Duty(clean, PAUSE),)
