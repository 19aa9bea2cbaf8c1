"""Responses: scored once, announced by their total, read back in order."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.surveys.builders import ANSWER, BOTH, READ, a_response, a_total, announced, items, recorded, rows

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


async def test_a_response_is_scored_announced_and_read_back(surveys: Door, database: Database) -> None:
    sent = a_response(total=10)
    async with surveys.caller(BOTH) as caller:
        told = await caller.post("/v1/responses", json=sent)
        assert told.status_code == 201, told.text
        read = await caller.get(told.headers["Location"])
    body = told.json()
    assert told.headers["Location"] == f"/v1/responses/{body['id']}"
    assert told.headers["ETag"] == read.headers["ETag"] == '"1"'
    score = {"total": 10, "missing_items": 0, "prorated": False, "band": "moderate", "at_caseness": True}
    kept = {name: value for name, value in sent.items() if name != "answers"}
    assert body == kept | score | {
        "id": body["id"],
        "site_id": None,
        "instrument_version": "1",
        "scored_from": "answers",
        "version": 1,
        "created_at": body["created_at"],
    }
    assert read.json() == body | {"answers": sent["answers"]}
    said = {name: sent[name] for name in ("referral_id", "instrument", "answered_on", "mode", "language")}
    data = said | {"response_id": body["id"], "instrument_version": "1", "total": 10, "missing_items": 0}
    assert await announced(database) == [("surveys.scored.v1", body["id"], 1, data)]
    assert [(row["action"], row["resource"]) for row in await rows(database, "audit")] == [
        ("create", "response"),
        ("read", "response"),
    ]


async def test_missing_items_are_made_up_for_counted_and_announced(surveys: Door, database: Database) -> None:
    phq = {"instrument": "phq_9"}
    async with surveys.caller(BOTH) as caller:
        two = await recorded(caller, a_response(**phq, answers=items("phq9", 1, 1, 1, 1, 0, 0, 0, None), total=1))
        three = await recorded(caller, a_response(**phq, answers=items("phq9", 1, 1, 1, 1, 1, 1)))
        read = await caller.get(f"/v1/responses/{two['id']}")
    assert (two["total"], two["missing_items"], two["prorated"], two["band"]) == (5, 2, True, "mild")
    assert (three["total"], three["missing_items"], three["prorated"]) == (None, 3, False)
    assert three["band"] is three["at_caseness"] is None
    assert read.json()["answers"] == items("phq9", 1, 1, 1, 1, 0, 0, 0)
    data = [data for _, _, _, data in await announced(database)]
    assert [(one.get("total"), one["missing_items"]) for one in data] == [(5, 2), (None, 3)]


async def test_a_total_alone_is_enough(surveys: Door) -> None:
    async with surveys.caller(BOTH) as caller:
        body = await recorded(caller, a_total("phq_9", 27))
        read = await caller.get(f"/v1/responses/{body['id']}")
    assert (body["total"], body["band"], body["scored_from"], body["missing_items"]) == (27, "severe", "total", 0)
    assert read.json()["answers"] is None


async def test_a_wrong_total_is_refused_and_the_right_one_not_told(surveys: Door, database: Database) -> None:
    async with surveys.caller(ANSWER) as caller:
        answer = await caller.post("/v1/responses", json=a_response(total=11))
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/total-differs"
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/total"]
    assert await rows(database, "responses") == await rows(database, "outbox") == await rows(database, "audit") == []


async def test_a_malformed_response_is_refused_with_its_place_and_never_its_content(
    surveys: Door, database: Database
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        (a_response(invitation_id=str(uuid4())), "/invitation_id"),
        (a_response(referral_id=None), "/referral_id"),
        (a_response(instrument="core_10"), "/instrument"),
        (a_response(answered_on=TOMORROW), "/answered_on"),
        (a_response(answered_on="1999-12-31"), "/answered_on"),
        (a_response(answered_on=1700000000), "/answered_on"),
        (a_response(mode="telepathy"), "/mode"),
        (a_response(language="klingon"), "/language"),
        (a_response(helper="nobody"), "/helper"),
        (a_response(answers={}), "/answers"),
        (a_response(answers=[1, 2, 3, 1, 2, 3, 1]), "/answers"),
        (a_response(answers=items("gad7", *[9] * 7)), "/answers/gad7_1"),
        (a_response(answers=items("phq9", *[1] * 7)), "/answers"),
        (a_total("gad_7", 22), "/total"),
        (a_total("gad_7", 7.5), "/total"),
        (a_total("gad_7", "7"), "/total"),
        (a_total("gad_7", None), "/answers"),
    ]
    async with surveys.caller(ANSWER) as caller:
        for sent, place in wrong:
            answer = await caller.post("/v1/responses", json=sent)
            assert answer.status_code == 422, sent
            assert place in [error["pointer"] for error in answer.json()["errors"]], answer.text
            for secret in ("klingon", "telepathy", "core_10", '"9"'):
                assert secret not in answer.text
        halves = [await caller.post("/v1/responses", json=a_response(answers=items("gad7", *row))) for row in ODD]
    assert [answer.status_code for answer in halves] == [422] * len(ODD)
    assert await rows(database, "responses") == []


ODD: list[Any] = [(1.5, 1), ("1", 1), (True, 1), ([1], 1), (2**40, 1)]


async def test_the_same_id_again_is_the_same_and_different_content_is_refused(
    surveys: Door, database: Database
) -> None:
    sent = a_response(id=str(uuid4()))
    async with surveys.caller(ANSWER) as caller, surveys.caller(ANSWER, client="other") as other:
        answers = await asyncio.gather(*(caller.post("/v1/responses", json=sent) for _ in range(5)))
        differs = await caller.post("/v1/responses", json=sent | {"answers": items("gad7", *[1] * 7)})
        foreign = await other.post("/v1/responses", json=sent)
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert (differs.status_code, foreign.status_code) == (409, 409)
    assert differs.json()["type"] == "/problems/response-differs"
    assert len(await rows(database, "responses")) == len(await announced(database)) == 1
    assert len(await rows(database, "audit")) == 1


async def test_a_retry_with_its_key_gets_the_first_answer(surveys: Door, database: Database) -> None:
    sent, key = a_response(), {"Idempotency-Key": "k-1"}
    async with surveys.caller(ANSWER) as caller:
        first = await caller.post("/v1/responses", json=sent, headers=key)
        again = await caller.post("/v1/responses", json=sent, headers=key)
        reused = await caller.post("/v1/responses", json=sent | {"mode": "self"}, headers=key)
    assert (first.status_code, again.status_code, reused.status_code) == (201, 201, 422)
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert reused.json()["type"] == "/problems/key-reused"
    assert len(await announced(database)) == 1


async def test_the_scores_of_a_pathway_come_in_order_of_day_then_time_recorded(surveys: Door) -> None:
    mine = str(uuid4())
    async with surveys.caller(BOTH) as caller:
        await recorded(caller, a_total("phq_9", 5))
        late = await recorded(caller, a_total("phq_9", 14, referral_id=mine, answered_on="2026-09-28"))
        early = await recorded(caller, a_total("phq_9", 20, referral_id=mine, answered_on="2026-09-07"))
        same_day = await recorded(caller, a_total("gad_7", 15, referral_id=mine, answered_on="2026-09-07"))
        path = f"/v1/referrals/{mine}/scores"
        everything = (await caller.get(path)).json()
        first = (await caller.get(path, params={"limit": 2})).json()
        rest = (await caller.get(path, params={"limit": 2, "cursor": first["next"]})).json()
        one = (await caller.get(path, params={"instrument": "gad_7"})).json()
        unknown = await caller.get(f"/v1/referrals/{uuid4()}/scores")
        elsewhere = await caller.get(f"/v1/referrals/{uuid4()}/scores", params={"cursor": first["next"]})
        mistyped = await caller.get(path, params={"instument": "gad_7"})
    assert everything == {"items": [early, same_day, late], "next": None}
    assert [*first["items"], *rest["items"]] == everything["items"]
    assert rest["next"] is None
    assert one["items"] == [same_day]
    assert (unknown.status_code, unknown.json()) == (200, {"items": [], "next": None})
    assert elsewhere.status_code == mistyped.status_code == 422


async def test_answers_to_items_are_in_their_own_column_and_nowhere_else(surveys: Door, database: Database) -> None:
    async with surveys.caller(BOTH) as caller:
        sent = a_response(instrument="phq_9", answers=items("phq9", 3, 3, 3, 3, 3, 3, 3, 3, 2))
        told = await caller.post("/v1/responses", json=sent, headers={"Idempotency-Key": "k-1"})
        listed = await caller.get(f"/v1/referrals/{sent['referral_id']}/scores")
    assert "phq9_" not in told.text + listed.text
    for table in ("outbox", "audit", "idempotency_keys"):
        found = await rows(database, table)
        assert found
        for row in found:
            assert "phq9_" not in str(row)
            assert b"phq9_" not in bytes(row.get("body", b""))


async def test_refusals_come_in_order(surveys: Door) -> None:
    async with surveys.caller() as nobody, surveys.caller(READ) as reader, surveys.caller(ANSWER) as sender:
        told = [await one.post("/v1/responses", content=b"{") for one in (nobody, reader, sender)]
        assert [one.status_code for one in told] == [401, 403, 422]
        for path in (f"/v1/responses/{uuid4()}", f"/v1/referrals/{uuid4()}/scores"):
            assert (await nobody.get(path)).status_code == 401
            assert (await sender.get(path)).status_code == 403
        assert (await reader.get(f"/v1/responses/{uuid4()}")).status_code == 404
        assert (await reader.get("/v1/responses/one")).status_code == 422
