"""Whose record something becomes: registered sites that the caller may write for."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from shared.auth import Caller, SiteRequired, SiteUnknown

FOREIGN_KEY = "23503"


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


async def sites_for(
    session: AsyncSession, caller: Caller, given: Iterable[UUID] | None, pointer: str = "/sites"
) -> list[UUID]:
    """Return the registered sites a write is for, each once and in order: those given if all are theirs, else their only one.

    Raises `SiteRequired` when none is given and it could be several, `SiteUnknown` when one is not theirs or nobody's.
    """
    if given is None and (caller.sites is None or len(caller.sites) > 1):
        raise _required(pointer)
    wanted = set(caller.sites or ()) if given is None else set(given)
    if not wanted or not all(map(caller.may_see, wanted)):
        raise SiteUnknown
    await all_registered(session, wanted)
    return sorted(wanted)


def _required(pointer: str) -> SiteRequired:
    """Return the refusal, pointing to where this body names its site."""
    refusal = SiteRequired()
    refusal.errors = [error.model_copy(update={"pointer": pointer}) for error in refusal.errors]
    return refusal


def names_nothing(problem: IntegrityError) -> bool:
    """Tell whether a row was refused because something that it names does not exist."""
    return getattr(problem.orig, "sqlstate", None) == FOREIGN_KEY
