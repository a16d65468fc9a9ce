"""The development key: made per installation, never shipped, refused by `KeySet` in production; and tokens signed by it."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wayfare.adapters.jwks_keys import DEVELOPMENT_KID
from wayfare.adapters.jwt_tokens import AUDIENCE
from wayfare.domain.callers import ROLES, Role
from wayfare.domain.errors import InvalidInput
from wayfare.domain.ids import is_id

ISSUER = "wayfare-development"


def make_development_key(private_file: pathlib.Path, jwks_file: pathlib.Path) -> None:
    """Make the key and its public key set unless both are there; the private half is readable by its owner only."""
    if private_file.exists() and jwks_file.exists():
        return
    private = Ed25519PrivateKey.generate()
    private_file.parent.mkdir(parents=True, exist_ok=True)
    private_file.unlink(missing_ok=True)
    with os.fdopen(os.open(private_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    public = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": DEVELOPMENT_KID,
        "x": base64.urlsafe_b64encode(public).rstrip(b"=").decode(),
    }
    jwks_file.parent.mkdir(parents=True, exist_ok=True)
    draft = jwks_file.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps({"keys": [key]}, indent=1))
    draft.replace(jwks_file)


def development_token(
    private_file: pathlib.Path,
    subject: str,
    role: Role,
    *,
    city: str | None = None,
    life_seconds: int = 12 * 3600,
    now: float | None = None,
) -> str:
    """A Bearer token of this installation; `now` is wall seconds since the epoch."""
    if not is_id(subject):
        raise InvalidInput(f"a token's subject is an id, got {subject!r}")
    if role not in ROLES:
        raise InvalidInput(f"a token's role is one of {sorted(ROLES)}, got {role!r}")
    issued = int(time.time() if now is None else now)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "role": role, "iat": issued, "exp": issued + life_seconds}
    if city is not None:
        claims["city"] = city
    return jwt.encode(claims, private_file.read_bytes(), algorithm="EdDSA", headers={"kid": DEVELOPMENT_KID})
