"""Care contacts: planned or recorded, later changed, removed when entered in error; after a discharge too."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.commands.pathway import judge, settle
from services.referrals.commands.receiving import IdTaken
from services.referrals.commands.restricting import refuse_if_restricted
from services.referrals.commands.webhooks import announce
from services.referrals.domain import pathway
from services.referrals.domain.receiving import Objection
from services.referrals.domain.webhooks import Kind
from services.referrals.schemas.contacts import ContactChange, ContactContent, NewContact
from shared import audit, days
from shared.auth import Caller
from shared.db import insert_rows
from shared.events.referrals import ContactRecorded, ContactRemoved
from shared.problems import Problem

ANNOUNCED = tuple(name for name in ContactRecorded.model_fields if name in ContactContent.model_fields)


class ContactDiffers(Problem):
    """This id is already that of a contact of this referral, recorded with different content."""

    status = HTTPStatus.CONFLICT


class ContactWithdrawn(Problem):
    """The contact with this id was removed as entered in error; record it anew under another id."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a contact at the door: recorded now, or recorded before."""

    contact: tables.Contact
    created: bool


async def record(session: AsyncSession, caller: Caller, referral: tables.Referral, new: NewContact) -> Recorded:
    """Record a contact of a locked pathway; one with an id that was given before is recognised."""
    content = _content(referral, new, caller.own_site(new.site_id))
    row = {
        "id": new.id or uuid4(),
        "referral_id": referral.id,
        **content,
        "version": 1,
        "client": caller.client,
        "content_digest": content_digest(new, content["site_id"]),
        "created_at": datetime.now(UTC),
    }
    if new.id is not None:
        found = await session.get(tables.Contact, new.id)
        if found is not None:
            return _recognised(found, row)
    await refuse_if_restricted(session, referral.person_id)
    inserted = await insert_rows(session, tables.Contact, [row], conflict="nothing", key=["id"], returning="id")
    if not inserted:
        raise IdTaken  # by a contact of another pathway, which may be none of theirs
    contact = await session.get_one(tables.Contact, row["id"])
    await _settle(session, caller, referral, _recorded(contact), "create")
    return Recorded(contact, created=True)


async def change(
    session: AsyncSession, caller: Caller, referral: tables.Referral, contact: tables.Contact, changed: ContactChange
) -> tables.Contact:
    """Replace what is known of a contact of a locked pathway; the same again changes nothing."""
    stays = "site_id" in changed.model_fields_set and changed.site_id == contact.site_id
    site_id = contact.site_id if stays else caller.own_site(changed.site_id)
    if changed.id not in {None, contact.id}:
        judge([Objection("/id", "another_contact", "This is the id of another contact than the address names.")])
    content = _content(referral, changed, site_id)
    if all(getattr(contact, name) == value for name, value in content.items()):
        return contact
    await refuse_if_restricted(session, referral.person_id)
    for name, value in content.items():
        setattr(contact, name, value)
    contact.version += 1
    await _settle(session, caller, referral, _recorded(contact), "update")
    return contact


async def remove(
    session: AsyncSession, caller: Caller, referral: tables.Referral, contact: tables.Contact
) -> tables.Contact:
    """Take a contact of a locked pathway out of everything as entered in error. Once removed, it stays so."""
    if contact.removed_at is not None:
        return contact
    await refuse_if_restricted(session, referral.person_id)
    contact.removed_at = datetime.now(UTC)
    contact.version += 1
    event = ContactRemoved(contact_id=contact.id, referral_id=referral.id)
    await _settle(session, caller, referral, event, "delete")
    return contact


def content_digest(new: NewContact, site_id: UUID | None) -> bytes:
    """Return by what a repeated contact is recognised, even after later changes, or new optional fields."""
    said = new.model_copy(update={"site_id": site_id})
    return sha256(said.model_dump_json(exclude={"id"}, exclude_defaults=True).encode()).digest()


def _content(referral: tables.Referral, sent: ContactContent, site_id: UUID | None) -> dict[str, Any]:
    """Return a contact's columns; raises `MalformedRequest` for what cannot be."""
    held = pathway.Contact(*(getattr(sent, name) for name in pathway.Contact._fields))
    judge(pathway.contact_objections(held, sent, referral.received_on, days.today()))
    return {name: getattr(sent, name) for name in ContactContent.model_fields} | {"site_id": site_id}


def _recognised(found: tables.Contact, row: Mapping[str, Any]) -> Recorded:
    """Return the contact with this id when it is the same one; raises why it is not."""
    if found.referral_id != row["referral_id"]:
        raise IdTaken
    if found.removed_at is not None:
        raise ContactWithdrawn
    if (found.client, found.content_digest) != (row["client"], row["content_digest"]):
        raise ContactDiffers
    return Recorded(found, created=False)


def _recorded(contact: tables.Contact) -> ContactRecorded:
    """Return what is announced of a contact: the whole picture."""
    coded = {name: getattr(contact, name) for name in ANNOUNCED}
    return ContactRecorded(contact_id=contact.id, referral_id=contact.referral_id, **coded)


async def _settle(
    session: AsyncSession,
    caller: Caller,
    referral: tables.Referral,
    event: ContactRecorded | ContactRemoved,
    action: audit.Action,
) -> None:
    """Settle the pathway; tell its sender when treatment has begun with this."""
    was_treated = referral.status == "in_treatment"
    deed = audit.entry(caller, action, "contact", event.contact_id, person_id=referral.person_id)
    await settle(session, referral, event, deed)
    if referral.status == "in_treatment" and not was_treated:
        await announce(session, referral, Kind.IN_TREATMENT, referral.first_treatment_on)
