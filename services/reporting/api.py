"""How callers ask for figures. What leaves here has passed `disclosure`; nothing here can read an exact count."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic_core import to_json

from services.reporting import exports, queries
from services.reporting.breakdowns import DIMENSIONS, MOST, PUBLISHED, refusal
from services.reporting.dimensions import Dimension, Register
from services.reporting.domain.periods import Interval, Period, PeriodRefused, periods
from services.reporting.engine import NoRateSet, Standing, TableTooLarge, standing
from services.reporting.examples import (
    BREAKDOWNS,
    CATALOGUE,
    CATALOGUE_ENTRY,
    COMPLETENESS,
    COMPLETENESS_CSV,
    REPORT,
    REPORT_CSV,
)
from services.reporting.guards import Reader, known_parameters
from services.reporting.measures import MEASURES
from services.reporting.measures.measure import Measure
from services.reporting.queries import View, view
from services.reporting.schemas import (
    Breakdowns,
    BreakdownShown,
    CatalogueEntry,
    Completeness,
    CompletenessQuery,
    Filters,
    Profile,
    Report,
    ReportQuery,
)
from services.reporting.selects import Question
from services.reporting.web.landing import CONTENT_SECURITY_POLICY, landing_page
from shared.app import router
from shared.auth import Caller, needs
from shared.db import Snapshot
from shared.paging import Page
from shared.problems import FieldError, MalformedRequest, NotFound, responses
from shared.settings import settings

api = router(tags=["reporting"])

PublishedReader = Annotated[Caller, needs("reports:read")]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=1000,
        description="The ETag you hold; 304 when nothing has changed.",
        examples=['"3f2a"'],
    ),
]
CSV = "text/csv; charset=utf-8"
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed since the ETag you hold."}}
ETAG = {
    "ETag": {
        "description": "Of published tables; send it as If-None-Match.",
        "schema": {"type": "string", "examples": ['"3f2a"']},
    }
}
MANY = 200  # groups; longer breakdowns are listed at their own address


def told(example: object, table: str | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of an answer, with an example of each form it has."""
    content: dict[str, Any] = {"application/json": {"example": example}}
    if table is not None:
        content["text/csv"] = {"schema": {"type": "string"}, "example": table}
    return {200: {"content": content, "headers": ETAG}}


async def known_measure(measure_id: str) -> Measure:
    """Return the measure of that id; raises `NotFound`."""
    if (measure := MEASURES.get(measure_id)) is None:
        raise NotFound("There is no such measure. GET /v1/measures lists them.")
    return measure


KnownMeasure = Annotated[Measure, Depends(known_measure)]


@api.get("/", response_class=HTMLResponse, include_in_schema=False)
async def landing() -> HTMLResponse:
    """Say what this is and where to go on; no figures."""
    return HTMLResponse(
        landing_page(), headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    )


@api.get(
    "/v1/measures",
    response_model=Page[CatalogueEntry],
    responses=told(CATALOGUE) | UNCHANGED,
)
async def list_measures(_: PublishedReader, if_none_match: IfNoneMatch = None) -> Response:
    """List the catalogue: what every measure counts, and of what."""
    items = [queries.catalogue_entry(measure) for measure in MEASURES.values()]
    return _document({"items": items, "next": None}, if_none_match)


@api.get(
    "/v1/measures/{measure_id}",
    response_model=CatalogueEntry,
    responses=told(CATALOGUE_ENTRY) | UNCHANGED | responses(NotFound),
)
async def read_measure(_: PublishedReader, measure: KnownMeasure, if_none_match: IfNoneMatch = None) -> Response:
    """Read one measure's definition."""
    return _document(queries.catalogue_entry(measure), if_none_match)


@api.get("/v1/breakdowns", response_model=Breakdowns, responses=told(BREAKDOWNS) | UNCHANGED)
async def list_breakdowns(_: PublishedReader, session: Snapshot, if_none_match: IfNoneMatch = None) -> Response:
    """List every breakdown with its groups and codes, and which may stand together."""
    register = await queries.whole_register(session)
    allowed = {
        "published": {"alone": PUBLISHED.alone, "pairs": PUBLISHED.pairs, "triples": PUBLISHED.triples},
        "exact": {"at_most": MOST},
    }
    shown = [_shown_breakdown(dimension, register) for dimension in DIMENSIONS.values()]
    return _document({"dimensions": shown, "allowed": allowed}, if_none_match)


@api.get(
    "/v1/breakdowns/{breakdown_id}",
    response_model=BreakdownShown,
    responses=told(BREAKDOWNS["dimensions"][0]) | UNCHANGED | responses(NotFound),
)
async def read_breakdown(
    breakdown_id: str, _: PublishedReader, session: Snapshot, if_none_match: IfNoneMatch = None
) -> Response:
    """Read one breakdown with all of its groups."""
    if (dimension := DIMENSIONS.get(breakdown_id)) is None:
        raise NotFound("There is no such breakdown. GET /v1/breakdowns lists them.")
    register = await queries.whole_register(session)
    return _document(_shown_breakdown(dimension, register, at_most=None), if_none_match)


@api.get(
    "/v1/reports/{measure_id}",
    response_model=Report,
    responses=told(REPORT, REPORT_CSV) | UNCHANGED | responses(NotFound, TableTooLarge, NoRateSet),
    dependencies=[Depends(known_parameters(ReportQuery))],
)
async def read_report(
    request: Request,
    caller: Reader,
    measure: KnownMeasure,
    query: Annotated[ReportQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return one table: a measure over months, quarters or years, split by breakdowns.

    Published figures are rounded to 5 and those below 5 are suppressed; they are the same for every caller. Exact ones are
    audited, and for a caller limited to sites they are those of their sites only.
    """
    by = [name.strip() for name in query.by.split(",")] if query.by else []
    _allow(by, query, query.profile, measure)
    wanted = Question(
        measure,
        _periods(query.from_, query.to, query.interval),
        queries.dimensions(by, measure),
        *_limits(caller, query),
    )
    shape = f"by={','.join(by)} interval={query.interval} filters={','.join(query.dimensions())}"
    async with view(request, caller, query.profile, measure.id, shape) as seen:
        stands = await standing(seen.session, measure, wanted.periods)
        tag = _tag(request, stands)
        if _unchanged(seen, tag, if_none_match):
            return _not_modified(tag)
        body = await queries.report(seen, wanted, stands)
    if query.format == "csv":
        name = exports.filename(measure.id, query.from_, query.to, by, query.profile)
        return _file(exports.report_csv(body, by), name, seen, tag)
    return _answer(body, seen, tag)


@api.get(
    "/v1/completeness",
    response_model=Completeness,
    responses=told(COMPLETENESS, COMPLETENESS_CSV) | UNCHANGED | responses(TableTooLarge),
    dependencies=[Depends(known_parameters(CompletenessQuery))],
)
async def read_completeness(
    request: Request,
    caller: Reader,
    query: Annotated[CompletenessQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return, for every field, how often it is valid, not stated, not known and missing among the referrals received."""
    by = [query.by] if query.by else []
    measure = queries.BASE
    wanted = Question(
        measure, _periods(query.from_, query.to, "total"), queries.dimensions(by, measure), *_limits(caller, query)
    )
    async with view(request, caller, query.profile, "completeness", f"by={','.join(by)}") as seen:
        stands = await standing(seen.session, measure, wanted.periods)
        tag = _tag(request, stands)
        if _unchanged(seen, tag, if_none_match):
            return _not_modified(tag)
        body = await queries.completeness(seen, wanted, stands)
    if query.format == "csv":
        name = exports.filename("completeness", query.from_, query.to, by, query.profile)
        return _file(exports.completeness_csv(body, by), name, seen, tag)
    return _answer(body, seen, tag)


def _allow(by: Sequence[str], filters: Filters, profile: Profile, measure: Measure) -> None:
    if (reason := refusal(by, filters.dimensions(), profile, measure)) is not None:
        raise _wrong("by", "breakdown_not_allowed", reason)


def _periods(first: str, last: str, interval: Interval) -> tuple[Period, ...]:
    try:
        return periods(first, last, interval)
    except PeriodRefused as problem:
        raise _wrong(problem.parameter, "period", str(problem)) from None


def _limits(caller: Caller, query: ReportQuery | CompletenessQuery) -> tuple[Filters, frozenset[UUID] | None]:
    """Return the filters, and the sites an exact reading is limited to: published tables are the same for everyone."""
    filters = query if isinstance(query, Filters) else Filters()
    if query.profile == "published":
        return filters, None
    if filters.site_id is not None and not caller.may_see(filters.site_id):
        raise NotFound
    return filters, caller.sites


def _wrong(parameter: str, code: str, message: str) -> MalformedRequest:
    return MalformedRequest(errors=[FieldError(pointer=parameter, code=code, message=message)])


def _shown_breakdown(dimension: Dimension, register: Register, at_most: int | None = MANY) -> dict[str, Any]:
    groups = dimension.groups(None, register)
    many = at_most is not None and len(groups) > at_most
    profiles: Iterable[str] = ("exact",) if dimension.exact_only else ("published", "exact")
    return {
        "id": dimension.id,
        "title": dimension.title,
        "about": dimension.about,
        "open": dimension.open,
        "multiple": dimension.multiple,
        "profiles": list(profiles),
        "groups": [
            {"label": group.label, "codes": group.codes, "valid_from": group.valid_from, "valid_to": group.valid_to}
            for group in groups
            if not many
        ],
        "more": f"/v1/breakdowns/{dimension.id}" if many else None,
    }


def _tag(request: Request, stands: Standing) -> str:
    """Return what changes when a published table may have changed: the question, the facts, what is set here, the code."""
    question = (request.url.path, *sorted(request.query_params.multi_items()))
    set_here = settings().suppress_below, settings().hour_rate_pence
    return _etag(repr((question, stands.events, stands.at.isoformat(), set_here, version("roundtable"))))


def _etag(content: str | bytes) -> str:
    return f'"{sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:32]}"'


def _matches(tag: str, if_none_match: str | None) -> bool:
    """Compare weakly, as RFC 9110 has it for If-None-Match."""
    held = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return "*" in held or tag in held


def _unchanged(seen: View, tag: str, if_none_match: str | None) -> bool:
    return seen.permit is None and _matches(tag, if_none_match)


def _not_modified(tag: str) -> Response:
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag, "Cache-Control": "private, no-cache"})


def _headers(seen: View, tag: str) -> dict[str, str]:
    """Return how a table may be kept: published ones by the caller, asking each time; exact ones not at all."""
    return {"Cache-Control": "no-store"} if seen.permit else {"Cache-Control": "private, no-cache", "ETag": tag}


def _answer(body: dict[str, Any], seen: View, tag: str) -> Response:
    return Response(to_json(body), media_type="application/json", headers=_headers(seen, tag))


def _file(table: str, name: str, seen: View, tag: str) -> Response:
    headers = _headers(seen, tag) | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(table, media_type=CSV, headers=headers)


def _document(body: dict[str, Any], if_none_match: str | None) -> Response:
    """Answer with what changes only with the code or the register."""
    content = to_json(body)
    tag = _etag(content)
    if _matches(tag, if_none_match):
        return _not_modified(tag)
    return Response(content, media_type="application/json", headers={"Cache-Control": "private, no-cache", "ETag": tag})
