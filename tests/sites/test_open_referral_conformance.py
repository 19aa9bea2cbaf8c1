"""Every body of every endpoint of the feed is one by the standard's own schemas, formats included."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.doors import Door
from tests.sites.builders import WRITE
from tests.sites.feed import FEED, a_directory, changed, read
from tests.sites.hsds import MOCK, envelope, needs_the_standard, validator, wrong

pytestmark = needs_the_standard


class Judge:
    """Reads the feed, and holds whatever it says against a schema."""

    def __init__(self, reader: httpx.AsyncClient) -> None:
        self.reader = reader
        self.judged: Counter[str] = Counter()

    def judge(self, endpoint: str, body: Any, *schemas: str) -> Any:
        """Hold a body against schemas; nothing in it may be null."""
        for schema in schemas:
            assert wrong(schema, body) == [], endpoint
        assert nulls(body) == [], endpoint
        self.judged[endpoint] += 1
        return body

    async def listed(self, endpoint: str, schema: str, **asked: Any) -> list[Any]:
        """Read a list page by page, and as lines, and judge its envelopes and each thing on it."""
        found, number, pages = [], 1, 1
        while number <= pages:
            page = await read(self.reader, endpoint, page=number, **asked)
            assert list(envelope().iter_errors(page)) == []
            found += [self.judge(endpoint, each, schema) for each in page["contents"]]
            number, pages = number + 1, page["total_pages"]
        self.judged[f"{endpoint} (pages)"] += number - 1
        return found

    async def one(self, endpoint: str, found_id: str, *schemas: str) -> Any:
        """Read one thing and judge it."""
        return self.judge(f"{endpoint}/{{id}}", await read(self.reader, f"{endpoint}/{found_id}"), *schemas)


def nulls(body: Any, place: str = "") -> list[str]:
    """Return where a body says null."""
    if body is None:
        return [place]
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [found for name, part in parts for found in nulls(part, f"{place}/{name}")]


async def test_every_body_of_every_endpoint_conforms(
    sites: Door, record_property: Callable[[str, object], None]
) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        await changed(caller, f"/v1/sites/{ids['room']}", status="paused")
        judge = Judge(reader)
        about = await read(reader, "/")
        assert about["version"] == "HSDS-UK-3.0"
        assert sorted(about) == ["openapi_url", "profile", "version"]
        judge.judged["/"] += 1
        shapes: list[dict[str, Any]] = [{}, {"minimal": True}, {"full": True}]
        for shape in shapes:
            schema = "service" if shape.get("full") else "service_list"
            for asked in ({}, {"per_page": 2}, {"search": "tea"}, {"modified_after": "2020-01-01T00:00:00Z"}):
                await judge.listed("/services", schema, **shape, **asked)
            schema = "service_at_location" if shape.get("full") else "service_at_location_list"
            for asked in ({}, {"per_page": 2}, {"postcode": "SW17 7BU"}):
                await judge.listed("/service_at_locations", schema, **shape, **asked)
            lines = await reader.get(f"{FEED}/services", params={"format": "ndjson", **shape})
            for line in lines.text.splitlines():
                judge.judge("/services (ndjson)", json.loads(line), "service")
        for name in ("tea", "evening", "bare", "prayer", "safe"):
            service = await judge.one("/services", ids[name], "service")
            (at_location,) = service["service_at_locations"]
            judge.judge("/services/{id} organization", service["organization"], "organization_list")
            await judge.one("/service_at_locations", at_location["id"], "service_at_location", "service")
        for taxonomy in await judge.listed("/taxonomies", "taxonomy", per_page=3):
            await judge.one("/taxonomies", taxonomy["id"], "taxonomy")
        for term in await judge.listed("/taxonomy_terms", "taxonomy_term", per_page=40):
            await judge.one("/taxonomy_terms", term["id"], "taxonomy_term")
    nine = {"/", "/services", "/services/{id}", "/taxonomies", "/taxonomies/{id}"}
    nine |= {"/taxonomy_terms", "/taxonomy_terms/{id}", "/service_at_locations", "/service_at_locations/{id}"}
    assert nine <= judge.judged.keys()
    record_property("judged", dict(judge.judged))


async def test_a_service_that_is_gone_conforms_too(sites: Door) -> None:
    async with sites.caller(WRITE) as caller, sites.caller() as reader:
        ids = await a_directory(caller)
        assert (await caller.delete(f"/v1/offers/{ids['tea']}", headers={"If-Match": "*"})).status_code == 204
        judge = Judge(reader)
        since = {"modified_after": "2020-01-01T00:00:00Z"}
        for shape in ({}, {"minimal": True}, {"full": True}):
            found = await judge.listed("/services", "service_list", **since, **shape)
            assert [each["status"] for each in found].count("defunct") == 1
            await judge.listed("/service_at_locations", "service_at_location_list", **since, **shape)


GOLDEN = {
    "api_details.json": (),
    "service_full.json": ("service",),
    "service_list.json": ("service_list",),
    "service_at_location_full.json": ("service_at_location",),
    "service_at_location_list.json": ("service_at_location_list",),
    "taxonomy.json": ("taxonomy",),
    "taxonomy_list.json": ("taxonomy",),
    "taxonomy_term.json": ("taxonomy_term",),
    "taxonomy_term_list.json": ("taxonomy_term",),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_standards_own_feed_passes_the_same_judge(name: str) -> None:
    body = json.loads((MOCK / name).read_text())
    for schema in GOLDEN[name]:
        for each in body.get("contents", [body]):
            assert wrong(schema, each) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"description": None},
        {"status": "open"},
        {"id": "1"},
        {"url": "not a uri"},
        {"email": "nobody"},
        {"last_modified": "yesterday"},
        {"languages": [{"name": "Somali"}]},
        {"organization": {"id": "d9d5e0f5-d3ce-4f73-9a2f-4dd0ecc6c610", "name": "No description"}},
        {"schedules": [{"id": "48102e86-bb50-41c4-8f1e-e269368c41d1", "freq": "DAILY"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_judge_rejects_what_is_wrong(change: dict[str, Any]) -> None:
    body = json.loads((MOCK / "service_full.json").read_text())
    assert wrong("service", body | change) != []
    assert validator("service").is_valid(body)
