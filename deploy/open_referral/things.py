"""Things to register, and what a directory says that we cannot hold: nothing is lost without its name being told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from services.sites.open_referral import terms
from services.sites.open_referral.ids import derived
from services.sites.open_referral.shapes import Attribute, Entity, Language
from shared.app import field_error
from shared.codes import code_list

Body = dict[str, Any]
Terms = Mapping[str, Mapping[str, str | None]]  # by taxonomy, then code; with the value, if any
LINKS = {"id", "organization_id", "service_id", "location_id", "link_id", "taxonomy_term_id", "last_modified"}
OBJECTIONS = 3  # told of one thing


class CannotCarryError(Exception):
    """Why something of a directory cannot become something of ours."""


class DescribedTwiceError(Exception):
    """A directory describes the same thing twice, differently; the first is taken."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is recorded where a directory does not say it."""

    organisation_kind: str = "other"
    programme: str = "talking_therapies"
    made_by: str = "professionals"
    co_provider: bool = False


@dataclass(slots=True)
class Thing:
    """Something to register: what the directory says of it, and what is assumed only while it is new."""

    kind: str  # organisations, sites, offers
    id: UUID
    said: Body
    assumed: Body = field(default_factory=dict)
    needs: tuple[UUID, ...] = ()

    def new(self) -> Body:
        """Return its registration."""
        return {"id": str(self.id)} | self.assumed | self.said

    def checked(self, model: type[BaseModel]) -> "Thing":
        """Return it, if the API would take its form; raises `CannotCarryError`."""
        self.assumed = {name: value for name, value in self.assumed.items() if name not in self.said}
        try:
            model.model_validate(self.new())
        except ValidationError as problem:
            raise CannotCarryError(objections(problem)) from None
        return self


def objections(problem: ValidationError) -> str:
    """Return where something is wrong and how, without what it said."""
    found = [field_error(error, skip=0) for error in problem.errors(include_input=False)]
    told = [f"{each.pointer}: {each.message}" for each in found]
    more = f" and {len(told) - OBJECTIONS} more" if len(told) > OBJECTIONS else ""
    return "; ".join(told[:OBJECTIONS]) + more


@dataclass(slots=True)
class Left:
    """What a service says that we cannot hold: where that stood, and what it was."""

    found: dict[str, Any] = field(default_factory=dict)

    def rest(self, entity: Entity, taken: set[str], path: str = "") -> None:
        """Note what an entity says beyond what was taken of it."""
        for name, value in entity.told().items():
            if name not in taken | LINKS and value not in ("", [], {}):
                self.note(value, path, name)

    def note(self, value: object, *path: str | int) -> None:
        """Note one thing that was said."""
        self.found["/".join(str(part) for part in path if part != "")] = value

    def beyond_the_first(self, entities: Sequence[Entity] | None, path: str) -> None:
        """Note all but the first of something that we hold one of."""
        for place, each in enumerate((entities or ())[1:], start=1):
            self.note(each.told(), path, place)

    def terms(self, attributes: list[Attribute] | None, path: str = "") -> Terms:
        """Return the terms of our own taxonomies; the others are left over."""
        found: dict[str, dict[str, str | None]] = {}
        for place, each in enumerate(attributes or ()):
            ours = _ours(each)
            if ours is None:
                self.note(each.told(), path, "attributes", place)
            else:
                found.setdefault(ours[0], {})[ours[1]] = each.value
        return found

    def languages(self, told: list[Language], path: str) -> list[str]:
        """Return the codes of languages; one that tells neither code nor name tells nothing."""
        codes: dict[str, None] = {}
        for place, each in enumerate(told):
            code = _language(each)
            if code is not None:
                codes[code] = None
            elif each.code or each.name:
                self.note(each.told(), path, place)
        return list(codes)

    def counted(self) -> Counter[str]:
        """Return how often each kind of field was left over, whatever its place in a list."""
        return Counter("/".join(part for part in path.split("/") if not part.isdecimal()) for path in self.found)


def _language(told: Language) -> str | None:
    """Return a language's code, by its code or else by its English name."""
    languages = code_list("language")
    if told.code and told.code.lower() in languages:
        return told.code.lower()
    name = (told.name or "").strip().casefold()
    return next((entry.code for entry in languages.entries if entry.label.casefold() == name), None) if name else None


def _ours(told: Attribute) -> tuple[str, str] | None:
    """Return the taxonomy and code that an attribute of ours says, else None."""
    term = told.taxonomy_term
    kind = terms.by_id().get(term.taxonomy_id) if term and term.taxonomy_id else None
    if term is None or kind is None or term.term is None:
        return None
    known = kind.codes is None or term.term in kind.codes
    return (kind.code, term.term) if known and term.id == derived("taxonomy_term", kind.code, term.term) else None
