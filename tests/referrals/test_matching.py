from datetime import date
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.referrals.domain.likeness import likeness
from services.referrals.domain.matching import Identity, compare, plain

NUMBER, OTHER_NUMBER, BROKEN = "9434765919", "9434765870", "9434765918"
ADA = {
    "nhs_number": NUMBER,
    "family_name": "Okafor",
    "given_name": "Ada",
    "birth_date": "1980-05-17",
    "postcode": "SW17 0QT",
    "phone": "020 7946 0000",
    "email": "ada@example.org",
}
NUMBERLESS = ADA | {"nhs_number": None}
BARE = NUMBERLESS | {"phone": None, "email": None}


def told(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, int]:
    found = compare(Identity.of(one), Identity.of(other))
    assert found == compare(Identity.of(other), Identity.of(one)), "it must not matter which comes first"
    return found.verdict, found.score


@pytest.mark.parametrize(
    ("change", "verdict", "score"),
    [
        ({}, "match", 100),
        ({"family_name": "Smith"}, "match", 100),  # married
        ({"birth_date": "1981-06-18"}, "match", 100),  # mistyped
        ({"birth_date": "1990-11-02", "family_name": "Smith"}, "possible_match", 60),  # somebody else's number
        ({"nhs_number": BROKEN}, "match", 99),  # not verified, so the rest decides
        ({"nhs_number": OTHER_NUMBER}, "possible_match", 60),  # everything else agrees: one number is wrong
        ({"nhs_number": OTHER_NUMBER, "postcode": None}, "no_match", 0),
        ({"nhs_number": OTHER_NUMBER, "given_name": "Ade"}, "no_match", 0),
        (dict.fromkeys(ADA) | {"nhs_number": NUMBER}, "match", 100),  # nothing speaks against it
    ],
)
def test_an_nhs_number_decides_unless_the_rest_contradicts_it(change: Any, verdict: str, score: int) -> None:
    assert told(ADA, ADA | change) == (verdict, score)


@pytest.mark.parametrize(
    ("change", "verdict", "score"),
    [
        ({}, "match", 95),
        ({"family_name": "OKAFOR ", "given_name": "ada", "postcode": "sw170qt"}, "match", 95),
        ({"given_name": "Adanna"}, "possible_match", 93),  # of twins, or a short form: people know
        ({"given_name": "Chidi"}, "possible_match", 65),  # twins at one address
        ({"given_name": "A"}, "possible_match", 87),
        ({"given_name": None}, "possible_match", 75),
        ({"family_name": "Okafour"}, "possible_match", 94),
        ({"family_name": "Okafor-Smith"}, "possible_match", 92),
        ({"family_name": "Smith"}, "possible_match", 60),
        ({"family_name": "Ada", "given_name": "Okafor"}, "possible_match", 94),
        ({"birth_date": "1980-05-18"}, "possible_match", 85),
        ({"birth_date": "1982-05-17"}, "possible_match", 85),
        ({"birth_date": "1953-02-01"}, "no_match", 50),  # father and son of one name
        ({"birth_date": None}, "possible_match", 65),
        ({"birth_date": "1900-01-01"}, "possible_match", 65),  # what some systems write for none
        ({"postcode": "SW17 9AB"}, "possible_match", 83),
        ({"postcode": "E1 6AN"}, "possible_match", 75),  # moved
        ({"postcode": None}, "possible_match", 75),
        ({"family_name": "Smith", "given_name": "Jo"}, "no_match", 30),  # flatmates
        ({"family_name": None, "given_name": None}, "no_match", 50),
        ({"postcode": None, "birth_date": None}, "no_match", 45),
        (dict.fromkeys(ADA), "no_match", 0),
    ],
)
def test_without_a_number_the_score_decides(change: Any, verdict: str, score: int) -> None:
    assert told(BARE, BARE | change) == (verdict, score)


def test_a_shared_phone_and_address_do_not_make_twins_one() -> None:
    assert told(NUMBERLESS, NUMBERLESS | {"given_name": "Adah"})[0] == "possible_match"
    assert told(NUMBERLESS, NUMBERLESS) == ("match", 99)
    assert told(NUMBERLESS, dict.fromkeys(ADA) | {"phone": "+44 20 7946 0000", "email": "ADA@example.org"})[1] == 10


def test_day_and_month_swapped_is_nearly_the_same_birth_date() -> None:
    assert told(BARE | {"birth_date": "1980-05-07"}, BARE | {"birth_date": "1980-07-05"}) == ("possible_match", 85)


def test_two_anonymous_people_are_no_match() -> None:
    unknown = dict.fromkeys(ADA) | {"family_name": "Unknown", "given_name": "unknown", "postcode": "SW17 0QT"}
    assert told(unknown, unknown) == ("no_match", 20)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("O'Brien", "obrien"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Brien", "OBRIEN"),
        ("García Márquez", "Marquez-Garcia"),
        ("Øst Łódź", "ost lodz"),
        ("Straße", "STRASSE"),
        ("  Nguyễn   Văn ", "nguyen van"),
        ("हिन्दी", "हिन्दी"),
        ("İpek", "ipek"),
    ],
)
def test_spellings_of_one_name_are_the_same_name(one: str, other: str) -> None:
    assert plain(one) == plain(other) is not None


def test_vowel_signs_are_part_of_a_name() -> None:
    assert plain("कि") != plain("की")


def test_likeness_has_the_published_values() -> None:
    assert round(likeness("martha", "marhta"), 3) == 0.961
    assert round(likeness("dixon", "dicksonx"), 3) == 0.813
    assert round(likeness("dwayne", "duane"), 3) == 0.84
    assert (likeness("okafor", "okafor"), likeness("okafor", "zhu")) == (1.0, 0.0)


names = st.none() | st.text(ascii_lowercase + "éß '-", max_size=12) | st.text(max_size=6)
dates = st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1)).map(str)
people = st.fixed_dictionaries(
    {
        "nhs_number": st.sampled_from([None, NUMBER, OTHER_NUMBER, BROKEN]),
        "family_name": names,
        "given_name": names,
        "birth_date": dates,
        "postcode": st.sampled_from([None, "SW17 0QT", "SW17 9AB", "E1 6AN"]),
        "phone": st.sampled_from([None, "020 7946 0000", "+442079460000", "07700 900000"]),
        "email": st.sampled_from([None, "ada@example.org"]),
    }
)


@given(people, people)
@example(ADA, ADA)
def test_it_never_matters_which_record_comes_first(one: dict[str, Any], other: dict[str, Any]) -> None:
    verdict, score = told(one, other)
    assert 0 <= score <= 100
    assert (verdict == "match") == (score >= 95)
    assert (verdict == "no_match") == (score < 60)


@given(people, st.sets(st.sampled_from(["family_name", "given_name", "birth_date", "postcode"]), max_size=1))
def test_what_may_be_the_same_shares_a_key_when_one_thing_at_most_differs(person: Any, changed: set[str]) -> None:
    other = person | {name: {"birth_date": "1980-05-17"}.get(name, "E1 6AN") for name in changed}
    one, two = Identity.of(person), Identity.of(other)
    if compare(one, two).verdict != "no_match":
        assert one.blocking_keys() & two.blocking_keys()


@given(st.text(max_size=20))
@example("\N{MODIFIER LETTER CAPITAL A}")
@example("\N{ANGSTROM SIGN}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}")
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    once = plain(name)
    assert once is None or plain(once) == once
