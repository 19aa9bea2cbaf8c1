"""Responses to send, and rows to look at."""

import json
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from tests.databases import Database

ANSWER = "surveys:answer"
READ = "surveys:read"
BOTH = "surveys:answer surveys:read"


def items(prefix: str, *values: int | None) -> dict[str, int | None]:
    """Return answers to the items of an instrument, in order; None is not answered."""
    return {f"{prefix}_{number}": value for number, value in enumerate(values, 1)}


def a_response(**changes: Any) -> dict[str, Any]:
    """Return a response that is accepted: a whole GAD-7 that adds up to 10."""
    return {
        "referral_id": str(uuid4()),
        "instrument": "gad_7",
        "answered_on": "2026-09-21",
        "mode": "assisted",
        "language": "so",
        "helper": "community_researcher",
        "answers": items("gad7", 2, 1, 2, 3, 0, 1, 1),
    } | changes


def a_total(instrument: str, total: Any, **changes: Any) -> dict[str, Any]:
    """Return a response that is only a total."""
    sent = a_response(instrument=instrument, total=total, **changes)
    del sent["answers"]
    return sent


async def recorded(caller: httpx.AsyncClient, sent: dict[str, Any]) -> dict[str, Any]:
    """Send a response that is accepted, and return it."""
    answer = await caller.post("/v1/responses", json=sent)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    """Return a table's rows as the administrator sees them."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        found = await connection.fetch(f"SELECT * FROM surveys.{table} ORDER BY 1")  # noqa: S608 - names from the tests
    finally:
        await connection.close()
    return [dict(row) for row in found]


async def announced(database: Database) -> list[tuple[str, str, int, dict[str, Any]]]:
    """Return what was announced, in order: subject, aggregate, version, data."""
    found = await rows(database, "outbox")
    return [(row["subject"], row["aggregate_id"], row["version"], json.loads(row["data"])) for row in found]
