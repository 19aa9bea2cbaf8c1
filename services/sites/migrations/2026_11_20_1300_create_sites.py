"""Create sites."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from shared.kernel_tables import first_edition, without_first_edition

revision = "sites_0001"
down_revision = None
branch_labels = None
depends_on = None

# Unset and empty both mean no site at all; CASE, because OR may try to read '*' as an id.
OWN_SITES = """
CREATE POLICY own_sites ON sites USING (
    CASE (SELECT current_setting('app.sites', true))
        WHEN '*' THEN true
        ELSE id = ANY ((SELECT string_to_array(NULLIF(current_setting('app.sites', true), ''), ','))::uuid[])
    END
)
"""
# Seen through one's own sites; changed only by those who serve all sites.
ORGANISATIONS_OF_OWN_SITES = """
CREATE POLICY organisations_of_own_sites ON organisations USING (
    CASE (SELECT current_setting('app.sites', true))
        WHEN '*' THEN true
        ELSE EXISTS (SELECT FROM sites WHERE sites.organisation_id = organisations.id)
    END
) WITH CHECK ((SELECT current_setting('app.sites', true)) = '*')
"""


def upgrade() -> None:
    first_edition(op)
    op.create_table(
        "organisations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("charity_number", sa.String(12)),
        sa.Column("website", sa.String(300)),
        sa.Column("description", sa.String(4000)),
        sa.Column("registered_by", sa.String(200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_organisations_created_at_id", "organisations", ["created_at", "id"])
    op.create_table(
        "sites",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("organisation_id", sa.Uuid(), sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cluster", sa.String(100)),
        sa.Column("line_1", sa.String(200), nullable=False),
        sa.Column("line_2", sa.String(200)),
        sa.Column("town", sa.String(100), nullable=False),
        sa.Column("postcode", sa.String(8), nullable=False),
        sa.Column("latitude", sa.Double()),
        sa.Column("longitude", sa.Double()),
        sa.Column("languages", ARRAY(sa.String(3)), nullable=False),
        sa.Column("accessibility", sa.String(2000)),
        sa.Column("redacted_address", sa.Boolean(), nullable=False),
        sa.Column("co_provider", sa.Boolean(), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(6), nullable=False),
        sa.Column("registered_by", sa.String(200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_sites_created_at_id", "sites", ["created_at", "id"])
    op.create_index("ix_sites_organisation_id", "sites", ["organisation_id"])
    for table in ("sites", "organisations"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(OWN_SITES)
    op.execute(ORGANISATIONS_OF_OWN_SITES)


def downgrade() -> None:
    op.execute("DROP POLICY organisations_of_own_sites ON organisations")
    op.drop_table("sites")
    op.drop_table("organisations")
    without_first_edition(op)
