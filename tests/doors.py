"""A door into each service's real app, with real tokens that the app really verifies, on a real database."""

import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.sites.open_referral.pace import pace
from shared import db
from shared.auth import doorkeeper
from shared.crypto import keyring
from shared.settings import settings
from tests.auth.forge import AUDIENCE, ISSUER, Forge
from tests.auth.keyserver import KeyServer
from tests.databases import Database


class Door:
    """One service's app, called in this process."""

    def __init__(self, service: str, forge: Forge) -> None:
        self.forge = forge
        self.app: Any = import_module(f"services.{service}.app").app

    def token(self, scope: str, *, client: str = "iaptus", sites: Iterable[UUID] | None = None) -> str:
        """Return a token of these scopes; `sites` None means all."""
        limited = None if sites is None else [str(site) for site in sites]
        return self.forge.token(scope=scope, sub=client, client_id=client, sites=limited)

    def caller(
        self, scope: str = "", *, client: str = "iaptus", sites: Iterable[UUID] | None = None
    ) -> httpx.AsyncClient:
        """Return an HTTP client with a token of these scopes; with no scope, without a token."""
        headers = {"Authorization": f"Bearer {self.token(scope, client=client, sites=sites)}"} if scope else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


def key_file(folder: Path) -> Path:
    """Write a key file such as `roundtable up` makes."""

    def key() -> str:
        return b64encode(secrets.token_bytes(32)).decode()

    path = folder / "referrals.json"
    path.write_text(json.dumps({"kek": {"1": key()}, "current": "1", "blind_index": key(), "pseudonym": key()}))
    return path


@asynccontextmanager
async def open_door(
    service: str, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Door]:
    """Open a service's door on a test's database, as the service's own role."""
    forge = Forge()
    async with KeyServer(forge.jwks()) as keys:
        for name, value in {
            "DATABASE_URL": database.dsn(service),
            "JWKS_URL": keys.url,
            "ISSUER": ISSUER,
            "AUDIENCE": AUDIENCE,
            "KEY_FILE": str(key_file(folder)),
        }.items():
            monkeypatch.setenv(f"ROUNDTABLE_{name}", value)
        forget()
        yield Door(service, forge)
        await db.engine().dispose()
    forget()


def forget() -> None:
    """Forget what this process read from the environment."""
    for remembered in (settings, doorkeeper, keyring, db.engine, db.session_maker, pace):
        remembered.cache_clear()
