"""The lists agree with the national reference, where it is at hand; every deviation is named here, with its reason."""

import csv
from datetime import date
from pathlib import Path

import pytest

from shared.codes import State, code_list

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "codelists"
TODAY = date(2026, 11, 20)
LAST_V1 = date(2020, 8, 31)
LAST_V20 = date(2022, 3, 31)

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the national reference is not beside this checkout")

# name of the list, file of the reference, date at which they must agree
PAIRS = [
    ("source_of_referral_iapt", "source_of_referral_iapt", TODAY),
    ("ethnic_category", "ethnic_category_2001", TODAY),
    ("gender_identity", "gender_identity", TODAY),
    ("gender_same_at_birth", "gender_identity_same_at_birth", TODAY),
    ("religion", "religion_snomed", TODAY),
    ("sexual_orientation", "sexual_orientation_snomed", TODAY),
    ("disability", "disability_code", TODAY),
    ("employment_status", "employment_status", TODAY),
    ("ex_armed_forces", "ex_british_armed_forces", TODAY),
    ("long_term_condition", "long_term_condition_snomed", TODAY),
    ("interpreter", "interpreter_present", TODAY),
    ("attendance", "attended_or_did_not_attend", TODAY),
    ("appointment_type", "appointment_type", TODAY),
    ("care_spell_end", "care_spell_end_code_v2", TODAY),
    ("care_spell_end", "care_spell_end_code_v15_legacy", LAST_V1),
    ("consultation_mechanism", "consultation_mechanism_v21", TODAY),
    ("consultation_mechanism", "consultation_medium_v20_legacy", LAST_V20),
    ("therapy_type", "therapy_type_snomed", TODAY),
    ("presenting_problem", "problem_descriptor", TODAY),
    ("activity_location", "activity_location_type", TODAY),
]

LEFT_OUT = {
    "source_of_referral_iapt": {"M9"},  # recalled, and the reference says not to accept it
    "therapy_type": {"199314001", "IET:*"},  # an error of one script; internet therapy is a flag of the contact
    "presenting_problem": {"-3", "F40*-F43*"},  # no input code; the range is written as F40*, F41*, F43*
}
ADDED = {
    "religion": {"763896000", "205081000000105"},  # of the monthly list: declined, not known
    "presenting_problem": {"F40*", "F41*", "F43*"},
}
OWN_WORDS = {
    "sexual_orientation",  # six concepts have no national label
    "presenting_problem",  # without "(SNOMED)" and "(not F452)", which the matching says
}
OTHER_GROUPS = {
    "gender_identity",  # the published groups, from their own file
    "sexual_orientation",  # answers published as not stated are recorded here
    "attendance",  # same groups, in words
    "appointment_type",  # same groups, in words
    "ex_armed_forces",  # the published labels
    "therapy_type",  # "Employment support" for "Employment"
    "activity_location",  # the letter is in the code
    "care_spell_end_code_v15_legacy",  # the stages under their present names
}


def reference(file: str) -> list[dict[str, str]]:
    with (REFERENCE / f"{file}.csv").open(encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


@pytest.mark.parametrize(("name", "file", "on"), PAIRS)
def test_codes_are_those_of_the_reference(name: str, file: str, on: date) -> None:
    expected = {row["code"] for row in reference(file)} - LEFT_OUT.get(name, set()) | ADDED.get(name, set())
    assert set(code_list(name).valid_codes(on)) == expected


@pytest.mark.parametrize(("name", "file", "on"), [pair for pair in PAIRS if pair[0] not in OWN_WORDS])
def test_labels_are_those_of_the_reference(name: str, file: str, on: date) -> None:
    for row in reference(file):
        if row["description"] and row["code"] not in LEFT_OUT.get(name, set()):
            assert code_list(name).label(row["code"], on) == row["description"]


@pytest.mark.parametrize(
    ("name", "file", "on"), [pair for pair in PAIRS if pair[0] not in OTHER_GROUPS and pair[1] not in OTHER_GROUPS]
)
def test_groups_are_those_of_the_reference(name: str, file: str, on: date) -> None:
    codes = {entry.code: entry for entry in code_list(name).valid(on)}
    for row in reference(file):
        if row["group"] and row["code"] not in LEFT_OUT.get(name, set()):
            entry = codes[row["code"]]
            assert entry.national == row["group"]
            assert entry.state is not State.RECORDED or entry.group == row["group"]


def test_published_genders_are_those_that_gender_identity_alone_can_tell() -> None:
    published = [row["label"] for row in reference("published_gender_identity_groups")]
    assert list(code_list("gender_identity").groups()) == [
        label for label in published if label not in ("Indeterminate", "Not stated/Not known/Invalid")
    ]


def test_monthly_religion_groups_agree() -> None:
    religions = code_list("religion")
    for row in reference("religion_snomed_monthly"):
        entry = religions.get(row["code"])
        assert entry
        assert entry.national == row["group"]


def test_deciles_are_labelled_as_published() -> None:
    for row in reference("imd_decile_published"):
        if "NULL" not in row["rule"]:
            assert code_list("imd_decile").label(row["rule"].split("=")[1].strip()) == row["label"]


@pytest.mark.parametrize(
    ("name", "kind", "on"),
    [
        ("age_band", "Age Group", TODAY),
        ("age_band", "Age Group (annual publications 2017-18 to 2020-21)", date(2021, 3, 31)),
        ("working_age", "Working Age", TODAY),
    ],
)
def test_age_bands_are_labelled_as_published(name: str, kind: str, on: date) -> None:
    published = [row["label"] for row in reference("age_bands") if row["variable_type"] == kind]
    assert list(code_list(name).groups(on)) == [label for label in published if not label.startswith("Not stated")]
