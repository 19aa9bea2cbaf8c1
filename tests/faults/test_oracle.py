"""The oracle names every way in which an account can be wrong, and the load generator tells what became of each request."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.load import Journal, Line, Load, Shot, get, judge
from bench.oracle import Account, Told, account


def told(*acknowledged: str, unknown: tuple[str, ...] = ()) -> Told:
    return Told({key: {f"id of {key}"} for key in acknowledged}, set(unknown))


def faults(found: Account) -> dict[str, set[str]]:
    names = ("lost", "unexpected", "duplicated", "recovered", "inverted")
    return {name: set(getattr(found, name)) for name in names if getattr(found, name)}


def test_a_clean_account_is_clean() -> None:
    found = account("table", told("a", "b"), ["a", "b"], {"a": [1, 2], "b": [1]})
    assert found.clean
    assert faults(found) == {}


def test_what_was_acknowledged_and_is_nowhere_is_lost() -> None:
    assert faults(account("table", told("a", "b"), ["a"])) == {"lost": {"b"}}


def test_what_was_refused_and_is_there_is_unexpected() -> None:
    assert faults(account("table", told("a"), ["a", "refused"])) == {"unexpected": {"refused"}}


def test_what_is_there_twice_is_duplicated() -> None:
    assert faults(account("table", told("a"), ["a", "a"])) == {"duplicated": {"a"}}


def test_what_was_acknowledged_under_two_ids_is_duplicated() -> None:
    assert faults(account("table", Told({"a": {"one", "two"}}), ["a"])) == {"duplicated": {"a"}}


def test_what_nobody_heard_of_and_is_there_is_recovered_and_no_fault() -> None:
    found = account("table", told("a", unknown=("b", "c")), ["a", "b"])
    assert found.clean
    assert faults(found) == {"recovered": {"b"}}


def test_versions_out_of_order_doubled_or_with_a_gap_are_inverted() -> None:
    versions = {"swapped": [2, 1], "gap": [1, 3], "twice": [1, 1], "good": [1, 2, 3]}
    assert faults(account("table", told(), [], versions)) == {"inverted": {"swapped", "gap", "twice"}}


def test_an_answer_means_done_not_done_try_again_or_unknown() -> None:
    in_progress = b'{"type": "/problems/request-in-progress"}'
    assert [judge(status, b"") for status in (200, 201, 422, 409, 429, 503, 500)] == [
        "ok",
        "ok",
        "fail",
        "fail",
        "refused",
        "refused",
        "unknown",
    ]
    assert judge(409, in_progress) == "refused"


def test_a_bulk_is_read_line_by_line() -> None:
    results = [{"status": "created", "id": "1"}, {"status": "rejected"}, {"status": "replayed", "id": "3"}]
    body = json.dumps({"results": results}).encode()
    journal = Journal([Line(("a", "b", "c"), "", 0, 0, "ok", 200, body), Line(("d",), "", 0, 0, "refused", 503, b"")])
    found = Told().of_bulks(journal)
    assert found.acknowledged == {"a": {"1"}, "c": {"3"}}
    assert (found.refused, found.unknown) == ({"b"}, {"d"})


@asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[int]:
    """Answer one request after another with these bytes, hanging up at an empty one."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left and await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            if not (answer := left.pop(0)):
                break
            writer.write(answer[:20])
            await writer.drain()
            writer.write(answer[20:])
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


async def test_every_try_is_written_down_and_a_patient_sender_goes_on_until_it_is_answered() -> None:
    async with server(CREATED, BUSY, b"", CREATED) as port:
        shots = [Shot(("a",), get("/a", {})), Shot(("b",), get("/b", {}))]
        journal = await Load(port, connections=1, patience=10).fire(shots)
    assert [(line.ids[0], line.verdict) for line in journal.lines] == [
        ("a", "ok"),
        ("b", "refused"),
        ("b", "unknown"),
        ("b", "ok"),
    ]
    assert journal.attempted == {"a", "b"}


async def test_in_the_open_loop_the_time_of_a_request_counts_from_when_it_was_due() -> None:
    async with server(*[CREATED] * 20) as port:
        journal = await Load(port, connections=2, rate=100).fire(Shot((str(n),), get("/", {})) for n in range(20))
    assert journal.ended - journal.began > 0.18
    assert len(journal.of("ok")) == 20
