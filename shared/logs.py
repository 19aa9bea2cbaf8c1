"""Logs: one JSON object a line, static event names, data as keys, never a local variable or a request's content."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.telemetry import trace_id


def _trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's shape
    """Name the request or message that a line belongs to."""
    line["trace_id"] = trace_id()
    return line


def _only_class(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's shape
    """Say an exception by its class and where it was raised; its words may repeat somebody's data."""
    problem = line.pop("exc_info", None)
    if problem is True:
        problem = sys.exc_info()
    if isinstance(problem, tuple):
        problem = problem[1]
    if isinstance(problem, BaseException):
        line["error"] = type(problem).__name__
        steps, frame = [], problem.__traceback__
        while frame is not None:
            steps.append(f"{frame.tb_frame.f_code.co_filename.rsplit('/', 3)[-1]}:{frame.tb_lineno}")
            frame = frame.tb_next
        line["at"] = " ".join(steps[-6:])
    return line


def configure(service: str, level: str = "INFO") -> None:
    """Send every log line of this process, ours and libraries', to stdout as JSON."""
    chain: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _trace,
        _only_class,
    ]
    structlog.configure(
        processors=[*chain, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*chain, _library_line],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _library_line(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's shape
    """Keep only which library spoke and where: what libraries say may quote what they were given."""
    record = line.get("_record")
    line["library"] = getattr(record, "name", "")
    line["event"] = "library_line" if record is not None and record.args else str(line.get("event", ""))[:200]
    return line
