"""The breakdowns: which groups there are, how a pathway finds its group, and which may stand together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import get_args

from services.reporting.breakdowns_of_things import COMMUNITY, WITH_SIDE
from services.reporting.dimensions import Attribute, Coded, Dimension, Intensity, YesOrNo
from services.reporting.dimensions_of_age import Aged
from services.reporting.dimensions_of_sites import CoProvided, RegisteredCluster, RegisteredSite
from services.reporting.measures.measure import Measure
from services.reporting.measures.things import INTRODUCTIONS, SESSIONS
from services.reporting.schemas import Profile
from services.reporting.tables import Contact, ContactSite, Pathway, Person, Session, Site
from shared.events.sites import OrganisationKind

SITE_KINDS: tuple[str, ...] = get_args(OrganisationKind)
MOST = 3  # dimensions of an exact table

_ALL: tuple[Dimension, ...] = (
    Coded(id="source", title="Source of referral", key=Pathway.source, list_name="source_of_referral_iapt", by="label"),
    Coded(
        id="source_group",
        title="Source of referral, in groups",
        key=Pathway.source,
        list_name="source_of_referral_iapt",
    ),
    RegisteredSite(
        id="site",
        title="Site that introduced the person; of appointments, where they are; else whose it is",
        key=Site.site_id,
        of_contact=ContactSite.site_id,
        of_sites=True,
    ),
    Attribute(
        id="site_kind",
        title="Kind of organisation the site belongs to",
        key=Site.organisation_kind,
        of_contact=ContactSite.organisation_kind,
        of_sites=True,
        values=SITE_KINDS,
    ),
    RegisteredCluster(
        id="cluster", title="Cluster of sites", key=Site.cluster, of_contact=ContactSite.cluster, of_sites=True
    ),
    CoProvided(id="co_provided", title="Introduced by a co-provider site", key=Site.co_provider),
    Attribute(id="pathway", title="Way in", key=Pathway.pathway, values=("triage", "drop_in")),
    Attribute(
        id="programme",
        title="Programme",
        key=Pathway.programme,
        of_things={things: things.programme for things in (SESSIONS, INTRODUCTIONS)},
        open=True,
    ),
    Coded(
        id="ethnic_category", title="Ethnic category", key=Person.ethnic_category, by="label", field="ethnic_category"
    ),
    Coded(
        id="ethnic_group",
        title="Ethnic group",
        key=Person.ethnic_category,
        list_name="ethnic_category",
        field="ethnic_category",
        demographic=True,
    ),
    Coded(
        id="gender_identity",
        title="Gender identity",
        key=Person.gender_identity,
        field="gender_identity",
        demographic=True,
    ),
    Aged(
        id="age_band",
        title="Age at the end of the period",
        key=Person.birth_month,
        field="birth_month",
        demographic=True,
    ),
    Aged(id="working_age", title="Working age", key=Person.birth_month, field="birth_month", demographic=True),
    Coded(
        id="language",
        title="Preferred language",
        key=Person.language,
        by="label",
        field="language",
        demographic=True,
        open=True,
    ),
    YesOrNo(
        id="interpreter_required",
        title="Interpreter required",
        key=Person.interpreter_required,
        field="interpreter_required",
        demographic=True,
    ),
    Coded(id="religion", title="Religion", key=Person.religion, field="religion", demographic=True, open=True),
    Coded(
        id="sexual_orientation",
        title="Sexual orientation",
        key=Person.sexual_orientation,
        field="sexual_orientation",
        demographic=True,
    ),
    Coded(
        id="disability",
        title="Disability",
        key=Person.disabilities,
        field="disabilities",
        demographic=True,
        multiple=True,
    ),
    Coded(
        id="employment_status",
        title="Employment status",
        key=Person.employment_status,
        field="employment_status",
        demographic=True,
    ),
    Coded(
        id="ex_armed_forces",
        title="Ex-armed forces",
        key=Person.ex_armed_forces,
        field="ex_armed_forces",
        demographic=True,
    ),
    Coded(
        id="long_term_condition",
        title="Long-term physical condition",
        key=Person.long_term_conditions,
        field="long_term_conditions",
        demographic=True,
        multiple=True,
    ),
    Coded(
        id="imd_decile",
        title="Deprivation decile",
        key=Person.imd_decile,
        by="label",
        field="imd_decile",
        demographic=True,
    ),
    Coded(
        id="presenting_problem",
        title="Presenting problem",
        key=Pathway.presenting_problem,
        by="label",
        field="presenting_problem",
        open=True,
    ),
    Coded(
        id="therapy_type",
        title="Therapy type",
        key=Pathway.therapy_types,
        of_contact=Contact.therapy_types,
        by="label",
        multiple=True,
        contact_multiple=True,
        open=True,
    ),
    Intensity(id="intensity", title="Intensity of treatment", key=Pathway.intensity, of_contact=Contact.intensity),
    Coded(
        id="mechanism",
        title="How treatment was delivered",
        key=Pathway.mechanisms,
        of_contact=Contact.mechanism,
        list_name="consultation_mechanism",
        by="label",
        multiple=True,
    ),
    Coded(
        id="delivery_language",
        title="Language of delivery",
        key=Pathway.delivery_languages,
        of_contact=Contact.language,
        of_things={SESSIONS: Session.language},
        list_name="language",
        by="label",
        multiple=True,
        open=True,
    ),
    Coded(
        id="interpreter",
        title="Interpreter present",
        key=Pathway.interpreters,
        of_contact=Contact.interpreter,
        by="label",
        multiple=True,
    ),
    Coded(
        id="end_code",
        title="End code",
        key=Pathway.ended_code,
        list_name="care_spell_end",
        by="label",
        of_ends=True,
    ),
    *COMMUNITY,
    Attribute(
        id="source_system", title="System that sent the referral", key=Pathway.source_system, open=True, exact_only=True
    ),
)
DIMENSIONS: Mapping[str, Dimension] = MappingProxyType({dimension.id: dimension for dimension in _ALL})

_PEOPLE = ("gender_identity", "age_band", "ethnic_group")
_WITH_ANY = ("co_provided", "pathway")


@dataclass(frozen=True)
class Allowed:
    """What may stand together in published tables; a filter counts as a breakdown by its dimension."""

    alone: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    triples: tuple[tuple[str, str, str], ...]

    def permits(self, dimensions: Iterable[str]) -> bool:
        """Say whether these may be published together."""
        wanted = frozenset(dimensions)
        known = chain(([name] for name in self.alone), self.pairs, self.triples)
        return not wanted or any(wanted == frozenset(together) for together in known)


def _allowed() -> Allowed:
    alone = tuple(name for name, dimension in DIMENSIONS.items() if not dimension.exact_only)
    of_pathways = [name for name in alone if DIMENSIONS[name] not in COMMUNITY]
    pairs = {frozenset(pair) for pair in (_PEOPLE[:2], _PEOPLE[::2], _PEOPLE[1:])}
    pairs |= {frozenset(("site", name)) for name in alone if DIMENSIONS[name].demographic}
    pairs |= {frozenset((this, name)) for this in _WITH_ANY for name in of_pathways if name != this}
    pairs |= {frozenset(("side", name)) for name in WITH_SIDE}
    ordered = sorted((min(pair, key=alone.index), max(pair, key=alone.index)) for pair in pairs)
    return Allowed(alone, tuple(ordered), (_PEOPLE,))


PUBLISHED = _allowed()


def refusal(by: Sequence[str], filters: Sequence[str], profile: Profile, measure: Measure) -> str | None:
    """Say why a table may not be had, in words that name what may; None when it may."""
    if unknown := [name for name in by if name not in DIMENSIONS]:
        return f"{len(unknown)} of these are no breakdown. There are: {', '.join(DIMENSIONS)}."
    if cannot := [name for name in dict.fromkeys((*by, *filters)) if not DIMENSIONS[name].splits(measure)]:
        return f"{', '.join(cannot)} does not split this measure. GET /v1/measures/{measure.id} lists what does."
    if len(set(by)) < len(by):
        return "The same breakdown is named twice."
    if profile == "exact":
        return f"At most {MOST} breakdowns together." if len(by) > MOST else None
    return None if PUBLISHED.permits({*by, *filters}) else _unpublished(by)


def _unpublished(by: Sequence[str]) -> str:
    if hidden := [name for name in by if DIMENSIONS[name].exact_only]:
        return f"{', '.join(hidden)} is only for profile=exact."
    return (
        "These may not be published together (a filter counts as a breakdown). Allowed: any one; co_provided or pathway with any "
        "other; site with a demographic; side with engagement_kind, space, resource_kind, principle or rung; two or all three of "
        "gender_identity, age_band and ethnic_group. GET /v1/breakdowns lists every pair."
    )
