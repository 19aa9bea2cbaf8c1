"""Recording how co-produced each side finds an offer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.occasions import happened
from services.sites.commands.recording import Registered, once, registration
from services.sites.commands.sessions import OfferUnknown
from services.sites.commands.sides import speaking
from services.sites.queries.coproduction import site_of_offer
from services.sites.schemas.coproduction import NewAssessment
from services.sites.tables import CoproductionAssessment
from shared import audit
from shared.auth import Caller
from shared.events.sites import CoproductionAssessed
from shared.outbox import emit
from shared.problems import FieldError, Problem


class AssessmentDiffers(Problem):
    """This id is already that of an assessment recorded with different content."""

    status = HTTPStatus.CONFLICT


async def assess(session: AsyncSession, caller: Caller, new: NewAssessment) -> Registered:
    """Record how co-produced a side finds an offer, and announce it; one with an id that was given before is recognised."""
    said = new.model_copy(update={"side": speaking(caller, new.side)})
    site_id = await site_of_offer(session, caller, new.offer_id)
    if site_id is None:
        raise _no_offer()
    happened(new.on)
    row = registration(caller, said, said.model_dump(exclude={"id"}) | {"site_id": site_id})
    registered = await once(session, CoproductionAssessment, row, AssessmentDiffers)
    if registered.created:
        await emit(session, _assessed(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "assessment of co-production", row["id"])])
    return registered


def _no_offer() -> OfferUnknown:
    refusal = OfferUnknown()
    message = "Name an offer of one of your sites."
    refusal.errors = [FieldError(pointer="/offer_id", code="offer_unknown", message=message)]
    return refusal


def _assessed(fields: Mapping[str, Any]) -> CoproductionAssessed:
    told = {name: fields[name] for name in CoproductionAssessed.model_fields if name != "assessment_id"}
    return CoproductionAssessed(assessment_id=fields["id"], **told)
