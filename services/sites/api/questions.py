"""Questions to those who answer to a site, their answers, and the public log of both."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.sites import tables
from services.sites.api.answers import KEYED, made, shown, told
from services.sites.commands import questions as commands
from services.sites.commands.questions import (
    QuestionAlreadyAnswered,
    QuestionDiffers,
    QuestionNotYours,
    QuestionUnanswered,
)
from services.sites.commands.register import OrganisationUnknown
from services.sites.open_referral.pace import TooManyRequests, paced
from services.sites.queries import questions as queries
from services.sites.queries.listing import listed
from services.sites.schemas.questions import (
    NewAnswer,
    NewQuestion,
    PublicFilters,
    PublicQuestion,
    Question,
    QuestionChange,
    QuestionFilters,
)
from shared import conditional
from shared.app import router
from shared.auth import Caller, SiteRequired, SiteUnknown, needs
from shared.conditional import IfMatch
from shared.db import Session, Snapshot
from shared.idempotency import OnceOnly, answer
from shared.paging import Page
from shared.problems import NotFound, PreconditionFailed, PreconditionRequired, responses

api = router(tags=["questions"])

Writer = Annotated[Caller, needs("sites:write")]
Reader = Annotated[Caller, needs("sites:read")]


async def asked_question(
    request: Request, question_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Question:
    """Return the question of the caller's own, which nobody else can change meanwhile, at the version they hold."""
    await queries.question(session, caller, question_id)
    found = await queries.question_to_change(session, question_id, queries.asked(caller))
    if found is None:
        raise QuestionNotYours
    conditional.check(request, if_match, found.version)
    return found


async def question_to_answer(
    request: Request, question_id: UUID, session: Session, caller: Writer, if_match: IfMatch = None
) -> tables.Question:
    """Return the question that the caller may answer, which nobody else can change meanwhile, at the version they hold."""
    await queries.question(session, caller, question_id)
    found = await queries.question_to_change(session, question_id, queries.told(caller))
    if found is None:
        raise QuestionNotYours
    conditional.check(request, if_match, found.version)
    return found


AskedQuestion = Annotated[tables.Question, Depends(asked_question)]
QuestionToAnswer = Annotated[tables.Question, Depends(question_to_answer)]


@api.get("/v1/questions/public", dependencies=[Depends(paced)], responses=responses(TooManyRequests))
async def public_log(filters: Annotated[PublicFilters, Query()], session: Snapshot) -> Page[PublicQuestion]:
    """Read what sites asked and what they were answered, in the order of asking. Anybody may; no token is needed."""
    return await queries.public_log(session, filters)


@api.post(
    "/v1/questions",
    status_code=HTTPStatus.CREATED,
    response_model=Question,
    responses=made(Question) | responses(SiteUnknown, SiteRequired, OrganisationUnknown, QuestionDiffers, *KEYED),
)
async def ask(once: OnceOnly, caller: Writer, session: Session, new: NewQuestion) -> Response:
    """Ask an organisation in the name of a site. With an `id` of your own, repeating it answers 200."""
    registered = await commands.ask(session, caller, new)
    body = queries.shown_question(registered.fields)
    return await once.reply(told(registered, body, f"/v1/questions/{body.id}"))


@api.get("/v1/questions")
async def list_questions(
    filters: Annotated[QuestionFilters, Query()], caller: Reader, session: Snapshot
) -> Page[Question]:
    """List the questions that your sites asked or were asked, and everybody's public ones."""
    return await listed(session, queries.questions(caller, filters), tables.Question, filters, queries.shown_question)


@api.get("/v1/questions/{question_id}", response_model=Question, responses=shown(Question) | responses(NotFound))
async def read_question(question_id: UUID, caller: Reader, session: Snapshot) -> Response:
    """Read a question and its answer."""
    question = await queries.question(session, caller, question_id)
    return answer(HTTPStatus.OK, queries.shown_question(question), version=question.version).response()


@api.patch(
    "/v1/questions/{question_id}",
    response_model=Question,
    responses=shown(Question) | responses(QuestionNotYours, NotFound, PreconditionRequired, PreconditionFailed, *KEYED),
)
async def show_or_hide(
    once: OnceOnly, question: AskedQuestion, caller: Writer, session: Session, change: QuestionChange
) -> Response:
    """Take a question of your own, and its answer, out of the public log, or put them in. Nobody's words change."""
    await commands.show_or_hide(session, caller, question, change)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_question(question), version=question.version))


@api.post(
    "/v1/questions/{question_id}/answer",
    response_model=Question,
    responses=shown(Question)
    | responses(QuestionNotYours, NotFound, PreconditionFailed, QuestionAlreadyAnswered, QuestionUnanswered, *KEYED),
)
async def give_answer(
    once: OnceOnly, question: QuestionToAnswer, caller: Writer, session: Session, new: NewAnswer
) -> Response:
    """Answer for the organisation that was asked, and say, now or later, what was done. What was said stays."""
    await commands.answer(session, caller, question, new)
    return await once.reply(answer(HTTPStatus.OK, queries.shown_question(question), version=question.version))
