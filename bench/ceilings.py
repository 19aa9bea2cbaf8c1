"""What this machine could do at best, with nothing of ours in the way: measured beside ours, in the same run."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import asyncpg
from pydantic_core import to_json

from bench.rig import Rig
from deploy.home import LOOPBACK, free_port
from deploy.programs import Program, answers, running

TABLES = """
CREATE TABLE IF NOT EXISTS bench_record (
    id uuid PRIMARY KEY, person_id uuid, client text, source_system text, source_id text, digest bytea, received_on date,
    source text, site_id uuid, pathway text, programme text, note bytea, status text, version int, created_at timestamptz);
CREATE UNIQUE INDEX IF NOT EXISTS bench_natural ON bench_record (client, source_system, source_id);
CREATE INDEX IF NOT EXISTS bench_received ON bench_record (received_on, id);
CREATE TABLE IF NOT EXISTS bench_outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid UNIQUE, aggregate_id text, version int, subject text,
    data jsonb, traceparent text, occurred_at timestamptz, published_at timestamptz, stream_seq bigint);
CREATE TABLE IF NOT EXISTS bench_fact (
    referral_id uuid PRIMARY KEY, person_key text, received_on date, source text, source_system text, pathway text);
CREATE TABLE IF NOT EXISTS bench_inbox (event_id uuid PRIMARY KEY, aggregate_id text, version int);
"""
TWO_INSERTS = """
BEGIN;
INSERT INTO bench_record VALUES (gen_random_uuid(), gen_random_uuid(), 'bench', 'iaptus', gen_random_uuid()::text,
    '\\x00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', '2026-03-14', 'B1', NULL, 'triage',
    'talking_therapies', NULL, 'received', 1, now());
INSERT INTO bench_outbox (event_id, aggregate_id, version, subject, data, traceparent, occurred_at)
    VALUES (gen_random_uuid(), gen_random_uuid()::text, 1, 'referrals.received.v1',
    '{"referral_id": "0ee8367b-56c4-4c4a-bc40-3807a595190b", "source": "B1", "received_on": "2026-03-14"}', '00-a-b-01', now());
END;
"""
RECORD = (
    "id",
    "person_id",
    "client",
    "source_system",
    "source_id",
    "received_on",
    "source",
    "pathway",
    "programme",
    "status",
    "version",
    "created_at",
)


async def make_tables(rig: Rig) -> None:
    """Make the ceilings' own tables."""
    connection = await asyncpg.connect(rig.system.admin_dsn)
    await connection.execute(TABLES)
    await connection.close()


def two_inserts(rig: Rig, seconds: int, clients: int = 32) -> float:
    """Return the transactions a second of pgbench: a record and its outbox row, a durable commit, prepared statements."""
    assert rig.system.postgres
    script = rig.system.home.folder / "two_inserts.sql"
    script.write_text(TWO_INSERTS)
    words = ["--no-vacuum", "--file", str(script), "--client", str(clients), "--jobs", "1", "--protocol", "prepared"]
    command = [str(rig.system.postgres.binaries / "pgbench"), *words, "--time", str(seconds), rig.system.admin_dsn]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own program
    line = next(line for line in told.splitlines() if line.startswith("tps = "))
    return float(line.split()[2])


@contextmanager
def bare_post(folder: Path) -> Iterator[int]:
    """Run the bare app as our services are run; give its port."""
    port = free_port()
    settings = (
        "host='127.0.0.1', loop='uvloop', http='httptools', access_log=False, log_config=None, server_header=False"
    )
    code = f"import uvicorn; from bench.bare import app; uvicorn.run(app, port={port}, ws='none', {settings})"
    program = Program(
        name="bare",
        kind="api",
        command=(sys.executable, "-c", code),
        ready=lambda: answers(LOOPBACK, port, "/health/ready"),
    )
    with running(program, folder / "bare.log"):
        yield port


async def copied_rows(rig: Rig, count: int, created: Any) -> float:  # noqa: ANN401 - a datetime
    """Return the rows a second of COPY into a record and an outbox row each, in transactions of 500."""
    connection = await asyncpg.connect(rig.system.admin_dsn)
    fixed = (created.date(), "B1", "triage", "talking_therapies", "received", 1, created)
    records = [(uuid4(), uuid4(), "bench", "copy", str(uuid4()), *fixed) for _ in range(count)]
    events = [
        (uuid4(), str(row[0]), 1, "referrals.received.v1", '{"source": "B1"}', "00-a-b-01", created) for row in records
    ]
    columns = ("event_id", "aggregate_id", "version", "subject", "data", "traceparent", "occurred_at")
    began = perf_counter()
    for at in range(0, count, 500):
        async with connection.transaction():
            await connection.copy_records_to_table("bench_record", records=records[at : at + 500], columns=RECORD)
            await connection.copy_records_to_table("bench_outbox", records=events[at : at + 500], columns=columns)
    took = perf_counter() - began
    await connection.close()
    return count / took


async def upserted_facts(rig: Rig, facts: Sequence[dict[str, Any]]) -> float:
    """Return the events a second of the two statements no projection can do without: inbox and fact, 500 a transaction."""
    connection = await asyncpg.connect(rig.system.admin_dsn)
    groups = [facts[at : at + 500] for at in range(0, len(facts), 500)]
    inbox = [
        to_json([{"event_id": uuid4(), "aggregate_id": f["referral_id"], "version": 1} for f in g]).decode()
        for g in groups
    ]
    rows = [to_json(group).decode() for group in groups]
    began = perf_counter()
    for ids, group in zip(inbox, rows, strict=True):
        async with connection.transaction():
            await connection.execute(
                "INSERT INTO bench_inbox SELECT * FROM jsonb_to_recordset($1::jsonb) "
                "AS r(event_id uuid, aggregate_id text, version int) ON CONFLICT DO NOTHING",
                ids,
            )
            await connection.execute(
                "INSERT INTO bench_fact SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(referral_id uuid, person_key text, "
                "received_on date, source text, source_system text, pathway text) "
                "ON CONFLICT (referral_id) DO UPDATE SET source = EXCLUDED.source",
                group,
            )
    took = perf_counter() - began
    await connection.close()
    return len(facts) / took


def wait(coroutine: Any) -> Any:  # noqa: ANN401 - any coroutine
    """Run a coroutine on uvloop, as the services do."""
    import uvloop  # noqa: PLC0415 - what services run on

    return asyncio.Runner(loop_factory=uvloop.new_event_loop).run(coroutine)
