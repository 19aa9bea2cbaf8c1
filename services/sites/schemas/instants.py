"""Instants as callers write them: with their offset, and kept in UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

WRITTEN_OUT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def _instant(value: object) -> object:
    """Let only text through that is an instant; pydantic would take numbers and local times as well."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and WRITTEN_OUT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):  # 30 February; a minute before the year 1 in London
        pass
    raise PydanticCustomError("datetime_parsing", "An instant: YYYY-MM-DDTHH:MM:SSZ, or with another offset than Z.")


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""An instant as callers write it: YYYY-MM-DDTHH:MM:SSZ, or with another offset."""
