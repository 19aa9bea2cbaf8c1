"""`roundtable token`, `client` and `issuer`: tokens for development, and the issuer's clients and keys."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from uuid import UUID

import typer

if TYPE_CHECKING:  # loaded only by the command that needs it, so that `roundtable` starts fast
    from deploy.issuer_clients import Clients

MONTH = 31 * 24 * 3600  # seconds

Scope = Annotated[str, typer.Option(help="Scopes, separated by spaces.")]
Sites = Annotated[
    list[UUID] | None, typer.Option("--site", help="A site it speaks for; repeat for several, leave out for all.")
]
Name = Annotated[str, typer.Argument(help="The client's id.")]

client = typer.Typer(no_args_is_help=True, help="Register systems that may ask the issuer for tokens.")
issuer = typer.Typer(no_args_is_help=True, help="Look after the issuer's signing keys.")


def token(
    scope: Scope,
    client_name: Annotated[str, typer.Option("--client", help="The client it names.")] = "developer",
    site: Sites = None,
    ttl: Annotated[int, typer.Option(min=1, max=MONTH, help="Seconds it lives.")] = 300,
    audience: Annotated[str | None, typer.Option(help="Who it is meant for; default: the services here.")] = None,
) -> None:
    """Print a bearer token, for development: made with this machine's key, whether or not the issuer runs."""
    with _plainly():
        made = development_token(scope.split(), client=client_name, sites=site or None, ttl=ttl, audience=audience)
    typer.echo(made)


def development_token(
    scopes: list[str],
    *,
    client: str = "developer",
    sites: list[UUID] | None = None,
    ttl: int = 300,
    audience: str | None = None,
) -> str:
    """Return a token signed with this machine's key; `sites` None means all sites."""
    from deploy.issuer_keys import KeyRing, mint, recorded_issuer  # noqa: PLC0415 - see the top
    from shared.scopes import known  # noqa: PLC0415
    from shared.settings import settings  # noqa: PLC0415

    ours = settings()
    stated = {"issuer", "port_base"} & ours.model_fields_set
    return mint(
        KeyRing(ours.home).current(),
        issuer=ours.issuer_url if stated else recorded_issuer(ours.home) or ours.issuer_url,
        audience=audience or ours.audience,
        client=client,
        scopes=known(scopes),
        sites=sites,
        lifetime=ttl,
    )


@client.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="What people call it; its id is made from this.")],
    scope: Scope,
    site: Sites = None,
    jwks: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Its public keys, for private_key_jwt.")
    ] = None,
) -> None:
    """Register a client and print its id, and its secret this once; with its own keys it has no secret."""
    from shared.scopes import known  # noqa: PLC0415

    with _plainly():
        keys = json.loads(jwks.read_text()) if jwks else None
        client_id, secret = _clients().add(name, known(scope.split()), site or None, keys)
    typer.echo(f"client_id={client_id}")
    if secret:
        typer.echo(f"client_secret={secret}")


@client.command("list")
def list_clients() -> None:
    """List the clients: how they prove who they are, and what they may ask for."""
    for each in _clients().all():
        state = "enabled" if each.enabled else "disabled"
        proof = "secret" if each.uses_secret else "keys: " + ", ".join(each.keys)
        sites = "all sites" if each.sites is None else "sites: " + ", ".join(map(str, each.sites))
        typer.echo(f"{each.id}\t{state}\t{proof}\t{' '.join(each.scopes)}\t{sites}")


@client.command("disable")
def disable_client(name: Name) -> None:
    """Let a client in no longer; tokens it holds end within five minutes."""
    with _plainly():
        _clients().enable(name, enabled=False)


@client.command("enable")
def enable_client(name: Name) -> None:
    """Let a disabled client in again."""
    with _plainly():
        _clients().enable(name, enabled=True)


@client.command("rotate-secret")
def rotate_secret(
    name: Name,
    keep: Annotated[float, typer.Option(min=0, help="Hours the old secret still works.")] = 24,
) -> None:
    """Print a new secret, this once; both work for a while, so that nothing fails."""
    with _plainly():
        typer.echo(f"client_secret={_clients().rotate_secret(name, keep * 3600)}")


@issuer.command("rotate-keys")
def rotate_keys(
    *,
    at_once: Annotated[bool, typer.Option("--at-once", help="A key leaked: withdraw every other key now.")] = False,
) -> None:
    """Publish the next signing key; it signs ten minutes later, when every service has it."""
    from deploy.issuer_keys import KeyRing, RotationUnderWay  # noqa: PLC0415
    from shared.settings import settings  # noqa: PLC0415

    with _plainly():
        try:
            key = KeyRing(settings().home).rotate(at_once=at_once)
        except RotationUnderWay:
            _refuse("The next key is published already and has not begun to sign. A leak? Use --at-once.")
    since = (
        "now"
        if key.signs_from <= time.time()
        else datetime.fromtimestamp(key.signs_from, UTC).isoformat(" ", "minutes")
    )
    typer.echo(f"{key.kid} signs from {since}")


def _clients() -> "Clients":
    from deploy.issuer_clients import Clients  # noqa: PLC0415
    from shared.settings import settings  # noqa: PLC0415

    return Clients(settings().home)


@contextmanager
def _plainly() -> Iterator[None]:
    """Turn what an operator can put right into one plain line."""
    try:
        yield
    except PermissionError as error:
        _refuse(f"{error.filename} belongs to another user: run this as the user that runs `roundtable up`.")
    except ValueError as error:
        _refuse(str(error))


def _refuse(why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(2)
