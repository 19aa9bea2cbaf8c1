"""Scoring at every border: what the items add up to, what missing ones do, and what a total means."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys import domain
from services.surveys.instruments import Instrument, instruments
from services.surveys.instruments.pack import Threshold
from tests.surveys.builders import items

PHQ, GAD = instruments()["phq_9"], instruments()["gad_7"]
TODAY = date(2026, 11, 20)


def phq(*values: int | None) -> domain.Score:
    return domain.score(PHQ, items("phq9", *values))


def gad(*values: int | None) -> domain.Score:
    return domain.score(GAD, items("gad7", *values))


def test_a_whole_response_adds_up() -> None:
    assert phq(*[0] * 9) == domain.Score(0)
    assert phq(*[3] * 9) == domain.Score(27)
    assert phq(1, 2, 3, 0, 1, 2, 3, 0, 1) == domain.Score(13)
    assert gad(*[3] * 7) == domain.Score(21)


def test_up_to_two_missing_items_are_made_up_for_and_three_are_not() -> None:
    assert phq(2, 2, 2, 2, 2, 2, 2, 2, None) == domain.Score(18, 1, prorated=True)
    assert phq(2, 2, 2, 2, 2, 2, 2, None, None) == domain.Score(18, 2, prorated=True)
    assert phq(2, 2, 2, 2, 2, 2, None, None, None) == domain.Score(None, 3)
    assert gad(1, 1, 1, 1, 1, None, None) == domain.Score(7, 2, prorated=True)
    assert gad(1, 1, 1, 1, None, None, None) == domain.Score(None, 3)
    assert domain.score(GAD, {}) == domain.Score(None, 7)


def test_prorated_totals_round_half_up() -> None:
    assert phq(*[1] * 4, *[0] * 4, None).total == 5, "4 x 9/8 = 4.5"
    assert phq(*[1] * 3, *[0] * 5, None).total == 3, "3 x 9/8 = 3.375"
    assert phq(*[1] * 5, *[0] * 3, None).total == 6, "5 x 9/8 = 5.625"
    assert phq(*[3] * 4, *[0] * 4, None).total == 14, "12 x 9/8 = 13.5"
    assert gad(*[1] * 3, *[0] * 3, None).total == 4, "3 x 7/6 = 3.5"
    assert gad(1, 1, 1, 0, 0, None, None).total == 4, "3 x 7/5 = 4.2"


@given(st.lists(st.none() | st.integers(0, 3), min_size=9, max_size=9))
def test_the_rule_in_fractions_says_the_same(values: list[int | None]) -> None:
    given_values = [value for value in values if value is not None]
    score = phq(*values)
    assert score.missing_items == 9 - len(given_values)
    if score.missing_items > 2:
        assert score.total is None
    else:
        exact = Fraction(sum(given_values), len(given_values)) * 9
        assert score.total is not None
        assert Fraction(-1, 2) < score.total - exact <= Fraction(1, 2)
        assert 0 <= score.total <= 27
    assert score.prorated == (0 < score.missing_items <= 2)


@pytest.mark.parametrize(
    ("instrument", "borders"),
    [
        (PHQ, {0: "minimal", 5: "mild", 10: "moderate", 15: "moderately severe", 20: "severe"}),
        (GAD, {0: "minimal", 5: "mild", 10: "moderate", 15: "severe"}),
    ],
)
def test_bands_change_at_their_published_borders(instrument: Instrument, borders: dict[int, str]) -> None:
    expected = ""
    for total in range(instrument.total.highest + 1):
        expected = borders.get(total, expected)
        assert domain.band(instrument, total) == expected
    assert domain.band(instrument, None) is None


@pytest.mark.parametrize(("instrument", "caseness", "change"), [(PHQ, 10, 6), (GAD, 8, 4)])
def test_caseness_and_reliable_change_are_the_national_ones(instrument: Instrument, caseness: int, change: int) -> None:
    assert domain.at_caseness(instrument, caseness, TODAY) is True
    assert domain.at_caseness(instrument, caseness - 1, TODAY) is False
    assert domain.at_caseness(instrument, None, TODAY) is None
    assert domain.reliable_change(instrument, 12, 12 - change, TODAY) is True
    assert domain.reliable_change(instrument, 12, 12 + change, TODAY) is True
    assert domain.reliable_change(instrument, 12, 12 - change + 1, TODAY) is False


def test_a_threshold_counts_on_its_own_dates() -> None:
    changed = (
        Threshold(at_least=10, valid_to=date(2020, 3, 31)),
        Threshold(at_least=8, valid_from=date(2020, 4, 1), valid_to=date(2024, 3, 31)),
    )
    assert domain.threshold(changed, date(2020, 3, 31)) == 10
    assert domain.threshold(changed, date(2020, 4, 1)) == 8
    assert domain.threshold(changed, date(2024, 4, 1)) is None


def objections(**changes: object) -> list[tuple[str, str]]:
    """Return what speaks against a GAD-7: where, and the code."""
    sent = {"answers": items("gad7", *[1] * 7), "total": None, "answered_on": TODAY} | changes
    return [(one.pointer, one.code) for one in domain.objections(GAD, today=TODAY, **sent)]  # type: ignore[arg-type]


def test_what_can_be_is_accepted() -> None:
    assert objections() == []
    assert objections(answers=None, total=0) == objections(answers=None, total=21.0) == []
    assert objections(answered_on=date(2000, 1, 1)) == []


def test_what_cannot_be_is_said_with_its_place() -> None:
    assert objections(answers=None) == [("/answers", "missing")]
    assert objections(answers=items("gad7", 4, -1)) == [
        ("/answers/gad7_1", "answer_unknown"),
        ("/answers/gad7_2", "answer_unknown"),
    ]
    assert objections(answers={"gad7_1": 1, "gad7_8": 1}) == [("/answers", "item_unknown")]
    assert objections(answers={"gad7_1": None}) == [("/answers", "nothing_answered")]
    for total in (-1, 22, 7.5):
        assert objections(answers=None, total=total) == [("/total", "total_out_of_range")]
    for day in (TODAY + timedelta(days=1), date(1999, 12, 31)):
        assert objections(answered_on=day) == [("/answered_on", "date_out_of_range")]


def test_a_senders_total_is_compared_only_when_every_item_is_answered() -> None:
    assert domain.contradicts(domain.Score(10), 11)
    assert not domain.contradicts(domain.Score(10), 10.0)
    assert not domain.contradicts(domain.Score(10), None)
    assert not domain.contradicts(domain.Score(10, 1, prorated=True), 9)
    assert not domain.contradicts(domain.Score(None, 3), 9)
