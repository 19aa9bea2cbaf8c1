"""A small directory to be read, and readers of it."""

from typing import Any

import httpx

from tests.sites.builders import a_site, an_offer, an_organisation, times

FEED = "/open-referral"


async def made(caller: httpx.AsyncClient, path: str, body: dict[str, Any]) -> str:
    """Register something and return its id."""
    answer = await caller.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def organisation(caller: httpx.AsyncClient, **changes: Any) -> str:
    """Register an organisation."""
    return await made(caller, "/v1/organisations", an_organisation(**changes))


async def site(caller: httpx.AsyncClient, organisation_id: str, **changes: Any) -> str:
    """Register a site."""
    return await made(caller, "/v1/sites", a_site(organisation_id, **changes))


async def offer(caller: httpx.AsyncClient, site_id: str, **changes: Any) -> str:
    """Register an offer."""
    return await made(caller, "/v1/offers", an_offer(site_id, **changes))


async def changed(caller: httpx.AsyncClient, path: str, **changes: Any) -> None:
    """Change something, whatever its version."""
    answer = await caller.patch(path, json=changes, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


BARE: dict[str, Any] = {
    "minimum_age": None,
    "capacity": None,
    "next_available_on": None,
    "email": None,
    "phone": None,
    "url": None,
    "fees": None,
    "schedule": [],
    "needs": [],
    "languages": [],
    "therapy_types": [],
}


async def a_directory(caller: httpx.AsyncClient) -> dict[str, str]:
    """Register a church and a mosque, an open hall, a bare room and a refuge, and five offers; return their ids."""
    church = await organisation(caller)
    mosque = await organisation(
        caller, name="Balham Mosque", kind="mosque", charity_number="SC123456", website=None, description=None
    )
    hall = await site(caller, church)
    room = await site(
        caller,
        mosque,
        name="Upper room",
        cluster=None,
        address={"line_1": "1 High Road", "town": "Balham"},
        postcode="SW12 9AA",
        latitude=51.4436,
        longitude=-0.1526,
        accessibility=None,
        languages=[],
        co_provider=False,
    )
    refuge = await site(
        caller,
        church,
        name="The lamp",
        cluster="Hidden cluster",
        address={"line_1": "13 Secret Close", "line_2": "Concealed Court", "town": "Whisperham"},
        postcode="SW19 1ZZ",
        latitude=51.42,
        longitude=-0.2,
        accessibility="Ring twice at the green door of Concealed Court.",
        redacted_address=True,
    )
    evening = times(opens_at="18:00", closes_at="20:00", byday=["MO", "TH"], description="After work.")
    return {
        "church": church,
        "mosque": mosque,
        "hall": hall,
        "room": room,
        "refuge": refuge,
        "tea": await offer(caller, hall),
        "evening": await offer(
            caller, hall, name="Evening circle", schedule=[evening], languages=["ta"], minimum_age=25
        ),
        "bare": await offer(caller, room, name="Open room", accepting_referrals=False, **BARE),
        "prayer": await offer(
            caller, room, name="Prayer & company", maximum_age=40, needs=["faith"], languages=["som"]
        ),
        "safe": await offer(caller, refuge, name="Safe talk"),
    }


async def read(reader: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    """Return what the feed answers."""
    answer = await reader.get(f"{FEED}{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def names(reader: httpx.AsyncClient, **asked: Any) -> list[str]:
    """Return the names of the services that filters leave."""
    return [each["name"] for each in (await read(reader, "/services", **asked))["contents"]]
