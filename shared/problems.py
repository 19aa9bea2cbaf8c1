"""Refusals: every non-2xx answer is `application/problem+json` (RFC 9457) and never repeats the input."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from shared.telemetry import trace_id

MEDIA_TYPE = "application/problem+json"
NAME = re.compile(
    r"[a-z](?:[A-Za-z_]|(?<!\d)\d{1,3}(?!\d)){0,39}"
)  # phq9_1, birthDate; never somebody's number or name
UNKNOWN_NAME = re.compile(r"[a-z_]{1,40}")


class FieldError(BaseModel):
    """Where a body is wrong, and how, without what it said."""

    pointer: str = Field(description="JSON pointer into the body, or the name of a parameter.")
    code: str
    message: str


class ProblemBody(BaseModel):
    """The shape of every refusal."""

    type: str = Field(examples=["/problems/referral-differs"])
    title: str
    status: int
    detail: str | None = None
    trace_id: str
    errors: list[FieldError] | None = None


class Problem(Exception):
    """Something is not possible as asked."""

    status: HTTPStatus = HTTPStatus.INTERNAL_SERVER_ERROR
    known: ClassVar[dict[str, type["Problem"]]] = {}

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extensions: Any,  # noqa: ANN401 - RFC 9457 lets a problem carry any JSON
    ) -> None:
        super().__init__(self.slug())
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extensions = extensions

    def __init_subclass__(cls) -> None:
        """Register the refusal, so that it is documented."""
        super().__init_subclass__()
        Problem.known[cls.slug()] = cls

    @classmethod
    def slug(cls) -> str:
        """Return the last part of the problem's `type`: the class name in kebab case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        body: dict[str, Any] = {"type": f"/problems/{self.slug()}", "title": self.title(), "status": int(self.status)}
        if self.detail:
            body["detail"] = self.detail
        body["trace_id"] = trace_id()
        if self.errors:
            body["errors"] = [error.model_dump() for error in self.errors]
        return body | self.extensions

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self.body(), status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE)


class MalformedRequest(Problem):
    """The request is not of the documented form."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class NotFound(Problem):
    """There is nothing here for you."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(Problem):
    """This address does not take that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class BodyTooLarge(Problem):
    """The body is larger than this address accepts."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(Problem):
    """The body is not in a form this address reads."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Busy(Problem):
    """Too much is being asked at once; nothing happened, try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class DatabaseUnavailable(Problem):
    """The database does not answer; try again with the same Idempotency-Key."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class NotReady(Problem):
    """This process cannot do its work yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnexpectedError(Problem):
    """Something went wrong on our side; the trace id finds it in our logs."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class HttpError(Problem):
    """The request was refused."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(headers=headers)
        self.status = HTTPStatus(status)


class PreconditionRequired(Problem):
    """Send If-Match with the ETag you hold, so that nobody's change is lost."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class PreconditionFailed(Problem):
    """Somebody changed this since you read it."""

    status = HTTPStatus.PRECONDITION_FAILED


def pointer(location: Sequence[str | int], *, unknown: bool = False) -> str:
    """Return a JSON pointer; a name that does not look like a field's is not repeated, least of all an `unknown` one."""
    *path, last = [str(part) if isinstance(part, int) or NAME.fullmatch(part) else "*" for part in location] or [""]
    return "/" + "/".join([*path, last if not unknown or UNKNOWN_NAME.fullmatch(last) else "*"])


def responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` for these refusals; those of one status share an entry."""
    described: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        entry = described.setdefault(
            int(problem.status),
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        entry["description"] = "; ".join(filter(None, [entry["description"], problem.title()]))
        entry["content"][MEDIA_TYPE]["examples"][problem.slug()] = {
            "value": {
                "type": f"/problems/{problem.slug()}",
                "title": problem.title(),
                "status": int(problem.status),
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            }
        }
    return described
