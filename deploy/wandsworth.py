"""The referrals of the Wandsworth evaluation, made so that their margins are exactly those it printed.

Source: the evaluation's Table 1 (referrals by source, September 2009 to August 2011) and the paragraph before it. The people
are invented; only the counts are real. Ethnicity percentages are printed for 5,715 people and fit 9,189 referrals, so they
are applied to those; what was "missing or not stated" is left out, since the two were never told apart. Gender is given for
the 5,715 who entered the service, 66.5 % of them women.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

SYSTEM = "wandsworth"
OUTPATIENTS = "wandsworth-outpatients"  # has no national code of its own: told apart by the sender
ENTERED, WOMEN = 5715, 3800
WHITE, BME = 3670, 1178
SELF_WHITE_BRITISH, SELF_BME = 605, 125  # of the self-referrals in the first period
WHITE_CODES, WHITE_WEIGHTS = ("A", "B", "C"), (70, 5, 25)
BME_CODES = ("M", "N", "P", "H", "J", "K", "L", "D", "E", "F", "G", "R", "S")
BME_WEIGHTS = (22, 18, 8, 10, 9, 5, 8, 5, 3, 3, 3, 2, 4)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of Table 1: its printed name, where it goes, and its count in each period."""

    name: str
    source: str
    system: str
    counts: tuple[int, int]
    printed: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Period:
    """A column of Table 1: September to August."""

    name: str
    start: date
    end: date
    total: int


TABLE_1 = (
    Row("GP", "A1", SYSTEM, (4541, 862), ("83.12", "23.13")),
    Row("Self", "B1", SYSTEM, (730, 2408), ("13.36", "64.63")),
    Row("Social services", "C1", SYSTEM, (5, 4), ("0.10", "0.11")),
    Row("A&E", "H1", SYSTEM, (6, 0), ("0.11", "-")),
    Row("Other clinical specialty", "H2", SYSTEM, (152, 419), ("2.80", "11.24")),
    Row("Medical outpatients", "H2", OUTPATIENTS, (11, 1), ("0.20", "0.03")),
    Row("Nurse, health visitor", "A3", SYSTEM, (2, 0), ("0.03", "-")),
    Row("Other", "M6", SYSTEM, (15, 32), ("0.27", "0.86")),
    Row("Employer", "D1", SYSTEM, (1, 0), ("0.02", "-")),
)
PERIODS = (
    Period("2009/10", date(2009, 9, 1), date(2010, 8, 31), 5463),
    Period("2010/11", date(2010, 9, 1), date(2011, 8, 31), 3726),
)
TOTAL = sum(period.total for period in PERIODS)


def referrals(seed: int = 2011) -> Iterator[dict[str, Any]]:
    """Yield the 9,189 referrals as the API takes them; the same ones each time, so that importing again is safe."""
    chance = random.Random(seed)  # noqa: S311 - an example, not a secret
    slots = [(row, number) for row in TABLE_1 for number in range(2) for _ in range(row.counts[number])]
    chance.shuffle(slots)
    ethnicity = _ethnicities(slots, chance)
    gender: list[str | None] = ["2"] * WOMEN + ["1"] * (ENTERED - WOMEN) + [None] * (TOTAL - ENTERED)
    chance.shuffle(gender)
    for place, (row, number) in enumerate(slots):
        period = PERIODS[number]
        day = period.start + timedelta(days=chance.randrange((period.end - period.start).days + 1))
        person = {"ethnic_category": ethnicity[place], "gender_identity": gender[place]}
        yield {
            "source_system": row.system,
            "source_id": f"W-{place + 1:05}",
            "received_on": day.isoformat(),
            "source": row.source,
            "person": {name: code for name, code in person.items() if code is not None},
        }


def _ethnicities(slots: list[tuple[Row, int]], chance: random.Random) -> list[str | None]:
    """Return an ethnic category for each referral, or None where the reports had none."""
    by_self = [place for place, (row, number) in enumerate(slots) if row.source == "B1" and number == 0]
    others = [place for place in range(len(slots)) if place not in set(by_self)]
    groups = ["white"] * (WHITE - SELF_WHITE_BRITISH) + ["bme"] * (BME - SELF_BME)
    groups += ["missing"] * (len(others) - len(groups))
    chance.shuffle(groups)
    found: list[str | None] = [None] * len(slots)
    for position, place in enumerate(by_self):
        found[place] = "A" if position < SELF_WHITE_BRITISH else chance.choices(BME_CODES, BME_WEIGHTS)[0]
    for place, group in zip(others, groups, strict=True):
        if group == "white":
            found[place] = chance.choices(WHITE_CODES, WHITE_WEIGHTS)[0]
        elif group == "bme":
            found[place] = chance.choices(BME_CODES, BME_WEIGHTS)[0]
    return found
