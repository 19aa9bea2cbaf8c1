"""Every service's app: nothing is answered before it is committed, every failure is a problem, and nothing is repeated."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import httpx
import pytest
import uvicorn

from deploy.home import free_port
from shared import db
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door, forget
from tests.hearing import listening
from tests.referrals.builders import a_referral, rows
from tests.tiny import Held

WRITE = "referrals:write"
CANARY = "Quetzalcoatl-9434765919"


def is_a_problem(answer: httpx.Response, slug: str) -> bool:
    """Tell whether an answer is problem+json of the promised shape."""
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and {"type", "title", "status", "trace_id"} <= body.keys()
        and body["type"] == f"/problems/{slug}"
        and body["status"] == answer.status_code
        and body["trace_id"] == answer.headers["X-Request-Id"]
    )


async def test_a_transaction_that_cannot_commit_is_never_answered_with_success(tiny: Door, database: Database) -> None:
    async with tiny.caller(WRITE) as caller:
        answer = await caller.post("/v1/commits-late")
    assert answer.status_code == 500
    assert is_a_problem(answer, "unexpected-error")
    assert await rows(database, "referrals") == []


async def test_whom_row_level_security_serves_ends_with_the_transaction(
    tiny: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection serves everybody in turn: a plain SET would make the next caller see the last one's rows."""
    monkeypatch.setenv("ROUNDTABLE_DATABASE_POOL", "1")
    settings.cache_clear()
    await db.engine().dispose()
    db.engine.cache_clear()
    db.session_maker.cache_clear()
    site = uuid4()
    async with tiny.caller("sites:read", sites=[site]) as limited, tiny.caller("sites:read") as anyone:
        assert (await limited.get("/v1/my-sites")).json() == str(site)
        assert (await anyone.get("/v1/nobodys-sites")).json() == ""
        assert (await anyone.get("/v1/my-sites")).json() == "*"
        assert (await anyone.get("/v1/nobodys-sites")).json() == ""


async def test_an_unexpected_error_says_nothing_of_its_data_to_the_caller_or_the_log(tiny: Door) -> None:
    with listening() as lines:
        async with tiny.caller() as caller:
            answer = await caller.post("/v1/breaks", json={"name": CANARY})
    assert is_a_problem(answer, "unexpected-error")
    said = json.loads(lines.getvalue().splitlines()[-1])
    assert (said["event"], said["error"], said["route"]) == ("request_failed", "RuntimeError", "/v1/breaks")
    assert said["trace_id"] == answer.json()["trace_id"]
    assert "tiny.py" in said["at"], "where it was raised"
    assert CANARY not in lines.getvalue() + answer.text


async def test_a_malformed_body_is_repeated_neither_to_the_caller_nor_in_the_log(tiny: Door) -> None:
    bodies: list[object] = [{CANARY: 1}, {"name": [CANARY]}, {"name": "n", "more": CANARY}, CANARY, [CANARY]]
    bodies += [{"name": "n", "counts": {CANARY: "x"}}, {"name": "n", "counts": {"n": CANARY}}]
    with listening() as lines:
        async with tiny.caller(WRITE) as caller:
            for body in bodies:
                answer = await caller.post("/v1/notes", json=body)
                assert is_a_problem(answer, "malformed-request"), body
                assert answer.status_code == 422
                assert answer.json()["errors"]
                assert CANARY not in answer.text
            unread = await caller.post(
                "/v1/notes", content=f'{{"name": "{CANARY}"', headers={"Content-Type": "application/json"}
            )
    assert unread.status_code == 422
    assert CANARY not in lines.getvalue() + unread.text


async def test_whatever_is_wrong_the_answer_is_a_problem(tiny: Door) -> None:
    note = {"name": "n"}
    async with tiny.caller(WRITE) as writer, tiny.caller("sites:read") as other, tiny.caller() as nobody:
        text_ = {"Content-Type": "text/plain"}
        answers = {
            "not-found": await nobody.get("/nowhere"),
            "method-not-allowed": await writer.delete("/v1/notes"),
            "unsupported-media-type": await writer.post("/v1/notes", content=b"n", headers=text_),
            "unauthenticated": await nobody.post("/v1/notes", json=note),
            "scope-missing": await other.post("/v1/notes", json=note),
            "malformed-request": await writer.post("/v1/notes", json=[]),
            "body-too-large": await writer.post("/v1/notes", content=b" " * 300_000),
            "unexpected-error": await nobody.post("/v1/breaks", json=note),
        }
    expected = [404, 405, 415, 401, 403, 422, 413, 500]
    assert [answer.status_code for answer in answers.values()] == expected
    assert [slug for slug, answer in answers.items() if not is_a_problem(answer, slug)] == []
    assert answers["method-not-allowed"].headers["allow"] == "POST"
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in answers.values())


async def test_who_is_calling_is_asked_before_what_is_sent(tiny: Door) -> None:
    sent = {"content": b"{", "headers": {"Content-Type": "text/plain"}}
    async with tiny.caller(WRITE) as writer, tiny.caller("sites:read") as other, tiny.caller() as nobody:
        for caller, status in ((nobody, 401), (other, 403), (writer, 415)):
            assert (await caller.post("/v1/notes", **sent)).status_code == status  # type: ignore[arg-type]


async def test_too_much_at_once_is_refused_and_health_still_answers(
    tiny: Door, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUNDTABLE_MAX_IN_FLIGHT", "1")
    settings.cache_clear()
    async with asyncio.timeout(10), tiny.caller() as caller:
        first = asyncio.create_task(caller.get("/v1/held"))
        await held.come.acquire()
        refused = await caller.get("/v1/held")
        assert (await caller.get("/health/live")).status_code == 200
        held.let_go.set()
        assert (await first).status_code == 200
        assert (await caller.get("/v1/held")).status_code == 200
    assert refused.status_code == 503
    assert is_a_problem(refused, "busy")
    assert int(refused.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("away", ["127.0.0.1:{closed}", "database.invalid:5432"])
async def test_a_database_that_is_away_is_said_so_and_is_worth_a_retry(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    host = database.dsn("referrals").partition("@")[2].partition("/")[0]
    dsn = database.dsn("referrals").replace(host, away.format(closed=free_port()))
    monkeypatch.setenv("ROUNDTABLE_DATABASE_URL", dsn)
    forget()
    async with referrals.caller("referrals:write referrals:read") as caller:
        sent = [a_referral() for _ in range(5)]
        answers = await asyncio.gather(*(caller.post("/v1/referrals", json=each) for each in sent))
        answers.append(await caller.get(f"/v1/referrals/{uuid4()}"))
        answers.append(await caller.post("/v1/referrals/bulk", json=sent))
        ready, live = await caller.get("/health/ready"), await caller.get("/health/live")
        metrics = await caller.get("/metrics")
    assert [answer.status_code for answer in answers] == [503] * 7
    assert all(is_a_problem(answer, "database-unavailable") for answer in answers)
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in answers)
    assert (ready.status_code, live.status_code, metrics.status_code) == (503, 200, 200)
    assert is_a_problem(ready, "not-ready")


async def test_a_database_that_falls_silent_is_away_too(tiny: Door) -> None:
    async with tiny.caller() as caller:
        answer = await caller.get("/v1/times-out")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (503, "2")


async def test_a_service_is_ready_with_its_own_schema_only(referrals: Door, database: Database) -> None:
    async with referrals.caller() as caller:
        good = await caller.get("/health/ready")
        await change(database, "UPDATE referrals.alembic_version SET version_num = 'older'")
        behind = await caller.get("/health/ready")
    assert (good.status_code, good.json()["checks"]["schema"]) == (200, "ok")
    assert (behind.status_code, behind.json()["checks"]["schema"]) == (503, "not migrated")


async def change(database: Database, sql: str) -> None:
    async with AsyncExitStack() as stack:
        engine = db.connect(database.admin_dsn)
        stack.push_async_callback(engine.dispose)
        async with engine.begin() as connection:
            await connection.exec_driver_sql(sql)


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    """Serve an app as `roundtable serve` does; give its port."""
    server = uvicorn.Server(
        uvicorn.Config(door.app, port=0, http="httptools", ws="none", log_config=None, lifespan="off", access_log=False)
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def test_a_body_too_large_is_refused_before_it_is_sent(tiny: Door) -> None:
    async with served(tiny) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_head(tiny) + b"Content-Length: 262145\r\n\r\n")
        async with asyncio.timeout(5):
            assert b" 413 " in await reader.readline()
        writer.close()


async def test_a_body_that_says_no_length_is_refused_where_it_becomes_too_large(tiny: Door) -> None:
    piece = b" " * 8192
    async with served(tiny) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_head(tiny) + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):  # 320 KiB, and no end
            writer.write(b"2000\r\n" + piece + b"\r\n")
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert b" 413 " in head
    assert b"application/problem+json" in head


async def test_a_body_of_the_largest_size_is_read(tiny: Door) -> None:
    async with tiny.caller() as caller:
        at_most = b'"' + b"x" * (256 * 1024 - 2) + b'"'
        json_ = {"Content-Type": "application/json"}
        assert (await caller.post("/v1/breaks", content=at_most, headers=json_)).status_code == 422
        assert (await caller.post("/v1/breaks", content=at_most + b" ", headers=json_)).status_code == 413


def _head(door: Door) -> bytes:
    return (
        f"POST /v1/notes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {door.token(WRITE)}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()


async def test_the_type_of_a_refusal_leads_to_its_explanation(tiny: Door) -> None:
    async with tiny.caller() as caller:
        refused = (await caller.get("/v1/nowhere")).json()
        explained = await caller.get(refused["type"])
        unknown = await caller.get("/problems/no-such-thing")
    assert explained.json() == {"type": "/problems/not-found", "title": refused["title"], "status": 404}
    assert unknown.status_code == 404
