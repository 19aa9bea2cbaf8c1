"""What a pack says of an instrument. Adding one is adding a file; no code names an instrument."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.codes import Language

Code = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]
Words = Annotated[dict[Language, Annotated[str, Field(min_length=1)]], Field(description="One text per language.")]


class Part(BaseModel):
    """A part of a pack: fixed, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(Part):
    """One question."""

    id: Code = Field(description="How answers name it; the instrument's letters and the item's published number.")
    text: Words


class Option(Part):
    """One of the answers that every item takes."""

    value: int
    label: Words


class Missing(Part):
    """What becomes of a score when items are not answered."""

    prorate_up_to: int = Field(
        ge=0,
        description="With up to this many missing, the total is the mean of the others times all items, rounded half "
        "up; with more there is no total.",
    )


class Total(Part):
    """Which totals there are; whole numbers only."""

    lowest: int
    highest: int


class Band(Part):
    """A published severity band, both ends included."""

    label: str
    lowest: int
    highest: int


class Threshold(Part):
    """A published cut-off, and the dates between which it is the one in use; null is open."""

    at_least: int
    valid_from: date | None = None
    valid_to: date | None = None


class Licence(Part):
    """What may be done with the wording."""

    kind: Literal["free", "registration", "proprietary"] = Field(
        description="`free`: anyone may show it; `registration`: after registering with the holder; `proprietary`: by "
        "contract only."
    )
    text_shipped: bool = Field(description="Whether the wording is part of this software.")
    notice: str


class Instrument(Part):
    """An instrument: its items, how they add up, and what the totals mean."""

    code: Code
    version: str = Field(pattern="^[0-9a-z.]{1,20}$", description="Of this pack; every score says which one made it.")
    title: str
    measures: str = Field(description="What it measures.")
    snomed: str | None = Field(pattern=r"^\d{6,18}$", description="The SNOMED CT id of its score, as text.")
    direction: Literal["higher_is_worse", "higher_is_better"]
    languages: tuple[Language, ...] = Field(description="In which its wording is held.")
    prompt: Words
    items: tuple[Item, ...] = Field(min_length=1)
    options: tuple[Option, ...] = Field(min_length=2)
    missing: Missing
    total: Total
    bands: tuple[Band, ...]
    caseness: tuple[Threshold, ...] = Field(description="A total at or above it counts as a clinical case.")
    reliable_change: tuple[Threshold, ...] = Field(
        description="A difference of at least this between two totals is more than chance."
    )
    licence: Licence

    def item_ids(self) -> tuple[str, ...]:
        """Return the items in their published order."""
        return tuple(item.id for item in self.items)

    def values(self) -> frozenset[int]:
        """Return what an item can be answered with."""
        return frozenset(option.value for option in self.options)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        """Refuse a pack whose parts contradict each other."""
        values, count = self.values(), len(self.items)
        rules = {
            "items or options repeat": _repeats(self.item_ids()) or _repeats([one.value for one in self.options]),
            "items, options and total disagree": (self.total.lowest, self.total.highest)
            != (min(values) * count, max(values) * count),
            "every item may be missing": self.missing.prorate_up_to >= count,
            "bands do not cover the totals, each once": not _covers(self.bands, self.total),
            "thresholds overlap": _overlap(self.caseness) or _overlap(self.reliable_change),
            "wording is not in every language": any(set(words) != set(self.languages) for words in self._wording()),
            "wording is shipped or not shipped": self.licence.text_shipped != bool(self.languages),
        }
        if broken := [rule for rule, holds in rules.items() if holds]:
            raise ValueError(f"{self.code}: {'; '.join(broken)}")
        return self

    def _wording(self) -> list[dict[str, str]]:
        return [self.prompt, *(item.text for item in self.items), *(option.label for option in self.options)]


def _repeats(names: Sequence[str | int]) -> bool:
    return max(Counter(names).values()) > 1


def _covers(bands: Sequence[Band], total: Total) -> bool:
    """Tell whether bands follow each other from the lowest total to the highest; none at all is fine."""
    expected = total.lowest
    for band in bands:
        if band.lowest != expected or band.highest < band.lowest:
            return False
        expected = band.highest + 1
    return not bands or expected == total.highest + 1


def _overlap(thresholds: Sequence[Threshold]) -> bool:
    """Tell whether two thresholds were in use on one day."""
    spans = sorted((one.valid_from or date.min, one.valid_to or date.max) for one in thresholds)
    return any(before[1] >= after[0] for before, after in pairwise(spans))
