"""Restriction and erasure, as they are asked for and as they are reported."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.referrals.schemas.pathway import Words
from services.referrals.schemas.referrals import Strict

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class RestrictionDecision(Strict):
    """Whether a person's record is to be kept and not used, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"restricted": True, "reason": "Contests that the record is accurate."}]}
    )

    restricted: bool = Field(default=True, description="False lifts the restriction.")
    reason: Words = Field(description="Free text; encrypted under the person's key.")


class Restriction(BaseModel):
    """Whether a person's record is restricted, and since when."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "0b8f6a0e-6c6f-4f0e-9a57-1d7a0a4a3a11",
                    "restricted": True,
                    "restricted_at": "2026-11-20T10:00:00Z",
                    "version": 2,
                }
            ]
        }
    )

    person_id: UUID
    restricted: bool
    restricted_at: datetime | None
    version: int


class ErasureDecision(Strict):
    """Why a person is erased, and who decided it: both are kept, encrypted, when everything else has gone."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Asked for by the person.", "decided_by": "Caldicott Guardian"}]}
    )

    reason: Words
    decided_by: Name


class Kept(BaseModel):
    """Something that an erasure leaves, and why."""

    what: str
    count: int | None = Field(None, description="How many; absent where they are not counted.")
    why: str


class ErasureReport(BaseModel):
    """What was erased of a person, what is kept and why, and whether the stream has been cleaned too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "0b8f6a0e-6c6f-4f0e-9a57-1d7a0a4a3a11",
                    "erased_at": "2026-11-20T10:00:00Z",
                    "erased": {"keys": 1, "identifiers": 9, "demographics": 2, "announcements": 2},
                    "kept": [{"what": "pathways", "count": 1, "why": "They are counted, and lead to nobody."}],
                    "stream_cleaned": False,
                    "messages_left": 2,
                    "tied_to": None,
                }
            ]
        }
    )

    person_id: UUID
    erased_at: datetime
    erased: dict[str, int] = Field(description="How much of what, by store.")
    kept: list[Kept]
    stream_cleaned: bool = Field(description="Whether every message that told of the person has left the event stream.")
    messages_left: int = Field(description="How many have not, yet.")
    tied_to: list[UUID] | None = Field(
        None,
        description="Records that were taken for the same human and are not erased: told once, to callers of all sites only.",
    )
