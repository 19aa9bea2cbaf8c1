"""`kill -9` of anything, at any moment, under load: nothing acknowledged is lost, nothing takes effect twice or out of order."""

import asyncio
import os
import random
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from bench.oracle import Account
from deploy import wandsworth
from deploy.rebuild import rebuild_from_outboxes
from tests.canary import files, find, needles
from tests.faults.endangered import EVERY_KIND, Endangered, endangered
from tests.faults.senders import Senders

SEED = int(os.environ.get("ROUNDTABLE_FAULT_SEED", "20261120"))  # printed with every result: set it to see a run again


async def kill_in_turn(system: Endangered, kinds: Sequence[str], seconds: float) -> None:
    """Kill each once, in a random order, at random moments spread over so many seconds."""
    chance = random.Random(SEED)  # noqa: S311 - replayable
    for kind in chance.sample(kinds, len(kinds)):
        await asyncio.sleep(chance.uniform(0.2, 1.8) * seconds / len(kinds))
        await system.kill(kind)


async def assert_nothing_is_lost(system: Endangered, senders: Senders) -> list[Account]:
    """Look everywhere, once the system is quiet."""
    await system.eventually_ready()
    oracle = system.oracle()
    await oracle.settle(within=120)
    accounts = await oracle.accounts(senders.told())
    failures = [str(each) for each in accounts if not each.clean]
    assert not failures, f"seed {SEED}: {failures}"
    assert await oracle.set_aside() == 0
    sent = senders.bulks.attempted | senders.singles.attempted
    assert set(senders.told().acknowledged) == sent, "a sender that never gives up gets every referral recorded"
    return accounts


async def assert_rebuilt_facts_are_equal(system: Endangered) -> None:
    outcome = await rebuild_from_outboxes(system.oracle().admin_dsn, check=True, say=lambda _: None)
    assert outcome.equal, outcome.differing
    assert outcome.events > 0


def assert_no_identifier_slipped_out(system: Endangered, senders: Senders) -> None:
    """Search what crashes may have left: the logs, the stream's files, and every answer. Every single's person is a canary."""
    left = [*files(system.home / "logs"), *files(system.home / "nats"), ("an answer", senders.answers())]
    assert any(content for _, content in left)
    assert not find(needles(), left)


def say(system: Endangered, senders: Senders, accounts: Sequence[Account]) -> None:
    recovered = max(len(each.recovered) for each in accounts)
    print(  # noqa: T201 - the run's one line, shown with -s or on a failure
        f"\nseed {SEED}: killed {', '.join(system.killed)}; {senders.summary()};"
        f" {len(senders.told().acknowledged)} referrals acknowledged;"
        f" 0 lost, 0 doubled, 0 inverted, {recovered} recovered in {len(accounts)} layers"
    )


@pytest.mark.xdist_group("faults")
async def test_nothing_is_lost_when_api_worker_broker_and_database_are_killed_under_load(tmp_path: Path) -> None:
    async with endangered(tmp_path) as system:
        senders, referrals = Senders(system, SEED), list(islice(wandsworth.referrals(), 1500))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(senders.send(referrals, 500, chunk=50, seconds=6))
            tasks.create_task(
                kill_in_turn(system, ("referrals-api", "reporting-worker", "nats", "postgres"), seconds=5)
            )
        accounts = await assert_nothing_is_lost(system, senders)
        await assert_rebuilt_facts_are_equal(system)
    assert_no_identifier_slipped_out(system, senders)
    say(system, senders, accounts)


@pytest.mark.slow
@pytest.mark.xdist_group("faults")
async def test_nothing_is_lost_when_every_kind_of_process_is_killed_during_the_wandsworth_import(
    tmp_path: Path,
) -> None:
    async with endangered(tmp_path) as system:
        senders, referrals = Senders(system, SEED), list(wandsworth.referrals())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(senders.send(referrals, 1000, chunk=100, seconds=40))
            tasks.create_task(kill_in_turn(system, EVERY_KIND, seconds=36))
        accounts = await assert_nothing_is_lost(system, senders)
        assert set(system.killed) == set(EVERY_KIND)
        assert len(senders.bulks.attempted) == wandsworth.TOTAL
        await assert_rebuilt_facts_are_equal(system)
    assert_no_identifier_slipped_out(system, senders)
    say(system, senders, accounts)
