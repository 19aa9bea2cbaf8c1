"""Figures as they are counted, sealed, and as they may leave. Only `disclosure` turns the one into the other."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple, NoReturn

Kind = Literal["count", "rate", "states", "mean", "median", "p90", "sum", "ratio"]
Status = Literal["shown", "suppressed", "withheld", "no_data"]
Figures = dict[str, float | None]

OTHER = "Other or suppressed"
STATES = ("valid", "not_stated", "not_known", "missing")


class Cell(NamedTuple):
    """Exact counts: one; numerator and denominator; or one per state. `place` is the period's position, or the field.

    `behind`: how many pathways are behind each count of contacts, how many people behind a mean or median, how many are too
    few of behind a sum; mean, median and sum are `value`.
    """

    place: int | str
    groups: tuple[str, ...]
    counts: tuple[int, ...]
    behind: tuple[int, ...] = ()
    value: Decimal | None = None


class Safe(NamedTuple):
    """What may leave of a cell."""

    place: int | str
    groups: tuple[str, ...]
    figures: Figures
    status: Status


@dataclass(frozen=True)
class Permit:
    """Proof that an exact reading was allowed and audited; made by `queries.permit` and nowhere else."""

    client: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """Exact figures that nothing but this module can read.

    `fixed`: per dimension the groups that are not gathered, None when none are; `silent`: where nothing was collected;
    `apart`: whether each pathway is in one group only; `decimals`: of published means and medians;
    `of_things`: whether the figures are of things alone, and point at nobody.
    """

    _cells: tuple[Cell, ...] = field(repr=False)
    kind: Kind
    fixed: tuple[frozenset[str] | None, ...] = ()
    silent: frozenset[int | str] = frozenset()
    apart: bool = True
    decimals: int = 0
    of_things: bool = False

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied out."""
        raise TypeError("exact figures stay sealed")
