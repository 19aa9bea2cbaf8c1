"""PostgreSQL: one schema and role per service, one transaction per request, committed before the answer leaves."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Literal

import asyncpg
from fastapi import Depends, Request
from pydantic_core import to_json
from sqlalchemy import Connection, LargeBinary, MetaData, Row, Table, TextClause, event, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, SessionTransaction
from sqlalchemy.orm import Session as SyncSession

from shared.problems import Problem
from shared.settings import settings

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
ALL_SITES = "*"


def naming() -> MetaData:
    """Return metadata whose constraints have names, so that migrations can change them; the search path picks the schema."""
    return MetaData(naming_convention=NAMES)


class Kernel(DeclarativeBase):
    """The tables that every service's schema has: outbox, inbox, dead letters, audit, idempotency keys, workers."""

    metadata = naming()


class OutcomeUnknown(Problem):
    """The database went away while this was being saved: it may be recorded or not. Send it again, with the same key."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


def connect(
    url: str,
    *,
    pool: int = 6,
    statement_timeout_ms: int = 5000,
    lock_timeout_ms: int = 2000,
    name: str = "roundtable",
    search_path: str | None = None,
) -> AsyncEngine:
    """Return an engine that never shows parameters, and never waits for ever.

    `search_path` is for administrators; a service's role has its own.
    """
    given = {"search_path": search_path} if search_path else {}

    async def open_one() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            url,
            timeout=5,
            server_settings={
                "application_name": name,
                "statement_timeout": str(statement_timeout_ms),
                "lock_timeout": str(lock_timeout_ms),
                "idle_in_transaction_session_timeout": str(max(10_000, statement_timeout_ms)),
                "jit": "off",
                **given,
            },
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=open_one,  # asyncpg reads the address itself, `?sslmode=verify-full` and all
        pool_size=pool,
        max_overflow=2,
        pool_timeout=2,
        hide_parameters=True,
    )


def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    """Return a maker of sessions that keep what they loaded after the commit."""
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)


@cache
def engine() -> AsyncEngine:
    """Return this process's engine, made at the first use."""
    url = settings().database_url
    if url is None:
        raise RuntimeError("ROUNDTABLE_DATABASE_URL is not set: `roundtable up` sets it for the services it starts")
    return connect(str(url), pool=settings().database_pool, statement_timeout_ms=settings().statement_timeout_ms)


@cache
def session_maker() -> async_sessionmaker[AsyncSession]:
    """Return this process's maker of sessions."""
    return sessions(engine())


def is_away(problem: BaseException) -> bool:
    """Whether the database is away, starting, full or overtaxed: nobody's request is at fault, so it may be sent again."""
    if isinstance(problem, OperationalError | InterfaceError | PoolTimeout | asyncpg.InterfaceError | OSError):
        return True
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        return True
    cause = getattr(problem, "orig", problem)  # while connecting, asyncpg's own errors come as they are
    return (getattr(cause, "sqlstate", None) or "").startswith(("08", "53", "57", "55", "40"))


def limit_to(session: AsyncSession, sites: Iterable[object] | None) -> None:
    """Let the session's transactions see these sites' rows only; None means all sites; unset means none."""
    session.info["sites"] = ALL_SITES if sites is None else ",".join(str(site) for site in sites)


@event.listens_for(SyncSession, "after_begin")
def _row_level_security_context(session: SyncSession, _: SessionTransaction, connection: Connection) -> None:
    """Tell row-level security whom this transaction serves; local to the transaction, so a pooled connection keeps nothing."""
    request = session.info.get("request")
    caller = getattr(request.state, "caller", None) if request is not None else None
    if caller is not None:
        sites = ALL_SITES if caller.sites is None else ",".join(str(site) for site in caller.sites)
    else:
        sites = session.info.get("sites", "")
    if sites:
        connection.execute(text("SELECT set_config('app.sites', :sites, true)"), {"sites": sites})


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """Open the request's transaction; commit it after the endpoint returned and before its answer leaves."""
    async with session_maker()() as session:
        session.info["request"] = request
        yield session
        await commit(session)


async def commit(session: AsyncSession) -> None:
    """Commit; raise `OutcomeUnknown` when the connection broke meanwhile: 503 is kept for what surely did not happen."""
    try:
        await session.commit()
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise OutcomeUnknown from None
        raise
    except OSError:
        raise OutcomeUnknown from None


async def snapshot(request: Request) -> AsyncIterator[AsyncSession]:
    """Open one consistent, read-only view of the data for the request."""
    async with session_maker()() as session:
        session.info["request"] = request
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        yield session


Session = Annotated[AsyncSession, Depends(transaction, scope="function")]
Snapshot = Annotated[AsyncSession, Depends(snapshot, scope="function")]


def lock_key(*names: str) -> int:
    """Return a stable advisory-lock key; such locks are per database, so name the schema first."""
    return int.from_bytes(sha256("\x1f".join(names).encode()).digest()[:8], signed=True)


Conflict = Literal["fail", "nothing", "update"]
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves dialect constructors untyped


LOCKS = "SELECT count(pg_advisory_xact_lock(key)) FROM unnest(CAST(:locks AS bigint[])) AS key"


def _insert(table: Table, columns: tuple[str, ...], parameter: str = "rows") -> str:
    """Return the INSERT … SELECT FROM jsonb_to_recordset of these columns: one statement for any number of rows."""
    quoted = DIALECT.identifier_preparer.quote
    names = ", ".join(quoted(name) for name in columns)
    fields, values = [], []
    for name in columns:
        kind = table.c[name].type
        binary = isinstance(kind, LargeBinary)
        fields.append(f"{quoted(name)} {'text' if binary else kind.compile(dialect=DIALECT)}")
        values.append(f"decode(r.{quoted(name)}, 'hex')" if binary else f"r.{quoted(name)}")
    return (
        f"INSERT INTO {quoted(table.name)} ({names}) "  # noqa: S608 - names come from our own table definitions
        f"SELECT {', '.join(values)} FROM jsonb_to_recordset(CAST(:{parameter} AS jsonb)) AS r({', '.join(fields)})"
    )


@cache
def _insert_one(
    table: Table, columns: tuple[str, ...], conflict: Conflict, key: tuple[str, ...], returning: str, *, locking: bool
) -> TextClause:
    quoted = DIALECT.identifier_preparer.quote
    sql = _insert(table, columns)
    if locking:
        sql = f"WITH held AS MATERIALIZED ({LOCKS}) {sql} CROSS JOIN held"
    target = ", ".join(quoted(name) for name in key)
    if conflict == "nothing":
        sql += f" ON CONFLICT {f'({target}) ' if key else ''}DO NOTHING"
    elif conflict == "update":
        changed = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in columns if name not in key)
        sql += f" ON CONFLICT ({target}) DO {f'UPDATE SET {changed}' if changed else 'NOTHING'}"
    if returning:
        sql += f" RETURNING {returning}"
    return text(sql)


async def insert_rows(
    session: AsyncSession,
    table: type[DeclarativeBase],
    rows: Sequence[Mapping[str, Any]],
    *,
    conflict: Conflict = "fail",
    key: Sequence[str] = (),
    returning: str = "",
    locks: Sequence[int] = (),
) -> Sequence[Row[Any]]:
    """Insert rows that all name the same columns, in one statement; bytes travel as hexadecimal inside one JSON parameter.

    Advisory `locks` are taken first, in the order given, and held until the transaction ends.
    """
    if not rows:
        return []
    columns, locking = tuple(rows[0]), bool(locks)
    statement = _insert_one(table.__table__, columns, conflict, tuple(key), returning, locking=locking)
    held = {"locks": list(locks)} if locking else {}
    result = await session.execute(statement, {"rows": _as_json(rows), **held})
    return result.all() if returning else []


@cache
def _insert_several(targets: tuple[tuple[Table, tuple[str, ...]], ...]) -> TextClause:
    inserts = [_insert(table, columns, f"rows_{place}") for place, (table, columns) in enumerate(targets)]
    before = ", ".join(f"i{place} AS ({insert})" for place, insert in enumerate(inserts[:-1]))
    return text(f"WITH {before} {inserts[-1]}" if before else inserts[-1])


async def insert_together(
    session: AsyncSession, rows: Mapping[type[DeclarativeBase], Sequence[Mapping[str, Any]]]
) -> None:
    """Insert rows of several tables in one statement, for the price of one; none of them sees another's rows."""
    some = {table.__table__: of_table for table, of_table in rows.items() if of_table}
    if some:
        statement = _insert_several(tuple((table, tuple(of_table[0])) for table, of_table in some.items()))
        await session.execute(
            statement, {f"rows_{place}": _as_json(of_table) for place, of_table in enumerate(some.values())}
        )


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    return to_json(rows, bytes_mode="hex").decode()
