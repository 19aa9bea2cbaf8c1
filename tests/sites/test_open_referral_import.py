"""A directory of others becomes ours: safely again and again, and whatever has no place here is named and kept."""

import csv
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from deploy import CannotRunError
from deploy.open_referral.reading import SourceError, services
from deploy.open_referral.sending import Directory, Told, bring_in
from deploy.open_referral.things import Assumed
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, rows
from tests.sites.feed import FEED, a_directory, changed, read
from tests.sites.hsds import MOCK, needs_the_standard

HERE = "http://service"
NAMES = ("tea", "evening", "bare", "prayer", "safe")


async def brought(
    door: Door, source: str | Path, *, dry_run: bool = False, assumed: Assumed | None = None
) -> tuple[Told, list[dict[str, Any]]]:
    """Import a source; return what became of it, and the notes of what did not."""
    told = Told()
    notes: list[dict[str, Any]] = []
    async with door.caller(BOTH, client="import") as writer, door.caller() as reader:
        directory = Directory(writer, HERE, dry_run=dry_run)
        await bring_in(services(str(source), reader), directory, assumed or Assumed(), told, notes.append)
    return told, notes


async def emptied(database: Database) -> None:
    """Leave a system as empty as a new one."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("TRUNCATE sites.organisations, sites.outbox CASCADE")
    await connection.close()


async def everything(reader: httpx.AsyncClient) -> dict[str, Any]:
    """Return every body of the feed, but for when each was last modified, which is each system's own."""

    def undated(body: Any) -> Any:
        if isinstance(body, list):
            return [undated(each) for each in body]
        if not isinstance(body, dict):
            return body
        return {name: undated(part) for name, part in body.items() if name != "last_modified"}

    found: dict[str, Any] = {}
    for path in ("/services", "/service_at_locations", "/taxonomies", "/taxonomy_terms"):
        page = await read(reader, path, per_page=1000)
        found[path] = page
        for each in page["contents"]:
            found[f"{path}/{each['id']}"] = await read(reader, f"{path}/{each['id']}")
    bare: dict[str, Any] = undated(found)
    return bare


async def an_open_directory(door: Door) -> dict[str, str]:
    """Fill a system with all that can be told of one, but for what is redacted."""
    async with door.caller(BOTH) as caller:
        ids = await a_directory(caller)
        await changed(caller, f"/v1/sites/{ids['room']}", status="paused", redacted_address=False)
        await changed(caller, f"/v1/offers/{ids['prayer']}", status="inactive")
        await changed(caller, f"/v1/sites/{ids['refuge']}", redacted_address=False)
    return ids


async def test_our_feed_brought_into_an_empty_system_is_the_same_feed(
    sites: Door, database: Database, tmp_path: Path
) -> None:
    await an_open_directory(sites)
    async with sites.caller() as reader, sites.caller(BOTH) as caller:
        before = await everything(reader)
        ours = {kind: await everything_ours(caller, kind) for kind in ("organisations", "sites", "offers")}
        lines = (await reader.get(f"{FEED}/services", params={"format": "ndjson", "full": True})).text
    await emptied(database)
    assert "null" not in lines
    async with sites.caller() as reader:
        assert (await read(reader, "/services"))["empty"]
    (tmp_path / "feed.ndjson").write_text(lines)
    told, notes = await brought(sites, tmp_path / "feed.ndjson")
    assert (told.services, told.skipped, notes) == (5, 0, [])
    assert (told.left, told.assumed) == ({}, {}), "nothing was lost, nothing was made up"
    async with sites.caller() as reader, sites.caller(BOTH) as caller:
        after = await everything(reader)
        assert after.keys() == before.keys()
        for name, body in before.items():
            assert after[name] == body, name
        assert {kind: await everything_ours(caller, kind) for kind in ours} == ours


async def everything_ours(caller: httpx.AsyncClient, kind: str) -> dict[str, Any]:
    """Return what our own API says of all things of a kind, but for versions and instants."""
    own = {"version", "created_at", "modified_at"}
    items = (await caller.get(f"/v1/{kind}", params={"limit": 100})).json()["items"]
    return {each["id"]: {name: part for name, part in each.items() if name not in own} for each in items}


async def test_a_feed_is_read_at_its_address_and_reading_it_again_changes_nothing(
    sites: Door, database: Database
) -> None:
    ids = await an_open_directory(sites)
    dry, _ = await brought(sites, f"{HERE}{FEED}", dry_run=True)
    told, notes = await brought(sites, f"{HERE}{FEED}/")
    assert dry == told
    assert {kind: dict(become) for kind, become in told.become.items()} == {
        "organisations": {"unchanged": 2},
        "sites": {"unchanged": 3},
        "offers": {"unchanged": 5},
    }
    assert (told.skipped, notes) == (0, [])
    announced = len(await rows(database, "outbox"))
    async with sites.caller(BOTH) as caller:
        whole = (await caller.get(f"{FEED}/services/{ids['tea']}")).json()
    assert len(await rows(database, "outbox")) == announced
    assert whole["name"] == "Talking over tea"


async def test_a_dry_run_says_what_would_become_of_it_and_changes_nothing(
    sites: Door, database: Database, tmp_path: Path
) -> None:
    ids = await an_open_directory(sites)
    path = tmp_path / "services.json"
    async with sites.caller() as reader:
        found = [await read(reader, f"/services/{ids[name]}") for name in NAMES]
    path.write_text(json.dumps(found))
    await emptied(database)
    would, _ = await brought(sites, path, dry_run=True)
    assert await rows(database, "organisations") == []
    did, _ = await brought(sites, path)
    assert would == did
    assert did.become["offers"]["created"] == 5
    found[0]["fees"] = "A pound."
    found[1]["organization"]["description"] = "Another description."  # the other services say the old one
    found[2]["name"] = "x" * 201
    found[3]["status"] = "defunct"
    path.write_text(json.dumps(found))
    would, _ = await brought(sites, path, dry_run=True)
    did, notes = await brought(sites, path)
    assert would == did
    assert {kind: dict(become) for kind, become in did.become.items()} == {
        "organisations": {"unchanged": 2},
        "sites": {"unchanged": 3},
        "offers": {"changed": 1, "unchanged": 2, "skipped": 2},
    }
    assert did.left == {"organisations/described twice": 1}
    assert did.reasons["It is defunct: nobody can come to it any more."] == 1
    assert any("/name" in reason for reason in did.reasons)
    assert len(notes) == 3
    async with sites.caller(BOTH) as caller:
        tea = (await caller.get(f"/v1/offers/{ids['tea']}")).json()
    assert (tea["fees"], tea["version"]) == ("A pound.", 2)


async def test_a_redacted_place_cannot_be_brought_in_and_is_told(
    sites: Door, database: Database, tmp_path: Path
) -> None:
    async with sites.caller(BOTH) as caller:
        ids = await a_directory(caller)
        (tmp_path / "one.json").write_text(json.dumps(await read(caller, f"/services/{ids['safe']}")))
    await emptied(database)
    told, notes = await brought(sites, tmp_path / "one.json")
    assert list(told.reasons) == ["Its address is not public: register it by hand, with `redacted_address`."]
    assert [note["skipped"][0]["id"] for note in notes] == [ids["safe"]]


def standard_service(**changes: Any) -> dict[str, Any]:
    """Return the standard's own example, moved to the United Kingdom."""
    service: dict[str, Any] = json.loads((MOCK / "service_full.json").read_text())
    service["service_at_locations"][0]["location"]["addresses"][0]["postal_code"] = "SW17 7BU"
    return service | changes


@needs_the_standard
async def test_what_has_no_place_here_is_named_and_kept(sites: Door, tmp_path: Path) -> None:
    path = tmp_path / "example.json"
    path.write_text(json.dumps(standard_service()))
    told, notes = await brought(sites, path, assumed=Assumed(organisation_kind="charity"))
    assert (told.become["offers"]["created"], told.skipped) == (1, 0)
    ((note),) = notes
    assert {
        *("accreditations", "assured_date", "assurer_email", "alert", "service_areas", "funding", "cost_options"),
        *("contacts", "attributes/0", "organization/logo", "organization/uri", "organization/email"),
        *("organization/organization_identifiers/0", "organization/parent_organization_id"),
        "schedules/0",  # on no day at all
        "service_at_locations/0/location/latitude",  # 100
        "service_at_locations/0/location/external_identifier",
        "service_at_locations/0/location/addresses/0/attention",
        "service_at_locations/0/location/addresses/0/state_province",
        "service_at_locations/0/location/accessibility/0/details",
    } <= note["left"].keys()
    assert note["left"]["contacts"] == standard_service()["contacts"]
    assert "languages/0" not in note["left"], "a language without name and code says nothing"
    assert told.assumed["organisations: kind charity"] == 1
    assert told.assumed["offers: accepting_referrals False"] == 1
    again, _ = await brought(sites, path, assumed=Assumed(organisation_kind="mosque"))
    assert again.become["organisations"]["unchanged"] == 1, "what is assumed is assumed once"


@needs_the_standard
@pytest.mark.parametrize("name", ["service_list.json", "service_at_location_full.json", "organization.json"])
async def test_the_standards_other_shapes_are_read(sites: Door, name: str, tmp_path: Path) -> None:
    text = (MOCK / name).read_text().replace("ABC 1234", "SW17 7BU")
    (tmp_path / "it.json").write_text(text)
    told, _ = await brought(sites, tmp_path / "it.json")
    whole = name != "service_list.json"  # lists have no locations
    assert (told.become["offers"]["created"], told.skipped) == ((1, 0) if whole else (0, 1))


WRONG: tuple[dict[str, Any], ...] = (
    {"name": None},
    {"status": "secret"},
    {"id": "secret"},
    {"url": "not secret"},
    {"email": "secret"},
    {"last_modified": "secret"},
    {"minimum_age": "secret"},
    {"minimum_age": 60, "maximum_age": 20},
    {"organization": {"id": str(uuid4()), "name": "secret"}},
    {"organization": None},
    {"service_at_locations": []},
    {"schedules": [{"id": str(uuid4()), "freq": "secret"}]},
)


@needs_the_standard
@pytest.mark.parametrize("change", WRONG, ids=lambda change: next(iter(change)))
async def test_what_is_not_of_the_standard_is_skipped_with_a_reason_that_repeats_nothing(
    sites: Door, tmp_path: Path, change: dict[str, Any]
) -> None:
    (tmp_path / "wrong.json").write_text(json.dumps([standard_service(**change)]))
    told, notes = await brought(sites, tmp_path / "wrong.json")
    assert (told.become["offers"]["created"], told.skipped) == (0, 1)
    (reason,) = told.reasons
    assert "secret" not in reason
    assert notes, "and what it was is in the report"


class Package:
    """Services as a package of CSV files, each entity in the file that the standard names."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, Any]]] = {}

    def put(self, name: str, entity: dict[str, Any], **links: Any) -> None:
        """Note an entity in its file, with its attributes."""
        flat = {key: part for key, part in (entity | links).items() if not isinstance(part, dict | list)}
        self.tables.setdefault(name, {})[entity["id"]] = flat
        for attribute in entity.get("attributes", ()):
            self.put("attribute", attribute, link_id=entity["id"])
            self.put("taxonomy_terms", attribute["taxonomy_term"])

    def put_parts(self, parts: dict[str, str], entity: dict[str, Any], key: str) -> None:
        """Note what an entity has several of."""
        for field, name in parts.items():
            for each in entity.get(field, ()):
                self.put(name, each, **{key: entity["id"]})

    def put_service(self, service: dict[str, Any]) -> None:
        """Note a service with all that belongs to it."""
        self.put("services", service)
        self.put("organizations", service["organization"])
        numbers = {"organization_identifiers": "organization_identifiers"}
        self.put_parts(numbers, service["organization"], "organization_id")
        of_service = {"schedules": "schedule", "languages": "languages", "phones": "phones"}
        self.put_parts(of_service, service, "service_id")
        for at in service["service_at_locations"]:
            self.put("service_at_location", at)
            self.put("locations", at["location"])
            of_place = {"addresses": "address", "accessibility": "accessibility", "languages": "languages"}
            self.put_parts(of_place, at["location"], "location_id")


def as_tables(found: Iterable[dict[str, Any]], folder: Path) -> None:
    """Write services as a package of CSV files into a new folder."""
    package = Package()
    for service in found:
        package.put_service(service)
    folder.mkdir()
    for name, table in package.tables.items():
        columns = sorted({column for row in table.values() for column in row})
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(table.values())


async def test_a_package_of_csv_files_is_the_same_directory(sites: Door, database: Database, tmp_path: Path) -> None:
    ids = await an_open_directory(sites)
    async with sites.caller() as reader:
        before = await everything(reader)
        as_tables([await read(reader, f"/services/{ids[name]}") for name in NAMES], tmp_path / "package")
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in (tmp_path / "package").iterdir():
            archive.write(path, f"package/{path.name}")
    for source in ("package", "package.zip"):
        await emptied(database)
        told, notes = await brought(sites, tmp_path / source)
        assert (told.become["offers"]["created"], told.skipped, notes) == (5, 0, [])
        async with sites.caller() as reader:
            after = await everything(reader)
        assert after == before


async def test_rows_that_belong_to_nothing_are_told(sites: Door, database: Database, tmp_path: Path) -> None:
    ids = await an_open_directory(sites)
    async with sites.caller() as reader:
        as_tables([await read(reader, f"/services/{ids['tea']}")], tmp_path / "package")
    (tmp_path / "package" / "phones.csv").write_text(f"id,number\n{uuid4()},020 7946 0018\n")
    (tmp_path / "package" / "programs.csv").write_text(f"id,name\n{uuid4()},Another\n")
    await emptied(database)
    told, notes = await brought(sites, tmp_path / "package")
    assert told.left["phones.csv (rows that belong to no service)"] == 1
    assert told.left["programs.csv (rows that belong to no service)"] == 1
    assert "Another" in json.dumps(notes)


async def test_a_service_at_two_places_is_an_offer_at_each(sites: Door, database: Database, tmp_path: Path) -> None:
    ids = await an_open_directory(sites)
    async with sites.caller() as reader:
        tea, bare = [await read(reader, f"/services/{ids[name]}") for name in ("tea", "bare")]
    tea["service_at_locations"] += bare["service_at_locations"]
    (tmp_path / "two.json").write_text(json.dumps(tea))
    await emptied(database)
    told, _ = await brought(sites, tmp_path / "two.json")
    assert told.become["offers"]["created"] == 2
    again, _ = await brought(sites, tmp_path / "two.json")
    assert again.become["offers"] == {"unchanged": 2}


async def test_what_cannot_be_read_at_all_is_said(sites: Door, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"id": ')
    (tmp_path / "empty").mkdir()
    (tmp_path / "not.zip").write_text("text")
    for source in ("broken.json", "empty", "not.zip", "nothing.json"):
        with pytest.raises(CannotRunError, match=source):
            await brought(sites, tmp_path / source)
    with pytest.raises(SourceError, match="not a feed"):
        await brought(sites, f"{HERE}/health/live?")
