"""Reflecting on a goal: one side's words in one quarter, which nobody else can change."""

from http import HTTPStatus

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.goals import GoalNotInForce, tell
from services.sites.commands.occasions import out_of_range
from services.sites.commands.recording import Registered, apply, content_digest, differences, once, registration
from services.sites.commands.sides import speaking
from services.sites.domain.quarters import Span, overlap, quarter
from services.sites.queries.goals import in_force, signatures
from services.sites.schemas.goals import NewReflection, ReflectionChange
from services.sites.tables import Goal, Reflection
from shared import audit
from shared.auth import Caller
from shared.days import today
from shared.events.sites import GoalReflected
from shared.problems import Problem


class ReflectionDiffers(Problem):
    """This side has said something else of this quarter already; who said it can change it."""

    status = HTTPStatus.CONFLICT


class ReflectionNotYours(Problem):
    """Only who wrote a reflection can change it."""

    status = HTTPStatus.FORBIDDEN


async def reflect(session: AsyncSession, caller: Caller, goal: Goal, new: NewReflection) -> Registered:
    """Record what a side says of a held goal in a quarter, and announce that it did; the same again is recognised."""
    said = new.model_copy(update={"side": speaking(caller, new.side)})
    days = quarter(said.period)
    if not overlap(days, Span(goal.begins_on, goal.ends_on)) or days.start > today():
        raise out_of_range("/period", "A quarter of the goal's own period that has begun.")
    before = await session.scalar(
        select(Reflection).where(
            Reflection.goal_id == goal.id, Reflection.side == said.side, Reflection.period == said.period
        )
    )
    if before is not None:
        if (before.registered_by, before.content_digest) != (caller.client, content_digest(said)):
            raise ReflectionDiffers
        return Registered(before.__dict__, created=False)
    await _must_be_in_force(session, goal)
    row = registration(caller, said, said.model_dump(exclude={"id"}) | {"goal_id": goal.id})
    registered = await once(session, Reflection, row, ReflectionDiffers)
    if not registered.created:  # an id of a reflection on another goal
        raise ReflectionDiffers
    apply(goal, {})
    await _tell(session, goal, Reflection(**row))
    await audit.record(session, [audit.entry(caller, "create", "reflection", row["id"], detail=f"goal {goal.id}")])
    return registered


async def change_reflection(
    session: AsyncSession, caller: Caller, goal: Goal, reflection: Reflection, change: ReflectionChange
) -> Reflection:
    """Change one's own reflection on a held goal, and announce how it stands now."""
    changed = differences(reflection, change.model_dump(exclude_unset=True))
    if not changed:
        return reflection
    await _must_be_in_force(session, goal)
    apply(reflection, changed)
    apply(goal, {})
    await _tell(session, goal, reflection)
    deed = audit.entry(
        caller, "update", "reflection", reflection.id, detail=f"goal {goal.id} {' '.join(sorted(changed))}"
    )
    await audit.record(session, [deed])
    return reflection


def must_be_own(caller: Caller, reflection: Reflection) -> None:
    """Raise `ReflectionNotYours` unless this caller wrote it, for the side that it speaks for."""
    if reflection.registered_by != caller.client or (caller.sites is not None and reflection.side != "community"):
        raise ReflectionNotYours


async def _must_be_in_force(session: AsyncSession, goal: Goal) -> None:
    if not in_force(goal, await signatures(session, goal)):
        raise GoalNotInForce


async def _tell(session: AsyncSession, goal: Goal, said: Reflection) -> None:
    event = GoalReflected(goal_id=goal.id, side=said.side, period=said.period, progress=said.progress)
    await tell(session, goal, event)
