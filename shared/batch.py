"""What a batch of events teaches, written together."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from shared.db import insert_rows

Settle = Callable[[AsyncSession, set[Any]], Awaitable[None]]
Unsettled = dict[Settle, set[Any]]


class Batch:
    """What a batch of events teaches: rows are gathered column by column and written together at the end."""

    def __init__(self, session: AsyncSession, later: Unsettled | None = None) -> None:
        self.session = session
        self.at: datetime | None = None  # when the event that is being applied happened
        self._later = later
        self._unsettled: Unsettled = {} if later is None else later
        self._rows: dict[type[DeclarativeBase], dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)

    def learn(self, table: type[DeclarativeBase], key: Mapping[str, Any], **columns: Any) -> None:  # noqa: ANN401
        """Note these columns of the row with this key; columns not named stay as they are."""
        row = self._rows[table].setdefault(tuple(key.values()), dict(key))
        row.update(columns)

    def settle(self, step: Settle, *keys: Any) -> None:  # noqa: ANN401 - whatever the step understands
        """Note what a step has to recompute: it is called once per batch, for all of its keys, when all rows are written."""
        self._unsettled.setdefault(step, set()).update(keys)

    async def write(self) -> None:
        """Upsert what was learned, one statement per table and set of columns; then recompute what hangs on it."""
        for table, rows in self._rows.items():
            alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
            for row in rows.values():
                alike[tuple(sorted(row))].append(row)
            key = [column.name for column in table.__table__.primary_key]
            for columns, same in alike.items():
                ordered = [{name: row[name] for name in columns} for row in same]
                await insert_rows(self.session, table, ordered, conflict="update", key=key)
        self._rows.clear()
        if self._later is None:
            await settle_all(self.session, self._unsettled)


async def settle_all(session: AsyncSession, unsettled: Unsettled) -> None:
    """Recompute everything that is noted, and forget the notes."""
    for step, keys in unsettled.items():
        await step(session, keys)
    unsettled.clear()
