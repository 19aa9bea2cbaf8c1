"""What `surveys` keeps. Responses are isolated by the site where they were collected, by row-level security.

Item answers are in `responses.answers` and nowhere else: in no event, log, error, list or stored answer.
"""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Index, Integer, LargeBinary, Numeric, SmallInteger, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import naming


class Base(DeclarativeBase):
    """The tables of this schema."""

    metadata = naming()


class Response(Base):
    """One instrument answered once, and its score; never changed."""

    __tablename__ = "responses"
    __table_args__ = (Index("ix_responses_referral_id", "referral_id", "answered_on", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    referral_id: Mapped[UUID] = mapped_column(Uuid)
    site_id: Mapped[UUID | None] = mapped_column(Uuid)
    instrument: Mapped[str] = mapped_column(String(40))
    instrument_version: Mapped[str] = mapped_column(String(20))
    answered_on: Mapped[date] = mapped_column(Date)
    mode: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(3))
    helper: Mapped[str] = mapped_column(String(20))
    answers: Mapped[dict[str, int] | None] = mapped_column(JSONB(none_as_null=True))
    total: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    missing_items: Mapped[int] = mapped_column(SmallInteger)
    prorated: Mapped[bool] = mapped_column(Boolean)
    sent_by: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
