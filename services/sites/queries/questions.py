"""Questions and answers, read; and the log of them that anybody reads."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, or_, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.domain.together import overdue
from services.sites.queries.finding import shown_as
from services.sites.schemas import questions as schemas
from services.sites.schemas.questions import Named, PublicFilters, PublicQuestion, QuestionFilters
from services.sites.tables import Organisation, Question, Site
from shared.auth import Caller
from shared.days import today
from shared.paging import Page, page
from shared.problems import NotFound

FILTERS = ("asked_by_site", "to_organisation", "topic", "public")
ALL_SITES = text("SELECT set_config('app.sites', '*', true)")


def shown_question(row: Question | Mapping[str, Any]) -> schemas.Question:
    """Return a question as callers see it today."""
    fields = row if isinstance(row, Mapping) else row.__dict__
    return shown_as(schemas.Question, fields, **_standing(fields))


def asked(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a question is a site's of the caller."""
    return caller.theirs(Question.asked_by_site)


def told(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a question is to an organisation of the caller's, or that the caller serves all sites."""
    if caller.sites is None:
        return true()
    return exists().where(Site.organisation_id == Question.to_organisation, caller.theirs(Site.id))


def seen(caller: Caller) -> ColumnElement[bool]:
    """Return the condition that a question is the caller's to read: public, or asked by or of theirs."""
    return or_(Question.public, asked(caller), told(caller))


async def question(session: AsyncSession, caller: Caller, question_id: UUID) -> Question:
    """Return a question that is the caller's to read; raises `NotFound`."""
    found = await session.scalar(select(Question).where(Question.id == question_id, seen(caller)))
    if found is None:
        raise NotFound
    return found


async def question_to_change(session: AsyncSession, question_id: UUID, whose: ColumnElement[bool]) -> Question | None:
    """Return a question that this condition finds, held until the transaction ends, else None."""
    query = select(Question).where(Question.id == question_id, whose).with_for_update(of=Question)
    return await session.scalar(query.execution_options(populate_existing=True))


def questions(caller: Caller, filters: QuestionFilters) -> Select[Question]:
    """Return the query of the questions that filters find."""
    return _limited(select(Question).where(seen(caller)), filters)


async def public_log(session: AsyncSession, filters: PublicFilters) -> Page[PublicQuestion]:
    """Return a page of the public log. Row-level security shows a session of nobody's the public questions only."""
    query = _limited(select(Question).where(Question.public), filters)
    found = await page(session, query, (Question.created_at, Question.id), filters, shown_question)
    await session.execute(ALL_SITES)  # for the names, which are public
    sites = await _names(session, Site, {each.asked_by_site for each in found.items})
    organisations = await _names(session, Organisation, {each.to_organisation for each in found.items})
    items = [
        PublicQuestion(
            asked_by=sites[each.asked_by_site],
            to=organisations[each.to_organisation],
            **{name: value for name, value in each.__dict__.items() if name in PublicQuestion.model_fields},
        )
        for each in found.items
    ]
    return Page(items=items, next=found.next)


async def _names(session: AsyncSession, row: type[Site | Organisation], ids: set[UUID]) -> dict[UUID, Named]:
    rows = await session.execute(select(row.id, row.name).where(row.id.in_(ids)))
    return {each.id: Named(id=each.id, name=each.name) for each in rows}


def _limited(query: Select[Question], filters: QuestionFilters | PublicFilters) -> Select[Question]:
    for name in FILTERS:
        if (value := getattr(filters, name, None)) is not None:
            query = query.where(getattr(Question, name) == value)
    if filters.status is not None:
        answered = Question.answered_on
        query = query.where(answered.is_not(None) if filters.status == "answered" else answered.is_(None))
    if filters.status == "overdue":
        query = query.where(Question.due_on < today())
    return query


def _standing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown of a question besides its columns."""
    return {
        "text": fields["words"],
        "status": "open" if fields["answered_on"] is None else "answered",
        "overdue": overdue(fields["due_on"], fields["answered_on"], today()),
    }
