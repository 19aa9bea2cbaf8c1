"""How co-produced an offer is: each side says, both are compared."""

from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told
from services.sites.commands import coproduction as commands
from services.sites.commands.coproduction import AssessmentDiffers
from services.sites.commands.sessions import OfferUnknown
from services.sites.commands.sides import SideNotYours
from services.sites.queries import coproduction as queries
from services.sites.queries.finding import found, shown_as
from services.sites.queries.listing import listed
from services.sites.schemas.coproduction import Assessment, AssessmentFilters, Comparison, NewAssessment
from shared.app import router
from shared.auth import Caller, needs
from shared.db import Session, Snapshot
from shared.idempotency import OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, responses

api = router(tags=["co-production"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


@api.post(
    "/v1/assessments-of-coproduction",
    status_code=HTTPStatus.CREATED,
    response_model=Assessment,
    responses=made(Assessment) | responses(SideNotYours, OfferUnknown, AssessmentDiffers, *KEYED),
)
async def assess(once: OnceOnly, caller: Writer, session: Session, new: NewAssessment) -> Response:
    """Record how co-produced a side finds an offer. It stays as it was said: what changes is said anew, on its own day."""
    registered = await commands.assess(session, caller, new)
    body = shown_as(Assessment, registered.fields)
    return await once.reply(told(registered, body, f"/v1/assessments-of-coproduction/{body.id}"))


@api.get("/v1/assessments-of-coproduction")
async def list_assessments(
    filters: Annotated[AssessmentFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Assessment]:
    """List assessments of both sides in the order in which they were recorded."""
    query = queries.assessments(caller, filters)
    return await listed(session, query, tables.CoproductionAssessment, filters, partial(shown_as, Assessment))


@api.get(
    "/v1/assessments-of-coproduction/{assessment_id}",
    response_model=Assessment,
    responses=shown(Assessment) | responses(NotFound),
)
async def read_assessment(assessment_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read an assessment."""
    row = tables.CoproductionAssessment
    assessment = await found(session, row, assessment_id, caller.theirs(row.site_id))
    return answer(HTTPStatus.OK, shown_as(Assessment, assessment), version=assessment.version).response()


@api.get("/v1/offers/{offer_id}/coproduction", responses=responses(NotFound))
async def compare(offer_id: UUID, caller: Reader, session: Snapshot) -> Comparison:
    """Compare how co-produced both sides find an offer: what each said last, and quarter by quarter."""
    if await queries.site_of_offer(session, caller, offer_id) is None:
        raise NotFound
    return await queries.comparison(session, offer_id)
