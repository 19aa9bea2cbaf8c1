"""The bus: it reconnects for ever, says what it hears, and makes or finds durables as they must be."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

import pytest
from nats.aio.msg import Msg
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.embedded import Nats
from deploy.home import NATS_USERS, free_port, new_password
from deploy.programs import running
from shared import bus as buses
from shared.bus import Bus, StreamProblem, consumer_config
from shared.consumer import DELAYS, EARLY_DELAYS, Consumer
from shared.db import sessions
from shared.events.event import PREFIX
from shared.events.referrals import ReferralReceived
from shared.inbox import Batch, Subscriber
from shared.outbox import Outbox, envelope
from tests.databases import Database
from tests.hearing import listening
from tests.streams import a_received, doing, engine_of, eventually

SUBJECT = f"{PREFIX}referrals.received.v1"
SECOND = 1_000_000_000


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = engine_of(database, "reporting")
    yield engine
    await engine.dispose()


@asynccontextmanager
async def own_server(folder: Path, nats: Nats) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """Run a nats-server that the test may kill."""
    server = running(nats.program(), folder / "nats.log")
    process = await asyncio.to_thread(server.__enter__)
    try:
        yield process
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


@pytest.fixture
def own(tmp_path: Path) -> Nats:
    return Nats(tmp_path / "nats", free_port(), {user: new_password() for user in NATS_USERS})


def travelling(referral_id: UUID, version: int = 1) -> bytes:
    """Return an event as it travels."""
    row = Outbox(
        event_id=uuid4(),
        aggregate_id=str(referral_id),
        version=version,
        subject="referrals.received.v1",
        data=a_received(referral_id).model_dump(mode="json"),
        traceparent=f"00-{'1' * 32}-{'1' * 16}-01",
        occurred_at=datetime.now(UTC),
    )
    return json.dumps(envelope(row, "referrals")).encode()


async def test_it_reconnects_for_ever_and_goes_on_where_it_was(tmp_path: Path, own: Nats) -> None:
    async with asyncio.timeout(30):
        async with own_server(tmp_path, own) as first:
            await buses.declare(own.url())
            context = buses.connect(own.url("referrals"), name="tests")
            bus = await context.__aenter__()
            assert bus.connection.options["max_reconnect_attempts"] == -1, "the default gives up after two minutes"
            first.kill()
            first.wait()
        with pytest.raises(StreamProblem, match="did not answer"):
            await bus.ask("STREAM.INFO.ROUNDTABLE", wait=0.3)
        async with own_server(tmp_path, own):

            async def there_again() -> bool:
                try:
                    return (await bus.state()).messages == 0
                except StreamProblem:
                    return False

            await eventually(there_again)
            await context.__aexit__(None, None, None)


async def test_leaving_takes_no_longer_than_five_seconds_from_a_server_that_hangs(tmp_path: Path, own: Nats) -> None:
    async with own_server(tmp_path, own) as server:
        await buses.declare(own.url())
        began = monotonic()
        try:
            async with buses.connect(own.url("reporting"), name="tests") as bus:
                await bus.connection.subscribe(bus.connection.new_inbox())
                server.send_signal(signal.SIGSTOP)
                began = monotonic()
        finally:
            server.send_signal(signal.SIGCONT)
    assert monotonic() - began < 6


async def test_a_forbidden_subject_is_said_in_the_log(stream: Bus, nats_server: Nats) -> None:
    del stream
    with listening() as lines:
        async with buses.connect(nats_server.url("reporting"), name="tests") as bus:
            await bus.connection.publish("$JS.API.STREAM.DELETE.ROUNDTABLE", b"")

            async def said() -> bool:
                return "nats_error" in lines.getvalue()

            await eventually(said)
    assert "permissions violation" in lines.getvalue().lower()


async def test_a_reply_goes_to_an_inbox_that_only_this_user_may_read(stream: Bus, nats_server: Nats) -> None:
    del stream
    async with buses.connect(nats_server.url("reporting"), name="tests") as bus:
        assert bus.connection.new_inbox().startswith("_INBOX_reporting.")
        assert (await bus.consumer("reporting"))["name"] == "reporting"


async def test_an_existing_durable_is_brought_to_what_it_must_be(stream: Bus, nats: str) -> None:
    older = consumer_config("reporting") | {"ack_wait": 5 * SECOND, "max_ack_pending": 7}
    await stream.ask("CONSUMER.CREATE.ROUNDTABLE.reporting", {"stream_name": "ROUNDTABLE", "config": older})
    with pytest.raises(StreamProblem, match="ack_wait, max_ack_pending"):
        await stream.consumer("reporting")
    await buses.declare(nats)
    assert (await stream.consumer("reporting"))["config"]["max_ack_pending"] == 2000


async def test_a_durable_that_is_gone_is_missed_by_name(stream: Bus) -> None:
    await stream.ask("CONSUMER.DELETE.ROUNDTABLE.reporting")
    with pytest.raises(StreamProblem, match="not found"):
        await stream.consumer("reporting")


async def test_a_stream_is_never_made_by_asking_for_it(stream: Bus) -> None:
    await stream.ask("STREAM.DELETE.ROUNDTABLE")
    with pytest.raises(StreamProblem, match="not found"):
        await stream.state()
    with pytest.raises(StreamProblem, match="not found"):
        await stream.state()


async def test_every_event_is_on_disk_before_it_counts_as_stored(nats_server: Nats) -> None:
    """Without `sync_interval: always` the server syncs every two minutes, and a power cut loses what was acknowledged."""
    del nats_server
    words = (Path("deploy") / "nats" / "nats-server.conf").read_text().split()
    assert words[words.index("sync_interval:") + 1] == "always"


@pytest.mark.parametrize("reason", ["fails", "early"])
async def test_what_must_come_again_is_asked_for_with_a_growing_delay(
    stream: Bus, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """A NAK without a delay ignores the consumer's backoff and comes back at once."""
    monkeypatch.setattr("shared.consumer.DELAYS", (0.01, 0.02, 5, 5))
    monkeypatch.setattr("shared.consumer.EARLY_DELAYS", (0.01, 0.02, 5, 5, 5))
    subscriber = Subscriber("reporting")

    @subscriber.on(ReferralReceived)
    async def received(_: Batch, __: ReferralReceived) -> None:
        raise ValueError

    asked: list[float] = []

    async def overheard(message: Msg) -> None:
        if message.data.startswith(b"-NAK"):
            asked.append(json.loads(message.data.removeprefix(b"-NAK"))["delay"] / SECOND)

    await stream.connection.subscribe("$JS.ACK.ROUNDTABLE.reporting.>", cb=overheard)
    await stream.connection.publish(SUBJECT, travelling(uuid4(), version=1 if reason == "fails" else 2))

    async def three_times() -> bool:
        return len(asked) == 3

    async with doing(Consumer(subscriber, sessions(engine), stream).run()):
        await eventually(three_times)
    assert asked == [0.01, 0.02, 5]


def test_delays_grow_and_are_five_tries_together() -> None:
    assert len(DELAYS) == 4
    assert sorted(DELAYS) == list(DELAYS)
    assert sorted(EARLY_DELAYS) == list(EARLY_DELAYS)


async def test_an_event_that_is_set_aside_is_said_and_the_consumer_goes_on(stream: Bus, engine: AsyncEngine) -> None:
    heard: list[UUID] = []
    subscriber = Subscriber("reporting")

    @subscriber.on(ReferralReceived)
    async def received(_: Batch, event: ReferralReceived) -> None:
        heard.append(event.referral_id)

    poison, good = uuid4(), uuid4()
    with listening() as lines:
        async with doing(Consumer(subscriber, sessions(engine), stream).run()):
            await stream.connection.publish(SUBJECT, travelling(poison).replace(b"B1", b"Quetzalcoatl"))
            await stream.connection.publish(SUBJECT, travelling(good))

            async def good_heard() -> bool:
                return heard == [good]

            await eventually(good_heard)

            async def said() -> bool:
                return "event_set_aside" in lines.getvalue()

            await eventually(said)
    assert "Quetzalcoatl" not in lines.getvalue()
