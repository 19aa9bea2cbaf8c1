"""A client with its own key signs an assertion: once, briefly, for this issuer, with an accepted algorithm."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.issuer import app as issuer_app
from deploy.issuer_clients import ClientRefused, Clients
from tests.auth.asking import ISSUED_BY, ask, ask_signed, assertion
from tests.auth.forge import ISSUER, Forge, PrivateKey, ec, jwk, part, private_jwk, rsa

KEYS: dict[str, PrivateKey] = {"RSA": rsa(), "EC": ec(), "OKP": Ed25519PrivateKey.generate()}
EDDSA = KEYS["OKP"]
STRANGER = Ed25519PrivateKey.generate()


def register(home: Path, key: PrivateKey, **more: str) -> None:
    Clients(home).add("Trust triage", ("referrals:write",), jwks={"keys": [jwk(key, "theirs", **more)]})


@pytest.mark.parametrize(("kind", "algorithm"), [("RSA", "RS512"), ("RSA", "RS384"), ("EC", "ES256"), ("OKP", "EdDSA")])
@pytest.mark.parametrize("audience", [f"{ISSUED_BY}/token", ISSUED_BY, [ISSUED_BY]])
async def test_an_assertion_buys_a_token(
    kind: str, algorithm: str, audience: object, issuer: httpx.AsyncClient, home: Path
) -> None:
    register(home, KEYS[kind])
    answer = await ask_signed(issuer, assertion(KEYS[kind], algorithm, aud=audience))
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["client_id"] == "trust-triage"
    assert "sites" not in claims


async def test_the_usual_assertion_without_issue_time_is_accepted(issuer: httpx.AsyncClient, home: Path) -> None:
    register(home, KEYS["RSA"], alg="RS512")
    for expires in (300, 320):  # a clock may be a little ahead
        signed = assertion(KEYS["RSA"], "RS512", iat=None, exp=int(time.time()) + expires)
        assert (await ask_signed(issuer, signed, client_id="trust-triage")).status_code == 200


NOW = int(time.time())
BAD: dict[str, Callable[[], str]] = {
    "signed by a stranger": lambda: assertion(STRANGER, "EdDSA"),
    "key id missing": lambda: assertion(EDDSA, "EdDSA", {"kid": None}),
    "key id unknown": lambda: assertion(EDDSA, "EdDSA", {"kid": "other"}),
    "key in the header": lambda: assertion(STRANGER, "EdDSA", {"jwk": jwk(STRANGER, "theirs")}),
    "critical extension": lambda: assertion(EDDSA, "EdDSA", {"crit": ["x"], "x": 1}),
    "critical extension that the library knows": lambda: Forge(EDDSA, kid="theirs").signed(
        {"typ": "JWT", "b64": True, "crit": ["b64"]}, iss="trust-triage", sub="trust-triage", aud=ISSUED_BY
    ),
    "another type": lambda: assertion(EDDSA, "EdDSA", {"typ": "at+jwt"}),
    "issued by another": lambda: assertion(EDDSA, "EdDSA", iss="another"),
    "issuer missing": lambda: assertion(EDDSA, "EdDSA", iss=None),
    "about another": lambda: assertion(EDDSA, "EdDSA", sub="another"),
    "subject missing": lambda: assertion(EDDSA, "EdDSA", sub=None),
    "for another audience": lambda: assertion(EDDSA, "EdDSA", aud="https://elsewhere.example/token"),
    "for several audiences": lambda: assertion(EDDSA, "EdDSA", aud=[ISSUED_BY, "https://elsewhere.example"]),
    "audience missing": lambda: assertion(EDDSA, "EdDSA", aud=None),
    "expired": lambda: assertion(EDDSA, "EdDSA", iat=NOW - 400, exp=NOW - 100),
    "expiry missing": lambda: assertion(EDDSA, "EdDSA", exp=None),
    "lives longer than five minutes": lambda: assertion(EDDSA, "EdDSA", iat=NOW - 60, exp=NOW + 280),
    "expires far away, no issue time": lambda: assertion(EDDSA, "EdDSA", iat=None, exp=NOW + 3600),
    "issued in the future": lambda: assertion(EDDSA, "EdDSA", iat=NOW + 200, exp=NOW + 300),
    "expiry as text": lambda: assertion(EDDSA, "EdDSA", exp=str(NOW + 200)),
    "id missing": lambda: assertion(EDDSA, "EdDSA", jti=None),
    "id empty": lambda: assertion(EDDSA, "EdDSA", jti=""),
    "id endless": lambda: assertion(EDDSA, "EdDSA", jti="x" * 300),
    "unsigned": lambda: ".".join(
        (part({"alg": "none", "kid": "theirs"}), part({"iss": "trust-triage", "sub": "trust-triage"}), "")
    ),
    "HS256 with the public key": lambda: _hs256(Forge(EDDSA)),
    "an access token": lambda: Forge(EDDSA, kid="theirs").token(iss="trust-triage", sub="trust-triage", aud=ISSUED_BY),
    "not a token": lambda: "assertion",
}


def _hs256(forge: Forge) -> str:
    head = {"alg": "HS256", "kid": "theirs", "typ": "JWT"}
    claims = forge.claims(iss="trust-triage", sub="trust-triage", aud=ISSUED_BY)
    signing = f"{part(head)}.{part(claims)}"
    return f"{signing}.{part(jwt.get_algorithm_by_name('HS256').sign(signing.encode(), forge.public_pem()))}"


@pytest.mark.parametrize("fault", BAD)
async def test_a_faulty_assertion_buys_nothing_and_is_not_quoted(
    fault: str, issuer: httpx.AsyncClient, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register(home, EDDSA)
    bad = BAD[fault]()
    answer = await ask_signed(issuer, bad)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    said = answer.text + json.dumps(dict(answer.headers)) + "".join(capsys.readouterr())
    assert not [piece for piece in bad.split(".") if len(piece) > 10 and piece in said]


@pytest.mark.parametrize("algorithm", ["RS256", "PS512"])
async def test_other_rsa_algorithms_are_refused(algorithm: str, issuer: httpx.AsyncClient, home: Path) -> None:
    register(home, KEYS["RSA"])
    assert (await ask_signed(issuer, assertion(KEYS["RSA"], algorithm))).status_code == 401


async def test_a_key_registered_for_one_algorithm_is_not_used_for_another(
    issuer: httpx.AsyncClient, home: Path
) -> None:
    register(home, KEYS["RSA"], alg="RS512")
    assert (await ask_signed(issuer, assertion(KEYS["RSA"], "RS384"))).status_code == 401


async def test_an_assertion_is_used_once_even_across_a_restart(issuer: httpx.AsyncClient, home: Path) -> None:
    register(home, EDDSA)
    once = assertion(EDDSA, "EdDSA")
    assert (await ask_signed(issuer, once)).status_code == 200
    assert (await ask_signed(issuer, once)).status_code == 401
    async with issuer_app.router.lifespan_context(issuer_app):
        assert (await ask_signed(issuer, once)).status_code == 401
        assert (await ask_signed(issuer, assertion(EDDSA, "EdDSA"))).status_code == 200


async def test_an_assertion_that_asked_for_too_much_is_used_up_all_the_same(
    issuer: httpx.AsyncClient, home: Path
) -> None:
    register(home, EDDSA)
    once = assertion(EDDSA, "EdDSA")
    assert (await ask_signed(issuer, once, scope="people:read")).json()["error"] == "invalid_scope"
    assert (await ask_signed(issuer, once)).status_code == 401


def test_a_used_assertion_is_forgotten_only_after_it_could_be_used_again(home: Path) -> None:
    clients = Clients(home)
    assert clients.use_assertion("trust-triage", "one", until=time.time() + 60)
    assert not clients.use_assertion("trust-triage", "one", until=time.time() + 60)
    assert clients.use_assertion("another", "one", until=time.time() - 1)
    assert clients.use_assertion("another", "one", until=time.time() + 60)


async def test_a_client_with_keys_has_no_secret_and_a_secret_makes_no_keys(
    issuer: httpx.AsyncClient, home: Path
) -> None:
    register(home, EDDSA)
    for secret in ("", "None", "theirs"):
        answer = await ask(issuer, client_id="trust-triage", client_secret=secret)
        assert answer.status_code in {400, 401}
    with pytest.raises(ClientRefused):
        Clients(home).rotate_secret("trust-triage")
    Clients(home).add("Site app", ("sites:read",))
    mine = assertion(EDDSA, "EdDSA", iss="site-app", sub="site-app")
    assert (await ask_signed(issuer, mine)).status_code == 401


async def test_the_assertion_type_must_be_named(issuer: httpx.AsyncClient, home: Path) -> None:
    register(home, EDDSA)
    answer = await ask(issuer, client_assertion=assertion(EDDSA, "EdDSA"), client_assertion_type="saml")
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"keys": []},
        {"keys": "none"},
        {"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]},
        {"keys": [private_jwk(STRANGER, "a")]},
        {"keys": [jwk(EDDSA, "a"), jwk(STRANGER, "a")]},
        {"keys": [{name: value for name, value in jwk(EDDSA, "a").items() if name != "kid"}]},
        {"keys": [jwk(rsa(1024), "a")]},
        {"keys": [jwk(KEYS["RSA"], "a", alg="RS256")]},
        {"keys": [{"kty": "EC", "kid": "a", "crv": "P-384", "x": "AA", "y": "AA"}]},
        {"keys": [{"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AA"}]},
        ISSUER,
    ],
)
def test_keys_that_prove_nothing_are_not_registered(document: Any, home: Path) -> None:
    with pytest.raises(ClientRefused):
        Clients(home).add(f"Client {uuid4()}", ("referrals:write",), jwks=document)
    assert Clients(home).all() == []
