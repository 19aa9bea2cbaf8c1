"""Senders that never give up: the Wandsworth referrals in bulk, and single ones whose sender lost the answer and asks again."""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.load import Journal, Load, Shot, post
from bench.oracle import Told
from tests.canary import a_canary
from tests.faults.endangered import Endangered

PATIENCE = 90.0  # seconds for which a request is sent again
NDJSON = "application/x-ndjson"


@dataclass
class Senders:
    """Two kinds of load at once, and the account of both."""

    system: Endangered
    seed: int
    bulks: Journal = field(default_factory=Journal)
    singles: Journal = field(default_factory=Journal)

    async def send(self, referrals: Sequence[dict[str, Any]], singles: int, *, chunk: int, seconds: float) -> None:
        """Send all of it evenly over so many seconds, and again until each is answered."""
        token = await asyncio.to_thread(self.system.token, "referrals:write")
        headers = {"Authorization": f"Bearer {token}"}
        chunks = [_chunk(referrals[at : at + chunk], headers) for at in range(0, len(referrals), chunk)]
        keyed = list(self._singles(singles, headers))
        port = self.system.port("referrals")
        bulk = Load(port, connections=4, rate=len(chunks) / seconds, within=3 * seconds + 30, patience=PATIENCE)
        single = Load(port, connections=16, rate=len(keyed) / seconds, within=3 * seconds + 30, patience=PATIENCE)
        await asyncio.gather(bulk.fire(chunks, self.bulks), single.fire(keyed, self.singles))
        assert len(self.bulks.attempted) == len(referrals), "the load is not all sent: the machine is too slow"
        assert len(self.singles.attempted) == singles

    def _singles(self, count: int, headers: dict[str, str]) -> Iterator[Shot]:
        """Yield single referrals, each one to three times, a retry soon after the first or together with it."""
        chance = random.Random(self.seed)  # noqa: S311 - replayable
        shots = []
        for number in range(count):
            referral = a_canary(source_system="faults", source_id=f"F-{self.seed}-{number}")
            if number % 10:  # every tenth is of one and the same person, the others of people without an NHS number
                del referral["person"]["nhs_number"]
            key = f"key-{self.seed}-{number}"
            request = post("/v1/referrals", referral, {**headers, "Idempotency-Key": key})
            at = number
            for _ in range(chance.randint(1, 3)):
                shots.append((at, Shot((_key(referral),), request, key)))
                at += chance.choice((0, 1, 40))
        yield from (shot for _, shot in sorted(shots, key=lambda each: each[0]))

    def told(self) -> Told:
        """Return what the senders know now."""
        return Told().of_bulks(self.bulks).of_singles(self.singles)

    def answers(self) -> bytes:
        """Return everything that was answered, to be searched."""
        return b"\n".join(line.body for line in self.bulks.lines + self.singles.lines)

    def summary(self) -> str:
        """Return how many requests there were, and how they ended."""
        lines = self.bulks.lines + self.singles.lines
        verdicts = ("ok", "refused", "unknown", "fail")
        counts = (f"{sum(line.verdict == verdict for line in lines)} {verdict}" for verdict in verdicts)
        return f"{len(lines)} tries ({', '.join(counts)})"


def _key(referral: dict[str, Any]) -> str:
    return f"{referral['source_system']}/{referral['source_id']}"


def _chunk(referrals: Sequence[dict[str, Any]], headers: dict[str, str]) -> Shot:
    body = "\n".join(map(json.dumps, referrals)).encode()
    request = post("/v1/referrals/bulk", body, {**headers, "Content-Type": NDJSON})
    return Shot(tuple(map(_key, referrals)), request)
