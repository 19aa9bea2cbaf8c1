"""Sessions, read."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.queries.finding import found
from services.sites.queries.listing import listed
from services.sites.schemas.sessions import Attendance, Session, SessionFilters
from shared.auth import Caller
from shared.days import LONDON
from shared.paging import Page

Fields = Mapping[str, Any]


def shown_session(row: tables.CommunitySession | Fields) -> Session:
    """Return a session as its callers see it, with who came once that was counted."""
    fields = dict(row if isinstance(row, Mapping) else row.__dict__)
    counted = fields.get("headcount") is not None
    fields["attendance"] = (
        Attendance.model_construct(**{name: fields[name] for name in Attendance.model_fields}) if counted else None
    )
    return Session.model_construct(**{name: fields[name] for name in Session.model_fields})


async def session_of(session: AsyncSession, caller: Caller, session_id: UUID) -> tables.CommunitySession:
    """Return a session of a site of theirs; raises `NotFound`."""
    row = tables.CommunitySession
    return await found(session, row, session_id, caller.theirs(row.site_id))


async def session_to_change(session: AsyncSession, caller: Caller, session_id: UUID) -> tables.CommunitySession:
    """Return a session of a site of theirs, held until the transaction ends; raises `NotFound`."""
    row = tables.CommunitySession
    return await found(session, row, session_id, caller.theirs(row.site_id), held=True)


async def sessions(session: AsyncSession, caller: Caller, filters: SessionFilters) -> Page[Session]:
    """Return a page of the sessions of their sites."""
    row = tables.CommunitySession
    query = select(row).where(caller.theirs(row.site_id))
    for name in ("site_id", "offer_id", "kind", "programme", "cancelled"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(row, name) == value)
    if filters.from_ is not None:
        query = query.where(row.starts_at >= _midnight(filters.from_))
    if filters.to is not None:
        query = query.where(row.starts_at < _midnight(filters.to + timedelta(days=1)))
    return await listed(session, query, row, filters, shown_session)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)
