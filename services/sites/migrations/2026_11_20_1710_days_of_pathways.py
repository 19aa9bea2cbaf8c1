"""Let sites keep the days of pathways, and which site introduced the person: a site's own numbers."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_20_1710"
down_revision = "2026_11_20_1705"
branch_labels = None
depends_on = None

OWN_PATHWAYS = """
CREATE POLICY own_pathways ON pathways USING (
    CASE (SELECT current_setting('app.sites', true))
        WHEN '*' THEN true
        ELSE site_id = ANY ((SELECT string_to_array(NULLIF(current_setting('app.sites', true), ''), ','))::uuid[])
    END
)
"""
# A contact is seen with its pathway; kept by the worker, which may hear of it before it hears of the pathway.
CONTACTS_OF_OWN_PATHWAYS = """
CREATE POLICY contacts_of_own_pathways ON pathway_contacts USING (
    CASE (SELECT current_setting('app.sites', true))
        WHEN '*' THEN true
        ELSE EXISTS (SELECT FROM pathways WHERE pathways.referral_id = pathway_contacts.referral_id)
    END
)
"""


def upgrade() -> None:
    op.create_table(
        "pathways",
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("refused_on", sa.Date(), nullable=True),
        sa.Column("discharged_on", sa.Date(), nullable=True),
        sa.Column("removed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("pk_pathways")),
    )
    op.create_index("ix_pathways_site_id", "pathways", ["site_id"], unique=False)
    op.create_table(
        "pathway_contacts",
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("on", sa.Date(), nullable=True),
        sa.Column("assessment", sa.Boolean(), nullable=False),
        sa.Column("treatment", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_pathway_contacts")),
    )
    op.create_index("ix_pathway_contacts_referral_id", "pathway_contacts", ["referral_id"], unique=False)
    for table in ("pathways", "pathway_contacts"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(OWN_PATHWAYS)
    op.execute(CONTACTS_OF_OWN_PATHWAYS)


def downgrade() -> None:
    op.drop_index("ix_pathway_contacts_referral_id", table_name="pathway_contacts")
    op.drop_table("pathway_contacts")
    op.drop_index("ix_pathways_site_id", table_name="pathways")
    op.drop_table("pathways")
