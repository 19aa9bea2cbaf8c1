"""The same figures in a few lines of plain Python over the same events: what SQL must agree with."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.reporting.domain import Period
from shared.codes import NOT_RECORDED, code_list
from shared.events.event import Event
from shared.events.people import DemographicsRecorded
from shared.events.referrals import ReferralReceived
from shared.events.sites import SiteChanged, SiteRegistered

LISTS = {  # dimension: field, list, by
    "source": ("source", "source_of_referral_iapt", "label"),
    "source_group": ("source", "source_of_referral_iapt", "group"),
    "ethnic_category": ("ethnic_category", "ethnic_category", "label"),
    "ethnic_group": ("ethnic_category", "ethnic_category", "group"),
    "gender_identity": ("gender_identity", "gender_identity", "group"),
    "language": ("language", "language", "label"),
    "religion": ("religion", "religion", "group"),
    "sexual_orientation": ("sexual_orientation", "sexual_orientation", "group"),
    "disability": ("disabilities", "disability", "group"),
    "employment_status": ("employment_status", "employment_status", "group"),
    "ex_armed_forces": ("ex_armed_forces", "ex_armed_forces", "group"),
    "long_term_condition": ("long_term_conditions", "long_term_condition", "group"),
    "imd_decile": ("imd_decile", "imd_decile", "label"),
    "presenting_problem": ("presenting_problem", "presenting_problem", "label"),
}


class Oracle:
    """Holds a history as plain dictionaries; the last picture of a person or a site counts."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.referrals: list[ReferralReceived] = []
        self.people: dict[str, DemographicsRecorded] = {}
        self.sites: dict[UUID, SiteRegistered | SiteChanged] = {}
        for event in events:
            if isinstance(event, ReferralReceived):
                self.referrals.append(event)
            elif isinstance(event, DemographicsRecorded):
                self.people[event.person_key] = event
            elif isinstance(event, SiteRegistered | SiteChanged):
                self.sites[event.site_id] = event

    def counts(
        self, periods: Sequence[Period], by: Sequence[str], filters: Mapping[str, Any]
    ) -> Counter[tuple[str, tuple[str, ...]]]:
        """Count referrals by period and groups."""
        found: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for referral in self.referrals:
            for period in periods:
                if period.start <= referral.received_on <= period.end and self._passes(referral, filters):
                    for groups in self._groups(referral, by, period.end):
                        found[period.label, groups] += 1
        return found

    def _groups(self, referral: ReferralReceived, by: Sequence[str], end: date) -> list[tuple[str, ...]]:
        combinations: list[tuple[str, ...]] = [()]
        for name in by:
            combinations = [(*so_far, group) for so_far in combinations for group in self.groups(referral, name, end)]
        return combinations

    def groups(self, referral: ReferralReceived, name: str, end: date) -> set[str]:
        """Return the groups of one pathway in one breakdown."""
        person = self.people.get(referral.person_key)
        place = self.sites.get(referral.site_id) if referral.site_id else None
        if name in LISTS:
            field, codes, by = LISTS[name]
            value = getattr(referral, field) if hasattr(referral, field) else getattr(person, field, None)
            values = value if isinstance(value, list | tuple) else [value]
            return {code_list(codes).row(None if code is None else str(code), by=by) for code in values or [None]}  # type: ignore[arg-type]
        return {self._plain(name, referral, person, place, end) or NOT_RECORDED}

    def _plain(
        self,
        name: str,
        referral: ReferralReceived,
        person: DemographicsRecorded | None,
        place: SiteRegistered | SiteChanged | None,
        end: date,
    ) -> str | None:
        if name in {"age_band", "working_age"}:
            return _band(name, person.birth_month if person else None, end)
        if name == "interpreter_required":
            return YES_NO[person.interpreter_required if person else None]
        if name == "co_provided":
            return "No" if referral.site_id is None else YES_NO[place.co_provider if place else None]
        if name == "site":
            return self.name(place.site_id) if place else None
        if name in {"site_kind", "cluster"}:
            return getattr(place, {"site_kind": "organisation_kind"}.get(name, name), None)
        return str(getattr(referral, name))

    def name(self, site_id: UUID) -> str:
        """Return a site's name, told apart from the same name elsewhere."""
        name = self.sites[site_id].name
        alike = sum(each.name == name for each in self.sites.values())
        return name if alike == 1 else f"{name} ({str(site_id)[:8]})"

    def _passes(self, referral: ReferralReceived, filters: Mapping[str, Any]) -> bool:
        place = self.sites.get(referral.site_id) if referral.site_id else None
        tests: dict[str, Callable[[Any], bool]] = {
            "site_id": lambda wanted: str(referral.site_id) == wanted,
            "site_kind": lambda wanted: place is not None and place.organisation_kind == wanted,
            "cluster": lambda wanted: place is not None and place.cluster == wanted,
            "co_provided": lambda wanted: (
                self.groups(referral, "co_provided", date.max) == {"Yes" if wanted == "true" else "No"}
            ),
            "pathway": lambda wanted: referral.pathway == wanted,
            "programme": lambda wanted: referral.programme == wanted,
        }
        return all(tests[name](wanted) for name, wanted in filters.items())


YES_NO = {True: "Yes", False: "No", None: None}


def _band(name: str, birth_month: str | None, end: date) -> str | None:
    if birth_month is None:
        return None
    year, month = map(int, birth_month.split("-"))
    band = code_list(name).band(end.year - year - (end.month < month), end)
    return band.label if band else None
