"""Every measure, split or not: SQL equals plain Python over the same random histories."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from services.reporting.breakdowns import DIMENSIONS
from services.reporting.domain.periods import Interval, Period, periods
from services.reporting.measures import MEASURES
from shared.events.event import Event
from tests.reporting.conftest import Facts
from tests.reporting.life import Life, Visit
from tests.reporting.measured import Plain, plain
from tests.reporting.oracle import Oracle

FIRST, LAST = "2020-10", "2022-09"
Key = tuple[str, tuple[str, ...]]


@pytest.fixture(scope="session")
def oracle(borough_history: list[Event]) -> Oracle:
    return Oracle(borough_history)


def met(oracle: Oracle, measure: Plain, period: Period) -> Iterator[tuple[Life, Visit | None, bool]]:
    """Yield whoever is behind a figure of the period, and whether in its numerator."""
    for life in oracle.referrals:
        for unit in life.all_visits if measure.contacts else [life]:
            if measure.when is not None:
                day = measure.when(unit)
                if day is None or not period.start <= day <= period.end:
                    continue
            numerator = measure.counts(unit, period.end)
            if numerator if measure.of is None else measure.of(unit, period.end):
                yield life, unit if isinstance(unit, Visit) else None, numerator


def expected(oracle: Oracle, measure: Plain, spans: Sequence[Period], by: Sequence[str]) -> dict[Key, tuple[Any, ...]]:
    """Return numerator and denominator, or count, or numbers, by period and groups."""
    tops: Counter[Key] = Counter()
    numbers: dict[Key, list[Any]] = defaultdict(list)
    for period in spans:
        for life, visit, numerator in met(oracle, measure, period):
            unit: Any = visit or life
            combinations: list[tuple[str, ...]] = [()]
            for name in by:
                found = oracle.groups(life, name, period.end, visit.told if visit else None)
                combinations = [(*so_far, group) for so_far in combinations for group in found]
            for groups in combinations:
                tops[period.label, groups] += numerator
                numbers[period.label, groups].append(measure.amount(unit) if measure.amount else 1)
    if measure.amount is not None:
        return {key: tuple(each) for key, each in numbers.items()}
    return {key: (tops[key], len(each)) if measure.of else (len(each),) for key, each in numbers.items()}


async def compare(facts: Facts, oracle: Oracle, name: str, interval: Interval, by: Sequence[str]) -> int:
    """Compare every cell of one table; return how many had somebody in them."""
    rows = (await facts.report(FIRST, LAST, measure=name, interval=interval, by=",".join(by)))["rows"]
    wanted = expected(oracle, plain(name), periods(FIRST, LAST, interval), by)
    kind, filled = MEASURES[name].kind, 0
    for row in rows:
        key = (row["period"]["label"], tuple(row["group"][each] for each in by))
        there = wanted.pop(key, ())
        filled += bool(there)
        if kind == "count":
            assert row["value"] == sum(there), (name, key)
        elif kind == "rate":
            assert (row["numerator"], row["denominator"]) == (there or (0, 0)), (name, key)
            assert row["value"] == (tenth(Decimal(100 * there[0]) / there[1]) if there else None), (name, key)
        else:
            assert row["denominator"] == len(there), (name, key)
            assert row["value"] == (tenth(summary(kind, there)) if there else None), (name, key)
    assert not wanted, name
    return filled


def summary(kind: str, numbers: Sequence[Any]) -> Decimal:
    exactly = sorted(map(Decimal, numbers))
    if kind == "mean":
        return sum(exactly, Decimal()) / len(exactly)
    if kind == "median":
        return median(exactly)
    place = Decimal("0.9") * (len(exactly) - 1)
    low = int(place)
    return exactly[low] + (place - low) * (exactly[min(low + 1, len(exactly) - 1)] - exactly[low])


def tenth(value: Decimal) -> float:
    return float(int(value * 10 + Decimal("0.5") * (1 if value >= 0 else -1)) / Decimal(10))


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if measure.things is None])
async def test_every_measure_counts_what_plain_python_counts(borough: Facts, oracle: Oracle, name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - a choice of tables, not a secret
    splits = [each for each, dimension in DIMENSIONS.items() if dimension.splits(MEASURES[name])]
    filled = 0
    filled += await compare(borough, oracle, name, "month", ())
    filled += await compare(borough, oracle, name, "total", ())
    for by in (["site"], chance.sample(splits, 2)):
        filled += await compare(borough, oracle, name, chance.choice(("quarter", "year")), by)
    assert filled, "the history has nobody for it"


@pytest.mark.parametrize("name", DIMENSIONS)
async def test_every_breakdown_splits_appointments_and_ended_pathways(
    borough: Facts, oracle: Oracle, name: str
) -> None:
    for measure in ("ended_referrals", "recovery_rate", "dna_rate", "waiting_for_treatment"):
        if DIMENSIONS[name].splits(MEASURES[measure]):
            assert await compare(borough, oracle, measure, "year", (name,))
