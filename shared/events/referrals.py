"""What `referrals` announces of pathways: all of one pathway's events in one order."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from shared.codes import (
    AppointmentType,
    Attendance,
    CareSpellEnd,
    ConsultationMechanism,
    Interpreter,
    Language,
    PresentingProblem,
    SourceOfReferral,
    TherapyType,
)
from shared.events.event import Event
from shared.events.people import PersonKey


class ReferralReceived(Event, subject="referrals.received.v1", aggregate="referral_id"):
    """Somebody was referred, or came by themselves; the site is the one that introduced them."""

    referral_id: UUID
    person_key: PersonKey
    received_on: date
    source: SourceOfReferral | None = None
    source_system: str = Field(max_length=64)
    site_id: UUID | None = None
    pathway: str = Field(pattern="^(triage|drop_in)$")
    programme: str = Field(pattern="^[a-z0-9_]{1,64}$")
    presenting_problem: PresentingProblem | None = None


class ReferralCorrected(Event, subject="referrals.corrected.v1", aggregate="referral_id"):
    """Coded fields of a referral as they are now: the whole picture each time; absent means not recorded."""

    referral_id: UUID
    person_key: PersonKey
    received_on: date
    source: SourceOfReferral | None = None
    site_id: UUID | None = None
    pathway: Literal["triage", "drop_in"]
    programme: str = Field(pattern="^[a-z0-9_]{1,64}$")
    presenting_problem: PresentingProblem | None = None


class ReferralRemoved(Event, subject="referrals.removed.v1", aggregate="referral_id"):
    """A referral had been entered in error: it counts nowhere, and nor do its contacts and scores."""

    referral_id: UUID


class ReferralTriaged(Event, subject="referrals.triaged.v1", aggregate="referral_id"):
    """Triage decided; a rejected or redirected pathway ends on that day unless a discharge says otherwise."""

    referral_id: UUID
    decision: Literal["accepted", "rejected", "redirected"]
    on: date


class ContactRecorded(Event, subject="referrals.contact_recorded.v1", aggregate="referral_id"):
    """A care contact as it is now known: planned, held, missed or cancelled; the whole picture each time."""

    contact_id: UUID
    referral_id: UUID
    on: date
    planned: bool
    attendance: Attendance | None = None
    appointment_type: AppointmentType
    duration_minutes: int | None = Field(None, ge=0, le=1440)
    mechanism: ConsultationMechanism | None = None
    therapy_types: tuple[TherapyType, ...] = ()
    site_id: UUID | None = None
    language: Language | None = None
    interpreter: Interpreter | None = None
    group_session_id: UUID | None = None
    internet_therapy: bool = False


class ContactRemoved(Event, subject="referrals.contact_removed.v1", aggregate="referral_id"):
    """A care contact had been entered in error: it counts nowhere."""

    contact_id: UUID
    referral_id: UUID


class ReferralDischarged(Event, subject="referrals.discharged.v1", aggregate="referral_id"):
    """A pathway ended; the end code, when there is one, says how."""

    referral_id: UUID
    discharged_on: date
    end_code: CareSpellEnd | None = None


class ReferralReopened(Event, subject="referrals.reopened.v1", aggregate="referral_id"):
    """An end recorded by mistake was undone: neither a discharge nor a refusal at triage stands."""

    referral_id: UUID
