"""Reads worth naming: a consistent view of the facts, and the tables made of it. Exact ones are permitted here, and audited."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.reporting import disclosure, engine
from services.reporting.breakdowns import DIMENSIONS
from services.reporting.cells import Permit, Safe, Sealed
from services.reporting.dimensions import Dimension, Register
from services.reporting.domain.periods import Period
from services.reporting.engine import Standing
from services.reporting.measures import MEASURES
from services.reporting.measures.completeness import FIELDS, Field
from services.reporting.measures.measure import Measure
from services.reporting.schemas import Profile
from services.reporting.selects import Question
from services.reporting.tables import Site
from shared import audit, db
from shared.auth import Caller, ScopeMissing
from shared.settings import settings

EXACT = "reports:exact"
NOTICE = "not for publication: exact figures, which may identify people"
BASE = MEASURES["referrals_received"]


@dataclass(frozen=True)
class View:
    """One consistent view of the facts, and what may be seen of it: everything only with a permit."""

    session: AsyncSession
    permit: Permit | None = None

    def released(self, sealed: Sealed) -> list[Safe]:
        """Open sealed figures as far as this view may."""
        if self.permit is not None:
            return disclosure.exact(sealed, self.permit)
        return disclosure.published(sealed, settings().suppress_below)


@asynccontextmanager
async def view(request: Request, caller: Caller, profile: Profile, deed: str, shape: str) -> AsyncIterator[View]:
    """Open a view: read-only when published; when exact, one whose audit row is committed before the answer leaves."""
    if profile == "published":
        async with asynccontextmanager(db.snapshot)(request) as session:
            yield View(session)
        return
    async with db.session_maker()() as session:
        session.info["request"] = request
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield View(session, await permit(session, caller, deed, shape))
        await session.commit()


async def permit(session: AsyncSession, caller: Caller, deed: str, shape: str) -> Permit:
    """Allow an exact reading and write it into the audit trail; raises `ScopeMissing`."""
    if missing := caller.missing(EXACT):
        raise ScopeMissing(*missing)
    await audit.record(session, [audit.entry(caller, "read", "exact figures", deed, detail=shape[:200])])
    return Permit(caller.client)


async def register(session: AsyncSession, question: Question) -> Register:
    """Return the sites and clusters that have rows; none when the table has no such rows."""
    if not {"site", "cluster"}.intersection(dimension.id for dimension in question.by):
        return Register()
    return await whole_register(session, question)


async def whole_register(session: AsyncSession, question: Question | None = None) -> Register:
    """Return every registered site, by a name that no other has, and every cluster; only the question's when it is limited."""
    rows = (
        await session.execute(select(Site.site_id, Site.name, Site.cluster).order_by(Site.name, Site.site_id))
    ).all()
    if question is not None and question.sites is not None:
        rows = [row for row in rows if row.site_id in question.sites]
    names = [row.name for row in rows]
    return Register(
        {
            row.site_id: row.name if names.count(row.name) == 1 else f"{row.name} ({str(row.site_id)[:8]})"
            for row in rows
        },
        tuple(sorted({row.cluster for row in rows if row.cluster is not None})),
    )


async def report(seen: View, question: Question, stands: Standing) -> dict[str, Any]:
    """Return a table, with the completeness of the fields it depends on."""
    sites = await register(seen.session, question)
    cells = seen.released(await engine.cells(seen.session, question, sites, stands.silent))
    names = [dimension.id for dimension in question.by]
    periods = [shown_period(period) for period in question.periods]
    rows = [
        {
            "period": periods[int(cell.place)],
            "group": dict(zip(names, cell.groups, strict=True)),
            **cell.figures,
            "status": cell.status,
        }
        for cell in cells
    ]
    asked = {dimension.field for dimension in question.by}
    fields = [field for field in FIELDS if field.id in asked]
    completeness = await _completeness(seen, question, fields) if fields else []
    return {
        "measure": shown_measure(question.measure),
        **_head(seen, stands),
        "rows": rows,
        "completeness": [{name: value for name, value in row.items() if name != "group"} for row in completeness],
    }


async def completeness(seen: View, question: Question, stands: Standing) -> dict[str, Any]:
    """Return the four states of every field."""
    return {
        **_head(seen, stands),
        "period": shown_period(question.periods[0]),
        "rows": await _completeness(seen, question, FIELDS, stands.silent),
    }


async def _completeness(
    seen: View, question: Question, fields: Sequence[Field], silent: Iterable[int] | None = None
) -> list[dict[str, Any]]:
    """Count the states of fields; in a table's foot, over all of its pathways together."""
    if silent is None:
        whole = Period(question.periods[0].start, question.periods[-1].end, "")
        question = Question(BASE, (whole,), (), question.filters, question.sites)
        silent = (await engine.standing(seen.session, BASE, (whole,))).silent
    sites = await register(seen.session, question)
    cells = seen.released(await engine.states(seen.session, question, fields, sites, frozenset(silent)))
    names = [dimension.id for dimension in question.by]
    return [
        {
            "group": dict(zip(names, cell.groups, strict=True)),
            "field": cell.place,
            **cell.figures,
            "status": cell.status,
        }
        for cell in cells
    ]


def _head(seen: View, stands: Standing) -> dict[str, Any]:
    exactly = {"profile": "exact", "notice": NOTICE} if seen.permit else {"profile": "published"}
    return {**exactly, "as_of": {"events": stands.events, "at": stands.at}}


def shown_period(period: Period) -> dict[str, Any]:
    """Return a period as callers see it."""
    return {"start": period.start, "end": period.end, "label": period.label}


def shown_measure(measure: Measure) -> dict[str, Any]:
    """Return what a figure means, as callers see it."""
    return {
        "id": measure.id,
        "title": measure.title,
        "kind": measure.kind,
        "unit": measure.unit,
        "national": measure.national,
        "numerator": measure.numerator.words,
        "denominator": measure.denominator.words if measure.denominator else None,
    }


def catalogue_entry(measure: Measure) -> dict[str, Any]:
    """Return a measure of the catalogue as callers see it."""
    return {
        **shown_measure(measure),
        "question": measure.question,
        "about": measure.about,
        "breakdowns": [name for name, dimension in DIMENSIONS.items() if dimension.splits(measure)],
        "source": measure.source,
    }


def dimensions(names: Iterable[str], measure: Measure) -> tuple[Dimension, ...]:
    """Return breakdowns by name, of what the measure counts."""
    return tuple(DIMENSIONS[name].for_measure(measure) for name in names)
