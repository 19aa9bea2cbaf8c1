"""What sites and both sides do: SQL equals plain Python over the same random life."""

import random
from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Any

import pytest

from services.reporting.breakdowns import DIMENSIONS
from services.reporting.domain.periods import Interval, Period, periods
from services.reporting.measures import MEASURES
from shared.events.event import Event
from shared.settings import settings
from tests.reporting.community_oracle import DATED, RATE, STANDING, Community, Thing
from tests.reporting.conftest import Facts

FIRST, LAST = "2020-10", "2022-09"
OF_THINGS = [name for name, measure in MEASURES.items() if measure.things is not None]


@pytest.fixture(scope="session")
def life(borough_history: list[Event]) -> Community:
    return Community(borough_history)


@pytest.fixture(autouse=True)
def _rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDTABLE_HOUR_RATE_PENCE", str(RATE))
    settings.cache_clear()


def met(life: Community, name: str, period: Period) -> list[Thing]:
    if name in STANDING:
        return list(STANDING[name](life, period.end))
    return [thing for thing in DATED[name](life) if thing.on is not None and period.start <= thing.on <= period.end]


def rounded(value: Decimal, places: str) -> float:
    return float(value.quantize(Decimal(places), ROUND_HALF_UP))


def figures(kind: str, things: Sequence[Thing]) -> dict[str, Any]:
    """Return what a row shows of these."""
    total = sum((Decimal(thing.number) for thing in things if thing.number is not None), Decimal())
    if kind == "count":
        return {"value": len(things)}
    if kind == "sum":
        return {"value": rounded(total, "0.01")}
    if kind == "rate":
        top, bottom = sum(thing.counts for thing in things), len(things)
        return {
            "numerator": top,
            "denominator": bottom,
            "value": rounded(Decimal(100 * top) / bottom, "0.1") if bottom else None,
        }
    if kind == "ratio":
        bottom = sum(thing.per for thing in things)
        return {
            "numerator": int(total),
            "denominator": bottom,
            "value": rounded(total / bottom, "0.1") if bottom else None,
        }
    return {"denominator": len(things), "value": rounded(total / len(things), "0.1") if things else None}


async def compare(facts: Facts, life: Community, name: str, interval: Interval, by: Sequence[str]) -> int:
    """Compare every cell of one table; return how many had something in them."""
    rows = (await facts.report(FIRST, LAST, measure=name, interval=interval, by=",".join(by)))["rows"]
    wanted: dict[tuple[str, tuple[str, ...]], list[Thing]] = defaultdict(list)
    for period in periods(FIRST, LAST, interval):
        for thing in met(life, name, period):
            for groups in product(*(life.groups(thing, each) for each in by)):
                wanted[period.label, groups].append(thing)
    filled = len(wanted)
    for row in rows:
        key = (row["period"]["label"], tuple(row["group"][each] for each in by))
        expected = figures(MEASURES[name].kind, wanted.pop(key, []))
        assert {each: row[each] for each in expected} == expected, (name, by, key)
    assert not wanted, (name, by)
    return filled


@pytest.mark.parametrize("name", OF_THINGS)
async def test_every_measure_of_things_is_what_plain_python_makes_of_it(
    borough: Facts, life: Community, name: str
) -> None:
    chance = random.Random(name)  # noqa: S311 - a choice of tables, not a secret
    splits = [each for each, dimension in DIMENSIONS.items() if dimension.splits(MEASURES[name])]
    assert await compare(borough, life, name, "total", ())
    assert await compare(borough, life, name, "month", ())
    for each in splits:
        assert await compare(borough, life, name, chance.choice(("quarter", "year")), (each,))
    await compare(borough, life, name, "year", chance.sample(splits, 2))


@pytest.mark.parametrize("name", ["sessions_held", "engagement_people", "questions_overdue", "goals_in_force"])
async def test_tables_of_things_can_be_limited_to_a_site_a_kind_a_cluster(
    borough: Facts, life: Community, name: str
) -> None:
    site = next(iter(life.network.sites))
    for limit, value in (("site_id", str(site)), ("site_kind", "mosque"), ("cluster", "north")):
        (row,) = (await borough.report(FIRST, LAST, measure=name, **{limit: value}))["rows"]
        (period,) = periods(FIRST, LAST, "total")
        group = life.network.name(site) if limit == "site_id" else value
        of_it = [
            thing
            for thing in met(life, name, period)
            if group in life.groups(thing, "site" if limit == "site_id" else limit)
        ]
        assert of_it
        assert row["value"] == figures(MEASURES[name].kind, of_it)["value"], limit
