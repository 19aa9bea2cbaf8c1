"""The commands print what a script needs and nothing else."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
import typer
import uvicorn
from typer.testing import CliRunner

from deploy import cli_tokens
from deploy.issuer import app as issuer_app
from shared.auth import doorkeeper
from tests.auth.asking import ISSUED_BY, ask, basic
from tests.auth.conftest import forget_settings
from tests.auth.forge import jwk, rsa

roundtable = typer.Typer()
roundtable.command()(cli_tokens.token)
roundtable.add_typer(cli_tokens.client, name="client")
roundtable.add_typer(cli_tokens.issuer, name="issuer")


def run(*words: str, code: int = 0) -> tuple[str, str]:
    """Run a command; return what it printed and what it complained of."""
    done = CliRunner().invoke(roundtable, words)
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def claims_of(printed: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(printed.strip(), options={"verify_signature": False})
    return claims


@pytest.mark.usefixtures("home")
def test_token_prints_a_token_and_nothing_else() -> None:
    printed, complained = run("token", "--scope", "reports:read referrals:write")
    assert printed.count("\n") == 1
    assert not complained
    claims = claims_of(printed)
    assert claims["scope"] == "referrals:write reports:read"
    assert claims["client_id"] == "developer"
    assert claims["iss"] == ISSUED_BY
    assert claims["aud"] == "roundtable"
    assert "sites" not in claims
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 300


@pytest.mark.usefixtures("home")
def test_token_takes_a_client_sites_a_lifetime_and_an_audience() -> None:
    one, two = str(uuid4()), str(uuid4())
    words = ["--client", "demo", "--site", one, "--site", two, "--ttl", "3600", "--audience", "else"]
    claims = claims_of(run("token", "--scope", "sites:read", *words)[0])
    assert claims["client_id"] == claims["sub"] == "demo"
    assert claims["sites"] == [one, two]
    assert claims["aud"] == "else"
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 3600


@pytest.mark.usefixtures("home")
def test_an_unknown_scope_is_answered_with_those_there_are() -> None:
    printed, complained = run("token", "--scope", "referrals:rite", code=2)
    assert not printed
    assert "referrals:rite" in complained
    assert "surveys:answer" in complained


@pytest.mark.usefixtures("home")
def test_a_site_that_is_no_uuid_makes_no_token() -> None:
    printed, _ = run("token", "--scope", "sites:read", "--site", "mosque", code=2)
    assert not printed


def test_tokens_name_the_issuer_that_last_ran_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def runs_for_a_moment() -> None:
        async with issuer_app.router.lifespan_context(issuer_app):
            assert (home / "issuer" / "address").read_text() == "http://127.0.0.1:9105"

    monkeypatch.setenv("ROUNDTABLE_PORT_BASE", "9100")
    forget_settings()
    asyncio.run(runs_for_a_moment())
    monkeypatch.delenv("ROUNDTABLE_PORT_BASE")
    forget_settings()
    assert claims_of(run("token", "--scope", "sites:read")[0])["iss"] == "http://127.0.0.1:9105"
    monkeypatch.setenv("ROUNDTABLE_ISSUER", "https://login.example")
    forget_settings()
    assert claims_of(run("token", "--scope", "sites:read")[0])["iss"] == "https://login.example"


async def test_a_client_is_added_listed_disabled_and_given_a_new_secret(issuer: httpx.AsyncClient) -> None:
    printed, _ = run("client", "add", "Faith forum", "--scope", "sites:write")
    given = dict(line.split("=", 1) for line in printed.splitlines())
    credentials = basic(given["client_id"], given["client_secret"])
    assert (await ask(issuer, credentials)).status_code == 200
    assert run("client", "list")[0].split("\t")[:3] == ["faith-forum", "enabled", "secret"]
    run("client", "disable", "faith-forum")
    assert (await ask(issuer, credentials)).status_code == 401
    run("client", "enable", "faith-forum")
    fresh = run("client", "rotate-secret", "faith-forum", "--keep", "0")[0].strip().partition("=")[2]
    assert (await ask(issuer, credentials)).status_code == 401
    assert (await ask(issuer, basic("faith-forum", fresh))).status_code == 200
    assert "no client 'nobody'" in run("client", "disable", "nobody", code=2)[1]


def test_a_client_with_keys_gets_no_secret(home: Path) -> None:
    file = home / "theirs.json"
    file.write_text(json.dumps({"keys": [jwk(rsa(), "theirs", alg="RS512")]}))
    printed, _ = run("client", "add", "Trust triage", "--scope", "referrals:write", "--jwks", str(file))
    assert printed == "client_id=trust-triage\n"
    file.write_text("{")
    run("client", "add", "Another", "--scope", "referrals:write", "--jwks", str(file), code=2)


@pytest.mark.usefixtures("home")
def test_keys_are_rotated_once_at_a_time() -> None:
    run("token", "--scope", "sites:read")
    assert "signs from" in run("issuer", "rotate-keys")[0]
    assert "--at-once" in run("issuer", "rotate-keys", code=2)[1]
    assert "signs from now" in run("issuer", "rotate-keys", "--at-once")[0]


def test_the_commands_load_nothing_heavy_until_they_need_it() -> None:
    heavy = (
        "import sys, deploy.cli_tokens; print(sorted({'fastapi', 'jwt', 'pydantic', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True).strip() == "[]"  # noqa: S603 - our words


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Serve the issuer on a real port, as `roundtable serve issuer` does."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(issuer_app, log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
        async with asyncio.timeout(10):
            while True:
                try:
                    (await client.get("/health/ready")).raise_for_status()
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.02)  # between two looks
    yield address
    server.should_exit = True
    await serving


@pytest.mark.usefixtures("home")
async def test_a_service_believes_tokens_of_the_running_issuer_and_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served() as address:
        monkeypatch.setenv("ROUNDTABLE_JWKS_URL", f"{address}/.well-known/jwks.json")
        forget_settings()
        printed, _ = run("client", "add", "Faith forum", "--scope", "sites:write")
        given = dict(line.split("=", 1) for line in printed.splitlines())
        async with httpx.AsyncClient(base_url=address, trust_env=False) as client:
            answer = await ask(client, basic(given["client_id"], given["client_secret"]))
        assert (await doorkeeper().caller(answer.json()["access_token"])).client == "faith-forum"
        made = run("token", "--scope", "reports:read", "--ttl", "86400")[0].strip()
        assert (await doorkeeper().caller(made)).scopes == {"reports:read"}
