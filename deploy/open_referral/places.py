"""Organisations and locations of HSDS as our organisations and sites."""

from typing import Any
from uuid import UUID

from deploy.open_referral.things import Assumed, Body, CannotCarryError, Left, Thing
from services.sites.domain import register
from services.sites.open_referral.shapes import Address, Location, Organization
from services.sites.schemas.register import NewOrganisation, NewSite
from shared.days import today

REGISTERS = {"GB-CHC", "GB-SC", "GB-NIC"}
KINGDOM = ((49, 61), (-9, 2.5))  # degrees north and east, as the sites API has it
ADDRESS = {"address_1", "address_2", "city", "state_province", "postal_code", "country", "address_type"}


def organisation(told: Organization, assumed: Assumed, left: Left) -> Thing:
    """Return an organisation; raises `CannotCarryError`."""
    path = "organization"
    said: Body = {"name": told.name}
    taken = {"name", "description", "attributes", "organization_identifiers"}
    if told.description and told.description != told.name:
        said["description"] = told.description
    website = register.website(told.website) if told.website else None
    if website is not None:
        said["website"] = website
        taken.add("website")
    for place, each in enumerate(told.organization_identifiers or ()):
        number = register.charity_number(each.identifier)
        charity = each.identifier_scheme in REGISTERS or "charity" in each.identifier_type.lower()
        if charity and number is not None and "charity_number" not in said:
            said["charity_number"] = number
        else:
            left.note(each.told(), path, "organization_identifiers", place)
    if kinds := left.terms(told.attributes, path).get("organisation_kind"):
        said["kind"] = next(iter(kinds))
    left.rest(told, taken, path)
    return Thing("organisations", told.id, said, {"kind": assumed.organisation_kind}).checked(NewOrganisation)


def site(told: Location, organisation_id: UUID, assumed: Assumed, left: Left, path: str) -> Thing:
    """Return a site; raises `CannotCarryError`."""
    if told.location_type != "physical":
        raise CannotCarryError("It is no place to go to, and a site is.")
    if not told.addresses:
        raise CannotCarryError("Its address is not public: register it by hand, with `redacted_address`.")
    address = told.addresses[0]
    postcode = register.postcode(address.postal_code)
    if postcode is None:
        raise CannotCarryError("Its postcode is not one of the United Kingdom.")
    said: Body = {"organisation_id": str(organisation_id), "name": told.name or address.address_1}
    said |= {"address": _address(address, left, f"{path}/addresses/0"), "postcode": postcode}
    taken = {"name", "location_type", "addresses", "attributes", "languages", "accessibility"}
    left.beyond_the_first(told.addresses, f"{path}/addresses")
    if _in_the_kingdom(told):
        said |= {"latitude": told.latitude, "longitude": told.longitude}
        taken |= {"latitude", "longitude"}
    if described := _accessibility(told, left, path):
        said["accessibility"] = described
    if told.languages is not None:
        said["languages"] = left.languages(told.languages, f"{path}/languages")
    said |= _attributes(told, left, path)
    left.rest(told, taken, path)
    unsaid = {"co_provider": assumed.co_provider, "joined_on": today().isoformat()}
    return Thing("sites", told.id, said, unsaid, (organisation_id,)).checked(NewSite)


def _address(told: Address, left: Left, path: str) -> Body:
    left.rest(told, ADDRESS, path)
    if told.state_province not in {"", told.city}:
        left.note(told.state_province, path, "state_province")
    return {"line_1": told.address_1, "line_2": told.address_2, "town": told.city}


def _accessibility(told: Location, left: Left, path: str) -> str | None:
    left.beyond_the_first(told.accessibility, f"{path}/accessibility")
    first = next(iter(told.accessibility or ()), None)
    if first is None:
        return None
    said_twice = (first.model_extra or {}).get("accessibility") == first.description
    left.rest(first, {"description", *(["accessibility"] if said_twice else [])}, f"{path}/accessibility/0")
    return first.description


def _attributes(told: Location, left: Left, path: str) -> dict[str, Any]:
    """Return what the attributes of a site of ours say."""
    has = left.terms(told.attributes, path)
    said: Body = {}
    for code, value in has.get("participation", {}).items():
        if code == "joined_on":
            said["joined_on"] = value
        else:
            said["co_provider"] = code == "co_provider"
    said |= {
        name: next(iter(has[kind])) for name, kind in (("status", "site_status"), ("cluster", "cluster")) if kind in has
    }
    return said


def _in_the_kingdom(told: Location) -> bool:
    """Tell whether coordinates are somewhere a site can be: samples have been seen at latitude 100."""
    if told.latitude is None or told.longitude is None:
        return False
    (south, north), (west, east) = KINGDOM
    return south <= told.latitude <= north and west <= told.longitude <= east
