"""Care contacts: plan, record, change, remove, list."""

from http import HTTPStatus
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.referrals import tables
from services.referrals.api.pathway import HeldReferral
from services.referrals.commands import contacts
from services.referrals.commands.contacts import ContactDiffers, ContactWithdrawn
from services.referrals.commands.receiving import IdTaken
from services.referrals.commands.restricting import PersonRestricted
from services.referrals.queries import contacts as queries
from services.referrals.queries.referrals import referral as one_referral
from services.referrals.schemas.contacts import Contact, ContactChange, NewContact
from shared import audit, conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import ETAG, LOCATION, IfMatch
from shared.db import Session
from shared.idempotency import Answer, KeyReused, OnceOnly, RequestInProgress, answer
from shared.paging import Page, Paging
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["contacts"])

Writer = Annotated[Caller, needs("referrals:write")]
Reader = Annotated[Caller, needs("referrals:read")]


SHOWN: dict[int | str, dict[str, Any]] = {200: {"model": Contact, "headers": ETAG}}


class Held(NamedTuple):
    """A contact to change, and its pathway, which is locked."""

    contact: tables.Contact
    referral: tables.Referral


async def held_contact(
    request: Request, contact_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> Held:
    """Return the contact to change, which nobody else can change meanwhile, at the version the caller holds."""
    held = Held(*await queries.contact_to_change(session, caller, contact_id))
    conditional.check(request, if_match, held.contact.version)
    return held


async def contact_to_remove(
    request: Request, contact_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> Held:
    """Return the contact to remove, as `held_contact` does, or the one removed before."""
    held = Held(*await queries.contact_to_change(session, caller, contact_id, removed_too=True))
    if held.contact.removed_at is None:
        conditional.check(request, if_match, held.contact.version)
    return held


HeldContact = Annotated[Held, Depends(held_contact)]
ContactToRemove = Annotated[Held, Depends(contact_to_remove)]


@api.post(
    "/v1/referrals/{referral_id}/contacts",
    status_code=HTTPStatus.CREATED,
    response_model=Contact,
    responses={
        201: {"headers": LOCATION | ETAG},
        200: {"model": Contact, "description": "Recorded before, with the same content.", "headers": LOCATION | ETAG},
        **responses(
            NotFound,
            SiteUnknown,
            PreconditionFailed,
            SiteRequired,
            KeyReused,
            ContactDiffers,
            ContactWithdrawn,
            IdTaken,
            PersonRestricted,
            RequestInProgress,
        ),
    },
)
async def record(once: OnceOnly, referral: HeldReferral, caller: Writer, session: Session, new: NewContact) -> Response:
    """Plan or record a care contact, after a discharge too. With an `id` of your own, sending it again answers 200."""
    recorded = await contacts.record(session, caller, referral, new)
    status = HTTPStatus.CREATED if recorded.created else HTTPStatus.OK
    body = queries.shown_contact(recorded.contact)
    return await once.reply(answer(status, body, location=f"/v1/contacts/{body.id}", version=body.version))


@api.get("/v1/referrals/{referral_id}/contacts", responses=responses(NotFound))
async def read_list(
    referral_id: UUID, paging: Annotated[Paging, Query()], caller: Reader, session: Session
) -> Page[Contact]:
    """List a pathway's care contacts in the order of their days. The read is audited."""
    referral = await one_referral(session, caller, referral_id)
    page = await queries.contacts(session, referral, paging)
    deed = audit.entry(
        caller,
        "read",
        "contacts",
        referral.id,
        person_id=referral.person_id,
        detail=f"rows={len(page.items)}",
    )
    await audit.record(session, [deed])
    return page


@api.get(
    "/v1/contacts/{contact_id}",
    response_model=Contact,
    responses=SHOWN | responses(NotFound),
)
async def read(contact_id: UUID, caller: Reader, session: Session) -> Response:
    """Read a care contact. The read is audited."""
    contact, referral = await queries.contact(session, caller, contact_id)
    deed = audit.entry(caller, "read", "contact", contact.id, person_id=referral.person_id)
    await audit.record(session, [deed])
    return answer(HTTPStatus.OK, queries.shown_contact(contact), version=contact.version).response()


@api.put(
    "/v1/contacts/{contact_id}",
    response_model=Contact,
    responses=SHOWN
    | responses(
        NotFound,
        SiteUnknown,
        PreconditionFailed,
        PreconditionRequired,
        SiteRequired,
        KeyReused,
        PersonRestricted,
        RequestInProgress,
    ),
)
async def change(
    once: OnceOnly, held: HeldContact, caller: Writer, session: Session, changed: ContactChange
) -> Response:
    """Say what is now known of a care contact, whole: its attendance, once it was held or missed."""
    contact = await contacts.change(session, caller, held.referral, held.contact, changed)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_contact(contact), version=contact.version))


@api.delete(
    "/v1/contacts/{contact_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=responses(NotFound, PreconditionFailed, PersonRestricted, RequestInProgress, KeyReused),
)
async def remove(once: OnceOnly, held: ContactToRemove, caller: Writer, session: Session) -> Response:
    """Take a care contact out of everything as entered by mistake; removing it again is safe."""
    await contacts.remove(session, caller, held.referral, held.contact)
    return await once.reply(Answer(HTTPStatus.NO_CONTENT, b""))
