"""Records as the matcher compares them: who they say somebody is, what could be the same, and what ties them together."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVarTuple
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import ARRAY, ColumnElement, Row, Select, Uuid, any_, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import SQLColumnExpression

from services.referrals.domain.clusters import Pair, Record, pair
from services.referrals.domain.matching import MATCH, SURE, Identity
from services.referrals.tables import AnnouncedRoot, Merge, Person, PersonKeyRow, PossibleMatch
from shared.auth import Caller
from shared.crypto import keyring

log = structlog.get_logger()

COMPARED = ("nhs_number", "family_name", "given_name", "birth_date", "postcode", "phone", "email")
BY_NUMBER, BY_SCORE, BY_DECISION = "nhs_number", "name_birth_date_postcode", "decision"
UNREADABLE = (InvalidTag, KeyError, ValueError)  # tampered with, or another installation's keys
MOST = 50  # records of one block that another is compared with; the first by id
AT_ONCE = 25  # records decrypted or compared in one go
BLOCKS = text(
    "SELECT k.key, m.person_id FROM unnest(CAST(:keys AS bytea[])) AS k(key) CROSS JOIN LATERAL ("
    "SELECT person_id FROM match_keys WHERE match_keys.key = k.key AND person_id <> ALL (CAST(:without AS uuid[])) "
    "ORDER BY person_id LIMIT :most) AS m"
)
RECORDS = select(
    Person.id,
    Person.site_id,
    Person.created_at,
    Person.restricted_at,
    Person.erased_at,
    *(getattr(Person, name) for name in COMPARED),
    PersonKeyRow.wrapped_by,
    PersonKeyRow.wrapped,
).outerjoin(PersonKeyRow, PersonKeyRow.person_id == Person.id)

Columns = TypeVarTuple("Columns")


def among(column: SQLColumnExpression[UUID], ids: Iterable[UUID]) -> ColumnElement[bool]:
    """Return the condition that a column is one of these ids: one statement, however many there are."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


@dataclass(frozen=True, slots=True)
class Known:
    """A record, and who it says somebody is; no identity when it may not be used, or cannot be read."""

    record: Record
    identity: Identity | None

    def keys(self) -> frozenset[bytes]:
        """Return the keyed hashes that this record shares with those it could match."""
        index = keyring().index
        return (
            frozenset(index(kind, value)[:16] for kind, value in self.identity.blocking_keys())
            if self.identity
            else frozenset()
        )


def known(row: Row[Any]) -> Known:
    """Return a row of RECORDS decrypted; a restricted person's is not opened."""
    identity = None
    if row.erased_at is None and row.restricted_at is None and row.wrapped is not None:
        try:
            key = keyring().open_person(row.id, row.wrapped_by, row.wrapped)
            sealed = {name: getattr(row, name) for name in COMPARED}
            identity = Identity.of({name: key.open(name, one) for name, one in sealed.items() if one is not None})
        except UNREADABLE:
            log.warning("record_unreadable")  # nothing is concluded from it
    return Known(Record(row.id, row.site_id, row.created_at), identity)


async def records(session: AsyncSession, ids: Collection[UUID], caller: Caller | None = None) -> dict[UUID, Known]:
    """Return these records; of a caller's, those that are theirs and not erased."""
    if not ids:
        return {}
    query = RECORDS.where(among(Person.id, ids))
    if caller is not None:
        query = query.where(caller.theirs(Person.site_id), Person.erased_at.is_(None))
    return await opened(await session.execute(query))


async def opened(rows: Iterable[Row[Any]]) -> dict[UUID, Known]:
    """Return rows of RECORDS decrypted, letting others have their turn now and then: the relay may share this process."""
    found = {}
    for place, row in enumerate(rows):
        found[row.id] = known(row)
        if place % AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


async def sharing(
    session: AsyncSession, keys: Collection[bytes], without: Collection[UUID]
) -> list[tuple[bytes, UUID]]:
    """Return which records are known by which of these keys, at most MOST each; row-level security limits whose."""
    if not keys:
        return []
    found = await session.execute(BLOCKS, {"keys": list(keys), "without": list(without), "most": MOST})
    return [(row.key, row.person_id) for row in found]


@dataclass(slots=True)
class Ties:
    """What ties records together or keeps them apart, as it is stored: reached from some records over all that tie."""

    members: set[UUID] = field(default_factory=set)
    merges: dict[UUID, Row[Any]] = field(default_factory=dict)  # not undone, by id
    pairs: dict[Pair, Row[Any]] = field(default_factory=dict)  # questions and their decisions
    announced: dict[UUID, UUID] = field(default_factory=dict)  # as whom a record was last announced

    def decided(self) -> list[Pair]:
        """Return who was merged into whom by decision."""
        return [(one.person_id, one.into_id) for one in self.merges.values() if one.rule == BY_DECISION]

    def matching(self) -> dict[Pair, int]:
        """Return the pairs that match by rule, merged or kept apart, with how sure the rule is."""
        found = {
            pair(one.person_id, one.into_id): SURE if one.rule == BY_NUMBER else MATCH
            for one in self.merges.values()
            if one.rule != BY_DECISION
        }
        return found | {
            each: SURE if "nhs_number_equal" in row.reasons else MATCH
            for each, row in self.pairs.items()
            if row.verdict == "match" and row.decision is None
        }

    def not_same(self) -> list[Pair]:
        """Return the pairs that somebody said are not the same."""
        return [each for each, row in self.pairs.items() if row.decision == "not_same"]


async def follow(session: AsyncSession, ids: Iterable[UUID], ties: Ties, caller: Caller | None = None) -> Ties:
    """Add what ties these records to others, and those to more; of a caller's, only what ties records of theirs."""
    new = set(ids) - ties.members
    while new:
        ties.members |= new
        ties.merges |= {row.id: row for row in await _merges(session, new, caller)}
        ties.pairs |= {(row.person_id, row.other_id): row for row in await _pairs(session, new, caller)}
        if caller is None:
            ties.announced |= {row.person_id: row.root_id for row in await _announced(session, new)}
        reached = {one for row in ties.merges.values() for one in (row.person_id, row.into_id)}
        reached |= {one for each in ties.matching() for one in each}
        reached |= ties.announced.keys() | set(ties.announced.values())
        new = reached - ties.members
    return ties


async def _merges(session: AsyncSession, ids: Collection[UUID], caller: Caller | None) -> Iterable[Row[Any]]:
    query = select(Merge.id, Merge.person_id, Merge.into_id, Merge.rule).where(
        Merge.undone_at.is_(None), or_(among(Merge.person_id, ids), among(Merge.into_id, ids))
    )
    return await session.execute(theirs(query, caller, Merge.person_id, Merge.into_id))


async def _pairs(session: AsyncSession, ids: Collection[UUID], caller: Caller | None) -> Iterable[Row[Any]]:
    row = PossibleMatch
    query = select(*row.__table__.columns).where(or_(among(row.person_id, ids), among(row.other_id, ids)))
    return await session.execute(theirs(query, caller, row.person_id, row.other_id))


async def _announced(session: AsyncSession, ids: Collection[UUID]) -> Iterable[Row[Any]]:
    row = AnnouncedRoot
    query = select(row.person_id, row.root_id).where(or_(among(row.person_id, ids), among(row.root_id, ids)))
    return await session.execute(query)


def theirs(
    query: Select[*Columns], caller: Caller | None, one: SQLColumnExpression[UUID], other: SQLColumnExpression[UUID]
) -> Select[*Columns]:
    """Limit a query on pairs to those of which the caller may see both: what row-level security also holds to."""
    if caller is None:
        return query
    first, second = aliased(Person), aliased(Person)
    return (
        query.join(first, first.id == one)
        .join(second, second.id == other)
        .where(caller.theirs(first.site_id), caller.theirs(second.site_id))
        .where(first.erased_at.is_(None), second.erased_at.is_(None))
    )
