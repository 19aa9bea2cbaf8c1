"""The gate every request passes: trace, limits, metrics, and one form for every failure. Pure ASGI, for its speed."""

from collections.abc import Collection, Mapping
from http import HTTPStatus
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import telemetry
from shared.faces import WEARING, Face, face_of, refusal
from shared.problems import BodyTooLarge, Busy, MalformedRequest, UnexpectedError
from shared.settings import settings

log = structlog.get_logger()

UNLIMITED = ("/health/", "/metrics")
WITHIN = "roundtable.within"  # in an ASGI scope: a request that this process makes for one that is already inside


class Gate:
    """Wraps an app; `bulk` names the paths that may send larger bodies, `faces` how refusals look below some paths."""

    def __init__(self, app: ASGIApp, *, service: str, bulk: Collection[str] = (), faces: Collection[Face] = ()) -> None:
        self.app = app
        self.service = service
        self.bulk = frozenset(bulk)
        self.faces = tuple(faces)
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it without having read it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = telemetry.begin_trace(headers.get("traceparent"))
        limit = settings().max_bulk_body if scope["path"] in self.bulk else settings().max_body
        face = scope[WEARING] = face_of(scope["path"], self.faces)
        passage = Passage(self.service, scope, send, {"X-Request-Id": trace, **face.echoed(headers)})
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            await refusal(scope, MalformedRequest("Content-Length is not a number."))(scope, receive, passage.send)
        elif int(length) > limit:
            await refusal(scope, BodyTooLarge(f"At most {limit} bytes."))(scope, receive, passage.send)
        elif scope.get(WITHIN):
            await self._pass(scope, receive, passage)
        elif self.in_flight >= settings().max_in_flight and not scope["path"].startswith(UNLIMITED):
            await refusal(scope, Busy())(scope, receive, passage.send)
        else:
            await self._enter(scope, counted(receive, limit), passage)
        passage.measure()

    async def _enter(self, scope: Scope, receive: Receive, passage: "Passage") -> None:
        self.in_flight += 1
        telemetry.REQUESTS_IN_FLIGHT.labels(self.service).set(self.in_flight)
        try:
            await self._pass(scope, receive, passage)
        finally:
            self.in_flight -= 1
            telemetry.REQUESTS_IN_FLIGHT.labels(self.service).set(self.in_flight)

    async def _pass(self, scope: Scope, receive: Receive, passage: "Passage") -> None:
        try:
            await self.app(scope, receive, passage.send)
        except Exception:
            log.exception("request_failed", method=scope["method"], route=passage.route())
            if passage.status is not None:
                raise  # half an answer has left: only closing the connection tells the client so
            await refusal(scope, UnexpectedError())(scope, receive, passage.send)


class Passage:
    """One request's way through the gate."""

    def __init__(self, service: str, scope: Scope, send: Send, told: Mapping[str, str]) -> None:
        self.service, self.scope, self.told = service, scope, told
        self.status: int | None = None
        self._send = send
        self._began = perf_counter()

    async def send(self, message: Message) -> None:
        """Pass an answer on, with the headers every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(self.told)
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

    def route(self) -> str:
        """Return the route's template: a real path would carry ids into logs and metrics."""
        return getattr(self.scope.get("route"), "path", "unmatched")

    def measure(self) -> None:
        """Count the request and its time."""
        route, method = self.route(), self.scope["method"]
        method = method if method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} else "other"
        telemetry.REQUESTS.labels(self.service, method, route, self.status or 0).inc()
        telemetry.REQUEST_SECONDS.labels(self.service, method, route).observe(perf_counter() - self._began)


def counted(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that stops at `limit` bytes, since a chunked body announces no length."""
    so_far = 0

    async def counting() -> Message:
        nonlocal so_far
        message = await receive()
        so_far += len(message.get("body", b""))
        if so_far > limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return counting
