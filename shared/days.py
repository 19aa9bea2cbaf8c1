"""Days: written out in full by callers, and begun in London, whose calendar national figures follow."""

import re
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

LONDON = ZoneInfo("Europe/London")
WRITTEN_OUT = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _written_out(value: object) -> object:
    """Let only text through that is a date and nothing more; pydantic would take numbers and times as well."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not WRITTEN_OUT.fullmatch(value):
        raise PydanticCustomError("date_parsing", "A date: YYYY-MM-DD.")
    return value


Day = Annotated[date, BeforeValidator(_written_out)]
"""A date as callers write it: YYYY-MM-DD."""


def today() -> date:
    """Return the day it is in London."""
    return datetime.now(LONDON).date()
