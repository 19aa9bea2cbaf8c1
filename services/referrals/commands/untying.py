"""What an erased person leaves behind elsewhere: ties to other records, and what was announced of them."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, LargeBinary, delete, func, or_, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from services.referrals.tables import AnnouncedRoot, Merge, PossibleMatch
from shared.crypto import Keyring
from shared.events.people import DemographicsRecorded, PersonMerged

SUBJECTS = {"recorded": DemographicsRecorded.subject, "merged": PersonMerged.subject}
# What is left of an event keeps to its contract: the pseudonym, and of a merge that there was one, not with whom.
SCRUB = text(
    "UPDATE outbox SET data = CASE subject WHEN :merged"
    " THEN jsonb_build_object('person_key', aggregate_id, 'into', aggregate_id)"
    " ELSE jsonb_build_object('person_key', aggregate_id) END"
    " WHERE aggregate_id = :person_key AND subject IN (:recorded, :merged) RETURNING id"
)
SCRUB_TIES = text(
    "UPDATE outbox SET data = jsonb_set(data, '{into}', data->'person_key')"
    " WHERE aggregate_id = ANY (CAST(:others AS varchar[])) AND subject = :merged AND data->>'into' = :person_key"
    " RETURNING id"
)
SCRUB_PICTURES = text(
    "UPDATE outbox SET data = jsonb_build_object('person_key', outbox.aggregate_id)"
    " FROM (SELECT aggregate_id, max(version) AS version FROM outbox"
    " WHERE aggregate_id = ANY (CAST(:others AS varchar[])) AND subject = :recorded GROUP BY aggregate_id) AS last"
    " WHERE outbox.aggregate_id = last.aggregate_id AND outbox.version < last.version AND subject = :recorded"
    " AND data <> jsonb_build_object('person_key', outbox.aggregate_id) RETURNING id"
)
NOW = "WHERE undone_at IS NULL"
REACHED = (
    "WITH RECURSIVE ties (one, other) AS (SELECT person_id, into_id FROM merges {merges}"
    " UNION SELECT person_id, root_id FROM announced_roots),"
    " reached (id) AS (SELECT CAST(:person_id AS uuid) UNION"
    " SELECT CASE id WHEN one THEN other ELSE one END FROM reached JOIN ties ON id IN (one, other))"
    " SELECT id FROM reached WHERE id <> :person_id ORDER BY id"
)
SAME_HUMAN, EVER_SAME = (text(REACHED.format(merges=which)) for which in (NOW, ""))


def ciphertexts(table: type[DeclarativeBase]) -> list[str]:
    """Return a table's columns that hold ciphertext or keyed hashes and may be empty; a new one is found by itself."""
    return [
        column.name for column in table.__table__.columns if isinstance(column.type, LargeBinary) and column.nullable
    ]


async def same_human(session: AsyncSession, person_id: UUID) -> Sequence[UUID]:
    """Return the records that count as the same human as this one now, as far as this session sees."""
    return (await session.scalars(SAME_HUMAN, {"person_id": person_id})).all()


async def scrub(session: AsyncSession, person_key: str) -> Sequence[int]:
    """Leave nothing but the pseudonym in what was announced of a person; return the outbox rows."""
    return (await session.scalars(SCRUB, {"person_key": person_key, **SUBJECTS})).all()


async def end_ties(session: AsyncSession, person_id: UUID, by: str) -> int:
    """End every merge and forget every question that this session sees; return how many.

    The matcher then takes back what it announced of others; what a site's caller does not see it ends as well.
    """
    mine = or_(Merge.person_id == person_id, Merge.into_id == person_id)
    asked = await _met(session, _questions(person_id))
    merged = await _met(
        session, update(Merge).where(mine, Merge.undone_at.is_(None)).values(undone_at=func.now(), undone_by=by)
    )
    await _met(session, update(Merge).where(mine).values(dict.fromkeys(ciphertexts(Merge))))
    return asked + merged


async def sever(session: AsyncSession, keys: Keyring, person_id: UUID) -> Sequence[int]:
    """Forget that there were ties, once the matcher is done with them; return the outbox rows that told of them.

    A record that stood for the erased one too announced what was known of both: its last picture alone stays.
    """
    others = (await session.scalars(EVER_SAME, {"person_id": person_id})).all()
    mine = or_(Merge.person_id == person_id, Merge.into_id == person_id)
    for forgotten in (
        _questions(person_id),
        delete(Merge).where(mine),
        delete(AnnouncedRoot).where(AnnouncedRoot.person_id == person_id),
    ):
        await _met(session, forgotten)
    if not others:
        return ()
    told = {
        "others": [keys.person_key(other) for other in others],
        "person_key": keys.person_key(person_id),
        **SUBJECTS,
    }
    ties = (await session.scalars(SCRUB_TIES, {name: told[name] for name in ("others", "person_key", "merged")})).all()
    pictures = (await session.scalars(SCRUB_PICTURES, {name: told[name] for name in ("others", "recorded")})).all()
    return [*ties, *pictures]


def _questions(person_id: UUID) -> Any:  # noqa: ANN401 - a statement of SQLAlchemy's
    return delete(PossibleMatch).where(or_(PossibleMatch.person_id == person_id, PossibleMatch.other_id == person_id))


async def _met(session: AsyncSession, statement: Any) -> int:  # noqa: ANN401 - as above
    """Execute a change; return how many rows it met."""
    result = await session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
