"""Training, readiness and mentorships, read."""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.domain.together import DIMENSIONS
from services.sites.queries.finding import shown_as
from services.sites.schemas.readiness import (
    Dimension,
    MentorshipFilters,
    ReadinessAssessment,
    SiteReadiness,
    TrainingFilters,
)
from services.sites.tables import Mentorship, Readiness, Training
from shared.auth import Caller

HISTORY = 100


def training(caller: Caller, filters: TrainingFilters) -> Select[Training]:
    """Return the query of the training that filters find."""
    query = select(Training).where(caller.theirs(Training.site_id))
    for name in ("site_id", "role", "given_by"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(Training, name) == value)
    return query


def mentored(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a mentorship is the caller's: one of the two sites is."""
    return or_(caller.theirs(Mentorship.mentor_site_id), caller.theirs(Mentorship.mentee_site_id))


def mentorships(caller: Caller, filters: MentorshipFilters) -> Select[Mentorship]:
    """Return the query of the mentorships that filters find."""
    query = select(Mentorship).where(mentored(caller))
    if filters.site_id is not None:
        either = or_(Mentorship.mentor_site_id == filters.site_id, Mentorship.mentee_site_id == filters.site_id)
        query = query.where(either)
    if filters.ended is not None:
        query = query.where(Mentorship.ended_on.is_not(None) == filters.ended)
    return query


async def readiness_version(session: AsyncSession, site_id: UUID) -> int:
    """Return how often a site's readiness was assessed or an assessment corrected."""
    return await session.scalar(select(func.sum(Readiness.version)).where(Readiness.site_id == site_id)) or 0


async def readiness(session: AsyncSession, site_id: UUID) -> SiteReadiness:
    """Return a site's readiness: the latest assessment, and those before it."""
    newest_first = (Readiness.on.desc(), Readiness.modified_at.desc(), Readiness.id)
    rows = await session.scalars(
        select(Readiness).where(Readiness.site_id == site_id).order_by(*newest_first).limit(HISTORY + 1)
    )
    assessments = [shown_as(ReadinessAssessment, row) for row in rows]
    return SiteReadiness(
        site_id=site_id,
        version=await readiness_version(session, site_id),
        current=assessments[0] if assessments else None,
        history=assessments[1:],
        dimensions=[Dimension(code=code, label=label) for code, label in DIMENSIONS.items()],
    )
