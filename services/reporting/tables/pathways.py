"""Pathways, their contacts and scores, people and sites."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, DateTime, Double, Index, Integer, Numeric, SmallInteger, String, Uuid, false, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, aliased, mapped_column

from services.reporting.tables.schema import Base


def _number(comment: str) -> Mapped[int]:
    return mapped_column(Integer, server_default=text("0"), comment=comment)


def _flag(comment: str) -> Mapped[bool]:
    return mapped_column(Boolean, server_default=false(), comment=comment)


class Pathway(Base):
    """One pathway; a column no event has told of yet is NULL. From `ended_on` on, columns are recomputed, never told."""

    __tablename__ = "pathways"
    __table_args__ = (
        Index("ix_pathways_received_on", "received_on"),
        Index("ix_pathways_site_id_received_on", "site_id", "received_on"),
        Index("ix_pathways_person_key", "person_key"),
        Index("ix_pathways_ended_on", "ended_on"),
        Index("ix_pathways_first_assessment_on", "first_assessment_on"),
        Index("ix_pathways_first_treatment_on", "first_treatment_on"),
        Index("ix_pathways_second_treatment_on", "second_treatment_on"),
        {"comment": "One row per pathway (referral), the unit that national measures count."},
    )

    referral_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The pathway.")
    person_key: Mapped[str | None] = mapped_column(
        String(32), comment="Whose pathway: a pseudonym that only referrals can make; NULL once the person was erased."
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
    counts_as: Mapped[str | None] = mapped_column(
        String(32), comment="Whose picture counts: the person, or the one that the person was merged into."
    )
    removed: Mapped[bool] = _flag("Entered in error: counts nowhere, nor do its contacts and scores.")
    triage_decision: Mapped[str | None] = mapped_column(String(10), comment="accepted, rejected or redirected.")
    triaged_on: Mapped[date | None] = mapped_column(Date, comment="Day of that decision.")
    refused_on: Mapped[date | None] = mapped_column(
        Date, comment="Day triage rejected or redirected; NULL when it did not, or when the pathway was reopened since."
    )
    discharged_on: Mapped[date | None] = mapped_column(Date, comment="Day of the discharge that stands.")
    end_code: Mapped[str | None] = mapped_column(String(2), comment="What the discharge said: code of care_spell_end.")

    ended_on: Mapped[date | None] = mapped_column(
        Date, comment="Day the pathway ended: of the discharge, else of the refusal at triage. NULL is open."
    )
    ended_code: Mapped[str | None] = mapped_column(
        String(2), comment="How it ended: the discharge's code, else 10 when rejected and 11 when redirected."
    )
    care_contacts: Mapped[int] = _number("Attended contacts of every type.")
    treatment_contacts: Mapped[int] = _number("Attended contacts that treated, internet therapy included.")
    missed_contacts: Mapped[int] = _number("Contacts the patient did not come to, or too late to be seen.")
    cancelled_contacts: Mapped[int] = _number("Contacts cancelled by the patient or the provider.")
    minutes: Mapped[int] = _number("Length of its treatment contacts together.")
    first_attended_on: Mapped[date | None] = mapped_column(Date, comment="Day of the first attended contact.")
    first_assessment_on: Mapped[date | None] = mapped_column(Date, comment="Day of the first attended assessment.")
    first_treatment_on: Mapped[date | None] = mapped_column(Date, comment="Day of the first treatment contact.")
    second_treatment_on: Mapped[date | None] = mapped_column(
        Date, comment="Day of the second treatment contact, which may be that of the first."
    )
    last_treatment_on: Mapped[date | None] = mapped_column(Date, comment="Day of the last treatment contact.")
    treated_on: Mapped[list[date] | None] = mapped_column(
        ARRAY(Date), comment="Days of all treatment contacts in order, so that any day can be looked back from."
    )
    last_contact_on: Mapped[date | None] = mapped_column(
        Date, comment="Day of the last contact of any kind, planned ones and those after the end included."
    )
    last_contact_kept: Mapped[bool | None] = mapped_column(
        Boolean, comment="Whether any contact of that day was not missed, nor cancelled by the patient."
    )
    therapy_types: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(18)), comment="Codes of therapy_type used in treatment contacts, in order."
    )
    intensity: Mapped[str | None] = mapped_column(String(4), comment="low, high or both, of treatment contacts.")
    mechanisms: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(2)), comment="Codes of consultation_mechanism used in treatment contacts, in order."
    )
    delivery_languages: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(3)), comment="Languages of treatment contacts, in order, one code for each language."
    )
    interpreters: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(1)), comment="Codes of interpreter in treatment contacts, in order."
    )
    first_phq_9: Mapped[Decimal | None] = mapped_column(Numeric, comment="First PHQ-9 total.")
    last_phq_9: Mapped[Decimal | None] = mapped_column(Numeric, comment="Last PHQ-9 total; NULL unless there are two.")
    first_gad_7: Mapped[Decimal | None] = mapped_column(Numeric, comment="First GAD-7 total.")
    last_gad_7: Mapped[Decimal | None] = mapped_column(Numeric, comment="Last GAD-7 total; NULL unless there are two.")
    first_wsas: Mapped[Decimal | None] = mapped_column(Numeric, comment="First WSAS total.")
    last_wsas: Mapped[Decimal | None] = mapped_column(Numeric, comment="Last WSAS total; NULL unless there are two.")
    anxiety_measure: Mapped[str | None] = mapped_column(
        String(40), comment="The anxiety measure that counts: that of the problem when it is a pair, else gad_7."
    )
    first_anxiety: Mapped[Decimal | None] = mapped_column(Numeric, comment="First total of that measure.")
    last_anxiety: Mapped[Decimal | None] = mapped_column(Numeric, comment="Its last; NULL unless there are two.")
    finished_course: Mapped[bool] = _flag("Ended with two treatment contacts or more.")
    paired: Mapped[bool] = _flag("PHQ-9 and the anxiety measure both have a first and a last score.")
    at_caseness: Mapped[bool] = _flag("The first PHQ-9 or the first anxiety score is a case.")
    not_at_caseness: Mapped[bool] = _flag("Both first scores are known, and neither is a case.")
    recovered: Mapped[bool] = _flag("At caseness at first, and neither last score is a case.")
    reliably_improved: Mapped[bool] = _flag("One score fell reliably, and the other did not rise so.")
    reliably_deteriorated: Mapped[bool] = _flag("One score rose reliably, and the other did not fall so.")
    reliably_unchanged: Mapped[bool] = _flag("Paired, and neither of the two.")
    reliably_recovered: Mapped[bool] = _flag("Recovered, and reliably improved.")


class Contact(Base):
    """A care contact as last recorded."""

    __tablename__ = "contacts"
    __table_args__ = (
        Index("ix_contacts_referral_id", "referral_id"),
        Index("ix_contacts_contact_on", "contact_on"),
        {"comment": "One row per care contact, planned ones included; national measures count those as appointments."},
    )

    contact_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, comment="The contact.")
    referral_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The pathway it belongs to.")
    contact_on: Mapped[date | None] = mapped_column(Date, comment="Its day.")
    planned: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it was planned.")
    attendance: Mapped[str | None] = mapped_column(String(1), comment="Code of attendance.")
    appointment_type: Mapped[str | None] = mapped_column(String(2), comment="Code of appointment_type.")
    attended: Mapped[bool] = _flag("Attended, or not planned.")
    assessment: Mapped[bool] = _flag("An attended assessment.")
    treatment: Mapped[bool] = _flag("Attended, and counts towards a course of treatment.")
    internet_therapy: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it was internet therapy.")
    duration_minutes: Mapped[int | None] = mapped_column(SmallInteger, comment="Its length.")
    mechanism: Mapped[str | None] = mapped_column(String(2), comment="Code of consultation_mechanism.")
    therapy_types: Mapped[list[str] | None] = mapped_column(
        ARRAY(String(18)), comment="Codes of therapy_type, in order; NULL when there are none."
    )
    intensity: Mapped[str | None] = mapped_column(String(4), comment="low, high or both, by its therapy types.")
    site_id: Mapped[UUID | None] = mapped_column(Uuid, comment="Where it happened.")
    language: Mapped[str | None] = mapped_column(String(3), comment="Its language, one code for each language.")
    interpreter: Mapped[str | None] = mapped_column(String(1), comment="Code of interpreter.")
    group_session_id: Mapped[UUID | None] = mapped_column(Uuid, comment="The group session that it was part of.")
    removed: Mapped[bool] = _flag("Entered in error: counts nowhere.")


class Person(Base):
    """The last recorded picture of a person's demographics; NULL is not recorded, which no code means."""

    __tablename__ = "persons"
    __table_args__ = (
        Index("ix_persons_into_key", "into_key", postgresql_where=text("into_key IS NOT NULL")),
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
    into_key: Mapped[str | None] = mapped_column(
        String(32), comment="The person this one was merged into, whose picture counts for both."
    )


class Restriction(Base):
    """Whether a person's record may be used; a person nobody asked about has no row."""

    __tablename__ = "restrictions"
    __table_args__ = ({"comment": "People whose records may be kept and not used: their pathways count nowhere."},)

    person_key: Mapped[str] = mapped_column(String(32), primary_key=True, comment="A pseudonym.")
    restricted: Mapped[bool | None] = mapped_column(Boolean, comment="Whether it is so now.")


class ErasedPerson(Base):
    """A pseudonym that nothing may be linked to any more, were it in an event still to come."""

    __tablename__ = "erased_people"
    __table_args__ = ({"comment": "Pseudonyms of erased people, so that late events are not linked to them."},)

    person_key: Mapped[str] = mapped_column(String(32), primary_key=True, comment="A pseudonym nobody has any more.")


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


ContactSite = aliased(Site, name="contact_sites")  # where a contact happens; a pathway's own site introduced the person


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
    recorded_at: Mapped[datetime | None] = mapped_column(
        DateTime(timezone=True), comment="When it was recorded: of two answered on one day, the later counts as later."
    )
