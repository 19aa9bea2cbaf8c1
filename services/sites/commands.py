"""Everything that changes something in `sites`, and its refusals."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from pydantic import BaseModel
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import domain, tables
from services.sites.queries import organisation_kind
from services.sites.schemas import NewOrganisation, NewSite, OrganisationChange, SiteChange
from shared import audit
from shared.auth import Caller
from shared.days import today
from shared.db import insert_rows
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


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a registration: made now, or made before."""

    fields: Mapping[str, Any]
    created: bool


async def register_organisation(session: AsyncSession, caller: Caller, new: NewOrganisation) -> Registered:
    """Register an organisation; one with an id that was given before is recognised."""
    row = _registration(caller, new, new.model_dump(exclude={"id"}))
    registered = await _once(session, tables.Organisation, row, OrganisationDiffers)
    if registered.created:
        await audit.record(session, [audit.entry(caller, "create", "organisation", row["id"])])
    return registered


async def change_organisation(
    session: AsyncSession, caller: Caller, organisation: tables.Organisation, change: OrganisationChange
) -> tables.Organisation:
    """Change an organisation that is held; a new kind is announced for each of its sites."""
    changed = _differences(organisation, change.model_dump(exclude_unset=True))
    if not changed:
        return organisation
    _apply(organisation, changed)
    await session.flush()
    if "kind" in changed:
        site = tables.Site
        touched = await session.scalars(
            update(site)
            .where(site.organisation_id == organisation.id)
            .values(version=site.version + 1)
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
    kind = await organisation_kind(session, new.organisation_id)
    if kind is None:
        raise OrganisationUnknown
    row = _registration(caller, new, fields)
    registered = await _once(session, tables.Site, row, SiteDiffers)
    if registered.created:
        await emit(session, SiteRegistered(**announced(row, kind)), version=1)
        await audit.record(session, [audit.entry(caller, "create", "site", row["id"])])
    return registered


async def change_site(session: AsyncSession, caller: Caller, site: tables.Site, change: SiteChange) -> tables.Site:
    """Change a site that is held, and announce it as it is now."""
    sent = change.model_dump(exclude_unset=True)
    address = sent.pop("address", {})
    changed = _differences(site, sent | address)
    if not changed:
        return site
    _judge(changed, site.__dict__ | changed, today())
    kind = await organisation_kind(session, changed.get("organisation_id", site.organisation_id))
    if kind is None:
        raise OrganisationUnknown
    _apply(site, changed)
    await session.flush()
    await emit(session, SiteChanged(**announced(site.__dict__, kind)), version=site.version)
    await audit.record(session, [audit.entry(caller, "update", "site", site.id, detail=" ".join(sorted(changed)))])
    return site


def announced(fields: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what others are told of a site: what is public of it, never its address."""
    public = (name for name in SiteChanged.model_fields if name not in {"site_id", "organisation_kind"})
    return {"site_id": fields["id"], "organisation_kind": kind, **{name: fields[name] for name in public}}


def _registration(caller: Caller, new: NewOrganisation | NewSite, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of something new."""
    return {
        "id": new.id or uuid4(),
        **fields,
        "registered_by": caller.client,
        "content_digest": content_digest(new),
        "version": 1,
        "created_at": datetime.now(UTC),
    }


def content_digest(new: BaseModel) -> bytes:
    """Return by what a repeated registration is recognised, even after later changes, or new optional fields."""
    return sha256(new.model_dump_json(exclude={"id"}, exclude_defaults=True).encode()).digest()


async def _once(
    session: AsyncSession, table: type[tables.Organisation | tables.Site], row: dict[str, Any], differs: type[Problem]
) -> Registered:
    """Insert a row, or return the one with its id that the same caller registered with the same content."""
    if await insert_rows(session, table, [row], conflict="nothing", key=["id"], returning="id"):
        return Registered(row, created=True)
    found: tables.Organisation | tables.Site | None = await session.get(table, row["id"])
    if found is None or (found.registered_by, found.content_digest) != (row["registered_by"], row["content_digest"]):
        raise differs
    return Registered(found.__dict__, created=False)


def _differences(row: object, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of a change that would change something."""
    return {name: value for name, value in sent.items() if getattr(row, name) != value}


def _apply(row: tables.Organisation | tables.Site, changed: Mapping[str, Any]) -> None:
    """Change a row, once: one version more."""
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += 1


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
