"""Whether a service can do its work: the database answers, the schema is the code's, and its worker is alive."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from shared import telemetry
from shared.db import session_maker
from shared.worker_signs import WorkerSign

SILENT_SECONDS = 20  # a worker signs every two; readiness must be red in thirty
REVISION = re.compile(r'^revision(?:: str)? = "([^"]+)"', re.MULTILINE)


def newest_revision(service: str) -> str:
    """Return the migration that this code needs, the last by its dated file name."""
    folder = Path(__file__).parent.parent / "services" / service / "migrations"
    found = REVISION.search(max(folder.glob("2*.py")).read_text())
    if found is None:
        raise RuntimeError(f"the newest migration of {service} names no revision")
    return found[1]


async def readiness(service: str, *, needs_worker: bool) -> tuple[bool, dict[str, Any]]:
    """Return whether the service is ready and why; a writer whose worker is away is ready: its outbox waits."""
    try:
        async with session_maker()() as session:
            revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
            sign = (await session.execute(select(WorkerSign.at, WorkerSign.detail))).first()
    except (SQLAlchemyError, OSError, TimeoutError):
        return False, {"database": "unreachable"}
    checks: dict[str, Any] = {
        "database": "ok",
        "schema": "ok" if revision == newest_revision(service) else "not migrated",
    }
    checks["worker"] = trouble(sign.at, sign.detail) if sign else "has not started"
    ready = checks["schema"] == "ok" and (checks["worker"] == "ok" or not needs_worker)
    return ready, checks


def trouble(at: datetime, detail: dict[str, Any]) -> str:
    """Return "ok", or what is wrong with a worker."""
    silent = (datetime.now(UTC) - at).total_seconds()
    if silent > SILENT_SECONDS:
        return "silent"
    if detail.get("relay"):
        return f"relay: {detail['relay']}"
    if detail.get("consumer"):
        return f"consumer: {detail['consumer']}"
    if (detail.get("silent_seconds") or 0) > SILENT_SECONDS:
        return "consumer: hears nothing"
    return "ok"


async def measure(service: str) -> None:
    """Bring the metrics that live in the database up to date."""
    async with session_maker()() as session:
        outbox = (
            await session.execute(
                text(
                    "SELECT count(*), coalesce(extract(epoch FROM now() - min(occurred_at)), 0) "
                    "FROM outbox WHERE published_at IS NULL"
                )
            )
        ).one()
        telemetry.OUTBOX_UNPUBLISHED.labels(service).set(outbox[0])
        telemetry.OUTBOX_OLDEST_SECONDS.labels(service).set(float(outbox[1]))
        letters = await session.scalar(text("SELECT count(*) FROM dead_letters"))
        telemetry.DEAD_LETTERS.labels(service).set(letters or 0)
        telemetry.EVENTS_APPLIED.labels(service).set(
            await session.scalar(text("SELECT events FROM inbox_position")) or 0
        )
        sign = (await session.execute(select(WorkerSign.at, WorkerSign.detail))).first()
    if sign is not None:
        telemetry.WORKER_SILENT_SECONDS.labels(service).set((datetime.now(UTC) - sign.at).total_seconds())
        if sign.detail.get("lag") is not None:
            telemetry.CONSUMER_LAG.labels(service).set(sign.detail["lag"])
        if sign.detail.get("silent_seconds") is not None:
            telemetry.LAST_FETCH_SECONDS.labels(service).set(sign.detail["silent_seconds"])
