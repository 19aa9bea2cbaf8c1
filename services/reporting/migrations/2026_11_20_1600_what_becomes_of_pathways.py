"""What becomes of pathways: contacts, ends, outcomes; and of people: merged, restricted, erased.

Facts of events that came before this are made by `roundtable rebuild`.
"""

from typing import Any

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

revision = "cca244b6022e"
down_revision = "2026_11_20_1300"
branch_labels = None
depends_on = None


def _new_pathways() -> list[Column[Any]]:
    return [
        Column(
            "counts_as",
            String(length=32),
            comment="Whose picture counts: the person, or the one that the person was merged into.",
        ),
        Column(
            "removed",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Entered in error: counts nowhere, nor do its contacts and scores.",
        ),
        Column("triage_decision", String(length=10), comment="accepted, rejected or redirected."),
        Column("triaged_on", Date(), comment="Day of that decision."),
        Column(
            "refused_on",
            Date(),
            comment="Day triage rejected or redirected; NULL when it did not, or when the pathway was reopened since.",
        ),
        Column("discharged_on", Date(), comment="Day of the discharge that stands."),
        Column("end_code", String(length=2), comment="What the discharge said: code of care_spell_end."),
        Column(
            "ended_on",
            Date(),
            comment="Day the pathway ended: of the discharge, else of the refusal at triage. NULL is open.",
        ),
        Column(
            "ended_code",
            String(length=2),
            comment="How it ended: the discharge's code, else 10 when rejected and 11 when redirected.",
        ),
        Column(
            "care_contacts",
            Integer(),
            server_default=text("0"),
            nullable=False,
            comment="Attended contacts of every type.",
        ),
        Column(
            "treatment_contacts",
            Integer(),
            server_default=text("0"),
            nullable=False,
            comment="Attended contacts that treated, internet therapy included.",
        ),
        Column(
            "missed_contacts",
            Integer(),
            server_default=text("0"),
            nullable=False,
            comment="Contacts the patient did not come to, or too late to be seen.",
        ),
        Column(
            "cancelled_contacts",
            Integer(),
            server_default=text("0"),
            nullable=False,
            comment="Contacts cancelled by the patient or the provider.",
        ),
        Column(
            "minutes",
            Integer(),
            server_default=text("0"),
            nullable=False,
            comment="Length of its treatment contacts together.",
        ),
        Column("first_attended_on", Date(), comment="Day of the first attended contact."),
        Column("first_assessment_on", Date(), comment="Day of the first attended assessment."),
        Column("first_treatment_on", Date(), comment="Day of the first treatment contact."),
        Column(
            "second_treatment_on",
            Date(),
            comment="Day of the second treatment contact, which may be that of the first.",
        ),
        Column("last_treatment_on", Date(), comment="Day of the last treatment contact."),
        Column(
            "treated_on",
            ARRAY(Date()),
            comment="Days of all treatment contacts in order, so that any day can be looked back from.",
        ),
        Column(
            "last_contact_on",
            Date(),
            comment="Day of the last contact of any kind, planned ones and those after the end included.",
        ),
        Column(
            "last_contact_kept",
            Boolean(),
            comment="Whether any contact of that day was not missed, nor cancelled by the patient.",
        ),
        Column(
            "therapy_types",
            ARRAY(String(length=18)),
            comment="Codes of therapy_type used in treatment contacts, in order.",
        ),
        Column("intensity", String(length=4), comment="low, high or both, of treatment contacts."),
        Column(
            "mechanisms",
            ARRAY(String(length=2)),
            comment="Codes of consultation_mechanism used in treatment contacts, in order.",
        ),
        Column(
            "delivery_languages",
            ARRAY(String(length=3)),
            comment="Languages of treatment contacts, in order, one code for each language.",
        ),
        Column(
            "interpreters", ARRAY(String(length=1)), comment="Codes of interpreter in treatment contacts, in order."
        ),
        Column("first_phq_9", Numeric(), comment="First PHQ-9 total."),
        Column("last_phq_9", Numeric(), comment="Last PHQ-9 total; NULL unless there are two."),
        Column("first_gad_7", Numeric(), comment="First GAD-7 total."),
        Column("last_gad_7", Numeric(), comment="Last GAD-7 total; NULL unless there are two."),
        Column("first_wsas", Numeric(), comment="First WSAS total."),
        Column("last_wsas", Numeric(), comment="Last WSAS total; NULL unless there are two."),
        Column(
            "anxiety_measure",
            String(length=40),
            comment="The anxiety measure that counts: that of the problem when it is a pair, else gad_7.",
        ),
        Column("first_anxiety", Numeric(), comment="First total of that measure."),
        Column("last_anxiety", Numeric(), comment="Its last; NULL unless there are two."),
        Column(
            "finished_course",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Ended with two treatment contacts or more.",
        ),
        Column(
            "paired",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="PHQ-9 and the anxiety measure both have a first and a last score.",
        ),
        Column(
            "at_caseness",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="The first PHQ-9 or the first anxiety score is a case.",
        ),
        Column(
            "not_at_caseness",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Both first scores are known, and neither is a case.",
        ),
        Column(
            "recovered",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="At caseness at first, and neither last score is a case.",
        ),
        Column(
            "reliably_improved",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="One score fell reliably, and the other did not rise so.",
        ),
        Column(
            "reliably_deteriorated",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="One score rose reliably, and the other did not fall so.",
        ),
        Column(
            "reliably_unchanged",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Paired, and neither of the two.",
        ),
        Column(
            "reliably_recovered",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Recovered, and reliably improved.",
        ),
    ]


def _new_persons() -> list[Column[Any]]:
    return [
        Column(
            "into_key", String(length=32), comment="The person this one was merged into, whose picture counts for both."
        )
    ]


def _new_scores() -> list[Column[Any]]:
    return [
        Column(
            "recorded_at",
            DateTime(timezone=True),
            comment="When it was recorded: of two answered on one day, the later counts as later.",
        )
    ]


def upgrade() -> None:
    op.create_table(
        "contacts",
        Column("contact_id", Uuid(), nullable=False, comment="The contact."),
        Column("referral_id", Uuid(), comment="The pathway it belongs to."),
        Column("contact_on", Date(), comment="Its day."),
        Column("planned", Boolean(), comment="Whether it was planned."),
        Column("attendance", String(length=1), comment="Code of attendance."),
        Column("appointment_type", String(length=2), comment="Code of appointment_type."),
        Column("attended", Boolean(), server_default=false(), nullable=False, comment="Attended, or not planned."),
        Column("assessment", Boolean(), server_default=false(), nullable=False, comment="An attended assessment."),
        Column(
            "treatment",
            Boolean(),
            server_default=false(),
            nullable=False,
            comment="Attended, and counts towards a course of treatment.",
        ),
        Column("internet_therapy", Boolean(), comment="Whether it was internet therapy."),
        Column("duration_minutes", SmallInteger(), comment="Its length."),
        Column("mechanism", String(length=2), comment="Code of consultation_mechanism."),
        Column(
            "therapy_types",
            ARRAY(String(length=18)),
            comment="Codes of therapy_type, in order; NULL when there are none.",
        ),
        Column("intensity", String(length=4), comment="low, high or both, by its therapy types."),
        Column("site_id", Uuid(), comment="Where it happened."),
        Column("language", String(length=3), comment="Its language, one code for each language."),
        Column("interpreter", String(length=1), comment="Code of interpreter."),
        Column("group_session_id", Uuid(), comment="The group session that it was part of."),
        Column(
            "removed", Boolean(), server_default=false(), nullable=False, comment="Entered in error: counts nowhere."
        ),
        PrimaryKeyConstraint("contact_id", name=op.f("pk_contacts")),
        comment="One row per care contact, planned ones included; national measures count those as appointments.",
    )
    op.create_table(
        "erased_people",
        Column("person_key", String(length=32), nullable=False, comment="A pseudonym nobody has any more."),
        PrimaryKeyConstraint("person_key", name=op.f("pk_erased_people")),
        comment="Pseudonyms of erased people, so that late events are not linked to them.",
    )
    op.create_table(
        "restrictions",
        Column("person_key", String(length=32), nullable=False, comment="A pseudonym."),
        Column("restricted", Boolean(), comment="Whether it is so now."),
        PrimaryKeyConstraint("person_key", name=op.f("pk_restrictions")),
        comment="People whose records may be kept and not used: their pathways count nowhere.",
    )
    for table, columns in (("pathways", _new_pathways()), ("persons", _new_persons()), ("scores", _new_scores())):
        for column in columns:
            op.add_column(table, column)
    op.execute("UPDATE pathways SET counts_as = person_key")
    op.alter_column(
        "pathways",
        "person_key",
        comment="Whose pathway: a pseudonym that only referrals can make; NULL once the person was erased.",
    )
    op.create_index("ix_contacts_contact_on", "contacts", ["contact_on"])
    op.create_index("ix_contacts_referral_id", "contacts", ["referral_id"])
    op.create_index("ix_pathways_ended_on", "pathways", ["ended_on"])
    op.create_index("ix_pathways_first_assessment_on", "pathways", ["first_assessment_on"])
    op.create_index("ix_pathways_first_treatment_on", "pathways", ["first_treatment_on"])
    op.create_index("ix_pathways_second_treatment_on", "pathways", ["second_treatment_on"])
    op.create_index("ix_persons_into_key", "persons", ["into_key"], postgresql_where=text("into_key IS NOT NULL"))


def downgrade() -> None:
    op.alter_column("pathways", "person_key", comment="Whose pathway: a pseudonym that only referrals can make.")
    for table, columns in (("pathways", _new_pathways()), ("persons", _new_persons()), ("scores", _new_scores())):
        for column in columns:
            op.drop_column(table, column.name)
    for table in ("restrictions", "erased_people", "contacts"):
        op.drop_table(table)
