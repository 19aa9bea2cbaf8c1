"""Registering organisations and sites."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, WRITE, a_site, an_organisation, deeds, events, registered, rows


async def test_an_organisation_is_registered_and_read_back_as_sent(sites: Door, database: Database) -> None:
    sent = an_organisation()
    async with sites.caller(BOTH) as caller:
        told = await caller.post("/v1/organisations", json=sent)
        assert told.status_code == 201, told.text
        read = await caller.get(told.headers["Location"])
    body = told.json()
    assert told.headers["Location"] == f"/v1/organisations/{body['id']}"
    assert told.headers["ETag"] == read.headers["ETag"] == '"1"'
    assert read.json() == body
    assert {name: body[name] for name in sent} == sent
    assert body["version"] == 1
    assert await deeds(database) == [("create", "organisation", None)]
    assert await rows(database, "outbox") == []


async def test_a_site_is_registered_read_back_as_sent_and_announced(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await registered(caller)
        read = await caller.get(f"/v1/sites/{body['id']}")
    sent = a_site(body["organisation_id"])
    assert {name: body[name] for name in sent} == sent
    assert read.json() == body
    assert read.headers["ETag"] == '"1"'
    announced = {name: sent[name] for name in ("name", "cluster", "languages", "co_provider", "status")}
    assert await events(database, body["id"]) == [
        ("sites.site_registered.v1", 1, announced | {"site_id": body["id"], "organisation_kind": "church"})
    ]
    assert await deeds(database) == [("create", "organisation", None), ("create", "site", None)]


async def test_what_is_optional_may_be_left_out(sites: Door) -> None:
    async with sites.caller(WRITE) as caller:
        bare = await caller.post("/v1/organisations", json={"name": " Tooting Friends ", "kind": "other"})
        assert bare.status_code == 201, bare.text
        needed = ("organisation_id", "name", "address", "postcode", "co_provider", "joined_on")
        sent = {name: a_site(bare.json()["id"])[name] for name in needed}
        site = await caller.post("/v1/sites", json=sent)
    assert bare.json()["name"] == "Tooting Friends"
    assert site.status_code == 201, site.text
    told = site.json()
    assert (told["languages"], told["redacted_address"], told["status"]) == ([], False, "active")
    assert told["latitude"] is told["cluster"] is told["accessibility"] is None


async def test_the_same_id_again_is_the_same_and_different_content_is_refused(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller, sites.caller(WRITE, client="other") as other:
        sent = an_organisation(id=str(uuid4()))
        first = await caller.post("/v1/organisations", json=sent)
        renamed = await caller.patch(first.headers["Location"], json={"name": "NTA"}, headers={"If-Match": "*"})
        again = await caller.post("/v1/organisations", json=sent)
        differs = await caller.post("/v1/organisations", json=sent | {"kind": "other"})
        foreign = await other.post("/v1/organisations", json=sent)
        site = a_site(sent["id"], id=str(uuid4()))
        answers = [await caller.post("/v1/sites", json=each) for each in (site, site, site | {"name": "Annexe"})]
    assert first.json()["id"] == sent["id"]
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == renamed.json(), "a late retry is told how it stands now"
    assert [one.status_code for one in (differs, foreign)] == [409, 409]
    assert differs.json()["type"] == "/problems/organisation-differs"
    assert [one.status_code for one in answers] == [201, 200, 409]
    assert answers[1].json() == answers[0].json()
    assert answers[2].json()["type"] == "/problems/site-differs"
    assert len(await events(database, site["id"])) == 1
    assert [one[:2] for one in await deeds(database)].count(("create", "site")) == 1


async def test_a_retry_with_its_key_gets_the_first_answer_and_no_second_effect(sites: Door, database: Database) -> None:
    key = {"Idempotency-Key": "k-1"}
    async with sites.caller(WRITE) as caller:
        parent = (await caller.post("/v1/organisations", json=an_organisation())).json()["id"]
        first = await caller.post("/v1/sites", json=a_site(parent), headers=key)
        again = await caller.post("/v1/sites", json=a_site(parent), headers=key)
        reused = await caller.post("/v1/sites", json=a_site(parent, name="Annexe"), headers=key)
    assert (first.status_code, again.status_code, reused.status_code) == (201, 201, 422)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert reused.json()["type"] == "/problems/key-reused"
    assert len(await rows(database, "sites")) == len(await rows(database, "outbox")) == 1


async def test_sent_many_times_at_once_it_is_registered_once(sites: Door, database: Database) -> None:
    sent = an_organisation(id=str(uuid4()))
    async with sites.caller(WRITE) as caller:
        answers = await asyncio.gather(*(caller.post("/v1/organisations", json=sent) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len(await rows(database, "organisations")) == len(await rows(database, "audit")) == 1


TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


async def test_a_malformed_request_is_refused_with_its_place_and_never_its_content(
    sites: Door, database: Database
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"nickname": "The Hall"}, "/nickname"),
        ({"name": "  "}, "/name"),
        ({"name": "Two\nlines"}, "/name"),
        ({"name": None}, "/name"),
        ({"postcode": "SW17"}, "/postcode"),
        ({"languages": ["en", "klingon"]}, "/languages/1"),
        ({"languages": "en"}, "/languages"),
        ({"latitude": 100, "longitude": 101}, "/latitude"),
        ({"latitude": "51.4"}, "/latitude"),
        ({"longitude": None}, "/longitude"),
        ({"co_provider": "yes"}, "/co_provider"),
        ({"status": "open"}, "/status"),
        ({"joined_on": TOMORROW}, "/joined_on"),
        ({"joined_on": 0}, "/joined_on"),
        ({"joined_on": "2026-02-30"}, "/joined_on"),
        ({"address": {"line_1": "7 Beechcroft Road"}}, "/address/town"),
        ({"organisation_id": str(uuid4())}, "/organisation_id"),
        ({"organisation_id": "mine"}, "/organisation_id"),
    ]
    async with sites.caller(WRITE) as caller:
        parent = (await caller.post("/v1/organisations", json=an_organisation())).json()["id"]
        for changes, place in wrong:
            answer = await caller.post("/v1/sites", json=a_site(parent) | changes)
            assert answer.status_code == 422, changes
            assert answer.headers["content-type"] == "application/problem+json"
            assert place in [error["pointer"] for error in answer.json()["errors"]], answer.text
            assert "klingon" not in answer.text
            assert "Beechcroft" not in answer.text
    assert await rows(database, "sites") == await rows(database, "outbox") == []


@pytest.mark.parametrize(
    "changes", [{"charity_number": "12"}, {"website": "javascript:alert(1)"}, {"kind": "cathedral"}]
)
async def test_an_organisation_is_what_registers_and_browsers_understand(sites: Door, changes: dict[str, Any]) -> None:
    async with sites.caller(WRITE) as caller:
        answer = await caller.post("/v1/organisations", json=an_organisation(**changes))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in changes]


async def test_refusals_come_in_order(sites: Door) -> None:
    async with (
        sites.caller() as nobody,
        sites.caller(READ) as reader,
        sites.caller(WRITE, sites=[uuid4()]) as limited,
        sites.caller(WRITE) as writer,
    ):
        for path in ("/v1/organisations", "/v1/sites"):
            told = [await one.post(path, content=b"{") for one in (nobody, reader, limited, writer)]
            assert [one.status_code for one in told] == [401, 403, 403, 422]
            assert [one.json()["type"] for one in told[:3]] == [
                "/problems/unauthenticated",
                "/problems/scope-missing",
                "/problems/all-sites-only",
            ]
        for path in ("/v1/organisations", "/v1/sites", f"/v1/sites/{uuid4()}"):
            assert (await nobody.get(path)).status_code == 401
            assert (await writer.get(path)).status_code == 403
        assert (await reader.get(f"/v1/sites/{uuid4()}")).status_code == 404
        assert (await reader.get("/v1/sites/one")).status_code == 422
