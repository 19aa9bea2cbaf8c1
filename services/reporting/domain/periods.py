"""The rules of periods and ages. Periods are whole months, so a month of birth gives the age at the end of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Interval = Literal["month", "quarter", "year", "total"]

MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
MONTHS_IN: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}


class PeriodRefused(ValueError):
    """The periods asked for do not exist; says which parameter is at fault."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Period:
    """Whole months, both days included."""

    start: date
    end: date
    label: str

    @property
    def last_month(self) -> int:
        """The number of its last month."""
        return self.end.year * 12 + self.end.month - 1


def month_number(text: str) -> int:
    """Return a month such as 2026-07 as twelve times the year, plus the month, less one."""
    return int(text[:4]) * 12 + int(text[5:7]) - 1


def month_text(number: int) -> str:
    """Return a month's number as text, such as 2026-07."""
    return f"{number // 12:04}-{number % 12 + 1:02}"


def age_at_month_end(birth_month: int, month: int) -> int:
    """Return the age on a month's last day.

    Everybody born in that month of the year has had their birthday by then, those of 29 February on the 28th of a common year.
    """
    return (month - birth_month) // 12


def periods(first: str, last: str, interval: Interval) -> tuple[Period, ...]:
    """Return the periods from one month to another, both included; raises `PeriodRefused`."""
    start, end = month_number(first), month_number(last)
    if end < start:
        raise PeriodRefused("to", "The last month may not lie before the first.")
    if interval == "quarter" and start % 3:
        raise PeriodRefused("from", "Calendar quarters begin in January, April, July and October.")
    if interval == "quarter" and end % 3 != 2:  # noqa: PLR2004 - March, June, September, December
        raise PeriodRefused("to", "Calendar quarters end in March, June, September and December.")
    if interval == "year" and (end - start + 1) % 12:
        raise PeriodRefused("to", "Years are twelve months from the first one; the last month must end such a year.")
    return tuple(_periods(start, end, interval))


def _periods(start: int, end: int, interval: Interval) -> Iterator[Period]:
    length = MONTHS_IN.get(interval, end - start + 1)
    for first in range(start, end + 1, length):
        last = first + length - 1
        after = date((last + 1) // 12, (last + 1) % 12 + 1, 1)
        yield Period(date(first // 12, first % 12 + 1, 1), after - timedelta(days=1), _label(first, last, interval))


def _label(first: int, last: int, interval: Interval) -> str:
    if interval == "quarter":
        return f"{first // 12}-Q{first % 12 // 3 + 1}"
    return month_text(first) if first == last else f"{month_text(first)} to {month_text(last)}"
