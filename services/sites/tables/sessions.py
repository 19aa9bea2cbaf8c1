"""What took place at a site, and how many came: counts only, nobody's name."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, DateTime, ForeignKey, Index, Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.sites.tables.schema import Base, Recorded


class CommunitySession(Recorded, Base):
    """A workshop, drop-in or group at a site; attendance is added once it was held."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_created_at_id", "created_at", "id"),
        Index("ix_sessions_modified_at_id", "modified_at", "id"),
        Index("ix_sessions_site_id", "site_id", "starts_at", "id"),
        Index("ix_sessions_offer_id", "offer_id"),
    )

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    offer_id: Mapped[UUID | None] = mapped_column(ForeignKey("offers.id"))
    programme: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    starts_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    duration_minutes: Mapped[int] = mapped_column(SmallInteger)
    language: Mapped[str] = mapped_column(String(3))
    facilitators: Mapped[dict[str, int]] = mapped_column(JSONB)  # people by role
    capacity: Mapped[int | None] = mapped_column(Integer)
    cancelled: Mapped[bool] = mapped_column(Boolean)
    headcount: Mapped[int | None] = mapped_column(Integer)
    tallies: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    interpreter_used: Mapped[bool | None] = mapped_column(Boolean)
