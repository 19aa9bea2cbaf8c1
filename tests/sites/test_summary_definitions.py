"""A site's own numbers are its commissioner's: the same rules, whoever applies them, on the same random histories."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import product
from pathlib import Path
from uuid import UUID

import pytest

from services.referrals.domain.pathway import Contact, Decisions, Derived, derive
from services.reporting.disclosure import safe_count
from services.sites.domain.months import months
from services.sites.domain.pathways import is_assessment, is_attended, is_treatment, shown_count
from services.sites.domain.quarters import Span
from services.sites.queries.summary import exactly
from shared.codes import code_list
from shared.events.event import Event
from shared.events.people import PersonRestricted
from shared.events.referrals import (
    ContactRecorded,
    ContactRemoved,
    ReferralCorrected,
    ReferralDischarged,
    ReferralReceived,
    ReferralRemoved,
    ReferralReopened,
    ReferralTriaged,
)
from tests.databases import Database
from tests.doors import open_door
from tests.reporting.builders import Post, history
from tests.reporting.conftest import Facts, apply
from tests.sites.pathways import heard, working

MEASURES = ("referrals_received", "first_assessments", "accessing_services", "ended_referrals", "finished_course")
PERIODS = (("2020-10", "2022-12"), ("2021-01", "2021-03"), ("2020-12", "2020-12"), ("2021-02", "2021-04"))


def test_a_contact_counts_here_as_it_counts_for_referrals() -> None:
    codes = [*code_list("attendance").valid_codes(), None]
    types = code_list("appointment_type").valid_codes()
    for attendance, kind, planned, internet in product(codes, types, (True, False), (True, False)):
        theirs = Contact(date(2026, 1, 1), planned, attendance, kind, internet)
        attended = is_attended(attendance, planned=planned)
        assessed = is_assessment(kind, attended=attended)
        treated = is_treatment(kind, attended=attended, internet_therapy=internet)
        expected = (theirs.attended, theirs.is_assessment, theirs.is_treatment)
        assert (attended, assessed, treated) == expected, (attendance, kind, planned, internet)


def test_a_small_count_is_shown_here_as_reporting_shows_it() -> None:
    for count, below in product(range(200), (5, 7, 10)):
        assert shown_count(count, below) == safe_count(count, below)


class Told:
    """A pathway as its events tell it, for referrals' own rules to judge."""

    def __init__(self) -> None:
        self.site: UUID | None = None
        self.received_on = date.max
        self.decisions = Decisions()
        self.contacts: dict[UUID, Contact] = {}
        self.removed = False

    def hear(self, event: Event) -> None:
        """Learn one event."""
        match event:
            case ReferralReceived() | ReferralCorrected():
                self.site, self.received_on = event.site_id, event.received_on
            case ReferralTriaged():
                self.decisions = self.decisions._replace(triage=event.decision, triaged_on=event.on)
            case ReferralDischarged():
                self.decisions = self.decisions._replace(discharged_on=event.discharged_on)
            case ReferralReopened():
                triage = None if self.decisions.refused else self.decisions.triage
                self.decisions = self.decisions._replace(triage=triage, discharged_on=None)
            case ContactRecorded():
                told = (event.on, event.planned, event.attendance, event.appointment_type, event.internet_therapy)
                self.contacts[event.contact_id] = Contact(*told)
            case ContactRemoved():
                self.contacts.pop(event.contact_id, None)
            case ReferralRemoved():
                self.removed = True

    @property
    def derived(self) -> Derived:
        """What referrals makes of it."""
        return derive(self.decisions, self.contacts.values())


def by_referrals_rules(events: Iterable[Event]) -> dict[UUID, Told]:
    found: dict[UUID, Told] = defaultdict(Told)
    for event in events:
        if event.aggregate == "referral_id" and event.subject.startswith("referrals."):
            found[UUID(event.aggregate_id)].hear(event)
    return found


def counted(pathways: Iterable[Told], site: UUID, days: Span) -> dict[str, int]:
    own = [(told, told.derived) for told in pathways if told.site == site and not told.removed]

    def within(day: date | None) -> bool:
        return day is not None and days.start <= day <= days.end

    return {
        "referrals_received": sum(within(told.received_on) for told, _ in own),
        "first_assessments": sum(within(derived.first_assessment_on) for _, derived in own),
        "accessing_services": sum(within(derived.first_treatment_on) for _, derived in own),
        "ended_referrals": sum(within(told.decisions.ended_on) for told, _ in own),
        "finished_course": sum(within(told.decisions.ended_on) and derived.finished_course for told, derived in own),
    }


@pytest.mark.parametrize("seed", [1, 20261120])
async def test_sites_reporting_and_referrals_count_every_random_history_alike(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """All but restricted records, which sites cannot tell, since it never learns whose a pathway is."""
    events = [event for event in history(seed) if not isinstance(event, PersonRestricted)]
    messages = Post().wrap(events)
    await apply(database, messages)
    await heard(database, [each for each in messages if each.subject.startswith("referrals.")])
    pathways = by_referrals_rules(events).values()
    sites = sorted({told.site for told in pathways if told.site is not None})
    assert len(sites) > 5
    seen = 0
    async with open_door("reporting", database, tmp_path, monkeypatch) as door:
        facts = Facts(database, door)
        for site, (first, last) in product(sites, PERIODS):
            async with working(database) as session:
                ours = await exactly(session, site, months(first, last))
            assert ours == counted(pathways, site, months(first, last)), "as referrals has it"
            for measure in MEASURES:
                (row,) = (await facts.report(first, last, measure=measure, site_id=str(site)))["rows"]
                assert ours[measure] == row["value"], (measure, first)
            seen += sum(ours.values())
    assert seen > 500
