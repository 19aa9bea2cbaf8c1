"""One row of a caller's by its id, and how rows are shown."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.tables.schema import Recorded
from shared.problems import NotFound

Row = TypeVar("Row", bound=Recorded)
Shown = TypeVar("Shown", bound=BaseModel)


async def found(
    session: AsyncSession, row: type[Row], row_id: UUID, theirs: ColumnElement[bool], *, held: bool = False
) -> Row:
    """Return a row that is a caller's; `held`, nobody else changes it until the transaction ends. Raises `NotFound`."""
    query = select(row).where(row.id == row_id, theirs)
    one = await session.scalar(query.with_for_update(of=row) if held else query)
    if one is None:
        raise NotFound
    return one


def shown_as(model: type[Shown], row: Recorded | Mapping[str, Any], **more: Any) -> Shown:  # noqa: ANN401 - any field
    """Return a row as a model shows it, with what is not in the row."""
    fields = row if isinstance(row, Mapping) else row.__dict__
    return model.model_validate({**fields, **more})
