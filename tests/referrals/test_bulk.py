"""Many referrals in one request: each line has its own fate, and sending all of it again is safe."""

import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx
import pytest

from services.referrals.commands.bulk import _array
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows

BULK = "/v1/referrals/bulk"
WRITE = "referrals:write"
Encode = Callable[[Iterable[object]], bytes]


def ndjson(items: Iterable[object]) -> bytes:
    return b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in items)


def array(items: Iterable[object]) -> bytes:
    return json.dumps(list(items), ensure_ascii=False, indent=1).encode()


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def statuses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = [result["status"] for result in body["results"]]
    assert [result["index"] for result in body["results"]] == list(range(len(found)))
    assert [body["accepted"], body["replayed"], body["rejected"]] == [
        found.count(each) for each in ("created", "replayed", "rejected")
    ]
    return found


@pytest.mark.parametrize("encode", [ndjson, array])
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_every_line_is_recorded_wherever_the_network_cuts_it(referrals: Door, encode: Encode, size: int) -> None:
    names = ["Zoë", "李小龍", "👩🏽‍🦱 Ọlá", '}],[{"\\']
    sent = [a_referral(person={"family_name": name}) for name in names]
    async with referrals.caller(f"{WRITE} referrals:read people:read") as caller:
        answer = await caller.post(BULK, content=pieces(encode(sent), size))
        assert statuses(answer) == ["created"] * 4
        for name, result in zip(names, answer.json()["results"], strict=True):
            read = await caller.get(f"/v1/referrals/{result['id']}")
            assert read.json()["person"]["family_name"] == name


@pytest.mark.parametrize("size", range(300_000, 300_004))
async def test_a_character_cut_in_two_by_a_large_piece_stays_whole(size: int) -> None:
    sent = [{"note": "Ọlá" * 1000} for _ in range(100)]
    assert [item async for item in _array(pieces(array(sent), size))] == sent


BAD_LINES: dict[str, bytes] = {
    "not JSON": b"{nope",
    "not an object": b"[1]",
    "a number": b"7",
    "a missing field": b'{"source_system": "x"}',
    "a field twice": b'{"source_id": 1, "source_id": 1}',
    "NaN": b'{"source_id": NaN}',
    "NUL": b'{"source_id": "\\u0000"}',
    "not UTF-8": b'{"source_id": "\xff"}',
    "too deep": b"[" * 40 + b"]" * 40,
    "very deep": b"[" * 50_000,
}


async def test_a_bad_line_never_stops_the_rest_and_is_not_repeated(referrals: Door, database: Database) -> None:
    good = [json.dumps(a_referral()).encode() for _ in BAD_LINES]
    lines = [line for pair in zip(good, BAD_LINES.values(), strict=True) for line in pair]
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(BULK, content=b"\n\n \n".join(lines))
    assert statuses(answer) == ["created", "rejected"] * len(BAD_LINES), "blank lines do not count"
    for result in answer.json()["results"][1::2]:
        assert result["problem"]["type"] == "/problems/malformed-request"
        assert result["problem"]["status"] == 422
    assert "nope" not in answer.text
    assert len(await rows(database, "referrals")) == len(BAD_LINES)


async def test_a_wrong_field_is_named_by_its_place_in_its_line(referrals: Door) -> None:
    wrong = a_referral(person={"nhs_number": "9434765918"})
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(BULK, json=[a_referral(), wrong, a_referral(received_on="2999-01-01")])
    assert statuses(answer) == ["created", "rejected", "rejected"]
    first, second = (result["problem"]["errors"][0]["pointer"] for result in answer.json()["results"][1:])
    assert (first, second) == ("/person/nhs_number", "/received_on")
    assert "943476591" not in answer.text


async def test_sending_everything_again_changes_nothing(referrals: Door, database: Database) -> None:
    sent = [a_referral() for _ in range(300)]  # more than one transaction
    async with referrals.caller(WRITE) as caller:
        first = await caller.post(BULK, json=sent)
        again = await caller.post(BULK, content=ndjson(sent))
    assert statuses(first) == ["created"] * 300
    assert statuses(again) == ["replayed"] * 300
    ids = [[result["id"] for result in answer.json()["results"]] for answer in (first, again)]
    assert ids[0] == ids[1]
    assert len(await rows(database, "outbox")) == 600


async def test_a_line_that_repeats_another_is_the_same_referral(referrals: Door, database: Database) -> None:
    one = a_referral()
    differs = one | {"source": "A1"}
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(
            BULK, json=[one, a_referral(), one, differs, *[a_referral() for _ in range(250)], one]
        )
    results = answer.json()["results"]
    assert [results[at]["status"] for at in (0, 2, 3, -1)] == ["created", "replayed", "rejected", "replayed"]
    assert results[0]["id"] == results[2]["id"] == results[-1]["id"]
    assert results[3]["problem"]["type"] == "/problems/referral-differs"
    assert len(await rows(database, "referrals")) == 252


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(referrals: Door, database: Database) -> None:
    known, new = a_referral(), a_referral()
    async with referrals.caller(WRITE) as caller:
        await caller.post("/v1/referrals", json=known)
        before = {table: await rows(database, table) for table in ("referrals", "people", "outbox", "audit")}
        answer = await caller.post(f"{BULK}?dry_run=true", json=[known, new, new, known | {"source": "A1"}, {}])
        after = {table: await rows(database, table) for table in before}
        really = await caller.post("/v1/referrals", json=new)
    assert statuses(answer) == ["replayed", "created", "replayed", "rejected", "rejected"]
    assert answer.json()["dry_run"] is True
    assert after == before
    assert really.status_code == 201


async def test_a_retry_with_its_key_gets_the_first_answer(referrals: Door, database: Database) -> None:
    sent, key = [a_referral(), {}], {"Idempotency-Key": "b-1"}
    async with referrals.caller(WRITE) as caller:
        first = await caller.post(BULK, json=sent, headers=key)
        again = await caller.post(BULK, json=sent, headers=key)
        reused = await caller.post(BULK, json=[a_referral()], headers=key)
        dry = await caller.post(f"{BULK}?dry_run=true", json=sent, headers=key)
    assert statuses(first) == ["created", "rejected"]
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert reused.json()["type"] == dry.json()["type"] == "/problems/key-reused"
    assert len(await rows(database, "referrals")) == 1


@pytest.mark.parametrize("ending", [b"", b"]", b",", b', {"source_sys', b", nope]", b"] more", b' {"x": 1}]'])
async def test_an_array_that_breaks_off_keeps_what_came_before_and_says_so(
    referrals: Door, database: Database, ending: bytes
) -> None:
    whole = array([a_referral(), a_referral(), a_referral()])
    content = whole.rstrip()[:-1].rstrip() + ending
    async with referrals.caller(WRITE) as caller:
        answer = await caller.post(BULK, content=content, headers={"Content-Type": "application/json"})
    found = statuses(answer)
    if ending == b"]":
        assert found == ["created"] * 3
        return
    assert found[:2] == ["created", "created"]
    assert found[-1] == "rejected"
    assert answer.json()["results"][-1]["problem"]["type"] == "/problems/broken-array"
    assert len(await rows(database, "referrals")) == found.count("created")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b" [ ] "])
async def test_nothing_sent_is_nothing_recorded(referrals: Door, content: bytes) -> None:
    async with referrals.caller(WRITE) as caller:
        assert statuses(await caller.post(BULK, content=content)) == []


@pytest.mark.parametrize("size", [300_000, 1_000_000])
async def test_a_line_longer_than_a_referral_may_be_is_not_held(referrals: Door, size: int) -> None:
    long = b'{"note": "' + b"x" * size + b'"}\n'
    async with referrals.caller(WRITE) as caller:
        content = ndjson([a_referral()]) + long + ndjson([a_referral()])
        answer = await caller.post(BULK, content=pieces(content, 65_536))
    found = statuses(answer)
    assert found[:2] == ["created", "rejected"]
    assert "longer than 262144 bytes" in answer.json()["results"][1]["problem"]["detail"]
    if size > 500_000:
        assert len(found) == 2
        assert "nothing after it was read" in answer.json()["results"][1]["problem"]["detail"]


async def test_a_bulk_has_its_own_larger_limit(referrals: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().max_bulk_body == 32 * 1024 * 1024
    monkeypatch.setenv("ROUNDTABLE_MAX_BULK_BODY", "400000")
    settings.cache_clear()
    blank = b"\n" * 100_000
    async with referrals.caller(WRITE) as caller:
        fits = await caller.post(BULK, content=blank * 4)
        announced = await caller.post(BULK, content=blank * 5)
        chunked = await caller.post(BULK, content=pieces(blank * 5, 65_536))
    assert [answer.status_code for answer in (fits, announced, chunked)] == [200, 413, 413]
    assert chunked.json()["type"] == "/problems/body-too-large"


@pytest.mark.parametrize("encode", [ndjson, array])
async def test_memory_does_not_grow_with_the_body(referrals: Door, encode: Encode) -> None:
    """24 MiB pass through in pieces, as a server hands them on; what is held meanwhile stays small."""
    refused: list[dict[str, Any]] = [{"note": "x" * 200_000} for _ in range(120)]
    content = encode(refused)
    async with referrals.caller(WRITE) as caller:
        await caller.post(BULK, content=b"[]")
        tracemalloc.start()
        answer = await caller.post(BULK, content=pieces(content, 65_536))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert statuses(answer) == ["rejected"] * 120
    assert peak < len(content) / 3


async def test_one_id_for_two_referrals_of_a_bulk_is_given_to_one_of_them(referrals: Door, database: Database) -> None:
    mine = "3f0f7f0e-8a55-4a34-9f6e-0d8f5f6f7a10"
    sent = [a_referral(id=mine, source_id="Z", person={}), a_referral(id=mine, source_id="A", person={})]
    async with referrals.caller(f"{WRITE} referrals:read people:read") as caller:
        answer = await caller.post(BULK, json=sent)
        assert sorted(statuses(answer)) == ["created", "rejected"]
        refused = next(result for result in answer.json()["results"] if result["status"] == "rejected")
        assert refused["problem"]["type"] == "/problems/id-taken"
        assert (await caller.get(f"/v1/referrals/{mine}")).status_code == 200
    assert len(await rows(database, "referrals")) == len(await rows(database, "people")) == 1
