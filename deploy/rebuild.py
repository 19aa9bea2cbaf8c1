"""Reporting made again from events, beside the live tables, then put in their place while reads go on.

Every event goes through the same projections as ever, into the schema `reporting_next`. First, while the worker goes on, those
that live reporting has; then, holding the worker up for a moment, those that came meanwhile: now both must hold the same rows,
and are compared. Last come events that live reporting has not had yet, and the tables change places in one transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from deploy import CannotRunError
from deploy.event_sources import LIVE, NEXT, Outboxes, Source, Stream, ahead
from deploy.migrate import OWNER
from services.reporting.projections import subscriber
from services.reporting.tables import Base
from shared import bus as buses
from shared.batch import Unsettled, settle_all
from shared.db import connect, insert_rows, lock_key
from shared.inbox import DeadLetter, Inbox, InboxPosition, Incoming

HOUR = 3_600_000  # milliseconds
SAY_EVERY = 2  # seconds
SETTLE_AT = 20_000  # pathways at a time
TRIES = 30  # to get the live tables for a moment, a second each
KERNEL: tuple[Any, ...] = (InboxPosition.__table__, Inbox.__table__, DeadLetter.__table__)
FACTS: tuple[Table, ...] = tuple(Base.metadata.sorted_tables)
SWAPPED = (
    "inbox_position",
    "inbox",
    *(table.name for table in FACTS),
)  # readers begin with the first: so does the swap

Say = Callable[[str], None]
Meanwhile = Callable[[], Awaitable[None]]


@dataclass
class Outcome:
    """What a rebuild found: events applied and left over, and per table how many rows differ from the live one's."""

    events: int = 0
    seconds: float = 0.0
    left_over: int = 0
    differing: dict[str, int] = field(default_factory=dict)
    swapped: bool = False

    @property
    def equal(self) -> bool:
        """Whether every live table was as the events have it."""
        return not any(self.differing.values())


async def rebuild_from_outboxes(admin_dsn: str, *, check: bool, say: Say) -> Outcome:
    """Make the facts again from what each service ever announced."""
    async with _engine(admin_dsn) as engine:
        return await rebuild(engine, Outboxes(engine), check=check, say=say)


async def rebuild_from_stream(admin_dsn: str, nats_url: str, *, check: bool, say: Say) -> Outcome:
    """Make the facts again from the stream."""
    async with _engine(admin_dsn) as engine, buses.connect(nats_url, name="rebuild") as bus:
        return await rebuild(engine, Stream(engine, bus), check=check, say=say)


async def rebuild(
    engine: AsyncEngine, source: Source, *, check: bool, say: Say, meanwhile: Meanwhile | None = None
) -> Outcome:
    """Make the facts again, compare, and unless only checking put them in place; `meanwhile` is for tests of what comes then."""
    async with engine.connect() as connection:
        if not await connection.scalar(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": lock_key(LIVE, "one rebuild")}
        ):
            raise CannotRunError("Another rebuild is running.")
        try:
            await _make_tables(connection)
            return await _Rebuild(connection, source, say).run(check=check, meanwhile=meanwhile)
        finally:
            await connection.rollback()
            await connection.execute(text(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE"))
            await connection.commit()
            await connection.invalidate()  # both advisory locks go with the connection


class _Rebuild:
    """One rebuild, on one connection that sees only the new tables."""

    def __init__(self, connection: AsyncConnection, source: Source, say: Say) -> None:
        self.connection = connection
        self.source = source
        self.say = say
        self.outcome = Outcome()
        self.early: list[Incoming] = []
        self.unsettled: Unsettled = {}

    async def run(self, *, check: bool, meanwhile: Meanwhile | None) -> Outcome:
        began = monotonic()
        self.say(f"Applying the events of {self.source.name} beside the live tables.")
        await self._apply_all(known=True)
        if meanwhile is not None:
            await meanwhile()
        await self._execute("SELECT pg_advisory_lock(:key)", key=lock_key(LIVE, "rebuild"))  # the worker waits now
        await self._apply_all(known=True)
        for table in ("inbox", *(each.name for each in FACTS)):
            self.outcome.differing[table] = await self._differing(table)
            found = self.outcome.differing[table]
            self.say(f"  {table:24} {'equal' if not found else f'{found:,} rows differ'}")
        if not check:
            await self._apply_all(known=False)
            await self._swap()
        self.outcome.left_over = len(self.early)
        self.outcome.seconds = monotonic() - began
        return self.outcome

    async def _apply_all(self, *, known: bool) -> None:
        """Apply what the source has and the new tables lack, saying now and then how far it is."""
        began = said = monotonic()
        before = self.outcome.events
        async with aclosing(ahead(self.source.events(known=known))) as chunks:
            async for messages in chunks:
                await self._apply([*self.early, *messages], known=known)
                if max(map(len, self.unsettled.values()), default=0) > SETTLE_AT:
                    await self._settle()
                if monotonic() - said > SAY_EVERY:
                    said = monotonic()
                    rate = (self.outcome.events - before) / (said - began)
                    self.say(f"  {self.outcome.events:,} events, {rate:,.0f} a second")
        await self._settle()

    async def _settle(self) -> None:
        """Recompute what hangs on several rows, once for all the batches since the last time."""
        for table in FACTS if self.unsettled else ():
            await self._execute(f"ANALYZE {NEXT}.{table.name}")  # or a plan for empty tables reads them once per row
        async with self._session() as session:
            await settle_all(session, self.unsettled)

    async def _apply(self, messages: Sequence[Incoming], *, known: bool) -> None:
        """Apply messages in one transaction; what live reporting left out on an operator's word is left out again."""
        left_out = next((place for place, each in enumerate(messages) if known and each.reason), None)
        if left_out is not None:
            await self._apply(messages[:left_out], known=known)
            await self._leave_out(messages[left_out])
            await self._apply(messages[left_out + 1 :], known=known)
            return
        if not messages:
            return
        try:
            async with self._session() as session:
                verdict = await subscriber.apply(session, messages, later=self.unsettled)
        except DBAPIError as problem:
            if problem.connection_invalidated:
                raise
            await self._apply_apart(messages, known=known)
        except Exception:  # noqa: BLE001 - whatever a projection raises
            await self._apply_apart(messages, known=known)
        else:
            self.early = verdict.early
            self.outcome.events += len(verdict.applied)

    async def _apply_apart(self, messages: Sequence[Incoming], *, known: bool) -> None:
        """Halve a group that fails until the message at fault is alone, then treat it as live reporting did."""
        if len(messages) > 1:
            half = len(messages) // 2
            await self._apply(messages[:half], known=known)
            await self._apply(messages[half:], known=known)
        elif known:
            await self._leave_out(messages[0])
        else:
            async with self._session() as session:
                await subscriber.park(session, messages[0], "projection failed in a rebuild")

    async def _leave_out(self, message: Incoming) -> None:
        row = {"event_id": message.event_id, "aggregate_id": message.aggregate_id, "version": message.version}
        async with self._session() as session:
            await insert_rows(session, Inbox, [row], conflict="nothing")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction on the one connection."""
        async with AsyncSession(self.connection, expire_on_commit=False) as session:
            yield session
            await session.commit()

    async def _differing(self, table: str) -> int:
        """Return how many rows of a table are not the same, live and new: none when their ordered hashes are equal."""
        columns = sorted(
            await self._column(
                "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = CAST(CAST(:name AS text) AS regclass)"
                " AND attnum > 0 AND NOT attisdropped",
                name=f"{LIVE}.{table}",
            )
        )
        row = f"md5(ROW({', '.join(columns)})::text)"
        hashes = [
            await self._column(f"SELECT md5(coalesce(string_agg({row}, '' ORDER BY {row}), '')) FROM {schema}.{table}")  # noqa: S608 - our names
            for schema in (LIVE, NEXT)
        ]
        if hashes[0] == hashes[1]:
            return 0
        key = ", ".join(
            await self._column(
                "SELECT quote_ident(attname) FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
                " WHERE indrelid = CAST(CAST(:name AS text) AS regclass) AND indisprimary",
                name=f"{LIVE}.{table}",
            )
        )
        live, new = (f"(SELECT {key}, {row} AS hash FROM {schema}.{table})" for schema in (LIVE, NEXT))  # noqa: S608 - our names
        (count,) = await self._column(
            f"SELECT count(*) FROM {live} AS live FULL JOIN {new} AS new USING ({key})"  # noqa: S608 - our names
            " WHERE live.hash IS DISTINCT FROM new.hash"
        )
        return int(count)

    async def _swap(self) -> None:
        """Put the new tables in place of the live ones, with their grants; readers wait for a moment, or do not notice."""
        async with self._session() as session:  # one commit for all of them: the worker is waiting
            for table in SWAPPED:
                await session.execute(text(f"ANALYZE {NEXT}.{table}"))
                names = {"name": f"{LIVE}.{table}", "target": f"{NEXT}.{table}"}
                for grant in (await session.scalars(text(GRANTS), names)).all():
                    await session.execute(text(grant))
        for attempt in range(TRIES):
            try:
                async with self._session() as session:
                    await session.execute(text("SET LOCAL lock_timeout = '1s'"))
                    for table in SWAPPED:
                        await session.execute(text(f"LOCK TABLE {LIVE}.{table} IN ACCESS EXCLUSIVE MODE"))
                    for table in SWAPPED:
                        await session.execute(text(f"DROP TABLE {LIVE}.{table}"))
                        await session.execute(text(f"ALTER TABLE {NEXT}.{table} SET SCHEMA {LIVE}"))
                    await session.execute(text(SETTLE_LETTERS))
                    await session.execute(text(FORGET_LETTERS))
            except DBAPIError as problem:
                if getattr(problem.orig, "sqlstate", None) != "55P03" or attempt == TRIES - 1:  # lock not available
                    raise
                await asyncio.sleep(0.2)  # let those who wait behind us read
            else:
                break
        self.outcome.swapped = True

    async def _execute(self, statement: str, **values: object) -> None:
        await self.connection.execute(text(statement), values)
        await self.connection.commit()

    async def _column(self, statement: str, **values: object) -> list[Any]:
        found = list(await self.connection.scalars(text(statement), values))
        await self.connection.commit()
        return found


GRANTS = """
SELECT format('GRANT %s ON TABLE %s TO %s', privilege_type, CAST(:target AS text),
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_class, aclexplode(relacl) WHERE oid = CAST(CAST(:name AS text) AS regclass) AND grantee <> relowner
"""
SETTLE_LETTERS = f"INSERT INTO {LIVE}.dead_letters SELECT * FROM {NEXT}.dead_letters ON CONFLICT DO NOTHING"  # noqa: S608 - our names
FORGET_LETTERS = f"DELETE FROM {LIVE}.dead_letters WHERE event_id IN (SELECT event_id FROM {LIVE}.inbox)"  # noqa: S608 - as above


async def _make_tables(connection: AsyncConnection) -> None:
    """Make the new schema and its tables, empty, as their owner; what a rebuild that was killed left is removed."""

    def make(sync: Connection) -> None:
        Base.metadata.create_all(sync, checkfirst=False)
        Inbox.metadata.create_all(sync, tables=KERNEL, checkfirst=False)

    await connection.execute(text(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE"))
    await connection.execute(text(f"CREATE SCHEMA {NEXT} AUTHORIZATION {OWNER}"))
    await connection.execute(text(f"SET ROLE {OWNER}"))
    await connection.run_sync(make)
    await connection.execute(text("INSERT INTO inbox_position (id, events, at) VALUES (1, 0, now())"))
    await connection.commit()


@asynccontextmanager
async def _engine(admin_dsn: str) -> AsyncIterator[AsyncEngine]:
    """Connect as the administrator, to the new schema; a rebuild may take its time."""
    engine = connect(
        admin_dsn, pool=2, statement_timeout_ms=HOUR, lock_timeout_ms=HOUR, name="roundtable rebuild", search_path=NEXT
    )
    try:
        yield engine
    finally:
        await engine.dispose()
