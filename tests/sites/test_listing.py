"""Lists: every row once, filters that hold together, and nothing of a redacted address."""

from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, an_organisation, deeds, held, registered


async def test_pages_neither_skip_nor_repeat_while_sites_are_registered_and_renamed(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        parent = (await registered(caller, name="Hall 0"))["organisation_id"]
        for number in range(1, 7):
            await registered(caller, organisation_id=parent, name=f"Hall {number}")
        seen, cursor = [], None
        while True:
            page = await caller.get("/v1/sites", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
            assert page.status_code == 200, page.text
            seen += [site["name"] for site in page.json()["items"]]
            cursor = page.json()["next"]
            if cursor is None:
                break
            one = page.json()["items"][0]
            await caller.patch(f"/v1/sites/{one['id']}", json={"name": "Renamed"}, headers=held(1))
            if len(seen) == 3:
                await registered(caller, organisation_id=parent, name="Hall 7")
    assert seen == [f"Hall {number}" for number in range(8)]


async def test_filters_hold_together(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        first = await registered(caller, languages=["eng", "so"], cluster="Tooting")
        parent = first["organisation_id"]
        second = await registered(caller, organisation_id=parent, languages=["ta"], co_provider=False, cluster=None)
        third = await registered(caller, languages=["en"], status="paused", cluster="Balham")

        async def found(**filters: object) -> list[str]:
            page = await caller.get("/v1/sites", params={name: str(value) for name, value in filters.items()})
            assert page.status_code == 200, page.text
            return [site["id"] for site in page.json()["items"]]

        assert await found() == [first["id"], second["id"], third["id"]]
        assert await found(organisation_id=parent) == [first["id"], second["id"]]
        assert await found(organisation_id=parent, co_provider="true") == [first["id"]]
        assert await found(status="paused") == [third["id"]]
        assert await found(cluster="Balham") == [third["id"]]
        assert await found(language="en") == await found(language="eng") == [first["id"], third["id"]]
        assert await found(language="en", status="active") == [first["id"]]
        assert await found(organisation_id=uuid4()) == []


async def test_organisations_are_listed_by_kind(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        for kind in ("church", "mosque", "church"):
            await caller.post("/v1/organisations", json=an_organisation(kind=kind))
        first = (await caller.get("/v1/organisations", params={"kind": "church", "limit": 1})).json()
        rest = await caller.get("/v1/organisations", params={"kind": "church", "limit": 1, "cursor": first["next"]})
        everything = (await caller.get("/v1/organisations")).json()
    assert [one["kind"] for one in everything["items"]] == ["church", "mosque", "church"]
    assert [*first["items"], *rest.json()["items"]] == everything["items"][::2]
    assert rest.json()["next"] is everything["next"] is None


async def test_a_list_is_asked_only_what_it_understands(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        for number in range(2):
            await registered(caller, name=f"Hall {number}")
        cursor = (await caller.get("/v1/sites?limit=1")).json()["next"]
        for query in (
            "limit=0",
            "limit=101",
            "limit=ten",
            "cursor=nonsense",
            f"cursor={cursor}&status=active",
            "cursor=WyI0NDEzNmZhMzU1YjMiLFsiYSIsImIiXV0",
            "status=open",
            "language=klingon",
            "cluster=%00",
            "stauts=active",
        ):
            answer = await caller.get(f"/v1/sites?{query}")
            assert answer.status_code == 422, query
            assert "klingon" not in answer.text


async def test_a_redacted_address_is_in_no_list_and_shown_only_to_those_who_may_change_the_site(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as writer, sites.caller(READ) as reader:
        body = await registered(writer, redacted_address=True, name="The refuge")
        path = f"/v1/sites/{body['id']}"
        assert body["postcode"] == "SW17 7BU", "those who register it know it"
        lists = [await one.get("/v1/sites") for one in (writer, reader)]
        unseen = await reader.get(path)
        before = await deeds(database)
        seen = await writer.get(path)
        hidden = {"address": None, "postcode": None, "latitude": None, "longitude": None}
        assert seen.json() == body
        assert unseen.json() == body | hidden
        assert [one.json()["items"] for one in lists] == [[body | hidden]] * 2
        assert await deeds(database) == [*before, ("read", "site", "redacted address")]
        for answer in (*lists, unseen):
            assert "Beechcroft" not in answer.text
            assert "SW17" not in answer.text


async def test_after_an_instant_a_list_tells_what_changed_in_that_order(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        made = [await registered(caller, name=f"Hall {number}") for number in range(4)]
        since = made[-1]["modified_at"]
        for kind, changed in (("sites", made), ("organisations", [{"id": one["organisation_id"]} for one in made])):
            for one in (changed[2], changed[0]):
                await caller.patch(f"/v1/{kind}/{one['id']}", json={"name": "Changed"}, headers=held(1))
            seen: list[str] = []
            params: dict[str, str] = {"modified_after": since, "limit": "1"}
            while True:
                page = (await caller.get(f"/v1/{kind}", params=params)).json()
                seen += [one["id"] for one in page["items"]]
                if page["next"] is None:
                    break
                params["cursor"] = page["next"]
            assert seen == [changed[2]["id"], changed[0]["id"]]
            nothing = await caller.get(f"/v1/{kind}", params={"modified_after": page["items"][0]["modified_at"]})
            assert nothing.json()["items"] == []
            assert (await caller.get(f"/v1/{kind}?modified_after=2026-11-20T10:00:00")).status_code == 422, "whose ten?"


async def test_a_compact_list_is_small_and_tells_what_to_fetch(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        body = await registered(caller, redacted_address=True)
        await registered(caller, organisation_id=body["organisation_id"])
        full = await caller.get("/v1/sites")
        short = await caller.get("/v1/sites", params={"compact": "true", "limit": 1})
        rest = await caller.get("/v1/sites", params={"compact": "true", "limit": 1, "cursor": short.json()["next"]})
        organisations = await caller.get("/v1/organisations", params={"compact": "true"})
    whole = {name: body[name] for name in ("id", "name", "status", "version", "modified_at")}
    assert short.json()["items"] == [whole]
    assert [len(one.json()["items"]) for one in (full, short, rest, organisations)] == [2, 1, 1, 1]
    assert organisations.json()["items"][0]["status"] is None
    assert len(short.content) < 350, "a whole page of 50 in one packet or ten, on a slow line"
