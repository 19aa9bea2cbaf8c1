"""Retired codes: every code of a model judged against one date, in one call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from shared.codes.field import Code
from shared.codes.lists import CodeList

CODE_RETIRED = "code_retired"

Watch = Callable[[Any, str, date], Iterator["Retired"]]


@dataclass(frozen=True, slots=True)
class Retired:
    """A code that was not valid on the date, where it stands, and the codes that were."""

    pointer: str
    code_list: str
    valid_codes: tuple[str, ...]
    message: str


def retired(model: BaseModel, on: date) -> list[Retired]:
    """Return every code in the model, however deep, that was not valid on that date."""
    return [found for field, step, watch in _watched(type(model)) for found in watch(getattr(model, field), step, on)]


@cache
def _watched(model: type[BaseModel]) -> tuple[tuple[str, str, Watch], ...]:
    """Return the fields that lead to a dated list; most models have none, and cost nothing."""
    watched = []
    for name, field in model.model_fields.items():
        watch = _watch(field.annotation, field.metadata)
        if watch:
            watched.append((name, f"/{field.alias or name}", watch))
    return tuple(watched)


def _watch(annotation: Any, metadata: Iterable[object] = ()) -> Watch | None:  # noqa: ANN401 - annotations have no type
    """Return how to look into a value of that annotation, or None when no dated list is there."""
    for mark in metadata:
        if isinstance(mark, Code):
            return _one(mark.codes) if mark.codes.dated else None
    if get_origin(annotation) is Annotated:
        return _watch(annotation.__origin__, annotation.__metadata__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _nested(annotation) if _watched(annotation) else None
    return _container(get_origin(annotation), [_watch(inner) for inner in get_args(annotation)])


def _container(kind: object, inner: list[Watch | None]) -> Watch | None:
    """Return how to look into a choice, a mapping or a collection of watched things."""
    if not any(inner):
        return None
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return _mapping(*inner)
    found = [watch for watch in inner if watch]
    return _either(found) if kind in (Union, UnionType) else _either([_each(watch) for watch in found])


def _one(codes: CodeList) -> Watch:
    """Look at one code."""

    def watch(value: object, pointer: str, on: date) -> Iterator[Retired]:
        message = codes.refusal(str(value), on) if isinstance(value, str | int) else None
        if message:
            yield Retired(pointer, codes.name, codes.valid_codes(on), message)

    return watch


def _nested(model: type[BaseModel]) -> Watch:
    """Look into a model within the model."""

    def watch(value: object, pointer: str, on: date) -> Iterator[Retired]:
        if isinstance(value, model):
            for found in retired(value, on):
                yield Retired(pointer + found.pointer, found.code_list, found.valid_codes, found.message)

    return watch


def _each(inner: Watch) -> Watch:
    """Look at each item."""

    def watch(value: object, pointer: str, on: date) -> Iterator[Retired]:
        if isinstance(value, Iterable) and not isinstance(value, str):
            for position, item in enumerate(value):
                yield from inner(item, f"{pointer}/{position}", on)

    return watch


def _mapping(keys: Watch | None, values: Watch | None) -> Watch:
    """Look at keys and values."""

    def watch(value: object, pointer: str, on: date) -> Iterator[Retired]:
        for key, item in value.items() if isinstance(value, Mapping) else ():
            if keys:
                yield from keys(key, f"{pointer}/{key}", on)
            if values:
                yield from values(item, f"{pointer}/{key}", on)

    return watch


def _either(inner: list[Watch]) -> Watch:
    """Look at a value that may be one of several things."""
    if len(inner) == 1:
        return inner[0]

    def watch(value: object, pointer: str, on: date) -> Iterator[Retired]:
        for one in inner:
            yield from one(value, pointer, on)

    return watch
