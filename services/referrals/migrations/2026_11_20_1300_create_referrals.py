"""Create people, their keys, demographics and referrals, with row-level security by site."""

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.kernel_tables import first_edition, without_first_edition

revision = "2026_11_20_1300"
down_revision = None
branch_labels = None
depends_on = None

# Which referrals a transaction may touch: all, or those of the sites it was told; told nothing, none.
OF_MY_SITES = """
CASE current_setting('app.sites', true)
    WHEN '*' THEN true
    ELSE site_id = ANY (string_to_array(NULLIF(current_setting('app.sites', true), ''), ',')::uuid[])
END
"""
# A person belongs to whoever may see one of their referrals: the subquery is itself under row-level security.
OF_MY_REFERRALS = "EXISTS (SELECT FROM referrals WHERE referrals.person_id = {column})"


def upgrade() -> None:
    first_edition(op)
    op.create_table(
        "people",
        Column("id", Uuid, primary_key=True),
        Column("nhs_number", LargeBinary),
        Column("nhs_number_index", LargeBinary),
        Column("local_patient_id", LargeBinary),
        Column("family_name", LargeBinary),
        Column("given_name", LargeBinary),
        Column("birth_date", LargeBinary),
        Column("postcode", LargeBinary),
        Column("phone", LargeBinary),
        Column("email", LargeBinary),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    op.create_index("ix_people_nhs_number_index", "people", ["nhs_number_index"])
    op.create_table(
        "person_keys",
        Column("person_id", Uuid, ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True),
        Column("wrapped_by", String(20), nullable=False),
        Column("wrapped", LargeBinary, nullable=False),
    )
    op.create_table(
        "demographics",
        Column("person_id", Uuid, ForeignKey("people.id", deferrable=True, initially="DEFERRED"), primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_by", String(200), nullable=False),
        Column("gender_identity", String(2)),
        Column("gender_same_at_birth", String(2)),
        Column("ethnic_category", String(2)),
        Column("language", String(3)),
        Column("interpreter_required", Boolean),
        Column("religion", String(18)),
        Column("sexual_orientation", String(18)),
        Column("disabilities", ARRAY(String(2))),
        Column("employment_status", String(2)),
        Column("ex_armed_forces", String(2)),
        Column("long_term_conditions", ARRAY(String(18))),
        Column("imd_decile", SmallInteger),
    )
    op.create_table(
        "referrals",
        Column("id", Uuid, primary_key=True),
        Column("person_id", Uuid, ForeignKey("people.id", deferrable=True, initially="DEFERRED"), nullable=False),
        Column("client", String(200), nullable=False),
        Column("source_system", String(64), nullable=False),
        Column("source_id", String(64), nullable=False),
        Column("content_digest", LargeBinary, nullable=False),
        Column("received_on", Date, nullable=False),
        Column("source", String(2), nullable=False),
        Column("site_id", Uuid),
        Column("pathway", String(10), nullable=False),
        Column("programme", String(64), nullable=False),
        Column("presenting_problem", String(18)),
        Column("note", LargeBinary),
        Column("status", String(12), nullable=False),
        Column("version", Integer, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False),
    )
    op.create_index("uq_referrals_natural_key", "referrals", ["client", "source_system", "source_id"], unique=True)
    op.create_index("ix_referrals_received_on_id", "referrals", ["received_on", "id"])
    op.create_index("ix_referrals_site_id", "referrals", ["site_id", "received_on", "id"])
    op.create_index("ix_referrals_person_id", "referrals", ["person_id"])
    for table, condition in (
        ("referrals", OF_MY_SITES),
        ("people", OF_MY_REFERRALS.format(column="people.id")),
        ("person_keys", OF_MY_REFERRALS.format(column="person_keys.person_id")),
        ("demographics", OF_MY_REFERRALS.format(column="demographics.person_id")),
    ):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY by_site ON {table} USING ({condition}) WITH CHECK ({condition})")


def downgrade() -> None:
    for table in ("referrals", "demographics", "person_keys", "people"):
        op.drop_table(table)
    without_first_edition(op)
