"""Listing referrals: filters hold together, and pages neither skip nor repeat."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.paging import _cursor, _mark
from tests.doors import Door
from tests.referrals.builders import a_referral

WRITE, READ = "referrals:write", "referrals:read"
SITE = "0f2c7a52-7e5a-4a4f-8f0c-6c9a0b1d2e3f"


def forged(*key: object) -> str:
    """Return a cursor with the right mark that nobody was given."""
    return f"cursor={_cursor(key, _mark({}))}"


async def recorded(caller: httpx.AsyncClient, count: int = 1, **changes: Any) -> list[str]:
    sent = [a_referral(**changes) for _ in range(count)]
    results = (await caller.post("/v1/referrals/bulk", json=sent)).json()["results"]
    assert {result["status"] for result in results} == {"created"}
    return [result["id"] for result in results]


async def walked(caller: httpx.AsyncClient, query: str = "", limit: int = 7) -> list[str]:
    """Return the ids of a list, page by page."""
    ids, cursor = [], ""
    while True:
        page = (await caller.get(f"/v1/referrals?limit={limit}{query}{cursor}")).json()
        ids += [item["id"] for item in page["items"]]
        if page["next"] is None:
            return ids
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next']}"


async def test_filters_hold_together(referrals: Door) -> None:
    async with referrals.caller(f"{WRITE} {READ}") as caller:
        (early,) = await recorded(caller, received_on="2026-01-31", source="B1")
        (middle,) = await recorded(caller, received_on="2026-02-01", source="A1", site_id=SITE)
        (late,) = await recorded(caller, received_on="2026-02-28", source="B1", site_id=SITE)
        for query, expected in {
            "": [early, middle, late],
            "&source=B1": [early, late],
            f"&site_id={SITE}": [middle, late],
            f"&site_id={SITE}&source=B1": [late],
            "&received_from=2026-02-01": [middle, late],
            "&received_to=2026-02-01": [early, middle],
            "&received_from=2026-02-01&received_to=2026-02-01": [middle],
            "&status=received": [early, middle, late],
            "&status=discharged": [],
        }.items():
            assert await walked(caller, query) == expected, query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "status=gone",
        "site_id=here",
        "source=ZZ",
        "received_from=tomorrow",
        "surprise=1",
        "cursor=x",
        "cursor=W10",
        f"cursor={'x' * 501}",
        forged("not a date", SITE),
        forged("2026-01-01"),
        forged(),
    ],
)
async def test_a_list_is_asked_only_what_it_understands(referrals: Door, query: str) -> None:
    async with referrals.caller(READ) as caller:
        refused = await caller.get(f"/v1/referrals?{query}")
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["pointer"] == query.partition("=")[0]


async def test_a_cursor_belongs_to_its_filters(referrals: Door) -> None:
    async with referrals.caller(f"{WRITE} {READ}") as caller:
        await recorded(caller, 3, source="B1")
        cursor = (await caller.get("/v1/referrals?limit=2&source=B1")).json()["next"]
        same = await caller.get(f"/v1/referrals?limit=1&source=B1&cursor={cursor}")
        other = await caller.get(f"/v1/referrals?limit=2&source=A1&cursor={cursor}")
        none = await caller.get(f"/v1/referrals?limit=2&cursor={cursor}")
    assert (same.status_code, other.status_code, none.status_code) == (200, 422, 422)


async def test_pages_neither_skip_nor_repeat_while_referrals_come_in(referrals: Door) -> None:
    async with referrals.caller(f"{WRITE} {READ}") as caller:
        there = [one for day in range(1, 10) for one in await recorded(caller, 3, received_on=f"2026-03-{day:02}")]
        stop = asyncio.Event()

        async def go_on() -> None:
            while not stop.is_set():
                for day in ("2026-02-01", "2026-03-05", "2026-04-01"):
                    await recorded(caller, 2, received_on=day)

        writing = asyncio.create_task(go_on())
        for limit in (2, 7, 100):
            found = await walked(caller, "&received_to=2026-03-31", limit)
            assert len(found) == len(set(found)), "none twice"
            assert set(there) <= set(found), "none left out"
        stop.set()
        await writing


async def test_a_list_shows_coded_fields_only(referrals: Door) -> None:
    async with referrals.caller(f"{WRITE} {READ} people:read") as caller:
        await recorded(caller)
        answer = await caller.get("/v1/referrals")
    assert "person" not in answer.json()["items"][0]
    assert "note" not in answer.json()["items"][0]
    assert "Okafor" not in answer.text
