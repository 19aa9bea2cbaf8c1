"""Matches, read: what a caller may see of who is the same as whom."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.domain.clusters import Record, pair, settle
from services.referrals.domain.matching import Comparison, compare
from services.referrals.queries.records import Known, Ties, among, follow, records, sharing, theirs
from services.referrals.schemas.matches import Match, MatchFilters, MatchQuestion, PersonMatches
from services.referrals.tables import Merge, Person, PersonKeyRow, PossibleMatch
from shared.auth import Caller
from shared.crypto import keyring
from shared.paging import Page, page

NO_MATCH = Comparison("no_match", 0, ())
RANK = ("match", "possible_match", "no_match")


async def visible_ties(session: AsyncSession, caller: Caller, *ids: UUID) -> Ties:
    """Return what ties these records together, as far as this caller may see both ends."""
    return await follow(session, ids, Ties(), caller)


async def roots(session: AsyncSession, caller: Caller, ties: Ties) -> dict[UUID, UUID]:
    """Return as whom each of the tied records stands, from what this caller may see."""
    query = select(Person.id, Person.site_id, Person.created_at)
    rows = await session.execute(query.where(among(Person.id, ties.members), caller.theirs(Person.site_id)))
    merged = {pair(row.person_id, row.into_id) for row in ties.merges.values()}
    matching = {each: sure for each, sure in ties.matching().items() if each in merged}
    found = [Record(row.id, row.site_id, row.created_at) for row in rows]
    return settle(found, ties.decided(), matching, ties.not_same()).roots


async def merged_into(session: AsyncSession, caller: Caller, person_id: UUID) -> UUID | None:
    """Return the record that stands for this one, or None when it stands for itself as far as this caller may see."""
    ties = await visible_ties(session, caller, person_id)
    if not ties.merges:
        return None
    root = (await roots(session, caller, ties)).get(person_id, person_id)
    return None if root == person_id else root


async def matches_of(session: AsyncSession, caller: Caller, person_id: UUID) -> PersonMatches:
    """Return who a person may be the same as, compared now with all records of the caller's that share a key with theirs."""
    ties = await visible_ties(session, caller, person_id)
    this = (await records(session, [person_id], caller))[person_id]
    merged = {pair(row.person_id, row.into_id) for row in ties.merges.values()}
    sharers = {one for _, one in await sharing(session, this.keys(), [person_id])}
    tied = {one for each in merged | ties.pairs.keys() if person_id in each for one in each} - {person_id}
    reasons = await _reasons(session, caller, person_id)
    found = []
    for other in (await records(session, sharers | tied, caller)).values():
        each = pair(person_id, other.record.id)
        told, row = _compared(this, other), ties.pairs.get(each)
        decision = None if row is None else row.decision
        if told.verdict == "no_match" and decision is None and each not in merged:
            continue
        found.append(
            Match(
                person_id=other.record.id,
                verdict=told.verdict,
                score=told.score,
                reasons=list(told.reasons),
                decision=decision,
                decided_at=None if row is None else row.decided_at,
                reason=reasons.get(each),
                merged=each in merged,
            )
        )
    found.sort(key=lambda one: (RANK.index(one.verdict), -one.score, one.person_id))
    stands_as = (await roots(session, caller, ties)).get(person_id, person_id)
    return PersonMatches(
        person_id=person_id,
        verdict=found[0].verdict if found else "no_match",
        merged_into=None if stands_as == person_id else stands_as,
        matches=found,
    )


def _compared(one: Known, other: Known) -> Comparison:
    """Compare two records; one that may not be used is no match to anybody."""
    return NO_MATCH if one.identity is None or other.identity is None else compare(one.identity, other.identity)


async def _reasons(session: AsyncSession, caller: Caller, person_id: UUID) -> dict[tuple[UUID, UUID], str]:
    """Return why a person and another were last merged or separated, where that was said."""
    row = Merge
    query = select(row.person_id, row.into_id, row.reason, row.undone_reason, row.undone_at)
    query = query.where(or_(row.person_id == person_id, row.into_id == person_id)).order_by(row.merged_at, row.id)
    rows = (await session.execute(theirs(query, caller, row.person_id, row.into_id))).all()
    opened = await _keys(session, {one.person_id for one in rows if one.reason or one.undone_reason})
    reasons: dict[tuple[UUID, UUID], str] = {}
    for one in rows:
        each, key = pair(one.person_id, one.into_id), opened.get(one.person_id)
        name = "reason" if one.undone_at is None else "undone_reason"
        reasons.pop(each, None)
        if key is not None and (sealed := getattr(one, name)) is not None:
            reasons[each] = key.open(name, sealed)
    return reasons


async def _keys(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, Any]:
    rows = await session.scalars(select(PersonKeyRow).where(among(PersonKeyRow.person_id, ids))) if ids else ()
    return {row.person_id: keyring().open_person(row.person_id, row.wrapped_by, row.wrapped) for row in rows}


async def questions(session: AsyncSession, caller: Caller, filters: MatchFilters) -> Page[MatchQuestion]:
    """Return a page of pairs that somebody must decide, or has decided, the oldest first."""
    row = PossibleMatch
    is_open = row.decision.is_(None) if filters.status == "open" else row.decision.is_not(None)
    query = theirs(select(row).where(is_open), caller, row.person_id, row.other_id)
    return await page(session, query, (row.found_at, row.person_id, row.other_id), filters, _question)


def _question(row: PossibleMatch) -> MatchQuestion:
    return MatchQuestion.model_validate({name: getattr(row, name) for name in MatchQuestion.model_fields})
