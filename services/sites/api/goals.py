"""Shared goals: set, change, sign, reflect, close."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told
from services.sites.commands import goals as commands
from services.sites.commands import reflecting
from services.sites.commands.goals import GoalDiffers, GoalEnded, GoalNotInForce
from services.sites.commands.reflecting import ReflectionDiffers, ReflectionNotYours
from services.sites.commands.sides import SideNotYours
from services.sites.queries import goals as queries
from services.sites.queries.finding import shown_as
from services.sites.queries.listing import listed
from services.sites.schemas.goals import (
    Closing,
    Goal,
    GoalChange,
    GoalFilters,
    ListedGoal,
    NewGoal,
    NewReflection,
    NewSignature,
    Reflection,
    ReflectionChange,
    ReflectionFilters,
)
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import Answer, OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["goals"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


class Held(NamedTuple):
    """A reflection to change, and its goal, which is held."""

    reflection: tables.Reflection
    goal: tables.Goal


async def held_goal(
    request: Request, goal_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Goal:
    """Return the goal to change, which nobody else can change meanwhile, at the version the caller holds."""
    goal = await queries.goal(session, caller, goal_id, held=True)
    conditional.check(request, if_match, goal.version)
    return goal


async def own_reflection(
    request: Request,
    goal_id: UUID,
    reflection_id: UUID,
    session: Session,
    caller: Writer,
    if_match: IfMatch = None,
) -> Held:
    """Return the caller's own reflection at the version they hold; its goal is held, so nobody else changes either."""
    goal = await queries.goal(session, caller, goal_id, held=True)
    reflection = await queries.reflection(session, goal, reflection_id)
    reflecting.must_be_own(caller, reflection)
    conditional.check(request, if_match, reflection.version)
    return Held(reflection, goal)


HeldGoal = Annotated[tables.Goal, Depends(held_goal)]
OwnReflection = Annotated[Held, Depends(own_reflection)]


async def _as_it_stands(session: Session, goal: tables.Goal) -> Answer:
    return answer(HTTPStatus.OK, await queries.shown_goal(session, goal), version=goal.version)


@api.post(
    "/v1/goals",
    status_code=HTTPStatus.CREATED,
    response_model=Goal,
    responses=made(Goal) | responses(SiteUnknown, SiteRequired, GoalDiffers, *KEYED),
)
async def set_goal(once: OnceOnly, caller: Writer, session: Session, new: NewGoal) -> Response:
    """Set a goal for one or several sites; it is in force once both sides have signed it."""
    registered = await commands.set_goal(session, caller, new)
    body = await queries.shown_goal(session, await queries.goal(session, caller, registered.fields["id"]))
    return await once.reply(told(registered, body, f"/v1/goals/{body.id}"))


@api.get("/v1/goals")
async def list_goals(filters: Annotated[GoalFilters, Query()], caller: Reader, session: Snapshot) -> Page[ListedGoal]:
    """List goals with their signatures, in the order in which they were set or, with `modified_after`, changed."""
    return await listed(session, queries.goals(caller, filters), tables.Goal, filters, queries.listed_goal)


@api.get("/v1/goals/{goal_id}", response_model=Goal, responses=shown(Goal) | responses(NotFound))
async def read_goal(goal_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read a goal: who signed it, whether it is in force, and what both sides say of it, side by side."""
    return (await _as_it_stands(session, await queries.goal(session, caller, goal_id))).response()


@api.patch(
    "/v1/goals/{goal_id}",
    response_model=Goal,
    responses=shown(Goal)
    | responses(NotFound, SiteUnknown, PreconditionRequired, PreconditionFailed, GoalEnded, *KEYED),
)
async def change_goal(once: OnceOnly, goal: HeldGoal, caller: Writer, session: Session, change: GoalChange) -> Response:
    """Change the named fields of a goal. Signatures under it fall, since they were for other words: see `unsigned_at`.

    A caller limited to sites takes in, or leaves out, only sites of its own, and not the last of them.
    """
    await commands.change_goal(session, caller, goal, change)
    return await once.reply(await _as_it_stands(session, goal))


@api.post(
    "/v1/goals/{goal_id}/sign",
    response_model=Goal,
    responses=shown(Goal) | responses(SideNotYours, NotFound, PreconditionFailed, GoalEnded, *KEYED),
)
async def sign(once: OnceOnly, goal: HeldGoal, caller: Writer, session: Session, new: NewSignature) -> Response:
    """Sign a goal for one side. A side that has signed it already has signed it: the first signature stands."""
    await commands.sign(session, caller, goal, new)
    return await once.reply(await _as_it_stands(session, goal))


@api.post(
    "/v1/goals/{goal_id}/close",
    response_model=Goal,
    responses=shown(Goal) | responses(NotFound, PreconditionFailed, GoalEnded, GoalNotInForce, *KEYED),
)
async def close(once: OnceOnly, goal: HeldGoal, caller: Writer, session: Session, closing: Closing) -> Response:
    """Say what became of a goal: met, partly or not met once it was in force, dropped at any time."""
    await commands.close(session, caller, goal, closing)
    return await once.reply(await _as_it_stands(session, goal))


@api.post(
    "/v1/goals/{goal_id}/reflections",
    status_code=HTTPStatus.CREATED,
    response_model=Reflection,
    responses=made(Reflection)
    | responses(SideNotYours, NotFound, PreconditionFailed, GoalNotInForce, ReflectionDiffers, *KEYED),
)
async def reflect(once: OnceOnly, goal: HeldGoal, caller: Writer, session: Session, new: NewReflection) -> Response:
    """Say how one side sees a goal that is in force, once a quarter; repeating it answers 200."""
    registered = await reflecting.reflect(session, caller, goal, new)
    body = shown_as(Reflection, registered.fields)
    return await once.reply(told(registered, body, f"/v1/goals/{goal.id}/reflections/{body.id}"))


@api.get("/v1/goals/{goal_id}/reflections", responses=responses(NotFound))
async def list_reflections(
    goal_id: UUID, filters: Annotated[ReflectionFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Reflection]:
    """List what both sides say of a goal, in the order in which they said it or, with `modified_after`, changed it."""
    query = queries.reflections(await queries.goal(session, caller, goal_id), filters)
    return await listed(session, query, tables.Reflection, filters, partial(shown_as, Reflection))


@api.get(
    "/v1/goals/{goal_id}/reflections/{reflection_id}",
    response_model=Reflection,
    responses=shown(Reflection) | responses(NotFound),
)
async def read_reflection(goal_id: UUID, reflection_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read what one side says of a goal."""
    goal = await queries.goal(session, caller, goal_id)
    reflection = await queries.reflection(session, goal, reflection_id)
    return answer(HTTPStatus.OK, shown_as(Reflection, reflection), version=reflection.version).response()


@api.patch(
    "/v1/goals/{goal_id}/reflections/{reflection_id}",
    response_model=Reflection,
    responses=shown(Reflection)
    | responses(ReflectionNotYours, NotFound, PreconditionRequired, PreconditionFailed, GoalNotInForce, *KEYED),
)
async def change_reflection(
    once: OnceOnly, held: OwnReflection, caller: Writer, session: Session, change: ReflectionChange
) -> Response:
    """Change your own words on a goal that is in force; the other side's, and another client's, are not yours to change."""
    changed = await reflecting.change_reflection(session, caller, held.goal, held.reflection, change)
    return await once.reply(answer(HTTPStatus.OK, shown_as(Reflection, changed), version=changed.version))
