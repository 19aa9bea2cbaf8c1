from datetime import date

import pytest
from pydantic import BaseModel, Field

from shared.codes import (
    AgeBand,
    CareSpellEnd,
    ConsultationMechanism,
    EthnicCategory,
    Language,
    Retired,
    TherapyType,
    code_list,
    retired,
)
from shared.codes.validity import _watched

TODAY = date(2026, 11, 20)
NOW_VALID = ("01", "02", "04", "05", "09", "10", "11", "12", "13", "98")


class Person(BaseModel):
    """Only lists without dates."""

    ethnic_category: EthnicCategory | None = None
    language: Language | None = None


class Contact(BaseModel):
    """Dated and undated lists."""

    person: Person = Person()
    mechanism: ConsultationMechanism | None = Field(None, description="How the two met.")
    therapy_types: list[TherapyType] = []


class Pathway(BaseModel):
    """Codes in every place a model can hold them."""

    end_code: CareSpellEnd = Field("46", alias="endCode")
    contacts: list[Contact] = []
    first: Contact | Person | None = None
    tallies: dict[str, dict[AgeBand, int]] = {}
    others: tuple[ConsultationMechanism, ...] = ()
    note: str = ""


def test_a_retired_code_is_refused_naming_those_that_are_valid() -> None:
    assert retired(Contact(mechanism="06"), TODAY) == [
        Retired(
            pointer="/mechanism",
            code_list="consultation_mechanism",
            valid_codes=NOW_VALID,
            message="06 was valid until 2022-03-31; valid on 2026-11-20: 01, 02, 04, 05, 09, 10, 11, 12, 13, 98",
        )
    ]


def test_a_retired_code_is_accepted_for_a_date_when_it_was_valid() -> None:
    assert retired(Contact(mechanism="06"), date(2022, 3, 31)) == []


@pytest.mark.parametrize(
    ("code", "on", "accepted"),
    [
        ("06", date(2022, 3, 31), True),
        ("06", date(2022, 4, 1), False),
        ("11", date(2022, 3, 31), False),
        ("11", date(2022, 4, 1), True),
        ("01", date(2022, 3, 31), True),
        ("01", date(2022, 4, 1), True),
        ("01", date(2009, 9, 1), True),
    ],
)
def test_both_ends_of_a_validity_are_included(code: str, on: date, accepted: bool) -> None:  # noqa: FBT001 - expected
    assert (retired(Contact(mechanism=code), on) == []) is accepted


def test_a_code_that_is_not_valid_yet_says_from_when() -> None:
    refusal = code_list("care_spell_end").refusal("47", date(2020, 8, 31))
    assert refusal
    assert refusal.startswith("47 is valid from 2020-09-01; valid on 2020-08-31: 10, 11")


def test_a_code_that_was_never_of_the_list_is_not_a_matter_of_dates() -> None:
    assert code_list("care_spell_end").refusal("zz", TODAY) is None


@pytest.mark.parametrize("code", ["10", "11", "12", "13", "14", "50"])
@pytest.mark.parametrize("on", [date(2015, 6, 1), date(2020, 8, 31), date(2020, 9, 1), TODAY])
def test_end_codes_of_both_versions_are_valid_throughout(code: str, on: date) -> None:
    assert code_list("care_spell_end").refusal(code, on) is None


def test_codes_are_found_wherever_they_stand() -> None:
    pathway = Pathway(
        endCode="43",
        contacts=[Contact(), Contact(mechanism="08")],
        first=Contact(mechanism="03"),
        tallies={"age_band": {"18 to 35": 4, "18 to 25": 1}},
        others=("01", "06"),
    )
    assert [found.pointer for found in retired(pathway, TODAY)] == [
        "/endCode",
        "/contacts/1/mechanism",
        "/first/mechanism",
        "/tallies/age_band/18 to 35",
        "/others/1",
    ]


def test_a_choice_of_models_is_looked_into_as_what_it_is() -> None:
    assert retired(Pathway(first=Person(ethnic_category="K")), TODAY) == []


def test_models_without_dated_lists_cost_nothing() -> None:
    assert _watched(Person) == ()
    assert [name for name, _, _ in _watched(Contact)] == ["mechanism"]
    assert _watched(Contact) is _watched(Contact)
    assert retired(Person(ethnic_category="K", language="bn"), TODAY) == []


def test_only_lists_with_dates_are_dated() -> None:
    names = ("care_spell_end", "consultation_mechanism", "age_band", "ethnic_category", "source_of_referral_iapt")
    assert [code_list(name).dated for name in names] == [True, True, True, False, False]
