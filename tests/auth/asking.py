"""Asks the issuer for tokens as clients do."""

import time
from base64 import b64encode
from typing import Any
from uuid import uuid4

import httpx
import jwt

from tests.auth.forge import PrivateKey

ISSUED_BY = "http://127.0.0.1:8005"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the header of client_secret_basic."""
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


async def ask(issuer: httpx.AsyncClient, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
    """Ask for a token."""
    return await issuer.post("/token", data={"grant_type": "client_credentials", **form}, headers=headers)


async def ask_signed(issuer: httpx.AsyncClient, assertion: str, **form: str) -> httpx.Response:
    """Ask for a token with a signed assertion."""
    return await ask(issuer, None, client_assertion_type=ASSERTION, client_assertion=assertion, **form)


def assertion(key: PrivateKey, algorithm: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a client assertion, good unless changed; None takes a claim or header away."""
    now = int(time.time())
    claims = {
        "iss": "trust-triage",
        "sub": "trust-triage",
        "aud": f"{ISSUED_BY}/token",
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid4()),
        **changes,
    }
    head = {"kid": "theirs", "typ": "JWT", **(header or {})}
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        key,
        algorithm=algorithm,
        headers={name: value for name, value in head.items() if value is not None},
    )
