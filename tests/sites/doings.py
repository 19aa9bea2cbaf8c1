"""Sessions, engagements and contributions to record."""

from typing import Any

import httpx


def a_session(site_id: str | None, **changes: Any) -> dict[str, Any]:
    """Return a session that is accepted, and that people can have come to."""
    return {
        "site_id": site_id,
        "kind": "workshop",
        "starts_at": "2026-09-16T18:30:00+01:00",
        "duration_minutes": 120,
        "language": "ta",
        "facilitators": {"community_facilitator": 2, "clinical_psychologist": 1},
        "capacity": 60,
    } | changes


def an_engagement(*site_ids: str, **changes: Any) -> dict[str, Any]:
    """Return an engagement that is accepted."""
    return {
        "on": "2024-03-12",
        "kind": "conversation",
        "site_ids": list(site_ids),
        "space": "community",
        "hours": 2.5,
        "people_by_side": {"community": 11, "statutory": 3},
    } | changes


def a_contribution(site_id: str | None, **changes: Any) -> dict[str, Any]:
    """Return a contribution that is accepted."""
    return {
        "site_id": site_id,
        "on": "2026-09-16",
        "hours": 6.25,
        "paid": False,
        "from_side": "community",
        "to_side": "statutory",
        "role": "interpreter",
    } | changes


async def recorded(caller: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Record something and return it as it is shown."""
    answer = await caller.post(path, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{path}/{answer.json()['id']}"
    assert answer.headers["ETag"] == '"1"'
    found: dict[str, Any] = answer.json()
    return found
