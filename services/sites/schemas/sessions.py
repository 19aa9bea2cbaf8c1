"""Sessions and who came to them, as they are sent and as they are shown: counts, nobody's name."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from services.sites.schemas.instants import Instant
from services.sites.schemas.listing import Listing
from services.sites.schemas.words import Flag, Strict, absent
from shared.codes import CODE_UNKNOWN, AgeBand, Code, EthnicCategory, GenderIdentity, Language, code_list
from shared.days import Day
from shared.events.sites import Programme, SessionKind

ROLE = re.compile(r"[a-z0-9_]{1,60}", re.ASCII)
MOST = 100_000  # people, at anything

EXAMPLE_SESSION: dict[str, Any] = {
    "site_id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "offer_id": None,
    "programme": "cardiovascular_self_management",
    "kind": "workshop",
    "starts_at": "2026-10-14T17:30:00Z",
    "duration_minutes": 120,
    "language": "ta",
    "facilitators": {"community_facilitator": 2, "clinical_psychologist": 1},
    "capacity": 60,
    "cancelled": False,
}
EXAMPLE_ATTENDANCE: dict[str, Any] = {
    "headcount": 54,
    "tallies": {
        "ethnic_category": {"H": 31, "L": 12, "Z": 4},
        "gender_identity": {"1": 17, "2": 35},
        "age_band": {"26 to 64": 29, "65 to 74": 18, "75 to 89": 7},
    },
    "interpreter_used": True,
}


def counts(named: Callable[[str], bool], code: str, message: str) -> BeforeValidator:
    """Return a validator of counts by name; what it refuses it does not repeat, and their order does not matter."""

    def check(value: object) -> object:
        if not isinstance(value, dict):
            return value
        if not all(isinstance(name, str) and named(name) for name in value):
            raise PydanticCustomError(code, message)
        if not all(type(count) is int and 0 <= count <= MOST for count in value.values()):
            raise PydanticCustomError("count_invalid", "Counts are whole numbers from 0 to 100000.")
        return dict(sorted(value.items()))

    return BeforeValidator(check)


def tallied(list_name: str) -> BeforeValidator:
    """Return a validator of counts by the codes of a national list."""
    return counts(code_list(list_name).__contains__, CODE_UNKNOWN, Code(list_name).message())


Headcount = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=1440)]
Capacity = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Role = Annotated[str, Field(pattern=f"^{ROLE.pattern}$")]
Facilitators = Annotated[
    dict[Role, Headcount],
    Field(max_length=20, description="How many led it, by role; a role is a slug, never a name."),
    counts(
        lambda name: ROLE.fullmatch(name) is not None,
        "role_invalid",
        "A role is small letters, digits and underscores.",
    ),
]
FilterDay = Annotated[Day, Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]


class NewSession(Strict):
    """A session that took place, or is planned. With an `id` of your own, sending it again is safe."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SESSION]})

    id: UUID | None = Field(None, description="The sender's own UUID for it: recording it again is then safe.")
    site_id: UUID | None = Field(None, description="May be left out by a caller of one site.")
    offer_id: UUID | None = Field(None, description="An offer of that site.")
    programme: Programme | None = Field(
        None, description="Absent: that of the offer; without an offer, `talking_therapies`."
    )
    kind: SessionKind
    starts_at: Instant = Field(description="1990 or later, at most five years ahead.")
    duration_minutes: Minutes
    language: Language
    facilitators: Facilitators = Field(default={})
    capacity: Capacity | None = None
    cancelled: Flag = False


class SessionChange(Strict):
    """The fields to change; those not named stay, null clears an optional one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cancelled": True}, {"capacity": None}]})

    offer_id: UUID | None = None
    programme: Programme = Field(default_factory=absent)
    kind: SessionKind = Field(default_factory=absent)
    starts_at: Instant = Field(default_factory=absent)
    duration_minutes: Minutes = Field(default_factory=absent)
    language: Language = Field(default_factory=absent)
    facilitators: Facilitators = Field(default_factory=absent)
    capacity: Capacity | None = None
    cancelled: Flag = Field(default_factory=absent, description="True calls it off; false takes that back.")


class Tallies(Strict):
    """Anonymous counts by national code; those who were not asked are in none, so a tally may add up to fewer than came."""

    ethnic_category: Annotated[dict[EthnicCategory, Headcount], tallied("ethnic_category")] | None = None
    gender_identity: Annotated[dict[GenderIdentity, Headcount], tallied("gender_identity")] | None = None
    age_band: Annotated[dict[AgeBand, Headcount], tallied("age_band")] | None = Field(
        None, description="The bands published for the day of the session."
    )


class NewAttendance(Strict):
    """How many came, whole: what is left out is not recorded any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_ATTENDANCE]})

    headcount: Headcount
    tallies: Tallies | None = Field(None, description="None may add up to more than the headcount.")
    interpreter_used: Flag | None = None


class Attendance(BaseModel):
    """How many came, exactly: a site's own numbers are its own to see."""

    headcount: int
    tallies: dict[str, dict[str, int]] | None
    interpreter_used: bool | None


class Session(BaseModel):
    """A session as recorded; `attendance` is null until it was counted."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_SESSION
                | {
                    "id": "b6a6b0e3-1f5c-4b5e-9d1c-0b7f4f5f2f11",
                    "attendance": EXAMPLE_ATTENDANCE,
                    "version": 2,
                    "created_at": "2026-10-01T09:30:00Z",
                    "modified_at": "2026-10-14T20:05:00Z",
                }
            ]
        }
    )

    id: UUID
    site_id: UUID
    offer_id: UUID | None
    programme: str
    kind: SessionKind
    starts_at: datetime
    duration_minutes: int
    language: str
    facilitators: dict[str, int]
    capacity: int | None
    cancelled: bool
    attendance: Attendance | None
    version: int
    created_at: datetime
    modified_at: datetime


class SessionFilters(Listing):
    """What a list of sessions may be limited to; all filters hold together."""

    site_id: UUID | None = None
    offer_id: UUID | None = None
    from_: FilterDay | None = Field(None, alias="from", description="First day, in London, included.")
    to: FilterDay | None = Field(None, description="Last day, in London, included.")
    kind: SessionKind | None = None
    programme: Programme | None = None
    cancelled: bool | None = None
