"""Which records may be the same human, as they are shown, and what people decide."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.referrals.domain.matching import Verdict
from services.referrals.schemas.referrals import Strict
from shared.paging import Paging

ONE, OTHER = "3f0c9f63-5d0e-4f6a-9a51-4a4fd0f5a001", "9a1be0c2-77b4-4f39-8f5e-0c7a2b1f6002"
EXAMPLE_MATCH: dict[str, Any] = {
    "person_id": OTHER,
    "verdict": "possible_match",
    "score": 75,
    "reasons": ["family_name_equal", "given_name_equal", "birth_date_equal", "postcode_differs"],
    "merged": False,
}

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Score = Annotated[int, Field(ge=0, le=100, description="0 to 100; from 95 a match, from 60 possible.")]


class MergeRequest(Strict):
    """Whom a record is merged into."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"into": OTHER, "reason": "Confirmed by phone."}]})

    into: UUID = Field(description="The record that stands for both.")
    reason: Reason | None = Field(None, description="Encrypted under the merged person's key.")


class UnmergeRequest(Strict):
    """Why a merged record is separated."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "A cousin of the same name."}]})

    reason: Reason | None = Field(None, description="Encrypted under the merged person's key.")


class NotSameRequest(Strict):
    """Who a person is not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"other": OTHER}]})

    other: UUID


class Match(BaseModel):
    """Another record, how far it agrees with this one, and what people decided."""

    person_id: UUID
    verdict: Verdict
    score: Score
    reasons: list[str] = Field(description="Codes of what agrees, nearly agrees, and differs.")
    decision: Literal["same", "not_same"] | None = None
    decided_at: datetime | None = None
    reason: str | None = Field(None, description="Why the two were last merged or separated, if that was said.")
    merged: bool = Field(description="Whether the two are merged with one another, by rule or by decision.")


class PersonMatches(BaseModel):
    """Records that may be the same human as this one, the likeliest first; only those that the caller may see."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"person_id": ONE, "verdict": "possible_match", "matches": [EXAMPLE_MATCH]}]}
    )

    person_id: UUID
    verdict: Verdict = Field(description="The best of all.")
    merged_into: UUID | None = Field(None, description="The record that stands for this one, if another does.")
    matches: list[Match]


class Standing(BaseModel):
    """As whom a record stands after a decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"person_id": ONE, "merged_into": OTHER, "version": 2}]})

    person_id: UUID
    merged_into: UUID | None = Field(description="The record that stands for this one; null: itself.")
    version: int


class MatchQuestion(BaseModel):
    """Two records that may be the same human, to be decided by somebody."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_MATCH | {"person_id": ONE, "other_id": OTHER, "found_at": "2026-09-14T10:00:00Z"},
            ]
        }
    )

    person_id: UUID
    other_id: UUID
    verdict: Verdict
    score: Score
    reasons: list[str]
    found_at: datetime
    decision: Literal["same", "not_same"] | None = None
    decided_at: datetime | None = None


class MatchFilters(Paging):
    """Which questions to list."""

    status: Literal["open", "decided"] = "open"
