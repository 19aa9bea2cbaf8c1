"""Assessments of co-production, read, and both sides compared."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.domain.together import by_quarter, gaps
from services.sites.queries.finding import shown_as
from services.sites.schemas.coproduction import Assessment, AssessmentFilters, BothSides, Comparison, Quarter
from services.sites.tables import CoproductionAssessment, Offer
from shared.auth import Caller


def assessments(caller: Caller, filters: AssessmentFilters) -> Select[CoproductionAssessment]:
    """Return the query of the assessments that filters find."""
    row = CoproductionAssessment
    query = select(row).where(caller.theirs(row.site_id))
    for name in ("offer_id", "site_id", "side"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(row, name) == value)
    return query


async def site_of_offer(session: AsyncSession, caller: Caller, offer_id: UUID) -> UUID | None:
    """Return the site of an offer that is a caller's, or None."""
    theirs = caller.theirs(Offer.site_id)
    return await session.scalar(select(Offer.site_id).where(Offer.id == offer_id, theirs))


async def comparison(session: AsyncSession, offer_id: UUID) -> Comparison:
    """Return what both sides said of an offer, last and by quarter."""
    row = CoproductionAssessment
    query = select(row).where(row.offer_id == offer_id).order_by(row.on, row.created_at, row.id)
    rows = (await session.scalars(query)).all()
    return Comparison(
        offer_id=offer_id,
        latest=BothSides(**_beside({each.side: each for each in rows})),
        over_time=[Quarter(period=period, **_beside(said)) for period, said in sorted(by_quarter(rows).items())],
    )


def _beside(said: dict[str, CoproductionAssessment]) -> dict[str, Any]:
    """Return what both sides said side by side, as far as they did."""
    beside: dict[str, Any] = {
        side: shown_as(Assessment, said[side]) if side in said else None for side in ("community", "statutory")
    }
    if len(said) < len(beside):
        return beside | {"gaps": None, "same_rung": None}
    community, statutory = said["community"], said["statutory"]
    return beside | {
        "gaps": gaps(community.principles, statutory.principles),
        "same_rung": community.rung == statutory.rung,
    }
