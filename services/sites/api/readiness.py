"""How a site grows into delivering: training, readiness, mentorships."""

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told
from services.sites.commands import readiness as commands
from services.sites.commands.readiness import MentorshipDiffers, TrainingDiffers
from services.sites.commands.sides import SideNotYours
from services.sites.queries import readiness as queries
from services.sites.queries.finding import found, shown_as
from services.sites.queries.listing import listed
from services.sites.queries.register import site, site_to_change
from services.sites.schemas.readiness import (
    Mentorship,
    MentorshipChange,
    MentorshipFilters,
    NewMentorship,
    NewReadiness,
    NewTraining,
    SiteReadiness,
    Training,
    TrainingChange,
    TrainingFilters,
)
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["readiness"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", pattern=r"^\*$", description="`*`, instead of If-Match: only if there is none yet."),
]
CHANGED = (NotFound, PreconditionRequired, PreconditionFailed, *KEYED)


async def held_training(
    request: Request, training_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Training:
    """Return the training to change, which nobody else can change meanwhile, at the version the caller holds."""
    row = tables.Training
    training = await found(session, row, training_id, caller.theirs(row.site_id), held=True)
    conditional.check(request, if_match, training.version)
    return training


async def held_mentorship(
    request: Request, mentorship_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Mentorship:
    """Return the mentorship to change, which nobody else can change meanwhile, at the version the caller holds."""
    mentorship = await found(session, tables.Mentorship, mentorship_id, queries.mentored(caller), held=True)
    conditional.check(request, if_match, mentorship.version)
    return mentorship


async def assessed_site(
    request: Request,
    site_id: UUID,
    session: Session,
    caller: Writer,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> UUID:
    """Return the site to assess, which nobody else can assess meanwhile, at the version of its readiness the caller holds."""
    assessed = await site_to_change(session, caller, site_id)
    version = await queries.readiness_version(session, assessed.id)
    if if_match is not None or if_none_match is None:
        conditional.check(request, if_match, version)
    elif version:
        raise PreconditionFailed
    return assessed.id


HeldTraining = Annotated[tables.Training, Depends(held_training)]
HeldMentorship = Annotated[tables.Mentorship, Depends(held_mentorship)]
AssessedSite = Annotated[UUID, Depends(assessed_site)]


@api.post(
    "/v1/training",
    status_code=HTTPStatus.CREATED,
    response_model=Training,
    responses=made(Training) | responses(SiteUnknown, SiteRequired, TrainingDiffers, *KEYED),
)
async def record_training(once: OnceOnly, caller: Writer, session: Session, new: NewTraining) -> Response:
    """Record that people of a site were trained, by role and number. With an `id` of your own, repeating it answers 200."""
    registered = await commands.record_training(session, caller, new)
    body = shown_as(Training, registered.fields)
    return await once.reply(told(registered, body, f"/v1/training/{body.id}"))


@api.get("/v1/training")
async def list_training(
    filters: Annotated[TrainingFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Training]:
    """List training in the order in which it was recorded or, with `modified_after`, changed."""
    query = queries.training(caller, filters)
    return await listed(session, query, tables.Training, filters, partial(shown_as, Training))


@api.get("/v1/training/{training_id}", response_model=Training, responses=shown(Training) | responses(NotFound))
async def read_training(training_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read training."""
    row = tables.Training
    training = await found(session, row, training_id, caller.theirs(row.site_id))
    return answer(HTTPStatus.OK, shown_as(Training, training), version=training.version).response()


@api.patch("/v1/training/{training_id}", response_model=Training, responses=shown(Training) | responses(*CHANGED))
async def change_training(
    once: OnceOnly, training: HeldTraining, caller: Writer, session: Session, change: TrainingChange
) -> Response:
    """Correct the named fields of training. A change that changes nothing makes no new version."""
    changed = await commands.change_training(session, caller, training, change)
    return await once.reply(answer(HTTPStatus.OK, shown_as(Training, changed), version=changed.version))


@api.get(
    "/v1/sites/{site_id}/readiness", response_model=SiteReadiness, responses=shown(SiteReadiness) | responses(NotFound)
)
async def read_readiness(site_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read how ready a site is, by dimension, and how it came to be so; a site never assessed is at version 0."""
    body = await queries.readiness(session, (await site(session, caller, site_id)).id)
    return answer(HTTPStatus.OK, body, version=body.version).response()


@api.put(
    "/v1/sites/{site_id}/readiness",
    response_model=SiteReadiness,
    responses=shown(SiteReadiness) | responses(SideNotYours, *CHANGED),
)
async def assess_readiness(
    once: OnceOnly, site_id: AssessedSite, caller: Writer, session: Session, new: NewReadiness
) -> Response:
    """Record how ready a site is on a day, as one side sees it; earlier days and the other side's view stay.

    The first time, `If-None-Match: *`, `If-Match: *` and the ETag "0" of the empty profile all do. The same side and day again
    is a correction.
    """
    await commands.assess_readiness(session, caller, site_id, new)
    body = await queries.readiness(session, site_id)
    return await once.reply(answer(HTTPStatus.OK, body, version=body.version))


@api.post(
    "/v1/mentorships",
    status_code=HTTPStatus.CREATED,
    response_model=Mentorship,
    responses=made(Mentorship) | responses(SiteUnknown, MentorshipDiffers, *KEYED),
)
async def record_mentorship(once: OnceOnly, caller: Writer, session: Session, new: NewMentorship) -> Response:
    """Record that one site mentors another; one of them is yours. With an `id` of your own, repeating it answers 200."""
    registered = await commands.record_mentorship(session, caller, new)
    body = shown_as(Mentorship, registered.fields)
    return await once.reply(told(registered, body, f"/v1/mentorships/{body.id}"))


@api.get("/v1/mentorships")
async def list_mentorships(
    filters: Annotated[MentorshipFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Mentorship]:
    """List mentorships in the order in which they were recorded or, with `modified_after`, changed."""
    query = queries.mentorships(caller, filters)
    return await listed(session, query, tables.Mentorship, filters, partial(shown_as, Mentorship))


@api.get(
    "/v1/mentorships/{mentorship_id}", response_model=Mentorship, responses=shown(Mentorship) | responses(NotFound)
)
async def read_mentorship(mentorship_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read a mentorship."""
    mentorship = await found(session, tables.Mentorship, mentorship_id, queries.mentored(caller))
    return answer(HTTPStatus.OK, shown_as(Mentorship, mentorship), version=mentorship.version).response()


@api.patch(
    "/v1/mentorships/{mentorship_id}", response_model=Mentorship, responses=shown(Mentorship) | responses(*CHANGED)
)
async def change_mentorship(
    once: OnceOnly, mentorship: HeldMentorship, caller: Writer, session: Session, change: MentorshipChange
) -> Response:
    """Change the named fields of a mentorship, or end it. A change that changes nothing makes no new version."""
    changed = await commands.change_mentorship(session, caller, mentorship, change)
    return await once.reply(answer(HTTPStatus.OK, shown_as(Mentorship, changed), version=changed.version))
