"""What the FHIR door refuses, row by row of the table of errors; how they look is `shared.fhir`'s matter."""

from http import HTTPStatus
from typing import ClassVar

from shared.problems import Problem


class HeaderMissing(Problem):
    """X-Request-Id and X-Correlation-Id are required."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "required"


class HeaderInvalid(Problem):
    """X-Request-Id and X-Correlation-Id must be UUIDs."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "invalid"


class MessageMalformed(Problem):
    """The body is not a FHIR message in JSON."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "invalid"


class PartMissing(Problem):
    """The message lacks a part that cannot be done without."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "required"


class WorkflowUnknown(Problem):
    """Event, reason, category and statuses do not form a workflow that is known here."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "invariant"


class ValueRefused(Problem):
    """A value of the message cannot be what it says it is."""

    status = HTTPStatus.BAD_REQUEST
    issue: ClassVar[str] = "value"


class NotAcceptable(Problem):
    """This door answers in FHIR JSON, version 1 of the message definitions."""

    status = HTTPStatus.NOT_ACCEPTABLE


class TookTooLong(Problem):
    """This took longer than a sender waits; nothing happened, try again."""

    status = HTTPStatus.REQUEST_TIMEOUT


class AlreadyProcessed(Problem):
    """A message with this X-Request-Id has already been processed."""

    status = HTTPStatus.CONFLICT
    issue: ClassVar[str] = "duplicate"


class ChangedSince(Problem):
    """The referral was changed here since the version that this message knows."""

    status = HTTPStatus.CONFLICT


class SomebodyElse(Problem):
    """The referral is about somebody with another NHS number."""

    status = HTTPStatus.CONFLICT


class VersionUnsupported(Problem):
    """This version of the message definitions is not read here."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    issue: ClassVar[str] = "not-supported"


class TooCostly(Problem):
    """The message has more parts, or deeper ones, than are read here."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    issue: ClassVar[str] = "too-costly"


class StillRunning(Problem):
    """A message with this X-Request-Id is still being worked on."""

    status = HTTPStatus.TOO_EARLY
    issue: ClassVar[str] = "duplicate"


class NotOffered(Problem):
    """This is a workflow that is not offered here."""

    status = HTTPStatus.NOT_IMPLEMENTED
