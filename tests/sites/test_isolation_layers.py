"""Two layers keep sites apart, and each of them alone would: every operation and every table, with the other one taken away."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from fastapi import Request

from services.sites.app import app
from services.sites.tables import Base
from shared.auth import Caller, Needs
from tests.databases import Database
from tests.doors import Door
from tests.referrals.two_sites import same
from tests.sites.builders import BOTH, an_offer
from tests.sites.doings import a_contribution, a_session, an_engagement
from tests.sites.together import a_goal, an_assessment, days_ago
from tests.sites.two_sites import AGREEMENT, TABLES, TRAINING, WITHOUT_POLICY, Record, two_records

LAYERS = ("both", "row-level security alone", "the application alone")
MONTHS = {"from": "2026-01", "to": "2026-12"}


@pytest.fixture(params=LAYERS)
async def layers(request: pytest.FixtureRequest, database: Database, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take one of the layers away; return which one is left."""
    kept: str = request.param
    if kept == "row-level security alone":
        asked = Needs.__call__

        async def of_all_sites(self: Needs, request: Request) -> Caller:
            """Return a caller whom the service takes for one of all sites, while the database is told the truth."""
            return replace(await asked(self, request), sites=None)

        monkeypatch.setattr(Needs, "__call__", of_all_sites)
    if kept == "the application alone":
        admin = await asyncpg.connect(database.admin_dsn)
        for table in TABLES:
            await admin.execute(f"ALTER TABLE sites.{table} DISABLE ROW LEVEL SECURITY")
        await admin.close()
    return kept


def operations(*, on_one: bool) -> Iterator[tuple[str, str, Any]]:
    """Yield every operation on one thing, or on all of a kind, with a body that it would take."""
    document = app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/") and ("{" in path) == on_one:
                content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
                yield method.upper(), path, document["components"]["schemas"].get(name, {}).get("examples", [None])[0]


async def asked(caller: httpx.AsyncClient, method: str, path: str, body: Any = None) -> httpx.Response:
    months = MONTHS if path.endswith("/summary") else None
    return await caller.request(method, path, json=body, headers={"If-Match": "*"}, params=months)


async def everything(database: Database) -> dict[str, list[str]]:
    """Return every row there is of sites' own, and what was announced and noted of them."""
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        found = {each: await admin.fetch(f"SELECT * FROM sites.{each}") for each in (*TABLES, "outbox", "audit")}  # noqa: S608 - ours
    finally:
        await admin.close()
    return {table: sorted(map(str, of_table)) for table, of_table in found.items()}


class Nowhere(dict[str, str]):
    """Ids of what does not exist, whatever it is called."""

    def __missing__(self, _: str) -> str:
        """Return an id of nothing."""
        return str(uuid4())


async def test_what_is_of_another_site_is_as_what_is_nowhere(sites: Door, database: Database, layers: str) -> None:
    """Not seen and not changed, whatever is asked of it; and no answer differs from that about an id that does not exist."""
    own, other = await two_records(sites, database)
    before = await everything(database)
    found = list(operations(on_one=True))
    assert len(found) > 30
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(own.site)]) as caller:
        for method, path, body in found:
            nowhere = await asked(caller, method, path.format_map(Nowhere()), body)
            there = await asked(caller, method, path.format_map(other.ids), body)
            assert nowhere.status_code in {403, 404}, (layers, method, path, nowhere.text)
            assert same(there, nowhere), (layers, method, path, there.text)
            assert (await asked(caller, "GET", path.format_map(own.ids))).status_code in {200, 405}, (method, path)
    assert await everything(database) == before, layers


async def test_what_is_listed_is_ones_own(sites: Door, database: Database, layers: str) -> None:
    own, other = await two_records(sites, database)
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(own.site)]) as caller:
        lists = [path for method, path, _ in operations(on_one=False) if method == "GET"]
        lists += [f"/v1/goals/{own.ids['goal_id']}/reflections", f"/v1/offers/{own.ids['offer_id']}/coproduction"]
        assert len(lists) > 12
        for path in lists:
            answer = await caller.get(path)
            assert answer.status_code == 200, answer.text
            assert other.among(answer.text) == [], (layers, path)
            if path != "/v1/questions/public":
                assert own.among(answer.text), (layers, path)
        for path in ("sessions", "engagements", "contributions", "training", "agreements", "goals", "offers"):
            limited = await caller.get(f"/v1/{path}", params={"site_id": other.site})
            assert limited.json()["items"] == [], (layers, path)


def misplaced(own: Record, other: Record) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield writes that would put or tie something where it is not one's own."""
    there, theirs, mine = other.site, other.ids, own.ids
    dated = {"site_id": there, "on": days_ago(5)}
    for path, body in (
        ("/v1/offers", an_offer(there)),
        ("/v1/sessions", a_session(there)),
        ("/v1/sessions", a_session(own.site, offer_id=theirs["offer_id"])),
        ("/v1/engagements", an_engagement(there)),
        ("/v1/engagements", an_engagement(own.site, there)),
        ("/v1/contributions", a_contribution(there)),
        ("/v1/training", TRAINING | dated),
        ("/v1/agreements", AGREEMENT | {"site_id": there, "agreed_on": days_ago(5), "review_on": days_ago(-5)}),
        (
            "/v1/mentorships",
            {"mentor_site_id": there, "mentee_site_id": theirs["mentee_id"], "began_on": days_ago(5), "focus": "x"},
        ),
        ("/v1/goals", a_goal(sites=[there])),
        ("/v1/goals", a_goal(sites=[own.site, there])),
        ("/v1/questions", {"asked_by_site": there, "to_organisation": mine["organisation_id"], "text": "When?"}),
        ("/v1/assessments-of-coproduction", an_assessment(theirs["offer_id"], side="community")),
    ):
        yield "POST", path, body
    yield "PATCH", f"/v1/sites/{own.site}", {"organisation_id": theirs["organisation_id"]}
    yield "PATCH", f"/v1/sessions/{mine['session_id']}", {"offer_id": theirs["offer_id"]}
    yield "PATCH", f"/v1/engagements/{mine['engagement_id']}", {"site_ids": [own.site, there]}
    yield "PATCH", f"/v1/engagements/{mine['engagement_id']}", {"site_ids": [there]}
    yield "PATCH", f"/v1/goals/{mine['goal_id']}", {"sites": [own.site, there]}
    yield "PATCH", f"/v1/goals/{mine['goal_id']}", {"sites": [there]}


async def test_nothing_is_put_or_tied_where_it_is_not_ones_own(sites: Door, database: Database, layers: str) -> None:
    own, other = await two_records(sites, database)
    before = await everything(database)
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(own.site)]) as caller:
        for method, path, body in misplaced(own, other):
            answer = await asked(caller, method, path, body)
            refused = (500,) if layers == "row-level security alone" else ()  # what only the database refuses
            assert answer.status_code in {403, 404, 422, *refused}, (layers, method, path, body, answer.text)
            assert await everything(database) == before, (layers, method, path, body)


async def test_one_sites_caller_changes_nothing_of_the_register_of_all(sites: Door, database: Database) -> None:
    own, _ = await two_records(sites, database)
    before = await everything(database)
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(own.site)]) as caller:
        for path, body in (
            ("/v1/organisations", {"name": "Ours", "kind": "church"}),
            ("/v1/sites", {"organisation_id": own.ids["organisation_id"]}),
        ):
            assert (await caller.post(path, json=body)).status_code == 403
    assert await everything(database) == before


async def test_every_table_is_under_row_level_security_or_holds_nothing_of_a_site(database: Database) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    found = await admin.fetch(
        "SELECT relname, relrowsecurity AND relforcerowsecurity AS held FROM pg_class"
        " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'sites' AND relkind IN ('r', 'p')"
    )
    await admin.close()
    held = {row["relname"]: row["held"] for row in found}
    assert {name for name, is_held in held.items() if is_held} == set(TABLES)
    assert {name for name, is_held in held.items() if not is_held} == WITHOUT_POLICY
    assert {table.name for table in Base.metadata.sorted_tables} == {*TABLES, "removed_offers"}


async def test_every_table_shows_and_gives_up_ones_own_rows_only(sites: Door, database: Database) -> None:
    """As the service's own role, whatever the service might ask for."""
    own, other = await two_records(sites, database)
    role = await asyncpg.connect(database.dsn("sites"))
    try:
        for table in TABLES:
            seen = {}
            for context in ("", own.site, other.site, f"{own.site},{other.site}", "*"):
                await role.execute("SELECT set_config('app.sites', $1, false)", context)
                seen[context] = {str(row) for row in await role.fetch(f"SELECT * FROM {table}")}  # noqa: S608 - ours
            assert seen[""] == set(), table
            assert seen[own.site], table
            assert not seen[own.site] & seen[other.site], table
            assert seen[own.site] | seen[other.site] == seen[f"{own.site},{other.site}"] <= seen["*"], table
            await role.execute("SELECT set_config('app.sites', $1, false)", own.site)
            column = (
                "goal_id" if table == "goal_signatures" else Base.metadata.tables[table].primary_key.columns[0].name
            )
            transaction = role.transaction()
            await transaction.start()
            try:
                touched = await role.fetch(f"UPDATE {table} SET {column} = {column} RETURNING *")  # noqa: S608 - ours
                assert {str(row) for row in touched} <= seen[own.site], table
            except asyncpg.InsufficientPrivilegeError:
                assert table == "organisations", "changed by callers of all sites only"
            await transaction.rollback()
    finally:
        await role.close()
