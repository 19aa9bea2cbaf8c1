"""Which records count as one human, and as which of them: decisions first, then rules that no decision speaks against."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

Pair = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Record:
    """As much of a record as decides which of several stands for a human."""

    id: UUID
    site_id: UUID | None
    created_at: datetime

    @property
    def age(self) -> tuple[datetime, UUID]:
        """What records are ordered by, the oldest first."""
        return self.created_at, self.id


def pair(one: UUID, other: UUID) -> Pair:
    """Return two records as a pair, the smaller id first."""
    return (one, other) if one < other else (other, one)


def newer_into_older(one: Record, other: Record) -> Pair:
    """Return which of two records a rule merges into which."""
    older, newer = sorted((one, other), key=lambda record: record.age)
    return newer.id, older.id


@dataclass(frozen=True, slots=True)
class Settled:
    """What came out: as whom each record counts, and which pairs that match by rule a decision keeps apart."""

    roots: dict[UUID, UUID]
    kept_apart: frozenset[Pair]


def settle(
    records: Collection[Record], decided: Iterable[Pair], matching: dict[Pair, int], not_same: Iterable[Pair]
) -> Settled:
    """Join records that people decided on (who, into whom), then pairs that match by rule (with their score).

    A pair by rule joins nothing when that would bring records together of which somebody said that they are not the same. Pairs
    of one site go first, so that what a site sees of its own people does not depend on others'; then the surest and the oldest.
    The record that stands for all is the oldest of those that nobody decided to merge into another.
    """
    known = {record.id: record for record in records}
    decided = [each for each in decided if known.keys() >= set(each)]
    groups = {one: {one} for one in known}
    for each in decided:
        _join(groups, each)
    forbidden = [each for each in not_same if known.keys() >= set(each)]
    kept_apart = set()
    for each in _in_order(known, matching):
        one, other = groups[each[0]], groups[each[1]]
        if one is other:
            if pair(*each) in {pair(*no) for no in forbidden}:
                kept_apart.add(each)
        elif any((a in one and b in other) or (a in other and b in one) for a, b in forbidden):
            kept_apart.add(each)
        else:
            _join(groups, each)
    merged = {person for person, _ in decided}
    roots: dict[UUID, UUID] = {}
    for group in {id(group): group for group in groups.values()}.values():
        standing = [known[one] for one in group - merged or group]  # all of them when decisions go in a circle
        root = min(standing, key=lambda record: record.age).id
        roots |= dict.fromkeys(group, root)
    return Settled(roots, frozenset(kept_apart))


def _join(groups: dict[UUID, set[UUID]], each: Pair) -> None:
    one, other = groups[each[0]], groups[each[1]]
    if one is not other:
        one |= other
        groups |= dict.fromkeys(other, one)


def _in_order(known: dict[UUID, Record], matching: dict[Pair, int]) -> Sequence[Pair]:
    def rank(each: Pair) -> tuple[object, ...]:
        one, other = sorted((known[each[0]], known[each[1]]), key=lambda record: record.age)
        return one.site_id != other.site_id, -matching[each], one.age, other.age

    return sorted((each for each in matching if known.keys() >= set(each)), key=rank)
