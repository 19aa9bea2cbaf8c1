"""A directory brought in through the public sites API: what is there already is compared, and sent only where it differs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from deploy.open_referral.carrying import Carried, carry, read
from deploy.open_referral.reading import Found
from deploy.open_referral.tables import UNLINKED
from deploy.open_referral.things import Assumed, CannotCarryError, DescribedTwiceError, Thing
from deploy.posting import ImportFailed

TRIES = 60
KINDS = ("organisations", "sites", "offers")


@dataclass
class Told:
    """What has become of a directory so far."""

    services: int = 0
    become: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    reasons: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)

    @property
    def skipped(self) -> int:
        """How many could not be brought in."""
        return self.reasons.total()


class Directory:
    """The sites service that takes what a directory holds; with `dry_run` it is only asked what it has."""

    def __init__(self, client: httpx.AsyncClient, address: str, *, dry_run: bool = False) -> None:
        self._client, self._address, self._dry_run = client, address, dry_run
        self._settled: dict[tuple[str, UUID], dict[str, Any] | CannotCarryError] = {}

    async def bring(self, thing: Thing) -> str | None:
        """Make a thing as the directory says it is: "created", "changed" or "unchanged"; None for one seen before.

        Raises `CannotCarryError` for what the service refuses, and for whatever needs that; `DescribedTwiceError` for one
        seen before that was another then.
        """
        before = self._settled.get((thing.kind, thing.id))
        if isinstance(before, CannotCarryError):
            raise CannotCarryError(f"What it belongs to was skipped: {before}")
        if before is not None:
            if before != thing.said:
                raise DescribedTwiceError
            return None
        try:
            become = await self._settle(thing)
        except CannotCarryError as refused:
            self._settled[thing.kind, thing.id] = refused
            raise
        self._settled[thing.kind, thing.id] = thing.said
        return become

    async def _settle(self, thing: Thing) -> str:
        path = f"/v1/{thing.kind}/{thing.id}"
        there = await self._ask("GET", path)
        if there.status_code == HTTPStatus.NOT_FOUND:
            if not self._dry_run:
                _accepted(await self._ask("POST", f"/v1/{thing.kind}", json=thing.new()))
            return "created"
        _accepted(there)
        held = there.json()
        change = {name: value for name, value in thing.said.items() if held.get(name) != value}
        if not change:
            return "unchanged"
        if not self._dry_run:
            _accepted(await self._ask("PATCH", path, json=change, headers={"If-Match": there.headers["etag"]}))
        return "changed"

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """Ask the service; one that is away for a moment is asked again, since sending twice is safe."""
        for attempt in range(TRIES):
            try:
                answer = await self._client.request(method, self._address + path, **options)
            except httpx.TransportError:
                if attempt == 0:
                    await self._client.get(f"{self._address}/health/live")  # not there at all: say so at once
            else:
                if answer.status_code in {401, 403, 500}:
                    raise ImportFailed(f"The sites service answered {answer.status_code}: {answer.text}")
                if answer.status_code not in {429, 503}:
                    return answer
            await asyncio.sleep(0.5)
        raise ImportFailed("The sites service did not take it within half a minute.")


def _accepted(answer: httpx.Response) -> None:
    """Raise `CannotCarryError`, in the service's own words, unless it took what was sent."""
    if answer.is_success:
        return
    problem = answer.json()
    errors = "; ".join(f"{each['pointer']}: {each['message']}" for each in problem.get("errors", ()))
    raise CannotCarryError(f"{problem['title']}. {errors}".strip())


async def bring_in(
    found: AsyncIterator[Found],
    directory: Directory,
    assumed: Assumed,
    told: Told,
    note: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Bring a directory's services in; `note` hears of whatever was not carried over, with its content."""
    async for where, each in found:
        if where == UNLINKED:
            told.left.update({f"{name}.csv (rows that belong to no service)": len(rows) for name, rows in each.items()})
            note({"where": where, "left": each})
            continue
        told.services += 1
        try:
            carried = carry(read(each), assumed)
        except CannotCarryError as reason:
            told.become["offers"]["skipped"] += 1
            told.reasons[str(reason)] += 1
            note({"where": where, "skipped": str(reason), "content": each})
            continue
        await _all_of(carried, where, each, directory, told, note)


async def _all_of(
    carried: Carried,
    where: str,
    content: Any,  # noqa: ANN401 - any JSON
    directory: Directory,
    told: Told,
    note: Callable[[dict[str, Any]], None],
) -> None:
    """Bring in what a service became, what others need first."""
    skipped = list(carried.skipped)
    lost: set[UUID] = set()
    for thing in carried.things:
        try:
            if lost.intersection(thing.needs):
                raise CannotCarryError("What it belongs to was skipped.")  # noqa: TRY301 - told as any other
            become = await directory.bring(thing)
        except DescribedTwiceError:
            carried.left.note(thing.said, thing.kind, "described twice")
            continue
        except CannotCarryError as problem:
            skipped.append((thing.kind, thing.id, str(problem)))
            lost.add(thing.id)
            continue
        if become is not None:
            told.become[thing.kind][become] += 1
        if become == "created":
            told.assumed.update(f"{thing.kind}: {name} {value}" for name, value in thing.assumed.items())
    for kind, _, reason in skipped:
        told.become[kind]["skipped"] += 1
        told.reasons[reason] += 1
    told.left.update(carried.left.counted())
    if skipped or carried.left.found:
        reasons = [{"kind": kind, "id": str(found), "reason": reason} for kind, found, reason in skipped]
        note({"where": where, "id": content.get("id"), "skipped": reasons, "left": carried.left.found})
