"""Create the facts: pathways, persons, sites, scores."""

from alembic import op
from sqlalchemy import Boolean, Column, Date, Double, Integer, PrimaryKeyConstraint, SmallInteger, String, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.kernel_tables import first_edition, without_first_edition

revision = "2026_11_20_1300"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    first_edition(op)
    op.create_table(
        "pathways",
        Column("referral_id", Uuid(), nullable=False, comment="The pathway."),
        Column(
            "person_key",
            String(length=32),
            comment="Whose pathway: a pseudonym that only referrals can make.",
        ),
        Column("received_on", Date(), comment="Day the referral was received."),
        Column("source", String(length=2), comment="Who referred: code of source_of_referral_iapt."),
        Column("source_system", String(length=64), comment="The system that sent the referral."),
        Column(
            "site_id",
            Uuid(),
            comment="The co-provider site that introduced the person; NULL when none did.",
        ),
        Column("pathway", String(length=10), comment="triage or drop_in."),
        Column("programme", String(length=64), comment="The programme, by its short name."),
        Column(
            "presenting_problem",
            String(length=18),
            comment="The row of the code list presenting_problem (F32*, F400 …), not the diagnosis itself.",
        ),
        PrimaryKeyConstraint("referral_id", name="pk_pathways"),
        comment="One row per pathway (referral), the unit that national measures count.",
    )
    op.create_index("ix_pathways_person_key", "pathways", ["person_key"])
    op.create_index("ix_pathways_received_on", "pathways", ["received_on"])
    op.create_index("ix_pathways_site_id_received_on", "pathways", ["site_id", "received_on"])
    op.create_table(
        "persons",
        Column("person_key", String(length=32), nullable=False, comment="A pseudonym."),
        Column("birth_month", Integer(), comment="Month of birth: 12 * year + month - 1."),
        Column("gender_identity", String(length=2), comment="Code of gender_identity."),
        Column("gender_same_at_birth", String(length=2), comment="Code of gender_same_at_birth."),
        Column("ethnic_category", String(length=2), comment="Code of ethnic_category."),
        Column("language", String(length=3), comment="Preferred language: code of language."),
        Column("interpreter_required", Boolean(), comment="Whether an interpreter is needed."),
        Column("religion", String(length=18), comment="Code of religion (SNOMED CT)."),
        Column("sexual_orientation", String(length=18), comment="Code of sexual_orientation."),
        Column(
            "disabilities",
            ARRAY(String(length=2)),
            comment="Codes of disability, in order.",
        ),
        Column("employment_status", String(length=2), comment="Code of employment_status."),
        Column("ex_armed_forces", String(length=2), comment="Code of ex_armed_forces."),
        Column(
            "long_term_conditions",
            ARRAY(String(length=18)),
            comment="Codes of long_term_condition, in order.",
        ),
        Column("imd_decile", SmallInteger(), comment="Deprivation decile, 1 most deprived."),
        PrimaryKeyConstraint("person_key", name="pk_persons"),
        comment="Demographics by pseudonym; the last recorded picture counts for all their pathways.",
    )
    op.create_table(
        "scores",
        Column("response_id", Uuid(), nullable=False, comment="The response."),
        Column("referral_id", Uuid(), comment="The pathway it belongs to."),
        Column("instrument", String(length=40), comment="Short name of the instrument: phq9, gad7 …"),
        Column("version", String(length=20), comment="Version of the instrument."),
        Column("answered_on", Date(), comment="Day it was answered."),
        Column("total", Double(), comment="Total score; NULL when too few items were answered."),
        Column(
            "subscales",
            JSONB(none_as_null=True, astext_type=Text()),
            comment="Scores of parts.",
        ),
        Column("missing_items", SmallInteger(), comment="Items left unanswered."),
        Column("mode", String(length=20), comment="self, phone, face_to_face, paper or assisted."),
        Column("language", String(length=3), comment="Language it was answered in."),
        PrimaryKeyConstraint("response_id", name="pk_scores"),
        comment="Scored responses: totals and counts, never an answer to an item.",
    )
    op.create_index(
        "ix_scores_referral_id_instrument_answered_on",
        "scores",
        ["referral_id", "instrument", "answered_on"],
    )
    op.create_table(
        "sites",
        Column("site_id", Uuid(), nullable=False, comment="The site."),
        Column("name", String(length=200), comment="Its public name."),
        Column("organisation_kind", String(length=20), comment="church, mosque, charity …"),
        Column("cluster", String(length=100), comment="The group of sites it belongs to."),
        Column("languages", ARRAY(String(length=3)), comment="Languages offered, in order."),
        Column("co_provider", Boolean(), comment="Whether it delivers together with the NHS, now."),
        Column("status", String(length=10), comment="active, paused or closed."),
        PrimaryKeyConstraint("site_id", name="pk_sites"),
        comment="Sites of the network, as last announced.",
    )


def downgrade() -> None:
    for table in ("sites", "scores", "persons", "pathways"):
        op.drop_table(table)
    without_first_edition(op)
