"""Care contacts as they are sent, and as they are shown."""

import re
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.referrals.schemas.referrals import Strict
from shared.codes import AppointmentType, Attendance, ConsultationMechanism, Interpreter, Language, TherapyType
from shared.days import Day

CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", re.ASCII)

EXAMPLE_CONTACT: dict[str, Any] = {
    "id": "5b0d3c9e-6d0f-4e0c-9f43-2f5a7c1d8e21",
    "on": "2026-10-02",
    "at": "18:30",
    "planned": True,
    "attendance": "5",
    "appointment_type": "03",
    "duration_minutes": 50,
    "mechanism": "01",
    "therapy_types": ["702545008"],
    "site_id": "6f8f4f0e-6a55-4c1a-8f6b-6d9b4f2f7a10",
    "language": "ta",
    "interpreter": "4",
    "internet_therapy": False,
}


def _clock(value: object) -> object:
    """Let only a time of day through; pydantic would take numbers and time zones as well."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not CLOCK.fullmatch(value):
        raise PydanticCustomError("time_parsing", "A time of day: HH:MM or HH:MM:SS.")
    return time.fromisoformat(value)


def _each_once(codes: list[str]) -> list[str]:
    return list(dict.fromkeys(codes))


Clock = Annotated[
    time,
    BeforeValidator(_clock),
    WithJsonSchema({"type": "string", "pattern": f"^{CLOCK.pattern}$"}, mode="validation"),
]
Flag = Annotated[bool, Field(strict=True)]
Minutes = Annotated[int, Field(strict=True, ge=0, le=1440)]


class ContactContent(Strict):
    """A care contact planned, held, missed or cancelled: the whole of it."""

    on: Day = Field(description="Not before the referral was received; in the future only when planned.")
    at: Clock | None = Field(None, description="The local time it was arranged for.")
    planned: Flag = Field(default=True, description="False: an unplanned contact, which counts as attended.")
    attendance: Attendance | None = Field(
        None, description="Absent: not recorded (yet). Of an unplanned contact: 5, 6 or absent."
    )
    appointment_type: AppointmentType
    duration_minutes: Minutes | None = None
    mechanism: ConsultationMechanism | None = None
    therapy_types: Annotated[list[TherapyType], Field(max_length=10), AfterValidator(_each_once)] = Field(default=[])
    site_id: UUID | None = Field(None, description="Where it happened; not necessarily the site that referred.")
    language: Language | None = Field(None, description="In which it was held.")
    interpreter: Interpreter | None = None
    group_session_id: UUID | None = Field(None, description="The session of a site that it was a part of.")
    internet_therapy: Flag = Field(
        default=False, description="A log of internet therapy: treatment, whatever its type."
    )


class NewContact(ContactContent):
    """A care contact to record. With an `id` of your own, sending it again is safe."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_CONTACT]})

    id: UUID | None = Field(None, description="The sender's own UUID for it.")


class ContactChange(ContactContent):
    """A care contact as it is now known, whole: what is left out is not recorded any more."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{name: value for name, value in EXAMPLE_CONTACT.items() if name != "id"}]}
    )

    id: UUID | None = Field(None, description="Its own id, when it is sent along.")


class Contact(BaseModel):
    """A care contact as recorded."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                EXAMPLE_CONTACT
                | {
                    "referral_id": "0d9b7a52-53c5-4b43-9f0e-2a4cbb5d8c11",
                    "at": "18:30:00",
                    "group_session_id": None,
                    "version": 1,
                    "created_at": "2026-10-02T19:25:00Z",
                }
            ]
        }
    )

    id: UUID
    referral_id: UUID
    on: date
    at: time | None
    planned: bool
    attendance: str | None
    appointment_type: str
    duration_minutes: int | None
    mechanism: str | None
    therapy_types: list[str]
    site_id: UUID | None
    language: str | None
    interpreter: str | None
    group_session_id: UUID | None
    internet_therapy: bool
    version: int
    created_at: datetime
