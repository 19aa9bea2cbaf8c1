"""A pathway's facts in plain Python, told apart from how the service finds them: what SQL must agree with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from shared.codes import code_list
from shared.events.referrals import ContactRecorded, ReferralCorrected, ReferralReceived
from shared.events.surveys import ResponseScored

CASES = {"phq_9": 10, "gad_7": 8, "spin": 19, "pcl_5": 32}
CHANGES = {"phq_9": "6", "gad_7": "4", "spin": "10", "pcl_5": "10", "mobility_inventory_alone": "0.73"}
OWN = {"F400": "mobility_inventory_alone", "F401": "spin", "F431": "pcl_5"}


@dataclass
class Visit:
    """A contact, and what it counts as."""

    told: ContactRecorded
    life: "Life"

    @property
    def on(self) -> date:
        """Its day."""
        return self.told.on

    @property
    def attended(self) -> bool:
        """Code 5 or 6, or unplanned."""
        return self.told.attendance in ("5", "6") or not self.told.planned

    @property
    def treats(self) -> bool:
        """Attended, and of a type that treats, or internet therapy."""
        return self.attended and (self.told.appointment_type in ("02", "03", "05") or self.told.internet_therapy)

    @property
    def assesses(self) -> bool:
        """Attended, and an assessment."""
        return self.attended and self.told.appointment_type in ("01", "03")


@dataclass
class Life:
    """A pathway as events told it; `person_key` is who it counts as."""

    received: ReferralReceived
    picture: ReferralReceived | ReferralCorrected
    person_key: str | None = None
    gone: bool = False
    refused: tuple[date, str] | None = None
    discharge: tuple[date, str | None] | None = None
    contacts: dict[UUID, ContactRecorded] = field(default_factory=dict)
    responses: list[ResponseScored] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        """Return what the referral says."""
        if name.startswith("__") or name == "picture":
            raise AttributeError(name)
        return getattr(self.picture, name)

    @property
    def source_system(self) -> str:
        """Who sent the referral, which no correction changes."""
        return self.received.source_system

    @cached_property
    def end(self) -> date | None:
        """The day it ended: by the discharge, else by the refusal."""
        return self.discharge[0] if self.discharge else self.refused[0] if self.refused else None

    @cached_property
    def code(self) -> str | None:
        """How it ended."""
        refusal = self.refused[1] if self.refused else None
        return (self.discharge[1] if self.discharge else None) or refusal

    @cached_property
    def visits(self) -> list[Visit]:
        """Contacts up to the end."""
        return [visit for visit in self.all_visits if self.end is None or visit.on <= self.end]

    @cached_property
    def all_visits(self) -> list[Visit]:
        """All contacts, by day."""
        return sorted((Visit(each, self) for each in self.contacts.values()), key=lambda visit: visit.on)

    @cached_property
    def treatments(self) -> list[Visit]:
        """Those that treat."""
        return [visit for visit in self.visits if visit.treats]

    @property
    def finished(self) -> bool:
        """Ended with two treatments or more."""
        return self.end is not None and len(self.treatments) >= 2

    def is_open(self, on: date) -> bool:
        """Received by then, and not ended."""
        return self.received_on <= on and (self.end is None or self.end > on)

    def first(self, what: str) -> date | None:
        """Return the first day on which a contact did that."""
        return next((visit.on for visit in self.visits if getattr(visit, what)), None)

    @property
    def second_treatment(self) -> date | None:
        """The day of the second treatment."""
        return self.treatments[1].on if len(self.treatments) > 1 else None

    def last_treatment(self, on: date) -> date | None:
        """Return the day of the last treatment up to a day."""
        return max((visit.on for visit in self.treatments if visit.on <= on), default=None)

    def stopped(self, on: date) -> bool:
        """Say whether the last contacts were missed, over 60 days before."""
        last = [visit for visit in self.all_visits if visit.on == self.all_visits[-1].on]
        missed = all(not visit.attended and visit.told.attendance in ("2", "3", "7") for visit in last)
        return bool(last) and missed and (on - last[0].on).days > 60

    def scores(self, instrument: str | None) -> list[Decimal]:
        """Totals of an instrument, in order."""
        told = [
            (each.answered_on, each.response_id, Decimal(str(each.total)))
            for each in self.responses
            if each.instrument == instrument and each.total is not None
            if self.end is None or each.answered_on <= self.end
        ]
        return [total for _, _, total in sorted(told)]

    def row_of_problem(self) -> str:
        """Return the row of the problem in the national list."""
        problem = self.picture.presenting_problem
        return code_list("presenting_problem").meanings(problem)[-1].code if problem else ""

    @property
    def worry(self) -> tuple[str, Sequence[Decimal]]:
        """The anxiety measure that counts, and its totals."""
        own = OWN.get(self.row_of_problem())
        if own and len(self.scores(own)) > 1:
            return own, self.scores(own)
        return "gad_7", self.scores("gad_7")

    @cached_property
    def outcome(self) -> set[str]:
        """Name everything that is so."""
        low, (instrument, worry) = self.scores("phq_9"), self.worry
        both = [("phq_9", low), (instrument, worry)]
        found = set()
        if any(scores and _case(name, scores[0]) for name, scores in both):
            found.add("at caseness")
        elif all(scores for _, scores in both):
            found.add("not at caseness")
        if any(len(scores) < 2 for _, scores in both):
            return found
        found.add("paired")
        if "at caseness" in found and not any(_case(name, scores[-1]) for name, scores in both):
            found.add("recovered")
        fell, rose = (
            {name for name, scores in both if sign * (scores[0] - scores[-1]) >= Decimal(CHANGES[name])}
            for sign in (1, -1)
        )
        found.add("improved" if fell and not rose else "deteriorated" if rose and not fell else "unchanged")
        return found


def _case(instrument: str, score: Decimal) -> bool:
    return score > Decimal("2.3") if instrument == "mobility_inventory_alone" else score >= CASES[instrument]
