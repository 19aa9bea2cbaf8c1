"""What reporting keeps: narrow facts, learned from events. The comments are in the database too, for whoever reads it there."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, Double, Index, Integer, SmallInteger, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import naming


class Base(DeclarativeBase):
    """The facts; `roundtable rebuild` makes all of these tables again."""

    metadata = naming()


class Pathway(Base):
    """One pathway; a column no event has told of yet is NULL."""

    __tablename__ = "pathways"
    __table_args__ = (
        Index("ix_pathways_received_on", "received_on"),
        Index("ix_pathways_site_id_received_on", "site_id", "received_on"),
        Index("ix_pathways_person_key", "person_key"),
        {"comment": "One row per pathway (referral), the unit that national measures count."},
    )

    referral_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The pathway.")
    person_key: Mapped[str | None] = mapped_column(
        String(32), comment="Whose pathway: a pseudonym that only referrals can make."
    )
    received_on: Mapped[date | None] = mapped_column(Date, comment="Day the referral was received.")
    source: Mapped[str | None] = mapped_column(String(2), comment="Who referred: code of source_of_referral_iapt.")
    source_system: Mapped[str | None] = mapped_column(String(64), comment="The system that sent the referral.")
    site_id: Mapped[UUID | None] = mapped_column(
        Uuid, comment="The co-provider site that introduced the person; NULL when none did."
    )
    pathway: Mapped[str | None] = mapped_column(String(10), comment="triage or drop_in.")
    programme: Mapped[str | None] = mapped_column(String(64), comment="The programme, by its short name.")
    presenting_problem: Mapped[str | None] = mapped_column(
        String(18), comment="The row of the code list presenting_problem (F32*, F400 …), not the diagnosis itself."
    )


class Person(Base):
    """The last recorded picture of a person's demographics; NULL is not recorded, which no code means."""

    __tablename__ = "persons"
    __table_args__ = (
        {"comment": "Demographics by pseudonym; the last recorded picture counts for all their pathways."},
    )

    person_key: Mapped[str] = mapped_column(String(32), primary_key=True, comment="A pseudonym.")
    birth_month: Mapped[int | None] = mapped_column(Integer, comment="Month of birth: 12 * year + month - 1.")
    gender_identity: Mapped[str | None] = mapped_column(String(2), comment="Code of gender_identity.")
    gender_same_at_birth: Mapped[str | None] = mapped_column(String(2), comment="Code of gender_same_at_birth.")
    ethnic_category: Mapped[str | None] = mapped_column(String(2), comment="Code of ethnic_category.")
    language: Mapped[str | None] = mapped_column(String(3), comment="Preferred language: code of language.")
    interpreter_required: Mapped[bool | None] = mapped_column(Boolean, comment="Whether an interpreter is needed.")
    religion: Mapped[str | None] = mapped_column(String(18), comment="Code of religion (SNOMED CT).")
    sexual_orientation: Mapped[str | None] = mapped_column(String(18), comment="Code of sexual_orientation.")
    disabilities: Mapped[list[str] | None] = mapped_column(ARRAY(String(2)), comment="Codes of disability, in order.")
    employment_status: Mapped[str | None] = mapped_column(String(2), comment="Code of employment_status.")
    ex_armed_forces: Mapped[str | None] = mapped_column(String(2), comment="Code of ex_armed_forces.")
    long_term_conditions: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(18)), comment="Codes of long_term_condition, in order."
    )
    imd_decile: Mapped[int | None] = mapped_column(SmallInteger, comment="Deprivation decile, 1 most deprived.")


class Site(Base):
    """A site of the network as last announced."""

    __tablename__ = "sites"
    __table_args__ = ({"comment": "Sites of the network, as last announced."},)

    site_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The site.")
    name: Mapped[str | None] = mapped_column(String(200), comment="Its public name.")
    organisation_kind: Mapped[str | None] = mapped_column(String(20), comment="church, mosque, charity …")
    cluster: Mapped[str | None] = mapped_column(String(100), comment="The group of sites it belongs to.")
    languages: Mapped[list[str] | None] = mapped_column(ARRAY(String(3)), comment="Languages offered, in order.")
    co_provider: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it delivers together with the NHS, now.")
    status: Mapped[str | None] = mapped_column(String(10), comment="active, paused or closed.")


class Score(Base):
    """A scored response to an instrument; never an answer to an item."""

    __tablename__ = "scores"
    __table_args__ = (
        Index("ix_scores_referral_id_instrument_answered_on", "referral_id", "instrument", "answered_on"),
        {"comment": "Scored responses: totals and counts, never an answer to an item."},
    )

    response_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The response.")
    referral_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The pathway it belongs to.")
    instrument: Mapped[str | None] = mapped_column(String(40), comment="Short name of the instrument: phq9, gad7 …")
    version: Mapped[str | None] = mapped_column(String(20), comment="Version of the instrument.")
    answered_on: Mapped[date | None] = mapped_column(Date, comment="Day it was answered.")
    total: Mapped[float | None] = mapped_column(Double, comment="Total score; NULL when too few items were answered.")
    subscales: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True), comment="Scores of parts.")
    missing_items: Mapped[int | None] = mapped_column(SmallInteger, comment="Items left unanswered.")
    mode: Mapped[str | None] = mapped_column(String(20), comment="self, phone, face_to_face, paper or assisted.")
    language: Mapped[str | None] = mapped_column(String(3), comment="Language it was answered in.")
