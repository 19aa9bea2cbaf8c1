"""Give sites goals, questions and assessments of co-production: both sides at the table."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_20_1705"
down_revision = "2026_11_20_1700"
branch_labels = None
depends_on = None

SITES = "(SELECT string_to_array(NULLIF(current_setting('app.sites', true), ''), ','))::uuid[]"


def own(condition: str) -> str:
    """Return a policy's condition: all rows for callers of all sites, else those that the condition finds."""
    return f"CASE (SELECT current_setting('app.sites', true)) WHEN '*' THEN true ELSE {condition} END"


POLICIES = {
    "goals": f"site_ids && {SITES}",
    "goal_signatures": "EXISTS (SELECT FROM goals WHERE goals.id = goal_id)",
    "goal_reflections": "EXISTS (SELECT FROM goals WHERE goals.id = goal_id)",
    "assessments_of_coproduction": f"site_id = ANY ({SITES})",
}
ASKED = f"asked_by_site = ANY ({SITES})"
ASKED_OR_TOLD = f"({ASKED} OR EXISTS (SELECT FROM sites WHERE sites.organisation_id = to_organisation))"
# Asked by one's own site; answered by the organisation that was asked; read by everybody when public; never deleted.
QUESTIONS = (
    f"CREATE POLICY seen_questions ON questions FOR SELECT USING (public OR {own(ASKED_OR_TOLD)})",
    f"CREATE POLICY asked_questions ON questions FOR INSERT WITH CHECK ({own(ASKED)})",
    f"CREATE POLICY answered_questions ON questions FOR UPDATE USING ({own(ASKED_OR_TOLD)})",
)


def upgrade() -> None:
    op.create_table(
        "goals",
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("measure_id", sa.String(length=60), nullable=True),
        sa.Column("target", sa.Numeric(precision=12, scale=2), nullable=True),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("site_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("unsigned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("announced", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goals")),
    )
    op.create_index("ix_goals_created_at_id", "goals", ["created_at", "id"], unique=False)
    op.create_table(
        "goal_reflections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("goal_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("words", sa.String(length=4000), nullable=False),
        sa.Column("progress", sa.String(length=10), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"], name=op.f("fk_goal_reflections_goal_id_goals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal_reflections")),
    )
    op.create_index("uq_goal_reflections_side_period", "goal_reflections", ["goal_id", "side", "period"], unique=True)
    op.create_table(
        "goal_signatures",
        sa.Column("goal_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("role", sa.String(length=60), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["goal_id"], ["goals.id"], name=op.f("fk_goal_signatures_goal_id_goals")),
        sa.PrimaryKeyConstraint("goal_id", "side", name=op.f("pk_goal_signatures")),
    )
    op.create_table(
        "questions",
        sa.Column("asked_by_site", sa.Uuid(), nullable=False),
        sa.Column("to_organisation", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(length=4000), nullable=False),
        sa.Column("topic", sa.String(length=60), nullable=True),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.String(length=4000), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        sa.Column("you_said_we_did", sa.String(length=2000), nullable=True),
        sa.Column("overdue_announced", sa.Boolean(), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_site"], ["sites.id"], name=op.f("fk_questions_asked_by_site_sites")),
        sa.ForeignKeyConstraint(
            ["to_organisation"], ["organisations.id"], name=op.f("fk_questions_to_organisation_organisations")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
    )
    op.create_index("ix_questions_created_at_id", "questions", ["created_at", "id"], unique=False)
    op.create_index(
        "ix_questions_unanswered",
        "questions",
        ["due_on"],
        unique=False,
        postgresql_where=sa.text("answered_on IS NULL"),
    )
    op.create_table(
        "assessments_of_coproduction",
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("principles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rung", sa.String(length=10), nullable=False),
        sa.Column("designed_by", sa.String(length=30), nullable=False),
        sa.Column("delivered_by", sa.String(length=30), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registered_by", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_assessments_of_coproduction_offer_id_offers")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_assessments_of_coproduction_site_id_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments_of_coproduction")),
    )
    op.create_index(
        "ix_assessments_of_coproduction_offer_id", "assessments_of_coproduction", ["offer_id", "on", "id"], unique=False
    )

    for table, condition in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_{table} ON {table} USING ({own(condition)}) WITH CHECK ({own(condition)})")
    op.execute("ALTER TABLE questions ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE questions FORCE ROW LEVEL SECURITY")
    for policy in QUESTIONS:
        op.execute(policy)


def downgrade() -> None:
    op.drop_index("ix_assessments_of_coproduction_offer_id", table_name="assessments_of_coproduction")
    op.drop_table("assessments_of_coproduction")
    op.drop_index("ix_questions_unanswered", table_name="questions", postgresql_where=sa.text("answered_on IS NULL"))
    op.drop_index("ix_questions_created_at_id", table_name="questions")
    op.drop_table("questions")
    op.drop_table("goal_signatures")
    op.drop_index("uq_goal_reflections_side_period", table_name="goal_reflections")
    op.drop_table("goal_reflections")
    op.drop_index("ix_goals_created_at_id", table_name="goals")
    op.drop_table("goals")
