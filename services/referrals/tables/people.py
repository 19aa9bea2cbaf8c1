"""People, and what was said of them. Identifiers are encrypted under their person's key; codes and dates are none."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.referrals.tables.schema import Base

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


class Person(Base):
    """Somebody who was referred, as one site (or nobody's site) knows them; every identifying field is ciphertext.

    The same human known to two sites is two records: `matching` ties them together where no site can see it.
    """

    __tablename__ = "people"
    __table_args__ = (
        Index("ix_people_nhs_number_index", "nhs_number_index"),
        Index("ix_people_name_index", "name_index", postgresql_where=text("name_index IS NOT NULL")),
        Index("ix_people_local_id_index", "local_id_index", postgresql_where=text("local_id_index IS NOT NULL")),
        Index("ix_people_unexamined", "id", postgresql_where=text("examined_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(Integer)  # the ETag: counts what was done to this record, and nothing else
    announced: Mapped[int] = mapped_column(Integer)  # the version of the person's last event
    nhs_number: Mapped[bytes | None] = mapped_column(LargeBinary)
    nhs_number_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    name_index: Mapped[bytes | None] = mapped_column(LargeBinary)  # of family name and birth date together
    local_id_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    local_patient_id: Mapped[bytes | None] = mapped_column(LargeBinary)
    family_name: Mapped[bytes | None] = mapped_column(LargeBinary)
    given_name: Mapped[bytes | None] = mapped_column(LargeBinary)
    birth_date: Mapped[bytes | None] = mapped_column(LargeBinary)
    postcode: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone: Mapped[bytes | None] = mapped_column(LargeBinary)
    email: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    examined_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True)
    )  # by the matcher; NULL: to be examined
    restricted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    restriction: Mapped[bytes | None] = mapped_column(LargeBinary)  # why it was put or lifted last
    erased_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PersonKeyRow(Base):
    """A person's key, wrapped by one outside the database; without this row the person cannot be read again."""

    __tablename__ = "person_keys"

    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    wrapped_by: Mapped[str] = mapped_column(String(20))
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class Demographics(Base):
    """What was known of a person's demographics from one moment on, and who said so; the highest version is now.

    `answered` names the fields that this version answered; the others were carried over from the version before.
    """

    __tablename__ = "demographics"

    person_id: Mapped[UUID] = mapped_column(
        ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[str] = mapped_column(String(200))
    answered: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
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


class Correction(Base):
    """An identifying field as it was before it was corrected, encrypted under the person's key."""

    __tablename__ = "corrections"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)  # of the person that the correction led to
    field: Mapped[str] = mapped_column(String(40), primary_key=True)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    was: Mapped[bytes | None] = mapped_column(LargeBinary)
    corrected_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    corrected_by: Mapped[str] = mapped_column(String(200))


class Erasure(Base):
    """A decision to erase a person, and how far it has come; reason and decider are encrypted, but not under the person's key."""

    __tablename__ = "erasures"
    __table_args__ = (Index("ix_erasures_unfinished", "id", postgresql_where=text("finished_at IS NULL")),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), unique=True)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    recorded_by: Mapped[str] = mapped_column(String(200))
    decision: Mapped[bytes] = mapped_column(LargeBinary)
    counts: Mapped[dict[str, int]] = mapped_column(JSONB)  # what was erased, by store
    messages: Mapped[list[int]] = mapped_column(
        ARRAY(BigInteger)
    )  # outbox rows whose message is still to leave the stream
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
