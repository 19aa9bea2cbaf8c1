"""Every known trick with a token is refused, and no refusal quotes it."""

import json
import time
from collections.abc import Callable
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.auth.forge import Forge, ec, jwk, part, rsa
from tests.auth.keyserver import KeyServer

STRANGER = Ed25519PrivateKey.generate()


def tampered(forge: Forge) -> str:
    head, _, signature = forge.token().split(".")
    return ".".join((head, part(forge.claims(scope="people:erase")), signature))


def hs256_with_the_public_key(forge: Forge) -> str:
    signing = forge.unsigned({"alg": "HS256"}).rpartition(".")[0]
    signature = jwt.get_algorithm_by_name("HS256").sign(signing.encode(), forge.public_pem())
    return f"{signing}.{part(signature)}"


def own_key_in_the_header(forge: Forge) -> str:
    return Forge(STRANGER, kid=forge.kid).token({"jwk": jwk(STRANGER, forge.kid)})


TRICKS: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda forge: forge.unsigned({"alg": "none"}),
    "alg None in capitals": lambda forge: forge.unsigned({"alg": "NONE"}),
    "alg missing": lambda forge: forge.unsigned({}),
    "alg as a list": lambda forge: forge.unsigned({"alg": ["EdDSA"]}),
    "alg of another key type": lambda forge: forge.unsigned({"alg": "ES256"}, bytes(64)),
    "HS256 with the public key as secret": hs256_with_the_public_key,
    "signature missing": lambda forge: forge.unsigned({"alg": "EdDSA"}),
    "signature of zeros": lambda forge: forge.unsigned({"alg": "EdDSA"}, bytes(64)),
    "claims changed after signing": tampered,
    "signed by a stranger under our key id": lambda forge: Forge(STRANGER, kid=forge.kid).token(),
    "stranger's key in the jwk header": own_key_in_the_header,
    "stranger's key set in the jku header": lambda _: Forge(STRANGER).token({"jku": "http://127.0.0.1:9/jwks"}),
    "stranger's certificate in the x5u header": lambda _: Forge(STRANGER).token({"x5u": "http://127.0.0.1:9/x"}),
    "key id missing": lambda forge: forge.token({"kid": None}),
    "key id unknown": lambda forge: forge.token({"kid": "other"}),
    "key id that is a path": lambda forge: forge.token({"kid": "../../dev/null"}),
    "critical extension": lambda forge: forge.token({"crit": ["exp"]}),
    "critical extension that the library knows": lambda forge: forge.signed({"b64": True, "crit": ["b64"]}),
    "detached payload": lambda forge: forge.unsigned({"alg": "EdDSA", "b64": False, "crit": ["b64"]}),
    "not an access token": lambda forge: forge.token({"typ": "id+jwt"}),
    "type missing": lambda forge: forge.token({"typ": ""}),
    "expired": lambda forge: forge.token(exp=int(time.time()) - 60),
    "expiry missing": lambda forge: forge.token(exp=None),
    "expiry as text": lambda forge: forge.token(exp=str(int(time.time()) + 300)),
    "expiry true": lambda forge: forge.token(exp=True),
    "expiry infinite": lambda forge: forge.token(exp=float("inf")),
    "not valid yet": lambda forge: forge.token(nbf=int(time.time()) + 60),
    "issued in the future": lambda forge: forge.token(iat=int(time.time()) + 60),
    "issue time missing": lambda forge: forge.token(iat=None),
    "another audience": lambda forge: forge.token(aud="another"),
    "audience missing": lambda forge: forge.token(aud=None),
    "audience as a prefix": lambda forge: forge.token(aud="roundtable-test"),
    "another issuer": lambda forge: forge.token(iss="https://issuer.example.evil"),
    "issuer with a slash more": lambda forge: forge.token(iss="https://issuer.example/"),
    "issuer missing": lambda forge: forge.token(iss=None),
    "subject missing": lambda forge: forge.token(sub=None),
    "client of several lines": lambda forge: forge.token(client_id="iaptus\nadmin"),
    "client not text": lambda forge: forge.token(client_id=7),
    "scope as a list": lambda forge: forge.token(scope=["referrals:read"]),
    "sites as text": lambda forge: forge.token(sites=str(uuid4())),
    "sites with a non-UUID": lambda forge: forge.token(sites=[str(uuid4()), "*"]),
    "sites with a braced UUID": lambda forge: forge.token(sites=[f"{{{uuid4()}}}"]),
    "sites with a number": lambda forge: forge.token(sites=[1]),
    "too long": lambda forge: forge.token(padding="x" * 20_000),
    "not a token": lambda _: "roundtable",
    "three dots": lambda _: "...",
    "deep header": lambda _: part(b"[" * 9_000) + "." + part({}) + "." + part(b""),
    "header not an object": lambda _: part([]) + "." + part({}) + "." + part(b""),
}


@pytest.mark.parametrize("trick", TRICKS)
async def test_a_trick_is_answered_401_and_never_quoted(trick: str, forge: Forge, service: httpx.AsyncClient) -> None:
    token = TRICKS[trick](forge)
    answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith('Bearer realm="roundtable", error="invalid_token"')
    assert answer.json()["type"] == "/problems/unauthenticated"
    said = answer.text + json.dumps(dict(answer.headers))
    assert not [piece for piece in token.split(".") if len(piece) > 10 and piece in said]


async def test_null_sites_are_not_all_sites(forge: Forge, service: httpx.AsyncClient) -> None:
    claims = {**forge.claims(), "sites": None}
    token = jwt.encode(claims, forge.key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": forge.kid})
    answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_a_good_token_names_its_caller(forge: Forge, service: httpx.AsyncClient) -> None:
    site = uuid4()
    answer = await service.get("/v1/me", headers={"Authorization": f"bearer {forge.token(sites=[str(site)])}"})
    assert answer.json() == {
        "client": "iaptus",
        "scopes": ["referrals:read", "referrals:write"],
        "sites": [str(site)],
    }


async def test_a_token_without_the_sites_claim_speaks_for_all_and_an_empty_one_for_none(
    forge: Forge, service: httpx.AsyncClient
) -> None:
    for token, sites in ((forge.token(), None), (forge.token(sites=[]), [])):
        answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["sites"] == sites


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "JWT"])
@pytest.mark.parametrize("aud", ["roundtable", ["other", "roundtable"]])
async def test_what_other_issuers_write_is_accepted(
    typ: str, aud: object, forge: Forge, service: httpx.AsyncClient
) -> None:
    token = forge.token({"typ": typ}, aud=aud, client_id=None)
    answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["client"] == "iaptus"


async def test_clocks_may_differ_a_little(forge: Forge, service: httpx.AsyncClient) -> None:
    now = int(time.time())
    for token in (forge.token(exp=now - 3), forge.token(nbf=now + 3, iat=now + 3)):
        answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(("make", "algorithm"), [(ec, "ES256"), (rsa, "RS256")])
async def test_the_published_key_decides_the_algorithm(
    make: Callable[[], Ed25519PrivateKey], algorithm: str, keys: KeyServer, service: httpx.AsyncClient
) -> None:
    forge = Forge(make(), kid="theirs", algorithm=algorithm)
    keys.document = forge.jwks()
    answer = await service.get("/v1/me", headers={"Authorization": f"Bearer {forge.token()}"})
    assert answer.status_code == 200


async def test_a_published_secret_signs_nothing(keys: KeyServer, service: httpx.AsyncClient) -> None:
    secret = b"secret" * 8
    keys.document = {"keys": [{"kty": "oct", "kid": "symmetric", "k": part(secret), "alg": "HS256"}]}
    token = jwt.encode(Forge().claims(), secret, algorithm="HS256", headers={"typ": "at+jwt", "kid": "symmetric"})
    assert (await service.get("/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer  ")],
        [("Authorization", "Basic aWFwdHVzOnNlY3JldA==")],
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer {}")],
        [("Authorization", "Bearer {} {}")],
        [("X-Authorization", "Bearer {}")],
    ],
)
async def test_the_token_comes_once_and_in_its_place(
    header: list[tuple[str, str]], forge: Forge, service: httpx.AsyncClient
) -> None:
    token = forge.token()
    filled = [(name, value.replace("{}", token)) for name, value in header]
    answer = await service.get(f"/v1/me?access_token={token}", headers=filled)
    assert answer.status_code == 401
    assert token not in answer.text


async def test_no_token_is_told_what_to_send_and_no_more(service: httpx.AsyncClient) -> None:
    answer = await service.get("/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="roundtable"'
