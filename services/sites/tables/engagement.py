"""Phase zero and what each side brings: conversations, time, things and money."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, ForeignKey, Index, Numeric, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.sites.tables.schema import Base, Recorded


class Engagement(Recorded, Base):
    """A conversation, meeting or visit of community and statutory people; may lie years before any service."""

    __tablename__ = "engagements"
    __table_args__ = (
        Index("ix_engagements_created_at_id", "created_at", "id"),
        Index("ix_engagements_modified_at_id", "modified_at", "id"),
        Index("ix_engagements_on_id", "on", "id"),
        Index("ix_engagements_site_ids", "site_ids", postgresql_using="gin"),
    )

    on: Mapped[date] = mapped_column(Date)
    kind: Mapped[str] = mapped_column(String(20))
    site_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    space: Mapped[str] = mapped_column(String(20))
    hours: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    people_by_side: Mapped[dict[str, int]] = mapped_column(JSONB)
    topics: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    resources: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    notes: Mapped[str | None] = mapped_column(String(4000))


class Contribution(Recorded, Base):
    """Hours given or money moved from one side to another."""

    __tablename__ = "contributions"
    __table_args__ = (
        Index("ix_contributions_created_at_id", "created_at", "id"),
        Index("ix_contributions_modified_at_id", "modified_at", "id"),
        Index("ix_contributions_site_id", "site_id", "on", "id"),
    )

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    on: Mapped[date] = mapped_column(Date)
    hours: Mapped[Decimal | None] = mapped_column(Numeric(7, 2))
    paid: Mapped[bool] = mapped_column(Boolean)
    money_pence: Mapped[int | None] = mapped_column(BigInteger)
    from_side: Mapped[str] = mapped_column(String(10))
    to_side: Mapped[str] = mapped_column(String(10))
    role: Mapped[str] = mapped_column(String(60))
