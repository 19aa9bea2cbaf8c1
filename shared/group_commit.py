"""Group commit: requests that come at the same time share a transaction; alone on the line, one goes at once."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog

from shared.db import OutcomeUnknown, is_away

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)


class GroupCommit(Generic[Key, Item, Answer]):
    """Gathers items of one key while earlier ones commit, and works them off together.

    `work` opens a transaction, returns one answer per item in order, and has committed when it returns: whoever waits here
    hears nothing before that. When it fails for several items each is tried alone, so that one cannot spoil the others;
    a database that is away, or went away during the commit, is told to all at once.
    """

    def __init__(self, work: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Answer]]], *, most: int = 100) -> None:
        self._work = work
        self._most = most
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Answer]]]] = defaultdict(deque)
        self._working: dict[Key, asyncio.Task[None]] = {}  # one per key: while it commits, the next group gathers

    async def submit(self, key: Key, item: Item) -> Answer:
        """Return the item's answer once its transaction is committed; raises what `work` raised for it alone."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[key].append((item, future))
        if key not in self._working:
            self._working[key] = asyncio.create_task(self._work_off(key))
        return await future

    async def _work_off(self, key: Key) -> None:
        queue = self._waiting[key]
        try:
            while queue:
                await self._settle(key, [queue.popleft() for _ in range(min(self._most, len(queue)))])
        finally:
            del self._working[key], self._waiting[key]

    async def _settle(self, key: Key, group: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work(key, [item for item, _ in group])
        except Exception as problem:  # noqa: BLE001 - it is handed to whoever waits
            if is_away(problem) or isinstance(problem, OutcomeUnknown):  # nobody's fault: do not ask again for each
                for _, future in group:
                    if not future.done():
                        future.set_exception(problem)
            elif len(group) > 1:
                log.info("group_taken_apart", items=len(group), kind=type(problem).__name__)
                for each in group:
                    await self._settle(key, [each])
            elif not group[0][1].done():
                group[0][1].set_exception(problem)
            return
        for (_, future), given in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(given)
