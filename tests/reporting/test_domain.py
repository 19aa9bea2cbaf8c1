"""Periods and ages."""

from calendar import monthrange
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.periods import PeriodRefused, age_at_month_end, month_number, month_text, periods

MONTHS = st.integers(2000 * 12, 2099 * 12 + 11)


@given(MONTHS, st.integers(0, 40))
def test_months_follow_each_other_without_gap_or_overlap(first: int, more: int) -> None:
    last = min(first + more, 2099 * 12 + 11)
    found = periods(month_text(first), month_text(last), "month")
    assert [month_number(period.label) for period in found] == list(range(first, last + 1))
    for period in found:
        assert period.start.day == 1
        assert period.end.day == monthrange(period.end.year, period.end.month)[1]


def test_quarters_years_and_totals_have_names() -> None:
    assert [each.label for each in periods("2026-01", "2026-06", "quarter")] == ["2026-Q1", "2026-Q2"]
    assert [each.label for each in periods("2009-09", "2011-08", "year")] == [
        "2009-09 to 2010-08",
        "2010-09 to 2011-08",
    ]
    (total,) = periods("2024-02", "2024-02", "total")
    assert (total.start, total.end, total.label) == (date(2024, 2, 1), date(2024, 2, 29), "2024-02")


@pytest.mark.parametrize(
    ("first", "last", "interval", "parameter"),
    [
        ("2026-02", "2026-06", "quarter", "from"),
        ("2026-01", "2026-05", "quarter", "to"),
        ("2026-01", "2026-11", "year", "to"),
        ("2026-02", "2026-01", "total", "to"),
    ],
)
def test_a_part_of_a_quarter_or_year_is_refused(first: str, last: str, interval: str, parameter: str) -> None:
    with pytest.raises(PeriodRefused) as refused:
        periods(first, last, interval)  # type: ignore[arg-type]
    assert refused.value.parameter == parameter


@given(st.dates(date(1920, 1, 1), date(2020, 12, 31)), MONTHS)
def test_the_month_of_birth_gives_the_age_at_every_month_end(born: date, month: int) -> None:
    end = periods(month_text(month), month_text(month), "month")[0].end
    birthday = (born.month, 28 if (born.month, born.day) == (2, 29) else born.day)  # 28 February in a common year
    age = end.year - born.year - ((end.month, end.day) < birthday)
    assert age_at_month_end(born.year * 12 + born.month - 1, month) == age
