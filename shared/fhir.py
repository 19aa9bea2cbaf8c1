"""The face of FHIR doors: refusals as OperationOutcome with the NHS http-error-codes, and the sender's ids on every answer."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from shared.auth import SiteRequired
from shared.faces import Face
from shared.problems import MalformedRequest, Problem
from shared.telemetry import trace_id

MEDIA_TYPE = "application/fhir+json"
PROFILE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-OperationOutcome"
ERROR_CODES = "https://fhir.nhs.uk/Codesystem/http-error-codes"
ECHOED = ("X-Request-Id", "X-Correlation-Id")
TOKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")  # what of a header may be sent back, valid as an id or not


class Row(NamedTuple):
    """A row of the table of errors: what a refusal is over HTTP and in FHIR."""

    status: int
    code: str
    issue: str


# By what a refusal says over HTTP; a refusal with an `issue` of its own has that instead of the last column.
BY_STATUS = {
    row.status: row
    for row in (
        Row(400, "REC_BAD_REQUEST", "invalid"),
        Row(401, "REC_UNAUTHORIZED", "security"),
        Row(403, "REC_FORBIDDEN", "forbidden"),
        Row(404, "REC_NOT_FOUND", "not-found"),
        Row(405, "REC_METHOD_NOT_ALLOWED", "not-supported"),
        Row(406, "REC_NOT_ACCEPTABLE", "processing"),
        Row(408, "REC_TIMEOUT", "timeout"),
        Row(409, "REC_CONFLICT", "conflict"),
        Row(410, "REC_NOT_FOUND", "deleted"),
        Row(413, "REC_UNPROCESSABLE_ENTITY", "too-costly"),
        Row(415, "REC_UNSUPPORTED_MEDIA_TYPE", "not-supported"),
        Row(422, "REC_UNPROCESSABLE_ENTITY", "processing"),
        Row(425, "REC_TOO_EARLY", "duplicate"),
        Row(429, "REC_TOO_MANY_REQUESTS", "throttled"),
        Row(500, "REC_SERVER_ERROR", "exception"),
        Row(501, "REC_NOT_IMPLEMENTED", "not-supported"),
        Row(503, "REC_UNAVAILABLE", "transient"),
    )
}
# Our own refusals whose status means something else in the table.
OTHERWISE: dict[type[Problem], Row] = {
    MalformedRequest: Row(400, "REC_BAD_REQUEST", "value"),
    SiteRequired: Row(400, "REC_BAD_REQUEST", "required"),
}


class Coding(BaseModel):
    """A code of a code system."""

    system: str
    code: str


class Details(BaseModel):
    """Which of the NHS's error codes this is."""

    coding: list[Coding]


class Issue(BaseModel):
    """One thing that is wrong; `diagnostics` never repeats what was sent."""

    severity: Literal["error"] = "error"
    code: str
    details: Details
    diagnostics: str


class Meta(BaseModel):
    """Which profile this follows."""

    profile: list[str] = [PROFILE]


class OperationOutcome(BaseModel):
    """A refusal of a FHIR door; its `id` is the trace id, which finds it in our logs."""

    resourceType: Literal["OperationOutcome"] = "OperationOutcome"  # noqa: N815 - FHIR's own name
    id: str
    meta: Meta = Meta()
    issue: list[Issue] = Field(min_length=1)


class FhirFace(Face):
    """Below `/FHIR/`: OperationOutcome, and both X- ids as they came."""

    below = "/FHIR/"
    media_type = MEDIA_TYPE
    shape = "OperationOutcome"

    def refusal(self, problem: Problem) -> Response:
        """Return a problem as OperationOutcome, with the status that the table gives it."""
        row = row_of(type(problem), problem.status)
        said = [error.message for error in problem.errors] or [problem.detail or problem.title()]
        content = _outcome(row, said, trace_id()).model_dump()
        return JSONResponse(content, row.status, problem.headers, MEDIA_TYPE)

    def echoed(self, headers: Headers) -> Mapping[str, str]:
        """Return the sender's ids of request and conversation, when they are such that they may be sent back."""
        return {name: given for name in ECHOED if (given := headers.get(name)) and TOKEN.fullmatch(given)}

    def responses(self, *refusals: type[Problem]) -> dict[int | str, dict[str, Any]]:
        """Return the OpenAPI `responses` for these refusals; those of one status share an entry."""
        described: dict[int | str, dict[str, Any]] = {}
        for refusal in refusals:
            row = row_of(refusal, refusal.status)
            shape = {"$ref": f"#/components/schemas/{self.shape}"}
            entry = described.setdefault(
                row.status, {"description": "", "content": {MEDIA_TYPE: {"schema": shape, "examples": {}}}}
            )
            entry["description"] = "; ".join(filter(None, [entry["description"], refusal.title()]))
            example = _outcome(row, [refusal.title()], "4bf92f3577b34da6a3ce929d0e0e4736").model_dump()
            entry["content"][MEDIA_TYPE]["examples"][refusal.slug()] = {"value": example}
        return described

    def schemas(self) -> dict[str, Any]:
        """Return the OpenAPI schema of OperationOutcome."""
        shape = OperationOutcome.model_json_schema(ref_template="#/components/schemas/{model}")
        return {**shape.pop("$defs", {}), self.shape: shape}


FHIR = FhirFace()


def row_of(refusal: type[Problem], status: int) -> Row:
    """Return a refusal's row: its own issue when it names one, the table's otherwise."""
    row = OTHERWISE.get(refusal) or BY_STATUS.get(status)
    if row is None:
        client = status < HTTPStatus.INTERNAL_SERVER_ERROR
        row = Row(status, "REC_BAD_REQUEST" if client else "REC_SERVER_ERROR", "processing" if client else "exception")
    issue: str = getattr(refusal, "issue", row.issue)
    return row._replace(issue=issue)


def _outcome(row: Row, said: Sequence[str], trace: str) -> OperationOutcome:
    details = Details(coding=[Coding(system=ERROR_CODES, code=row.code)])
    return OperationOutcome(
        id=trace, issue=[Issue(code=row.issue, details=details, diagnostics=words) for words in said]
    )
