"""Asking an organisation, and answering for it: words that were said stay as they were said."""

from datetime import timedelta
from http import HTTPStatus

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.sites.commands.occasions import happened, out_of_range
from services.sites.commands.recording import Registered, apply, differences, once, registration
from services.sites.commands.register import OrganisationUnknown
from services.sites.commands.whose import names_nothing, sites_for
from services.sites.schemas.questions import NewAnswer, NewQuestion, QuestionChange
from services.sites.tables import Question
from shared import audit
from shared.auth import Caller
from shared.days import today
from shared.events.event import Event
from shared.events.sites import QuestionAnswered, QuestionAsked
from shared.outbox import emit
from shared.problems import FieldError, MalformedRequest, Problem

ANSWERED_WITHIN = timedelta(days=28)


class QuestionDiffers(Problem):
    """This id is already that of a question asked with different content."""

    status = HTTPStatus.CONFLICT


class QuestionNotYours(Problem):
    """This question is to somebody else, or somebody else's."""

    status = HTTPStatus.FORBIDDEN


class QuestionAlreadyAnswered(Problem):
    """The question was answered already, in other words; they stand."""

    status = HTTPStatus.CONFLICT


class QuestionUnanswered(Problem):
    """The question has no answer yet; that comes before what was done."""

    status = HTTPStatus.CONFLICT


async def ask(session: AsyncSession, caller: Caller, new: NewQuestion) -> Registered:
    """Ask an organisation for a site, and announce that it was asked; one with an id that was given before is recognised."""
    given = None if new.asked_by_site is None else [new.asked_by_site]
    [site_id] = await sites_for(session, caller, given, "/asked_by_site")
    said = new.model_copy(update={"asked_by_site": site_id})
    asked_on = new.asked_on or today()
    happened(asked_on, "/asked_on")
    due_on = new.due_on or asked_on + ANSWERED_WITHIN
    if due_on < asked_on:
        raise out_of_range("/due_on", "Not before it was asked.")
    fields = said.model_dump(include={"asked_by_site", "to_organisation", "topic", "public"}) | {
        "words": new.text,
        "asked_on": asked_on,
        "due_on": due_on,
        "answer": None,
        "answered_on": None,
        "you_said_we_did": None,
        "overdue_announced": False,
        "announced": 1,
    }
    try:
        registered = await once(session, Question, registration(caller, said, fields), QuestionDiffers)
    except IntegrityError as problem:  # organisations of others are not the caller's to look at
        if names_nothing(problem):
            raise _no_organisation() from None
        raise
    if registered.created:
        row = registered.fields
        told = {name: row[name] for name in QuestionAsked.model_fields if name != "question_id"}
        await emit(session, QuestionAsked(question_id=row["id"], **told), version=1)
        await audit.record(session, [audit.entry(caller, "create", "question", row["id"])])
    return registered


async def show_or_hide(session: AsyncSession, caller: Caller, question: Question, change: QuestionChange) -> None:
    """Take a question that is held out of the public log, or put it in."""
    changed = differences(question, change.model_dump(exclude_unset=True))
    if not changed:
        return
    apply(question, changed)
    await session.flush()
    detail = "shown in public" if question.public else "taken out of the public log"
    await audit.record(session, [audit.entry(caller, "update", "question", question.id, detail=detail)])


async def answer(session: AsyncSession, caller: Caller, question: Question, new: NewAnswer) -> None:
    """Answer a question that is held, or add what was done; what was said before stays, and the same again changes nothing."""
    if new.answer is None and new.you_said_we_did is None:
        missing = FieldError(pointer="/answer", code="missing", message="Answer, or say what was done.")
        raise MalformedRequest(errors=[missing])
    if question.answer is None and new.answer is None:
        raise QuestionUnanswered
    sent = new.model_dump(exclude_none=True)
    if any(getattr(question, name) not in {None, words} for name, words in sent.items()):
        raise QuestionAlreadyAnswered
    changed = differences(question, sent)
    if not changed:
        return
    apply(question, changed | ({} if question.answered_on else {"answered_on": today()}))
    done = question.you_said_we_did is not None
    event = QuestionAnswered(question_id=question.id, answered_on=question.answered_on, you_said_we_did=done)
    await tell(session, question, event)
    await audit.record(
        session, [audit.entry(caller, "execute", "question", question.id, detail=" ".join(sorted(changed)))]
    )


async def tell(session: AsyncSession, question: Question, event: Event) -> None:
    """Announce what happened to a question that is held; what is announced of it is counted apart, as for goals."""
    question.announced += 1
    await session.flush()
    await emit(session, event, version=question.announced)


def _no_organisation() -> OrganisationUnknown:
    refusal = OrganisationUnknown()
    refusal.errors = [error.model_copy(update={"pointer": "/to_organisation"}) for error in refusal.errors]
    return refusal
