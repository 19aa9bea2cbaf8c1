"""How a site grows into delivering: training, readiness, mentoring, and who answers for what."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, Numeric, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.sites.tables.schema import Base, Recorded


class Training(Recorded, Base):
    """People of a site who were trained, by role and number, never by name."""

    __tablename__ = "training"
    __table_args__ = (Index("ix_training_site_id", "site_id", "on", "id"),)

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    on: Mapped[date] = mapped_column(Date)
    course: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(60))
    people: Mapped[int] = mapped_column(Integer)
    hours_each: Mapped[Decimal | None] = mapped_column(Numeric(6, 2))
    given_by: Mapped[str] = mapped_column(String(10))  # side


class Readiness(Recorded, Base):
    """A site's readiness on one day, by dimension, 0 to 4; the id is the assessment's."""

    __tablename__ = "readiness"
    __table_args__ = (Index("ix_readiness_site_id", "site_id", "on", "id"),)

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    on: Mapped[date] = mapped_column(Date)
    levels: Mapped[dict[str, int]] = mapped_column(JSONB)
    assessed_by: Mapped[str] = mapped_column(String(10))  # side


class Mentorship(Recorded, Base):
    """One site mentors another."""

    __tablename__ = "mentorships"
    __table_args__ = (Index("ix_mentorships_mentee_site_id", "mentee_site_id"),)

    mentor_site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    mentee_site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    began_on: Mapped[date] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)
    focus: Mapped[str] = mapped_column(String(100))


class Agreement(Recorded, Base):
    """Who answers for what at a site, by role, and when that is looked at again."""

    __tablename__ = "agreements"
    __table_args__ = (Index("ix_agreements_site_id", "site_id", "id"), Index("ix_agreements_review_on", "review_on"))

    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    title: Mapped[str] = mapped_column(String(200))
    roles: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)  # responsibility, side, role: never a person's name
    agreed_on: Mapped[date] = mapped_column(Date)
    review_on: Mapped[date] = mapped_column(Date)
    reviewed_on: Mapped[date | None] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)
