"""Agreements: who answers for what at a site, and when that is looked at again."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told
from services.sites.commands import agreements as commands
from services.sites.commands.agreements import AgreementDiffers, AgreementEnded
from services.sites.queries import agreements as queries
from services.sites.queries.finding import found
from services.sites.queries.listing import listed
from services.sites.schemas.agreements import Agreement, AgreementChange, AgreementFilters, NewAgreement, Review
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["agreements"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def held_agreement(
    request: Request, agreement_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Agreement:
    """Return the agreement to change, which nobody else can change meanwhile, at the version the caller holds."""
    row = tables.Agreement
    agreement = await found(session, row, agreement_id, caller.theirs(row.site_id), held=True)
    conditional.check(request, if_match, agreement.version)
    return agreement


HeldAgreement = Annotated[tables.Agreement, Depends(held_agreement)]


@api.post(
    "/v1/agreements",
    status_code=HTTPStatus.CREATED,
    response_model=Agreement,
    responses=made(Agreement) | responses(SiteUnknown, SiteRequired, AgreementDiffers, *KEYED),
)
async def agree(once: OnceOnly, caller: Writer, session: Session, new: NewAgreement) -> Response:
    """Record who answers for what at a site, by role and side. With an `id` of your own, repeating it answers 200."""
    registered = await commands.agree(session, caller, new)
    body = queries.shown_agreement(registered.fields)
    return await once.reply(told(registered, body, f"/v1/agreements/{body.id}"))


@api.get("/v1/agreements")
async def list_agreements(
    filters: Annotated[AgreementFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Agreement]:
    """List agreements in the order in which they were recorded or, with `modified_after`, changed."""
    return await listed(
        session, queries.agreements(caller, filters), tables.Agreement, filters, queries.shown_agreement
    )


@api.get("/v1/agreements/{agreement_id}", response_model=Agreement, responses=shown(Agreement) | responses(NotFound))
async def read_agreement(agreement_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read an agreement."""
    row = tables.Agreement
    agreement = await found(session, row, agreement_id, caller.theirs(row.site_id))
    return answer(HTTPStatus.OK, queries.shown_agreement(agreement), version=agreement.version).response()


@api.patch(
    "/v1/agreements/{agreement_id}",
    response_model=Agreement,
    responses=shown(Agreement) | responses(NotFound, PreconditionRequired, PreconditionFailed, *KEYED),
)
async def change_agreement(
    once: OnceOnly, agreement: HeldAgreement, caller: Writer, session: Session, change: AgreementChange
) -> Response:
    """Change the named fields of an agreement, or end it. A change that changes nothing makes no new version."""
    changed = await commands.change_agreement(session, caller, agreement, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_agreement(changed), version=changed.version))


@api.post(
    "/v1/agreements/{agreement_id}/reviewed",
    response_model=Agreement,
    responses=shown(Agreement) | responses(NotFound, PreconditionFailed, AgreementEnded, *KEYED),
)
async def review(
    once: OnceOnly, agreement: HeldAgreement, caller: Writer, session: Session, reviewed: Review
) -> Response:
    """Say that an agreement was looked at, and when it is to be next; the same again answers alike and changes nothing."""
    changed = await commands.review(session, caller, agreement, reviewed)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_agreement(changed), version=changed.version))
