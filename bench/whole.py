"""What the whole system takes: to start, to stand there, and to bring a referral from its 201 into the report."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

import asyncpg
import psutil

from bench import ceilings
from bench.figures import Figure
from bench.load import LOOPBACK, Journal, Load, Shot, Wire, get, post
from bench.suite import MEBIBYTE, keyed_posts
from deploy import PORT_OFFSETS, SERVICES
from services.referrals.schemas.referrals import EXAMPLE
from tests.running_system import RunningSystem, start

REPORT = "/v1/reports/referrals_received?profile=exact&interval=total&from={month}&to={month}"
SCOPES = "referrals:write reports:read reports:exact"
EMPTY_MONTH = "2003-05"  # in which nothing else here was received
TRIES = 3
APPLIED = "SELECT events FROM reporting.inbox_position"


@contextmanager
def system() -> Iterator[tuple[RunningSystem, float]]:
    """Start everything in a folder that is gone afterwards; give it and the seconds that `up` said it took."""
    with TemporaryDirectory(prefix="roundtable-bench-") as folder, start(Path(folder)) as running:
        ready = next(line for line in running.said().splitlines() if "Ready after" in line)
        yield running, float(ready.split("Ready after ")[1].split()[0])


def starting_and_standing(running: RunningSystem, seconds: float) -> list[Figure]:
    """Tell what `up` took, what the largest process holds when idle, and what reading its code takes."""
    resident = {
        entry["name"]: psutil.Process(entry["pid"]).memory_info().rss / MEBIBYTE
        for entry in running.status()["processes"]
        if entry["kind"] in {"api", "worker"}
    }
    largest = max(resident, key=lambda name: resident[name])
    modules = [f"services.{service}.{part}" for service in SERVICES for part in ("app", "worker")]
    reading = {module: _import_seconds(module) for module in modules}
    longest = max(reading, key=lambda module: reading[module])
    return [
        Figure("`up` to ready, first start", seconds, "s", most=8),
        Figure(f"import of the longest chain ({longest})", reading[longest], "s", most=1.2),
        Figure(f"memory of the largest idle process ({largest})", resident[largest], "MiB", most=90),
    ]


def _import_seconds(module: str) -> float:
    """Return how long a fresh interpreter takes to import a module, less what it takes to import nothing."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    took = []
    for _ in range(TRIES):
        command = (sys.executable, "-c", code.format(module))
        took.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))  # noqa: S603 - ours
    return median(took)


def visible(running: RunningSystem, rate: float, seconds: float) -> list[Figure]:
    """Send at a steady rate and tell how long events take from their commit to their effect in reporting."""
    token = running.token(SCOPES)
    port = running.port_base + PORT_OFFSETS["referrals"]
    load = Load(port, connections=64, rate=rate, within=2 * seconds)
    delays, journal = ceilings.wait(_watched(running, load, keyed_posts(int(rate * seconds), token)))
    cuts = quantiles(delays, n=100)
    sent = len(journal.of("ok")) / (journal.ended - journal.began)
    return [
        Figure(f"writes, wanted {rate:.0f}/s: done", sent, "requests/s"),
        Figure("  answered, p99 from when due", journal.quantile(0.99), "ms"),
        Figure("  commit → fact, p50", 1000 * cuts[49], "ms", most=100),
        Figure("  commit → fact, p99", 1000 * cuts[98], "ms", most=1000),
    ]


async def _watched(running: RunningSystem, load: Load, shots: list[Shot]) -> tuple[list[float], Journal]:
    """Fire, and meanwhile watch how many events have taken effect; they do so in the order of the outbox.

    An event's time is told by the service just before its commit, so what is returned is rather too much than too little.
    """
    connection = await asyncpg.connect(running.status()["postgres"]["admin_dsn"])
    last = await connection.fetchval("SELECT coalesce(max(id), 0) FROM referrals.outbox")
    done = await connection.fetchval(APPLIED)
    firing = asyncio.create_task(load.fire(shots))
    curve: list[tuple[int, datetime]] = []
    while not firing.done() or curve[-1][0] - done < 2 * len(firing.result().of("ok")):
        row = await connection.fetchrow("SELECT events, clock_timestamp() AS at FROM reporting.inbox_position")
        assert row is not None
        curve.append((row["events"], row["at"]))
        await asyncio.sleep(0.004)
    happened = await connection.fetch("SELECT occurred_at FROM referrals.outbox WHERE id > $1 ORDER BY id", last)
    await connection.close()
    seen, delays = iter(curve), []
    applied, at = next(seen)
    for place, row in enumerate(happened, start=1):
        while applied - done < place:
            applied, at = next(seen)
        delays.append((at - row["occurred_at"]).total_seconds())
    return delays, firing.result()


def to_the_report(running: RunningSystem, times: int) -> list[Figure]:
    """Post a referral, then ask the exact report until it counts it: the way as a caller sees it."""
    return ceilings.wait(_to_the_report(running, times))  # type: ignore[no-any-return]


async def _to_the_report(running: RunningSystem, times: int) -> list[Figure]:
    loop, headers = asyncio.get_running_loop(), running.headers(SCOPES)
    wires = [
        (await loop.create_connection(Wire, LOOPBACK, running.port_base + PORT_OFFSETS[service]))[1]
        for service in ("referrals", "reporting")
    ]
    referrals, reporting = wires
    question, took = get(REPORT.format(month=EMPTY_MONTH), headers), []
    counted = await _counted(reporting, question)
    for _ in range(times):
        one = EXAMPLE | {"source_id": str(uuid4()), "received_on": f"{EMPTY_MONTH}-14", "person": {}}
        status, body = await referrals.ask(post("/v1/referrals", one, headers))
        assert status == 201, body
        began = perf_counter()
        while await _counted(reporting, question) == counted:
            continue
        took.append(1000 * (perf_counter() - began))
        counted += 1
    for wire in wires:
        wire.close()
    cuts = quantiles(took, n=100)
    return [
        Figure("201 → counted in the report, p50", cuts[49], "ms", most=100),
        Figure("  p99", cuts[98], "ms", most=1000),
    ]


async def _counted(reporting: Wire, question: bytes) -> int:
    status, body = await reporting.ask(question)
    assert status == 200, body
    return sum(row["value"] for row in json.loads(body)["rows"])
