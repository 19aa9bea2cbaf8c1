"""One service process: `roundtable serve NAME` and `roundtable work NAME`; imports only what that needs."""

from importlib import import_module

import uvicorn
import uvloop

from deploy import PORT_OFFSETS
from shared.settings import settings


def serve(service: str) -> None:
    """Answer HTTP requests of a service, or of the issuer, until SIGTERM; what is being answered is finished first."""
    module = "deploy.issuer" if service == "issuer" else f"services.{service}.app"
    uvicorn.run(
        f"{module}:app",
        host=settings().bind,
        port=settings().port_base + PORT_OFFSETS[service],
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=20,
    )


def work(service: str) -> None:
    """Do a service's background work until SIGTERM."""
    uvloop.run(import_module(f"services.{service}.worker").main())
