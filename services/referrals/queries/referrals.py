"""Referrals, read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals import tables
from services.referrals.schemas.referrals import IdentifiedReferral, Person, Referral, Status
from services.referrals.tables import SEALED, Demographics, PersonKeyRow
from shared.codes import SourceOfReferral
from shared.crypto import keyring
from shared.days import Day
from shared.paging import Page, Paging, page
from shared.problems import NotFound

VISIBLE = tuple(name for name in Referral.model_fields if name in tables.Referral.__table__.columns)


class Filters(Paging):
    """What a list of referrals may be limited to."""

    status: Status | None = None
    site_id: UUID | None = None
    source: SourceOfReferral | None = None
    received_from: Day | None = None
    received_to: Day | None = None


def shown(row: tables.Referral | Mapping[str, Any]) -> Referral:
    """Return a referral as callers with `referrals:read` see it."""
    fields = row if isinstance(row, Mapping) else {name: getattr(row, name) for name in VISIBLE}
    return Referral(**{name: fields[name] for name in VISIBLE if name in fields})


async def referral(session: AsyncSession, referral_id: UUID) -> tables.Referral:
    """Return a referral that this session may see; raises `NotFound`."""
    found = await session.get(tables.Referral, referral_id)
    if found is None:
        raise NotFound
    return found


async def identified(session: AsyncSession, row: tables.Referral) -> IdentifiedReferral:
    """Return a referral with its person and note, decrypted."""
    query = (
        select(tables.Person, PersonKeyRow, Demographics)
        .join(PersonKeyRow, PersonKeyRow.person_id == tables.Person.id)
        .join(Demographics, Demographics.person_id == tables.Person.id)
        .where(tables.Person.id == row.person_id)
        .order_by(Demographics.version.desc())
        .limit(1)
    )
    person, key, demographics = (await session.execute(query)).one()
    opened = keyring().open_person(person.id, key.wrapped_by, key.wrapped)
    fields: dict[str, Any] = {
        name: opened.open(name, sealed) for name in SEALED if (sealed := getattr(person, name)) is not None
    }
    fields |= {
        name: getattr(demographics, name) for name in Person.model_fields if name in Demographics.__table__.columns
    }
    return IdentifiedReferral(
        **{name: getattr(row, name) for name in VISIBLE},
        note=opened.open("note", row.note) if row.note else None,
        person=Person.model_validate(fields),
    )


async def referrals(session: AsyncSession, filters: Filters) -> Page[Referral]:
    """Return a page of referrals in order of receipt."""
    row = tables.Referral
    query = select(row)
    exact = {row.status: filters.status, row.site_id: filters.site_id, row.source: filters.source}
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if filters.received_from is not None:
        query = query.where(row.received_on >= filters.received_from)
    if filters.received_to is not None:
        query = query.where(row.received_on <= filters.received_to)
    return await page(session, query, (row.received_on, row.id), filters, shown)
