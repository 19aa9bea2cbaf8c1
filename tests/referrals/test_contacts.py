"""Care contacts: planned, held, missed, cancelled, taken out again; and what a pathway makes of them."""

import asyncio
from uuid import uuid4

from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.pathways import ALL, a_contact, day, events, met, opened, said, status

HERE, THERE = str(uuid4()), str(uuid4())


async def test_a_contact_is_recorded_read_and_listed_as_sent(referrals: Door, database: Database) -> None:
    sent = a_contact(
        at="18:30",
        duration_minutes=50,
        mechanism="11",
        therapy_types=["304891004", "702545008", "304891004"],
        site_id=HERE,
        language="ta",
        interpreter="4",
        group_session_id=THERE,
        internet_therapy=True,
        planned=True,
    )
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        told = await caller.post(f"{path}/contacts", json=sent)
        assert told.status_code == 201, told.text
        read = await caller.get(told.headers["Location"])
        listed = (await caller.get(f"{path}/contacts")).json()
    body = told.json()
    assert told.headers["ETag"] == read.headers["ETag"] == '"1"'
    assert body["referral_id"] == path.rpartition("/")[2]
    kept = sent | {"at": "18:30:00", "therapy_types": ["304891004", "702545008"]}
    assert {name: body[name] for name in sent} == kept
    assert read.json() == body
    assert listed == {"items": [body], "next": None}
    (name, data) = (await events(database, path))[-1]
    assert name == "contact_recorded"
    del kept["at"]
    assert data == kept | {"contact_id": body["id"], "referral_id": body["referral_id"]}
    deeds = [
        (deed["action"], deed["resource"], deed["resource_id"]) for deed in await rows(database, "audit", "ORDER BY id")
    ]
    assert deeds[1:] == [
        ("create", "contact", body["id"]),
        ("read", "contact", body["id"]),
        ("read", "contacts", body["referral_id"]),
    ]


async def test_a_planned_contact_becomes_attended_missed_or_cancelled(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        first = await met(caller, path, on=day(0), attendance="0", appointment_type="03")
        place = f"/v1/contacts/{first['id']}"
        assert await status(caller, path) == "received"
        held = await caller.put(
            place, json=a_contact(on=day(0), appointment_type="03", duration_minutes=55), headers={"If-Match": '"1"'}
        )
        assert (held.status_code, held.headers["ETag"]) == (200, '"2"')
        read = (await caller.get(path)).json()
        assert (read["status"], read["first_assessment_on"], read["first_treatment_on"]) == (
            "in_treatment",
            day(0),
            day(0),
        )
        same = await caller.put(
            place, json=a_contact(on=day(0), appointment_type="03", duration_minutes=55), headers={"If-Match": '"2"'}
        )
        assert (same.json(), same.headers["ETag"]) == (held.json(), '"2"')
        for number, attendance in enumerate(("3", "2", "4", "7"), 2):
            told = await caller.put(
                place, json=a_contact(on=day(0), attendance=attendance), headers={"If-Match": f'"{number}"'}
            )
            assert told.json()["duration_minutes"] is None, "the whole of it was replaced"
            assert await status(caller, path) == "received", attendance
    assert [name for name, _ in await events(database, path)] == ["received"] + ["contact_recorded"] * 6


async def test_a_contact_taken_out_counts_nowhere_and_is_not_found(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        kept, mistaken = await met(caller, path, on="2026-03-20"), await met(caller, path, on="2026-03-13")
        assert (await caller.get(path)).json()["first_treatment_on"] == "2026-03-13"
        place = f"/v1/contacts/{mistaken['id']}"
        stale = await caller.delete(place, headers={"If-Match": '"7"'})
        gone, again = await caller.delete(place, headers={"If-Match": '"1"'}), await caller.delete(place)
        assert (stale.status_code, gone.status_code, gone.content, again.status_code) == (412, 204, b"", 204)
        read = (await caller.get(path)).json()
        assert (read["first_treatment_on"], read["treatment_contacts"]) == ("2026-03-20", 1)
        changed = await caller.put(place, json=a_contact(), headers={"If-Match": "*"})
        assert ((await caller.get(place)).status_code, changed.status_code) == (404, 404)
        assert [one["id"] for one in (await caller.get(f"{path}/contacts")).json()["items"]] == [kept["id"]]
        renewed = await caller.post(f"{path}/contacts", json=a_contact(id=mistaken["id"]))
        assert (renewed.status_code, renewed.json()["type"]) == (409, "/problems/contact-withdrawn")
    names = [name for name, _ in await events(database, path)]
    assert names == ["received", "contact_recorded", "contact_recorded", "contact_removed"]
    assert len(await rows(database, "contacts")) == 2, "the row stays for the audit"


async def test_a_contact_with_an_id_of_the_senders_is_recorded_once(referrals: Door, database: Database) -> None:
    sent = a_contact(id=str(uuid4()))
    async with referrals.caller(ALL) as caller, referrals.caller(ALL, client="other") as other:
        path, elsewhere = await opened(caller), await opened(caller)
        first = await caller.post(f"{path}/contacts", json=sent)
        again = await caller.post(f"{path}/contacts", json=sent)
        differs = await caller.post(f"{path}/contacts", json=sent | {"duration_minutes": 5})
        others = await other.post(f"{path}/contacts", json=sent)
        taken = await caller.post(f"{elsewhere}/contacts", json=sent)
        assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
        for refused in (differs, others):
            assert (refused.status_code, refused.json()["type"]) == (409, "/problems/contact-differs")
        assert (taken.status_code, taken.json()["type"]) == (409, "/problems/id-taken")
        changed = await caller.put(f"/v1/contacts/{sent['id']}", json=a_contact(), headers={"If-Match": "*"})
        await caller.put(f"/v1/contacts/{sent['id']}", json=a_contact(attendance="3"), headers={"If-Match": "*"})
        late = await caller.post(f"{path}/contacts", json=sent)
    assert changed.headers["ETag"] == '"1"'
    assert (late.status_code, late.json()["attendance"]) == (200, "3"), "recognised, and shown as it is now"
    assert len(await events(database, path)) == 3


async def test_the_same_contact_sent_many_times_at_once_is_recorded_once(referrals: Door, database: Database) -> None:
    sent = a_contact(id=str(uuid4()))
    async with referrals.caller(ALL) as caller:
        path, elsewhere = await opened(caller), await opened(caller)
        answers = await asyncio.gather(
            *(caller.post(f"{path}/contacts", json=sent) for _ in range(4)),
            *(caller.post(f"{elsewhere}/contacts", json=sent) for _ in range(2)),
        )
    assert sorted(answer.status_code for answer in answers) in (
        [200, 200, 200, 201, 409, 409],
        [200, 201, 409, 409, 409, 409],
    )
    assert len(await rows(database, "contacts")) == 1


async def test_contacts_are_recorded_changed_and_removed_after_a_discharge(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        await met(caller, path, on="2026-03-20")
        await said(caller, path, "discharge", on="2026-05-01", end_code="46")
        same_day = await met(caller, path, on="2026-05-01")
        after = await met(caller, path, on="2026-05-02")
        read = (await caller.get(path)).json()
        assert (read["status"], read["treatment_contacts"], read["last_treatment_on"], read["finished_course"]) == (
            "discharged",
            2,
            "2026-05-01",
            True,
        )
        moved = await caller.put(
            f"/v1/contacts/{after['id']}", json=a_contact(on="2026-04-30"), headers={"If-Match": '"1"'}
        )
        assert moved.status_code == 200
        assert (await caller.get(path)).json()["treatment_contacts"] == 3
        await caller.delete(f"/v1/contacts/{same_day['id']}")
        await caller.delete(f"/v1/contacts/{after['id']}")
        assert (await caller.get(path)).json()["finished_course"] is False
        listed = (await caller.get(f"{path}/contacts")).json()["items"]
    assert [one["on"] for one in listed] == ["2026-03-20"]
    names = [name for name, _ in await events(database, path)][3:]
    assert names == ["contact_recorded"] * 3 + ["contact_removed"] * 2


async def test_a_list_of_contacts_is_paged_in_the_order_of_their_days(referrals: Door) -> None:
    async with referrals.caller(ALL) as caller:
        path, other = await opened(caller), await opened(caller)
        days = ["2026-04-03", "2026-03-20", "2026-04-03", "2026-03-02", "2026-06-01"]
        made = [await met(caller, path, on=one) for one in days]
        await met(caller, other)
        ids, cursor = [], ""
        while True:
            page = (await caller.get(f"{path}/contacts?limit=2{cursor}")).json()
            ids += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        elsewhere = await caller.get(f"{other}/contacts?limit=2{cursor}")
    assert ids == [one["id"] for one in sorted(made, key=lambda one: (one["on"], one["id"]))]
    assert elsewhere.status_code == 422, "a cursor belongs to its list"


async def test_a_key_makes_a_retry_of_a_contact_safe(referrals: Door, database: Database) -> None:
    async with referrals.caller(ALL) as caller:
        path = await opened(caller)
        key = {"Idempotency-Key": "contact-1"}
        first = await caller.post(f"{path}/contacts", json=a_contact(), headers=key)
        again = await caller.post(f"{path}/contacts", json=a_contact(), headers=key)
        assert (again.status_code, again.content) == (201, first.content)
        place, held = first.headers["Location"], {"If-Match": '"1"', "Idempotency-Key": "contact-2"}
        put = await caller.put(place, json=a_contact(attendance="3"), headers=held)
        replayed = await caller.put(place, json=a_contact(attendance="3"), headers=held)
        assert (put.status_code, replayed.status_code, replayed.content) == (200, 200, put.content)
        gone = {"If-Match": '"2"', "Idempotency-Key": "contact-3"}
        removed, twice = [await caller.delete(place, headers=gone) for _ in range(2)]
    assert (removed.status_code, twice.status_code) == (204, 204)
    assert twice.headers["Idempotent-Replayed"] == "true"
    assert len(await events(database, path)) == 4
