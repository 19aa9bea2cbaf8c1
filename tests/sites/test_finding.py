"""Finding an offer: who offers what, where, in which language, and is it open now."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
import pytest

from services.sites.domain.offers import Point, around, distance, entry
from services.sites.domain.schedule import is_open
from services.sites.queries.offers import Search, place, search
from shared.db import limit_to, session_maker
from tests.doors import Door
from tests.sites.builders import BOTH, offered, registered, times

TOOTING: dict[str, Any] = {"postcode": "SW17 7BU", "latitude": 51.4385, "longitude": -0.1679}
BALHAM: dict[str, Any] = {"postcode": "SW12 9BW", "latitude": 51.4431, "longitude": -0.1525}
LEEDS: dict[str, Any] = {"postcode": "LS1 4AP", "latitude": 53.7960, "longitude": -1.5479}


async def found(caller: httpx.AsyncClient, **filters: object) -> list[str]:
    """Return the names of the offers that filters find."""
    page = await caller.get("/v1/offers", params={name: str(value) for name, value in filters.items()})
    assert page.status_code == 200, page.text
    return [one["name"] for one in page.json()["items"]]


async def test_filters_hold_together(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        first = await offered(caller, name="A", languages=["eng", "so"], needs=["anxiety"])
        await offered(caller, name="B", site_id=first["site_id"], programme="wellbeing", accepting_referrals=False)
        await offered(caller, name="C", languages=["ta"], needs=["anxiety", "work"], status="inactive")
        assert await found(caller) == ["A", "B", "C"]
        assert await found(caller, site_id=first["site_id"]) == ["A", "B"]
        assert await found(caller, language="en") == await found(caller, language="eng") == ["A", "B"]
        assert await found(caller, language="tam") == ["C"]
        assert await found(caller, programme="wellbeing") == ["B"]
        assert await found(caller, need="anxiety") == ["A", "C"]
        assert await found(caller, need="anxiety", status="active") == ["A"]
        assert await found(caller, accepting_referrals="false") == ["B"]
        assert await found(caller, need="sleep") == []
        for wrong in ("need=klingon", "day=1MO", "open_at=2026-11-20T10:00:00", "near=klingon", "within=0", "q="):
            told = await caller.get(f"/v1/offers?{wrong}")
            assert told.status_code == 422
            assert "klingon" not in told.text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tea", ["Tea & talk", "Chai"]),
        ("TALK tea", ["Tea & talk"]),
        ("tal", ["Tea & talk"]),
        ("alk", []),
        ("caawi", ["Qof la hadal"]),
        ("মানসিক", ["Chai"]),
        ("সাহা", ["Chai"]),
        ("نفس", ["Qof la hadal"]),
        ("l'écoute", ["Écoute"]),
        ("women's", ["Écoute"]),
        ("' | tea", ["Tea & talk", "Chai"]),
        ("tea | caawi", []),
        ("tea:* \\", ["Tea & talk", "Chai"]),
        ("%", []),
    ],
)
async def test_words_are_found_whole_or_by_their_beginning_in_any_script(
    sites: Door, words: str, expected: list[str]
) -> None:
    async with sites.caller(BOTH) as caller:
        site_id = (await registered(caller))["id"]
        for name, description in {
            "Tea & talk": "Every Friday.",
            "Chai": "Tea. মানসিক স্বাস্থ্য সাহায্য",
            "Qof la hadal": "Caawimaad iyo نفسی صحت",
            "Écoute": "À l'écoute; a women's group.",
        }.items():
            await offered(caller, site_id=site_id, name=name, description=description)
        assert await found(caller, q=words) == expected


async def test_what_is_on_a_weekday_is_found_until_it_has_ended(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site_id = (await registered(caller))["id"]
        for name, schedule in {
            "Thursdays": [times()],
            "Last Friday": [times(freq="MONTHLY", byday=["-1FR"])],
            "Both": [times(), times(byday=["FR", "SU"])],
            "Ended": [times(valid_to="2026-02-01")],
            "The 13th": [times(freq="MONTHLY", bymonthday=[13])],
            "By arrangement": [],
        }.items():
            await offered(caller, site_id=site_id, name=name, schedule=schedule)
        assert await found(caller, day="TH") == ["Thursdays", "Both"]
        assert await found(caller, day="FR") == ["Last Friday", "Both"]
        assert await found(caller, day="MO") == []


SCHEDULES: list[dict[str, Any]] = [
    times(),
    times(interval=2, byday=["MO", "TH"]),
    times(interval=3, dtstart="2026-01-04", byday=["SU"]),
    times(byday=["SU"], opens_at="00:30", closes_at="02:30"),
    times(byday=["SA", "SU"], opens_at="01:15", closes_at="01:45"),
    times(freq="MONTHLY", byday=["-1FR"]),
    times(freq="MONTHLY", byday=["2MO", "-2TH"], interval=2),
    times(freq="MONTHLY", byday=["SU"], valid_to="2026-05-10"),
    times(freq="MONTHLY", bymonthday=[-1, 13]),
    times(freq="MONTHLY", byday=["FR"], bymonthday=[13]),
    times(freq="MONTHLY", dtstart="2026-01-31", interval=5),
]
INSTANTS = [
    *(datetime.combine(date(2026, 1, 1) + timedelta(days=ahead), time(10, 30), UTC) for ahead in range(0, 366, 1)),
    *(datetime(2026, 3, 29, tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(8)),
    *(datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=30 * step) for step in range(8)),
]


async def test_the_database_and_the_calendar_agree_on_what_is_open(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site_id = (await registered(caller))["id"]
        held = {
            (await offered(caller, site_id=site_id, name=f"{number}", schedule=[one]))["name"]: entry(_typed(one))
            for number, one in enumerate(SCHEDULES)
        }
        assert await found(caller, open_at="2026-01-01T10:30:00Z") == ["0", "1"]
    opened = set()
    async with session_maker()() as session:
        limit_to(session, None)
        for instant in INSTANTS:
            said = {hit.offer.name for hit in (await search(session, Search(open_at=instant), limit=50)).hits}
            assert said == {name for name, one in held.items() if is_open([one], instant)}, instant
            opened |= said
    assert opened == held.keys(), "each was open at some of them"


def _typed(sent: dict[str, Any]) -> dict[str, Any]:
    days = {name: sent[name] and date.fromisoformat(sent[name]) for name in ("dtstart", "valid_to")}
    clocks = {name: time.fromisoformat(sent[name]) for name in ("opens_at", "closes_at")}
    if sent["freq"] == "MONTHLY" and not sent["byday"] and not sent["bymonthday"]:
        return sent | days | clocks | {"bymonthday": [days["dtstart"].day]}
    return sent | days | clocks


async def test_near_is_measured_from_where_a_registered_sites_postcode_is(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        for name, where in {"Leeds": LEEDS, "Balham": BALHAM, "Tooting": TOOTING}.items():
            await offered(caller, name=name, site_id=(await registered(caller, **where))["id"])
        nowhere = await registered(caller, postcode="SW17 8AA", latitude=None, longitude=None)
        await offered(caller, name="Nowhere", site_id=nowhere["id"])
        assert await found(caller, near="SW17 7BU") == ["Balham", "Tooting"]
        assert await found(caller, near="sw177bu", within=1) == ["Tooting"]
        assert await found(caller, near="SW17 9ZZ", within=1) == ["Tooting"], "the district will do"
        assert await found(caller, near="SW17 7BU", within=300) == ["Leeds", "Balham", "Tooting"]
        unplaced = await caller.get("/v1/offers?near=ZE1 0AA")
        assert (unplaced.status_code, unplaced.json()["errors"][0]["code"]) == (422, "postcode_unplaced")
    async with session_maker()() as session:
        limit_to(session, None)
        middle = await place(session, "SW17 7BU")
        hits = (await search(session, Search(near=middle, within=300), limit=2)).hits
        everything = await search(session, Search(), limit=2, offset=2)
    assert [hit.offer.name for hit in hits] == ["Tooting", "Balham"], "the nearest first"
    assert middle == Point(51.4385, -0.1679)
    for hit, where in zip(hits, (TOOTING, BALHAM), strict=True):
        there = Point(where["latitude"], where["longitude"])
        assert hit.distance == pytest.approx(distance(middle, there), abs=0.001)
    assert ([hit.offer.name for hit in everything.hits], everything.total) == (["Nowhere", "Tooting"], 4)
    assert everything.hits[0].schedule[0].byday == ["-1FR"]


async def test_a_redacted_address_is_not_found_by_place_and_places_nothing(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        refuge = await registered(caller, **TOOTING, redacted_address=True)
        await offered(caller, name="Refuge", site_id=refuge["id"])
        assert (await caller.get("/v1/offers?near=SW17 7BU")).status_code == 422
        await offered(caller, name="Hall", site_id=(await registered(caller, **BALHAM))["id"])
        for within in (2, 1000):
            assert await found(caller, near="SW12 9BW", within=within) == ["Hall"]
        assert await found(caller) == ["Refuge", "Hall"]


async def test_what_is_withdrawn_or_whose_site_has_closed_is_not_for_the_public(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        await offered(caller, name="Open")
        await caller.delete(f"/v1/offers/{(await offered(caller, name='Withdrawn'))['id']}")
        closed = await registered(caller, status="closed")
        await offered(caller, name="Closed", site_id=closed["id"])
    async with session_maker()() as session:
        limit_to(session, None)
        hits = await search(session, Search(), limit=10)
    assert ([hit.offer.name for hit in hits.hits], hits.total) == (["Open"], 1)


def test_distances_are_those_on_a_map_and_the_box_holds_the_circle() -> None:
    london, edinburgh = Point(51.5074, -0.1278), Point(55.9533, -3.1883)
    assert distance(london, edinburgh) == pytest.approx(534, abs=1)
    for place_ in (london, Point(60.8, -0.9)):
        box = around(place_, 50)
        for corner in (box.south, box.north):
            assert distance(place_, Point(corner, place_.longitude)) >= 50
        for corner in (box.west, box.east):
            assert min(distance(place_, Point(place_.latitude + step / 100, corner)) for step in range(-44, 45)) >= 50
