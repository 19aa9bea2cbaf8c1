"""The stream is transport, never the record: it may stall, vanish or forget its listener, and nothing is lost."""

import signal
from collections.abc import AsyncIterator
from itertools import count

import pytest

from bench.oracle import NotQuiet, Told
from shared import bus as buses
from shared.events.event import STREAM
from tests.faults.endangered import Endangered, endangered
from tests.faults.senders import Senders
from tests.streams import eventually

_run = count(1)
pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endangered]:
    """Run everything, for the tests of this file, each of which leaves it whole."""
    async with endangered(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture(scope="module")
def everything() -> Told:
    """Gather what all tests of this file were told: later accounts cover earlier runs."""
    return Told()


async def send(system: Endangered, everything: Told, *, singles: int, seconds: float) -> Senders:
    senders = Senders(system, seed=next(_run))
    await senders.send([], singles, chunk=1, seconds=seconds)
    everything.of_singles(senders.singles)
    return senders


async def assert_all_arrived(system: Endangered, everything: Told) -> None:
    oracle = system.oracle()
    await oracle.settle(within=60)
    wrong = [str(each) for each in await oracle.accounts(everything) if not each.clean]
    assert not wrong, wrong
    assert await oracle.set_aside() == 0


async def test_writes_go_on_without_a_failure_while_nats_stands_still(system: Endangered, everything: Told) -> None:
    nats = await system.alive("nats")
    nats.send_signal(signal.SIGSTOP)
    try:
        senders = await send(system, everything, singles=200, seconds=5)
    finally:
        nats.send_signal(signal.SIGCONT)
    assert {line.verdict for line in senders.singles.lines} <= {"ok", "refused"}
    assert not [line for line in senders.singles.of("refused") if line.status != 409], "only its own key was in the way"
    await assert_all_arrived(system, everything)


async def test_losing_the_whole_stream_is_noticed_and_it_is_made_again_from_the_outboxes(
    system: Endangered, everything: Told
) -> None:
    await send(system, everything, singles=100, seconds=1)
    await assert_all_arrived(system, everything)
    await system.lose_the_stream()
    await send(system, everything, singles=100, seconds=2)
    await eventually(lambda: all_is_back(system), within=60)
    await assert_all_arrived(system, everything)


async def all_is_back(system: Endangered) -> bool:
    """Whether the stream holds again whatever was announced."""
    try:
        await system.oracle().settle(within=5)
        async with buses.connect(system.status()["nats"]["url"], name="tests") as bus:
            stored = (await bus.state()).messages
    except (NotQuiet, buses.StreamProblem):
        return False
    return stored >= await system.oracle().announced()


async def test_a_deleted_durable_is_made_again_and_catches_up_within_half_a_minute(
    system: Endangered, everything: Told
) -> None:
    async def ready() -> bool:
        return await system.is_ready("reporting")

    async with buses.connect(system.status()["nats"]["url"], name="tests") as bus:
        await bus.ask(f"CONSUMER.DELETE.{STREAM}.reporting")
    await send(system, everything, singles=100, seconds=2)
    await eventually(ready, within=30)
    await assert_all_arrived(system, everything)
