"""What each part of the way costs: receiving, bulk, relay, projection."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from secrets import randbelow
from time import perf_counter
from typing import Any
from uuid import uuid4

import asyncpg
import psutil

from bench import ceilings
from bench.figures import Figure, beside
from bench.load import Journal, Load, Shot, post
from bench.rig import Rig
from deploy import wandsworth
from services.referrals.domain.identifiers import nhs_number
from services.referrals.schemas.referrals import EXAMPLE
from shared import bus as buses
from shared.bus import BATCH, Outgoing
from shared.db import connect, sessions
from shared.events.people import DemographicsRecorded
from shared.events.referrals import ReferralReceived
from shared.inbox import read
from shared.outbox import Emission, Outbox, emit_all, envelope, outbox_rows
from shared.relay import Relay
from tests.streams import doing

CONNECTIONS = 32
BULK_ROWS = 5000
MEBIBYTE = 2**20


def somebody() -> dict[str, Any]:
    """Return a referral with every identifier, of somebody who was never referred: a known number would join their record."""
    number = None
    while number is None:
        nine = f"9{randbelow(10**8):08}"
        number = next((valid for last in range(10) if (valid := nhs_number(f"{nine}{last}"))), None)
    return EXAMPLE | {"person": EXAMPLE["person"] | {"nhs_number": number}}


def keyed_posts(count: int, token: str) -> list[Shot]:
    """Return single referrals, each with everything: identifiers, a note, an idempotency key."""
    shots = []
    for _ in range(count):
        key = str(uuid4())
        referral = somebody() | {"source_id": key, "note": "Prefers the evening.", "received_on": "2026-03-14"}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        shots.append(Shot((key,), post("/v1/referrals", referral, headers), key))
    return shots


def fire(port: int, shots: list[Shot], seconds: float, connections: int = CONNECTIONS) -> Journal:
    """Send as fast as answers come, for so many seconds; every answer must be a success."""
    journal: Journal = ceilings.wait(Load(port, connections, within=seconds).fire(shots))
    assert len(journal.of("ok")) == len(journal.lines), journal.lines[-1]
    return journal


def receiving(rig: Rig, rounds: int, seconds: float) -> list[Figure]:
    """Measure POST /v1/referrals beside pgbench and beside a bare app."""
    ceilings.wait(ceilings.make_tables(rig))
    token, enough = rig.token("referrals:write"), int(6000 * seconds)
    pairs, bare, journals = [], [], []
    with rig.service("referrals-api"), ceilings.bare_post(rig.system.home.logs) as bare_port:
        port = rig.system.port("referrals")
        fire(port, keyed_posts(500, token), seconds)
        alone = fire(port, keyed_posts(300, token), seconds, connections=1)
        for _ in range(rounds):
            best = ceilings.two_inserts(rig, max(1, int(seconds)))
            journals.append(fire(port, keyed_posts(enough, token), seconds))
            pairs.append((journals[-1].per_second, best))
            bare.append((journals[-1].per_second, fire(bare_port, keyed_posts(enough, token), seconds).per_second))
    middle = sorted(journals, key=lambda each: each.per_second)[len(journals) // 2]
    return [
        beside("POST /v1/referrals, 32 connections", "requests/s", pairs, "pgbench, two inserts", least_ratio=0.20),
        beside("  the same beside a bare POST", "requests/s", bare, "FastAPI, validation only"),
        Figure("  p50", middle.quantile(0.5), "ms"),
        Figure("  p99", middle.quantile(0.99), "ms", most=50),
        Figure("  p50, alone on the line", alone.quantile(0.5), "ms"),
    ]


def bulk(rig: Rig, rounds: int, bulks: int) -> list[Figure]:
    """Measure bulks of the Wandsworth referrals and of fully identified ones, and what more of them leave in memory."""
    token, pairs, rich = rig.token("referrals:write"), [], []
    with rig.service("referrals-api") as pid:
        port, process = rig.system.port("referrals"), psutil.Process(pid)
        fire(port, [_bulk(500, token)], 60, 1)
        for _ in range(rounds):
            best = ceilings.wait(ceilings.copied_rows(rig, 2 * BULK_ROWS, datetime.now(UTC)))
            pairs.append((_rows_a_second(port, _bulk(BULK_ROWS, token)), best))
            rich.append((_rows_a_second(port, _bulk(BULK_ROWS, token, identified=True)), best))
        before = process.memory_info().rss
        for _ in range(bulks):
            fire(port, [_bulk(BULK_ROWS, token)], 60, 1)
        grown = (process.memory_info().rss - before) / MEBIBYTE
    return [
        beside("bulk, Wandsworth referrals", "rows/s", pairs, "COPY, two tables", least=15_000),
        beside("  the same, with every identifier", "rows/s", rich, "COPY, two tables"),
        Figure(f"  memory after {bulks} more bulks of {BULK_ROWS:,}", grown, "MiB more", most=10),
    ]


def _bulk(rows: int, token: str, *, identified: bool = False) -> Shot:
    mark = uuid4().hex[:12]
    plain: Iterator[dict[str, Any]] = islice(wandsworth.referrals(), rows)
    every = (
        (somebody() if identified else referral) | {"source_id": f"{mark}-{number}", "received_on": "2026-03-14"}
        for number, referral in enumerate(plain)
    )
    body = "\n".join(json.dumps(referral) for referral in every).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    return Shot((mark,), post("/v1/referrals/bulk", body, headers))


def _rows_a_second(port: int, shot: Shot) -> float:
    line = fire(port, [shot], 60, 1).lines[0]
    accepted: int = json.loads(line.body)["accepted"]
    assert accepted == BULK_ROWS, line.body[:200]
    return accepted / line.seconds


def relay(rig: Rig, rounds: int, events: int) -> list[Figure]:
    """Measure the relay from a full outbox to a stream that syncs every batch, beside publishing alone."""
    ceilings.wait(_forget_unpublished(rig))
    pairs = [ceilings.wait(_relayed(rig, events)) for _ in range(rounds)]
    return [beside("relay, sync_interval always", "events/s", pairs, "atomic batches alone", least=20_000)]


async def _forget_unpublished(rig: Rig) -> None:
    """Set aside what earlier measurements announced: no worker ran to send it."""
    connection = await asyncpg.connect(rig.system.admin_dsn)
    await connection.execute("UPDATE referrals.outbox SET published_at = now() WHERE published_at IS NULL")
    await connection.close()


async def _relayed(rig: Rig, events: int) -> tuple[float, float]:
    engine = connect(rig.dsn("referrals"), statement_timeout_ms=60_000)
    async with buses.connect(rig.system.nats_url, name="bench") as bus:
        prepared = [
            Outgoing(f"roundtable.{ReferralReceived.subject}", str(uuid4()), "", json.dumps(one).encode())
            for one in _envelopes(events)
        ]
        began = perf_counter()
        for at in range(0, events, BATCH):
            await bus.publish_batch(prepared[at : at + BATCH])
        best = events / (perf_counter() - began)
        async with sessions(engine).begin() as session:
            await emit_all(session, _emissions(events))
        sender = Relay("referrals", engine, bus)
        began = perf_counter()
        async with doing(sender.run()):
            while sender.published < events:  # noqa: ASYNC110 - the relay says how far it is, and nothing more
                await asyncio.sleep(0.005)
        took = perf_counter() - began
    await engine.dispose()
    return events / took, best


def projection(rig: Rig, rounds: int, events: int) -> list[Figure]:
    """Measure reporting's projections, 500 events a transaction, beside the two statements none can do without."""
    pairs = [ceilings.wait(_projected(rig, events)) for _ in range(rounds)]
    return [beside("projection, batches of 500", "events/s", pairs, "two upserts", least=20_000)]


async def _projected(rig: Rig, events: int) -> tuple[float, float]:
    from services.reporting.projections import subscriber  # noqa: PLC0415 - nothing else here needs it

    envelopes = _envelopes(events + BATCH)
    messages = [(one["type"], json.dumps(one).encode()) for one in envelopes]
    facts = [one["data"] for one in envelopes if "source" in one["data"]]
    best = await ceilings.upserted_facts(rig, facts)
    engine = connect(rig.dsn("reporting"), statement_timeout_ms=60_000)
    began = perf_counter()
    for at in range(0, len(messages), BATCH):
        if at == BATCH:
            began = perf_counter()  # the first batch opens the connection and prepares the statements
        async with sessions(engine).begin() as session:
            await subscriber.apply(session, [read(*message) for message in messages[at : at + BATCH]])
    took = perf_counter() - began
    await engine.dispose()
    return events / took, best


def _emissions(events: int) -> Iterator[Emission]:
    """Yield what referrals announces: of each a referral and its person's demographics."""
    for _ in range(events // 2):
        person = uuid4().hex
        received = {"source": "B1", "source_system": "iaptus", "pathway": "triage", "programme": "talking_therapies"}
        yield Emission(
            ReferralReceived.model_validate(
                {"referral_id": uuid4(), "person_key": person, "received_on": "2026-03-14", **received}
            ),
            1,
        )
        known = {"birth_month": "1980-05", "gender_identity": "2", "ethnic_category": "N", "language": "ig"}
        yield Emission(DemographicsRecorded.model_validate({"person_key": person, **known}), 1)


def _envelopes(events: int) -> list[dict[str, Any]]:
    return [envelope(Outbox(**row), "referrals") for row in outbox_rows(_emissions(events))]
