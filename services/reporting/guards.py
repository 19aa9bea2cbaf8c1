"""Who may read what: published figures need `reports:read`, exact ones `reports:exact`. And only parameters that exist."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Request, params
from pydantic import BaseModel

from services.reporting.queries import EXACT
from shared.auth import Caller, Needs
from shared.problems import UNKNOWN_NAME, FieldError, MalformedRequest

READ = "reports:read"


class NeedsForProfile(Needs):
    """Lets a request in by the scope of the profile that it asks for."""

    async def __call__(self, request: Request) -> Caller:
        """Return the caller; 401 and 403 come before anything is read of the request."""
        asks_exact = request.query_params.get("profile") == "exact"
        return await (EXACT_DOOR if asks_exact else READ_DOOR)(request)


READ_DOOR, EXACT_DOOR = Needs(READ), Needs(EXACT)
Reader = Annotated[Caller, params.Security(NeedsForProfile(READ), scopes=(READ,))]


def known_parameters(query: type[BaseModel]) -> Callable[[Request], Awaitable[None]]:
    """Refuse parameters that the query does not have: a misspelt one would give another table than was meant."""
    known = {field.alias or name for name, field in query.model_fields.items()}

    async def check(request: Request) -> None:
        unknown = [name for name in request.query_params if name not in known]
        if unknown:
            message = f"There is no such parameter. There are: {', '.join(sorted(known))}."
            raise MalformedRequest(
                errors=[
                    FieldError(
                        pointer=name if UNKNOWN_NAME.fullmatch(name) else "*", code="extra_forbidden", message=message
                    )
                    for name in unknown
                ]
            )

    return check
