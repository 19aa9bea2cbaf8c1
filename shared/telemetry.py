"""Trace context (W3C `traceparent`) from the request, through the outbox, to the projection; and the metrics."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import Counter, Gauge, Histogram

TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")

_trace: ContextVar[str] = ContextVar("trace", default="0" * 32)

REQUESTS = Counter("roundtable_requests_total", "Requests answered.", ["service", "method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "roundtable_request_seconds",
    "Time from a request's first byte to its answer's last, seconds.",
    ["service", "method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
REQUESTS_IN_FLIGHT = Gauge("roundtable_requests_in_flight", "Requests being worked on.", ["service"])
OUTBOX_UNPUBLISHED = Gauge("roundtable_outbox_unpublished", "Events not yet in the stream.", ["service"])
OUTBOX_OLDEST_SECONDS = Gauge(
    "roundtable_outbox_oldest_seconds", "Age of the oldest event not yet in the stream, seconds.", ["service"]
)
DEAD_LETTERS = Gauge("roundtable_dead_letters", "Events set aside because they could not be applied.", ["service"])
CONSUMER_LAG = Gauge("roundtable_consumer_lag", "Events in the stream that this service has not applied.", ["service"])
LAST_FETCH_SECONDS = Gauge(
    "roundtable_consumer_last_fetch_seconds",
    "Time since the consumer last heard from the stream, seconds.",
    ["service"],
)
WORKER_SILENT_SECONDS = Gauge(
    "roundtable_worker_silent_seconds", "Time since the service's worker gave a sign of life, seconds.", ["service"]
)
EVENTS_APPLIED = Gauge("roundtable_events_applied", "Events applied since the service's tables were made.", ["service"])
WEBHOOKS_WAITING = Gauge("roundtable_webhooks_waiting", "Messages to referrers still to be delivered.", ["service"])
WEBHOOKS_OVERDUE_SECONDS = Gauge(
    "roundtable_webhooks_overdue_seconds", "How long the most overdue message to a referrer has been due.", ["service"]
)
WEBHOOKS_GIVEN_UP = Gauge(
    "roundtable_webhooks_given_up", "Messages to referrers given up, as far back as the log is kept.", ["service"]
)
WEBHOOKS_DISABLED = Gauge(
    "roundtable_webhooks_disabled", "Webhooks disabled because their receivers are gone or take nothing.", ["service"]
)


def new_trace() -> str:
    """Return a fresh trace id: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def trace_id() -> str:
    """Return the current trace id, 32 hexadecimal digits (zeros outside a request or message)."""
    return _trace.get()


def traceparent(trace: str = "") -> str:
    """Return a W3C `traceparent` that names this process as parent in a trace, by default the current one."""
    return f"00-{trace or trace_id()}-{secrets.token_hex(8)}-01"


def begin_trace(header: str | None) -> str:
    """Continue the trace named by a `traceparent` header, or begin one; return its id."""
    found = TRACEPARENT.fullmatch(header) if header else None
    trace = found[1] if found else new_trace()
    _trace.set(trace)
    return trace


@contextmanager
def continued_trace(header: str | None) -> Iterator[str]:
    """Work inside the trace named by `header`."""
    before = _trace.get()
    try:
        yield begin_trace(header)
    finally:
        _trace.set(before)
