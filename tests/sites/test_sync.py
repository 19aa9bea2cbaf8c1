"""What a site's app entered without a connection, sent together later: it happens once, and overwrites nothing."""

from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.sites.api import routers
from shared.idempotency import once
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, events, held, registered, rows
from tests.sites.doings import a_contribution, a_session, an_engagement

numbers = count(1)
COUNTED = {"headcount": 54, "tallies": {"gender_identity": {"1": 17, "2": 35}}, "interpreter_used": True}


def an_op(path: str, body: object, method: str = "POST", **more: object) -> dict[str, Any]:
    return {"op_id": f"op-{next(numbers)}", "method": method, "path": path, "body": body, **more}


async def synced(caller: httpx.AsyncClient, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    told = await caller.post("/v1/sync", json={"operations": list(operations)})
    assert told.status_code == 200, told.text
    results: list[dict[str, Any]] = told.json()["results"]
    return results


def became(results: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(result["status"], result["result"]) for result in results]


async def test_an_evening_without_a_connection_is_recorded_once_and_overwrites_nobody(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as trust:
        site = await registered(trust)
        path = f"/v1/sites/{site['id']}"
        async with sites.caller(BOTH, client="hall-app", sites=[UUID(site["id"])]) as app:
            entered = (await app.get(path)).headers["ETag"]
            theirs = await trust.patch(path, json={"accessibility": "Two steps."}, headers=held(1))
            session, evening = str(uuid4()), f"/v1/sessions/{(this := str(uuid4()))}"
            batch = [
                an_op("/v1/sessions", a_session(None, id=this)),
                an_op(f"{evening}/attendance", COUNTED, "PUT", if_match='"1"'),
                an_op("/v1/contributions", a_contribution(None, id=session)),
                an_op(path, {"accessibility": "Step-free."}, "PATCH", if_match=entered),
            ]
            first, again = await synced(app, *batch), await synced(app, *batch)
            shown = (await app.get(evening)).json()
            kept = (await app.get(path)).json()
    assert became(first) == [(201, "applied"), (200, "applied"), (201, "applied"), (412, "conflict")]
    assert became(again) == [(201, "replayed"), (200, "replayed"), (201, "replayed"), (412, "conflict")]
    assert [each.get("body") for each in first] == [each.get("body") for each in again]
    for results in (first, again):
        assert results[3]["problem"]["type"] == "/problems/precondition-failed"
        assert results[3]["current"] == {"path": path, "etag": '"2"', "body": theirs.json()}
    assert (shown["attendance"]["headcount"], shown["version"]) == (54, 2)
    assert (kept["accessibility"], kept["version"]) == ("Two steps.", 2)
    assert [subject for subject, _, _ in await events(database, this)] == [
        "sites.session_held.v1",
        "sites.attendance_recorded.v1",
    ]
    assert len(await rows(database, "contributions")) == 1


async def test_a_conflict_that_a_person_decided_on_is_sent_again_with_the_version_shown(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        path = f"/v1/sites/{(await registered(caller))['id']}"
        await caller.patch(path, json={"accessibility": "Two steps."}, headers=held(1))
        stale = an_op(path, {"accessibility": "Step-free."}, "PATCH", if_match='"1"')
        (refused,) = await synced(caller, stale)
        (decided,) = await synced(caller, stale | {"if_match": refused["current"]["etag"]})
    assert (decided["result"], decided["body"]["accessibility"]) == ("applied", "Step-free.")


async def test_a_count_entered_twice_by_two_phones_is_a_conflict_that_shows_the_first(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site, this = (await registered(caller))["id"], str(uuid4())
        new = an_op("/v1/sessions", a_session(site, id=this))
        counts = [an_op(f"/v1/sessions/{this}/attendance", {"headcount": n}, "PUT", if_match='"1"') for n in (54, 55)]
        _, first, second = await synced(caller, new, *counts)
        twin = an_op("/v1/sessions", new["body"] | {"kind": "group"})
        (differs,) = await synced(caller, twin)
    assert (first["result"], second["result"]) == ("applied", "conflict")
    assert second["current"]["body"]["attendance"]["headcount"] == 54
    assert (differs["problem"]["type"], differs["current"]["path"]) == (
        "/problems/session-differs",
        f"/v1/sessions/{this}",
    )


async def test_by_batch_a_site_reaches_what_it_reaches_alone(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as trust:
        own, foreign = [(await registered(trust))["id"] for _ in range(2)]
    async with sites.caller(BOTH, client="hall-app", sites=[UUID(own)]) as app:
        results = await synced(
            app,
            an_op("/v1/sessions", a_session(foreign)),
            an_op(f"/v1/sites/{foreign}", {"status": "closed"}, "PATCH", if_match="*"),
            an_op("/v1/engagements", an_engagement(foreign)),
            an_op("/v1/organisations", {"name": "Ours", "kind": "church"}),
            an_op("/v1/sessions", a_session(None)),
        )
    assert became(results) == [*[(404, "refused")] * 3, (403, "refused"), (201, "applied")]
    assert all("current" not in each for each in results)
    assert [str(row["site_id"]) for row in await rows(database, "sessions")] == [own]


def writes() -> Iterator[tuple[str, list[Any]]]:
    """Yield every write with what it depends on, in order."""
    for api in routers:
        for route in api.routes:
            if route.methods & {"POST", "PUT", "PATCH", "DELETE"} and route.path != "/v1/sync":  # type: ignore[attr-defined]  # ours are
                yield f"{route.methods} {route.path}", list(route.dependant.dependencies)  # type: ignore[attr-defined]  # as above


def test_every_write_knows_a_repetition_before_it_looks_at_the_version_held() -> None:
    """Else what was applied offline would be a conflict with itself when it is sent again."""
    found = dict(writes())
    assert len(found) > 30
    for name, dependencies in found.items():
        calls = [each.call for each in dependencies]
        assert once in calls, name
        versions = [place for place, each in enumerate(dependencies) if _reads_if_match(each)]
        assert all(calls.index(once) < place for place in versions), name


def _reads_if_match(dependant: Any) -> bool:
    return any(param.alias == "If-Match" for param in dependant.header_params)


@pytest.mark.parametrize("path", ["/v1/questions/public", "/open-referral/services", "/v1/sync"])
async def test_a_batch_holds_writes_of_the_record_only(sites: Door, path: str) -> None:
    async with sites.caller(BOTH) as caller:
        (result,) = await synced(caller, an_op(path, {}))
    assert result["result"] == "refused"
