"""Registering and changing organisations and sites."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.domain import register as domain
from services.sites.queries.register import organisation_kind
from services.sites.schemas.register import NewOrganisation, NewSite, OrganisationChange, SiteChange
from shared import audit
from shared.auth import Caller
from shared.days import today
from shared.events.sites import SiteChanged, SiteRegistered
from shared.outbox import Emission, emit, emit_all
from shared.problems import FieldError, MalformedRequest, Problem

ADDRESS = ("line_1", "line_2", "town")


class AllSitesOnly(Problem):
    """This is for callers of all sites; the token is limited to some."""

    status = HTTPStatus.FORBIDDEN


class OrganisationUnknown(Problem):
    """There is no such organisation for this token."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(
            errors=[FieldError(pointer="/organisation_id", code="organisation_unknown", message="Register it first.")]
        )


class OrganisationDiffers(Problem):
    """This id is already that of an organisation registered with different content."""

    status = HTTPStatus.CONFLICT


class SiteDiffers(Problem):
    """This id is already that of a site registered with different content."""

    status = HTTPStatus.CONFLICT


async def register_organisation(session: AsyncSession, caller: Caller, new: NewOrganisation) -> Registered:
    """Register an organisation; one with an id that was given before is recognised."""
    row = registration(caller, new, new.model_dump(exclude={"id"}))
    registered = await once(session, tables.Organisation, row, OrganisationDiffers)
    if registered.created:
        await audit.record(session, [audit.entry(caller, "create", "organisation", row["id"])])
    return registered


async def change_organisation(
    session: AsyncSession, caller: Caller, organisation: tables.Organisation, change: OrganisationChange
) -> tables.Organisation:
    """Change an organisation that is held; a new kind is announced for each of its sites."""
    changed = differences(organisation, change.model_dump(exclude_unset=True))
    if not changed:
        return organisation
    apply(organisation, changed)
    await session.flush()
    if "kind" in changed:
        site = tables.Site
        touched = await session.scalars(
            update(site)
            .where(site.organisation_id == organisation.id)
            .values(version=site.version + 1, modified_at=datetime.now(UTC))
            .returning(site)
            .execution_options(synchronize_session=False)
        )
        kind = organisation.kind
        await emit_all(
            session, [Emission(SiteChanged(**announced(one.__dict__, kind)), one.version) for one in touched]
        )
    await audit.record(
        session, [audit.entry(caller, "update", "organisation", organisation.id, detail=" ".join(sorted(changed)))]
    )
    return organisation


async def register_site(session: AsyncSession, caller: Caller, new: NewSite) -> Registered:
    """Register a site of a known organisation and announce it; one with an id that was given before is recognised."""
    fields = new.model_dump(exclude={"id", "address"}) | {name: getattr(new.address, name) for name in ADDRESS}
    _judge(fields, fields, today())
    kind = await organisation_kind(session, caller, new.organisation_id)
    if kind is None:
        raise OrganisationUnknown
    row = registration(caller, new, fields)
    registered = await once(session, tables.Site, row, SiteDiffers)
    if registered.created:
        await emit(session, SiteRegistered(**announced(row, kind)), version=1)
        await audit.record(session, [audit.entry(caller, "create", "site", row["id"])])
    return registered


async def change_site(session: AsyncSession, caller: Caller, site: tables.Site, change: SiteChange) -> tables.Site:
    """Change a site that is held, and announce it as it is now."""
    sent = change.model_dump(exclude_unset=True)
    address = sent.pop("address", {})
    changed = differences(site, sent | address)
    if not changed:
        return site
    _judge(changed, site.__dict__ | changed, today())
    kind = await organisation_kind(session, caller, changed.get("organisation_id", site.organisation_id))
    if kind is None:
        raise OrganisationUnknown
    apply(site, changed)
    await session.flush()
    await emit(session, SiteChanged(**announced(site.__dict__, kind)), version=site.version)
    await audit.record(session, [audit.entry(caller, "update", "site", site.id, detail=" ".join(sorted(changed)))])
    return site


def announced(fields: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what others are told of a site: what is public of it, never its address."""
    public = (name for name in SiteChanged.model_fields if name not in {"site_id", "organisation_kind"})
    return {"site_id": fields["id"], "organisation_kind": kind, **{name: fields[name] for name in public}}


def _judge(changed: Iterable[str], fields: Mapping[str, Any], today: date) -> None:
    """Refuse a site that cannot be so; rows from before a rule are judged only where they change."""
    errors = []
    if "joined_on" in changed and not domain.joined(fields["joined_on"], today):
        message = f"Not in the future, and not before {domain.EARLIEST}."
        errors.append(FieldError(pointer="/joined_on", code="date_out_of_range", message=message))
    if not domain.placed(fields["latitude"], fields["longitude"]):
        missing = "/latitude" if fields["latitude"] is None else "/longitude"
        errors.append(
            FieldError(pointer=missing, code="coordinates_incomplete", message="Give both coordinates, or neither.")
        )
    if errors:
        raise MalformedRequest(errors=errors)
