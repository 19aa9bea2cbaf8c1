"""Organisations and sites to register, and rows to look at."""

import json
from typing import Any

import asyncpg
import httpx

from tests.databases import Database

WRITE = "sites:write"
READ = "sites:read"
BOTH = "sites:read sites:write"


def an_organisation(**changes: Any) -> dict[str, Any]:
    """Return an organisation that is accepted."""
    return {
        "name": "New Testament Assembly",
        "kind": "church",
        "charity_number": "1088333",
        "website": "https://example.org/",
        "description": "Trains its own counsellors.",
    } | changes


def a_site(organisation_id: str, **changes: Any) -> dict[str, Any]:
    """Return a site that is accepted."""
    return {
        "organisation_id": organisation_id,
        "name": "Beechcroft Road hall",
        "cluster": "Tooting",
        "address": {"line_1": "7 Beechcroft Road", "line_2": None, "town": "London"},
        "postcode": "SW17 7BU",
        "latitude": 51.4385,
        "longitude": -0.1679,
        "languages": ["en", "so"],
        "accessibility": "Step-free.\nHearing loop.",
        "redacted_address": False,
        "co_provider": True,
        "joined_on": "2026-09-01",
        "status": "active",
    } | changes


async def registered(caller: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Register a site, of a new organisation unless one is named, and return it."""
    if "organisation_id" not in changes:
        answer = await caller.post("/v1/organisations", json=an_organisation())
        changes["organisation_id"] = answer.json()["id"]
    answer = await caller.post("/v1/sites", json=a_site(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def an_offer(site_id: str, **changes: Any) -> dict[str, Any]:
    """Return an offer that is accepted: on the last Friday of each month."""
    return {
        "site_id": site_id,
        "name": "Talking over tea",
        "description": "Come as you are; somebody listens.",
        "programme": "talking_therapies",
        "therapy_types": ["748051000000105"],
        "needs": ["low_mood", "loneliness"],
        "languages": ["en", "so"],
        "schedule": [times(freq="MONTHLY", byday=["-1FR"])],
        "minimum_age": 18,
        "maximum_age": None,
        "capacity": 12,
        "accepting_referrals": True,
        "next_available_on": "2026-12-04",
        "designed_by": "together",
        "delivered_by": "people_using_services",
        "email": "tea@example.org",
        "phone": "020 7946 0018",
        "url": "https://example.org/tea",
        "fees": "Free.",
        "status": "active",
    } | changes


def times(**changes: Any) -> dict[str, Any]:
    """Return one entry of a schedule that is accepted: ten to noon, every Thursday of 2026 and after."""
    return {
        "freq": "WEEKLY",
        "interval": 1,
        "byday": [] if changes.get("freq") == "MONTHLY" else ["TH"],
        "bymonthday": [],
        "dtstart": "2026-01-01",
        "valid_to": None,
        "opens_at": "10:00",
        "closes_at": "12:00",
        "description": None,
    } | changes


async def offered(caller: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """Register an offer, at a new site unless one is named, and return it."""
    if "site_id" not in changes:
        changes["site_id"] = (await registered(caller))["id"]
    answer = await caller.post("/v1/offers", json=an_offer(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def held(version: int) -> dict[str, str]:
    """Return the header that names the version to change."""
    return {"If-Match": f'"{version}"'}


async def rows(database: Database, table: str, more: str = "", schema: str = "sites") -> list[dict[str, Any]]:
    """Return a table's rows as the administrator sees them."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        found = await connection.fetch(f"SELECT * FROM {schema}.{table} {more}")  # noqa: S608 - names from the tests
    finally:
        await connection.close()
    return [dict(row) for row in found]


async def events(database: Database, aggregate_id: str, schema: str = "sites") -> list[tuple[str, int, dict[str, Any]]]:
    """Return what was announced of an aggregate, in order: subject, version, data."""
    found = await rows(database, "outbox", "ORDER BY id", schema)
    return [
        (row["subject"], row["version"], json.loads(row["data"]))
        for row in found
        if row["aggregate_id"] == aggregate_id
    ]


async def deeds(database: Database, schema: str = "sites") -> list[tuple[str, str, str | None]]:
    """Return the access log, in order: action, resource, detail."""
    found = await rows(database, "audit", "ORDER BY id", schema)
    return [(row["action"], row["resource"], row["detail"]) for row in found]
