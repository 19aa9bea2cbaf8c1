"""Lists of services and of services at their places: pages, or all of them line by line."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlalchemy import SQLColumnExpression, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.open_referral import selection, showing
from services.sites.open_referral.answers import answer, stream, written
from services.sites.open_referral.asked import Filters
from services.sites.open_referral.selection import LAST_MODIFIED, public_view
from services.sites.open_referral.shapes import Entity, page
from services.sites.open_referral.showing import Shown
from services.sites.queries import offers
from services.sites.tables import Offer, Organisation, Schedule, Site
from shared.problems import NotFound

CHUNK = 500  # lines made at once


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at offers: at the least, in lists, and in full."""

    minimal: Callable[[Shown], Entity]
    flat: Callable[[Shown], Entity]
    full: Callable[[Shown, Sequence[Schedule]], Entity]


SERVICES = View(showing.minimal, showing.flat, showing.full)
AT_LOCATIONS = View(showing.minimal_at_location, showing.flat_at_location, showing.full_at_location)


async def listed(request: Request, session: AsyncSession, filters: Filters, view: View) -> Response:
    """Return the page of a list that filters ask for, or all of it as lines."""
    point = await selection.place(session, filters)
    where = await selection.conditions(session, filters, point)
    if filters.format == "ndjson":
        return stream(request, await _state(session, where), _lines(where, filters, view))
    total = await selection.count(session, where)
    chosen = selection.offered().where(*where).limit(filters.per_page).offset((filters.page - 1) * filters.per_page)
    rows = await session.execute(selection.services(chosen, *selection.order(point)))
    shown = await _shown(session, rows.all(), filters, view)
    return answer(request, page(shown, total, filters.page, filters.per_page).model_dump())


async def one(request: Request, session: AsyncSession, offer_id: UUID, view: View) -> Response:
    """Return one offer in full; raises `NotFound`, also for one that is gone."""
    chosen = selection.offered().where(Offer.id == offer_id, *offers.public())
    rows = (await session.execute(selection.services(chosen))).all()
    if not rows:
        raise NotFound
    schedules = await offers.schedules_of(session, [offer_id])
    return answer(request, view.full(rows[0], schedules[offer_id]).told())


async def _shown(session: AsyncSession, rows: Sequence[Shown], filters: Filters, view: View) -> list[dict[str, Any]]:
    if filters.minimal:
        return [view.minimal(row).told() for row in rows]
    if not filters.full:
        return [view.flat(row).told() for row in rows]
    schedules = await offers.schedules_of(session, [row.offer_id for row in rows])
    return [view.full(row, schedules[row.offer_id]).told() for row in rows]


async def _state(session: AsyncSession, where: Sequence[SQLColumnExpression[bool]]) -> str:
    """Return what changes whenever a list does: how many it holds, and when the last of them changed."""
    joined = selection.offered().join(Organisation, Site.organisation_id == Organisation.id).where(*where)
    query = joined.with_only_columns(func.count(), func.max(LAST_MODIFIED))
    number, latest = (await session.execute(query)).one()
    return f"{number} {latest}"


async def _lines(where: Sequence[SQLColumnExpression[bool]], filters: Filters, view: View) -> AsyncIterator[bytes]:
    """Yield services line by line, a chunk at a time, so that a slow reader holds neither a transaction nor memory."""
    chosen, order = selection.offered().where(*where).limit(CHUNK), (Offer.created_at, Offer.id)
    after: tuple[Any, Any] | None = None
    while True:
        async with public_view() as session:
            beyond = [] if after is None else [tuple_(*order) > tuple_(*after)]
            rows = (await session.execute(selection.services(chosen.where(*beyond), *order))).all()
            shown = await _shown(session, rows, filters, view)
        if shown:
            yield b"".join(written(each) + b"\n" for each in shown)
        if len(rows) < CHUNK:
            return
        after = (rows[-1].offer_created_at, rows[-1].offer_id)
