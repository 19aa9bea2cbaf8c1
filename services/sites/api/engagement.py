"""Engagement and contributions: log, read, list, change."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import made, shown, told
from services.sites.commands import engagement as commands
from services.sites.commands.engagement import ContributionDiffers, EngagementDiffers, OthersTookPart
from services.sites.queries import engagement as queries
from services.sites.schemas.engagement import (
    Contribution,
    ContributionChange,
    ContributionFilters,
    Engagement,
    EngagementChange,
    EngagementFilters,
    NewContribution,
    NewEngagement,
)
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["engagement"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def held_engagement(
    request: Request, engagement_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Engagement:
    """Return the engagement to change, which nobody else can change meanwhile, at the version the caller holds."""
    found = await queries.engagement_to_change(session, caller, engagement_id)
    commands.refuse_if_others_took_part(caller, found)
    conditional.check(request, if_match, found.version)
    return found


async def held_contribution(
    request: Request, contribution_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Contribution:
    """Return the contribution to change, which nobody else can change meanwhile, at the version the caller holds."""
    found = await queries.contribution_to_change(session, caller, contribution_id)
    conditional.check(request, if_match, found.version)
    return found


HeldEngagement = Annotated[tables.Engagement, Depends(held_engagement)]
HeldContribution = Annotated[tables.Contribution, Depends(held_contribution)]


@api.post(
    "/v1/engagements",
    status_code=HTTPStatus.CREATED,
    response_model=Engagement,
    responses=made(Engagement) | responses(SiteUnknown, KeyReused, EngagementDiffers, RequestInProgress),
)
async def log_engagement(once: OnceOnly, caller: Writer, session: Session, new: NewEngagement) -> Response:
    """Log a conversation, meeting or visit, years back too. With an `id` of your own, sending it again answers 200."""
    registered = await commands.log_engagement(session, caller, new)
    body = queries.shown_engagement(registered.fields)
    return await once.reply(told(registered, body, f"/v1/engagements/{body.id}"))


@api.get("/v1/engagements")
async def list_engagements(
    filters: Annotated[EngagementFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Engagement]:
    """List the engagements that your sites took part in."""
    return await queries.engagements(session, caller, filters)


@api.get(
    "/v1/engagements/{engagement_id}", response_model=Engagement, responses=shown(Engagement) | responses(NotFound)
)
async def read_engagement(engagement_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read an engagement."""
    found = await queries.engagement(session, caller, engagement_id)
    return answer(HTTPStatus.OK, queries.shown_engagement(found), version=found.version).response()


@api.patch(
    "/v1/engagements/{engagement_id}",
    response_model=Engagement,
    responses=shown(Engagement)
    | responses(
        OthersTookPart, NotFound, SiteUnknown, PreconditionRequired, PreconditionFailed, KeyReused, RequestInProgress
    ),
)
async def change_engagement(
    once: OnceOnly, held: HeldEngagement, caller: Writer, session: Session, change: EngagementChange
) -> Response:
    """Change the named fields of an engagement. A change that changes nothing makes no new version."""
    changed = await commands.change_engagement(session, caller, held, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_engagement(changed), version=changed.version))


@api.post(
    "/v1/contributions",
    status_code=HTTPStatus.CREATED,
    response_model=Contribution,
    responses=made(Contribution)
    | responses(SiteUnknown, SiteRequired, KeyReused, ContributionDiffers, RequestInProgress),
)
async def log_contribution(once: OnceOnly, caller: Writer, session: Session, new: NewContribution) -> Response:
    """Log hours given, money moved, or both. With an `id` of your own, sending it again answers 200."""
    registered = await commands.log_contribution(session, caller, new)
    body = queries.shown_contribution(registered.fields)
    return await once.reply(told(registered, body, f"/v1/contributions/{body.id}"))


@api.get("/v1/contributions")
async def list_contributions(
    filters: Annotated[ContributionFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Contribution]:
    """List the contributions of your sites."""
    return await queries.contributions(session, caller, filters)


@api.get(
    "/v1/contributions/{contribution_id}",
    response_model=Contribution,
    responses=shown(Contribution) | responses(NotFound),
)
async def read_contribution(contribution_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read a contribution."""
    found = await queries.contribution(session, caller, contribution_id)
    return answer(HTTPStatus.OK, queries.shown_contribution(found), version=found.version).response()


@api.patch(
    "/v1/contributions/{contribution_id}",
    response_model=Contribution,
    responses=shown(Contribution)
    | responses(NotFound, PreconditionRequired, PreconditionFailed, KeyReused, RequestInProgress),
)
async def change_contribution(
    once: OnceOnly, held: HeldContribution, caller: Writer, session: Session, change: ContributionChange
) -> Response:
    """Change the named fields of a contribution. A change that changes nothing makes no new version."""
    changed = await commands.change_contribution(session, caller, held, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_contribution(changed), version=changed.version))
