"""Care contacts, read."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.domain import pathway
from services.referrals.queries.referrals import referral, referral_to_change
from services.referrals.schemas.contacts import Contact
from shared.auth import Caller
from shared.paging import Page, Paging, page
from shared.problems import NotFound

SHOWN = tuple(Contact.model_fields)


def shown_contact(row: tables.Contact) -> Contact:
    """Return a care contact as callers see it."""
    return Contact.model_construct(**{name: getattr(row, name) for name in SHOWN})


async def contact(session: AsyncSession, caller: Caller, contact_id: UUID) -> tuple[tables.Contact, tables.Referral]:
    """Return a contact with its pathway, both theirs to see and neither removed; raises `NotFound`."""
    row = tables.Contact
    found = await session.scalar(select(row).where(row.id == contact_id, row.removed_at.is_(None)))
    if found is None:
        raise NotFound
    return found, await referral(session, caller, found.referral_id)


async def contact_to_change(
    session: AsyncSession, caller: Caller, contact_id: UUID, *, removed_too: bool = False
) -> tuple[tables.Contact, tables.Referral]:
    """Return a contact with its pathway, which is locked first, as every change of it does; raises `NotFound`."""
    row = tables.Contact
    pathway_id = await session.scalar(select(row.referral_id).where(row.id == contact_id))
    if pathway_id is None:
        raise NotFound
    held = await referral_to_change(session, caller, pathway_id)
    found = await session.scalar(select(row).where(row.id == contact_id))
    if found is None or (found.removed_at is not None and not removed_too):
        raise NotFound
    return found, held


async def contacts(session: AsyncSession, of: tables.Referral, paging: Paging) -> Page[Contact]:
    """Return a page of a pathway's contacts in the order of their days."""
    row = tables.Contact
    query = select(row).where(row.referral_id == of.id, row.removed_at.is_(None))
    return await page(session, query, (row.on, row.id), paging, shown_contact, referral=of.id)


async def counted(session: AsyncSession, referral_id: UUID) -> list[pathway.Contact]:
    """Return what counts of all of a pathway's contacts."""
    row = tables.Contact
    columns = [getattr(row, name) for name in pathway.Contact._fields]
    found = await session.execute(select(*columns).where(row.referral_id == referral_id, row.removed_at.is_(None)))
    return [pathway.Contact(*each) for each in found]


async def was_seen(session: AsyncSession, referral_id: UUID) -> bool:
    """Tell whether anybody has seen the person of a pathway: any attended contact, of any type and day."""
    return any(each.attended for each in await counted(session, referral_id))
