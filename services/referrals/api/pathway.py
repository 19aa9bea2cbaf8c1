"""What is decided of a referral: correct, triage, discharge, reopen, remove."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request, Response

from services.referrals import tables
from services.referrals.commands import pathway
from services.referrals.commands.pathway import ReferralClosed, ReferralOpen, TreatmentBegun
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.queries.keys import PersonErased
from services.referrals.queries.referrals import referral_to_change, shown
from services.referrals.schemas.pathway import Discharge, ReferralChange, Removal, Reopening, Triage
from services.referrals.schemas.referrals import Referral
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import ETAG, IfMatch
from shared.db import Session
from shared.idempotency import Answer, KeyReused, OnceOnly, RequestInProgress, answer
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, Problem, responses

api = router(tags=["referrals"])

Writer = Annotated[Caller, needs("referrals:write")]


async def held_referral(
    request: Request, referral_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Referral:
    """Return the referral to change, which nobody else can change meanwhile, at the version the caller holds."""
    referral = await referral_to_change(session, caller, referral_id)
    conditional.check(request, if_match, referral.version)
    return referral


async def referral_to_remove(
    request: Request, referral_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Referral:
    """Return the referral to remove, as `held_referral` does, or the one removed before."""
    referral = await referral_to_change(session, caller, referral_id, removed_too=True)
    if referral.removed_at is None:
        conditional.check(request, if_match, referral.version)
    return referral


HeldReferral = Annotated[tables.Referral, Depends(held_referral)]
ReferralToRemove = Annotated[tables.Referral, Depends(referral_to_remove)]


def decided(*refusals: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer that shows the referral as it now is."""
    everywhere = (NotFound, PreconditionFailed, PersonRestricted, PersonErased, RequestInProgress, KeyReused)
    return {200: {"model": Referral, "headers": ETAG}} | responses(*everywhere, *refusals)


def told(referral: tables.Referral) -> Answer:
    """Return the answer that shows a referral's coded fields and version."""
    return answer(HTTPStatus.OK, shown(referral), version=referral.version)


@api.patch(
    "/v1/referrals/{referral_id}",
    response_model=Referral,
    responses=decided(PreconditionRequired, SiteUnknown, SiteRequired),
)
async def correct(
    once: OnceOnly, referral: HeldReferral, caller: Writer, session: Session, change: ReferralChange
) -> Response:
    """Correct the named coded fields, after a discharge too. A change that changes nothing makes no new version."""
    return await once.reply(told(await pathway.correct(session, caller, referral, change)))


@api.post(
    "/v1/referrals/{referral_id}/triage",
    response_model=Referral,
    responses=decided(ReferralClosed, TreatmentBegun),
)
async def triage(once: OnceOnly, referral: HeldReferral, caller: Writer, session: Session, new: Triage) -> Response:
    """Accept, reject or redirect. The same decision again changes nothing; a different one replaces it until a discharge.

    A rejected or redirected referral ends on that day, unless it is discharged or reopened.
    """
    return await once.reply(told(await pathway.triage(session, caller, referral, new)))


@api.post("/v1/referrals/{referral_id}/discharge", response_model=Referral, responses=decided(ReferralClosed))
async def discharge(
    once: OnceOnly, referral: HeldReferral, caller: Writer, session: Session, ended: Discharge
) -> Response:
    """End the pathway. The same discharge again changes nothing; a different one needs the first to be undone."""
    return await once.reply(told(await pathway.discharge(session, caller, referral, ended)))


@api.post("/v1/referrals/{referral_id}/reopen", response_model=Referral, responses=decided(ReferralOpen))
async def reopen(
    once: OnceOnly, referral: HeldReferral, caller: Writer, session: Session, reopening: Reopening
) -> Response:
    """Undo an end recorded by mistake: the discharge, and a refusal at triage."""
    return await once.reply(told(await pathway.reopen(session, caller, referral, reopening)))


@api.delete(
    "/v1/referrals/{referral_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=responses(NotFound, PreconditionFailed, PersonRestricted, RequestInProgress, KeyReused),
)
async def remove(once: OnceOnly, referral: ReferralToRemove, caller: Writer, session: Session) -> Response:
    """Take a referral out of everything as entered in error. It is kept for the audit; removing it again is safe."""
    await pathway.remove(session, caller, referral, Removal())
    return await once.reply(Answer(HTTPStatus.NO_CONTENT, b""))
