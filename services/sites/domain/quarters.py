"""Calendar quarters, and the spans of days that they are."""

from datetime import date, timedelta
from typing import NamedTuple

QUARTER = r"^20\d\d-Q[1-4]$"


class Span(NamedTuple):
    """Days from one to another, both included."""

    start: date
    end: date


def quarter(label: str) -> Span:
    """Return the days of a quarter that is written as 2026-Q3."""
    year, number = int(label[:4]), int(label[-1])
    begins = date(year, 3 * number - 2, 1)
    after = date(year + number // 4, 3 * number % 12 + 1, 1)
    return Span(begins, after - timedelta(days=1))


def quarter_of(day: date) -> str:
    """Return the label of the quarter that a day is in."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def label(span: Span) -> str | None:
    """Return the label of a span that is exactly one quarter, else None."""
    name = quarter_of(span.start)
    return name if quarter(name) == span else None


def overlap(one: Span, other: Span) -> bool:
    """Tell whether two spans share a day."""
    return one.start <= other.end and other.start <= one.end
