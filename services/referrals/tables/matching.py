"""Which records are the same human: what finds candidates, what was asked, and what was decided."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Index, LargeBinary, SmallInteger, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.referrals.tables.schema import Base


class MatchKey(Base):
    """A keyed hash that two records share when they may be the same human; reveals nothing without the key.

    No foreign key: people's rows are never deleted, and checking seven keys each was half of what the matcher writes.
    """

    __tablename__ = "match_keys"

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, index=True)


class PossibleMatch(Base):
    """Two records that may be the same human, until somebody decides; "not the same" is remembered."""

    __tablename__ = "possible_matches"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)  # the smaller id of the two
    other_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True, index=True)
    verdict: Mapped[str] = mapped_column(String(20))
    score: Mapped[int] = mapped_column(SmallInteger)
    reasons: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    found_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    decision: Mapped[str | None] = mapped_column(String(10))  # same, not_same
    decided_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[str | None] = mapped_column(String(200))


class Merge(Base):
    """A record taken for the same human as another; undone, it is as if it had not been.

    A record may be in several, since whoever does not see one of them must not be kept by it from making another.
    """

    __tablename__ = "merges"
    __table_args__ = (
        Index("uq_merges_pair", "person_id", "into_id", unique=True, postgresql_where=text("undone_at IS NULL")),
        Index("ix_merges_into_id", "into_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    into_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"))
    rule: Mapped[str] = mapped_column(String(40))  # nhs_number, name_birth_date_postcode, or decision
    merged_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    merged_by: Mapped[str] = mapped_column(String(200))
    undone_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    undone_by: Mapped[str | None] = mapped_column(String(200))
    reason: Mapped[bytes | None] = mapped_column(LargeBinary)  # why, under the merged person's key
    undone_reason: Mapped[bytes | None] = mapped_column(LargeBinary)


class AnnouncedRoot(Base):
    """As whom reporting was last told to count a merged record; no row: as itself."""

    __tablename__ = "announced_roots"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    root_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), index=True)
