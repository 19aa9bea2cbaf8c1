"""A site's own numbers: what it recorded exactly, and people's pathways as they are published."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.days import today
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door
from tests.reporting.builders import Post, received
from tests.reporting.lives import contact, discharged
from tests.sites.builders import BOTH, READ, WRITE, held, registered
from tests.sites.doings import a_contribution, a_session, an_engagement, recorded
from tests.sites.pathways import heard

YEAR = {"from": "2026-01", "to": "2026-12"}
NOTHING = {"hours_paid": 0, "hours_unpaid": 0, "money_pence": 0}


async def summary(caller: httpx.AsyncClient, site: str, **asked: str) -> dict[str, Any]:
    answer = await caller.get(f"/v1/sites/{site}/summary", params=asked or YEAR)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def introduced(database: Database, site: str, count: int, *, treated: int = 0) -> None:
    """Let sites hear of pathways that a site introduced; of those treated, all finished a course."""
    pathways = [received("2026-02-01", number, site_id=UUID(site)) for number in range(count)]
    events: list[Any] = list(pathways)
    for each in pathways[:treated]:
        this = each.referral_id
        events += [contact(this, "2026-03-01", "01"), contact(this, "2026-03-10"), contact(this, "2026-03-20")]
        events.append(discharged(this, "2026-06-30"))
    await heard(database, Post().wrap(events))


async def test_a_site_that_has_done_nothing_yet_has_a_summary_of_nothing(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site = (await registered(caller))["id"]
        found = await summary(caller, site)
    nobody = {"value": None, "status": "suppressed"}
    assert found == {
        "site_id": site,
        "from": "2026-01-01",
        "to": "2026-12-31",
        "pathways": {
            "referrals_received": nobody,
            "first_assessments": nobody,
            "accessing_services": nobody,
            "ended_referrals": nobody,
            "finished_course": nobody,
        },
        "sessions": {"held": 0, "hours": 0, "counted": 0, "headcount": 0},
        "contributions": {"community": NOTHING, "statutory": NOTHING},
        "engagements": {"number": 0, "hours": 0},
        "training": {"courses": 0, "people": 0},
        "questions": {"asked": 0, "answered": 0, "open": 0, "overdue": 0},
        "goals": {"in_force": 0, "met": 0},
    }


async def test_pathways_are_shown_to_the_nearest_five_and_not_at_all_below_five(
    sites: Door, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sites.caller(BOTH) as caller:
        site, other = [(await registered(caller))["id"] for _ in range(2)]
        await introduced(database, site, 13, treated=7)
        await introduced(database, other, 4, treated=4)
        found, few = [(await summary(caller, each))["pathways"] for each in (site, other)]
        later = (await summary(caller, site, **{"from": "2026-06", "to": "2026-06"}))["pathways"]
        monkeypatch.setenv("ROUNDTABLE_SUPPRESS_BELOW", "10")
        settings.cache_clear()
        stricter = (await summary(caller, site))["pathways"]
    assert {name: each["value"] for name, each in found.items()} == {
        "referrals_received": 15,
        "first_assessments": 5,
        "accessing_services": 5,
        "ended_referrals": 5,
        "finished_course": 5,
    }
    assert {each["status"] for each in few.values()} == {"suppressed"}, "four people, and nobody: told from nothing"
    assert (later["referrals_received"]["value"], later["finished_course"]["value"]) == (None, 5), "each on its own day"
    assert [each["value"] for each in stricter.values()] == [15, None, None, None, None]


async def test_what_a_site_recorded_is_counted_exactly_in_the_months_of_london(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site, other = [(await registered(caller))["id"] for _ in range(2)]
        for starts_at, headcount in (
            ("2026-05-31T23:30:00Z", 3),  # 1 June in London
            ("2026-06-30T22:30:00Z", None),  # 30 June in London, not counted
            ("2026-06-30T23:30:00Z", 50),  # 1 July
            ("2026-06-15T10:00:00Z", 4),
        ):
            made = await recorded(caller, "/v1/sessions", a_session(site, starts_at=starts_at, duration_minutes=90))
            if headcount is not None:
                path = f"/v1/sessions/{made['id']}/attendance"
                assert (await caller.put(path, json={"headcount": headcount}, headers=held(1))).status_code == 200
        await recorded(caller, "/v1/sessions", a_session(site, starts_at="2026-06-16T10:00:00Z", cancelled=True))
        await recorded(caller, "/v1/sessions", a_session(other, starts_at="2026-06-16T10:00:00Z"))
        gifts: list[dict[str, Any]] = [
            {"hours": 6.25, "paid": False},
            {"hours": 2.5, "paid": False},
            {"hours": 3, "paid": True},
            {"money_pence": 125000, "hours": None, "paid": True, "from_side": "statutory", "to_side": "community"},
            {"hours": 8, "on": "2026-07-01"},
        ]
        for gift in gifts:
            await recorded(caller, "/v1/contributions", a_contribution(site, **{"on": "2026-06-30"} | gift))
        for on, sites_of in (("2026-06-01", [site]), ("2026-06-30", [other, site]), ("2026-05-31", [site])):
            await recorded(caller, "/v1/engagements", an_engagement(*sites_of, on=on, hours=2.5))
        training = {"site_id": site, "course": "Listening", "role": "listener", "given_by": "statutory"}
        for on, people in (("2026-06-01", 9), ("2026-06-30", 4), ("2026-07-01", 100)):
            await recorded(caller, "/v1/training", training | {"on": on, "people": people})
        found = await summary(caller, site, **{"from": "2026-06", "to": "2026-06"})
    assert found["sessions"] == {"held": 3, "hours": 4.5, "counted": 2, "headcount": 7}
    assert found["contributions"] == {
        "community": {"hours_paid": 3, "hours_unpaid": 8.75, "money_pence": 0},
        "statutory": {"hours_paid": 0, "hours_unpaid": 0, "money_pence": 125000},
    }
    assert found["engagements"] == {"number": 2, "hours": 5}
    assert found["training"] == {"courses": 2, "people": 13}


async def test_a_session_that_is_still_to_come_was_not_held(sites: Door) -> None:
    tomorrow = today() + timedelta(days=1)
    month = {"from": f"{tomorrow:%Y-%m}", "to": f"{tomorrow:%Y-%m}"}
    async with sites.caller(BOTH) as caller:
        site = (await registered(caller))["id"]
        await recorded(caller, "/v1/sessions", a_session(site, starts_at=f"{tomorrow}T18:00:00Z"))
        assert (await summary(caller, site, **month))["sessions"]["held"] == 0


async def test_questions_and_goals_stand_as_they_stand(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        own = await registered(caller)
        site, this_month = own["id"], f"{today():%Y-%m}"
        asked = {"asked_by_site": site, "to_organisation": own["organisation_id"], "text": "When?"}
        long_ago, last = "2026-01-05", (today() - timedelta(days=1)).isoformat()
        for due in (last, last, (today() + timedelta(days=9)).isoformat()):
            await recorded(caller, "/v1/questions", asked | {"asked_on": long_ago, "due_on": due})
        other = await recorded(caller, "/v1/questions", asked | {"asked_on": long_ago, "due_on": last})
        answered = await caller.post(f"/v1/questions/{other['id']}/answer", json={"answer": "In May."})
        assert answered.status_code == 200, answered.text
        goals = [
            await recorded(caller, "/v1/goals", {"title": f"Goal {number}", "period": "2026-Q1", "sites": [site]})
            for number in range(3)
        ]
        for goal, sides in zip(
            goals, (("community",), ("community", "statutory"), ("community", "statutory")), strict=True
        ):
            for side in sides:
                sign = {"side": side, "role": "trustee", "on": "2026-02-01"}
                assert (await caller.post(f"/v1/goals/{goal['id']}/sign", json=sign)).status_code == 200
        closed = await caller.post(f"/v1/goals/{goals[2]['id']}/close", json={"outcome": "met", "on": "2026-03-31"})
        assert closed.status_code == 200, closed.text
        january = await summary(caller, site, **{"from": "2026-01", "to": "2026-01"})
        february = await summary(caller, site, **{"from": "2026-02", "to": "2026-02"})
        march = await summary(caller, site, **{"from": "2026-03", "to": "2026-03"})
    assert january["questions"] == {"asked": 4, "answered": 1, "open": 3, "overdue": 2}
    assert march["questions"]["asked"] == 0
    assert january["goals"] == {"in_force": 0, "met": 0}, this_month
    assert february["goals"] == {"in_force": 2, "met": 0}, "both were then"
    assert march["goals"] == {"in_force": 1, "met": 1}


async def test_a_site_reads_its_own_numbers_and_no_other(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = [(await registered(everyone))["id"] for _ in range(2)]
    await introduced(database, foreign, 20)
    async with sites.caller(READ, sites=[UUID(own)]) as caller, sites.caller(WRITE) as writer:
        assert (await summary(caller, own))["pathways"]["referrals_received"]["value"] is None
        there = await caller.get(f"/v1/sites/{foreign}/summary", params=YEAR)
        nowhere = await caller.get(f"/v1/sites/{uuid4()}/summary", params=YEAR)
        assert (there.status_code, nowhere.status_code) == (404, 404)
        assert there.json() | {"trace_id": ""} == nowhere.json() | {"trace_id": ""}
        assert (await writer.get(f"/v1/sites/{own}/summary", params=YEAR)).status_code == 403
    async with sites.caller(READ) as everyone:
        assert (await summary(everyone, foreign))["pathways"]["referrals_received"]["value"] == 20


@pytest.mark.parametrize(
    ("asked", "pointer", "code"),
    [
        ({"from": "2026-01"}, "to", "missing"),
        ({"from": "2026-13", "to": "2026-12"}, "from", "month"),
        ({"from": "2026-01-01", "to": "2026-12"}, "from", "month"),
        ({"from": "1989-12", "to": "2026-12"}, "from", "month"),
        ({"from": "2026-02", "to": "2026-01"}, "to", "before_from"),
        ({"from": "2026-01", "to": "2026-12", "by": "ethnic_group"}, "by", "extra_forbidden"),
    ],
)
async def test_what_are_no_whole_months_is_refused_by_its_name(
    sites: Door, asked: dict[str, str], pointer: str, code: str
) -> None:
    async with sites.caller(BOTH) as caller:
        site = (await registered(caller))["id"]
        answer = await caller.get(f"/v1/sites/{site}/summary", params=asked)
    assert answer.status_code == 422, answer.text
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]


async def test_months_reach_from_their_first_day_to_their_last(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site = (await registered(caller))["id"]
        for first, last, days in (
            ("1990-01", "2099-12", (date(1990, 1, 1), date(2099, 12, 31))),
            ("2024-02", "2024-02", (date(2024, 2, 1), date(2024, 2, 29))),
            ("2025-12", "2026-01", (date(2025, 12, 1), date(2026, 1, 31))),
        ):
            found = await summary(caller, site, **{"from": first, "to": last})
            assert (found["from"], found["to"]) == tuple(map(str, days))
