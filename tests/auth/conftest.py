"""A forge of tokens good and bad, a key server that can fall silent, and a service that trusts it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.issuer import app as issuer_app
from shared.auth import doorkeeper
from shared.settings import settings
from tests.auth.forge import AUDIENCE, ISSUER, Forge
from tests.auth.keyserver import KeyServer
from tests.auth.service import make_app


@pytest.fixture
def forge() -> Forge:
    return Forge()


@pytest.fixture
async def keys(forge: Forge) -> AsyncIterator[KeyServer]:
    """Publish the forge's key on a real port."""
    async with KeyServer(forge.jwks()) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the issuer a folder and an address of its own."""
    for name in ("ROUNDTABLE_JWKS_URL", "ROUNDTABLE_PORT_BASE", "ROUNDTABLE_ISSUER", "ROUNDTABLE_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ROUNDTABLE_HOME", str(tmp_path))
    forget_settings()
    yield tmp_path
    forget_settings()


@pytest.fixture
async def service(keys: KeyServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a few guarded operations that trust the forge's key server."""
    monkeypatch.setenv("ROUNDTABLE_JWKS_URL", keys.url)
    monkeypatch.setenv("ROUNDTABLE_ISSUER", ISSUER)
    monkeypatch.setenv("ROUNDTABLE_AUDIENCE", AUDIENCE)
    forget_settings()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app()), base_url="http://service") as client:
        yield client
    forget_settings()


@pytest.fixture
async def issuer(home: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Run the issuer in this process, with its folder at `home`."""
    del home
    async with (
        issuer_app.router.lifespan_context(issuer_app),
        httpx.AsyncClient(transport=httpx.ASGITransport(issuer_app), base_url="http://issuer") as client,
    ):
        yield client


def forget_settings() -> None:
    settings.cache_clear()
    doorkeeper.cache_clear()
