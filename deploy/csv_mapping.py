"""How the columns of a CSV file become a referral: by our own names, or by a mapping that says what theirs mean."""

import tomllib
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deploy import CannotRunError
from services.referrals.schemas.referrals import NewReferral

Kind = Literal["text", "date", "boolean", "integer", "array"]
PRESETS = files("deploy").joinpath("mappings")
YES, NO = {"true", "yes", "y", "1"}, {"false", "no", "n", "0"}
A_DAY = date(1987, 11, 30)


class MappingError(CannotRunError):
    """A mapping cannot be used; the message says where it is wrong."""


@cache
def fields() -> dict[str, Kind]:
    """Return every field of a referral that a column may fill, its person's among them, with its kind."""
    schema = NewReferral.model_json_schema()
    person = schema["$defs"][schema["properties"].pop("person")["$ref"].rpartition("/")[2]]
    return {name: _kind(field) for name, field in (schema["properties"] | person["properties"]).items()}


@cache
def of_the_person() -> frozenset[str]:
    """Return the fields that belong to the person."""
    return frozenset(fields()) - frozenset(NewReferral.model_fields)


@cache
def required() -> tuple[str, ...]:
    """Return the fields without which nothing is a referral."""
    return tuple(name for name, field in NewReferral.model_fields.items() if field.is_required() and name != "person")


def _kind(field: dict[str, Any]) -> Kind:
    plain = next((each for each in field.get("anyOf", [field]) if each.get("type") != "null"), field)
    if plain.get("format") == "date":
        return "date"
    known: dict[str, Kind] = {"boolean": "boolean", "integer": "integer", "array": "array"}
    return known.get(str(plain.get("type")), "text")


Value = str | bool | int


class Mapping(BaseModel):
    """What another system's export means. `values` that stand for nothing are mapped to an empty text: not recorded."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    about: str = ""
    columns: dict[str, str] = Field({}, description="Their heading, and our field.")
    ignored: list[str] = Field([], description="Headings that are left out on purpose.")
    values: dict[str, dict[str, Value]] = Field({}, description="By our field: their value, and ours.")
    constants: dict[str, Value] = Field({}, description="Our field, and what it is in every row.")
    date_format: str = Field("%Y-%m-%d", description="How they write a date, in the letters of strftime.")
    list_separator: str = Field("|", min_length=1, max_length=3)

    @field_validator("columns")
    @classmethod
    def _columns_name_fields(cls, columns: dict[str, str]) -> dict[str, str]:
        for heading, field in columns.items():
            if field not in fields():
                raise ValueError(f'"{heading}" is mapped to {field}, which is not a field of a referral')
        return columns

    @field_validator("values", "constants")
    @classmethod
    def _keys_are_fields(cls, given: dict[str, Any]) -> dict[str, Any]:
        for field in given:
            if field not in fields():
                raise ValueError(f"{field} is not a field of a referral")
        return given

    @field_validator("date_format")
    @classmethod
    def _tells_a_day(cls, written: str) -> str:
        try:
            told = datetime.strptime(A_DAY.strftime(written), written).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            told = None
        if told != A_DAY or "%y" in written:
            raise ValueError("it must tell day, month and a year of four digits, such as %d/%m/%Y")
        return written


def presets() -> list[str]:
    """Return the names of the mappings that come with the program."""
    return sorted(each.name.removesuffix(".toml") for each in PRESETS.iterdir() if each.name.endswith(".toml"))


def mapping_named(name: str | None) -> Mapping:
    """Return the mapping of a file, or of the preset of this name; without a name, the one of our own headings."""
    if name is None:
        return Mapping()
    source = PRESETS.joinpath(f"{name}.toml") if name in presets() else Path(name)
    try:
        return Mapping.model_validate(tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError:
        raise MappingError(f"There is no mapping {name}; there are {', '.join(presets())}, or a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise MappingError(f"The mapping {name} is not TOML: {problem}") from None
    except ValidationError as problem:
        told = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in problem.errors())
        raise MappingError(f"The mapping {name} cannot be used. {told}") from None
