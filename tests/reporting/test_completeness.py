"""Four states that are never folded into one another."""

from collections import Counter
from typing import Any

import pytest

from services.reporting.measures.completeness import FIELDS
from shared.codes import State, code_list
from shared.events.event import Event
from tests.reporting.builders import known, received, site
from tests.reporting.conftest import Facts
from tests.reporting.oracle import Oracle

LISTS = {
    "gender_identity": "gender_identity",
    "gender_same_at_birth": "gender_same_at_birth",
    "ethnic_category": "ethnic_category",
    "religion": "religion",
    "sexual_orientation": "sexual_orientation",
    "disabilities": "disability",
    "employment_status": "employment_status",
    "ex_armed_forces": "ex_armed_forces",
    "long_term_conditions": "long_term_condition",
}


async def completeness(
    facts: Facts, first: str, last: str, profile: str = "exact", **parameters: Any
) -> dict[str, Any]:
    scope = "reports:exact" if profile == "exact" else "reports:read"
    answer = await facts.get("/v1/completeness", scope, from_=first, to=last, profile=profile, **parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def field(found: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = (row for row in found["rows"] if row["field"] == name)
    return dict(row)


async def test_valid_not_stated_not_known_and_missing_are_four_things(facts: Facts) -> None:
    codes = ("A", "K", "Z", "99", None, None, None)
    people = (known(person, ethnic_category=code) for person, code in enumerate(codes))
    pathways = (received("2026-07-01", person) for person in (*range(len(codes)), 99))  # of the last nothing is known
    await facts.learn(*people, *pathways)
    row = field(await completeness(facts, "2026-07", "2026-07"), "ethnic_category")
    assert {name: row[name] for name in ("denominator", "valid", "not_stated", "not_known", "missing")} == {
        "denominator": 8,
        "valid": 2,
        "not_stated": 1,
        "not_known": 1,
        "missing": 4,
    }
    assert row["valid_percent"] == 25.0


async def test_one_answer_among_several_codes_is_an_answer(facts: Facts) -> None:
    answers: tuple[list[str] | None, ...] = (["01"], ["ZZ"], ["01", "ZZ"], [], None)
    await facts.learn(*(received("2026-07-01", person) for person in range(len(answers))))
    await facts.learn(*(known(person, disabilities=codes) for person, codes in enumerate(answers)))
    row = field(await completeness(facts, "2026-07", "2026-07"), "disabilities")
    assert (row["valid"], row["not_stated"], row["not_known"], row["missing"]) == (2, 1, 0, 2)


@pytest.mark.parametrize("by", [None, "site", "source_system"])
async def test_every_field_counts_what_plain_python_counts(
    borough: Facts, borough_history: list[Event], by: str | None
) -> None:
    oracle = Oracle(borough_history)
    expected: Counter[tuple[str, str, str]] = Counter()
    for referral in oracle.referrals:
        group = next(iter(oracle.groups(referral, by, referral.received_on))) if by else ""
        for each in FIELDS:
            expected[group, each.id, state(each.id, referral, oracle)] += 1
    found = await completeness(borough, "2020-10", "2022-09", **({"by": by} if by else {}))
    for row in found["rows"]:
        group = row["group"][by] if by else ""
        states = {name: row[name] for name in ("valid", "not_stated", "not_known", "missing")}
        assert states == {name: expected[group, row["field"], name] for name in states}, row
        assert row["denominator"] == sum(states.values())
    assert {(group, name) for group, name, _ in expected} <= {
        (row["group"][by] if by else "", row["field"]) for row in found["rows"]
    }


def state(name: str, referral: Any, oracle: Oracle) -> str:
    value = getattr(referral, name, None) or getattr(oracle.people.get(referral.person_key), name, None)
    if value is None or value in ([], ()):
        return "missing"
    if name not in LISTS:
        return "valid"
    states = {code_list(LISTS[name]).state(code) for code in (value if isinstance(value, list | tuple) else [value])}
    names = {State.RECORDED: "valid", State.NOT_STATED: "not_stated", State.NOT_KNOWN: "not_known"}
    return next(names[each] for each in names if each in states)


async def test_a_published_row_hides_small_states_and_keeps_the_large_ones(facts: Facts) -> None:
    people = (known(person, language="en" if person < 33 else None) for person in range(40))
    await facts.learn(*people, *(received("2026-07-01", person) for person in range(40)))
    row = field(await completeness(facts, "2026-07", "2026-07", "published"), "language")
    assert row == {
        "group": {},
        "field": "language",
        "denominator": 40,
        "valid": 35,
        "not_stated": None,
        "not_known": None,
        "missing": 5,
        "valid_percent": 88,
        "status": "shown",
    }


async def test_registered_sites_have_rows_without_referrals_and_small_senders_are_gathered(facts: Facts) -> None:
    await facts.learn(
        site("St Anne's"), *(received("2026-07-01", source_system=f"small{number}") for number in range(6))
    )
    sites = await completeness(facts, "2026-07", "2026-07", "published", by="site")
    assert {row["group"]["site"] for row in sites["rows"]} == {"St Anne's", "Not recorded"}
    assert {row["status"] for row in sites["rows"] if row["group"]["site"] == "St Anne's"} == {"suppressed"}
    senders = await completeness(facts, "2026-07", "2026-07", "published", by="source_system")
    assert {row["group"]["source_system"] for row in senders["rows"]} == {"Other or suppressed", "Not recorded"}


async def test_a_period_without_referrals_has_no_data(facts: Facts) -> None:
    found = await completeness(facts, "2026-07", "2026-07", "published")
    assert {row["status"] for row in found["rows"]} == {"no_data"}
