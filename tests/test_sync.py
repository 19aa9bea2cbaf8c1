"""`/v1/sync`: what was entered without a connection takes effect once, in order, and overwrites nothing."""

import asyncio
import time
from itertools import count
from typing import Any

import httpx
import pytest

from shared.settings import settings
from shared.sync import MOST, Results
from tests.databases import Database
from tests.doors import Door
from tests.notes import notes_app
from tests.referrals.builders import rows
from tests.tiny import Held

SCOPE = "referrals:write referrals:read"
DAY = 24 * 3600
numbers = count(1)


@pytest.fixture
def notes(tiny: Door, held: Held) -> Door:
    tiny.app = notes_app(held)
    return tiny


def an_op(path: str, body: object = None, method: str = "POST", **more: object) -> dict[str, Any]:
    given = {} if body is None else {"body": body}
    return {"op_id": f"op-{next(numbers)}", "method": method, "path": path, **given, **more}


def a_note(name: str, words: str | None = None) -> dict[str, Any]:
    return an_op("/v1/notes", {"name": name, "text": words})


async def synced(caller: httpx.AsyncClient, *operations: dict[str, Any]) -> list[dict[str, Any]]:
    """Send a batch; return its results, which are of the promised shape and in order."""
    told = await caller.post("/v1/sync", json={"operations": list(operations)})
    assert told.status_code == 200, told.text
    results: list[dict[str, Any]] = told.json()["results"]
    Results.model_validate(told.json())
    assert [result["op_id"] for result in results] == [operation["op_id"] for operation in operations]
    return results


def became(results: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(result["status"], result["result"]) for result in results]


async def test_a_batch_sent_again_is_answered_alike_and_changes_nothing(notes: Door, database: Database) -> None:
    batch = [
        a_note("tea", "milk first"),
        an_op("/v1/notes/tea", {"name": "tea", "text": "milk last"}, "PATCH", if_match='"1"'),
    ]
    async with notes.caller(SCOPE) as caller:
        first = await synced(caller, *batch)
        again = await synced(caller, *batch)
    assert became(first) == [(201, "applied"), (200, "applied")]
    assert became(again) == [(201, "replayed"), (200, "replayed")], "though the ETag is stale by now"
    assert [each["body"] for each in first] == [each["body"] for each in again]
    assert (first[0]["location"], first[0]["etag"], first[1]["etag"]) == ("/v1/notes/tea", '"1"', '"2"')
    assert (again[0]["location"], again[1]["etag"]) == ("/v1/notes/tea", '"2"')
    assert [row["detail"] for row in await rows(database, "worker_signs")] == [{"text": "milk last", "version": 2}]


async def test_a_conflict_shows_what_is_there_and_overwrites_nothing(notes: Door, database: Database) -> None:
    stale = an_op("/v1/notes/tea", {"name": "tea", "text": "mine"}, "PATCH", if_match='"1"')
    async with notes.caller(SCOPE) as caller:
        await synced(caller, a_note("tea", "old"))
        await caller.patch("/v1/notes/tea", json={"name": "tea", "text": "theirs"}, headers={"If-Match": '"1"'})
        (result,) = await synced(caller, stale)
        rebased = await synced(caller, stale | {"if_match": result["current"]["etag"]})
    assert (result["status"], result["result"]) == (412, "conflict")
    assert result["problem"]["type"] == "/problems/precondition-failed"
    assert result["current"] == {
        "path": "/v1/notes/tea",
        "etag": '"2"',
        "body": {"name": "tea", "text": "theirs"},
    }
    assert became(rebased) == [(200, "applied")], "the same op_id, with the version it was shown"
    (kept,) = await rows(database, "worker_signs")
    assert kept["detail"] == {"text": "mine", "version": 3}


async def test_whatever_is_in_the_way_is_found_by_its_name_or_above_the_action(notes: Door) -> None:
    async with notes.caller(SCOPE) as caller:
        results = await synced(caller, a_note("tea", "one"), a_note("tea", "two"), an_op("/v1/notes/tea/close"))
    assert became(results) == [(201, "applied"), (409, "conflict"), (409, "conflict")]
    assert [each["current"]["body"]["text"] for each in results[1:]] == ["one", "one"]
    assert [each["current"]["path"] for each in results[1:]] == ["/v1/notes/tea"] * 2


async def test_whoever_may_not_read_is_not_shown_what_is_in_the_way(notes: Door) -> None:
    async with notes.caller("referrals:write") as caller:
        results = await synced(caller, a_note("tea", "one"), a_note("tea", "two"))
    assert became(results)[1] == (409, "conflict")
    assert "current" not in results[1]


async def test_each_operation_needs_the_scopes_it_would_need_alone(notes: Door, database: Database) -> None:
    async with notes.caller("referrals:read") as reader, notes.caller() as nobody:
        (result,) = await synced(reader, a_note("tea"))
        assert (await nobody.post("/v1/sync", json={"operations": [a_note("tea")]})).status_code == 401
    assert (result["status"], result["result"]) == (403, "refused")
    assert result["problem"]["missing"] == ["referrals:write"]
    assert await rows(database, "worker_signs") == []


async def test_one_that_fails_never_stops_the_rest(notes: Door) -> None:
    async with notes.caller(SCOPE) as caller:
        results = await synced(
            caller,
            an_op("/v1/notes", {"nome": "tea"}),
            an_op("/v1/breaks"),
            an_op("/v1/notes/none", {"name": "none"}, "PATCH"),
            a_note("tea"),
            an_op("/v1/notes/tea", {"name": "tea"}, "PATCH"),
        )
    statuses = [(422, "refused"), (500, "refused"), (404, "refused"), (201, "applied"), (428, "refused")]
    assert became(results) == statuses
    assert results[0]["problem"]["errors"][0]["pointer"] in {"/name", "/nome"}


async def test_the_same_op_id_twice_in_a_batch_is_applied_once(notes: Door, database: Database) -> None:
    twice, otherwise = a_note("tea"), a_note("coffee")
    async with notes.caller(SCOPE) as caller:
        results = await synced(caller, twice, twice, otherwise | {"op_id": twice["op_id"]})
    assert became(results) == [(201, "applied"), (201, "replayed"), (422, "refused")]
    assert results[2]["problem"]["type"] == "/problems/key-reused"
    assert [row["name"] for row in await rows(database, "worker_signs")] == ["tea"]


async def test_an_op_id_is_the_key_of_the_request_alone_so_both_doors_know_it(notes: Door) -> None:
    async with notes.caller(SCOPE) as caller:
        alone = await caller.post("/v1/notes", json={"name": "tea"}, headers={"Idempotency-Key": "op-of-both"})
        (result,) = await synced(caller, an_op("/v1/notes", {"name": "tea"}) | {"op_id": "op-of-both"})
    assert (alone.status_code, result["result"], result["body"]) == (201, "replayed", alone.json())


async def test_an_op_id_belongs_to_its_client(notes: Door) -> None:
    async with notes.caller(SCOPE) as mine, notes.caller(SCOPE, client="other") as others:
        (made,) = await synced(mine, operation := a_note("tea"))
        (theirs,) = await synced(others, operation)
    assert (made["result"], theirs["result"]) == ("applied", "conflict")


async def test_an_answer_is_kept_for_as_long_as_a_phone_may_be_away(notes: Door, database: Database) -> None:
    async with notes.caller(SCOPE) as caller:
        await synced(caller, a_note("tea") | {"op_id": "offline"})
        await caller.post("/v1/notes", json={"name": "alone"}, headers={"Idempotency-Key": "alone"})
    now = time.time()
    days = {row["key"]: (row["expires_at"].timestamp() - now) / DAY for row in await rows(database, "idempotency_keys")}
    assert days == {"offline": pytest.approx(90, abs=0.1), "alone": pytest.approx(1, abs=0.1)}


async def test_two_identical_batches_at_once_are_applied_once(notes: Door, database: Database) -> None:
    batch = [a_note(f"note-{number}") for number in range(10)]
    async with notes.caller(SCOPE) as caller:
        both = await asyncio.gather(*(synced(caller, *batch) for _ in range(2)))
    for results in zip(*both, strict=True):
        assert sorted(each["result"] for each in results) == ["applied", "replayed"]
        assert results[0]["body"] == results[1]["body"]
    assert len(await rows(database, "worker_signs")) == 10


async def test_an_operation_still_being_worked_on_elsewhere_is_to_be_sent_again(notes: Door, held: Held) -> None:
    slow, after = an_op("/v1/held/tea"), a_note("coffee")
    async with asyncio.timeout(20), notes.caller(SCOPE) as caller:
        first = asyncio.create_task(caller.post(slow["path"], headers={"Idempotency-Key": slow["op_id"]}))
        await held.come.acquire()
        waiting = await synced(caller, slow, after)
        held.let_go.set()
        assert (await first).status_code == 201
        again = await synced(caller, slow, after)
    assert became(waiting) == [(409, "retry"), (503, "retry")]
    assert waiting[1]["problem"]["type"] == "/problems/not-tried"
    assert became(again) == [(201, "replayed"), (201, "applied")]


@pytest.mark.parametrize(("path", "status"), [("/v1/away", 503), ("/v1/unknown", 500)])
async def test_when_the_database_goes_away_what_was_applied_is_told_and_the_rest_is_to_be_sent_again(
    notes: Door, database: Database, path: str, status: int
) -> None:
    async with notes.caller(SCOPE) as caller:
        results = await synced(caller, a_note("tea"), an_op(path), a_note("coffee"))
    assert became(results) == [(201, "applied"), (status, "retry"), (503, "retry")]
    assert [row["name"] for row in await rows(database, "worker_signs")] == ["tea"]


@pytest.mark.parametrize(
    ("method", "path", "slug"),
    [
        ("POST", "/v1/sync", "not-in-a-batch"),
        ("POST", "/v1/notes/bulk", "not-in-a-batch"),
        ("POST", "/v1/looking-up", "not-in-a-batch"),
        ("GET", "/v1/notes/tea", "not-in-a-batch"),
        ("POST", "http://elsewhere/v1/notes", "not-in-a-batch"),
        ("POST", "//elsewhere/v1/notes", "not-in-a-batch"),
        ("POST", "/v1/x/../notes", "not-in-a-batch"),
        ("POST", "/v1/%6eotes", "not-in-a-batch"),
        ("POST", "/v1/notes?dry_run=true", "not-in-a-batch"),
        ("POST", "/v1/notes#here", "not-in-a-batch"),
        ("POST", "/v1/notes\n", "not-in-a-batch"),
        ("POST", "/v1//notes", "not-in-a-batch"),
        ("GET", "/health/ready", "not-in-a-batch"),
        ("POST", "/v1/nothing", "not-found"),
        ("DELETE", "/v1/notes", "method-not-allowed"),
        ("post", "/v1/notes", "method-not-allowed"),
    ],
)
async def test_a_batch_holds_single_writes_to_this_service_only(
    notes: Door, database: Database, method: str, path: str, slug: str
) -> None:
    async with notes.caller(SCOPE) as caller:
        results = await synced(caller, an_op(path, {"name": "no"}, method), a_note("tea"))
    assert (results[0]["result"], results[0]["problem"]["type"]) == ("refused", f"/problems/{slug}")
    assert results[1]["result"] == "applied"
    assert [row["name"] for row in await rows(database, "worker_signs")] == ["tea"]


@pytest.mark.parametrize(
    ("operations", "place"),
    [
        ([], "/operations"),
        ([a_note("n")] * (MOST + 1), "/operations"),
        ([{"method": "POST", "path": "/v1/notes"}], "/operations/0/op_id"),
        ([a_note("n") | {"op_id": "two words"}], "/operations/0/op_id"),
        ([a_note("n") | {"if_match": '"1"\r\nX: y'}], "/operations/0/if_match"),
        ([a_note("n"), a_note("m") | {"after": "op"}], "/operations/1/after"),
    ],
)
async def test_a_batch_of_another_form_is_refused_as_a_whole(
    notes: Door, database: Database, operations: list[object], place: str
) -> None:
    async with notes.caller(SCOPE) as caller:
        told = await caller.post("/v1/sync", json={"operations": operations})
    assert (told.status_code, told.json()["errors"][0]["pointer"]) == (422, place)
    assert await rows(database, "worker_signs") == []


async def test_a_batch_has_one_place_and_one_trace_however_many_operations_it_holds(
    notes: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDTABLE_MAX_IN_FLIGHT", "1")
    settings.cache_clear()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with notes.caller(SCOPE) as caller:
        told = await caller.post(
            "/v1/sync",
            json={"operations": [an_op("/v1/traced") for _ in range(3)]},
            headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
        )
    assert [each["body"]["name"] for each in told.json()["results"]] == [trace] * 3
    assert told.headers["X-Request-Id"] == trace
