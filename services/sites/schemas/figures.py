"""Figures as they are sent: JSON numbers with at most two decimals, kept exactly."""

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

CENT = Decimal("0.01")


def _number(value: object) -> object:
    """Let only numbers through; pydantic would take text and truth values as well."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number_type", "A number.")
    return value


def _exact(value: Decimal) -> Decimal:
    return value.quantize(CENT)


Number = BeforeValidator(_number)
Exact = AfterValidator(_exact)
HoursEach = Annotated[
    Decimal,
    Number,
    Field(ge=0, le=1000, decimal_places=2),
    Exact,
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000, "description": "At most two decimals."}),
]
Target = Annotated[
    Decimal,
    Number,
    Field(ge=0, le=1_000_000_000, decimal_places=2),
    Exact,
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000_000, "description": "At most two decimals."}),
]
