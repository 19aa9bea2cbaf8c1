"""Referrals posted through the public bulk address, as any sender would: in chunks, patiently, with a bar."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

from deploy import PORT_OFFSETS
from shared.settings import settings

LINES = 500  # referrals in one request


class ImportFailed(Exception):
    """Why an import ended early, in a sentence."""


def url(service: str) -> str:
    """Return the address of a service on this machine."""
    return f"http://127.0.0.1:{settings().port_base + PORT_OFFSETS[service]}"


def progress(console: Console, *, count: ProgressColumn | None = None) -> Progress:
    """Return a bar that shows how far it is, in how much time."""
    columns = (TextColumn("{task.description}"), BarColumn(), count or MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


class Bulk:
    """The bulk address of a referrals service."""

    def __init__(self, client: httpx.AsyncClient, address: str, *, dry_run: bool = False) -> None:
        self._client = client
        self._alive = f"{address}/health/live"
        self._bulk = f"{address}/v1/referrals/bulk" + ("?dry_run=true" if dry_run else "")

    async def post(self, referrals: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Post one chunk; a service that is away for a moment is asked again, since sending twice is safe."""
        body = "\n".join(map(json.dumps, referrals)).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        for attempt in range(60):
            try:
                answer = await self._client.post(self._bulk, content=body, headers=headers)
            except httpx.TransportError:
                if attempt == 0:
                    await self._client.get(self._alive)  # not there at all: say so at once
            else:
                if answer.status_code == httpx.codes.OK:
                    told: dict[str, Any] = answer.json()
                    return told
                if answer.status_code not in {429, 503}:
                    raise ImportFailed(f"The referrals service answered {answer.status_code}: {answer.text}")
            await asyncio.sleep(0.5)
        raise ImportFailed("The referrals service did not take the referrals within half a minute.")
