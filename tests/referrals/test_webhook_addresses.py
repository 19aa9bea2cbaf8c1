"""A message goes to the address that was checked, over a connection that is the host's own, or it does not go."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deploy.home import free_port
from services.referrals.commands.posting import Undeliverable, post, trusted
from shared.settings import settings
from tests.databases import Database
from tests.doors import Door
from tests.referrals.hooks import WRITE, allow_private, done, log_of, made_due, registered, round_made, triaged
from tests.referrals.receiver import Receiver


def certified(folder: Path, name: str) -> ssl.SSLContext:
    """Return a server's side of TLS for a name, and leave its certificate as `trusted.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "trusted.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "trusted.pem", folder / "key.pem")
    return context


@pytest.fixture
def _private(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    allow_private(monkeypatch)
    yield
    settings.cache_clear()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Trust the certificate that a test leaves in this folder."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    trusted.cache_clear()
    yield tmp_path
    trusted.cache_clear()


async def trouble_of(url: str) -> str:
    with pytest.raises(Undeliverable) as refused:
        await post(url, {}, b"{}")
    return refused.value.trouble


@pytest.mark.usefixtures("_private")
async def test_a_certificate_must_be_of_the_host_though_the_connection_is_made_to_its_address(authority: Path) -> None:
    context, asked = certified(authority, "localhost"), []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with Receiver(tls=context) as receiver:
        port = receiver.port
        assert (await post(f"https://localhost:{port}/x?y=1", {"webhook-id": "1"}, b"{}")).status == 204
        assert await trouble_of(f"https://127.0.0.1:{port}/") == "tls_failed"
    (heard,) = receiver.heard
    assert (heard.path, heard.headers["host"]) == ("/x?y=1", f"localhost:{port}")
    assert asked[0] == "localhost"


@pytest.mark.usefixtures("_private")
async def test_another_hosts_certificate_is_not_enough(authority: Path) -> None:
    async with Receiver(tls=certified(authority, "elsewhere.example")) as receiver:
        assert await trouble_of(f"https://localhost:{receiver.port}/") == "tls_failed"
    assert receiver.heard == []


@pytest.mark.usefixtures("_private")
async def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that leads somewhere else when it is looked up again gains nothing."""
    looked_up: list[Any] = []

    async def rebinding(host: Any, port: Any, **_: Any) -> list[Any]:
        looked_up.append(host)
        address = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async with Receiver() as checked, Receiver(host="127.0.0.2", port=checked.port) as other:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebinding)
        await post(f"http://rebinding.example:{checked.port}/", {}, b"{}")
        monkeypatch.undo()
    assert (len(checked.heard), len(other.heard)) == (1, 0)
    assert looked_up == ["rebinding.example"]


async def test_one_private_address_among_public_ones_is_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mixed(_: Any, port: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.215.14", "127.0.0.1")
        ]

    settings.cache_clear()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    assert await trouble_of("https://mixed.example/") == "address_refused"


async def test_what_is_no_longer_allowed_as_it_is_written_is_not_even_looked_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[Any] = []

    async def noted(host: Any, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        return []

    settings.cache_clear()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", noted)
    assert await trouble_of("http://referrer.example/") == "address_refused"
    monkeypatch.undo()
    assert looked_up == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_what_leads_to_this_machine_is_refused_at_each_delivery(
    referrals: Door, database: Database, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """What was registered while it was allowed, or while its name led elsewhere, is not sent to any more."""
    async with Receiver() as receiver, referrals.caller(WRITE) as caller:
        allow_private(monkeypatch)
        webhook = await registered(caller, receiver.url.replace("127.0.0.1", host))
        await triaged(caller)
        await round_made()
        allow_private(monkeypatch, allowed=False)
        await triaged(caller)
        await round_made()  # by its scheme
        https = receiver.url.replace("http:", "https:").replace("127.0.0.1", host)
        await done(database, "UPDATE webhook_endpoints SET url = $1", https)
        await made_due(database)
        await round_made()  # by its address
        _, refused = await log_of(caller, webhook)
    assert len(receiver.heard) == 1
    assert [one["trouble"] for one in refused["attempts"]] == ["address_refused"] * 2
    assert [one["status"] for one in refused["attempts"]] == [None] * 2


@pytest.mark.usefixtures("_private")
async def test_troubles_have_names() -> None:
    assert await trouble_of(f"http://127.0.0.1:{free_port()}/") == "connect_failed"
    assert await trouble_of("http://nothing.invalid/") == "name_unresolved"
    async with Receiver() as receiver:
        assert await trouble_of(receiver.url.replace("http:", "https:")) == "tls_failed"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await trouble_of(f"http://127.0.0.1:{port}/") == "broken_off"


@pytest.mark.usefixtures("_private")
async def test_an_address_that_does_not_answer_does_not_hide_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def two(_: Any, port: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("127.0.0.3", "127.0.0.1")]

    async with Receiver() as receiver:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        assert (await post(f"http://two.example:{receiver.port}/", {}, b"{}")).status == 204
        monkeypatch.undo()


@pytest.mark.usefixtures("_private")
async def test_a_receiver_that_thinks_for_ever_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.referrals.commands.posting.SECONDS", 0.2)
    async with Receiver() as receiver:
        receiver.thinking.clear()
        assert await trouble_of(receiver.url) == "timed_out"
        receiver.thinking.set()
