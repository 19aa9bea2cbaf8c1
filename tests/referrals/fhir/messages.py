"""Messages to send through the FHIR door, and what is asked of every answer."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import httpx

from services.referrals.fhir.examples import MESSAGE

PROCESS = "/FHIR/R4/$process-message"
WRITE = "referrals:write"
ALL = "referrals:write referrals:read people:read people:write"
FHIR_JSON = "application/fhir+json"
ERROR_CODES = "https://fhir.nhs.uk/Codesystem/http-error-codes"

Bundle = dict[str, Any]


def ids(**changes: str) -> dict[str, str]:
    """Return the headers every message needs, unlike any other's."""
    given = {"X-Request-Id": str(uuid4()), "X-Correlation-Id": str(uuid4()), "Content-Type": FHIR_JSON}
    return given | {name.replace("_", "-"): value for name, value in changes.items()}


def part(bundle: Bundle, kind: str) -> dict[str, Any]:
    """Return the first resource of a kind."""
    found: dict[str, Any] = next(
        each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == kind
    )
    return found


def a_message(
    *, status: str = "active", reason: str = "new", category: str = "referral", source_id: str | None = None
) -> Bundle:
    """Return a message that is accepted, about a referral unlike any other."""
    bundle = deepcopy(MESSAGE)
    request = part(bundle, "ServiceRequest")
    request["status"] = status
    request["category"][0]["coding"][0]["code"] = category
    request["identifier"][0]["value"] = source_id or f"R-{uuid4()}"
    part(bundle, "MessageHeader")["reason"]["coding"][0]["code"] = reason
    return bundle


def later(bundle: Bundle, *, status: str = "active", referral_id: str | None = None) -> Bundle:
    """Return a later message about the same referral, named by our id or by the sender's identifier."""
    again = deepcopy(bundle)
    part(again, "MessageHeader")["reason"]["coding"][0]["code"] = "update"
    request = part(again, "ServiceRequest")
    request["status"] = status
    if referral_id is not None:
        request["id"] = referral_id
        del request["identifier"]
    return again


async def send(caller: httpx.AsyncClient, bundle: object, **headers: str) -> httpx.Response:
    """Send a message with ids of its own; whatever is answered, they come back."""
    given = ids(**headers)
    content = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
    answer = await caller.post(PROCESS, content=content, headers=given)
    assert answer.headers["X-Request-Id"] == given["X-Request-Id"]
    assert answer.headers["X-Correlation-Id"] == given["X-Correlation-Id"]
    assert answer.headers["Content-Type"] == FHIR_JSON
    return answer


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """Return what a refusal says: its status, the NHS's code and FHIR's; it must be an OperationOutcome."""
    body = answer.json()
    assert answer.headers["Content-Type"] == FHIR_JSON, answer.text
    assert body["resourceType"] == "OperationOutcome", answer.text
    for issue in body["issue"]:
        assert issue["severity"] == "error"
        assert issue["diagnostics"]
        assert issue["details"]["coding"][0]["system"] == ERROR_CODES
    issue = body["issue"][0]
    return answer.status_code, issue["details"]["coding"][0]["code"], issue["code"]


def taken(answer: httpx.Response) -> tuple[str, str]:
    """Return our ids of the referral and the person that a message led to."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return part(body, "ServiceRequest")["id"], part(body, "Patient")["id"]


async def read_back(caller: httpx.AsyncClient, referral_id: str) -> dict[str, Any]:
    """Return a referral as the native door shows it, what was not recorded left out."""
    answer = await caller.get(f"/v1/referrals/{referral_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    found["person"] = {name: value for name, value in found["person"].items() if value is not None}
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside a JSON value."""
    if path:
        yield path
    parts: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in parts:
        yield from places(inner, (*path, name))


def put(value: Any) -> Callable[[Any, Any], None]:
    """Return a change that puts a value in a place."""

    def change(holder: Any, name: Any) -> None:
        holder[name] = value

    return change


def altered(bundle: Bundle, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Bundle:
    """Return a copy in which one place was changed."""
    copy = deepcopy(bundle)
    holder: Any = copy
    for name in path[:-1]:
        holder = holder[name]
    change(holder, path[-1])
    return copy
