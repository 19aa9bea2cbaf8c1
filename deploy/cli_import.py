"""`roundtable import`: examples and exports brought in through the public API, as any sender would."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from deploy import CannotRunError
from deploy.csv_rows import Encoding, Rows, open_rows

if TYPE_CHECKING:  # loaded only by the command that needs it, so that `roundtable` starts fast
    from rich.console import Console

    from deploy.csv_import import Rejections, Told
    from deploy.csv_referrals import Plan

EXAMPLES = ("wandsworth",)
HALF_A_DAY = 12 * 3600  # seconds that an import's own token lives
INTERRUPTED = 130  # exit code, as shells have it
AGAIN = "Sending the same file again is safe: what is there already is recognised."


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and how to read it."""

    path: Path
    mapping: str | None
    system: str | None
    encoding: Encoding
    ignore_unknown: bool


@dataclass(frozen=True, slots=True)
class Target:
    """The service that takes the referrals, and whether it is only asked what it would do."""

    address: str
    token: str
    dry_run: bool


def import_source(  # noqa: PLR0913 - a command's options
    source: Annotated[str, typer.Argument(help="A CSV file of referrals, or an example: wandsworth.")],
    *,
    mapping: Annotated[
        str | None, typer.Option(help="What another system's columns mean: a TOML file, or iaptus_like, pcmis_like.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="A new file for rejected rows, to be corrected and imported; closed to others.")
    ] = None,
    source_system: Annotated[
        str | None, typer.Option(help="The sending system's name, when the file has no column for it.")
    ] = None,
    encoding: Annotated[Encoding, typer.Option(help="How the file's letters are written.")] = Encoding.UTF_8,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out columns that mean nothing here.")
    ] = False,
    client: Annotated[
        str, typer.Option(help="Whose referrals they are: the same name recognises them again.")
    ] = "import",
    address: Annotated[
        str | None, typer.Option("--url", help="Another machine's referrals service; needs --token-file.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds a token with referrals:write, instead of this machine's own.")
    ] = None,
) -> None:
    """Bring in referrals from a CSV file, or an example, through the public API.

    The first line of the file holds the headings: our own field names (source_id, received_on, source, family_name ...; lists
    separated by |, dates as 2026-03-14), or another system's, which --mapping explains. An empty cell is not recorded. Comma,
    semicolon or tab are told apart by themselves. Sending a file again is safe: what is there already is recognised. Exit
    code 1 when rows were rejected.

    \b
        roundtable import wandsworth
        roundtable import examples/referrals.csv --dry-run
        roundtable import examples/referrals.csv --errors rejected.csv
        roundtable import export.csv --mapping iaptus_like --encoding cp1252
        roundtable import export.csv --mapping our_columns.toml --source-system clinic
        roundtable import referrals.csv --url https://referrals.example.org --token-file token.txt
    """  # noqa: D301 - the mark of a block that help leaves as it is
    import httpx  # noqa: PLC0415 - see the top
    from rich.console import Console  # noqa: PLC0415

    from deploy.posting import ImportFailed  # noqa: PLC0415

    console = Console(highlight=False, markup=False)
    try:
        if source in EXAMPLES:
            from deploy import wandsworth_table  # noqa: PLC0415

            good = asyncio.run(wandsworth_table.bring_in(Console()))
        else:
            told_how = Source(Path(source), mapping, source_system, encoding, ignore_unknown)
            good = _from_file(console, told_how, _target(address, token_file, client, dry_run=dry_run), errors)
    except ImportFailed as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None
    except httpx.TransportError:
        away = (
            f"{address} does not answer." if address else "The services do not answer. Start them with: roundtable up"
        )
        typer.echo(away, err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(0 if good else 1)


def _target(address: str | None, token_file: Path | None, client: str, *, dry_run: bool) -> Target:
    """Return where the referrals go: this machine, by its own token, unless another is named."""
    from deploy.posting import url  # noqa: PLC0415 - see the top

    token = token_of(["referrals:write"], address, token_file, client, ttl=HALF_A_DAY)
    return Target((address or url("referrals")).rstrip("/"), token, dry_run)


def token_of(scopes: list[str], address: str | None, token_file: Path | None, client: str, *, ttl: int) -> str:
    """Return the token that an import is done with: one of this machine's own, unless a file holds another."""
    from deploy.cli_tokens import development_token  # noqa: PLC0415 - see the top

    if address is not None and token_file is None:
        raise CannotRunError("Another machine wants a token of its own: name its file with --token-file.")
    if token_file is None:
        return development_token(scopes, client=client, ttl=ttl)
    try:
        return token_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise CannotRunError(f"{token_file} cannot be read, or holds no token.") from None


def _from_file(console: "Console", source: Source, target: Target, errors: Path | None) -> bool:
    """Bring a file in and say what became of it; return whether no row was rejected."""
    from deploy.csv_import import Rejections, Told  # noqa: PLC0415 - see the top
    from deploy.csv_mapping import fields, mapping_named  # noqa: PLC0415
    from deploy.csv_referrals import Plan  # noqa: PLC0415

    mapping = mapping_named(source.mapping)
    expected = {*mapping.columns, *mapping.ignored, *fields()}
    told, began = Told(), monotonic()
    with open_rows(source.path, source.encoding, expected.__contains__) as rows:
        if source.system is not None:
            mapping = mapping.model_copy(update={"constants": mapping.constants | {"source_system": source.system}})
        plan = Plan(mapping, rows.headings, ignore_unknown=source.ignore_unknown)
        with Rejections(errors, rows, source.encoding) as rejections:
            try:
                asyncio.run(_send(console, rows, plan, target, rejections, told))
            except KeyboardInterrupt:
                _summarise(console, told, monotonic() - began, target, errors)
                typer.echo(f"Interrupted after line {told.line}. {AGAIN}", err=True)
                raise typer.Exit(INTERRUPTED) from None
            except Exception:
                if told.rows:
                    _summarise(console, told, monotonic() - began, target, errors)
                    typer.echo(f"It ended early, after line {told.line}. {AGAIN}", err=True)
                raise
    _summarise(console, told, monotonic() - began, target, errors)
    return told.rejected == 0


async def _send(
    console: "Console", rows: Rows, plan: "Plan", target: Target, rejections: "Rejections", told: "Told"
) -> None:
    """Send a file's rows, with a bar that counts its bytes and says how many rows that was."""
    import httpx  # noqa: PLC0415 - see the top
    from rich.progress import TextColumn  # noqa: PLC0415

    from deploy.csv_import import Twins, bring_in  # noqa: PLC0415
    from deploy.posting import Bulk, progress  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {target.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        with progress(console, count=TextColumn("{task.fields[rows]:,} rows")) as bar:
            task = bar.add_task("Trying" if target.dry_run else "Sending", total=rows.size, rows=0)
            bulk = Bulk(client, target.address, dry_run=target.dry_run)
            twins = Twins() if target.dry_run else None

            def moved() -> None:
                bar.update(task, completed=rows.read, rows=told.rows)

            await bring_in(rows, plan, bulk, rejections, told, twins=twins, moved=moved)


def _summarise(console: "Console", told: "Told", seconds: float, target: Target, errors: Path | None) -> None:
    """Say what became of the rows; never what is in them."""
    if target.dry_run:
        words = f"Dry run, nothing was changed: {told.created:,} would be recorded, {told.replayed:,} are there already"
    else:
        words = f"{told.created:,} recorded, {told.replayed:,} there already"
    console.print(f"{words}, {told.rejected:,} rejected, in {seconds:.1f} s ({told.rows / seconds:,.0f} a second).")
    for line, wrong in told.first:
        console.print(f"  line {line}: {wrong.field + ': ' if wrong.field else ''}{wrong.message} ({wrong.code})")
    if told.rejected and errors is not None:
        console.print(f"The rejected rows are in {errors}: correct them there, then import that file.")
    elif told.rejected:
        console.print("For a file of the rejected rows, to be corrected: --errors FILE.csv")
