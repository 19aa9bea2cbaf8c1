"""Matches: look, decide, take back."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.referrals.commands import matching
from services.referrals.commands.matching import NotMerged, PersonMerged
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.queries import matches as queries
from services.referrals.queries.people import person
from services.referrals.schemas.matches import (
    MatchFilters,
    MatchQuestion,
    MergeRequest,
    NotSameRequest,
    PersonMatches,
    Standing,
    UnmergeRequest,
)
from services.referrals.tables import Person
from shared import audit, conditional
from shared.app import router
from shared.auth import Caller, needs
from shared.conditional import ETAG, IfMatch
from shared.db import Session
from shared.idempotency import Answer, KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, responses

api = router(tags=["matches"])

Reader = Annotated[Caller, needs("people:read")]
Writer = Annotated[Caller, needs("people:write")]

REFUSALS = (NotFound, PreconditionFailed, PersonRestricted, RequestInProgress, KeyReused)
STANDING: dict[int | str, dict[str, Any]] = {200: {"model": Standing, "headers": ETAG}}


async def at_version(
    request: Request, person_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> Callable[[int], None]:
    """Refuse a person who is not the caller's, or not at the version they hold; return what asks again once it is held."""
    found = await person(session, caller, person_id)
    conditional.check(request, if_match, found.version)
    return partial(conditional.check, request, if_match)


StillAt = Annotated[Callable[[int], None], Depends(at_version, scope="function")]


@api.get("/v1/people/{person_id}/matches", response_model=PersonMatches, responses=responses(NotFound))
async def read_matches(person_id: UUID, caller: Reader, session: Session) -> PersonMatches:
    """Say who a person may be the same as, among those the caller may see, compared now. The read is audited for each."""
    await person(session, caller, person_id)
    found = await queries.matches_of(session, caller, person_id)
    shown = [person_id, *(match.person_id for match in found.matches)]
    await audit.record(
        session, [audit.entry(caller, "read", "person", one, person_id=one, detail="matches") for one in shown]
    )
    return found


@api.get("/v1/matches")
async def read_questions(
    filters: Annotated[MatchFilters, Query()], caller: Reader, session: Session
) -> Page[MatchQuestion]:
    """List pairs of records that somebody must decide, or has decided, the oldest first. The read is audited for each."""
    found = await queries.questions(session, caller, filters)
    shown = sorted({one for item in found.items for one in (item.person_id, item.other_id)})
    entries = [audit.entry(caller, "read", "person", one, person_id=one, detail="matches") for one in shown]
    listed = audit.entry(caller, "read", "matches", detail=f"list {filters.status} rows={len(found.items)}")
    await audit.record(session, [*entries, listed])
    return found


@api.post(
    "/v1/people/{person_id}/merge",
    response_model=Standing,
    responses=STANDING | responses(*REFUSALS, PersonMerged),
)
async def merge(
    person_id: UUID,
    caller: Writer,
    once: OnceOnly,
    session: Session,
    still_at: StillAt,
    new: MergeRequest,
) -> Response:
    """Decide that a person is the same as another, who then stands for both. Reporting hears of it within seconds."""
    this, into = await matching.held_two(session, caller, person_id, new.into, "into")
    still_at(this.version)
    await matching.merge(session, caller, this, into, new.reason)
    return await once.reply(await _standing(session, caller, this))


@api.post(
    "/v1/people/{person_id}/unmerge",
    response_model=Standing,
    responses=STANDING | responses(*REFUSALS, NotMerged),
)
async def unmerge(
    person_id: UUID,
    caller: Writer,
    once: OnceOnly,
    session: Session,
    still_at: StillAt,
    new: UnmergeRequest,
) -> Response:
    """Let a merged person stand for themselves again; that they are not the same is remembered."""
    this, others = await matching.held_merged(session, caller, person_id)
    still_at(this.version)
    await matching.unmerge(session, caller, this, others, new.reason)
    return await once.reply(await _standing(session, caller, this))


@api.post(
    "/v1/people/{person_id}/not-same",
    response_model=Standing,
    responses=STANDING | responses(*REFUSALS, PersonMerged),
)
async def not_same(
    person_id: UUID,
    caller: Writer,
    once: OnceOnly,
    session: Session,
    still_at: StillAt,
    new: NotSameRequest,
) -> Response:
    """Decide that two people are not the same; no rule merges them from then on."""
    this, other = await matching.held_two(session, caller, person_id, new.other, "other")
    still_at(this.version)
    await matching.not_same(session, caller, this, other)
    return await once.reply(await _standing(session, caller, this))


async def _standing(session: Session, caller: Caller, this: Person) -> Answer:
    root = await queries.merged_into(session, caller, this.id)
    shown = Standing(person_id=this.id, merged_into=root, version=this.version)
    return answer(HTTPStatus.OK, shown, version=this.version)
