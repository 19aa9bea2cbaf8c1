"""What the evaluations asked for, told as those who use it would: each story from its beginning to its end, over HTTP.

Those that end in a commissioner's figures are in `test_stories_told.py`, on a whole system.
"""

import re
from typing import Any
from uuid import UUID

import httpx

from services.sites.commands.overdue import announce_some
from shared.days import today
from shared.db import session_maker
from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, an_offer, events, held, offered, registered, rows
from tests.sites.doings import a_contribution, a_session, an_engagement, recorded
from tests.sites.together import (
    a_goal,
    a_reflection,
    a_table,
    an_assessment,
    days_ago,
    moved,
    posted,
    this_quarter,
)

YEAR = {"from": "2026-01", "to": "2026-12"}


async def read(caller: httpx.AsyncClient, path: str, **asked: str) -> dict[str, Any]:
    answer = await caller.get(path, params=asked or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_s11_a_workshop_of_fifty_and_700_clinical_hours_of_a_family_network_are_on_record(sites: Door) -> None:
    async with a_table(sites) as table:
        heart = await offered(table.community, site_id=table.site, programme="cardiovascular_self_management")
        workshop = await recorded(table.community, "/v1/sessions", a_session(None, offer_id=heart["id"], capacity=60))
        assert workshop["programme"] == "cardiovascular_self_management", "the offer's own, nobody types it twice"
        came = {
            "headcount": 54,
            "tallies": {"ethnic_category": {"H": 31, "L": 12, "Z": 4}, "gender_identity": {"1": 17, "2": 35}},
        }
        counted = await table.community.put(f"/v1/sessions/{workshop['id']}/attendance", json=came, headers=held(1))
        assert counted.status_code == 200, counted.text
        family = {"programme": "family_therapy_network", "kind": "clinic", "duration_minutes": 600}
        facilitators = {"facilitators": {"family_therapist": 1}}
        for week in range(70):
            starts_at = f"2026-{1 + week % 9:02}-{1 + week // 9:02}T09:00:00Z"
            await recorded(
                table.community, "/v1/sessions", a_session(None, starts_at=starts_at, **family, **facilitators)
            )
        clinics = await read(table.community, "/v1/sessions", programme="family_therapy_network", limit="100")
        hours = sum(each["duration_minutes"] for each in clinics["items"]) / 60
        summary = await read(table.community, f"/v1/sites/{table.site}/summary", **YEAR)
    assert hours == 700
    assert summary["sessions"] == {"held": 71, "hours": 702, "counted": 1, "headcount": 54}
    assert counted.json()["attendance"]["tallies"]["ethnic_category"] == {"H": 31, "L": 12, "Z": 4}


async def test_s12_what_came_before_any_service_is_not_lost(sites: Door, database: Database) -> None:
    """Two years of talking, before there is a site: then it is the site's history too."""
    async with sites.caller(BOTH, client="commissioner") as trust:
        first = await recorded(
            trust,
            "/v1/engagements",
            an_engagement(
                on="2023-11-02",
                kind="conversation",
                space="community",
                hours=2.5,
                people_by_side={"community": 11, "statutory": 3},
                topics=["what we mean by therapy"],
                resources=[
                    {"side": "community", "kind": "material", "description": "The hall, and a meal."},
                    {"side": "community", "kind": "relational", "description": "The imam's introduction."},
                    {"side": "statutory", "kind": "symbolic", "description": "The chief executive came."},
                ],
                notes="We shall meet again after Eid.",
            ),
        )
        await recorded(
            trust, "/v1/engagements", an_engagement(on="2024-05-20", kind="conference", hours=7, space="statutory")
        )
        site = await registered(trust, joined_on="2025-11-03")
        async with sites.caller(BOTH, client="hall-app", sites=[UUID(site["id"])]) as hall:
            assert (await read(hall, "/v1/engagements"))["items"] == [], "nobody's yet"
            ours = {"site_ids": [site["id"]]}
            joined = await trust.patch(f"/v1/engagements/{first['id']}", json=ours, headers=held(1))
            assert joined.status_code == 200, joined.text
            seen = (await read(hall, "/v1/engagements", to="2023-12-31"))["items"]
            summary = await read(hall, f"/v1/sites/{site['id']}/summary", **{"from": "2023-11", "to": "2023-11"})
    assert [(each["on"], each["space"], each["hours"]) for each in seen] == [("2023-11-02", "community", 2.5)]
    assert seen[0]["people_by_side"] == {"community": 11, "statutory": 3}
    assert summary["engagements"] == {"number": 1, "hours": 2.5}
    *_, (_, _, told) = await events(database, first["id"])
    assert told["resources"] == {"community": {"material": 1, "relational": 1}, "statutory": {"symbolic": 1}}


async def test_s13_a_site_grows_with_training_and_a_mentor(sites: Door) -> None:
    async with a_table(sites) as table:
        before = {"on": "2025-10-01", "levels": {"people_trained": 0, "space": 3, "safeguarding": 1}}
        profile = f"/v1/sites/{table.site}/readiness"
        assert (await table.community.put(profile, json=before, headers=held(0))).status_code == 200
        mentored = {"began_on": "2025-11-01", "focus": "Receiving people who come without an appointment"}
        pair = {"mentor_site_id": table.other_site, "mentee_site_id": table.site}
        await recorded(table.elsewhere, "/v1/mentorships", mentored | pair)
        course = {"on": "2026-02-12", "course": "Listening skills", "role": "community_counsellor", "people": 9}
        await recorded(table.community, "/v1/training", course | {"hours_each": 6, "given_by": "statutory"})
        after = {"on": "2026-06-01", "levels": {"people_trained": 3, "space": 3, "safeguarding": 3}}
        assert (await table.community.put(profile, json=after, headers=held(1))).status_code == 200
        grown = await read(table.statutory, profile)
        mentors = (await read(table.community, "/v1/mentorships"))["items"]
        summary = await read(table.community, f"/v1/sites/{table.site}/summary", **YEAR)
    assert grown["current"]["levels"]["people_trained"] == 3
    assert [each["levels"]["people_trained"] for each in grown["history"]] == [0]
    assert [each["mentor_site_id"] for each in mentors] == [table.other_site], "both sites see it"
    assert summary["training"] == {"courses": 1, "people": 9}


async def test_s14_unpaid_labour_counts_beside_the_money(sites: Door) -> None:
    async with a_table(sites) as table:
        for hours, paid in ((40, False), (46.5, False), (12, True)):
            await recorded(table.community, "/v1/contributions", a_contribution(None, hours=hours, paid=paid))
        money = {"money_pence": 125_000, "hours": None, "paid": True, "role": "training budget"}
        given = {"from_side": "statutory", "to_side": "community"}
        await recorded(table.statutory, "/v1/contributions", a_contribution(table.site, **money, **given))
        summary = await read(table.community, f"/v1/sites/{table.site}/summary", **YEAR)
    assert summary["contributions"] == {
        "community": {"hours_paid": 12, "hours_unpaid": 86.5, "money_pence": 0},
        "statutory": {"hours_paid": 0, "hours_unpaid": 0, "money_pence": 125_000},
    }


async def test_s15_a_shared_goal_is_both_sides_and_neither_speaks_for_the_other(sites: Door) -> None:
    async with a_table(sites) as table:
        path = f"/v1/goals/{(await posted(table.community, '/v1/goals', a_goal()))['id']}"
        ours = await posted(table.community, f"{path}/sign", {"role": "trustee"}, 200)
        assert ours["in_force"] is False, "one signature is a wish"
        theirs = await posted(table.statutory, f"{path}/sign", {"side": "statutory", "role": "service_manager"}, 200)
        assert theirs["in_force"] is True
        said = await posted(table.community, f"{path}/reflections", a_reflection(words="They come when a friend does."))
        doubt = a_reflection(side="statutory", words="Six weeks is still too long.", progress="at_risk")
        await posted(table.statutory, f"{path}/reflections", doubt)
        rewritten = await table.statutory.patch(
            f"{path}/reflections/{said['id']}", json={"words": "All is well."}, headers=held(1)
        )
        assert (rewritten.status_code, rewritten.json()["type"]) == (403, "/problems/reflection-not-yours")
        pretended = await table.community.post(f"{path}/reflections", json=doubt)
        assert (pretended.status_code, pretended.json()["type"]) == (403, "/problems/side-not-yours")
        met = await posted(table.statutory, f"{path}/close", {"outcome": "met"}, 200)
        (side_by_side,) = met["reflections"]
        month = f"{today():%Y-%m}"
        summary = await read(table.community, f"/v1/sites/{table.site}/summary", **{"from": month, "to": month})
    assert (side_by_side["period"], side_by_side["community"]["words"], side_by_side["statutory"]["progress"]) == (
        this_quarter(),
        "They come when a friend does.",
        "at_risk",
    )
    assert summary["goals"] == {"in_force": 0, "met": 1}


async def test_s16_a_written_question_is_due_overdue_answered_and_acted_on_in_public(
    sites: Door, database: Database
) -> None:
    async with a_table(sites) as table, sites.caller() as anybody:
        asked = {"to_organisation": table.trust, "text": "When will there be an interpreter for Tamil?"}
        question = await recorded(table.community, "/v1/questions", asked | {"topic": "interpreters"})
        await moved(database, "UPDATE questions SET due_on = $1", 1)
        log = "/v1/questions/public"
        (late,) = (await read(anybody, log, status="overdue"))["items"]
        assert (late["text"], late["asked_by"]["name"]) == (asked["text"], "Beechcroft Road hall")
        assert await announce_some(session_maker()) == 1, "what the worker does each minute"
        path = f"/v1/questions/{question['id']}/answer"
        await posted(table.statutory, path, {"answer": "From November, on Tuesdays."}, 200)
        await posted(table.statutory, path, {"you_said_we_did": "An interpreter comes every Tuesday."}, 200)
        (answered,) = (await read(anybody, log))["items"]
    assert (answered["answer"], answered["you_said_we_did"]) == (
        "From November, on Tuesdays.",
        "An interpreter comes every Tuesday.",
    )
    assert answered["overdue"] is False
    assert [subject for subject, _, _ in await events(database, question["id"])] == [
        "sites.question_asked.v1",
        "sites.question_left_unanswered.v1",
        "sites.question_answered.v1",
        "sites.question_answered.v1",
    ]


async def test_s17_both_sides_say_who_designs_who_delivers_and_how_co_produced_it_is(sites: Door) -> None:
    async with a_table(sites) as table:
        path = "/v1/assessments-of-coproduction"
        ours: dict[str, Any] = {
            "principles": {"blurring_roles": 1},
            "rung": "doing_for",
            "designed_by": "professionals",
        }
        theirs: dict[str, Any] = {"principles": {"blurring_roles": 4}, "side": "statutory", "rung": "doing_with"}
        await posted(table.community, path, an_assessment(table.offer, on="2025-02-01", **ours))
        await posted(table.statutory, path, an_assessment(table.offer, on="2025-02-01", **theirs))
        await posted(
            table.community, path, an_assessment(table.offer, on="2026-02-01", principles={"blurring_roles": 3})
        )
        seen = await read(table.community, f"/v1/offers/{table.offer}/coproduction")
    first, *_ = seen["over_time"]
    assert first["period"] == "2025-Q1"
    assert (first["gaps"]["blurring_roles"], first["same_rung"]) == (-3, False), "the community sees less of it"
    assert (first["community"]["designed_by"], first["statutory"]["designed_by"]) == ("professionals", "together")
    assert seen["latest"]["gaps"]["blurring_roles"] == -1
    assert seen["latest"]["same_rung"] is True


async def test_s18_who_offers_what_where_in_which_language_and_takes_people_now(sites: Door) -> None:
    async with sites.caller(BOTH) as trust, sites.caller() as anybody:
        site = await registered(trust, languages=["en", "ta"], latitude=51.4385, longitude=-0.1679)
        tea = await recorded(trust, "/v1/offers", an_offer(site["id"], name="Tamil tea", languages=["ta", "en"]))
        full = an_offer(site["id"], name="Tamil choir", languages=["ta"], accepting_referrals=False)
        await recorded(trust, "/v1/offers", full)
        found = await read(anybody, "/open-referral/services", search="Tamil")
        described = await read(anybody, f"/open-referral/services/{tea['id']}")
        page = await anybody.get("/directory", params={"language": "ta", "accepting": "1"})
        leaflet = await anybody.get(f"/directory/{tea['id']}/leaflet", params={"lang": "ta"})
    assert found["total_items"] == 2
    spoken = {(each["code"], each["name"]) for each in described["languages"]}
    assert spoken == {("ta", "Tamil"), ("en", "English")}, "by name and by code"
    assert page.status_code == leaflet.status_code == 200
    assert "Tamil tea" in page.text
    assert "Tamil choir" not in page.text
    assert re.search(r'<html[^>]* lang="ta"', leaflet.text)


async def test_s21_who_answers_for_what_is_agreed_reviewed_and_on_the_trail(sites: Door, database: Database) -> None:
    async with a_table(sites) as table:
        agreed = {
            "title": "Talking therapies at the hall",
            "roles": [
                {"responsibility": "Clinical supervision", "side": "statutory", "role": "clinical_lead"},
                {"responsibility": "Keys, rooms and welcome", "side": "community", "role": "site_coordinator"},
            ],
            "agreed_on": "2025-03-01",
            "review_on": "2026-03-01",
        }
        made = await recorded(table.community, "/v1/agreements", agreed)
        late = (await read(table.statutory, "/v1/agreements", overdue="true"))["items"]
        assert [each["id"] for each in late] == [made["id"]], "both sides see that nobody has looked at it"
        review = {"on": days_ago(1), "next_review_on": days_ago(-365)}
        await posted(table.statutory, f"/v1/agreements/{made['id']}/reviewed", review, 200)
        assert (await read(table.community, "/v1/agreements", overdue="true"))["items"] == []
    trail = [
        (row["client"], row["action"])
        for row in await rows(database, "audit", "ORDER BY id")
        if row["resource"] == "agreement"
    ]
    assert trail == [("hall-app", "create"), ("commissioner", "update")], "who did what, in order"


CANARIES = ("Bartholomew", "Quillfeather", "Zephyrine")


async def test_s24_those_who_use_services_take_part_and_nobody_is_named_outside(
    sites: Door, database: Database
) -> None:
    """Free text stays here: events, log and trail carry roles, codes and counts, whatever somebody writes into a note."""
    one, two, three = CANARIES
    async with a_table(sites) as table:
        met = an_engagement(table.site, topics=[f"{one} spoke"], notes=f"{one} told us of her brother {two}.")
        met["resources"] = [{"side": "community", "kind": "relational", "description": f"{three}'s trust."}]
        await recorded(table.community, "/v1/engagements", met)
        evaluators = a_session(None, kind="forum", facilitators={"person_using_services": 2, "carer": 1})
        forum = await recorded(table.community, "/v1/sessions", evaluators)
        tallied = {"headcount": 12, "tallies": {"age_band": {"26 to 64": 9}}}
        counted = await table.community.put(f"/v1/sessions/{forum['id']}/attendance", json=tallied, headers=held(1))
        assert counted.status_code == 200, counted.text
        goal = await posted(table.community, "/v1/goals", a_goal(title=f"{one} is heard"))
        path = f"/v1/goals/{goal['id']}"
        for caller, side in ((table.community, "community"), (table.statutory, "statutory")):
            await posted(caller, f"{path}/sign", {"side": side, "role": "carer"}, 200)
        await posted(table.community, f"{path}/reflections", a_reflection(words=f"{two} was heard at last."))
        private = {"to_organisation": table.trust, "text": f"Who answers {three}?", "public": False}
        question = await recorded(table.community, "/v1/questions", private)
        answer = {"answer": f"{three} will be called.", "you_said_we_did": f"{three} was called."}
        await posted(table.statutory, f"/v1/questions/{question['id']}/answer", answer, 200)
        assert "Zephyrine" in (await read(table.community, f"/v1/questions/{question['id']}"))["text"]
    for table_name in ("outbox", "audit"):
        written = str(await rows(database, table_name))
        assert [name for name in CANARIES if name in written] == [], table_name
    (_, _, told), (_, _, came) = await events(database, forum["id"])
    assert told["facilitators"] == {"carer": 1, "person_using_services": 2}
    assert came["tallies"] == {"age_band": {"26 to 64": 9}}
