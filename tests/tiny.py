"""A tiny service, made as every service is, whose operations go wrong on purpose."""

import asyncio
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from starlette.responses import Response

from shared.app import create_app, router
from shared.auth import AnyCaller, Caller, needs
from shared.db import Session
from shared.idempotency import OnceOnly, answer

Writer = Annotated[Caller, needs("referrals:write")]

NOTE = text("INSERT INTO worker_signs (name, at, detail) VALUES (:name, now(), '{}')")
SERVED = text("SELECT current_setting('app.sites', true)")
PERSON_OF_NOBODY = text(
    "INSERT INTO referrals (id, person_id, client, source_system, source_id, content_digest, received_on, source,"
    " pathway, programme, status, version, created_at) VALUES (:id, :id, 'x', 'x', 'x', '', '2026-01-01', 'B1',"
    " 'triage', 'x', 'received', 1, now())"
)


class Note(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid")

    name: str
    more: dict[str, object] | None = None
    counts: dict[str, int] | None = None


class Held:
    """Requests that wait until they are let go."""

    def __init__(self) -> None:
        self.come = asyncio.Semaphore(0)
        self.let_go = asyncio.Event()


def tiny_app(held: Held | None = None) -> FastAPI:
    """Return the service."""
    routes, held = router(), held or Held()

    @routes.post("/v1/commits-late", status_code=HTTPStatus.CREATED)
    async def commits_late(_: Writer, session: Session) -> None:
        """Violate a constraint that is looked at when the transaction commits."""
        await session.execute(PERSON_OF_NOBODY, {"id": uuid4()})

    @routes.post("/v1/notes", status_code=HTTPStatus.CREATED)
    async def note(once: OnceOnly, _: Writer, session: Session, new: Note) -> Response:
        """Save a note, once."""
        await session.execute(NOTE, {"name": new.name})
        return await once.reply(answer(HTTPStatus.CREATED, new, location="/v1/notes"))

    @routes.post("/v1/held-notes", status_code=HTTPStatus.CREATED)
    async def held_note(once: OnceOnly, _: Writer, session: Session, new: Note) -> Response:
        """Save a note and wait before answering."""
        await session.execute(NOTE, {"name": new.name})
        held.come.release()
        await held.let_go.wait()
        return await once.reply(answer(HTTPStatus.CREATED, new))

    @routes.get("/v1/held")
    async def hold() -> str:
        """Wait."""
        held.come.release()
        await held.let_go.wait()
        return "gone"

    @routes.post("/v1/breaks")
    async def breaks(new: Note) -> None:
        """Fail with somebody's data at hand."""
        secret = new.name
        raise RuntimeError(f"cannot cope with {secret}")

    @routes.get("/v1/times-out")
    async def times_out() -> None:
        """Find the database silent."""
        raise TimeoutError

    @routes.get("/v1/my-sites")
    async def my_sites(_: AnyCaller, session: Session) -> str:
        """Say whom row-level security thinks it serves."""
        return str(await session.scalar(SERVED) or "")

    @routes.get("/v1/nobodys-sites")
    async def nobodys_sites(session: Session) -> str:
        """Say the same without a caller."""
        return str(await session.scalar(SERVED) or "")

    return create_app("referrals", routes, about="Goes wrong on purpose.")
