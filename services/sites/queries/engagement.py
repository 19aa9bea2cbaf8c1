"""Engagement and contributions, read."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.queries.finding import found
from services.sites.queries.listing import listed
from services.sites.schemas.engagement import (
    Contribution,
    ContributionFilters,
    Engagement,
    EngagementFilters,
    Resource,
)
from shared.auth import Caller
from shared.paging import Page

Fields = Mapping[str, Any]


def shown_engagement(row: tables.Engagement | Fields) -> Engagement:
    """Return an engagement as its callers see it."""
    fields = dict(row if isinstance(row, Mapping) else row.__dict__)
    fields["hours"] = float(fields["hours"])
    fields["resources"] = [Resource.model_construct(**each) for each in fields["resources"]]
    return Engagement.model_construct(**{name: fields[name] for name in Engagement.model_fields})


def shown_contribution(row: tables.Contribution | Fields) -> Contribution:
    """Return a contribution as its callers see it."""
    fields = dict(row if isinstance(row, Mapping) else row.__dict__)
    fields["hours"] = None if fields["hours"] is None else float(fields["hours"])
    return Contribution.model_construct(**{name: fields[name] for name in Contribution.model_fields})


async def engagement(session: AsyncSession, caller: Caller, engagement_id: UUID) -> tables.Engagement:
    """Return an engagement of a site of theirs; raises `NotFound`."""
    return await found(session, tables.Engagement, engagement_id, _theirs(caller))


async def engagement_to_change(session: AsyncSession, caller: Caller, engagement_id: UUID) -> tables.Engagement:
    """Return an engagement of a site of theirs, held until the transaction ends; raises `NotFound`."""
    return await found(session, tables.Engagement, engagement_id, _theirs(caller), held=True)


async def contribution(session: AsyncSession, caller: Caller, contribution_id: UUID) -> tables.Contribution:
    """Return a contribution of a site of theirs; raises `NotFound`."""
    row = tables.Contribution
    return await found(session, row, contribution_id, caller.theirs(row.site_id))


async def contribution_to_change(session: AsyncSession, caller: Caller, contribution_id: UUID) -> tables.Contribution:
    """Return a contribution of a site of theirs, held until the transaction ends; raises `NotFound`."""
    row = tables.Contribution
    return await found(session, row, contribution_id, caller.theirs(row.site_id), held=True)


async def engagements(session: AsyncSession, caller: Caller, filters: EngagementFilters) -> Page[Engagement]:
    """Return a page of the engagements that sites of theirs took part in."""
    row = tables.Engagement
    query = select(row).where(_theirs(caller))
    if filters.site_id is not None:
        query = query.where(row.site_ids.contains([filters.site_id]))
    query = _limited(query, row, filters, "kind", "space")
    return await listed(session, query, row, filters, shown_engagement)


async def contributions(session: AsyncSession, caller: Caller, filters: ContributionFilters) -> Page[Contribution]:
    """Return a page of the contributions of their sites."""
    row = tables.Contribution
    query = _limited(select(row).where(caller.theirs(row.site_id)), row, filters, "site_id", "paid", "from_side")
    return await listed(session, query, row, filters, shown_contribution)


def _theirs(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that one of an engagement's sites is one of theirs, as row-level security also holds to."""
    return true() if caller.sites is None else tables.Engagement.site_ids.overlap(list(caller.sites))


def _limited(
    query: Select[Any],
    row: type[tables.Engagement | tables.Contribution],
    filters: EngagementFilters | ContributionFilters,
    *names: str,
) -> Select[Any]:
    """Limit a list to the days and values that were asked for."""
    for name in names:
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(row, name) == value)
    if filters.from_ is not None:
        query = query.where(row.on >= filters.from_)
    return query if filters.to is None else query.where(row.on <= filters.to)
