"""One way to make a service's app: lifespan, problems, limits, health, metrics and request ids are the same everywhere."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from socket import gaierror
from typing import Any

import asyncpg
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse

from shared import db, handbook, health, strict_json
from shared.auth import GuardedRoute, IssuerUnreachable, ScopeMissing, Unauthenticated
from shared.faces import USUAL, Face, face_of, refusal
from shared.gate import Gate
from shared.idempotency import Replay
from shared.logs import configure
from shared.problems import (
    BodyTooLarge,
    Busy,
    DatabaseUnavailable,
    FieldError,
    HttpError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    Problem,
    UnexpectedError,
    UnsupportedMediaType,
    pointer,
    responses,
)
from shared.settings import settings

log = structlog.get_logger()

# Messages of pydantic that repeat a part of the input, said without it.
OWN_WORDS = {
    "uuid_parsing": "Not a UUID.",
    "uuid_type": "Not a UUID.",
    "url_parsing": "Not a URL.",
    "union_tag_invalid": "Not one of the kinds there are.",
    "date_from_datetime_inexact": "A date, without a time of day.",
    "timezone_aware": "An instant with its time zone.",
}
NO_TOKEN = {"/health/live", "/health/ready", "/metrics"}


class StrictRequest(Request):
    """A request whose JSON is read strictly; what is wrong with it is told after 401, 403, 404, 412 and 428."""

    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        """Return the body's value, or None with the reason left in `state.malformed`."""
        try:
            value = strict_json.loads(await self.body())
        except strict_json.BadJson as problem:
            self.state.malformed = MalformedRequest(f"The body was not accepted: {problem}.")
            return None
        self.state.json = value
        return value


class Route(GuardedRoute):
    """Every operation: who is calling first, then the body, strictly. Its docstring's first line is its summary."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - APIRoute's own
        first, _, rest = inspect.cleandoc(endpoint.__doc__ or "").partition("\n")
        options["summary"] = options.get("summary") or first.rstrip(".")
        options["description"] = options.get("description") or rest.strip() or first
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the guarded handler, reading JSON strictly."""
        handler = super().get_route_handler()
        reads_json = self.body_field is not None

        async def strict(request: Request) -> Response:
            given = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if reads_json and not (given == "application/json" or given.endswith("+json")):
                request.state.malformed = UnsupportedMediaType("Send application/json.")
            return await handler(StrictRequest(request.scope, request.receive))

        return strict


def router(**options: Any) -> APIRouter:  # noqa: ANN401 - APIRouter's own
    """Return a router whose operations are guarded and strict."""
    return APIRouter(route_class=Route, strict_content_type=False, **options)


def create_app(
    service: str,
    *routers: APIRouter,
    about: str,
    bulk: tuple[str, ...] = (),
    faces: tuple[Face, ...] = (),
    measures: tuple[Callable[[], Awaitable[None]], ...] = (),
    needs_worker: bool = False,
) -> FastAPI:
    """Return a service's app.

    `faces` says below which paths refusals look otherwise; `measures` bring the service's own metrics up to date;
    `needs_worker`, that it is not ready while its worker is away.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await db.engine().dispose()

    configure(service, settings().log_level)
    app = FastAPI(
        title=f"Roundtable {service}",
        version="1",
        description=about,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        exception_handlers=HANDLERS,
        redirect_slashes=False,
    )
    for each in routers:
        app.include_router(each)
    app.include_router(_health(service, measures, needs_worker=needs_worker))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Show the operations as a page."""
        return HTMLResponse(
            handbook.page(app.openapi()), headers={"Content-Security-Policy": handbook.CONTENT_SECURITY_POLICY}
        )

    @app.get("/problems/{slug}", include_in_schema=False)
    async def explained(slug: str) -> dict[str, Any]:
        """Explain a refusal: its `type` leads here."""
        problem = Problem.known.get(slug)
        if problem is None:
            raise NotFound
        return {"type": f"/problems/{slug}", "title": problem.title(), "status": int(problem.status)}

    app.state.bulk = frozenset(bulk)
    app.add_middleware(Gate, service=service, bulk=bulk, faces=faces)
    app.openapi = lambda: _document(app, routers, faces)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _health(service: str, measures: Iterable[Callable[[], Awaitable[None]]], *, needs_worker: bool) -> APIRouter:
    routes = router(tags=["operations"])

    @routes.get("/health/live")
    async def live() -> dict[str, str]:
        """Say that the process turns."""
        return {"status": "alive"}

    @routes.get("/health/ready", responses=responses(NotReady))
    async def ready() -> dict[str, Any]:
        """Say whether the service can do its work, and what hinders it."""
        good, checks = await health.readiness(service, needs_worker=needs_worker)
        if not good:
            raise NotReady(checks=checks)
        return {"status": "ready", "checks": checks}

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return Prometheus metrics."""
        try:
            await health.measure(service)
            for measure in measures:
                await measure()
        except (DBAPIError, OSError, PoolTimeout) as problem:
            log.warning("metrics_incomplete", kind=type(problem).__name__)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - Starlette's handlers are typed no closer
    return refusal(request.scope, problem)


async def _replay(_: Request, replay: Exception) -> Response:
    assert isinstance(replay, Replay)  # noqa: S101 - as above
    return replay.answer.response(replayed=True)


async def _http(request: Request, problem: Exception) -> Response:
    """Turn the framework's own refusals into problems, without their words."""
    assert isinstance(problem, HTTPException)  # noqa: S101 - as above
    known: dict[int, type[Problem]] = {
        404: NotFound,
        405: MethodNotAllowed,
        413: BodyTooLarge,
        415: UnsupportedMediaType,
    }
    if problem.status_code in known:
        return refusal(request.scope, known[problem.status_code](headers=problem.headers))
    if problem.status_code == HTTPStatus.BAD_REQUEST:
        return refusal(request.scope, MalformedRequest("The request could not be read."))
    return refusal(request.scope, HttpError(problem.status_code, problem.headers))


async def _invalid(request: Request, problem: Exception) -> Response:
    """Say where a request is wrong and how; never what it said."""
    assert isinstance(problem, RequestValidationError)  # noqa: S101 - as above
    malformed: Problem | None = getattr(request.state, "malformed", None)
    found = malformed or MalformedRequest(errors=[field_error(error) for error in problem.errors()])
    return refusal(request.scope, found)


def field_error(error: Mapping[str, Any], *, skip: int = 1) -> FieldError:
    """Return one of pydantic's errors without its input; the first `skip` parts of its place are the framework's."""
    place, kind = error["loc"], str(error["type"])
    unknown = kind == "extra_forbidden"
    where = pointer(place[skip:], unknown=unknown)
    if skip and place[:1] != ("body",):  # a parameter has a name, not a pointer; a known one's is ours
        where = where.removeprefix("/") if unknown else "/".join(map(str, place[skip:]))
    return FieldError(pointer=where, code=kind, message=OWN_WORDS.get(kind, str(error["msg"])))


async def _database(request: Request, problem: Exception) -> Response:
    """Tell a database that is away or overloaded (nothing happened, try again) from a fault of ours."""
    state = getattr(getattr(problem, "orig", None), "sqlstate", None) or ""
    if db.is_away(problem):
        log.warning("database_unavailable", kind=type(problem).__name__, sqlstate=state)
        return refusal(request.scope, DatabaseUnavailable())
    log.error("database_refused", kind=type(problem).__name__, sqlstate=state)
    return refusal(request.scope, UnexpectedError())


HANDLERS: dict[int | type[Exception], Any] = {
    Problem: _problem,
    Replay: _replay,
    HTTPException: _http,
    RequestValidationError: _invalid,
    DBAPIError: _database,
    PoolTimeout: _database,
    ConnectionError: _database,
    TimeoutError: _database,
    gaierror: _database,
    asyncpg.PostgresError: _database,
    asyncpg.InterfaceError: _database,
}


def _document(app: FastAPI, routers: Iterable[APIRouter], faces: Iterable[Face]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document, its refusals told as the problems they are, in each path's own face."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for face in (USUAL, *faces):
            schemas |= face.schemas()
        for path, operations in document["paths"].items():
            face = face_of(path, faces)
            for operation in operations.values():
                everywhere = [MalformedRequest, BodyTooLarge, Busy, DatabaseUnavailable, UnexpectedError]
                if path not in NO_TOKEN and operation.get("security"):
                    everywhere += [Unauthenticated, ScopeMissing, IssuerUnreachable]
                for status, entry in face.responses(*everywhere).items():
                    given = operation["responses"].get(str(status))
                    if given is None or "HTTPValidationError" in str(given):
                        operation["responses"][str(status)] = entry
                    elif face.media_type in given.get("content", {}):
                        examples = entry["content"][face.media_type]["examples"]
                        given["content"][face.media_type]["examples"].update(examples)
        _put_examples_back(document, routers)
        app.openapi_schema = document
    return app.openapi_schema


def _put_examples_back(document: dict[str, Any], routers: Iterable[APIRouter]) -> None:
    """Give answers' examples as they were written: FastAPI leaves out their nulls, and null is how a figure is suppressed."""
    for route in (route for router in routers for route in router.routes if isinstance(route, Route)):
        for status, given in route.responses.items() if route.include_in_schema else ():
            for media, content in given.get("content", {}).items():
                if "example" in content:
                    for method in route.methods or ():
                        told = document["paths"][route.path][method.lower()]["responses"][str(status)]
                        told["content"][media]["example"] = content["example"]
