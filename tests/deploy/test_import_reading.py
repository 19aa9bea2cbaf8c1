"""A CSV file is read as it was meant, or refused in a sentence; never guessed at, and never quoted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import CannotRunError
from deploy.csv_mapping import Mapping, fields, mapping_named, presets
from deploy.csv_referrals import Plan
from deploy.csv_rows import Encoding, open_rows
from services.referrals.schemas.referrals import NewReferral

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
HEADINGS = "source_system,source_id,received_on,source"
ROW = "clinic,1,2026-03-14,B1"


def table(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "referrals.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path: Path, mapping: Mapping | None = None, encoding: Encoding = Encoding.UTF_8) -> Iterator[tuple[int, Any]]:
    """Yield each row's line with the referral it is, or with what is wrong with it."""
    mapping = mapping or Mapping()
    with open_rows(path, encoding, {*mapping.columns, *fields()}.__contains__) as rows:
        plan = Plan(mapping, rows.headings)
        for row in rows:
            referral, wrong = plan.referral(row.cells)
            yield row.line, [(each.field, each.code) for each in wrong] or referral


def one(folder: Path, headings: str, row: str, mapping: Mapping | None = None) -> Any:
    ((_, found),) = read(table(folder, f"{HEADINGS},{headings}\n{ROW},{row}\n"), mapping)
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comma_semicolon_and_tab_are_told_apart_with_and_without_a_byte_order_mark(
    tmp_path: Path, delimiter: str, mark: str, end: str
) -> None:
    lines = [f"{HEADINGS},family_name", f"{ROW},Müller"]
    content = mark + end.join(line.replace(",", delimiter) for line in lines) + end
    ((line, referral),) = read(table(tmp_path, content))
    assert line == 2
    assert referral == {
        "source_system": "clinic",
        "source_id": "1",
        "received_on": "2026-03-14",
        "source": "B1",
        "person": {"family_name": "Müller"},
    }


def test_letters_of_windows_are_read_when_asked_for_and_otherwise_named(tmp_path: Path) -> None:
    path = table(tmp_path, f"{HEADINGS},family_name\n{ROW},Müller\n", "cp1252")
    ((_, referral),) = read(path, encoding=Encoding.CP1252)
    assert referral["person"]["family_name"] == "Müller"
    with pytest.raises(CannotRunError, match="--encoding cp1252") as refusal:
        list(read(path))
    assert "ller" not in str(refusal.value)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    content = f'{HEADINGS},note\n{ROW},"one\ntwo"\n\n{ROW},\n , ,,,\n{ROW},x\n'
    assert [line for line, _ in read(table(tmp_path, content))] == [2, 5, 7]


def test_an_empty_cell_is_not_recorded(tmp_path: Path) -> None:
    found = one(tmp_path, "ethnic_category,disabilities,interpreter_required,birth_date,note", ",| ,,  ,")
    assert found["person"] == {}
    assert "note" not in found


def test_lists_yes_and_no_and_numbers_are_read_as_what_they_are(tmp_path: Path) -> None:
    found = one(tmp_path, "disabilities,interpreter_required,imd_decile", "02 | 09,No,3")
    assert found["person"] == {"disabilities": ["02", "09"], "interpreter_required": False, "imd_decile": 3}


@pytest.mark.parametrize(
    ("field", "cell", "code"),
    [
        ("birth_date", "17/05/1984", "date"),
        ("birth_date", "1984-02-30", "date"),
        ("interpreter_required", "perhaps", "yes_or_no"),
        ("imd_decile", "3.5", "number"),
        ("imd_decile", "³", "number"),
    ],
)
def test_a_cell_that_cannot_be_read_is_said_by_its_column(tmp_path: Path, field: str, cell: str, code: str) -> None:
    assert one(tmp_path, field, cell) == [(field, code)]


def test_a_row_of_more_or_fewer_cells_than_headings_is_not_guessed_at(tmp_path: Path) -> None:
    content = f"{HEADINGS}\n{ROW},more\nclinic,2,2026-03-14\n{ROW}\n"
    first, second, (_, third) = read(table(tmp_path, content))
    assert [first, second] == [(2, [("", "cells")]), (3, [("", "cells")])]
    assert third["source_id"] == "1"


MAPPING = Mapping(
    columns={
        "Ref": "source_id",
        "Date": "received_on",
        "By": "source",
        "Born": "birth_date",
        "Origin": "ethnic_category",
    },
    ignored=["Ward"],
    values={"source": {"GP": "A1"}, "ethnic_category": {"White British": "A", "Not asked": ""}},
    constants={"source_system": "clinic", "language": "en"},
    date_format="%d/%m/%Y",
)


def test_a_mapping_says_what_another_systems_columns_and_values_mean(tmp_path: Path) -> None:
    content = "Ref,Date,By,Born,Origin,Ward,postcode\n7,1/3/2026,gp,17/05/1984,WHITE BRITISH,4b,SW17 0QT\n"
    ((_, referral),) = read(table(tmp_path, content), MAPPING)
    assert referral == {
        "source_system": "clinic",
        "source_id": "7",
        "received_on": "2026-03-01",
        "source": "A1",
        "person": {"language": "en", "birth_date": "1984-05-17", "ethnic_category": "A", "postcode": "SW17 0QT"},
    }


def test_a_value_the_mapping_does_not_know_is_never_passed_on_and_one_mapped_to_nothing_is_not_recorded(
    tmp_path: Path,
) -> None:
    content = "Ref,Date,By,Origin\n7,01/03/2026,GP,A\n8,01/03/2026,GP,Not asked\n"
    first, (_, second) = read(table(tmp_path, content), MAPPING)
    assert first == (2, [("Origin", "value_not_mapped")])
    assert "ethnic_category" not in second["person"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xff\xfeR\x00e\x00", "UTF-16"),
        (b"PK\x03\x04", "spreadsheet"),
        ("source_id,received_on\n", "missing: source_system, source.* --source-system"),
        (f"{HEADINGS},surname,nickname\n", "Unknown columns: surname, nickname.*--ignore-unknown"),
        (f"{HEADINGS},\n", "no heading"),
        (f"{HEADINGS},source\n", "same field: source"),
        (f'{HEADINGS},note\n{ROW},"never ends\n{ROW},x\n', "begins on line 2 .*never ends"),
        (f'{HEADINGS},note\n{ROW},x\n{ROW},"ends" early\n', "begins on line 3 "),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(CannotRunError, match=said):
        list(read(table(tmp_path, content)))


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(CannotRunError, match=r"none.csv cannot be read: No such file"):
        list(read(tmp_path / "none.csv"))


def test_what_is_given_for_every_row_may_not_have_a_column_too() -> None:
    with pytest.raises(CannotRunError, match=r"own column for .*source_system"):
        Plan(Mapping(constants={"source_system": "clinic"}), HEADINGS.split(","))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("columns = {", "not TOML"),
        ('colums = {"A" = "note"}', "colums: Extra inputs"),
        ('columns = {"Nickname" = "nick_name"}', "nick_name, which is not a field"),
        ('values = {nick_name = {"a" = "b"}}', "nick_name is not a field"),
        ('date_format = "%d/%m/%y"', "four digits"),
        ('date_format = "%m/%Y"', "four digits"),
    ],
)
def test_a_mapping_that_cannot_be_used_says_where_it_is_wrong(tmp_path: Path, written: str, said: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(written)
    with pytest.raises(CannotRunError, match=said):
        mapping_named(str(path))


def test_a_mapping_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(CannotRunError, match="iaptus_like, pcmis_like"):
        mapping_named("rio_like")


@pytest.mark.parametrize("name", presets())
def test_every_value_of_a_preset_is_one_that_the_service_takes(name: str) -> None:
    preset = mapping_named(name)
    assert "invented" in preset.about
    plain: dict[str, Any] = {"source_system": "x", "source_id": "1", "received_on": "2026-03-14", "source": "B1"}
    for field, values in preset.values.items():
        for ours in set(values.values()) - {""}:
            one = [ours] if fields()[field] == "array" else ours
            at_top = {field: one} if field in NewReferral.model_fields else {}
            NewReferral.model_validate({**plain, **at_top, "person": {} if at_top else {field: one}})


@pytest.mark.parametrize(
    ("name", "preset", "encoding"),
    [("referrals.csv", None, Encoding.UTF_8), ("iaptus_like.csv", "iaptus_like", Encoding.CP1252)],
)
def test_the_examples_are_referrals_of_invented_people(name: str, preset: str | None, encoding: Encoding) -> None:
    mapping = mapping_named(preset)
    if preset is None:
        mapping = mapping.model_copy(update={"constants": {"source_system": "example"}})
    found = [NewReferral.model_validate(referral) for _, referral in read(EXAMPLES / name, mapping, encoding)]
    assert len(found) >= 3
    numbers = {each.person.nhs_number for each in found if each.person.nhs_number}
    assert numbers
    assert all(number.startswith("999") for number in numbers), "the range that no person ever gets"
