"""What an event is: a frozen value with a versioned subject, registered by being defined."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

STREAM = "ROUNDTABLE"
PREFIX = "roundtable."

_contracts: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """Something that happened; carries ids, dates, national codes, counts and totals, never an identifier."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    subject: ClassVar[str] = ""
    aggregate: ClassVar[str] = ""
    last: ClassVar[bool] = False

    def __init_subclass__(cls, *, subject: str, aggregate: str, last: bool = False, **options: Any) -> None:  # noqa: ANN401 - pydantic's own
        """Register the contract under `subject`; `aggregate` names the field that orders its versions.

        `last` says that nothing may follow in the aggregate: such an event takes effect whatever else has come or not.
        """
        super().__init_subclass__(**options)
        if subject in _contracts and _contracts[subject].__qualname__ != cls.__qualname__:
            raise TypeError(f"two contracts for {subject}")
        cls.subject, cls.aggregate, cls.last = subject, aggregate, last
        _contracts[subject] = cls

    @property
    def aggregate_id(self) -> str:
        """Return the id whose events are applied in version order."""
        return str(getattr(self, self.aggregate))


def contracts() -> Mapping[str, type[Event]]:
    """Return every event contract by subject (without the stream's prefix)."""
    return MappingProxyType(_contracts)


class Envelope(BaseModel):
    """CloudEvents 1.0, structured JSON, as it travels."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    specversion: str = "1.0"
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    dataschema: str
    datacontenttype: str = "application/json"
    aggregateid: str = Field(min_length=1, max_length=64)
    aggregateversion: int = Field(ge=1, lt=2**31)
    traceparent: str | None = None
    data: dict[str, Any]
