"""Goals and what both sides say of them, read."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, and_, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.sites.domain.quarters import Span, label
from services.sites.queries.finding import found, shown_as
from services.sites.schemas import goals as schemas
from services.sites.schemas.goals import GoalFilters, ReflectionFilters, ShownPeriod, SideBySide
from services.sites.tables import Goal, Reflection, Signature
from shared.auth import Caller

SIDES = 2


def shared_with(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a goal is the caller's: one of its sites is."""
    if caller.sites is None:
        return true()
    shared: ColumnElement[bool] = Goal.site_ids.overlap(literal(list(caller.sites), ARRAY(Uuid)))
    return shared


async def goal(session: AsyncSession, caller: Caller, goal_id: UUID, *, held: bool = False) -> Goal:
    """Return a goal that is a caller's; `held`, nobody else changes it until the transaction ends. Raises `NotFound`."""
    return await found(session, Goal, goal_id, shared_with(caller), held=held)


async def reflection(session: AsyncSession, goal: Goal, reflection_id: UUID) -> Reflection:
    """Return a reflection on a goal; raises `NotFound`."""
    return await found(session, Reflection, reflection_id, Reflection.goal_id == goal.id)


async def signatures(session: AsyncSession, goal: Goal) -> list[Signature]:
    """Return the signatures under a goal as they are now."""
    query = select(Signature).where(Signature.goal_id == goal.id).order_by(Signature.signed_on, Signature.side)
    return list(await session.scalars(query))


def goals(caller: Caller, filters: GoalFilters) -> Select[Goal]:
    """Return the query of the goals that filters find."""
    query = select(Goal).where(shared_with(caller)).options(selectinload(Goal.signatures))
    if filters.site_id is not None:
        query = query.where(Goal.site_ids.contains([filters.site_id]))
    if filters.measure_id is not None:
        query = query.where(Goal.measure_id == filters.measure_id)
    if filters.closed is not None:
        query = query.where(Goal.closed_on.is_not(None) == filters.closed)
    if filters.in_force is not None:
        signed = select(func.count()).where(Signature.goal_id == Goal.id).correlate(Goal).scalar_subquery()
        query = query.where(and_(Goal.closed_on.is_(None), signed == SIDES) == filters.in_force)
    return query


def reflections(goal: Goal, filters: ReflectionFilters) -> Select[Reflection]:
    """Return the query of the reflections on a goal that filters find."""
    query = select(Reflection).where(Reflection.goal_id == goal.id)
    for name in ("side", "period"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(getattr(Reflection, name) == value)
    return query


def in_force(goal: Goal, signed: Iterable[Signature]) -> bool:
    """Tell whether both sides signed a goal, and it is not closed."""
    return goal.closed_on is None and len({each.side for each in signed}) == SIDES


def listed_goal(goal: Goal) -> schemas.ListedGoal:
    """Return a goal, loaded with its signatures, as lists show it."""
    return shown_as(schemas.ListedGoal, goal, **_more(goal, goal.signatures))


async def shown_goal(session: AsyncSession, goal: Goal) -> schemas.Goal:
    """Return a goal as it stands, with what both sides say of it."""
    query = select(Reflection).where(Reflection.goal_id == goal.id).order_by(Reflection.period)
    periods: dict[str, dict[str, Any]] = {}
    for each in await session.scalars(query):
        periods.setdefault(each.period, {})[each.side] = shown_as(schemas.Reflection, each)
    said = [SideBySide(period=period, **sides) for period, sides in periods.items()]
    return shown_as(schemas.Goal, goal, reflections=said, **_more(goal, await signatures(session, goal)))


def _more(goal: Goal, signed: Iterable[Signature]) -> dict[str, Any]:
    """Return what is shown of a goal besides its columns."""
    days = Span(goal.begins_on, goal.ends_on)
    under = list(signed)
    return {
        "period": ShownPeriod(start=days.start, end=days.end, label=label(days)),
        "sites": goal.site_ids,
        "signatures": [each.__dict__ for each in under],
        "in_force": in_force(goal, under),
    }
