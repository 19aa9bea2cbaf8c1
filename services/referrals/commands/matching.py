"""What people decide on who is the same as whom; the matcher announces it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.commands.restricting import PersonRestricted
from services.referrals.domain.clusters import Pair, pair
from services.referrals.domain.matching import Comparison, compare
from services.referrals.queries.matches import roots, visible_ties
from services.referrals.queries.people import key_of, person_to_change
from services.referrals.queries.records import BY_DECISION, Ties, among, records
from services.referrals.tables import Merge, Person, PossibleMatch
from shared import audit
from shared.auth import Caller
from shared.db import insert_rows
from shared.problems import FieldError, MalformedRequest, Problem

NOTHING_COMPARED = Comparison("no_match", 0, ())


class PersonMerged(Problem):
    """This person is merged already; separate them first."""

    status = HTTPStatus.CONFLICT


class NotMerged(Problem):
    """This person is not merged into another."""

    status = HTTPStatus.CONFLICT


async def held(session: AsyncSession, caller: Caller, *ids: UUID) -> list[Person]:
    """Return people of the caller's, held in one order so that nobody waits in a circle; raises `NotFound`."""
    found = {one: await person_to_change(session, caller, one) for one in sorted(set(ids))}
    return [found[one] for one in ids]


async def held_two(
    session: AsyncSession, caller: Caller, person_id: UUID, other_id: UUID, name: str
) -> tuple[Person, Person]:
    """Return two people of the caller's, held; raises `MalformedRequest` naming the field when both are the same."""
    if person_id == other_id:
        same = FieldError(pointer=f"/{name}", code="same_person", message="Name another person than this one.")
        raise MalformedRequest(errors=[same])
    person, other = await held(session, caller, person_id, other_id)
    return person, other


async def held_merged(session: AsyncSession, caller: Caller, person_id: UUID) -> tuple[Person, list[Person]]:
    """Return a person of the caller's and those they are merged into, held; the same ones as when it was asked."""
    asked = await _merged_into(session, caller, person_id)
    person, *others = await held(session, caller, person_id, *asked)
    others += await held(session, caller, *(await _merged_into(session, caller, person_id)).keys() - asked.keys())
    return person, others


async def _merged_into(session: AsyncSession, caller: Caller, person_id: UUID) -> dict[UUID, UUID]:
    """Return into whom a record is merged, as far as this caller may see, each with the merge that says so."""
    ties = await visible_ties(session, caller, person_id)
    return {row.into_id: row.id for row in ties.merges.values() if row.person_id == person_id}


async def merge(session: AsyncSession, caller: Caller, person: Person, into: Person, reason: str | None) -> None:
    """Decide that a record counts as another's, held both; once decided, deciding it again changes nothing."""
    ties = await visible_ties(session, caller, person.id, into.id)
    decided = ties.decided()
    if (person.id, into.id) in decided:
        return
    _refuse_restricted(person, into)
    standing = await roots(session, caller, ties)
    root = standing[person.id]
    leads = {one for one, _ in decided}
    if person.id in leads or (root not in {person.id, standing[into.id]}) or _leads(decided, into.id, person.id):
        raise PersonMerged(merged_into=str(root) if root != person.id else None)
    await _undo(session, caller, _between(ties, person.id, into.id), {})
    row: dict[str, Any] = {"id": uuid4(), "person_id": person.id, "into_id": into.id, "rule": BY_DECISION}
    row |= {"merged_at": datetime.now(UTC), "merged_by": caller.client}
    row["reason"] = (await key_of(session, person)).seal("reason", reason) if reason else None
    await insert_rows(session, Merge, [row])
    await _decide(session, caller, person, into, "same")
    await _changed(session, caller, person, into)


async def unmerge(
    session: AsyncSession, caller: Caller, person: Person, others: Sequence[Person], reason: str | None
) -> None:
    """Decide that a record stands for itself: it is not the same as those it was merged into, held all."""
    mine = await _merged_into(session, caller, person.id)
    if not mine:
        raise NotMerged
    _refuse_restricted(person, *others)
    sealed = (await key_of(session, person)).seal("undone_reason", reason) if reason else None
    await _undo(session, caller, list(mine.values()), {"undone_reason": sealed})
    for other in others:
        await _decide(session, caller, person, other, "not_same")
    await _changed(session, caller, person, *others)


async def not_same(session: AsyncSession, caller: Caller, person: Person, other: Person) -> None:
    """Decide that two held records are two humans; a merge by rule ends, one by decision must be undone first."""
    ties = await visible_ties(session, caller, person.id, other.id)
    found = ties.pairs.get(pair(person.id, other.id))
    if found is not None and found.decision == "not_same":
        return
    _refuse_restricted(person, other)
    decided = ties.decided()
    if _tied(decided, person.id, other.id):
        raise PersonMerged
    await _undo(session, caller, _between(ties, person.id, other.id), {})
    await _decide(session, caller, person, other, "not_same")
    await _changed(session, caller, person, other)


def _refuse_restricted(*people: Person) -> None:
    if any(person.restricted_at is not None for person in people):
        raise PersonRestricted


def _between(ties: Ties, one: UUID, other: UUID) -> list[UUID]:
    """Return the merges of one record with another."""
    return [row.id for row in ties.merges.values() if {row.person_id, row.into_id} == {one, other}]


def _leads(decided: list[Pair], start: UUID, end: UUID) -> bool:
    """Whether following decisions from one record leads to another."""
    seen, new = {start}, {start}
    while new:
        new = {into for one, into in decided if one in new} - seen
        seen |= new
    return end in seen


def _tied(decided: list[Pair], one: UUID, other: UUID) -> bool:
    """Whether decisions tie two records together, in whichever direction."""
    return _leads([*decided, *((into, person) for person, into in decided)], one, other)


async def _undo(session: AsyncSession, caller: Caller, merges: list[UUID], more: dict[str, Any]) -> None:
    if merges:
        gone = {"undone_at": func.now(), "undone_by": caller.client, **more}
        await session.execute(update(Merge).where(among(Merge.id, merges)).values(gone))


async def _decide(
    session: AsyncSession, caller: Caller, person: Person, other: Person, decision: Literal["same", "not_same"]
) -> None:
    """Remember what was decided on two records, beside how far they agree now."""
    known = await records(session, [person.id, other.id], caller)
    one, two = known[person.id].identity, known[other.id].identity
    told = NOTHING_COMPARED if one is None or two is None else compare(one, two)
    first, second = pair(person.id, other.id)
    now = datetime.now(UTC)
    row: dict[str, Any] = {"person_id": first, "other_id": second, "verdict": told.verdict, "score": told.score}
    row |= {"reasons": told.reasons, "found_at": now}
    decided = {"decision": decision, "decided_at": now, "decided_by": caller.client}
    asked = PossibleMatch
    await insert_rows(session, asked, [row], conflict="nothing", key=("person_id", "other_id"))
    this = (asked.person_id == first) & (asked.other_id == second)
    await session.execute(update(asked).where(this).values(decided).execution_options(synchronize_session=False))


async def _changed(session: AsyncSession, caller: Caller, person: Person, *others: Person) -> None:
    """Have the matcher look at these people again, and log the decision.

    A site's own decision makes a new version. One across sites does not, and its log does not say what it was: the sites
    would learn of each other's people.
    """
    for one in (person, *others):
        one.examined_at = None
    within = all(other.site_id == person.site_id for other in others)
    if within:
        person.version += 1
    await session.flush()
    detail = "matching" if within else None
    await audit.record(
        session,
        [audit.entry(caller, "update", "person", one.id, person_id=one.id, detail=detail) for one in (person, *others)],
    )
