"""A schedule in words: Tuesdays 18:00 to 20:00."""

from collections.abc import Sequence
from datetime import date, datetime

from services.sites import tables
from services.sites.domain import schedule as rules
from services.sites.web.words import Words
from shared.days import LONDON

RUN = 3  # days in a row that are told as "Monday to Wednesday"
WEEK = 7


def in_words(words: Words, schedule: Sequence[tables.Schedule], today: date) -> list[str]:
    """Return when something takes place, without what is over."""
    return [_times(words, one, today) for one in schedule if one.valid_to is None or one.valid_to >= today]


def is_open(schedule: Sequence[tables.Schedule], now: datetime) -> bool:
    """Tell whether it takes place now."""
    return rules.is_open([_rule(one) for one in schedule], now)


def next_time(words: Words, schedule: Sequence[tables.Schedule], now: datetime) -> str | None:
    """Return when it takes place next, in words; None when no day is left."""
    found = rules.next_opening([_rule(one) for one in schedule], now)
    if found is None:
        return None
    there = found.astimezone(LONDON)
    return words("next_time", date=words.date(there.date()), time=f"{there:%H:%M}")


def _rule(row: tables.Schedule) -> rules.Entry:
    frequency: rules.Frequency = "WEEKLY" if row.freq == "WEEKLY" else "MONTHLY"
    return rules.Entry(
        freq=frequency,
        interval=row.interval,
        byday=tuple(row.byday),
        bymonthday=tuple(row.bymonthday),
        dtstart=row.dtstart,
        valid_to=row.valid_to,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
    )


def _times(words: Words, row: tables.Schedule, today: date) -> str:
    rule = _rule(row)
    named, numbered = rules.usual(rule.freq, rule.byday, rule.bymonthday, rule.dtstart)
    days = _weekly(words, rule, named) if rule.freq == "WEEKLY" else _monthly(words, rule, named, numbered)
    hours = words("hours", start=f"{rule.opens_at:%H:%M}", end=f"{rule.closes_at:%H:%M}")
    parts = [words("at_times", days=days, hours=hours)]
    if rule.dtstart > today:
        parts.append(words("from_date", date=words.date(rule.dtstart)))
    if rule.valid_to is not None:
        parts.append(words("until_date", date=words.date(rule.valid_to)))
    return words("comma").join(parts)


def _weekly(words: Words, rule: rules.Entry, named: Sequence[str]) -> str:
    places = sorted(place for place, name in enumerate(rules.WEEKDAYS) if name in named)
    if len(places) == WEEK:
        days = words("every_day")
    elif len(places) >= RUN and places[-1] - places[0] == len(places) - 1:
        days = words("day_range", first=words.weekdays[places[0]], last=words.weekdays[places[-1]])
    else:
        names = words.each_weekday if rule.interval == 1 else words.weekdays
        days = words.listed([names[place] for place in places])
    return _every(words, rule.interval, days, ("", "fortnightly", "every_weeks"))


def _monthly(words: Words, rule: rules.Entry, named: Sequence[str], numbered: Sequence[int]) -> str:
    days = [_weekday_of_month(words, name) for name in named]
    numbers = [_day_of_month(words, number) for number in numbered]
    both = [words.listed(some) for some in (days, numbers) if some]
    return _every(words, rule.interval, words("comma").join(both), ("monthly", "every_other_month", "every_months"))


def _every(words: Words, interval: int, days: str, keys: tuple[str, str, str]) -> str:
    key = keys[min(interval, 3) - 1]
    return words(key, days=days, count=interval) if key else days


def _weekday_of_month(words: Words, name: str) -> str:
    number, place = name[:-2], rules.WEEKDAYS.index(name[-2:])
    if not number:
        return words.each_weekday[place]
    if number in words.of_the_month:
        return words.of_the_month[number].format(day=words.weekdays[place])
    counted = words.of_the_month[number.lstrip("-")].format(day=words.weekdays[place])
    return words("from_month_end", what=counted)


def _day_of_month(words: Words, number: int) -> str:
    if number > 0:
        return words("month_day", number=number)
    return words("last_month_day") if number == -1 else words("from_month_end", what=words("month_day", number=-number))
