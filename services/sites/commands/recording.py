"""Recording something once: the row of what is new, its repetition recognised, its changes counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.tables.schema import Recorded
from shared.auth import Caller
from shared.db import insert_rows
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration: made now, or made before."""

    fields: Mapping[str, Any]
    created: bool


def registration(caller: Caller, new: BaseModel, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of something new: its own fields, and what every record has."""
    given: UUID | None = getattr(new, "id", None)
    return {
        "id": given or uuid4(),
        **fields,
        "registered_by": caller.client,
        "content_digest": content_digest(new),
        "version": 1,
        "created_at": (now := datetime.now(UTC)),
        "modified_at": now,
    }


def content_digest(new: BaseModel) -> bytes:
    """Return by what a repeated registration is recognised, even after later changes, or new optional fields."""
    return sha256(new.model_dump_json(exclude={"id"}, exclude_defaults=True).encode()).digest()


async def once(session: AsyncSession, table: type[Recorded], row: dict[str, Any], differs: type[Problem]) -> Registered:
    """Insert a row, or return the one with its id that the same caller registered with the same content."""
    if await insert_rows(session, table, [row], conflict="nothing", key=["id"], returning="id"):
        return Registered(row, created=True)
    found: Recorded | None = await session.get(table, row["id"])
    if found is None or (found.registered_by, found.content_digest) != (row["registered_by"], row["content_digest"]):
        raise differs
    return Registered(found.__dict__, created=False)


def differences(row: object, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a change that would change something."""
    return {name: value for name, value in sent.items() if getattr(row, name) != value}


def apply(row: Recorded, changed: Mapping[str, Any]) -> None:
    """Change a row, once: one version more."""
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1
    row.modified_at = datetime.now(UTC)
