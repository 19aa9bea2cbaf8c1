"""The directory for people: what a visitor without token, script or cookie finds, and what nobody does."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.sites.web import directory
from services.sites.web.asked import FIELDS
from services.sites.web.pages import CONTENT_SECURITY_POLICY, STYLE
from services.sites.web.words import spoken
from tests.doors import Door
from tests.sites.builders import BOTH, an_offer, an_organisation, held, offered, registered, times
from tests.sites.reading import read

HIDDEN = {
    "address": {"line_1": "1 Hidden Lane", "line_2": "Secretgate", "town": "Unseenham"},
    "postcode": "SW18 1AA",
    "latitude": 51.4551,
    "longitude": -0.1911,
    "cluster": "Veiled",
    "accessibility": "Ramp from Hidden Lane.",
    "redacted_address": True,
}
FAR = {
    "address": {"line_1": "1 Harbour", "town": "Plymouth"},
    "postcode": "PL1 2AA",
    "latitude": 50.37,
    "cluster": None,
    "longitude": -4.14,
}
NEAR = {
    "address": {"line_1": "9 High St", "town": "London"},
    "postcode": "SW19 8PU",
    "latitude": 51.4213,
    "cluster": "Wimbledon",
    "longitude": -0.195,
}


@pytest.fixture
async def writer(sites: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with sites.caller(BOTH) as caller:
        yield caller


@pytest.fixture
async def visitor(sites: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with sites.caller() as caller:
        yield caller


async def a_service(writer: httpx.AsyncClient, name: str, site: dict[str, Any] | None = None, **changes: Any) -> str:
    """Offer something at a site of its own, and return its id."""
    where = await registered(writer, **(site or {}))
    return str((await offered(writer, site_id=where["id"], name=name, **changes))["id"])


async def test_the_first_page_is_a_form_and_every_field_of_it_has_its_label(visitor: httpx.AsyncClient) -> None:
    page, _ = await read(visitor)
    form = page.one("form", role="search")
    assert (form.attributes["method"], form.attributes["action"]) == ("get", "/directory")
    labels = {each.attributes["for"]: each.text for each in page.all("label")}
    fields = [*page.all("input"), *page.all("select")]
    assert {each.attributes["name"] for each in fields} == set(FIELDS) - {"page"}
    assert all(labels[each.attributes["id"]] for each in fields)
    assert page.one("h1").text == "Find support near you"


async def test_every_page_has_its_landmarks_one_heading_a_way_past_the_top_and_the_crisis_lines(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    offer = await a_service(writer, "Tea")
    site = (await writer.get(f"/v1/offers/{offer}")).json()["site_id"]
    for path in ("", "?page=1", f"/{offer}", f"/{offer}/leaflet", f"/sites/{site}", "/nowhere", "?day=X"):
        answer = await visitor.get(f"/directory{path}")
        page, _ = await read(visitor, path, answer.status_code)
        assert [len(page.all(name)) for name in ("html", "title", "header", "main", "footer", "h1")] == [1] * 6, path
        assert page.one("a", **{"class": "skip"}).attributes["href"] == f"#{page.one('main').attributes['id']}"
        calls = {each.attributes["href"] for each in page.all("a") if each.within[-2:] == ("ul", "li")}
        assert {"tel:111", "tel:116123", "tel:999"} <= calls, path
        levels = [int(each.name[1]) for each in page.elements if re.fullmatch("h[1-6]", each.name)]
        assert all(after - before <= 1 for before, after in pairwise(levels) if before), path
        names = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
        assert len(names) == len(set(names)), path


async def test_a_service_is_told_in_words_and_in_full(writer: httpx.AsyncClient, visitor: httpx.AsyncClient) -> None:
    offer = await a_service(
        writer,
        "Talking over tea",
        languages=["so", "ben", "ta", "ur"],
        schedule=[times(byday=["TU"], opens_at="18:00", closes_at="20:00")],
        accepting_referrals=True,
        minimum_age=18,
    )
    page, answer = await read(visitor, f"/{offer}")
    said = page.one("main").text
    for words in (
        "Talking over tea",
        "New Testament Assembly",
        "Tuesdays 18:00 to 20:00",
        "Soomaali · বাংলা · தமிழ் · اردو",
        "Taking new people now",
        "7 Beechcroft Road",
        "SW17 7BU",
        "Age 18 and over",
        "Low mood",
    ):
        assert words in said, words
    assert [each.attributes["lang"] for each in page.all("bdi") if each.attributes.get("lang")] == [
        *("so", "bn", "ta", "ur")
    ]
    links = {each.attributes["href"] for each in page.all("a")}
    assert {"tel:02079460018", "mailto:tea@example.org", "https://example.org/tea"} <= links
    assert answer.headers["content-language"] == "en"


async def test_a_place_shows_its_services_and_a_card_leads_to_each(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    site = await registered(writer)
    first = await offered(writer, site_id=site["id"], name="Tea")
    await offered(writer, site_id=site["id"], name="Coffee", status="inactive")
    page, _ = await read(visitor, f"/sites/{site['id']}")
    assert page.cards == ["Tea"]
    assert f"/directory/{first['id']}" in {each.attributes["href"] for each in page.all("a")}


async def test_filters_hold_together_and_an_empty_answer_says_what_to_try(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    site = {"site_id": (await registered(writer))["id"]}
    await offered(writer, **site, name="Somali tea", languages=["so"], needs=["low_mood"])
    await offered(writer, **site, name="Tamil quiet", languages=["ta"], needs=["sleep"], schedule=[times(byday=["SU"])])
    await offered(writer, **site, name="Full", languages=["so"], accepting_referrals=False, capacity=0)

    async def found(**query: Any) -> list[str]:
        return (await read(visitor, **query))[0].cards

    assert await found(page="1") == ["Full", "Somali tea", "Tamil quiet"]
    assert await found(language="som") == await found(language="so") == ["Full", "Somali tea"]
    assert await found(language="so", accepting="1") == ["Somali tea"]
    assert await found(need="sleep", day="SU") == ["Tamil quiet"]
    assert await found(words="quie") == ["Tamil quiet"]
    assert await found(need="sleep", language="so") == []
    empty, _ = await read(visitor, need="sleep", language="so")
    assert empty.one("h1").text == "Nothing found"
    assert "Choose any language" in empty.one("main").text


async def test_open_now_is_judged_by_londons_clock(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_service(writer, "Thursday ten", schedule=[times()])
    thursday = datetime(2026, 7, 2, 9, 30, tzinfo=UTC)  # 10:30 in London
    for at, expected in ((thursday, ["Thursday ten"]), (thursday + timedelta(hours=2), [])):
        monkeypatch.setattr(directory, "_now", lambda at=at: at)
        page, _ = await read(visitor, open="1")
        assert page.cards == expected
        assert ("Open now" in [each.text for each in page.all("span")]) is bool(expected)


async def test_the_nearest_comes_first_and_a_whole_postcode_is_in_no_link(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    await a_service(writer, "A: next town", NEAR)
    await a_service(writer, "B: here")
    await a_service(writer, "C: far", FAR)
    for place in ("SW17 7BU", "sw177bu", "SW17", "tooting", "Toot"):
        page, answer = await read(visitor, place=place)
        assert page.cards == ["B: here", "A: next town"], place
        assert "7BU" not in str(answer.url)
        links = [value for each in page.elements for key, value in each.attributes.items() if key in {"href", "value"}]
        assert not [link for link in links if "7BU" in link.upper()]
    assert "About 2 miles away" in page.one("main").text
    unknown, _ = await read(visitor, place="Atlantis")
    assert len(unknown.cards) == 3
    assert "not in order of distance" in unknown.one("main").text


async def test_an_answer_has_pages_that_keep_the_search(writer: httpx.AsyncClient, visitor: httpx.AsyncClient) -> None:
    site = {"site_id": (await registered(writer))["id"]}
    names = [f"Walk {number:02}" for number in range(directory.A_PAGE + 1)]
    for name in names:
        await offered(writer, **site, name=name)
    first, _ = await read(visitor, need="low_mood", lang="ur")
    following = first.one("a", rel="next").attributes["href"]
    assert following == "/directory?need=low_mood&page=2&lang=ur"
    second, _ = await read(visitor, following.removeprefix("/directory"))
    assert [*first.cards, *second.cards] == names
    assert second.all("a", rel="next") == []
    missing, _ = await read(visitor, "?page=3", 404)
    assert missing.one("div", role="alert").text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("place", "12"),
        ("place", "<b>London"),
        ("place", "x" * 61),
        ("language", "klingon"),
        ("day", "MONDAY"),
        ("need", "everything"),
        ("words", "y" * 101),
        ("page", "0"),
        ("page", "nine"),
        ("page", "9" * 30),
    ],
)
async def test_what_is_wrong_is_told_at_the_top_and_beside_its_field_and_never_repeated(
    visitor: httpx.AsyncClient, name: str, value: str
) -> None:
    page, answer = await read(visitor, "", 422, **{"accepting": "1", name: value})
    summary = page.one("div", role="alert")
    assert page.one("title").text.startswith("There is a problem: ")
    assert summary.text
    if name != "page":
        assert f"#{name}" in {each.attributes["href"] for each in page.all("a")}
        field = next(each for each in page.elements if each.attributes.get("id") == name)
        assert field.attributes["aria-invalid"] == "true"
        assert f"{name}-why" in field.attributes["aria-describedby"]
        assert next(each for each in page.elements if each.attributes.get("id") == f"{name}-why").text
    assert "checked" in page.one("input", id="accepting").attributes, "what was right stays"
    if value not in {"0", "12"}:
        assert value not in answer.text


async def test_nothing_of_a_redacted_venue_is_in_any_page_its_order_or_its_links(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    safe = await a_service(writer, "Safe to talk", HIDDEN)
    await a_service(writer, "Tea")
    site = (await writer.get(f"/v1/offers/{safe}")).json()["site_id"]
    paths = ["?page=1", f"/{safe}", f"/{safe}/leaflet", f"/sites/{site}", f"/{safe}?lang=ur"]
    for path in paths:
        page, answer = await read(visitor, path)
        assert "Safe to talk" in answer.text
        for secret in ("Hidden", "Secretgate", "Unseenham", "SW18", "1AA", "51.45", "0.19", "Veiled", "Ramp"):
            assert secret not in answer.text, (path, secret)
        if path.startswith(f"/{safe}"):
            assert not [each for each in page.all("a") if "openstreetmap" in each.attributes["href"]]
    assert "The address is given when you get in touch." in (await read(visitor, f"/{safe}"))[0].one("main").text
    for place in ("SW18", "SW18 1AA", "Unseenham", "Veiled", "Unse"):
        page, _ = await read(visitor, place=place)
        assert "not in order of distance" in page.one("main").text, "it places nothing"
        assert page.cards == ["Safe to talk", "Tea"], "by name: as if nothing had been asked"
    page, _ = await read(visitor, place="SW17")
    assert page.cards == ["Tea"], "it is in no search by place"
    assert "address is private" in page.one("main").text
    for words in ("Hidden", "Secretgate", "Unseenham", "SW18", "Ramp", "Veiled"):
        assert (await read(visitor, words=words))[0].cards == []


async def test_a_place_that_becomes_redacted_is_gone_from_the_next_page(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    offer = await a_service(writer, "Tea")
    site = (await writer.get(f"/v1/offers/{offer}")).json()["site_id"]
    assert "Beechcroft Road, London" in (await visitor.get("/directory?page=1")).text
    await writer.patch(f"/v1/sites/{site}", json={"redacted_address": True}, headers=held(1))
    for path in ("?page=1", f"/{offer}", f"/{offer}/leaflet"):
        answer = await visitor.get(f"/directory{path}")
        assert "7 Beechcroft Road" not in answer.text
        assert "SW17 7BU" not in answer.text


async def test_what_is_gone_has_a_page_that_says_so(writer: httpx.AsyncClient, visitor: httpx.AsyncClient) -> None:
    offer = await a_service(writer, "Tea")
    asleep = await a_service(writer, "Asleep", status="inactive")
    await writer.delete(f"/v1/offers/{offer}")
    for path in (f"/{offer}", f"/{offer}/leaflet", f"/{asleep}", f"/{uuid4()}", "/sites/x", f"/sites/{uuid4()}", "/x"):
        page, _ = await read(visitor, path, 404)
        assert page.one("h1").text == "This page is not here"
    paused = await a_service(writer, "Paused", status="temporarily_closed")
    page, _ = await read(visitor, f"/{paused}")
    assert "Closed for now" in page.one("main").text
    assert "Taking new people now" not in page.one("main").text


async def test_a_page_needs_no_script_no_cookie_and_nobody_elses_server(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    offer = await a_service(writer, "Tea")
    for path in ("", "?page=1", f"/{offer}", f"/{offer}/leaflet", "/nowhere"):
        answer = await visitor.get(f"/directory{path}")
        page, _ = await read(visitor, path, answer.status_code)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers
        assert not [
            each for each in page.elements if each.name in {"script", "link", "img", "iframe", "object", "base"}
        ]
        assert not [each for each in page.elements if {"src", "srcset", "style"} & set(each.attributes)]
        assert not [name for each in page.elements for name in each.attributes if name.startswith("on")]
        assert len(answer.content) < 30_000
        outside = [each for each in page.all("a") if "://" in each.attributes["href"]]
        assert all("noreferrer" in each.attributes["rel"] for each in outside)
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "script-src" not in CONTENT_SECURITY_POLICY


def test_the_style_asks_for_nothing_that_an_old_phone_lacks() -> None:
    modern = (
        "var(",
        "grid",
        "clamp(",
        ":is(",
        ":has(",
        ":where(",
        "gap:",
        "inset",
        "-inline",
        "-block:",
        "@layer",
        "min(",
    )
    assert not [each for each in modern if each in STYLE]
    assert not re.search(r"url\(|@import|http", STYLE)


async def test_what_organisers_wrote_is_text_whatever_it_says(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    nasty = "<script>alert(1)</script>\"'&{{7*7}}"
    parent = (await writer.post("/v1/organisations", json=an_organisation(name=nasty, description=nasty))).json()["id"]
    site = await registered(writer, organisation_id=parent, name=nasty, accessibility=nasty)
    body = an_offer(site["id"], name=nasty, description=nasty, fees=nasty, schedule=[times(description=nasty)])
    offer = (await writer.post("/v1/offers", json=body)).json()["id"]
    for path in ("?page=1", f"/{offer}", f"/{offer}/leaflet", f"/sites/{site['id']}"):
        page, answer = await read(visitor, path)
        assert nasty in page.one("main").text
        assert "<script" not in answer.text
    again, answer = await read(visitor, words="<script>")
    assert again.one("input", id="words").attributes["value"] == "<script>"
    assert "<script" not in answer.text


async def test_a_leaflet_has_a_code_that_leads_to_its_page_in_its_language(
    writer: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    offer = await a_service(writer, "Tea")
    for code in spoken():
        page, _ = await read(visitor, f"/{offer}/leaflet", lang=code)
        assert page.one("html").attributes["lang"] == code
        assert f"http://service/directory/{offer}?lang={code}" in page.one("figcaption").text
        drawing = next(each for each in page.elements if each.name == "svg")
        assert "figure" in drawing.within
        assert {each.attributes.get("stroke") for each in page.all("path")} & {"#000"}


async def test_a_phone_that_reads_gzip_gets_a_quarter(writer: httpx.AsyncClient, sites: Door) -> None:
    await a_service(writer, "Tea")
    async with sites.caller() as visitor:
        packed = await visitor.get("/directory?page=1", headers={"Accept-Encoding": "gzip"})
        plain = await visitor.get("/directory?page=1", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) * 2 < int(plain.headers["content-length"])
    assert packed.text == plain.text
    assert "Accept-Encoding" in plain.headers["vary"]


async def test_a_refusal_below_the_directory_is_a_page_too(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post("/directory", content=b"x")
    assert answer.status_code == 405
    page, _ = await read(visitor, "/a/b/c", 404)
    assert page.one("main").text
    assert "116 123" in answer.text
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
