from datetime import UTC, datetime
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.referrals.domain.clusters import Record, newer_into_older, pair, settle

HERE, THERE = UUID(int=1), UUID(int=2)
A, B, C, D = (UUID(int=number) for number in (12, 11, 14, 13))  # ids in another order than ages
OLDEST_FIRST = (A, B, C, D)


def records(**sites: UUID) -> list[Record]:
    return [
        Record(one, sites.get(name, HERE), datetime(2026, 3, place + 1, tzinfo=UTC))
        for place, (name, one) in enumerate(zip("abcd", OLDEST_FIRST, strict=True))
    ]


def test_the_oldest_stands_for_those_that_match() -> None:
    found = settle(records(), [], {pair(C, D): 100, pair(B, C): 100}, [])
    assert found.roots == {A: A, B: B, C: B, D: B}
    one, other = records()[:2]
    assert newer_into_older(one, other) == newer_into_older(other, one) == (B, A)


def test_whom_somebody_merged_into_another_stands_for_nobody() -> None:
    assert settle(records(), [(A, C)], {pair(A, B): 100}, []).roots == {A: B, B: B, C: B, D: D}
    assert settle(records(), [(A, B), (B, C)], {}, []).roots == {A: C, B: C, C: C, D: D}


def test_decisions_in_a_circle_which_two_callers_can_make_leave_the_oldest_standing() -> None:
    assert settle(records(), [(A, B), (B, C), (C, A)], {}, []).roots == {A: A, B: A, C: A, D: D}


def test_no_rule_brings_together_by_way_of_others_what_somebody_told_apart() -> None:
    found = settle(records(), [], {pair(A, B): 100, pair(B, C): 100, pair(A, C): 100}, [pair(A, C)])
    assert found.roots == {A: A, B: A, C: C, D: D}
    assert found.kept_apart == {pair(B, C), pair(A, C)}


def test_pairs_of_one_site_go_before_older_and_surer_pairs_of_two() -> None:
    found = settle(records(a=THERE), [], {pair(A, B): 100, pair(B, C): 95}, [pair(A, C)])
    assert found.roots == {A: A, B: B, C: B, D: D}


pairs = st.lists(st.sampled_from(list(combinations(sorted(OLDEST_FIRST), 2))), max_size=5)


@given(
    pairs,
    st.dictionaries(st.sampled_from(list(combinations(sorted(OLDEST_FIRST), 2))), st.sampled_from([95, 100])),
    pairs,
)
def test_what_comes_out_does_not_depend_on_the_order_and_holds_to_what_was_decided(
    decided: list[tuple[UUID, UUID]], matching: dict[tuple[UUID, UUID], int], apart: list[tuple[UUID, UUID]]
) -> None:
    found = settle(records(b=THERE), decided, matching, apart)
    back = dict(reversed(list(matching.items())))
    assert found == settle(records(b=THERE)[::-1], decided[::-1], back, apart[::-1])
    roots = found.roots
    assert all(roots[root] == root for root in roots.values())
    assert all(roots[one] == roots[other] for one, other in decided)
    assert all(roots[one] == roots[other] for one, other in matching.keys() - found.kept_apart)
    by_decision = settle(records(), decided, {}, []).roots
    assert all(roots[one] != roots[other] or by_decision[one] == by_decision[other] for one, other in apart)
