"""A service of notes with versions, some of whose operations go wrong on purpose."""

import json
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from starlette.responses import Response

from shared import conditional
from shared.app import create_app, router
from shared.auth import Caller, needs
from shared.conditional import IfMatch
from shared.db import OutcomeUnknown, Session
from shared.idempotency import OnceOnly, answer
from shared.problems import NotFound, Problem
from shared.sync import sync_router
from shared.telemetry import trace_id
from tests.tiny import Held

Writer = Annotated[Caller, needs("referrals:write")]
Reader = Annotated[Caller, needs("referrals:read")]


class Note(BaseModel):
    """A note."""

    model_config = ConfigDict(extra="forbid")

    name: str
    text: str | None = None


class NoteTaken(Problem):
    """There is a note of this name."""

    status = HTTPStatus.CONFLICT


Stored = tuple[Note, int]


async def found(session: Session, name: str) -> Stored:
    """Return a note and its version; nobody else changes it meanwhile."""
    query = text("SELECT detail FROM worker_signs WHERE name = :name FOR UPDATE")
    kept = await session.scalar(query, {"name": name})
    if kept is None:
        raise NotFound
    return Note(name=name, text=kept["text"]), int(kept["version"])


async def held_note(request: Request, name: str, session: Session, _: Writer, if_match: IfMatch = None) -> Stored:
    """Return the note to change, at the version the caller holds."""
    stored = await found(session, name)
    conditional.check(request, if_match, stored[1])
    return stored


async def save(session: Session, note: Note, version: int) -> None:
    """Keep a note."""
    await session.execute(
        text(
            "INSERT INTO worker_signs (name, at, detail) VALUES (:name, now(), CAST(:detail AS jsonb))"
            " ON CONFLICT (name) DO UPDATE SET detail = EXCLUDED.detail"
        ),
        {"name": note.name, "detail": json.dumps({"text": note.text, "version": version})},
    )


routes = router()


@routes.post("/v1/notes", status_code=HTTPStatus.CREATED)
async def make(once: OnceOnly, _: Writer, session: Session, new: Note) -> Response:
    """Make a note."""
    if await session.scalar(text("SELECT 1 FROM worker_signs WHERE name = :name"), {"name": new.name}):
        raise NoteTaken(existing=new.name)
    await save(session, new, 1)
    return await once.reply(answer(HTTPStatus.CREATED, new, location=f"/v1/notes/{new.name}", version=1))


@routes.get("/v1/notes/{name}")
async def read(name: str, _: Reader, session: Session) -> Response:
    """Read a note."""
    note, version = await found(session, name)
    return answer(HTTPStatus.OK, note, version=version).response()


@routes.patch("/v1/notes/{name}")
async def change(
    once: OnceOnly, _: Writer, stored: Annotated[Stored, Depends(held_note)], session: Session, new: Note
) -> Response:
    """Change a note."""
    await save(session, new, stored[1] + 1)
    return await once.reply(answer(HTTPStatus.OK, new, version=stored[1] + 1))


@routes.post("/v1/notes/{name}/close")
async def close(_: Writer, _once: OnceOnly, _stored: Annotated[Stored, Depends(held_note)]) -> Response:
    """Close a note, which is never possible."""
    raise NoteTaken


@routes.post("/v1/held/{name}")
async def hold(request: Request, once: OnceOnly, _: Writer, session: Session, name: str) -> Response:
    """Make a note and wait before answering."""
    await save(session, Note(name=name), 1)
    held: Held = request.app.state.held
    held.come.release()
    await held.let_go.wait()
    return await once.reply(answer(HTTPStatus.CREATED, Note(name=name, text=trace_id())))


@routes.post("/v1/traced")
async def traced(once: OnceOnly, _: Writer) -> Response:
    """Return the request's own trace."""
    return await once.reply(answer(HTTPStatus.OK, Note(name=trace_id())))


@routes.post("/v1/breaks")
async def breaks(_once: OnceOnly, _: Writer) -> Response:
    """Break."""
    raise RuntimeError("broken")


@routes.post("/v1/away")
async def away(_once: OnceOnly, _: Writer) -> Response:
    """Find the database gone."""
    raise OperationalError("", {}, Exception())


@routes.post("/v1/unknown")
async def unknown(_once: OnceOnly, _: Writer) -> Response:
    """Lose the database while saving."""
    raise OutcomeUnknown


@routes.post("/v1/looking-up")
async def looking_up(_: Writer, new: Note) -> Note:
    """Look something up by POST: no write, and so without a key."""
    return new


@routes.post("/v1/notes/bulk")
async def many(once: OnceOnly, _: Writer) -> Response:
    """Make many notes."""
    return await once.reply(answer(HTTPStatus.OK, Note(name="bulk")))


def notes_app(held: Held) -> FastAPI:
    """Return the service; `held` holds requests back."""
    example = [{"op_id": "a", "method": "POST", "path": "/v1/notes", "body": {"name": "n"}}]
    app = create_app("referrals", routes, sync_router(example), about="Keeps notes.", bulk=("/v1/notes/bulk",))
    app.state.held = held
    return app
