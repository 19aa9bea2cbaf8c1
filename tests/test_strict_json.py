"""JSON is read strictly: what another program or the database would trip over is refused at the door."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.strict_json import MAX_DEPTH, MAX_INT, BadJson, loads
from tests.databases import Database
from tests.doors import Door, open_door
from tests.tiny import tiny_app

REFUSED = {
    "not a number": b'{"name": "n", "more": {"x": NaN}}',
    "infinity": b'{"name": "n", "more": {"x": -Infinity}}',
    "a float beyond all": b'{"name": "n", "more": {"x": 1e999}}',
    "a float of many digits": b'{"name": "n", "more": {"x": ' + b"9" * 500 + b".0}}",
    "an integer beyond 64 bits": b'{"name": "n", "more": {"x": 9223372036854775808}}',
    "an integer of a million digits": b'{"name": "n", "more": {"x": ' + b"9" * 100_000 + b"}}",
    "a field twice": b'{"name": "n", "name": "m"}',
    "a field twice, deep": b'{"name": "n", "more": {"x": [{"y": 1, "y": 1}]}}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "a NUL in a field's name": b'{"name": "n", "more": {"a\\u0000b": 1}}',
    "half a surrogate pair": b'{"name": "\\ud83d"}',
    "33 levels": b'{"name": "n", "more": ' + b'{"x": ' * 32 + b"1" + b"}" * 33,
    "a hundred thousand levels": b"[" * 100_000,
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "n"}'.encode("utf-16"),
    "two values": b'{"name": "n"} {}',
    "half a value": b'{"name": ',
    "nothing": b"",
    "a raw control character": b'{"name": "a\x01b"}',
}


@pytest.fixture
async def tiny(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    async with open_door("referrals", database, tmp_path, monkeypatch) as door:
        door.app = tiny_app()
        yield door


async def test_what_is_not_strictly_json_is_answered_422_in_our_own_words(tiny: Door) -> None:
    async with tiny.caller("referrals:write") as caller:
        for what, body in REFUSED.items():
            answer = await caller.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422, what
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "/problems/malformed-request"
            assert len(answer.content) < 600, what


async def test_what_is_strictly_json_is_accepted(tiny: Door) -> None:
    deepest = b'{"name": "deep", "more": ' + b'{"x": ' * 31 + b"1" + b"}" * 32
    bodies = [deepest, b'{"name": "\\ud83d\\ude00 \xc3\xa9"}', b' {"name": "n", "more": {"x": 9223372036854775807}} ']
    async with tiny.caller("referrals:write") as caller:
        for body in bodies:
            answer = await caller.post("/v1/notes", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 201, body


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/merge-patch+json", None])
async def test_any_kind_of_json_is_read_and_none_named_means_json(tiny: Door, kind: str | None) -> None:
    async with tiny.caller("referrals:write") as caller:
        headers = {} if kind is None else {"Content-Type": kind}
        assert (await caller.post("/v1/notes", content=b'{"name": "n"}', headers=headers)).status_code == 201


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"])
async def test_other_forms_are_not_read(tiny: Door, kind: str) -> None:
    async with tiny.caller("referrals:write") as caller:
        answer = await caller.post("/v1/notes", content=b'{"name": "n"}', headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/unsupported-media-type")


PLAIN = (
    some.none()
    | some.booleans()
    | some.integers(-MAX_INT, MAX_INT)
    | some.floats(allow_nan=False, allow_infinity=False)
)
TEXT = some.text(some.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
ANY = some.recursive(
    PLAIN | TEXT,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(ANY)
def test_whatever_can_be_said_is_read_as_it_was_meant(value: object) -> None:
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(content: bytes) -> None:
    try:
        json.dumps(loads(content), allow_nan=False).encode()
    except BadJson as said:
        refusal = str(said)
    else:
        refusal = ""
    assert content.decode(errors="replace")[:20] not in refusal or len(content) < 20


@pytest.mark.parametrize(("depth", "accepted"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth_is_counted_the_same_for_lists_and_objects(depth: int, accepted: bool) -> None:  # noqa: FBT001 - a table
    for opening, closing in (("[", "]"), ('{"x":', "}")):
        text = (opening * depth + "1" + closing * depth).encode()
        if accepted:
            loads(text)
        else:
            with pytest.raises(BadJson, match="deeper than 32"):
                loads(text)
