"""When an offer takes place: judged against calendars written by hand, and against every minute of two odd nights."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from services.sites.domain import schedule
from services.sites.domain.schedule import Entry, days, is_open, next_opening
from shared.days import LONDON

JANUARY = date(2026, 1, 1)  # a Thursday
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def weekly(*byday: str, **more: Any) -> Entry:
    """Return something that takes place every week from ten to noon."""
    usual = Entry("WEEKLY", 1, byday, (), JANUARY, None, time(10), time(12))
    return replace(usual, **more)


def monthly(*byday: str, **more: Any) -> Entry:
    """Return something that takes place every month from ten to noon."""
    return weekly(*byday, **{"freq": "MONTHLY"} | more)


def first(entry: Entry, many: int, after: date = JANUARY) -> list[str]:
    """Return its first days after one."""
    return [day.isoformat()[5:] for day in islice(days(entry, after), many)]


def local(day: date, hour: int, minute: int = 0) -> datetime:
    """Return the instant at which London's clocks first show that time."""
    return datetime.combine(day, time(hour, minute), LONDON)


def test_the_last_friday_of_each_month() -> None:
    assert first(monthly("-1FR"), 6) == ["01-30", "02-27", "03-27", "04-24", "05-29", "06-26"]


def test_the_second_monday_and_the_first_thursday() -> None:
    assert first(monthly("2MO"), 4) == ["01-12", "02-09", "03-09", "04-13"]
    assert first(monthly("1TH"), 4) == ["01-01", "02-05", "03-05", "04-02"]


def test_a_fifth_saturday_is_only_in_some_months() -> None:
    assert first(monthly("5SA"), 4) == ["01-31", "05-30", "08-29", "10-31"]


def test_the_last_day_of_each_month_and_every_other_thirty_first() -> None:
    assert first(monthly(bymonthday=(-1,)), 4) == ["01-31", "02-28", "03-31", "04-30"]
    assert first(monthly(bymonthday=(31,), interval=2), 3) == ["01-31", "03-31", "05-31"]


def test_a_friday_that_is_the_thirteenth() -> None:
    assert first(monthly("FR", bymonthday=(13,)), 3) == ["02-13", "03-13", "11-13"]


def test_every_second_week_counts_weeks_from_monday_as_of_the_first_day() -> None:
    every_other = weekly("MO", "TH", interval=2)
    assert first(every_other, 5) == ["01-01", "01-12", "01-15", "01-26", "01-29"]


def test_it_begins_and_ends_on_its_days_both_included() -> None:
    entry = weekly("TH", dtstart=date(2026, 1, 8), valid_to=date(2026, 1, 22))
    assert first(entry, 9) == ["01-08", "01-15", "01-22"]


def test_a_29th_of_february_comes_back_after_eight_years_too() -> None:
    leap = monthly(bymonthday=(29,), interval=12, dtstart=date(2096, 2, 29))
    assert [day.year for day in islice(days(leap, leap.dtstart), 2)] == [2096, 2104]


@pytest.mark.parametrize(
    "entry",
    [
        monthly(bymonthday=(30,), interval=12, dtstart=date(2026, 2, 1)),
        monthly("1MO", bymonthday=(9,)),
        weekly("MO", valid_to=date(2026, 1, 4)),
    ],
)
def test_what_never_takes_place_is_told(entry: Entry) -> None:
    assert entry.never()
    assert next_opening([entry], datetime(2025, 1, 1, tzinfo=UTC)) is None


def test_without_days_it_recurs_on_that_of_its_first() -> None:
    assert schedule.usual("WEEKLY", [], [], JANUARY) == (["TH"], [])
    assert schedule.usual("MONTHLY", [], [], JANUARY) == ([], [1])
    assert schedule.usual("MONTHLY", ["1MO", "1MO"], [3], JANUARY) == (["1MO"], [3])


def test_it_is_open_from_its_opening_until_just_before_its_closing() -> None:
    entry, day = weekly("TH"), date(2026, 1, 8)
    said = [is_open([entry], local(day, *at)) for at in ((9, 59), (10, 0), (11, 59), (12, 0))]
    assert said == [False, True, True, False]
    assert not is_open([entry], local(day + timedelta(days=1), 11))
    assert not is_open([], local(day, 11))


def test_ten_in_the_morning_is_another_instant_in_summer() -> None:
    entry = weekly("TH")
    assert next_opening([entry], datetime(2026, 3, 20, tzinfo=UTC)) == datetime(2026, 3, 26, 10, tzinfo=UTC)
    assert next_opening([entry], datetime(2026, 3, 27, tzinfo=UTC)) == datetime(2026, 4, 2, 9, tzinfo=UTC)
    assert is_open([entry], datetime(2026, 4, 2, 9, 30, tzinfo=UTC))
    assert not is_open([entry], datetime(2026, 4, 2, 11, 30, tzinfo=UTC))


def test_the_next_opening_is_later_than_the_instant_and_the_earliest_of_all() -> None:
    entries = [weekly("TH"), weekly("TH", opens_at=time(15), closes_at=time(16)), monthly("-1FR")]
    ten = datetime(2026, 1, 29, 10, tzinfo=UTC)
    following = [ten]
    for _ in range(3):
        after = next_opening(entries, following[-1])
        assert after
        following.append(after)
    assert [instant.strftime("%d %H") for instant in following] == ["29 10", "29 15", "30 10", "05 10"]


@pytest.mark.parametrize("night", [SPRING, AUTUMN])
def test_in_nights_in_which_clocks_change_it_opens_when_they_show_it_does(night: date) -> None:
    quarters = [datetime.combine(night, time(0), UTC) + timedelta(minutes=15 * step) for step in range(-8, 24)]
    for opens in range(16):
        for closes in range(opens + 1, 17):
            between = {"opens_at": time(*divmod(opens * 15, 60)), "closes_at": time(*divmod(closes * 15, 60))}
            entry = weekly("SU", **between)
            seen = [
                instant
                for before, instant in pairwise(quarters)
                if is_open([entry], instant) and not is_open([entry], before)
            ]
            told, after = [], quarters[0]
            while (found := next_opening([entry], after)) and found <= quarters[-1]:
                told.append(found)
                after = found
            assert told == seen, between


def test_what_opens_in_the_hour_that_is_left_out_opens_when_the_clocks_have_changed() -> None:
    entry = weekly("SU", opens_at=time(1, 30), closes_at=time(3))
    assert next_opening([entry], local(SPRING, 0)) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    gone = weekly("SU", opens_at=time(1, 15), closes_at=time(1, 45))
    found = next_opening([gone], local(SPRING, 0))
    assert found
    assert found.date() == date(2026, 4, 5)
