"""Group commit: what comes together is saved together, answered after the commit, and spoiled by nobody."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared.db import OutcomeUnknown
from shared.group_commit import GroupCommit


class Desk:
    """Works off groups of numbers when let; refuses what is negative, a group at a time."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.committed: set[int] = set()
        self.open = asyncio.Event()
        self.trouble: Exception | None = None

    async def work(self, key: str, numbers: Sequence[int]) -> list[str]:
        """Answer each number; commit last."""
        self.groups.append(list(numbers))
        await self.open.wait()
        if self.trouble:
            raise self.trouble
        if refused := [number for number in numbers if number < 0]:
            raise ValueError(refused[0])
        self.committed |= set(numbers)
        return [f"{key}{number}" for number in numbers]


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def come(gate: "GroupCommit[str, int, str]", *numbers: int) -> list["asyncio.Task[str]"]:
    """Submit numbers, in order; the first is worked on at once, the others wait."""
    tasks = []
    for number in numbers:
        tasks.append(asyncio.create_task(gate.submit("a", number)))
        for _ in range(3):
            await asyncio.sleep(0)  # let it get as far as it can
    return tasks


async def together(*waiting: Awaitable[str], return_exceptions: bool = False) -> list[Any]:
    """Wait for all, but not for ever."""
    async with asyncio.timeout(5):
        return list(await asyncio.gather(*waiting, return_exceptions=return_exceptions))


async def test_those_who_come_while_one_is_saved_share_the_next_transaction(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    tasks = await come(gate, 1, 2, 3, 4)
    desk.open.set()
    assert await together(*tasks) == ["a1", "a2", "a3", "a4"], "each its own answer"
    assert desk.groups == [[1], [2, 3, 4]]


async def test_nobody_is_answered_before_the_commit(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    tasks = await come(gate, 1, 2)
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.add_done_callback(lambda done: committed_then.append(int(done.result()[1:]) in desk.committed))
    committed_then: list[bool] = []
    desk.open.set()
    await together(*tasks)
    assert committed_then == [True, True]


async def test_one_bad_item_spoils_no_other(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    tasks = await come(gate, 1, 2, -3, 4)
    desk.open.set()
    answers = await together(*tasks, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, str)] == ["a1", "a2", "a4"]
    assert isinstance(answers[2], ValueError)
    assert desk.committed == {1, 2, 4}


@pytest.mark.parametrize("trouble", [ConnectionRefusedError(), TimeoutError(), PoolTimeout(), OutcomeUnknown()])
async def test_a_database_that_is_away_is_asked_once_for_all(desk: Desk, trouble: Exception) -> None:
    desk.trouble = trouble
    gate = GroupCommit(desk.work)
    tasks = await come(gate, 1, *range(2, 60))
    desk.open.set()
    answers = await together(*tasks, return_exceptions=True)
    assert set(map(type, answers)) == {type(trouble)}
    assert len(desk.groups) == 2


async def test_somebody_who_goes_away_takes_no_other_with_them(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    first, leaves, stays = await come(gate, 1, 2, 3)
    leaves.cancel()
    await asyncio.wait({leaves})
    desk.open.set()
    assert await together(first, stays) == ["a1", "a3"]
    assert await together(gate.submit("a", 5)) == ["a5"], "and the gate goes on"


async def test_somebody_who_goes_away_during_the_commit_takes_no_other_with_them(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    (first,) = await come(gate, 1)
    first.cancel()
    others = await come(gate, 2, 3)
    desk.open.set()
    assert await together(*others) == ["a2", "a3"]
    assert 1 in desk.committed, "what was asked for is done all the same"


async def test_different_keys_share_nothing(desk: Desk) -> None:
    gate = GroupCommit(desk.work)
    desk.open.set()
    answers = await together(*(gate.submit(key, 1) for key in "abc"))
    assert sorted(answers) == ["a1", "b1", "c1"]
    assert desk.groups == [[1], [1], [1]]


async def test_a_group_has_its_limit_and_nothing_is_left_behind(desk: Desk) -> None:
    gate = GroupCommit(desk.work, most=10)
    tasks = await come(gate, *range(1, 46))
    desk.open.set()
    await together(*tasks)
    assert max(map(len, desk.groups)) == 10
    assert sum(map(len, desk.groups)) == len(desk.committed) == 45
    assert not gate._waiting  # noqa: SLF001 - keys are callers: remembered for ever they would fill the memory
    assert not gate._working  # noqa: SLF001 - as above
