"""Reads of `surveys` worth naming."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.surveys import domain, tables
from services.surveys.instruments import instruments
from services.surveys.schemas import Number, Response, ScoredResponse, ScoreFilters
from shared.paging import Page, page
from shared.problems import NotFound

Fields = Mapping[str, Any]


def scored(row: tables.Response | Fields) -> ScoredResponse:
    """Return a response as everybody who may read scores sees it: without its answers."""
    return ScoredResponse.model_construct(**_told(row))


def with_answers(row: tables.Response) -> Response:
    """Return a response with its answers."""
    return Response.model_construct(**_told(row), answers=row.answers)


def _told(row: tables.Response | Fields) -> dict[str, Any]:
    fields = row if isinstance(row, Mapping) else row.__dict__
    instrument, total = instruments()[fields["instrument"]], _number(fields["total"])
    told = {name: fields[name] for name in ScoredResponse.model_fields if name in fields}
    whole = None if total is None else int(total)
    return told | {
        "total": total,
        "band": domain.band(instrument, whole),
        "at_caseness": domain.at_caseness(instrument, whole, fields["answered_on"]),
        "scored_from": "total" if fields["answers"] is None else "answers",
    }


def _number(total: Any) -> Number | None:  # noqa: ANN401 - a Decimal of the database, or what was just computed
    """Return a total as JSON shows it best: whole ones without a point."""
    if total is None:
        return None
    return int(total) if total == int(total) else float(total)


async def response(session: AsyncSession, response_id: UUID) -> tables.Response:
    """Return a response that this session may see; raises `NotFound`."""
    found = await session.get(tables.Response, response_id)
    if found is None:
        raise NotFound
    return found


async def scores(session: AsyncSession, referral_id: UUID, filters: ScoreFilters) -> Page[ScoredResponse]:
    """Return a pathway's scores by day answered, then time recorded, then id."""
    row = tables.Response
    query = select(row).where(row.referral_id == referral_id)
    if filters.instrument is not None:
        query = query.where(row.instrument == filters.instrument)
    order = (row.answered_on, row.created_at, row.id)
    return await page(session, query, order, filters, scored, referral_id=referral_id)
