"""Disclosure control: exact figures in, safe figures out. The only way out of reporting, for every format and every page.

Figures are sealed where they are counted (`engine`) and opened nowhere but here: `published` makes them safe, `exact` needs a
`Permit`, the proof that the reading was allowed and written into the audit trail.
"""

from collections.abc import Sequence
from decimal import Decimal

from services.reporting.cells import OTHER, STATES, Cell, Figures, Kind, Permit, Safe, Sealed, Status
from services.reporting.rounding import half_up, nearest, percent, percent_to_a_tenth

STATISTICS = frozenset({"mean", "median", "p90"})
PEOPLE = 10  # behind a published mean or median
PRECISE_FROM = 50  # rounded denominators from here on carry percentages of exact counts


def published(sealed: Sealed, below: int) -> list[Safe]:
    """Return figures as anyone may see them; those of things alone point at nobody, and are as they are."""
    safe = [
        Safe(
            cell.place,
            cell.groups,
            *(_plain(sealed.kind, cell) if sealed.of_things else _safe(sealed, cell, below)),
        )
        for cell in _gathered(sealed, below)
    ]
    return [
        each._replace(figures=dict.fromkeys(each.figures), status="no_data") if each.place in sealed.silent else each
        for each in safe
    ]


def exact(sealed: Sealed, permit: Permit) -> list[Safe]:
    """Return figures as they are, to whoever holds a permit."""
    if not isinstance(permit, Permit):
        raise TypeError("exact figures need a permit")
    cells = sealed._cells  # noqa: SLF001 - here, and only here
    return [Safe(cell.place, cell.groups, *_plain(sealed.kind, cell)) for cell in cells if OTHER not in cell.groups]


def safe_count(count: int | Decimal, below: int) -> int | None:
    """Return a count, or a sum, to the nearest 5; None when it is too small, zero included."""
    return None if count < below else nearest(count)


def safe_percent(numerator: int, denominator: int, below: int, *, of_a_whole: bool = False) -> int | None:
    """Return a whole percentage; of rounded counts where one of exact counts would give a count away.

    That is where the denominator is small, and, when the rest of a whole is shown beside it, where that rest is: an exact 98 %
    of 100 tells that two are missing.
    """
    if numerator < below or denominator < below:
        return None
    if nearest(denominator) < PRECISE_FROM or (of_a_whole and denominator - numerator < below):
        return percent(nearest(numerator), nearest(denominator))
    return percent(numerator, denominator)


def _safe(sealed: Sealed, cell: Cell, below: int) -> tuple[Figures, Status]:
    """Apply rules 1 to 4; a suppressed rate has neither numerator nor denominator."""
    kind, counts = sealed.kind, cell.counts
    if kind in STATISTICS:
        if _is_small(sealed, cell, below) or cell.value is None:
            return {"denominator": None, "value": None}, "suppressed"
        return {"denominator": nearest(counts[0]), "value": half_up(cell.value, sealed.decimals)}, "shown"
    if kind == "ratio":
        return _ratio(safe_count(counts[0], below), counts[1])
    few = any(count < below for count in cell.behind)
    if kind in {"count", "sum"}:
        value = None if few else safe_count(counts[0] if cell.value is None else cell.value, below)
        return {"value": value}, "suppressed" if value is None else "shown"
    top, bottom = counts[0], _base(kind, counts)
    share = None if few else safe_percent(top, bottom, below, of_a_whole=kind == "states")
    rest = [safe_count(count, below) for count in counts[1:]]
    if share is None:
        return _named(kind, None, None, rest, None), "suppressed"
    return _named(kind, nearest(top), nearest(bottom), rest, share), "shown"


def _plain(kind: Kind, cell: Cell) -> tuple[Figures, Status]:
    counts = cell.counts
    if kind in STATISTICS:
        value = None if cell.value is None else half_up(cell.value, 1)
        return {"denominator": counts[0], "value": value}, "no_data" if value is None else "shown"
    if kind == "count":
        return {"value": counts[0]}, "shown"
    if kind == "sum":
        return {"value": half_up(cell.value or Decimal(), 2)}, "shown"
    if kind == "ratio":
        return _ratio(*counts)
    bottom = _base(kind, counts)
    share = percent_to_a_tenth(counts[0], bottom) if bottom else None
    return _named(kind, counts[0], bottom, counts[1:], share), "no_data" if share is None else "shown"


def _ratio(top: int | None, bottom: int) -> tuple[Figures, Status]:
    """Return a ratio of the very figures beside it, so that it says no more than they do."""
    if top is None:
        return dict.fromkeys(("numerator", "denominator", "value")), "suppressed"
    value = half_up(Decimal(top) / bottom, 1) if bottom else None
    return {"numerator": top, "denominator": bottom, "value": value}, "no_data" if value is None else "shown"


def _named(kind: Kind, top: int | None, bottom: int | None, rest: Sequence[int | None], share: float | None) -> Figures:
    if kind == "rate":
        return {"numerator": top, "denominator": bottom, "value": share}
    return {"denominator": bottom, **dict(zip(STATES, (top, *rest), strict=True)), "valid_percent": share}


def _base(kind: Kind, counts: Sequence[int]) -> int:
    """Return how many a cell is about."""
    return sum(counts) if kind == "states" else counts[-1]


def _is_small(sealed: Sealed, cell: Cell, below: int) -> bool:
    """Whether a cell is about too few: of pathways or contacts, of the pathways those belong to, of people behind a mean."""
    if sealed.kind in STATISTICS:
        return min(cell.counts[0], cell.behind[0]) < max(below, PEOPLE)
    if sealed.kind == "sum":
        return min((cell.value or 0, *cell.behind)) < below
    if sealed.kind == "ratio":
        return cell.counts[0] < below
    return min((_base(sealed.kind, cell.counts), *cell.behind[-1:])) < below


def _gathered(sealed: Sealed, below: int) -> list[Cell]:
    """Move small groups of open lists into `Other or suppressed`, whose row is always there.

    Means are not gathered; and where one can be in several groups the sum may be about fewer than it says, so it stays hidden.
    """
    if sealed.of_things:
        return [cell for cell in sealed._cells if OTHER not in cell.groups]  # noqa: SLF001 - here, and only here
    kept: list[Cell] = []
    sums: dict[tuple[int | str, tuple[str, ...]], Cell] = {}
    for cell in sealed._cells:  # noqa: SLF001 - here, and only here
        groups = tuple(
            group if own is None or group in own else OTHER
            for group, own in zip(cell.groups, sealed.fixed, strict=True)
        )
        if groups == cell.groups or not _is_small(sealed, cell, below):
            kept.append(cell)
        elif sealed.kind not in STATISTICS and sealed.apart:
            before = sums.get((cell.place, groups))
            sums[cell.place, groups] = cell if before is None else _sum(before, cell)
    return [_sum(cell, sums[key]) if (key := (cell.place, cell.groups)) in sums else cell for cell in kept]


def _sum(one: Cell, other: Cell) -> Cell:
    """Return the counts of two cells together, as the first."""
    counts = tuple(map(sum, zip(one.counts, other.counts, strict=True)))
    behind = tuple(map(sum, zip(one.behind, other.behind, strict=True)))
    value = None if one.value is None or other.value is None else one.value + other.value
    return one._replace(counts=counts, behind=behind, value=value)
