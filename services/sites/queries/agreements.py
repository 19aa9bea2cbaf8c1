"""Agreements, read."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, and_, select

from services.sites.domain.together import overdue
from services.sites.queries.finding import shown_as
from services.sites.schemas import agreements as schemas
from services.sites.schemas.agreements import AgreementFilters
from services.sites.tables import Agreement
from shared.auth import Caller
from shared.days import today


def shown_agreement(row: Agreement | Mapping[str, Any]) -> schemas.Agreement:
    """Return an agreement as callers see it today."""
    fields = row if isinstance(row, Mapping) else row.__dict__
    late = overdue(fields["review_on"], fields["ended_on"], today())
    return shown_as(schemas.Agreement, fields, overdue=late)


def agreements(caller: Caller, filters: AgreementFilters) -> Select[Agreement]:
    """Return the query of the agreements that filters find."""
    query = select(Agreement).where(caller.theirs(Agreement.site_id))
    if filters.site_id is not None:
        query = query.where(Agreement.site_id == filters.site_id)
    if filters.overdue is not None:
        query = query.where(and_(Agreement.review_on < today(), Agreement.ended_on.is_(None)) == filters.overdue)
    if filters.ended is not None:
        query = query.where(Agreement.ended_on.is_not(None) == filters.ended)
    return query
