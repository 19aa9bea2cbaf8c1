"""`POST /v1/sync`: writes made without a connection are sent together later, each taking effect once.

Every operation is the request it would be alone: the app calls itself, in this process, with the caller's own token, the
operation's `op_id` as its Idempotency-Key, and its If-Match. So scopes, sites, audit, events and refusals are the same, and
an operation that was answered once is answered alike for as long as `ROUNDTABLE_SYNC_KEPT_DAYS`.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from weakref import WeakKeyDictionary

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse
from starlette.routing import compile_path
from starlette.types import Message

from shared.app import router
from shared.auth import AnyCaller
from shared.gate import WITHIN
from shared.idempotency import KEPT_FOR, REPLAYED
from shared.problems import MethodNotAllowed, NotFound, PreconditionFailed, Problem, ProblemBody
from shared.settings import settings
from shared.telemetry import traceparent

MOST = 100  # operations in one batch
PATH = re.compile(r"/v1(/[A-Za-z0-9_-]{1,100}){1,10}")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between asking again whether a twin of this operation is done
CONFLICTS = {HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED}
SEND_AGAIN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE}
IN_PROGRESS, OUTCOME_UNKNOWN = "/problems/request-in-progress", "/problems/outcome-unknown"


class NotInABatch(Problem):
    """A batch holds single writes to addresses of this service only, each without a query."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotTried(Problem):
    """An operation before this one could not be finished, so this one was not begun; send both again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class Operation(BaseModel):
    """One write: the method, address, If-Match and body that it would have alone."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    op_id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")] = Field(
        description="Its Idempotency-Key, never used by this client for anything else: a UUID made when it was entered."
    )
    method: str = Field(max_length=10, description=f"One of {', '.join(WRITES)}.", examples=["POST"])
    path: str = Field(
        max_length=1000, description="An address of this service, from `/v1/` on.", examples=["/v1/referrals"]
    )
    if_match: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,1000}$")] | None = Field(
        None, description="The ETag that was held when it was entered; PATCH and PUT need it.", examples=['"3"']
    )
    body: Any = Field(None, description="What the operation's own request takes as its body.")


class Current(BaseModel):
    """What stands in an operation's way, as its caller may read it."""

    path: str
    etag: str
    body: Any


class Result(BaseModel):
    """What became of one operation."""

    op_id: str
    status: int = Field(description="The HTTP status it would have had alone.")
    result: Literal["applied", "replayed", "conflict", "refused", "retry"] = Field(
        description="`applied` now, or `replayed`: it was applied before. `conflict`: nothing was overwritten, see `current`. "
        "`refused`: it will not go through as it is. `retry`: nobody's fault; send it again, and all after it."
    )
    body: Any = Field(None, description="The answer it had, when it was applied.")
    etag: str | None = None
    location: str | None = None
    problem: ProblemBody | None = None
    current: Current | None = Field(None, description="For a conflict, when the caller may read it.")


class Results(BaseModel):
    """What became of every operation, in order."""

    results: list[Result]


@dataclass(frozen=True, slots=True)
class Told:
    """What the app answered to a request of its own."""

    status: int
    headers: dict[str, str]
    body: Any

    @classmethod
    def of(cls, problem: Problem) -> "Told":
        """Return a refusal as if the app had answered it."""
        return cls(int(problem.status), {}, problem.body())

    @property
    def kind(self) -> str:
        """The refusal's type, if it is one."""
        refused = self.status >= HTTPStatus.BAD_REQUEST and isinstance(self.body, dict)
        return str(self.body.get("type")) if refused else ""


def sync_router(example: list[Any]) -> APIRouter:
    """Return the router of a service's `POST /v1/sync`, with a batch of its own as the example."""
    api = router(tags=["sync"])

    class Batch(BaseModel):
        """Operations in the order in which they were entered; earlier ones may make what later ones change."""

        model_config = ConfigDict(
            extra="forbid", hide_input_in_errors=True, json_schema_extra={"examples": [{"operations": example}]}
        )

        operations: Annotated[list[Operation], Field(min_length=1, max_length=MOST)]

    shown: dict[int | str, Any] = {200: {"content": {"application/json": {"example": _shown(example)}}}}

    @api.post("/v1/sync", response_model=Results, responses=shown)
    async def sync(request: Request, _: AnyCaller, batch: Batch) -> JSONResponse:
        """Apply writes that were made without a connection, in order, each once.

        Every operation needs the scopes it would need alone, and has its own result: one that is refused or in conflict
        never stops the rest. Sending a batch again is safe for months, whole or in part, also when no answer came: what was
        applied is `replayed`. After a `retry` nothing more is tried, so that the order is kept: the rest is `retry` too.
        """
        return JSONResponse({"results": [each async for each in _in_order(request, batch.operations)]})

    return api


def _shown(example: list[Any]) -> dict[str, Any]:
    """Return an answer to an example batch: all applied but the last, which is in conflict."""
    *done, last = example
    applied = [{"op_id": each["op_id"], "status": 200, "result": "applied", "body": {}, "etag": '"2"'} for each in done]
    stands = {"path": last["path"], "etag": '"2"', "body": {}}
    told = {"op_id": last["op_id"], "status": 412, "result": "conflict", "problem": PreconditionFailed().body()}
    return {"results": [*applied, told | {"current": stands}]}


async def _in_order(request: Request, operations: Sequence[Operation]) -> AsyncIterator[dict[str, Any]]:
    stopped = False
    for operation in operations:
        answered = Told.of(NotTried()) if stopped else await _applied(request, operation)
        result = _result(operation, answered)
        if result["result"] == "conflict" and (current := await _current(request, operation, answered)):
            result["current"] = current
        stopped = result["result"] == "retry"
        yield result


def _result(operation: Operation, answered: Told) -> dict[str, Any]:
    """Return an operation's result, without what stands in its way."""
    result: dict[str, Any] = {"op_id": operation.op_id, "status": answered.status}
    if answered.status < HTTPStatus.BAD_REQUEST:
        result |= {"result": "replayed" if REPLAYED.lower() in answered.headers else "applied", "body": answered.body}
    elif answered.status in SEND_AGAIN or answered.kind in {IN_PROGRESS, OUTCOME_UNKNOWN}:
        result |= {"result": "retry", "problem": answered.body}
    else:
        result |= {"result": "conflict" if answered.status in CONFLICTS else "refused", "problem": answered.body}
    return result | {name: answered.headers[name] for name in ("etag", "location") if name in answered.headers}


async def _applied(request: Request, operation: Operation) -> Told:
    """Return what an operation is answered; while a twin of it is worked on, wait for that one's answer for a moment."""
    if (refusal := _refusal(request.app, operation.method, operation.path)) is not None:
        return Told.of(refusal)
    content = b""
    if "body" in operation.model_fields_set:
        content = json.dumps(operation.body, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"idempotency-key": operation.op_id}
    if operation.if_match is not None:
        headers["if-match"] = operation.if_match
    for pause in (*PATIENCE, None):
        answered = await _ask(request, operation.method, operation.path, headers, content)
        if answered.kind != IN_PROGRESS or pause is None:
            break
        await asyncio.sleep(pause)
    return answered


async def _current(request: Request, operation: Operation, answered: Told) -> dict[str, Any] | None:
    """Return what stands in an operation's way, read with its caller's own rights, if it may be read."""
    for path in _whereabouts(operation, answered.body.get("existing")):
        if PATH.fullmatch(path) and any(
            method == "GET" and address.fullmatch(path) for method, address, _ in _offers(request.app)
        ):
            shown = await _ask(request, "GET", path, {}, b"")
            if shown.status == HTTPStatus.OK and "etag" in shown.headers:
                return {"path": path, "etag": shown.headers["etag"], "body": shown.body}
    return None


def _whereabouts(operation: Operation, existing: object) -> Iterator[str]:
    """Yield where the resource of a conflict may be: the one of its name, else the address itself or what it is part of."""
    parts = operation.path.split("/")
    if operation.method == "POST":
        collection = parts.pop()  # or an action on a resource
        sent = operation.body.get("id") if isinstance(operation.body, dict) else None
        yield from (f"/v1/{collection}/{name}" for name in (existing, sent) if name is not None)
    while len(parts) > len(["", "v1", "collection"]):
        yield "/".join(parts)
        parts.pop()


Offer = tuple[str, "re.Pattern[str]", bool]
_documented: WeakKeyDictionary[FastAPI, list[Offer]] = WeakKeyDictionary()


def _offers(app: FastAPI) -> list[Offer]:
    """Return what an app offers: method, address, and whether a batch may hold it, since it takes an Idempotency-Key."""
    if app not in _documented:
        _documented[app] = [
            (method.upper(), compile_path(path)[0], path not in app.state.bulk and _takes_key(operation))
            for path, operations in app.openapi()["paths"].items()
            for method, operation in operations.items()
        ]
    return _documented[app]


def _takes_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))


def _refusal(app: FastAPI, method: str, path: str) -> Problem | None:
    """Return why a batch may not hold such an operation, or None if it may."""
    if not PATH.fullmatch(path):
        return NotInABatch("An address begins with /v1/ and has no query, dots or escapes.")
    here = [(offered, may) for offered, address, may in _offers(app) if address.fullmatch(path)]
    if not here:
        return NotFound()
    verdicts = [may for offered, may in here if offered == method]
    if not verdicts:
        return MethodNotAllowed()
    return None if method in WRITES and all(verdicts) else NotInABatch()


async def _ask(request: Request, method: str, path: str, headers: dict[str, str], content: bytes) -> Told:
    """Let the app answer a request of the same caller, in this process, inside the place its batch has."""
    given = {
        "authorization": request.headers["authorization"],
        "content-type": "application/json",
        "content-length": str(len(content)),
        "traceparent": traceparent(),
        **headers,
    }
    scope = {
        name: request.scope.get(name) for name in ("type", "asgi", "http_version", "scheme", "client", "server")
    } | {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        WITHIN: True,
        KEPT_FOR: timedelta(days=settings().sync_kept_days),
    }
    unread, messages = [content], list[Message]()

    async def receive() -> Message:
        if not unread:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": unread.pop(), "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await request.app(scope, receive, send)
    start, *parts = messages
    body = b"".join(part.get("body", b"") for part in parts)
    answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Told(start["status"], answered, json.loads(body) if body else None)
