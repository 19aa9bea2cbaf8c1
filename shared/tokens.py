"""Bearer tokens are believed when the issuer's published key signed them, for us, and they are in date.

Nothing inside a token chooses how it is checked: the algorithm belongs to the published key, the key is found by `kid`
in the published set only, and headers that carry or point to keys (`jku`, `x5u`, `jwk`, `x5c`) are not read.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import structlog

ALGORITHMS = frozenset({"EdDSA", "ES256", "RS256"})
TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})
REQUIRED = ["iss", "sub", "aud", "exp", "iat"]
SKEW = 10  # seconds two clocks may differ
LONGEST = 16 * 1024  # characters

REFRESH = 240  # seconds until keys are fetched again, behind a request
OLD = (
    290  # seconds until a request waits for that: a withdrawn key is dead within five minutes, also after a quiet hour
)
WAIT = 1  # seconds it waits before going on with the keys there are
AGAIN = 30  # seconds between fetches while the issuer is away
COOL_DOWN = 5  # seconds between fetches that an unknown `kid` may cause
FIRST_RETRY = 1  # seconds between fetches while no key has ever been seen
PATIENCE = 4  # seconds a fetch may take
HERE = frozenset({"127.0.0.1", "localhost", "::1"})

REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidAudienceError: "The token is meant for someone else.",
    jwt.InvalidIssuerError: "The token comes from an issuer that is not trusted here.",
    jwt.MissingRequiredClaimError: "The token lacks a required claim.",
    jwt.InvalidSignatureError: "The token's signature is wrong.",
    jwt.InvalidAlgorithmError: "The token's algorithm is not that of its key.",
}

log = structlog.get_logger(__name__)


class TokenRefused(Exception):
    """A token is not believed; the message says why and never quotes it."""


class KeysUnavailable(Exception):
    """The issuer's keys have never been seen and cannot be fetched now."""


def usable_keys(document: object) -> dict[str, jwt.PyJWK]:
    """Return the keys of a JWKS that may sign our tokens, by `kid`; others in the set are passed over."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JSON Web Key Set")  # noqa: TRY004 - the document is malformed, whatever its type
    found = {}
    for each in listed:
        if not isinstance(each, dict) or not isinstance(kid := each.get("kid"), str):
            continue
        if "d" in each or each.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(each)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in ALGORITHMS and key.Algorithm.check_key_length(key.key) is None:
            found[kid] = key
    return found


class PublishedKeys:
    """The issuer's public keys: fetched at first need, refreshed, kept through an outage; never two fetches at once."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self.edition = 0  # grows when the published set changes: what an older edition vouched for is checked again
        self._clock = clock
        self._document: object = None
        self._keys: dict[str, jwt.PyJWK] | None = None
        self._tried = self._fetched = -math.inf
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """Return the published key of that name; an unknown name is worth one fetch now and then."""
        key = self._known(kid)
        if key is None:
            await self._fetch(pause=COOL_DOWN if self._keys is not None else FIRST_RETRY)
            key = self._known(kid)
        elif (age := self._clock() - self._fetched) > REFRESH:
            fetching = self._start_fetch(pause=AGAIN)
            if fetching is not None and age > OLD:
                await asyncio.wait({fetching}, timeout=WAIT)
                key = self._known(kid)
        if self._keys is None:
            raise KeysUnavailable
        return key

    def _known(self, kid: str) -> jwt.PyJWK | None:
        return self._keys.get(kid) if self._keys is not None else None

    async def _fetch(self, pause: float) -> None:
        if (task := self._start_fetch(pause)) is not None:
            await asyncio.shield(task)  # a caller that goes away does not take the fetch from the others

    def _start_fetch(self, pause: float) -> asyncio.Task[None] | None:
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._clock() - self._tried < pause:
            return None
        self._tried = self._clock()
        self._fetching = asyncio.create_task(self._download(), name="fetch the issuer's keys")
        return self._fetching

    async def _download(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                document = await _get_json(self.url)
            keys = usable_keys(document)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            log.warning("issuer_keys_unreachable", error=type(error).__name__, keys_held=len(self._keys or ()))
            return
        self._fetched = self._clock()
        if document != self._document:
            self._document, self._keys = document, keys
            self.edition += 1
            log.info("issuer_keys_changed", kids=sorted(keys))


async def _get_json(url: str) -> object:
    """Read a JSON document; a proxy is never asked for this machine's own addresses."""
    tls = await asyncio.to_thread(httpx.create_ssl_context)  # milliseconds of work that the event loop is spared
    ours = httpx.URL(url).host in HERE
    async with httpx.AsyncClient(verify=tls, timeout=PATIENCE, trust_env=not ours) as client:
        answer = await client.get(url, headers={"Accept": "application/json"})
        answer.raise_for_status()
        document: object = answer.json()
        return document


class Verifier:
    """Believes one issuer's tokens for one audience."""

    def __init__(self, keys: PublishedKeys, issuer: str, audience: str) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = audience

    async def claims(self, token: str) -> dict[str, Any]:
        """Return the token's claims, or raise `TokenRefused` with the reason; nothing in it is believed before that."""
        key = await self.keys.find(_key_id(token))
        if key is None:
            raise TokenRefused("The token's key is not among the issuer's.")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                issuer=self.issuer,
                audience=self.audience,
                leeway=SKEW,
                options={"require": REQUIRED, "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as error:
            raise TokenRefused(REASONS.get(type(error), "The token is malformed.")) from None
        if not all(type(claims[moment]) in (int, float) for moment in ("exp", "iat", "nbf") if moment in claims):
            raise TokenRefused("The token is malformed.")
        return claims


def _key_id(token: str) -> str:
    """Return the key id of a token whose header is of the one accepted form."""
    if len(token) > LONGEST:
        raise TokenRefused("The token is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise TokenRefused("The token is malformed.") from None
    kind = header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in TYPES:
        raise TokenRefused("The token is not an access token.")
    if header.get("alg") not in tuple(ALGORITHMS):
        raise TokenRefused("The token's algorithm is not accepted.")
    if "crit" in header or "b64" in header:
        raise TokenRefused("The token asks for an extension that is not understood here.")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise TokenRefused("The token does not name its key.")
    return kid
