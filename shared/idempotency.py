"""Idempotency keys: the first answer is stored in the effect's own transaction and given again for a day, or as long as asked."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import DateTime, Integer, LargeBinary, String, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from starlette.responses import Response

from shared.auth import AnyCaller, Caller
from shared.db import Kernel, Session, insert_rows, lock_key
from shared.problems import Problem

KEPT = timedelta(hours=24)
KEPT_FOR = "roundtable.kept_for"  # in an ASGI scope: how long this request's answer is kept, when not for a day
JSON = "application/json"
REPLAYED = "Idempotent-Replayed"

KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Send the same key with a retry: the same answer comes back, and nothing happens twice. Kept 24 hours.",
        examples=["8a4ac1f1-5f36-4a4a-9d1a-4f4ed6c4d9a5"],
    ),
]


class RequestInProgress(Problem):
    """A request with this Idempotency-Key is still being worked on."""

    status = HTTPStatus.CONFLICT

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class KeyReused(Problem):
    """This Idempotency-Key was used for a different request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyKey(Kernel):
    """A client's key with the answer it got; holds no identifiers, since answers to writes hold none."""

    __tablename__ = "idempotency_keys"

    client: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was told."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, *, replayed: bool = False) -> Response:
        """Return it as a response, marked when it is told again."""
        extra = {REPLAYED: "true"} if replayed else {}
        return Response(self.body, self.status, {**self.headers, **extra}, media_type=JSON if self.body else None)


class Replay(Exception):
    """This request was answered before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("answered before")
        self.answer = answer


def request_hash(method: str, path: str, body: object) -> bytes:
    """Return what makes two requests the same: method, path and parsed content, whatever their spacing and order."""
    content = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(f"{method} {path}\n{content}".encode()).digest()


def etag(version: int) -> str:
    """Return a resource's strong entity tag."""
    return f'"{version}"'


def answer(status: HTTPStatus, body: BaseModel, *, location: str | None = None, version: int | None = None) -> Answer:
    """Return the answer that shows a resource, with where it is and its version."""
    headers = {}
    if location is not None:
        headers["Location"] = location
    if version is not None:
        headers["ETag"] = etag(version)
    return Answer(status, body.model_dump_json(exclude_none=False).encode(), headers)


# As text, since every keyed request asks this: one statement whatever the number of keys, and nothing to compile.
KNOWN = text(
    "SELECT key, request_hash, status, headers, body, expires_at <= now() AS past FROM idempotency_keys "
    "WHERE client = :client AND key = ANY (CAST(:keys AS varchar[]))"
).columns(headers=JSONB)
FORGET = text(
    "DELETE FROM idempotency_keys "
    "WHERE client = :client AND key = ANY (CAST(:keys AS varchar[])) AND expires_at <= now()"
)

_running: set[tuple[str, str]] = set()


@contextmanager
def running(client: str, key: str | None) -> Iterator[None]:
    """Mark a client's key as being worked on in this process; raise `RequestInProgress` when it is already."""
    if key is None:
        yield
        return
    if (client, key) in _running:
        raise RequestInProgress
    _running.add((client, key))
    try:
        yield
    finally:
        _running.discard((client, key))


async def stored(session: AsyncSession, client: str, keys: Mapping[str, bytes]) -> dict[str, Answer | KeyReused]:
    """Return what was answered to these keys (each with its request's hash), or the refusal of one used otherwise."""
    mine = {"client": client, "keys": list(keys)}
    rows = (await session.execute(KNOWN, mine)).all()
    if any(row.past for row in rows):  # past their day, and not cleared away yet
        await session.execute(FORGET, mine)
    return {
        row.key: Answer(row.status, row.body, row.headers) if row.request_hash == keys[row.key] else KeyReused()
        for row in rows
        if not row.past
    }


def kept_for(request: Request) -> timedelta:
    """Return how long this request's answer is kept under its key."""
    found: timedelta = request.scope.get(KEPT_FOR, KEPT)
    return found


async def store(
    session: AsyncSession,
    client: str,
    answers: Mapping[str, tuple[bytes, Answer]],
    kept: Mapping[str, timedelta] | None = None,
) -> None:
    """Keep answers by key and request hash, in the caller's transaction; a key not named in `kept` for a day."""
    now, kept = datetime.now(UTC), kept or {}
    rows = [
        {
            "client": client,
            "key": key,
            "request_hash": digest,
            "status": given.status,
            "headers": dict(given.headers),
            "body": given.body,
            "expires_at": now + kept.get(key, KEPT),
        }
        for key, (digest, given) in answers.items()
    ]
    await insert_rows(session, IdempotencyKey, rows)


class Once:
    """The request's promise to take effect once: asks before the work whether it was done, keeps the answer after it."""

    def __init__(
        self, session: AsyncSession, caller: Caller, key: str | None, digest: bytes, kept: timedelta = KEPT
    ) -> None:
        self.session, self.caller, self.key, self.digest, self.kept = session, caller, key, digest, kept

    async def begin(self) -> None:
        """Raise `Replay` when the key was answered, `KeyReused` or `RequestInProgress` when it cannot be used."""
        if self.key is None:
            return
        lock = lock_key("idempotency", self.caller.client, self.key)
        if not await self.session.scalar(select(func.pg_try_advisory_xact_lock(lock))):
            raise RequestInProgress
        before = (await stored(self.session, self.caller.client, {self.key: self.digest})).get(self.key)
        if isinstance(before, KeyReused):
            raise before
        if before is not None:
            raise Replay(before)

    async def reply(self, given: Answer) -> Response:
        """Keep the answer with the effect and return it."""
        if self.key is not None:
            try:
                answers = {self.key: (self.digest, given)}
                await store(self.session, self.caller.client, answers, {self.key: self.kept})
            except IntegrityError:
                raise RequestInProgress from None
        return given.response()


async def once(request: Request, session: Session, caller: AnyCaller, key: KeyHeader = None) -> Once:
    """Prepare the request's promise; its content is what was parsed, so it needs the body to be JSON."""
    body = getattr(request.state, "json", None)
    digest = request_hash(request.method, request.scope["path"], body) if key else b""
    promise = Once(session, caller, key, digest, kept_for(request))
    await promise.begin()
    return promise


OnceOnly = Annotated[Once, Depends(once, scope="function")]
