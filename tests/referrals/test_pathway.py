"""A pathway from end to end: corrections, versions, the order of refusals, and who may walk it."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.pathways import ALL, RECEIVED, a_contact, events, met, opened, said

HERE, THERE = str(uuid4()), str(uuid4())
DECISIONS: list[tuple[str, dict[str, Any]]] = [
    ("triage", {"decision": "accepted", "on": "2026-03-09"}),
    ("discharge", {"on": "2026-05-01"}),
    ("reopen", {"reason": "By mistake."}),
    ("contacts", a_contact()),
]


async def test_a_pathway_from_drop_in_to_the_end(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller, pathway="drop_in", site_id=HERE)
        await met(caller, path, on=RECEIVED, planned=False, attendance=None, appointment_type="01", site_id=HERE)
        for on in ("2026-03-09", "2026-03-16", "2026-03-23"):
            await met(caller, path, on=on, therapy_types=["304891004"])
        await met(caller, path, on="2026-03-30", attendance="3")
        told = await said(caller, path, "discharge", on="2026-04-06", end_code="46")
        listed = (await caller.get("/v1/referrals?status=discharged")).json()["items"]
    assert listed == [told]
    assert {name: told[name] for name in told if name.endswith("_on") or name in {"status", "finished_course"}} == {
        "received_on": "2026-03-02",
        "status": "discharged",
        "triaged_on": None,
        "first_assessment_on": "2026-03-02",
        "first_treatment_on": "2026-03-09",
        "last_treatment_on": "2026-03-23",
        "discharged_on": "2026-04-06",
        "finished_course": True,
    }
    assert (told["treatment_contacts"], told["version"]) == (3, 7)
    names = [name for name, _ in await events(database, path)]
    assert names == ["received", *["contact_recorded"] * 5, "discharged"]


async def test_named_fields_are_corrected_and_the_whole_picture_announced(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller, presenting_problem="F32.1", programme="talking_therapies")
        before = (await caller.get(path)).json()
        change = {"source": "G4", "pathway": "drop_in", "programme": "perinatal", "presenting_problem": None}
        told = await caller.patch(path, json=change, headers={"If-Match": '"1"'})
        assert (told.status_code, told.headers["ETag"]) == (200, '"2"')
        read = (await caller.get(path)).json()
        assert read == before | change | {"version": 2}
        for nothing in ({}, {"source": "G4"}, {"site_id": None}, change):
            same = await caller.patch(path, json=nothing, headers={"If-Match": '"2"'})
            assert (same.status_code, same.headers["ETag"]) == (200, '"2"')
    (received, corrected) = [data for _, data in await events(database, path)]
    assert corrected == {
        "referral_id": received["referral_id"],
        "person_key": received["person_key"],
        "received_on": "2026-03-02",
        "source": "G4",
        "pathway": "drop_in",
        "programme": "perinatal",
    }
    deed = (await rows(database, "audit", "WHERE action = 'update'"))[0]
    assert deed["detail"] == "pathway presenting_problem programme source"


async def test_a_closed_pathway_is_still_corrected_and_a_repeated_post_still_recognised(referrals: Door) -> None:
    sent = a_referral(received_on=RECEIVED)
    async with referrals.caller(ALL) as caller:
        path = (await caller.post("/v1/referrals", json=sent)).headers["Location"]
        await said(caller, path, "discharge", on="2026-05-01")
        told = await caller.patch(path, json={"source": "A1"}, headers={"If-Match": '"2"'})
        assert (told.status_code, told.json()["source"], told.json()["status"]) == (200, "A1", "discharged")
        again = await caller.post("/v1/referrals", json=sent)
    assert (again.status_code, again.json()) == (200, told.json())


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"source": None}, "/source"),
        ({"source": "ZZ"}, "/source"),
        ({"pathway": None}, "/pathway"),
        ({"pathway": "walk_in"}, "/pathway"),
        ({"programme": None}, "/programme"),
        ({"programme": "Talking Therapies"}, "/programme"),
        ({"presenting_problem": "X99"}, "/presenting_problem"),
        ({"received_on": "2026-01-01"}, "/received_on"),
        ({"status": "discharged"}, "/status"),
        ({"site_id": "here"}, "/site_id"),
    ],
)
async def test_a_correction_is_of_the_documented_form(
    referrals: Door, database: Database, change: dict[str, Any], where: str
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        refused = await caller.patch(path, json=change, headers={"If-Match": "*"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, where)
    assert len(await events(database, path)) == 1


async def test_a_patch_needs_the_version_and_a_decision_honours_it(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        unnamed = await caller.patch(path, json={"source": "A1"})
        stale = await caller.patch(path, json={"source": "A1"}, headers={"If-Match": '"2"'})
        weak = await caller.patch(path, json={"source": "A1"}, headers={"If-Match": 'W/"1"'})
        assert [one.status_code for one in (unnamed, stale, weak)] == [428, 412, 412]
        contact = await met(caller, path)
        place = f"/v1/contacts/{contact['id']}"
        assert (await caller.put(place, json=a_contact())).status_code == 428
        assert (await caller.put(place, json=a_contact(), headers={"If-Match": '"2"'})).status_code == 412
        for move, body in DECISIONS:
            refused = await caller.post(f"{path}/{move}", json=body, headers={"If-Match": '"1"'})
            assert (refused.status_code, refused.headers["ETag"]) == (412, '"2"'), move
        told = await caller.post(f"{path}/triage", json=DECISIONS[0][1], headers={"If-Match": '"2"'})
        assert (told.status_code, told.headers["ETag"]) == (200, '"3"')
    assert len(await events(database, path)) == 3


async def test_refusals_come_in_their_order(referrals: Door) -> None:
    bad, stale = {"nonsense": 1}, {"If-Match": '"9"'}
    async with (
        referrals.caller() as nobody,
        referrals.caller("referrals:read") as reader,
        referrals.caller(ALL) as caller,
    ):
        path, nowhere = await opened(caller), f"/v1/referrals/{uuid4()}"
        await said(caller, path, "discharge", on="2026-05-01")
        for move in ("triage", "discharge", "contacts", "reopen"):
            answers = [
                await nobody.post(f"{nowhere}/{move}", json=bad, headers=stale),
                await reader.post(f"{nowhere}/{move}", json=bad, headers=stale),
                await caller.post(f"{nowhere}/{move}", json=bad, headers=stale),
                await caller.post(f"{path}/{move}", json=bad, headers=stale),
                await caller.post(f"{path}/{move}", json=bad),
            ]
            assert [one.status_code for one in answers] == [401, 403, 404, 412, 422], move
        closed = {"decision": "rejected", "on": "2026-03-09"}
        future = closed | {"on": "2999-01-01"}
        assert (await caller.post(f"{path}/triage", json=future)).status_code == 422
        assert (await caller.post(f"{path}/triage", json=closed)).status_code == 409
        patches = [
            await nobody.patch(nowhere, json=bad),
            await reader.patch(nowhere, json=bad),
            await caller.patch(nowhere, json=bad),
            await caller.patch(path, json=bad),
            await caller.patch(path, json=bad, headers=stale),
            await caller.patch(path, json=bad, headers={"If-Match": "*"}),
        ]
        assert [one.status_code for one in patches] == [401, 403, 404, 428, 412, 422]


async def test_a_retry_with_its_key_is_answered_as_before_whatever_happened_meanwhile(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        key = {"Idempotency-Key": "patch", "If-Match": '"1"'}
        first = await caller.patch(path, json={"source": "A1"}, headers=key)
        await said(caller, path, "triage", decision="accepted", on="2026-03-09")
        again = await caller.patch(path, json={"source": "A1"}, headers=key)
        assert (again.status_code, again.content) == (200, first.content), "a replay outweighs a stale ETag"
        assert again.headers["Idempotent-Replayed"] == "true"
        for number, (move, body) in enumerate(DECISIONS):
            with_key = {"Idempotency-Key": f"move-{number}"}
            one, two = [await caller.post(f"{path}/{move}", json=body, headers=with_key) for _ in range(2)]
            assert (one.status_code, one.content) == (two.status_code, two.content), move
            assert two.headers["Idempotent-Replayed"] == "true"
        reused = await caller.post(f"{path}/reopen", json={"reason": "Another."}, headers={"Idempotency-Key": "move-2"})
        assert (reused.status_code, reused.json()["type"]) == (422, "/problems/key-reused")
    assert [name for name, _ in await events(database, path)] == [
        "received",
        "corrected",
        "triaged",
        "discharged",
        "reopened",
        "contact_recorded",
    ]


async def test_of_several_corrections_of_one_version_one_is_made(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        answers = await asyncio.gather(
            *(
                caller.patch(path, json={"source": source}, headers={"If-Match": '"1"'})
                for source in ("A1", "B2", "G4", "M7")
            )
        )
    assert sorted(one.status_code for one in answers) == [200, 412, 412, 412]
    assert len(await events(database, path)) == 2


async def test_a_restricted_person_s_pathway_is_not_moved(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        contact = await met(caller, path)
        await restrict(database)
        held = {"If-Match": "*"}
        attempts = [await caller.post(f"{path}/{move}", json=body) for move, body in DECISIONS if move != "reopen"]
        attempts += [
            await caller.patch(path, json={"source": "A1"}, headers=held),
            await caller.delete(path),
            await caller.put(f"/v1/contacts/{contact['id']}", json=a_contact(attendance="3"), headers=held),
            await caller.delete(f"/v1/contacts/{contact['id']}"),
        ]
        assert {(one.status_code, one.json()["type"]) for one in attempts} == {(409, "/problems/person-restricted")}
        assert (await caller.get(path)).status_code == 200
    assert len(await events(database, path)) == 2


async def test_an_erased_person_s_pathway_stays_as_figures_without_words(referrals: Door, database: Database) -> None:
    async with referrals.caller(f"{ALL} people:erase") as caller:
        path = await opened(caller)
        await said(caller, path, "triage", decision="accepted", on="2026-03-09", reason="Near Okafor.")
        person = (await caller.get(path)).json()["person_id"]
        decision = {"reason": "Asked for it.", "decided_by": "Information governance"}
        erased = await caller.request("DELETE", f"/v1/people/{person}", json=decision)
        assert erased.is_success, erased.text
        read = (await caller.get(path)).json()
        assert (read["status"], read["person"], read["triage_reason"], read["note"]) == ("accepted", None, None, None)
        await met(caller, path)
        wordy = {"on": "2026-05-01", "reason": "Said by Okafor."}
        linked = await caller.patch(path, json={"source": "A1"}, headers={"If-Match": "*"})
        for refused in (await caller.post(f"{path}/discharge", json=wordy), linked):
            assert (refused.status_code, refused.json()["type"]) == (410, "/problems/person-erased")
        ended = await said(caller, path, "discharge", on="2026-05-01", end_code="46")
    assert (ended["status"], ended["treatment_contacts"]) == ("discharged", 1)
    names = [name for name, _ in await events(database, path)]
    assert names == ["received", "triaged", "contact_recorded", "discharged"]


async def restrict(database: Database) -> None:
    """Restrict everybody, as the administrator."""
    connection = await asyncpg.connect(database.admin_dsn)
    await connection.execute("UPDATE referrals.people SET restricted_at = now()")
    await connection.close()
