"""The client credentials grant (RFC 6749, RFC 7521, RFC 7523): who asks, how they prove it, and what they get."""

import binascii
import time
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import jwt

from deploy.issuer_clients import ASSERTION_ALGORITHMS, Client, Clients
from deploy.issuer_keys import LIFETIME, KeyRing, mint

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_TYPES = frozenset({"jwt", "client-authentication+jwt"})
ASSERTION_LIFE = 300  # seconds between iat, or now, and exp
SKEW = 30  # seconds a client's clock may differ
FAILURES = 10  # failed attempts per address and client in a window
WINDOW = 60  # seconds


class OAuthError(Exception):
    """A refusal in the words of RFC 6749 section 5.2; it never repeats what was sent."""

    def __init__(
        self, error: str, description: str, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.headers = dict(headers or {})


class InvalidRequest(OAuthError):
    """The request is not of the documented form."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_request", description)


class InvalidClient(OAuthError):
    """The client is unknown, disabled, or did not prove who it is; the answer does not say which."""

    def __init__(self, reason: str = "unproven") -> None:
        super().__init__(
            "invalid_client",
            "The client could not be authenticated.",
            401,
            {"WWW-Authenticate": 'Basic realm="roundtable"'},
        )
        self.reason = reason  # for our log only


@dataclass(frozen=True, slots=True)
class Asked:
    """A token request, read and of the right form, proven by nothing yet."""

    client_id: str
    scope: str | None
    secret: str | None = None
    assertion: str | None = None


def read_request(body: bytes, authorization: str | None) -> Asked:
    """Read a form-encoded token request; exactly one way of proving who asks is allowed."""
    form = _form(body)
    if "grant_type" not in form:
        raise InvalidRequest("grant_type is missing.")
    if form["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "Only client_credentials is granted here.")
    if sum((authorization is not None, "client_secret" in form, "client_assertion" in form)) != 1:
        raise InvalidClient("no_or_several_methods")
    assertion = form.get("client_assertion")
    if authorization is not None:
        client_id, secret = _basic(authorization)
    elif assertion is not None:
        client_id, secret = _claimed_client(assertion, form.get("client_assertion_type")), None
    else:
        client_id, secret = form.get("client_id", ""), form["client_secret"]
    if form.get("client_id", client_id) != client_id:
        raise InvalidClient("contradiction")
    return Asked(client_id, form.get("scope"), secret, assertion)


class Grants:
    """Gives registered clients short tokens for what they are registered for."""

    def __init__(self, clients: Clients, ring: KeyRing, issuer: str, audience: str) -> None:
        self.clients = clients
        self.ring = ring
        self.issuer = issuer
        self.audience = audience

    def grant(self, asked: Asked) -> dict[str, Any]:
        """Return the token answer, or raise the OAuth error."""
        client = self._proven(asked)
        scopes = client.scopes if not asked.scope else tuple(dict.fromkeys(asked.scope.split()))
        if not set(scopes) <= set(client.scopes):
            raise OAuthError("invalid_scope", "The client is not registered for every scope it asked for.")
        token = mint(
            self.ring.current(),
            issuer=self.issuer,
            audience=self.audience,
            client=client.id,
            scopes=scopes,
            sites=client.sites,
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME, "scope": " ".join(scopes)}

    def _proven(self, asked: Asked) -> Client:
        """Return the client once it has proven who it is."""
        client = self.clients.find(asked.client_id)
        if asked.secret is not None and not self.clients.knows_secret(asked.client_id, asked.secret):
            raise InvalidClient("secret")
        if client is None or not client.enabled:
            raise InvalidClient("unknown_or_disabled")
        if asked.assertion is not None:
            self._check_assertion(client, asked.assertion)
        return client

    def _check_assertion(self, client: Client, assertion: str) -> None:
        """Believe an assertion signed by the client's registered key for us, in date, and used once."""
        header = _header(assertion)
        kid = header.get("kid")
        key = client.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise InvalidClient("key")
        stated = key._jwk_data.get("alg")  # noqa: SLF001 - PyJWK keeps the document and offers no other way to it
        try:
            claims = jwt.decode(
                assertion,
                key.key,
                algorithms=[stated] if stated else list(ASSERTION_ALGORITHMS[str(key.key_type)]),
                issuer=client.id,
                audience=[self.issuer, f"{self.issuer}/token"],
                leeway=SKEW,
                options={"require": ["iss", "sub", "aud", "exp", "jti"], "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as error:
            raise InvalidClient(type(error).__name__) from None
        exp, jti = claims["exp"], claims["jti"]
        issued = claims.get("iat", time.time() + SKEW)  # many NHS clients state no iat
        if type(exp) not in (int, float) or type(issued) not in (int, float):
            raise InvalidClient("dates")
        if exp - issued > ASSERTION_LIFE:
            raise InvalidClient("lives_too_long")
        if isinstance(claims["aud"], list) and len(claims["aud"]) != 1:
            raise InvalidClient("several_audiences")
        if not 1 <= len(jti) <= 256:  # noqa: PLR2004 - long enough for any UUID, short enough to store
            raise InvalidClient("jti")
        if not self.clients.use_assertion(client.id, jti, until=exp + 2 * SKEW):
            raise InvalidClient("replayed")


class Attempts:
    """Counts failures per address and client, so that guessing is slow for the guesser alone."""

    def __init__(self, remembered: int = 10_000) -> None:
        self._failed: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._remembered = remembered

    def check(self, who: tuple[str, str], now: float) -> None:
        """Refuse for a while after too many failures."""
        recent = [moment for moment in self._failed.get(who, ()) if moment > now - WINDOW]
        if len(recent) >= FAILURES:
            raise OAuthError("slow_down", "Too many failed attempts; try later.", 429, {"Retry-After": str(WINDOW)})

    def failed(self, who: tuple[str, str], now: float) -> None:
        """Remember a failure, and forget the oldest guessers first."""
        self._failed[who] = [*self._failed.pop(who, [])[-FAILURES:], now]
        while len(self._failed) > self._remembered:
            self._failed.popitem(last=False)


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=20, strict_parsing=bool(body), errors="strict")
    except ValueError:
        raise InvalidRequest("The body must be form-encoded.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidRequest("A parameter is repeated.")
    return form


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, given = authorization.partition(" ")
    try:
        client_id, found, secret = b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise InvalidClient("basic") from None
    if kind.lower() != "basic" or not found:
        raise InvalidClient("basic")
    return unquote_plus(client_id), unquote_plus(secret)


def _header(assertion: str) -> dict[str, Any]:
    """Return an assertion's header when it is of an accepted form."""
    try:
        header = jwt.get_unverified_header(assertion)
    except jwt.PyJWTError:
        raise InvalidClient("malformed") from None
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in ASSERTION_TYPES or "crit" in header or "b64" in header:
        raise InvalidClient("header")
    return header


def _claimed_client(assertion: str, kind: str | None) -> str:
    """Return who an assertion says it is from; nothing is believed yet."""
    if kind != ASSERTION_TYPE:
        raise InvalidRequest("client_assertion_type must name JWT bearer assertions.")
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        raise InvalidClient("malformed") from None
    return str(claims.get("sub", ""))
