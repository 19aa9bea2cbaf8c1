"""What `referrals` keeps. Identifiers are encrypted under a key of their person; codes, dates and ids are not identifiers."""

from datetime import date, datetime
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
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import naming

SEALED = (
    "nhs_number",
    "local_patient_id",
    "family_name",
    "given_name",
    "birth_date",
    "postcode",
    "phone",
    "email",
)


class Base(DeclarativeBase):
    """The tables of this schema."""

    metadata = naming()


class Person(Base):
    """Somebody who was referred; every identifying field is ciphertext."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    nhs_number: Mapped[bytes | None] = mapped_column(LargeBinary)
    nhs_number_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    local_patient_id: Mapped[bytes | None] = mapped_column(LargeBinary)
    family_name: Mapped[bytes | None] = mapped_column(LargeBinary)
    given_name: Mapped[bytes | None] = mapped_column(LargeBinary)
    birth_date: Mapped[bytes | None] = mapped_column(LargeBinary)
    postcode: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    email: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class PersonKeyRow(Base):
    """A person's key, wrapped by one outside the database; without this row the person cannot be read again."""

    __tablename__ = "person_keys"

    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    wrapped_by: Mapped[str] = mapped_column(String(20))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class Demographics(Base):
    """What was known of a person's demographics from one moment on, and who said so; the highest version is now."""

    __tablename__ = "demographics"

    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[str] = mapped_column(String(200))
    gender_identity: Mapped[str | None] = mapped_column(String(2))
    gender_same_at_birth: Mapped[str | None] = mapped_column(String(2))
    ethnic_category: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None] = mapped_column(String(3))
    interpreter_required: Mapped[bool | None] = mapped_column(Boolean)
    religion: Mapped[str | None] = mapped_column(String(18))
    sexual_orientation: Mapped[str | None] = mapped_column(String(18))
    disabilities: Mapped[list[str] | None] = mapped_column(ARRAY(String(2)))
    employment_status: Mapped[str | None] = mapped_column(String(2))
    ex_armed_forces: Mapped[str | None] = mapped_column(String(2))
    long_term_conditions: Mapped[list[str] | None] = mapped_column(ARRAY(String(18)))
    imd_decile: Mapped[int | None] = mapped_column(SmallInteger)


class Referral(Base):
    """A pathway, from the day it was received."""

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
    source: Mapped[str] = mapped_column(String(2))
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    pathway: Mapped[str] = mapped_column(String(10))
    programme: Mapped[str] = mapped_column(String(64))
    presenting_problem: Mapped[str | None] = mapped_column(String(18))
    note: Mapped[bytes | None] = mapped_column(LargeBinary)
    status: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
