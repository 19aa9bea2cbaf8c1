"""The same figures in a few lines of plain Python over the same events: what SQL must agree with."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.reporting.domain.periods import Period
from shared.codes import NOT_RECORDED, By, code_list
from shared.events.event import Event
from shared.events.people import DemographicsRecorded, PersonErased, PersonMerged, PersonRestricted, PersonUnmerged
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
from shared.events.sites import SiteChanged, SiteRegistered
from shared.events.surveys import ResponseScored
from tests.reporting.life import Life

LISTS: dict[str, tuple[str, str, By]] = {  # dimension: field, list, by
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

OF_CONTACTS = {  # dimension: field of the contact, list
    "therapy_type": ("therapy_types", "therapy_type"),
    "mechanism": ("mechanism", "consultation_mechanism"),
    "delivery_language": ("language", "language"),
    "interpreter": ("interpreter", "interpreter"),
}
INTENSITIES = {
    (True, False): "Low intensity only",
    (False, True): "High intensity only",
    (True, True): "Low and high intensity",
    (False, False): NOT_RECORDED,
}


class Oracle:
    """Holds a history as plain dictionaries; the last picture of a person or a site counts."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.lives: dict[UUID, Life] = {}
        self.people: dict[str, DemographicsRecorded] = {}
        self.sites: dict[UUID, SiteRegistered | SiteChanged] = {}
        self.into: dict[str, str] = {}
        self.unused: set[str] = set()
        self.erased: set[str] = set()
        later = []
        for event in events:
            if isinstance(event, ReferralReceived):
                self.lives[event.referral_id] = Life(event, event)
            elif event.subject.startswith("referrals."):
                self._go_on(self.lives[event.referral_id], event)  # type: ignore[attr-defined]  # all of them have one
            elif isinstance(event, ResponseScored):
                later.append(event)
            elif isinstance(event, SiteRegistered | SiteChanged):
                self.sites[event.site_id] = event
            else:
                self._meet(event)
        for score in later:
            if score.referral_id in self.lives:
                self.lives[score.referral_id].responses.append(score)
        for life in self.lives.values():
            key = life.picture.person_key
            root = self.into.get(key, key)
            life.person_key = None if key in self.erased else key if root in self.erased else root
            life.gone |= key not in self.erased and not self.unused.isdisjoint({key, life.person_key})
        self.referrals = [life for life in self.lives.values() if not life.gone]

    def _go_on(self, life: Life, event: Any) -> None:
        match event:
            case ReferralCorrected():
                life.picture = event
            case ReferralTriaged(decision="accepted"):
                life.refused = None
            case ReferralTriaged():
                life.refused = event.on, {"rejected": "10", "redirected": "11"}[event.decision]
            case ReferralDischarged():
                life.discharge = event.discharged_on, event.end_code
            case ReferralReopened():
                life.refused = life.discharge = None
            case ReferralRemoved():
                life.gone = True
            case ContactRecorded():
                life.contacts[event.contact_id] = event
            case ContactRemoved():
                life.contacts.pop(event.contact_id, None)

    def _meet(self, event: Any) -> None:
        match event:
            case DemographicsRecorded():
                self.people[event.person_key] = event
            case PersonMerged():
                self.into[event.person_key] = event.into
            case PersonUnmerged():
                self.into.pop(event.person_key, None)
            case PersonRestricted():
                (self.unused.add if event.restricted else self.unused.discard)(event.person_key)
            case PersonErased():
                self.erased.add(event.person_key)
                self.people.pop(event.person_key, None)

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

    def _groups(self, referral: Life, by: Sequence[str], end: date) -> list[tuple[str, ...]]:
        combinations: list[tuple[str, ...]] = [()]
        for name in by:
            combinations = [(*so_far, group) for so_far in combinations for group in self.groups(referral, name, end)]
        return combinations

    def groups(self, referral: Life, name: str, end: date, visit: ContactRecorded | None = None) -> set[str]:
        """Return the groups of one pathway, or of one of its contacts, in one breakdown."""
        person = self.people.get(referral.person_key or "")
        where = visit.site_id if visit and name != "co_provided" else referral.site_id
        place = self.sites.get(where) if where else None
        if name in OF_CONTACTS:
            field, codes = OF_CONTACTS[name]
            told = [visit] if visit else [each.told for each in referral.treatments]
            held = {code for each in told for code in _several(getattr(each, field))}
            return {code_list(codes).row(code, by="label") for code in held or [None]}
        if name == "intensity":
            told = [visit] if visit else [each.told for each in referral.treatments]
            groups = {code_list("therapy_type").group(code) for each in told for code in each.therapy_types}
            return {INTENSITIES["Low intensity" in groups, "High intensity" in groups]}
        if name == "end_code":
            return {code_list("care_spell_end").row(referral.code, by="label")}
        if name in LISTS:
            field, codes, by = LISTS[name]
            value = (
                getattr(person, field, None) if field in DemographicsRecorded.model_fields else getattr(referral, field)
            )
            return {
                code_list(codes).row(None if code is None else str(code), by=by) for code in _several(value) or [None]
            }
        return {self._plain(name, referral, person, place, end) or NOT_RECORDED}

    def _plain(
        self,
        name: str,
        referral: Life,
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

    def _passes(self, referral: Life, filters: Mapping[str, Any]) -> bool:
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


def _several(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


YES_NO = {True: "Yes", False: "No", None: None}


def _band(name: str, birth_month: str | None, end: date) -> str | None:
    if birth_month is None:
        return None
    year, month = map(int, birth_month.split("-"))
    band = code_list(name).band(end.year - year - (end.month < month), end)
    return band.label if band else None
