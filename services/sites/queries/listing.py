"""Lists of what is recorded: in the order of registration, or of change after an instant."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from services.sites import tables
from services.sites.schemas.listing import Compact, Listing
from services.sites.tables.schema import Recorded
from shared.paging import Page, page

Item = TypeVar("Item", bound=BaseModel)
Named = tables.Organisation | tables.Site | tables.Offer
NamedTable = type[tables.Organisation] | type[tables.Site] | type[tables.Offer]


async def listed(
    session: AsyncSession, query: Select[Any], row: type[Recorded], filters: Listing, show: Callable[[Any], Item]
) -> Page[Item]:
    """Return a page of a query of one table's rows: as registered or, with `modified_after`, as changed since."""
    if filters.modified_after is None:
        return await page(session, query, (row.created_at, row.id), filters, show)
    changed = query.where(row.modified_at > filters.modified_after)
    return await page(session, changed, (row.modified_at, row.id), filters, show)


async def listed_compactly(
    session: AsyncSession,
    query: Select[Any],
    row: NamedTable,
    filters: Listing,
) -> Page[Compact]:
    """Return a page as `listed` does, but of each item only what tells whether a copy of it is still the newest."""
    names = (*Compact.model_fields, "created_at")
    columns = [getattr(row, name) for name in names if hasattr(row, name)]
    return await listed(session, query.options(load_only(*columns)), row, filters, compact)


def compact(row: Named) -> Compact:
    """Return of a row what a compact list shows."""
    fields: dict[str, Any] = {name: getattr(row, name, None) for name in Compact.model_fields}
    return Compact.model_construct(**fields)
