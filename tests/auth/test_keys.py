"""The issuer's keys are fetched rarely, kept through an outage, and dropped when withdrawn."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import Doorkeeper, IssuerUnreachable, Unauthenticated
from shared.tokens import AGAIN, COOL_DOWN, FIRST_RETRY, REFRESH, PublishedKeys, Verifier, usable_keys
from tests.auth.forge import AUDIENCE, ISSUER, Forge, ec, jwk, private_jwk, rsa
from tests.auth.keyserver import KeyServer


class Clock:
    """Time that passes when told."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(keys: KeyServer, clock: Clock) -> Doorkeeper:
    return Doorkeeper(Verifier(PublishedKeys(keys.url, clock), ISSUER, AUDIENCE))


async def test_a_crowd_at_a_cold_start_causes_one_fetch(door: Doorkeeper, forge: Forge, keys: KeyServer) -> None:
    callers = await asyncio.gather(*(door.caller(forge.token()) for _ in range(50)))
    assert {caller.client for caller in callers} == {"iaptus"}
    assert keys.asked == 1


async def test_a_caller_who_goes_away_leaves_the_fetch_to_the_others(door: Doorkeeper, forge: Forge) -> None:
    first = asyncio.create_task(door.caller(forge.token()))
    second = asyncio.create_task(door.caller(forge.token()))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).client == "iaptus"


async def test_unknown_key_ids_cause_one_fetch_in_a_while(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    clock.now += COOL_DOWN
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await door.caller(forge.token({"kid": f"unknown-{number}"}))
    assert keys.asked == 2
    clock.now += COOL_DOWN
    with pytest.raises(Unauthenticated):
        await door.caller(forge.token({"kid": "unknown"}))
    assert keys.asked == 3


async def test_a_token_that_could_never_be_believed_causes_no_fetch(
    door: Doorkeeper, forge: Forge, keys: KeyServer
) -> None:
    for token in (forge.unsigned({"alg": "none"}), forge.token({"typ": "id+jwt"}), "nonsense"):
        with pytest.raises(Unauthenticated):
            await door.caller(token)
    assert keys.asked == 0


async def test_a_new_key_is_believed_at_its_first_token(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    fresh = Forge(kid="next")
    keys.document = {"keys": [*forge.jwks()["keys"], *fresh.jwks()["keys"]]}
    clock.now += COOL_DOWN
    assert (await door.caller(fresh.token())).client == "iaptus"
    assert (await door.caller(forge.token())).client == "iaptus"


async def test_headers_that_point_to_keys_are_never_followed(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    stranger = Forge(Ed25519PrivateKey.generate(), kid="stranger")
    async with KeyServer(stranger.jwks()) as elsewhere:
        for name in ("jku", "x5u"):
            with pytest.raises(Unauthenticated):
                await door.caller(stranger.token({name: elsewhere.url}))
            clock.now += COOL_DOWN
        assert elsewhere.asked == 0
    assert set(keys.paths) == {"/jwks.json"}
    assert (await door.caller(forge.token())).client == "iaptus"


async def test_an_outage_keeps_the_keys(door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock) -> None:
    await door.caller(forge.token())
    await keys.stop()
    for _ in range(3):
        clock.now += REFRESH + 1
        assert (await door.caller(forge.token())).client == "iaptus"
    with pytest.raises(Unauthenticated):
        await door.caller(forge.token({"kid": "unknown"}))


@pytest.mark.parametrize("nonsense", [b"<html>busy</html>", {}, [], {"keys": {}}, b"\xff", None])
async def test_an_answer_that_is_no_key_set_changes_nothing(
    nonsense: object, door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    keys.document = nonsense
    clock.now += COOL_DOWN
    with pytest.raises(Unauthenticated):
        await door.caller(forge.token({"kid": "unknown"}))
    assert keys.asked == 2
    assert (await door.caller(forge.token())).client == "iaptus"


async def test_starting_before_the_issuer_is_no_harm(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await keys.stop()
    with pytest.raises(IssuerUnreachable) as refused:
        await door.caller(forge.token())
    assert refused.value.headers["Retry-After"] == "1"
    await keys.start()
    clock.now += FIRST_RETRY
    assert (await door.caller(forge.token())).client == "iaptus"


async def test_keys_are_refreshed_behind_a_request(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    clock.now += REFRESH - 1
    await door.caller(forge.token())
    assert keys.asked == 1
    clock.now += 2
    await door.caller(forge.token())
    await keys.asked_times(2)


async def test_a_withdrawn_key_takes_its_remembered_tokens_with_it(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    token, fresh = forge.token(), Forge(kid="next")
    await door.caller(token)
    keys.document = fresh.jwks()
    clock.now += COOL_DOWN
    await door.caller(fresh.token())
    with pytest.raises(Unauthenticated):
        await door.caller(token)


async def test_a_key_withdrawn_in_a_quiet_hour_is_not_believed_once_more(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    keys.document = Forge(kid="next").jwks()
    clock.now += 3600
    with pytest.raises(Unauthenticated):
        await door.caller(forge.token())


async def test_an_outage_is_probed_now_and_then_only(
    door: Doorkeeper, forge: Forge, keys: KeyServer, clock: Clock
) -> None:
    await door.caller(forge.token())
    keys.document = b"busy"
    clock.now += 3600
    for _ in range(10):
        clock.now += 1
        assert (await door.caller(forge.token())).client == "iaptus"
    assert keys.asked == 2
    clock.now += AGAIN
    await door.caller(forge.token())
    assert keys.asked == 3


def test_only_public_signing_keys_of_accepted_algorithms_and_length_are_usable() -> None:
    good, other = Ed25519PrivateKey.generate(), ec()
    found = usable_keys(
        {
            "keys": [
                jwk(good, "ed"),
                jwk(other, "ec"),
                jwk(rsa(2048), "rsa"),
                jwk(rsa(1024), "short"),
                jwk(rsa(2048), "pss", alg="PS256"),
                jwk(other, "encryption", use="enc"),
                private_jwk(good, "private"),
                {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0", "alg": "HS256"},
                {"kty": "EC", "kid": "half", "crv": "P-256", "x": "AA"},
                {key: value for key, value in jwk(good, "nameless").items() if key != "kid"},
            ]
        }
    )
    assert {kid: key.algorithm_name for kid, key in found.items()} == {"ed": "EdDSA", "ec": "ES256", "rsa": "RS256"}
