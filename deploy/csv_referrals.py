"""From a row of a CSV file to a referral as the API takes it, or to what is wrong with the row, cell by cell."""

from collections import Counter
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy import CannotRunError
from deploy.csv_mapping import NO, YES, Mapping, Value, fields, of_the_person, required

ERROR_COLUMNS = ("error_line", "error_field", "error_code", "error_message")


class ColumnsError(CannotRunError):
    """The headings do not fit; the message names those that do not."""


class CellError(Exception):
    """A cell that cannot be read; never says what is in it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a row: in which of its columns, by which rule, in words."""

    field: str
    code: str
    message: str


class Plan:
    """Which column fills which field, decided once for a file; raises `ColumnsError` when the headings do not fit."""

    def __init__(
        self,
        mapping: Mapping,
        headings: Sequence[str],
        constants: Map[str, Value] | None = None,
        *,
        ignore_unknown: bool = False,
    ) -> None:
        self.mapping = mapping
        self.headings = list(headings)
        self.constants = {**mapping.constants, **(constants or {})}
        self.values = {
            field: {theirs.strip().casefold(): ours for theirs, ours in told.items()}
            for field, told in mapping.values.items()
        }
        self.targets = [None if self._left_out(heading) else self._field(heading) for heading in headings]
        self._refuse_what_does_not_fit(ignore_unknown=ignore_unknown)
        self.heading_of = {field: head for head, field in zip(headings, self.targets, strict=True) if field}

    def _field(self, heading: str) -> str | None:
        return self.mapping.columns.get(heading) or (heading if heading in fields() else None)

    def _left_out(self, heading: str) -> bool:
        """Tell whether a column is left out on purpose; the columns of an errors file are, when it comes back corrected."""
        return heading in self.mapping.ignored or (heading in ERROR_COLUMNS and heading not in self.mapping.columns)

    def _refuse_what_does_not_fit(self, *, ignore_unknown: bool) -> None:
        unknown = [
            heading or "(no heading)"
            for heading, field in zip(self.headings, self.targets, strict=True)
            if field is None and not self._left_out(heading)
        ]
        if unknown and not ignore_unknown:
            raise ColumnsError(
                f"Unknown columns: {', '.join(unknown)}. Name them in a mapping, or leave them out with --ignore-unknown."
            )
        filled = Counter(field for field in self.targets if field is not None)
        if twice := [field for field, columns in filled.items() if columns > 1]:
            raise ColumnsError(f"Two columns would fill the same field: {', '.join(twice)}.")
        if both := [field for field in self.constants if field in filled]:
            raise ColumnsError(f"The file has its own column for what is also given for every row: {', '.join(both)}.")
        if missing := [field for field in required() if field not in filled and field not in self.constants]:
            hint = " Name the sender with --source-system." if "source_system" in missing else ""
            raise ColumnsError(f"Required columns are missing: {', '.join(missing)}.{hint}")

    def referral(self, cells: Sequence[str]) -> tuple[dict[str, Any], list[Wrong]]:
        """Return a row as the API takes it, and what is wrong with it; an empty cell is not recorded."""
        if len(cells) != len(self.headings):
            message = f"The row has {len(cells)} cells, the headings are {len(self.headings)}."
            return {}, [Wrong("", "cells", message)]
        person: dict[str, Any] = {}
        found: dict[str, Any] = {"person": person}
        wrong = []
        for name, constant in self.constants.items():
            (person if name in of_the_person() else found)[name] = constant
        for field, cell in zip(self.targets, cells, strict=True):
            text = cell.strip()
            if field is None or not text:
                continue
            try:
                value = self._value(field, text)
            except CellError as problem:
                wrong.append(Wrong(self.heading_of[field], problem.code, problem.message))
                continue
            if value not in ("", []):
                (person if field in of_the_person() else found)[field] = value
        return found, wrong

    def _value(self, field: str, text: str) -> Any:  # noqa: ANN401 - whatever the field takes
        if fields()[field] == "array":
            parts = [part.strip() for part in text.split(self.mapping.list_separator)]
            values = [self._translated(field, part) for part in parts if part]
            return [value for value in values if value != ""]
        value = self._translated(field, text)
        return self._read(field, value) if isinstance(value, str) and value else value

    def _translated(self, field: str, text: str) -> Value:
        told = self.values.get(field)
        if told is None:
            return text
        if text.casefold() not in told:
            raise CellError("value_not_mapped", "The mapping does not say what this value means.")
        return told[text.casefold()]

    def _read(self, field: str, text: str) -> Value:
        match fields()[field]:
            case "date":
                return self._day(text)
            case "boolean" if text.casefold() in YES | NO:
                return text.casefold() in YES
            case "boolean":
                raise CellError("yes_or_no", "Write yes or no.")
            case "integer" if text.isascii() and text.isdecimal():
                return int(text)
            case "integer":
                raise CellError("number", "A whole number.")
            case _:
                return text

    def _day(self, text: str) -> str:
        written = self.mapping.date_format
        try:
            day = datetime.strptime(text, written).date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            example = datetime(1980, 5, 17).strftime(written)  # noqa: DTZ001 - as above
            raise CellError("date", f"Not a date of the form {example}.") from None
        return day.isoformat()
