"""The words that everything sent to `sites` is made of: each checked once, none repeated in a refusal."""

import re
from collections.abc import Callable
from datetime import time
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from services.sites.domain import register as domain
from shared.codes import Language


class Strict(BaseModel):
    """A body in which every field is a known one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


def spelled(rule: Callable[[str], str | None], code: str, message: str) -> AfterValidator:
    """Return a validator that spells a text by a rule, or refuses it without repeating it."""

    def check(text: str) -> str:
        spelled = rule(text)
        if spelled is None:
            raise PydanticCustomError(code, message)
        return spelled

    return AfterValidator(check)


def _clock(value: object) -> object:
    """Let only a time of day through; pydantic would take numbers and time zones as well."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise PydanticCustomError("time_parsing", "A time of day: HH:MM.")
    return time.fromisoformat(value)


def _clock_shown(value: time) -> str:
    return value.isoformat("minutes")


def each_once(codes: list[str]) -> list[str]:
    """Return codes without their repetitions, in the order given."""
    return list(dict.fromkeys(codes))


def absent() -> Any:  # noqa: ANN401 - stands where a field was not sent, whatever its type; see `model_fields_set`
    """Return what a change holds for a field that it does not name."""
    return None


CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
SEVERAL_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
ShortName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE)]
Accessibility = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=SEVERAL_LINES)
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=SEVERAL_LINES)
]
CharityNumber = Annotated[
    str,
    Field(max_length=20, description="As registered in England and Wales, Scotland (SC…) or Northern Ireland (NIC…)."),
    spelled(domain.charity_number, "charity_number_invalid", "Not a charity number of a UK register."),
]
Website = Annotated[
    str,
    Field(max_length=300, description="An http or https address."),
    spelled(domain.website, "website_invalid", "Not the http or https address of a public web page."),
]
Postcode = Annotated[
    str,
    Field(max_length=12, description="A UK postcode, in any spelling; kept in capitals with its space."),
    spelled(domain.postcode, "postcode_invalid", "Not a UK postcode."),
]
Latitude = Annotated[
    float, Field(strict=True, ge=49, le=61, description="Degrees north (WGS 84), in the United Kingdom.")
]
Longitude = Annotated[
    float, Field(strict=True, ge=-9, le=2.5, description="Degrees east (WGS 84), in the United Kingdom.")
]
Languages = Annotated[list[Language], Field(max_length=60), AfterValidator(each_once)]
Flag = Annotated[bool, Field(strict=True)]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    PlainSerializer(_clock_shown, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK.pattern}$", "description": "London time: HH:MM."}),
]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,185}\.[A-Za-z]{2,}$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9(][0-9 ()./-]{4,30}( ?(ext|x)\.? ?[0-9]{1,6})?$")]
Age = Annotated[int, Field(strict=True, ge=0, le=120)]
