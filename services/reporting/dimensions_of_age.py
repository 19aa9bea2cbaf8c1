"""The kind of dimension that splits by age."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from sqlalchemy import ColumnElement, Integer, and_, case, literal, true

from services.reporting.dimensions import Dimension, Frame, Group, Register
from shared.codes import NOT_RECORDED, code_list


@dataclass(frozen=True, eq=False, kw_only=True)
class Aged(Dimension):
    """By age at the end of the period, in the bands published for that date."""

    about: ClassVar[str] = (
        "Age on the last day of the period, from the month of birth; the bands are those published for that date. "
        "Born on 29 February: the birthday is 28 February in common years."
    )

    def group(self, frame: Frame) -> ColumnElement[str]:
        """Return the band of the age, by the edition of the bands that the period's end falls in."""
        bands = code_list(self.id)
        editions: dict[tuple[str, ...], list[int]] = {}
        for number, period in enumerate(frame.periods, start=1):
            editions.setdefault(bands.valid_codes(period.end), []).append(number)
        age = (frame.last_month - self.key) // literal(12, Integer)
        found: list[tuple[ColumnElement[bool], str]] = []
        for numbers in editions.values():
            within = true() if len(editions) == 1 else frame.number.between(numbers[0], numbers[-1])
            for entry in bands.valid(frame.periods[numbers[0] - 1].end):
                above = true() if entry.lower is None else age >= entry.lower
                below = true() if entry.upper is None else age <= entry.upper
                found.append((and_(within, above, below), entry.label))
        return case((self.key.is_(None), NOT_RECORDED), *found, else_=NOT_RECORDED)

    def groups(self, on: date | None, register: Register) -> tuple[Group, ...]:
        """Return the bands of that day, or of all days, and Not recorded."""
        del register
        found = [Group(entry.label, (), entry.valid_from, entry.valid_to) for entry in code_list(self.id).valid(on)]
        return (*found, Group(NOT_RECORDED))
