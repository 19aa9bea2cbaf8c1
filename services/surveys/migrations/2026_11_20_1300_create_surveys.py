"""Create surveys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.kernel_tables import first_edition, without_first_edition

revision = "surveys_0001"
down_revision = None
branch_labels = None
depends_on = None

# Unset and empty both mean no site at all; CASE, because OR may try to read '*' as an id.
OF_OWN_SITES = """
CREATE POLICY of_own_sites ON responses USING (
    CASE (SELECT current_setting('app.sites', true))
        WHEN '*' THEN true
        ELSE site_id = ANY ((SELECT string_to_array(NULLIF(current_setting('app.sites', true), ''), ','))::uuid[])
    END
)
"""


def upgrade() -> None:
    first_edition(op)
    op.create_table(
        "responses",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid()),
        sa.Column("instrument", sa.String(40), nullable=False),
        sa.Column("instrument_version", sa.String(20), nullable=False),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("language", sa.String(3), nullable=False),
        sa.Column("helper", sa.String(20), nullable=False),
        sa.Column("answers", JSONB()),
        sa.Column("total", sa.Numeric(6, 2)),
        sa.Column("missing_items", sa.SmallInteger(), nullable=False),
        sa.Column("prorated", sa.Boolean(), nullable=False),
        sa.Column("sent_by", sa.String(200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_responses_referral_id", "responses", ["referral_id", "answered_on", "created_at", "id"])
    op.execute("ALTER TABLE responses ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE responses FORCE ROW LEVEL SECURITY")
    op.execute(OF_OWN_SITES)


def downgrade() -> None:
    op.drop_table("responses")
    without_first_edition(op)
