"""Offers: register, read, list, change, withdraw."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told, whole_or_compact
from services.sites.commands import offers as commands
from services.sites.commands.offers import OfferDiffers, OfferWithdrawn
from services.sites.queries import offers as queries
from services.sites.queries.listing import listed, listed_compactly
from services.sites.schemas.listing import Compact
from services.sites.schemas.offers import NewOffer, Offer, OfferChange, OfferFilters
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import Answer, OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["offers"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def held_offer(
    request: Request, offer_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Offer:
    """Return the offer to change, which nobody else can change meanwhile, at the version the caller holds."""
    offer = await queries.offer_to_change(session, caller, offer_id)
    conditional.check(request, if_match, offer.version)
    return offer


async def offer_to_withdraw(
    request: Request, offer_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Offer:
    """Return the offer to withdraw, as `held_offer` does, or the one withdrawn before."""
    offer = await queries.offer_to_change(session, caller, offer_id, withdrawn_too=True)
    if offer.status != queries.WITHDRAWN:
        conditional.check(request, if_match, offer.version)
    return offer


HeldOffer = Annotated[tables.Offer, Depends(held_offer)]
OfferToWithdraw = Annotated[tables.Offer, Depends(offer_to_withdraw)]


@api.post(
    "/v1/offers",
    status_code=HTTPStatus.CREATED,
    response_model=Offer,
    responses=made(Offer) | responses(SiteUnknown, SiteRequired, OfferDiffers, OfferWithdrawn, *KEYED),
)
async def register_offer(caller: Writer, once: OnceOnly, session: Session, new: NewOffer) -> Response:
    """Offer something at a site. With an `id` of your own, sending it again answers 200."""
    registered = await commands.register_offer(session, caller, new)
    schedules = await queries.schedules_of(session, [registered.fields["id"]])
    body = queries.shown_offer(registered.fields, schedules[registered.fields["id"]])
    return await once.reply(told(registered, body, f"/v1/offers/{body.id}"))


@api.get("/v1/offers", response_model=Page[Offer] | Page[Compact])
async def list_offers(filters: Annotated[OfferFilters, Query()], caller: Reader, session: Snapshot) -> Response:
    """List offers in the order of their registration. With `modified_after`, those withdrawn since are there as well."""
    query, row = await queries.offers(session, caller, filters), tables.Offer
    if filters.compact:
        return whole_or_compact(await listed_compactly(session, query, row, filters))
    page = await listed(session, query, row, filters, queries.without_schedule)
    schedules = await queries.schedules_of(session, [one.id for one in page.items])
    for one in page.items:
        one.schedule = [queries.shown_times(entry) for entry in schedules[one.id]]
    return whole_or_compact(page)


@api.get("/v1/offers/{offer_id}", response_model=Offer, responses=shown(Offer) | responses(NotFound))
async def read_offer(offer_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read an offer."""
    offer = await queries.offer(session, caller, offer_id)
    return (await _whole(session, offer)).response()


@api.patch(
    "/v1/offers/{offer_id}",
    response_model=Offer,
    responses=shown(Offer)
    | responses(NotFound, SiteUnknown, PreconditionRequired, PreconditionFailed, SiteRequired, *KEYED),
)
async def change_offer(
    once: OnceOnly, offer: HeldOffer, caller: Writer, session: Session, change: OfferChange
) -> Response:
    """Change the named fields of an offer; its schedule as a whole. A change that changes nothing makes no new version."""
    changed = await commands.change_offer(session, caller, offer, change)
    return await once.reply(await _whole(session, changed))


@api.delete(
    "/v1/offers/{offer_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=responses(NotFound, PreconditionFailed, *KEYED),
)
async def withdraw_offer(once: OnceOnly, offer: OfferToWithdraw, caller: Writer, session: Session) -> Response:
    """Withdraw an offer: nobody finds it any more, and what took place under it stays. Withdrawing it again is safe."""
    await commands.withdraw_offer(session, caller, offer)
    return await once.reply(Answer(HTTPStatus.NO_CONTENT, b""))


async def _whole(session: Session, offer: tables.Offer) -> Answer:
    schedule = (await queries.schedules_of(session, [offer.id]))[offer.id]
    return answer(HTTPStatus.OK, queries.shown_offer(offer, schedule), version=offer.version)
