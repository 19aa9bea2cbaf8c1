"""The rules of disclosure control, at every border."""

import pickle
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.cells import OTHER, Cell, Permit, Sealed
from services.reporting.disclosure import exact, published, safe_count, safe_percent
from services.reporting.rounding import half_up, nearest, percent, percent_to_a_tenth

COUNTS = st.integers(0, 3000)


def count(*values: int, fixed: frozenset[str] | None = None, silent: frozenset[int | str] = frozenset()) -> Sealed:
    """Seal one period's counts, one group each; the last group is the one that gathers."""
    cells = [Cell(0, (f"group {place}",), (value,)) for place, value in enumerate(values)]
    gatherer = [Cell(0, (OTHER,), (0,))] if fixed is not None else []
    return Sealed((*cells, *gatherer), "count", (fixed,), silent)


def shown(sealed: Sealed, below: int = 5) -> list[object]:
    return [safe.figures["value"] if safe.status == "shown" else safe.status for safe in published(sealed, below)]


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (0, None),
        (1, None),
        (4, None),
        (5, 5),
        (6, 5),
        (7, 5),
        (8, 10),
        (12, 10),
        (13, 15),
        (915, 915),
        (917, 915),
        (918, 920),
    ],
)
def test_counts_below_five_are_suppressed_zero_included_and_others_rounded_to_five(
    value: int, safe: int | None
) -> None:
    assert safe_count(value, 5) == safe


def test_the_threshold_can_be_raised() -> None:
    assert shown(count(9, 10, 11), below=10) == ["suppressed", 10, 10]


@pytest.mark.parametrize(
    ("numerator", "denominator", "safe"),
    [
        (4, 100, None),  # the numerator is too small
        (4, 4, None),
        (0, 100, None),
        (5, 100, 5),
        (5, 5, 100),
        (24, 47, 56),  # 25 of 45, both rounded: the denominator is below 50
        (24, 48, 50),  # 24 of 48: rounded to 50, so exact counts are used
        (25, 200, 13),  # 12.5 goes up
        (23, 85, 27),
    ],
)
def test_a_rate_is_suppressed_by_either_end_and_comes_from_rounded_counts_when_small(
    numerator: int, denominator: int, safe: int | None
) -> None:
    assert safe_percent(numerator, denominator, 5) == safe


@pytest.mark.parametrize(
    ("numerator", "denominator", "national"), [(902, 1760, 51.3), (5, 80, 6.3), (3034, 6560, 46.3)]
)
def test_percentages_round_half_up_as_national_ones_do(numerator: int, denominator: int, national: float) -> None:
    assert percent_to_a_tenth(numerator, denominator) == national


@given(COUNTS, st.integers(1, 3000))
def test_rounding_is_half_up_and_never_off(numerator: int, denominator: int) -> None:
    half = Fraction(1, 2)
    assert percent(numerator, denominator) == (Fraction(100 * numerator, denominator) + half).__floor__()
    assert nearest(numerator) % 5 == 0
    assert abs(nearest(numerator) - numerator) <= 2


def test_a_suppressed_rate_has_neither_numerator_nor_denominator() -> None:
    (safe,) = published(Sealed((Cell(0, (), (4, 100)),), "rate"), 5)
    assert safe.figures == {"numerator": None, "denominator": None, "value": None}
    assert safe.status == "suppressed"


def test_a_period_without_anything_has_no_data_which_is_not_suppressed() -> None:
    assert shown(count(0, 0, silent=frozenset({0}))) == ["no_data", "no_data"]
    assert shown(count(0, 0)) == ["suppressed", "suppressed"]


def test_small_groups_of_open_lists_are_gathered_and_the_sum_is_itself_suppressed_below_five() -> None:
    gathered = published(count(4, 20, 3, 0, fixed=frozenset()), 5)
    assert [(safe.groups[0], safe.figures["value"]) for safe in gathered] == [("group 1", 20), (OTHER, 5)]
    assert shown(count(3, 20, 1, fixed=frozenset())) == [20, "suppressed"]
    assert shown(count(6, 20, fixed=frozenset())) == [5, 20, "suppressed"], (
        "its row is there even when nothing is gathered"
    )


def test_states_of_an_open_list_keep_their_own_rows() -> None:
    assert shown(count(3, 2, fixed=frozenset({"group 0"}))) == ["suppressed", "suppressed"]
    assert published(count(3, 2, fixed=frozenset({"group 0"})), 5)[0].groups == ("group 0",)


def test_gathered_rates_come_from_the_sums() -> None:
    cells = (Cell(0, ("a",), (3, 4)), Cell(0, ("b",), (2, 3)), Cell(0, ("c",), (2, 40)), Cell(0, (OTHER,), (0, 0)))
    safe = published(Sealed(cells, "rate", (frozenset(),)), 5)
    assert [(each.groups[0], each.status) for each in safe] == [("c", "suppressed"), (OTHER, "shown")]
    assert safe[1].figures == {"numerator": 5, "denominator": 5, "value": 100}


def sums(*cells: tuple[str, int, str], of_things: bool = False) -> Sealed:
    """Seal sums: of each group its name, how many are behind it, and the sum."""
    held = [Cell(0, (name,), (behind,), (behind,), Decimal(value)) for name, behind, value in cells]
    return Sealed((*held, Cell(0, (OTHER,), (0,), (0,), Decimal())), "sum", (frozenset(),), of_things=of_things)


def test_a_sum_is_hidden_when_few_are_behind_it_or_it_is_small_and_rounded_else() -> None:
    found = published(sums(("a", 5, "12.5"), ("b", 4, "400"), ("c", 50, "4.99"), ("d", 9, "12.49")), 5)
    assert [(safe.groups[0], safe.figures["value"]) for safe in found] == [("a", 15), ("d", 10), (OTHER, 405)]
    assert [safe.figures["value"] for safe in published(sums(("a", 1, "2000"), ("b", 1, "2")), 5)] == [None]


def test_figures_of_things_alone_are_as_they_are_and_nothing_of_them_is_gathered() -> None:
    found = published(sums(("a", 1, "2.25"), ("b", 0, "0"), of_things=True), 5)
    assert [(safe.groups[0], safe.figures["value"], safe.status) for safe in found] == [
        ("a", 2.25, "shown"),
        ("b", 0, "shown"),
    ]


@given(COUNTS, st.integers(0, 40))
def test_a_ratio_says_no_more_than_the_figures_beside_it(people: int, sessions: int) -> None:
    (safe,) = published(Sealed((Cell(0, (), (people, sessions)),), "ratio"), 5)
    if people < 5:
        assert (set(safe.figures.values()), safe.status) == ({None}, "suppressed")
    else:
        assert (safe.figures["numerator"], safe.figures["denominator"]) == (nearest(people), sessions)
        assert safe.status == ("shown" if sessions else "no_data")
        if sessions:
            assert safe.figures["value"] == half_up(Decimal(nearest(people)) / sessions, 1)


@given(st.tuples(COUNTS, COUNTS, COUNTS, COUNTS))
def test_completeness_obeys_the_same_rules(counts: tuple[int, int, int, int]) -> None:
    (safe,) = published(Sealed((Cell("language", (), counts),), "states"), 5)
    figures = safe.figures
    for name, value in zip(("not_stated", "not_known", "missing"), counts[1:], strict=True):
        assert figures[name] == safe_count(value, 5)
    if counts[0] < 5:
        assert (figures["denominator"], figures["valid"], figures["valid_percent"]) == (None, None, None)
        assert safe.status == "suppressed"
    else:
        assert (figures["denominator"], figures["valid"]) == (nearest(sum(counts)), nearest(counts[0]))


def test_a_percentage_does_not_tell_how_few_are_missing() -> None:
    (safe,) = published(Sealed((Cell("language", (), (98, 0, 0, 2)),), "states"), 5)
    assert safe.figures["valid_percent"] == 100, "98 would say that two of a hundred are missing"


@given(st.lists(COUNTS, min_size=1, max_size=30), st.integers(5, 20))
def test_nothing_published_is_small_or_unrounded(values: list[int], below: int) -> None:
    for safe in published(count(*values, fixed=frozenset()), below):
        value = safe.figures["value"]
        assert value is None or (value >= 5 and value % 5 == 0)


def test_exact_figures_need_a_permit_and_are_not_rounded() -> None:
    sealed = count(3, 917, fixed=frozenset())
    assert [safe.figures["value"] for safe in exact(sealed, Permit("auditor"))] == [3, 917]
    with pytest.raises(TypeError):
        exact(sealed, None)  # type: ignore[arg-type]
    (rate,) = exact(Sealed((Cell(0, (), (902, 1760)),), "rate"), Permit("auditor"))
    assert rate.figures == {"numerator": 902, "denominator": 1760, "value": 51.3}


def test_sealed_figures_say_nothing_of_themselves() -> None:
    sealed = count(3, 917)
    assert "917" not in repr(sealed)
    assert "917" not in str(sealed)
    with pytest.raises(TypeError, match="sealed"):
        pickle.dumps(sealed)
    with pytest.raises(TypeError):
        iter(sealed)  # type: ignore[call-overload]
