"""Every breakdown, interval and filter: SQL equals a few lines of plain Python."""

import random
from collections import Counter
from typing import Any

import pytest

from services.reporting.breakdowns import DIMENSIONS
from services.reporting.domain.periods import Interval, periods
from services.reporting.measures import MEASURES
from shared.events.event import Event
from tests.reporting.conftest import SEED, Facts
from tests.reporting.oracle import Oracle

FIRST, LAST = "2020-10", "2022-09"


@pytest.fixture(scope="session")
def oracle(borough_history: list[Event]) -> Oracle:
    return Oracle(borough_history)


async def compare(facts: Facts, oracle: Oracle, interval: Interval, by: tuple[str, ...], **filters: Any) -> int:
    """Compare every cell of one table; return how many there were."""
    report = await facts.report(FIRST, LAST, interval=interval, by=",".join(by), **filters)
    expected = oracle.counts(periods(FIRST, LAST, interval), by, filters)
    found = Counter(
        {(row["period"]["label"], tuple(row["group"][name] for name in by)): row["value"] for row in report["rows"]}
    )
    assert +found == expected, f"{interval} {by} {filters}"
    assert len(found) == len(report["rows"]), "a group has two rows"
    return len(found)


BREAKDOWNS = [name for name, dimension in DIMENSIONS.items() if dimension.splits(MEASURES["referrals_received"])]


@pytest.mark.parametrize("name", BREAKDOWNS)
async def test_every_breakdown_counts_what_plain_python_counts(borough: Facts, oracle: Oracle, name: str) -> None:
    compared = 0
    for interval in ("month", "quarter", "year", "total"):
        compared += await compare(borough, oracle, interval, (name,))
    assert compared >= 24 + 8 + 2 + 1


async def test_three_breakdowns_together_and_every_filter_count_what_plain_python_counts(
    borough: Facts, oracle: Oracle
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - a choice of tables, not a secret
    site = str(next(iter(oracle.sites)))
    choices = {
        "site_id": site,
        "site_kind": "mosque",
        "cluster": "north",
        "co_provided": "false",
        "pathway": "drop_in",
        "programme": "self_management",
    }
    filters: list[dict[str, str]] = [{name: value} for name, value in choices.items()]
    filters += [{"co_provided": "true"}, {"pathway": "triage", "cluster": "south"}, {}, {}]
    for each in filters:
        by = tuple(chance.sample(sorted(set(BREAKDOWNS) - {"source", "ethnic_category"}), 3))
        await compare(borough, oracle, chance.choice(("quarter", "year", "total")), by, **each)


async def test_a_year_before_2021_22_has_the_bands_of_its_time(borough: Facts) -> None:
    report = await borough.report("2020-10", "2022-09", interval="year", by="age_band")
    assert report["rows"][0]["group"]["age_band"] == "Under 18"
    report = await borough.report("2020-10", "2021-03", interval="quarter", by="age_band")
    assert report["rows"][0]["group"]["age_band"] == "Under 16"
