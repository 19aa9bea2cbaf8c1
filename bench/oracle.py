"""What goes in must come out: every acknowledged request is looked for in every place where it must have left its mark."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from bench.load import Journal
from deploy import SERVICES
from shared import bus as buses
from shared.bus import Bus, StreamProblem
from shared.events.event import STREAM

PAGE = 500  # messages of the stream read at once
PROBE_SECONDS = 0.1


class NotQuiet(Exception):
    """The system did not come to rest in time; says what still moved."""


@dataclass
class Told:
    """What a client knows after its run, by natural key: what was acknowledged and under which id, refused, or not answered."""

    acknowledged: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unknown: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def of_singles(self, journal: Journal) -> "Told":
        """Read the account of requests that carry one referral each."""
        for line in journal.lines:
            (key,) = line.ids
            if line.verdict == "ok":
                self.acknowledged[key].add(json.loads(line.body)["id"])
            elif line.verdict == "unknown":
                self.unknown.add(key)
            else:
                self.refused.add(key)
        return self

    def of_bulks(self, journal: Journal) -> "Told":
        """Read the account of requests that carry many; a part of a refused one may have been recorded."""
        for line in journal.lines:
            if line.verdict != "ok":
                self.unknown.update(line.ids)
                continue
            for key, result in zip(line.ids, json.loads(line.body)["results"], strict=True):
                if result["status"] == "rejected":
                    self.refused.add(key)
                else:
                    self.acknowledged[key].add(result["id"])
        return self


@dataclass(frozen=True)
class Account:
    """One layer's sums. `recovered` is no fault: nobody had heard that it was done."""

    layer: str
    lost: frozenset[str]
    unexpected: frozenset[str]
    duplicated: frozenset[str]
    recovered: frozenset[str]
    inverted: frozenset[str] = frozenset()

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with it."""
        return not (self.lost or self.unexpected or self.duplicated or self.inverted)

    def __str__(self) -> str:
        counts = ("lost", "unexpected", "duplicated", "recovered", "inverted")
        return f"{self.layer}: " + ", ".join(f"{len(getattr(self, name))} {name}" for name in counts)


def account(
    layer: str, told: Told, observed: Iterable[str], versions: Mapping[str, Iterable[int]] | None = None
) -> Account:
    """Compare what was told with what one layer shows; `versions` are an aggregate's, in the order in which they stand there."""
    seen = Counter(observed)
    acknowledged = set(told.acknowledged)
    return Account(
        layer,
        lost=frozenset(acknowledged - set(seen)),
        unexpected=frozenset(set(seen) - acknowledged - told.unknown),
        duplicated=frozenset(
            {key for key, times in seen.items() if times > 1}
            | {key for key, ids in told.acknowledged.items() if len(ids) > 1}
        ),
        recovered=frozenset((told.unknown - acknowledged) & set(seen)),
        inverted=frozenset(
            aggregate
            for aggregate, found in (versions or {}).items()
            if (order := list(found)) != list(range(1, len(order) + 1))
        ),
    )


class Oracle:
    """Looks into every layer of a system, as its administrator."""

    def __init__(self, admin_dsn: str, nats_url: str) -> None:
        self.admin_dsn = admin_dsn
        self.nats_url = nats_url

    async def settle(self, within: float = 60) -> None:
        """Wait until everything that was written has arrived; raises `NotQuiet`."""
        moving: dict[str, int] = {"not asked yet": 1}
        try:
            async with asyncio.timeout(within):
                while moving:
                    await asyncio.sleep(PROBE_SECONDS)
                    moving = await self._moving()
        except TimeoutError:
            raise NotQuiet(f"after {within} s: {moving}") from None

    async def _moving(self) -> dict[str, int]:
        """Return what still waits somewhere, by its name; empty when all is quiet."""
        try:
            waits = await self._waits_in_database()
            async with buses.connect(self.nats_url, name="oracle") as bus:
                for durable in buses.CONSUMERS:
                    found = await bus.consumer(durable)
                    waits[f"{durable} pending"] = found["num_pending"]
                    waits[f"{durable} unacknowledged"] = found["num_ack_pending"]
        except (OSError, asyncpg.PostgresError, StreamProblem, TimeoutError) as problem:
            return {type(problem).__name__: 1}
        return {name: count for name, count in waits.items() if count}

    async def _waits_in_database(self) -> dict[str, int]:
        connection = await asyncpg.connect(self.admin_dsn, timeout=5)
        try:
            waits = {}
            for service in SERVICES:
                waits[f"{service} outbox"] = await connection.fetchval(
                    f"SELECT count(*) FROM {service}.outbox WHERE published_at IS NULL"  # noqa: S608 - our own names
                )
                waits[f"{service} seals"] = await connection.fetchval(
                    f"SELECT count(*) FROM {service}.audit WHERE position IS NULL"  # noqa: S608 - as above
                )
            sent = [f"(SELECT count(*) FROM {service}.outbox)" for service in SERVICES]  # noqa: S608 - as above
            waits["events not applied"] = await connection.fetchval(
                f"SELECT {' + '.join(sent)} - (SELECT count(*) FROM reporting.inbox)"  # noqa: S608 - as above
            )
            return waits
        finally:
            await connection.close()

    async def accounts(self, told: Told) -> list[Account]:
        """Return every layer's account, from the first table to the last fact."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            rows = await connection.fetch("SELECT id, source_system, source_id FROM referrals.referrals")
            key_of = {str(row["id"]): f"{row['source_system']}/{row['source_id']}" for row in rows}
            found = [account("referrals", told, [_known(told, key, str_id) for str_id, key in key_of.items()])]
            for layer, query in LAYERS.items():
                observed, versions = _effects([dict(row) for row in await connection.fetch(query)], key_of)
                found.append(account(layer, told, observed, versions))
            audited = await connection.fetch(AUDITED)
            found.append(account("audit", told, [_named(row["resource_id"], key_of) for row in audited]))
            facts = await connection.fetch("SELECT referral_id FROM reporting.pathways WHERE received_on IS NOT NULL")
            found.append(account("pathways", told, [_named(row["referral_id"], key_of) for row in facts]))
        finally:
            await connection.close()
        found.append(await self._stream(told, key_of))
        return found

    async def _stream(self, told: Told, key_of: Mapping[str, str]) -> Account:
        """Account for the stream; a message stored again counts once: what must not double is effects."""
        async with buses.connect(self.nats_url, name="oracle") as bus:
            events = {event["id"]: event for event in await stored(bus)}
        rows = [
            {"aggregate_id": event["aggregateid"], "version": event["aggregateversion"], "type": event["type"]}
            for event in events.values()
        ]
        received = [row for row in rows if row["type"].endswith("referrals.received.v1")]
        observed, _ = _effects(received, key_of)
        return account("stream", told, observed, _effects(rows, key_of)[1])

    async def announced(self) -> int:
        """Return how many events all services together have announced."""
        return await self._total("outbox")

    async def set_aside(self) -> int:
        """Return how many events every service together has set aside."""
        return await self._total("dead_letters")

    async def _total(self, table: str) -> int:
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            counts = [await connection.fetchval(f"SELECT count(*) FROM {name}.{table}") for name in SERVICES]  # noqa: S608 - our own names
        finally:
            await connection.close()
        return sum(counts)


LAYERS = {
    "outbox": "SELECT aggregate_id, version FROM referrals.outbox WHERE subject = 'referrals.received.v1' ORDER BY id",
    "inbox": "SELECT i.aggregate_id, i.version FROM reporting.inbox i JOIN referrals.outbox o USING (event_id) "
    "WHERE o.subject = 'referrals.received.v1' ORDER BY i.version",
}
AUDITED = "SELECT resource_id FROM referrals.audit WHERE action = 'create' AND resource = 'referral'"


def _effects(rows: Iterable[Mapping[str, Any]], key_of: Mapping[str, str]) -> tuple[list[str], dict[str, list[int]]]:
    """Return each aggregate's name once per first version, and its versions as they stand."""
    versions: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        versions[row["aggregate_id"]].append(row["version"])
    return [_named(aggregate, key_of) for aggregate in versions for _ in _firsts(versions[aggregate])], versions


def _firsts(found: list[int]) -> list[int]:
    return [version for version in found if version == 1]


def _named(referral_id: str | UUID, key_of: Mapping[str, str]) -> str:
    """Return a referral's natural key; one that is in no table stands for itself, and is unexpected."""
    return key_of.get(str(referral_id), f"no such referral: {referral_id}")


def _known(told: Told, key: str, referral_id: str) -> str:
    """Return a natural key, unless its client was told another id for it."""
    ids = told.acknowledged.get(key)
    return key if not ids or referral_id in ids else f"{key} was acknowledged under another id"


async def stored(bus: Bus) -> list[dict[str, Any]]:
    """Return every event in the stream, in order."""
    state = (await bus.ask(f"STREAM.INFO.{STREAM}"))["state"]
    events: list[dict[str, Any]] = []
    inbox = bus.connection.new_inbox()
    subscription = await bus.connection.subscribe(inbox)
    at, last = state["first_seq"], state["last_seq"]
    while at <= last and state["messages"]:
        request = {"seq": at, "batch": PAGE, "next_by_subj": ">"}
        await bus.connection.publish(f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(request).encode(), reply=inbox)
        while (message := await subscription.next_msg(timeout=5)).data:
            events.append(json.loads(message.data))
            at = int((message.headers or {})["Nats-Sequence"]) + 1
        if (message.headers or {}).get("Status") != "204":
            break
    await subscription.unsubscribe()
    return events
