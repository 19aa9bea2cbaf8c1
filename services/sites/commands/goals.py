"""Shared goals: set, changed, signed by both sides, closed. Signatures are for words: other words need new ones."""

from collections.abc import Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.occasions import happened
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.sides import speaking
from services.sites.commands.whose import sites_for
from services.sites.queries.goals import in_force, signatures
from services.sites.schemas.goals import Closing, GoalChange, NewGoal, NewSignature, span
from services.sites.tables import Goal, Signature
from shared import audit
from shared.auth import Caller
from shared.days import today
from shared.db import insert_rows
from shared.events import sites as contracts
from shared.events.event import Event
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem


class GoalDiffers(Problem):
    """This id is already that of a goal set with different content."""

    status = HTTPStatus.CONFLICT


class GoalEnded(Problem):
    """The goal was closed; nothing of it changes any more."""

    status = HTTPStatus.CONFLICT


class GoalNotInForce(Problem):
    """The goal is not in force: both sides must have signed it, and it must not be closed."""

    status = HTTPStatus.CONFLICT


async def set_goal(session: AsyncSession, caller: Caller, new: NewGoal) -> Registered:
    """Set a goal that nobody has signed yet; one with an id that was given before is recognised."""
    site_ids = await sites_for(session, caller, new.sites)
    said = new.model_copy(update={"sites": site_ids})
    days = span(new.period)
    fields = said.model_dump(include={"title", "measure_id", "target"}) | {
        "begins_on": days.start,
        "ends_on": days.end,
        "site_ids": site_ids,
        "outcome": None,
        "closed_on": None,
        "unsigned_at": None,
        "announced": 0,
    }
    registered = await once(session, Goal, registration(caller, said, fields), GoalDiffers)
    if registered.created:
        await audit.record(session, [audit.entry(caller, "create", "goal", registered.fields["id"])])
    return registered


async def change_goal(session: AsyncSession, caller: Caller, goal: Goal, change: GoalChange) -> None:
    """Change a goal that is held; the signatures under it fall, since they were for other words."""
    sent = change.model_dump(exclude_unset=True, include={"title", "measure_id", "target"})
    if "period" in change.model_fields_set:
        sent["begins_on"], sent["ends_on"] = span(change.period)
    if "sites" in change.model_fields_set:
        sent["site_ids"] = await _moved(session, caller, goal, change.sites)
    changed = differences(goal, sent)
    if not changed:
        return
    if goal.closed_on is not None:
        raise GoalEnded
    detail = " ".join(sorted(changed))
    under = delete(Signature).where(Signature.goal_id == goal.id).returning(Signature.side)
    if fallen := sorted(await session.scalars(under)):
        changed["unsigned_at"] = datetime.now(UTC)
        detail += f"; signatures fell: {' '.join(fallen)}"
    apply(goal, changed)
    await session.flush()
    if fallen:
        await tell(session, goal, contracts.GoalUnsigned(goal_id=goal.id))
    await audit.record(session, [audit.entry(caller, "update", "goal", goal.id, detail=detail)])


async def _moved(session: AsyncSession, caller: Caller, goal: Goal, given: Iterable[UUID]) -> list[UUID]:
    """Return a goal's new sites; those that come or go must be the caller's, and one of the caller's stays."""
    wanted, before = set(given), set(goal.site_ids)
    if wanted != before:
        await sites_for(session, caller, wanted ^ before)
    if not any(map(caller.may_see, wanted)):
        gone = FieldError(pointer="/sites", code="own_site_gone", message="One of your own sites stays.")
        raise MalformedRequest(errors=[gone])
    return sorted(wanted)


async def sign(session: AsyncSession, caller: Caller, goal: Goal, new: NewSignature) -> None:
    """Sign a goal that is held for one side, and announce it; a side that has signed these words has signed them."""
    side, on = speaking(caller, new.side), new.on or today()
    happened(on)
    signed = await signatures(session, goal)
    if side in {each.side for each in signed}:
        return
    if goal.closed_on is not None:
        raise GoalEnded
    row = {"goal_id": goal.id, "side": side, "signed_on": on, "role": new.role, "client": caller.client}
    await insert_rows(session, Signature, [row])
    now_in_force = in_force(goal, [*signed, Signature(**row)])
    apply(goal, {"unsigned_at": None} if now_in_force else {})
    await tell(
        session,
        goal,
        contracts.GoalSigned(
            goal_id=goal.id,
            side=side,
            signed_on=on,
            in_force=now_in_force,
            site_ids=tuple(goal.site_ids),
            begins_on=goal.begins_on,
            ends_on=goal.ends_on,
            measure_id=goal.measure_id,
        ),
    )
    await audit.record(session, [audit.entry(caller, "execute", "goal", goal.id, detail=f"sign {side}")])


async def close(session: AsyncSession, caller: Caller, goal: Goal, closing: Closing) -> None:
    """Close a goal that is held, and announce it; closing it alike again changes nothing."""
    on = closing.on or today()
    happened(on)
    if goal.closed_on is not None:
        if goal.outcome != closing.outcome or closing.on not in {None, goal.closed_on}:
            raise GoalEnded
        return
    if closing.outcome != "dropped" and not in_force(goal, await signatures(session, goal)):
        raise GoalNotInForce
    apply(goal, {"outcome": closing.outcome, "closed_on": on})
    await tell(session, goal, contracts.GoalClosed(goal_id=goal.id, outcome=closing.outcome, closed_on=on))
    await audit.record(session, [audit.entry(caller, "execute", "goal", goal.id, detail=f"close {closing.outcome}")])


async def tell(session: AsyncSession, goal: Goal, event: Event) -> None:
    """Announce what happened to a goal that is held; what is announced of it is counted apart, since not every change is."""
    goal.announced += 1
    await session.flush()
    await emit(session, event, version=goal.announced)
