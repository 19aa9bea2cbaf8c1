"""Where the administrator's commands find the database and the stream: the environment, else what runs on this machine."""

import os
from pathlib import Path

from deploy import CannotRunError
from deploy.home import Home


def admin_dsn() -> str:
    """Return the administrator's address of the database; raises `CannotRunError`."""
    return _found("ROUNDTABLE_DATABASE_URL", "postgres", "admin_dsn")


def admin_nats() -> str:
    """Return the administrator's address of NATS; raises `CannotRunError`."""
    return _found("ROUNDTABLE_NATS_URL", "nats", "url")


def _found(variable: str, part: str, name: str) -> str:
    home = Home(Path(os.environ.get("ROUNDTABLE_HOME", ".roundtable")))
    address = os.environ.get(variable) or home.noted().get(part, {}).get(name)
    if not address:
        raise CannotRunError(f"Nothing runs in {home.folder}. Start it with: roundtable up (or set {variable})")
    return str(address)
