"""Changing organisations and sites: nobody's change is lost, and every change is told once."""

import asyncio
from typing import Any
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, WRITE, an_organisation, deeds, events, held, registered, rows


async def test_named_fields_change_and_the_others_stay(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await registered(caller)
        path = f"/v1/sites/{body['id']}"
        change = {"status": "paused", "cluster": None, "address": {"line_2": "Side door"}, "postcode": "e16an"}
        told = await caller.patch(path, json=change, headers=held(1))
        assert told.status_code == 200, told.text
        read = await caller.get(path)
    after: dict[str, Any] = {"status": "paused", "cluster": None, "postcode": "E1 6AN", "version": 2}
    assert told.json()["modified_at"] > body["modified_at"] == body["created_at"]
    after |= {"address": body["address"] | {"line_2": "Side door"}, "modified_at": told.json()["modified_at"]}
    assert told.json() == body | after
    assert told.headers["ETag"] == read.headers["ETag"] == '"2"'
    assert read.json() == told.json()
    assert [(subject, version) for subject, version, _ in await events(database, body["id"])] == [
        ("sites.site_registered.v1", 1),
        ("sites.site_changed.v1", 2),
    ]
    data = (await events(database, body["id"]))[1][2]
    assert data["status"] == "paused"
    assert "cluster" not in data
    assert (await deeds(database))[-1] == ("update", "site", "cluster line_2 postcode status")


async def test_a_change_that_changes_nothing_makes_no_version_and_no_event(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller:
        body = await registered(caller)
        organisation = f"/v1/organisations/{body['organisation_id']}"
        before = await deeds(database)
        same_again: list[dict[str, Any]] = [
            {},
            {"name": body["name"]},
            {"postcode": "sw17 7bu"},
            {"address": {}},
            {"latitude": 51.4385},
        ]
        for change in same_again:
            told = await caller.patch(f"/v1/sites/{body['id']}", json=change, headers=held(1))
            assert (told.status_code, told.headers["ETag"], told.json()) == (200, '"1"', body)
        same = await caller.patch(organisation, json={"kind": "church"}, headers=held(1))
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')
    assert len(await events(database, body["id"])) == 1
    assert await deeds(database) == before


async def test_a_change_needs_the_version_it_changes(sites: Door) -> None:
    async with sites.caller(WRITE) as caller:
        body = await registered(caller)
        for path in (f"/v1/sites/{body['id']}", f"/v1/organisations/{body['organisation_id']}"):
            unnamed = await caller.patch(path, json={"name": "New"})
            stale = await caller.patch(path, json={"name": "New"}, headers=held(7))
            weak = await caller.patch(path, json={"name": "New"}, headers={"If-Match": 'W/"1"'})
            right = await caller.patch(path, json={"name": "New"}, headers={"If-Match": '"7", "1"'})
            late = await caller.patch(path, json={"name": "Newer"}, headers=held(1))
            assert [one.status_code for one in (unnamed, stale, weak, right, late)] == [428, 412, 412, 200, 412]
            assert late.headers["ETag"] == '"2"'


async def test_of_several_who_change_the_same_version_one_succeeds(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller:
        body = await registered(caller)
        changes = (
            caller.patch(f"/v1/sites/{body['id']}", json={"name": f"Hall {number}"}, headers=held(1))
            for number in range(5)
        )
        answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]
    assert [version for _, version, _ in await events(database, body["id"])] == [1, 2]


async def test_an_organisations_new_kind_is_announced_for_each_of_its_sites(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        first = await registered(caller)
        second = await registered(caller, organisation_id=first["organisation_id"], name="Annexe")
        other = await registered(caller)
        path = f"/v1/organisations/{first['organisation_id']}"
        told = await caller.patch(path, json={"kind": "community_group", "website": None}, headers=held(1))
        assert told.status_code == 200, told.text
        renamed = await caller.patch(path, json={"name": "NTA"}, headers=held(2))
        read = await caller.get(f"/v1/sites/{second['id']}")
    assert (told.json()["kind"], told.json()["website"], told.json()["version"]) == ("community_group", None, 2)
    assert renamed.json()["version"] == 3
    assert read.headers["ETag"] == '"2"', "the site was announced anew, so it has a new version"
    for site in (first, second):
        said = await events(database, site["id"])
        assert [version for _, version, _ in said] == [1, 2]
        assert [data["organisation_kind"] for _, _, data in said] == ["church", "community_group"]
        assert said[1][2]["name"] == site["name"]
    assert len(await events(database, other["id"])) == 1


async def test_a_kind_and_sites_that_change_at_once_leave_no_gap_and_no_stale_kind(
    sites: Door, database: Database
) -> None:
    async with sites.caller(WRITE) as caller:
        all_sites = [await registered(caller)]
        parent = all_sites[0]["organisation_id"]
        all_sites += [await registered(caller, organisation_id=parent) for _ in range(3)]
        path = f"/v1/organisations/{parent}"
        answers = await asyncio.gather(
            *(
                caller.patch(f"/v1/sites/{one['id']}", json={"name": "A"}, headers={"If-Match": "*"})
                for one in all_sites
            ),
            *(caller.patch(path, json={"kind": kind}, headers={"If-Match": "*"}) for kind in ("mosque", "temple")),
            *(
                caller.patch(f"/v1/sites/{one['id']}", json={"name": "B"}, headers={"If-Match": "*"})
                for one in all_sites
            ),
        )
    assert [answer.status_code for answer in answers] == [200] * 10
    kind = (await rows(database, "organisations"))[0]["kind"]
    for site in await rows(database, "sites"):
        said = await events(database, str(site["id"]))
        assert [version for _, version, _ in said] == list(range(1, site["version"] + 1))
        assert said[-1][2]["organisation_kind"] == kind
        assert said[-1][2]["name"] == site["name"]


async def test_a_site_moves_to_another_known_organisation_and_takes_its_kind(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller:
        body = await registered(caller)
        other = (await caller.post("/v1/organisations", json=an_organisation(kind="mosque"))).json()["id"]
        path = f"/v1/sites/{body['id']}"
        nowhere = await caller.patch(path, json={"organisation_id": str(uuid4())}, headers=held(1))
        moved = await caller.patch(path, json={"organisation_id": other}, headers=held(1))
    assert nowhere.status_code == 422
    assert nowhere.json()["type"] == "/problems/organisation-unknown"
    assert moved.json()["organisation_id"] == other
    assert [data["organisation_kind"] for _, _, data in await events(database, body["id"])] == ["church", "mosque"]


async def test_what_cannot_be_is_refused_and_what_is_needed_cannot_be_cleared(sites: Door, database: Database) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"id": str(uuid4())}, "/id"),
        ({"version": 9}, "/version"),
        ({"name": None}, "/name"),
        ({"address": None}, "/address"),
        ({"address": {"town": None}}, "/address/town"),
        ({"co_provider": None}, "/co_provider"),
        ({"languages": None}, "/languages"),
        ({"latitude": None}, "/latitude"),
        ({"joined_on": "1066-10-14"}, "/joined_on"),
    ]
    async with sites.caller(WRITE) as caller:
        body = await registered(caller)
        for change, place in wrong:
            told = await caller.patch(f"/v1/sites/{body['id']}", json=change, headers=held(1))
            assert told.status_code == 422, change
            assert [error["pointer"] for error in told.json()["errors"]] == [place]
        both = await caller.patch(
            f"/v1/sites/{body['id']}", json={"latitude": None, "longitude": None}, headers=held(1)
        )
    assert (both.status_code, both.json()["latitude"]) == (200, None)
    assert len(await events(database, body["id"])) == 2


async def test_refusals_of_a_change_come_in_order(sites: Door) -> None:
    async with sites.caller() as nobody, sites.caller(READ) as reader, sites.caller(WRITE) as writer:
        body = await registered(writer)
        for kind, name in (("sites", body["id"]), ("organisations", body["organisation_id"])):
            path, unknown = f"/v1/{kind}/{name}", f"/v1/{kind}/{uuid4()}"
            told = [
                await nobody.patch(path, content=b"{"),
                await reader.patch(path, content=b"{"),
                await writer.patch(unknown, content=b"{"),
                await writer.patch(path, content=b"{"),
                await writer.patch(path, content=b"{", headers=held(5)),
                await writer.patch(path, content=b"{", headers=held(1)),
                await writer.patch(path, content=b'{"name": "A", "name": "B"}', headers=held(1)),
            ]
            assert [one.status_code for one in told] == [401, 403, 404, 428, 412, 422, 422]
