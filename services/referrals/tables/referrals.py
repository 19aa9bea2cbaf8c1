"""Pathways and their care contacts."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Time,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.referrals.tables.schema import Base


class Referral(Base):
    """A pathway, from the day it was received. Status, first assessment and treatments are derived anew at every change."""

    __tablename__ = "referrals"
    __table_args__ = (
        Index("uq_referrals_natural_key", "client", "source_system", "source_id", unique=True),
        Index("ix_referrals_received_on_id", "received_on", "id"),
        Index("ix_referrals_site_id", "site_id", "received_on", "id"),
        Index("ix_referrals_person_id", "person_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id", deferrable=True, initially="DEFERRED"))
    client: Mapped[str] = mapped_column(String(200))
    source_system: Mapped[str] = mapped_column(String(64))
    source_id: Mapped[str] = mapped_column(String(64))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    received_on: Mapped[date] = mapped_column(Date)
    source: Mapped[str | None] = mapped_column(String(2))
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    pathway: Mapped[str] = mapped_column(String(10))
    programme: Mapped[str] = mapped_column(String(64))
    presenting_problem: Mapped[str | None] = mapped_column(String(18))
    note: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(12))
    triage_decision: Mapped[str | None] = mapped_column(String(10))
    triaged_on: Mapped[date | None] = mapped_column(Date)
    triage_reason: Mapped[bytes | None] = mapped_column(LargeBinary)
    first_assessment_on: Mapped[date | None] = mapped_column(Date)
    first_treatment_on: Mapped[date | None] = mapped_column(Date)
    last_treatment_on: Mapped[date | None] = mapped_column(Date)
    treatment_contacts: Mapped[int] = mapped_column(Integer, server_default="0")
    finished_course: Mapped[bool] = mapped_column(Boolean, server_default="false")
    discharged_on: Mapped[date | None] = mapped_column(Date)
    end_code: Mapped[str | None] = mapped_column(String(2))
    ended_reason: Mapped[bytes | None] = mapped_column(
        LargeBinary
    )  # free text: of a cancellation, a reopening, a removal
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(Integer)  # the ETag, and the version of the pathway's last event
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Contact(Base):
    """A care contact planned, held, missed or cancelled."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_referral_id_on_id", "referral_id", "on", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    referral_id: Mapped[UUID] = mapped_column(ForeignKey("referrals.id"))
    on: Mapped[date] = mapped_column(Date)
    at: Mapped[time | None] = mapped_column(Time)
    planned: Mapped[bool] = mapped_column(Boolean)
    attendance: Mapped[str | None] = mapped_column(String(1))
    appointment_type: Mapped[str] = mapped_column(String(2))
    duration_minutes: Mapped[int | None] = mapped_column(SmallInteger)
    mechanism: Mapped[str | None] = mapped_column(String(2))
    therapy_types: Mapped[list[str]] = mapped_column(ARRAY(String(18)))
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    language: Mapped[str | None] = mapped_column(String(3))
    interpreter: Mapped[str | None] = mapped_column(String(1))
    group_session_id: Mapped[UUID | None] = mapped_column(Uuid)
    internet_therapy: Mapped[bool] = mapped_column(Boolean)
    version: Mapped[int] = mapped_column(Integer)  # the contact's own ETag; its events carry the pathway's version
    client: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    removed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Message(Base):
    """A FHIR message as it came, byte for byte, encrypted under its person's key."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_referral_id", "referral_id"), Index("ix_messages_person_id", "person_id"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    client: Mapped[str] = mapped_column(String(200))
    request_id: Mapped[UUID] = mapped_column(Uuid)
    correlation_id: Mapped[UUID] = mapped_column(Uuid)
    referral_id: Mapped[UUID] = mapped_column(ForeignKey("referrals.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(String(10))  # new, update, cancel or remove
    raw: Mapped[bytes | None] = mapped_column(LargeBinary)
    headers: Mapped[bytes | None] = mapped_column(LargeBinary)  # who sent it and with what, as the sender says; sealed
    received_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
