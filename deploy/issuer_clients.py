"""The issuer's memory: which clients there are, what they may ask for, and which assertions were used."""

import hashlib
import hmac
import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt

from deploy.issuer_keys import private_folder, write_private

PREFIX = "rts_"  # so that a leaked secret is recognised by scanners
BOTH_SECRETS_FOR = 24 * 3600  # seconds the old secret works beside the new one
ASSERTION_ALGORITHMS = {"RSA": ("RS512", "RS384"), "OKP": ("EdDSA",), "EC": ("ES256",)}

CLIENTS = "SELECT id, name, scopes, sites, jwks, secret IS NOT NULL, enabled FROM clients"
VERSION = 1
SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS clients (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, sites TEXT, jwks TEXT,
    secret TEXT, old_secret TEXT, old_secret_until REAL, enabled INTEGER NOT NULL DEFAULT 1, created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS assertions (
    client_id TEXT NOT NULL, jti TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (client_id, jti)
) STRICT;
CREATE INDEX IF NOT EXISTS assertions_until ON assertions (until);
PRAGMA user_version = {VERSION};
COMMIT;
"""


class ClientRefused(ValueError):
    """The client cannot be registered or changed as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered system: what it may ask for, and how it proves itself."""

    id: str
    name: str
    scopes: tuple[str, ...]
    sites: tuple[UUID, ...] | None
    keys: dict[str, jwt.PyJWK]
    enabled: bool
    uses_secret: bool


class Clients:
    """Registered clients and used assertions, in one SQLite file; what is answered has reached the disk."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "issuer"
        self._pepper: bytes | None = None

    def add(
        self, name: str, scopes: Sequence[str], sites: Sequence[UUID] | None = None, jwks: object = None
    ) -> tuple[str, str | None]:
        """Register a client and return its id; without keys of its own it gets a secret, returned this once."""
        client_id = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
        if not client_id:
            raise ClientRefused("The name needs a letter or a digit.")
        secret = None if jwks is not None else _new_secret()
        row = (
            client_id,
            name,
            " ".join(scopes),
            None if sites is None else " ".join(map(str, sites)),
            None if jwks is None else json.dumps(checked_jwks(jwks)),
            self._hashed(secret) if secret else None,
            time.time(),
        )
        with self._database() as database:
            added = database.execute(
                "INSERT INTO clients (id, name, scopes, sites, jwks, secret, created_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                row,
            ).rowcount
        if not added:
            raise ClientRefused(f"There is a client {client_id!r} already.")
        return client_id, secret

    def find(self, client_id: str) -> Client | None:
        """Return the client of that id."""
        with self._database() as database:
            row = database.execute(f"{CLIENTS} WHERE id = ?", (client_id,)).fetchone()
        return _client(row) if row else None

    def all(self) -> list[Client]:
        """Return every client, by id."""
        with self._database() as database:
            return [_client(row) for row in database.execute(f"{CLIENTS} ORDER BY id")]

    def enable(self, client_id: str, *, enabled: bool) -> None:
        """Let the client in again, or no longer: its next token request is the first to notice."""
        with self._database() as database:
            changed = database.execute("UPDATE clients SET enabled = ? WHERE id = ?", (enabled, client_id)).rowcount
        if not changed:
            raise ClientRefused(f"There is no client {client_id!r}.")

    def rotate_secret(self, client_id: str, keep: float = BOTH_SECRETS_FOR) -> str:
        """Return a new secret; the old one works for `keep` more seconds."""
        secret = _new_secret()
        with self._database() as database:
            changed = database.execute(
                "UPDATE clients SET old_secret = secret, old_secret_until = ?, secret = ? "
                "WHERE id = ? AND jwks IS NULL",
                (time.time() + keep, self._hashed(secret), client_id),
            ).rowcount
        if not changed:
            raise ClientRefused(f"There is no client {client_id!r} that uses a secret.")
        return secret

    def knows_secret(self, client_id: str, secret: str) -> bool:
        """Tell whether this is the client's secret, in the same time whoever asks."""
        with self._database() as database:
            row = database.execute(
                "SELECT secret, CASE WHEN old_secret_until > ? THEN old_secret END FROM clients WHERE id = ?",
                (time.time(), client_id),
            ).fetchone()
        offered = self._hashed(secret)
        new, old = row or (None, None)
        return hmac.compare_digest(offered, new or "") | hmac.compare_digest(offered, old or "")

    def use_assertion(self, client_id: str, jti: str, until: float) -> bool:
        """Record an assertion as used; False when it was used before, also before a restart."""
        with self._database() as database:
            database.execute("DELETE FROM assertions WHERE until < ?", (time.time(),))
            fresh = database.execute(
                "INSERT INTO assertions VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (client_id, jti, until)
            )
            return fresh.rowcount == 1

    def ready(self) -> bool:
        """Tell whether the file can be opened and read."""
        with self._database() as database:
            return database.execute("SELECT count(*) FROM clients").fetchone() is not None

    def _hashed(self, secret: str) -> str:
        """Return a secret's keyed hash: the file alone opens nothing, and random secrets need no slow hash."""
        if self._pepper is None:
            file = self.folder / "pepper"
            if not file.exists():
                private_folder(self.folder)
                draft = self.folder / f".pepper.{secrets.token_hex(4)}"
                write_private(draft, secrets.token_bytes(32))
                with suppress(FileExistsError):  # another process was first: its pepper counts
                    os.link(draft, file)
                draft.unlink()
            self._pepper = file.read_bytes()
        return hmac.new(self._pepper, secret.encode(), hashlib.sha256).hexdigest()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction; the file is made when missing, for its owner only."""
        file = self.folder / "issuer.db"
        if not file.exists():
            private_folder(self.folder)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(file, timeout=10)) as database:
            database.execute("PRAGMA synchronous = FULL")
            if database.execute("PRAGMA user_version").fetchone()[0] < VERSION:
                database.executescript(SCHEMA)
            with database:
                yield database


def checked_jwks(document: object) -> dict[str, Any]:
    """Return a client's public keys as a JWKS, or say what is wrong with them."""
    listed = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(listed, list) or not listed:
        raise ClientRefused("This is not a JSON Web Key Set.")
    public_keys(listed)
    return {"keys": listed}


def public_keys(listed: Iterable[object]) -> dict[str, jwt.PyJWK]:
    """Return keys by `kid`; every one must be public, named, and fit for an accepted algorithm."""
    found: dict[str, jwt.PyJWK] = {}
    for each in listed:
        if not isinstance(each, dict) or not isinstance(kid := each.get("kid"), str) or kid in found:
            raise ClientRefused("Every key needs its own kid.")
        if "d" in each or "k" in each:
            raise ClientRefused(f"Key {kid!r} is not public: register the public half, and replace this key.")
        algorithms = ASSERTION_ALGORITHMS.get(str(each.get("kty")), ())
        if not algorithms or each.get("alg", algorithms[0]) not in algorithms:
            raise ClientRefused(f"Key {kid!r} is not for one of the algorithms EdDSA, ES256, RS384 and RS512.")
        try:
            key = jwt.PyJWK(each, algorithm=each.get("alg", algorithms[0]))
            key.Algorithm.prepare_key(key.key)
        except (jwt.PyJWTError, TypeError, ValueError):
            raise ClientRefused(f"Key {kid!r} cannot be read.") from None
        if key.Algorithm.check_key_length(key.key) is not None:
            raise ClientRefused(f"Key {kid!r} is too short.")
        found[kid] = key
    return found


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _client(row: tuple[Any, ...]) -> Client:
    client_id, name, scopes, sites, jwks, uses_secret, enabled = row
    return Client(
        id=client_id,
        name=name,
        scopes=tuple(scopes.split()),
        sites=None if sites is None else tuple(map(UUID, sites.split())),
        keys=public_keys(json.loads(jwks)["keys"]) if jwks else {},
        enabled=bool(enabled),
        uses_secret=bool(uses_secret),
    )
