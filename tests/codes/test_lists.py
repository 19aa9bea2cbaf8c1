import csv
import re
from datetime import date
from importlib.resources import files
from itertools import pairwise

import pytest

from shared.codes import NOT_KNOWN, NOT_RECORDED, NOT_STATED, State, code_list, code_lists

COLUMNS = {"code", "label", "group", "national", "state", "valid_from", "valid_to", "lower", "upper", "note"}
SNOMED = ("long_term_condition", "religion", "sexual_orientation", "therapy_type")
NAMES = sorted(code_lists())
TODAY = date(2026, 11, 20)

# Verhoeff: the check digit that ends every SNOMED CT identifier
TIMES = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]
TIMES += [[(i + j) % 5 if j < 5 else 5 + (i + j) % 5 for j in range(10)] for i in range(1, 5)]
TIMES += [[5 + (i - j) % 5 if j < 5 else (i - j) % 5 for j in range(10)] for i in range(5, 10)]
MOVES = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
for _ in range(6):
    MOVES.append([MOVES[-1][move] for move in MOVES[1]])


def verhoeff(digits: str) -> bool:
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = TIMES[check][MOVES[position % 8][int(digit)]]
    return check == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_list_is_whole_and_says_only_what_columns_mean(name: str) -> None:
    text = files("shared.codes").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    assert rows
    assert {"code", "label"} <= set(rows[0]) <= COLUMNS
    for row in rows:
        assert None not in row, "more cells than columns"
        assert None not in row.values(), "fewer cells than columns"
        assert all(cell == cell.strip() for cell in row.values())
        assert row["code"]
    assert len(code_list(name).entries) == len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_dates_of_one_code_never_overlap_and_never_run_backwards(name: str) -> None:
    codes = code_list(name)
    for entry in codes.entries:
        assert (entry.valid_from or date.min) <= (entry.valid_to or date.max)
    for code in () if codes.patterned else codes.codes:
        for earlier, later in pairwise(codes.meanings(code)):
            assert earlier.valid_to
            assert later.valid_from
            assert earlier.valid_to < later.valid_from


@pytest.mark.parametrize("name", NAMES)
def test_every_code_has_exactly_one_of_the_states_and_only_recorded_ones_make_groups(name: str) -> None:
    codes = code_list(name)
    days = {entry.valid_to or entry.valid_from for entry in codes.entries}
    breakdowns = {day: set(codes.breakdown(day)) for day in days}
    for entry in codes.entries:
        assert (entry.state is State.NOT_STATED) == (entry.group == NOT_STATED)
        assert (entry.state is State.NOT_KNOWN) == (entry.group == NOT_KNOWN)
        assert entry.group in breakdowns[entry.valid_to or entry.valid_from]
    for by in ("group", "label"):
        rows = codes.breakdown(by=by)
        assert len(set(rows)) == len(rows)
        assert rows[-1] == NOT_RECORDED
        assert not {NOT_STATED, NOT_KNOWN, NOT_RECORDED} & set(codes.groups(by=by))
        assert set(codes.rows(by=by).values()) == set(rows) - {NOT_RECORDED}


@pytest.mark.parametrize("name", NAMES)
def test_no_group_merges_what_was_not_stated_with_what_is_not_known(name: str) -> None:
    assert not [row for row in code_list(name).breakdown() if "/Not known" in row or "Invalid" in row]


@pytest.mark.parametrize("name", [*SNOMED, "presenting_problem"])
def test_snomed_identifiers_carry_their_check_digit(name: str) -> None:
    concepts = [code for code in code_list(name).codes if code.isdecimal() or name in SNOMED]
    assert concepts
    for concept in concepts:
        assert verhoeff(concept), concept
        assert concept[-3:-1] in ("00", "10"), "a concept, international or of an extension"


def test_the_check_digit_tells_a_float_rounded_identifier_from_the_real_one() -> None:
    assert verhoeff("1064711000000108")
    assert not verhoeff("1064711000000100")


def test_a_list_that_does_not_exist_is_a_mistake_of_the_program() -> None:
    with pytest.raises(LookupError, match="no code list is called"):
        code_list("shoe_size")


def test_ethnic_groups_are_the_published_ones_in_order() -> None:
    codes = code_list("ethnic_category")
    assert codes.breakdown() == (
        "White",
        "Mixed",
        "Asian or Asian British",
        "Black or Black British",
        "Other Ethnic Groups",
        "Not stated",
        "Not known",
        "Not recorded",
    )
    assert codes.group("K") == "Asian or Asian British"
    assert codes.label("K") == "Asian or Asian British - Bangladeshi"
    assert len(codes.groups(by="label")) == 16


def test_declined_unknown_and_absent_are_three_different_rows() -> None:
    codes = code_list("ethnic_category")
    assert [codes.group(code) for code in ("Z", "99", None)] == ["Not stated", "Not known", "Not recorded"]
    assert [codes.row(code, by="label") for code in ("A", "Z", "99", None)] == [
        "White - British",
        "Not stated",
        "Not known",
        "Not recorded",
    ]
    both = [codes.get("Z"), codes.get("99")]
    assert {entry.national for entry in both if entry} == {"Not stated/Not known/Invalid"}


def test_a_row_for_something_that_was_never_a_code_is_refused_without_repeating_it() -> None:
    with pytest.raises(LookupError) as refused:
        code_list("ethnic_category").group("Jo Smith")
    assert "Jo Smith" not in str(refused.value)


def test_answers_about_sexual_orientation_are_never_counted_as_not_stated() -> None:
    codes = code_list("sexual_orientation")
    assert codes.groups() == ("Heterosexual", "Gay/Lesbian", "Bi-sexual", "Other recorded answer")
    assert codes.state("699042003") is State.NOT_STATED
    assert codes.state("1064711000000108") is State.NOT_KNOWN
    answered = codes.get("765288000")
    assert answered
    assert answered.state is State.RECORDED
    assert answered.national == "Not stated/Not known/Invalid"


@pytest.mark.parametrize("on", [date(2009, 9, 1), date(2011, 8, 31), TODAY])
@pytest.mark.parametrize("source", ["A1", "B1", "C1", "H1", "H2", "A3", "M6", "D1"])
def test_sources_of_the_wandsworth_years_are_valid_then_and_now(source: str, on: date) -> None:
    assert code_list("source_of_referral_iapt").get(source, on)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("source_of_referral_iapt", "M9"),
        ("therapy_type", "199314001"),
        ("therapy_type", "IET:*"),
        ("presenting_problem", "-3"),
        ("presenting_problem", "F40*-F43*"),
    ],
)
def test_entries_marked_as_mistakes_or_as_no_input_are_not_codes(name: str, code: str) -> None:
    assert code not in code_list(name)


def test_deprivation_deciles_keep_their_reversed_published_labels_and_order() -> None:
    codes = code_list("imd_decile")
    assert codes.groups()[0] == codes.label("10") == "01 Least deprived"
    assert codes.groups()[-1] == codes.label("1") == "10 Most deprived"
    assert len(codes.groups()) == 10


@pytest.mark.parametrize("code", ["bn", "ur", "ta", "so", "ben", "urd", "tam", "som", "en", "eng", "bfi", "zho", "yue"])
def test_languages_are_known_by_two_letters_and_by_three(code: str) -> None:
    assert code in code_list("language")


@pytest.mark.parametrize(("two", "three"), [("bn", "ben"), ("ur", "urd"), ("ta", "tam"), ("so", "som")])
def test_two_and_three_letters_of_a_language_are_one_row(two: str, three: str) -> None:
    codes = code_list("language")
    assert codes.group(two) == codes.group(three)


def test_a_language_row_never_holds_two_languages() -> None:
    three = [entry for entry in code_list("language").entries if len(entry.code) == 3]
    assert len({entry.label for entry in three}) == len(three) > 7000


@pytest.mark.parametrize("code", ["", "xx", "EN", "en-GB", "und", "mul", "english"])
def test_what_is_no_language_code_is_refused(code: str) -> None:
    assert code not in code_list("language")


@pytest.mark.parametrize(
    ("code", "label", "group"),
    [
        ("F32", "Depression", "Depression"),
        ("F32.1", "Depression", "Depression"),
        ("F321", "Depression", "Depression"),
        ("F33.41", "Depression", "Depression"),
        ("F400", "Agoraphobia", "Anxiety and stress related disorders"),
        ("F40.0", "Agoraphobia", "Anxiety and stress related disorders"),
        ("F40.8", "Other F40-F43 code", "Anxiety and stress related disorders"),
        ("F41", "Other F40-F43 code", "Anxiety and stress related disorders"),
        ("F41.1", "Generalised Anxiety Disorder", "Anxiety and stress related disorders"),
        ("F42.2", "Obsessive-compulsive disorder", "Anxiety and stress related disorders"),
        ("F43.1", "Post-traumatic stress disorder", "Anxiety and stress related disorders"),
        ("F43.2", "Other F40-F43 code", "Anxiety and stress related disorders"),
        ("F45.2", "Hypochondriacal Disorders", "Anxiety and stress related disorders"),
        ("F45.4", "Other mental health disorders", "Other Mental Health disorders"),
        ("F99X", "Other mental health disorders", "Other Mental Health disorders"),
        ("G93.3", "Chronic fatigue syndrome", "Medically Unexplained Symptoms"),
        ("K58.9", "Irritable bowel syndrome", "Medically Unexplained Symptoms"),
        ("83482000", "Body Dysmorphic Disorder", "Anxiety and stress related disorders"),
    ],
)
def test_a_problem_is_what_its_longest_pattern_says(code: str, label: str, group: str) -> None:
    entry = code_list("presenting_problem").get(code, TODAY)
    assert entry
    assert (entry.label, entry.group) == (label, group)


NO_PROBLEM = ["", "*", "F*", "F32*", "F3", "F32.", "F3.21", "F32.123", "f32.1", "F44", "G93", "F\u06632", "8348200"]


@pytest.mark.parametrize("code", NO_PROBLEM)
def test_what_is_under_no_pattern_is_no_problem_code(code: str) -> None:
    assert code not in code_list("presenting_problem")


@pytest.mark.parametrize(
    ("on", "label"), [(date(2022, 3, 31), "Face to face communication"), (date(2022, 4, 1), "Face to face")]
)
def test_a_label_may_change_while_the_code_stays(on: date, label: str) -> None:
    assert code_list("consultation_mechanism").label("01", on) == label


def test_without_a_date_the_latest_meaning_answers() -> None:
    codes = code_list("care_spell_end")
    assert codes.label("10") == codes.label("10", TODAY) != codes.label("10", date(2019, 1, 1))
    assert codes.label("43") == "Ended Dropped Out"
    assert codes.label("43", TODAY) is None
    assert codes.group("43", TODAY) == "Seen and taken on for a course of treatment"


def test_end_codes_with_an_unknown_reason_still_tell_the_stage() -> None:
    codes = code_list("care_spell_end")
    assert codes.group("95") == "Seen but not taken on for a course of treatment"
    assert codes.group("96") == "Seen and taken on for a course of treatment"
    assert len(codes.groups()) == 3


@pytest.mark.parametrize(
    ("age", "before", "after"),
    [
        (0, "Under 16", "Under 18"),
        (15, "Under 16", "Under 18"),
        (16, "16 to 17", "Under 18"),
        (18, "18 to 35", "18 to 25"),
        (26, "18 to 35", "26 to 64"),
        (64, "36 to 64", "26 to 64"),
        (74, "65 and over", "65 to 74"),
        (89, "65 and over", "75 to 89"),
        (90, "65 and over", "90 and over"),
        (120, "65 and over", "90 and over"),
    ],
)
def test_age_bands_changed_with_the_year_2021_22(age: int, before: str, after: str) -> None:
    old, new = (code_list("age_band").band(age, on) for on in (date(2021, 3, 31), date(2021, 4, 1)))
    assert (old and old.label, new and new.label) == (before, after)


@pytest.mark.parametrize("name", ["age_band", "working_age"])
@pytest.mark.parametrize("on", [date(2010, 1, 1), TODAY])
def test_every_age_is_in_exactly_one_band(name: str, on: date) -> None:
    bands = code_list(name).valid(on)
    for age in range(131):
        assert len([band for band in bands if (band.lower or 0) <= age <= (band.upper or 200)]) == 1


def test_notes_are_short_and_name_no_file_or_machine() -> None:
    for codes in code_lists().values():
        for entry in codes.entries:
            assert len(entry.note) <= 90
            assert not re.search(r"[/\\@]|github|http", entry.note)
