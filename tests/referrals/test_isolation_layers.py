"""Two layers keep sites apart, and each of them alone would: every operation there is, with the other one taken away."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy import ColumnElement, event, true

from services.referrals.app import app
from shared.auth import Caller
from shared.db import engine
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.two_sites import (
    ALL,
    HERE,
    NUMBER,
    TABLES,
    THERE,
    Household,
    household,
    matched,
    same,
    three_households,
)

LAYERS = ("both", "row-level security alone", "the application alone")


@pytest.fixture(params=LAYERS)
async def layers(request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take one of the layers away; return which one is left."""
    kept: str = request.param
    if kept == "row-level security alone":

        def every(_: Caller, __: ColumnElement[UUID | None]) -> ColumnElement[bool]:
            return true()

        monkeypatch.setattr(Caller, "may_see", lambda _, __: True)
        monkeypatch.setattr(Caller, "theirs", every)
        monkeypatch.setattr(Caller, "own_site", lambda _, given: given)
    if kept == "the application alone":
        admin = await asyncpg.connect(database.admin_dsn)
        for table in TABLES:
            await admin.execute(f"ALTER TABLE referrals.{table} DISABLE ROW LEVEL SECURITY")
        await admin.close()
    return kept


def operations() -> Iterator[tuple[str, str, Any]]:
    """Yield every operation on one person, referral or contact, with a body that it would take."""
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if any(f"{{{kind}_id}}" in path for kind in ("person", "referral", "contact")):
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                examples = document["components"]["schemas"].get(name, {}).get("examples", [None])
                yield method.upper(), path, examples[0]


def addressed(path: str, person: object, referral: object, contact: object) -> str:
    return path.format(person_id=person, referral_id=referral, contact_id=contact)


async def asked(caller: httpx.AsyncClient, method: str, path: str, body: Any) -> httpx.Response:
    return await caller.request(method, path, json=body, headers={"If-Match": "*"})


async def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {table: sorted(await rows(database, table), key=str) for table in (*TABLES, "outbox", "audit")}


async def test_what_is_of_another_site_is_as_what_is_nowhere(referrals: Door, database: Database, layers: str) -> None:
    """Not seen and not changed, whatever is asked of it; and no answer differs from that about an id that does not exist."""
    _, *others = await three_households(referrals)
    await matched()
    before = await everything(database)
    found = list(operations())
    assert len(found) > 20
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        for method, path, body in found:
            nowhere = await asked(caller, method, addressed(path, uuid4(), uuid4(), uuid4()), body)
            assert nowhere.status_code == 404, (method, path, nowhere.text)
            for other in others:
                target = addressed(path, other.people[0], other.referrals[0], other.contacts[0])
                assert same(await asked(caller, method, target, body), nowhere), (layers, method, path)
    assert await everything(database) == before


async def test_what_is_listed_found_and_counted_is_ones_own(referrals: Door, layers: str) -> None:
    own, *others = await three_households(referrals)
    await matched()
    foreign = {one for other in others for one in other.ids()} | {str(THERE)}
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        listed = (await caller.get("/v1/referrals")).json()
        number = (await caller.post("/v1/people/search", json={"nhs_number": NUMBER})).json()
        name = {"family_name": "Okafor", "birth_date": "1980-05-17"}
        named = (await caller.post("/v1/people/search", json=name)).json()
        texts = [str(each) for each in (listed, number, named)]
        texts += [
            (await caller.get(path)).text
            for path in ("/v1/matches", "/v1/matches?limit=1", f"/v1/referrals?site_id={THERE}")
        ]
        for person in own.people:
            for part in ("", "/history", "/audit", "/matches"):
                answer = await caller.get(f"/v1/people/{person}{part}")
                assert answer.status_code == 200, answer.text
                texts.append(answer.text)
    assert ({each["id"] for each in listed["items"]}, listed["next"]) == (set(own.referrals), None)
    assert [each["id"] for each in number["items"]] == own.people[:1]
    assert [each["id"] for each in named["items"]] == own.people
    assert [one for one in foreign for text in texts if one in text] == [], layers


async def test_nothing_is_put_or_tied_where_it_is_not_ones_own(
    referrals: Door, database: Database, layers: str
) -> None:
    own, other, _ = await three_households(referrals)
    before = await everything(database)
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        answers = [
            await caller.post("/v1/referrals", json=a_referral(site_id=str(THERE))),
            await asked(caller, "PATCH", f"/v1/referrals/{own.referrals[0]}", {"site_id": str(THERE)}),
        ]
        bulk = await caller.post("/v1/referrals/bulk", json=[a_referral(site_id=str(THERE))])
        for what, field in (("merge", "into"), ("not-same", "other")):
            path = f"/v1/people/{own.people[0]}/{what}"
            there, nowhere = [
                await asked(caller, "POST", path, {field: str(target), "reason": "The same."})
                for target in (other.people[0], uuid4())
            ]
            assert same(there, nowhere), (layers, what)
            answers.append(there)
    assert [answer.status_code for answer in answers if answer.status_code < 400] == []
    assert [result["status"] for result in bulk.json()["results"]] == ["rejected"]
    assert await everything(database) == before, layers


async def test_a_person_known_elsewhere_is_received_as_a_person_known_nowhere(referrals: Door, layers: str) -> None:
    """The same answers, versions, statements: nothing to tell the two apart by, not even how much is done."""
    await household(referrals, THERE)
    statements: list[str] = []
    event.listen(engine().sync_engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    done = {}
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        await caller.post("/v1/referrals", json=a_referral(person={}))  # connections are made, statements prepared
        for number in ("9990548609", NUMBER):
            statements.clear()
            body = a_referral(person={"nhs_number": number, "family_name": "Okafor"}, site_id=str(HERE))
            told = await caller.post("/v1/referrals", json=body)
            path = f"/v1/people/{told.json()['person_id']}"
            record = await caller.get(path)
            given_up = await asked(caller, "PATCH", f"{path}/demographics", {"nhs_number": None})
            taken = await asked(caller, "PATCH", f"{path}/demographics", {"nhs_number": number})
            own = (await caller.post("/v1/people/search", json={"nhs_number": number})).json()["items"]
            answers = [(each.status_code, each.headers["ETag"]) for each in (told, record, given_up, taken)]
            done[number] = (answers, record.json()["version"], len(own), list(statements))
    assert done["9990548609"] == done[NUMBER], layers
    assert done[NUMBER][:3] == ([(201, '"1"'), (200, '"1"'), (200, '"2"'), (200, '"3"')], 1, 1)


async def test_others_who_know_the_same_people_and_the_matcher_that_ties_them_do_not_show(
    referrals: Door, database: Database
) -> None:
    own = await household(referrals, HERE)
    await matched()
    before = await seen_by(referrals, own)
    others = [await household(referrals, site) for site in (THERE, None)]
    await matched()
    tied = [{str(row["person_id"]), str(row["into_id"])} for row in await rows(database, "merges")]
    assert any(len(pair & own.ids()) == 1 for pair in tied), "records of different sites are tied"
    assert await seen_by(referrals, own) == before
    async with referrals.caller(ALL, sites=[HERE]) as caller:
        trails = [(await caller.get(f"/v1/people/{person}/audit")).text for person in own.people]
    assert not [one for other in others for one in other.ids() for trail in trails if one in trail]


async def seen_by(door: Door, own: Household) -> list[tuple[int, str | None, str]]:
    """Return all that a site is told of its people, word by word."""
    person = [f"/v1/people/{each}{part}" for each in own.people for part in ("", "/matches", "/history")]
    referral = [f"/v1/referrals/{each}" for each in own.referrals]
    async with door.caller(ALL, sites=[HERE]) as caller:
        answers = [await caller.get(path) for path in (*person, *referral, "/v1/referrals", "/v1/matches")]
    return [(answer.status_code, answer.headers.get("ETag"), answer.text) for answer in answers]
