"""Offering something at a site, changing it, withdrawing it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites import tables
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.whose import own_site
from services.sites.domain import offers as domain
from services.sites.domain import schedule as times
from services.sites.queries.offers import schedules_of
from services.sites.schemas.offers import NewOffer, OfferChange, Times
from shared import audit
from shared.auth import Caller
from shared.db import insert_rows
from shared.events.sites import OfferChanged
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem

WITHDRAWN = "withdrawn"


class OfferDiffers(Problem):
    """This id is already that of an offer registered with different content."""

    status = HTTPStatus.CONFLICT


class OfferWithdrawn(Problem):
    """The offer with this id was withdrawn; offer it anew under another id."""

    status = HTTPStatus.CONFLICT


async def register_offer(session: AsyncSession, caller: Caller, new: NewOffer) -> Registered:
    """Register an offer of a site and announce it; one with an id that was given before is recognised."""
    site_id = await own_site(session, caller, new.site_id)
    fields = new.model_dump(exclude={"id", "schedule"}) | {"site_id": site_id}
    _judge(fields)
    row = registration(caller, new.model_copy(update={"site_id": site_id}), fields)
    schedule = _schedule(row["id"], new.schedule)
    registered = await once(session, tables.Offer, row, OfferDiffers)
    if registered.fields["status"] == WITHDRAWN:
        raise OfferWithdrawn
    if registered.created:
        await insert_rows(session, tables.Schedule, schedule)
        await emit(session, announced(row), version=1)
        await audit.record(session, [audit.entry(caller, "create", "offer", row["id"])])
    return registered


async def change_offer(session: AsyncSession, caller: Caller, offer: tables.Offer, change: OfferChange) -> tables.Offer:
    """Change an offer that is held, and announce it as it is now."""
    sent = change.model_dump(exclude_unset=True, exclude={"schedule"})
    if "site_id" in sent and sent["site_id"] != offer.site_id:
        await own_site(session, caller, sent["site_id"])
    changed = differences(offer, sent)
    _judge(offer.__dict__ | changed)
    names = set(changed)
    if "schedule" in change.model_fields_set and await _reschedule(session, offer.id, change.schedule):
        names.add("schedule")
    if not names:
        return offer
    apply(offer, changed)
    await _settle(session, caller, offer, "update", names)
    return offer


async def withdraw_offer(session: AsyncSession, caller: Caller, offer: tables.Offer) -> None:
    """Take an offer that is held out of every list; what took place under it stays. Once withdrawn, it stays so."""
    if offer.status == WITHDRAWN:
        return
    apply(offer, {"status": WITHDRAWN, "accepting_referrals": False})
    removed = {"offer_id": offer.id, "removed_at": datetime.now(UTC)}
    await insert_rows(session, tables.Removed, [removed])
    await _settle(session, caller, offer, "delete", ())


def announced(fields: Mapping[str, Any]) -> OfferChanged:
    """Return what others are told of an offer: the whole of what is coded, and none of its words."""
    coded = (name for name in OfferChanged.model_fields if name != "offer_id")
    return OfferChanged(offer_id=fields["id"], **{name: fields[name] for name in coded})


async def _settle(
    session: AsyncSession, caller: Caller, offer: tables.Offer, action: audit.Action, names: Iterable[str]
) -> None:
    await session.flush()
    await emit(session, announced(offer.__dict__), version=offer.version)
    await audit.record(
        session, [audit.entry(caller, action, "offer", offer.id, detail=" ".join(sorted(names)) or None)]
    )


async def _reschedule(session: AsyncSession, offer_id: UUID, schedule: Sequence[Times]) -> bool:
    """Give an offer that is held another schedule; tell whether it is another one."""
    rows = _schedule(offer_id, schedule)
    held = (await schedules_of(session, [offer_id]))[offer_id]
    if [row["id"] for row in rows] == [row.id for row in held]:
        return False
    await session.execute(delete(tables.Schedule).where(tables.Schedule.offer_id == offer_id))
    await insert_rows(session, tables.Schedule, rows)
    return True


def _schedule(offer_id: UUID, schedule: Sequence[Times]) -> list[dict[str, Any]]:
    """Return an offer's times as rows; the same times of an offer have the same id, whenever they are sent.

    Raises `MalformedRequest` for times that cannot be.
    """
    rows: dict[UUID, dict[str, Any]] = {}
    errors = []
    for place, sent in enumerate(schedule):
        named, numbered = times.usual(sent.freq, sent.byday, sent.bymonthday, sent.dtstart)
        row = sent.model_dump() | {"byday": named, "bymonthday": numbered}
        errors += [_error(f"/schedule/{place}{where}", found) for where, found in domain.schedule_objections(row)]
        content = Times.model_construct(**row).model_dump_json()
        known = uuid5(offer_id, content)
        rows.setdefault(known, {"id": known, "offer_id": offer_id, "position": len(rows), **row})
    if errors:
        raise MalformedRequest(errors=errors)
    return list(rows.values())


def _judge(fields: Mapping[str, Any]) -> None:
    errors = [_error(where, found) for where, found in domain.objections(fields)]
    if errors:
        raise MalformedRequest(errors=errors)


def _error(pointer: str, code: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, message=domain.OBJECTIONS[code])
