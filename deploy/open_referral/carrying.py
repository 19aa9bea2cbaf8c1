"""What of a service we can hold: an organisation, sites, and an offer at each."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from deploy.open_referral.places import organisation, site
from deploy.open_referral.things import Assumed, Body, CannotCarryError, Left, Terms, Thing, objections
from deploy.open_referral.times import schedule
from services.sites.domain import register
from services.sites.open_referral.ids import derived
from services.sites.open_referral.shapes import Service
from services.sites.schemas.offers import NewOffer

STATUS = {"active": "active", "inactive": "inactive", "temporarily closed": "temporarily_closed"}
TAKEN = {
    "name",
    "description",
    "status",
    "organization",
    "service_at_locations",
    "attributes",
    "languages",
    "schedules",
} | {
    "phones",
    "email",
    "fees",
}
AS_SAID = (("programme", "programme"), ("designed_by", "designed_by"), ("delivered_by", "delivered_by"))
LISTS = (("needs", "need"), ("therapy_types", "therapy_type"))


@dataclass(slots=True)
class Carried:
    """What a service becomes, what was skipped of it and why, and what is left over."""

    left: Left = field(default_factory=Left)
    things: list[Thing] = field(default_factory=list)
    skipped: list[tuple[str, UUID, str]] = field(default_factory=list)


def read(found: Any) -> Service:  # noqa: ANN401 - any JSON
    """Return a service; raises `CannotCarryError` for what is not one of HSDS, naming where but not what it says."""
    try:
        return Service.model_validate(found)
    except ValidationError as problem:
        raise CannotCarryError(objections(problem)) from None


def carry(service: Service, assumed: Assumed) -> Carried:
    """Return what a service becomes; raises `CannotCarryError` when it becomes nothing."""
    if service.status == "defunct":
        raise CannotCarryError("It is defunct: nobody can come to it any more.")
    if service.organization is None:
        raise CannotCarryError("It has no organization.")
    places = [
        (place, each) for place, each in enumerate(service.service_at_locations or ()) if each.location is not None
    ]
    if not places:
        raise CannotCarryError("It has no location, and an offer is at a site.")
    carried = Carried()
    givers = organisation(service.organization, assumed, carried.left)
    carried.things.append(givers)
    offered = _offer(service, carried.left)
    for place, each in places:
        path = f"service_at_locations/{place}"
        carried.left.rest(each, {"location"}, path)
        assert each.location is not None  # noqa: S101 - chosen above
        try:
            where = site(each.location, givers.id, assumed, carried.left, f"{path}/location")
            found = service.id if len(places) == 1 else derived("offer", service.id, each.location.id)
            carried.things.append(where)
            said = {"site_id": str(where.id)} | offered
            offer = Thing("offers", found, said, _unsaid(assumed), (where.id,)).checked(NewOffer)
        except CannotCarryError as problem:
            carried.skipped.append(("offers", service.id, str(problem)))
        else:
            carried.things.append(offer)
    return carried


def _unsaid(assumed: Assumed) -> Body:
    makers = {"designed_by": assumed.made_by, "delivered_by": assumed.made_by}
    return {"programme": assumed.programme, "accepting_referrals": False} | makers


def _offer(told: Service, left: Left) -> Body:
    """Return what a service says of itself, wherever it is."""
    said: Body = {"name": told.name, "description": told.description or told.name, "status": STATUS[told.status]}
    said |= {name: value for name in ("email", "fees") if (value := getattr(told, name)) is not None}
    taken = set(TAKEN)
    if told.url is not None and (url := register.website(told.url)) is not None:
        said["url"] = url
        taken.add("url")
    for name in ("minimum_age", "maximum_age"):
        age = getattr(told, name)
        if age is not None and age == int(age):
            said[name] = int(age)
            taken.add(name)
    if told.phones:
        said["phone"] = told.phones[0].number
        left.rest(told.phones[0], {"number"}, "phones/0")
        left.beyond_the_first(told.phones, "phones")
    if told.languages is not None:
        said["languages"] = left.languages(told.languages, "languages")
    if told.schedules is not None:
        said["schedule"], unheld = schedule(told.schedules)
        left.found |= unheld
    said |= _attributes(left.terms(told.attributes))
    left.rest(told, taken)
    return said


def _attributes(has: Terms) -> Body:
    """Return what the attributes of an offer of ours say."""
    said: Body = {name: next(iter(has[kind])) for name, kind in (*AS_SAID, ("status", "offer_status")) if kind in has}
    said |= {name: list(has[kind]) for name, kind in LISTS if kind in has}
    if "accepting_referrals" in has:
        said["accepting_referrals"] = "yes" in has["accepting_referrals"]
    for code, value in has.get("availability", {}).items():
        said[code] = int(value) if code == "capacity" and value and value.isdecimal() else value
    return said
