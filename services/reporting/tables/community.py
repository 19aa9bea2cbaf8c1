"""What sites do, what both sides bring, and what they hold each other to. Counts, days and codes; never a person."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Index, Integer, Numeric, SmallInteger, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.reporting.tables.schema import Base

COUNTS = JSONB(none_as_null=True)


class Offer(Base):
    """What is on offer at a site, as last announced."""

    __tablename__ = "offers"
    __table_args__ = ({"comment": "What is on offer at sites, as last announced."},)

    offer_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The offer.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="Where it is.")
    programme: Mapped[str | None] = mapped_column(String(64), comment="The programme, by its short name.")
    therapy_types: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(18)), comment="Codes of therapy_type, in order."
    )
    languages: Mapped[list[str] | None] = mapped_column(ARRAY(String(3)), comment="Languages, in order.")
    capacity: Mapped[int | None] = mapped_column(Integer, comment="Places; NULL when it has no limit.")
    accepting_referrals: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it takes referrals now.")
    next_available_on: Mapped[date | None] = mapped_column(Date, comment="Next day with a place.")
    designed_by: Mapped[str | None] = mapped_column(
        String(30), comment="professionals, together or people_using_services."
    )
    delivered_by: Mapped[str | None] = mapped_column(
        String(30), comment="professionals, together or people_using_services."
    )
    status: Mapped[str | None] = mapped_column(String(20), comment="active, inactive, temporarily_closed or withdrawn.")


class Session(Base):
    """A workshop, drop-in or group at a site, and how many came."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("ix_sessions_held_on", "held_on"),
        {"comment": "One row per session at a site; attendance is a headcount, nobody's name."},
    )

    session_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The session.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="Where it takes place.")
    offer_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The offer it belongs to.")
    programme: Mapped[str | None] = mapped_column(String(64), comment="The programme, by its short name.")
    kind: Mapped[str | None] = mapped_column(String(20), comment="workshop, drop_in, group …")
    held_on: Mapped[date | None] = mapped_column(Date, comment="Its day, in London.")
    duration_minutes: Mapped[int | None] = mapped_column(SmallInteger, comment="Its length.")
    language: Mapped[str | None] = mapped_column(String(3), comment="Its language, one code for each language.")
    facilitators: Mapped[dict[str, int] | None] = mapped_column(COUNTS, comment="How many led it, by role.")
    cancelled: Mapped[bool | None] = mapped_column(Boolean, comment="Called off: counts nowhere.")
    headcount: Mapped[int | None] = mapped_column(Integer, comment="How many came; NULL until that is recorded.")
    tallies: Mapped[dict[str, dict[str, int]] | None] = mapped_column(
        COUNTS, comment="Of those, how many by code list and code; anonymous, and not of everybody."
    )
    interpreter_used: Mapped[bool | None] = mapped_column(Boolean, comment="Whether an interpreter was there.")


class Engagement(Base):
    """Community and statutory people met; may lie years before any service."""

    __tablename__ = "engagements"
    __table_args__ = (
        Index("ix_engagements_engaged_on", "engaged_on"),
        {"comment": "Meetings of both sides: where, how long, how many of each, what each brought."},
    )

    engagement_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The engagement.")
    engaged_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    kind: Mapped[str | None] = mapped_column(String(20), comment="conversation, meeting, forum …")
    site_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid), comment="The sites it was with, in order.")
    space: Mapped[str | None] = mapped_column(String(20), comment="community, statutory or online.")
    hours: Mapped[Decimal | None] = mapped_column(Numeric, comment="How long it lasted.")
    community_people: Mapped[int | None] = mapped_column(Integer, comment="How many of the community side were there.")
    statutory_people: Mapped[int | None] = mapped_column(Integer, comment="How many of the statutory side were there.")
    resources: Mapped[dict[str, dict[str, int]] | None] = mapped_column(
        COUNTS, comment="How many things each side brought: side, then symbolic, relational or material."
    )


class Contribution(Base):
    """Hours given, or money moved, from one side to another."""

    __tablename__ = "contributions"
    __table_args__ = (
        Index("ix_contributions_given_on", "given_on"),
        {"comment": "Hours given and money moved between the sides."},
    )

    contribution_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The contribution.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site it was made at.")
    given_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    hours: Mapped[Decimal | None] = mapped_column(Numeric, comment="Hours given.")
    paid: Mapped[bool | None] = mapped_column(Boolean, comment="Whether they were paid for.")
    money_pence: Mapped[int | None] = mapped_column(BigInteger, comment="Money moved, pence.")
    from_side: Mapped[str | None] = mapped_column(String(10), comment="Who gave: community or statutory.")
    to_side: Mapped[str | None] = mapped_column(String(10), comment="Who was given to: community or statutory.")


class Training(Base):
    """People of a site who were trained, by role and number."""

    __tablename__ = "training"
    __table_args__ = (
        Index("ix_training_trained_on", "trained_on"),
        {"comment": "People trained at sites: a role and how many."},
    )

    training_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The training.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site whose people they are.")
    trained_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    role: Mapped[str | None] = mapped_column(String(60), comment="What they were trained as.")
    people: Mapped[int | None] = mapped_column(Integer, comment="How many.")
    hours_each: Mapped[Decimal | None] = mapped_column(Numeric, comment="How long it took each of them.")
    given_by: Mapped[str | None] = mapped_column(String(10), comment="Who trained them: community or statutory.")


class Readiness(Base):
    """A site's readiness on one day."""

    __tablename__ = "readiness"
    __table_args__ = (
        Index("ix_readiness_site_id_assessed_on", "site_id", "assessed_on"),
        {"comment": "Assessments of sites' readiness, by dimension, 0 to 4."},
    )

    assessment_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The assessment.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site.")
    assessed_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    levels: Mapped[dict[str, int] | None] = mapped_column(COUNTS, comment="Level of each dimension, 0 to 4.")
    assessed_by: Mapped[str | None] = mapped_column(String(10), comment="Whose view: community or statutory.")
    recorded_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="When it was recorded: of two of one day, the later counts."
    )


class Mentorship(Base):
    """One site mentors another."""

    __tablename__ = "mentorships"
    __table_args__ = ({"comment": "Sites that mentor sites, from a day and perhaps to a day."},)

    mentorship_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The mentorship.")
    mentor_site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site that mentors.")
    mentee_site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site that is mentored.")
    began_on: Mapped[date | None] = mapped_column(Date, comment="First day.")
    ended_on: Mapped[date | None] = mapped_column(Date, comment="Last day; NULL while it goes on.")


class Agreement(Base):
    """Who answers for what at a site was agreed."""

    __tablename__ = "agreements"
    __table_args__ = ({"comment": "Agreements on who answers for what at a site: their dates."},)

    agreement_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The agreement.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site.")
    agreed_on: Mapped[date | None] = mapped_column(Date, comment="Day it was agreed.")
    review_on: Mapped[date | None] = mapped_column(Date, comment="Day it is to be looked at again.")
    reviewed_on: Mapped[date | None] = mapped_column(Date, comment="Day it last was.")
    ended_on: Mapped[date | None] = mapped_column(Date, comment="Day it ended.")


class Goal(Base):
    """What both sides want to reach, once one of them has signed it."""

    __tablename__ = "goals"
    __table_args__ = (
        Index("ix_goals_closed_on", "closed_on"),
        {"comment": "Shared goals that at least one side has signed, or that were closed."},
    )

    goal_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The goal.")
    site_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid), comment="The sites it is about, in order.")
    begins_on: Mapped[date | None] = mapped_column(Date, comment="First day of its period.")
    ends_on: Mapped[date | None] = mapped_column(Date, comment="Last day of its period.")
    measure_id: Mapped[str | None] = mapped_column(String(60), comment="The measure it is tied to.")
    community_signed_on: Mapped[date | None] = mapped_column(Date, comment="Day the community side last signed it.")
    statutory_signed_on: Mapped[date | None] = mapped_column(Date, comment="Day the statutory side last signed it.")
    in_force: Mapped[bool | None] = mapped_column(
        Boolean, comment="Whether both sides had signed its words at the last signature."
    )
    outcome: Mapped[str | None] = mapped_column(String(10), comment="met, partly, not_met or dropped; NULL is open.")
    closed_on: Mapped[date | None] = mapped_column(Date, comment="Day it was closed.")


class GoalReflection(Base):
    """What each side made of a goal in one quarter."""

    __tablename__ = "goal_reflections"
    __table_args__ = ({"comment": "Goals and quarters that at least one side reflected on."},)

    goal_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The goal.")
    quarter_ended_on: Mapped[date] = mapped_column(Date, primary_key=True, comment="Last day of the quarter.")
    community_progress: Mapped[str | None] = mapped_column(
        String(10), comment="How it stands to the community side; NULL until that side reflects."
    )
    statutory_progress: Mapped[str | None] = mapped_column(
        String(10), comment="How it stands to the statutory side; NULL until that side reflects."
    )


class Question(Base):
    """A question of a site to an organisation."""

    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_asked_on", "asked_on"),
        Index("ix_questions_answered_on", "answered_on"),
        {"comment": "Questions of sites to organisations: their days, never their words."},
    )

    question_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The question.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site that asks.")
    to_organisation: Mapped[UUID | None] = mapped_column(Uuid, comment="The organisation that is asked.")
    asked_on: Mapped[date | None] = mapped_column(Date, comment="Day it was asked.")
    due_on: Mapped[date | None] = mapped_column(Date, comment="Last day for the answer.")
    answered_on: Mapped[date | None] = mapped_column(Date, comment="Day it was answered.")
    you_said_we_did: Mapped[bool | None] = mapped_column(Boolean, comment="Whether something was done.")
    left_unanswered: Mapped[bool | None] = mapped_column(
        Boolean, comment="Whether its day was announced to have gone by without an answer."
    )


class CoproductionAssessment(Base):
    """How co-produced a side finds an offer."""

    __tablename__ = "coproduction_assessments"
    __table_args__ = (
        Index("ix_coproduction_assessments_offer_id_side_assessed_on", "offer_id", "side", "assessed_on"),
        {"comment": "How co-produced each side finds an offer: six principles, 0 to 4, and a rung of the ladder."},
    )

    assessment_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The assessment.")
    offer_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The offer.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The site it is at.")
    side: Mapped[str | None] = mapped_column(String(10), comment="Whose view: community or statutory.")
    assessed_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    principles: Mapped[dict[str, Any] | None] = mapped_column(COUNTS, comment="Level of each principle, 0 to 4.")
    rung: Mapped[str | None] = mapped_column(String(10), comment="doing_to, doing_for or doing_with.")
    designed_by: Mapped[str | None] = mapped_column(
        String(30), comment="professionals, together or people_using_services."
    )
    delivered_by: Mapped[str | None] = mapped_column(
        String(30), comment="professionals, together or people_using_services."
    )
    recorded_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="When it was recorded: of two of one day, the later counts."
    )
