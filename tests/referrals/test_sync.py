"""What a site entered without a connection, sent together later: it happens once, and overwrites nothing."""

import asyncio
import time
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.sync import MOST
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

WRITE, READ = "referrals:write", "referrals:read"
DAY = 24 * 3600
numbers = count(1)


def an_op(path: str, body: object = None, method: str = "POST", **more: object) -> dict[str, Any]:
    given = {} if body is None else {"body": body}
    return {"op_id": f"op-{next(numbers)}", "method": method, "path": path, **given, **more}


def a_pathway() -> tuple[str, str, list[dict[str, Any]]]:
    """Return the ids of a referral and of a contact on it, and the batch that makes both and ends it."""
    referral, contact = str(uuid4()), str(uuid4())
    held = {"id": contact, "on": "2026-03-20", "appointment_type": "02", "attendance": "5"}
    return (
        referral,
        contact,
        [
            an_op("/v1/referrals", a_referral(id=referral, pathway="drop_in")),
            an_op(f"/v1/referrals/{referral}/contacts", held),
            an_op(f"/v1/referrals/{referral}/contacts", {"on": "2026-03-27", "appointment_type": "03"}),
            an_op(f"/v1/referrals/{referral}/discharge", {"on": "2026-04-10", "end_code": "46"}),
        ],
    )


async def synced(caller: httpx.AsyncClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = await caller.post("/v1/sync", json={"operations": operations})
    assert told.status_code == 200, told.text
    results: list[dict[str, Any]] = told.json()["results"]
    return results


def became(results: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(result["status"], result["result"]) for result in results]


async def test_a_pathway_entered_offline_happens_once_however_often_it_is_sent(
    referrals: Door, database: Database
) -> None:
    referral, contact, batch = a_pathway()
    async with referrals.caller(f"{WRITE} {READ}") as caller:
        first = await synced(caller, batch)
        announced = len(await rows(database, "outbox"))
        again = await synced(caller, batch)
        shown = await caller.get(f"/v1/referrals/{referral}")
    assert became(first) == [(201, "applied"), (201, "applied"), (201, "applied"), (200, "applied")]
    assert became(again) == [(201, "replayed"), (201, "replayed"), (201, "replayed"), (200, "replayed")]
    assert [each["body"] for each in first] == [each["body"] for each in again]
    assert [each["location"] for each in first[:2]] == [f"/v1/referrals/{referral}", f"/v1/contacts/{contact}"]
    assert (first[3]["body"]["status"], shown.json()["status"]) == ("discharged", "discharged")
    assert first[3]["etag"] == shown.headers["ETag"]
    assert len(await rows(database, "outbox")) == announced
    assert len(await rows(database, "contacts")) == 2


async def test_every_key_of_a_batch_is_kept_for_months_that_of_a_referral_too(
    referrals: Door, database: Database
) -> None:
    _, _, batch = a_pathway()
    async with referrals.caller(WRITE) as caller:
        await synced(caller, batch)
        await caller.post("/v1/referrals", json=a_referral(), headers={"Idempotency-Key": "alone"})
    now = time.time()
    days = {row["key"]: (row["expires_at"].timestamp() - now) / DAY for row in await rows(database, "idempotency_keys")}
    assert days == {operation["op_id"]: pytest.approx(90, abs=0.1) for operation in batch} | {
        "alone": pytest.approx(1, abs=0.1)
    }


async def test_what_somebody_changed_meanwhile_is_shown_and_not_overwritten(referrals: Door) -> None:
    referral, contact, batch = a_pathway()
    changed = {"on": "2026-03-20", "appointment_type": "02", "attendance": "7"}
    async with referrals.caller(f"{WRITE} {READ}") as caller:
        await synced(caller, batch)
        theirs = await caller.put(f"/v1/contacts/{contact}", json=changed, headers={"If-Match": '"1"'})
        (stale,) = await synced(
            caller,
            [an_op(f"/v1/contacts/{contact}", changed | {"attendance": "6"}, "PUT", if_match='"1"')],
        )
        (closed,) = await synced(caller, [an_op(f"/v1/referrals/{referral}/discharge", {"on": "2026-05-01"})])
        (differs,) = await synced(caller, [batch[0] | {"op_id": "else", "body": batch[0]["body"] | {"source": "A1"}}])
        (twin,) = await synced(caller, [batch[1] | {"op_id": "twin", "body": batch[1]["body"] | {"on": "2026-03-21"}}])
        kept = await caller.get(f"/v1/contacts/{contact}")
    assert (stale["status"], stale["result"]) == (412, "conflict")
    assert stale["current"] == {"path": f"/v1/contacts/{contact}", "etag": '"2"', "body": theirs.json()}
    assert kept.json() == theirs.json()
    assert (twin["result"], twin["current"]["path"]) == ("conflict", f"/v1/contacts/{contact}"), "its id was taken"
    assert (closed["status"], closed["problem"]["type"]) == (409, "/problems/referral-closed")
    assert closed["current"]["body"]["discharged_on"] == "2026-04-10"
    assert (differs["status"], differs["problem"]["type"]) == (409, "/problems/referral-differs")
    assert differs["current"]["body"]["source"] == "B1"


async def test_what_is_in_the_way_is_shown_with_as_much_as_its_caller_may_read(referrals: Door) -> None:
    referral, _, batch = a_pathway()
    late = an_op(f"/v1/referrals/{referral}/discharge", {"on": "2026-05-01"})
    shown = {}
    for scopes in (WRITE, f"{WRITE} {READ}", f"{WRITE} {READ} people:read"):
        async with referrals.caller(scopes) as caller:
            await synced(caller, batch)
            (result,) = await synced(caller, [late])
        shown[scopes] = "current" in result and bool(result["current"]["body"].get("person"))
        assert ("current" in result) == (READ in scopes)
    assert list(shown.values()) == [False, False, True]


async def test_a_site_reaches_by_batch_what_it_reaches_alone(referrals: Door, database: Database) -> None:
    mine, others = uuid4(), uuid4()
    referral, contact, batch = a_pathway()
    async with referrals.caller(f"{WRITE} {READ}", client="temple", sites=[mine]) as temple:
        await synced(temple, batch)
    async with referrals.caller(f"{WRITE} {READ}", client="mosque", sites=[others]) as mosque:
        results = await synced(
            mosque,
            [
                an_op(f"/v1/contacts/{contact}", {"on": "2026-03-20", "appointment_type": "02"}, "PUT", if_match="*"),
                an_op(f"/v1/referrals/{referral}/reopen", {"reason": "Ours."}),
                an_op("/v1/referrals", a_referral(site_id=str(mine))),
                an_op("/v1/referrals", a_referral()),
            ],
        )
    assert became(results) == [(404, "refused"), (404, "refused"), (404, "refused"), (201, "applied")]
    assert all("current" not in each for each in results)
    assert {str(row["site_id"]) for row in await rows(database, "referrals")} == {str(mine), str(others)}


async def test_two_phones_that_send_the_same_batch_at_once_record_it_once(referrals: Door, database: Database) -> None:
    _, _, batch = a_pathway()
    async with referrals.caller(WRITE) as caller:
        both = await asyncio.gather(*(synced(caller, batch) for _ in range(2)))
    for results in zip(*both, strict=True):
        assert sorted(each["result"] for each in results) == ["applied", "replayed"]
        assert results[0]["body"] == results[1]["body"]
    assert len(await rows(database, "referrals")) == 1
    assert len(await rows(database, "contacts")) == 2


async def test_a_bad_operation_costs_only_itself(referrals: Door, database: Database) -> None:
    _, _, batch = a_pathway()
    bad = an_op("/v1/referrals", a_referral(source="ZZ9"))
    bulk = an_op("/v1/referrals/bulk", [a_referral()])
    async with referrals.caller(WRITE) as caller:
        results = await synced(caller, [bad, bulk, *batch])
    assert became(results)[:3] == [(422, "refused"), (422, "refused"), (201, "applied")]
    assert results[0]["problem"]["errors"][0]["pointer"] == "/source"
    assert len(await rows(database, "referrals")) == 1


async def test_a_hundred_referrals_are_taken_in_while_somebody_waits(referrals: Door, database: Database) -> None:
    batch = [an_op("/v1/referrals", a_referral(person={})) for _ in range(MOST)]
    async with referrals.caller(WRITE) as caller:
        began = time.monotonic()
        results = await synced(caller, batch)
    assert {each["result"] for each in results} == {"applied"}
    assert time.monotonic() - began < 10, "about half a second on an idle machine"
    assert len(await rows(database, "referrals")) == MOST
