"""What a receiver does not take is sent again, ever later, and not for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from services.referrals.domain.webhooks import DELAYS
from tests.databases import Database
from tests.doors import Door
from tests.referrals.hooks import (
    WRITE,
    allow_private,
    done,
    is_signed_by,
    log_of,
    made_due,
    registered,
    round_made,
    triaged,
)
from tests.referrals.receiver import Receiver


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_private(monkeypatch)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_what_is_not_taken_is_tried_again_ever_later_under_the_same_id_and_at_last_given_up(
    referrals: Door, database: Database
) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        for delay in DELAYS:
            receiver.will_answer(500)
            before = datetime.now(UTC)
            await round_made()
            (delivery,) = await log_of(caller, webhook, "?status=pending")
            waits = when(delivery["next_try_at"]) - before
            assert delay <= waits <= delay * 1.2 + timedelta(seconds=20), delay
            await round_made()  # nothing is due
            await made_due(database)
        receiver.will_answer(500)
        await round_made()
        await made_due(database)
        await round_made()
        (delivery,) = await log_of(caller, webhook, "?status=given_up")
        assert await log_of(caller, webhook, "?status=delivered") == []
        read = (await caller.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert len(receiver.heard) == len(delivery["attempts"]) == len(DELAYS) + 1
    assert {(one["status"], one["trouble"]) for one in delivery["attempts"]} == {(500, "refused")}
    assert {heard.headers["webhook-id"] for heard in receiver.heard} == {delivery["id"]}
    assert len({heard.body for heard in receiver.heard}) == 1
    assert all(is_signed_by(heard, webhook["secret"]) for heard in receiver.heard)
    assert read["enabled"], "one message that is never taken is the message's trouble"


async def test_a_receiver_that_takes_nothing_for_days_is_no_longer_sent_to(referrals: Door, database: Database) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        await triaged(caller)
        for _ in range(2):
            receiver.will_answer(400)
        await done(database, "UPDATE webhook_deliveries SET tries = $1", len(DELAYS))
        await done(database, "UPDATE webhook_deliveries SET created_at = created_at - interval '6 days'")
        await done(
            database,
            "UPDATE webhook_deliveries SET due_at = now() + interval '1 day' "
            "WHERE id = (SELECT max(id::text)::uuid FROM webhook_deliveries)",
        )
        await round_made()
        read = (await caller.get(f"/v1/webhooks/{webhook['id']}")).json()
        assert (read["enabled"], read["disabled_because"], read["version"]) == (False, "given_up", 2)
        assert [one["status"] for one in await log_of(caller, webhook)] == ["given_up"] * 2
        await made_due(database)
        await round_made()
    assert len(receiver.heard) == 1


async def test_a_receiver_that_took_something_meanwhile_is_still_sent_to(referrals: Door, database: Database) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        await round_made()
        await triaged(caller)
        receiver.will_answer(400)
        await done(
            database,
            "UPDATE webhook_deliveries SET tries = $1, created_at = now() - interval '6 days' WHERE settled_at IS NULL",
            len(DELAYS),
        )
        await round_made()
        read = (await caller.get(f"/v1/webhooks/{webhook['id']}")).json()
        assert [one["status"] for one in await log_of(caller, webhook)] == ["given_up", "delivered"]
    assert read["enabled"]


async def test_a_receiver_that_is_gone_is_not_sent_to_again(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        await triaged(caller)
        receiver.will_answer(410)
        await round_made()
        read = (await caller.get(f"/v1/webhooks/{webhook['id']}")).json()
        deliveries = await log_of(caller, webhook)
        await triaged(caller)
        await round_made()
        assert len(await log_of(caller, webhook)) == 2
    assert (read["enabled"], read["disabled_because"]) == (False, "gone")
    assert [one["status"] for one in deliveries] == ["given_up"] * 2
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_its_messages(referrals: Door, status: int) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        receiver.will_answer(status, Retry_After="3600")
        before = datetime.now(UTC)
        await round_made()
        await triaged(caller)
        await round_made()
        first, second = await log_of(caller, webhook)
    assert len(receiver.heard) == 1
    assert when(first["next_try_at"]) >= before + timedelta(hours=1)
    assert (second["status"], second["attempts"]) == ("pending", [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(referrals: Door, status: int) -> None:
    async with Receiver() as receiver, Receiver() as elsewhere, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        receiver.will_answer(status, Location=elsewhere.url)
        await round_made()
        (delivery,) = await log_of(caller, webhook)
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["trouble"], delivery["status"]) == (status, "redirected", "pending")
    assert elsewhere.heard == []
