"""The issuer gives registered clients short tokens for what they are registered for, and nobody anything else."""

import sqlite3
import stat
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest

from deploy.issuer_clients import ClientRefused, Clients
from deploy.issuer_grants import FAILURES, Attempts, OAuthError
from tests.auth.asking import ISSUED_BY, ask, basic

SITE = uuid4()


@pytest.fixture
def secret(home: Path) -> str:
    _, secret = Clients(home).add("Site app", ("sites:write", "referrals:write"), [SITE])
    assert secret is not None
    return secret


async def test_a_secret_buys_a_five_minute_token_that_says_who_and_for_which_sites(
    issuer: httpx.AsyncClient, secret: str
) -> None:
    answer = await ask(issuer, basic("site-app", secret))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert given["token_type"] == "Bearer"
    assert given["expires_in"] == 300
    assert given["scope"] == "sites:write referrals:write"
    header = jwt.get_unverified_header(given["access_token"])
    published = (await issuer.get("/.well-known/jwks.json")).json()
    key = jwt.PyJWKSet.from_dict(published)[header["kid"]]
    claims = jwt.decode(given["access_token"], key, audience="roundtable", issuer=ISSUED_BY)
    assert header["typ"] == "at+jwt"
    assert claims["sub"] == claims["client_id"] == "site-app"
    assert claims["sites"] == [str(SITE)]
    assert claims["exp"] - claims["iat"] == 300
    assert claims["jti"]


async def test_the_secret_may_come_in_the_body(issuer: httpx.AsyncClient, secret: str) -> None:
    answer = await ask(issuer, client_id="site-app", client_secret=secret, scope="sites:write")
    assert answer.json()["scope"] == "sites:write"


@pytest.mark.parametrize("scope", ["people:read", "sites:write people:read", "sites:*", "everything"])
async def test_no_client_gets_more_than_it_is_registered_for(
    scope: str, issuer: httpx.AsyncClient, secret: str
) -> None:
    answer = await ask(issuer, basic("site-app", secret), scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_wrong_secret_unknown_and_disabled_clients_are_answered_alike(
    issuer: httpx.AsyncClient, secret: str, home: Path
) -> None:
    answers = [await ask(issuer, basic("site-app", "rts_guess")), await ask(issuer, basic("nobody", secret))]
    answers.append(await ask(issuer, client_id="site-app", client_secret=secret + "x"))
    Clients(home).enable("site-app", enabled=False)
    answers.append(await ask(issuer, basic("site-app", secret)))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["error"] == "invalid_client"
    assert answers[0].headers["www-authenticate"] == 'Basic realm="roundtable"'
    Clients(home).enable("site-app", enabled=True)
    assert (await ask(issuer, basic("site-app", secret))).status_code == 200


async def test_proving_it_twice_or_not_at_all_is_refused(issuer: httpx.AsyncClient, secret: str) -> None:
    twice = await ask(issuer, basic("site-app", secret), client_id="site-app", client_secret=secret)
    assert twice.json()["error"] == "invalid_client"
    never = await ask(issuer, client_id="site-app")
    assert never.json()["error"] == "invalid_client"
    another = await ask(issuer, basic("site-app", secret), client_id="another")
    assert another.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("body", "kind", "error", "status"),
    [
        (b"grant_type=password&username=a&password=b", None, "unsupported_grant_type", 400),
        (b"client_id=site-app", None, "invalid_request", 400),
        (b"", None, "invalid_request", 400),
        (b"grant_type=client_credentials&scope=a&scope=b", None, "invalid_request", 400),
        (b'{"grant_type": "client_credentials"}', "application/json", "invalid_request", 400),
        (b"\xff\xfe", None, "invalid_request", 400),
        (b"&".join([b"a=b"] * 1000), None, "invalid_request", 400),
        (b"grant_type=" + b"x" * 40_000, None, "invalid_request", 413),
    ],
)
async def test_requests_of_another_form_are_refused_in_oauths_words(
    body: bytes, kind: str | None, error: str, status: int, issuer: httpx.AsyncClient
) -> None:
    headers = {"Content-Type": kind or "application/x-www-form-urlencoded"}
    answer = await issuer.post("/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_other_refusals_are_problems(issuer: httpx.AsyncClient) -> None:
    for answer, status in ((await issuer.get("/token"), 405), (await issuer.get("/nowhere"), 404)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_issuer_describes_itself(issuer: httpx.AsyncClient) -> None:
    described = (await issuer.get("/.well-known/oauth-authorization-server")).json()
    assert described == (await issuer.get("/.well-known/openid-configuration")).json()
    assert described["issuer"] == ISSUED_BY
    assert described["token_endpoint"] == f"{ISSUED_BY}/token"
    assert described["jwks_uri"] == f"{ISSUED_BY}/.well-known/jwks.json"


async def test_it_is_live_and_ready(issuer: httpx.AsyncClient) -> None:
    assert (await issuer.get("/health/live")).status_code == 200
    assert (await issuer.get("/health/ready")).json() == {"status": "ready"}


async def test_what_it_publishes_and_answers_holds_no_private_key(issuer: httpx.AsyncClient, home: Path) -> None:
    published = (await issuer.get("/.well-known/jwks.json")).json()
    assert [set(key) for key in published["keys"]] == [{"kid", "use", "alg", "kty", "crv", "x"}]
    assert stat.S_IMODE((home / "issuer").stat().st_mode) == 0o700
    for file in (home / "issuer").rglob("*"):
        assert file.is_dir() or file.name == "keys.lock" or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_secrets_are_stored_as_keyed_hashes_only(home: Path, secret: str) -> None:
    raw = b"".join(file.read_bytes() for file in (home / "issuer").glob("issuer.db*"))
    assert secret.encode() not in raw
    assert secret.removeprefix("rts_").encode() not in raw


def test_two_secrets_work_while_one_is_rotated(home: Path, secret: str) -> None:
    clients = Clients(home)
    fresh = clients.rotate_secret("site-app")
    assert clients.knows_secret("site-app", fresh)
    assert clients.knows_secret("site-app", secret)
    assert not clients.knows_secret("nobody", fresh)
    assert not clients.knows_secret("site-app", "")
    newest = clients.rotate_secret("site-app", keep=0)
    assert not clients.knows_secret("site-app", fresh)
    assert not clients.knows_secret("site-app", secret)
    assert clients.knows_secret("site-app", newest)


def test_a_client_id_is_used_once(home: Path, secret: str) -> None:
    assert secret
    with pytest.raises(ClientRefused):
        Clients(home).add("SITE  app!", ("sites:read",))


def test_a_register_of_another_process_is_usable_at_once(home: Path, secret: str) -> None:
    assert Clients(home).knows_secret("site-app", secret)
    with sqlite3.connect(home / "issuer" / "issuer.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def test_guessing_becomes_slow_for_the_guesser(issuer: httpx.AsyncClient, secret: str) -> None:
    for _ in range(FAILURES):
        assert (await ask(issuer, basic("site-app", "guess"))).status_code == 401
    answer = await ask(issuer, basic("site-app", "guess"))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert secret


def test_one_guesser_is_not_the_other_and_time_heals() -> None:
    attempts = Attempts(remembered=5)
    for _ in range(FAILURES):
        attempts.failed(("10.0.0.1", "site-app"), now=100.0)
    attempts.check(("10.0.0.2", "site-app"), now=101.0)
    attempts.check(("10.0.0.1", "site-app"), now=161.0)
    with pytest.raises(OAuthError):
        attempts.check(("10.0.0.1", "site-app"), now=101.0)
    for number in range(5):
        attempts.failed((f"10.0.1.{number}", "site-app"), now=102.0)
    attempts.check(("10.0.0.1", "site-app"), now=103.0)
