"""What `surveys` announces."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.codes import Language
from shared.events.event import Event

Mode = Literal["self", "phone", "face_to_face", "paper", "assisted"]


class ResponseScored(Event, subject="surveys.scored.v1", aggregate="response_id"):
    """A response was scored; totals and counts only, never an answer to an item."""

    response_id: UUID
    referral_id: UUID
    instrument: str = Field(pattern="^[a-z0-9_]{1,40}$")
    instrument_version: str = Field(max_length=20)
    answered_on: date
    total: float | None = None
    subscales: dict[str, float] | None = None
    missing_items: int = Field(ge=0)
    mode: Mode
    language: Language
