"""Offers: registered once, changed by one at a time, withdrawn for good, and told of each time."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, READ, WRITE, an_offer, deeds, events, held, offered, registered, rows, times


async def test_an_offer_is_shown_as_it_was_sent(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        site = await registered(caller)
        sent = an_offer(site["id"], schedule=[times(freq="MONTHLY", byday=["-1FR"]), times()], id=str(uuid4()))
        made = await caller.post("/v1/offers", json=sent)
        assert made.status_code == 201, made.text
        read = await caller.get(made.headers["Location"])
        [listed] = (await caller.get("/v1/offers")).json()["items"]
    body = made.json()
    assert body == sent | {"version": 1, "created_at": body["created_at"], "modified_at": body["created_at"]}
    assert made.headers["ETag"] == read.headers["ETag"] == '"1"'
    assert read.json() == listed == body
    assert (await deeds(database))[-1] == ("create", "offer", None)


async def test_what_is_told_of_an_offer_is_coded_and_whole(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await offered(caller)
        path = f"/v1/offers/{body['id']}"
        full = await caller.patch(path, json={"capacity": 0, "accepting_referrals": False}, headers=held(1))
        gone = await caller.delete(path)
    assert (full.status_code, gone.status_code) == (200, 204)
    said = await events(database, body["id"])
    assert [(subject, version) for subject, version, _ in said] == [
        ("sites.offer_changed.v1", version) for version in (1, 2, 3)
    ]
    first = {
        "offer_id": body["id"],
        "site_id": body["site_id"],
        "programme": "talking_therapies",
        "therapy_types": ["748051000000105"],
        "languages": ["en", "so"],
        "capacity": 12,
        "accepting_referrals": True,
        "next_available_on": "2026-12-04",
        "designed_by": "together",
        "delivered_by": "people_using_services",
        "status": "active",
    }
    full_now = {"capacity": 0, "accepting_referrals": False}
    assert [data for *_, data in said] == [first, first | full_now, first | full_now | {"status": "withdrawn"}]


async def test_registering_again_is_recognised_and_something_else_under_the_same_id_is_refused(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as caller, sites.caller(BOTH, client="another") as another:
        sent = an_offer((await registered(caller))["id"], id=str(uuid4()))
        made = await caller.post("/v1/offers", json=sent)
        await caller.patch(f"/v1/offers/{sent['id']}", json={"name": "Tea", "schedule": []}, headers=held(1))
        again = await caller.post("/v1/offers", json=sent)
        refused = [
            await caller.post("/v1/offers", json=sent | {"fees": None}),
            await caller.post("/v1/offers", json=sent | {"schedule": []}),
            await another.post("/v1/offers", json=sent),
        ]
        await caller.delete(f"/v1/offers/{sent['id']}")
        withdrawn = await caller.post("/v1/offers", json=sent)
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json()["name"] == "Tea", "it shows the offer as it is now"
    assert (again.json()["version"], again.headers["ETag"], again.json()["schedule"]) == (2, '"2"', [])
    assert {(one.status_code, one.json()["type"]) for one in refused} == {(409, "/problems/offer-differs")}
    assert (withdrawn.status_code, withdrawn.json()["type"]) == (409, "/problems/offer-withdrawn")
    assert len(await events(database, sent["id"])) == 3
    assert len(await rows(database, "offers")) == 1


async def test_a_change_changes_what_it_names_and_a_schedule_as_a_whole(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await offered(caller)
        path = f"/v1/offers/{body['id']}"
        monday = times(byday=["MO"], description="Tea first.")
        change: dict[str, Any] = {
            "capacity": None,
            "status": "temporarily_closed",
            "schedule": [monday, body["schedule"][0]],
        }
        told = await caller.patch(path, json=change, headers=held(1))
        same: list[dict[str, Any]] = [{}, change, {"name": " Talking over tea "}, {"schedule": change["schedule"] * 2}]
        unchanged = [await caller.patch(path, json=one, headers=held(2)) for one in same]
        turned = await caller.patch(path, json={"schedule": change["schedule"][::-1]}, headers=held(2))
    assert told.json() == body | change | {"version": 2, "modified_at": told.json()["modified_at"]}
    assert {(one.status_code, one.headers["ETag"]) for one in unchanged} == {(200, '"2"')}
    assert turned.json()["version"] == 3
    assert [version for _, version, _ in await events(database, body["id"])] == [1, 2, 3]
    assert (await deeds(database))[-2:] == [
        ("update", "offer", "capacity schedule status"),
        ("update", "offer", "schedule"),
    ]


async def test_the_same_times_keep_their_id_whatever_else_changes(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        body = await offered(caller)
        before = {row["id"] for row in await rows(database, "schedules")}
        change = {"schedule": [times(byday=["MO"]), *body["schedule"]]}
        await caller.patch(f"/v1/offers/{body['id']}", json=change, headers=held(1))
        another = await offered(caller)
    after = await rows(database, "schedules", "ORDER BY position")
    assert before < {row["id"] for row in after if str(row["offer_id"]) == body["id"]}
    assert not before & {row["id"] for row in after if str(row["offer_id"]) == another["id"]}


async def test_of_two_who_change_the_same_version_one_succeeds(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller:
        body = await offered(caller)
        path = f"/v1/offers/{body['id']}"
        answers = await asyncio.gather(
            *(caller.patch(path, json={"capacity": number}, headers=held(1)) for number in (3, 4)),
            *(caller.patch(path, json={"schedule": [times(interval=number)]}, headers=held(1)) for number in (3, 4)),
        )
        whatever = await asyncio.gather(
            *(caller.patch(path, json={"capacity": number}, headers={"If-Match": "*"}) for number in range(20, 25)),
        )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert {answer.status_code for answer in whatever} == {200}
    said = await events(database, body["id"])
    assert [version for _, version, _ in said] == [1, 2, 3, 4, 5, 6, 7], "no gap"
    assert said[-1][2]["capacity"] == (await rows(database, "offers"))[0]["capacity"]


async def test_a_change_with_a_key_happens_once_though_its_version_has_passed(sites: Door, database: Database) -> None:
    async with sites.caller(WRITE) as caller:
        body = await offered(caller)
        path = f"/v1/offers/{body['id']}"
        keyed = held(1) | {"Idempotency-Key": "once"}
        first = await caller.patch(path, json={"capacity": 3}, headers=keyed)
        await caller.patch(path, json={"capacity": 4}, headers=held(2))
        again = await caller.patch(path, json={"capacity": 3}, headers=keyed)
        other = await caller.patch(path, json={"capacity": 5}, headers=keyed)
    assert (first.status_code, again.status_code, other.status_code) == (200, 200, 422)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    assert (await rows(database, "offers"))[0]["capacity"] == 4


@pytest.mark.parametrize("kind", ["sites", "organisations"])
async def test_a_change_of_the_register_with_a_key_happens_once_too(sites: Door, kind: str) -> None:
    async with sites.caller(WRITE) as caller:
        site = await registered(caller)
        path = f"/v1/{kind}/{site['id'] if kind == 'sites' else site['organisation_id']}"
        keyed = held(1) | {"Idempotency-Key": "once"}
        first = await caller.patch(path, json={"name": "New"}, headers=keyed)
        again = await caller.patch(path, json={"name": "New"}, headers=keyed)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_withdrawn_offer_is_gone_for_good_and_what_changed_says_so(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as caller:
        kept, body = await offered(caller), await offered(caller, name="Gone")
        path, since = f"/v1/offers/{body['id']}", body["modified_at"]
        stale = await caller.delete(path, headers=held(7))
        gone = [await caller.delete(path, headers=held(1)) for _ in range(2)]
        told = [
            await caller.get(path),
            await caller.patch(path, json={"name": "Back"}, headers=held(2)),
            await caller.delete(f"/v1/offers/{uuid4()}"),
        ]
        listed = (await caller.get("/v1/offers")).json()["items"]
        changed = (await caller.get("/v1/offers", params={"modified_after": since})).json()["items"]
        compact = (await caller.get("/v1/offers", params={"modified_after": since, "compact": "true"})).json()["items"]
    assert stale.status_code == 412
    assert [one.status_code for one in gone] == [204, 204]
    assert [one.status_code for one in told] == [404, 404, 404]
    assert [one["id"] for one in listed] == [kept["id"]]
    assert [(one["id"], one["status"], one["accepting_referrals"]) for one in changed] == [
        (body["id"], "withdrawn", False)
    ]
    assert [(one["id"], one["status"], one["version"]) for one in compact] == [(body["id"], "withdrawn", 2)]
    assert [str(row["offer_id"]) for row in await rows(database, "removed_offers")] == [body["id"]]
    assert len(await events(database, body["id"])) == 2


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"accepting_referrals": True, "capacity": 0}, "/accepting_referrals", "capacity_exhausted"),
    ({"minimum_age": 40, "maximum_age": 18}, "/maximum_age", "ages_reversed"),
    ({"needs": ["klingon"]}, "/needs/0", "code_unknown"),
    ({"languages": ["klingon"]}, "/languages/0", "code_unknown"),
    ({"programme": "Klingon!"}, "/programme", "string_pattern_mismatch"),
    ({"designed_by": "klingon"}, "/designed_by", "literal_error"),
    ({"status": "withdrawn"}, "/status", "literal_error"),
    ({"email": "klingon"}, "/email", "string_pattern_mismatch"),
    ({"phone": "klingon"}, "/phone", "string_pattern_mismatch"),
    ({"url": "javascript:klingon"}, "/url", "website_invalid"),
    ({"next_available_on": "1989-12-31"}, "/next_available_on", "date_out_of_range"),
    ({"description": "klingon\x07"}, "/description", "string_pattern_mismatch"),
    ({"klingon": 1}, "/klingon", "extra_forbidden"),
]
WRONG_TIMES: list[tuple[dict[str, Any], str, str]] = [
    ({"opens_at": "12:00"}, "/closes_at", "closes_before_opening"),
    ({"opens_at": "25:00"}, "/opens_at", "time_parsing"),
    ({"opens_at": 36000}, "/opens_at", "time_parsing"),
    ({"closes_at": "12:00Z"}, "/closes_at", "time_parsing"),
    ({"freq": None}, "/freq", "literal_error"),
    ({"freq": "YEARLY"}, "/freq", "literal_error"),
    ({"interval": 0}, "/interval", "greater_than_equal"),
    ({"byday": ["1TH"]}, "/byday", "weekday_numbered"),
    ({"byday": ["XX"]}, "/byday/0", "string_pattern_mismatch"),
    ({"byday": ["6TH"], "freq": "MONTHLY"}, "/byday/0", "string_pattern_mismatch"),
    ({"bymonthday": [1]}, "/bymonthday", "monthday_in_a_week"),
    ({"bymonthday": [0], "freq": "MONTHLY"}, "/bymonthday/0", "monthday_zero"),
    ({"bymonthday": [32], "freq": "MONTHLY"}, "/bymonthday/0", "less_than_equal"),
    ({"dtstart": "1066-10-14"}, "/dtstart", "date_out_of_range"),
    ({"valid_to": "2025-12-31"}, "", "schedule_never"),
    ({"freq": "MONTHLY", "byday": ["1MO"], "bymonthday": [9]}, "", "schedule_never"),
]
WRONG += [({"schedule": [times(**wrong)]}, f"/schedule/0{place}", code) for wrong, place, code in WRONG_TIMES]


async def test_an_offer_that_cannot_be_is_refused_by_where_and_how_never_by_what(
    sites: Door, database: Database
) -> None:
    async with sites.caller(WRITE) as caller:
        body = await offered(caller)
        for wrong, place, code in WRONG:
            made = await caller.post("/v1/offers", json=an_offer(body["site_id"], **wrong))
            changed = await caller.patch(f"/v1/offers/{body['id']}", json=wrong, headers=held(1))
            for told in (made, changed):
                assert told.status_code == 422, (wrong, told.text)
                assert (place, code) in {(one["pointer"], one["code"]) for one in told.json()["errors"]}, told.text
                assert "klingon" not in told.text.replace("/klingon", "")
        for name in ("name", "description", "schedule", "languages", "accepting_referrals", "status", "site_id"):
            cleared = await caller.patch(f"/v1/offers/{body['id']}", json={name: None}, headers=held(1))
            assert [one["pointer"] for one in cleared.json()["errors"]] == [f"/{name}"]
    assert len(await rows(database, "offers")) == len(await events(database, body["id"])) == 1


async def test_a_place_that_is_given_away_must_be_said_together_with_closing_the_door(sites: Door) -> None:
    async with sites.caller(WRITE) as caller:
        path = f"/v1/offers/{(await offered(caller))['id']}"
        alone = await caller.patch(path, json={"capacity": 0}, headers=held(1))
        both = await caller.patch(path, json={"capacity": 0, "accepting_referrals": False}, headers=held(1))
        reopened = await caller.patch(path, json={"accepting_referrals": True}, headers=held(2))
    assert [one.status_code for one in (alone, both, reopened)] == [422, 200, 422]


async def test_refusals_come_in_order(sites: Door) -> None:
    async with sites.caller() as nobody, sites.caller(READ) as reader, sites.caller(WRITE) as writer:
        path, unknown = f"/v1/offers/{(await offered(writer))['id']}", f"/v1/offers/{uuid4()}"
        told = [
            await nobody.patch(path, content=b"{"),
            await reader.patch(path, content=b"{"),
            await writer.patch(unknown, content=b"{"),
            await writer.patch(path, content=b"{"),
            await writer.patch(path, content=b"{", headers=held(5)),
            await writer.patch(path, content=b"{", headers=held(1)),
        ]
        assert [one.status_code for one in told] == [401, 403, 404, 428, 412, 422]


async def test_one_sites_caller_offers_at_that_site_and_sees_nothing_of_others(sites: Door, database: Database) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = await offered(everyone), await offered(everyone)
        other = await registered(everyone)
    mine = UUID(own["site_id"])
    async with (
        sites.caller(BOTH, sites=[mine]) as caller,
        sites.caller(BOTH, sites=[mine, UUID(other["id"])]) as of_two,
        sites.caller(BOTH, sites=[]) as nowhere,
        sites.caller(BOTH) as everyone,
    ):
        assert [one["id"] for one in (await caller.get("/v1/offers")).json()["items"]] == [own["id"]]
        assert (await nowhere.get("/v1/offers")).json()["items"] == []
        path = f"/v1/offers/{foreign['id']}"
        assert (await caller.get(path)).status_code == 404
        assert (await caller.patch(path, json={"capacity": 1}, headers=held(1))).status_code == 404
        assert (await caller.delete(path)).status_code == 404
        assert (await caller.post("/v1/offers", json=an_offer(foreign["site_id"]))).status_code == 404
        moved = {"site_id": foreign["site_id"]}
        assert (await caller.patch(f"/v1/offers/{own['id']}", json=moved, headers=held(1))).status_code == 404
        unsaid = {name: value for name, value in an_offer("").items() if name != "site_id"}
        said = [await one.post("/v1/offers", json=unsaid) for one in (caller, of_two, nowhere, everyone)]
        assert [one.status_code for one in said] == [201, 422, 404, 422]
        assert said[0].json()["site_id"] == own["site_id"]
        assert (await everyone.post("/v1/offers", json=an_offer(str(uuid4())))).status_code == 404
        taken = await caller.post("/v1/offers", json=an_offer(own["site_id"], id=foreign["id"]))
        assert (taken.status_code, taken.json()["type"]) == (409, "/problems/offer-differs")
    assert len(await events(database, foreign["id"])) == 1
