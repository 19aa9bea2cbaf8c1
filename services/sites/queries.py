"""Reads of `sites` worth naming."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.domain import shows_address
from services.sites.schemas import Organisation, OrganisationFilters, ShownAddress, Site, SiteFilters
from shared.codes import code_list
from shared.paging import Page, page
from shared.problems import NotFound

WHEREABOUTS = ("address", "postcode", "latitude", "longitude")

Fields = Mapping[str, Any]


def shown_organisation(row: tables.Organisation | Fields) -> Organisation:
    """Return an organisation as callers see it."""
    fields = row if isinstance(row, Mapping) else row.__dict__
    return Organisation.model_construct(**{name: fields[name] for name in Organisation.model_fields})


def shown_site(row: tables.Site | Fields, *, may_write: bool) -> Site:
    """Return a site as a caller sees it: a redacted address only when they may change the site."""
    fields = dict(row if isinstance(row, Mapping) else row.__dict__)
    fields["address"] = ShownAddress.model_construct(**{name: fields[name] for name in ShownAddress.model_fields})
    if not shows_address(redacted=fields["redacted_address"], may_write=may_write):
        fields |= dict.fromkeys(WHEREABOUTS)
    return Site.model_construct(**{name: fields[name] for name in Site.model_fields})


async def organisation(session: AsyncSession, organisation_id: UUID) -> tables.Organisation:
    """Return an organisation that this session may see; raises `NotFound`."""
    found = await session.get(tables.Organisation, organisation_id)
    if found is None:
        raise NotFound
    return found


async def site(session: AsyncSession, site_id: UUID) -> tables.Site:
    """Return a site that this session may see; raises `NotFound`."""
    found = await session.get(tables.Site, site_id)
    if found is None:
        raise NotFound
    return found


async def organisation_to_change(session: AsyncSession, organisation_id: UUID) -> tables.Organisation:
    """Return an organisation, held until the transaction ends; raises `NotFound`."""
    row = tables.Organisation
    found = await session.scalar(select(row).where(row.id == organisation_id).with_for_update())
    if found is None:
        raise NotFound
    return found


async def site_to_change(session: AsyncSession, site_id: UUID) -> tables.Site:
    """Return a site, held until the transaction ends; raises `NotFound`.

    Its organisation is held first, as a change of that one does it, so that two changes never wait for each other.
    """
    row, organisation = tables.Site, tables.Organisation
    joined = select(organisation.id).join(row, row.organisation_id == organisation.id).where(row.id == site_id)
    await session.execute(joined.with_for_update(read=True, of=organisation))
    found = await session.scalar(select(row).where(row.id == site_id).with_for_update())
    if found is None:
        raise NotFound
    return found


async def organisation_kind(session: AsyncSession, organisation_id: UUID) -> str | None:
    """Return an organisation's kind, which then stays so until the transaction ends; None when there is no such one."""
    row = tables.Organisation
    return await session.scalar(select(row.kind).where(row.id == organisation_id).with_for_update(read=True))


async def organisations(session: AsyncSession, filters: OrganisationFilters) -> Page[Organisation]:
    """Return a page of organisations in the order of their registration."""
    row = tables.Organisation
    query = select(row)
    if filters.kind is not None:
        query = query.where(row.kind == filters.kind)
    return await page(session, query, (row.created_at, row.id), filters, shown_organisation)


async def sites(session: AsyncSession, filters: SiteFilters) -> Page[Site]:
    """Return a page of sites in the order of their registration, without redacted addresses."""
    row = tables.Site
    query = select(row)
    for name in ("organisation_id", "status", "cluster", "co_provider"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(row, name) == value)
    if filters.language is not None:
        query = query.where(row.languages.overlap(same_language(filters.language)))
    return await page(session, query, (row.created_at, row.id), filters, partial(shown_site, may_write=False))


def same_language(code: str) -> list[str]:
    """Return every code of the language that a code names: two letters, three, or both."""
    languages = code_list("language")
    label = languages.label(code)
    return [entry.code for entry in languages.entries if entry.label == label]
