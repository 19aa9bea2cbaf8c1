"""Group commit: requests that come at the same time share a transaction; alone on the line, one goes at once."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

import structlog

from shared.db import is_away

log = structlog.get_logger()

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)


class GroupCommit(Generic[Key, Item, Answer]):
    """Gathers items of one key while earlier ones commit, and works them off together.

    `work` opens a transaction, returns one answer per item in order, and has committed when it returns: whoever waits here
    hears nothing before that. When it fails for several items each is tried alone, so that one cannot spoil the others;
    a database that is away is told to all at once.
    """

    def __init__(
        self, work: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Answer]]], *, most: int = 100, flushers: int = 1
    ) -> None:
        self._work = work
        self._most = most
        self._flushers = flushers
        self._waiting: dict[Key, deque[tuple[Item, asyncio.Future[Answer]]]] = defaultdict(deque)
        self._running: dict[Key, set[asyncio.Task[None]]] = defaultdict(set)

    async def submit(self, key: Key, item: Item) -> Answer:
        """Return the item's answer once its transaction is committed; raises what `work` raised for it alone."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[key].append((item, future))
        if len(self._running[key]) < self._flushers:
            task = asyncio.create_task(self._flush(key))
            self._running[key].add(task)
        return await future

    async def _flush(self, key: Key) -> None:
        queue = self._waiting[key]
        try:
            while queue:
                group = [queue.popleft() for _ in range(min(self._most, len(queue)))]
                await self._settle(key, group)
        finally:
            running = self._running[key]
            running.discard(asyncio.current_task())
            if not running and not queue:
                del self._running[key], self._waiting[key]

    async def _settle(self, key: Key, group: Sequence[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work(key, [item for item, _ in group])
        except Exception as problem:  # noqa: BLE001 - it is handed to whoever waits
            if is_away(problem):  # nobody's fault, and nothing happened: do not ask again for each
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
