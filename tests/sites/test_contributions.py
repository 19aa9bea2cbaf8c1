"""S14: unpaid labour and redistribution. Who gave which hours, paid or not, and which money moved where."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.databases import Database
from tests.doors import Door
from tests.sites.builders import BOTH, WRITE, deeds, events, held, registered
from tests.sites.doings import a_contribution, recorded


async def test_a_site_shows_what_its_people_gave_unpaid_and_what_came_back(sites: Door, database: Database) -> None:
    """S14: hours of interpreters that nobody paid, then money from the statutory side, then the hours paid after all."""
    async with sites.caller(BOTH) as everyone:
        site = UUID((await registered(everyone))["id"])
    async with sites.caller(BOTH, client="site-app", sites=[site]) as app:
        given = await recorded(app, "/v1/contributions", a_contribution(None))
        assert given | {"hours": 6.25, "money_pence": None, "paid": False, "site_id": str(site)} == given
        money = a_contribution(str(site), paid=True, money_pence=125_000, from_side="statutory", to_side="community")
        moved = await recorded(app, "/v1/contributions", {n: v for n, v in money.items() if n != "hours"})
        assert moved["hours"] is None
        path = f"/v1/contributions/{given['id']}"
        paid = await app.patch(path, json={"paid": True, "role": "paid interpreter"}, headers=held(1))
        assert paid.status_code == 200, paid.text
        assert (await app.get(path)).json() == paid.json()
        listed = (await app.get("/v1/contributions", params={"paid": "true"})).json()["items"]
        assert listed == [paid.json(), moved]
        from_statutory = await app.get("/v1/contributions", params={"from_side": "statutory", "from": "2026-09-16"})
        assert from_statutory.json()["items"] == [moved]
        assert (await app.get("/v1/contributions", params={"to": "2026-09-15"})).json()["items"] == []
    told = {"site_id": str(site), "on": "2026-09-16"}
    assert await events(database, given["id"]) == [
        (
            "sites.contribution_logged.v1",
            version,
            {"contribution_id": given["id"], **told, "hours": 6.25, "paid": paid_by_then}
            | {"from_side": "community", "to_side": "statutory"},
        )
        for version, paid_by_then in ((1, False), (2, True))
    ]
    assert (await events(database, moved["id"]))[0][2] == {
        "contribution_id": moved["id"],
        **told,
        "paid": True,
        "money_pence": 125_000,
        "from_side": "statutory",
        "to_side": "community",
    }
    assert (await deeds(database))[-1] == ("update", "contribution", "paid role")


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"hours": None}, "/hours", "missing"),
        ({"hours": 0}, "/hours", "greater_than"),
        ({"hours": -1}, "/hours", "greater_than"),
        ({"money_pence": 0}, "/money_pence", "greater_than_equal"),
        ({"money_pence": 12.5}, "/money_pence", "int_type"),
        ({"money_pence": 100, "from_side": "statutory"}, "/to_side", "same_side"),
        ({"from_side": None}, "/from_side", "literal_error"),
        ({"paid": "yes"}, "/paid", "bool_type"),
        ({"on": "2099-01-01"}, "/on", "date_out_of_range"),
        ({"role": ""}, "/role", "string_too_short"),
        ({"name": "Jane"}, "/name", "extra_forbidden"),
    ],
)
async def test_what_cannot_have_been_given_is_refused(
    sites: Door, change: dict[str, Any], pointer: str, code: str
) -> None:
    async with sites.caller(WRITE) as caller:
        answer = await caller.post("/v1/contributions", json=a_contribution((await registered(caller))["id"]) | change)
    assert answer.status_code == 422, answer.text
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]


async def test_a_contribution_logged_twice_is_one_and_a_change_names_its_version(
    sites: Door, database: Database
) -> None:
    async with sites.caller(BOTH) as caller:
        new = a_contribution((await registered(caller))["id"], id=str(uuid4()))
        first = await recorded(caller, "/v1/contributions", new)
        again = await caller.post("/v1/contributions", json=new)
        assert (again.status_code, again.json()) == (200, first)
        differs = await caller.post("/v1/contributions", json=new | {"paid": True})
        assert (differs.status_code, differs.json()["type"]) == (409, "/problems/contribution-differs")
        path = f"/v1/contributions/{first['id']}"
        assert (await caller.patch(path, json={"paid": True})).status_code == 428
        assert (await caller.patch(path, json={"paid": True}, headers=held(9))).status_code == 412
        assert (await caller.patch(f"/v1/contributions/{uuid4()}", json={})).status_code == 404
        emptied = await caller.patch(path, json={"hours": None}, headers=held(1))
        assert [error["pointer"] for error in emptied.json()["errors"]] == ["/hours"], "something was given"
        swapped = await caller.patch(path, json={"hours": None, "money_pence": 500}, headers=held(1))
        assert (swapped.status_code, swapped.json()["hours"]) == (200, None)
        key = held(2) | {"Idempotency-Key": "correct-1"}
        changed, replayed = [await caller.patch(path, json={"money_pence": 600}, headers=key) for _ in range(2)]
        assert (changed.status_code, replayed.headers["Idempotent-Replayed"]) == (200, "true")
        same = await caller.patch(path, json={"money_pence": 600}, headers=held(3))
        assert (same.status_code, same.headers["ETag"]) == (200, '"3"')
    assert [version for _, version, _ in await events(database, first["id"])] == [1, 2, 3]


async def test_each_site_sees_its_own_contributions_only(sites: Door) -> None:
    async with sites.caller(BOTH) as everyone:
        own, foreign = [(await registered(everyone))["id"] for _ in range(2)]
        mine, theirs = [await recorded(everyone, "/v1/contributions", a_contribution(one)) for one in (own, foreign)]
    async with sites.caller(BOTH, sites=[UUID(own)]) as caller:
        assert (await caller.get("/v1/contributions")).json()["items"] == [mine]
        assert (await caller.get("/v1/contributions", params={"site_id": foreign})).json()["items"] == []
        path = f"/v1/contributions/{theirs['id']}"
        assert (await caller.get(path)).status_code == 404
        assert (await caller.patch(path, json={"paid": True}, headers=held(1))).status_code == 404
        elsewhere = await caller.post("/v1/contributions", json=a_contribution(foreign))
        assert (elsewhere.status_code, elsewhere.json()["type"]) == (404, "/problems/site-unknown")
