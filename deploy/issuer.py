"""A small OAuth2 token issuer for one machine; in production any OIDC issuer takes its place.

Started by `roundtable serve issuer`. Clients prove who they are by secret or by a signed assertion and get a token that
lives five minutes; the services know nothing of this but the address of its public keys.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from deploy.issuer_clients import Clients
from deploy.issuer_grants import Attempts, Grants, InvalidClient, InvalidRequest, OAuthError, read_request
from deploy.issuer_keys import KeyRing, record_issuer
from shared.logs import configure
from shared.problems import HttpError
from shared.scopes import SCOPES
from shared.settings import settings

LARGEST = 32 * 1024  # bytes of a token request
PRIVATE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
PUBLIC = {"Cache-Control": "public, max-age=60"}

log = structlog.get_logger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make the first key and open the client register before the first request."""
    configure("issuer", settings().log_level)
    home, issuer = settings().home, settings().issuer_url
    ring, clients = KeyRing(home), Clients(home)
    await asyncio.to_thread(ring.current)
    await asyncio.to_thread(clients.ready)
    await asyncio.to_thread(record_issuer, home, issuer)
    app.state.ring, app.state.clients, app.state.attempts = ring, clients, Attempts()
    app.state.grants = Grants(clients, ring, issuer, settings().audience)
    yield


app = FastAPI(title="Roundtable token issuer", lifespan=lifespan, openapi_url=None)


@app.post("/token")
async def token(request: Request) -> JSONResponse:
    """Answer a client credentials request."""
    address = request.client.host if request.client else ""
    client_id = ""
    attempts: Attempts = request.app.state.attempts
    grants: Grants = request.app.state.grants
    try:
        asked = read_request(await _form(request), request.headers.get("authorization"))
        client_id = asked.client_id
        attempts.check((address, client_id), time.monotonic())
        answer = await asyncio.to_thread(grants.grant, asked)
    except InvalidClient as refused:
        attempts.failed((address, client_id), time.monotonic())
        log.warning("token_refused", reason=refused.reason)
        raise
    log.info("token_issued", client=client_id, scope=answer["scope"])
    return JSONResponse(answer, headers=PRIVATE)


@app.get("/.well-known/jwks.json")
async def jwks(request: Request) -> JSONResponse:
    """Publish the keys: the one that signs, the one before and the one to come."""
    ring: KeyRing = request.app.state.ring
    return JSONResponse(await asyncio.to_thread(ring.published), headers=PUBLIC)


@app.get("/.well-known/oauth-authorization-server")
@app.get("/.well-known/openid-configuration")
async def metadata() -> JSONResponse:
    """Describe the issuer (RFC 8414)."""
    issuer = settings().issuer_url
    described = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": settings().issuer_keys_url,
        "scopes_supported": list(SCOPES),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256", "RS384", "RS512"],
    }
    return JSONResponse(described, headers=PUBLIC)


@app.get("/health/live")
async def live() -> dict[str, str]:
    """Tell that the process turns."""
    return {"status": "live"}


@app.get("/health/ready")
async def ready(request: Request) -> JSONResponse:
    """Tell whether there is a key to sign with and a register to look clients up in."""
    ring: KeyRing = request.app.state.ring
    clients: Clients = request.app.state.clients
    try:
        await asyncio.to_thread(ring.current)
        await asyncio.to_thread(clients.ready)
    except Exception:
        log.exception("issuer_not_ready")
        return JSONResponse({"status": "not ready"}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse({"status": "ready"})


@app.exception_handler(OAuthError)
async def oauth_error(_: Request, refused: OAuthError) -> JSONResponse:
    """Answer as RFC 6749 section 5.2 says."""
    body = {"error": refused.error, "error_description": refused.description}
    return JSONResponse(body, status_code=refused.status, headers=PRIVATE | refused.headers)


@app.exception_handler(HTTPException)
async def http_error(_: Request, refused: HTTPException) -> Response:
    """Answer every other refusal as the services do."""
    return HttpError(refused.status_code, refused.headers).response()


async def _form(request: Request) -> bytes:
    """Read the body of a token request, and no more of it than such a request has."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidRequest("The body must be form-encoded.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise OAuthError("invalid_request", "The body is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
