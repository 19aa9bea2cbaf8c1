"""How referrals are taken in: singles share transactions when they come together, a bulk is recorded by the hundred."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.referrals.commands.bulk import as_referral
from services.referrals.commands.receiving import Arrival, Received, id_of, receive
from services.referrals.schemas.referrals import BulkResult, BulkResults, NewReferral
from shared.auth import Caller
from shared.db import commit, is_away, limit_to, session_maker
from shared.group_commit import GroupCommit
from shared.idempotency import KEPT, Answer, KeyReused, RequestInProgress, answer, store, stored
from shared.problems import Problem, UnexpectedError
from shared.telemetry import trace_id

CHUNK = 250  # rows of a bulk in one transaction


class BulkUnfinished(Problem):
    """The database went away after the first lines were recorded. Send all of them again: those are recognised."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Knock:
    """One POST of a referral: what arrived, and the key that makes a retry safe, with the request's hash and its life."""

    arrival: Arrival
    key: str | None = None
    digest: bytes = b""
    kept: timedelta = KEPT


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a knock; `replayed` when it was given before."""

    answer: Answer
    replayed: bool = False


def tell(received: Received) -> Answer:
    """Return what the sender of a referral is told."""
    status = HTTPStatus.CREATED if received.created else HTTPStatus.OK
    referral = received.referral
    return answer(status, referral, location=f"/v1/referrals/{referral.id}", version=referral.version)


async def _together(caller: Caller, knocks: Sequence[Knock]) -> list[Told | Problem]:
    """Take in referrals of one caller in one transaction; return each one's answer once it is committed."""
    told: list[Told | Problem | None] = [None] * len(knocks)
    async with session_maker()() as session:
        limit_to(session, caller.sites)
        keys = {knock.key: knock.digest for knock in knocks if knock.key is not None}
        before = await stored(session, caller.client, keys) if keys else {}
        fresh = []
        for position, knock in enumerate(knocks):
            given = before.get(knock.key) if knock.key is not None else None
            if given is None:
                fresh.append(position)
            else:
                told[position] = given if isinstance(given, KeyReused) else Told(given, replayed=True)
        outcomes = await receive(session, caller, [knocks[position].arrival for position in fresh])
        keep: dict[str, tuple[bytes, Answer]] = {}
        for position, outcome in zip(fresh, outcomes, strict=True):
            if isinstance(outcome, Problem):
                told[position] = outcome
                continue
            given, knock = tell(outcome), knocks[position]
            told[position] = Told(given)
            if knock.key is not None:
                keep[knock.key] = (knock.digest, given)
        try:
            await store(
                session, caller.client, keep, {knock.key: knock.kept for knock in knocks if knock.key is not None}
            )
        except IntegrityError:
            raise RequestInProgress from None
        await commit(session)
    return [each for each in told if each is not None]


_door: GroupCommit[Caller, Knock, Told | Problem] = GroupCommit(_together)


async def take_in(caller: Caller, knock: Knock) -> Told:
    """Record one referral; returns once it is committed, raises its refusal."""
    told = await _door.submit(caller, knock)
    if isinstance(told, Problem):
        raise told
    return told


async def take_in_all(caller: Caller, items: AsyncIterator[Any], *, dry_run: bool) -> BulkResults:
    """Record many referrals; a bad one never stops the rest, and a dry run changes nothing."""
    results = BulkResults(accepted=0, replayed=0, rejected=0, dry_run=dry_run, results=[])
    chunk: list[NewReferral | Problem] = []
    async with session_maker()() as trial:  # a dry run is one transaction that is never committed
        limit_to(trial, caller.sites)
        try:
            async for item in items:
                chunk.append(as_referral(item))  # what is refused is let go of at once
                if len(chunk) == CHUNK:
                    await _take_in_chunk(caller, chunk, results, trial if dry_run else None)
                    chunk = []
            if chunk:
                await _take_in_chunk(caller, chunk, results, trial if dry_run else None)
        except Exception as problem:
            if is_away(problem) and results.accepted and not dry_run:
                raise BulkUnfinished(recorded=results.accepted) from None  # 503 would say that nothing happened
            raise
        await trial.rollback()
    return results


async def _take_in_chunk(
    caller: Caller, read: Sequence[NewReferral | Problem], results: BulkResults, trial: AsyncSession | None
) -> None:
    trace = trace_id()
    arrivals = {position: Arrival(new, trace) for position, new in enumerate(read) if not isinstance(new, Problem)}
    outcomes: dict[int, Received | Problem] = {
        position: new for position, new in enumerate(read) if isinstance(new, Problem)
    }
    outcomes |= dict(zip(arrivals, await _record(caller, list(arrivals.values()), trial), strict=True))
    for position in range(len(read)):
        results.results.append(_result(len(results.results), outcomes[position]))
        match outcomes[position]:
            case Received(created=True):
                results.accepted += 1
            case Received():
                results.replayed += 1
            case _:
                results.rejected += 1


async def _record(caller: Caller, arrivals: Sequence[Arrival], trial: AsyncSession | None) -> list[Received | Problem]:
    """Record arrivals in one transaction; when the database refuses it, one by one, so that only the one at fault fails."""
    if trial is not None:
        return await receive(trial, caller, arrivals, dry_run=True)
    try:
        async with session_maker()() as session:
            limit_to(session, caller.sites)
            outcomes = await receive(session, caller, arrivals)
            await commit(session)
            return outcomes
    except DBAPIError as problem:
        if is_away(problem):
            raise
        if len(arrivals) == 1:
            return [UnexpectedError()]
        return [(await _record(caller, [arrival], None))[0] for arrival in arrivals]


def _result(index: int, outcome: Received | Problem) -> BulkResult:
    if isinstance(outcome, Problem):
        return BulkResult(index=index, status="rejected", problem=outcome.body())
    return BulkResult(index=index, status="created" if outcome.created else "replayed", id=id_of(outcome))
