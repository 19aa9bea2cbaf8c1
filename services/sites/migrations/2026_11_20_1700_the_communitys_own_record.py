"""Give sites offers, sessions, engagement and readiness: the community's own record."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_20_1700"
down_revision = "sites_0001"
branch_labels = None
depends_on = None

SITES = "(SELECT string_to_array(NULLIF(current_setting('app.sites', true), ''), ','))::uuid[]"


def own(condition: str) -> str:
    """Return a policy's condition: all rows for callers of all sites, else those that the condition finds."""
    return f"CASE (SELECT current_setting('app.sites', true)) WHEN '*' THEN true ELSE {condition} END"


BY_SITE = ("offers", "sessions", "contributions", "training", "readiness", "agreements")
POLICIES = dict.fromkeys(BY_SITE, f"site_id = ANY ({SITES})") | {
    "schedules": "EXISTS (SELECT FROM offers WHERE offers.id = offer_id)",
    "engagements": f"site_ids && {SITES}",
    "mentorships": f"mentor_site_id = ANY ({SITES}) OR mentee_site_id = ANY ({SITES})",
}


def upgrade() -> None:
    op.create_table(
        "engagements",
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("site_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("space", sa.String(length=20), nullable=False),
        sa.Column("hours", sa.Numeric(precision=7, scale=2), nullable=False),
        sa.Column("people_by_side", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("topics", postgresql.ARRAY(sa.String(length=60)), nullable=False),
        sa.Column("resources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("notes", sa.String(length=4000), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagements")),
    )
    op.create_index("ix_engagements_created_at_id", "engagements", ["created_at", "id"], unique=False)
    op.create_index("ix_engagements_modified_at_id", "engagements", ["modified_at", "id"], unique=False)
    op.create_index("ix_engagements_on_id", "engagements", ["on", "id"], unique=False)
    op.create_index("ix_engagements_site_ids", "engagements", ["site_ids"], unique=False, postgresql_using="gin")
    op.create_table(
        "removed_offers",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("offer_id", name=op.f("pk_removed_offers")),
    )
    op.create_index(op.f("ix_removed_offers_removed_at"), "removed_offers", ["removed_at"], unique=False)
    op.create_table(
        "agreements",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("reviewed_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_agreements_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    op.create_index("ix_agreements_review_on", "agreements", ["review_on"], unique=False)
    op.create_index("ix_agreements_site_id", "agreements", ["site_id", "id"], unique=False)
    op.create_table(
        "contributions",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("hours", sa.Numeric(precision=7, scale=2), nullable=True),
        sa.Column("paid", sa.Boolean(), nullable=False),
        sa.Column("money_pence", sa.BigInteger(), nullable=True),
        sa.Column("from_side", sa.String(length=10), nullable=False),
        sa.Column("to_side", sa.String(length=10), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_contributions_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contributions")),
    )
    op.create_index("ix_contributions_created_at_id", "contributions", ["created_at", "id"], unique=False)
    op.create_index("ix_contributions_modified_at_id", "contributions", ["modified_at", "id"], unique=False)
    op.create_index("ix_contributions_site_id", "contributions", ["site_id", "on", "id"], unique=False)
    op.create_table(
        "mentorships",
        sa.Column("mentor_site_id", sa.Uuid(), nullable=False),
        sa.Column("mentee_site_id", sa.Uuid(), nullable=False),
        sa.Column("began_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("focus", sa.String(length=100), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["mentee_site_id"], ["sites.id"], name=op.f("fk_mentorships_mentee_site_id_sites")),
        sa.ForeignKeyConstraint(["mentor_site_id"], ["sites.id"], name=op.f("fk_mentorships_mentor_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mentorships")),
    )
    op.create_index("ix_mentorships_mentee_site_id", "mentorships", ["mentee_site_id"], unique=False)
    op.create_table(
        "offers",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=4000), nullable=False),
        sa.Column("programme", sa.String(length=64), nullable=False),
        sa.Column("therapy_types", postgresql.ARRAY(sa.String(length=18)), nullable=False),
        sa.Column("needs", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.String(length=3)), nullable=False),
        sa.Column("minimum_age", sa.SmallInteger(), nullable=True),
        sa.Column("maximum_age", sa.SmallInteger(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("accepting_referrals", sa.Boolean(), nullable=False),
        sa.Column("next_available_on", sa.Date(), nullable=True),
        sa.Column("designed_by", sa.String(length=30), nullable=False),
        sa.Column("delivered_by", sa.String(length=30), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("url", sa.String(length=300), nullable=True),
        sa.Column("fees", sa.String(length=1000), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column(
            "words",
            postgresql.TSVECTOR(),
            sa.Computed("to_tsvector('simple'::regconfig, name || ' ' || description)", persisted=True),
            nullable=False,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_offers_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
    )
    op.create_index("ix_offers_created_at_id", "offers", ["created_at", "id"], unique=False)
    op.create_index("ix_offers_languages", "offers", ["languages"], unique=False, postgresql_using="gin")
    op.create_index("ix_offers_modified_at_id", "offers", ["modified_at", "id"], unique=False)
    op.create_index("ix_offers_needs", "offers", ["needs"], unique=False, postgresql_using="gin")
    op.create_index("ix_offers_site_id", "offers", ["site_id"], unique=False)
    op.create_table(
        "readiness",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("assessed_by", sa.String(length=10), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_readiness_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readiness")),
    )
    op.create_index("ix_readiness_site_id", "readiness", ["site_id", "on", "id"], unique=False)
    op.create_table(
        "training",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("course", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("hours_each", sa.Numeric(6, 2), nullable=True),
        sa.Column("given_by", sa.String(length=10), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_training_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training")),
    )
    op.create_index("ix_training_site_id", "training", ["site_id", "on", "id"], unique=False)
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("freq", sa.String(length=10), nullable=False),
        sa.Column("interval", sa.SmallInteger(), nullable=False),
        sa.Column("byday", postgresql.ARRAY(sa.String(length=4)), nullable=False),
        sa.Column("bymonthday", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("dtstart", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("closes_at", sa.Time(), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_schedules_offer_id_offers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
    )
    op.create_index("ix_schedules_offer_id", "schedules", ["offer_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=True),
        sa.Column("programme", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_minutes", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.String(length=3), nullable=False),
        sa.Column("facilitators", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("headcount", sa.Integer(), nullable=True),
        sa.Column("tallies", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("interpreter_used", sa.Boolean(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["offer_id"], ["offers.id"], name=op.f("fk_sessions_offer_id_offers")),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_sessions_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_index("ix_sessions_created_at_id", "sessions", ["created_at", "id"], unique=False)
    op.create_index("ix_sessions_modified_at_id", "sessions", ["modified_at", "id"], unique=False)
    op.create_index("ix_sessions_offer_id", "sessions", ["offer_id"], unique=False)
    op.create_index("ix_sessions_site_id", "sessions", ["site_id", "starts_at", "id"], unique=False)
    op.add_column(
        "organisations",
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.alter_column("organisations", "modified_at", server_default=None)
    op.add_column(
        "sites", sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    )
    op.alter_column("sites", "modified_at", server_default=None)
    op.create_index("ix_organisations_modified_at_id", "organisations", ["modified_at", "id"], unique=False)
    op.create_index("ix_sites_latitude_longitude", "sites", ["latitude", "longitude"], unique=False)
    op.create_index("ix_sites_modified_at_id", "sites", ["modified_at", "id"], unique=False)

    for table, condition in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_{table} ON {table} USING ({own(condition)}) WITH CHECK ({own(condition)})")


def downgrade() -> None:
    op.drop_index("ix_sites_modified_at_id", table_name="sites")
    op.drop_index("ix_sites_latitude_longitude", table_name="sites")
    op.drop_index("ix_organisations_modified_at_id", table_name="organisations")
    op.drop_column("sites", "modified_at")
    op.drop_column("organisations", "modified_at")
    op.drop_index("ix_sessions_site_id", table_name="sessions")
    op.drop_index("ix_sessions_offer_id", table_name="sessions")
    op.drop_index("ix_sessions_modified_at_id", table_name="sessions")
    op.drop_index("ix_sessions_created_at_id", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index("ix_schedules_offer_id", table_name="schedules")
    op.drop_table("schedules")
    op.drop_index("ix_training_site_id", table_name="training")
    op.drop_table("training")
    op.drop_index("ix_readiness_site_id", table_name="readiness")
    op.drop_table("readiness")
    op.drop_index("ix_offers_site_id", table_name="offers")
    op.drop_index("ix_offers_needs", table_name="offers", postgresql_using="gin")
    op.drop_index("ix_offers_modified_at_id", table_name="offers")
    op.drop_index("ix_offers_languages", table_name="offers", postgresql_using="gin")
    op.drop_index("ix_offers_created_at_id", table_name="offers")
    op.drop_table("offers")
    op.drop_index("ix_mentorships_mentee_site_id", table_name="mentorships")
    op.drop_table("mentorships")
    op.drop_index("ix_contributions_site_id", table_name="contributions")
    op.drop_index("ix_contributions_modified_at_id", table_name="contributions")
    op.drop_index("ix_contributions_created_at_id", table_name="contributions")
    op.drop_table("contributions")
    op.drop_index("ix_agreements_site_id", table_name="agreements")
    op.drop_index("ix_agreements_review_on", table_name="agreements")
    op.drop_table("agreements")
    op.drop_index(op.f("ix_removed_offers_removed_at"), table_name="removed_offers")
    op.drop_table("removed_offers")
    op.drop_index("ix_engagements_site_ids", table_name="engagements", postgresql_using="gin")
    op.drop_index("ix_engagements_on_id", table_name="engagements")
    op.drop_index("ix_engagements_modified_at_id", table_name="engagements")
    op.drop_index("ix_engagements_created_at_id", table_name="engagements")
    op.drop_table("engagements")
