"""Keys made for one installation, never shipped: they sign quotes, artifacts, labels and, in development, tokens.

| folder | holds |
|---|---|
| `quotes/` | private keys that lock quotes; each signs from the moment in its name |
| `trainer/`, `publisher/` | the private key that signs artifacts, and the one that signs labels |
| `trusted/` | the public halves of those two: whose signatures count |
| `pseudonym/` | the key that turns rider ids into the pseudonyms of the log |
| `session/` | the key that seals the sessions of people in a browser |
| `jwt/`, `jwks/`, `tokens/` | development only: the key that signs tokens, the set that verifies them, a token of a service |

Private files are readable by their owner alone.
"""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Mapping
from typing import Literal, get_args

from local.layout import Layout
from local.private import write_private
from wayfare.adapters.ed25519_signing import Signer, generate_key, key_file, trust
from wayfare.adapters.jwks_keys import DEVELOPMENT_KID
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.adapters.jwt_quotes import quote_kid
from wayfare.domain.callers import Role
from wayfare.domain.errors import InvalidInput, SettingsInvalid

Purpose = Literal["trainer", "publisher"]
SERVICE_TOKEN_SECONDS = 30 * 86_400
SECRET_BYTES = 32


def refuse_in_production(environment: Mapping[str, str] = os.environ) -> None:
    """SettingsInvalid when WAYFARE_ENV is production."""
    if environment.get("WAYFARE_ENV") == "production":
        raise SettingsInvalid("development keys and tokens are refused in production, got WAYFARE_ENV='production'")


def make(folder: pathlib.Path, now_ms: int) -> None:
    """Make the keys that are missing, and trust the public halves of those that sign artifacts and labels."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not list((folder / "quotes").glob("*.pem")):
        make_quote_key(folder / "quotes", now_ms)
    for purpose in get_args(Purpose):
        mine = folder / purpose
        signer = Signer(key_file(mine)) if list(mine.glob("*.pem")) else make_signing_key(mine, purpose)
        trust(signer, folder / "trusted")
    for name in ("pseudonym", "session"):
        secret = folder / name / f"{name}.key"
        if not secret.exists():
            secret.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(secret, secrets.token_hex(SECRET_BYTES))


def make_quote_key(folder: pathlib.Path, signs_from_ms: int) -> Signer:
    """A new key of quotes that signs from a moment on; InvalidInput when there is one of the same second."""
    return _make(folder / f"{quote_kid(signs_from_ms)}.pem")


def make_signing_key(folder: pathlib.Path, purpose: Purpose) -> Signer:
    """A new key that signs artifacts (trainer) or labels (publisher); its id begins with the purpose."""
    return _make(folder / f"{purpose}-{secrets.token_hex(6)}.pem")


def _make(path: pathlib.Path) -> Signer:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return generate_key(path)
    except FileExistsError as error:
        raise InvalidInput(f"a key is never written over, got {path}") from error


def make_development(folder: pathlib.Path) -> None:
    """The key that signs development tokens, its public set, and a fresh token of a service for those who act as apps."""
    refuse_in_production()
    make_development_key(_token_key(folder), folder / "jwks" / "jwks.json")
    signed = development_token(_token_key(folder), "city-simulator", "service", life_seconds=SERVICE_TOKEN_SECONDS)
    (folder / "tokens").mkdir(mode=0o700, exist_ok=True)
    write_private(folder / "tokens" / "service.token", signed)


def _token_key(folder: pathlib.Path) -> pathlib.Path:
    return folder / "jwt" / f"{DEVELOPMENT_KID}.pem"


def token(layout: Layout, role: Role, subject: str, *, city: str | None = None, hours: float = 12.0) -> str:
    """A Bearer token that this installation's services accept; SettingsInvalid in production or before a first `up`."""
    refuse_in_production()
    key = _token_key(layout.keys)
    if not key.exists():
        raise SettingsInvalid(f"there are no keys yet: run `wayfare up` first, got {layout.state}")
    return development_token(key, subject, role, city=city, life_seconds=round(hours * 3600))
