"""Referrals, read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from services.referrals import tables
from services.referrals.domain.pathway import Status
from services.referrals.queries.keys import person_key
from services.referrals.queries.people import withheld
from services.referrals.schemas.referrals import IdentifiedReferral, Person, Referral
from services.referrals.tables import SEALED, Demographics
from shared.auth import Caller
from shared.codes import SourceOfReferral
from shared.days import Day
from shared.paging import Page, Paging, page
from shared.problems import NotFound

VISIBLE = tuple(name for name in Referral.model_fields if name in tables.Referral.__table__.columns)
SEALED_WORDS = ("note", "triage_reason", "ended_reason")  # of the referral, under its person's key


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


async def referral(session: AsyncSession, caller: Caller, referral_id: UUID) -> tables.Referral:
    """Return a referral that is theirs to see and was not removed; raises `NotFound`."""
    row = tables.Referral
    found = await session.scalar(select(row).where(row.id == referral_id))
    return _theirs(caller, found)


async def referral_to_change(
    session: AsyncSession, caller: Caller, referral_id: UUID, *, removed_too: bool = False
) -> tables.Referral:
    """Return a referral, locked until the transaction ends, so that one change is judged after the other.

    Raises `NotFound`, for a removed one too unless told otherwise.
    """
    row = tables.Referral
    query = select(row).where(row.id == referral_id).with_for_update()
    found = await session.scalar(query.execution_options(populate_existing=True))
    return _theirs(caller, found, removed_too=removed_too)


def _theirs(caller: Caller, found: tables.Referral | None, *, removed_too: bool = False) -> tables.Referral:
    """Return a referral that row-level security let through, asked again whether it is theirs."""
    if found is None or not caller.may_see(found.site_id) or (found.removed_at is not None and not removed_too):
        raise NotFound
    return found


async def identified(session: AsyncSession, caller: Caller, row: tables.Referral) -> IdentifiedReferral:
    """Return a referral with its person, note and reasons, decrypted; without them once the person was erased.

    Those of a restricted person are withheld, as they are in the person's record.
    """
    seen = {name: getattr(row, name) for name in VISIBLE}
    key = await person_key(session, row.person_id)
    if key is None:
        return IdentifiedReferral(**seen)
    query = (
        select(tables.Person, Demographics)
        .join(Demographics, Demographics.person_id == tables.Person.id)
        .where(tables.Person.id == row.person_id)
        .order_by(Demographics.version.desc())
        .limit(1)
    )
    person, demographics = (await session.execute(query)).one()
    if withheld(caller, person):
        return IdentifiedReferral(**seen)
    fields: dict[str, Any] = {
        name: key.open(name, sealed) for name in SEALED if (sealed := getattr(person, name)) is not None
    }
    fields |= {
        name: getattr(demographics, name) for name in Person.model_fields if name in Demographics.__table__.columns
    }
    words = {name: key.open(name, sealed) for name in SEALED_WORDS if (sealed := getattr(row, name)) is not None}
    return IdentifiedReferral(**seen, **words, person=Person.model_validate(fields))


async def referrals(session: AsyncSession, caller: Caller, filters: Filters) -> Page[Referral]:
    """Return a page of the referrals that are theirs to see, in order of receipt."""
    row = tables.Referral
    query = select(row).options(load_only(*(getattr(row, name) for name in VISIBLE)))
    query = query.where(row.removed_at.is_(None), caller.theirs(row.site_id))
    exact = {row.status: filters.status, row.site_id: filters.site_id, row.source: filters.source}
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if filters.received_from is not None:
        query = query.where(row.received_on >= filters.received_from)
    if filters.received_to is not None:
        query = query.where(row.received_on <= filters.received_to)
    return await page(session, query, (row.received_on, row.id), filters, shown)
