"""Makes tokens, true and false, with real keys."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "roundtable"

PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


def rsa(bits: int = 2048) -> RSAPrivateKey:
    return generate_rsa(public_exponent=65537, key_size=bits)


def ec() -> EllipticCurvePrivateKey:
    return generate_ec(SECP256R1())


def jwk(key: PrivateKey, kid: str, **more: str) -> dict[str, Any]:
    """Return the public half of a key as a JWK."""
    if isinstance(key, Ed25519PrivateKey):
        made = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, EllipticCurvePrivateKey):
        made = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        made = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": kid, "use": "sig", **more}


def private_jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, Any]:
    """Return a whole key as a JWK, as somebody publishes by mistake."""
    return {**OKPAlgorithm.to_jwk(key, as_dict=True), "kid": kid}


def part(value: object) -> str:
    """Return one part of a JWT."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """One key, and every token it can sign."""

    def __init__(self, key: PrivateKey | None = None, kid: str = "current", algorithm: str = "EdDSA") -> None:
        self.key = key or Ed25519PrivateKey.generate()
        self.kid = kid
        self.algorithm = algorithm

    def jwks(self) -> dict[str, Any]:
        """Return what its key server publishes."""
        return {"keys": [jwk(self.key, self.kid)]}

    def public_pem(self) -> bytes:
        """Return the public key as many keep it in a file."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **changes: object) -> dict[str, Any]:
        """Return good claims with some changed; None takes a claim away."""
        now = int(time.time())
        good: dict[str, Any] = {
            "iss": ISSUER,
            "sub": "iaptus",
            "client_id": "iaptus",
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid4()),
            "scope": "referrals:read referrals:write",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, header: Mapping[str, object] | None = None, **changes: object) -> str:
        """Return a signed token; `header` changes its header, the rest its claims."""
        head = {"typ": "at+jwt", "kid": self.kid, **(header or {})}
        kept = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(self.claims(**changes), self.key, algorithm=self.algorithm, headers=kept)

    def signed(self, header: Mapping[str, object], **changes: object) -> str:
        """Return a truly signed token with a header that no library would write."""
        head = {"alg": self.algorithm, "typ": "at+jwt", "kid": self.kid, **header}
        signing = f"{part(head)}.{part(self.claims(**changes))}"
        signer = jwt.get_algorithm_by_name(self.algorithm)
        return f"{signing}.{part(signer.sign(signing.encode(), self.key))}"

    def unsigned(self, header: Mapping[str, object], signature: bytes = b"", **changes: object) -> str:
        """Return a token that no library would make."""
        head = {"typ": "at+jwt", "kid": self.kid, **header}
        return ".".join((part(head), part(self.claims(**changes)), part(signature)))
