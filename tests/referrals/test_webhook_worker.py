"""The worker sends to many at once, comes to an end at any moment, and loses nothing; what it leaves behind is counted."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from deploy.embedded import Nats
from services.referrals.commands.delivering import deliver, forget
from shared.db import session_maker
from tests.databases import Database
from tests.doors import Door
from tests.hearing import listening
from tests.referrals.builders import rows
from tests.referrals.hooks import (
    WRITE,
    allow_private,
    done,
    log_of,
    made_due,
    registered,
    round_made,
    triaged,
)
from tests.referrals.receiver import Receiver
from tests.streams import doing, eventually


@pytest.fixture(autouse=True)
def _private(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_private(monkeypatch)


def when(text: str) -> datetime:
    return datetime.fromisoformat(text)


class WorkerProcess:
    """The referrals worker as it is run, in a process of its own."""

    def __init__(self, nats_url: str) -> None:
        self.environment = os.environ | {"ROUNDTABLE_NATS_URL": nats_url}

    async def __aenter__(self) -> asyncio.subprocess.Process:
        program = "import asyncio; from services.referrals.worker import main; asyncio.run(main())"
        quiet = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=self.environment, stdout=quiet
        )
        return self.process

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


async def test_a_slow_receiver_keeps_no_other_waiting(referrals: Door) -> None:
    async with Receiver() as slow, Receiver() as quick, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, slow.url)
        await registered(caller, quick.url)
        slow.thinking.clear()
        for _ in range(3):
            await triaged(caller)
        async with doing(deliver(session_maker())):
            await slow.heard_times(1)
            await quick.heard_times(3)
            await triaged(caller)  # made while the round is under way
            await quick.heard_times(4)
            assert len(slow.heard) == 1, "one message at a time"
            assert [one["attempts"] for one in await log_of(caller, webhook)] == [[]] * 4, "still thinking"
            slow.thinking.set()
            await slow.heard_times(4)


@pytest.mark.usefixtures("stream")
async def test_a_worker_killed_before_it_wrote_down_what_it_sent_leaves_it_to_the_next_one(
    referrals: Door, database: Database, nats_server: Nats
) -> None:
    """Sent twice, under one id: at least once is what receivers are promised."""
    nats_url = nats_server.url("referrals")
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        receiver.thinking.clear()
        async with WorkerProcess(nats_url) as worker:
            await receiver.heard_times(1)
            worker.kill()
            assert await worker.wait() == -signal.SIGKILL
        receiver.thinking.set()
        (delivery,) = await log_of(caller, webhook)
        assert (delivery["status"], delivery["attempts"]) == ("pending", [])
        await round_made()
        assert len(receiver.heard) == 1, "claimed until its claim ends"
        assert when(delivery["next_try_at"]) < datetime.now(UTC) + timedelta(seconds=90)
        await made_due(database)

        async def delivered() -> bool:
            return [one["status"] for one in await log_of(caller, webhook)] == ["delivered"]

        async with WorkerProcess(nats_url):
            await eventually(delivered)
        (delivery,) = await log_of(caller, webhook)
    assert [heard.headers["webhook-id"] for heard in receiver.heard] == [delivery["id"]] * 2
    assert len(delivery["attempts"]) == 1


async def test_a_worker_that_is_told_to_stop_writes_down_what_it_was_sending(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        await triaged(caller)
        receiver.thinking.clear()
        worker = asyncio.create_task(deliver(session_maker()))
        await receiver.heard_times(1)
        worker.cancel()
        asyncio.get_running_loop().call_later(0.2, receiver.thinking.set)
        with pytest.raises(asyncio.CancelledError):
            await worker
        assert [one["status"] for one in await log_of(caller, webhook)] == ["delivered", "pending"]
    assert len(receiver.heard) == 1, "nothing more was begun"


async def test_two_workers_send_no_message_twice(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        await registered(caller, receiver.url)
        for _ in range(12):
            await triaged(caller)
        await asyncio.gather(round_made(), round_made(), round_made())
    assert len(receiver.heard) == len({heard.headers["webhook-id"] for heard in receiver.heard}) == 12


async def test_what_happens_to_a_message_while_it_is_being_sent_is_not_undone(
    referrals: Door, database: Database
) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        await triaged(caller)
        (delivery,) = await log_of(caller, webhook)
        receiver.thinking.clear()
        async with doing(deliver(session_maker())):
            await receiver.heard_times(1)
            again = await caller.post(f"/v1/webhooks/{webhook['id']}/deliveries/{delivery['id']}/resend")
            assert again.status_code == 202
            receiver.thinking.set()
            await receiver.heard_times(2)
        for status, outcome in ((204, "delivered"), (500, "given_up")):
            receiver.heard.clear()
            receiver.thinking.clear()
            receiver.will_answer(status)
            asked = await caller.post(f"/v1/webhooks/{webhook['id']}/test")
            path = f"/v1/webhooks/{webhook['id']}"
            async with doing(deliver(session_maker())):
                await receiver.heard_times(1)
                for enabled in (False, True):
                    await caller.patch(path, json={"enabled": enabled}, headers={"If-Match": "*"})
                receiver.thinking.set()
            assert (await caller.get(asked.headers["Location"])).json()["status"] == outcome
        receiver.heard.clear()
        receiver.thinking.clear()
        await caller.post(f"/v1/webhooks/{webhook['id']}/test")
        async with doing(deliver(session_maker())):
            await receiver.heard_times(1)
            assert (await caller.delete(f"/v1/webhooks/{webhook['id']}")).status_code == 204
            receiver.thinking.set()
            await triaged(caller)
    for table in ("webhook_endpoints", "webhook_deliveries", "webhook_attempts"):
        assert await rows(database, table) == []


async def test_a_secret_that_cannot_be_read_is_said_and_stands_in_nobodys_way(
    referrals: Door, database: Database
) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        broken, whole = [await registered(caller, receiver.url) for _ in range(2)]
        await done(database, "UPDATE webhook_endpoints SET secret = '\\x0131' WHERE id = $1", UUID(broken["id"]))
        await triaged(caller)
        with listening() as lines:
            await round_made()
        (kept,) = await log_of(caller, broken)
        (taken,) = await log_of(caller, whole)
    assert (kept["status"], kept["attempts"][0]["trouble"], taken["status"]) == ("pending", "unsendable", "delivered")
    assert "webhook_unsendable" in lines.getvalue()
    assert len(receiver.heard) == 1


async def test_settled_messages_are_forgotten_after_their_days(referrals: Door, database: Database) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        webhook = await registered(caller, receiver.url)
        for _ in range(3):
            await triaged(caller)
        await round_made()
        first, second, third = [one["id"] for one in await log_of(caller, webhook)]
        old = "UPDATE webhook_deliveries SET created_at = now() - interval '60 days' WHERE id <> $1"
        await done(database, old, UUID(third))
        await done(
            database,
            "UPDATE webhook_deliveries SET settled_at = now() - interval '31 days' WHERE id = $1",
            UUID(first),
        )
        await done(
            database,
            "UPDATE webhook_deliveries SET settled_at = NULL, outcome = NULL WHERE id = $1",
            UUID(second),
        )
        await forget(session_maker())
        assert [one["id"] for one in await log_of(caller, webhook)] == [second, third]
    assert len(await rows(database, "webhook_attempts")) == 2


async def test_logs_name_neither_the_address_nor_the_secret_nor_anybody(referrals: Door) -> None:
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        with listening() as lines:
            webhook = await registered(caller, receiver.url)
            await triaged(caller)
            receiver.will_answer(500)
            await round_made()
    said = lines.getvalue()
    assert "webhook_tried" in said
    for forbidden in ("hooks/roundtable", "from=here", str(receiver.port), webhook["secret"], "whsec", "Okafor"):
        assert forbidden not in said


async def test_metrics_say_what_waits_and_what_was_given_up(referrals: Door, database: Database) -> None:
    def told(text: str) -> dict[str, Any]:
        lines = (line.split(" ") for line in text.splitlines() if line.startswith("roundtable_webhooks"))
        return {name.removeprefix("roundtable_webhooks_").partition("{")[0]: float(value) for name, value in lines}

    async with referrals.caller(WRITE) as caller:
        webhook = await registered(caller, "http://127.0.0.1:9/")
        for _ in range(3):
            await triaged(caller)
        given_up, overdue, _ = [UUID(one["id"]) for one in await log_of(caller, webhook)]
        await done(
            database,
            "UPDATE webhook_deliveries SET settled_at = now(), outcome = 'given_up' WHERE id = $1",
            given_up,
        )
        late = "UPDATE webhook_deliveries SET due_at = now() - interval '5 minutes' WHERE id = $1"
        await done(database, late, overdue)
        before = told((await caller.get("/metrics")).text)
        await done(database, "UPDATE webhook_endpoints SET disabled_at = now(), disabled_because = 'gone'")
        after = told((await caller.get("/metrics")).text)
    assert (before["waiting"], before["given_up"], before["disabled"], after["disabled"]) == (2, 1, 0, 1)
    assert 300 <= before["overdue_seconds"] < 400
