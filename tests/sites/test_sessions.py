"""Sessions at the sites: S11, workshops with fifty people and more, and whatever else takes place there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, WRITE, an_offer, deeds, events, held, registered
from tests.sites.doings import a_session, recorded

TALLIES = {
    "ethnic_category": {"H": 31, "L": 12, "Z": 4},
    "gender_identity": {"1": 17, "2": 35},
    "age_band": {"26 to 64": 29, "65 to 74": 18, "75 to 89": 7},
}
NEXT_WEEK = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_site_plans_a_workshop_holds_it_and_counts_who_came(sites: Door, database: Database) -> None:
    """S11: a programme of a site's own, facilitators by role, fifty-four people, and nobody's name."""
    async with sites.caller(BOTH) as everyone:
        site = UUID((await registered(everyone))["id"])
    async with sites.caller(BOTH, client="site-app", sites=[site]) as app:
        planned = a_session(None, programme="cardiovascular_self_management", starts_at=NEXT_WEEK)
        workshop = await recorded(app, "/v1/sessions", planned)
        assert (workshop["site_id"], workshop["attendance"]) == (str(site), None), "its only site is meant"
        path = f"/v1/sessions/{workshop['id']}"
        early = await app.put(f"{path}/attendance", json={"headcount": 54}, headers=held(1))
        assert (early.status_code, early.json()["type"]) == (409, "/problems/session-not-begun")
        brought_forward = {"starts_at": "2026-09-16T18:30:00+01:00", "facilitators": {"community_facilitator": 3}}
        moved = await app.patch(path, json=brought_forward, headers=held(1))
        assert moved.status_code == 200, moved.text
        assert moved.json()["starts_at"] == "2026-09-16T17:30:00Z"
        counted = {"headcount": 54, "tallies": TALLIES, "interpreter_used": True}
        told = await app.put(f"{path}/attendance", json=counted, headers=held(2))
        assert told.status_code == 200, told.text
        assert told.headers["ETag"] == '"3"'
        assert told.json()["attendance"] == counted
        corrected = await app.put(f"{path}/attendance", json={"headcount": 55}, headers=held(3))
        assert corrected.json()["attendance"] == {"headcount": 55, "tallies": None, "interpreter_used": None}, "whole"
        read = await app.get(path)
        assert read.json() == corrected.json()
        assert read.headers["ETag"] == '"4"'
        listed = (await app.get("/v1/sessions", params={"programme": "cardiovascular_self_management"})).json()
        assert listed["items"] == [read.json()]
    story = await events(database, workshop["id"])
    assert [(subject, version) for subject, version, _ in story] == [
        ("sites.session_held.v1", 1),
        ("sites.session_held.v1", 2),
        ("sites.attendance_recorded.v1", 3),
        ("sites.attendance_recorded.v1", 4),
    ]
    assert story[1][2] == {
        "session_id": workshop["id"],
        "site_id": str(site),
        "programme": "cardiovascular_self_management",
        "kind": "workshop",
        "starts_at": "2026-09-16T17:30:00Z",
        "duration_minutes": 120,
        "language": "ta",
        "facilitators": {"community_facilitator": 3},
        "cancelled": False,
    }
    assert story[2][2] == {"session_id": workshop["id"], **counted}
    assert (await deeds(database))[-4:] == [
        ("create", "session", None),
        ("update", "session", "facilitators starts_at"),
        ("update", "session", "attendance: headcount interpreter_used tallies"),
        ("update", "session", "attendance: headcount interpreter_used tallies"),
    ]


async def test_a_tally_is_of_those_who_came_by_national_codes_of_the_day(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        site = await registered(caller)
        body = await recorded(caller, "/v1/sessions", a_session(site["id"]))
        old = await recorded(caller, "/v1/sessions", a_session(site["id"], starts_at="2020-02-03T18:00:00Z"))
        path = f"/v1/sessions/{body['id']}/attendance"

        async def refused(sent: dict[str, Any], path: str = path) -> list[tuple[str, str]]:
            answer = await caller.put(path, json=sent, headers=held(1))
            assert answer.status_code == 422, answer.text
            assert "jane" not in answer.text
            return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]

        too_many = {"ethnic_category": {"A": 30, "Z": 25}, "gender_identity": {"1": 54}, "age_band": {"18 to 25": 55}}
        assert await refused({"headcount": 54, "tallies": too_many}) == [
            ("/tallies/ethnic_category", "exceeds_headcount"),
            ("/tallies/age_band", "exceeds_headcount"),
        ]
        for tallies, pointer, code in (
            ({"ethnic_category": {"jane": 1}}, "/tallies/ethnic_category", "code_unknown"),
            ({"gender_identity": {"9": 1}}, "/tallies/gender_identity", "code_unknown"),
            ({"age_band": {"18-25": 1}}, "/tallies/age_band", "code_unknown"),
            ({"age_band": {"18 to 35": 1}}, "/tallies/age_band/18 to 35", "code_retired"),
            ({"ethnic_category": {"A": -1}}, "/tallies/ethnic_category", "count_invalid"),
            ({"ethnic_category": {"A": True}}, "/tallies/ethnic_category", "count_invalid"),
            ({"ethnic_category": {"A": 1.5}}, "/tallies/ethnic_category", "count_invalid"),
            ({"ethnic_category": [1]}, "/tallies/ethnic_category", "dict_type"),
            ({"religion": {"jane": 1}}, "/tallies/religion", "extra_forbidden"),
        ):
            assert await refused({"headcount": 54, "tallies": tallies}) == [(pointer, code)]
        assert await refused({"tallies": {}}) == [("/headcount", "missing")]
        assert await refused({"headcount": "54"}) == [("/headcount", "int_type")]
        bands = {"headcount": 2, "tallies": {"age_band": {"18 to 25": 1}}}
        assert await refused(bands, f"/v1/sessions/{old['id']}/attendance") == [
            ("/tallies/age_band/18 to 25", "code_retired")
        ]
        then = {"headcount": 2, "tallies": {"age_band": {"18 to 35": 2}}}
        counted = await caller.put(f"/v1/sessions/{old['id']}/attendance", json=then, headers=held(1))
        assert counted.status_code == 200, counted.text
        later = await caller.patch(
            f"/v1/sessions/{old['id']}", json={"starts_at": "2026-09-16T18:00:00Z"}, headers=held(2)
        )
        assert (later.status_code, later.json()["type"]) == (409, "/problems/session-attended"), "those bands are gone"
    assert len(await events(database, body["id"])) == 1, "a refusal changes nothing"


async def test_a_session_called_off_takes_no_attendance_and_an_attended_one_is_not_called_off(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site = await registered(caller)
        off, on = [await recorded(caller, "/v1/sessions", a_session(site["id"])) for _ in range(2)]
        called_off = await caller.patch(f"/v1/sessions/{off['id']}", json={"cancelled": True}, headers=held(1))
        assert (called_off.status_code, called_off.json()["cancelled"]) == (200, True)
        refused = await caller.put(f"/v1/sessions/{off['id']}/attendance", json={"headcount": 1}, headers=held(2))
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/session-called-off")
        back = await caller.patch(f"/v1/sessions/{off['id']}", json={"cancelled": False}, headers=held(2))
        assert back.json()["cancelled"] is False
        path = f"/v1/sessions/{on['id']}"
        await caller.put(f"{path}/attendance", json={"headcount": 3}, headers=held(1))
        for change in ({"cancelled": True}, {"starts_at": NEXT_WEEK}):
            answer = await caller.patch(path, json=change, headers=held(2))
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/session-attended")
        await caller.put(f"{path}/attendance", json={"headcount": 0}, headers=held(2))
        nobody = await caller.patch(path, json={"cancelled": True}, headers=held(3))
        assert nobody.status_code == 200, "a count entered by mistake is corrected to nobody first"


async def test_a_change_needs_the_version_it_changes_and_a_count_too(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await recorded(caller, "/v1/sessions", a_session((await registered(caller))["id"]))
        path, attendance = f"/v1/sessions/{body['id']}", f"/v1/sessions/{body['id']}/attendance"
        sent = {"headcount": 9}
        unnamed, stale = (
            await caller.put(attendance, json=sent),
            await caller.put(attendance, json=sent, headers=held(5)),
        )
        assert (unnamed.status_code, stale.status_code) == (428, 412)
        assert (await caller.patch(path, json={"capacity": None})).status_code == 428
        assert (await caller.put(attendance, json={}, headers=held(5))).status_code == 412, "before the body"
        assert (await caller.put(f"/v1/sessions/{uuid4()}/attendance", json={})).status_code == 404, "before both"
        key = held(1) | {"Idempotency-Key": "count-1"}
        first, again = [await caller.put(attendance, json=sent, headers=key) for _ in range(2)]
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()
        same = await caller.put(attendance, json=sent, headers=held(2))
        assert (same.status_code, same.headers["ETag"]) == (200, '"2"')
        other = await caller.put(attendance, json={"headcount": 10}, headers=key)
        assert (other.status_code, other.json()["type"]) == (422, "/problems/key-reused")
        nothing = await caller.patch(path, json={"capacity": 60, "kind": "workshop"}, headers=held(2))
        assert (nothing.status_code, nothing.headers["ETag"]) == (200, '"2"')
        fewer = await caller.patch(path, json={"capacity": None}, headers=held(2))
        assert fewer.json()["capacity"] is None
        assert fewer.json()["attendance"]["headcount"] == 9
    assert [version for _, version, _ in await events(database, body["id"])] == [1, 2, 3]


async def test_a_session_recorded_twice_with_an_id_is_one(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller, sites.caller(WRITE, client="another") as other:
        site = await registered(caller)
        new = a_session(site["id"], id=str(uuid4()))
        first = await recorded(caller, "/v1/sessions", new)
        turned = new | {
            "facilitators": dict(reversed(new["facilitators"].items())),
            "starts_at": "2026-09-16T17:30:00Z",
        }
        again = await caller.post("/v1/sessions", json=turned)
        assert (again.status_code, again.json()) == (200, first)
        for asked, body in ((caller, new | {"kind": "group"}), (other, new)):
            differs = await asked.post("/v1/sessions", json=body)
            assert (differs.status_code, differs.json()["type"]) == (409, "/problems/session-differs")
    assert len(await events(database, first["id"])) == 1


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"starts_at": "1989-12-31T12:00:00Z"}, "/starts_at", "date_out_of_range"),
        ({"starts_at": "2099-01-01T12:00:00Z"}, "/starts_at", "date_out_of_range"),
        ({"starts_at": "2026-09-16T18:30:00"}, "/starts_at", "datetime_parsing"),
        ({"starts_at": "2026-09-16"}, "/starts_at", "datetime_parsing"),
        ({"starts_at": 1789000000}, "/starts_at", "datetime_parsing"),
        ({"starts_at": "9999-12-31T23:59:00-05:00"}, "/starts_at", "datetime_parsing"),
        ({"starts_at": "0001-01-01T00:00:00+05:00"}, "/starts_at", "datetime_parsing"),
        ({"starts_at": "2026-02-30T00:00:00Z"}, "/starts_at", "datetime_parsing"),
        ({"facilitators": {"Jane Smith": 1}}, "/facilitators", "role_invalid"),
        ({"facilitators": {"jane": "one"}}, "/facilitators", "count_invalid"),
        ({"kind": "party"}, "/kind", "literal_error"),
        ({"language": "klingon"}, "/language", "code_unknown"),
        ({"duration_minutes": 0}, "/duration_minutes", "greater_than_equal"),
        ({"offer_id": "00000000-0000-4000-8000-000000000000"}, "/offer_id", "offer_unknown"),
        ({"site_id": None}, "/site_id", "missing"),
        ({"programme": "Talking"}, "/programme", "string_pattern_mismatch"),
    ],
)
async def test_what_cannot_be_a_session_is_refused_without_repeating_it(
    sites: Door, change: dict[str, Any], pointer: str, code: str
) -> None:
    async with sites.caller(WRITE) as caller:
        answer = await caller.post("/v1/sessions", json=a_session((await registered(caller))["id"]) | change)
    assert answer.status_code == 422, answer.text
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    assert "jane" not in answer.text.lower()
    assert "klingon" not in answer.text


async def test_a_session_of_an_offer_is_of_its_programme_unless_it_says_otherwise(sites: Door) -> None:
    async with sites.caller(BOTH) as caller:
        site, other = [(await registered(caller))["id"] for _ in range(2)]
        offer, foreign = [
            (await recorded(caller, "/v1/offers", an_offer(one, programme="cardiovascular")))["id"]
            for one in (site, other)
        ]
        of_it = await recorded(caller, "/v1/sessions", a_session(site, offer_id=offer, id=str(uuid4())))
        assert (of_it["offer_id"], of_it["programme"]) == (offer, "cardiovascular")
        own = await recorded(caller, "/v1/sessions", a_session(site, offer_id=offer, programme="diabetes"))
        assert own["programme"] == "diabetes"
        assert (await recorded(caller, "/v1/sessions", a_session(site)))["programme"] == "talking_therapies"
        path = f"/v1/sessions/{own['id']}"
        elsewhere = await caller.patch(path, json={"offer_id": foreign}, headers=held(1))
        assert (elsewhere.status_code, elsewhere.json()["type"]) == (422, "/problems/offer-unknown")
        cleared = await caller.patch(path, json={"offer_id": None}, headers=held(1))
        assert (cleared.json()["offer_id"], cleared.json()["programme"]) == (None, "diabetes")
        listed = await caller.get("/v1/sessions", params={"offer_id": offer})
        assert listed.json()["items"] == [of_it]


async def test_each_site_sees_its_own_sessions_only(sites: Door) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = [await registered(everyone) for _ in range(2)]
        mine, theirs = [await recorded(everyone, "/v1/sessions", a_session(one["id"])) for one in (own, foreign)]
        nowhere = await everyone.post("/v1/sessions", json=a_session(str(uuid4())))
        assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/site-unknown")
    async with sites.caller(BOTH, sites=[UUID(own["id"])]) as caller:
        assert (await caller.get("/v1/sessions")).json()["items"] == [mine]
        assert (await caller.get("/v1/sessions", params={"site_id": foreign["id"]})).json()["items"] == []
        path = f"/v1/sessions/{theirs['id']}"
        assert (await caller.get(path)).status_code == 404
        assert (await caller.patch(path, json={"cancelled": True}, headers=held(1))).status_code == 404
        assert (await caller.put(f"{path}/attendance", json={"headcount": 1}, headers=held(1))).status_code == 404
        elsewhere = await caller.post("/v1/sessions", json=a_session(foreign["id"]))
        assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "/problems/site-unknown")
    async with sites.caller(WRITE, sites=[UUID(own["id"]), UUID(foreign["id"])]) as both:
        which = await both.post("/v1/sessions", json=a_session(None))
        assert (which.status_code, which.json()["type"]) == (422, "/problems/site-required")


async def test_lists_are_limited_by_all_their_filters_and_days_are_londons(sites: Door) -> None:
    async with sites.caller(BOTH) as caller, sites.caller(READ) as reader:
        site = (await registered(caller))["id"]
        late = await recorded(caller, "/v1/sessions", a_session(site, starts_at="2026-06-30T23:30:00Z", kind="drop_in"))
        june = await recorded(caller, "/v1/sessions", a_session(site, starts_at="2026-06-30T22:30:00Z"))
        off = await recorded(
            caller, "/v1/sessions", a_session(site, cancelled=True, programme="family_therapy_network")
        )

        async def found(**filters: str) -> list[str]:
            page = await reader.get("/v1/sessions", params=filters)
            assert page.status_code == 200, page.text
            return [one["id"] for one in page.json()["items"]]

        everything = [late["id"], june["id"], off["id"]]
        assert await found() == everything
        assert await found(**{"from": "2026-07-01", "to": "2026-07-01"}) == [late["id"]], "it was July in London"
        assert await found(to="2026-06-30") == [june["id"]]
        assert await found(kind="drop_in") == [late["id"]]
        assert await found(programme="family_therapy_network", cancelled="true") == [off["id"]]
        assert await found(programme="talking_therapies", site_id=site) == [late["id"], june["id"]]
        await caller.put(f"/v1/sessions/{late['id']}/attendance", json={"headcount": 4}, headers=held(1))
        assert await found(modified_after=off["modified_at"]) == [late["id"]]
        for wrong in ({"from": "yesterday"}, {"to": "9999-12-31"}, {"kind": "party"}, {"from_": "2026-07-01"}):
            assert (await reader.get("/v1/sessions", params=wrong)).status_code == 422, wrong
