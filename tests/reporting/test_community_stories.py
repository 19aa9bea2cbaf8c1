"""What sites and both sides do, as the figures show it: one small story each."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from shared.events import sites as told
from shared.settings import settings
from tests.reporting.builders import received, site
from tests.reporting.communities import came, contribution, engagement, found, question, ready, session, signed
from tests.reporting.conftest import Facts
from tests.reporting.lives import contact

HALL, HUB = uuid4(), uuid4()
TWO_SITES = (site("Hall", HALL), site("Hub", HUB, organisation_kind="charity"))


async def rows(facts: Facts, measure: str, *by: str, profile: str = "exact", to: str = "2026-12") -> dict[Any, Any]:
    """Return value and status, or the value alone when it is exact, by group."""
    report = await facts.report("2026-01", to, measure=measure, by=",".join(by), profile=profile)
    return {
        "/".join(row["group"].values()): row["value"]
        if profile == "exact"
        else (row["value"] if row["status"] == "shown" else row["status"])
        for row in report["rows"]
    }


async def total(facts: Facts, measure: str, to: str = "2026-12", profile: str = "exact") -> Any:
    return (await rows(facts, measure, profile=profile, to=to))[""]


async def test_a_session_counts_on_its_day_in_london_until_it_is_called_off(facts: Facts) -> None:
    midnight = session(HALL, starts_at="2026-06-30T23:30:00Z")
    await facts.learn(midnight, session(HALL, "2026-06-30"))
    assert (await total(facts, "sessions_held", "2026-06"), await total(facts, "sessions_held", "2026-07")) == (1, 2)
    await facts.learn(midnight.model_copy(update={"cancelled": True}), came(midnight, 30))
    assert await total(facts, "sessions_held") == 1
    assert await total(facts, "session_headcount") == 0


async def test_headcounts_are_split_by_kind_programme_language_and_site(facts: Facts) -> None:
    one, two = session(HALL), session(HUB, kind="drop_in", programme="family", language="bn")
    await facts.learn(*TWO_SITES, one, two, came(one, 52), came(two, 7), came(two, 8))
    assert await rows(facts, "session_headcount", "site") == {"Hall": 52, "Hub": 8, "Not recorded": 0}
    assert (await rows(facts, "session_headcount", "session_kind"))["drop_in"] == 8
    assert await rows(facts, "session_headcount", "programme") == {
        "family": 8,
        "self_management": 52,
        "Not recorded": 0,
    }
    assert (await rows(facts, "session_headcount", "delivery_language"))["Bengali"] == 8
    assert await total(facts, "headcount_per_session") == 30.0


async def test_published_headcounts_hide_what_is_small_while_sessions_stand_as_they_are(facts: Facts) -> None:
    one, two = session(HALL), session(HUB)
    await facts.learn(*TWO_SITES, one, two, came(one, 53), came(two, 4))
    by_site = await rows(facts, "session_headcount", "site", profile="published")
    assert by_site == {"Hall": 55, "Hub": "suppressed", "Not recorded": "suppressed"}
    assert await rows(facts, "sessions_held", "site", profile="published") == {"Hall": 1, "Hub": 1, "Not recorded": 0}
    (hall, hub, _) = (
        await facts.report("2026-01", "2026-12", measure="headcount_per_session", by="site", profile="published")
    )["rows"]
    assert (hall["numerator"], hall["denominator"], hall["value"]) == (55, 1, 55.0), "not the 53 who came"
    assert (hub["status"], hub["numerator"], hub["denominator"], hub["value"]) == ("suppressed", None, None, None)


async def test_referrals_introduced_are_set_against_sessions_of_the_same_site(facts: Facts) -> None:
    await facts.learn(*TWO_SITES, *(session(HALL) for _ in range(4)), session(HUB))
    await facts.learn(*(received("2026-05-01", person, site_id=HALL) for person in range(6)), received("2026-05-01", 9))
    assert await total(facts, "referrals_introduced") == 6
    assert await rows(facts, "referrals_introduced", "site") == {"Hall": 6, "Hub": 0, "Not recorded": 0}
    assert await rows(facts, "referrals_introduced_per_session", "site") == {
        "Hall": 1.5,
        "Hub": 0.0,
        "Not recorded": None,
    }


async def test_what_both_sides_bring_is_told_apart_by_side_kind_and_space(facts: Facts) -> None:
    brought = {"community": {"symbolic": 2, "relational": 1}, "statutory": {"material": 1}}
    await facts.learn(
        *TWO_SITES, engagement(HALL, HUB, resources=brought), engagement(HUB, space="statutory", hours=0.5)
    )
    assert await total(facts, "engagement_hours") == 2.5
    by_site = await rows(facts, "engagement_hours", "site")
    assert by_site == {"Hall": 2.0, "Hub": 2.5, "Not recorded": 0}, (
        "one of two sites counts for each of them, once in all"
    )
    assert await rows(facts, "engagement_people", "side") == {"community": 12, "statutory": 4, "Not recorded": 0}
    assert (await rows(facts, "engagement_person_hours", "side"))["community"] == 15.0
    things = await rows(facts, "resources_brought", "side", "resource_kind", profile="published")
    assert (things["community/symbolic"], things["statutory/material"], things["statutory/symbolic"]) == (2, 1, 0)


async def test_years_before_any_service_can_be_asked_about(facts: Facts) -> None:
    await facts.learn(engagement(HALL, on="2009-02-03"))
    (row,) = (await facts.report("2009-01", "2009-12", measure="engagements"))["rows"]
    assert row["value"] == 1


async def test_hours_and_money_of_few_contributions_are_hidden_since_they_may_be_one_persons(facts: Facts) -> None:
    unpaid = [contribution(HALL, hours=3.5) for _ in range(5)]
    back = {"from_side": "statutory", "to_side": "community"}
    await facts.learn(
        *unpaid, contribution(HALL, hours=40, paid=True), contribution(HALL, paid=True, money_pence=123456, **back)
    )
    assert await total(facts, "unpaid_hours", profile="published") == 20
    assert await total(facts, "paid_hours", profile="published") == "suppressed"
    assert await total(facts, "money_moved", profile="published") == "suppressed"
    assert (await total(facts, "unpaid_hours"), await total(facts, "paid_hours")) == (17.5, 40)
    assert (await rows(facts, "money_moved", "direction"))["statutory to community"] == 1234.56


async def test_hours_have_a_value_only_once_a_rate_is_set_and_another_rate_is_another_table(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await facts.learn(*(contribution(HALL, hours=2) for _ in range(5)))
    path, asked = "/v1/reports/value_of_hours", {"from_": "2026-01", "to": "2026-12"}
    refused = await facts.get(path, **asked)
    assert refused.status_code == httpx.codes.CONFLICT
    assert refused.json()["type"] == "/problems/no-rate-set"
    tags = set()
    for rate, worth in (("1250", 125), ("2000", 200)):
        monkeypatch.setenv("ROUNDTABLE_HOUR_RATE_PENCE", rate)
        settings.cache_clear()
        answer = await facts.get(path, **asked)
        assert answer.json()["rows"][0]["value"] == worth
        tags.add(answer.headers["ETag"])
    assert len(tags) == 2


async def test_readiness_is_the_latest_of_each_site_on_the_periods_last_day(facts: Facts) -> None:
    await facts.learn(*TWO_SITES, ready(HALL, "2026-01-10", people=1, premises=0), ready(HUB, "2026-02-01", people=4))
    await facts.learn(ready(HALL, "2026-05-01", people=2, premises=3))
    assert await rows(facts, "mean_readiness", "readiness_dimension", to="2026-03") == {
        "people": 2.5,
        "premises": 0.0,
        "Not recorded": None,
    }
    published = await rows(facts, "mean_readiness", "readiness_dimension", profile="published")
    assert (published["people"], published["premises"]) == (3.0, 3.0), "a level is a site's, not a person's"


async def test_each_sides_latest_view_of_an_offer_counts(facts: Facts) -> None:
    offer = uuid4()
    await facts.learn(
        found(offer, HALL, "community", "2026-01-10", "doing_for", assets=1, mutuality=1),
        found(offer, HALL, "statutory", "2026-01-12", "doing_with", assets=4, mutuality=3),
        found(offer, HALL, "community", "2026-06-10", "doing_with", assets=3, mutuality=2),
    )
    assert await rows(facts, "mean_principles", "side", to="2026-03") == {
        "community": 1.0,
        "statutory": 3.5,
        "Not recorded": None,
    }
    ladder = await rows(facts, "views_on_the_ladder", "side", "rung", profile="published")
    assert (ladder["community/doing_for"], ladder["community/doing_with"], ladder["statutory/doing_with"]) == (0, 1, 1)


async def test_a_goal_is_in_force_from_the_second_signature_until_it_is_closed(facts: Facts) -> None:
    goal = uuid4()
    await facts.learn(signed(goal, "community", "2026-01-10", HALL, in_force=False))
    assert await total(facts, "goals_in_force") == 0
    await facts.learn(signed(goal, "statutory", "2026-03-10", HALL, in_force=True))
    assert (await total(facts, "goals_in_force", "2026-02"), await total(facts, "goals_in_force", "2026-03")) == (0, 1)
    await facts.learn(
        *(
            told.GoalReflected(goal_id=goal, side=side, period="2026-Q1", progress="on_track")
            for side in ("community", "statutory")
        ),
        told.GoalReflected(goal_id=goal, side="community", period="2026-Q2", progress="at_risk"),
        told.GoalClosed(goal_id=goal, outcome="met", closed_on="2026-08-01"),
    )
    assert await total(facts, "goals_in_force", "2026-08") == 0
    assert await total(facts, "goals_reflected_on_by_both") == 50.0
    assert await total(facts, "goals_met", profile="published") == 100.0, "a goal points at nobody"


async def test_a_question_is_overdue_after_the_day_its_answer_was_due_and_until_it_comes(facts: Facts) -> None:
    late, prompt = question(HALL, "2026-01-05", "2026-02-28"), question(HALL, "2026-01-05", "2026-02-10")
    answered = told.QuestionAnswered(question_id=prompt.question_id, answered_on="2026-02-10", you_said_we_did=True)
    await facts.learn(late, prompt, answered)
    assert [await total(facts, "questions_overdue", to, "published") for to in ("2026-02", "2026-03")] == [0, 1]
    await facts.learn(
        told.QuestionLeftUnanswered(question_id=late.question_id, due_on="2026-02-28"),
        told.QuestionAnswered(question_id=late.question_id, answered_on="2026-04-02", you_said_we_did=False),
    )
    assert [await total(facts, "questions_overdue", to) for to in ("2026-03", "2026-04")] == [1, 0]
    assert (await total(facts, "questions_asked"), await total(facts, "questions_answered")) == (2, 2)
    assert await total(facts, "questions_answered_in_time") == 50.0


async def test_things_that_were_never_recorded_are_no_data_and_not_none_of_them(facts: Facts) -> None:
    assert await total(facts, "questions_overdue", profile="published") == "no_data"
    assert await total(facts, "session_headcount", profile="published") == "no_data"


async def test_an_exact_reading_is_limited_to_the_callers_sites(facts: Facts) -> None:
    third = site("Third")
    await facts.learn(
        *TWO_SITES,
        third,
        session(HALL),
        session(HUB),
        engagement(HALL, HUB, third.site_id),
        engagement(HUB),
        ready(HUB, "2026-01-01", people=4),
    )
    async with facts.door.caller("reports:exact reports:read", sites=[HALL]) as caller:

        async def value(measure: str, **limits: Any) -> Any:
            asked = {"from": "2026-01", "to": "2026-12", "profile": "exact", **limits}
            answer = await caller.get(f"/v1/reports/{measure}", params=asked)
            return answer.json()["rows"][0]["value"] if answer.is_success else answer.status_code

        found_ = [await value(name) for name in ("sessions_held", "engagements", "mean_readiness")]
        assert found_ == [1, 1, None]
        assert await value("sessions_held", site_id=str(HUB)) == httpx.codes.NOT_FOUND
        by_site = {"from": "2026-01", "to": "2026-12", "profile": "exact", "by": "site"}
        shown = (await caller.get("/v1/reports/engagements", params=by_site)).json()["rows"]
        assert {row["group"]["site"]: row["value"] for row in shown} == {"Hall": 1, "Not recorded": 0}


async def test_contacts_at_others_sites_are_added_up_for_a_caller_limited_to_its_own(facts: Facts) -> None:
    mine = received("2026-02-01", site_id=HALL)
    third = site("Third")
    places = (HALL, HUB, HUB, third.site_id, third.site_id, third.site_id)
    await facts.learn(
        *TWO_SITES, third, mine, *(contact(mine.referral_id, "2026-03-01", site_id=each) for each in places)
    )
    async with facts.door.caller("reports:exact reports:read", sites=[HALL]) as caller:
        asked = {"from": "2026-01", "to": "2026-12", "profile": "exact", "by": "site"}
        shown = (await caller.get("/v1/reports/appointments", params=asked)).json()["rows"]
    assert {row["group"]["site"]: row["value"] for row in shown} == {"Hall": 1, "Not recorded": 5}


@pytest.mark.parametrize(
    ("measure", "limits"),
    [
        ("sessions_held", {"by": "ethnic_group"}),
        ("sessions_held", {"co_provided": "true"}),
        ("questions_asked", {"programme": "family"}),
        ("referrals_received", {"by": "session_kind"}),
    ],
)
async def test_what_does_not_split_a_measure_is_refused_not_ignored(
    facts: Facts, measure: str, limits: dict[str, str]
) -> None:
    answer = await facts.get(f"/v1/reports/{measure}", from_="2026-01", to="2026-12", **limits)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "does not split" in answer.text
