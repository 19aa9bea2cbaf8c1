"""The tables that every schema has, as migrations make them. An edition, once released, is never edited: add the next."""

from types import ModuleType

from sqlalchemy import BigInteger, Column, DateTime, Identity, Integer, LargeBinary, String, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB

APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.position IS NULL AND NEW.position IS NOT NULL
       AND to_jsonb(OLD) - 'position' - 'hash' = to_jsonb(NEW) - 'position' - 'hash' THEN
        RETURN NEW;  -- the one change allowed: a row gets its seal
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$
"""

NO_DELETING = """
DO $$
BEGIN
    EXECUTE format('REVOKE DELETE, TRUNCATE ON audit, outbox FROM roundtable_%s', current_schema());
END
$$
"""

SHARED_TABLES = (
    "worker_signs",
    "idempotency_keys",
    "audit",
    "inbox_position",
    "dead_letters",
    "inbox",
    "stream_seen",
    "outbox",
)


def first_edition(op: ModuleType) -> None:
    """Make outbox, inbox, dead letters, audit, idempotency keys and workers' signs of life."""
    op.create_table(
        "outbox",
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("event_id", Uuid, nullable=False, unique=True),
        Column("aggregate_id", String(64), nullable=False),
        Column("version", Integer, nullable=False),
        Column("subject", String(80), nullable=False),
        Column("data", JSONB, nullable=False),
        Column("traceparent", String(55), nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("published_at", DateTime(timezone=True)),
        Column("stream_seq", BigInteger),
    )
    op.create_index("ix_outbox_unpublished", "outbox", ["id"], postgresql_where=text("published_at IS NULL"))
    op.create_index("uq_outbox_aggregate_id_version", "outbox", ["aggregate_id", "version"], unique=True)
    op.create_table("stream_seen", Column("created", String(40), primary_key=True))
    op.create_table(
        "inbox",
        Column("event_id", Uuid, primary_key=True),
        Column("aggregate_id", String(64), nullable=False),
        Column("version", Integer, nullable=False),
    )
    op.create_index("uq_inbox_aggregate_id_version", "inbox", ["aggregate_id", "version"], unique=True)
    op.create_table(
        "dead_letters",
        Column("event_id", Uuid, primary_key=True),
        Column("aggregate_id", String(64), nullable=False),
        Column("version", Integer, nullable=False),
        Column("subject", String(200), nullable=False),
        Column("state", String(10), nullable=False),
        Column("reason", String(100), nullable=False),
        Column("tries", Integer, nullable=False),
        Column("parked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("body", Text, nullable=False),
    )
    op.create_index("ix_dead_letters_aggregate_id", "dead_letters", ["aggregate_id", "version"])
    op.create_table(
        "inbox_position",
        Column("id", Integer, primary_key=True),
        Column("events", BigInteger, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
    )
    op.execute("INSERT INTO inbox_position VALUES (1, 0, now())")
    op.create_table(
        "audit",
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("client", String(200), nullable=False),
        Column("action", String(10), nullable=False),
        Column("resource", String(40), nullable=False),
        Column("resource_id", String(64)),
        Column("person_id", Uuid),
        Column("detail", String(200)),
        Column("trace", String(32), nullable=False),
        Column("position", BigInteger),
        Column("hash", LargeBinary),
    )
    op.create_index("ix_audit_unsealed", "audit", ["id"], postgresql_where=text("position IS NULL"))
    op.create_index("uq_audit_position", "audit", ["position"], unique=True)
    op.create_index("ix_audit_person_id", "audit", ["person_id", "at"])
    op.execute(APPEND_ONLY)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
    )
    op.execute(
        "CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
    )
    op.create_table(
        "idempotency_keys",
        Column("client", String(200), primary_key=True),
        Column("key", String(255), primary_key=True),
        Column("request_hash", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])
    op.create_table(
        "worker_signs",
        Column("name", String(40), primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("detail", JSONB, nullable=False),
    )
    op.execute(NO_DELETING)


def without_first_edition(op: ModuleType) -> None:
    """Remove what `first_edition` made."""
    for table in SHARED_TABLES:
        op.drop_table(table)
    op.execute("DROP FUNCTION audit_append_only()")
