"""Signing keys are made once, published before they sign, and withdrawn at once when they leak."""

import json
import stat
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from deploy.issuer_keys import AHEAD, KeyRing, RotationUnderWay, SigningKey, mint
from shared.auth import Caller, Doorkeeper, Unauthenticated
from shared.tokens import COOL_DOWN, PublishedKeys, Verifier
from tests.auth.forge import AUDIENCE, ISSUER
from tests.auth.keyserver import KeyServer
from tests.auth.test_keys import Clock

MAKE = (
    "import sys; from pathlib import Path; from deploy.issuer_keys import KeyRing;"
    "print('ready', flush=True); sys.stdin.readline(); print(KeyRing(Path(sys.argv[1])).current().kid)"
)


def token(key: SigningKey) -> str:
    return mint(key, issuer=ISSUER, audience=AUDIENCE, client="iaptus", scopes=["referrals:read"])


def published(ring: KeyRing, now: float | None = None) -> list[str]:
    return [key["kid"] for key in ring.published(now)["keys"]]


def test_many_processes_at_once_make_one_key(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen(  # noqa: S603 - this interpreter and our own words
            [sys.executable, "-c", MAKE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    made = {maker.communicate(timeout=60)[0].strip() for maker in makers}
    assert len(made) == 1
    assert made == set(published(KeyRing(tmp_path)))
    assert [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "issuer" / "keys").iterdir()] == [0o600]


def test_the_next_key_is_published_before_it_signs(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    first, now = ring.current(), time.time()
    second = ring.rotate()
    assert ring.current().kid == first.kid
    assert published(ring) == [first.kid, second.kid]
    assert ring.current(now + AHEAD + 1).kid == second.kid
    assert published(ring, now + AHEAD + 1) == [first.kid, second.kid]


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.current()
    ring.rotate()
    with pytest.raises(RotationUnderWay):
        ring.rotate()


def test_the_key_before_stays_until_the_next_rotation_has_ended(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    first, now = ring.current(), time.time()
    second = ring.rotate(now=now)
    third = ring.rotate(now=now + 2 * AHEAD)
    assert published(ring, now + 2 * AHEAD) == [first.kid, second.kid, third.kid]
    assert published(ring, now + 4 * AHEAD) == [second.kid, third.kid]


def test_a_leaked_key_is_withdrawn_at_once_also_for_a_running_issuer(tmp_path: Path) -> None:
    running, command = KeyRing(tmp_path), KeyRing(tmp_path)
    leaked = running.current()
    running.rotate()
    fresh = command.rotate(at_once=True)
    assert running.current().kid == fresh.kid
    assert published(running) == [fresh.kid]
    assert leaked.kid not in {file.stem for file in (tmp_path / "issuer" / "keys").iterdir()}


def test_a_key_is_named_by_its_thumbprint(tmp_path: Path) -> None:
    key = KeyRing(tmp_path).current()
    assert len(key.kid) == 43
    stored = json.loads((tmp_path / "issuer" / "keys" / f"{key.kid}.json").read_text())
    assert stored["kid"] == key.kid


def test_two_tokens_are_never_the_same(tmp_path: Path) -> None:
    key = KeyRing(tmp_path).current()
    assert token(key) != token(key)
    assert jwt.get_unverified_header(token(key)) == {"alg": "EdDSA", "kid": key.kid, "typ": "at+jwt"}


async def test_a_rotation_refuses_nobody_and_a_leak_everybody_who_holds_the_key(tmp_path: Path) -> None:
    ring, clock = KeyRing(tmp_path), Clock()
    first, now = ring.current(), time.time()
    async with KeyServer(ring.published()) as keys:
        door = Doorkeeper(Verifier(PublishedKeys(keys.url, clock), ISSUER, AUDIENCE))

        async def caller(signed_with: SigningKey) -> Caller:
            clock.now += COOL_DOWN
            return await door.caller(token(signed_with))

        old = token(first)
        await door.caller(old)
        ring.rotate(now=now)
        for later in range(0, 2 * AHEAD, 60):
            keys.document = ring.published(now + later)
            assert (await caller(ring.current(now + later))).client == "iaptus"
            assert (await door.caller(old)).client == "iaptus"
        fresh = ring.rotate(at_once=True, now=now)
        keys.document = ring.published(now)
        await caller(fresh)
        with pytest.raises(Unauthenticated):
            await door.caller(old)
