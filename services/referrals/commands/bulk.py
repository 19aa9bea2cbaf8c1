"""Many referrals in one request, read as they come: NDJSON or a JSON array, never held as a whole."""

import re
from collections.abc import AsyncIterator, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

from fastapi import Request
from pydantic import ValidationError

from services.referrals.schemas.referrals import NewReferral
from shared.app import field_error
from shared.problems import MalformedRequest, Problem
from shared.strict_json import BadJson, decode, loads

LONGEST = 256 * 1024  # bytes of one referral
SPACE = re.compile(r"[ \t\r\n]*")
NOT_JSON = "This was not accepted: "
LENIENT = JSONDecoder()  # finds where an item ends; the strict one then judges it


class BrokenArray(Problem):
    """The array breaks off or is not JSON from here on; what came before was recorded."""

    status = MalformedRequest.status


async def lines(request: Request) -> AsyncIterator[Any | Problem]:
    """Yield each item of an NDJSON or JSON-array body as it comes, or why it cannot be read."""
    chunks = request.stream()
    head = b""
    async for chunk in chunks:
        head += chunk
        if head.strip():
            break
    is_array = head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"["

    async def everything() -> AsyncIterator[bytes]:
        yield head
        async for chunk in chunks:
            yield chunk

    items = _array(everything()) if is_array else _ndjson(everything())
    async for item in items:
        yield item


async def _ndjson(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any | Problem]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield _line(line)
        if len(rest) > LONGEST:
            yield MalformedRequest(f"A line is longer than {LONGEST} bytes; nothing after it was read.")
            return
    if rest.strip():
        yield _line(rest)


def _line(line: bytes) -> Any | Problem:  # noqa: ANN401 - any JSON
    if len(line) > LONGEST:
        return MalformedRequest(f"A line is longer than {LONGEST} bytes.")
    try:
        return loads(line)
    except BadJson as problem:
        return MalformedRequest(f"{NOT_JSON}{problem}.")


async def _array(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any | Problem]:
    """Read the items of an array without holding the whole of it."""
    rest = b""
    began = False
    async for chunk in chunks:
        rest += chunk
        if chunk and len(rest) < LONGEST and not rest.rstrip().endswith((b"}", b"]", b",")):
            continue  # an item is still coming; the last chunk of a body is empty
        if not began:
            rest = rest.lstrip(b" \t\r\n\xef\xbb\xbf").removeprefix(b"[")
            began = True
        text, tail = _whole_characters(rest)
        end = 0
        for item, end in _items(text):  # noqa: B007 - the last `end` is used after the loop
            yield item
            if isinstance(item, BrokenArray):
                return
        rest = text[end:].encode() + tail
        if len(rest) > LONGEST:
            yield BrokenArray()
            return
    if rest.strip() != b"]":
        yield BrokenArray()


def _whole_characters(content: bytes) -> tuple[str, bytes]:
    """Return the text so far, and the bytes of a character that is still coming."""
    for cut in range(4):
        try:
            return content[: len(content) - cut].decode(), content[len(content) - cut :]
        except UnicodeDecodeError:
            continue
    return content.decode(errors="replace"), b""


def _items(text: str) -> Iterator[tuple[Any | Problem, int]]:
    """Yield whole items at the start of a text, each with where the next begins."""
    at = _skip(text, 0)
    while at < len(text) and text[at] != "]":
        try:
            item, at = _item(text, at)
        except JSONDecodeError:
            return  # not whole yet, or never: the end of the body decides
        after = _skip(text, at)
        if after >= len(text):
            return  # whether a comma follows is still to come
        if text[after] not in ",]" or isinstance(item, BrokenArray):
            yield BrokenArray(), at
            return
        at = _skip(text, after + 1) if text[after] == "," else after
        yield item, at


def _item(text: str, at: int) -> tuple[Any | Problem, int]:
    """Return the item that begins here, or what is wrong with it, and where it ends."""
    try:
        _, end = LENIENT.raw_decode(text, at)
    except RecursionError:
        return BrokenArray(), at + 1
    try:
        item = decode(text[at:end])
    except BadJson as problem:
        return MalformedRequest(f"{NOT_JSON}{problem}."), end
    return item, end


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def as_referral(item: Any | Problem) -> NewReferral | Problem:  # noqa: ANN401 - any JSON
    """Return an item as a referral, or what is wrong with it."""
    if isinstance(item, Problem):
        return item
    try:
        return NewReferral.model_validate(item)
    except ValidationError as problem:
        return MalformedRequest(errors=[field_error(error, skip=0) for error in problem.errors(include_input=False)])
