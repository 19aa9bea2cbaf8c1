"""How every resource of `sites` is shown: its OpenAPI, its ETag, its Location."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

from services.sites.commands.recording import Registered
from shared.conditional import ETAG, LOCATION
from shared.idempotency import Answer, KeyReused, RequestInProgress, answer
from shared.paging import Page

KEYED = (RequestInProgress, KeyReused)
"""What any write that takes an Idempotency-Key may be refused with."""


def shown(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer that shows one resource."""
    return {200: {"model": model, "headers": ETAG}}


def made(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer to a registration."""
    headers = LOCATION | ETAG
    return {
        201: {"model": model, "headers": headers},
        200: {
            "model": model,
            "headers": headers,
            "description": "Registered before, by you and with the same content.",
        },
    }


def told(registered: Registered, body: BaseModel, location: str) -> Answer:
    """Return the answer to a registration: 201 when it was made now, 200 when it was made before."""
    status = HTTPStatus.CREATED if registered.created else HTTPStatus.OK
    return answer(status, body, location=location, version=registered.fields["version"])


def whole_or_compact(page: Page[Any]) -> Response:
    """Return a page of a list that has two forms, in its own: FastAPI would take the one for the other."""
    return answer(HTTPStatus.OK, page).response()
