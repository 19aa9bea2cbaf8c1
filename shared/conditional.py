"""No lost updates: PATCH and PUT name the version they change."""

from typing import Annotated, Any

from fastapi import Header, Request

from shared.idempotency import etag
from shared.problems import PreconditionFailed, PreconditionRequired

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match", max_length=1000, description="The ETag you hold; required by PATCH and PUT.", examples=['"3"']
    ),
]


ETAG: dict[str, Any] = {
    "ETag": {"description": "The version, for If-Match.", "schema": {"type": "string", "examples": ['"1"']}}
}
LOCATION: dict[str, Any] = {
    "Location": {"description": "Where it is.", "schema": {"type": "string", "format": "uri-reference"}}
}


def check(request: Request, if_match: str | None, version: int) -> None:
    """Raise `PreconditionRequired` when a PATCH or PUT names no version, `PreconditionFailed` when it is not this one.

    Weak tags never match: If-Match compares strongly (RFC 9110, 13.1.1).
    """
    if if_match is None:
        if request.method in {"PATCH", "PUT"}:
            raise PreconditionRequired
        return
    held = [tag.strip() for tag in if_match.split(",")]
    if "*" not in held and etag(version) not in held:
        raise PreconditionFailed(headers={"ETag": etag(version)})
