"""Who delivers together with the NHS, where, and what is on offer there."""

from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Time,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from services.sites.tables.schema import Base, Recorded

WORDS = "to_tsvector('simple'::regconfig, name || ' ' || description)"


class Organisation(Recorded, Base):
    """Who delivers together with the NHS; a caller limited to sites sees the organisations of those."""

    __tablename__ = "organisations"
    __table_args__ = (
        Index("ix_organisations_created_at_id", "created_at", "id"),
        Index("ix_organisations_modified_at_id", "modified_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    charity_number: Mapped[str | None] = mapped_column(String(12))
    website: Mapped[str | None] = mapped_column(String(300))
    description: Mapped[str | None] = mapped_column(String(4000))


class Site(Recorded, Base):
    """Where it happens; `version` is also that of its events. A caller limited to sites sees only those."""

    __tablename__ = "sites"
    __table_args__ = (
        Index("ix_sites_created_at_id", "created_at", "id"),
        Index("ix_sites_organisation_id", "organisation_id"),
        Index("ix_sites_modified_at_id", "modified_at", "id"),
        Index("ix_sites_latitude_longitude", "latitude", "longitude"),
    )

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


class Offer(Recorded, Base):
    """A service that people can come to at a site, and whether it takes referrals now."""

    __tablename__ = "offers"
    __table_args__ = (
        Index("ix_offers_created_at_id", "created_at", "id"),
        Index("ix_offers_modified_at_id", "modified_at", "id"),
        Index("ix_offers_site_id", "site_id"),
        Index("ix_offers_languages", "languages", postgresql_using="gin"),
        Index("ix_offers_needs", "needs", postgresql_using="gin"),
    )

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(4000))
    programme: Mapped[str] = mapped_column(String(64))
    therapy_types: Mapped[list[str]] = mapped_column(ARRAY(String(18)))
    needs: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    languages: Mapped[list[str]] = mapped_column(ARRAY(String(3)))
    minimum_age: Mapped[int | None] = mapped_column(SmallInteger)
    maximum_age: Mapped[int | None] = mapped_column(SmallInteger)
    capacity: Mapped[int | None] = mapped_column(Integer)
    accepting_referrals: Mapped[bool] = mapped_column(Boolean)
    next_available_on: Mapped[date | None] = mapped_column(Date)
    designed_by: Mapped[str] = mapped_column(String(30))
    delivered_by: Mapped[str] = mapped_column(String(30))
    email: Mapped[str | None] = mapped_column(String(254))  # the service's, public
    phone: Mapped[str | None] = mapped_column(String(40))
    url: Mapped[str | None] = mapped_column(String(300))
    fees: Mapped[str | None] = mapped_column(String(1000))
    status: Mapped[str] = mapped_column(String(20))
    words: Mapped[str] = mapped_column(TSVECTOR, Computed(WORDS, persisted=True), deferred=True)


class Schedule(Base):
    """When an offer takes place: parts of an RRULE (RFC 5545) and times of day, London time."""

    __tablename__ = "schedules"
    __table_args__ = (Index("ix_schedules_offer_id", "offer_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(SmallInteger)  # as the sender ordered them
    freq: Mapped[str] = mapped_column(String(10))  # WEEKLY, MONTHLY
    interval: Mapped[int] = mapped_column(SmallInteger)
    byday: Mapped[list[str]] = mapped_column(ARRAY(String(4)))  # MO, TU … or 1MO, -1FR
    bymonthday: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    dtstart: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    opens_at: Mapped[time] = mapped_column(Time)
    closes_at: Mapped[time] = mapped_column(Time)
    description: Mapped[str | None] = mapped_column(String(300))


class Removed(Base):
    """An offer that is gone from the public feed, so that readers of `modified_after` hear of it."""

    __tablename__ = "removed_offers"

    offer_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    removed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
