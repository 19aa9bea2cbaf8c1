"""The Wandsworth referrals posted, and the evaluation's Table 1 printed beside what reporting shows of them."""

import asyncio
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from time import monotonic
from typing import Any

import httpx
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from deploy import wandsworth
from deploy.cli_tokens import development_token
from deploy.posting import LINES, Bulk, ImportFailed, progress, url
from deploy.wandsworth import PERIODS, TABLE_1, TOTAL
from shared.codes import code_list

PATIENCE = 120  # seconds for reporting to show what was posted
SOURCES = "source_of_referral_iapt"


async def bring_in(console: Console) -> bool:
    """Post the 9,189 referrals behind Table 1, wait, compare; return whether every figure is equal."""
    token = development_token(["referrals:write", "reports:read", "reports:exact"], client="example", ttl=3600)
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        await _post(console, client, list(wandsworth.referrals()))
        report = await _shown(console, client)
        equal = _print_table_1(console, _counts(report))
        equal &= _print_people(console, await _by(client, "gender_identity"), await _by(client, "ethnic_group"))
        await _print_completeness(console, client)
    verdict = "Equal: every figure above is the evaluation's." if equal else "NOT EQUAL: see the marked rows above."
    as_of = report["as_of"]
    console.print(f"\n{verdict}\nAs of event {as_of['events']}, {as_of['at'][:19]} UTC.", highlight=False)
    return equal


async def _post(console: Console, client: httpx.AsyncClient, referrals: list[dict[str, Any]]) -> None:
    """Post all referrals by the hundred, with a bar."""
    bulk = Bulk(client, url("referrals"))
    told = {"accepted": 0, "replayed": 0, "rejected": 0}
    began = monotonic()
    with progress(console) as bar:
        task = bar.add_task("Posting referrals", total=len(referrals))
        for chunk in _chunks(referrals):
            answer = await bulk.post(chunk)
            told = {name: count + answer[name] for name, count in told.items()}
            bar.advance(task, len(chunk))
            if answer["rejected"]:
                first = next(result for result in answer["results"] if result["status"] == "rejected")
                raise ImportFailed(f"A referral was refused: {first['problem']}")
    seconds = monotonic() - began
    console.print(
        f"{told['accepted']} recorded, {told['replayed']} there already,"
        f" in {seconds:.1f} s ({len(referrals) / seconds:,.0f} a second)."
    )


def _chunks(referrals: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rest = iter(referrals)
    while chunk := list(islice(rest, LINES)):
        yield chunk


async def _report(client: httpx.AsyncClient, by: str, interval: str) -> dict[str, Any]:
    wanted = {
        "from": f"{PERIODS[0].start:%Y-%m}",
        "to": f"{PERIODS[-1].end:%Y-%m}",
        "interval": interval,
        "by": by,
        "profile": "exact",
    }
    answer = await client.get(f"{url('reporting')}/v1/reports/referrals_received", params=wanted)
    if answer.status_code != httpx.codes.OK:
        raise ImportFailed(f"The reporting service answered {answer.status_code}: {answer.text}")
    found: dict[str, Any] = answer.json()
    return found


async def _shown(console: Console, client: httpx.AsyncClient) -> dict[str, Any]:
    """Return the report once it holds everything that was posted."""
    began = monotonic()
    with console.status("Waiting for reporting …"):
        while True:
            report = await _report(client, "source,source_system", "year")
            found = sum(row["value"] for row in report["rows"] if _ours(row))
            if found >= TOTAL:
                break
            if monotonic() - began > PATIENCE:
                raise ImportFailed(f"After {PATIENCE} s reporting shows {found} of {TOTAL}. See: roundtable logs")
            await asyncio.sleep(0.2)
    console.print(f"All in the report {monotonic() - began:.1f} s later.\n")
    return report


def _ours(row: dict[str, Any]) -> bool:
    return row["group"].get("source_system") in {wandsworth.SYSTEM, wandsworth.OUTPATIENTS}


def _counts(report: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    """Return the report's counts by source, sending system and first day of the period."""
    return {
        (row["group"]["source"], row["group"]["source_system"], row["period"]["start"]): row["value"]
        for row in report["rows"]
        if _ours(row)
    }


def percent(part: int, whole: int, unit: str = "0.01") -> str:
    """Return a percentage, half up, with as many decimals as `unit` has."""
    return str((Decimal(100 * part) / whole).quantize(Decimal(unit), ROUND_HALF_UP))


def _print_table_1(console: Console, counts: dict[tuple[str, str, str], int]) -> bool:
    """Print the paper's table and ours; return whether all counts are equal."""
    table = _table("Referrals by source, September to August: the evaluation's Table 1, and ours", "Source")
    for period in PERIODS:
        for heading in (f"{period.name}\npaper", "\nours", "\n%"):
            table.add_column(heading, justify="right", no_wrap=True)
    equal, misprints = True, 0
    totals = [0] * len(PERIODS)
    for row in TABLE_1:
        label, cells = code_list(SOURCES).label(row.source), [row.name]
        for number, period in enumerate(PERIODS):
            found = counts.get((str(label), row.system, period.start.isoformat()), 0)
            totals[number] += found
            equal &= found == row.counts[number]
            share = percent(found, period.total)
            misprinted = row.printed[number] not in {share, "-"}
            misprints += misprinted
            mark = "" if found == row.counts[number] else " ≠"
            cells += [f"{row.counts[number]:,}", f"{found:,}{mark}", f"{share}{'*' if misprinted else ' '}"]
        table.add_row(*cells)
    table.add_section()
    sums = [
        cell for total, period in zip(totals, PERIODS, strict=True) for cell in (f"{period.total:,}", f"{total:,}", "")
    ]
    table.add_row("Total", *sums)
    console.print(table)
    console.print(
        f"* {misprints} percentages are rounded otherwise in print; the counts are the same.\n", highlight=False
    )
    return equal and totals == [period.total for period in PERIODS]


def _table(title: str, first: str) -> Table:
    """Return a plain table with its first column to the left."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False, padding=(0, 2, 0, 0)
    )
    table.add_column(first, no_wrap=True)
    return table


async def _by(client: httpx.AsyncClient, dimension: str) -> dict[str, int]:
    report = await _report(client, dimension, "total")
    return {row["group"][dimension]: row["value"] for row in report["rows"]}


def _print_people(console: Console, genders: dict[str, int], ethnic_groups: dict[str, int]) -> bool:
    """Print who they were beside what the evaluation says; return whether it is equal."""
    women = next(count for group, count in genders.items() if group.startswith("Female"))
    known = sum(count for group, count in genders.items() if not group.startswith("Not "))
    missing = sum(count for group, count in ethnic_groups.items() if group.startswith("Not "))
    white = ethnic_groups["White"]
    bme = sum(ethnic_groups.values()) - white - missing
    table = _table("Who they were", "")
    for heading in ("printed", "ours"):
        table.add_column(heading, justify="right")
    rows = (
        ("Women, of the 5,715 who entered", "66.5 %", f"{percent(women, known, '0.1')} % ({women:,} of {known:,})"),
        ("White", "39.94 %", f"{percent(white, TOTAL)} % ({white:,} of {TOTAL:,})"),
        ("Black and minority ethnic", "12.82 %", f"{percent(bme, TOTAL)} % ({bme:,})"),
        ("Missing or not stated", "47.24 %", f"{percent(missing, TOTAL)} % ({missing:,})"),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return (women, known, white, bme, missing) == (
        wandsworth.WOMEN,
        wandsworth.ENTERED,
        wandsworth.WHITE,
        wandsworth.BME,
        TOTAL - wandsworth.WHITE - wandsworth.BME,
    )


async def _print_completeness(console: Console, client: httpx.AsyncClient) -> None:
    """Print what the evaluation complained about, as this system shows it beside every figure."""
    wanted = {"from": f"{PERIODS[0].start:%Y-%m}", "to": f"{PERIODS[-1].end:%Y-%m}", "profile": "exact"}
    answer = await client.get(f"{url('reporting')}/v1/completeness", params=wanted)
    if answer.status_code != httpx.codes.OK:
        raise ImportFailed(f"The reporting service answered {answer.status_code}: {answer.text}")
    table = _table("Completeness of what was recorded (base: referrals received)", "Field")
    for heading in ("recorded", "not stated", "not known", "missing", "recorded %"):
        table.add_column(heading, justify="right")
    for row in answer.json()["rows"]:
        if row["field"] in {"ethnic_category", "gender_identity", "birth_month", "language"}:
            figures = (row[name] for name in ("valid", "not_stated", "not_known", "missing", "valid_percent"))
            table.add_row(row["field"], *(str(figure) for figure in figures))
    console.print(table)
