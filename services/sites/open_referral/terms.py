"""The taxonomies of the feed: what HSDS has no field for, and what readers filter by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import get_args
from uuid import UUID

from services.sites.open_referral.ids import derived
from services.sites.open_referral.shapes import Attribute, Taxonomy, TaxonomyTerm
from shared.codes import code_list
from shared.events.sites import Makers, OrganisationKind


@dataclass(frozen=True, slots=True)
class Kind:
    """A taxonomy; `codes` are those of a closed one, an open one has whatever is in use."""

    code: str
    name: str
    description: str
    codes: Mapping[str, str] | None = None

    @property
    def id(self) -> UUID:
        """The taxonomy's id, the same in every Roundtable."""
        return derived("taxonomy", self.code)

    def shown(self) -> Taxonomy:
        """Return the taxonomy."""
        return Taxonomy(id=self.id, name=self.name, description=self.description, version="1")

    def label(self, code: str) -> str:
        """Return what a term of it is called."""
        if self.codes is not None:
            return self.codes[code]
        if self.code == "language":
            return code_list("language").label(code) or code
        return code if self.code == "cluster" else worded(code)

    def term(self, code: str) -> TaxonomyTerm:
        """Return one of its terms."""
        name = self.label(code)
        return TaxonomyTerm(
            id=derived("taxonomy_term", self.code, code),
            name=name,
            description=f"{self.name}: {name}",
            taxonomy=self.name,
            taxonomy_id=self.id,
            term=code,
        )


def worded(slug: str) -> str:
    """Return the words that a slug stands for."""
    return slug.replace("_", " ").capitalize()


def _words(codes: Iterable[str]) -> dict[str, str]:
    return {code: worded(code) for code in codes}


def _labels(name: str) -> dict[str, str]:
    return {entry.code: entry.label for entry in code_list(name).valid()}


@cache
def kinds() -> Mapping[str, Kind]:
    """Return every taxonomy of the feed by its code."""
    makers = _words(get_args(Makers))
    found = (
        Kind(
            "accepting_referrals",
            "Accepting referrals",
            "Whether people can be referred to the service now.",
            {"yes": "Accepting referrals", "no": "Not accepting referrals now"},
        ),
        Kind(
            "availability",
            "Availability",
            "How many the service has room for, and when there is room again; the number or date is the attribute's value.",
            {"capacity": "Places", "next_available_on": "Next available on"},
        ),
        Kind("need", "Need", "What people come with.", _labels("need")),
        Kind("language", "Language", "A language in which the service is given, by its ISO 639 code."),
        Kind(
            "therapy_type", "Therapy type", "The therapy that is given, by its SNOMED CT code.", _labels("therapy_type")
        ),
        Kind("programme", "Programme", "The programme that the service belongs to."),
        Kind("designed_by", "Designed by", "Who designed the service.", makers),
        Kind("delivered_by", "Delivered by", "Who gives the service.", makers),
        Kind(
            "offer_status",
            "Status of the service itself",
            "Said where its place's status hides it.",
            _words(("active", "inactive", "temporarily_closed")),
        ),
        Kind(
            "organisation_kind",
            "Kind of organisation",
            "Which faith or kind of community it belongs to.",
            _words(get_args(OrganisationKind)),
        ),
        Kind(
            "participation",
            "Participation",
            "Whether the place is one of co-production, and since when; the date is the attribute's value.",
            {
                "co_provider": "Delivers together with the NHS",
                "not_co_provider": "Not a place of co-production",
                "joined_on": "Joined on",
            },
        ),
        Kind(
            "site_status",
            "Status of the place",
            "Whether the place takes part at present.",
            _words(("active", "paused")),
        ),
        Kind("cluster", "Cluster", "The group of places it works with."),
        Kind(
            "accessibility",
            "Accessibility",
            "Whether the place says how it can be reached and used.",
            {"described": "Described"},
        ),
    )
    return {kind.code: kind for kind in found}


@cache
def by_id() -> Mapping[UUID, Kind]:
    """Return every taxonomy by its id."""
    return {kind.id: kind for kind in kinds().values()}


@cache
def fixed_terms() -> Mapping[UUID, tuple[Kind, str]]:
    """Return the terms that are there whether or not anything has them, by id: those of closed taxonomies, and languages."""
    languages = dict.fromkeys(code_list("language").codes)
    return {
        derived("taxonomy_term", kind.code, code): (kind, code)
        for kind in kinds().values()
        for code in (languages if kind.code == "language" else kind.codes or ())
    }


@lru_cache(maxsize=10_000)
def term(kind: str, code: str) -> TaxonomyTerm:
    """Return a term; every service that has it shows the same one."""
    return kinds()[kind].term(code)


def attribute(link_id: UUID, kind: str, code: str, value: str | None = None) -> Attribute:
    """Return the attribute that says a term of something."""
    said = term(kind, code)
    return Attribute(
        id=derived("attribute", link_id, kind, code),
        link_id=link_id,
        taxonomy_term_id=said.id,
        link_type=kind,
        value=value,
        taxonomy_term=said,
    )
