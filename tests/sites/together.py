"""Two sides of one table, and what they put on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.sites.domain.quarters import quarter_of
from shared.days import today
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, offered, registered


@dataclass
class Table:
    """A site and an offer there, a trust, and who speaks: the site's app, another site's app, and the commissioner's system."""

    community: httpx.AsyncClient
    elsewhere: httpx.AsyncClient
    statutory: httpx.AsyncClient
    site: str
    other_site: str
    trust: str
    offer: str


@asynccontextmanager
async def a_table(sites: Door) -> AsyncIterator[Table]:
    """Set a table: one site's app, another's, and a system of all sites."""
    async with sites.caller(BOTH, client="commissioner") as statutory:
        site, other = await registered(statutory), await registered(statutory, name="Ghousia mosque")
        trust = {"name": "South West London NHS Trust", "kind": "statutory"}
        organisation = (await statutory.post("/v1/organisations", json=trust)).json()["id"]
        offer = await offered(statutory, site_id=site["id"])
        async with (
            sites.caller(BOTH, client="hall-app", sites=[UUID(site["id"])]) as community,
            sites.caller(BOTH, client="mosque-app", sites=[UUID(other["id"])]) as elsewhere,
        ):
            yield Table(community, elsewhere, statutory, site["id"], other["id"], organisation, offer["id"])


def days_ago(days: int) -> str:
    """Return the day that many days before today."""
    return str(today() - timedelta(days=days))


def this_quarter(day: date | None = None) -> str:
    """Return the label of the quarter it is."""
    return quarter_of(day or today())


def a_goal(**changes: Any) -> dict[str, Any]:
    """Return a goal that is accepted from a caller of one site."""
    return {
        "title": "More people from the hall begin treatment within six weeks",
        "measure_id": "access_within_6_weeks",
        "target": 75,
        "period": this_quarter(),
    } | changes


def a_reflection(**changes: Any) -> dict[str, Any]:
    """Return a reflection that is accepted from a caller limited to sites."""
    return {
        "period": this_quarter(),
        "words": "People come when somebody they know walks in with them.",
        "progress": "on_track",
    } | changes


def an_assessment(offer: str, **changes: Any) -> dict[str, Any]:
    """Return an assessment of co-production that is accepted from a caller limited to sites."""
    principles = {
        "assets": 3,
        "capabilities": 3,
        "mutuality": 2,
        "networks": 4,
        "blurring_roles": 1,
        "catalysts": 2,
    }
    return {
        "offer_id": offer,
        "on": days_ago(10),
        "principles": principles | changes.pop("principles", {}),
        "rung": "doing_with",
        "designed_by": "together",
        "delivered_by": "people_using_services",
    } | changes


async def posted(caller: httpx.AsyncClient, path: str, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
    """Post something that is accepted, and return what was answered."""
    told = await caller.post(path, json=body)
    assert told.status_code == status, told.text
    found: dict[str, Any] = told.json()
    return found


async def in_force(table: Table, **changes: Any) -> dict[str, Any]:
    """Set a goal that both sides sign, and return it."""
    path = f"/v1/goals/{(await posted(table.community, '/v1/goals', a_goal(**changes)))['id']}"
    await posted(table.community, f"{path}/sign", {"role": "trustee"}, 200)
    return await posted(table.statutory, f"{path}/sign", {"side": "statutory", "role": "service_manager"}, 200)


async def moved(database: Database, statement: str, days: int, *more: Any) -> None:
    """Move a day ($1) in the tables to so many days before today, as the administrator."""
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        await connection.execute("SET search_path = sites")
        await connection.execute(statement, today() - timedelta(days=days), *more)
    finally:
        await connection.close()
