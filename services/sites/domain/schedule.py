"""When something takes place: parts of a recurrence rule (RFC 5545), and times as London's clocks show them."""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Frequency = Literal["WEEKLY", "MONTHLY"]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

WEEKDAYS: tuple[Weekday, ...] = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
BYDAY = re.compile(r"(-?[1-5])?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
LONDON = ZoneInfo("Europe/London")
CLOCKS_CHANGE = time(1, tzinfo=UTC)  # the last Sundays of March and October
A_DAY = timedelta(days=1)
LOOKED_AHEAD = 8 * 366  # days: the longest any rule can rest, from one 29 February to another


@dataclass(frozen=True, slots=True)
class Entry:
    """One rule: every so many weeks or months, on these days, from a day to perhaps another, between two times."""

    freq: Frequency
    interval: int
    byday: tuple[str, ...]  # MO, or in a month 1MO, -1FR
    bymonthday: tuple[int, ...]  # 1 to 31, or -1 for a month's last day
    dtstart: date
    valid_to: date | None
    opens_at: time
    closes_at: time

    def occurs(self, on: date) -> bool:
        """Tell whether it takes place on that day."""
        if on < self.dtstart or (self.valid_to is not None and on > self.valid_to):
            return False
        if self.byday and not days_named(on).intersection(self.byday):
            return False
        if self.bymonthday and not days_numbered(on).intersection(self.bymonthday):
            return False
        return (period(self.freq, on) - period(self.freq, self.dtstart)) % self.interval == 0

    def never(self) -> bool:
        """Tell whether no day at all is one of its days."""
        return next(days(self, self.dtstart), None) is None


def usual(
    freq: Frequency, byday: Iterable[str], bymonthday: Iterable[int], dtstart: date
) -> tuple[list[str], list[int]]:
    """Return a rule's days, each once; without any they are those of its first day, as RFC 5545 has it."""
    named, numbered = list(dict.fromkeys(byday)), list(dict.fromkeys(bymonthday))
    if not named and not numbered:
        return ([WEEKDAYS[dtstart.weekday()]], []) if freq == "WEEKLY" else ([], [dtstart.day])
    return named, numbered


def days_named(on: date) -> set[str]:
    """Return what `byday` may call that day: MO, 2MO and -3MO for the second of four Mondays."""
    name = WEEKDAYS[on.weekday()]
    return {name, f"{(on.day - 1) // 7 + 1}{name}", f"-{(_month_length(on) - on.day) // 7 + 1}{name}"}


def days_numbered(on: date) -> set[int]:
    """Return what `bymonthday` may call that day: 30 and -2 for the last but one of 31."""
    return {on.day, on.day - _month_length(on) - 1}


def period(freq: Frequency, on: date) -> int:
    """Return the number of the week (from Monday) or month that a day is in, for counting intervals."""
    return (on.toordinal() - 1) // 7 if freq == "WEEKLY" else on.year * 12 + on.month


def days(entry: Entry, from_day: date) -> Iterator[date]:
    """Return the days on which something takes place, from that day on."""
    first = max(from_day, entry.dtstart)
    for ahead in range(min(LOOKED_AHEAD, (date.max - first).days)):
        day = first + A_DAY * ahead
        if entry.valid_to is not None and day > entry.valid_to:
            return
        if entry.occurs(day):
            yield day


def is_open(schedule: Iterable[Entry], at: datetime) -> bool:
    """Tell whether something takes place at an instant: whether London's clocks show one of its times."""
    there = at.astimezone(LONDON)
    day, clock = there.date(), there.time()
    return any(entry.opens_at <= clock < entry.closes_at and entry.occurs(day) for entry in schedule)


def next_opening(schedule: Iterable[Entry], after: datetime) -> datetime | None:
    """Return the next instant at which one of a schedule's times begins, in UTC; None when there is none any more."""
    return min((found for entry in schedule if (found := _next(entry, after))), default=None)


def _next(entry: Entry, after: datetime) -> datetime | None:
    for day in days(entry, after.astimezone(LONDON).date()):
        begun = [start for start in _starts(entry, day) if start > after]
        if begun:
            return begun[0]
    return None


def _starts(entry: Entry, day: date) -> list[datetime]:
    """Return the instants at which it begins on one of its days: one, but for nights in which the clocks change."""
    shown = (datetime.combine(day, entry.opens_at, LONDON).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    instants = {*shown, datetime.combine(day, CLOCKS_CHANGE)}
    return sorted(
        one for one in instants if is_open([entry], one) and not is_open([entry], one - timedelta(microseconds=1))
    )


def _month_length(on: date) -> int:
    return monthrange(on.year, on.month)[1]
