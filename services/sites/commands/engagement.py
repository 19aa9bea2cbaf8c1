"""Logging engagement and contributions, and correcting them."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.whose import all_registered, own_site
from services.sites.domain import engagement as domain
from services.sites.domain.register import EARLIEST
from services.sites.schemas.engagement import ContributionChange, EngagementChange, NewContribution, NewEngagement
from shared import audit
from shared.auth import Caller, SiteUnknown
from shared.days import today
from shared.events.sites import ContributionLogged, EngagementLogged
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem


class EngagementDiffers(Problem):
    """This id is already that of an engagement logged with different content."""

    status = HTTPStatus.CONFLICT


class ContributionDiffers(Problem):
    """This id is already that of a contribution logged with different content."""

    status = HTTPStatus.CONFLICT


class OthersTookPart(Problem):
    """Sites that are not this token's took part; only callers of all of them may change what is said of it."""

    status = HTTPStatus.FORBIDDEN


async def log_engagement(session: AsyncSession, caller: Caller, new: NewEngagement) -> Registered:
    """Log an engagement and announce it; one with an id that was given before is recognised."""
    site_ids = _own_sites(caller, new.site_ids)
    await all_registered(session, site_ids)
    _judge(_day_objections(new.on))
    said = new.model_copy(update={"site_ids": site_ids})
    row = registration(caller, said, _fields(said.model_dump(exclude={"id"})))
    registered = await once(session, tables.Engagement, row, EngagementDiffers)
    if registered.created:
        await emit(session, _engaged(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "engagement", row["id"])])
    return registered


async def change_engagement(
    session: AsyncSession, caller: Caller, held: tables.Engagement, change: EngagementChange
) -> tables.Engagement:
    """Change an engagement that is held, and announce it as it is now."""
    sent = change.model_dump(exclude_unset=True)
    if "people_by_side" in sent:
        sent["people_by_side"] = held.people_by_side | sent["people_by_side"]
    if "site_ids" in sent:
        sent["site_ids"] = _own_sites(caller, sent["site_ids"])
    changed = differences(held, _fields(sent))
    if not changed:
        return held
    await all_registered(session, changed.get("site_ids", []))
    if "on" in changed:
        _judge(_day_objections(changed["on"]))
    apply(held, changed)
    await session.flush()
    await emit(session, _engaged(held.__dict__), version=held.version)
    deed = audit.entry(caller, "update", "engagement", held.id, detail=" ".join(sorted(changed)))
    await audit.record(session, [deed])
    return held


async def log_contribution(session: AsyncSession, caller: Caller, new: NewContribution) -> Registered:
    """Log a contribution to a site and announce it; one with an id that was given before is recognised."""
    said = new.model_copy(update={"site_id": await own_site(session, caller, new.site_id)})
    fields = said.model_dump(exclude={"id"})
    _judge(_day_objections(new.on) + _giving_objections(fields))
    row = registration(caller, said, fields)
    registered = await once(session, tables.Contribution, row, ContributionDiffers)
    if registered.created:
        await emit(session, _given(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "contribution", row["id"])])
    return registered


async def change_contribution(
    session: AsyncSession, caller: Caller, held: tables.Contribution, change: ContributionChange
) -> tables.Contribution:
    """Change a contribution that is held, and announce it as it is now."""
    changed = differences(held, change.model_dump(exclude_unset=True))
    if not changed:
        return held
    after = held.__dict__ | changed
    _judge((_day_objections(changed["on"]) if "on" in changed else []) + _giving_objections(after))
    apply(held, changed)
    await session.flush()
    await emit(session, _given(held.__dict__), version=held.version)
    deed = audit.entry(caller, "update", "contribution", held.id, detail=" ".join(sorted(changed)))
    await audit.record(session, [deed])
    return held


def refuse_if_others_took_part(caller: Caller, held: tables.Engagement) -> None:
    """Raise `OthersTookPart` when the record is also that of sites which are not the caller's."""
    if not all(caller.may_see(site_id) for site_id in held.site_ids):
        raise OthersTookPart


def _own_sites(caller: Caller, given: list[UUID]) -> list[UUID]:
    """Return the sites that a caller logs for: those given if all are theirs, else their only one."""
    if caller.sites is None:
        return given
    if not given and len(caller.sites) == 1:
        return list(caller.sites)
    if not given:
        message = "Name which of the token's sites took part."
        raise MalformedRequest(errors=[FieldError(pointer="/site_ids", code="missing", message=message)])
    if not caller.sites.issuperset(given):
        raise SiteUnknown
    return given


def _fields(sent: dict[str, Any]) -> dict[str, Any]:
    """Return an engagement's columns: people of a side that were not counted are in none."""
    if "people_by_side" in sent:
        counted = {side: count for side, count in sent["people_by_side"].items() if count is not None}
        return sent | {"people_by_side": counted}
    return sent


def _engaged(fields: Mapping[str, Any]) -> EngagementLogged:
    """Return what is announced of an engagement: when, where, how long and how many, in no words."""
    told = {name: fields[name] for name in ("on", "kind", "site_ids", "space", "people_by_side")}
    hours, resources = float(fields["hours"]), domain.brought(fields["resources"])
    return EngagementLogged(engagement_id=fields["id"], hours=hours, resources=resources, **told)


def _given(fields: Mapping[str, Any]) -> ContributionLogged:
    """Return what is announced of a contribution: how much, between which sides, in no words."""
    told = {name: fields[name] for name in ("site_id", "on", "paid", "money_pence", "from_side", "to_side")}
    hours = None if fields["hours"] is None else float(fields["hours"])
    return ContributionLogged(contribution_id=fields["id"], hours=hours, **told)


def _judge(errors: list[FieldError]) -> None:
    if errors:
        raise MalformedRequest(errors=errors)


def _day_objections(on: date) -> list[FieldError]:
    if domain.happened(on, today()):
        return []
    message = f"Not in the future, and not before {EARLIEST}."
    return [FieldError(pointer="/on", code="date_out_of_range", message=message)]


def _giving_objections(fields: Mapping[str, Any]) -> list[FieldError]:
    """Return why a contribution says too little, or money that went nowhere."""
    errors = []
    if not domain.says_something(fields["hours"], fields["money_pence"]):
        errors.append(FieldError(pointer="/hours", code="missing", message="Give hours, money_pence or both."))
    if not domain.moved(fields["money_pence"], fields["from_side"], fields["to_side"]):
        message = "Money moves from one side to the other."
        errors.append(FieldError(pointer="/to_side", code="same_side", message=message))
    return errors
