"""What callers send to `surveys`, and what they are told."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.codes import Language
from shared.days import Day
from shared.events.surveys import Mode
from shared.paging import Paging

Helper = Literal["none", "community_researcher", "interpreter", "family", "staff"]
ItemId = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
Answer = Annotated[int, Field(strict=True)]
Number = int | float

EXAMPLE: dict[str, Any] = {
    "referral_id": "7f1c1f2e-52a4-4f0b-9c55-0c6a4c1d2b33",
    "instrument": "gad_7",
    "answered_on": "2026-09-21",
    "mode": "assisted",
    "language": "so",
    "helper": "community_researcher",
    "answers": {
        "gad7_1": 2,
        "gad7_2": 1,
        "gad7_3": 2,
        "gad7_4": 3,
        "gad7_5": 0,
        "gad7_6": 1,
        "gad7_7": 1,
    },
}
EXAMPLE_TOTAL: dict[str, Any] = {
    "referral_id": "7f1c1f2e-52a4-4f0b-9c55-0c6a4c1d2b33",
    "instrument": "phq_9",
    "answered_on": "2026-09-21",
    "mode": "phone",
    "language": "en",
    "helper": "none",
    "total": 14,
}
SCORED: dict[str, Any] = {name: value for name, value in EXAMPLE.items() if name != "answers"} | {
    "id": "b0a8a3a1-6a3e-4e5b-8a57-6f7d1d6c9e02",
    "site_id": None,
    "instrument_version": "1",
    "total": 10,
    "missing_items": 0,
    "prorated": False,
    "band": "moderate",
    "at_caseness": True,
    "scored_from": "answers",
    "version": 1,
    "created_at": "2026-09-21T15:04:05Z",
}


class NewResponse(BaseModel):
    """An instrument answered: item by item, or as the total that a clinic recorded."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        json_schema_extra={"examples": [EXAMPLE, EXAMPLE_TOTAL]},
    )

    id: UUID | None = Field(None, description="The sender's own UUID for it: sending it again is then safe.")
    referral_id: UUID = Field(description="Whose pathway; one that is not known here yet is accepted.")
    site_id: UUID | None = Field(
        None, description="Where it was collected. A caller limited to one site means that one; of several, name it."
    )
    instrument: ItemId = Field(description="The code of an instrument.")
    answered_on: Day = Field(description="Not in the future, 2000 or later.")
    mode: Mode
    language: Language = Field(description="In which it was answered.")
    helper: Helper = "none"
    answers: Annotated[dict[ItemId, Answer | None], Field(min_length=1, max_length=100)] | None = Field(
        None, description="By item id, as the instrument lists them. Left out or null: not answered."
    )
    total: Annotated[float, Field(strict=True)] | None = Field(
        None, description="Needed without answers; with all items answered it must be their score."
    )


class ScoredResponse(BaseModel):
    """A response and its score, without its answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [SCORED]})

    id: UUID
    referral_id: UUID
    site_id: UUID | None
    instrument: str
    instrument_version: str = Field(description="Of the pack that scored it.")
    answered_on: date
    mode: Mode
    language: str
    helper: Helper
    total: Number | None = Field(description="Null when too many items are missing.")
    missing_items: int = Field(description="0 for a total that was sent without answers.")
    prorated: bool = Field(description="Whether the total makes up for missing items.")
    band: str | None = Field(description="The published severity band.")
    at_caseness: bool | None = Field(description="At or above the clinical cut-off of the day it was answered.")
    scored_from: Literal["answers", "total"]
    version: int
    created_at: datetime


class Response(ScoredResponse):
    """A response, its score and its answers; every read is audited."""

    model_config = ConfigDict(json_schema_extra={"examples": [SCORED | {"answers": EXAMPLE["answers"]}]})

    answers: dict[str, int] | None = Field(description="By item id, answered ones only; null when a total was sent.")


class ScoreFilters(Paging):
    """Which scores of a pathway."""

    instrument: ItemId | None = None
