"""Give pathways contacts and an end; people a site, a history, matches and erasure; referrers webhooks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_20_1600"
down_revision = "2026_11_20_1300"
branch_labels = None
depends_on = None

# Whose rows a transaction may touch: all, or those of the sites it was told; told nothing, none.
OF_MY_SITES = """
CASE current_setting('app.sites', true)
    WHEN '*' THEN true
    ELSE site_id = ANY (string_to_array(NULLIF(current_setting('app.sites', true), ''), ',')::uuid[])
END
"""
BY_SITE = ("people", "person_keys", "demographics", "corrections", "erasures", "messages")
# What hangs on rows that are themselves under row-level security: whoever sees all of those sees it.
BY_WHAT_IT_HANGS_ON = {
    "contacts": "EXISTS (SELECT FROM referrals WHERE referrals.id = contacts.referral_id)",
    "match_keys": "EXISTS (SELECT FROM people WHERE people.id = match_keys.person_id)",
    "possible_matches": "2 = (SELECT count(*) FROM people WHERE people.id IN (person_id, other_id))",
    "merges": "2 = (SELECT count(*) FROM people WHERE people.id IN (person_id, into_id))",
    "webhook_deliveries": """
CASE current_setting('app.sites', true)
    WHEN '*' THEN true
    ELSE EXISTS (SELECT FROM webhook_endpoints WHERE webhook_endpoints.id = endpoint_id)
        AND (referral_id IS NULL OR EXISTS (SELECT FROM referrals WHERE referrals.id = referral_id))
END
""",
    "webhook_attempts": "EXISTS (SELECT FROM webhook_deliveries WHERE webhook_deliveries.id = delivery_id)",
    "announced_roots": "2 = (SELECT count(*) FROM people WHERE people.id IN (person_id, root_id))",
}
# An endpoint is changed by whoever speaks for all of its sites; whoever speaks for one may have it told of that one's.
ENDPOINT_OF_MY_SITES = """
CASE current_setting('app.sites', true)
    WHEN '*' THEN true
    ELSE sites <@ string_to_array(NULLIF(current_setting('app.sites', true), ''), ',')::uuid[]
END
"""
ENDPOINT_TOLD_OF_MY_SITES = """
CASE current_setting('app.sites', true)
    WHEN '*' THEN true
    ELSE NULLIF(current_setting('app.sites', true), '') IS NOT NULL
        AND (sites IS NULL OR sites && string_to_array(NULLIF(current_setting('app.sites', true), ''), ',')::uuid[])
END
"""
# A person belonged to whoever saw one of their referrals; now to the site that this was recorded for.
REHOUSE = """
UPDATE people SET site_id = referrals.site_id FROM referrals WHERE referrals.person_id = people.id;
UPDATE person_keys SET site_id = people.site_id FROM people WHERE people.id = person_id;
UPDATE demographics SET site_id = people.site_id FROM people WHERE people.id = person_id;
UPDATE demographics SET answered = ARRAY(
    SELECT key FROM jsonb_each(to_jsonb(demographics) - '{person_id,version,site_id,recorded_at,recorded_by,answered}'::text[])
    WHERE value <> 'null' ORDER BY key
)
"""


def upgrade() -> None:
    op.execute("SELECT set_config('app.sites', '*', true)")
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("sites", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.String(length=60)), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_because", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_client", "webhook_endpoints", ["client", "id"], unique=False)
    op.create_table(
        "announced_roots",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("root_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_announced_roots_person_id_people")),
        sa.ForeignKeyConstraint(["root_id"], ["people.id"], name=op.f("fk_announced_roots_root_id_people")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_announced_roots")),
    )
    op.create_index(op.f("ix_announced_roots_root_id"), "announced_roots", ["root_id"], unique=False)
    op.create_table(
        "corrections",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("was", sa.LargeBinary(), nullable=True),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("corrected_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_corrections_person_id_people")),
        sa.PrimaryKeyConstraint("person_id", "version", "field", name=op.f("pk_corrections")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(length=200), nullable=False),
        sa.Column("decision", sa.LargeBinary(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("messages", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_erasures_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("person_id", name=op.f("uq_erasures_person_id")),
    )
    op.create_index(
        "ix_erasures_unfinished", "erasures", ["id"], unique=False, postgresql_where=sa.text("finished_at IS NULL")
    )
    op.create_table(
        "match_keys",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("key", "person_id", name=op.f("pk_match_keys")),
    )
    op.create_index(op.f("ix_match_keys_person_id"), "match_keys", ["person_id"], unique=False)
    op.create_table(
        "merges",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.String(length=40), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.String(length=200), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_by", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("undone_reason", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["into_id"], ["people.id"], name=op.f("fk_merges_into_id_people")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_merges_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_into_id", "merges", ["into_id"], unique=False)
    op.create_index(
        "uq_merges_pair", "merges", ["person_id", "into_id"], unique=True, postgresql_where=sa.text("undone_at IS NULL")
    )
    op.create_table(
        "possible_matches",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("score", sa.SmallInteger(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["other_id"], ["people.id"], name=op.f("fk_possible_matches_other_id_people")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_possible_matches_person_id_people")),
        sa.PrimaryKeyConstraint("person_id", "other_id", name=op.f("pk_possible_matches")),
    )
    op.create_index(op.f("ix_possible_matches_other_id"), "possible_matches", ["other_id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("at", sa.Time(), nullable=True),
        sa.Column("planned", sa.Boolean(), nullable=False),
        sa.Column("attendance", sa.String(length=1), nullable=True),
        sa.Column("appointment_type", sa.String(length=2), nullable=False),
        sa.Column("duration_minutes", sa.SmallInteger(), nullable=True),
        sa.Column("mechanism", sa.String(length=2), nullable=True),
        sa.Column("therapy_types", postgresql.ARRAY(sa.String(length=18)), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("language", sa.String(length=3), nullable=True),
        sa.Column("interpreter", sa.String(length=1), nullable=True),
        sa.Column("group_session_id", sa.Uuid(), nullable=True),
        sa.Column("internet_therapy", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name=op.f("fk_contacts_referral_id_referrals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index("ix_contacts_referral_id_on_id", "contacts", ["referral_id", "on", "id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("correlation_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("site_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_messages_person_id_people")),
        sa.ForeignKeyConstraint(["referral_id"], ["referrals.id"], name=op.f("fk_messages_referral_id_referrals")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_person_id", "messages", ["person_id"], unique=False)
    op.create_index("ix_messages_referral_id", "messages", ["referral_id"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("fk_webhook_deliveries_endpoint_id_webhook_endpoints"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["referral_id"], ["referrals.id"], name=op.f("fk_webhook_deliveries_referral_id_referrals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_endpoint_id", "webhook_deliveries", ["endpoint_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["endpoint_id", "created_at", "id"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_settled_at",
        "webhook_deliveries",
        ["settled_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NOT NULL"),
    )
    op.create_index("ix_webhook_deliveries_referral_id", "webhook_deliveries", ["referral_id"], unique=False)
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("trouble", sa.String(length=60), nullable=True),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id_webhook_deliveries"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery_id", "webhook_attempts", ["delivery_id", "id"], unique=False)
    op.add_column("demographics", sa.Column("site_id", sa.Uuid(), nullable=True))
    op.add_column(
        "demographics",
        sa.Column("answered", postgresql.ARRAY(sa.String(length=40)), nullable=False, server_default="{}"),
    )
    op.add_column("people", sa.Column("site_id", sa.Uuid(), nullable=True))
    op.add_column("people", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("people", sa.Column("announced", sa.Integer(), nullable=False, server_default="1"))
    for found_by in ("name_index", "local_id_index"):
        op.add_column("people", sa.Column(found_by, sa.LargeBinary(), nullable=True))
        where = sa.text(f"{found_by} IS NOT NULL")
        op.create_index(f"ix_people_{found_by}", "people", [found_by], unique=False, postgresql_where=where)
    op.add_column("people", sa.Column("examined_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("people", sa.Column("restricted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("people", sa.Column("restriction", sa.LargeBinary(), nullable=True))
    op.add_column("people", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_people_unexamined", "people", ["id"], unique=False, postgresql_where=sa.text("examined_at IS NULL")
    )
    op.add_column("person_keys", sa.Column("site_id", sa.Uuid(), nullable=True))
    op.add_column("referrals", sa.Column("triage_decision", sa.String(length=10), nullable=True))
    op.add_column("referrals", sa.Column("triaged_on", sa.Date(), nullable=True))
    op.add_column("referrals", sa.Column("triage_reason", sa.LargeBinary(), nullable=True))
    op.add_column("referrals", sa.Column("first_assessment_on", sa.Date(), nullable=True))
    op.add_column("referrals", sa.Column("first_treatment_on", sa.Date(), nullable=True))
    op.add_column("referrals", sa.Column("last_treatment_on", sa.Date(), nullable=True))
    op.add_column("referrals", sa.Column("treatment_contacts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("referrals", sa.Column("finished_course", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("referrals", sa.Column("discharged_on", sa.Date(), nullable=True))
    op.add_column("referrals", sa.Column("end_code", sa.String(length=2), nullable=True))
    op.add_column("referrals", sa.Column("ended_reason", sa.LargeBinary(), nullable=True))
    op.add_column("referrals", sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("referrals", "source", existing_type=sa.VARCHAR(length=2), nullable=True)
    for statement in REHOUSE.split(";"):
        op.execute(statement)
    op.alter_column("demographics", "answered", server_default=None)
    op.alter_column("people", "version", server_default=None)
    op.alter_column("people", "announced", server_default=None)
    for table in ("people", "person_keys", "demographics"):
        op.execute(f"DROP POLICY by_site ON {table}")
    policies = dict.fromkeys(BY_SITE, OF_MY_SITES) | BY_WHAT_IT_HANGS_ON | {"webhook_endpoints": ENDPOINT_OF_MY_SITES}
    for table, condition in policies.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY by_site ON {table} USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"CREATE POLICY told ON webhook_endpoints FOR SELECT USING ({ENDPOINT_TOLD_OF_MY_SITES})")


def downgrade() -> None:
    op.execute("SELECT set_config('app.sites', '*', true)")
    for table in ("people", "person_keys", "demographics"):
        op.execute(f"DROP POLICY by_site ON {table}")
        column = "id" if table == "people" else "person_id"
        condition = f"EXISTS (SELECT FROM referrals WHERE referrals.person_id = {table}.{column})"
        op.execute(f"CREATE POLICY by_site ON {table} USING ({condition}) WITH CHECK ({condition})")
    op.alter_column("referrals", "source", existing_type=sa.VARCHAR(length=2), nullable=False)
    op.drop_column("referrals", "removed_at")
    op.drop_column("referrals", "ended_reason")
    op.drop_column("referrals", "end_code")
    op.drop_column("referrals", "discharged_on")
    op.drop_column("referrals", "finished_course")
    op.drop_column("referrals", "treatment_contacts")
    op.drop_column("referrals", "last_treatment_on")
    op.drop_column("referrals", "first_treatment_on")
    op.drop_column("referrals", "first_assessment_on")
    op.drop_column("referrals", "triage_reason")
    op.drop_column("referrals", "triaged_on")
    op.drop_column("referrals", "triage_decision")
    op.drop_column("person_keys", "site_id")
    op.drop_index("ix_people_unexamined", table_name="people", postgresql_where=sa.text("examined_at IS NULL"))
    op.drop_column("people", "local_id_index")
    op.drop_column("people", "name_index")
    op.drop_column("people", "erased_at")
    op.drop_column("people", "restriction")
    op.drop_column("people", "restricted_at")
    op.drop_column("people", "examined_at")
    op.drop_column("people", "announced")
    op.drop_column("people", "version")
    op.drop_column("people", "site_id")
    op.drop_column("demographics", "answered")
    op.drop_column("demographics", "site_id")
    op.drop_index("ix_webhook_attempts_delivery_id", table_name="webhook_attempts")
    op.drop_table("webhook_attempts")
    op.drop_index(
        "ix_webhook_deliveries_settled_at",
        table_name="webhook_deliveries",
        postgresql_where=sa.text("settled_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_webhook_deliveries_waiting",
        table_name="webhook_deliveries",
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.drop_index("ix_webhook_deliveries_referral_id", table_name="webhook_deliveries")
    op.drop_index("ix_webhook_deliveries_endpoint_id", table_name="webhook_deliveries")
    op.drop_index(
        "ix_webhook_deliveries_due", table_name="webhook_deliveries", postgresql_where=sa.text("settled_at IS NULL")
    )
    op.drop_table("webhook_deliveries")
    op.drop_index("ix_messages_referral_id", table_name="messages")
    op.drop_index("ix_messages_person_id", table_name="messages")
    op.drop_table("messages")
    op.drop_index("ix_contacts_referral_id_on_id", table_name="contacts")
    op.drop_table("contacts")
    op.drop_index(op.f("ix_possible_matches_other_id"), table_name="possible_matches")
    op.drop_table("possible_matches")
    op.drop_index("uq_merges_pair", table_name="merges", postgresql_where=sa.text("undone_at IS NULL"))
    op.drop_index("ix_merges_into_id", table_name="merges")
    op.drop_table("merges")
    op.drop_index(op.f("ix_match_keys_person_id"), table_name="match_keys")
    op.drop_table("match_keys")
    op.drop_index("ix_erasures_unfinished", table_name="erasures", postgresql_where=sa.text("finished_at IS NULL"))
    op.drop_table("erasures")
    op.drop_table("corrections")
    op.drop_index(op.f("ix_announced_roots_root_id"), table_name="announced_roots")
    op.drop_table("announced_roots")
    op.drop_index("ix_webhook_endpoints_client", table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
