"""A service's NATS user opens only its own doors; the deployer alone makes streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import nats as nats_client
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from deploy import SERVICES
from deploy.embedded import Nats
from shared.bus import declare
from shared.events.event import STREAM

REFUSED = 0.25  # seconds: a forbidden request is simply not answered


@pytest.fixture(scope="module", autouse=True)
async def declared(nats: str) -> None:
    """Declare the stream as the deploy step does."""
    await declare(nats)


@pytest.fixture
async def connect(nats_server: Nats) -> AsyncIterator["Connect"]:
    """Connect as any user; closed afterwards."""
    opened = Connect(nats_server)
    yield opened
    for client in opened.clients:
        await client.close()


class Connect:
    """Opens connections as a user whose replies come to its own inbox, and remembers what it was refused."""

    def __init__(self, server: Nats) -> None:
        self.server = server
        self.clients: list[Client] = []
        self.refused: list[str] = []

    async def __call__(self, user: str, inbox: str | None = None) -> Client:
        """Connect as `user`."""

        async def note(problem: Exception) -> None:
            self.refused.append(str(problem))

        client = await nats_client.connect(self.server.url(user), inbox_prefix=inbox or f"_INBOX_{user}", error_cb=note)
        self.clients.append(client)
        return client


async def answered(client: Client, subject: str, body: bytes = b"") -> bool:
    try:
        reply = await client.request(subject, body, timeout=REFUSED)
    except nats_client.errors.Error:
        return False
    return "error" not in json.loads(reply.data)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_publishes_its_own_events_and_no_other(connect: Connect, service: str) -> None:
    client = await connect(service)
    stored = await asyncio.gather(
        *(answered(client, f"roundtable.{publisher}.something.v1", b"{}") for publisher in SERVICES)
    )
    announces_nothing = service == "reporting"
    assert stored == [publisher == service and not announces_nothing for publisher in SERVICES]


@pytest.mark.parametrize("service", SERVICES)
async def test_no_service_administers_streams(connect: Connect, service: str) -> None:
    client = await connect(service)
    doors = (
        f"STREAM.DELETE.{STREAM}",
        f"STREAM.PURGE.{STREAM}",
        f"STREAM.UPDATE.{STREAM}",
        f"STREAM.MSG.GET.{STREAM}",
        f"DIRECT.GET.{STREAM}",
        f"CONSUMER.DELETE.{STREAM}.reporting",
        f"CONSUMER.CREATE.{STREAM}.spy",
    )
    assert not any(await asyncio.gather(*(answered(client, f"$JS.API.{door}") for door in doors)))


@pytest.mark.parametrize("service", SERVICES)
async def test_only_referrals_takes_a_message_out_of_the_stream(connect: Connect, service: str) -> None:
    client, admin = await connect(service), await connect("admin", "_INBOX")
    stored = await admin.request("roundtable.people.something.v1", b"{}", timeout=2)
    sequence = json.dumps({"seq": json.loads(stored.data)["seq"]}).encode()
    deleted = await answered(client, f"$JS.API.STREAM.MSG.DELETE.{STREAM}", sequence)
    assert deleted == (service == "referrals")


async def test_a_service_sees_the_stream_but_only_its_own_durable(connect: Connect) -> None:
    reporting, sites = await connect("reporting"), await connect("sites")
    for client in (reporting, sites):
        assert await answered(client, f"$JS.API.STREAM.INFO.{STREAM}")
    assert await answered(reporting, f"$JS.API.CONSUMER.INFO.{STREAM}.reporting")
    assert await answered(sites, f"$JS.API.CONSUMER.INFO.{STREAM}.sites")
    assert not await answered(sites, f"$JS.API.CONSUMER.INFO.{STREAM}.reporting")
    assert not await answered(reporting, f"$JS.API.CONSUMER.INFO.{STREAM}.sites")


@pytest.mark.parametrize(("listener", "announcer"), [("reporting", "sites"), ("sites", "referrals")])
async def test_a_message_is_fetched_and_acknowledged_in_either_form(
    connect: Connect, listener: str, announcer: str
) -> None:
    service, admin = await connect(listener), await connect("admin", "_INBOX")
    await admin.request(f"roundtable.{announcer}.something.v1", b"{}", timeout=2)
    durable = await service.jetstream().pull_subscribe_bind(listener, stream=STREAM)
    for message in await durable.fetch(1, timeout=2):
        await message.ack_sync(timeout=2)
    assert connect.refused == []


async def test_a_service_hears_no_inbox_but_its_own(connect: Connect) -> None:
    sites, admin = await connect("sites"), await connect("admin", "_INBOX")
    heard: list[str] = []
    for inbox in ("_INBOX_reporting.>", "_INBOX.>", "_INBOX_sites.>"):
        await sites.subscribe(inbox, cb=_remember(heard))
    await sites.flush()
    for inbox in ("_INBOX_reporting.a", "_INBOX.a", "_INBOX_sites.a"):
        await admin.publish(inbox, inbox.encode())
    await admin.flush()
    await sites.flush()
    assert heard == ["_INBOX_sites.a"]


def _remember(heard: list[str]) -> Callable[[Msg], Awaitable[None]]:
    async def note(message: Msg) -> None:
        heard.append(message.data.decode())

    return note
