"""Keys made for one installation, never shipped: they sign development tokens, quotes, artifacts and labels.

`keys/jwt/<kid>.pem` signs tokens and `keys/jwks.json` verifies them; `keys/quotes/<kid>.pem` locks quotes;
`keys/trainer/<kid>.pem` and `keys/publisher/<kid>.pem` sign artifacts and labels, with their public halves in
`keys/trusted/`. Private files are readable by their owner alone. All of it is refused in production.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from local.layout import Layout
from local.supervise import write_private

ISSUER = "wayfare-development"
AUDIENCE = "wayfare"
ROLES = ("rider", "driver", "service", "operator")
SERVICE_TOKEN_HOURS = 30 * 24


class KeysRefused(Exception):
    """Development keys were asked for where they must not be."""


def refuse_in_production(environment: Mapping[str, str] = os.environ) -> None:
    """KeysRefused when WAYFARE_ENV is production."""
    if environment.get("WAYFARE_ENV") == "production":
        raise KeysRefused("development keys and tokens are refused in production, got WAYFARE_ENV='production'")


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _new_key(folder: pathlib.Path, purpose: str) -> pathlib.Path:
    """The only key of a purpose, made unless it is there; its file is named after its id."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = sorted(folder.glob("*.pem"))
    if found:
        return found[-1]
    key = Ed25519PrivateKey.generate()
    path = folder / f"{purpose}-{hashlib.sha256(_public_bytes(key)).hexdigest()[:12]}.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, pem.decode())
    return path


def _load(path: pathlib.Path) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"this file holds no Ed25519 private key, got {path}")
    return key


def make(layout: Layout) -> None:
    """Make the keys that are missing, the key set that verifies tokens, and a fresh token for the simulator."""
    refuse_in_production()
    signing = _new_key(layout.keys / "jwt", "jwt")
    key_set = {"keys": [public_jwk(_load(signing), signing.stem)]}
    write_private(layout.keys / "jwks.json", json.dumps(key_set, indent=1))
    _new_key(layout.keys / "quotes", "quote")
    trusted = layout.keys / "trusted"
    trusted.mkdir(mode=0o700, exist_ok=True)
    for purpose in ("trainer", "publisher"):
        private = _new_key(layout.keys / purpose, purpose)
        public = (
            _load(private)
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        write_private(trusted / private.name, public.decode())
    write_private(
        layout.keys / "simulator.token", token(layout, "service", "city-simulator", hours=SERVICE_TOKEN_HOURS)
    )


def public_jwk(key: Ed25519PrivateKey, kid: str) -> dict[str, str]:
    """The public half as a JSON Web Key (RFC 8037)."""
    x = base64.urlsafe_b64encode(_public_bytes(key)).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


def token(
    layout: Layout,
    role: str,
    subject: str,
    *,
    city: str | None = None,
    hours: float = 12.0,
    now: dt.datetime | None = None,
) -> str:
    """A Bearer token of this installation's development key; KeysRefused in production."""
    refuse_in_production()
    signing = _new_key(layout.keys / "jwt", "jwt")
    issued = now or dt.datetime.now(dt.UTC)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": subject,
        "role": role,
        "iat": issued,
        "exp": issued + dt.timedelta(hours=hours),
    }
    if city is not None:
        claims["city"] = city
    return jwt.encode(claims, _load(signing), algorithm="EdDSA", headers={"kid": signing.stem})
