"""Referrers are told what became of their referrals: signed, and never more than they should know."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from sqlalchemy import select

from services.referrals import tables
from services.referrals.commands.delivering import deliver, forget
from services.referrals.commands.webhooks import announce
from services.referrals.queries import webhooks as queries
from shared.auth import Caller
from shared.db import limit_to, session_maker
from tests.databases import Database
from tests.doors import Door
from tests.referrals.builders import rows
from tests.referrals.hooks import (
    EVERY_KIND,
    WRITE,
    allow_private,
    done,
    is_signed_by,
    log_of,
    registered,
    round_made,
    signatures_of,
    triaged,
)
from tests.referrals.receiver import Receiver
from tests.streams import doing


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_private(monkeypatch)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_decision_reaches_the_referrer_signed_and_without_anybody_in_it(referrals: Door) -> None:
    async with (
        Receiver() as receiver,
        referrals.caller(WRITE, client="church") as church,
        referrals.caller(WRITE) as nhs,
    ):
        webhook = await registered(church, receiver.url)
        made = await triaged(church, source_system="ledger", source_id="L-7")
        await triaged(nhs)
        await round_made()
        (delivery,) = await log_of(church, webhook)
    (heard,) = receiver.heard
    assert is_signed_by(heard, webhook["secret"])
    assert not is_signed_by(heard, "whsec_AAAA")
    assert (heard.headers["webhook-id"], heard.headers["content-type"]) == (delivery["id"], "application/json")
    assert abs(int(heard.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    timestamp = heard.json.pop("timestamp")
    assert when(timestamp).tzinfo is not None
    assert {name: value for name, value in heard.json.items() if name != "timestamp"} == {
        "type": "referral.triaged",
        "data": {
            "referral_id": made["id"],
            "source_system": "ledger",
            "source_id": "L-7",
            "status": "accepted",
            "on": "2026-03-15",
            "end_code": None,
            "version": 2,
        },
    }
    assert (delivery["status"], delivery["next_try_at"], delivery["kind"]) == ("delivered", None, "referral.triaged")
    assert delivery["referral_id"] == made["id"]
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["trouble"]) == (204, None)


async def test_every_status_change_is_told_in_order_with_rising_versions(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(f"{WRITE} referrals:read") as caller:
        webhook = await registered(caller, receiver.url)
        few = await registered(caller, receiver.url, ["referral.removed"])
        path = f"/v1/referrals/{(await triaged(caller))['id']}"
        contact = {"on": "2026-03-20", "attendance": "5", "appointment_type": "02"}
        for step, body in (
            ("contacts", contact),
            ("contacts", contact | {"on": "2026-03-27"}),
            ("discharge", {"on": "2026-04-01", "end_code": "46"}),
            ("reopen", {"reason": "Okafor rang: not ended."}),
        ):
            answer = await caller.post(f"{path}/{step}", json=body)
            assert answer.is_success, (step, answer.text)
        version = (await caller.get(path)).headers["ETag"]
        patched = await caller.patch(path, json={"presenting_problem": "F32.1"}, headers={"If-Match": version})
        assert patched.is_success, patched.text
        assert (await caller.delete(path)).is_success
        await round_made()
        assert {one["status"] for one in await log_of(caller, webhook)} == {"delivered"}
        assert [one["kind"] for one in await log_of(caller, few)] == ["referral.removed"]
    told = [heard.json for heard in receiver.heard if is_signed_by(heard, webhook["secret"])]
    kinds = [(each["type"], each["data"]["on"], each["data"]["end_code"]) for each in told]
    assert kinds == [
        ("referral.triaged", "2026-03-15", None),
        ("referral.in_treatment", "2026-03-20", None),
        ("referral.discharged", "2026-04-01", "46"),
        ("referral.reopened", None, None),
        ("referral.corrected", None, None),
        ("referral.removed", None, None),
    ]
    assert sorted(EVERY_KIND) == sorted(each["type"] for each in told)
    assert all(one["data"]["version"] < other["data"]["version"] for one, other in pairwise(told))
    assert "Okafor" not in str(receiver.heard)


async def test_a_change_that_does_not_happen_is_not_told(referrals: Door, database: Database) -> None:
    async with referrals.caller(WRITE) as caller:
        await registered(caller, "http://127.0.0.1:9/")
        made = await triaged(caller)
        refused = await caller.post(
            f"/v1/referrals/{made['id']}/triage", json={"decision": "accepted", "on": "1999-01-01"}
        )
    assert refused.status_code >= 400
    async with session_maker()() as session:
        limit_to(session, None)
        referral = (await session.scalars(select(tables.Referral).where(tables.Referral.id == UUID(made["id"])))).one()
        await announce(session, referral, "referral.discharged")
        with pytest.raises(ValueError, match="is not a valid Kind"):
            await announce(session, referral, "referral.admired")
        await session.rollback()
    assert [row["kind"] for row in await rows(database, "webhook_deliveries")] == ["referral.triaged"]


async def test_a_message_can_be_sent_again_with_its_id_and_its_history(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        await round_made()
        (delivery,) = await log_of(caller, webhook)
        path = f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}"
        key = {"Idempotency-Key": "again"}
        asked, repeated = [await caller.post(f"{path}/resend", headers=key) for _ in range(2)]
        await round_made()
        read = (await caller.get(path)).json()
    assert (asked.status_code, asked.json()["status"], asked.json()) == (202, "pending", repeated.json())
    assert [heard.headers["webhook-id"] for heard in receiver.heard] == [delivery["id"]] * 2
    assert (read["status"], len(read["attempts"])) == ("delivered", 2)


async def test_for_a_day_after_rotation_both_secrets_sign(referrals: Door, database: Database) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        rotated = (await caller.post(f"/v1/webhooks/{webhook['id']}/rotate")).json()
        await triaged(caller)
        await round_made()
        await done(database, "UPDATE webhook_endpoints SET old_secret_until = now()")
        await triaged(caller)
        await round_made()
        await forget(session_maker())
    during, after = receiver.heard
    assert (len(signatures_of(during)), len(signatures_of(after))) == (2, 1)
    assert is_signed_by(during, webhook["secret"])
    assert is_signed_by(during, rotated["secret"])
    assert not is_signed_by(after, webhook["secret"])
    assert is_signed_by(after, rotated["secret"])
    assert when(rotated["old_secret_until"]) > datetime.now(UTC) + timedelta(hours=23)
    (row,) = await rows(database, "webhook_endpoints")
    assert (row["old_secret"], row["old_secret_until"]) == (None, None)


async def test_a_test_message_tells_of_nobody_whatever_kinds_were_asked_for(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url, ["referral.removed"])
        asked = await caller.post(f"/v1/webhooks/{webhook['id']}/test")
        await round_made()
        read = (await caller.get(asked.headers["Location"])).json()
    (heard,) = receiver.heard
    assert is_signed_by(heard, webhook["secret"])
    assert (heard.json["type"], heard.json["data"], heard.headers["webhook-id"]) == ("webhook.test", {}, read["id"])
    assert (asked.status_code, read["status"], read["referral_id"]) == (202, "delivered", None)


async def test_whoever_changes_a_referral_does_not_wait_for_whoever_changes_a_webhook(
    referrals: Door, database: Database
) -> None:
    async with referrals.caller(WRITE) as caller:
        webhook = await registered(caller, "http://127.0.0.1:9/")
        async with session_maker()() as session:
            limit_to(session, None)
            sender = Caller("iaptus", frozenset({WRITE}))
            await queries.webhook_to_change(session, sender, UUID(webhook["id"]))
            await triaged(caller)
    assert len(await rows(database, "webhook_deliveries")) == 1


async def test_a_message_that_was_erased_cannot_be_sent_again(referrals: Door, database: Database) -> None:
    """Erasing a person empties what referrers were told; what is emptied while it is being sent is not sent again."""
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        receiver.thinking.clear()
        receiver.will_answer(500)
        async with doing(deliver(session_maker())):
            await receiver.heard_times(1)
            await done(
                database,
                "UPDATE webhook_deliveries SET payload = '{}', settled_at = now(), outcome = 'given_up'",
            )
            receiver.thinking.set()
        (delivery,) = await log_of(caller, webhook)
        refused = await caller.post(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/resend")
        await round_made()
    assert (delivery["status"], len(delivery["attempts"])) == ("given_up", 1)
    assert (refused.status_code, refused.json()["type"]) == (410, "/problems/message-erased")
    assert len(receiver.heard) == 1
