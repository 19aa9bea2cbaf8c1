"""Keyset paging: a page begins after the last row of the one before, so that writes neither skip nor repeat rows."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from shared.problems import FieldError, MalformedRequest

Limit = Annotated[int, Query(ge=1, le=100, description="How many items at most.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next` of the page before; belongs to the same filters.")
]


Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next` is null on the last one."""

    items: list[Item]
    next: str | None = None


def after(cursor: str | None, filters: Mapping[str, Any]) -> list[Any] | None:
    """Return the sort key that a cursor stands for; raises `MalformedRequest` when it is not one of this list's."""
    if cursor is None:
        return None
    try:
        mark, key = json.loads(urlsafe_b64decode(cursor.encode() + b"=="))
    except (ValueError, TypeError):
        mark, key = None, None
    if mark != _mark(filters) or not isinstance(key, list):
        wrong = FieldError(pointer="cursor", code="cursor", message="Not a cursor of this list with these filters.")
        raise MalformedRequest(errors=[wrong])
    return key


def cursor_after(key: Sequence[object], filters: Mapping[str, Any]) -> str:
    """Return the cursor of the page that begins after the row with this sort key."""
    content = json.dumps([_mark(filters), [str(part) for part in key]], separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _mark(filters: Mapping[str, Any]) -> str:
    """Return what ties a cursor to its filters."""
    content = json.dumps({name: str(value) for name, value in filters.items() if value is not None}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
