"""Organisations and sites, read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.domain.register import shows_address
from services.sites.queries.finding import found
from services.sites.schemas.register import Organisation, OrganisationFilters, ShownAddress, Site, SiteFilters
from shared.auth import Caller
from shared.codes import code_list

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


async def organisation(session: AsyncSession, caller: Caller, organisation_id: UUID) -> tables.Organisation:
    """Return an organisation that a caller may see; raises `NotFound`."""
    return await found(session, tables.Organisation, organisation_id, _of_theirs(caller))


async def site(session: AsyncSession, caller: Caller, site_id: UUID) -> tables.Site:
    """Return a site that a caller may see; raises `NotFound`."""
    return await found(session, tables.Site, site_id, caller.theirs(tables.Site.id))


async def organisation_to_change(session: AsyncSession, caller: Caller, organisation_id: UUID) -> tables.Organisation:
    """Return an organisation, held until the transaction ends; raises `NotFound`."""
    return await found(session, tables.Organisation, organisation_id, _of_theirs(caller), held=True)


async def site_to_change(session: AsyncSession, caller: Caller, site_id: UUID) -> tables.Site:
    """Return a site, held until the transaction ends; raises `NotFound`.

    Its organisation is held first, as a change of that one does it, so that two changes never wait for each other.
    """
    row, organisation = tables.Site, tables.Organisation
    theirs = caller.theirs(row.id)
    joined = select(organisation.id).join(row, row.organisation_id == organisation.id).where(row.id == site_id, theirs)
    await session.execute(joined.with_for_update(read=True, of=organisation))
    return await found(session, row, site_id, theirs, held=True)


def _of_theirs(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that an organisation has a site that is the caller's."""
    if caller.sites is None:
        return true()
    site = tables.Site
    return exists().where(site.organisation_id == tables.Organisation.id, caller.theirs(site.id))


async def organisation_kind(session: AsyncSession, caller: Caller, organisation_id: UUID) -> str | None:
    """Return an organisation's kind, which then stays so until the transaction ends; None when there is no such one."""
    row = tables.Organisation
    query = select(row.kind).where(row.id == organisation_id, _of_theirs(caller))
    return await session.scalar(query.with_for_update(read=True, of=row))


def organisations(caller: Caller, filters: OrganisationFilters) -> Select[tables.Organisation]:
    """Return the query of the organisations that filters find."""
    row = tables.Organisation
    query = select(row).where(_of_theirs(caller))
    return query if filters.kind is None else query.where(row.kind == filters.kind)


def sites(caller: Caller, filters: SiteFilters) -> Select[tables.Site]:
    """Return the query of the sites that filters find."""
    row = tables.Site
    query = select(row).where(caller.theirs(row.id))
    for name in ("organisation_id", "status", "cluster", "co_provider"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(row, name) == value)
    if filters.language is not None:
        query = query.where(row.languages.overlap(same_language(filters.language)))
    return query


def same_language(code: str) -> list[str]:
    """Return every code of the language that a code names: two letters, three, or both."""
    languages = code_list("language")
    label = languages.label(code)
    return [entry.code for entry in languages.entries if entry.label == label]
