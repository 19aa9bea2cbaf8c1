"""Dated code lists: one CSV each, read once, asked by code and by date."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

NOT_STATED = "Not stated"
NOT_KNOWN = "Not known"
NOT_RECORDED = "Not recorded"

By = Literal["group", "label"]

ANY_ENDING = "*"
ICD_10_ENDING = r"(\.?[0-9X][0-9A-Z]?)?"
ICD_10 = re.compile(r"[A-Z][0-9]{2}" + ICD_10_ENDING)


class State(StrEnum):
    """What a code says about the person; the fourth state, not recorded, is the absence of a code."""

    RECORDED = "recorded"
    NOT_STATED = "not_stated"
    NOT_KNOWN = "not_known"


STATE_GROUP = {State.NOT_STATED: NOT_STATED, State.NOT_KNOWN: NOT_KNOWN}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means between two dates, both included; None is open."""

    code: str
    label: str
    group: str  # the row of a breakdown: the national group, or "Not stated", "Not known"
    national: str  # the national publication's group, which merges what was not stated with what is not known
    state: State
    valid_from: date | None
    valid_to: date | None
    lower: int | None  # ages in years, both included; only lists of age bands have them
    upper: int | None
    note: str

    def row(self, by: By = "group") -> str:
        """Return the breakdown row of this code, by national group or by label; states are never merged."""
        return self.label if by == "label" and self.state is State.RECORDED else self.group

    def valid(self, on: date) -> bool:
        """Say whether the code meant this on that date."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)


@dataclass(frozen=True, eq=False)
class CodeList:
    """One list; without a date every question is answered from a code's latest meaning."""

    name: str
    entries: tuple[Entry, ...]

    @cached_property
    def dated(self) -> bool:
        """Whether any code was ever retired or introduced."""
        return any(entry.valid_from or entry.valid_to for entry in self.entries)

    @cached_property
    def patterned(self) -> bool:
        """Whether the list holds patterns such as F32*, which stand for every ICD-10 code that begins so."""
        return any(entry.code.endswith(ANY_ENDING) for entry in self.entries)

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Every code and pattern that was ever valid, in the list's order."""
        return tuple(self._meanings)

    @cached_property
    def _meanings(self) -> dict[str, tuple[Entry, ...]]:
        """Each code's meanings, earliest first."""
        meanings: dict[str, tuple[Entry, ...]] = {}
        for entry in self.entries:
            others = meanings.get(entry.code, ())
            meanings[entry.code] = tuple(sorted((*others, entry), key=lambda entry: entry.valid_from or date.min))
        return meanings

    @property
    def spans(self) -> Mapping[str, tuple[date | None, date | None]]:
        """Return each code's first and last valid day; None is open."""
        return {code: (meanings[0].valid_from, meanings[-1].valid_to) for code, meanings in self._meanings.items()}

    def meanings(self, code: str) -> tuple[Entry, ...]:
        """Return what the code ever meant, earliest first; of several patterns the longest one counts."""
        if not self.patterned:
            return self._meanings.get(code, ())
        if code.endswith(ANY_ENDING):
            return ()
        if code in self._meanings or not ICD_10.fullmatch(code):
            return self._meanings.get(code, ())
        plain = code.replace(".", "")
        keys = (plain, *(plain[:length] + ANY_ENDING for length in range(len(plain), 0, -1)))
        return next((self._meanings[key] for key in keys if key in self._meanings), ())

    def get(self, code: str, on: date | None = None) -> Entry | None:
        """Return what the code meant on that date, or None when it meant nothing then."""
        meanings = self.meanings(code)
        if on is None:
            return meanings[-1] if meanings else None
        for entry in meanings:
            if entry.valid(on):
                return entry
        return None

    def __contains__(self, code: object) -> bool:
        """Say whether this was ever a code of the list."""
        return isinstance(code, str) and bool(self.meanings(code))

    def valid(self, on: date | None = None) -> tuple[Entry, ...]:
        """Return what each code meant on that date, of those valid then, in the list's order."""
        if on is None:
            return tuple(meanings[-1] for meanings in self._meanings.values())
        return tuple(entry for entry in self.entries if entry.valid(on))

    def valid_codes(self, on: date | None = None) -> tuple[str, ...]:
        """Return the codes valid on that date, or ever, in the list's order."""
        return tuple(entry.code for entry in self.valid(on))

    def label(self, code: str, on: date | None = None) -> str | None:
        """Return the code's label on that date."""
        entry = self.get(code, on)
        return entry.label if entry else None

    def state(self, code: str, on: date | None = None) -> State | None:
        """Return what the code says about the person: recorded, not stated or not known."""
        entry = self.get(code, on)
        return entry.state if entry else None

    def row(self, code: str | None, on: date | None = None, by: By = "group") -> str:
        """Return the breakdown row of a code, its latest when it meant nothing then; no code is Not recorded."""
        if code is None:
            return NOT_RECORDED
        entry = self.get(code, on) or self.get(code)
        if entry is None:
            raise LookupError(f"not a code of {self.name}")
        return entry.row(by)

    def group(self, code: str | None, on: date | None = None) -> str:
        """Return the national group of a code, or Not stated, Not known, Not recorded."""
        return self.row(code, on, "group")

    def groups(self, on: date | None = None, by: By = "group") -> tuple[str, ...]:
        """Return the groups (or labels) of the recorded codes, in the list's order."""
        return tuple(dict.fromkeys(entry.row(by) for entry in self.valid(on) if entry.state is State.RECORDED))

    def breakdown(self, on: date | None = None, by: By = "group") -> tuple[str, ...]:
        """Return every row a breakdown has: the groups, Not stated and Not known where codes say so, Not recorded."""
        states = {entry.state for entry in self.valid(on)}
        return (*self.groups(on, by), *(row for state, row in STATE_GROUP.items() if state in states), NOT_RECORDED)

    def rows(self, on: date | None = None, by: By = "group") -> Mapping[str, str]:
        """Return each code (or pattern) with its breakdown row."""
        return MappingProxyType({entry.code: entry.row(by) for entry in self.valid(on)})

    def band(self, age: int, on: date) -> Entry | None:
        """Return the age band that a person of that age is in, of the bands published for that date."""
        for entry in self.valid(on):
            if (entry.lower is None or entry.lower <= age) and (entry.upper is None or age <= entry.upper):
                return entry
        return None

    def refusal(self, code: str, on: date) -> str | None:
        """Say why a code of this list cannot be used for that date, naming those that can; None when it can."""
        meanings = self.meanings(code)
        if not meanings or any(entry.valid(on) for entry in meanings):
            return None
        ended = [entry.valid_to for entry in meanings if entry.valid_to and entry.valid_to < on]
        begins = [entry.valid_from for entry in meanings if entry.valid_from and on < entry.valid_from]
        spans = [f"was valid until {max(ended)}"] if ended else []
        spans += [f"is valid from {min(begins)}"] if begins else []
        return f"{meanings[0].code} {' and '.join(spans)}; valid on {on}: {', '.join(self.valid_codes(on))}"


@cache
def names() -> frozenset[str]:
    """Return the names of all lists."""
    return frozenset(
        file.name.removesuffix(".csv") for file in files("shared.codes").iterdir() if file.name.endswith(".csv")
    )


@cache
def code_list(name: str) -> CodeList:
    """Return the list of that name, read from its CSV on first use."""
    if name not in names():
        raise LookupError(f"no code list is called {name}")
    text = files("shared.codes").joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return CodeList(name, tuple(_entry(row) for row in csv.DictReader(text.splitlines(), restval="")))


def code_lists() -> Mapping[str, CodeList]:
    """Return every list by name."""
    return MappingProxyType({name: code_list(name) for name in sorted(names())})


def _entry(row: Mapping[str, str]) -> Entry:
    """Read one row; a blank label is the group, a blank group the label, a blank state recorded."""
    state = State(row.get("state") or State.RECORDED)
    label = row["label"] or row.get("group") or row["code"]
    group = STATE_GROUP.get(state) or row.get("group") or label
    return Entry(
        code=row["code"],
        label=label,
        group=group,
        national=row.get("national") or group,
        state=state,
        valid_from=_day(row.get("valid_from")),
        valid_to=_day(row.get("valid_to")),
        lower=_age(row.get("lower")),
        upper=_age(row.get("upper")),
        note=row.get("note") or "",
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _age(text: str | None) -> int | None:
    return int(text) if text else None
