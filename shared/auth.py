"""Who is calling, and what they may do: a verified bearer token, its scopes and its sites."""

import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from time import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from sqlalchemy import ARRAY, ColumnElement, SQLColumnExpression, Uuid, any_, literal, true

from shared.problems import FieldError, Problem
from shared.scopes import SCOPES, known
from shared.settings import settings
from shared.tokens import KeysUnavailable, PublishedKeys, TokenRefused, Verifier

__all__ = [
    "SCOPES",
    "AnyCaller",
    "Caller",
    "Doorkeeper",
    "GuardedRoute",
    "IssuerUnreachable",
    "ScopeMissing",
    "SiteRequired",
    "SiteUnknown",
    "Unauthenticated",
    "doorkeeper",
    "needs",
]

REMEMBERED = 4096  # tokens
REMEMBERED_FOR = 60  # seconds
CLIENT = re.compile(r"[!-~]{1,100}")
SITE = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Unauthenticated(Problem):
    """This needs a valid bearer token."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str | None = None) -> None:
        challenge = 'Bearer realm="roundtable"'
        if detail:
            challenge += f', error="invalid_token", error_description="{detail}"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class ScopeMissing(Problem):
    """The token does not allow this."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self, *missing: str) -> None:
        scope = " ".join(missing)
        challenge = f'Bearer realm="roundtable", error="insufficient_scope", scope="{scope}"'
        super().__init__(f"The token lacks: {scope}.", headers={"WWW-Authenticate": challenge}, missing=list(missing))


class SiteUnknown(Problem):
    """There is no such site for this token."""

    status = HTTPStatus.NOT_FOUND


class SiteRequired(Problem):
    """The token speaks for several sites; the request must say which."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        where = FieldError(pointer="/site_id", code="missing", message="Name one of the token's sites.")
        super().__init__(errors=[where])


class IssuerUnreachable(Problem):
    """Tokens cannot be checked yet: the issuer's keys have never been reached; nothing happened, try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The system behind a request; `sites` None means all sites, and no sites means none."""

    client: str
    scopes: frozenset[str]
    sites: frozenset[UUID] | None = None

    def missing(self, *scopes: str) -> tuple[str, ...]:
        """Return which of these scopes the caller lacks."""
        return tuple(scope for scope in scopes if scope not in self.scopes)

    def may_see(self, site_id: UUID | None) -> bool:
        """Tell whether a row of that site is theirs; a row of no site is only for callers of all sites."""
        return self.sites is None or site_id in self.sites

    def theirs(self, site_id: SQLColumnExpression[UUID | None]) -> ColumnElement[bool]:
        """Return the condition that a row's site is one of theirs: what row-level security also holds to."""
        return true() if self.sites is None else site_id == any_(literal(list(self.sites), ARRAY(Uuid)))

    def own_site(self, given: UUID | None) -> UUID | None:
        """Return the site a write is for: the one given if it is theirs, else their only one."""
        if self.sites is None:
            return given
        if given is None and len(self.sites) > 1:
            raise SiteRequired
        if given is None and self.sites:
            return next(iter(self.sites))
        if given is None or given not in self.sites:
            raise SiteUnknown
        return given


def caller_of(claims: dict[str, Any]) -> Caller:
    """Read the caller from verified claims; a claim of the wrong form refuses the whole token."""
    client, scope = claims.get("client_id", claims.get("sub")), claims.get("scope", "")
    if not isinstance(client, str) or not CLIENT.fullmatch(client) or not isinstance(scope, str):
        raise TokenRefused("The token is malformed.")
    scopes = frozenset(scope.split())
    if "sites" not in claims:
        return Caller(client, scopes)
    sites = claims["sites"]
    if not isinstance(sites, list) or not all(isinstance(site, str) and SITE.fullmatch(site) for site in sites):
        raise TokenRefused("The token's sites are malformed.")
    return Caller(client, scopes, frozenset(map(UUID, sites)))


class Doorkeeper:
    """Turns tokens into callers; a token seen in the last minute costs one hash, and is not itself kept."""

    def __init__(self, verifier: Verifier, remembered: int = REMEMBERED) -> None:
        self.verifier = verifier
        self.remembered = remembered
        self.seen: OrderedDict[bytes, tuple[float, int, Caller]] = OrderedDict()

    async def caller(self, token: str) -> Caller:
        """Return whose token this is, or raise `Unauthenticated`."""
        digest, now, edition = sha256(token.encode()).digest(), time(), self.verifier.keys.edition
        if (seen := self.seen.get(digest)) is not None:
            until, vouched, caller = seen
            if now < until and vouched == edition:
                self.seen.move_to_end(digest)
                return caller
            del self.seen[digest]
        try:
            claims = await self.verifier.claims(token)
            caller = caller_of(claims)
        except TokenRefused as refused:
            raise Unauthenticated(str(refused)) from None
        except KeysUnavailable:
            raise IssuerUnreachable from None
        self._remember(digest, (min(claims["exp"], now + REMEMBERED_FOR), self.verifier.keys.edition, caller))
        return caller

    def _remember(self, digest: bytes, seen: tuple[float, int, Caller]) -> None:
        self.seen[digest] = seen
        while len(self.seen) > self.remembered:
            self.seen.popitem(last=False)


@cache
def doorkeeper() -> Doorkeeper:
    """Return this process's doorkeeper, who trusts the issuer named in the settings and nothing else."""
    known_keys = PublishedKeys(settings().issuer_keys_url)
    return Doorkeeper(Verifier(known_keys, settings().issuer_url, settings().audience))


def _bearer_token(request: Request) -> str:
    given: list[bytes] = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not given:
        raise Unauthenticated
    kind, _, token = given[0].decode("latin-1").partition(" ")
    if len(given) > 1 or kind.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header is not of the form 'Bearer' and one token.")
    return token.strip()


class Needs(SecurityBase):
    """Lets a request in when its token carries all of these scopes, and says so in the OpenAPI document."""

    def __init__(self, *scopes: str) -> None:
        self.scopes = known(scopes)
        self.scheme_name = "bearer"
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token of the configured issuer.")

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, verified once per request and left in `request.state.caller` for logs and audit."""
        caller: Caller | None = getattr(request.state, "caller", None)
        if caller is None:
            caller = request.state.caller = await doorkeeper().caller(_bearer_token(request))
        if missing := caller.missing(*self.scopes):
            raise ScopeMissing(*missing)
        return caller


def needs(*scopes: str) -> params.Security:
    """Require a token with all of these scopes; goes into an annotation, after `Caller`."""
    return params.Security(Needs(*scopes), scopes=scopes)


AnyCaller = Annotated[Caller, needs()]
"""Whoever this request's token speaks for, whatever its scopes; 401 without one."""


def _guards(dependant: Dependant) -> Iterator[Needs]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Needs):
            yield inner.call
        yield from _guards(inner)


class GuardedRoute(APIRoute):
    """Asks who is calling before the body is read: 401 and 403 come before any 413 or 422."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the usual handler behind this operation's own guards."""
        handler, guards = super().get_route_handler(), list(_guards(self.dependant))

        async def guarded(request: Request) -> Response:
            for guard in guards:
                await guard(request)
            return await handler(request)

        return guarded
