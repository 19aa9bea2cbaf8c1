import json
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

import shared.codes.field
from shared.codes import (
    CODE_UNKNOWN,
    AgeBand,
    CareSpellEnd,
    Code,
    ConsultationMechanism,
    Disability,
    EthnicCategory,
    ImdDecile,
    Language,
    PresentingProblem,
    Religion,
    code_lists,
)

CANARY = "Zainab Canary"


class Person(BaseModel):
    """One field of every kind."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    ethnic_category: EthnicCategory | None = None
    language: Language | None = None
    religion: Religion | None = None
    disabilities: list[Disability] = []
    imd_decile: ImdDecile | None = None
    presenting_problem: PresentingProblem | None = None
    mechanism: ConsultationMechanism = "01"
    tallies: dict[AgeBand, int] = {}


def refused(**fields: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as refusal:
        Person.model_validate_json(json.dumps(fields))
    assert CANARY not in str(refusal.value)
    [error] = refusal.value.errors(include_input=False, include_url=False)
    assert CANARY not in error["msg"]
    return dict(error)


def test_a_field_holds_plain_text_that_a_type_checker_knows() -> None:
    person = Person(ethnic_category="K", language="bn", disabilities=["02", "NN"], imd_decile=3)
    shouted: str | None = person.language and person.language.upper()
    assert shouted == "BN"
    assert person.imd_decile
    assert person.imd_decile + 1 == 4
    assert Person.model_validate_json(person.model_dump_json()) == person


def test_absent_is_neither_not_known_nor_not_stated() -> None:
    assert Person().ethnic_category is None
    assert Person(ethnic_category="99").ethnic_category == "99"
    assert Person(ethnic_category="Z").ethnic_category == "Z"


def test_a_refusal_names_the_list_and_its_codes_when_they_are_few() -> None:
    error = refused(ethnic_category=CANARY)
    assert error["type"] == CODE_UNKNOWN
    assert error["loc"] == ("ethnic_category",)
    assert error["msg"] == (
        "must be a code of the list ethnic_category: A, B, C, D, E, F, G, H, J, K, L, M, N, P, R, S, Z, 99"
    )


def test_a_refusal_of_a_long_list_names_only_the_list() -> None:
    assert refused(religion=CANARY)["msg"] == "must be a code of the list religion"
    assert refused(language=CANARY)["msg"] == "must be a code of the list language"


@pytest.mark.parametrize("value", [1, True, 1.5, "", " K", "k", "K ", ["K"], {"K": 1}, "K\u0000", CANARY])
@pytest.mark.parametrize("field", ["ethnic_category", "language", "religion", "presenting_problem"])
def test_whatever_is_not_a_code_is_refused_in_the_same_way(field: str, value: object) -> None:
    assert refused(**{field: value})["type"] == CODE_UNKNOWN


def test_refusals_in_lists_and_tallies_point_at_the_place() -> None:
    assert refused(disabilities=["02", "2"])["loc"] == ("disabilities", 1)
    assert refused(tallies={"18-25": 1})["type"] == CODE_UNKNOWN


@pytest.mark.parametrize("code", ["06", "01", "11"])
def test_any_code_that_was_ever_valid_passes_the_letter(code: str) -> None:
    assert Person(mechanism=code).mechanism == code


@pytest.mark.parametrize("code", ["F32.1", "F321", "F40.0", "83482000"])
def test_a_problem_is_kept_as_it_was_written(code: str) -> None:
    assert Person(presenting_problem=code).presenting_problem == code


@pytest.mark.parametrize("sent", [3, "3"])
def test_a_decile_is_a_number(sent: object) -> None:
    person = Person.model_validate({"imd_decile": sent})
    assert person.imd_decile == 3
    assert json.loads(person.model_dump_json())["imd_decile"] == 3


@pytest.mark.parametrize("sent", [0, 11, "03", "01 Least deprived", 3.0, True, [3]])
def test_what_is_no_decile_is_refused(sent: object) -> None:
    assert refused(imd_decile=sent)["type"] == CODE_UNKNOWN


def test_short_lists_are_enumerated_in_the_schema() -> None:
    schema = TypeAdapter(CareSpellEnd).json_schema()
    assert schema["type"] == "string"
    assert {"10", "47", "43"} <= set(schema["enum"])
    assert schema["x-code-list"] == "care_spell_end"
    assert schema["description"] == (
        "Code list care_spell_end. Only from 2020-09-01: 16, 17, 95, 46, 47, 48, 49, 96."
        " Only until 2020-08-31: 15, 97, 40, 41, 42, 43, 44, 45, 98."
    )
    assert TypeAdapter(ImdDecile).json_schema()["enum"] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_long_lists_are_described_by_their_shape() -> None:
    assert TypeAdapter(Language).json_schema() == {
        "type": "string",
        "description": "Code list language.",
        "pattern": "^[a-z]{2,3}$",
        "maxLength": 3,
        "x-code-list": "language",
    }
    assert TypeAdapter(Religion).json_schema()["pattern"] == "^[0-9]{8,15}$"


@pytest.mark.parametrize("name", sorted(code_lists()))
def test_every_code_of_every_list_is_accepted_and_fits_its_schema(name: str) -> None:
    kind = TypeAdapter[str](Annotated[str, Code(name)])
    valid = Draft202012Validator(kind.json_schema())
    for code in code_lists()[name].codes:
        if not code.endswith("*"):
            assert kind.validate_json(json.dumps(code)) == code
            assert valid.is_valid(code)


@pytest.mark.parametrize("code", ["F32", "F32.1", "F400", "F40.0", "F40.8", "F44", "F3", "Z99", "G93", "G93.4", "F32*"])
def test_the_schema_of_patterns_accepts_exactly_what_the_field_accepts(code: str) -> None:
    kind = TypeAdapter[str](PresentingProblem)
    try:
        kind.validate_python(code)
        accepted = True
    except ValidationError:
        accepted = False
    assert Draft202012Validator(kind.json_schema()).is_valid(code) == accepted


def test_every_short_name_is_a_code_field_and_every_list_that_callers_send_has_one() -> None:
    named = {
        mark.list_name
        for value in vars(shared.codes.field).values()
        for mark in getattr(value, "__metadata__", ())
        if isinstance(mark, Code)
    }
    assert named == set(code_lists()) - {"working_age"}


def test_a_misspelt_list_fails_when_the_model_is_defined() -> None:
    with pytest.raises(LookupError, match="no code list is called"):
        TypeAdapter(Annotated[str, Code("ethnic_categry")])


def test_the_lists_know_nothing_of_servers() -> None:
    source = [module.__file__ for name, module in sys.modules.items() if name.startswith("shared.codes.")]
    for path in filter(None, source):
        assert not {"fastapi", "sqlalchemy", "nats", "httpx"} & set(Path(path).read_text(encoding="utf-8").split())
