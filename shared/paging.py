"""Keyset paging: a page begins after the last row of the one before, so that writes neither skip nor repeat rows."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from shared.problems import FieldError, MalformedRequest

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """A page of a list; `next` is null on the last one."""

    items: list[Item]
    next: str | None = None


class Paging(BaseModel):
    """Which part of a list; lists add their filters, which all hold together. An unknown one is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    limit: int = Field(50, ge=1, le=100, description="How many items at most.")
    cursor: str | None = Field(
        None, max_length=500, description="`next` of the page before; belongs to the same filters."
    )

    def chosen(self) -> dict[str, Any]:
        """Return the filters that were given."""
        return self.model_dump(exclude=set(Paging.model_fields), exclude_none=True)


async def page(
    session: AsyncSession,
    query: Select[Any],
    order: Sequence[InstrumentedAttribute[Any]],
    filters: Paging,
    show: Callable[[Any], Item],
    **of: object,
) -> Page[Item]:
    """Return the page of a query in an order that no two rows share; `of` names whose list it is.

    Raises `MalformedRequest` for a cursor that is not one of this list's with these filters.
    """
    mark = _mark({**filters.chosen(), **of})
    query = query.order_by(*order).limit(filters.limit + 1)
    if filters.cursor is not None:
        query = query.where(tuple_(*order) > tuple_(*_position(filters.cursor, mark, order)))
    rows = (await session.scalars(query)).all()
    follows = None
    if len(rows) > filters.limit:
        follows = _cursor([getattr(rows[filters.limit - 1], column.key) for column in order], mark)
    return Page(items=[show(row) for row in rows[: filters.limit]], next=follows)


def _position(cursor: str, mark: str, order: Sequence[InstrumentedAttribute[Any]]) -> Sequence[Any]:
    """Return the sort key that a cursor stands for."""
    try:
        given, *written = json.loads(urlsafe_b64decode(cursor.encode() + b"=="))
        kinds = [column.type.python_type for column in order]
        key = [TypeAdapter(kind).validate_python(part) for kind, part in zip(kinds, written, strict=True)]
    except (ValueError, TypeError):  # pydantic's refusals are ValueErrors
        given, key = None, []
    if given != mark:
        wrong = FieldError(pointer="cursor", code="cursor", message="Not a cursor of this list with these filters.")
        raise MalformedRequest(errors=[wrong])
    return key


def _cursor(key: Sequence[object], mark: str) -> str:
    """Return the cursor of the page that begins after the row with this sort key."""
    content = json.dumps([mark, *(str(part) for part in key)], separators=(",", ":"))
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _mark(filters: Mapping[str, Any]) -> str:
    """Return what ties a cursor to its list and filters."""
    content = json.dumps({name: str(value) for name, value in filters.items()}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
