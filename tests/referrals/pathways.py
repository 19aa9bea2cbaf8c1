"""Pathways to walk: what is sent to one, what it announced, and what it is by a few lines of plain Python."""

from datetime import timedelta
from typing import Any

import httpx

from shared.days import today
from tests.databases import Database
from tests.referrals.builders import a_referral, rows

ALL = "referrals:write referrals:read people:read"
RECEIVED = "2026-03-02"


def day(offset: int) -> str:
    """Return a day so many days from today."""
    return (today() + timedelta(days=offset)).isoformat()


def a_contact(**changes: Any) -> dict[str, Any]:
    """Return a treatment contact that was attended."""
    return {"on": "2026-03-20", "attendance": "5", "appointment_type": "02"} | changes


async def opened(caller: httpx.AsyncClient, **changes: Any) -> str:
    """Record a referral of somebody unknown; return its path."""
    sent = a_referral(**{"received_on": RECEIVED, "person": {}} | changes)
    told = await caller.post("/v1/referrals", json=sent)
    assert told.status_code == 201, told.text
    return str(told.headers["Location"])


async def met(caller: httpx.AsyncClient, path: str, **changes: Any) -> dict[str, Any]:
    """Record a contact of a pathway; return it."""
    told = await caller.post(f"{path}/contacts", json=a_contact(**changes))
    assert told.status_code == 201, told.text
    body: dict[str, Any] = told.json()
    return body


async def said(caller: httpx.AsyncClient, path: str, move: str, **body: Any) -> dict[str, Any]:
    """Make a move that is allowed; return the referral."""
    told = await caller.post(f"{path}/{move}", json=body)
    assert told.status_code == 200, told.text
    referral: dict[str, Any] = told.json()
    return referral


async def status(caller: httpx.AsyncClient, path: str) -> str:
    """Return where a pathway stands."""
    return str((await caller.get(path)).json()["status"])


async def events(database: Database, path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a pathway announced, in order; its versions have no gap and end with the referral's own."""
    referral_id = path.rpartition("/")[2]
    found = await rows(database, "outbox", f"WHERE aggregate_id = '{referral_id}' ORDER BY id")
    assert [row["version"] for row in found] == list(range(1, len(found) + 1))
    (referral,) = await rows(database, "referrals", f"WHERE id = '{referral_id}'")
    assert referral["version"] == len(found)
    return [(row["subject"].removeprefix("referrals.").removesuffix(".v1"), row["data"]) for row in found]


def naive(contacts: list[dict[str, Any]], triage: tuple[str, str] | None, discharged_on: str | None) -> dict[str, Any]:
    """Return what a pathway is, from what was sent."""
    end = discharged_on or (triage[1] if triage and triage[0] != "accepted" else None)
    attended = [
        one
        for one in contacts
        if (one.get("planned") is False or one.get("attendance") in ("5", "6")) and (end is None or one["on"] <= end)
    ]
    assessed = sorted(one["on"] for one in attended if one["appointment_type"] in ("01", "03"))
    treated = sorted(
        one["on"] for one in attended if one["appointment_type"] in ("02", "03", "05") or one.get("internet_therapy")
    )
    state = "in_treatment" if treated else "received"
    if triage and (triage[0] != "accepted" or not treated):
        state = triage[0]
    return {
        "status": "discharged" if discharged_on else state,
        "first_assessment_on": assessed[0] if assessed else None,
        "first_treatment_on": treated[0] if treated else None,
        "last_treatment_on": treated[-1] if treated else None,
        "treatment_contacts": len(treated),
        "finished_course": end is not None and len(treated) >= 2,
    }
