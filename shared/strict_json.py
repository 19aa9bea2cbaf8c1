"""JSON as this product reads it: no duplicate keys, no NaN, no infinity, no NUL, no lone surrogates, 32 levels deep at most."""

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

MAX_DEPTH = 32
MAX_INT = 2**63 - 1
MAX_DIGITS = 400


class BadJson(ValueError):
    """Why a text is not accepted as JSON; never quotes the text."""


class TooDeep(BadJson):
    """A text nests deeper than anything that is meant to be read."""

    def __init__(self) -> None:
        super().__init__(f"the text nests deeper than {MAX_DEPTH} levels")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("an object names the same field twice")
    return found


def _constant(_: str) -> NoReturn:
    raise BadJson("NaN and Infinity are not JSON")


def _float(digits: str) -> float:
    number = float(digits) if len(digits) < MAX_DIGITS else math.inf
    if math.isinf(number):
        raise BadJson("a number is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > len(str(MAX_INT)) + 1 or abs(int(digits)) > MAX_INT:
        raise BadJson("a number is too large")
    return int(digits)


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float, parse_int=_int)


def loads(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a JSON text; raises `BadJson`."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadJson("the text is not UTF-8") from None
    return decode(text)


def decode(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the value of a JSON text; raises `BadJson`."""
    try:
        value = DECODER.decode(text)
    except BadJson:
        raise
    except RecursionError:
        raise TooDeep from None
    except json.JSONDecodeError as problem:
        raise BadJson(f"the text is not JSON from position {problem.pos} on") from None
    if "\\u" in text or text.count("{") + text.count("[") > MAX_DEPTH:  # nothing else can hide what `check` looks for
        check(value)
    return value


def check(value: object, depth: int = 1) -> None:
    """Refuse what a database or another program would trip over; raises `BadJson`."""
    if isinstance(value, str):
        if not value.isascii() or not value.isprintable():
            if "\x00" in value:
                raise BadJson("a text holds a NUL character")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise BadJson("a text holds half of a surrogate pair") from None
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise TooDeep
        for part in _parts(value):
            check(part, depth + 1)


def _parts(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    else:
        for name, part in value.items():
            yield name
            yield part
