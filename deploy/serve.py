"""One service process: `roundtable serve NAME` and `roundtable work NAME`; reads only what that needs."""

import sys
from importlib import import_module

from deploy import PORT_OFFSETS
from deploy.imports import many_imports


def serve(service: str) -> None:
    """Answer HTTP requests of a service, or of the issuer, until SIGTERM; what is being answered is finished first."""
    _go_without_rich()
    with many_imports():
        import uvicorn  # noqa: PLC0415 - counts among the many

        from shared.settings import settings  # noqa: PLC0415

        app = import_module("deploy.issuer" if service == "issuer" else f"services.{service}.app").app
    uvicorn.run(
        app,
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
    _go_without_rich()
    with many_imports():
        import uvloop  # noqa: PLC0415 - counts among the many

        main = import_module(f"services.{service}.worker").main
    uvloop.run(main())


def _go_without_rich() -> None:
    """Let structlog and httpx not find what they would read (8 MB) for consoles that a service does not have."""
    sys.modules.update({"rich": None, "pygments": None})  # type: ignore[dict-item]  # how the import system is told
