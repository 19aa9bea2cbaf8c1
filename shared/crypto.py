"""Identifiers at rest: one key per person, wrapped by a key outside the database; blind indexes; pseudonyms."""

import json
from base64 import b64decode
from dataclasses import dataclass, field
from functools import cache
from hmac import digest
from os import urandom
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.settings import settings

NONCE_BYTES = 12
KEY_BYTES = 32


class KeyFileMissing(RuntimeError):
    """ROUNDTABLE_KEY_FILE does not name a readable key file."""


@dataclass(frozen=True)
class Keyring:
    """The keys that only `referrals` holds: key-encryption keys by version, and those of indexes and pseudonyms."""

    wrapping: dict[str, bytes] = field(repr=False)
    current: str
    blind_index: bytes = field(repr=False)
    pseudonym: bytes = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Read a key file; raises `KeyFileMissing`, ValueError when its keys cannot be used."""
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError as problem:
            raise KeyFileMissing(str(path)) from problem
        wrapping = {version: b64decode(key) for version, key in content["kek"].items()}
        blind_index, pseudonym = b64decode(content["blind_index"]), b64decode(content["pseudonym"])
        if any(len(key) != KEY_BYTES for key in (*wrapping.values(), blind_index, pseudonym)):
            raise ValueError("every key must be 32 bytes")
        if content["current"] not in wrapping:
            raise ValueError("the current key is not among the key-encryption keys")
        if len({*wrapping.values(), blind_index, pseudonym}) < len(wrapping) + 2:
            raise ValueError("every key must differ from the others")
        return cls(wrapping, content["current"], blind_index, pseudonym)

    def new_person(self, person_id: UUID) -> tuple["PersonKey", str, bytes]:
        """Return a person's new key, the version of the key that wraps it, and it wrapped."""
        key = urandom(KEY_BYTES)
        nonce = urandom(NONCE_BYTES)
        wrapped = nonce + AESGCM(self.wrapping[self.current]).encrypt(
            nonce, key, _bound("key", person_id, self.current)
        )
        return PersonKey(person_id, key), self.current, wrapped

    def open_person(self, person_id: UUID, version: str, wrapped: bytes) -> "PersonKey":
        """Return a person's key; raises `cryptography.exceptions.InvalidTag` when it was tampered with or moved."""
        plain = AESGCM(self.wrapping[version]).decrypt(
            wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound("key", person_id, version)
        )
        return PersonKey(person_id, plain)

    def seal(self, purpose: str, id: UUID, text: str) -> bytes:  # noqa: A002 - what it is bound to
        """Return a secret that belongs to no person encrypted, readable again for the same purpose and row only."""
        nonce, version = urandom(NONCE_BYTES), self.current.encode()
        sealed = AESGCM(self.wrapping[self.current]).encrypt(nonce, text.encode(), _secret(purpose, id, self.current))
        return bytes([len(version)]) + version + nonce + sealed

    def open(self, purpose: str, id: UUID, sealed: bytes) -> str:  # noqa: A002 - as for `seal`
        """Return a sealed secret; raises `cryptography.exceptions.InvalidTag` when it was tampered with or moved."""
        start = 1 + sealed[0]
        version, nonce = sealed[1:start].decode(), sealed[start : start + NONCE_BYTES]
        return (
            AESGCM(self.wrapping[version])
            .decrypt(nonce, sealed[start + NONCE_BYTES :], _secret(purpose, id, version))
            .decode()
        )

    def index(self, field: str, value: str) -> bytes:
        """Return what finds an exact value without revealing it: a keyed hash of the normalised value."""
        return digest(self.blind_index, f"{field}\x1f{value}".encode(), "sha256")

    def person_key(self, person_id: UUID) -> str:
        """Return the pseudonym by which reporting knows a person: 32 hexadecimal digits."""
        return digest(self.pseudonym, person_id.bytes, "sha256").hex()[:32]


class PersonKey:
    """Encrypts and decrypts the fields of one person; destroying the wrapped key makes them unreadable for ever."""

    def __init__(self, person_id: UUID, key: bytes) -> None:
        self._person = str(person_id)
        self._cipher = AESGCM(key)

    def seal(self, field: str, value: str) -> bytes:
        """Return a field encrypted: nonce, then AES-256-GCM ciphertext bound to the field and the person."""
        nonce = urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.encode(), _bound(field, self._person, ""))

    def open(self, field: str, sealed: bytes) -> str:
        """Return a field's text; raises `cryptography.exceptions.InvalidTag` when it was tampered with or moved."""
        bound = _bound(field, self._person, "")
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound).decode()


def _bound(field: str, person: UUID | str, version: str) -> bytes:
    """Return what a ciphertext is bound to, so that it cannot be moved to another row or column."""
    return f"people|{field}|{person}|{version}".encode()


def _secret(purpose: str, row: UUID, version: str) -> bytes:
    """Return what a secret that belongs to no person is bound to; no purpose reads as a person's field."""
    return f"secret|{purpose}|{row}|{version}".encode()


@cache
def keyring() -> Keyring:
    """Return this process's keys, read once; raises `KeyFileMissing`."""
    path = settings().key_file
    if path is None:
        raise KeyFileMissing("ROUNDTABLE_KEY_FILE is not set")
    return Keyring.load(path)
