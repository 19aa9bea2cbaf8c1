"""What a directory holds, service by service: from a feed, a JSON file, or a package of CSV files."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from deploy import CannotRunError
from deploy.open_referral.tables import package
from shared import strict_json

PER_PAGE = 100
PATIENCE = 20  # times that a feed may ask us to wait
LARGEST = 256 * 1024 * 1024  # bytes of a JSON file

Found = tuple[str, Any]  # where it was found, and what was found there


class SourceError(CannotRunError):
    """A directory cannot be read; the message says why."""


async def services(source: str, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    """Yield a source's services, each with all that belongs to it, and where each was found."""
    if source.startswith(("http://", "https://")):
        async for found in _from_feed(source.rstrip("/"), client):
            yield found
        return
    for each in _from_disk(Path(source)):
        yield each


def _from_disk(path: Path) -> Iterator[Found]:
    try:
        yield from package(path) if path.is_dir() or path.suffix.lower() == ".zip" else _from_file(path)
    except OSError as problem:
        raise SourceError(f"{path} cannot be read: {problem.strerror}.") from None


async def _from_feed(address: str, client: httpx.AsyncClient) -> AsyncIterator[Found]:
    about = await _asked(client, f"{address}/", {})
    version = str(about.get("version", "")) if isinstance(about, dict) else ""
    if not version.removeprefix("HSDS-UK-").removeprefix("V").startswith("3"):
        raise SourceError(f"{address} is not a feed of Open Referral 3: it does not say so.")
    number, pages = 1, 1
    while number <= pages:
        page = await _asked(client, f"{address}/services", {"page": number, "per_page": PER_PAGE})
        if not isinstance(page, dict) or not isinstance(page.get("contents"), list):
            raise SourceError(f"Page {number} of {address}/services is not a page.")
        for each in page["contents"]:
            name = each.get("id") if isinstance(each, dict) else None
            where = f"services/{name}"
            whole = await _asked(client, f"{address}/{where}", {}, missing=True) if name else None
            yield where, each if whole is None else whole
        number, pages = number + 1, page.get("total_pages") or 0


async def _asked(client: httpx.AsyncClient, address: str, asked: dict[str, Any], *, missing: bool = False) -> Any:  # noqa: ANN401 - any JSON
    """Return what a feed answers, as slowly as it wants; None for what it has not, if that may be."""
    for _ in range(PATIENCE):
        answer = await client.get(address, params=asked, headers={"Accept": "application/json"})
        if answer.status_code not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            break
        wait = answer.headers.get("retry-after", "1")
        await asyncio.sleep(min(60, int(wait)) if wait.isdecimal() else 1)
    if missing and answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    if answer.status_code != HTTPStatus.OK:
        raise SourceError(f"{address} answered {answer.status_code}.")
    try:
        return strict_json.loads(answer.content)
    except strict_json.BadJson as problem:
        raise SourceError(f"{address}: {problem}.") from None


def _from_file(path: Path) -> Iterator[Found]:
    if path.stat().st_size > LARGEST:
        raise SourceError(f"{path} is larger than {LARGEST >> 20} MB; import its CSV package, or the feed itself.")
    content = path.read_bytes()
    lines = content.splitlines() if path.suffix.lower() in {".ndjson", ".jsonl"} else [content]
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                value = strict_json.loads(line)
            except strict_json.BadJson as problem:
                raise SourceError(f"{path}, line {number}: {problem}.") from None
            for place, each in enumerate(_in(value)):
                yield f"line {number}" if len(lines) > 1 else f"[{place}]", each


def _in(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Yield the services in a JSON value: a list, a page, an organisation, a service at a place, or a service itself."""
    if isinstance(value, list):
        for each in value:
            yield from _in(each)
    elif not isinstance(value, dict):
        yield value
    elif isinstance(value.get("contents"), list):
        yield from _in(value["contents"])
    elif isinstance(value.get("services"), list):
        organization = {name: part for name, part in value.items() if name != "services"}
        for each in value["services"]:
            yield {"organization": organization} | each if isinstance(each, dict) else each
    elif isinstance(value.get("service"), dict):
        at_location = {name: part for name, part in value.items() if name not in {"service", "name", "status"}}
        yield {**value["service"], "service_at_locations": [at_location]}
    else:
        yield value


def written(found: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON in one line."""
    return json.dumps(found, ensure_ascii=False, default=str)
