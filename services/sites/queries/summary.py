"""A site's own numbers, counted anew at each reading."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.domain.pathways import COURSE, shown_count
from services.sites.domain.quarters import Span
from services.sites.queries.goals import SIDES
from services.sites.schemas.summary import (
    EngagementFigures,
    Figure,
    Given,
    GoalFigures,
    PathwayFigures,
    QuestionFigures,
    SessionFigures,
    Summary,
    TrainingFigures,
)
from services.sites.tables import (
    CommunitySession,
    Contribution,
    Engagement,
    Goal,
    Pathway,
    PathwayContact,
    Question,
    Signature,
    Training,
)
from shared.days import LONDON, today
from shared.settings import settings

SIDE_NAMES = ("community", "statutory")


async def summary(session: AsyncSession, site_id: UUID, days: Span) -> Summary:
    """Return the numbers of a site that is the caller's, over whole months."""
    return Summary(
        site_id=site_id,
        pathways=await _pathways(session, site_id, days),
        sessions=await _sessions(session, site_id, days),
        contributions=await _contributions(session, site_id, days),
        engagements=await _engagements(session, site_id, days),
        training=await _training(session, site_id, days),
        questions=await _questions(session, site_id, days),
        goals=await _goals(session, site_id, days),
        **{"from": days.start, "to": days.end},
    )


async def _pathways(session: AsyncSession, site_id: UUID, days: Span) -> PathwayFigures:
    counted = await exactly(session, site_id, days)
    below = settings().suppress_below
    shown = {name: shown_count(count, below) for name, count in counted.items()}
    return PathwayFigures(
        **{
            name: Figure(value=value, status="suppressed" if value is None else "shown")
            for name, value in shown.items()
        }
    )


async def exactly(session: AsyncSession, site_id: UUID, days: Span) -> dict[str, int]:
    """Count a site's pathways by reporting's definitions; contacts count up to the day it ended, that day included."""
    ended_on = func.coalesce(Pathway.discharged_on, Pathway.refused_on)
    own = (
        select(Pathway.referral_id, Pathway.received_on, ended_on.label("ended_on"))
        .where(Pathway.site_id == site_id, Pathway.removed.is_(False))
        .cte("own")
    )
    on = PathwayContact.on
    told = (
        select(
            own.c.referral_id,
            func.min(on).filter(PathwayContact.assessment).label("assessed_on"),
            func.min(on).filter(PathwayContact.treatment).label("treated_on"),
            func.count().filter(PathwayContact.treatment).label("treatments"),
        )
        .join(PathwayContact, PathwayContact.referral_id == own.c.referral_id)
        .where(or_(own.c.ended_on.is_(None), on <= own.c.ended_on))
        .group_by(own.c.referral_id)
        .cte("told")
    )
    ended = own.c.ended_on.between(*days)
    query = select(
        func.count().filter(own.c.received_on.between(*days)).label("referrals_received"),
        func.count().filter(told.c.assessed_on.between(*days)).label("first_assessments"),
        func.count().filter(told.c.treated_on.between(*days)).label("accessing_services"),
        func.count().filter(ended).label("ended_referrals"),
        func.count().filter(ended, told.c.treatments >= COURSE).label("finished_course"),
    ).select_from(own.outerjoin(told, told.c.referral_id == own.c.referral_id))
    return dict((await session.execute(query)).mappings().one())


async def _sessions(session: AsyncSession, site_id: UUID, days: Span) -> SessionFigures:
    each = CommunitySession
    query = select(
        func.count().label("held"),
        func.coalesce(func.sum(each.duration_minutes), 0).label("minutes"),
        func.count(each.headcount).label("counted"),
        func.coalesce(func.sum(each.headcount), 0).label("headcount"),
    ).where(
        each.site_id == site_id,
        each.cancelled.is_(False),
        each.starts_at >= _midnight(days.start),
        each.starts_at < _midnight(days.end + timedelta(days=1)),
        each.starts_at <= datetime.now(UTC),
    )
    row = (await session.execute(query)).one()
    return SessionFigures(held=row.held, hours=round(row.minutes / 60, 2), counted=row.counted, headcount=row.headcount)


async def _contributions(session: AsyncSession, site_id: UUID, days: Span) -> dict[str, Given]:
    each = Contribution
    query = (
        select(
            each.from_side,
            func.coalesce(func.sum(each.hours).filter(each.paid), 0).label("hours_paid"),
            func.coalesce(func.sum(each.hours).filter(~each.paid), 0).label("hours_unpaid"),
            func.coalesce(func.sum(each.money_pence), 0).label("money_pence"),
        )
        .where(each.site_id == site_id, each.on.between(*days))
        .group_by(each.from_side)
    )
    found = {row["from_side"]: row for row in (await session.execute(query)).mappings()}
    nothing = dict.fromkeys(Given.model_fields, 0)
    return {side: Given(**{name: found.get(side, nothing)[name] for name in nothing}) for side in SIDE_NAMES}


async def _engagements(session: AsyncSession, site_id: UUID, days: Span) -> EngagementFigures:
    each = Engagement
    query = select(func.count().label("number"), func.coalesce(func.sum(each.hours), 0).label("hours"))
    row = (await session.execute(query.where(each.site_ids.contains([site_id]), each.on.between(*days)))).one()
    return EngagementFigures(number=row.number, hours=float(row.hours))


async def _training(session: AsyncSession, site_id: UUID, days: Span) -> TrainingFigures:
    each = Training
    query = select(func.count().label("courses"), func.coalesce(func.sum(each.people), 0).label("people"))
    row = (await session.execute(query.where(each.site_id == site_id, each.on.between(*days)))).one()
    return TrainingFigures(courses=row.courses, people=row.people)


async def _questions(session: AsyncSession, site_id: UUID, days: Span) -> QuestionFigures:
    each = Question
    unanswered = each.answered_on.is_(None)
    query = select(
        func.count().label("asked"),
        func.count(each.answered_on).label("answered"),
        func.count().filter(unanswered).label("open"),
        func.count().filter(unanswered, each.due_on < today()).label("overdue"),
    ).where(each.asked_by_site == site_id, each.asked_on.between(*days))
    row = (await session.execute(query)).one()
    return QuestionFigures(asked=row.asked, answered=row.answered, open=row.open, overdue=row.overdue)


async def _goals(session: AsyncSession, site_id: UUID, days: Span) -> GoalFigures:
    each = Goal
    met = and_(each.outcome == "met", each.closed_on.between(*days))
    query = select(
        func.count().filter(_in_force(min(days.end, today()))).label("in_force"),
        func.count().filter(met).label("met"),
    ).where(each.site_ids.contains([site_id]))
    row = (await session.execute(query)).one()
    return GoalFigures(in_force=row.in_force, met=row.met)


def _in_force(day: date) -> ColumnElement[bool]:
    """Return whether a goal was in force on a day, by the signatures that it has now."""
    signed = select(func.count()).where(Signature.goal_id == Goal.id, Signature.signed_on <= day).correlate(Goal)
    return and_(signed.scalar_subquery() == SIDES, or_(Goal.closed_on.is_(None), Goal.closed_on > day))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LONDON)
