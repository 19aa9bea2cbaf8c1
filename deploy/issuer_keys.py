"""The issuer's signing keys: files only their owner reads, published before use and kept while their tokens live."""

import fcntl
import hashlib
import json
import os
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

LIFETIME = 300  # seconds, of a token unless a developer asks for longer
AHEAD = 600  # seconds a key is published before it signs; verifiers refresh at least every 300


class RotationUnderWay(Exception):
    """The next key is published already and will sign when its time comes."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key that signs from a moment on."""

    kid: str
    signs_from: float
    private: Ed25519PrivateKey

    def public_jwk(self) -> dict[str, str]:
        """Return the half that everyone may know."""
        return {"kid": self.kid, "use": "sig", "alg": "EdDSA", **_public_part(self.private)}


class KeyRing:
    """The keys in one folder; several processes may read, create and rotate them at once."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "issuer" / "keys"
        self._read: dict[str, SigningKey] = {}

    def current(self, now: float | None = None) -> SigningKey:
        """Return the key that signs now; the first is made when there is none."""
        keys = self._keys() or self._create_first()
        return keys[_signing(keys, now)]

    def published(self, now: float | None = None) -> dict[str, list[dict[str, str]]]:
        """Return the JWKS: the key that signs, the one before it, and the one to come."""
        keys = self._keys() or self._create_first()
        return {"keys": [key.public_jwk() for key in keys[max(0, _signing(keys, now) - 1) :]]}

    def rotate(self, *, at_once: bool = False, now: float | None = None) -> SigningKey:
        """Add the next key; `at_once` withdraws all others, for when one has leaked."""
        moment = time.time() if now is None else now
        with self._locked():
            keys = self._keys()
            if keys and keys[-1].signs_from > moment and not at_once:
                raise RotationUnderWay
            fresh = self._write(moment if at_once or not keys else moment + AHEAD)
            kept = [] if at_once or not keys else keys[max(0, _signing(keys, moment) - 1) :]
            for key in keys:
                if key not in kept:
                    (self.folder / f"{key.kid}.json").unlink(missing_ok=True)
            return fresh

    def _create_first(self) -> list[SigningKey]:
        with self._locked():
            if not self._keys():
                self._write(time.time())
        return self._keys()

    def _keys(self) -> list[SigningKey]:
        """Return the keys in order of use; the folder is listed every time, a file is read once."""
        here = {}
        for file in self.folder.glob("*.json"):
            with suppress(FileNotFoundError):  # withdrawn this instant
                here[file.name] = self._read.get(file.name) or _load(json.loads(file.read_text()))
        self._read = here
        return sorted(here.values(), key=lambda key: key.signs_from)

    def _write(self, signs_from: float) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        key = SigningKey(_thumbprint(private), signs_from, private)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        text = json.dumps({"kid": key.kid, "signs_from": signs_from, "private_key": pem})
        write_private(self.folder / f"{key.kid}.json", text.encode())
        return key

    @contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self.folder.parent)
        private_folder(self.folder)
        with (self.folder.parent / "keys.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def mint(
    key: SigningKey,
    *,
    issuer: str,
    audience: str,
    client: str,
    scopes: Sequence[str],
    sites: Sequence[UUID] | None = None,
    lifetime: int = LIFETIME,
) -> str:
    """Return a signed access token (RFC 9068); `sites` None means all sites."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": client,
        "client_id": client,
        "aud": audience,
        "iat": now,
        "exp": now + lifetime,
        "jti": str(uuid4()),
        "scope": " ".join(scopes),
    }
    if sites is not None:
        claims["sites"] = [str(site) for site in sites]
    return jwt.encode(claims, key.private, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": key.kid})


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner enters."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner reads; readers see all of it or nothing."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


def _load(stored: dict[str, Any]) -> SigningKey:
    private = load_pem_private_key(stored["private_key"].encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("the issuer signs with Ed25519 keys only")
    return SigningKey(stored["kid"], stored["signs_from"], private)


def _signing(keys: Sequence[SigningKey], now: float | None) -> int:
    """Return the index of the latest key whose time has come."""
    moment = time.time() if now is None else now
    return max((index for index, key in enumerate(keys) if key.signs_from <= moment), default=0)


def _public_part(private: Ed25519PrivateKey) -> dict[str, str]:
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": urlsafe_b64encode(raw).rstrip(b"=").decode()}


def _thumbprint(private: Ed25519PrivateKey) -> str:
    """Name a key by its RFC 7638 thumbprint."""
    canonical = json.dumps(_public_part(private), separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def record_issuer(home: Path, issuer: str) -> None:
    """Note the address this machine's issuer goes by, for tokens that a developer makes without it."""
    private_folder(home / "issuer")
    write_private(home / "issuer" / "address", issuer.encode())


def recorded_issuer(home: Path) -> str | None:
    """Return the address this machine's issuer last went by."""
    file = home / "issuer" / "address"
    return file.read_text() if file.exists() else None
