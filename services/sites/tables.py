"""What `sites` keeps. Sites, and through them organisations, are isolated by row-level security."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Double, ForeignKey, Index, Integer, LargeBinary, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import naming


class Base(DeclarativeBase):
    """The tables of this schema."""

    metadata = naming()


class Organisation(Base):
    """Who delivers together with the NHS; a caller limited to sites sees the organisations of those."""

    __tablename__ = "organisations"
    __table_args__ = (Index("ix_organisations_created_at_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    charity_number: Mapped[str | None] = mapped_column(String(12))
    website: Mapped[str | None] = mapped_column(String(300))
    description: Mapped[str | None] = mapped_column(String(4000))
    registered_by: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Site(Base):
    """Where it happens; `version` is also that of its events. A caller limited to sites sees only those."""

    __tablename__ = "sites"
    __table_args__ = (
        Index("ix_sites_created_at_id", "created_at", "id"),
        Index("ix_sites_organisation_id", "organisation_id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(200))
    cluster: Mapped[str | None] = mapped_column(String(100))
    line_1: Mapped[str] = mapped_column(String(200))
    line_2: Mapped[str | None] = mapped_column(String(200))
    town: Mapped[str] = mapped_column(String(100))
    postcode: Mapped[str] = mapped_column(String(8))
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    languages: Mapped[list[str]] = mapped_column(ARRAY(String(3)))
    accessibility: Mapped[str | None] = mapped_column(String(2000))
    redacted_address: Mapped[bool] = mapped_column(Boolean)
    co_provider: Mapped[bool] = mapped_column(Boolean)
    joined_on: Mapped[date] = mapped_column(Date)
    status: Mapped[str] = mapped_column(String(6))
    registered_by: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
