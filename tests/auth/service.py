"""A service of a few guarded operations, made as every service is."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel

from shared.app import create_app, router
from shared.auth import AnyCaller, Caller, needs

Reader = Annotated[Caller, needs("referrals:read")]
Eraser = Annotated[Caller, needs("people:read", "people:erase")]
Writer = Annotated[Caller, needs("referrals:write")]


class Letter(BaseModel):
    """A body with one field."""

    site_id: UUID | None = None


def make_app() -> FastAPI:
    """Return the service."""
    routes = router()

    @routes.get("/v1/open")
    async def anyone() -> dict[str, str]:
        return {"open": "yes"}

    @routes.get("/v1/me")
    async def me(caller: AnyCaller) -> dict[str, Any]:
        sites = None if caller.sites is None else sorted(map(str, caller.sites))
        return {"client": caller.client, "scopes": sorted(caller.scopes), "sites": sites}

    @routes.get("/v1/letters/{number}")
    async def read(number: int, caller: Reader) -> dict[str, str]:
        return {"reader": caller.client, "number": str(number)}

    @routes.post("/v1/letters")
    async def write(letter: Letter, caller: Writer) -> dict[str, UUID | None]:
        return {"site_id": caller.own_site(letter.site_id)}

    @routes.delete("/v1/letters")
    async def erase(caller: Eraser) -> dict[str, str]:
        return {"eraser": caller.client}

    return create_app("referrals", routes, about="Letters.")
