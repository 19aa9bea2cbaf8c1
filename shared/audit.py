"""The access log: who did what to whom, in the same transaction as the deed; append-only and hash-chained."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, LargeBinary, String, Uuid, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from shared.auth import Caller
from shared.db import Kernel, insert_rows, lock_key
from shared.telemetry import trace_id

Action = Literal["create", "read", "update", "delete", "execute"]

SEAL_BATCH = 5000
GENESIS = bytes(32)


class Audit(Kernel):
    """One deed. The row may be written once, sealed once, and never changed or deleted: a trigger sees to it."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_unsealed", "id", postgresql_where=text("position IS NULL")),
        Index("uq_audit_position", "position", unique=True),
        Index("ix_audit_person_id", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    client: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(10))
    resource: Mapped[str] = mapped_column(String(40))
    resource_id: Mapped[str | None] = mapped_column(String(64))
    person_id: Mapped[UUID | None] = mapped_column(Uuid)
    detail: Mapped[str | None] = mapped_column(String(200))
    trace: Mapped[str] = mapped_column(String(32))
    position: Mapped[int | None] = mapped_column(BigInteger)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)


def entry(
    caller: Caller,
    action: Action,
    resource: str,
    resource_id: object | None = None,
    *,
    person_id: UUID | None = None,
    detail: str | None = None,
    trace: str = "",
) -> dict[str, Any]:
    """Return one row of the log; `detail` names a query's shape, never what was looked for."""
    return {
        "at": datetime.now(UTC),
        "client": caller.client,
        "action": action,
        "resource": resource,
        "resource_id": None if resource_id is None else str(resource_id),
        "person_id": person_id,
        "detail": detail,
        "trace": trace or trace_id(),
    }


async def record(session: AsyncSession, entries: Sequence[dict[str, Any]]) -> None:
    """Log deeds in the caller's transaction: no log, no deed."""
    await insert_rows(session, Audit, entries)


def link(before: bytes, row: Any) -> bytes:  # noqa: ANN401 - an Audit or a row of its columns
    """Return a row's hash, which covers the row and every row sealed before it."""
    content = [
        row.position,
        row.id,
        row.at.astimezone(UTC).isoformat(),
        row.client,
        row.action,
        row.resource,
        row.resource_id,
        str(row.person_id) if row.person_id else None,
        row.detail,
        row.trace,
    ]
    return sha256(before + json.dumps(content, separators=(",", ":")).encode()).digest()


async def seal(session: AsyncSession, service: str) -> int:
    """Chain rows committed since the last sealing; return how many. One sealer at a time, so writers never wait for it."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(service, "seal")})
    rows = (
        await session.execute(
            select(*(column for column in Audit.__table__.columns if column.name not in {"position", "hash"}))
            .where(Audit.position.is_(None))
            .order_by(Audit.id)
            .limit(SEAL_BATCH)
        )
    ).all()
    if not rows:
        return 0
    last = (
        await session.execute(
            select(Audit.position, Audit.hash)
            .where(Audit.position.is_not(None))
            .order_by(Audit.position.desc())
            .limit(1)
        )
    ).first()
    position, before = (last.position, last.hash) if last else (0, GENESIS)
    ids, positions, hashes = [], [], []
    for row in rows:
        position += 1
        before = link(before, _Positioned(row, position))
        ids.append(row.id)
        positions.append(position)
        hashes.append(before)
    await session.execute(
        text(
            "UPDATE audit SET position = s.position, hash = s.hash FROM "
            "unnest(CAST(:ids AS bigint[]), CAST(:positions AS bigint[]), CAST(:hashes AS bytea[])) AS s(id, position, hash) "
            "WHERE audit.id = s.id"
        ),
        {"ids": ids, "positions": positions, "hashes": hashes},
    )
    return len(rows)


class _Positioned:
    """A row that is about to get its position."""

    def __init__(self, row: Any, position: int) -> None:  # noqa: ANN401 - a row of Audit's columns
        self._row = row
        self.position = position

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
        return getattr(self._row, name)


async def verify(session: AsyncSession) -> tuple[int, int | None]:
    """Walk the chain; return how many rows hold, and the position of the first that does not (None when all do)."""
    before, expected = GENESIS, 0
    query = select(*Audit.__table__.columns).where(Audit.position.is_not(None)).order_by(Audit.position)
    async for row in await session.stream(query.execution_options(yield_per=1000)):
        expected += 1
        if row.position != expected or link(before, row) != row.hash:
            return expected - 1, expected
        before = row.hash
    return expected, None


async def unsealed(session: AsyncSession) -> int:
    """Return how many rows wait for their seal."""
    return await session.scalar(select(func.count()).select_from(Audit).where(Audit.position.is_(None))) or 0
