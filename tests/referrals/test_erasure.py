"""Erasure: afterwards no store of the service says who somebody was, and nothing can make it say so."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.exceptions import InvalidTag

from deploy.embedded import Postgres
from shared.crypto import keyring
from tests.canary import a_canary, find, needles
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import a_referral, rows
from tests.referrals.lives import ALL, BORN, DECISION, administrator, erased, lived, noted, well
from tests.test_canary import dumped


async def test_no_store_of_the_database_keeps_anything_of_somebody_who_was_erased(
    referrals: Door, database: Database, postgres_server: Postgres
) -> None:
    life = await noted(database, await lived(referrals, database))
    secrets = life.secrets | {
        "month of birth": BORN,
        "an answer": '"first_treatment_on"',
        "a payload": "referral.triaged",
    }
    before = find(secrets, [("", dumped(postgres_server, database))])
    assert len(before) == len(secrets), "everything is there to be found"
    await erased(referrals, life)
    dump = dumped(postgres_server, database)
    assert find(secrets | needles() | DECISION, [("the dump", dump)]) == ["a payload in the dump"], (
        "the webhook's own kinds"
    )
    assert [row["payload"] for row in await rows(database, "webhook_deliveries")] == [{}]
    for table in ("person_keys", "demographics", "corrections", "match_keys", "possible_matches", "merges"):
        assert await rows(database, table) == [], table
    sent = await rows(database, "outbox", f"WHERE aggregate_id = '{life.key}' ORDER BY version")
    assert [row["version"] for row in sent] == list(range(1, len(sent) + 1))
    assert {json.dumps(row["data"]) for row in sent if "recorded" in row["subject"]} == {
        json.dumps({"person_key": life.key})
    }
    assert sent[-1]["subject"] == "people.erased.v1"


async def test_what_is_kept_counts_and_leads_to_nobody(referrals: Door, database: Database) -> None:
    life = await lived(referrals, database)
    coded = ("id", "received_on", "source", "status", "first_assessment_on", "discharged_on", "end_code", "version")
    before = await rows(database, "referrals", "ORDER BY id")
    report = await erased(referrals, life)
    after = await rows(database, "referrals", "ORDER BY id")
    assert [[row[name] for name in coded] for row in after] == [[row[name] for name in coded] for row in before]
    assert [row["content_digest"] for row in after] != [row["content_digest"] for row in before]
    assert len({row["content_digest"] for row in after}) == 2
    assert report["erased"] == {
        "announcements": 3,
        "answers kept for repetition": 3,
        "corrections": 2,
        "demographics": 3,
        "free texts of contacts": 0,
        "free texts of pathways": 2,
        "identifiers": 12,
        "keys": 1,
        "match keys": 0,
        "messages received": 2,
        "ties to other records": 0,
        "webhook messages": 1,
    }
    kept = {each["what"]: each["count"] for each in report["kept"]}
    assert (kept["pathways"], kept["contacts"]) == (2, 1)
    assert {"access log", "backups", "this decision", "senders' numbers"} <= kept.keys()
    assert all(each["why"] for each in report["kept"])
    assert (report["stream_cleaned"], report["messages_left"]) == (False, 3)


async def test_the_person_is_gone_and_their_pathways_are_nobodys(referrals: Door, database: Database) -> None:
    life = await lived(referrals, database)
    await erased(referrals, life)
    async with referrals.caller(ALL) as caller:
        for method, path in (
            ("GET", life.path),
            ("GET", f"{life.path}/history"),
            ("GET", f"{life.path}/audit"),
            ("PATCH", f"{life.path}/demographics"),
            ("POST", f"{life.path}/restrict"),
        ):
            answer = await caller.request(method, path, json={"reason": "x"}, headers={"If-Match": "*"})
            assert answer.status_code == 404, path
        found = await caller.post("/v1/people/search", json={"nhs_number": a_canary()["person"]["nhs_number"]})
        assert found.json()["items"] == []
        referral = well(await caller.get(f"/v1/referrals/{life.referrals[0]}"))
        assert (referral["status"], referral["person"], referral["note"]) == ("discharged", None, None)
        again = await caller.post("/v1/referrals", json=a_canary())
        assert (again.status_code, again.json()["type"]) == (410, "/problems/person-erased")
        newcomer = well(await caller.post("/v1/referrals", json=a_canary(source_id="C-new")))
        assert newcomer["person_id"] != str(life.person), "whoever comes again begins anew"


async def test_the_decision_is_kept_under_a_key_that_is_not_the_persons(referrals: Door, database: Database) -> None:
    life = await lived(referrals, database)
    await erased(referrals, life)
    (erasure,) = await rows(database, "erasures")
    assert json.loads(keyring().open("erasure", erasure["id"], erasure["decision"])) == DECISION
    assert (erasure["person_id"], erasure["recorded_by"]) == (life.person, "iaptus")
    with pytest.raises(InvalidTag):
        keyring().open("erasure", uuid4(), erasure["decision"])
    with pytest.raises(InvalidTag):
        keyring().open("webhook", erasure["id"], erasure["decision"])
    deeds = await rows(database, "audit", f"WHERE person_id = '{life.person}' ORDER BY id")
    assert (deeds[-1]["action"], deeds[-1]["resource"], deeds[-1]["detail"]) == ("delete", "person", "erased")
    assert len(deeds) > 5, "who saw and changed the record stays provable"


async def test_others_are_left_alone(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        key = {"Idempotency-Key": "bystander"}
        sent = a_referral()
        bystander = well(await caller.post("/v1/referrals", json=sent, headers=key))
        life = await lived(referrals, database)
        before = well(await caller.get(f"/v1/people/{bystander['person_id']}"))
        await erased(referrals, life)
        assert well(await caller.get(f"/v1/people/{bystander['person_id']}")) == before
        replayed = await caller.post("/v1/referrals", json=sent, headers=key)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert replayed.json()["id"] == bystander["id"]


async def test_asking_again_answers_the_report_again(referrals: Door, database: Database) -> None:
    life = await lived(referrals, database)
    first = await erased(referrals, life, **{"Idempotency-Key": "e"})
    async with referrals.caller(ALL) as caller:
        same = await caller.request("DELETE", life.path, json=DECISION, headers={"Idempotency-Key": "e"})
        again = await caller.request("DELETE", life.path, json=DECISION | {"reason": "Otherwise."})
    assert same.headers["Idempotent-Replayed"] == "true"
    assert same.json() == first
    assert again.json() == first | {"tied_to": None}, "what it was tied to is told once"
    assert len(await rows(database, "outbox", "WHERE subject = 'people.erased.v1'")) == 1
    assert len(await rows(database, "erasures")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 422),
        ({}, 422),
        ({"reason": "x"}, 422),
        ({"decided_by": "x"}, 422),
        ({"reason": " ", "decided_by": "x"}, 422),
        ({"reason": "x", "decided_by": "x", "more": 1}, 422),
        ({"reason": "x", "decided_by": "x"}, 200),
    ],
)
async def test_a_decision_is_needed(referrals: Door, body: dict[str, Any] | None, status: int) -> None:
    async with referrals.caller(ALL) as caller:
        person = well(await caller.post("/v1/referrals", json=a_referral()))["person_id"]
        answer = await caller.request("DELETE", f"/v1/people/{person}", json=body)
        there = await caller.get(f"/v1/people/{person}")
    assert (answer.status_code, there.status_code) == (status, 404 if status == 200 else 200)


async def test_who_may_erase_and_at_which_version(referrals: Door) -> None:
    here, there = uuid4(), uuid4()
    async with (
        referrals.caller(ALL) as caller,
        referrals.caller("people:read people:write", sites=[here]) as writer,
        referrals.caller(ALL, sites=[there]) as stranger,
        referrals.caller(ALL, sites=[here]) as own,
    ):
        person = well(await caller.post("/v1/referrals", json=a_referral(site_id=str(here))))["person_id"]
        path = f"/v1/people/{person}"
        assert (await writer.request("DELETE", path, json=DECISION)).status_code == 403
        assert (await stranger.request("DELETE", path, json=DECISION)).status_code == 404
        assert (await stranger.request("DELETE", path, content=b"{")).status_code == 404, "404 before 422"
        assert (await own.request("DELETE", path, json=DECISION, headers={"If-Match": '"9"'})).status_code == 412
        report = well(await own.request("DELETE", path, json=DECISION, headers={"If-Match": '"1"'}))
        again = well(await own.request("DELETE", path, json=DECISION, headers={"If-Match": '"1"'}))
        assert (await stranger.request("DELETE", path, json=DECISION)).status_code == 404, "erased or not"
    assert report["tied_to"] is None, "not a site's to know"
    assert again == report


async def test_an_erasure_that_cannot_be_logged_does_not_happen(referrals: Door, database: Database) -> None:
    life = await noted(database, await lived(referrals, database))
    async with administrator(database) as connection, referrals.caller(ALL) as caller:
        await connection.execute("REVOKE INSERT ON referrals.audit FROM roundtable_referrals")
        assert (await caller.request("DELETE", life.path, json=DECISION)).status_code == 500
        await connection.execute("GRANT INSERT ON referrals.audit TO roundtable_referrals")
        assert well(await caller.get(life.path))["identity"]["family_name"] == "Quillfeather-Xanthopoulou"
    assert await rows(database, "erasures") == []


async def test_a_pathway_goes_on_being_recorded_without_words(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        referral = well(await caller.post("/v1/referrals", json=a_referral()))
        well(await caller.request("DELETE", f"/v1/people/{referral['person_id']}", json=DECISION))
        path = f"/v1/referrals/{referral['id']}"
        well(await caller.post(f"{path}/triage", json={"decision": "accepted", "on": "2026-03-20"}))
        words = await caller.post(f"{path}/discharge", json={"on": "2026-05-01", "reason": "Moved away."})
        assert words.status_code == 410
        well(await caller.post(f"{path}/discharge", json={"on": "2026-05-01"}))
    sent = await rows(database, "outbox", f"WHERE aggregate_id = '{UUID(referral['id'])}' ORDER BY version")
    assert [row["version"] for row in sent] == [1, 2, 3]
