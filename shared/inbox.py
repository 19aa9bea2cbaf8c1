"""The inbox: each event takes effect once, in its aggregate's order, in one transaction with its effect."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Index,
    Integer,
    String,
    Text,
    Uuid,
    any_,
    delete,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.batch import Batch, Unsettled
from shared.db import Kernel, insert_rows, lock_key
from shared.events.event import PREFIX, Event
from shared.incoming import Incoming, read

__all__ = ["END", "Batch", "DeadLetter", "Inbox", "InboxPosition", "Incoming", "Subscriber", "Verdict", "read"]


END = 2**31 - 1  # the version under which the last event of an aggregate is kept: none is higher, so none follows

E = TypeVar("E", bound=Event)

# One look into the index per aggregate, whatever PostgreSQL believes of a table it has not analysed yet: a GROUP BY read it all.
HEADS = text(
    "SELECT each.id, (SELECT version FROM inbox WHERE aggregate_id = each.id ORDER BY version DESC LIMIT 1)"
    " FROM unnest(CAST(:aggregates AS text[])) AS each(id)"
)
# Shared with others, against a rebuild; and alone in this schema, since what one batch recomputes hangs on another's rows.
ONE_AT_A_TIME = text(
    "SELECT pg_advisory_xact_lock_shared(:key), pg_advisory_xact_lock(hashtextextended(current_schema() || ' batch', 0))"
)


class Inbox(Kernel):
    """An event that took effect here, that somebody decided to skip, or that came too late for an aggregate that had ended.

    The last event of an aggregate is kept as version `END`.
    """

    __tablename__ = "inbox"
    __table_args__ = (Index("uq_inbox_aggregate_id_version", "aggregate_id", "version", unique=True),)

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    aggregate_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)


class DeadLetter(Kernel):
    """An event set aside.

    `parked`: unusable; `held`: behind one that is; `waiting`: an earlier one has not come; `stray`: its turn is taken.
    """

    __tablename__ = "dead_letters"
    __table_args__ = (Index("ix_dead_letters_aggregate_id", "aggregate_id", "version"),)

    event_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    aggregate_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer)
    subject: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(100))
    tries: Mapped[int] = mapped_column(Integer)
    parked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    body: Mapped[str] = mapped_column(Text)


class InboxPosition(Kernel):
    """How many events have taken effect, and when the last did."""

    __tablename__ = "inbox_position"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    events: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


Handler = Callable[[Batch, Event], Awaitable[None]]


@dataclass
class Verdict:
    """What became of a batch: what took effect, what must come again, what was set aside, and what came after the end.

    The rest was known. Of what came after its aggregate's end, nothing but its id is kept.
    """

    early: list[Incoming] = field(default_factory=list)
    aside: list[tuple[Incoming, str]] = field(default_factory=list)
    applied: list[Incoming] = field(default_factory=list)
    dropped: list[Incoming] = field(default_factory=list)

    def end(self, last: Incoming) -> None:
        """Let the last event of an aggregate take effect; what was to wait for it, or for others, need not."""
        ended = last.aggregate_id
        self.dropped += [each for each in self.early if each.aggregate_id == ended]
        self.dropped += [each for each, _ in self.aside if each.aggregate_id == ended]
        self.early = [each for each in self.early if each.aggregate_id != ended]
        self.aside = [(each, state) for each, state in self.aside if each.aggregate_id != ended]
        self.applied.append(last)


class Subscriber:
    """The projections of one service: what it keeps from others' events."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.handlers: dict[str, Handler] = {}

    def on(
        self, contract: type[E]
    ) -> Callable[[Callable[[Batch, E], Awaitable[None]]], Callable[[Batch, E], Awaitable[None]]]:
        """Register a projection of an event; it may only `learn`, so that repeated events give the same facts."""

        def register(handler: Callable[[Batch, E], Awaitable[None]]) -> Callable[[Batch, E], Awaitable[None]]:
            if contract.subject in self.handlers:
                raise TypeError(f"two projections of {contract.subject} in {self.service}")
            self.handlers[contract.subject] = cast("Handler", handler)
            return handler

        return register

    async def apply(
        self,
        session: AsyncSession,
        messages: Sequence[Incoming],
        *,
        last_try: int = 5,
        later: Unsettled | None = None,
    ) -> Verdict:
        """Decide about each message, let those whose turn it is take effect; the caller commits, then acknowledges.

        What hangs on several rows is recomputed at once, or noted in `later` for a caller who does that once for many batches.
        Raises whatever a projection raises: the caller then tries the messages in smaller groups.
        """
        await session.execute(ONE_AT_A_TIME, {"key": lock_key(self.service, "rebuild")})
        aggregates = list({message.aggregate_id for message in messages})
        heads, seen, letters = await self._known(session, aggregates, [message.event_id for message in messages])
        verdict = Verdict()
        stuck = {letter.aggregate_id for letter in letters if letter.state in {"parked", "held"}}
        waiting = {(letter.aggregate_id, letter.version): letter for letter in letters if letter.state == "waiting"}
        released: list[UUID] = []
        for message in (
            sorted(messages, key=lambda each: (each.aggregate_id, each.version)) if len(messages) > 1 else messages
        ):
            self._judge(message, verdict, heads, seen, stuck, last_try)
            while waiting and (next_one := waiting.pop((message.aggregate_id, heads[message.aggregate_id] + 1), None)):
                released.append(next_one.event_id)
                seen.discard(next_one.event_id)
                self._judge(
                    read(PREFIX + next_one.subject, next_one.body.encode()), verdict, heads, seen, stuck, last_try
                )
        ended = {message.aggregate_id for message in verdict.applied if message.is_last}
        behind = [letter for letter in letters if letter.aggregate_id in ended and letter.event_id not in set(released)]
        await self._take_effect(Batch(session, later), verdict, behind, released)
        return verdict

    async def _known(
        self, session: AsyncSession, aggregates: list[str], event_ids: list[UUID]
    ) -> tuple[dict[str, int], set[UUID], Sequence[DeadLetter]]:
        """Return each aggregate's last applied version, which of the events are known, and what is set aside."""
        heads: dict[str, int] = defaultdict(int)
        found = await session.execute(HEADS, {"aggregates": aggregates})
        heads.update((aggregate, version) for aggregate, version in found if version is not None)
        seen = set(
            (
                await session.scalars(
                    select(Inbox.event_id).where(Inbox.event_id == any_(literal(event_ids, ARRAY(Uuid))))
                )
            ).all()
        )
        letters = (
            await session.scalars(
                select(DeadLetter).where(DeadLetter.aggregate_id == any_(literal(aggregates, ARRAY(String))))
            )
        ).all()
        return heads, seen | {letter.event_id for letter in letters}, letters

    @staticmethod
    def _judge(
        message: Incoming, verdict: Verdict, heads: dict[str, int], seen: set[UUID], stuck: set[str], last_try: int
    ) -> None:
        if message.event_id in seen:
            return
        if heads[message.aggregate_id] == END:
            verdict.dropped.append(message)
        elif message.is_last:
            verdict.end(message)
            heads[message.aggregate_id] = END
        elif message.aggregate_id in stuck:
            verdict.aside.append((message, "held"))
        elif message.reason:
            verdict.aside.append((message, "parked"))
            stuck.add(message.aggregate_id)
        elif message.version <= heads[message.aggregate_id]:
            verdict.aside.append((message, "stray"))
        elif message.version == heads[message.aggregate_id] + 1:
            verdict.applied.append(message)
            heads[message.aggregate_id] = message.version
        elif message.tries > last_try:
            verdict.aside.append((message, "waiting"))
        else:
            verdict.early.append(message)
        seen.add(message.event_id)

    async def _take_effect(
        self, batch: Batch, verdict: Verdict, behind: Sequence[DeadLetter], released: list[UUID]
    ) -> None:
        """Write inbox rows, effects and letters of one verdict; of letters `behind` an aggregate's end, ids alone stay."""
        session = batch.session
        took = [_inbox_row(each) | ({"version": END} if each.is_last else {}) for each in verdict.applied]
        await insert_rows(session, Inbox, took)
        late = [*map(_inbox_row, verdict.dropped), *map(_inbox_row, behind)]
        await insert_rows(session, Inbox, late, conflict="nothing")
        for message in verdict.applied:
            if message.event is not None and (handler := self.handlers.get(message.subject)):
                batch.at = message.occurred_at
                await handler(batch, message.event)
        await batch.write()
        await insert_rows(session, DeadLetter, [_letter_row(*each) for each in verdict.aside], conflict="nothing")
        if gone := [*released, *(letter.event_id for letter in behind)]:
            await session.execute(delete(DeadLetter).where(DeadLetter.event_id.in_(gone)))
        if verdict.applied:
            await session.execute(
                text("UPDATE inbox_position SET events = events + :count, at = now()"), {"count": len(verdict.applied)}
            )

    async def park(self, session: AsyncSession, message: Incoming, reason: str) -> None:
        """Set aside an event whose projection failed too often."""
        await insert_rows(
            session, DeadLetter, [_letter_row(message, "parked") | {"reason": reason[:100]}], conflict="nothing"
        )

    async def retry(self, session: AsyncSession, aggregate_id: str) -> int:
        """Let an aggregate's letters take effect in their order; return how many did. Raises what a projection raises."""
        letters = await self._letters(session, aggregate_id)
        await session.execute(delete(DeadLetter).where(DeadLetter.aggregate_id == aggregate_id))
        messages = [read(PREFIX + letter.subject, letter.body.encode(), letter.tries) for letter in letters]
        return len((await self.apply(session, messages)).applied) if messages else 0

    async def skip(self, session: AsyncSession, event_id: UUID) -> int:
        """Leave one event out for good and let those held behind it take effect; return how many did."""
        letter = await session.get_one(DeadLetter, event_id)
        await session.delete(letter)
        await session.flush()
        await insert_rows(session, Inbox, [_inbox_row(letter)], conflict="nothing")
        return await self.retry(session, letter.aggregate_id)

    @staticmethod
    async def _letters(session: AsyncSession, aggregate_id: str) -> Sequence[DeadLetter]:
        query = select(DeadLetter).where(DeadLetter.aggregate_id == aggregate_id).order_by(DeadLetter.version)
        return (await session.scalars(query)).all()


def _inbox_row(message: Incoming | DeadLetter) -> dict[str, Any]:
    return {"event_id": message.event_id, "aggregate_id": message.aggregate_id, "version": message.version}


def _letter_row(message: Incoming, state: str) -> dict[str, Any]:
    reasons = {
        "held": "behind an event that was set aside",
        "waiting": "an earlier event has not come",
        "stray": "another event of this version took effect",
    }
    return {
        "event_id": message.event_id,
        "aggregate_id": message.aggregate_id[:64],
        "version": message.version,
        "subject": message.subject[:200],
        "state": state,
        "reason": reasons.get(state, message.reason),
        "tries": message.tries,
        "body": message.body,
    }
