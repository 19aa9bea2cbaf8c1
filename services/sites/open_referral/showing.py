"""Rows as the feed shows them: an offer is a service, its site a location, its organisation an organization."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.sites import tables
from services.sites.open_referral.ids import at_location, derived
from services.sites.open_referral.shapes import (
    Accessibility,
    Address,
    AtLocation,
    Attribute,
    Identifier,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    Status,
)
from services.sites.open_referral.terms import attribute
from services.sites.queries.offers import WITHDRAWN
from shared.codes import code_list

STATUS: dict[str, Status] = {
    "active": "active",
    "inactive": "inactive",
    "temporarily_closed": "temporarily closed",
}
GONE = "Withdrawn"
COUNTRY = "GB"

Shown = Row[Any]


def gone(row: Shown) -> bool:
    """Tell whether nobody can come to it any more: it was withdrawn, or its place is closed."""
    return bool(row.offer_status == WITHDRAWN or row.site_status == "closed")


def status(row: Shown) -> Status:
    """Return a service's status: its own, unless it is gone, or its place pauses."""
    if gone(row):
        return "defunct"
    if row.site_status == "active" or row.offer_status == "inactive":
        return STATUS[row.offer_status]
    return "temporarily closed"


def minimal(row: Shown) -> Service:
    """Return no more of a service than its id, name and status; one that is gone has no name any more."""
    name = GONE if gone(row) else row.offer_name
    return Service(id=row.offer_id, name=name, status=status(row), last_modified=row.last_modified)


def flat(row: Shown) -> Service:
    """Return a service as lists show it, without what it has several of."""
    if gone(row):
        return minimal(row)
    return Service(
        id=row.offer_id,
        organization_id=row.site_organisation_id,
        name=row.offer_name,
        description=row.offer_description,
        url=row.offer_url,
        email=row.offer_email,
        status=status(row),
        fees=row.offer_fees,
        minimum_age=row.offer_minimum_age,
        maximum_age=row.offer_maximum_age,
        last_modified=row.last_modified,
        organization=_organization(row),
    )


def full(row: Shown, schedules: Sequence[tables.Schedule]) -> Service:
    """Return a service with everything that belongs to it."""
    if gone(row):
        return minimal(row)
    return _with_its_own(row, schedules).model_copy(
        update={
            "service_at_locations": [
                AtLocation(
                    id=at_location(row.offer_id),
                    service_id=row.offer_id,
                    location_id=row.site_id,
                    location=_full_location(row),
                )
            ]
        }
    )


def minimal_at_location(row: Shown) -> ServiceAtLocation:
    """Return no more of a service at its place than which that is."""
    service = minimal(row)
    return ServiceAtLocation(
        id=at_location(row.offer_id), service_id=row.offer_id, name=service.name, status=service.status, service=service
    )


def flat_at_location(row: Shown) -> ServiceAtLocation:
    """Return a service at its place as lists show it."""
    if gone(row):
        return minimal_at_location(row)
    return _at_location(row, _location(row), flat(row))


def full_at_location(row: Shown, schedules: Sequence[tables.Schedule]) -> ServiceAtLocation:
    """Return a service at its place with everything that belongs to either."""
    if gone(row):
        return minimal_at_location(row)
    return _at_location(row, _full_location(row), _with_its_own(row, schedules))


def _at_location(row: Shown, location: Location, service: Service) -> ServiceAtLocation:
    return ServiceAtLocation(
        id=at_location(row.offer_id),
        service_id=row.offer_id,
        location_id=row.site_id,
        name=service.name,
        status=service.status,
        location=location,
        service=service,
    )


def _with_its_own(row: Shown, schedules: Sequence[tables.Schedule]) -> Service:
    """Return a service with all but its place."""
    phone = row.offer_phone
    phones = [Phone(id=derived("phone", row.offer_id, phone), service_id=row.offer_id, number=phone)] if phone else None
    return flat(row).model_copy(
        update={
            "schedules": [_entry(one) for one in schedules] or None,
            "languages": _languages(row.offer_languages, service_id=row.offer_id),
            "organization": _full_organization(row),
            "phones": phones,
            "attributes": _of_the_offer(row),
        }
    )


def _organization(row: Shown) -> Organization:
    """Return an organisation; HSDS wants a description, and one that gave none is described by its name."""
    return Organization(
        id=row.organisation_id,
        name=row.organisation_name,
        description=row.organisation_description or row.organisation_name,
        website=row.organisation_website,
    )


def _full_organization(row: Shown) -> Organization:
    number, found = row.organisation_charity_number, row.organisation_id
    numbers = None
    if number is not None:
        numbers = [
            Identifier(
                id=derived("identifier", found, number),
                identifier_scheme=register(number),
                identifier_type="Charity number",
                identifier=number,
            )
        ]
    attributes = [attribute(found, "organisation_kind", row.organisation_kind)]
    return _organization(row).model_copy(update={"organization_identifiers": numbers, "attributes": attributes})


def register(charity_number: str) -> str:
    """Return the code (org-id.guide) of the register that a charity number is of."""
    return next(
        (code for prefix, code in (("SC", "GB-SC"), ("NIC", "GB-NIC")) if charity_number.startswith(prefix)), "GB-CHC"
    )


def _location(row: Shown) -> Location:
    """Return a place; of a redacted one the database gave nothing but its name."""
    return Location(
        id=row.site_id,
        location_type="physical",
        name=row.site_name,
        latitude=row.site_latitude,
        longitude=row.site_longitude,
    )


def _full_location(row: Shown) -> Location:
    found = row.site_id
    accessibility = row.site_accessibility
    described = [Accessibility(id=derived("accessibility", found), location_id=found, description=accessibility)]
    return _location(row).model_copy(
        update={
            "addresses": _addresses(row),
            "accessibility": described if accessibility else None,
            "languages": _languages(row.site_languages, location_id=found),
            "attributes": list(_of_the_site(row)),
        }
    )


def _addresses(row: Shown) -> list[Address] | None:
    """Return a place's address; HSDS wants a province, and a UK address has none: its town is said again."""
    if row.site_redacted_address:
        return None
    return [
        Address(
            id=derived("address", row.site_id),
            location_id=row.site_id,
            address_1=row.site_line_1,
            address_2=row.site_line_2,
            city=row.site_town,
            state_province=row.site_town,
            postal_code=row.site_postcode,
            country=COUNTRY,
            address_type="physical",
        )
    ]


def _entry(row: tables.Schedule) -> Schedule:
    return Schedule(
        id=row.id,
        service_id=row.offer_id,
        valid_to=row.valid_to.isoformat() if row.valid_to else None,
        dtstart=row.dtstart.isoformat(),
        freq="WEEKLY" if row.freq == "WEEKLY" else "MONTHLY",
        interval=row.interval,
        byday=",".join(row.byday) or None,
        bymonthday=",".join(map(str, row.bymonthday)) or None,
        description=row.description,
        opens_at=row.opens_at.isoformat(),
        closes_at=row.closes_at.isoformat(),
    )


def _languages(codes: Sequence[str], **of: UUID) -> list[Language] | None:
    """Return languages by name and code."""
    names = code_list("language")
    return [
        Language(id=derived("language", *of.values(), code), name=names.label(code) or code, code=code, **of)
        for code in codes
    ] or None


def _of_the_offer(row: Shown) -> list[Attribute]:
    said: list[tuple[str, str, str | None]] = [
        ("accepting_referrals", "yes" if row.offer_accepting_referrals else "no", None)
    ]
    if row.offer_capacity is not None:
        said.append(("availability", "capacity", str(row.offer_capacity)))
    if row.offer_next_available_on is not None:
        said.append(("availability", "next_available_on", row.offer_next_available_on.isoformat()))
    said += _all("need", row.offer_needs)
    said += _all("language", row.offer_languages)
    said += _all("therapy_type", row.offer_therapy_types)
    said += [(name, getattr(row, f"offer_{name}"), None) for name in ("programme", "designed_by", "delivered_by")]
    if row.site_status != "active":
        said.append(("offer_status", row.offer_status, None))
    return [attribute(row.offer_id, *each) for each in said]


def _of_the_site(row: Shown) -> Iterable[Attribute]:
    found = row.site_id
    yield attribute(found, "participation", "co_provider" if row.site_co_provider else "not_co_provider")
    yield attribute(found, "participation", "joined_on", row.site_joined_on.isoformat())
    yield attribute(found, "site_status", row.site_status)
    if row.site_cluster is not None:
        yield attribute(found, "cluster", row.site_cluster)
    if row.site_accessibility is not None:
        yield attribute(found, "accessibility", "described")


def _all(kind: str, codes: Iterable[str]) -> list[tuple[str, str, str | None]]:
    return [(kind, code, None) for code in codes]
