"""The matcher: examines records that changed, ties those of one human together by rule, asks people about the others."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.referrals.commands.announcing import announce
from services.referrals.domain.clusters import Pair, Record, Settled, newer_into_older, pair, settle
from services.referrals.domain.matching import DECISIVE, MATCH, SURE, Comparison, compare
from services.referrals.queries.records import (
    AT_ONCE,
    BY_NUMBER,
    BY_SCORE,
    MOST,
    RECORDS,
    Known,
    Ties,
    among,
    follow,
    opened,
    records,
    sharing,
)
from services.referrals.tables import AnnouncedRoot, Merge, Person, PossibleMatch
from shared.bus import Bus
from shared.db import insert_rows, limit_to, lock_key
from shared.worker import Duty

BATCH = 200
BY_RULE = "rule"
TURN = lock_key("referrals", "matcher")
# Every statement looks up some rows by their keys. Left to itself, the planner takes tables that a bulk has just filled for the
# small ones that it last looked at: it reads them whole, or sorts all that is to be examined to find the first few.
BEGIN = text(
    "SELECT pg_try_advisory_xact_lock(:turn), set_config('plan_cache_mode', 'force_custom_plan', true), "
    + ", ".join(
        f"set_config('enable_{way}', 'off', true)" for way in ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
    )
)
FORGET_KEYS = text(
    "DELETE FROM match_keys AS m WHERE person_id = ANY (CAST(:of AS uuid[])) AND NOT EXISTS (SELECT FROM "
    "unnest(CAST(:keys AS bytea[]), CAST(:ids AS uuid[])) AS f(key, id) WHERE f.key = m.key AND f.id = m.person_id)"
)
KEEP_KEYS = text(
    "INSERT INTO match_keys (key, person_id) SELECT f.key, f.id FROM "
    "unnest(CAST(:keys AS bytea[]), CAST(:ids AS uuid[])) AS f(key, id) ON CONFLICT DO NOTHING"
)


async def match_people(sessions: async_sessionmaker[AsyncSession], _: Bus) -> None:
    """Examine every record that changed, a batch in one transaction each, until none is left that is free."""
    while await examine(sessions):
        pass


async def examine(sessions: async_sessionmaker[AsyncSession], batch: int = BATCH) -> int:
    """Examine some records that changed; return how many are done.

    Never waits for a row: what a request holds, and all that is tied to it, is left for the next time. So it cannot stand in
    a circle with anybody. One matcher at a time per schema: two could each miss what the other is about to add.
    """
    async with sessions.begin() as session:
        limit_to(session, None)
        if not await session.scalar(BEGIN, {"turn": TURN}):
            return 0
        changed = await _changed(session, batch)
        if not changed:
            return 0
        return await Round(session, changed).run()


async def _changed(session: AsyncSession, batch: int) -> dict[UUID, Known]:
    """Return records to examine, held until the transaction ends; what refers to them need not wait."""
    query = RECORDS.where(Person.examined_at.is_(None)).limit(batch)
    return await opened(await session.execute(query.with_for_update(of=Person, skip_locked=True, key_share=True)))


@dataclass(slots=True)
class Round:
    """One batch: what changed, what that could be the same as, what ties them, and what becomes of it."""

    session: AsyncSession
    changed: dict[UUID, Known]
    ties: Ties = field(default_factory=Ties)
    keys: dict[UUID, frozenset[bytes]] = field(default_factory=dict)
    judged: dict[Pair, Comparison] = field(default_factory=dict)
    held: dict[UUID, Record] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)

    async def run(self) -> int:
        """Do all of it; return how many records are examined."""
        await follow(self.session, self.changed, self.ties)
        self.keys = {one: record.keys() for one, record in self.changed.items() if record.identity is not None}
        await self._compare()
        matched = {one for each, told in self.judged.items() if told.verdict == "match" for one in each}
        await follow(self.session, matched, self.ties)
        free = await self._hold()
        if not free:
            return 0
        await self._keep_keys()
        await self._forget_erased()
        settled = self._settle()
        await self._keep_pairs(settled)
        await announce(self.session, self.ties.announced, settled.roots)
        await self.session.execute(update(Person).where(among(Person.id, free)).values(examined_at=func.now()))
        return len(free)

    async def _compare(self) -> None:
        """Compare every changed record with those that share a key with it, and those it was tied to before."""
        blocks = defaultdict(set)
        for one, keys in self.keys.items():
            for key in keys:
                blocks[key].add(one)
        for key, one in await sharing(self.session, blocks.keys(), self.changed.keys()):
            blocks[key].add(one)
        wanted = {
            pair(one, other)
            for ids in blocks.values()
            for other in sorted(ids)[:MOST]
            for one in ids & self.keys.keys()
            if one != other
        }
        wanted |= self.ties.pairs.keys() | {pair(row.person_id, row.into_id) for row in self.ties.merges.values()}
        wanted = {each for each in wanted if not self.keys.keys().isdisjoint(each)}
        others = await records(self.session, {one for each in wanted for one in each} - self.changed.keys())
        everyone = {**others, **self.changed}
        for place, each in enumerate(wanted):
            here, there = everyone[each[0]].identity, everyone[each[1]].identity
            if here is not None and there is not None:
                self.judged[each] = compare(here, there)
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _hold(self) -> set[UUID]:
        """Hold every record that may be written about; return which changed ones are free to be settled now."""
        asked = {each for each, told in self.judged.items() if told.verdict != "no_match"} | self.ties.pairs.keys()
        needed = self.ties.members | {one for each in asked for one in each}
        query = select(Person.id, Person.site_id, Person.created_at, Person.erased_at).where(among(Person.id, needed))
        held = query.order_by(Person.id).with_for_update(skip_locked=True, key_share=True)
        rows = (await self.session.execute(held)).all()
        self.held = {row.id: Record(row.id, row.site_id, row.created_at) for row in rows}
        if missing := needed - self.held.keys():
            busy = _reached(missing, [*asked, *self._tying()])
            self.held = {one: record for one, record in self.held.items() if one not in busy}
            self.judged = {each: told for each, told in self.judged.items() if busy.isdisjoint(each)}
        self.erased = {row.id for row in rows if row.erased_at is not None and row.id in self.held}
        return self.changed.keys() & self.held.keys()

    def _tying(self) -> Iterable[Pair]:
        yield from ((row.person_id, row.into_id) for row in self.ties.merges.values())
        yield from self.ties.announced.items()

    async def _keep_keys(self) -> None:
        """Write down by what the changed records are found; one that may not be used, or cannot be read, keeps what it had."""
        of = self.keys.keys() & self.held.keys() - self.erased
        mine = [(key, one) for one in sorted(of) for key in sorted(self.keys[one])]
        keys = {"keys": [key for key, _ in mine], "ids": [one for _, one in mine]}
        await self.session.execute(FORGET_KEYS, keys | {"of": [*of, *self.erased]})
        await self.session.execute(KEEP_KEYS, keys)

    async def _forget_erased(self) -> None:
        """Undo what erased records were merged into, and forget what was asked about them; nothing of them is announced."""
        erased, row = self.erased, PossibleMatch
        if not erased:
            return
        gone = {id_ for id_, merge in self.ties.merges.items() if {merge.person_id, merge.into_id} & erased}
        await self._undo(gone)
        await self.session.execute(delete(row).where(among(row.person_id, erased) | among(row.other_id, erased)))
        await self.session.execute(delete(AnnouncedRoot).where(among(AnnouncedRoot.person_id, erased)))
        self.ties.merges = {id_: merge for id_, merge in self.ties.merges.items() if id_ not in gone}
        self.ties.pairs = {each: found for each, found in self.ties.pairs.items() if erased.isdisjoint(each)}
        self.judged = {each: told for each, told in self.judged.items() if erased.isdisjoint(each)}
        self.held = {one: record for one, record in self.held.items() if one not in erased}

    def _settle(self) -> Settled:
        """Return who counts as whom now."""
        matching = {each: sure for each, sure in self.ties.matching().items() if each not in self.judged} | {
            each: SURE if told.score == SURE else MATCH
            for each, told in self.judged.items()
            if told.verdict == "match" and self._decision(each) is None
        }
        return settle(self.held.values(), self.ties.decided(), matching, self.ties.not_same())

    def _decision(self, each: Pair) -> str | None:
        row = self.ties.pairs.get(each)
        found: str | None = None if row is None else row.decision
        return found

    async def _keep_pairs(self, settled: Settled) -> None:
        """Write down which pairs are merged by rule and which are questions, of those that were judged or set free."""
        now, merged, asked = datetime.now(UTC), [], []
        standing = {pair(row.person_id, row.into_id): row for row in self.ties.merges.values() if row.rule in RULES}
        closed: list[Pair] = []
        ended: list[UUID] = []
        for each, told in self._to_write(settled).items():
            is_open = each in self.ties.pairs and self._decision(each) is None
            merges = told.verdict == "match" and self._decision(each) is None and each not in settled.kept_apart
            asks = told.verdict != "no_match" and self._decision(each) is None and not merges
            if merges and each not in standing:
                person, into = newer_into_older(self.held[each[0]], self.held[each[1]])
                rule = BY_NUMBER if told.score == SURE else BY_SCORE
                merged.append(
                    {"id": uuid4(), "person_id": person, "into_id": into, "rule": rule}
                    | {"merged_at": now, "merged_by": BY_RULE}
                )
            if not merges and each in standing:
                ended.append(standing[each].id)
            if asks:
                asked.append(
                    {"person_id": each[0], "other_id": each[1], "verdict": told.verdict, "score": told.score}
                    | {"reasons": told.reasons, "found_at": self.ties.pairs[each].found_at if is_open else now}
                )
            elif is_open:
                closed.append(each)
        await self._undo(ended)
        await insert_rows(self.session, Merge, merged)
        await insert_rows(self.session, PossibleMatch, asked, conflict="update", key=("person_id", "other_id"))
        await self._close(closed)

    def _to_write(self, settled: Settled) -> dict[Pair, Comparison]:
        """Return the pairs judged now, and those not judged of which it changed whether a decision keeps them apart."""
        more = {}
        standing = {pair(row.person_id, row.into_id): row for row in self.ties.merges.values() if row.rule in RULES}
        for each in self.ties.matching().keys() - self.judged.keys():
            if self.held.keys() >= set(each) and (each in settled.kept_apart) == (each in standing):
                if each not in standing:
                    row = self.ties.pairs[each]
                    more[each] = Comparison("match", row.score, tuple(row.reasons))
                elif standing[each].rule == BY_NUMBER:
                    more[each] = Comparison("match", SURE, ("nhs_number_equal",))
                else:
                    more[each] = Comparison("match", MATCH, DECISIVE)
        return self.judged | more

    async def _undo(self, merges: Collection[UUID]) -> None:
        if merges:
            gone = {"undone_at": func.now(), "undone_by": BY_RULE}
            await self.session.execute(update(Merge).where(among(Merge.id, merges)).values(gone))

    async def _close(self, pairs: Collection[Pair]) -> None:
        """Take back questions whose records have become clearly the same, or clearly not."""
        if pairs:
            ones, others = zip(*pairs, strict=True)
            statement = text(
                "DELETE FROM possible_matches WHERE decision IS NULL AND (person_id, other_id) IN "
                "(SELECT * FROM unnest(CAST(:ones AS uuid[]), CAST(:others AS uuid[])))"
            )
            await self.session.execute(statement, {"ones": list(ones), "others": list(others)})


RULES = frozenset({BY_NUMBER, BY_SCORE})


def _reached(start: Collection[UUID], pairs: Iterable[Pair]) -> set[UUID]:
    """Return these records and all that pairs tie to them."""
    beside = defaultdict(set)
    for one, other in pairs:
        beside[one].add(other)
        beside[other].add(one)
    reached, new = set(start), set(start)
    while new:
        new = {other for one in new for other in beside[one]} - reached
        reached |= new
    return reached


DUTIES = (Duty(match_people, pause=0.3),)
