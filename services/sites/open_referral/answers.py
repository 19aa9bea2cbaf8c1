"""How the feed answers: for any origin, kept for a minute, and not sent twice to who holds it already."""

import json
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from shared.faces import Face

KEPT = "public, max-age=60"
NDJSON = "application/x-ndjson"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-Id",
}
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, OPTIONS",
    "Access-Control-Allow-Headers": "If-None-Match, Accept, Content-Type",
    "Access-Control-Max-Age": "86400",
}


class OpenToAll(Face):
    """Answers below the feed's address, refusals too, may be read by pages of any origin."""

    below = "/open-referral"

    def echoed(self, _: Headers) -> Mapping[str, str]:
        """Return what lets any origin read an answer."""
        return CORS


OPEN_TO_ALL = OpenToAll()


def written(body: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return JSON as the feed writes it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _tag(content: bytes) -> str:
    return f'W/"{sha256(content).hexdigest()[:32]}"'


def held(request: Request, tag: str) -> bool:
    """Tell whether the asker holds this already; tags are compared weakly, as for GET (RFC 9110, 13.1.2)."""
    given = request.headers.get("if-none-match", "")
    tags = [each.strip().removeprefix("W/") for each in given.split(",")]
    return given.strip() == "*" or tag.removeprefix("W/") in tags


def answer(request: Request, body: Any) -> Response:  # noqa: ANN401 - any JSON
    """Return an answer with its tag, or 304 to who holds it."""
    content = written(body)
    tag = _tag(content)
    headers = {"ETag": tag, "Cache-Control": KEPT}
    if held(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def stream(request: Request, state: str, lines: AsyncIterator[bytes]) -> Response:
    """Return a stream of lines, whose tag is made of the state they show; or 304 to who holds that."""
    tag = _tag(f"{request.url.path}?{request.url.query}\x1f{state}".encode())
    headers = {"ETag": tag, "Cache-Control": KEPT}
    if held(request, tag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return StreamingResponse(lines, headers=headers, media_type=NDJSON)
