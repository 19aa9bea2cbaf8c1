"""Whose record something becomes: a site that the caller may write for, and that is registered."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from shared.auth import Caller, SiteRequired, SiteUnknown


async def own_site(session: AsyncSession, caller: Caller, given: UUID | None) -> UUID:
    """Return the registered site a write is for: the one given if it is theirs, else their only one.

    Raises `SiteRequired` when none is given and it could be several, `SiteUnknown` when it is not theirs or nobody's.
    """
    site_id = caller.own_site(given)
    if site_id is None:
        raise SiteRequired
    await all_registered(session, [site_id])
    return site_id


async def all_registered(session: AsyncSession, site_ids: Collection[UUID]) -> None:
    """Raise `SiteUnknown` when one of these different sites is not registered, or not for this session to see."""
    row = tables.Site
    if site_ids and await session.scalar(select(func.count()).where(row.id.in_(site_ids))) != len(site_ids):
        raise SiteUnknown
