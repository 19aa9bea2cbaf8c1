"""`roundtable import-open-referral`: another directory's organisations, places and services, through the sites API."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, TextIO, get_args

import typer

from deploy import CannotRunError
from shared.events.sites import Makers, OrganisationKind

if TYPE_CHECKING:  # loaded only by the command that needs it, so that `roundtable` starts fast
    from deploy.open_referral.sending import Told
    from deploy.open_referral.things import Assumed

A_DAY = 24 * 3600  # seconds that an import's own token lives
SHOWN = 12  # reasons and fields told on the screen


def import_open_referral(  # noqa: PLR0913 - a command's options
    source: Annotated[str, typer.Argument(help="A feed's address, a JSON file, or a folder or zip of HSDS CSV files.")],
    *,
    organisation_kind: Annotated[
        str,
        typer.Option(help=f"The kind of organisations that do not say it: {', '.join(get_args(OrganisationKind))}."),
    ] = "other",
    programme: Annotated[str, typer.Option(help="The programme of services that do not say it.")] = "talking_therapies",
    made_by: Annotated[
        str, typer.Option(help=f"Who designs and delivers those that do not say it: {', '.join(get_args(Makers))}.")
    ] = "professionals",
    co_provider: Annotated[
        bool, typer.Option(help="Whether places that do not say it deliver together with the NHS.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="A new file for what cannot be carried over, with its content: JSON, one a line."),
    ] = None,
    client: Annotated[str, typer.Option(help="Who is recorded as having registered it.")] = "import",
    address: Annotated[
        str | None, typer.Option("--url", help="Another machine's sites service; needs --token-file.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file that holds a token with sites:read and sites:write, instead of this machine's own."),
    ] = None,
) -> None:
    """Bring in another directory (Open Referral, HSDS 3.0): organisations, places and services, through the public API.

    Ids are kept, so importing again is safe: what is there already is compared, and changed only where the source says
    otherwise. What has no place here is named, counted and, with --report, kept. Exit code 1 when something was skipped.

    \b
        roundtable import-open-referral https://directory.example.org/open-referral --dry-run
        roundtable import-open-referral services.json --organisation-kind charity
        roundtable import-open-referral package.zip --report left.jsonl
    """  # noqa: D301 - the mark of a block that help leaves as it is
    import httpx  # noqa: PLC0415 - see the top

    from deploy.cli_import import token_of  # noqa: PLC0415
    from deploy.open_referral.sending import Told  # noqa: PLC0415
    from deploy.open_referral.things import Assumed  # noqa: PLC0415
    from deploy.posting import ImportFailed, url  # noqa: PLC0415

    if organisation_kind not in get_args(OrganisationKind) or made_by not in get_args(Makers):
        raise CannotRunError("There is no such kind, or no such makers: see --help.")
    token = token_of(["sites:read", "sites:write"], address, token_file, client, ttl=A_DAY)
    assumed = Assumed(organisation_kind, programme, made_by, co_provider)
    told, began = Told(), monotonic()
    try:
        with ExitStack() as open_files:
            kept = _opened(report, open_files)
            asyncio.run(
                _bring(source, (address or url("sites")).rstrip("/"), token, assumed, told, kept, dry_run=dry_run)
            )
    except ImportFailed as problem:
        _summarise(told, monotonic() - began, dry_run=dry_run)
        raise CannotRunError(str(problem)) from None
    except httpx.TransportError:
        raise CannotRunError(
            "The source, or the sites service (start it with: roundtable up), does not answer."
        ) from None
    _summarise(told, monotonic() - began, dry_run=dry_run)
    if report is not None and (told.skipped or told.left):
        typer.echo(f"What was not carried over is in {report}.")
    raise typer.Exit(1 if told.skipped else 0)


def _opened(report: Path | None, open_files: ExitStack) -> TextIO | None:
    try:
        return open_files.enter_context(report.open("x", encoding="utf-8")) if report is not None else None
    except OSError as problem:
        raise CannotRunError(f"The report {report} cannot be written: {problem.strerror}.") from None


async def _bring(
    source: str, address: str, token: str, assumed: "Assumed", told: "Told", kept: TextIO | None, *, dry_run: bool
) -> None:
    import httpx  # noqa: PLC0415 - see the top

    from deploy.open_referral.reading import services, written  # noqa: PLC0415
    from deploy.open_referral.sending import Directory, bring_in  # noqa: PLC0415

    def note(entry: dict[str, object]) -> None:
        if kept is not None:
            kept.write(written(entry) + "\n")

    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(timeout=60, follow_redirects=True) as reader,  # never with our token
        httpx.AsyncClient(timeout=60, headers=headers) as writer,
    ):
        directory = Directory(writer, address, dry_run=dry_run)
        await bring_in(services(source, reader), directory, assumed, told, note)


def _summarise(told: "Told", seconds: float, *, dry_run: bool) -> None:
    """Say what became of a directory: counts, reasons and names of fields."""
    typer.echo(
        f"{'Dry run, nothing was changed. ' if dry_run else ''}{told.services:,} services read in {seconds:.1f} s."
    )
    for kind, become in told.become.items():
        counts = ", ".join(f"{become[each]:,} {each}" for each in ("created", "changed", "unchanged", "skipped"))
        typer.echo(f"  {kind}: {counts}")
    for title, counter in (
        ("Skipped", told.reasons),
        ("Cannot be carried over", told.left),
        ("Not said by the source, so assumed", told.assumed),
    ):
        for what, number in counter.most_common(SHOWN):
            typer.echo(f"  {title}: {what} ({number:,})")
        if len(counter) > SHOWN:
            typer.echo(f"  {title}: and {len(counter) - SHOWN:,} more kinds")
