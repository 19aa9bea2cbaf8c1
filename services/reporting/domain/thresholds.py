"""When a score says that somebody is a case, and what change is reliable: dated configuration, in `thresholds.csv`.

A row counts for pathways that end within its dates. Of anxiety measures the first in the file counts whose problem is the
pathway's and whose scores are a pair; GAD-7 stands for every problem, and for every measure without a pair. Body dysmorphic
disorder, chronic fatigue, irritable bowel and unexplained symptoms have measures whose thresholds we could not find: GAD-7.
"""

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal


@dataclass(frozen=True, slots=True)
class Threshold:
    """One instrument's thresholds; a case has at least `case_from`, or more than `case_above`, whichever is given."""

    side: Literal["depression", "anxiety"]
    instrument: str
    problem: str | None  # a row of the code list presenting_problem; None is every problem
    case_from: Decimal | None
    case_above: Decimal | None
    reliable_change: Decimal
    valid_from: date | None
    valid_to: date | None


@cache
def thresholds() -> tuple[Threshold, ...]:
    """Return every row, those of particular problems before those of all."""
    text = files("services.reporting.domain").joinpath("thresholds.csv").read_text(encoding="utf-8")
    return tuple(_read(row) for row in csv.DictReader(text.splitlines()))


def _read(row: dict[str, str]) -> Threshold:
    side: Literal["depression", "anxiety"] = "depression" if row["side"] == "depression" else "anxiety"
    case_from, case_above = (Decimal(row[name]) if row[name] else None for name in ("case_from", "case_above"))
    if (case_from is None) is (case_above is None):
        raise ValueError("a case begins at a score or above one")
    first, last = (date.fromisoformat(row[name]) if row[name] else None for name in ("valid_from", "valid_to"))
    change = Decimal(row["reliable_change"])
    return Threshold(side, row["instrument"], row["problem"] or None, case_from, case_above, change, first, last)
