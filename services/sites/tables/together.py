"""Both sides at the table: shared goals, questions and answers, and how co-produced an offer is."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, ForeignKey, Index, Integer, Numeric, String, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from services.sites.tables.schema import Base, Recorded


class Goal(Recorded, Base):
    """What both sides want to reach; in force only when both have signed."""

    __tablename__ = "goals"
    __table_args__ = (Index("ix_goals_created_at_id", "created_at", "id"),)

    title: Mapped[str] = mapped_column(String(300))
    measure_id: Mapped[str | None] = mapped_column(String(60))
    target: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    begins_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    site_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    outcome: Mapped[str | None] = mapped_column(String(10))  # met, partly, not_met, dropped
    closed_on: Mapped[date | None] = mapped_column(Date)
    unsigned_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))  # its words changed under signatures
    announced: Mapped[int] = mapped_column(Integer)  # events so far: not every change is one
    signatures: Mapped[list["Signature"]] = relationship(
        viewonly=True, lazy="raise", order_by="Signature.signed_on, Signature.side"
    )


class Signature(Base):
    """One side's signature under a goal as it stood in one version of its words."""

    __tablename__ = "goal_signatures"

    goal_id: Mapped[UUID] = mapped_column(ForeignKey("goals.id"), primary_key=True)
    side: Mapped[str] = mapped_column(String(10), primary_key=True)
    signed_on: Mapped[date] = mapped_column(Date)
    role: Mapped[str] = mapped_column(String(60))
    client: Mapped[str] = mapped_column(String(200))


class Reflection(Recorded, Base):
    """What one side says of a goal in one period; nobody but who wrote it can change it."""

    __tablename__ = "goal_reflections"
    __table_args__ = (Index("uq_goal_reflections_side_period", "goal_id", "side", "period", unique=True),)

    goal_id: Mapped[UUID] = mapped_column(ForeignKey("goals.id"))
    side: Mapped[str] = mapped_column(String(10))
    period: Mapped[str] = mapped_column(String(7))  # 2026-Q3
    words: Mapped[str] = mapped_column(String(4000))
    progress: Mapped[str] = mapped_column(String(10))  # on_track, at_risk, met, not_met


class Question(Recorded, Base):
    """A question of a site to an organisation that answers to it; the log is public unless it says otherwise."""

    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_created_at_id", "created_at", "id"),
        Index("ix_questions_unanswered", "due_on", postgresql_where=text("answered_on IS NULL")),
    )

    asked_by_site: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    to_organisation: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    words: Mapped[str] = mapped_column(String(4000))
    topic: Mapped[str | None] = mapped_column(String(60))
    asked_on: Mapped[date] = mapped_column(Date)
    due_on: Mapped[date] = mapped_column(Date)
    public: Mapped[bool] = mapped_column(Boolean)
    answer: Mapped[str | None] = mapped_column(String(4000))
    answered_on: Mapped[date | None] = mapped_column(Date)
    you_said_we_did: Mapped[str | None] = mapped_column(String(2000))
    overdue_announced: Mapped[bool] = mapped_column(Boolean)
    announced: Mapped[int] = mapped_column(Integer)  # events so far: not every change is one


class CoproductionAssessment(Recorded, Base):
    """How co-produced one side finds an offer: six principles (0 to 4) and a rung of the ladder."""

    __tablename__ = "assessments_of_coproduction"
    __table_args__ = (Index("ix_assessments_of_coproduction_offer_id", "offer_id", "on", "id"),)

    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offers.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("sites.id"))
    side: Mapped[str] = mapped_column(String(10))
    on: Mapped[date] = mapped_column(Date)
    principles: Mapped[dict[str, int]] = mapped_column(JSONB)
    rung: Mapped[str] = mapped_column(String(10))  # doing_to, doing_for, doing_with
    designed_by: Mapped[str] = mapped_column(String(30))
    delivered_by: Mapped[str] = mapped_column(String(30))
