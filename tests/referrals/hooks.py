"""Webhooks to register, referrals to tell of, and what became of telling."""

import asyncio
from base64 import b64decode, b64encode
from hashlib import sha256
from hmac import compare_digest, new
from typing import Any

import asyncpg
import httpx
import pytest

from services.referrals.commands.delivering import deliver
from shared.db import session_maker
from shared.settings import settings
from tests.databases import Database
from tests.referrals.builders import a_referral
from tests.referrals.receiver import Heard

WRITE = "referrals:write"
EVERY_KIND = [
    "referral.triaged",
    "referral.in_treatment",
    "referral.discharged",
    "referral.reopened",
    "referral.removed",
    "referral.corrected",
]


def allow_private(monkeypatch: pytest.MonkeyPatch, *, allowed: bool = True) -> None:
    """Let webhooks lead to this machine, or no longer."""
    monkeypatch.setenv("ROUNDTABLE_WEBHOOK_ALLOW_PRIVATE", str(allowed).lower())
    settings.cache_clear()


async def registered(caller: httpx.AsyncClient, url: str, kinds: list[str] | None = None) -> dict[str, Any]:
    """Register a webhook; return it with its secret."""
    answer = await caller.post("/v1/webhooks", json={"url": url, "kinds": kinds or EVERY_KIND})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def triaged(caller: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Record a referral and accept it; return it as it is then."""
    made = await caller.post("/v1/referrals", json=a_referral(**changes))
    assert made.status_code == 201, made.text
    path = f"/v1/referrals/{made.json()['id']}/triage"
    answer = await caller.post(
        path, json={"decision": "accepted", "on": "2026-03-15", "reason": "Okafor asked for it."}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def log_of(caller: httpx.AsyncClient, webhook: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """Return a webhook's deliveries."""
    answer = await caller.get(f"/v1/webhooks/{webhook['id']}/deliveries{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def round_made() -> None:
    """Let the worker send what is due."""
    async with asyncio.timeout(30):
        await deliver(session_maker())


async def done(database: Database, statement: str, *arguments: Any) -> str:
    """Do something to the tables as the administrator, such as letting time pass."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("SET search_path = referrals")
        return await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def made_due(database: Database) -> None:
    """Let it be time to try again."""
    await done(database, "UPDATE webhook_deliveries SET due_at = now() WHERE settled_at IS NULL")
    await done(database, "UPDATE webhook_endpoints SET held_until = NULL")


def signatures_of(heard: Heard) -> list[str]:
    """Return the signatures of a message."""
    return heard.headers["webhook-signature"].split(" ")


def is_signed_by(heard: Heard, secret: str) -> bool:
    """Verify a message, by nothing of ours."""
    content = b".".join([heard.headers["webhook-id"].encode(), heard.headers["webhook-timestamp"].encode(), heard.body])
    expected = b64encode(new(b64decode(secret.removeprefix("whsec_")), content, sha256).digest()).decode()
    return any(compare_digest(f"v1,{expected}", each) for each in signatures_of(heard))
