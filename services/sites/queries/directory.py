"""What the directory for people asks: one service, one place, where a town is, which languages are spoken."""

from collections.abc import Sequence
from time import monotonic
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from services.sites import tables
from services.sites.domain.offers import Point
from services.sites.queries.offers import Hit, public, schedules_of
from shared.db import engine

SHOWN = ("active", "temporarily_closed")
REMEMBERED_FOR = 60  # seconds

_spoken: WeakKeyDictionary[AsyncEngine, tuple[float, Sequence[str]]] = WeakKeyDictionary()


async def service(session: AsyncSession, offer_id: UUID) -> Hit | None:
    """Return a service that people can come to, or that is closed only for now."""
    offer, site, organisation = tables.Offer, tables.Site, tables.Organisation
    query = (
        select(offer, site, organisation)
        .join(site, site.id == offer.site_id)
        .join(organisation, organisation.id == site.organisation_id)
        .where(offer.id == offer_id, offer.status.in_(SHOWN), *public())
    )
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    schedules = await schedules_of(session, [offer_id])
    return Hit(row[0], row[1], row[2], schedules[offer_id], None)


async def place_of_services(session: AsyncSession, site_id: UUID) -> tuple[tables.Site, tables.Organisation] | None:
    """Return a site that is not closed, and whose it is."""
    site, organisation = tables.Site, tables.Organisation
    query = (
        select(site, organisation)
        .join(organisation, organisation.id == site.organisation_id)
        .where(site.id == site_id, site.status != "closed")
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def town(session: AsyncSession, name: str) -> Point | None:
    """Return the middle of a town, or of a group of sites of that name, by its sites; None when there are none.

    Sites whose address is redacted place nothing: neither the order of a list nor its emptiness may find them out.
    """
    site, wanted = tables.Site, name.casefold()
    named = func.lower(site.town), func.lower(site.cluster)
    exactly = or_(*(each == wanted for each in named))
    begins = or_(*(each.startswith(wanted, autoescape=True) for each in named))
    for condition in (exactly, begins):
        if (found := await _middle(session, condition)) is not None:
            return found
    return None


async def _middle(session: AsyncSession, condition: ColumnElement[bool]) -> Point | None:
    site = tables.Site
    # no mean: of two towns of one name, one is better than the sea between them
    medians = [func.percentile_disc(0.5).within_group(one).label(one.key) for one in (site.latitude, site.longitude)]
    query = select(*medians).where(
        condition, site.redacted_address.is_(False), site.latitude.is_not(None), site.status != "closed"
    )
    latitude, longitude = (await session.execute(query)).one()
    return None if latitude is None else Point(latitude, longitude)


async def languages(session: AsyncSession) -> Sequence[str]:
    """Return the codes of all languages that services are held in; up to a minute old, as every page asks for them."""
    known = _spoken.get(engine())
    if known is not None and monotonic() < known[0]:
        return known[1]
    offer = tables.Offer
    each = select(func.unnest(offer.languages).label("code")).where(offer.status == "active").distinct().subquery()
    codes = (await session.scalars(select(each.c.code).order_by(each.c.code))).all()
    _spoken[engine()] = (monotonic() + REMEMBERED_FOR, codes)
    return codes
